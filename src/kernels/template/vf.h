// SPDX-License-Identifier: Apache-2.0
// The float vectors of the instruction set a file is compiled for, and how loops over registers are
// unrolled.
#ifndef MOPT_KERNELS_TEMPLATE_VF_H
#define MOPT_KERNELS_TEMPLATE_VF_H

#if defined(__AVX512F__)
#include "kernels/x86_avx512/vf.h"
#else
#include "kernels/x86_avx2/vf.h"
#endif

// Before a loop over registers: accumulators stay in registers only when it is unrolled.
#if defined(__clang__)
#define VF_UNROLL _Pragma("clang loop unroll(full)")
#else
#define VF_UNROLL _Pragma("GCC unroll 64")
#endif

// Keeps an address as it is written: compilers like to replace one by two that need more registers.
#define VF_OPAQUE(address) __asm__("" : "+r"(address))
// The same, and what lies there is read again.
#define VF_FORGET(address) __asm__ volatile("" : "+r"(address) : : "memory")

#define VF_BODY static inline __attribute__((always_inline))

// n elements, at most one vector.
VF_BODY vf vf_load_upto(const float *p, size_t n)
{
    return n >= VF_LANES ? vf_load(p) : vf_load_n(p, n);
}

VF_BODY void vf_store_upto(float *p, size_t n, vf x)
{
    if (n >= VF_LANES) {
        vf_store(p, x);
    } else {
        vf_store_n(p, n, x);
    }
}

VF_BODY vf vf_clamp(vf x, vf low, vf high)
{
    return vf_min(high, vf_max(low, x));
}

#endif
