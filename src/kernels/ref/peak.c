// SPDX-License-Identifier: Apache-2.0
// How fast plain C multiplies and adds: the yardstick of machines without kernels of their own.
// The sums are kept apart so that no addition waits for another one.
#include "kernels/slots.h"

enum { SUMS = 32, STEPS = 16 };

// Tells the compiler that the sums are read and changed here.
static void keep(void *sums)
{
    __asm__ volatile("" : : "r"(sums) : "memory");
}

uint64_t mopt__peak_f32_ref(uint64_t rounds)
{
    float sums[SUMS] = {0};
    for (uint64_t round = 0; round < rounds; round++) {
        for (int step = 0; step < STEPS; step++) {
            for (int i = 0; i < SUMS; i++) {
                sums[i] = sums[i] * 0.5F + 1.0F;
            }
        }
        keep(sums);
    }
    return rounds * STEPS * SUMS * 2;
}

uint64_t mopt__peak_u8_ref(uint64_t rounds)
{
    uint32_t sums[SUMS] = {0};
    uint8_t a[SUMS];
    int8_t b[SUMS];
    for (int i = 0; i < SUMS; i++) {
        a[i] = (uint8_t)(i + 1);
        b[i] = (int8_t)(i - 16);
    }
    for (uint64_t round = 0; round < rounds; round++) {
        for (int step = 0; step < STEPS; step++) {
            keep(a);
            for (int i = 0; i < SUMS; i++) {
                sums[i] += (uint32_t)(a[i] * b[i]);
            }
        }
        keep(sums);
    }
    return rounds * STEPS * SUMS * 2;
}
