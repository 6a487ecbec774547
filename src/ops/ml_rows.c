// SPDX-License-Identifier: Apache-2.0
// Rows of features and transforms of scores, as ai.onnx.ml has them.
#include "ops/ml_rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum mopt_status mopt__ml_rows(const struct mopt_eval *eval, struct mopt_ml_rows *rows,
                               struct mopt_error *err)
{
    const struct mopt_tensor *x = mopt__eval_input(eval, 0);
    if (x->rank != 1 && x->rank != 2) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d, must be [N,F] or [F]",
                              x->rank);
    }
    *rows = (struct mopt_ml_rows){.x = x,
                                  .count = x->rank == 2 ? (size_t)x->dims[0] : 1,
                                  .width = (size_t)x->dims[x->rank - 1]};
    return MOPT_OK;
}

int64_t mopt__ml_row_count(const struct mopt_infer *infer)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    int rank = type != NULL ? type->rank : -1;
    return rank == 2 ? type->dims[0] : rank == 1 ? 1 : MOPT_DIM_UNKNOWN;
}

void mopt__ml_row(const struct mopt_ml_rows *rows, size_t index, double *row)
{
    size_t first = index * rows->width;
    if (rows->x->dtype == MOPT_FLOAT32) {
        const float *x = (const float *)rows->x->data + first;
        for (size_t i = 0; i < rows->width; i++) {
            row[i] = (double)x[i];
        }
        return;
    }
    for (size_t i = 0; i < rows->width; i++) {
        row[i] = mopt__tensor_f64(rows->x, first + i);
    }
}

enum mopt_status mopt__ml_reals(const struct mopt_node *node, const char *name,
                                struct mopt_ml_reals *reals, struct mopt_error *err)
{
    char as_tensor[64];
    struct mopt_tensor *tensor = NULL;
    snprintf(as_tensor, sizeof as_tensor, "%s_as_tensor", name);
    enum mopt_status status = mopt__attr_floats(node, name, &reals->floats, &reals->count, err);
    if (status == MOPT_OK) {
        status = mopt__attr_tensor(node, as_tensor, &tensor, err);
    }
    if (status == MOPT_OK && tensor != NULL &&
        (reals->count != 0 || !mopt__dtype_is_float(tensor->dtype))) {
        return mopt_error_set(err, MOPT_E_VALUE, "'%s' must be floats, given once", name);
    }
    reals->tensor = tensor;
    reals->count = tensor != NULL ? tensor->count : reals->count;
    return status;
}

double mopt__ml_real(const struct mopt_ml_reals *reals, size_t i)
{
    return reals->tensor != NULL ? mopt__tensor_f64(reals->tensor, i) : (double)reals->floats[i];
}

enum mopt_ml_post mopt__ml_post(const char *name)
{
    static const char *const names[] = {
        [MOPT_ML_NONE] = "NONE",         [MOPT_ML_SOFTMAX] = "SOFTMAX",
        [MOPT_ML_LOGISTIC] = "LOGISTIC", [MOPT_ML_SOFTMAX_ZERO] = "SOFTMAX_ZERO",
        [MOPT_ML_PROBIT] = "PROBIT",
    };
    int post = 0;
    while (post < MOPT_ML_POSTS && strcmp(names[post], name) != 0) {
        post++;
    }
    return (enum mopt_ml_post)post;
}

double mopt__ml_logistic(double x)
{
    return 1 / (1 + exp(-x));
}

// Inverse of the normal distribution: bisection on erfc, which is monotonous; exact to the last
// bits of a float.
static double probit(double p)
{
    if (!(p > 0 && p < 1)) {
        return p == 0 ? -(double)INFINITY : (p == 1 ? (double)INFINITY : (double)NAN);
    }
    double low = -40;
    double high = 40;
    for (int i = 0; i < 100; i++) {
        double middle = (low + high) / 2;
        if (erfc(-middle / sqrt(2.0)) / 2 < p) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return (low + high) / 2;
}

static void softmax(double *row, size_t count, bool keep_zeros)
{
    double most = -(double)INFINITY;
    double total = 0;
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, row[i]);
    }
    for (size_t i = 0; i < count; i++) {
        bool kept = keep_zeros && row[i] == 0;
        row[i] = kept ? 0 : exp(row[i] - most);
        total += row[i];
    }
    for (size_t i = 0; total > 0 && i < count; i++) {
        row[i] /= total;
    }
}

void mopt__ml_finish(enum mopt_ml_post post, double *scores, size_t count)
{
    if (post == MOPT_ML_SOFTMAX || post == MOPT_ML_SOFTMAX_ZERO) {
        softmax(scores, count, post == MOPT_ML_SOFTMAX_ZERO);
    }
    for (size_t i = 0; i < count; i++) {
        if (post == MOPT_ML_LOGISTIC) {
            scores[i] = mopt__ml_logistic(scores[i]);
        } else if (post == MOPT_ML_PROBIT) {
            scores[i] = probit(scores[i]);
        }
    }
}
