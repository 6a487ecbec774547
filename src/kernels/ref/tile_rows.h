// SPDX-License-Identifier: Apache-2.0
// What the float tiles in portable C share, whatever they multiply: where sums begin, how they end,
// and the tiles below.
#ifndef MOPT_KERNELS_REF_TILE_ROWS_H
#define MOPT_KERNELS_REF_TILE_ROWS_H

#include "kernels/table.h"

enum { TILE_ROWS = 4, TILE_COLS = 8 }; // as in kernels.def

// Adds the products of row i of the tile to acc[TILE_COLS].
typedef void tile_add(const struct mopt_tile_f32 *tile, int i, float *acc);

static inline float tile_clamp(float x, float low, float high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

static inline void tile_row(const struct mopt_tile_f32 *t, int i, tile_add *add)
{
    float *c = t->c + (size_t)i * t->ldc;
    float acc[TILE_COLS] = {0};
    for (int j = 0; j < t->cols; j++) {
        acc[j] = t->accumulate ? c[j] : 0;
    }
    add(t, i, acc);
    for (int j = 0; j < t->cols; j++) {
        float x = t->bias ? acc[j] + t->bias[j] : acc[j];
        if (t->residual) {
            x += t->residual[(size_t)i * t->residual_ld + (size_t)j];
        }
        c[j] = tile_clamp(x, t->low, t->high);
    }
}

// The tile and those below it.
static inline void tile_run(const struct mopt_tile_f32 *stack, tile_add *add)
{
    struct mopt_tile_f32 tile = *stack;
    for (int left = stack->more; left >= 0; left--) {
        for (int i = 0; i < tile.rows; i++) {
            tile_row(&tile, i, add);
        }
        mopt__tile_f32_below(&tile, 1);
    }
}

#endif
