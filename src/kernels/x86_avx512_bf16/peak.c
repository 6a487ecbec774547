// SPDX-License-Identifier: Apache-2.0
// What the products of bfloat16 of AVX512_BF16 can do at most: vdpbf16ps on registers alone.
#include <immintrin.h>

#include "kernels/slots.h"

// Variables, not an array: those of an array would live in memory.
enum { SUMS = 16, STEPS = 8, LANES = 32 };
#define EACH_SUM(M) \
    M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14) M(15)

#define PAIR_SUM(i) __m512 s##i = _mm512_setzero_ps();
#define PAIR_STEP(i) __asm__ volatile("vdpbf16ps %2, %1, %0" : "+v"(s##i) : "v"(a), "v"(b));

uint64_t mopt__peak_pairs_avx512_bf16(uint64_t rounds)
{
    __m512i a = _mm512_set1_epi16(0x3f00); // 0.5
    __m512i b = _mm512_set1_epi16(0x3f80); // 1
    EACH_SUM(PAIR_SUM)
    for (uint64_t round = 0; round < rounds; round++) {
        for (int step = 0; step < STEPS; step++) {
            EACH_SUM(PAIR_STEP)
        }
    }
    return rounds * STEPS * SUMS * LANES * 2;
}
