// SPDX-License-Identifier: Apache-2.0
// Weights of few bits in portable C: expanded row by row, then as the float tile does it.
#include <math.h>
#include <string.h>

#include "kernels/slots.h"

enum { COLS = 8, DEEP = 64 }; // of kernels.def; rows that are expanded at once

void mopt__expand_coded_ref(const struct mopt_coded *coded, const void *panel, size_t from,
                            size_t rows, float *y)
{
    const size_t each = 32 / (size_t)coded->bits;
    const uint32_t mask = (1U << coded->bits) - 1;
    for (size_t r = from; r < from + rows; r++, y += COLS) {
        const char *block =
            (const char *)panel + r / coded->block * mopt__coded_block_bytes(coded, COLS);
        size_t at = r % coded->block;
        const float *scale = (const float *)(const void *)block;
        const float *zero = scale + COLS;
        const uint32_t *words =
            (const uint32_t *)(const void *)(zero + (coded->zeros ? COLS : 0)) + at / each * COLS;
        for (size_t j = 0; j < COLS; j++) {
            uint32_t code = words[j] >> at % each * (size_t)coded->bits & mask;
            float difference = (float)code - (coded->zeros ? zero[j] : coded->zero);
            y[j] = difference * scale[j];
        }
    }
}

// One panel. Between the parts of the sum it waits in c; the clamp comes with the last one.
static void row_of_panel(const struct mopt_tile_f32 *row, const struct mopt_coded *coded,
                         const void *panel)
{
    float wide[DEEP * COLS];
    float residual[COLS];
    struct mopt_tile_f32 part = *row;
    const float *a = row->a[0];
    if (row->residual) {
        memcpy(residual, row->residual, (size_t)row->cols * sizeof *residual);
    }
    part.a = &a;
    part.b = wide;
    for (size_t at = 0; at < row->k; at += DEEP, a += DEEP) {
        bool last = row->k - at <= DEEP;
        part.k = last ? row->k - at : DEEP;
        part.bias = last ? row->bias : NULL;
        part.residual = last && row->residual ? residual : NULL;
        part.low = last ? row->low : -INFINITY;
        part.high = last ? row->high : INFINITY;
        mopt__expand_coded_ref(coded, panel, at, part.k, wide);
        mopt__tile_f32_ref(&part);
        part.accumulate = true;
    }
}

void mopt__row_coded_ref(const struct mopt_tile_f32 *row, const struct mopt_coded *coded,
                         const void *panels, size_t cols)
{
    struct mopt_tile_f32 tile = *row;
    tile.rows = 1;
    tile.more = 0;
    for (size_t j = 0; j < cols; j += COLS) {
        tile.cols = cols - j < COLS ? (int)(cols - j) : COLS;
        tile.c = row->c + j;
        tile.bias = row->bias ? row->bias + j : NULL;
        tile.residual = row->residual ? row->residual + j : NULL;
        row_of_panel(&tile, coded,
                     (const char *)panels +
                         j / COLS * mopt__coded_panel_bytes(coded, row->k, COLS));
    }
}
