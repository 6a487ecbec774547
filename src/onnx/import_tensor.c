// SPDX-License-Identifier: Apache-2.0
// TensorProto and SparseTensorProto to ir tensors: sizes, the choice of storage, payloads in place.
// Where the bytes of typed fields and other files come from is told by typed.c and external.c.
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "onnx.pb-c.h"
#include "onnx/import.h"
#include "onnx/wire.h"

enum { COPY_CHUNK = 1 << 20 };

// ---- Bytes of a mapping

static size_t alignment_of(enum mopt_dtype dtype)
{
    unsigned bits = mopt__dtype_bits(dtype);

    return bits <= 8 ? 1 : bits >= 64 ? 8 : bits / 8;
}

// Lets go of whole pages of a file mapping: they come back from the file when somebody looks again.
static void let_go(const struct mopt_mapping *mapping, const uint8_t *data, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uintptr_t begin = ((uintptr_t)data + page - 1) / page * page;
    uintptr_t end = ((uintptr_t)data + size) / page * page;

    if (!mapping->heap && end > begin) {
        size_t skip = begin - (uintptr_t)data;

        // mapped memory is never written: the const of the view is not that of the pages
        union {
            const uint8_t *view;
            void *pages;
        } address = {.view = data + skip};
        (void)madvise(address.pages, end - begin, MADV_DONTNEED);
    }
}

static void copy_chunks(uint8_t *to, const struct mopt_mapping *mapping, size_t offset, size_t size)
{
    for (size_t done = 0; done < size;) {
        size_t step = size - done < COPY_CHUNK ? size - done : COPY_CHUNK;
        const uint8_t *from = mapping->data + offset + done;

        memcpy(to + done, from, step);
        if (size >= COPY_CHUNK) {
            let_go(mapping, from, step);
        }
        done += step;
    }
}

bool mopt__import_stays(const struct mopt_tensor_head *head, const uint8_t *data)
{
    return head->bytes >= MOPT_MAP_BYTES_MIN && (uintptr_t)data % alignment_of(head->dtype) == 0;
}

enum mopt_status mopt__import_bytes(const struct mopt_tensor_head *head,
                                    struct mopt_mapping *mapping, size_t offset,
                                    struct mopt_tensor **out, struct mopt_error *err)
{
    if (mopt__import_stays(head, mapping->data + offset)) {
        return mopt__tensor_from_mapping(head->dtype, head->rank, head->dims, mapping, offset,
                                         head->bytes, out, err);
    }
    enum mopt_status status = mopt__tensor_new(head->dtype, head->rank, head->dims, out, err);
    if (status == MOPT_OK && head->bytes > 0) {
        copy_chunks(mopt__tensor_data(*out), mapping, offset, head->bytes);
    }
    return status;
}

static enum mopt_status import_raw(struct mopt_import *in, const Mopt__Pb__TensorProto *message,
                                   const struct mopt_tensor_head *head, struct mopt_tensor **out,
                                   struct mopt_error *err)
{
    size_t offset = 0;
    size_t size = 0;

    mopt__wire_get_reference(message->raw_data.data, &offset, &size);
    if (head->dtype == MOPT_STRING) {
        return mopt_error_set(err, MOPT_E_FORMAT, "text stands in raw_data");
    }
    if (size != head->bytes) {
        return mopt_error_set_at(err, MOPT_E_FORMAT, (int64_t)offset,
                                 "raw_data holds %zu bytes, the dimensions ask for %zu", size,
                                 head->bytes);
    }
    return mopt__import_bytes(head, in->mapping, offset, out, err);
}

// ---- Head

static enum mopt_status check_dtype(const Mopt__Pb__TensorProto *message, struct mopt_error *err)
{
    if (!message->has_data_type || message->data_type == 0) {
        return mopt_error_set(err, MOPT_E_FORMAT, "the element type is missing");
    }
    if (!mopt__dtype_valid(message->data_type)) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "element type %d is not known",
                              message->data_type);
    }
    return MOPT_OK;
}

// Number of elements; a dimension of 0 makes it 0 whatever the others are.
static bool count_elements(const Mopt__Pb__TensorProto *message, size_t *count)
{
    *count = 1;
    for (size_t i = 0; i < message->n_dims; i++) {
        if (!mopt__size_mul(*count, (size_t)message->dims[i], count)) {
            return false;
        }
    }
    return true;
}

static enum mopt_status read_head(const Mopt__Pb__TensorProto *message,
                                  struct mopt_tensor_head *head, struct mopt_error *err)
{
    enum mopt_status status = check_dtype(message, err);

    if (status != MOPT_OK) {
        return status;
    }
    if (message->n_dims > MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "%zu dimensions, at most %d work",
                              message->n_dims, MOPT_RANK_MAX);
    }
    for (size_t i = 0; i < message->n_dims; i++) {
        if (message->dims[i] < 0) {
            return mopt_error_set(err, MOPT_E_FORMAT, "dimension %zu is negative", i);
        }
    }
    head->dtype = (enum mopt_dtype)message->data_type;
    head->rank = (int)message->n_dims;
    head->dims = message->dims;
    if (!count_elements(message, &head->count) ||
        !mopt__dtype_bytes(head->dtype, head->count, &head->bytes) ||
        head->bytes > (size_t)INT64_MAX) {
        return mopt_error_set(err, MOPT_E_FORMAT, "the product of the dimensions is too large");
    }
    return MOPT_OK;
}

// ---- Source

static enum mopt_status import_source(struct mopt_import *in, const Mopt__Pb__TensorProto *message,
                                      struct mopt_tensor_source *source, struct mopt_error *err)
{
    enum mopt_status status = mopt__import_text(in, message->name, &source->name, err);

    if (status == MOPT_OK) {
        status = mopt__import_text(in, message->doc_string, &source->doc, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_properties(in, message->n_external_data, message->external_data,
                                         &source->external, &source->external_count, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_properties(in, message->n_metadata_props, message->metadata_props,
                                         &source->metadata, &source->metadata_count, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_unknown(in, &message->base, &source->unknown, err);
    }
    if (status == MOPT_OK && message->has_data_location && message->data_location == 0) {
        status = mopt__import_carry_number(in, 14, 0, &source->unknown, err);
    }
    return status;
}

// ---- Choice of storage

static size_t count_typed(const Mopt__Pb__TensorProto *message)
{
    return (size_t)(message->n_float_data > 0) + (message->n_int32_data > 0) +
           (message->n_string_data > 0) + (message->n_int64_data > 0) +
           (message->n_double_data > 0) + (message->n_uint64_data > 0);
}

static enum mopt_status choose_storage(const Mopt__Pb__TensorProto *message,
                                       enum mopt_storage *storage, struct mopt_error *err)
{
    bool external = message->has_data_location && message->data_location == 1;
    size_t typed = count_typed(message);

    if (message->segment != NULL) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "segmented tensors are not supported");
    }
    if (message->has_data_location && message->data_location != 0 && !external) {
        return mopt_error_set(err, MOPT_E_FORMAT, "data_location %d is not known",
                              message->data_location);
    }
    if ((size_t)external + (message->has_raw_data ? 1 : 0) + typed > 1) {
        return mopt_error_set(err, MOPT_E_FORMAT, "the values stand in more than one place");
    }
    *storage = external                ? MOPT_STORE_EXTERNAL
               : message->has_raw_data ? MOPT_STORE_RAW
                                       : MOPT_STORE_TYPED;
    return MOPT_OK;
}

static enum mopt_status import_values(struct mopt_import *in, const Mopt__Pb__TensorProto *message,
                                      struct mopt_tensor_source *source, struct mopt_tensor **out,
                                      struct mopt_error *err)
{
    struct mopt_tensor_head head = {0};
    enum mopt_status status = read_head(message, &head, err);

    if (status == MOPT_OK) {
        status = choose_storage(message, &source->storage, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (source->storage == MOPT_STORE_EXTERNAL) {
        return mopt__import_external(in, &head, source, out, err);
    }
    if (source->storage == MOPT_STORE_RAW) {
        return import_raw(in, message, &head, out, err);
    }
    return mopt__import_typed(in, message, &head, out, err);
}

enum mopt_status mopt__import_tensor(struct mopt_import *in,
                                     const struct Mopt__Pb__TensorProto *message,
                                     struct mopt_tensor **out,
                                     const struct mopt_tensor_source **source,
                                     struct mopt_error *err)
{
    struct mopt_tensor_source *made = NULL;
    enum mopt_status status = mopt__import_alloc(in, 1, sizeof *made, (void **)&made, err);

    *out = NULL;
    if (status == MOPT_OK) {
        status = import_source(in, message, made, err);
    }
    if (status == MOPT_OK) {
        status = import_values(in, message, made, out, err);
    }
    if (source != NULL) {
        *source = made;
    }
    return status;
}

// ---- Sparse

static enum mopt_status check_sparse(const Mopt__Pb__SparseTensorProto *message,
                                     struct mopt_error *err)
{
    if (message->values == NULL || message->indices == NULL) {
        return mopt_error_set(err, MOPT_E_FORMAT, "a sparse tensor lacks values or indices");
    }
    if (message->base.n_unknown_fields > 0) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "a sparse tensor has unknown fields");
    }
    if (message->n_dims > MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "%zu dimensions, at most %d work",
                              message->n_dims, MOPT_RANK_MAX);
    }
    return MOPT_OK;
}

enum mopt_status mopt__import_sparse(struct mopt_import *in,
                                     const struct Mopt__Pb__SparseTensorProto *message,
                                     struct mopt_sparse **out,
                                     const struct mopt_tensor_source **values_source,
                                     const struct mopt_tensor_source **indices_source,
                                     struct mopt_error *err)
{
    struct mopt_tensor *values = NULL;
    struct mopt_tensor *indices = NULL;
    enum mopt_status status = check_sparse(message, err);

    *out = NULL;
    if (status == MOPT_OK) {
        status = mopt__import_tensor(in, message->values, &values, values_source, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_tensor(in, message->indices, &indices, indices_source, err);
    }
    if (status == MOPT_OK) {
        status = mopt__sparse_new(values, indices, (int)message->n_dims, message->dims, out, err);
    }
    mopt__tensor_unref(values);
    mopt__tensor_unref(indices);
    return status;
}
