// SPDX-License-Identifier: Apache-2.0
// Slicing and stacking along one axis, element type by element size. It knows nothing of nodes.
#include "ops/stack.h"

#include <string.h>

#include "ops/copy.h"

void mopt__data_release(struct mopt_datum **data, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mopt__datum_unref(data[i]);
        data[i] = NULL;
    }
}

void mopt__stack_release(struct mopt_stack *stack)
{
    for (size_t i = 0; i < stack->count; i++) {
        mopt__tensor_unref(stack->items[i]);
    }
    mopt__free(stack->items);
    memset(stack, 0, sizeof *stack);
}

static bool same_dims(const struct mopt_tensor *a, const struct mopt_tensor *b)
{
    bool same = a->rank == b->rank;
    for (int k = 0; same && k < a->rank; k++) {
        same = a->dims[k] == b->dims[k];
    }
    return same;
}

enum mopt_status mopt__stack_push(struct mopt_stack *stack, const struct mopt_datum *datum,
                                  struct mopt_error *err)
{
    if (datum == NULL || datum->kind != MOPT_DATUM_TENSOR) {
        return mopt_error_set(err, MOPT_E_TYPE, "collected output is not a tensor");
    }
    if (stack->count > 0 && stack->items[0]->dtype != datum->tensor->dtype) {
        return mopt_error_set(err, MOPT_E_TYPE, "collected output changes its type in trip %zu",
                              stack->count);
    }
    if (stack->count > 0 && !same_dims(stack->items[0], datum->tensor)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "collected output changes its shape in trip %zu",
                              stack->count);
    }
    enum mopt_status status = mopt__grow((void **)&stack->items, &stack->capacity, stack->count + 1,
                                         sizeof(struct mopt_tensor *), err);
    if (status == MOPT_OK) {
        stack->items[stack->count++] = mopt__tensor_ref(datum->tensor);
    }
    return status;
}

static void row_major(int rank, const int64_t *dims, int64_t *strides)
{
    int64_t stride = 1;
    for (int k = rank - 1; k >= 0; k--) {
        strides[k] = stride;
        stride *= dims[k] > 0 ? dims[k] : 1;
    }
}

enum mopt_status mopt__slice_axis(const struct mopt_tensor *from, int axis, int64_t begin,
                                  int64_t length, bool drop, struct mopt_tensor **out,
                                  struct mopt_error *err)
{
    struct mopt_copy copy = {.from = from, .rank = from->rank};
    int64_t dims[MOPT_RANK_MAX];
    int rank = 0;
    for (int k = 0; k < from->rank; k++) {
        copy.dims[k] = k == axis ? length : from->dims[k];
        if (k != axis || !drop) {
            dims[rank++] = copy.dims[k];
        }
    }
    enum mopt_status status = mopt__tensor_new(from->dtype, rank, dims, out, err);
    if (status != MOPT_OK) {
        return status;
    }
    row_major(from->rank, from->dims, copy.from_strides);
    row_major(from->rank, copy.dims, copy.to_strides);
    copy.to = *out;
    copy.from_first = begin * copy.from_strides[axis];
    status = (*out)->count > 0 ? mopt__copy_box(&copy, NULL, err) : MOPT_OK;
    if (status != MOPT_OK) {
        mopt__tensor_unref(*out);
        *out = NULL;
    }
    return status;
}

// Copies `item` (viewed with `dims`, of the result's rank) to position `at` of axis.
static enum mopt_status place(struct mopt_tensor *to, int axis, int64_t at,
                              const struct mopt_tensor *item, const int64_t *dims,
                              struct mopt_error *err)
{
    if (item->count == 0) {
        return MOPT_OK;
    }
    struct mopt_copy copy = {.to = to, .from = item, .rank = to->rank};
    memcpy(copy.dims, dims, sizeof(int64_t) * (size_t)to->rank);
    row_major(to->rank, dims, copy.from_strides);
    row_major(to->rank, to->dims, copy.to_strides);
    copy.to_first = at * copy.to_strides[axis];
    return mopt__copy_box(&copy, NULL, err);
}

enum mopt_status mopt__stack_join(const struct mopt_stack *stack, int axis, bool reverse,
                                  struct mopt_tensor **out, struct mopt_error *err)
{
    const struct mopt_tensor *first = stack->items[0];
    if (first->rank >= MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "stacked rank is more than %d",
                              MOPT_RANK_MAX);
    }
    int64_t dims[MOPT_RANK_MAX];
    for (int k = 0; k <= first->rank; k++) {
        dims[k] = k == axis ? (int64_t)stack->count : first->dims[k < axis ? k : k - 1];
    }
    enum mopt_status status = mopt__tensor_new(first->dtype, first->rank + 1, dims, out, err);
    if (status != MOPT_OK) {
        return status;
    }
    dims[axis] = 1;
    for (size_t i = 0; status == MOPT_OK && i < stack->count; i++) {
        status = place(*out, axis, (int64_t)(reverse ? stack->count - 1 - i : i), stack->items[i],
                       dims, err);
    }
    if (status != MOPT_OK) {
        mopt__tensor_unref(*out);
        *out = NULL;
    }
    return status;
}

static enum mopt_status joined_dims(struct mopt_tensor *const *items, size_t count, int axis,
                                    int64_t *dims, struct mopt_error *err)
{
    const struct mopt_tensor *first = items[0];
    memcpy(dims, first->dims, sizeof(int64_t) * (size_t)first->rank);
    for (size_t i = 1; i < count; i++) {
        if (items[i]->dtype != first->dtype) {
            return mopt_error_set(err, MOPT_E_TYPE, "tensor %zu has type '%s', tensor 0 '%s'", i,
                                  mopt__dtype_name(items[i]->dtype),
                                  mopt__dtype_name(first->dtype));
        }
        bool fits = items[i]->rank == first->rank;
        for (int k = 0; fits && k < first->rank; k++) {
            fits = k == axis || items[i]->dims[k] == first->dims[k];
        }
        if (!fits || !mopt__i64_add(dims[axis], items[i]->dims[axis], &dims[axis])) {
            return mopt_error_set(err, MOPT_E_SHAPE, "tensor %zu does not fit to tensor 0", i);
        }
    }
    return MOPT_OK;
}

enum mopt_status mopt__join_axis(struct mopt_tensor *const *items, size_t count, int axis,
                                 struct mopt_tensor **out, struct mopt_error *err)
{
    int64_t dims[MOPT_RANK_MAX];
    enum mopt_status status = joined_dims(items, count, axis, dims, err);
    if (status == MOPT_OK) {
        status = mopt__tensor_new(items[0]->dtype, items[0]->rank, dims, out, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    int64_t at = 0;
    for (size_t i = 0; status == MOPT_OK && i < count; i++) {
        status = place(*out, axis, at, items[i], items[i]->dims, err);
        at += items[i]->dims[axis];
    }
    if (status != MOPT_OK) {
        mopt__tensor_unref(*out);
        *out = NULL;
    }
    return status;
}
