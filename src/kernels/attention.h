// SPDX-License-Identifier: Apache-2.0
// Fused attention of float heads: y = softmax(q k' scale + mask) v for every batch entry and head.
// Operands are read by strides, so [B,S,H*D] and [B,H,S,D] both work without transposes; no matrix
// of all scores exists. Drives the slots tile_f32 and softmax_f32.
#ifndef MOPT_KERNELS_ATTENTION_H
#define MOPT_KERNELS_ATTENTION_H

#include "kernels/gemm.h"

// Elements from one batch entry, head and position to the next; the elements of a head are
// neighbours.
struct mopt_head_steps {
    size_t batch, head, row;
};

struct mopt_attention_f32 {
    size_t batch, heads;
    size_t groups; // key/value heads, a divisor of heads: head h reads group h / (heads / groups)
    size_t queries, keys;
    size_t size, value_size; // of a head of q and k (at least 1), of v and y
    const float *q, *k, *v;
    float *y; // not overlapping the others
    struct mopt_head_steps q_steps, k_steps, v_steps, y_steps;
    const float *mask; // [keys] floats added for each batch entry, head and query, or NULL; a step
    struct mopt_head_steps mask_steps; // of 0 repeats
    float scale;
    bool causal;          // query i sees keys j <= i + past only
    size_t past;          // keys before the first query
    bool blind_is_zero;   // a query whose keys all have mask -infinity gives 0 (else NaN)
    bool unknown_is_zero; // so does one whose scores are NaN or reach infinity
};

// Bytes of scratch of a run with a pool of that many threads; 0 when the size does not fit.
size_t mopt__attention_f32_scratch(const struct mopt_kernels *kernels,
                                   const struct mopt_attention_f32 *attention, int threads);
// keys = 0 gives 0. scratch: as told, 64-byte aligned. The bytes of y do not depend on the number
// of threads. pool may be NULL. Does not allocate.
void mopt__attention_f32(const struct mopt_kernels *kernels,
                         const struct mopt_attention_f32 *attention, void *scratch,
                         struct mopt_pool *pool);

#endif
