// SPDX-License-Identifier: Apache-2.0
// Rules of reverse accumulation: what the slope of a node's output means for its inputs. It must
// not know how a graph is walked; gradient.c does that.
#ifndef MOPT_OPS_GRADIENT_H
#define MOPT_OPS_GRADIENT_H

#include "ops/eval.h"

// One node of the differentiated graph. Numbers are double whatever the element types are.
struct mopt_gradient {
    const struct mopt_node *node;
    const struct mopt_tensor *const *inputs; // [node->input_count], NULL = absent
    const struct mopt_tensor *output;        // output 0
    const double *slope;                     // of output 0: [output->count]
    double *const *slopes;            // [node->input_count] to be added to, NULL = not asked for
    const struct mopt_budget *budget; // may be NULL
};

// Adds this node's part to the slopes of its inputs. Errors: MOPT_E_UNSUPPORTED (no rule for the
// operator, or not for this form of it), MOPT_E_VALUE, MOPT_E_MEMORY, those of the budget.
enum mopt_status mopt__gradient_add(const struct mopt_gradient *gradient, struct mopt_error *err);

#endif
