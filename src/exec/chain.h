// SPDX-License-Identifier: Apache-2.0
// Building of nodes in the place of one, which preparations that spread operators share. Private to
// exec.
#ifndef MOPT_EXEC_CHAIN_H
#define MOPT_EXEC_CHAIN_H

#include "exec/prepare.h"

// Nodes in front of `node`, one behind the other. The first failure ends it.
struct mopt_chain {
    struct mopt_node *node;
    struct mopt_node *last; // its output is made when somebody reads it, or is that of `node`
    struct mopt_error *err;
    bool failed;
};

// An operator of ONNX. NULL after a failure, here and below.
struct mopt_node *mopt__chain_add(struct mopt_chain *c, const char *op_type,
                                  struct mopt_value *const *inputs, uint32_t count,
                                  uint32_t outputs);
// What an output of a node is from now on.
struct mopt_value *mopt__chain_output(struct mopt_chain *c, struct mopt_node *made, uint32_t index);
struct mopt_value *mopt__chain_last(struct mopt_chain *c);
// op(last, value), or op(last) when value is NULL.
struct mopt_node *mopt__chain_follow(struct mopt_chain *c, const char *op_type,
                                     struct mopt_value *value);
// Floats of the last, which are integers, times a factor.
void mopt__chain_scale(struct mopt_chain *c, struct mopt_value *factor);
void mopt__chain_set_int(struct mopt_chain *c, struct mopt_node *made, const char *name,
                         int64_t value);
void mopt__chain_set_float(struct mopt_chain *c, struct mopt_node *made, const char *name,
                           double value);
// The last node makes what `node` made, and has its name. Errors: MOPT_E_MEMORY, of any step.
enum mopt_status mopt__chain_finish(struct mopt_chain *c);

#endif
