// SPDX-License-Identifier: Apache-2.0
// Weights of 16 bits in portable C: widened row by row, then as the float tile does it.
#include <math.h>
#include <string.h>

#include "kernels/slots.h"

enum { ROWS = 4, COLS = 8, DEEP = 64 }; // of kernels.def; rows that are widened at once

static void widen(enum mopt_weights weights, const uint16_t *b16, size_t rows, float *wide)
{
    for (; rows > 0; rows--, b16 += COLS, wide += COLS) {
        uint16_t row[COLS];
        for (size_t j = 0; j < COLS; j++) {
            row[j] = b16[mopt__weights_column(weights, COLS, j)];
        }
        if (weights == MOPT_WEIGHTS_F16) {
            mopt__half_to_f32_ref(row, wide, COLS);
        } else {
            mopt__bfloat_to_f32_ref(row, wide, COLS);
        }
    }
}

// Between the parts of the sum it waits in c; clamp and residual, which may be c, come with the
// last one.
void mopt__tile_16_ref(const struct mopt_tile_f32 *t)
{
    float wide[DEEP * COLS];
    const float *a[ROWS];
    float residual[ROWS * COLS];
    struct mopt_tile_f32 part = *t;
    for (int i = 0; t->residual && i < t->rows; i++) {
        memcpy(residual + i * COLS, t->residual + (size_t)i * t->residual_ld,
               (size_t)t->cols * sizeof *residual);
    }
    part.residual_ld = COLS;
    part.a = a;
    part.offset = 0;
    part.more = 0;
    part.b = wide;
    part.taps = 1;
    for (size_t tap = 0; tap < t->taps; tap++) {
        for (size_t at = 0; at < t->k; at += DEEP) {
            bool last = tap + 1 == t->taps && t->k - at <= DEEP;
            part.k = t->k - at < DEEP ? t->k - at : DEEP;
            part.bias = last ? t->bias : NULL;
            part.residual = last && t->residual ? residual : NULL;
            part.low = last ? t->low : -INFINITY;
            part.high = last ? t->high : INFINITY;
            for (int i = 0; i < t->rows; i++) {
                a[i] = t->a[tap * ROWS + (size_t)i] + t->offset + at;
            }
            widen(t->weights, t->b16 + (tap * t->k + at) * COLS, part.k, wide);
            mopt__tile_f32_ref(&part);
            part.accumulate = true;
            if (t->wide) {
                memcpy(t->wide + (tap * t->k + at) * COLS, wide, part.k * COLS * sizeof *wide);
            }
        }
    }
}

void mopt__row_16_ref(const struct mopt_tile_f32 *row, size_t cols)
{
    struct mopt_tile_f32 tile = *row;
    tile.rows = 1;
    for (size_t j = 0; j < cols; j += COLS) {
        tile.cols = cols - j < COLS ? (int)(cols - j) : COLS;
        tile.b16 = row->b16 + j * row->k;
        tile.c = row->c + j;
        tile.bias = row->bias ? row->bias + j : NULL;
        tile.residual = row->residual ? row->residual + j : NULL;
        mopt__tile_16_ref(&tile);
    }
}
