// SPDX-License-Identifier: Apache-2.0
// What the integer products of AVX-512 VNNI can do at most: vpdpbusd (bytes) and vpdpwssd (16 bits)
// on registers alone.
#include <immintrin.h>

#include "kernels/slots.h"

// Variables, not an array: those of an array would live in memory.
enum { SUMS = 16, STEPS = 8 };
#define EACH_SUM(M) \
    M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14) M(15)
#define KEEP(x) __asm__ volatile("" : "+v"(x)) // read and changed here, says this

#define SUM(i) __m512i s##i = _mm512_setzero_si512();
#define BYTE_STEP(i)                        \
    s##i = _mm512_dpbusd_epi32(s##i, a, b); \
    KEEP(s##i);

uint64_t mopt__peak_u8_avx512_vnni(uint64_t rounds)
{
    __m512i a = _mm512_set1_epi8(3);
    __m512i b = _mm512_set1_epi8(-5);
    EACH_SUM(SUM)
    for (uint64_t round = 0; round < rounds; round++) {
        for (int step = 0; step < STEPS; step++) {
            EACH_SUM(BYTE_STEP)
        }
    }
    return rounds * STEPS * SUMS * sizeof a * 2;
}

#define WORD_STEP(i)                        \
    s##i = _mm512_dpwssd_epi32(s##i, a, b); \
    KEEP(s##i);

uint64_t mopt__peak_blocks_avx512_vnni(uint64_t rounds)
{
    __m512i a = _mm512_set1_epi16(3);
    __m512i b = _mm512_set1_epi16(-5);
    EACH_SUM(SUM)
    for (uint64_t round = 0; round < rounds; round++) {
        for (int step = 0; step < STEPS; step++) {
            EACH_SUM(WORD_STEP)
        }
    }
    return rounds * STEPS * SUMS * sizeof a;
}
