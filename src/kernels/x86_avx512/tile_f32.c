// SPDX-License-Identifier: Apache-2.0
// Float tile of AVX-512: 11 rows of 32 columns, 22 of 32 registers hold sums. A
// twelfth row would need one address register more than there are.
#define TILE_ROWS 11
#define TILE_VECTORS 2
#define TILE_EACH_ROWS(M, v) \
    M(1, v)                  \
    M(2, v) M(3, v) M(4, v) M(5, v) M(6, v) M(7, v) M(8, v) M(9, v) M(10, v) M(11, v)
#include "kernels/template/tile_f32.h"
#include "kernels/slots.h"

TILE_EACH_ROWS(TILE_FUNCTION, 1)
TILE_EACH_ROWS(TILE_FUNCTION, 2)

void mopt__tile_f32_avx512(const struct mopt_tile_f32 *tile)
{
    static mopt_slot_tile_f32 *const kernels[TILE_VECTORS][TILE_ROWS] = {
        {TILE_EACH_ROWS(TILE_ENTRY, 1)},
        {TILE_EACH_ROWS(TILE_ENTRY, 2)},
    };
    kernels[tile->cols > VF_LANES][tile->rows - 1](tile);
}

void mopt__row_f32_avx512(const struct mopt_tile_f32 *row, size_t cols)
{
    row_panels(row, MOPT_WEIGHTS_F32, cols);
}
