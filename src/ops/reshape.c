// SPDX-License-Identifier: Apache-2.0
// Reshape and Flatten: other dims over the same elements, without moving them.
#include "ops/operands.h"

// ---- Reshape: running -----------------------------------------------------------------------------------------

// The dim that stands for -1, from the elements left over. Copied dims stand on both sides and
// cancel out, also when they are 0.
static enum mopt_status fill_in(const struct mopt_tensor *data, int64_t *dims, size_t rank,
                                size_t at, const bool *copied, struct mopt_error *err)
{
    int64_t rest = 1;
    int64_t total = 1;
    for (size_t i = 0; i < rank; i++) {
        if (i != at && !copied[i] && !mopt__i64_mul(rest, dims[i], &rest)) {
            return mopt_error_set(err, MOPT_E_SHAPE, "number of elements overflows");
        }
    }
    for (size_t i = 0; i < (size_t)data->rank; i++) {
        if (!copied[i] && !mopt__i64_mul(total, data->dims[i], &total)) {
            return mopt_error_set(err, MOPT_E_SHAPE, "number of elements overflows");
        }
    }
    if (rest == 0 || total % rest != 0) {
        return mopt_error_set(err, MOPT_E_SHAPE, "%lld elements cannot be split into parts of %lld",
                              (long long)total, (long long)rest);
    }
    dims[at] = total / rest;
    return MOPT_OK;
}

// Replaces 0 and -1 in the requested shape and checks it.
static enum mopt_status resolve(const struct mopt_tensor *data, int64_t *dims, size_t rank,
                                bool allow_zero, struct mopt_error *err)
{
    size_t open = rank;
    bool zero = false;
    bool copied[MOPT_RANK_MAX] = {false};
    for (size_t i = 0; i < rank; i++) {
        if (dims[i] == -1 && open == rank) {
            open = i;
        } else if (dims[i] < 0) {
            return mopt_error_set(err, MOPT_E_VALUE, "dim %zu of the shape is %lld", i,
                                  (long long)dims[i]);
        } else if (dims[i] == 0 && !allow_zero) {
            if (i >= (size_t)data->rank) {
                return mopt_error_set(err, MOPT_E_SHAPE,
                                      "dim %zu is to be copied, input has rank %d", i, data->rank);
            }
            dims[i] = data->dims[i];
            copied[i] = true;
        } else if (dims[i] == 0) {
            zero = true;
        }
    }
    if (open == rank) {
        return MOPT_OK;
    }
    return zero ? mopt_error_set(err, MOPT_E_VALUE, "shape has both 0 and -1 under allowzero")
                : fill_in(data, dims, rank, open, copied, err);
}

static enum mopt_status reshape_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2] = {NULL, NULL};
    int64_t *dims = NULL;
    size_t rank = 0;
    bool given = false;
    int64_t allow_zero = 0;
    const bool as_input = eval->node->op->input_count > 1;
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status == MOPT_OK) {
        status = mopt__list_i64(eval, as_input ? 1 : 0, as_input ? NULL : "shape", &dims, &rank,
                                &given, err);
    }
    if (status == MOPT_OK && as_input) {
        status = mopt__attr_int(eval->node, "allowzero", 0, &allow_zero, err);
    }
    if (status == MOPT_OK && rank > MOPT_RANK_MAX) {
        status =
            mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank %zu is above %d", rank, MOPT_RANK_MAX);
    }
    if (status == MOPT_OK) {
        status = resolve(in[0], dims, rank, allow_zero != 0, err);
    }
    if (status == MOPT_OK) {
        int64_t count = 0;
        status = mopt__product(dims, (int)rank, &count, err);
        if (status == MOPT_OK && count != (int64_t)in[0]->count) {
            status = mopt_error_set(err, MOPT_E_SHAPE, "shape has %lld elements, input has %zu",
                                    (long long)count, in[0]->count);
        }
    }
    if (status == MOPT_OK) {
        status = mopt__eval_view(eval, 0, 0, (int)rank, dims, err);
    }
    mopt__free(dims);
    return status;
}

// ---- Reshape: inference ---------------------------------------------------------------------------------------

// Product of `from` divided by the product of `by`, equal factors cancelled first; skip: index of
// `by` left out.
static int64_t quotient(struct mopt_dims *table, const int64_t *from, int from_count,
                        const int64_t *by, int by_count, int skip)
{
    bool used[MOPT_RANK_MAX] = {false};
    int64_t below = 1;
    for (int i = 0; i < by_count; i++) {
        bool found = i == skip;
        for (int k = 0; k < from_count && !found; k++) {
            if (!used[k] && from[k] == by[i] && by[i] != MOPT_DIM_UNKNOWN) {
                used[k] = true;
                found = true;
            }
        }
        below = found ? below : mopt__dim_mul(table, below, by[i]);
    }
    int64_t above = 1;
    for (int k = 0; k < from_count; k++) {
        above = used[k] ? above : mopt__dim_mul(table, above, from[k]);
    }
    return below == 1 ? above : mopt__dim_floordiv(table, above, below);
}

static enum mopt_status shape_of_items(struct mopt_infer *infer, const int64_t *items, size_t count,
                                       int64_t *dims, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    const int rank = type != NULL ? type->rank : -1;
    const bool allow_zero = mopt__int_of(infer->node, "allowzero", 0) != 0;
    int open = -1;
    int unknown = -1;
    int unknowns = 0;
    for (int i = 0; i < (int)count; i++) {
        int64_t value = 0;
        dims[i] = items[i];
        if (items[i] == MOPT_DIM_UNKNOWN) {
            unknown = i;
            unknowns++;
        } else if (!mopt__dim_is_known(infer->dims, items[i], &value)) {
            continue;
        } else if (value == -1 && open < 0) {
            open = i;
        } else if (value < 0) {
            return mopt_error_set(err, MOPT_E_VALUE, "dim %d of the shape is %lld", i,
                                  (long long)value);
        } else if (value == 0 && !allow_zero) {
            if (rank >= 0 && i >= rank) {
                return mopt_error_set(err, MOPT_E_SHAPE,
                                      "dim %d is to be copied, input has rank %d", i, rank);
            }
            dims[i] = rank >= 0 ? type->dims[i] : mopt__dim_fresh(infer->dims);
        }
    }
    // one dim that is not known follows from the others, whatever stands there
    const int missing = open >= 0 && unknowns == 0  ? open
                        : open < 0 && unknowns == 1 ? unknown
                                                    : -1;
    if (missing >= 0 && rank >= 0) {
        dims[missing] = quotient(infer->dims, type->dims, rank, dims, (int)count, missing);
    } else if (open >= 0) {
        dims[open] = MOPT_DIM_UNKNOWN;
    }
    for (int i = 0; i < (int)count; i++) {
        dims[i] = dims[i] == MOPT_DIM_UNKNOWN ? mopt__dim_fresh(infer->dims) : dims[i];
    }
    return MOPT_OK;
}

static enum mopt_status check_count(const struct mopt_infer *infer, const int64_t *dims, int rank,
                                    struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    int64_t a = 0;
    int64_t b = 0;
    if (type == NULL || type->rank < 0 ||
        !mopt__dim_is_known(infer->dims, mopt__dim_product(infer->dims, type->dims, type->rank),
                            &a) ||
        !mopt__dim_is_known(infer->dims, mopt__dim_product(infer->dims, dims, rank), &b) ||
        a == b) {
        return MOPT_OK;
    }
    return mopt_error_set(err, MOPT_E_SHAPE, "shape has %lld elements, input has %lld",
                          (long long)b, (long long)a);
}

static enum mopt_status reshape_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const bool as_input = infer->node->op->input_count > 1;
    const int64_t *items = NULL;
    size_t count = 0;
    bool given = false;
    if (!mopt__infer_list(infer, as_input ? 1 : 0, as_input ? NULL : "shape", &items, &count,
                          &given)) {
        const struct mopt_type *shape = as_input ? mopt__infer_tensor(infer, 1) : NULL;
        int64_t rank = -1;
        const bool known = shape != NULL && shape->rank == 1 &&
                           mopt__dim_is_known(infer->dims, shape->dims[0], &rank);
        return mopt__infer_unknown(infer, known && rank <= MOPT_RANK_MAX ? (int)rank : -1, err);
    }
    int64_t dims[MOPT_RANK_MAX];
    if (count > MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank %zu is above %d", count,
                              MOPT_RANK_MAX);
    }
    int64_t *copy = mopt__infer_room(infer, count);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        // attribute values are plain numbers: -1 must not be taken for a dim expression
        copy[i] = as_input ? items[i] : mopt__dim_const(infer->dims, items[i]);
    }
    enum mopt_status status =
        copy == NULL ? mopt_error_memory(err) : shape_of_items(infer, copy, count, dims, err);
    if (status == MOPT_OK) {
        status = check_count(infer, dims, (int)count, err);
    }
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), (int)count, dims, err);
    }
    return status == MOPT_OK ? mopt__infer_pass(infer, (int)count, err) : status;
}

// ---- Flatten --------------------------------------------------------------------------------------------------

static enum mopt_status flatten_axis(int64_t axis, int rank, int *out, struct mopt_error *err)
{
    const int64_t place = axis < 0 ? axis + rank : axis;
    if (place < 0 || place > rank) {
        return mopt_error_set(err, MOPT_E_VALUE, "axis %lld is outside [%d, %d]", (long long)axis,
                              -rank, rank);
    }
    *out = (int)place;
    return MOPT_OK;
}

static enum mopt_status flatten_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[1];
    int64_t axis = 1;
    int64_t dims[2] = {0, 0};
    int split = 0;
    enum mopt_status status = mopt__open(eval, in, 1, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "axis", 1, &axis, err);
    }
    if (status == MOPT_OK) {
        status = flatten_axis(axis, in[0]->rank, &split, err);
    }
    if (status == MOPT_OK) {
        status = mopt__product(in[0]->dims, split, &dims[0], err);
    }
    if (status == MOPT_OK) {
        status = mopt__product(in[0]->dims + split, in[0]->rank - split, &dims[1], err);
    }
    return status == MOPT_OK ? mopt__eval_view(eval, 0, 0, 2, dims, err) : status;
}

static enum mopt_status flatten_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    int split = 0;
    if (type == NULL || type->rank < 0) {
        return mopt__infer_unknown(infer, 2, err);
    }
    const enum mopt_status status =
        flatten_axis(mopt__int_of(infer->node, "axis", 1), type->rank, &split, err);
    if (status != MOPT_OK) {
        return status;
    }
    const int64_t dims[2] = {mopt__dim_product(infer->dims, type->dims, split),
                             mopt__dim_product(infer->dims, type->dims + split,
                                               type->rank - split)};
    return mopt__infer_set(infer, 0, type->dtype, 2, dims, err);
}

// ---- Records --------------------------------------------------------------------------------------------------

#define MOVES (MOPT_TRAIT_SHAPE_ONLY | MOPT_TRAIT_VIEW)
#define RESHAPE(from, to, set, ...)                                                      \
    {                                                                                    \
        .domain = "", .name = "Reshape", .since = from, .until = to,                     \
        .summary = "the same elements under another shape",                              \
        MOPT_INPUTS({"data", "T", set, 0}, {"shape", "tensor(int64)", MOPT_SET_I64, 0}), \
        MOPT_OUTPUTS({"reshaped", "T", set, 0}), __VA_ARGS__.traits = MOVES,             \
        .quant = &mopt__quant_moves, .infer = reshape_infer, .eval = reshape_eval        \
    }
#define ALLOW MOPT_ATTRIBUTES(MOPT_A_FLAG("allowzero", 0)),
#define FLATTEN(from, to, set)                                                                \
    {                                                                                         \
        .domain = "", .name = "Flatten", .since = from, .until = to,                          \
        .summary = "matrix of the dims before and from an axis",                              \
        MOPT_INPUTS({"input", "T", set, 0}), MOPT_OUTPUTS({"output", "T", set, 0}),           \
        MOPT_ATTRIBUTES(MOPT_A_INT("axis", 1)), .traits = MOVES, .quant = &mopt__quant_moves, \
        .infer = flatten_infer, .eval = flatten_eval                                          \
    }

static const struct mopt_op records[] = {
    FLATTEN(1, 8, MOPT_SET_FLOATS),
    FLATTEN(9, 12, MOPT_SET_ALL),
    FLATTEN(13, 20, MOPT_SET_ALL_13),
    FLATTEN(21, 22, MOPT_SET_ALL_21),
    FLATTEN(23, 23, MOPT_SET_ALL_23),
    FLATTEN(24, 24, MOPT_SET_ALL_24),
    FLATTEN(25, 0, MOPT_SET_ALL_25),
    {.domain = "",
     .name = "Reshape",
     .since = 1,
     .until = 4,
     .summary = "the same elements under another shape",
     MOPT_INPUTS({"data", "T", MOPT_SET_FLOATS, 0}),
     MOPT_OUTPUTS({"reshaped", "T", MOPT_SET_FLOATS, 0}),
     MOPT_ATTRIBUTES(MOPT_A_INTS("shape"), MOPT_A_CONSUMED),
     .traits = MOVES,
     .quant = &mopt__quant_moves,
     .infer = reshape_infer,
     .eval = reshape_eval},
    RESHAPE(5, 12, MOPT_SET_ALL, ),
    RESHAPE(13, 13, MOPT_SET_ALL_13, ),
    RESHAPE(14, 18, MOPT_SET_ALL_13, ALLOW),
    RESHAPE(19, 20, MOPT_SET_ALL_19, ALLOW),
    RESHAPE(21, 22, MOPT_SET_ALL_21, ALLOW),
    RESHAPE(23, 23, MOPT_SET_ALL_23, ALLOW),
    RESHAPE(24, 24, MOPT_SET_ALL_24, ALLOW),
    RESHAPE(25, 0, MOPT_SET_ALL_25, ALLOW),
};
const struct mopt_op_family mopt__ops_reshape = {records, MOPT_COUNTOF(records)};
