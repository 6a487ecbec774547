// SPDX-License-Identifier: Apache-2.0
// Vectors of 8 floats (AVX2 + FMA): what the template bodies are written in.
#ifndef MOPT_KERNELS_X86_AVX2_VF_H
#define MOPT_KERNELS_X86_AVX2_VF_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

enum { VF_LANES = 8, VF_FEW = 1 }; // FEW: registers
typedef __m256 vf;

static inline vf vf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void vf_store(float *p, vf x)
{
    _mm256_storeu_ps(p, x);
}

static inline __m256i vf_first(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// The first n < VF_LANES elements; the others are 0 and not touched.
static inline vf vf_load_n(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, vf_first(n));
}

static inline void vf_store_n(float *p, size_t n, vf x)
{
    _mm256_maskstore_ps(p, vf_first(n), x);
}

// 2 VF_LANES numbers of bfloat16: those in even places, and those in odd ones.
static inline vf vf_load_bf16_even(const uint16_t *p)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_loadu_si256((const void *)p), 16));
}

// The mask stays in memory: a loop with twelve sums has no register for it.
static inline vf vf_load_bf16_odd(const uint16_t *p)
{
    static const uint32_t upper[] = {0xffff0000, 0xffff0000, 0xffff0000, 0xffff0000,
                                     0xffff0000, 0xffff0000, 0xffff0000, 0xffff0000};
    vf x = _mm256_loadu_ps((const float *)(const void *)p);
    __asm__("vandps %1, %0, %0" : "+x"(x) : "m"(upper));
    return x;
}

// VF_LANES numbers of binary16.
static inline vf vf_load_f16(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const void *)p));
}

static inline vf vf_set1(float x)
{
    return _mm256_set1_ps(x);
}

static inline vf vf_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}

static inline vf vf_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}

static inline vf vf_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}

// a * b + c, rounded once.
static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

// *c = a * b + *c as one instruction that keeps its registers: compilers move sums about in long
// loops. at: a is in memory, which takes a second instruction here.
enum { VF_MEMORY_FACTOR = 0 };
static inline void vf_add_product(vf *c, vf a, vf b)
{
    __asm__("vfmadd231ps %2, %1, %0" : "+x"(*c) : "x"(a), "x"(b));
}

static inline void vf_add_product_at(vf *c, const float *a, vf b)
{
    vf_add_product(c, vf_set1(*a), b);
}

// Words of codes, the next code of each in the lowest of its bits; none is looked up here.
enum { VW_TABLE_BITS = 0 };
typedef __m256i vw;

static inline vw vw_load(const void *p)
{
    return _mm256_loadu_si256(p);
}

// Past a code; bits: 2, 4 or 8.
static inline vw vw_next(vw words, int bits)
{
    if (bits == 2) {
        return _mm256_srli_epi32(words, 2);
    }
    return bits == 4 ? _mm256_srli_epi32(words, 4) : _mm256_srli_epi32(words, 8);
}

static inline vf vw_table(int bits, float zero)
{
    (void)bits;
    return vf_set1(zero);
}

static inline vf vw_code(vw words, int bits, vf table)
{
    (void)table;
    return _mm256_cvtepi32_ps(_mm256_and_si256(words, _mm256_set1_epi32((1 << bits) - 1)));
}

// The larger or smaller one; x when one of them is NaN.
static inline vf vf_max(vf bound, vf x)
{
    return _mm256_max_ps(bound, x);
}

static inline vf vf_min(vf bound, vf x)
{
    return _mm256_min_ps(bound, x);
}

// The larger one; NaN when one is NaN.
static inline vf vf_larger(vf a, vf b)
{
    return _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}

#endif
