// SPDX-License-Identifier: Apache-2.0
// Shapes and strides of operands that broadcast. It must not know any operator.
#include "ops/broadcast.h"

#include <string.h>

static enum mopt_status product(int rank, const int64_t *dims, size_t *count,
                                struct mopt_error *err)
{
    *count = 1;
    for (int k = 0; k < rank; k++) {
        if (!mopt__size_mul(*count, (size_t)dims[k], count)) {
            return mopt_error_set(err, MOPT_E_SHAPE, "broadcast result has too many elements");
        }
    }
    return MOPT_OK;
}

enum mopt_status mopt__broadcast_shape(const struct mopt_tensor *a, const struct mopt_tensor *b,
                                       int *rank, int64_t dims[MOPT_RANK_MAX],
                                       struct mopt_error *err)
{
    *rank = a->rank > b->rank ? a->rank : b->rank;
    for (int k = 0; k < *rank; k++) {
        int ka = k - (*rank - a->rank);
        int kb = k - (*rank - b->rank);
        int64_t da = ka >= 0 ? a->dims[ka] : 1;
        int64_t db = kb >= 0 ? b->dims[kb] : 1;
        if (da != db && da != 1 && db != 1) {
            return mopt_error_set(err, MOPT_E_SHAPE,
                                  "shapes do not broadcast: dimension %d is %lld and %lld", k,
                                  (long long)da, (long long)db);
        }
        dims[k] = da == 1 ? db : da;
    }
    return MOPT_OK;
}

void mopt__broadcast_strides(const struct mopt_tensor *t, int rank, const int64_t *dims,
                             int64_t strides[MOPT_RANK_MAX])
{
    int64_t stride = 1;
    for (int k = rank - 1; k >= 0; k--) {
        int own = k - (rank - t->rank);
        int64_t size = own >= 0 ? t->dims[own] : 1;
        strides[k] = size == 1 && dims[k] != 1 ? 0 : stride;
        if (own < 0) {
            strides[k] = 0;
        } else {
            stride *= size; // never beyond t->count unless a dim is 0, and then nothing is walked
        }
    }
}

enum mopt_status mopt__broadcast_pair(const struct mopt_tensor *a, const struct mopt_tensor *b,
                                      struct mopt_broadcast *out, struct mopt_error *err)
{
    enum mopt_status status = mopt__broadcast_shape(a, b, &out->rank, out->dims, err);
    if (status != MOPT_OK) {
        return status;
    }
    mopt__broadcast_strides(a, out->rank, out->dims, out->a_strides);
    mopt__broadcast_strides(b, out->rank, out->dims, out->b_strides);
    return product(out->rank, out->dims, &out->count, err);
}

// First axis of a that b covers, by the rules before opset 7.
static enum mopt_status old_axis(const struct mopt_node *node, int rank_a, int rank_b, int *axis,
                                 struct mopt_error *err)
{
    int64_t enabled;
    int64_t given;
    enum mopt_status status = mopt__attr_int(node, "broadcast", 0, &enabled, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "axis", rank_a - rank_b, &given, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (given < 0) {
        given += rank_a;
    }
    if (enabled == 0) {
        given = 0;
    }
    if (rank_b > rank_a || given < 0 || given > rank_a - rank_b ||
        (enabled == 0 && rank_a != rank_b)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "rank %d cannot be laid over rank %d", rank_b,
                              rank_a);
    }
    *axis = (int)given;
    return MOPT_OK;
}

static enum mopt_status old_pair(const struct mopt_node *node, const struct mopt_tensor *a,
                                 const struct mopt_tensor *b, struct mopt_broadcast *out,
                                 struct mopt_error *err)
{
    int axis;
    enum mopt_status status = old_axis(node, a->rank, b->rank, &axis, err);
    if (status != MOPT_OK) {
        return status;
    }
    out->rank = a->rank;
    out->count = a->count;
    if (a->rank > 0) {
        memcpy(out->dims, a->dims, sizeof(int64_t) * (size_t)a->rank);
    }
    mopt__broadcast_strides(a, a->rank, a->dims, out->a_strides);
    int64_t stride = 1;
    for (int k = a->rank - 1; k >= 0; k--) {
        int own = k - axis;
        out->b_strides[k] = 0;
        if (own < 0 || own >= b->rank) {
            continue;
        }
        if (b->dims[own] != a->dims[k] && b->dims[own] != 1) {
            return mopt_error_set(err, MOPT_E_SHAPE,
                                  "shapes do not broadcast: dimension %d is %lld and %lld", k,
                                  (long long)a->dims[k], (long long)b->dims[own]);
        }
        out->b_strides[k] = b->dims[own] == 1 ? 0 : stride;
        stride *= b->dims[own];
    }
    return MOPT_OK;
}

enum mopt_status mopt__broadcast_versioned(const struct mopt_eval *eval,
                                           const struct mopt_tensor *a, const struct mopt_tensor *b,
                                           struct mopt_broadcast *out, struct mopt_error *err)
{
    return eval->version < 7 ? old_pair(eval->node, a, b, out, err)
                             : mopt__broadcast_pair(a, b, out, err);
}

enum mopt_status mopt__infer_broadcast_versioned(struct mopt_infer *infer, int *rank,
                                                 int64_t dims[MOPT_RANK_MAX],
                                                 struct mopt_error *err)
{
    const struct mopt_type *a = mopt__infer_tensor(infer, 0);
    const struct mopt_type *b = mopt__infer_tensor(infer, 1);
    *rank = -1;
    if (infer->version >= 7) {
        return a == NULL || b == NULL ? MOPT_OK
                                      : mopt__infer_broadcast(infer, a->rank, a->dims, b->rank,
                                                              b->dims, rank, dims, err);
    }
    if (a == NULL || a->rank < 0) {
        return MOPT_OK;
    }
    *rank = a->rank; // b never enlarges the result here
    if (a->rank > 0) {
        memcpy(dims, a->dims, sizeof(int64_t) * (size_t)a->rank);
    }
    int axis;
    return b == NULL || b->rank < 0 ? MOPT_OK : old_axis(infer->node, a->rank, b->rank, &axis, err);
}

void mopt__walk_start(struct mopt_walk *walk, const struct mopt_broadcast *shape, size_t begin)
{
    memset(walk, 0, sizeof *walk);
    walk->shape = shape;
    for (int k = shape->rank - 1; k >= 0; k--) {
        size_t size = (size_t)shape->dims[k];
        size_t index = size > 0 ? begin % size : 0;
        begin = size > 0 ? begin / size : 0;
        walk->index[k] = (int64_t)index;
        walk->a += index * (size_t)shape->a_strides[k];
        walk->b += index * (size_t)shape->b_strides[k];
    }
}
