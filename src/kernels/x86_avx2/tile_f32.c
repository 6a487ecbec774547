// SPDX-License-Identifier: Apache-2.0
// Float tile of AVX2: 6 rows of 16 columns, 12 of 16 registers hold sums.
#define TILE_ROWS 6
#define TILE_VECTORS 2
#define TILE_EACH_ROWS(M, v) M(1, v) M(2, v) M(3, v) M(4, v) M(5, v) M(6, v)
#include "kernels/template/tile_f32.h"
#include "kernels/slots.h"

TILE_EACH_ROWS(TILE_FUNCTION, 1)
TILE_EACH_ROWS(TILE_FUNCTION, 2)

void mopt__tile_f32_avx2(const struct mopt_tile_f32 *tile)
{
    static mopt_slot_tile_f32 *const kernels[TILE_VECTORS][TILE_ROWS] = {
        {TILE_EACH_ROWS(TILE_ENTRY, 1)},
        {TILE_EACH_ROWS(TILE_ENTRY, 2)},
    };
    kernels[tile->cols > VF_LANES][tile->rows - 1](tile);
}

void mopt__row_f32_avx2(const struct mopt_tile_f32 *row, size_t cols)
{
    row_panels(row, MOPT_WEIGHTS_F32, cols);
}
