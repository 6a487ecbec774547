// SPDX-License-Identifier: Apache-2.0
// Products of pairs of bfloat16 in portable C: each becomes two floats, then as the float tile.
#include <string.h>

#include "kernels/ref/tile_rows.h"
#include "kernels/slots.h"

static float half_of(const float *pair, int half)
{
    uint16_t bits[2];
    float x;
    memcpy(bits, pair, sizeof bits);
    mopt__bfloat_to_f32_ref(&bits[half], &x, 1);
    return x;
}

// The odd numbers first.
static float add_pair(float sum, const float *a, const float *b)
{
    sum += half_of(a, 1) * half_of(b, 1);
    return sum + half_of(a, 0) * half_of(b, 0);
}

static void add_products(const struct mopt_tile_f32 *t, int i, float *acc)
{
    const float *b = t->b;
    for (size_t tap = 0; tap < t->taps; tap++) {
        const float *a = t->a[tap * TILE_ROWS + (size_t)i] + t->offset;
        for (size_t p = 0; p < t->k; p++, b += TILE_COLS) {
            for (int j = 0; j < TILE_COLS; j++) {
                acc[j] = add_pair(acc[j], a + p, b + j);
            }
        }
    }
}

void mopt__tile_pairs_ref(const struct mopt_tile_f32 *tile)
{
    tile_run(tile, add_products);
}
