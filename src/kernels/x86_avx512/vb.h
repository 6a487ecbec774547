// SPDX-License-Identifier: Apache-2.0
// Vectors of bytes, words and floats of 512 bits for the templates of byte kernels.
#ifndef MOPT_KERNELS_X86_AVX512_VB_H
#define MOPT_KERNELS_X86_AVX512_VB_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

enum { VB_BYTES = 64, VB_LANES = 16 }; // bytes of a vector, 32-bit elements of a vector

typedef __m512i vb;
typedef __m512 vbf;

static inline __mmask64 vb_first(size_t n) // the first n bytes, n <= 64
{
    return n >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << n) - 1;
}

static inline vb vb_load(const void *p)
{
    return _mm512_loadu_si512(p);
}

static inline vb vb_load_n(const void *p, size_t n) // bytes; zero behind
{
    return _mm512_maskz_loadu_epi8(vb_first(n), p);
}

static inline void vb_store(void *p, vb v)
{
    _mm512_storeu_si512(p, v);
}

static inline void vb_store_n(void *p, vb v, size_t n)
{
    _mm512_mask_storeu_epi8(p, vb_first(n), v);
}

static inline vb vb_zero(void)
{
    return _mm512_setzero_si512();
}

static inline vb vb_max(vb a, vb b)
{
    return _mm512_max_epu8(a, b);
}

static inline vb vb_set(int32_t x)
{
    return _mm512_set1_epi32(x);
}

static inline vb vb_add(vb a, vb b)
{
    return _mm512_add_epi32(a, b);
}

static inline vb vb_sub(vb a, vb b)
{
    return _mm512_sub_epi32(a, b);
}

static inline vb vb_sums(vb bytes) // sums of 8 bytes, in 64-bit elements
{
    return _mm512_sad_epu8(bytes, _mm512_setzero_si512());
}

static inline vb vb_add_long(vb a, vb b)
{
    return _mm512_add_epi64(a, b);
}

static inline vb vb_widen(const uint8_t *p) // VB_LANES bytes to 32 bits
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}

static inline vb vb_widen_n(const uint8_t *p, size_t n)
{
    return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8((__mmask16)vb_first(n), p));
}

// Four vectors of 32 bits (0..255) to bytes: inside 16-byte lanes, and in order.
static inline vb vb_narrow_lanes(vb a, vb b, vb c, vb d)
{
    return _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d));
}

static inline vb vb_in_order(vb v) // bytes of vb_narrow_lanes
{
    const vb order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, v);
}

static inline vb vb_narrow(vb a, vb b, vb c, vb d)
{
    return vb_in_order(vb_narrow_lanes(a, b, c, d));
}

// Inside 16-byte lanes.
static inline vb vb_low8(vb a, vb b)
{
    return _mm512_unpacklo_epi8(a, b);
}

static inline vb vb_high8(vb a, vb b)
{
    return _mm512_unpackhi_epi8(a, b);
}

static inline vb vb_low16(vb a, vb b)
{
    return _mm512_unpacklo_epi16(a, b);
}

static inline vb vb_high16(vb a, vb b)
{
    return _mm512_unpackhi_epi16(a, b);
}

// Byte 4 * r + i of each lane to element i of the lane.
static inline vb vb_spread(vb v, int r)
{
    const __m128i first = _mm_setr_epi8(0, -1, -1, -1, 1, -1, -1, -1, 2, -1, -1, -1, 3, -1, -1, -1);
    const __m128i step = _mm_set1_epi32(4 * r);
    return _mm512_shuffle_epi8(v, _mm512_broadcast_i32x4(_mm_add_epi8(first, step)));
}

// 4 elements from each of p, p + 16, p + 32, p + 48.
static inline vb vb_gather_lanes(const int32_t *p)
{
    vb v = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(const void *)p));
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(const void *)(p + 16)), 1);
    v = _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(const void *)(p + 32)), 2);
    return _mm512_inserti32x4(v, _mm_loadu_si128((const __m128i *)(const void *)(p + 48)), 3);
}

static inline vbf vbf_gather_lanes(const float *p)
{
    vbf v = _mm512_castps128_ps512(_mm_loadu_ps(p));
    v = _mm512_insertf32x4(v, _mm_loadu_ps(p + 16), 1);
    v = _mm512_insertf32x4(v, _mm_loadu_ps(p + 32), 2);
    return _mm512_insertf32x4(v, _mm_loadu_ps(p + 48), 3);
}

// 4 elements of each lane to p, p + 16, p + 32, p + 48.
static inline void vb_scatter_lanes(int32_t *p, vb v)
{
    _mm_storeu_si128((__m128i *)(void *)p, _mm512_castsi512_si128(v));
    _mm_storeu_si128((__m128i *)(void *)(p + 16), _mm512_extracti32x4_epi32(v, 1));
    _mm_storeu_si128((__m128i *)(void *)(p + 32), _mm512_extracti32x4_epi32(v, 2));
    _mm_storeu_si128((__m128i *)(void *)(p + 48), _mm512_extracti32x4_epi32(v, 3));
}

static inline void vbf_scatter_lanes(float *p, vbf v)
{
    _mm_storeu_ps(p, _mm512_castps512_ps128(v));
    _mm_storeu_ps(p + 16, _mm512_extractf32x4_ps(v, 1));
    _mm_storeu_ps(p + 32, _mm512_extractf32x4_ps(v, 2));
    _mm_storeu_ps(p + 48, _mm512_extractf32x4_ps(v, 3));
}

static inline vb vb_set16(int32_t x)
{
    return _mm512_set1_epi16((int16_t)x);
}

static inline vb vb_set8(int32_t x)
{
    return _mm512_set1_epi8((char)x);
}

static inline vb vb_add16(vb a, vb b) // saturating
{
    return _mm512_adds_epi16(a, b);
}

// Inside 16-byte lanes, saturating: 32 to 16 bits, 16 bits to unsigned bytes.
static inline vb vb_narrow16(vb a, vb b)
{
    return _mm512_packs_epi32(a, b);
}

static inline vb vb_narrow8(vb a, vb b)
{
    return _mm512_packus_epi16(a, b);
}

// Half a vector from each of two rows, a quarter from each of four.
static inline vb vb_load_halves(const uint8_t *const *x, size_t offset)
{
    const __m256i *low = (const __m256i *)(const void *)(x[0] + offset);
    const __m256i *high = (const __m256i *)(const void *)(x[1] + offset);
    vb v = _mm512_castsi256_si512(_mm256_loadu_si256(low));
    return _mm512_inserti64x4(v, _mm256_loadu_si256(high), 1);
}

static inline __m128i vb_load_16(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline vb vb_load_quarters(const uint8_t *const *x, size_t offset)
{
    vb v = _mm512_castsi128_si512(vb_load_16(x[0] + offset));
    v = _mm512_inserti32x4(v, vb_load_16(x[1] + offset), 1);
    v = _mm512_inserti32x4(v, vb_load_16(x[2] + offset), 2);
    return _mm512_inserti32x4(v, vb_load_16(x[3] + offset), 3);
}

static inline vb vb_repeat_half(const int8_t *p)
{
    return _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

static inline vb vb_repeat_quarter(const int8_t *p)
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)p));
}

// Stores n bytes from byte `first` of v (a multiple of 16) on.
static inline void vb_store_part(uint8_t *p, vb v, size_t first, size_t n)
{
    if (first >= 32) {
        v = _mm512_shuffle_i64x2(v, v, 0xEE);
        first -= 32;
    }
    __m256i half = _mm512_castsi512_si256(v);
    if (n > 32) {
        _mm512_mask_storeu_epi8(p, vb_first(n), v);
    } else if (first == 0) {
        _mm256_mask_storeu_epi8(p, (__mmask32)vb_first(n), half);
    } else {
        _mm_mask_storeu_epi8(p, (__mmask16)vb_first(n), _mm256_extracti128_si256(half, 1));
    }
}

static inline vbf vb_to_floats(vb v)
{
    return _mm512_cvtepi32_ps(v);
}

static inline vb vbf_round(vbf v) // to nearest even
{
    return _mm512_cvtps_epi32(v);
}

static inline vbf vbf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void vbf_store(float *p, vbf v)
{
    _mm512_storeu_ps(p, v);
}

static inline vbf vbf_set(float x)
{
    return _mm512_set1_ps(x);
}

static inline vbf vbf_add(vbf a, vbf b)
{
    return _mm512_add_ps(a, b);
}

static inline vbf vbf_mul(vbf a, vbf b)
{
    return _mm512_mul_ps(a, b);
}

static inline vbf vbf_fma(vbf a, vbf b, vbf c) // a b + c
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vbf vbf_fnma(vbf a, vbf b, vbf c) // c - a b
{
    return _mm512_fnmadd_ps(a, b, c);
}

static inline vbf vbf_div(vbf a, vbf b)
{
    return _mm512_div_ps(a, b);
}

// b when one of both is NaN.
static inline vbf vbf_min(vbf a, vbf b)
{
    return _mm512_min_ps(a, b);
}

static inline vbf vbf_max(vbf a, vbf b)
{
    return _mm512_max_ps(a, b);
}

static inline vb vbf_round_known(vbf v) // 0 for NaN
{
    return _mm512_maskz_cvtps_epi32(_mm512_cmp_ps_mask(v, v, _CMP_ORD_Q), v);
}

// acc plus the sums of four products of neighbouring bytes, x unsigned, w signed.
#if defined(__AVX512VNNI__)
static inline vb vb_dot(vb acc, vb x, vb w)
{
    return _mm512_dpbusd_epi32(acc, x, w);
}
#else
// Even and odd bytes apart: products of 16 bits and sums of two of them are exact.
static inline vb vb_dot(vb acc, vb x, vb w)
{
    vb even = _mm512_and_si512(x, _mm512_set1_epi16(255));
    vb odd = _mm512_srli_epi16(x, 8);
    vb even_factors = _mm512_srai_epi16(_mm512_slli_epi16(w, 8), 8);
    vb odd_factors = _mm512_srai_epi16(w, 8);
    acc = vb_add(acc, _mm512_madd_epi16(even, even_factors));
    return vb_add(acc, _mm512_madd_epi16(odd, odd_factors));
}
#endif

#endif
