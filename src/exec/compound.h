// SPDX-License-Identifier: Apache-2.0
// Operators of com.microsoft that several of ONNX can say. Private to exec.
#ifndef MOPT_EXEC_COMPOUND_H
#define MOPT_EXEC_COMPOUND_H

#include "ir/ir.h"

// A first look, cheap: some node of the model, or of a body in it, would change.
bool mopt__model_has_compound(const struct mopt_model *model);
// Rewrites them (functions inlined, operators resolved, types inferred as far as they can be).
// Values keep their names, nodes keep them on the last one that stands for them. Errors:
// MOPT_E_MEMORY.
enum mopt_status mopt__model_spread(struct mopt_model *model, struct mopt_error *err);

#endif
