// SPDX-License-Identifier: Apache-2.0
// exp, tanh, sigmoid and erf of floats without branches, so that loops over them become vector
// code. They compute in double; the relative error is below 1e-8, so the float results are within
// one unit in the last place.
#ifndef MOPT_OPS_SMOOTH_H
#define MOPT_OPS_SMOOTH_H

#include <stdint.h>
#include <string.h>

// e^x = 2^n (1 + p): n is the nearest integer to x / ln 2, p = e^r - 1 for the rest r by its Taylor
// series
// (|r| <= 0.3466: the first term left out is below 3e-10). x must lie in [-1000, 1000] or be NaN.
struct mopt_exp_parts {
    double scale, p; // 2^n, e^r - 1
};
static inline struct mopt_exp_parts mopt__exp_parts(double x)
{
    const double shift = 0x1.8p52; // adding it leaves the integer in the last bits
    const double moved = x * 1.4426950408889634 + shift;
    const double n = moved - shift;
    const double r = (x - n * 0x1.62e42fefap-1) - n * 0x1.cf79abc9e3b3ap-40; // ln 2 in two parts
    const double tail =
        1.0 / 24 + r * (1.0 / 120 + r * (1.0 / 720 + r * (1.0 / 5040 + r * (1.0 / 40320))));
    uint64_t bits;
    memcpy(&bits, &moved, sizeof bits);
    bits = (bits + 1023) << 52;
    struct mopt_exp_parts parts;
    memcpy(&parts.scale, &bits, sizeof bits);
    parts.p = r + r * r * (1.0 / 2 + r * (1.0 / 6 + r * tail));
    return parts;
}

// Choices look at the bits as integers: comparisons of floats may trap, which keeps loops from
// becoming vector code.
static inline uint32_t mopt__smooth_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

// x with its magnitude cut to `top`; NaN stays.
static inline double mopt__smooth_limit(float x, float top)
{
    const uint32_t bits = mopt__smooth_bits(x);
    const uint32_t size = bits & 0x7fffffffu;
    const uint32_t most = size > 0x7f800000u ? size : mopt__smooth_bits(top);
    const uint32_t cut = (bits & 0x80000000u) | (size > most ? most : size);
    float limited;
    memcpy(&limited, &cut, sizeof limited);
    return (double)limited;
}

// a where mask is all ones, b where it is 0; written so that neither side is skipped.
static inline float mopt__smooth_choose(uint32_t mask, float a, float b)
{
    const uint32_t bits = (mopt__smooth_bits(a) & mask) | (mopt__smooth_bits(b) & ~mask);
    float chosen;
    memcpy(&chosen, &bits, sizeof chosen);
    return chosen;
}

// Overflow gives infinity and underflow 0 once the result becomes a float.
static inline double mopt__smooth_exp(float x)
{
    const struct mopt_exp_parts e = mopt__exp_parts(mopt__smooth_limit(x, 700.0f));
    return e.scale + e.scale * e.p;
}

static inline float mopt__smooth_sigmoid(float x)
{
    return (float)(1.0 / (1.0 + mopt__smooth_exp(-x)));
}

// (e^2x - 1) / (e^2x + 1), the difference taken before anything is rounded away.
static inline float mopt__smooth_tanh(float x)
{
    const struct mopt_exp_parts e = mopt__exp_parts(2.0 * mopt__smooth_limit(x, 25.0f));
    const double less_one = (e.scale - 1.0) + e.scale * e.p;
    return (float)(less_one / (less_one + 2.0));
}

// erfc(a) for 0 <= a <= 26: t P(t) e^(-a^2) with t = 1 / (1 + 0.4 a); P fitted at Chebyshev nodes
// to 7e-9 relative.
static inline double mopt__smooth_erfc(double a)
{
    static const double c[] = {0x1.ce2f2187c76f8p-3,  0x1.ce2f42d41f72cp-3, 0x1.a92e694508698p-3,
                               0x1.5fd9e8729043fp-3,  0x1.e5ece529854fap-4, 0x1.5d1833b4fa8aep-4,
                               -0x1.978106484109cp-5, 0x1.21a8ea94fbd04p-3, -0x1.e8ee85eef3749p-3,
                               0x1.22aa77cbd6292p-3,  -0x1.e36ef247a559dp-6};
    const double t = 1.0 / (1.0 + 0.4 * a);
    const double low = c[0] + t * (c[1] + t * (c[2] + t * (c[3] + t * c[4])));
    const double high = c[5] + t * (c[6] + t * (c[7] + t * (c[8] + t * (c[9] + t * c[10]))));
    const double t2 = t * t;
    const struct mopt_exp_parts e = mopt__exp_parts(-a * a);
    return t * (low + t2 * t2 * t * high) * (e.scale + e.scale * e.p);
}

enum { MOPT_SMOOTH_ERFC_MAX = 26 };

// The Taylor series below 1/2 (the first term left out is below 3e-11), the complement above.
static inline float mopt__smooth_erf(float x)
{
    const double w = mopt__smooth_limit(x, (float)MOPT_SMOOTH_ERFC_MAX);
    const double z = w * w;
    const double tail = 1.0 / 216 + z * (-1.0 / 1320 + z * (1.0 / 9360 + z * (-1.0 / 75600)));
    const double inner = -1.0 / 3 + z * (1.0 / 10 + z * (-1.0 / 42 + z * tail));
    const double series = 1.1283791670955126 * w * (1.0 + z * inner);
    const double rest = __builtin_copysign(1.0 - mopt__smooth_erfc(__builtin_fabs(w)), w);
    const uint32_t size = mopt__smooth_bits(x) & 0x7fffffffu;
    return mopt__smooth_choose(0u - (size < 0x3f000000u), (float)series, (float)rest);
}

// x times the normal distribution function: x/2 erfc(-x / sqrt 2), which keeps the far negative
// end.
static inline float mopt__smooth_gelu(float x)
{
    const double z = mopt__smooth_limit(x, 36.0f) * 0.70710678118654752;
    const double tail = 0.5 * mopt__smooth_erfc(__builtin_fabs(z));
    const double wide = (double)x;
    const uint32_t below = 0u - (mopt__smooth_bits(x) >> 31);
    return mopt__smooth_choose(below, (float)(wide * tail), (float)(wide * (1.0 - tail)));
}

#endif
