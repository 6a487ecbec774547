// SPDX-License-Identifier: Apache-2.0
// What the two files of Attention share: its inputs, checked. Nobody else includes this.
#ifndef MOPT_OPS_ATTENTION_NODE_H
#define MOPT_OPS_ATTENTION_NODE_H

#include "ops/nn_util.h"

struct mopt_attention_node {
    const struct mopt_tensor *q, *k, *v, *mask, *past_k, *past_v, *lengths;
    bool flat; // inputs of rank 3: heads are folded into the last axis
    bool causal;
    double scale, softcap;
    int64_t left, right; // sliding window, -1 = open
    int64_t output_mode;
    enum mopt_dtype precision;       // of the softmax
    size_t batch, heads, groups;     // query heads, key/value heads
    size_t rows, fresh, past, total; // queries, new keys, cached keys, all keys
    size_t size, value_size;         // of a head of q and k, of v
};

// Reads and checks the inputs and attributes of a call; the tensors stay those of the call. Errors:
// MOPT_E_SHAPE, MOPT_E_VALUE, MOPT_E_FORMAT, those of a missing input.
enum mopt_status mopt__attention_open(const struct mopt_eval *eval, struct mopt_attention_node *a,
                                      struct mopt_error *err);
// What is added to the score of one query and key; -infinity: not to be seen.
double mopt__attention_added(const struct mopt_attention_node *a, size_t batch, size_t head,
                             size_t row, size_t column);
// Makes output 0, of the layout of the inputs: [batch, rows, heads * value_size] or [batch, heads,
// rows, value_size].
enum mopt_status mopt__attention_output(struct mopt_eval *eval, const struct mopt_attention_node *a,
                                        struct mopt_tensor **y, struct mopt_error *err);
// The reference.
enum mopt_status mopt__attention_eval(struct mopt_eval *eval, struct mopt_error *err);
// attention_run.c: by the fused kernel where it computes the same.
enum mopt_status mopt__attention_bind(struct mopt_bind *bind, struct mopt_error *err);

#endif
