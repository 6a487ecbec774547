// SPDX-License-Identifier: Apache-2.0
// The byte tile with AVX-512 without VNNI: one loop per number of rows.
#include "kernels/x86_avx512/tile_u8.h"
#include "kernels/slots.h"

void mopt__tile_u8_avx512(const struct mopt_tile_u8 *work)
{
    switch (work->rows) {
        TILE_CASE(1)
        TILE_CASE(2)
        TILE_CASE(3)
        TILE_CASE(4)
        TILE_CASE(5)
        TILE_CASE(6)
        TILE_CASE(7)
        TILE_CASE(8)
        TILE_CASE(9)
        TILE_CASE(10)
    default:
        break;
    }
}
