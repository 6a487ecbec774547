// SPDX-License-Identifier: Apache-2.0
// Products of pairs of bfloat16 in portable C: each becomes two floats, then as the float tile.
#include <string.h>

#include "kernels/slots.h"

enum { ROWS = 4, COLS = 8 }; // as in kernels.def

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

static void add_products(const struct mopt_tile_f32 *t, int i, float acc[COLS])
{
    const float *b = t->b;
    for (size_t tap = 0; tap < t->taps; tap++) {
        const float *a = t->a[tap * ROWS + (size_t)i] + t->offset;
        for (size_t p = 0; p < t->k; p++, b += COLS) {
            for (int j = 0; j < COLS; j++) {
                acc[j] = add_pair(acc[j], a + p, b + j);
            }
        }
    }
}

static void tile_one(const struct mopt_tile_f32 *t)
{
    for (int i = 0; i < t->rows; i++) {
        float *c = t->c + (size_t)i * t->ldc;
        float acc[COLS] = {0};
        for (int j = 0; j < t->cols; j++) {
            acc[j] = t->accumulate ? c[j] : (t->bias ? t->bias[j] : 0);
        }
        add_products(t, i, acc);
        for (int j = 0; j < t->cols; j++) {
            float x = acc[j];
            if (t->residual) {
                x += t->residual[(size_t)i * t->residual_ld + (size_t)j];
            }
            x = x < t->low ? t->low : x;
            c[j] = x > t->high ? t->high : x;
        }
    }
}

void mopt__tile_pairs_ref(const struct mopt_tile_f32 *tile)
{
    struct mopt_tile_f32 one = *tile;
    for (int i = 0; i <= tile->more; i++) {
        tile_one(&one);
        mopt__tile_f32_below(&one, 1);
    }
}
