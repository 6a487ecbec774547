// SPDX-License-Identifier: Apache-2.0
// Equations of Einsum as labels per axis, and the fast form for two float operands. Only the files
// of Einsum include it.
#ifndef MOPT_OPS_EINSUM_H
#define MOPT_OPS_EINSUM_H

#include "ops/eval.h"

enum {
    MOPT_EINSUM_LETTERS = 52,
    MOPT_EINSUM_LABELS = MOPT_EINSUM_LETTERS + MOPT_RANK_MAX, // an ellipsis has labels of its own
    MOPT_EINSUM_TERM = 2 * MOPT_RANK_MAX,
    MOPT_EINSUM_OPERANDS = 32
};

// Labels of the axes of one operand or of the output.
struct mopt_einsum_term {
    int count;
    int dots; // position of the ellipsis among the labels, -1 = none
    uint8_t labels[MOPT_EINSUM_TERM];
};

struct mopt_einsum {
    int inputs;
    struct mopt_einsum_term in[MOPT_EINSUM_OPERANDS], out;
    int wide; // axes of the longest ellipsis
};

// Reads the node's equation for operands of these ranks; every axis has a label afterwards.
// Errors: MOPT_E_VALUE, MOPT_E_SHAPE, MOPT_E_UNSUPPORTED (too many operands).
enum mopt_status mopt__einsum_read(const struct mopt_node *node, const int *ranks, int inputs,
                                   struct mopt_einsum *e, struct mopt_error *err);
// The node as one matrix product per batch, where it has that form: two float32 operands, no label
// repeated in a term, equal sizes, and no label summed over in one operand alone. *done tells
// whether it had.
enum mopt_status mopt__einsum_product(struct mopt_eval *eval, const struct mopt_kernels *kernels,
                                      bool *done, struct mopt_error *err);

#endif
