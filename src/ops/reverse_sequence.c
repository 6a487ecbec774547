// SPDX-License-Identifier: Apache-2.0
// ReverseSequence (the first n steps of each batch entry backwards) and CenterCropPad (axes cut or
// padded with zeros around the centre).
#include <string.h>

#include "ops/copy.h"
#include "ops/operands.h"

// ---- ReverseSequence ------------------------------------------------------------------------------------------

static enum mopt_status read_layout(const struct mopt_eval *eval,
                                    const struct mopt_tensor *const *in, int64_t *batch,
                                    int64_t *time, struct mopt_error *err)
{
    enum mopt_status status = mopt__attr_int(eval->node, "batch_axis", 1, batch, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "time_axis", 0, time, err);
    }
    if (status == MOPT_OK && (*batch < 0 || *batch > 1 || *time != 1 - *batch)) {
        status = mopt_error_set(err, MOPT_E_VALUE, "batch_axis and time_axis must be 0 and 1");
    }
    if (status == MOPT_OK && in[0]->rank < 2) {
        status =
            mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d, must be at least 2", in[0]->rank);
    }
    if (status == MOPT_OK && (in[1]->rank != 1 || in[1]->dims[0] != in[0]->dims[*batch])) {
        status = mopt_error_set(err, MOPT_E_SHAPE, "there must be one length per batch entry");
    }
    for (size_t i = 0; status == MOPT_OK && i < in[1]->count; i++) {
        const int64_t length = mopt__tensor_i64_at(in[1], i);
        if (length < 0 || length > in[0]->dims[*time]) {
            status = mopt_error_set(err, MOPT_E_VALUE, "length %zu is %lld, must be in [0, %lld]",
                                    i, (long long)length, (long long)in[0]->dims[*time]);
        }
    }
    return status;
}

static enum mopt_status reverse_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    struct mopt_tensor *out = NULL;
    int64_t strides[MOPT_RANK_MAX];
    int64_t batch = 1;
    int64_t time = 0;
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = read_layout(eval, in, &batch, &time, err);
    }
    if (status == MOPT_OK) {
        status = mopt__open_output(eval, 0, in[0]->dtype, in[0]->rank, in[0]->dims, &out, err);
    }
    if (status != MOPT_OK || out->count == 0) {
        return status;
    }
    mopt__strides(out->rank, out->dims, strides);
    const int64_t inner = strides[1];
    for (int64_t b = 0; b < out->dims[batch]; b++) {
        const int64_t length = mopt__tensor_i64_at(in[1], (size_t)b);
        for (int64_t t = 0; status == MOPT_OK && t < out->dims[time]; t++) {
            const int64_t from = t < length ? length - 1 - t : t;
            status = mopt__copy_run(out, b * strides[batch] + t * strides[time], in[0],
                                    b * strides[batch] + from * strides[time], inner, err);
        }
    }
    return status;
}

// ---- CenterCropPad --------------------------------------------------------------------------------------------

static enum mopt_status crop_dims(const struct mopt_eval *eval, const struct mopt_tensor *in,
                                  int64_t *dims, struct mopt_error *err)
{
    int64_t *shape = NULL;
    const int64_t *axes = NULL;
    size_t count = 0;
    size_t axis_count = 0;
    const bool chosen = mopt__has_attribute(eval->node, "axes");
    enum mopt_status status = mopt__eval_i64s(eval, 1, &shape, &count, err);
    if (status == MOPT_OK) {
        status = mopt__attr_ints(eval->node, "axes", &axes, &axis_count, err);
    }
    if (status == MOPT_OK && count != (chosen ? axis_count : (size_t)in->rank)) {
        status = mopt_error_set(err, MOPT_E_VALUE, "shape has %zu entries", count);
    }
    for (int i = 0; i < in->rank; i++) {
        dims[i] = in->dims[i];
    }
    for (size_t i = 0; status == MOPT_OK && i < count; i++) {
        int axis = 0;
        status = mopt__axis_normalise(chosen ? axes[i] : (int64_t)i, in->rank, &axis, err);
        if (status == MOPT_OK && shape[i] < 0) {
            status = mopt_error_set(err, MOPT_E_VALUE, "entry %zu of shape is %lld", i,
                                    (long long)shape[i]);
        }
        if (status == MOPT_OK) {
            dims[axis] = shape[i];
        }
    }
    mopt__free(shape);
    return status;
}

static enum mopt_status crop_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    struct mopt_copy copy = {0};
    int64_t dims[MOPT_RANK_MAX];
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = crop_dims(eval, in[0], dims, err);
    }
    if (status == MOPT_OK) {
        status = mopt__open_output(eval, 0, in[0]->dtype, in[0]->rank, dims, &copy.to, err);
    }
    if (status != MOPT_OK || copy.to->count == 0) {
        return status;
    }
    if (copy.to->dtype != MOPT_STRING) {
        memset(mopt__tensor_data(copy.to), 0, copy.to->bytes);
    }
    copy.from = in[0];
    copy.rank = in[0]->rank;
    mopt__strides(copy.rank, dims, copy.to_strides);
    mopt__strides(copy.rank, in[0]->dims, copy.from_strides);
    for (int i = 0; i < copy.rank; i++) {
        const int64_t have = in[0]->dims[i];
        copy.dims[i] = have < dims[i] ? have : dims[i];
        copy.to_first += (have < dims[i] ? (dims[i] - have) / 2 : 0) * copy.to_strides[i];
        copy.from_first += (have > dims[i] ? (have - dims[i]) / 2 : 0) * copy.from_strides[i];
    }
    return mopt__copy_box(&copy, eval->pool, err);
}

static enum mopt_status crop_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    const int64_t *items = NULL;
    const int64_t *axes = NULL;
    size_t count = 0;
    size_t axis_count = 0;
    int64_t dims[MOPT_RANK_MAX];
    const bool chosen = mopt__has_attribute(infer->node, "axes");
    if (type == NULL || type->rank < 0 || !mopt__infer_ints(infer, 1, &items, &count) ||
        mopt__attr_ints(infer->node, "axes", &axes, &axis_count, err) != MOPT_OK ||
        count != (chosen ? axis_count : (size_t)type->rank)) {
        return mopt__infer_unknown(infer, type != NULL ? type->rank : -1, err);
    }
    for (int i = 0; i < type->rank; i++) {
        dims[i] = type->dims[i];
    }
    for (size_t i = 0; i < count; i++) {
        int axis = 0;
        const enum mopt_status status =
            mopt__axis_normalise(chosen ? axes[i] : (int64_t)i, type->rank, &axis, err);
        if (status != MOPT_OK) {
            return status;
        }
        dims[axis] = items[i] == MOPT_DIM_UNKNOWN ? mopt__dim_fresh(infer->dims) : items[i];
    }
    return mopt__infer_set(infer, 0, type->dtype, type->rank, dims, err);
}

#define REVERSE(from, to, set)                                                                    \
    {                                                                                             \
        .domain = "", .name = "ReverseSequence", .since = from, .until = to,                      \
        .summary = "the first steps of each batch entry backwards",                               \
        MOPT_INPUTS({"input", "T", set, 0}, {"sequence_lens", "tensor(int64)", MOPT_SET_I64, 0}), \
        MOPT_OUTPUTS({"Y", "T", set, 0}),                                                         \
        MOPT_ATTRIBUTES(MOPT_A_FLAG("batch_axis", 1), MOPT_A_FLAG("time_axis", 0)),               \
        .traits = MOPT_TRAIT_SHAPE_ONLY, .quant = &mopt__quant_moves, .infer = mopt__infer_like,  \
        .eval = reverse_eval                                                                      \
    }

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "CenterCropPad",
     .since = 18,
     .summary = "axes cut or padded around the centre",
     MOPT_INPUTS({"input_data", "T", MOPT_SET_ALL_13, 0}, {"shape", "Tind", MOPT_SET_INDEX, 0}),
     MOPT_OUTPUTS({"output_data", "T", MOPT_SET_ALL_13, 0}),
     MOPT_ATTRIBUTES(MOPT_A_INTS("axes")),
     .infer = crop_infer,
     .eval = crop_eval},
    REVERSE(10, 27, MOPT_SET_ALL),
    REVERSE(28, 0, MOPT_SET_ALL_13),
};
const struct mopt_op_family mopt__ops_reverse_sequence = {records, MOPT_COUNTOF(records)};
