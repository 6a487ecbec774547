// SPDX-License-Identifier: Apache-2.0
// Vectors of 16 floats (AVX-512 F): what the template bodies are written in.
#ifndef MOPT_KERNELS_X86_AVX512_VF_H
#define MOPT_KERNELS_X86_AVX512_VF_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

enum { VF_LANES = 16, VF_FEW = 0 }; // FEW: registers
typedef __m512 vf;

static inline vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void vf_store(float *p, vf x)
{
    _mm512_storeu_ps(p, x);
}

static inline __mmask16 vf_first(size_t n)
{
    return (__mmask16)((1U << n) - 1U);
}

// The first n < VF_LANES elements; the others are 0 and not touched.
static inline vf vf_load_n(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(vf_first(n), p);
}

static inline void vf_store_n(float *p, size_t n, vf x)
{
    _mm512_mask_storeu_ps(p, vf_first(n), x);
}

// 2 VF_LANES numbers of bfloat16: those in even places, and those in odd ones.
static inline vf vf_load_bf16_even(const uint16_t *p)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_loadu_si512(p), 16));
}

static inline vf vf_load_bf16_odd(const uint16_t *p)
{
    const __m512i upper = _mm512_set1_epi32((int32_t)0xffff0000);
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_loadu_si512(p), upper));
}

// VF_LANES numbers of binary16.
static inline vf vf_load_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)p));
}

static inline vf vf_set1(float x)
{
    return _mm512_set1_ps(x);
}

static inline vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}

static inline vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}

static inline vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}

// a * b + c, rounded once.
static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

// *c = a * b + *c as one instruction that keeps its registers: compilers move sums about in long
// loops. at: a is in memory, read for each product.
enum { VF_MEMORY_FACTOR = 1 };
static inline void vf_add_product(vf *c, vf a, vf b)
{
    __asm__("vfmadd231ps %2, %1, %0" : "+v"(*c) : "v"(a), "v"(b));
}

static inline void vf_add_product_at(vf *c, const float *a, vf b)
{
    __asm__("vfmadd231ps %2%{1to16%}, %1, %0" : "+v"(*c) : "v"(b), "m"(*a));
}

// Words of codes, the next code of each in the lowest of its bits. Codes of at most VW_TABLE_BITS
// are looked up: vw_code gives what stands for them in a table, else the code itself.
enum { VW_TABLE_BITS = 4 };
typedef __m512i vw;

static inline vw vw_load(const void *p)
{
    return _mm512_loadu_si512(p);
}

// Past a code; bits: 2, 4 or 8.
static inline vw vw_next(vw words, int bits)
{
    if (bits == 2) {
        return _mm512_srli_epi32(words, 2);
    }
    return bits == 4 ? _mm512_srli_epi32(words, 4) : _mm512_srli_epi32(words, 8);
}

// code - zero for every code of so many bits.
static inline vf vw_table(int bits, float zero)
{
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i code = _mm512_and_si512(lane, _mm512_set1_epi32((1 << bits) - 1));
    return _mm512_sub_ps(_mm512_cvtepi32_ps(code), _mm512_set1_ps(zero));
}

static inline vf vw_code(vw words, int bits, vf table)
{
    if (bits <= VW_TABLE_BITS) {
        return _mm512_permutexvar_ps(words, table);
    }
    return _mm512_cvtepi32_ps(_mm512_and_si512(words, _mm512_set1_epi32((1 << bits) - 1)));
}

// The larger or smaller one; x when one of them is NaN.
static inline vf vf_max(vf bound, vf x)
{
    return _mm512_max_ps(bound, x);
}

static inline vf vf_min(vf bound, vf x)
{
    return _mm512_min_ps(bound, x);
}

// The larger one; NaN when one is NaN.
static inline vf vf_larger(vf a, vf b)
{
    return _mm512_mask_mov_ps(_mm512_max_ps(a, b), _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), a);
}

#endif
