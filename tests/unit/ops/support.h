// SPDX-License-Identifier: Apache-2.0
// Models from text and tensors from arrays, for the tests of ops.
#ifndef TEST_OPS_SUPPORT_H
#define TEST_OPS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/ir.h"
#include "ops/ops.h"

// Parses and resolves; the test fails when that fails. Free with mopt__model_free.
struct mopt_model *parse_model(const char *text);
// Text of the type of a value of the main graph, "?" when unknown; in buf.
const char *type_text(const struct mopt_model *model, const char *value, char *buf, size_t size);
// Text of the ints of a value: "[batch,3]", "5" for rank 0, "-" when there are none.
const char *ints_text(const struct mopt_model *model, const char *value, char *buf, size_t size);
struct mopt_node *node_of(const struct mopt_model *model, const char *op_type);

// New tensor from values given as double.
struct mopt_tensor *tensor_of(enum mopt_dtype dtype, int rank, const int64_t *dims,
                              const double *values);
// Runs the main graph of a model node by node on tensors; results are new references.
enum mopt_status run_model(struct mopt_model *model, struct mopt_tensor *const *inputs,
                           size_t input_count, struct mopt_datum **outputs, struct mopt_error *err);

#endif
