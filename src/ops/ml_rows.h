// SPDX-License-Identifier: Apache-2.0
// What operators of ai.onnx.ml share: rows of features, and what is done with the scores of a row
// at the end (attribute post_transform).
#ifndef MOPT_OPS_ML_ROWS_H
#define MOPT_OPS_ML_ROWS_H

#include "ops/eval.h"
#include "ops/infer.h"

// Element types of features.
#define MOPT_ML_NUMBERS \
    (MOPT_DT(MOPT_FLOAT32) | MOPT_DT(MOPT_FLOAT64) | MOPT_DT(MOPT_INT32) | MOPT_DT(MOPT_INT64))

// Input 0 as rows: [rows,width], or [width], which is one row. MOPT_E_SHAPE: another rank.
struct mopt_ml_rows {
    const struct mopt_tensor *x;
    size_t count, width;
};
enum mopt_status mopt__ml_rows(const struct mopt_eval *eval, struct mopt_ml_rows *rows,
                               struct mopt_error *err);
// The same as a dim, in inference.
int64_t mopt__ml_row_count(const struct mopt_infer *infer);
// row[width]: the numbers of a row.
void mopt__ml_row(const struct mopt_ml_rows *rows, size_t index, double *row);

// Numbers of an attribute: floats, or a tensor in the attribute <name>_as_tensor. None: count 0.
struct mopt_ml_reals {
    const float *floats;
    const struct mopt_tensor *tensor; // NULL: floats
    size_t count;
};
enum mopt_status mopt__ml_reals(const struct mopt_node *node, const char *name,
                                struct mopt_ml_reals *reals, struct mopt_error *err);
double mopt__ml_real(const struct mopt_ml_reals *reals, size_t i);

// As TreeEnsemble numbers them.
enum mopt_ml_post {
    MOPT_ML_NONE,
    MOPT_ML_SOFTMAX,
    MOPT_ML_LOGISTIC,
    MOPT_ML_SOFTMAX_ZERO,
    MOPT_ML_PROBIT,
    MOPT_ML_POSTS
};
// Their names, in older operators, apart by '|' as attribute records want them.
#define MOPT_ML_POST_NAMES "NONE|SOFTMAX|LOGISTIC|SOFTMAX_ZERO|PROBIT"
// MOPT_ML_POSTS: none has this name.
enum mopt_ml_post mopt__ml_post(const char *name);
void mopt__ml_finish(enum mopt_ml_post post, double *scores, size_t count);
// 1 / (1 + exp(-x))
double mopt__ml_logistic(double x);

#endif
