// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution and pooling of single output pixels in portable C.
#include "kernels/slots.h"

static float clamp(float x, float low, float high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

// One sum, taps from left to right.
static float depthwise_sum(const struct mopt_depthwise_f32 *work, size_t pixel, size_t channel)
{
    float sum = work->bias ? work->bias[channel] : 0;
    for (size_t t = 0; t < work->rows * work->cols; t++) {
        size_t at = pixel * work->stride + t % work->cols * work->dilation;
        size_t column = (size_t)work->first + at; // modulo 2^64
        const float *line = work->x + t / work->cols * work->line;
        float x = column < work->width ? line[column * work->ldx + channel] : 0;
        sum += x * work->w[t * work->ldw + channel];
    }
    return sum;
}

void mopt__depthwise_f32_ref(const struct mopt_depthwise_f32 *work)
{
    for (size_t i = 0; i < work->pixels; i++) {
        for (size_t c = 0; c < work->channels; c++) {
            float sum = depthwise_sum(work, i, c);
            if (work->residual) {
                sum += work->residual[i * work->residual_ld + c];
            }
            work->y[i * work->ldy + c] = clamp(sum, work->low, work->high);
        }
    }
}

// The larger one; NaN when one is NaN.
static float larger(float a, float b)
{
    return a > b || a != a ? a : b;
}

void mopt__max_f32_ref(const struct mopt_window_f32 *window)
{
    for (size_t c = 0; c < window->channels; c++) {
        float best = window->x[0][c];
        for (size_t t = 1; t < window->taps; t++) {
            best = larger(best, window->x[t][c]);
        }
        window->y[c] = best;
    }
}

void mopt__average_f32_ref(const struct mopt_window_f32 *window)
{
    for (size_t c = 0; c < window->channels; c++) {
        const float *weights = window->weights;
        float sum = weights ? weights[0] * window->x[0][c] : window->x[0][c];
        for (size_t t = 1; t < window->taps; t++) {
            sum += weights ? weights[t] * window->x[t][c] : window->x[t][c];
        }
        window->y[c] = sum * window->factor;
    }
}
