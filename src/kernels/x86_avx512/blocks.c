// SPDX-License-Identifier: Apache-2.0
// Floats to blocks of integers with AVX-512.
#include <immintrin.h>
#include <math.h>

#include "kernels/slots.h"

enum { LANES = 16, VECTORS = MOPT_BLOCK_LENGTH / LANES };
#define BODY static inline __attribute__((always_inline))
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

BODY __mmask16 first(size_t n)
{
    return (__mmask16)(n < LANES ? (1U << n) - 1 : 0xffff);
}

// The largest magnitude. Bits of a magnitude grow with it; those of infinities and NaN are largest.
BODY float largest(const __m512 x[VECTORS])
{
    const __m512i positive = _mm512_set1_epi32(0x7fffffff);
    __m512i most = _mm512_setzero_si512();
    UNROLL
    for (int v = 0; v < VECTORS; v++) {
        most = _mm512_max_epi32(most, _mm512_and_si512(_mm512_castps_si512(x[v]), positive));
    }
    const __m128i bits = _mm_cvtsi32_si128(_mm512_reduce_max_epi32(most));
    return _mm_cvtss_f32(_mm_castsi128_ps(bits));
}

// The root of the sum of squares.
BODY float norm_of(const __m512 x[VECTORS])
{
    __m512 sums = _mm512_setzero_ps();
    UNROLL
    for (int v = 0; v < VECTORS; v++) {
        sums = _mm512_fmadd_ps(x[v], x[v], sums);
    }
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(sums), _mm512_extractf32x8_ps(sums, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    four = _mm_add_ps(four, _mm_movehl_ps(four, four));
    four = _mm_add_ss(four, _mm_movehdup_ps(four));
    return _mm_cvtss_f32(_mm_sqrt_ss(four));
}

BODY float scale_of(const __m512 x[VECTORS], float most)
{
    const float least = 0x1p-126F;
    if (most >= 0x1p-50F && most <= 0x1p58F) {
        const float scale = norm_of(x) * (1.0F / MOPT_BLOCK_NORM);
        const float other = most * (1.0F / MOPT_BLOCK_LARGEST);
        return scale > other ? scale : other;
    }
    const float scale = most / MOPT_BLOCK_ALIKE;
    return scale < least ? least : scale;
}

// vectors: of numbers in a block, as stored; n of the numbers are there.
BODY void to_block(const float *x, size_t n, int vectors, float *y)
{
    __m512 some[VECTORS];
    UNROLL
    for (int v = 0; v < VECTORS; v++) {
        const size_t from = (size_t)v * LANES;
        some[v] = _mm512_maskz_loadu_ps(from < n ? first(n - from) : 0, x + from);
    }
    const float most = largest(some);
    const bool finite = isfinite(most);
    const float scale = scale_of(some, most);
    const __m512 inverse = _mm512_set1_ps(1 / scale);
    y[0] = finite ? scale : NAN;
    const __mmask16 all = finite ? 0xffff : 0;
    UNROLL
    for (int v = 0; v < VECTORS; v++) {
        if (v == vectors) {
            break;
        }
        const __m512i whole = _mm512_maskz_cvtps_epi32(all, _mm512_mul_ps(some[v], inverse));
        _mm256_storeu_si256((void *)(y + 1 + v * (LANES / 2)), _mm512_cvtepi32_epi16(whole));
    }
}

void mopt__f32_to_blocks_avx512(const float *x, size_t n, size_t length, float *y)
{
    size_t i = 0;
    if (length == MOPT_BLOCK_LENGTH) {
        for (; n - i >= MOPT_BLOCK_LENGTH; i += MOPT_BLOCK_LENGTH) {
            to_block(x + i, MOPT_BLOCK_LENGTH, VECTORS, y);
            y += 1 + MOPT_BLOCK_LENGTH / 2;
        }
    }
    for (; i < n; i += length, y += 1 + length / 2) {
        to_block(x + i, n - i < length ? n - i : length, (int)(length / LANES), y);
    }
}
