// SPDX-License-Identifier: Apache-2.0
// Tensors to TensorProto: written the way they stood in their file (raw, typed, external) where
// that is still possible. Raw data are referred to, not copied.
#include <inttypes.h>
#include <string.h>

#include "onnx.pb-c.h"
#include "onnx/export.h"
#include "onnx/typed.h"
#include "onnx/wire.h"

// ---- External

static bool goes_out(const struct mopt_export *ex, const struct mopt_tensor *tensor,
                     const struct mopt_tensor_source *source, bool initializer)
{
    bool was_out = source != NULL && source->storage == MOPT_STORE_EXTERNAL;

    if (ex->spill == MOPT_SPILL_NONE || tensor->dtype == MOPT_STRING || tensor->bytes == 0) {
        return false;
    }
    if (was_out || tensor->bytes < ex->external_min) {
        return was_out;
    }
    return ex->spill == MOPT_SPILL_EVEN_ATTRIBUTES || (ex->spill == MOPT_SPILL_ALL && initializer);
}

// Offset of the tensor's bytes in the external file; tensors over the same bytes share them.
static enum mopt_status place(struct mopt_export *ex, const struct mopt_tensor *tensor,
                              uint64_t *offset, struct mopt_error *err)
{
    uint64_t key = (uint64_t)(uintptr_t)tensor->data;
    uintptr_t found = (uintptr_t)mopt__map_find_u64(&ex->placed, key);
    enum mopt_status status = MOPT_OK;

    if (found != 0 && ex->pieces[found - 1].size == tensor->bytes) {
        *offset = ex->pieces[found - 1].offset;
        return MOPT_OK;
    }
    status = mopt__grow((void **)&ex->pieces, &ex->piece_capacity, ex->piece_count + 1,
                        sizeof *ex->pieces, err);
    if (status != MOPT_OK) {
        return status;
    }
    *offset =
        (ex->external_bytes + MOPT_EXTERNAL_ALIGN - 1) / MOPT_EXTERNAL_ALIGN * MOPT_EXTERNAL_ALIGN;
    ex->pieces[ex->piece_count++] =
        (struct mopt_piece){.data = tensor->data, .size = tensor->bytes, .offset = *offset};
    ex->external_bytes = *offset + tensor->bytes;
    return mopt__map_put_u64(&ex->placed, key, (void *)(uintptr_t)ex->piece_count, err);
}

static enum mopt_status export_external(struct mopt_export *ex, const struct mopt_tensor *tensor,
                                        Mopt__Pb__TensorProto *message, struct mopt_error *err)
{
    uint64_t offset = 0;
    enum mopt_status status = place(ex, tensor, &offset, err);
    struct mopt_property pairs[] = {
        {.key = "location", .value = ex->location},
        {.key = "offset"},
        {.key = "length"},
    };

    if (status != MOPT_OK) {
        return status;
    }
    pairs[1].value = mopt__arena_printf(&ex->arena, "%" PRIu64, offset);
    pairs[2].value = mopt__arena_printf(&ex->arena, "%zu", tensor->bytes);
    if (pairs[1].value == NULL || pairs[2].value == NULL) {
        return mopt_error_memory(err);
    }
    message->has_data_location = 1;
    message->data_location = MOPT__PB__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    return mopt__export_properties(ex, pairs, MOPT_COUNTOF(pairs), &message->n_external_data,
                                   &message->external_data, err);
}

// ---- Typed fields

static uint64_t entry_at(enum mopt_dtype dtype, const uint8_t *data, size_t width)
{
    uint64_t value = 0;

    for (size_t i = width; i-- > 0;) {
        value = value << 8 | data[i];
    }
    if (dtype == MOPT_INT8) {
        return (uint64_t)(int64_t)(int8_t)value;
    }
    if (dtype == MOPT_INT16) {
        return (uint64_t)(int64_t)(int16_t)value;
    }
    return dtype == MOPT_INT32 ? (uint64_t)(int64_t)(int32_t)value : value;
}

static ProtobufCBinaryData *pack_varints(struct mopt_export *ex, const struct mopt_tensor *tensor,
                                         struct mopt_error *err)
{
    ProtobufCBinaryData *chunk = mopt__export_alloc(ex, 1, sizeof *chunk, err);
    const uint8_t *data = tensor->data;
    size_t width = 0;
    size_t entries = 0;
    uint8_t *at = NULL;

    if (chunk == NULL) {
        return NULL;
    }
    (void)mopt__typed_width(tensor->dtype, tensor->bytes, &width, &entries);
    for (size_t i = 0; i < entries; i++) {
        chunk->len += mopt__wire_length(entry_at(tensor->dtype, data + i * width, width));
    }
    chunk->data = at = mopt__export_alloc(ex, chunk->len, 1, err);
    for (size_t i = 0; i < entries && chunk->data != NULL; i++) {
        uint8_t bytes[MOPT_VARINT_MAX];
        size_t n = mopt__wire_put(bytes, entry_at(tensor->dtype, data + i * width, width));

        memcpy(at, bytes, n);
        at += n;
    }
    return chunk->data != NULL ? chunk : NULL;
}

static ProtobufCBinaryData *pack_fixed(struct mopt_export *ex, const struct mopt_tensor *tensor,
                                       struct mopt_error *err)
{
    ProtobufCBinaryData *chunk = mopt__export_alloc(ex, 1, sizeof *chunk, err);

    if (chunk != NULL) {
        chunk->len = tensor->bytes;
        chunk->data = mopt__export_bytes(tensor->data);
    }
    return chunk;
}

static enum mopt_status export_strings(struct mopt_export *ex, const struct mopt_tensor *tensor,
                                       Mopt__Pb__TensorProto *message, struct mopt_error *err)
{
    const struct mopt_string *strings = tensor->data;

    message->string_data = mopt__export_alloc(ex, tensor->count, sizeof *message->string_data, err);
    if (message->string_data == NULL) {
        return MOPT_E_MEMORY;
    }
    message->n_string_data = tensor->count;
    for (size_t i = 0; i < tensor->count; i++) {
        message->string_data[i] =
            (ProtobufCBinaryData){.len = strings[i].size,
                                  .data = mopt__export_bytes(strings[i].data)};
    }
    return MOPT_OK;
}

static enum mopt_status export_typed(struct mopt_export *ex, const struct mopt_tensor *tensor,
                                     Mopt__Pb__TensorProto *message, struct mopt_error *err)
{
    const struct {
        size_t *count;
        ProtobufCBinaryData **items;
    } fields[MOPT_TYPED_COUNT] = {
        [MOPT_TYPED_FLOAT] = {&message->n_float_data, &message->float_data},
        [MOPT_TYPED_INT32] = {&message->n_int32_data, &message->int32_data},
        [MOPT_TYPED_INT64] = {&message->n_int64_data, &message->int64_data},
        [MOPT_TYPED_DOUBLE] = {&message->n_double_data, &message->double_data},
        [MOPT_TYPED_UINT64] = {&message->n_uint64_data, &message->uint64_data},
    };
    enum mopt_typed_field field = mopt__typed_field(tensor->dtype);
    bool fixed = field == MOPT_TYPED_FLOAT || field == MOPT_TYPED_DOUBLE;

    if (field == MOPT_TYPED_STRING) {
        return export_strings(ex, tensor, message, err);
    }
    if (tensor->bytes == 0) {
        return MOPT_OK;
    }
    *fields[field].items = fixed ? pack_fixed(ex, tensor, err) : pack_varints(ex, tensor, err);
    *fields[field].count = *fields[field].items != NULL ? 1 : 0;
    return *fields[field].items != NULL ? MOPT_OK : MOPT_E_MEMORY;
}

// ---- Tensors

static enum mopt_status export_details(struct mopt_export *ex,
                                       const struct mopt_tensor_source *source,
                                       Mopt__Pb__TensorProto *message, struct mopt_error *err)
{
    enum mopt_status status = mopt__export_unknown(ex, source->unknown, &message->base, err);

    message->doc_string = mopt__export_text(source->doc);
    if (message->name == NULL) {
        message->name = mopt__export_text(source->name);
    }
    if (status == MOPT_OK && source->storage != MOPT_STORE_EXTERNAL) {
        status = mopt__export_properties(ex, source->external, source->external_count,
                                         &message->n_external_data, &message->external_data, err);
    }
    if (status == MOPT_OK) {
        status = mopt__export_properties(ex, source->metadata, source->metadata_count,
                                         &message->n_metadata_props, &message->metadata_props, err);
    }
    return status;
}

static enum mopt_status export_values(struct mopt_export *ex, const struct mopt_tensor *tensor,
                                      const struct mopt_tensor_source *source, bool initializer,
                                      Mopt__Pb__TensorProto *message, struct mopt_error *err)
{
    bool typed = source != NULL && source->storage == MOPT_STORE_TYPED;

    if (goes_out(ex, tensor, source, initializer)) {
        return export_external(ex, tensor, message, err);
    }
    if (typed || tensor->dtype == MOPT_STRING) {
        return export_typed(ex, tensor, message, err);
    }
    message->has_raw_data = 1;
    message->raw_data =
        (ProtobufCBinaryData){.len = tensor->bytes, .data = mopt__export_bytes(tensor->data)};
    return MOPT_OK;
}

static Mopt__Pb__TensorProto *export_tensor(struct mopt_export *ex,
                                            const struct mopt_tensor *tensor, const char *name,
                                            const struct mopt_tensor_source *source,
                                            bool initializer, struct mopt_error *err)
{
    Mopt__Pb__TensorProto *message =
        mopt__export_message(ex, &mopt__pb__tensor_proto__descriptor, err);

    if (message == NULL) {
        return NULL;
    }
    message->n_dims = (size_t)tensor->rank;
    message->dims = mopt__export_bytes(tensor->dims);
    message->has_data_type = 1;
    message->data_type = (int32_t)tensor->dtype;
    message->name = mopt__export_text(name);
    if (source != NULL && export_details(ex, source, message, err) != MOPT_OK) {
        return NULL;
    }
    return export_values(ex, tensor, source, initializer, message, err) == MOPT_OK ? message : NULL;
}

struct Mopt__Pb__TensorProto *mopt__export_tensor(struct mopt_export *ex,
                                                  const struct mopt_tensor *tensor,
                                                  const char *name,
                                                  const struct mopt_tensor_source *source,
                                                  struct mopt_error *err)
{
    return export_tensor(ex, tensor, name, source, name != NULL, err);
}

struct Mopt__Pb__SparseTensorProto *mopt__export_sparse(
    struct mopt_export *ex, const struct mopt_sparse *sparse, const char *name,
    const struct mopt_tensor_source *values_source, const struct mopt_tensor_source *indices_source,
    struct mopt_error *err)
{
    Mopt__Pb__SparseTensorProto *message =
        mopt__export_message(ex, &mopt__pb__sparse_tensor_proto__descriptor, err);

    if (message == NULL) {
        return NULL;
    }
    message->values = export_tensor(ex, sparse->values, name, values_source, false, err);
    message->indices = export_tensor(ex, sparse->indices, NULL, indices_source, false, err);
    message->n_dims = (size_t)sparse->rank;
    message->dims = mopt__export_bytes(sparse->dims);
    return message->values != NULL && message->indices != NULL ? message : NULL;
}
