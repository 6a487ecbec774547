// SPDX-License-Identifier: Apache-2.0
// Agreement of two models on the same inputs: outputs by position, inner tensors by name.
#ifndef MOPT_MEASURE_COMPARE_H
#define MOPT_MEASURE_COMPARE_H

#include "exec/exec.h"
#include "measure/difference.h"

struct mopt_compare_row {
    const char *name; // of the value in model a
    const char *op;   // operator that makes it in a, "" for inputs
    bool output;      // a graph output
    struct mopt_difference difference;
};

struct mopt_comparison; // opaque

struct mopt_compare_options {
    struct mopt_session_options session; // bf16 is for b only: a is the reference
    struct mopt_tolerance tolerance;
    bool inner; // compare inner tensors, too
    const struct mopt_budget *budget;
};

// Prepares both models (they must outlive the comparison). Outputs are paired by name where b has
// an output of that name, else by position. Errors: MOPT_E_SHAPE when the numbers of inputs without
// initializer or of outputs differ, and those of sessions.
enum mopt_status mopt__comparison_new(struct mopt_model *a, struct mopt_model *b,
                                      const struct mopt_compare_options *options,
                                      struct mopt_comparison **out, struct mopt_error *err);
void mopt__comparison_free(struct mopt_comparison *comparison);
// Runs both on inputs of a ([graph inputs of a]); b gets them by name, else by position.
enum mopt_status mopt__comparison_add(struct mopt_comparison *comparison,
                                      struct mopt_datum *const *inputs, struct mopt_error *err);
// Rows in the order in which a computes them, outputs last. Valid until the comparison is freed.
const struct mopt_compare_row *mopt__comparison_rows(const struct mopt_comparison *comparison,
                                                     size_t *count);
// First row beyond the tolerance, NULL if all fit.
const struct mopt_compare_row *mopt__comparison_first_bad(const struct mopt_comparison *comparison);
size_t mopt__comparison_runs(const struct mopt_comparison *comparison);

#endif
