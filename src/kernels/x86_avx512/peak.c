// SPDX-License-Identifier: Apache-2.0
// What AVX-512 can do at most: multiply-adds on registers alone, enough sums to hide their latency.
// Bytes are multiplied exactly, in 16 bits, as the kernels of this level must.
#include <immintrin.h>

#include "kernels/slots.h"

// Variables, not an array: those of an array would live in memory.
enum { SUMS = 16, STEPS = 8 };
#define EACH_SUM(M) \
    M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14) M(15)
#define KEEP(x) __asm__ volatile("" : "+v"(x)) // read and changed here, says this

#define FLOAT_SUM(i) __m512 s##i = _mm512_setzero_ps();
#define FLOAT_STEP(i)                   \
    s##i = _mm512_fmadd_ps(s##i, a, b); \
    KEEP(s##i);

uint64_t mopt__peak_f32_avx512(uint64_t rounds)
{
    __m512 a = _mm512_set1_ps(0.5F);
    __m512 b = _mm512_set1_ps(1.0F);
    EACH_SUM(FLOAT_SUM)
    for (uint64_t round = 0; round < rounds; round++) {
        for (int step = 0; step < STEPS; step++) {
            EACH_SUM(FLOAT_STEP)
        }
    }
    return rounds * STEPS * SUMS * (sizeof a / sizeof(float)) * 2;
}

#define BYTE_SUM(i) __m512i s##i = _mm512_set1_epi32(0);
#define BYTE_STEP(i)                                        \
    KEEP(a); /* or the product would be made once */        \
    s##i = _mm512_add_epi32(s##i, _mm512_madd_epi16(a, b)); \
    KEEP(s##i);

uint64_t mopt__peak_u8_avx512(uint64_t rounds)
{
    __m512i a = _mm512_set1_epi16(3);
    __m512i b = _mm512_set1_epi16(-5);
    EACH_SUM(BYTE_SUM)
    for (uint64_t round = 0; round < rounds; round++) {
        for (int step = 0; step < STEPS; step++) {
            EACH_SUM(BYTE_STEP)
        }
    }
    return rounds * STEPS * SUMS * (sizeof a / sizeof(int16_t)) * 2;
}
