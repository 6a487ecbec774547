// SPDX-License-Identifier: Apache-2.0
// DequantizeLinear behind nodes that pick elements, instead of in front of them: a table of words
// in codes is not dequantized to look a few of them up. Private to exec.
#ifndef MOPT_EXEC_PICK_H
#define MOPT_EXEC_PICK_H

#include "ir/ir.h"

// A first look, cheap: some node of the model, or of a body in it, would change.
bool mopt__model_has_picked_codes(const struct mopt_model *model);
// Lets them pick codes (operators resolved). Values keep their names. Errors: MOPT_E_MEMORY.
enum mopt_status mopt__model_pick_codes(struct mopt_model *model, struct mopt_error *err);

#endif
