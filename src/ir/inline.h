// SPDX-License-Identifier: Apache-2.0
// Replaces calls of model-local functions by their bodies.
#ifndef MOPT_IR_INLINE_H
#define MOPT_IR_INLINE_H

#include "ir/graph.h"

enum { MOPT_INLINE_NODES_MAX = 1000000 }; // nodes an inlining may create

// Inlines every call in the main graph and its bodies, also calls inside functions, until none is
// left; attribute references (ref_attr_name) become the call's attributes or the function's
// defaults. Values keep their names where possible (prefixed by the call's name otherwise).
// Functions stay listed but unused. node->op of the new nodes is copied from the body: run the
// operator resolution again if opsets differ. Errors: MOPT_E_FORMAT (recursive functions, too few
// inputs), MOPT_E_LIMIT (too many nodes), MOPT_E_MEMORY.
enum mopt_status mopt__model_inline_functions(struct mopt_model *model, struct mopt_error *err);

#endif
