// SPDX-License-Identifier: Apache-2.0
// Block floating point in portable C: blocks of integers of 16 bits with a scale, and products of
// them. Exact sums and a fixed order of roundings: other instruction sets give the same bytes.
#include <math.h>
#include <string.h>

#include "kernels/ref/tile_rows.h"
#include "kernels/slots.h"

// NaN when there is one, or an infinity.
static float largest(const float *x, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++) {
        float size = fabsf(x[i]);
        if (!isfinite(size)) {
            return NAN;
        }
        most = size > most ? size : most;
    }
    return most;
}

// The root of the sum of squares, in the order that table.h says.
static float norm_of(const float *x, size_t n)
{
    enum { LANES = 16 };
    float sums[LANES] = {0};
    for (size_t i = 0; i < n; i++) {
        sums[i % LANES] = fmaf(x[i], x[i], sums[i % LANES]);
    }
    for (size_t half = LANES / 2; half > 0; half /= 2) {
        for (size_t i = 0; i < half; i++) {
            sums[i] += sums[i + half];
        }
    }
    return sqrtf(sums[0]);
}

static float scale_of(const float *x, size_t n, float most)
{
    const float least = 0x1p-126F; // of a scale: its inverse is finite
    if (most >= 0x1p-50F && most <= 0x1p58F) {
        float scale = norm_of(x, n) * (1.0F / MOPT_BLOCK_NORM);
        float other = most * (1.0F / MOPT_BLOCK_LARGEST);
        return scale > other ? scale : other;
    }
    float scale = most / MOPT_BLOCK_ALIKE;
    return scale < least ? least : scale;
}

static void to_block(const float *x, size_t n, size_t length, float *y)
{
    const float most = largest(x, n);
    const float scale = scale_of(x, n, most);
    const float inverse = 1 / scale;
    int16_t numbers[MOPT_BLOCK_LENGTH] = {0};
    for (size_t i = 0; i < n && !isnan(most); i++) {
        numbers[i] = (int16_t)nearbyintf(x[i] * inverse);
    }
    y[0] = isnan(most) ? most : scale;
    memcpy(y + 1, numbers, length * sizeof *numbers);
}

void mopt__f32_to_blocks_ref(const float *x, size_t n, size_t length, float *y)
{
    for (size_t i = 0; i < n; i += length, y += 1 + length / 2) {
        to_block(x + i, n - i < length ? n - i : length, length, y);
    }
}

static int32_t add_pair(int32_t sum, const float *a, const float *b)
{
    int16_t x[2];
    int16_t y[2];
    memcpy(x, a, sizeof x);
    memcpy(y, b, sizeof y);
    return sum + x[0] * y[0] + x[1] * y[1];
}

static void add_block(const struct mopt_tile_f32 *t, const float *a, const float *b, float *acc)
{
    for (int j = 0; j < TILE_COLS; j++) {
        int32_t sum = 0;
        for (size_t p = 1; p < t->block; p++) {
            sum = add_pair(sum, a + p, b + p * TILE_COLS + j);
        }
        acc[j] = fmaf((float)sum, a[0] * b[j], acc[j]);
    }
}

static void add_blocks(const struct mopt_tile_f32 *t, int i, float *acc)
{
    const float *b = t->b;
    for (size_t tap = 0; tap < t->taps; tap++) {
        const float *a = t->a[tap * TILE_ROWS + (size_t)i] + t->offset;
        for (size_t p = 0; p < t->k; p += t->block, b += t->block * TILE_COLS) {
            add_block(t, a + p, b, acc);
        }
    }
}

void mopt__tile_blocks_ref(const struct mopt_tile_f32 *tile)
{
    tile_run(tile, add_blocks);
}
