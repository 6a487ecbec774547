// SPDX-License-Identifier: Apache-2.0
// Float tile in portable C: the measure for every faster one, and the level every machine has.
#include "kernels/ref/tile_rows.h"
#include "kernels/slots.h"

// One row of the tile.
static void add_products(const struct mopt_tile_f32 *t, int i, float *acc)
{
    const float *b = t->b;
    for (size_t tap = 0; tap < t->taps; tap++) {
        const float *a = t->a[tap * TILE_ROWS + (size_t)i] + t->offset;
        for (size_t p = 0; p < t->k; p++, b += TILE_COLS) {
            for (int j = 0; j < TILE_COLS; j++) {
                acc[j] += a[p] * b[j];
            }
        }
    }
}

void mopt__tile_f32_ref(const struct mopt_tile_f32 *tile)
{
    tile_run(tile, add_products);
}

void mopt__row_f32_ref(const struct mopt_tile_f32 *row, size_t cols)
{
    struct mopt_tile_f32 tile = *row;
    tile.rows = 1;
    for (size_t j = 0; j < cols; j += TILE_COLS) {
        tile.cols = cols - j < TILE_COLS ? (int)(cols - j) : TILE_COLS;
        tile.b = row->b + j * row->k;
        tile.c = row->c + j;
        tile.bias = row->bias ? row->bias + j : NULL;
        tile.residual = row->residual ? row->residual + j : NULL;
        mopt__tile_f32_ref(&tile);
    }
}
