// SPDX-License-Identifier: Apache-2.0
// Calls of model-local functions without inlining: how a node of a function's body reads at one
// call. It must not know any operator.
#ifndef MOPT_OPS_FUNCTION_H
#define MOPT_OPS_FUNCTION_H

#include "ops/op.h"

// One call that is being looked into. `node` is itself bound to the outer call.
struct mopt_call {
    const struct mopt_node *node;
    const struct mopt_function *function;
    const struct mopt_call *outer; // NULL at the outermost call
    unsigned depth;
};

// *out is `node` as it stands in this call: attributes that refer to attributes of the function are
// replaced by those of the call or by the function's defaults (dropped when there is neither),
// inputs that are parameters which the call leaves out are absent. The node itself when nothing
// changes (call may be NULL), else a copy in the arena that shares everything else and must not be
// edited. Errors: MOPT_E_MEMORY.
enum mopt_status mopt__call_bind(const struct mopt_call *call, const struct mopt_node *node,
                                 struct mopt_arena *arena, const struct mopt_node **out,
                                 struct mopt_error *err);

// True when the function is already being called further out (a recursion, which the format
// forbids).
bool mopt__call_active(const struct mopt_call *call, const struct mopt_function *function);

#endif
