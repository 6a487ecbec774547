// SPDX-License-Identifier: Apache-2.0
// The byte tile and the depthwise bytes in plain C: the measure for every faster form.
#include "kernels/requantize.h"
#include "kernels/slots.h"

enum { ROWS = 4, COLS = 8, PIXELS = 8, LANES = 16 };

static uint32_t sum_taps(const struct mopt_tile_u8 *w, int row, int col)
{
    size_t quads = (w->k + 3) / 4;
    uint32_t sum = 0;
    for (size_t t = 0; t < w->taps; t++) {
        const uint8_t *a = w->a[t * ROWS + (size_t)row] + w->offset;
        const int8_t *b = w->b + t * quads * COLS * 4 + (size_t)col * 4;
        for (size_t p = 0; p < w->k; p++) {
            sum += (uint32_t)(a[p] * b[p / 4 * COLS * 4 + p % 4]);
        }
    }
    return sum;
}

static int32_t accumulator(const struct mopt_tile_u8 *w, int row, int col)
{
    uint32_t acc = w->bias ? (uint32_t)w->bias[col] : 0;
    acc += sum_taps(w, row, col);
    if (w->row_sum) {
        acc -= (uint32_t)w->row_sum[row] * (uint32_t)w->b_zero[col];
    }
    return (int32_t)acc;
}

// NaN stays.
static float clamped(float v, float low, float high)
{
    v = v < low ? low : v;
    return v > high ? high : v;
}

static float as_float(const struct mopt_tile_u8 *w, int row, int col, int32_t acc)
{
    float v = (float)acc * w->scale[col];
    if (w->row_scale) {
        v *= w->row_scale[row];
    }
    if (w->float_bias) {
        v += w->float_bias[col];
    }
    return clamped(v, w->float_low, w->float_high);
}

// Product and sum are rounded on their own. addend: NULL = no sum.
static float scaled(int32_t acc, const float *scale, const float *addend, size_t at)
{
    float v = (float)acc * scale[at];
    return addend ? v + addend[at] : v;
}

static void tile_one(const struct mopt_tile_u8 *w)
{
    for (int i = 0; i < w->rows; i++) {
        for (int j = 0; j < w->cols; j++) {
            int32_t acc = accumulator(w, i, j);
            size_t at = (size_t)i * w->ldc + (size_t)j;
            if (w->c32) {
                w->c32[at] = acc;
            } else if (w->c8) {
                w->c8[at] = mopt__byte_of(scaled(acc, w->scale, w->shift, (size_t)j), w->zero_point,
                                          w->low, w->high);
            } else {
                w->cf[at] = as_float(w, i, j, acc);
            }
        }
    }
}

void mopt__tile_u8_ref(const struct mopt_tile_u8 *stack)
{
    struct mopt_tile_u8 tile = *stack;
    for (int i = 0; i <= stack->more; i++) {
        tile_one(&tile);
        mopt__tile_u8_below(&tile, 1);
    }
}

void mopt__depthwise_u8_ref(const struct mopt_depthwise_u8 *w)
{
    for (size_t c = 0; c < w->channels; c++) {
        for (int i = 0; i < w->pixels; i++) {
            uint32_t acc = w->bias ? (uint32_t)w->bias[c] : 0;
            for (size_t t = 0; t < w->taps; t++) {
                int8_t factor = w->w[mopt__depthwise_u8_at(LANES, w->channels, t, c)];
                acc += (uint32_t)(w->x[t * w->x_step + (size_t)i][c] * factor);
            }
            if (w->y32) {
                w->y32[(size_t)i * w->ldy + c] = (int32_t)acc;
                continue;
            }
            float v = scaled((int32_t)acc, w->scale, w->y ? w->shift : w->float_bias, c);
            if (w->y) {
                w->y[(size_t)i * w->ldy + c] = mopt__byte_of(v, w->zero_point, w->low, w->high);
            } else {
                w->yf[(size_t)i * w->ldy + c] = clamped(v, w->float_low, w->float_high);
            }
        }
    }
}
