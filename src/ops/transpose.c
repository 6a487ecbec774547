// SPDX-License-Identifier: Apache-2.0
// Transpose: axes in another order. Where only axes of one element move it is a view.
#include "ops/copy.h"
#include "ops/operands.h"

// perm of the node (default: reversed) as rank distinct axes.
static enum mopt_status read_perm(const struct mopt_node *node, int rank, int *perm,
                                  struct mopt_error *err)
{
    const int64_t *items = NULL;
    size_t count = 0;
    bool seen[MOPT_RANK_MAX] = {false};
    const enum mopt_status status = mopt__attr_ints(node, "perm", &items, &count, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (!mopt__has_attribute(node, "perm")) {
        for (int i = 0; i < rank; i++) {
            perm[i] = rank - 1 - i;
        }
        return MOPT_OK;
    }
    if (count != (size_t)rank) {
        return mopt_error_set(err, MOPT_E_VALUE, "perm has %zu axes, input has %d", count, rank);
    }
    for (int i = 0; i < rank; i++) {
        const int64_t axis = items[i] < 0 ? items[i] + rank : items[i];
        if (axis < 0 || axis >= rank || seen[axis]) {
            return mopt_error_set(err, MOPT_E_VALUE, "perm is not a permutation: axis %lld",
                                  (long long)items[i]);
        }
        seen[axis] = true;
        perm[i] = (int)axis;
    }
    return MOPT_OK;
}

// Axes of more than one element keep their order.
static bool keeps_order(const struct mopt_tensor *in, const int *perm)
{
    int last = -1;
    for (int i = 0; i < in->rank; i++) {
        if (in->dims[perm[i]] != 1) {
            if (perm[i] < last) {
                return false;
            }
            last = perm[i];
        }
    }
    return true;
}

static enum mopt_status transpose_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[1];
    struct mopt_tensor *out = NULL;
    int64_t dims[MOPT_RANK_MAX];
    int64_t strides[MOPT_RANK_MAX];
    int perm[MOPT_RANK_MAX] = {0};
    enum mopt_status status = mopt__open(eval, in, 1, err);
    if (status == MOPT_OK) {
        status = read_perm(eval->node, in[0]->rank, perm, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    for (int i = 0; i < in[0]->rank; i++) {
        dims[i] = in[0]->dims[perm[i]];
    }
    if (keeps_order(in[0], perm)) {
        return mopt__eval_view(eval, 0, 0, in[0]->rank, dims, err);
    }
    status = mopt__open_output(eval, 0, in[0]->dtype, in[0]->rank, dims, &out, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_copy copy = {.to = out, .from = in[0], .rank = in[0]->rank};
    mopt__strides(in[0]->rank, in[0]->dims, strides);
    mopt__strides(out->rank, dims, copy.to_strides);
    for (int i = 0; i < out->rank; i++) {
        copy.dims[i] = dims[i];
        copy.from_strides[i] = strides[perm[i]];
    }
    return mopt__copy_box(&copy, eval->pool, err);
}

static enum mopt_status transpose_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    int64_t dims[MOPT_RANK_MAX];
    int perm[MOPT_RANK_MAX] = {0};
    if (type == NULL || type->rank < 0) {
        const int64_t *items = NULL;
        size_t count = 0;
        const bool given = mopt__attr_ints(infer->node, "perm", &items, &count, err) == MOPT_OK &&
                           count > 0 && count <= MOPT_RANK_MAX;
        return mopt__infer_unknown(infer, given ? (int)count : -1, err);
    }
    enum mopt_status status = read_perm(infer->node, type->rank, perm, err);
    for (int i = 0; status == MOPT_OK && i < type->rank; i++) {
        dims[i] = type->dims[perm[i]];
    }
    if (status == MOPT_OK) {
        status = mopt__infer_set(infer, 0, type->dtype, type->rank, dims, err);
    }
    return status == MOPT_OK ? mopt__infer_pass(infer, type->rank, err) : status;
}

#define RECORD(from, to, set)                                                                   \
    {                                                                                           \
        .domain = "", .name = "Transpose", .since = from, .until = to,                          \
        .summary = "axes in another order", MOPT_INPUTS({"data", "T", set, 0}),                 \
        MOPT_OUTPUTS({"transposed", "T", set, 0}), MOPT_ATTRIBUTES(MOPT_A_INTS("perm")),        \
        .traits = MOPT_TRAIT_SHAPE_ONLY, .quant = &mopt__quant_moves, .infer = transpose_infer, \
        .eval = transpose_eval                                                                  \
    }

static const struct mopt_op records[] = {
    RECORD(1, 12, MOPT_SET_ALL),     RECORD(13, 20, MOPT_SET_ALL_13),
    RECORD(21, 22, MOPT_SET_ALL_21), RECORD(23, 23, MOPT_SET_ALL_23),
    RECORD(24, 24, MOPT_SET_ALL_24), RECORD(25, 0, MOPT_SET_ALL_25),
};
const struct mopt_op_family mopt__ops_transpose = {records, MOPT_COUNTOF(records)};
