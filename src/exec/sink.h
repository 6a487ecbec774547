// SPDX-License-Identifier: Apache-2.0
// Codes that bodies read: DequantizeLinear stands where its result is used. Private to exec.
#ifndef MOPT_EXEC_SINK_H
#define MOPT_EXEC_SINK_H

#include "ir/ir.h"

// A first look: some body reads what a DequantizeLinear of an enclosing graph makes, and would get
// one of its own.
bool mopt__model_has_outer_codes(const struct mopt_model *model);
// Gives those bodies theirs (functions inlined, operators resolved). The outer node stays: values
// keep their names. Errors: MOPT_E_MEMORY.
enum mopt_status mopt__model_sink_codes(struct mopt_model *model, struct mopt_error *err);

#endif
