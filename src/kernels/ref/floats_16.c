// SPDX-License-Identifier: Apache-2.0
// Floats of 16 bits and back, by integer arithmetic on their bits. IEEE 754-2019 section 3.6;
// bfloat16 is binary32 without the lower half of its significand.
#include "kernels/slots.h"

#include <string.h>

enum {
    INFINITE = 0x7f800000, // bits of float
    QUIET = 0x00400000,    // first bit of a NaN's payload
    LEAST = 0x38800000,    // 2^-14, the least normal number of binary16
    BEYOND = 0x47800000,   // 2^16: nothing from here on is finite in binary16
    REBIAS = (127 - 15) << 23,
    HALF_INFINITE = 0x7c00,
};

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float from_half(uint32_t half)
{
    const uint32_t sign = (half & 0x8000) << 16;
    const uint32_t size = (half & 0x7fff) << 13;
    if (size >= (uint32_t)HALF_INFINITE << 13) {
        const uint32_t payload = size & 0x7fffff;
        return float_of(sign | INFINITE | payload | (payload != 0 ? QUIET : 0));
    }
    // As a float of the same bits it is 2^112 times too small, also below 2^-14.
    return float_of(sign | bits_of(float_of(size) * 0x1p112F));
}

static uint32_t to_half(uint32_t bits)
{
    const uint32_t sign = bits >> 16 & 0x8000;
    const uint32_t size = bits & 0x7fffffff;
    if (size > INFINITE) {
        return sign | HALF_INFINITE | (size & 0x7fffff) >> 13 | QUIET >> 13;
    }
    if (size >= BEYOND) {
        return sign | HALF_INFINITE;
    }
    if (size < LEAST) { // 0.5 has the last place that the result has
        return sign | (bits_of(float_of(size) + 0.5F) - bits_of(0.5F));
    }
    return sign | (size - REBIAS + 0xfff + (size >> 13 & 1)) >> 13;
}

static uint32_t to_bfloat(uint32_t bits)
{
    const bool nan = (bits & 0x7fffffff) > INFINITE;
    return (nan ? bits | QUIET : bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

void mopt__half_to_f32_ref(const uint16_t *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = from_half(x[i]);
    }
}

void mopt__f32_to_half_ref(const float *x, uint16_t *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = (uint16_t)to_half(bits_of(x[i]));
    }
}

void mopt__bfloat_to_f32_ref(const uint16_t *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = float_of((uint32_t)x[i] << 16);
    }
}

void mopt__f32_to_bfloat_ref(const float *x, uint16_t *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = (uint16_t)to_bfloat(bits_of(x[i]));
    }
}
