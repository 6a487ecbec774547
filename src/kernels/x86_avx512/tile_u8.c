// SPDX-License-Identifier: Apache-2.0
// The byte tile with AVX-512 without VNNI: 8 rows of 32 columns.
#include "kernels/x86_avx512/tile_u8.h"
#include "kernels/slots.h"

#define EACH_ROWS(M, v) M(1, v) M(2, v) M(3, v) M(4, v) M(5, v) M(6, v) M(7, v) M(8, v)

EACH_ROWS(TILE_FUNCTION, 1)
EACH_ROWS(TILE_FUNCTION, 2)

void mopt__tile_u8_avx512(const struct mopt_tile_u8 *work)
{
    static tile_function *const parts[TILE_VECTORS][TILE_ROWS] = {
        {EACH_ROWS(TILE_ENTRY, 1)},
        {EACH_ROWS(TILE_ENTRY, 2)},
    };
    tile_all(parts[work->cols > 16][work->rows - 1], work, 0, work->rows);
}
