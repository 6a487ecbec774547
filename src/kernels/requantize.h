// SPDX-License-Identifier: Apache-2.0
// From exact sums to bytes, in plain C: the meaning of "requantized" in table.h.
#ifndef MOPT_KERNELS_REQUANTIZE_H
#define MOPT_KERNELS_REQUANTIZE_H

#include <stdint.h>

// Rounds to nearest even for |v| <= 2^22: the sum has no bits left behind the point.
static inline int32_t mopt__even(float v)
{
    const float magic = 12582912.0F; // 1.5 * 2^23
    return (int32_t)((v + magic) - magic);
}

// v: value before the zero point is added. NaN gives low.
static inline uint8_t mopt__byte_of(float v, int32_t zero_point, int32_t low, int32_t high)
{
    float top = (float)(high - zero_point);
    float bottom = (float)(low - zero_point);
    v = v > top ? top : v;
    v = v >= bottom ? v : bottom;
    return (uint8_t)(mopt__even(v) + zero_point);
}

#endif
