// SPDX-License-Identifier: Apache-2.0
// FLOAT instead of FLOAT16 and BFLOAT16 between the operators of a model. Private to exec.
#ifndef MOPT_EXEC_WIDEN_H
#define MOPT_EXEC_WIDEN_H

#include "base/threads.h"
#include "ir/ir.h"
#include "kernels/table.h"

enum { MOPT_STORED_LEAST = 1 << 16 }; // elements of weights that are not widened for good

// A first look, cheap: the model holds tensors of 16-bit floats.
bool mopt__model_has_narrow(const struct mopt_model *model);
// Rewrites a model (functions inlined, operators resolved) whose tensors nobody else holds for
// writing, so that its operators compute in FLOAT. Inputs and outputs of the model, names of
// values, explicit roundings and random numbers stay as they are; values that are FLOAT now say so.
// *changed false: no operator computes with 16-bit floats, or types are not known well enough.
enum mopt_status mopt__model_widen(struct mopt_model *model, const struct mopt_kernels *kernels,
                                   struct mopt_pool *pool, bool *changed, struct mopt_error *err);

// stored.c: the use is that of the weights (of this rank) of a product or a convolution.
bool mopt__use_is_weight(const struct mopt_use *use, int rank);
// A Cast of a constant of 16 bits to FLOAT that only packing will read.
bool mopt__weights_are_stored(const struct mopt_node *cast, const struct mopt_tensor *constant);

#endif
