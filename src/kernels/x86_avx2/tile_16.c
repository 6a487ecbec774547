// SPDX-License-Identifier: Apache-2.0
// The float tile of this level with weights of 16 bits.
#define TILE_ROWS 6
#define TILE_VECTORS 2
#define TILE_KEEP_FROM 3
#define TILE_EACH_KEPT(M, v) M(3, v) M(4, v) M(5, v) M(6, v)
#define TILE_EACH_ROWS(M, v) M(1, v) M(2, v) TILE_EACH_KEPT(M, v)
#include "kernels/template/tile_16.h"
#include "kernels/slots.h"

void mopt__tile_16_avx2(const struct mopt_tile_f32 *tile)
{
    tile_16(tile);
}

void mopt__row_16_avx2(const struct mopt_tile_f32 *row, size_t cols)
{
    row_16(row, cols);
}
