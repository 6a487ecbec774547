// SPDX-License-Identifier: Apache-2.0
// Concat: tensors one after the other along an axis.
#include "ops/copy.h"
#include "ops/operands.h"

static enum mopt_status read_axis(const struct mopt_node *node, int rank, int *axis,
                                  struct mopt_error *err)
{
    int64_t value = 1; // the default of opset 1; required later
    const enum mopt_status status = mopt__attr_int(node, "axis", 1, &value, err);
    return status == MOPT_OK ? mopt__axis_normalise(value, rank, axis, err) : status;
}

static enum mopt_status concat_dims(const struct mopt_eval *eval, int axis, int64_t *dims,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *first = mopt__eval_input(eval, 0);
    for (int i = 0; i < first->rank; i++) {
        dims[i] = first->dims[i];
    }
    for (uint32_t k = 1; k < eval->input_count; k++) {
        const struct mopt_tensor *next = mopt__eval_input(eval, k);
        if (next == NULL || next->dtype != first->dtype) {
            return mopt_error_set(err, MOPT_E_TYPE, "input %u is absent or of another type",
                                  (unsigned)k);
        }
        bool fits = next->rank == first->rank;
        for (int i = 0; fits && i < first->rank; i++) {
            fits = i == axis || next->dims[i] == dims[i];
        }
        if (!fits || !mopt__i64_add(dims[axis], next->dims[axis], &dims[axis])) {
            return mopt_error_set(err, MOPT_E_SHAPE,
                                  "input %u does not fit beside input 0 on axis %d", (unsigned)k,
                                  axis);
        }
    }
    return MOPT_OK;
}

static enum mopt_status place(const struct mopt_eval *eval, struct mopt_tensor *out,
                              const struct mopt_tensor *part, int axis, int64_t at,
                              struct mopt_error *err)
{
    struct mopt_copy copy = {.to = out, .from = part, .rank = out->rank};
    mopt__strides(out->rank, out->dims, copy.to_strides);
    mopt__strides(part->rank, part->dims, copy.from_strides);
    for (int i = 0; i < out->rank; i++) {
        copy.dims[i] = part->dims[i];
    }
    copy.to_first = at * copy.to_strides[axis];
    return mopt__copy_box(&copy, eval->pool, err);
}

static enum mopt_status concat_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[1];
    struct mopt_tensor *out = NULL;
    int64_t dims[MOPT_RANK_MAX];
    int axis = 0;
    enum mopt_status status = mopt__open(eval, in, 1, err);
    if (status == MOPT_OK) {
        status = read_axis(eval->node, in[0]->rank, &axis, err);
    }
    if (status == MOPT_OK) {
        status = concat_dims(eval, axis, dims, err);
    }
    if (status == MOPT_OK) {
        status = mopt__open_output(eval, 0, in[0]->dtype, in[0]->rank, dims, &out, err);
    }
    int64_t at = 0;
    for (uint32_t k = 0; status == MOPT_OK && k < eval->input_count; k++) {
        const struct mopt_tensor *part = mopt__eval_input(eval, k);
        status = place(eval, out, part, axis, at, err);
        at += part->dims[axis];
    }
    return status;
}

static enum mopt_status concat_values(struct mopt_infer *infer, struct mopt_error *err)
{
    size_t total = 0;
    const int64_t *items = NULL;
    size_t count = 0;
    bool any = false;
    for (uint32_t k = 0; k < infer->node->input_count; k++) {
        const struct mopt_type *type = mopt__infer_tensor(infer, k);
        int64_t length = 0;
        if (mopt__infer_ints(infer, k, &items, &count)) {
            any = true;
        } else if (type != NULL && type->rank == 1 &&
                   mopt__dim_is_known(infer->dims, type->dims[0], &length) && length >= 0) {
            count = (size_t)length;
        } else {
            return MOPT_OK;
        }
        total += count;
        if (total > 1024) {
            return MOPT_OK;
        }
    }
    int64_t *joined = any ? mopt__infer_room(infer, total) : NULL;
    if (joined == NULL) {
        return MOPT_OK;
    }
    size_t at = 0;
    for (uint32_t k = 0; k < infer->node->input_count; k++) {
        int64_t length = 0;
        if (mopt__infer_ints(infer, k, &items, &count)) {
            for (size_t i = 0; i < count; i++) {
                joined[at++] = items[i];
            }
            continue;
        }
        (void)mopt__dim_is_known(infer->dims, mopt__infer_tensor(infer, k)->dims[0], &length);
        for (int64_t i = 0; i < length; i++) {
            joined[at++] = MOPT_DIM_UNKNOWN;
        }
    }
    return mopt__infer_set_ints(infer, 0, 1, joined, total, err);
}

// dims joined by one more input; false: they cannot fit.
static bool join_dims(struct mopt_infer *infer, const struct mopt_type *next, int axis,
                      int64_t *dims)
{
    for (int i = 0; i < next->rank; i++) {
        int64_t a = 0;
        int64_t b = 0;
        if (i == axis) {
            dims[i] = mopt__dim_add(infer->dims, dims[i], next->dims[i]);
            continue;
        }
        if (mopt__dim_is_known(infer->dims, dims[i], &a) &&
            mopt__dim_is_known(infer->dims, next->dims[i], &b) && a != b) {
            return false;
        }
        if (dims[i] == MOPT_DIM_UNKNOWN) {
            dims[i] = next->dims[i];
        } else if (next->dims[i] != MOPT_DIM_UNKNOWN) {
            dims[i] = mopt__dim_unify(infer->dims, dims[i], next->dims[i]);
        }
    }
    return true;
}

static enum mopt_status concat_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *first = NULL;
    bool complete = true;
    for (uint32_t k = 0; k < infer->node->input_count; k++) {
        const struct mopt_type *type = mopt__infer_tensor(infer, k);
        const bool ranked = type != NULL && type->rank >= 0;
        first = first == NULL && ranked ? type : first;
        complete = complete && ranked;
    }
    if (first == NULL) {
        return mopt__infer_unknown(infer, -1, err);
    }
    int axis = 0;
    enum mopt_status status = read_axis(infer->node, first->rank, &axis, err);
    if (status != MOPT_OK) {
        return status;
    }
    int64_t dims[MOPT_RANK_MAX] = {0};
    bool started = false;
    for (uint32_t k = 0; k < infer->node->input_count; k++) {
        const struct mopt_type *type = mopt__infer_tensor(infer, k);
        if (type == NULL || type->rank < 0) {
            continue;
        }
        if (!started) {
            for (int i = 0; i < first->rank; i++) {
                dims[i] = first->dims[i];
            }
            started = true;
        } else if (type->rank != first->rank || !join_dims(infer, type, axis, dims)) {
            return mopt_error_set(err, MOPT_E_SHAPE,
                                  "input %u does not fit beside input 0 on axis %d", (unsigned)k,
                                  axis);
        }
    }
    if (!complete || dims[axis] == MOPT_DIM_UNKNOWN) {
        dims[axis] = mopt__dim_fresh(infer->dims);
    }
    status = mopt__infer_set(infer, 0, first->dtype, first->rank, dims, err);
    return status == MOPT_OK && first->rank == 1 ? concat_values(infer, err) : status;
}

#define RECORD(from, to, set, axis)                                           \
    {                                                                         \
        .domain = "", .name = "Concat", .since = from, .until = to,           \
        .summary = "tensors one after the other along an axis",               \
        MOPT_INPUTS({"inputs", "T", set, MOPT_PARAM_VARIADIC}),               \
        MOPT_OUTPUTS({"concat_result", "T", set, 0}), MOPT_ATTRIBUTES(axis),  \
        .quant = &mopt__quant_all, .infer = concat_infer, .eval = concat_eval \
    }

static const struct mopt_op records[] = {
    RECORD(1, 3, MOPT_SET_FLOATS, MOPT_A_INT("axis", 1)),
    RECORD(4, 12, MOPT_SET_ALL, MOPT_A_INT_REQUIRED("axis")),
    RECORD(13, 0, MOPT_SET_ALL_13, MOPT_A_INT_REQUIRED("axis")),
};
const struct mopt_op_family mopt__ops_concat = {records, MOPT_COUNTOF(records)};
