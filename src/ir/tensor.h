// SPDX-License-Identifier: Apache-2.0
// Dense tensors with reference-counted data, sparse tensors, and runtime values (datum). Data are
// little-endian, packed row-major; sub-byte types pack low bits first. A tensor is immutable once
// shared; its creator may write through mopt__tensor_data while it is the only owner.
#ifndef MOPT_IR_TENSOR_H
#define MOPT_IR_TENSOR_H

#include "base/file.h"
#include "ir/dtype.h"
#include "ir/type.h"
#include "mopt/status.h"

struct mopt_string { // element of a string tensor; not NUL-terminated
    const char *data;
    size_t size;
};

// Where the bytes live. Reference counts are atomic. `release` is called with the last reference.
struct mopt_buffer {
    int references;
    // 64-byte aligned when allocated by us; mapped data may have any alignment (see below)
    const void *data;
    size_t size;
    void (*release)(struct mopt_buffer *buffer);
    void *owner; // private to release: mapping, heap block
};

struct mopt_tensor {
    int references;
    enum mopt_dtype dtype;
    int rank;
    int64_t dims[MOPT_RANK_MAX];
    size_t count; // elements
    size_t bytes; // of data in memory
    // aligned to the element size always (import copies a misaligned mapping); NULL never, even if
    // empty
    const void *data;
    struct mopt_buffer *buffer;
};

// New tensor with heap data (uninitialised; strings: zeroed). Errors: MOPT_E_MEMORY, MOPT_E_SHAPE
// (negative dim or overflow), MOPT_E_UNSUPPORTED (rank).
enum mopt_status mopt__tensor_new(enum mopt_dtype dtype, int rank, const int64_t *dims,
                                  struct mopt_tensor **out, struct mopt_error *err);
// New tensor over bytes of a mapping (kept alive). offset+size must lie inside. Copies if
// misaligned for the type.
enum mopt_status mopt__tensor_from_mapping(enum mopt_dtype dtype, int rank, const int64_t *dims,
                                           struct mopt_mapping *mapping, size_t offset, size_t size,
                                           struct mopt_tensor **out, struct mopt_error *err);
// New tensor that borrows memory which the caller keeps alive longer than the tensor and everything
// sharing it.
enum mopt_status mopt__tensor_borrow(enum mopt_dtype dtype, int rank, const int64_t *dims,
                                     void *data, size_t size, struct mopt_tensor **out,
                                     struct mopt_error *err);
// New tensor with other dims (same count) over the same data.
enum mopt_status mopt__tensor_view(struct mopt_tensor *tensor, int rank, const int64_t *dims,
                                   struct mopt_tensor **out, struct mopt_error *err);
enum mopt_status mopt__tensor_copy(const struct mopt_tensor *tensor, struct mopt_tensor **out,
                                   struct mopt_error *err);       // deep
struct mopt_tensor *mopt__tensor_ref(struct mopt_tensor *tensor); // NULL in, NULL out
void mopt__tensor_unref(struct mopt_tensor *tensor);
// Writable data; only for the creator of a heap or borrowed tensor that nobody else holds.
void *mopt__tensor_data(struct mopt_tensor *tensor);
// Sets element i of a string tensor made by mopt__tensor_new; the text is copied into the tensor.
enum mopt_status mopt__tensor_set_string(struct mopt_tensor *tensor, size_t i, const char *data,
                                         size_t size, struct mopt_error *err);
// Convenience makers (heap).
enum mopt_status mopt__tensor_i64(const int64_t *values, int rank, const int64_t *dims,
                                  struct mopt_tensor **out, struct mopt_error *err);
enum mopt_status mopt__tensor_f32_scalar(float value, struct mopt_tensor **out,
                                         struct mopt_error *err); // rank 0
// Same dtype, dims and bytes (strings: contents).
bool mopt__tensor_equal(const struct mopt_tensor *a, const struct mopt_tensor *b);
uint64_t mopt__tensor_hash(const struct mopt_tensor *tensor); // content, dtype and dims
// Element as double / integer regardless of type (not strings/complex).
double mopt__tensor_f64(const struct mopt_tensor *tensor, size_t i);
// integer and bool types; floats truncated
int64_t mopt__tensor_i64_at(const struct mopt_tensor *tensor, size_t i);
// All elements equal (bitwise); true for count 1, false for count 0.
bool mopt__tensor_is_splat(const struct mopt_tensor *tensor);

// Sparse tensor in COO form: values [nnz], indices [nnz] (linearised) or [nnz, rank].
struct mopt_sparse {
    int references;
    struct mopt_tensor *values, *indices; // owned references
    int rank;
    int64_t dims[MOPT_RANK_MAX];
};
enum mopt_status mopt__sparse_new(struct mopt_tensor *values, struct mopt_tensor *indices, int rank,
                                  const int64_t *dims, struct mopt_sparse **out,
                                  struct mopt_error *err); // takes new references
struct mopt_sparse *mopt__sparse_ref(struct mopt_sparse *sparse);
void mopt__sparse_unref(struct mopt_sparse *sparse);
enum mopt_status mopt__sparse_to_dense(const struct mopt_sparse *sparse, struct mopt_tensor **out,
                                       struct mopt_error *err); // checks indices

// A value at run time.
enum mopt_datum_kind {
    MOPT_DATUM_TENSOR,
    MOPT_DATUM_SEQUENCE,
    MOPT_DATUM_OPTIONAL,
    MOPT_DATUM_MAP
};
struct mopt_datum {
    int references;
    enum mopt_datum_kind kind;
    struct mopt_tensor *tensor; // TENSOR: the tensor (owned reference). MAP: the keys
    // SEQUENCE: elements; OPTIONAL: 0 or 1; MAP: values (owned references)
    struct mopt_datum **items;
    size_t count;
    enum mopt_dtype dtype; // SEQUENCE of tensors: element type, also when empty
};
enum mopt_status mopt__datum_tensor(struct mopt_tensor *tensor, struct mopt_datum **out,
                                    struct mopt_error *err); // takes a new reference
// Items are taken by new references; items may be NULL when count is 0.
enum mopt_status mopt__datum_list(enum mopt_datum_kind kind, enum mopt_dtype dtype,
                                  struct mopt_datum *const *items, size_t count,
                                  struct mopt_datum **out, struct mopt_error *err);
struct mopt_datum *mopt__datum_ref(struct mopt_datum *datum);
void mopt__datum_unref(struct mopt_datum *datum);

#endif
