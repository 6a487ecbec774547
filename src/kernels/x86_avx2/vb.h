// SPDX-License-Identifier: Apache-2.0
// Vectors of bytes, words and floats of 256 bits for the templates of byte kernels.
#ifndef MOPT_KERNELS_X86_AVX2_VB_H
#define MOPT_KERNELS_X86_AVX2_VB_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { VB_BYTES = 32, VB_LANES = 8 }; // bytes of a vector, 32-bit elements of a vector

typedef __m256i vb;
typedef __m256 vbf;

static inline vb vb_load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline vb vb_load_n(const void *p, size_t n) // bytes; zero behind
{
    uint8_t bytes[VB_BYTES] = {0};
    memcpy(bytes, p, n);
    return vb_load(bytes);
}

static inline void vb_store(void *p, vb v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}

static inline void vb_store_n(void *p, vb v, size_t n)
{
    uint8_t bytes[VB_BYTES];
    vb_store(bytes, v);
    memcpy(p, bytes, n);
}

static inline vb vb_zero(void)
{
    return _mm256_setzero_si256();
}

static inline vb vb_max(vb a, vb b)
{
    return _mm256_max_epu8(a, b);
}

static inline vb vb_set(int32_t x)
{
    return _mm256_set1_epi32(x);
}

static inline vb vb_add(vb a, vb b)
{
    return _mm256_add_epi32(a, b);
}

static inline vb vb_sub(vb a, vb b)
{
    return _mm256_sub_epi32(a, b);
}

static inline vb vb_sums(vb bytes) // sums of 8 bytes, in 64-bit elements
{
    return _mm256_sad_epu8(bytes, _mm256_setzero_si256());
}

static inline vb vb_add_long(vb a, vb b)
{
    return _mm256_add_epi64(a, b);
}

static inline vb vb_widen(const uint8_t *p) // VB_LANES bytes to 32 bits
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
}

static inline vb vb_widen_n(const uint8_t *p, size_t n)
{
    uint8_t bytes[VB_LANES] = {0};
    memcpy(bytes, p, n);
    return vb_widen(bytes);
}

// Four vectors of 32 bits (0..255) to bytes: inside 16-byte lanes, and in order.
static inline vb vb_narrow_lanes(vb a, vb b, vb c, vb d)
{
    return _mm256_packus_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
}

static inline vb vb_in_order(vb v) // bytes of vb_narrow_lanes
{
    const vb order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    return _mm256_permutevar8x32_epi32(v, order);
}

static inline vb vb_narrow(vb a, vb b, vb c, vb d)
{
    return vb_in_order(vb_narrow_lanes(a, b, c, d));
}

// Inside 16-byte lanes.
static inline vb vb_low8(vb a, vb b)
{
    return _mm256_unpacklo_epi8(a, b);
}

static inline vb vb_high8(vb a, vb b)
{
    return _mm256_unpackhi_epi8(a, b);
}

static inline vb vb_low16(vb a, vb b)
{
    return _mm256_unpacklo_epi16(a, b);
}

static inline vb vb_high16(vb a, vb b)
{
    return _mm256_unpackhi_epi16(a, b);
}

// Byte 4 * r + i of each lane to element i of the lane.
static inline vb vb_spread(vb v, int r)
{
    const __m128i first = _mm_setr_epi8(0, -1, -1, -1, 1, -1, -1, -1, 2, -1, -1, -1, 3, -1, -1, -1);
    const __m128i step = _mm_set1_epi32(4 * r);
    return _mm256_shuffle_epi8(v, _mm256_broadcastsi128_si256(_mm_add_epi8(first, step)));
}

// 4 elements from each of p, p + 16.
static inline vb vb_gather_lanes(const int32_t *p)
{
    vb v = _mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)p));
    return _mm256_inserti128_si256(v, _mm_loadu_si128((const __m128i *)(const void *)(p + 16)), 1);
}

static inline vbf vbf_gather_lanes(const float *p)
{
    __m256 v = _mm256_castps128_ps256(_mm_loadu_ps(p));
    return _mm256_insertf128_ps(v, _mm_loadu_ps(p + 16), 1);
}

// 4 elements of each lane to p, p + 16.
static inline void vb_scatter_lanes(int32_t *p, vb v)
{
    _mm_storeu_si128((__m128i *)(void *)p, _mm256_castsi256_si128(v));
    _mm_storeu_si128((__m128i *)(void *)(p + 16), _mm256_extracti128_si256(v, 1));
}

static inline void vbf_scatter_lanes(float *p, vbf v)
{
    _mm_storeu_ps(p, _mm256_castps256_ps128(v));
    _mm_storeu_ps(p + 16, _mm256_extractf128_ps(v, 1));
}

static inline vb vb_set16(int32_t x)
{
    return _mm256_set1_epi16((int16_t)x);
}

static inline vb vb_set8(int32_t x)
{
    return _mm256_set1_epi8((char)x);
}

static inline vb vb_add16(vb a, vb b) // saturating
{
    return _mm256_adds_epi16(a, b);
}

// Inside 16-byte lanes, saturating: 32 to 16 bits, 16 bits to unsigned bytes.
static inline vb vb_narrow16(vb a, vb b)
{
    return _mm256_packs_epi32(a, b);
}

static inline vb vb_narrow8(vb a, vb b)
{
    return _mm256_packus_epi16(a, b);
}

// Half a vector from each of two rows. There are no quarters: a lane is half a vector.
static inline vb vb_load_halves(const uint8_t *const *x, size_t offset)
{
    const __m128i *low = (const __m128i *)(const void *)(x[0] + offset);
    const __m128i *high = (const __m128i *)(const void *)(x[1] + offset);
    vb v = _mm256_castsi128_si256(_mm_loadu_si128(low));
    return _mm256_inserti128_si256(v, _mm_loadu_si128(high), 1);
}

static inline vb vb_load_quarters(const uint8_t *const *x, size_t offset)
{
    return vb_load_halves(x, offset);
}

static inline vb vb_repeat_half(const int8_t *p)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)p));
}

static inline vb vb_repeat_quarter(const int8_t *p)
{
    return vb_repeat_half(p);
}

// Stores n bytes from byte `first` of v (a multiple of 16) on.
static inline void vb_store_part(uint8_t *p, vb v, size_t first, size_t n)
{
    uint8_t bytes[VB_BYTES];
    vb_store(bytes, v);
    if (n == VB_BYTES / 2) {
        memcpy(p, bytes + first, VB_BYTES / 2);
    } else {
        memcpy(p, bytes + first, n);
    }
}

static inline vb vbf_as_ints(vbf v)
{
    return _mm256_castps_si256(v);
}

static inline vbf vb_to_floats(vb v)
{
    return _mm256_cvtepi32_ps(v);
}

static inline vb vbf_round(vbf v) // to nearest even
{
    return _mm256_cvtps_epi32(v);
}

static inline vbf vbf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void vbf_store(float *p, vbf v)
{
    _mm256_storeu_ps(p, v);
}

static inline vbf vbf_set(float x)
{
    return _mm256_set1_ps(x);
}

static inline vbf vbf_add(vbf a, vbf b)
{
    return _mm256_add_ps(a, b);
}

static inline vbf vbf_mul(vbf a, vbf b)
{
    return _mm256_mul_ps(a, b);
}

static inline vbf vbf_fma(vbf a, vbf b, vbf c) // a b + c
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vbf vbf_fnma(vbf a, vbf b, vbf c) // c - a b
{
    return _mm256_fnmadd_ps(a, b, c);
}

static inline vbf vbf_div(vbf a, vbf b)
{
    return _mm256_div_ps(a, b);
}

// b when one of both is NaN.
static inline vbf vbf_min(vbf a, vbf b)
{
    return _mm256_min_ps(a, b);
}

static inline vbf vbf_max(vbf a, vbf b)
{
    return _mm256_max_ps(a, b);
}

static inline vb vbf_round_known(vbf v) // 0 for NaN
{
    return vbf_round(_mm256_and_ps(_mm256_cmp_ps(v, v, _CMP_ORD_Q), v));
}

// acc plus the sums of four products of neighbouring bytes, x unsigned, w signed. Even and odd
// bytes apart: products of 16 bits and sums of two of them are exact.
static inline vb vb_dot(vb acc, vb x, vb w)
{
    vb even = _mm256_and_si256(x, _mm256_set1_epi16(255));
    vb odd = _mm256_srli_epi16(x, 8);
    vb even_factors = _mm256_srai_epi16(_mm256_slli_epi16(w, 8), 8);
    vb odd_factors = _mm256_srai_epi16(w, 8);
    acc = vb_add(acc, _mm256_madd_epi16(even, even_factors));
    return vb_add(acc, _mm256_madd_epi16(odd, odd_factors));
}

#endif
