// SPDX-License-Identifier: Apache-2.0
// ConstantOfShape: a tensor of a shape that comes as data, all elements equal.
#include "ops/copy.h"
#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/record.h"

static enum mopt_status constant_of_shape_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    struct mopt_tensor *value;
    enum mopt_status status = mopt__attr_tensor(infer->node, "value", &value, err);
    if (status != MOPT_OK) {
        return status;
    }
    enum mopt_dtype dtype = value != NULL ? value->dtype : MOPT_FLOAT32;
    const int64_t *dims;
    size_t count;
    if (mopt__infer_ints(infer, 0, &dims, &count) && count <= MOPT_RANK_MAX) {
        for (size_t i = 0; i < count; i++) {
            int64_t known;
            if (mopt__dim_is_known(infer->dims, dims[i], &known) && known < 0) {
                return mopt_error_set(err, MOPT_E_SHAPE, "dimension %zu is %lld", i,
                                      (long long)known);
            }
        }
        status = mopt__infer_set(infer, 0, dtype, (int)count, dims, err);
        if (status == MOPT_OK && value != NULL && value->count == 1 && count == 1 && dims[0] >= 0 &&
            dims[0] <= MOPT_RANK_MAX && mopt__dtype_is_integer(dtype)) {
            int64_t items[MOPT_RANK_MAX]; // the usual start of a computed shape
            for (int64_t i = 0; i < dims[0]; i++) {
                items[i] = mopt__dim_const(infer->dims, mopt__tensor_i64_at(value, 0));
            }
            status = mopt__infer_set_ints(infer, 0, 1, items, (size_t)dims[0], err);
        }
        return status;
    }
    // The length of the shape input is the rank.
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    int rank = -1;
    int64_t unknown[MOPT_RANK_MAX];
    if (type != NULL && type->rank == 1 && type->dims[0] >= 0 && type->dims[0] <= MOPT_RANK_MAX) {
        rank = (int)type->dims[0];
    }
    for (int i = 0; i < rank; i++) {
        unknown[i] = MOPT_DIM_UNKNOWN;
    }
    return mopt__infer_set(infer, 0, dtype, rank, unknown, err);
}

static enum mopt_status constant_of_shape_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct mopt_tensor *value;
    enum mopt_status status = mopt__attr_tensor(eval->node, "value", &value, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (value != NULL && value->count != 1) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'value' has %zu elements, must have 1",
                              value->count);
    }
    int64_t *dims;
    size_t count;
    status = mopt__eval_i64s(eval, 0, &dims, &count, err);
    if (status == MOPT_OK && count > MOPT_RANK_MAX) {
        status = mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank is %zu, at most %d", count,
                                MOPT_RANK_MAX);
    }
    struct mopt_tensor *zero = NULL;
    if (status == MOPT_OK && value == NULL) {
        status = mopt__tensor_f32_scalar(0.0F, &zero, err);
        value = zero;
    }
    struct mopt_tensor *out;
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, value->dtype, (int)count, dims, &out, err);
    }
    if (status == MOPT_OK) {
        status = mopt__copy_fill(out, 0, value, 0, (int64_t)out->count, err);
    }
    mopt__tensor_unref(zero);
    mopt__free(dims);
    return status;
}

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "ConstantOfShape",
     .since = 9,
     .summary = "a tensor of a given shape filled with one value",
     MOPT_INPUTS({"input", "T1", MOPT_SET_I64, 0}),
     MOPT_OUTPUTS({"output", "T2", MOPT_SET_ALL_25, 0}),
     MOPT_ATTRIBUTES({.name = "value", .kind = MOPT_ATTR_TENSOR}),
     .traits = MOPT_TRAIT_GENERATOR,
     .infer = constant_of_shape_infer,
     .eval = constant_of_shape_eval},
};
const struct mopt_op_family mopt__ops_constant_of_shape = {records, MOPT_COUNTOF(records)};
