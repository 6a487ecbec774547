// SPDX-License-Identifier: Apache-2.0
// Products of floats with 8-bit weights: the floats become bytes by their range, as
// DynamicQuantizeLinear says, the sums are exact and then scaled. The bytes of the result do not
// depend on the instruction set, nor on the number of threads.
#ifndef MOPT_KERNELS_DYNAMIC_U8_H
#define MOPT_KERNELS_DYNAMIC_U8_H

#include "kernels/int8.h"

// Weights [k, n]; unsigned ones are given as value - 128 with zero point - 128.
struct mopt_dynamic_weights {
    const int8_t *packed; // mopt__pack_s8
    const int32_t *zero;  // [n] or NULL (all 0)
    const int32_t *sums;  // [n] sums over k of weight - zero, mod 2^32
    const float *scale;   // [n]
};

struct mopt_dynamic_u8 {
    size_t m, n, k;
    const float *a; // [m, k], all of which share a range
    const struct mopt_dynamic_weights *weights;
    const float *bias; // [n] or NULL
    float *c;          // [m, n]
    void *scratch;
};
// Bytes of scratch; 0 when the size does not fit.
size_t mopt__dynamic_u8_scratch(size_t m, size_t n, size_t k);
void mopt__dynamic_u8(const struct mopt_kernels *kernels, const struct mopt_dynamic_u8 *job,
                      struct mopt_pool *pool);

#endif
