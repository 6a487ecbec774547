// SPDX-License-Identifier: Apache-2.0
// Values to files: TensorProto, SequenceProto, OptionalProto, MapProto.
#include "onnx.pb-c.h"
#include "onnx/export.h"
#include "onnx/onnx.h"

static Mopt__Pb__SequenceProto *export_sequence(struct mopt_export *ex,
                                                const struct mopt_datum *datum,
                                                struct mopt_error *err);
static Mopt__Pb__OptionalProto *export_optional(struct mopt_export *ex,
                                                const struct mopt_datum *datum,
                                                struct mopt_error *err);
static Mopt__Pb__MapProto *export_map(struct mopt_export *ex, const struct mopt_datum *datum,
                                      struct mopt_error *err);

static int32_t element_kind(enum mopt_datum_kind kind)
{
    switch (kind) {
    case MOPT_DATUM_SEQUENCE:
        return MOPT__PB__SEQUENCE_PROTO__DATA_TYPE__SEQUENCE;
    case MOPT_DATUM_MAP:
        return MOPT__PB__SEQUENCE_PROTO__DATA_TYPE__MAP;
    case MOPT_DATUM_OPTIONAL:
        return MOPT__PB__SEQUENCE_PROTO__DATA_TYPE__OPTIONAL;
    case MOPT_DATUM_TENSOR:
        break;
    }
    return MOPT__PB__SEQUENCE_PROTO__DATA_TYPE__TENSOR;
}

// Any value as the message of its kind.
static void *export_any(struct mopt_export *ex, const struct mopt_datum *datum, const char *name,
                        struct mopt_error *err)
{
    switch (datum->kind) {
    case MOPT_DATUM_SEQUENCE:
        return export_sequence(ex, datum, err);
    case MOPT_DATUM_OPTIONAL:
        return export_optional(ex, datum, err);
    case MOPT_DATUM_MAP:
        return export_map(ex, datum, err);
    case MOPT_DATUM_TENSOR:
        break;
    }
    return mopt__export_tensor(ex, datum->tensor, name, NULL, err);
}

// ---- Sequences

static enum mopt_status set_items(Mopt__Pb__SequenceProto *m, enum mopt_datum_kind kind,
                                  void **items, size_t count)
{
    void *list = items;

    switch (kind) {
    case MOPT_DATUM_SEQUENCE:
        m->sequence_values = list;
        m->n_sequence_values = count;
        break;
    case MOPT_DATUM_MAP:
        m->map_values = list;
        m->n_map_values = count;
        break;
    case MOPT_DATUM_OPTIONAL:
        m->optional_values = list;
        m->n_optional_values = count;
        break;
    case MOPT_DATUM_TENSOR:
        m->tensor_values = list;
        m->n_tensor_values = count;
        break;
    }
    return MOPT_OK;
}

static enum mopt_status mixed(struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_TYPE, "a sequence holds values of two kinds");
}

static Mopt__Pb__SequenceProto *export_sequence(struct mopt_export *ex,
                                                const struct mopt_datum *datum,
                                                struct mopt_error *err)
{
    Mopt__Pb__SequenceProto *m =
        mopt__export_message(ex, &mopt__pb__sequence_proto__descriptor, err);
    void **items = mopt__export_alloc(ex, datum->count, sizeof(void *), err);
    enum mopt_datum_kind kind = datum->count > 0 ? datum->items[0]->kind : MOPT_DATUM_TENSOR;

    if (m == NULL || items == NULL) {
        return NULL;
    }
    m->has_elem_type = 1;
    m->elem_type = element_kind(kind);
    for (size_t i = 0; i < datum->count; i++) {
        if (datum->items[i]->kind != kind) {
            (void)mixed(err);
            return NULL;
        }
        items[i] = export_any(ex, datum->items[i], NULL, err);
        if (items[i] == NULL) {
            return NULL;
        }
    }
    return set_items(m, kind, items, datum->count) == MOPT_OK ? m : NULL;
}

// ---- Optionals

static Mopt__Pb__OptionalProto *export_optional(struct mopt_export *ex,
                                                const struct mopt_datum *datum,
                                                struct mopt_error *err)
{
    Mopt__Pb__OptionalProto *m =
        mopt__export_message(ex, &mopt__pb__optional_proto__descriptor, err);
    void *content = NULL;

    if (m == NULL || datum->count == 0) {
        return m;
    }
    content = export_any(ex, datum->items[0], NULL, err);
    if (content == NULL) {
        return NULL;
    }
    m->has_elem_type = 1;
    m->elem_type = element_kind(datum->items[0]->kind);
    switch (datum->items[0]->kind) {
    case MOPT_DATUM_SEQUENCE:
        m->sequence_value = content;
        break;
    case MOPT_DATUM_MAP:
        m->map_value = content;
        break;
    case MOPT_DATUM_OPTIONAL:
        m->optional_value = content;
        break;
    case MOPT_DATUM_TENSOR:
        m->tensor_value = content;
        break;
    }
    return m;
}

// ---- Maps

static enum mopt_status export_keys(struct mopt_export *ex, const struct mopt_tensor *keys,
                                    Mopt__Pb__MapProto *m, struct mopt_error *err)
{
    m->has_key_type = 1;
    m->key_type = (int32_t)keys->dtype;
    if (keys->dtype == MOPT_STRING) {
        const struct mopt_string *strings = keys->data;

        m->string_keys = mopt__export_alloc(ex, keys->count, sizeof *m->string_keys, err);
        for (size_t i = 0; i < keys->count && m->string_keys != NULL; i++) {
            m->string_keys[i] = (ProtobufCBinaryData){.len = strings[i].size,
                                                      .data = mopt__export_bytes(strings[i].data)};
        }
        m->n_string_keys = keys->count;
        return m->string_keys != NULL ? MOPT_OK : MOPT_E_MEMORY;
    }
    m->keys = mopt__export_alloc(ex, keys->count, sizeof *m->keys, err);
    for (size_t i = 0; i < keys->count && m->keys != NULL; i++) {
        m->keys[i] = mopt__element_i64(keys->dtype, keys->data, i);
    }
    m->n_keys = keys->count;
    return m->keys != NULL ? MOPT_OK : MOPT_E_MEMORY;
}

static Mopt__Pb__MapProto *export_map(struct mopt_export *ex, const struct mopt_datum *datum,
                                      struct mopt_error *err)
{
    Mopt__Pb__MapProto *m = mopt__export_message(ex, &mopt__pb__map_proto__descriptor, err);

    if (m == NULL || export_keys(ex, datum->tensor, m, err) != MOPT_OK) {
        return NULL;
    }
    m->values = export_sequence(ex, datum, err);
    return m->values != NULL ? m : NULL;
}

// ---- File

static void set_name(const struct mopt_datum *datum, void *message, const char *name)
{
    switch (datum->kind) {
    case MOPT_DATUM_SEQUENCE:
        ((Mopt__Pb__SequenceProto *)message)->name = mopt__export_text(name);
        break;
    case MOPT_DATUM_OPTIONAL:
        ((Mopt__Pb__OptionalProto *)message)->name = mopt__export_text(name);
        break;
    case MOPT_DATUM_MAP:
        ((Mopt__Pb__MapProto *)message)->name = mopt__export_text(name);
        break;
    case MOPT_DATUM_TENSOR:
        break;
    }
}

static enum mopt_status write_file(const ProtobufCMessage *message, const char *path, bool force,
                                   struct mopt_error *err)
{
    struct mopt_output *output = NULL;

    if (protobuf_c_message_get_packed_size(message) > INT32_MAX) {
        return mopt_error_set(err, MOPT_E_LIMIT, "the value would take more than 2^31-1 bytes");
    }
    enum mopt_status status = mopt__output_open(path, force, &output, err);
    if (status != MOPT_OK) {
        return status;
    }
    status = mopt__export_write(message, output, NULL, err);
    if (status != MOPT_OK) {
        mopt__output_abort(output);
        return status;
    }
    return mopt__output_commit(output, err);
}

enum mopt_status mopt__onnx_save_datum(const struct mopt_datum *datum, const char *name,
                                       const char *path, bool force, struct mopt_error *err)
{
    struct mopt_export ex = {.spill = MOPT_SPILL_NONE};
    enum mopt_status status = MOPT_OK;

    mopt__arena_init(&ex.arena);
    void *message = export_any(&ex, datum, name, err);
    if (message == NULL) {
        status = err->status;
    } else {
        set_name(datum, message, name);
        status = write_file(message, path, force, err);
    }
    mopt__export_release(&ex);
    return status == MOPT_OK ? MOPT_OK : mopt_error_wrap(err, "file '%s'", path);
}
