// SPDX-License-Identifier: Apache-2.0
// Expand (broadcast to a shape, both ways) and Tile (repeat along axes).
#include <math.h>

#include "ops/copy.h"
#include "ops/operands.h"

// ---- Expand ---------------------------------------------------------------------------------------------------

static enum mopt_status expand_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    struct mopt_tensor wanted = {0};
    struct mopt_tensor *out = NULL;
    struct mopt_copy copy = {0};
    int64_t *shape = NULL;
    size_t count = 0;
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = mopt__eval_i64s(eval, 1, &shape, &count, err);
    }
    if (status == MOPT_OK && count > MOPT_RANK_MAX) {
        status =
            mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank %zu is above %d", count, MOPT_RANK_MAX);
    }
    wanted.rank = (int)count;
    for (size_t i = 0; status == MOPT_OK && i < count; i++) {
        wanted.dims[i] = shape[i];
        if (shape[i] < 0) {
            status = mopt_error_set(err, MOPT_E_VALUE, "dim %zu of the shape is %lld", i,
                                    (long long)shape[i]);
        }
    }
    mopt__free(shape);
    if (status == MOPT_OK) {
        status = mopt__broadcast_shape(in[0], &wanted, &copy.rank, copy.dims, err);
    }
    if (status == MOPT_OK) {
        status = mopt__open_output(eval, 0, in[0]->dtype, copy.rank, copy.dims, &out, err);
    }
    if (status != MOPT_OK || out->count == 0) {
        return status;
    }
    copy.to = out;
    copy.from = in[0];
    mopt__strides(out->rank, out->dims, copy.to_strides);
    mopt__broadcast_strides(in[0], out->rank, out->dims, copy.from_strides);
    return mopt__copy_box(&copy, eval->pool, err);
}

// One value repeated n times.
static enum mopt_status expand_values(struct mopt_infer *infer, int rank, const int64_t *dims,
                                      struct mopt_error *err)
{
    const int64_t *items = NULL;
    size_t count = 0;
    int64_t n = 1;
    if (rank > 1 || !mopt__infer_ints(infer, 0, &items, &count) ||
        (rank == 1 && !mopt__dim_is_known(infer->dims, dims[0], &n)) || n < 0 || n > 1024 ||
        (count != 1 && count != (size_t)n)) {
        return MOPT_OK;
    }
    int64_t *repeated = mopt__infer_room(infer, (size_t)n);
    for (int64_t i = 0; repeated != NULL && i < n; i++) {
        repeated[i] = items[count == 1 ? 0 : i];
    }
    return repeated != NULL ? mopt__infer_set_ints(infer, 0, rank, repeated, (size_t)n, err)
                            : MOPT_OK;
}

static enum mopt_status expand_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    const int64_t *items = NULL;
    size_t count = 0;
    int64_t wanted[MOPT_RANK_MAX];
    int64_t dims[MOPT_RANK_MAX];
    int rank = -1;
    if (!mopt__infer_ints(infer, 1, &items, &count)) {
        const struct mopt_type *shape = mopt__infer_tensor(infer, 1);
        int64_t length = 0;
        if (type != NULL && type->rank >= 0 && shape != NULL && shape->rank == 1 &&
            mopt__dim_is_known(infer->dims, shape->dims[0], &length) && length <= MOPT_RANK_MAX) {
            rank = length > type->rank ? (int)length : type->rank;
        }
        return mopt__infer_unknown(infer, rank, err);
    }
    if (count > MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank %zu is above %d", count,
                              MOPT_RANK_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        int64_t value = 0;
        if (mopt__dim_is_known(infer->dims, items[i], &value) && value < 0) {
            return mopt_error_set(err, MOPT_E_VALUE, "dim %zu of the shape is %lld", i,
                                  (long long)value);
        }
        wanted[i] = items[i] == MOPT_DIM_UNKNOWN ? mopt__dim_fresh(infer->dims) : items[i];
    }
    if (type == NULL || type->rank < 0) {
        return mopt__infer_unknown(infer, -1, err);
    }
    enum mopt_status status =
        mopt__infer_broadcast(infer, type->rank, type->dims, (int)count, wanted, &rank, dims, err);
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 0, type->dtype, rank, dims, err);
    }
    return status == MOPT_OK ? expand_values(infer, rank, dims, err) : status;
}

// ---- Tile -----------------------------------------------------------------------------------------------------

static enum mopt_status tile(struct mopt_eval *eval, const struct mopt_tensor *in,
                             const int64_t *repeats, struct mopt_error *err)
{
    struct mopt_copy copy = {.from = in, .rank = 2 * in->rank};
    struct mopt_tensor *out = NULL;
    int64_t dims[MOPT_RANK_MAX];
    int64_t strides[MOPT_RANK_MAX];
    for (int i = 0; i < in->rank; i++) {
        if (repeats[i] < 0 || !mopt__i64_mul(in->dims[i], repeats[i], &dims[i])) {
            return mopt_error_set(err, MOPT_E_VALUE, "repeat %d is %lld", i, (long long)repeats[i]);
        }
    }
    const enum mopt_status status =
        mopt__open_output(eval, 0, in->dtype, in->rank, dims, &out, err);
    if (status != MOPT_OK || out->count == 0) {
        return status;
    }
    // every axis is a loop over repeats around a loop over elements
    copy.to = out;
    mopt__strides(out->rank, out->dims, strides);
    for (int i = 0; i < in->rank; i++) {
        copy.dims[2 * i] = repeats[i];
        copy.dims[2 * i + 1] = in->dims[i];
        copy.to_strides[2 * i] = strides[i] * in->dims[i];
        copy.to_strides[2 * i + 1] = strides[i];
    }
    mopt__strides(in->rank, in->dims, strides);
    for (int i = 0; i < in->rank; i++) {
        copy.from_strides[2 * i + 1] = strides[i];
    }
    return mopt__copy_box(&copy, eval->pool, err);
}

// Opset 1: one axis and one count, both as scalars of the data's type.
static enum mopt_status old_repeats(const struct mopt_tensor *const *in, int64_t *repeats,
                                    struct mopt_error *err)
{
    int axis = 0;
    for (int i = 1; i < 3; i++) {
        if (in[i]->count != 1) {
            return mopt_error_set(err, MOPT_E_SHAPE, "input %d must be a scalar", i);
        }
    }
    const double place = fmax(-99.0, fmin(99.0, mopt__tensor_f64(in[2], 0)));
    const double times = fmax(-1.0, fmin(9e15, mopt__tensor_f64(in[1], 0)));
    for (int i = 0; i < in[0]->rank; i++) {
        repeats[i] = 1;
    }
    const enum mopt_status status = mopt__axis_normalise((int64_t)place, in[0]->rank, &axis, err);
    if (status == MOPT_OK) {
        repeats[axis] = (int64_t)times;
    }
    return status;
}

static enum mopt_status tile_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[3] = {NULL, NULL, NULL};
    int64_t old[MOPT_RANK_MAX] = {0};
    int64_t *repeats = NULL;
    size_t count = 0;
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status == MOPT_OK && eval->node->op->input_count == 3) {
        status = old_repeats(in, old, err);
        return status == MOPT_OK ? tile(eval, in[0], old, err) : status;
    }
    if (status == MOPT_OK) {
        status = mopt__eval_i64s(eval, 1, &repeats, &count, err);
    }
    if (status == MOPT_OK && count != (size_t)in[0]->rank) {
        status = mopt_error_set(err, MOPT_E_SHAPE, "%zu repeats for rank %d", count, in[0]->rank);
    }
    if (status == MOPT_OK) {
        status = tile(eval, in[0], repeats, err);
    }
    mopt__free(repeats);
    return status;
}

static enum mopt_status tile_values(struct mopt_infer *infer, int64_t times, struct mopt_error *err)
{
    const int64_t *items = NULL;
    size_t count = 0;
    if (times < 0 || times > 1024 || !mopt__infer_ints(infer, 0, &items, &count) || count > 1024) {
        return MOPT_OK;
    }
    const size_t total = count * (size_t)times;
    int64_t *repeated = mopt__infer_room(infer, total);
    for (size_t i = 0; repeated != NULL && i < total; i++) {
        repeated[i] = items[i % count];
    }
    return repeated != NULL ? mopt__infer_set_ints(infer, 0, 1, repeated, total, err) : MOPT_OK;
}

static enum mopt_status tile_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    const int64_t *items = NULL;
    size_t count = 0;
    int64_t dims[MOPT_RANK_MAX];
    if (type == NULL || type->rank < 0 || infer->node->op->input_count == 3 ||
        !mopt__infer_ints(infer, 1, &items, &count)) {
        return mopt__infer_unknown(infer, type != NULL ? type->rank : -1, err);
    }
    if (count != (size_t)type->rank) {
        return mopt_error_set(err, MOPT_E_SHAPE, "%zu repeats for rank %d", count, type->rank);
    }
    for (size_t i = 0; i < count; i++) {
        int64_t known = 0;
        if (mopt__dim_is_known(infer->dims, items[i], &known) && known < 0) {
            return mopt_error_set(err, MOPT_E_VALUE, "repeat %zu is %lld", i, (long long)known);
        }
        dims[i] = mopt__dim_mul(infer->dims, type->dims[i], items[i]);
        dims[i] = dims[i] == MOPT_DIM_UNKNOWN ? mopt__dim_fresh(infer->dims) : dims[i];
    }
    const enum mopt_status status = mopt__infer_set(infer, 0, type->dtype, type->rank, dims, err);
    int64_t times = -1;
    if (status == MOPT_OK && type->rank == 1 && mopt__dim_is_known(infer->dims, items[0], &times)) {
        return tile_values(infer, times, err);
    }
    return status;
}

// ---- Records --------------------------------------------------------------------------------------------------

#define COMMON(op, text, from, to, infer_fn, eval_fn)                                    \
    .domain = "", .name = op, .since = from, .until = to, .summary = text,               \
    .traits = MOPT_TRAIT_GENERATOR | MOPT_TRAIT_SHAPE_ONLY, .quant = &mopt__quant_moves, \
    .infer = infer_fn, .eval = eval_fn
#define EXPAND(from, to, set)                                                                 \
    {                                                                                         \
        COMMON("Expand", "broadcast to a shape", from, to, expand_infer, expand_eval),        \
            MOPT_INPUTS({"input", "T", set, 0}, {"shape", "tensor(int64)", MOPT_SET_I64, 0}), \
            MOPT_OUTPUTS({"output", "T", set, 0})                                             \
    }
#define TILE(from, to, set)                                                          \
    {                                                                                \
        COMMON("Tile", "repeated along axes", from, to, tile_infer, tile_eval),      \
            MOPT_INPUTS({"input", "T", set, 0}, {"repeats", "T1", MOPT_SET_I64, 0}), \
            MOPT_OUTPUTS({"output", "T", set, 0})                                    \
    }
#define F MOPT_SET_FLOATS

static const struct mopt_op records[] = {
    EXPAND(8, 12, MOPT_SET_ALL),
    EXPAND(13, 0, MOPT_SET_ALL_13),
    {COMMON("Tile", "repeated along one axis", 1, 5, tile_infer, tile_eval),
     MOPT_INPUTS({"input", "T", F, 0}, {"tiles", "T", F, 0}, {"axis", "T", F, 0}),
     MOPT_OUTPUTS({"output", "T", F, 0})},
    TILE(6, 12, MOPT_SET_ALL),
    TILE(13, 0, MOPT_SET_ALL_13),
};
const struct mopt_op_family mopt__ops_expand = {records, MOPT_COUNTOF(records)};
