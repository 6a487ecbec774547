// SPDX-License-Identifier: Apache-2.0
// Det: determinant of square matrices by elimination with row pivots, in double.
#include <math.h>

#include "ops/lanes.h"
#include "ops/operands.h"

static void swap_rows(double *m, int64_t n, int64_t a, int64_t b)
{
    for (int64_t i = 0; i < n; i++) {
        const double old = m[a * n + i];
        m[a * n + i] = m[b * n + i];
        m[b * n + i] = old;
    }
}

// Destroys m [n,n].
static double determinant(double *m, int64_t n)
{
    double det = 1.0;
    for (int64_t k = 0; k < n; k++) {
        int64_t pivot = k;
        for (int64_t r = k + 1; r < n; r++) {
            pivot = fabs(m[r * n + k]) > fabs(m[pivot * n + k]) ? r : pivot;
        }
        if (m[pivot * n + k] == 0) {
            return 0.0;
        }
        if (pivot != k) {
            swap_rows(m, n, pivot, k);
            det = -det;
        }
        det *= m[k * n + k];
        for (int64_t r = k + 1; r < n; r++) {
            const double factor = m[r * n + k] / m[k * n + k];
            for (int64_t c = k; c < n; c++) {
                m[r * n + c] -= factor * m[k * n + c];
            }
        }
    }
    return det;
}

static enum mopt_status det_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[1];
    struct mopt_tensor *out = NULL;
    enum mopt_status status = mopt__open(eval, in, 1, err);
    if (status == MOPT_OK &&
        (in[0]->rank < 2 || in[0]->dims[in[0]->rank - 1] != in[0]->dims[in[0]->rank - 2])) {
        status = mopt_error_set(err, MOPT_E_SHAPE, "input is not a stack of square matrices");
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[0]->dtype, in[0]->rank - 2, in[0]->dims, &out, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    const int64_t n = in[0]->dims[in[0]->rank - 1];
    size_t area = 0;
    double *m =
        mopt__size_mul((size_t)n, (size_t)n, &area) ? mopt__calloc(area + 1, sizeof *m) : NULL;
    if (m == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < out->count; i++) {
        mopt__load_f64(in[0]->dtype, in[0]->data, (int64_t)(i * area), 1, area, m);
        const double det = determinant(m, n);
        mopt__store_f64(out->dtype, mopt__tensor_data(out), (int64_t)i, 1, &det);
    }
    mopt__free(m);
    return MOPT_OK;
}

static enum mopt_status det_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    if (type == NULL || type->rank < 0) {
        return mopt__infer_unknown(infer, -1, err);
    }
    if (type->rank < 2) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d, must be at least 2",
                              type->rank);
    }
    return mopt__infer_set(infer, 0, type->dtype, type->rank - 2, type->dims, err);
}

#define RECORD(from, to, set)                                                          \
    {                                                                                  \
        .domain = "", .name = "Det", .since = from, .until = to,                       \
        .summary = "determinants of square matrices", MOPT_INPUTS({"X", "T", set, 0}), \
        MOPT_OUTPUTS({"Y", "T", set, 0}), .infer = det_infer, .eval = det_eval         \
    }

static const struct mopt_op records[] = {
    RECORD(11, 21, MOPT_SET_FLOATS),
    RECORD(22, 0, MOPT_SET_FLOATS_BF),
};
const struct mopt_op_family mopt__ops_det = {records, MOPT_COUNTOF(records)};
