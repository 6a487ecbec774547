// SPDX-License-Identifier: Apache-2.0
// Weights of few bits as floats, in panels of the float tile of this level.
#define TILE_ROWS 1
#define TILE_VECTORS 2
#define TILE_EACH_ROWS(M, v) M(1, v)
#include "kernels/template/coded.h"
#include "kernels/slots.h"

void mopt__expand_coded_avx512(const struct mopt_coded *coded, const void *panel, size_t from,
                               size_t rows, float *y)
{
    expand_coded(coded, panel, from, rows, y);
}

void mopt__row_coded_avx512(const struct mopt_tile_f32 *row, const struct mopt_coded *coded,
                            const void *panels, size_t cols)
{
    row_coded(row, coded, panels, cols);
}
