// SPDX-License-Identifier: Apache-2.0
// Sparse tensors in coordinate form, as SparseTensorProto has them. Knows no operator.
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "ir/tensor.h"

static enum mopt_status check_parts(const struct mopt_tensor *values,
                                    const struct mopt_tensor *indices, int rank,
                                    struct mopt_error *err)
{
    if (rank < 0 || rank > MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED,
                              "rank of sparse tensor is %d, must be 0 to %d", rank,
                              (int)MOPT_RANK_MAX);
    }
    if (values->rank != 1) {
        return mopt_error_set(err, MOPT_E_SHAPE, "values of sparse tensor have rank %d, must be 1",
                              values->rank);
    }
    if (indices->dtype != MOPT_INT64) {
        return mopt_error_set(err, MOPT_E_TYPE,
                              "indices of sparse tensor are '%s', must be 'int64'",
                              mopt__dtype_name(indices->dtype));
    }
    bool linear = indices->rank == 1;
    bool columns = indices->rank == 2 && indices->dims[1] == rank;
    if ((!linear && !columns) || indices->dims[0] != values->dims[0]) {
        return mopt_error_set(err, MOPT_E_SHAPE, "indices of sparse tensor do not fit its values");
    }
    return MOPT_OK;
}

enum mopt_status mopt__sparse_new(struct mopt_tensor *values, struct mopt_tensor *indices, int rank,
                                  const int64_t *dims, struct mopt_sparse **out,
                                  struct mopt_error *err)
{
    *out = NULL;
    enum mopt_status status = check_parts(values, indices, rank, err);
    for (int i = 0; status == MOPT_OK && i < rank; i++) {
        if (dims[i] < 0) {
            status =
                mopt_error_set(err, MOPT_E_SHAPE, "dimension %d of sparse tensor is negative", i);
        }
    }
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_sparse *sparse = mopt__calloc(1, sizeof *sparse);
    if (!sparse) {
        return mopt_error_memory(err);
    }
    sparse->references = 1;
    sparse->values = mopt__tensor_ref(values);
    sparse->indices = mopt__tensor_ref(indices);
    sparse->rank = rank;
    for (int i = 0; i < rank; i++) {
        sparse->dims[i] = dims[i];
    }
    *out = sparse;
    return MOPT_OK;
}

struct mopt_sparse *mopt__sparse_ref(struct mopt_sparse *sparse)
{
    if (sparse) {
        __atomic_add_fetch(&sparse->references, 1, __ATOMIC_RELAXED);
    }
    return sparse;
}

void mopt__sparse_unref(struct mopt_sparse *sparse)
{
    if (sparse && __atomic_sub_fetch(&sparse->references, 1, __ATOMIC_ACQ_REL) == 0) {
        mopt__tensor_unref(sparse->values);
        mopt__tensor_unref(sparse->indices);
        mopt__free(sparse);
    }
}

// Linear position of entry i in the dense tensor; false if an index is out of range.
static bool position_of(const struct mopt_sparse *sparse, size_t i, size_t count, size_t *position)
{
    const int64_t *indices = sparse->indices->data;
    if (sparse->indices->rank == 1) {
        *position = (size_t)indices[i];
        return indices[i] >= 0 && (uint64_t)indices[i] < count;
    }
    const int64_t *row = indices + i * (size_t)sparse->rank;
    size_t sum = 0;
    for (int axis = 0; axis < sparse->rank; axis++) {
        if (row[axis] < 0 || row[axis] >= sparse->dims[axis]) {
            return false;
        }
        // Below the element count of the dense tensor, which was checked to fit.
        sum = sum * (size_t)sparse->dims[axis] + (size_t)row[axis];
    }
    *position = sum;
    return sum < count;
}

static enum mopt_status put(const struct mopt_sparse *sparse, size_t i, struct mopt_tensor *dense,
                            size_t position, struct mopt_error *err)
{
    const struct mopt_tensor *values = sparse->values;
    unsigned bits = mopt__dtype_bits(values->dtype);
    if (values->dtype == MOPT_STRING) {
        const struct mopt_string *text = (const struct mopt_string *)values->data + i;
        return mopt__tensor_set_string(dense, position, text->data, text->size, err);
    }
    if (bits >= 8) {
        size_t size = bits / 8;
        memcpy((uint8_t *)mopt__tensor_data(dense) + position * size,
               (const uint8_t *)values->data + i * size, size);
        return MOPT_OK;
    }
    // Sub-byte integers move as unsigned bit fields of the same width, so that float4 keeps its
    // bits too.
    enum mopt_dtype plain = bits == 4 ? MOPT_UINT4 : MOPT_UINT2;
    mopt__element_set_i64(plain, mopt__tensor_data(dense), position,
                          mopt__element_i64(plain, values->data, i));
    return MOPT_OK;
}

static enum mopt_status fill(const struct mopt_sparse *sparse, struct mopt_tensor *dense,
                             struct mopt_error *err)
{
    size_t next = 0; // ONNX: the indices are in ascending order, without repetition
    for (size_t i = 0; i < sparse->values->count; i++) {
        size_t position;
        if (!position_of(sparse, i, dense->count, &position)) {
            return mopt_error_set(err, MOPT_E_VALUE, "index %zu of sparse tensor is out of range",
                                  i);
        }
        if (position < next) {
            return mopt_error_set(err, MOPT_E_VALUE, "index %zu of sparse tensor is not ascending",
                                  i);
        }
        next = position + 1;
        enum mopt_status status = put(sparse, i, dense, position, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

enum mopt_status mopt__sparse_to_dense(const struct mopt_sparse *sparse, struct mopt_tensor **out,
                                       struct mopt_error *err)
{
    struct mopt_tensor *dense;
    *out = NULL;
    enum mopt_status status =
        mopt__tensor_new(sparse->values->dtype, sparse->rank, sparse->dims, &dense, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (dense->dtype != MOPT_STRING && dense->bytes > 0) {
        memset(mopt__tensor_data(dense), 0, dense->bytes);
    }
    status = fill(sparse, dense, err);
    if (status != MOPT_OK) {
        mopt__tensor_unref(dense);
        return status;
    }
    *out = dense;
    return MOPT_OK;
}
