// SPDX-License-Identifier: Apache-2.0
// Pieces every export file uses: scratch messages, pairs, unknown fields, streaming.
#include <string.h>

#include "onnx.pb-c.h"
#include "onnx/export.h"
#include "onnx/wire.h"

void mopt__export_release(struct mopt_export *ex)
{
    mopt__arena_release(&ex->arena);
    mopt__map_release(&ex->placed);
    mopt__free(ex->pieces);
    ex->pieces = NULL;
    ex->piece_count = ex->piece_capacity = 0;
    ex->external_bytes = 0;
}

void *mopt__export_alloc(struct mopt_export *ex, size_t count, size_t size, struct mopt_error *err)
{
    void *memory = mopt__arena_alloc(&ex->arena, count, size);

    if (memory == NULL) {
        (void)mopt_error_memory(err);
    }
    return memory;
}

void *mopt__export_message(struct mopt_export *ex, const struct ProtobufCMessageDescriptor *type,
                           struct mopt_error *err)
{
    void *message = mopt__export_alloc(ex, 1, type->sizeof_message, err);

    if (message != NULL) {
        protobuf_c_message_init(type, message);
    }
    return message;
}

void *mopt__export_bytes(const void *data)
{
    union {
        const void *given;
        void *kept;
    } pointer = {.given = data};

    return pointer.kept;
}

char *mopt__export_text(const char *text)
{
    return mopt__export_bytes(text);
}

// ---- Unknown fields

static size_t count_fields(const struct mopt_blob *blob)
{
    struct mopt_field field;
    size_t count = 0;

    for (size_t at = 0; at < blob->size; at += field.head + field.size) {
        if (!mopt__wire_field(blob->data + at, blob->size - at, &field)) {
            break;
        }
        count++;
    }
    return count;
}

static size_t *quantifier_of(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    return (size_t *)(void *)((uint8_t *)message + field->quantifier_offset);
}

// Appends to a repeated bytes field; `most` bounds how many will come.
static enum mopt_status append_bytes(struct mopt_export *ex, ProtobufCMessage *message,
                                     const ProtobufCFieldDescriptor *field, size_t most,
                                     const ProtobufCBinaryData *bytes, struct mopt_error *err)
{
    size_t *count = quantifier_of(message, field);
    void *member = (uint8_t *)message + field->offset;
    ProtobufCBinaryData **items = member;

    if (*count == 0) {
        *items = mopt__export_alloc(ex, most, sizeof **items, err);
        if (*items == NULL) {
            return MOPT_E_MEMORY;
        }
    }
    (*items)[(*count)++] = *bytes;
    return MOPT_OK;
}

// A field that the schema knows. *done: it was one of the kinds that importers carry over.
static enum mopt_status place_known(struct mopt_export *ex, ProtobufCMessage *message,
                                    const struct mopt_field *f, const uint8_t *content, size_t most,
                                    bool *done, struct mopt_error *err)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(message->descriptor, f->number);

    *done = false;
    if (field == NULL) {
        return MOPT_OK;
    }
    void *member = (uint8_t *)message + field->offset;
    void *quantifier = (uint8_t *)message + field->quantifier_offset;
    ProtobufCBinaryData bytes = {.len = f->size, .data = mopt__export_bytes(content)};
    if (field->type == PROTOBUF_C_TYPE_BYTES && f->wire == MOPT_WIRE_BYTES) {
        *done = true;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            return append_bytes(ex, message, field, most, &bytes, err);
        }
        *(ProtobufCBinaryData *)member = bytes;
        *(protobuf_c_boolean *)quantifier = 1;
    } else if (field->type == PROTOBUF_C_TYPE_INT32 && f->wire == MOPT_WIRE_VARINT &&
               field->label == PROTOBUF_C_LABEL_OPTIONAL) {
        *done = true;
        *(int32_t *)member = (int32_t)f->value;
        *(protobuf_c_boolean *)quantifier = 1;
    }
    return MOPT_OK;
}

static void place_unknown(ProtobufCMessage *message, const struct mopt_field *f,
                          const uint8_t *data)
{
    uint64_t tag = 0;
    size_t n = mopt__wire_get(data, f->head, &tag);
    ProtobufCMessageUnknownField *field = &message->unknown_fields[message->n_unknown_fields++];

    field->tag = f->number;
    field->wire_type = (ProtobufCWireType)f->wire;
    field->len = f->head + f->size - n;
    field->data = mopt__export_bytes(data + n);
}

static enum mopt_status make_room(struct mopt_export *ex, ProtobufCMessage *message, size_t more,
                                  struct mopt_error *err)
{
    const ProtobufCMessageUnknownField *old = message->unknown_fields;
    size_t count = message->n_unknown_fields;

    message->unknown_fields =
        mopt__export_alloc(ex, count + more, sizeof *message->unknown_fields, err);
    if (message->unknown_fields == NULL) {
        return MOPT_E_MEMORY;
    }
    if (count > 0) {
        memcpy(message->unknown_fields, old, count * sizeof *old);
    }
    return MOPT_OK;
}

enum mopt_status mopt__export_unknown(struct mopt_export *ex, const struct mopt_blob *blob,
                                      struct ProtobufCMessage *message, struct mopt_error *err)
{
    struct mopt_field f;
    size_t count = blob != NULL ? count_fields(blob) : 0;

    if (count == 0) {
        return MOPT_OK;
    }
    enum mopt_status status = make_room(ex, message, count, err);
    for (size_t at = 0; at < blob->size && status == MOPT_OK; at += f.head + f.size) {
        bool done = false;

        if (!mopt__wire_field(blob->data + at, blob->size - at, &f)) {
            return mopt_error_set(err, MOPT_E_INTERNAL, "a blob of unknown fields is damaged");
        }
        status = place_known(ex, message, &f, blob->data + at + f.head, count, &done, err);
        if (!done && !mopt__wire_private(f.number)) {
            place_unknown(message, &f, blob->data + at);
        }
    }
    return status;
}

bool mopt__export_note(const struct mopt_blob *blob, uint32_t number, struct mopt_blob *note)
{
    struct mopt_field f;

    for (size_t at = 0; blob != NULL && at < blob->size; at += f.head + f.size) {
        if (!mopt__wire_field(blob->data + at, blob->size - at, &f)) {
            return false;
        }
        if (f.number == number && f.wire == MOPT_WIRE_BYTES) {
            *note = (struct mopt_blob){.data = blob->data + at + f.head, .size = f.size};
            return true;
        }
    }
    return false;
}

// ---- Pairs

enum mopt_status mopt__export_properties(struct mopt_export *ex, const struct mopt_property *items,
                                         size_t count, size_t *out_count,
                                         struct Mopt__Pb__StringStringEntryProto ***out,
                                         struct mopt_error *err)
{
    Mopt__Pb__StringStringEntryProto **messages = NULL;
    enum mopt_status status = MOPT_OK;

    if (count == 0) {
        return MOPT_OK;
    }
    messages = mopt__export_alloc(ex, count, sizeof(void *), err);
    if (messages == NULL) {
        return MOPT_E_MEMORY;
    }
    for (size_t i = 0; i < count && status == MOPT_OK; i++) {
        messages[i] =
            mopt__export_message(ex, &mopt__pb__string_string_entry_proto__descriptor, err);
        if (messages[i] == NULL) {
            return MOPT_E_MEMORY;
        }
        messages[i]->key = mopt__export_text(items[i].key);
        messages[i]->value = mopt__export_text(items[i].value);
        status = mopt__export_unknown(ex, items[i].unknown, &messages[i]->base, err);
    }
    *out = messages;
    *out_count = count;
    return status;
}

// ---- Streaming

struct stream {
    ProtobufCBuffer base; // first: protobuf-c knows only this part
    struct mopt_output *output;
    struct mopt_sha256 *sha;
    struct mopt_error *err;
    enum mopt_status status;
};

static void append(ProtobufCBuffer *buffer, size_t size, const uint8_t *data)
{
    struct stream *stream = (struct stream *)(void *)buffer;

    if (stream->status != MOPT_OK || size == 0) {
        return;
    }
    if (stream->sha != NULL) {
        mopt__sha256_update(stream->sha, data, size);
    }
    stream->status = mopt__output_write(stream->output, data, size, stream->err);
}

enum mopt_status mopt__export_write(const struct ProtobufCMessage *message,
                                    struct mopt_output *output, struct mopt_sha256 *sha,
                                    struct mopt_error *err)
{
    struct stream stream = {
        .base = {.append = append}, .output = output, .sha = sha, .err = err, .status = MOPT_OK};

    (void)protobuf_c_message_pack_to_buffer(message, &stream.base);
    return stream.status;
}
