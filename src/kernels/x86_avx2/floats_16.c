// SPDX-License-Identifier: Apache-2.0
// Floats of 16 bits and back with AVX2 and F16C.
#include <immintrin.h>
#include <string.h>

#include "kernels/slots.h"

enum { LANES = 8 };

static inline __m128i load_16(const uint16_t *x, size_t n) // n <= LANES; zero behind
{
    uint16_t part[LANES] = {0};
    if (n < LANES) {
        memcpy(part, x, n * sizeof *x);
        x = part;
    }
    return _mm_loadu_si128((const __m128i *)(const void *)x);
}

static inline void store_16(uint16_t *y, __m128i v, size_t n)
{
    uint16_t part[LANES];
    _mm_storeu_si128((__m128i *)(void *)(n < LANES ? part : y), v);
    if (n < LANES) {
        memcpy(y, part, n * sizeof *y);
    }
}

static inline __m256i first(size_t n)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)n), lane);
}

static inline __m256 load_32(const float *x, size_t n)
{
    return n < LANES ? _mm256_maskload_ps(x, first(n)) : _mm256_loadu_ps(x);
}

static inline void store_32(float *y, __m256 v, size_t n)
{
    if (n < LANES) {
        _mm256_maskstore_ps(y, first(n), v);
    } else {
        _mm256_storeu_ps(y, v);
    }
}

void mopt__half_to_f32_avx2(const uint16_t *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        store_32(y + i, _mm256_cvtph_ps(load_16(x + i, n - i)), n - i);
    }
}

void mopt__f32_to_half_avx2(const float *x, uint16_t *y, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __m256 v = load_32(x + i, n - i);
        store_16(y + i, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT), n - i);
    }
}

void mopt__bfloat_to_f32_avx2(const uint16_t *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __m256i v = _mm256_cvtepu16_epi32(load_16(x + i, n - i));
        store_32(y + i, _mm256_castsi256_ps(_mm256_slli_epi32(v, 16)), n - i);
    }
}

void mopt__f32_to_bfloat_avx2(const float *x, uint16_t *y, size_t n)
{
    const __m256i one = _mm256_set1_epi32(1);
    const __m256i below = _mm256_set1_epi32(0x7fff);
    const __m256i quiet = _mm256_set1_epi32(0x400000);
    for (size_t i = 0; i < n; i += LANES) {
        const __m256 v = load_32(x + i, n - i);
        const __m256i bits = _mm256_castps_si256(v);
        const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), one);
        const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(below, odd));
        const __m256i silent = _mm256_or_si256(bits, quiet);
        const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
        const __m256i upper = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, silent, nan), 16);
        const __m256i packed = _mm256_packus_epi32(upper, upper); // each half of the lanes twice
        const __m256i together = _mm256_permute4x64_epi64(packed, 0x08);
        store_16(y + i, _mm256_castsi256_si128(together), n - i);
    }
}
