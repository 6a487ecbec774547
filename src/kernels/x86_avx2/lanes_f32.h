// SPDX-License-Identifier: Apache-2.0
// Eight floats at a time: what template/vector_math.h and template/vector_f32.h are written in.
// Same names as x86_avx512/lanes_f32.h, which says what they mean. Only for files compiled for
// AVX2 and FMA.
#ifndef MOPT_KERNELS_X86_AVX2_LANES_F32_H
#define MOPT_KERNELS_X86_AVX2_LANES_F32_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef __m256 vfloat;
typedef __m256 vmask; // all bits of a lane set or none
enum { LANES = 8 };

static inline vfloat v_set(float x)
{
    return _mm256_set1_ps(x);
}

static inline vfloat v_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void v_store(float *p, vfloat v)
{
    _mm256_storeu_ps(p, v);
}

static inline vmask v_first(size_t n)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane));
}

static inline vfloat v_load_mask(const float *p, vmask m)
{
    return _mm256_maskload_ps(p, _mm256_castps_si256(m));
}

static inline void v_store_mask(float *p, vmask m, vfloat v)
{
    _mm256_maskstore_ps(p, _mm256_castps_si256(m), v);
}

static inline vfloat v_add(vfloat a, vfloat b)
{
    return _mm256_add_ps(a, b);
}

static inline vfloat v_sub(vfloat a, vfloat b)
{
    return _mm256_sub_ps(a, b);
}

static inline vfloat v_mul(vfloat a, vfloat b)
{
    return _mm256_mul_ps(a, b);
}

static inline vfloat v_div(vfloat a, vfloat b)
{
    return _mm256_div_ps(a, b);
}

static inline vfloat v_sqrt(vfloat a)
{
    return _mm256_sqrt_ps(a);
}

static inline vfloat v_max(vfloat a, vfloat b)
{
    return _mm256_max_ps(a, b);
}

static inline vfloat v_min(vfloat a, vfloat b)
{
    return _mm256_min_ps(a, b);
}

static inline vfloat v_fma(vfloat a, vfloat b, vfloat c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vfloat v_fnma(vfloat a, vfloat b, vfloat c)
{
    return _mm256_fnmadd_ps(a, b, c);
}

static inline vfloat v_abs(vfloat a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), a);
}

static inline vfloat v_negative(vfloat a)
{
    return _mm256_or_ps(_mm256_set1_ps(-0.0F), a);
}

static inline vfloat v_flip(vfloat a)
{
    return _mm256_xor_ps(_mm256_set1_ps(-0.0F), a);
}

static inline vfloat v_sign(vfloat a, vfloat s)
{
    return _mm256_or_ps(v_abs(a), _mm256_and_ps(_mm256_set1_ps(-0.0F), s));
}

static inline vmask v_less(vfloat a, vfloat b)
{
    return _mm256_cmp_ps(a, b, _CMP_LT_OQ);
}

static inline vmask v_equal(vfloat a, vfloat b)
{
    return _mm256_cmp_ps(a, b, _CMP_EQ_OQ);
}

static inline vmask v_beyond(vfloat a, vfloat b)
{
    return _mm256_cmp_ps(a, b, _CMP_NLE_UQ);
}

static inline vmask v_nan(vfloat a)
{
    return _mm256_cmp_ps(a, a, _CMP_UNORD_Q);
}

static inline bool v_any(vmask m)
{
    return _mm256_movemask_ps(m) != 0;
}

static inline vfloat v_select(vmask m, vfloat yes, vfloat no)
{
    return _mm256_blendv_ps(no, yes, m);
}

// a, and 0 where m holds.
static inline vfloat v_unless(vmask m, vfloat a)
{
    return _mm256_andnot_ps(m, a);
}

static inline vfloat v_round(vfloat a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline vfloat v_floor(vfloat a)
{
    return _mm256_floor_ps(a);
}

static inline vfloat v_ceil(vfloat a)
{
    return _mm256_ceil_ps(a);
}

// Two factors, of which only the last can leave the normal range.
static inline vfloat v_scale(vfloat a, vfloat n)
{
    const __m256i bias = _mm256_set1_epi32(127);
    const __m256i whole = _mm256_cvtps_epi32(n);
    const __m256i half = _mm256_srai_epi32(whole, 1);
    const __m256i rest = _mm256_sub_epi32(whole, half);
    const __m256i first = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    const __m256i second = _mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23);
    return v_mul(v_mul(a, _mm256_castsi256_ps(first)), _mm256_castsi256_ps(second));
}

static inline vfloat v_split(vfloat x, vfloat *k)
{
    const __m256i root = _mm256_set1_epi32(0x3f3504f3);
    __m256i bits = _mm256_sub_epi32(_mm256_castps_si256(x), root);
    *k = _mm256_cvtepi32_ps(_mm256_srai_epi32(bits, 23));
    bits = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffff));
    return _mm256_castsi256_ps(_mm256_add_epi32(bits, root));
}

static inline vfloat v_quotient(vfloat a, vfloat b)
{
    return _mm256_div_ps(a, b);
}

typedef __m256d vdouble;

static inline vdouble vd_zero(void)
{
    return _mm256_setzero_pd();
}

static inline vdouble vd_low(vfloat a)
{
    return _mm256_cvtps_pd(_mm256_castps256_ps128(a));
}

static inline vdouble vd_high(vfloat a)
{
    return _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1));
}

static inline vdouble vd_load(const double *p)
{
    return _mm256_loadu_pd(p);
}

static inline void vd_store(double *p, vdouble v)
{
    _mm256_storeu_pd(p, v);
}

static inline double vd_total(vdouble a)
{
    const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(a), _mm256_extractf128_pd(a, 1));
    return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

static inline float v_total(vfloat a)
{
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    half = _mm_add_ss(half, _mm_movehdup_ps(half));
    return _mm_cvtss_f32(half);
}

static inline float v_top(vfloat a)
{
    __m128 half = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
    half = _mm_max_ps(half, _mm_movehl_ps(half, half));
    half = _mm_max_ss(half, _mm_movehdup_ps(half));
    return _mm_cvtss_f32(half);
}

#endif
