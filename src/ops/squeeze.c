// SPDX-License-Identifier: Apache-2.0
// Squeeze and Unsqueeze: axes of one element removed or inserted, without moving elements.
#include <string.h>

#include "ops/operands.h"

static bool as_input(const struct mopt_node *node)
{
    return node->op->input_count > 1;
}

// ---- Running --------------------------------------------------------------------------------------------------

static enum mopt_status squeeze_dims(const struct mopt_tensor *data, const int64_t *axes,
                                     size_t count, bool given, int64_t *dims, int *rank,
                                     struct mopt_error *err)
{
    bool marks[MOPT_RANK_MAX];
    const enum mopt_status status = mopt__axes_mark(axes, count, data->rank, marks, err);
    *rank = 0;
    for (int i = 0; status == MOPT_OK && i < data->rank; i++) {
        const bool one = data->dims[i] == 1;
        if (marks[i] && !one) {
            return mopt_error_set(err, MOPT_E_SHAPE, "dim %d is %lld, must be 1", i,
                                  (long long)data->dims[i]);
        }
        if (!marks[i] && (given || !one)) {
            dims[(*rank)++] = data->dims[i];
        }
    }
    return status;
}

static enum mopt_status unsqueeze_dims(const struct mopt_tensor *data, const int64_t *axes,
                                       size_t count, int64_t *dims, int *rank,
                                       struct mopt_error *err)
{
    bool marks[MOPT_RANK_MAX];
    if (count > (size_t)(MOPT_RANK_MAX - data->rank)) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank would be above %d", MOPT_RANK_MAX);
    }
    *rank = data->rank + (int)count;
    const enum mopt_status status = mopt__axes_mark(axes, count, *rank, marks, err);
    for (int i = 0, from = 0; status == MOPT_OK && i < *rank; i++) {
        dims[i] = marks[i] ? 1 : data->dims[from++];
    }
    return status;
}

static enum mopt_status move_axes(struct mopt_eval *eval, bool insert, struct mopt_error *err)
{
    const struct mopt_tensor *in[2] = {NULL, NULL};
    int64_t *axes = NULL;
    int64_t dims[MOPT_RANK_MAX];
    size_t count = 0;
    bool given = false;
    int rank = 0;
    const bool input = as_input(eval->node);
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status == MOPT_OK) {
        status =
            mopt__list_i64(eval, input ? 1 : 0, input ? NULL : "axes", &axes, &count, &given, err);
    }
    if (status == MOPT_OK) {
        status = insert ? unsqueeze_dims(in[0], axes, count, dims, &rank, err)
                        : squeeze_dims(in[0], axes, count, given, dims, &rank, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_view(eval, 0, 0, rank, dims, err);
    }
    mopt__free(axes);
    return status;
}

static enum mopt_status squeeze_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    return move_axes(eval, false, err);
}

static enum mopt_status unsqueeze_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    return move_axes(eval, true, err);
}

// ---- Inference ------------------------------------------------------------------------------------------------

// Known axes as plain numbers; false when not known.
static bool known_axes(const struct mopt_infer *infer, const int64_t **axes, size_t *count,
                       bool *given)
{
    if (!as_input(infer->node)) {
        return mopt__infer_list(infer, 0, "axes", axes, count, given);
    }
    *axes = NULL;
    *count = 0;
    *given = mopt__infer_has(infer, 1);
    return *given && mopt__infer_values(infer, 1, axes, count);
}

static enum mopt_status squeeze_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    const int64_t *axes = NULL;
    size_t count = 0;
    bool given = false;
    bool marks[MOPT_RANK_MAX];
    const bool known = known_axes(infer, &axes, &count, &given);
    if (type == NULL || type->rank < 0 || (given && !known)) {
        return mopt__infer_unknown(infer, -1, err);
    }
    enum mopt_status status = mopt__axes_mark(axes, count, type->rank, marks, err);
    int64_t dims[MOPT_RANK_MAX];
    int rank = 0;
    for (int i = 0; status == MOPT_OK && i < type->rank; i++) {
        int64_t size = 0;
        const bool sized = mopt__dim_is_known(infer->dims, type->dims[i], &size);
        if (marks[i] && sized && size != 1) {
            return mopt_error_set(err, MOPT_E_SHAPE, "dim %d is %lld, must be 1", i,
                                  (long long)size);
        }
        if (!given && !sized && mopt__dim_lower_bound(infer->dims, type->dims[i]) < 2) {
            return mopt__infer_unknown(infer, -1, err);
        }
        if (!marks[i] && (given || !sized || size != 1)) {
            dims[rank++] = type->dims[i];
        }
    }
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 0, type->dtype, rank, dims, err);
    }
    return status == MOPT_OK ? mopt__infer_pass(infer, rank, err) : status;
}

static enum mopt_status unsqueeze_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    const int64_t *axes = NULL;
    size_t count = 0;
    bool given = false;
    bool marks[MOPT_RANK_MAX];
    if (!known_axes(infer, &axes, &count, &given)) {
        const struct mopt_type *list = as_input(infer->node) ? mopt__infer_tensor(infer, 1) : NULL;
        int64_t more = 0;
        const bool counted = type != NULL && type->rank >= 0 && list != NULL && list->rank == 1 &&
                             mopt__dim_is_known(infer->dims, list->dims[0], &more) &&
                             more <= MOPT_RANK_MAX - type->rank;
        return mopt__infer_unknown(infer, counted ? type->rank + (int)more : -1, err);
    }
    if (type == NULL || type->rank < 0) {
        return mopt__infer_unknown(infer, -1, err);
    }
    if (count > (size_t)(MOPT_RANK_MAX - type->rank)) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank would be above %d", MOPT_RANK_MAX);
    }
    const int rank = type->rank + (int)count;
    int64_t dims[MOPT_RANK_MAX];
    enum mopt_status status = mopt__axes_mark(axes, count, rank, marks, err);
    for (int i = 0, from = 0; status == MOPT_OK && i < rank; i++) {
        dims[i] = marks[i] ? 1 : type->dims[from++];
    }
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 0, type->dtype, rank, dims, err);
    }
    return status == MOPT_OK ? mopt__infer_pass(infer, rank, err) : status;
}

// ---- Records --------------------------------------------------------------------------------------------------

#define RECORD(op, text, from, to, set, infer_fn, eval_fn, ...)                                   \
    {                                                                                             \
        .domain = "", .name = op, .since = from, .until = to, .summary = text, __VA_ARGS__,       \
        MOPT_OUTPUTS({"output", "T", set, 0}), .traits = MOPT_TRAIT_SHAPE_ONLY | MOPT_TRAIT_VIEW, \
        .quant = &mopt__quant_moves, .infer = infer_fn, .eval = eval_fn                           \
    }
#define SQUEEZE(from, to, set, ...)                                                              \
    RECORD("Squeeze", "removes axes of one element", from, to, set, squeeze_infer, squeeze_eval, \
           __VA_ARGS__)
#define UNSQUEEZE(from, to, set, ...)                                                  \
    RECORD("Unsqueeze", "inserts axes of one element", from, to, set, unsqueeze_infer, \
           unsqueeze_eval, __VA_ARGS__)
#define DATA(set) MOPT_INPUTS({"data", "T", set, 0})
#define WITH_AXES(set, how) \
    MOPT_INPUTS({"data", "T", set, 0}, {"axes", "tensor(int64)", MOPT_SET_I64, how})
#define NEW_SQUEEZE(from, to, set) SQUEEZE(from, to, set, WITH_AXES(set, MOPT_PARAM_OPTIONAL))
#define NEW_UNSQUEEZE(from, to, set) UNSQUEEZE(from, to, set, WITH_AXES(set, 0))

static const struct mopt_op records[] = {
    SQUEEZE(1, 12, MOPT_SET_ALL, DATA(MOPT_SET_ALL), MOPT_ATTRIBUTES(MOPT_A_INTS("axes"))),
    NEW_SQUEEZE(13, 20, MOPT_SET_ALL_13),
    NEW_SQUEEZE(21, 22, MOPT_SET_ALL_21),
    NEW_SQUEEZE(23, 23, MOPT_SET_ALL_23),
    NEW_SQUEEZE(24, 24, MOPT_SET_ALL_24),
    NEW_SQUEEZE(25, 0, MOPT_SET_ALL_25),
    UNSQUEEZE(1, 12, MOPT_SET_ALL, DATA(MOPT_SET_ALL),
              MOPT_ATTRIBUTES(MOPT_A_INTS_REQUIRED("axes"))),
    NEW_UNSQUEEZE(13, 20, MOPT_SET_ALL_13),
    NEW_UNSQUEEZE(21, 22, MOPT_SET_ALL_21),
    NEW_UNSQUEEZE(23, 23, MOPT_SET_ALL_23),
    NEW_UNSQUEEZE(24, 24, MOPT_SET_ALL_24),
    NEW_UNSQUEEZE(25, 0, MOPT_SET_ALL_25),
};
const struct mopt_op_family mopt__ops_squeeze = {records, MOPT_COUNTOF(records)};
