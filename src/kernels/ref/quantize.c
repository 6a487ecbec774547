// SPDX-License-Identifier: Apache-2.0
// Floats to 8-bit codes. It must not know where the values come from.
#include "kernels/kernels.h"

// Nearest integer, ties to even, of |x| < 2^22: adding 1.5 * 2^23 leaves no fraction bits. Unlike
// rintf this is no call on machines without a rounding instruction, so that loops over it can be
// vectorised.
static inline float round_small(float x)
{
    const float shift = 12582912.0F;
    return (x + shift) - shift;
}

static inline uint8_t code(float x, float low, float high, int32_t zero_point)
{
    x = x > low ? x : low;
    x = x < high ? x : high;
    return (uint8_t)((int32_t)round_small(x) + zero_point);
}

void mopt__quantize_bytes(const float *x, const float *factor, size_t stride, size_t count,
                          bool is_signed, int32_t zero_point, void *out)
{
    float low = (float)((is_signed ? INT8_MIN : 0) - zero_point);
    float high = (float)((is_signed ? INT8_MAX : UINT8_MAX) - zero_point);
    uint8_t *y = out;
    if (factor && stride == 0) {
        float f = *factor;
        for (size_t i = 0; i < count; i++) {
            float value = x[i] * f;
            y[i] = code(value != value ? 0 : value, low, high, zero_point);
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        float value = factor ? x[i] * factor[i] : x[i];
        y[i] = code(value != value ? 0 : value, low, high, zero_point);
    }
}
