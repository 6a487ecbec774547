// SPDX-License-Identifier: Apache-2.0
// What this processor can do, and process figures for reports. Compiled without ISA flags.
#ifndef MOPT_BASE_CPU_H
#define MOPT_BASE_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mopt_isa { // rising order on x86-64
    MOPT_ISA_REF,
    MOPT_ISA_AVX2,   // AVX2 + FMA + F16C
    MOPT_ISA_AVX512, // F, BW, DQ, VL
    MOPT_ISA_AVX512_VNNI,
    MOPT_ISA_AVX512_BF16,
};
// The highest level of this machine, capped by the environment variable MOPT_CPU, which holds one
// of the names below; another text there changes nothing.
enum mopt_isa mopt__cpu_isa(void);
// True when this machine multiplies pairs of bfloat16 (AVX512_BF16) faster than floats: AMD's do it
// at twice the rate; Intel's, as measured on Emerald Rapids, at half of it.
bool mopt__cpu_likes_bf16(void);
// True when this machine finds by itself what is read in one sequence, and instructions that fetch
// it only slow it down: AMD's, as measured on Zen 4; not Intel's, as measured on Emerald Rapids.
bool mopt__cpu_likes_sequences(void);
// "ref", "avx2", "avx512", "avx512-vnni", "avx512-bf16".
const char *mopt__isa_name(enum mopt_isa isa);
const char *mopt__cpu_name(char *buf, size_t capacity); // brand string, "unknown" if none

uint64_t mopt__clock_ns(void);    // monotonic
uint64_t mopt__peak_rss(void);    // bytes, 0 if unknown
uint64_t mopt__current_rss(void); // bytes, 0 if unknown

#endif
