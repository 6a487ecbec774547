// SPDX-License-Identifier: Apache-2.0
// QDQ form: what com.microsoft's QLinear operators say in one node as DequantizeLinear, an operator
// on floats and QuantizeLinear. Private to exec.
#ifndef MOPT_EXEC_QDQ_H
#define MOPT_EXEC_QDQ_H

#include "ir/ir.h"

// A first look, cheap: some node of the model, or of a body in it, would change.
bool mopt__model_has_qlinear(const struct mopt_model *model);
// Rewrites them (functions inlined, operators resolved). Values keep their names, nodes keep them
// on the operator in the middle. Errors: MOPT_E_MEMORY.
enum mopt_status mopt__model_to_qdq(struct mopt_model *model, struct mopt_error *err);
// Content of an initializer or of a Constant node; NULL when it is neither.
const struct mopt_tensor *mopt__initial_constant(const struct mopt_value *value);

#endif
