// SPDX-License-Identifier: Apache-2.0
// OneHot: a new axis of `depth` elements, `on` at the place of each index and `off` elsewhere; an
// index outside
// [-depth, depth) gives only `off`.
#include <math.h>

#include "ops/copy.h"
#include "ops/lanes.h"
#include "ops/operands.h"

static enum mopt_status read_depth(const struct mopt_tensor *tensor, int64_t *depth,
                                   struct mopt_error *err)
{
    if (tensor->count != 1) {
        return mopt_error_set(err, MOPT_E_SHAPE, "depth has %zu elements, must be a scalar",
                              tensor->count);
    }
    const double value = mopt__tensor_f64(tensor, 0);
    if (!(value >= 0 && value < 9e15)) {
        return mopt_error_set(err, MOPT_E_VALUE, "depth is %g", value);
    }
    *depth = (int64_t)value;
    return MOPT_OK;
}

// Place in [0, depth), or -1.
static int64_t place_of(const struct mopt_tensor *indices, size_t i, int64_t depth)
{
    int64_t index = -1;
    if (mopt__dtype_is_float(indices->dtype)) {
        const double value = mopt__tensor_f64(indices, i);
        if (isnan(value) || value < (double)-depth || value >= (double)depth) {
            return -1;
        }
        index = (int64_t)floor(value);
    } else {
        mopt__load_i64(indices->dtype, indices->data, (int64_t)i, 1, 1, &index);
        if (indices->dtype == MOPT_UINT64 && index < 0) {
            return -1;
        }
    }
    index += index < 0 && index >= -depth ? depth : 0;
    return index >= 0 && index < depth ? index : -1;
}

static enum mopt_status one_hot_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[3];
    struct mopt_tensor *out = NULL;
    int64_t dims[MOPT_RANK_MAX];
    int64_t value = -1;
    int64_t depth = 0;
    int64_t inner = 1;
    int axis = 0;
    enum mopt_status status = mopt__open(eval, in, 3, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "axis", -1, &value, err);
    }
    if (status == MOPT_OK && in[0]->rank == MOPT_RANK_MAX) {
        status = mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank would be above %d", MOPT_RANK_MAX);
    }
    if (status == MOPT_OK) {
        status = mopt__axis_normalise(value, in[0]->rank + 1, &axis, err);
    }
    if (status == MOPT_OK && (in[2]->rank != 1 || in[2]->count != 2)) {
        status = mopt_error_set(err, MOPT_E_SHAPE, "values must hold off and on");
    }
    if (status == MOPT_OK) {
        status = read_depth(in[1], &depth, err);
    }
    for (int i = 0, from = 0; status == MOPT_OK && i <= in[0]->rank; i++) {
        dims[i] = i == axis ? depth : in[0]->dims[from++];
        inner *= i > axis ? dims[i] : 1;
    }
    if (status == MOPT_OK) {
        status = mopt__open_output(eval, 0, in[2]->dtype, in[0]->rank + 1, dims, &out, err);
    }
    if (status == MOPT_OK) {
        status = mopt__copy_fill(out, 0, in[2], 0, (int64_t)out->count, err);
    }
    for (size_t i = 0; status == MOPT_OK && i < in[0]->count; i++) {
        const int64_t place = place_of(in[0], i, depth);
        if (place >= 0) {
            const int64_t outer = (int64_t)i / inner;
            status = mopt__copy_run(out, (outer * depth + place) * inner + (int64_t)i % inner,
                                    in[2], 1, 1, err);
        }
    }
    return status;
}

static enum mopt_status one_hot_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    const enum mopt_dtype dtype = mopt__infer_dtype(infer, 2);
    const int64_t *items = NULL;
    size_t count = 0;
    double depth = -1;
    int64_t dims[MOPT_RANK_MAX];
    int axis = 0;
    if (type == NULL || type->rank < 0 || type->rank == MOPT_RANK_MAX) {
        return mopt__infer_set(infer, 0, dtype, -1, NULL, err);
    }
    const enum mopt_status status =
        mopt__axis_normalise(mopt__int_of(infer->node, "axis", -1), type->rank + 1, &axis, err);
    if (status != MOPT_OK) {
        return status;
    }
    for (int i = 0, from = 0; i <= type->rank; i++) {
        dims[i] = i == axis ? MOPT_DIM_UNKNOWN : type->dims[from++];
    }
    if (mopt__infer_ints(infer, 1, &items, &count) && count == 1) {
        dims[axis] = items[0];
    } else if (mopt__infer_scalar_f64(infer, 1, &depth) && depth >= 0 && depth < 9e15) {
        dims[axis] = (int64_t)depth;
    }
    dims[axis] = dims[axis] == MOPT_DIM_UNKNOWN ? mopt__dim_fresh(infer->dims) : dims[axis];
    return mopt__infer_set(infer, 0, dtype, type->rank + 1, dims, err);
}

#define RECORD(from, to, set)                                                                     \
    {                                                                                             \
        .domain = "", .name = "OneHot", .since = from, .until = to,                               \
        .summary = "indices as unit vectors",                                                     \
        MOPT_INPUTS({"indices", "T1", MOPT_SET_NUMBERS, 0}, {"depth", "T2", MOPT_SET_NUMBERS, 0}, \
                    {"values", "T3", set, 0}),                                                    \
        MOPT_OUTPUTS({"output", "T3", set, 0}), MOPT_ATTRIBUTES(MOPT_A_INT("axis", -1)),          \
        .traits = MOPT_TRAIT_GENERATOR, .infer = one_hot_infer, .eval = one_hot_eval              \
    }

static const struct mopt_op records[] = {
    RECORD(9, 27, MOPT_SET_ALL),
    RECORD(28, 0, MOPT_SET_ALL_13),
};
const struct mopt_op_family mopt__ops_one_hot = {records, MOPT_COUNTOF(records)};
