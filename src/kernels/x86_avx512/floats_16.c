// SPDX-License-Identifier: Apache-2.0
// Floats of 16 bits and back with AVX-512.
#include <immintrin.h>

#include "kernels/slots.h"

enum { LANES = 16 };

static inline __mmask16 first(size_t n)
{
    return (__mmask16)(n < LANES ? (1U << n) - 1 : 0xffff);
}

void mopt__half_to_f32_avx512(const uint16_t *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 lanes = first(n - i);
        const __m256i v = _mm256_maskz_loadu_epi16(lanes, x + i);
        _mm512_mask_storeu_ps(y + i, lanes, _mm512_cvtph_ps(v));
    }
}

void mopt__f32_to_half_avx512(const float *x, uint16_t *y, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 lanes = first(n - i);
        const __m512 v = _mm512_maskz_loadu_ps(lanes, x + i);
        const __m256i half = _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        _mm256_mask_storeu_epi16(y + i, lanes, half);
    }
}

void mopt__bfloat_to_f32_avx512(const uint16_t *x, float *y, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 lanes = first(n - i);
        const __m512i v = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, x + i));
        _mm512_mask_storeu_epi32(y + i, lanes, _mm512_slli_epi32(v, 16));
    }
}

void mopt__f32_to_bfloat_avx512(const float *x, uint16_t *y, size_t n)
{
    const __m512i one = _mm512_set1_epi32(1);
    const __m512i below = _mm512_set1_epi32(0x7fff);
    const __m512i quiet = _mm512_set1_epi32(0x400000);
    for (size_t i = 0; i < n; i += LANES) {
        const __mmask16 lanes = first(n - i);
        const __m512 v = _mm512_maskz_loadu_ps(lanes, x + i);
        const __m512i bits = _mm512_castps_si512(v);
        const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), one);
        const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(below, odd));
        const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
        const __m512i result = _mm512_mask_or_epi32(rounded, nan, bits, quiet);
        _mm256_mask_storeu_epi16(y + i, lanes,
                                 _mm512_cvtepi32_epi16(_mm512_srli_epi32(result, 16)));
    }
}
