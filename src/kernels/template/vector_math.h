// SPDX-License-Identifier: Apache-2.0
// Functions of a vector of floats, written once in the names of an instruction set's lanes_f32.h,
// which is included before. Polynomials and quotients were fitted by us to the smallest largest
// relative error; each function says how far it may be off, in units in the last place (ulp) of the
// exact result, and tests/unit/kernels/test_vector.c holds it to that over all floats by samples.
// NaN gives NaN. Denormal numbers, and 0 made of less than they are, take processors a hundred
// times as long as others: exp and log round in the denormal range, sigmoid and softplus may give 0
// for a result below 2^-126.
#ifndef MOPT_KERNELS_TEMPLATE_VECTOR_MATH_H
#define MOPT_KERNELS_TEMPLATE_VECTOR_MATH_H

#include <math.h>

#if defined(__AVX512F__)
#include "kernels/x86_avx512/lanes_f32.h"
#else
#include "kernels/x86_avx2/lanes_f32.h"
#endif

// e^x = 2^n (1 + p): n the nearest integer to x / ln 2, p = e^r - 1 for the rest r, |r| <= 0.3466.
// x within [-104, 89], at whose ends the result has run into 0 or infinity already.
static inline vfloat exp_parts(vfloat x, vfloat *n)
{
    *n = v_round(v_mul(x, v_set(0x1.715476p+0F)));
    vfloat r = v_fnma(*n, v_set(0x1.62e400p-1F), x); // ln 2 in two parts, the first with zeros
    r = v_fnma(*n, v_set(0x1.7f7d1cp-20F), r);       // behind, so that its product is exact
    vfloat q = v_fma(r, v_set(0x1.6bec06p-10F), v_set(0x1.122776p-7F));
    q = v_fma(r, q, v_set(0x1.555674p-5F));
    q = v_fma(r, q, v_set(0x1.5554b0p-3F));
    q = v_fma(r, q, v_set(0x1.fffffep-2F));
    return v_fma(v_mul(r, r), q, r);
}

// The least float x with e^x >= 2^-126.
#define LEAST_NORMAL_EXP (-0x1.5d589ep+6F)

// e^x for x <= 89, and 0 for x below `least` >= LEAST_NORMAL_EXP. 1.1 ulp. No denormal number is
// made.
static inline vfloat exp_from(vfloat x, vfloat least)
{
    vfloat n;
    const vfloat p = exp_parts(v_max(least, x), &n);
    return v_unless(v_less(x, least), v_scale(v_add(v_set(1.0F), p), n));
}

// e^x for x <= 89, and 0 where it is below 2^-126. 1.1 ulp.
static inline vfloat exp_normal(vfloat x)
{
    return exp_from(x, v_set(LEAST_NORMAL_EXP));
}

// e^x. 1.1 ulp; infinity above 88.73, 0 below -103.98, where 1 is computed instead.
static inline vfloat exp_any(vfloat x)
{
    vfloat n;
    const vmask none = v_less(x, v_set(-103.98F));
    const vfloat some = v_unless(none, v_min(v_set(89.0F), x));
    const vfloat p = exp_parts(some, &n);
    return v_unless(none, v_scale(v_add(v_set(1.0F), p), n));
}

// e^x - 1 for x <= 0. 1.5 ulp. It is -1 long before e^x is denormal, which would take long.
static inline vfloat expm1_below(vfloat x)
{
    vfloat n;
    const vfloat p = exp_parts(v_max(v_set(-87.0F), x), &n);
    const vfloat scale = v_scale(v_set(1.0F), n);
    return v_fma(scale, p, v_sub(scale, v_set(1.0F)));
}

// With t = e^(-2|x|) - 1: tanh |x| = -t / (2 + t). 3 ulp.
static inline vfloat tanh_any(vfloat x)
{
    const vfloat t = expm1_below(v_mul(v_set(2.0F), v_negative(x)));
    return v_sign(v_quotient(t, v_add(v_set(2.0F), t)), x);
}

// 1 / (1 + e^-x), from e^-|x| so that neither end loses digits. 3 ulp, or 0
// for a result below 2^-126.
static inline vfloat sigmoid_any(vfloat x)
{
    const vfloat one = v_set(1.0F);
    const vfloat e = exp_normal(v_negative(x));
    return v_quotient(v_select(v_less(x, v_set(0.0F)), e, one), v_add(one, e));
}

// erf(x) / x as a quotient of polynomials of x^2, all coefficients positive; for |x| <= 4.
static inline vfloat erf_over_x(vfloat x)
{
    const vfloat u = v_mul(x, x);
    vfloat p = v_fma(u, v_set(0x1.0fe95cp-19F), v_set(0x1.2a847ep-12F));
    vfloat q = v_fma(u, v_set(0x1.3d5b0ep-15F), v_set(0x1.32e6bap-10F));
    p = v_fma(u, p, v_set(0x1.f3261ap-9F));
    q = v_fma(u, q, v_set(0x1.ed53f6p-7F));
    p = v_fma(u, p, v_set(0x1.b12820p-5F));
    q = v_fma(u, q, v_set(0x1.d53ce6p-4F));
    p = v_fma(u, p, v_set(0x1.884c0cp-3F));
    q = v_fma(u, q, v_set(0x1.019518p-1F));
    p = v_fma(u, p, v_set(0x1.20dd74p+0F));
    q = v_fma(u, q, v_set(1.0F));
    return v_quotient(p, q);
}

// 6 ulp; 1 from 3.92 on, where the exact value rounds to it.
static inline vfloat erf_any(vfloat x)
{
    const vfloat limit = v_set(3.92F);
    const vfloat near = v_mul(x, erf_over_x(v_min(limit, x)));
    const vfloat far = v_sign(v_set(1.0F), x);
    return v_select(v_less(limit, v_abs(x)), far, near);
}

// x/2 (1 + erf(x / sqrt 2)). 6 ulp for x >= -1; below, |error| <= 2e-7 |x| (the sum cancels).
static inline vfloat gelu_any(vfloat x)
{
    const vfloat limit = v_set(3.92F);
    const vfloat z = v_mul(x, v_set(0x1.6a09e6p-1F));
    const vfloat near = v_mul(v_mul(z, v_set(0.5F)), erf_over_x(v_min(limit, v_abs(z))));
    const vfloat far = v_sign(v_set(0.5F), x);
    const vfloat half_erf = v_select(v_less(limit, v_abs(z)), far, near);
    return v_fma(x, half_erf, v_mul(x, v_set(0.5F)));
}

// The tanh form of gelu by (1 + tanh u) / 2 = sigmoid(2 u). 4 ulp for x >= -1; below, |error| <=
// 2e-7 |x|. (Silu: 4 ulp for x >= -87.)
static inline vfloat gelu_tanh_any(vfloat x)
{
    const vfloat cube = v_mul(v_set(0.044715F), v_mul(x, v_mul(x, x)));
    const vfloat u = v_mul(v_set(0x1.988454p+0F), v_add(x, cube)); // 2 sqrt(2 / pi)
    return v_mul(x, sigmoid_any(u));
}

// 2 ulp; -infinity at 0, NaN below.
static inline vfloat log_any(vfloat x)
{
    const vmask tiny = v_less(x, v_set(0x1p-126F));
    vfloat k;
    const vfloat m = v_split(v_select(tiny, v_mul(x, v_set(0x1p23F)), x), &k);
    k = v_sub(k, v_select(tiny, v_set(23.0F), v_set(0.0F)));
    const vfloat f = v_sub(m, v_set(1.0F));
    const vfloat square = v_mul(f, f);
    vfloat p = v_fma(f, v_set(-0x1.38b452p-4F), v_set(0x1.056f9ap-3F));
    p = v_fma(f, p, v_set(-0x1.0d8ed0p-3F));
    p = v_fma(f, p, v_set(0x1.22d812p-3F));
    p = v_fma(f, p, v_set(-0x1.547126p-3F));
    p = v_fma(f, p, v_set(0x1.99a014p-3F));
    p = v_fma(f, p, v_set(-0x1.00022ap-2F));
    p = v_fma(f, p, v_set(0x1.555554p-2F));
    // ln(1 + f) = f - f^2/2 + f^3 p, small parts first
    vfloat low = v_fma(v_mul(square, f), p, v_mul(k, v_set(0x1.7f7d1cp-20F)));
    low = v_fma(square, v_set(-0.5F), low);
    vfloat y = v_fma(k, v_set(0x1.62e400p-1F), v_add(f, low));
    y = v_select(v_beyond(x, v_set(0x1.fffffep127F)), x, y);
    y = v_select(v_less(x, v_set(0.0F)), v_set(NAN), y);
    return v_select(v_equal(x, v_set(0.0F)), v_set(-INFINITY), y);
}

// ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|), the latter as a quotient of polynomials. 4 ulp,
// or 0 for a result below 2^-126.
static inline vfloat softplus_any(vfloat x)
{
    const vfloat e = exp_normal(v_negative(x));
    vfloat p = v_fma(e, v_set(0x1.bfe910p-9F), v_set(0x1.e7bf30p-3F));
    vfloat q = v_fma(e, v_set(0x1.34607cp-4F), v_set(0x1.603936p-1F));
    p = v_fma(e, p, v_set(0x1.10f3b4p+0F));
    q = v_fma(e, q, v_set(0x1.90f3b2p+0F));
    p = v_fma(e, p, v_set(1.0F));
    q = v_fma(e, q, v_set(1.0F));
    return v_add(v_max(v_set(0.0F), x), v_mul(e, v_quotient(p, q)));
}

// x tanh(ln(1 + w)) = x n / (n + 2) with w = e^x, n = w^2 + 2 w. 4 ulp for x >= -87; 0
// where w is below 2^-126.
static inline vfloat mish_any(vfloat x)
{
    const vfloat w = exp_normal(v_min(v_set(20.0F), x)); // the quotient is 1 from there on
    const vfloat n = v_fma(w, w, v_add(w, w));
    return v_mul(x, v_quotient(n, v_add(n, v_set(2.0F))));
}

// Beyond this magnitude quarter turns cannot be counted in floats: sine and cosine come from libm.
#define LARGEST_TURN 100000.0F

// x less the nearest multiple n of pi / 2, whose three parts leave one rounding: x and the product
// with the first part are multiples of 2^-24 or less, and so is their small difference. *turn: n
// modulo 4 as -2, -1, 0, 1 or 2. |x| <= LARGEST_TURN.
static inline vfloat turned(vfloat x, vfloat *turn)
{
    const vfloat n = v_round(v_mul(x, v_set(0x1.45f306p-1F)));
    vfloat r = v_fnma(n, v_set(0x1.921fb6p+0F), x);
    r = v_fnma(n, v_set(-0x1.777a5cp-25F), r);
    r = v_fnma(n, v_set(-0x1.ee59dap-50F), r);
    *turn = v_fnma(v_round(v_mul(n, v_set(0.25F))), v_set(4.0F), n);
    return r;
}

// For |r| <= 0.786.
static inline vfloat sine_near(vfloat r)
{
    const vfloat u = v_mul(r, r);
    vfloat p = v_fma(u, v_set(-0x1.9945e4p-13F), v_set(0x1.110748p-7F));
    p = v_fma(u, p, v_set(-0x1.555546p-3F));
    return v_fma(v_mul(u, r), p, r);
}

static inline vfloat cosine_near(vfloat r)
{
    const vfloat u = v_mul(r, r);
    vfloat p = v_fma(u, v_set(0x1.99e374p-16F), v_set(-0x1.6c0c18p-10F));
    p = v_fma(u, p, v_set(0x1.55554ap-5F));
    p = v_fma(u, p, v_set(-0.5F));
    return v_fma(u, p, v_set(1.0F));
}

// 2 ulp for |x| <= LARGEST_TURN.
static inline vfloat sin_turned(vfloat x)
{
    vfloat turn;
    const vfloat r = turned(x, &turn);
    const vmask odd = v_equal(v_abs(turn), v_set(1.0F));
    const vfloat y = v_select(odd, cosine_near(r), sine_near(r));
    const vmask low = v_less(turn, v_set(0.0F)); // by -1: -cos r; by 2 or -2: -sin r
    const vmask far = v_equal(v_abs(turn), v_set(2.0F));
    return v_select(far, v_flip(y), v_select(low, v_flip(y), y));
}

static inline vfloat cos_turned(vfloat x)
{
    vfloat turn;
    const vfloat r = turned(x, &turn);
    const vmask odd = v_equal(v_abs(turn), v_set(1.0F));
    const vfloat y = v_select(odd, sine_near(r), cosine_near(r));
    return v_select(v_less(v_set(0.0F), turn), v_flip(y), // by 1: -sin r; by 2 or -2: -cos r
                    v_select(v_less(turn, v_set(-1.0F)), v_flip(y), y));
}

#endif
