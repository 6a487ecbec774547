// SPDX-License-Identifier: Apache-2.0
// Sixteen floats at a time: what template/vector_math.h and template/vector_f32.h are written in.
// Same names as x86_avx2/lanes_f32.h. Only for files compiled for AVX-512.
#ifndef MOPT_KERNELS_X86_AVX512_LANES_F32_H
#define MOPT_KERNELS_X86_AVX512_LANES_F32_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef __m512 vfloat;
typedef __mmask16 vmask;
enum { LANES = 16 };

static inline vfloat v_set(float x)
{
    return _mm512_set1_ps(x);
}

static inline vfloat v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void v_store(float *p, vfloat v)
{
    _mm512_storeu_ps(p, v);
}

// The first n lanes, n <= LANES.
static inline vmask v_first(size_t n)
{
    return (vmask)((1U << n) - 1U);
}

// Lanes outside the mask are 0 and their memory is not touched.
static inline vfloat v_load_mask(const float *p, vmask m)
{
    return _mm512_maskz_loadu_ps(m, p);
}

static inline void v_store_mask(float *p, vmask m, vfloat v)
{
    _mm512_mask_storeu_ps(p, m, v);
}

static inline vfloat v_add(vfloat a, vfloat b)
{
    return _mm512_add_ps(a, b);
}

static inline vfloat v_sub(vfloat a, vfloat b)
{
    return _mm512_sub_ps(a, b);
}

static inline vfloat v_mul(vfloat a, vfloat b)
{
    return _mm512_mul_ps(a, b);
}

static inline vfloat v_div(vfloat a, vfloat b)
{
    return _mm512_div_ps(a, b);
}

static inline vfloat v_sqrt(vfloat a)
{
    return _mm512_sqrt_ps(a);
}

// a > b ? a : b and a < b ? a : b; so b when one of them is NaN.
static inline vfloat v_max(vfloat a, vfloat b)
{
    return _mm512_max_ps(a, b);
}

static inline vfloat v_min(vfloat a, vfloat b)
{
    return _mm512_min_ps(a, b);
}

// a b + c and c - a b, rounded once.
static inline vfloat v_fma(vfloat a, vfloat b, vfloat c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vfloat v_fnma(vfloat a, vfloat b, vfloat c)
{
    return _mm512_fnmadd_ps(a, b, c);
}

static inline vfloat v_abs(vfloat a)
{
    return _mm512_andnot_ps(_mm512_set1_ps(-0.0F), a);
}

// -|a|
static inline vfloat v_negative(vfloat a)
{
    return _mm512_or_ps(_mm512_set1_ps(-0.0F), a);
}

static inline vfloat v_flip(vfloat a)
{
    return _mm512_xor_ps(_mm512_set1_ps(-0.0F), a);
}

// Magnitude of a, sign of s.
static inline vfloat v_sign(vfloat a, vfloat s)
{
    return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_set1_epi32(INT32_MIN),
                                                         _mm512_castps_si512(s),
                                                         _mm512_castps_si512(a), 0xca));
}

static inline vmask v_less(vfloat a, vfloat b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

static inline vmask v_equal(vfloat a, vfloat b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ);
}

// Not a <= b; so true for NaN.
static inline vmask v_beyond(vfloat a, vfloat b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_NLE_UQ);
}

static inline vmask v_nan(vfloat a)
{
    return _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q);
}

static inline bool v_any(vmask m)
{
    return m != 0;
}

static inline vfloat v_select(vmask m, vfloat yes, vfloat no)
{
    return _mm512_mask_blend_ps(m, no, yes);
}

// a, and 0 where m holds.
static inline vfloat v_unless(vmask m, vfloat a)
{
    return _mm512_mask_blend_ps(m, a, _mm512_setzero_ps());
}

// Nearest integer, ties to even.
static inline vfloat v_round(vfloat a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline vfloat v_floor(vfloat a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}

static inline vfloat v_ceil(vfloat a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
}

// a 2^n for integral n in [-160, 160] and |a| in [0.5, 2]: rounded once, also into denormals.
static inline vfloat v_scale(vfloat a, vfloat n)
{
    return _mm512_scalef_ps(a, n);
}

// x = m 2^k with m in [sqrt(1/2), sqrt(2)) for positive normal x.
static inline vfloat v_split(vfloat x, vfloat *k)
{
    const __m512i root = _mm512_set1_epi32(0x3f3504f3);
    __m512i bits = _mm512_sub_epi32(_mm512_castps_si512(x), root);
    *k = _mm512_cvtepi32_ps(_mm512_srai_epi32(bits, 23));
    bits = _mm512_and_si512(bits, _mm512_set1_epi32(0x7fffff));
    return _mm512_castsi512_ps(_mm512_add_epi32(bits, root));
}

// a / b for 2^-60 <= b <= 2^60 and finite a, within 0.7 ulp: one Newton step behind a reciprocal of
// 14 bits (a third of the time of a division).
static inline vfloat v_quotient(vfloat a, vfloat b)
{
    const vfloat r = _mm512_rcp14_ps(b);
    const vfloat q = v_mul(a, r);
    return v_fma(v_fnma(q, b, a), r, q);
}

// The lanes of the lower and of the upper half as doubles, which + - * take as they take numbers.
typedef __m512d vdouble;

static inline vdouble vd_zero(void)
{
    return _mm512_setzero_pd();
}

static inline vdouble vd_low(vfloat a)
{
    return _mm512_cvtps_pd(_mm512_castps512_ps256(a));
}

static inline vdouble vd_high(vfloat a)
{
    return _mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a), 1)));
}

static inline vdouble vd_load(const double *p)
{
    return _mm512_loadu_pd(p);
}

static inline void vd_store(double *p, vdouble v)
{
    _mm512_storeu_pd(p, v);
}

static inline double vd_total(vdouble a)
{
    return _mm512_reduce_add_pd(a);
}

static inline float v_total(vfloat a)
{
    return _mm512_reduce_add_ps(a);
}

static inline float v_top(vfloat a)
{
    return _mm512_reduce_max_ps(a);
}

#endif
