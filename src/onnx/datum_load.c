// SPDX-License-Identifier: Apache-2.0
// Values from files: TensorProto, SequenceProto, OptionalProto, MapProto (test_data_set_N/*.pb).
// Such a file does not say which of them it holds; the type of the value does.
#include <string.h>

#include "onnx.pb-c.h"
#include "onnx/decode.h"
#include "onnx/import.h"
#include "onnx/onnx.h"

static const size_t FILE_BYTES_MAX = INT32_MAX;
static const size_t MEMORY_FACTOR = 8;
static const size_t MEMORY_BASE = (size_t)64 << 20;

static enum mopt_status import_sequence(struct mopt_import *in,
                                        const Mopt__Pb__SequenceProto *message,
                                        struct mopt_datum **out, struct mopt_error *err);
static enum mopt_status import_optional(struct mopt_import *in,
                                        const Mopt__Pb__OptionalProto *message,
                                        struct mopt_datum **out, struct mopt_error *err);
static enum mopt_status import_map(struct mopt_import *in, const Mopt__Pb__MapProto *message,
                                   struct mopt_datum **out, struct mopt_error *err);

static enum mopt_status import_tensor(struct mopt_import *in, const Mopt__Pb__TensorProto *message,
                                      struct mopt_datum **out, struct mopt_error *err)
{
    struct mopt_tensor *tensor = NULL;
    enum mopt_status status = mopt__import_tensor(in, message, &tensor, NULL, err);

    if (status == MOPT_OK) {
        status = mopt__datum_tensor(tensor, out, err);
        mopt__tensor_unref(tensor);
    }
    return status;
}

static enum mopt_status no_sparse(struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_UNSUPPORTED, "sparse tensors as values are not supported");
}

// ---- Sequences

static enum mopt_dtype dtype_of(struct mopt_datum *const *items, size_t count)
{
    return count > 0 ? items[0]->dtype : MOPT_UNDEFINED;
}

static size_t sequence_count(const Mopt__Pb__SequenceProto *m)
{
    return m->n_tensor_values + m->n_sequence_values + m->n_map_values + m->n_optional_values;
}

// Items in their order; the values of a sequence are all of one kind.
static enum mopt_status import_items(struct mopt_import *in, const Mopt__Pb__SequenceProto *m,
                                     struct mopt_datum **items, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;

    for (size_t i = 0; i < m->n_tensor_values && status == MOPT_OK; i++) {
        status = import_tensor(in, m->tensor_values[i], &items[i], err);
    }
    for (size_t i = 0; i < m->n_sequence_values && status == MOPT_OK; i++) {
        status = import_sequence(in, m->sequence_values[i], &items[i], err);
    }
    for (size_t i = 0; i < m->n_map_values && status == MOPT_OK; i++) {
        status = import_map(in, m->map_values[i], &items[i], err);
    }
    for (size_t i = 0; i < m->n_optional_values && status == MOPT_OK; i++) {
        status = import_optional(in, m->optional_values[i], &items[i], err);
    }
    return status;
}

static enum mopt_status check_sequence(const Mopt__Pb__SequenceProto *m, struct mopt_error *err)
{
    int kinds = (m->n_tensor_values > 0) + (m->n_sequence_values > 0) + (m->n_map_values > 0) +
                (m->n_optional_values > 0);

    if (m->n_sparse_tensor_values > 0) {
        return no_sparse(err);
    }
    return kinds <= 1 ? MOPT_OK
                      : mopt_error_set(err, MOPT_E_FORMAT, "a sequence holds values of two kinds");
}

// Nesting is bounded by the pre-scan.
static enum mopt_status import_sequence(struct mopt_import *in,
                                        const Mopt__Pb__SequenceProto *message,
                                        struct mopt_datum **out, struct mopt_error *err)
{
    size_t count = sequence_count(message);
    struct mopt_datum **items = NULL;
    enum mopt_status status = check_sequence(message, err);

    if (status != MOPT_OK) {
        return status;
    }
    items = mopt__calloc(count, sizeof(struct mopt_datum *));
    if (items == NULL) {
        return mopt_error_memory(err);
    }
    status = import_items(in, message, items, err);
    if (status == MOPT_OK) {
        status =
            mopt__datum_list(MOPT_DATUM_SEQUENCE, dtype_of(items, count), items, count, out, err);
    }
    for (size_t i = 0; i < count; i++) {
        mopt__datum_unref(items[i]);
    }
    mopt__free(items);
    return status;
}

// ---- Optionals

static enum mopt_status import_content(struct mopt_import *in, const Mopt__Pb__OptionalProto *m,
                                       struct mopt_datum **out, struct mopt_error *err)
{
    int kinds = (m->tensor_value != NULL) + (m->sequence_value != NULL) + (m->map_value != NULL) +
                (m->optional_value != NULL) + (m->sparse_tensor_value != NULL);

    if (kinds > 1) {
        return mopt_error_set(err, MOPT_E_FORMAT, "an optional holds values of two kinds");
    }
    if (m->sparse_tensor_value != NULL) {
        return no_sparse(err);
    }
    if (m->tensor_value != NULL) {
        return import_tensor(in, m->tensor_value, out, err);
    }
    if (m->sequence_value != NULL) {
        return import_sequence(in, m->sequence_value, out, err);
    }
    if (m->map_value != NULL) {
        return import_map(in, m->map_value, out, err);
    }
    return m->optional_value != NULL ? import_optional(in, m->optional_value, out, err) : MOPT_OK;
}

static enum mopt_status import_optional(struct mopt_import *in,
                                        const Mopt__Pb__OptionalProto *message,
                                        struct mopt_datum **out, struct mopt_error *err)
{
    struct mopt_datum *content = NULL;
    enum mopt_status status = import_content(in, message, &content, err);

    if (status == MOPT_OK) {
        size_t count = content != NULL ? 1 : 0;

        status = mopt__datum_list(MOPT_DATUM_OPTIONAL, dtype_of(&content, count), &content, count,
                                  out, err);
    }
    mopt__datum_unref(content);
    return status;
}

// ---- Maps

static enum mopt_status import_keys(const Mopt__Pb__MapProto *m, struct mopt_tensor **out,
                                    struct mopt_error *err)
{
    enum mopt_dtype dtype = m->n_string_keys > 0 || m->key_type == MOPT_STRING
                                ? MOPT_STRING
                                : (enum mopt_dtype)m->key_type;
    size_t count = m->n_keys + m->n_string_keys;
    int64_t dim = (int64_t)count;

    if (m->n_keys > 0 && m->n_string_keys > 0) {
        return mopt_error_set(err, MOPT_E_FORMAT, "a map has keys of two kinds");
    }
    if (dtype != MOPT_STRING &&
        (!mopt__dtype_valid(m->key_type) || !mopt__dtype_is_integer(dtype))) {
        return mopt_error_set(err, MOPT_E_FORMAT, "type %d cannot be the key of a map",
                              m->key_type);
    }
    enum mopt_status status = mopt__tensor_new(dtype, 1, &dim, out, err);
    for (size_t i = 0; i < m->n_keys && status == MOPT_OK; i++) {
        mopt__element_set_i64(dtype, mopt__tensor_data(*out), i, m->keys[i]);
    }
    for (size_t i = 0; i < m->n_string_keys && status == MOPT_OK; i++) {
        status = mopt__tensor_set_string(*out, i, (const char *)m->string_keys[i].data,
                                         m->string_keys[i].len, err);
    }
    return status;
}

static enum mopt_status import_map(struct mopt_import *in, const Mopt__Pb__MapProto *message,
                                   struct mopt_datum **out, struct mopt_error *err)
{
    struct mopt_tensor *keys = NULL;
    struct mopt_datum *values = NULL;
    enum mopt_status status = import_keys(message, &keys, err);

    if (status == MOPT_OK && message->values != NULL) {
        status = import_sequence(in, message->values, &values, err);
    }
    size_t count = values != NULL ? values->count : 0;
    if (status == MOPT_OK && keys != NULL && count != keys->count) {
        status = mopt_error_set(err, MOPT_E_FORMAT, "a map has %zu keys and %zu values",
                                keys->count, count);
    }
    if (status == MOPT_OK) {
        status = mopt__datum_list(MOPT_DATUM_MAP, values != NULL ? values->dtype : MOPT_UNDEFINED,
                                  values != NULL ? values->items : NULL, count, out, err);
    }
    if (status == MOPT_OK && *out != NULL) {
        (*out)->tensor = keys;
        keys = NULL;
    }
    mopt__tensor_unref(keys);
    mopt__datum_unref(values);
    return status;
}

// ---- Files

static const ProtobufCMessageDescriptor *descriptor_of(enum mopt_type_kind kind)
{
    switch (kind) {
    case MOPT_TYPE_SEQUENCE:
        return &mopt__pb__sequence_proto__descriptor;
    case MOPT_TYPE_OPTIONAL:
        return &mopt__pb__optional_proto__descriptor;
    case MOPT_TYPE_MAP:
        return &mopt__pb__map_proto__descriptor;
    default:
        return &mopt__pb__tensor_proto__descriptor;
    }
}

static enum mopt_status import_any(struct mopt_import *in, enum mopt_type_kind kind,
                                   const ProtobufCMessage *message, struct mopt_datum **out,
                                   struct mopt_error *err)
{
    const void *any = message;

    switch (kind) {
    case MOPT_TYPE_SEQUENCE:
        return import_sequence(in, any, out, err);
    case MOPT_TYPE_OPTIONAL:
        return import_optional(in, any, out, err);
    case MOPT_TYPE_MAP:
        return import_map(in, any, out, err);
    default:
        return import_tensor(in, any, out, err);
    }
}

// name: arena copy of the tensor's name is stored there unless NULL.
static enum mopt_status load_mapped(struct mopt_mapping *mapping, enum mopt_type_kind kind,
                                    struct mopt_datum **out, const char **name,
                                    struct mopt_arena *arena, struct mopt_error *err)
{
    struct mopt_import in = {.mapping = mapping, .arena = arena};
    struct mopt_decoded decoded;
    size_t limit = MEMORY_FACTOR * mapping->size + MEMORY_BASE;
    enum mopt_status status =
        mopt__onnx_decode(descriptor_of(kind), mapping->data, mapping->size, limit, &decoded, err);

    if (status != MOPT_OK) {
        return status;
    }
    status = import_any(&in, kind, decoded.message, out, err);
    if (status == MOPT_OK && name != NULL) {
        const void *tensor = decoded.message;

        status = mopt__import_text(&in, ((const Mopt__Pb__TensorProto *)tensor)->name, name, err);
    }
    mopt__onnx_decoded_release(&decoded);
    if (status != MOPT_OK) {
        mopt__datum_unref(*out);
        *out = NULL;
    }
    return status;
}

static enum mopt_status load_file(const char *path, enum mopt_type_kind kind,
                                  struct mopt_datum **out, const char **name,
                                  struct mopt_arena *arena, struct mopt_error *err)
{
    struct mopt_mapping *mapping = NULL;
    enum mopt_status status = mopt__mapping_open(path, FILE_BYTES_MAX, &mapping, err);

    *out = NULL;
    if (status == MOPT_OK) {
        status = load_mapped(mapping, kind, out, name, arena, err);
        mopt__mapping_unref(mapping);
    }
    return status == MOPT_OK ? MOPT_OK : mopt_error_wrap(err, "file '%s'", path);
}

enum mopt_status mopt__onnx_load_tensor(const char *path, struct mopt_tensor **out,
                                        const char **name, struct mopt_arena *arena,
                                        struct mopt_error *err)
{
    struct mopt_datum *datum = NULL;

    *out = NULL;
    if (name != NULL) {
        *name = NULL;
    }
    enum mopt_status status = load_file(path, MOPT_TYPE_TENSOR, &datum, name, arena, err);
    if (status == MOPT_OK && datum != NULL) {
        *out = mopt__tensor_ref(datum->tensor);
        mopt__datum_unref(datum);
    }
    return status;
}

// Element type that an empty sequence or optional of this type has.
static enum mopt_dtype innermost_dtype(const struct mopt_type *type)
{
    while (type != NULL && type->kind != MOPT_TYPE_TENSOR) {
        type = type->element;
    }
    return type != NULL ? type->dtype : MOPT_UNDEFINED;
}

enum mopt_status mopt__onnx_load_datum(const char *path, const struct mopt_type *type,
                                       struct mopt_datum **out, struct mopt_error *err)
{
    struct mopt_arena arena;

    mopt__arena_init(&arena);
    enum mopt_status status =
        load_file(path, type != NULL ? type->kind : MOPT_TYPE_TENSOR, out, NULL, &arena, err);
    if (status == MOPT_OK && *out != NULL && (*out)->dtype == MOPT_UNDEFINED) {
        (*out)->dtype = innermost_dtype(type);
    }
    mopt__arena_release(&arena);
    return status;
}
