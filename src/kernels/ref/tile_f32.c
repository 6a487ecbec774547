// SPDX-License-Identifier: Apache-2.0
// Float tile in portable C: the measure for every faster one, and the level every machine has.
#include "kernels/slots.h"

enum { ROWS = 4, COLS = 8 }; // as in kernels.def

static float clamp(float x, float low, float high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

// One row of the tile.
static void add_products(const struct mopt_tile_f32 *t, int i, float acc[COLS])
{
    const float *b = t->b;
    for (size_t tap = 0; tap < t->taps; tap++) {
        const float *a = t->a[tap * ROWS + (size_t)i] + t->offset;
        for (size_t p = 0; p < t->k; p++, b += COLS) {
            for (int j = 0; j < COLS; j++) {
                acc[j] += a[p] * b[j];
            }
        }
    }
}

static void tile_one(const struct mopt_tile_f32 *t)
{
    float acc[ROWS][COLS] = {0};
    for (int i = 0; i < t->rows; i++) {
        for (int j = 0; j < t->cols; j++) {
            acc[i][j] =
                t->accumulate ? t->c[(size_t)i * t->ldc + (size_t)j] : (t->bias ? t->bias[j] : 0);
        }
    }
    for (int i = 0; i < t->rows; i++) {
        add_products(t, i, acc[i]);
        for (int j = 0; j < t->cols; j++) {
            float x = acc[i][j];
            if (t->residual) {
                x += t->residual[(size_t)i * t->residual_ld + (size_t)j];
            }
            t->c[(size_t)i * t->ldc + (size_t)j] = clamp(x, t->low, t->high);
        }
    }
}

void mopt__tile_f32_ref(const struct mopt_tile_f32 *tile)
{
    struct mopt_tile_f32 one = *tile;
    for (int i = 0; i <= tile->more; i++) {
        tile_one(&one);
        mopt__tile_f32_below(&one, 1);
    }
}

void mopt__row_f32_ref(const struct mopt_tile_f32 *row, size_t cols)
{
    struct mopt_tile_f32 tile = *row;
    tile.rows = 1;
    for (size_t j = 0; j < cols; j += COLS) {
        tile.cols = cols - j < COLS ? (int)(cols - j) : COLS;
        tile.b = row->b + j * row->k;
        tile.c = row->c + j;
        tile.bias = row->bias ? row->bias + j : NULL;
        tile.residual = row->residual ? row->residual + j : NULL;
        mopt__tile_f32_ref(&tile);
    }
}
