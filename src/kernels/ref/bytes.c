// SPDX-License-Identifier: Apache-2.0
// Elementwise and window kernels on bytes in plain C: the measure for every faster form.
#include "kernels/requantize.h"
#include "kernels/slots.h"

static uint8_t code(float v, int32_t zero_point)
{
    return v == v ? mopt__byte_of(v, zero_point, 0, 255) : (uint8_t)zero_point;
}

void mopt__quantize_u8_ref(const float *x, float factor, bool divide, int32_t zero_point,
                           uint8_t *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = code(divide ? x[i] / factor : x[i] * factor, zero_point);
    }
}

void mopt__dequantize_u8_ref(const uint8_t *x, float scale, int32_t zero_point, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = (float)(x[i] - zero_point) * scale;
    }
}

void mopt__sums_u8_ref(const uint8_t *x, size_t step, size_t pixels, size_t channels, float scale,
                       int32_t zero_point, float *y)
{
    mopt__dequantize_u8_ref(x, scale, zero_point, y, channels);
    for (size_t i = 1; i < pixels; i++) {
        for (size_t c = 0; c < channels; c++) {
            y[c] += (float)(x[i * step + c] - zero_point) * scale;
        }
    }
}

void mopt__range_f32_ref(const float *x, size_t n, float *low, float *high)
{
    float smallest = 0;
    float largest = 0;
    for (size_t i = 0; i < n; i++) {
        smallest = x[i] < smallest ? x[i] : smallest;
        largest = x[i] > largest ? x[i] : largest;
    }
    *low = smallest;
    *high = largest;
}

void mopt__add_u8_ref(const uint8_t *a, const uint8_t *b, const float scales[3],
                      const int32_t zeros[3], const int32_t bounds[2], uint8_t *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float left = (float)(a[i] - zeros[0]) * scales[0];
        float right = (float)(b[i] - zeros[1]) * scales[1];
        y[i] = mopt__byte_of((left + right) / scales[2], zeros[2], bounds[0], bounds[1]);
    }
}

void mopt__mul_u8_ref(const uint8_t *a, float scale, const float *b, float y_scale,
                      const int32_t zeros[2], uint8_t *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float left = (float)(a[i] - zeros[0]) * scale;
        y[i] = code(left * b[i] / y_scale, zeros[1]);
    }
}

void mopt__scale_u8_ref(const uint8_t *a, const float *factors, const int32_t zeros[2], uint8_t *y,
                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = mopt__byte_of((float)(a[i] - zeros[0]) * factors[i], zeros[1], 0, 255);
    }
}

void mopt__max_u8_ref(const uint8_t *const *x, size_t taps, size_t channels, uint8_t *y)
{
    for (size_t c = 0; c < channels; c++) {
        uint8_t most = 0;
        for (size_t t = 0; t < taps; t++) {
            most = x[t][c] > most ? x[t][c] : most;
        }
        y[c] = most;
    }
}

uint32_t mopt__total_u8_ref(const uint8_t *x, size_t n)
{
    uint32_t total = 0;
    for (size_t i = 0; i < n; i++) {
        total += x[i];
    }
    return total;
}

void mopt__lookup_u8_ref(const uint8_t *x, const uint8_t table[256], uint8_t *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = table[x[i]];
    }
}
