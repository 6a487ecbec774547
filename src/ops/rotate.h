// SPDX-License-Identifier: Apache-2.0
// The turn of rotary positions on one head of floats, which RotaryEmbedding and GroupQueryAttention
// share. Knows no single operator.
#ifndef MOPT_OPS_ROTATE_H
#define MOPT_OPS_ROTATE_H

#include <stdbool.h>
#include <stddef.h>

// Turns `half` pairs of features by the angles of a position: y1 = c x1 - s x2, y2 = s x1 + c x2.
// pairs: neighbours are a pair, else elements i and half + i. y may be x.
static inline void mopt__rotate_f32(const float *x, const float *cosine, const float *sine,
                                    size_t half, bool pairs, float *y)
{
    for (size_t i = 0; pairs && i < half; i++) {
        const float first = x[2 * i];
        const float second = x[2 * i + 1];
        y[2 * i] = cosine[i] * first - sine[i] * second;
        y[2 * i + 1] = sine[i] * first + cosine[i] * second;
    }
    for (size_t i = 0; !pairs && i < half; i++) {
        const float first = x[i];
        const float second = x[half + i];
        y[i] = cosine[i] * first - sine[i] * second;
        y[half + i] = sine[i] * first + cosine[i] * second;
    }
}

#endif
