// SPDX-License-Identifier: Apache-2.0
// Runs a model node by node with the reference meaning of each operator: slow, simple, and
// independent of the executor, so that it can judge it.
#ifndef CONFORMANCE_INTERPRET_H
#define CONFORMANCE_INTERPRET_H

#include "ops/ops.h"

// Operators must be resolved and graphs sorted. inputs: one per graph input, NULL where an
// initializer stands in or the input is left out. outputs: one new reference per graph output.
// values: NULL, or [model->value_count] that gets a new reference of every value of the main graph.
enum mopt_status interpret(struct mopt_model *model, struct mopt_datum *const *inputs,
                           struct mopt_datum **outputs, struct mopt_datum **values,
                           struct mopt_error *err);

#endif
