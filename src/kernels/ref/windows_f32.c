// SPDX-License-Identifier: Apache-2.0
// Depthwise convolution and pooling of single output pixels in portable C.
#include "kernels/slots.h"

static float clamp(float x, float low, float high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

void mopt__depthwise_f32_ref(const struct mopt_depthwise_f32 *work)
{
    for (size_t i = 0; i < work->pixels; i++) {
        for (size_t c = 0; c < work->channels; c++) {
            float sum = work->bias ? work->bias[c] : 0;
            for (size_t t = 0; t < work->taps; t++) {
                sum += work->x[t][i * work->x_step + c] * work->w[t * work->channels + c];
            }
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
