// SPDX-License-Identifier: Apache-2.0
// Dense tensors: making them over heap, mapped or borrowed bytes, sharing, elements. Knows no
// values of a graph. Comparing whole contents is in tensor_content.c.
#include "ir/tensor.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"

static const _Alignas(64) unsigned char no_data[64]; // what empty tensors point to

// ---- Buffers ------------------------------------------------------------------------------------

// Strings of a tensor made by mopt__tensor_new: the items and all texts live in one arena.
struct string_store {
    struct mopt_arena arena;
    struct mopt_string *items;
};

static void release_heap(struct mopt_buffer *buffer)
{
    mopt__free_aligned(buffer->owner);
}

static void release_strings(struct mopt_buffer *buffer)
{
    struct string_store *store = buffer->owner;
    mopt__arena_release(&store->arena);
    mopt__free(store);
}

static void release_mapping(struct mopt_buffer *buffer)
{
    mopt__mapping_unref(buffer->owner);
}

static void release_borrowed(struct mopt_buffer *buffer)
{
    buffer->owner = NULL;
}

static struct mopt_buffer *buffer_new(const void *data, size_t size,
                                      void (*release)(struct mopt_buffer *), void *owner)
{
    struct mopt_buffer *buffer = mopt__calloc(1, sizeof *buffer);
    if (buffer) {
        buffer->references = 1;
        buffer->data = data ? data : no_data;
        buffer->size = size;
        buffer->release = release;
        buffer->owner = owner;
    }
    return buffer;
}

static struct mopt_buffer *buffer_heap(size_t size)
{
    void *block = mopt__malloc_aligned(size);
    if (!block) {
        return NULL;
    }
    struct mopt_buffer *buffer = buffer_new(block, size, release_heap, block);
    if (!buffer) {
        mopt__free_aligned(block);
    }
    return buffer;
}

static struct mopt_buffer *buffer_strings(size_t count)
{
    struct string_store *store = mopt__calloc(1, sizeof *store);
    if (!store) {
        return NULL;
    }
    mopt__arena_init(&store->arena);
    store->items = mopt__arena_alloc(&store->arena, count, sizeof *store->items);
    struct mopt_buffer *buffer = NULL;
    if (store->items) {
        for (size_t i = 0; i < count; i++) {
            store->items[i].data = "";
        }
        buffer = buffer_new(store->items, count * sizeof *store->items, release_strings, store);
    }
    if (!buffer) {
        mopt__arena_release(&store->arena);
        mopt__free(store);
    }
    return buffer;
}

static struct mopt_buffer *buffer_ref(struct mopt_buffer *buffer)
{
    __atomic_add_fetch(&buffer->references, 1, __ATOMIC_RELAXED);
    return buffer;
}

static void buffer_unref(struct mopt_buffer *buffer)
{
    if (__atomic_sub_fetch(&buffer->references, 1, __ATOMIC_ACQ_REL) == 0) {
        buffer->release(buffer);
        mopt__free(buffer);
    }
}

// ---- Making tensors -----------------------------------------------------------------------------

// Fills dtype, dims, count and bytes of a header; checks everything that can be wrong with them.
static enum mopt_status describe(struct mopt_tensor *tensor, enum mopt_dtype dtype, int rank,
                                 const int64_t *dims, struct mopt_error *err)
{
    if (!mopt__dtype_valid((int)dtype)) {
        return mopt_error_set(err, MOPT_E_TYPE, "element type %d does not exist", (int)dtype);
    }
    if (rank < 0 || rank > MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank is %d, must be 0 to %d", rank,
                              (int)MOPT_RANK_MAX);
    }
    size_t count = 1;
    bool empty = false;
    bool fits = true;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0) {
            return mopt_error_set(err, MOPT_E_SHAPE, "dimension %d is negative (%lld)", i,
                                  (long long)dims[i]);
        }
        empty = empty || dims[i] == 0;
        // Without the zeros, so that strides and partial products of empty tensors fit, too.
        fits = fits && mopt__size_mul(count, dims[i] > 0 ? (size_t)dims[i] : 1, &count);
        tensor->dims[i] = dims[i];
    }
    if (!fits || !mopt__dtype_bytes(dtype, count, &tensor->bytes) || count > PTRDIFF_MAX ||
        tensor->bytes > PTRDIFF_MAX) {
        return mopt_error_set(err, MOPT_E_SHAPE, "number of elements is too large");
    }
    count = empty ? 0 : count;
    tensor->bytes = empty ? 0 : tensor->bytes;
    tensor->references = 1;
    tensor->dtype = dtype;
    tensor->rank = rank;
    tensor->count = count;
    return MOPT_OK;
}

// New header over the buffer, of which it takes the reference (drops it on failure). buffer NULL:
// out of memory.
static enum mopt_status finish(const struct mopt_tensor *header, struct mopt_buffer *buffer,
                               struct mopt_tensor **out, struct mopt_error *err)
{
    struct mopt_tensor *tensor = buffer ? mopt__malloc(sizeof *tensor) : NULL;
    if (!tensor) {
        if (buffer) {
            buffer_unref(buffer);
        }
        mopt_error_memory(err);
        return MOPT_E_MEMORY; // said outright, so that static analysis sees that *out is set else
    }
    *tensor = *header;
    tensor->buffer = buffer;
    tensor->data = buffer->data;
    *out = tensor;
    return MOPT_OK;
}

enum mopt_status mopt__tensor_new(enum mopt_dtype dtype, int rank, const int64_t *dims,
                                  struct mopt_tensor **out, struct mopt_error *err)
{
    struct mopt_tensor header = {0};
    *out = NULL;
    enum mopt_status status = describe(&header, dtype, rank, dims, err);
    if (status != MOPT_OK) {
        return status;
    }
    return finish(&header,
                  dtype == MOPT_STRING ? buffer_strings(header.count) : buffer_heap(header.bytes),
                  out, err);
}

static enum mopt_status check_size(const struct mopt_tensor *header, size_t size,
                                   struct mopt_error *err)
{
    if (header->dtype == MOPT_STRING) {
        return mopt_error_set(err, MOPT_E_TYPE, "strings cannot lie in raw bytes");
    }
    if (header->bytes != size) {
        return mopt_error_set(err, MOPT_E_FORMAT, "data has %zu bytes, must have %zu", size,
                              header->bytes);
    }
    return MOPT_OK;
}

// Alignment that reading elements of this type through a pointer needs.
static size_t alignment_of(enum mopt_dtype dtype)
{
    unsigned bits = mopt__dtype_bits(dtype);
    switch (dtype) {
    case MOPT_STRING:
        return _Alignof(struct mopt_string);
    case MOPT_COMPLEX64:
    case MOPT_COMPLEX128:
        return bits / 16;
    default:
        return bits < 8 ? 1 : bits / 8;
    }
}

enum mopt_status mopt__tensor_from_mapping(enum mopt_dtype dtype, int rank, const int64_t *dims,
                                           struct mopt_mapping *mapping, size_t offset, size_t size,
                                           struct mopt_tensor **out, struct mopt_error *err)
{
    struct mopt_tensor header = {0};
    *out = NULL;
    enum mopt_status status = describe(&header, dtype, rank, dims, err);
    if (status == MOPT_OK) {
        status = check_size(&header, size, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (offset > mapping->size || size > mapping->size - offset) {
        return mopt_error_set(err, MOPT_E_FORMAT,
                              "data at byte %zu with %zu bytes reaches beyond the file (%zu bytes)",
                              offset, size, mapping->size);
    }
    const uint8_t *data = size > 0 ? mapping->data + offset : no_data;
    if (size == 0 || (uintptr_t)data % alignment_of(dtype) != 0) {
        status = finish(&header, buffer_heap(size), out, err);
        if (status == MOPT_OK && size > 0) {
            memcpy(mopt__tensor_data(*out), data, size);
        }
        return status;
    }
    struct mopt_buffer *buffer = buffer_new(data, size, release_mapping, mapping);
    if (buffer) {
        mopt__mapping_ref(mapping);
    }
    return finish(&header, buffer, out, err);
}

enum mopt_status mopt__tensor_borrow(enum mopt_dtype dtype, int rank, const int64_t *dims,
                                     void *data, size_t size, struct mopt_tensor **out,
                                     struct mopt_error *err)
{
    struct mopt_tensor header = {0};
    *out = NULL;
    enum mopt_status status = describe(&header, dtype, rank, dims, err);
    if (status == MOPT_OK) {
        status = check_size(&header, size, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (size > 0 && !data) {
        return mopt_error_set(err, MOPT_E_USAGE, "no memory given for %zu bytes", size);
    }
    if ((uintptr_t)data % alignment_of(dtype) != 0) {
        return mopt_error_set(err, MOPT_E_USAGE, "memory is not aligned to its element type '%s'",
                              mopt__dtype_name(dtype));
    }
    return finish(&header, buffer_new(data, size, release_borrowed, data), out, err);
}

enum mopt_status mopt__tensor_view(struct mopt_tensor *tensor, int rank, const int64_t *dims,
                                   struct mopt_tensor **out, struct mopt_error *err)
{
    struct mopt_tensor header = {0};
    *out = NULL;
    enum mopt_status status = describe(&header, tensor->dtype, rank, dims, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (header.count != tensor->count) {
        return mopt_error_set(err, MOPT_E_SHAPE, "view has %zu elements, the tensor has %zu",
                              header.count, tensor->count);
    }
    return finish(&header, buffer_ref(tensor->buffer), out, err);
}

static enum mopt_status copy_strings(const struct mopt_tensor *tensor, struct mopt_tensor *copy,
                                     struct mopt_error *err)
{
    const struct mopt_string *from = tensor->data;
    for (size_t i = 0; i < tensor->count; i++) {
        enum mopt_status status = mopt__tensor_set_string(copy, i, from[i].data, from[i].size, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

enum mopt_status mopt__tensor_copy(const struct mopt_tensor *tensor, struct mopt_tensor **out,
                                   struct mopt_error *err)
{
    struct mopt_tensor *copy;
    *out = NULL;
    enum mopt_status status =
        mopt__tensor_new(tensor->dtype, tensor->rank, tensor->dims, &copy, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (tensor->dtype == MOPT_STRING) {
        status = copy_strings(tensor, copy, err);
    } else if (tensor->bytes > 0) {
        memcpy(mopt__tensor_data(copy), tensor->data, tensor->bytes);
    }
    if (status != MOPT_OK) {
        mopt__tensor_unref(copy);
        return status;
    }
    *out = copy;
    return MOPT_OK;
}

struct mopt_tensor *mopt__tensor_ref(struct mopt_tensor *tensor)
{
    if (tensor) {
        __atomic_add_fetch(&tensor->references, 1, __ATOMIC_RELAXED);
    }
    return tensor;
}

void mopt__tensor_unref(struct mopt_tensor *tensor)
{
    if (tensor && __atomic_sub_fetch(&tensor->references, 1, __ATOMIC_ACQ_REL) == 0) {
        buffer_unref(tensor->buffer);
        mopt__free(tensor);
    }
}

enum mopt_status mopt__tensor_i64(const int64_t *values, int rank, const int64_t *dims,
                                  struct mopt_tensor **out, struct mopt_error *err)
{
    enum mopt_status status = mopt__tensor_new(MOPT_INT64, rank, dims, out, err);
    if (status == MOPT_OK && (*out)->bytes > 0) {
        memcpy(mopt__tensor_data(*out), values, (*out)->bytes);
    }
    return status;
}

enum mopt_status mopt__tensor_f32_scalar(float value, struct mopt_tensor **out,
                                         struct mopt_error *err)
{
    enum mopt_status status = mopt__tensor_new(MOPT_FLOAT32, 0, NULL, out, err);
    if (status == MOPT_OK) {
        memcpy(mopt__tensor_data(*out), &value, sizeof value);
    }
    return status;
}

// ---- Elements -----------------------------------------------------------------------------------

void *mopt__tensor_data(struct mopt_tensor *tensor)
{
    struct mopt_buffer *buffer = tensor->buffer;
    if (buffer->release == release_strings) {
        return ((struct string_store *)buffer->owner)->items;
    }
    assert(buffer->release != release_mapping); // an executor's buffers have a release of their own
    return (void *)(uintptr_t)buffer->data;
}

enum mopt_status mopt__tensor_set_string(struct mopt_tensor *tensor, size_t i, const char *data,
                                         size_t size, struct mopt_error *err)
{
    assert(tensor->buffer->release == release_strings && i < tensor->count);
    struct string_store *store = tensor->buffer->owner;
    char *copy = mopt__arena_strndup(&store->arena, data, size);
    if (!copy) {
        return mopt_error_memory(err);
    }
    store->items[i] = (struct mopt_string){.data = copy, .size = size};
    return MOPT_OK;
}

double mopt__tensor_f64(const struct mopt_tensor *tensor, size_t i)
{
    assert(i < tensor->count);
    return mopt__element_f64(tensor->dtype, tensor->data, i);
}

// Truncated towards zero and held inside the range of int64_t; NaN gives 0.
static int64_t truncate(double value)
{
    const double limit = 9223372036854775808.0; // 2^63
    if (!(value >= -limit && value < limit)) {
        return value > 0.0 ? INT64_MAX : value < 0.0 ? INT64_MIN : 0;
    }
    return (int64_t)value;
}

int64_t mopt__tensor_i64_at(const struct mopt_tensor *tensor, size_t i)
{
    assert(i < tensor->count);
    if (mopt__dtype_is_float(tensor->dtype)) {
        return truncate(mopt__element_f64(tensor->dtype, tensor->data, i));
    }
    return mopt__element_i64(tensor->dtype, tensor->data, i);
}
