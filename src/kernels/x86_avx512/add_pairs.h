// SPDX-License-Identifier: Apache-2.0
// Products of pairs of 16-bit numbers in the place of those of floats, for tiles of the levels
// above this one (template/tile_f32.h). The file that includes it defines
//   ADD_PAIRS   the instruction, as text: adds to each float or integer the products of two pairs
#ifndef MOPT_KERNELS_X86_AVX512_ADD_PAIRS_H
#define MOPT_KERNELS_X86_AVX512_ADD_PAIRS_H

#include <immintrin.h>

#ifndef ADD_PAIRS
#define ADD_PAIRS "vpdpwssd"
#endif

// *c += the two products; at: a is in memory. Keeps registers as vf_add_product does.
static inline void add_pairs(__m512 *c, __m512 a, __m512 b)
{
    __asm__(ADD_PAIRS " %2, %1, %0" : "+v"(*c) : "v"(a), "v"(b));
}

static inline void add_pairs_at(__m512 *c, const float *a, __m512 b)
{
    __asm__(ADD_PAIRS " %2%{1to16%}, %1, %0" : "+v"(*c) : "v"(b), "m"(*a));
}

#define TILE_ADD_PRODUCT add_pairs
#define TILE_ADD_PRODUCT_AT add_pairs_at

#endif
