// SPDX-License-Identifier: Apache-2.0
// Trilu (upper or lower triangle of matrices, zero elsewhere) and EyeLike (ones on a diagonal).
#include <string.h>

#include "ops/copy.h"
#include "ops/lanes.h"
#include "ops/operands.h"

// ---- Trilu ----------------------------------------------------------------------------------------------------

static int64_t clamp(int64_t x, int64_t low, int64_t high)
{
    return x < low ? low : x > high ? high : x;
}

// Zero bits in every element; strings become empty.
static void clear(struct mopt_tensor *t)
{
    if (t->dtype != MOPT_STRING && t->bytes > 0) {
        memset(mopt__tensor_data(t), 0, t->bytes);
    }
}

static enum mopt_status trilu_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    struct mopt_tensor *out = NULL;
    int64_t k = 0;
    int64_t upper = 1;
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK && in[0]->rank < 2) {
        status =
            mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d, must be at least 2", in[0]->rank);
    }
    if (status == MOPT_OK && in[1] != NULL) {
        status = mopt__scalar_i64(in[1], "k", &k, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "upper", 1, &upper, err);
    }
    if (status == MOPT_OK) {
        status = mopt__open_output(eval, 0, in[0]->dtype, in[0]->rank, in[0]->dims, &out, err);
    }
    if (status != MOPT_OK || out->count == 0) {
        return status;
    }
    clear(out);
    const int64_t rows = out->dims[out->rank - 2];
    const int64_t cols = out->dims[out->rank - 1];
    k = clamp(k, -rows - 1, cols + 1);
    for (int64_t r = 0; status == MOPT_OK && r < (int64_t)out->count / cols; r++) {
        // columns from r + k on belong to the upper part, up to r + k to the lower one
        const int64_t edge = clamp(r % rows + k + (upper != 0 ? 0 : 1), 0, cols);
        const int64_t from = upper != 0 ? edge : 0;
        const int64_t to = upper != 0 ? cols : edge;
        status = mopt__copy_run(out, r * cols + from, in[0], r * cols + from, to - from, err);
    }
    return status;
}

// ---- EyeLike --------------------------------------------------------------------------------------------------

static enum mopt_status eye_dtype(const struct mopt_node *node, enum mopt_dtype input,
                                  enum mopt_dtype *out, struct mopt_error *err)
{
    int64_t number = input;
    const enum mopt_status status = mopt__attr_int(node, "dtype", input, &number, err);
    *out = input;
    if (status != MOPT_OK || !mopt__has_attribute(node, "dtype")) {
        return status;
    }
    if (number < 1 || number >= MOPT_DTYPE_COUNT ||
        (node->op->outputs[0].dtypes & MOPT_DT(number)) == 0) {
        return mopt_error_set(err, MOPT_E_TYPE, "dtype %lld is not allowed", (long long)number);
    }
    *out = (enum mopt_dtype)number;
    return MOPT_OK;
}

static enum mopt_status eye_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[1];
    struct mopt_tensor *out = NULL;
    enum mopt_dtype dtype = MOPT_UNDEFINED;
    int64_t k = 0;
    enum mopt_status status = mopt__open(eval, in, 1, err);
    if (status == MOPT_OK && in[0]->rank != 2) {
        status = mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d, must be 2", in[0]->rank);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "k", 0, &k, err);
    }
    if (status == MOPT_OK) {
        status = eye_dtype(eval->node, in[0]->dtype, &dtype, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, dtype, 2, in[0]->dims, &out, err);
    }
    if (status != MOPT_OK || out->count == 0) {
        return status;
    }
    clear(out);
    const int64_t rows = out->dims[0];
    const int64_t cols = out->dims[1];
    const double one = 1.0;
    k = clamp(k, -rows, cols);
    for (int64_t r = 0; r < rows; r++) {
        if (r + k >= 0 && r + k < cols) {
            mopt__store_f64(dtype, mopt__tensor_data(out), r * cols + r + k, 1, &one);
        }
    }
    return MOPT_OK;
}

static enum mopt_status eye_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    enum mopt_dtype dtype = MOPT_UNDEFINED;
    const enum mopt_status status =
        eye_dtype(infer->node, mopt__infer_dtype(infer, 0), &dtype, err);
    if (status != MOPT_OK) {
        return status;
    }
    return mopt__infer_set(infer, 0, dtype, type != NULL ? type->rank : -1,
                           type != NULL ? type->dims : NULL, err);
}

#define EYE(from, to, set)                                                                     \
    {                                                                                          \
        .domain = "", .name = "EyeLike", .since = from, .until = to,                           \
        .summary = "ones on a diagonal, shaped like the input",                                \
        MOPT_INPUTS({"input", "T1", set, 0}), MOPT_OUTPUTS({"output", "T2", set, 0}),          \
        MOPT_ATTRIBUTES(MOPT_A_INT_OPTIONAL("dtype"), MOPT_A_INT("k", 0)), .infer = eye_infer, \
        .eval = eye_eval                                                                       \
    }
#define EYE_SET (MOPT_SET_NUMBERS | MOPT_SET_BOOL)

static const struct mopt_op records[] = {
    EYE(9, 21, EYE_SET),
    EYE(22, 0, EYE_SET | MOPT_SET_BFLOAT),
    {.domain = "",
     .name = "Trilu",
     .since = 14,
     .summary = "upper or lower triangle of matrices",
     MOPT_INPUTS({"input", "T", MOPT_SET_ALL_13, 0},
                 {"k", "tensor(int64)", MOPT_SET_I64, MOPT_PARAM_OPTIONAL}),
     MOPT_OUTPUTS({"output", "T", MOPT_SET_ALL_13, 0}),
     MOPT_ATTRIBUTES(MOPT_A_INT("upper", 1)),
     .traits = MOPT_TRAIT_IDEMPOTENT,
     .infer = mopt__infer_like,
     .eval = trilu_eval},
};
const struct mopt_op_family mopt__ops_triangle = {records, MOPT_COUNTOF(records)};
