// SPDX-License-Identifier: Apache-2.0
// Pieces every import file uses: arena text, properties, unknown fields. Knows no message but the
// pairs.
#include <string.h>

#include "onnx.pb-c.h"
#include "onnx/import.h"
#include "onnx/wire.h"

enum mopt_status mopt__import_text(struct mopt_import *in, const char *text, const char **out,
                                   struct mopt_error *err)
{
    *out = NULL;
    if (text == NULL) {
        return MOPT_OK;
    }
    *out = mopt__arena_strdup(in->arena, text);
    return *out != NULL ? MOPT_OK : mopt_error_memory(err);
}

enum mopt_status mopt__import_alloc(struct mopt_import *in, size_t count, size_t size, void **out,
                                    struct mopt_error *err)
{
    *out = mopt__arena_alloc(in->arena, count, size);
    return *out != NULL ? MOPT_OK : mopt_error_memory(err);
}

enum mopt_status mopt__import_check_name(const char *name, const char *what, struct mopt_error *err)
{
    if (name == NULL || name[0] == '\0') {
        return mopt_error_set(err, MOPT_E_FORMAT, "%s has no name", what);
    }
    if (strlen(name) > MOPT_NAME_BYTES_MAX) {
        return mopt_error_set(err, MOPT_E_LIMIT, "%s has a name of more than %d bytes", what,
                              MOPT_NAME_BYTES_MAX);
    }
    return MOPT_OK;
}

enum mopt_status mopt__import_properties(struct mopt_import *in, size_t count,
                                         struct Mopt__Pb__StringStringEntryProto *const *messages,
                                         const struct mopt_property **out, size_t *out_count,
                                         struct mopt_error *err)
{
    struct mopt_property *items = NULL;
    enum mopt_status status = MOPT_OK;

    *out = NULL;
    *out_count = 0;
    if (count == 0) {
        return MOPT_OK;
    }
    status = mopt__import_alloc(in, count, sizeof *items, (void **)&items, err);
    for (size_t i = 0; i < count && status == MOPT_OK; i++) {
        status = mopt__import_text(in, messages[i]->key, &items[i].key, err);
        if (status == MOPT_OK) {
            status = mopt__import_text(in, messages[i]->value, &items[i].value, err);
        }
        if (status == MOPT_OK) {
            status = mopt__import_unknown(in, &messages[i]->base, &items[i].unknown, err);
        }
    }
    *out = items;
    *out_count = count;
    return status;
}

// Blob with room for size bytes in front of the bytes of rest (may be NULL).
static enum mopt_status new_blob(struct mopt_import *in, size_t size, const struct mopt_blob *rest,
                                 uint8_t **data, const struct mopt_blob **out,
                                 struct mopt_error *err)
{
    struct mopt_blob *blob = NULL;
    size_t old = rest != NULL ? rest->size : 0;
    size_t total = 0;

    if (!mopt__size_add(size, old, &total)) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = mopt__import_alloc(in, 1, sizeof *blob, (void **)&blob, err);
    if (status == MOPT_OK) {
        status = mopt__import_alloc(in, total, 1, (void **)data, err);
    }
    if (status != MOPT_OK || *data == NULL) {
        return status;
    }
    if (old > 0) {
        memcpy(*data + size, rest->data, old);
    }
    *blob = (struct mopt_blob){.data = *data, .size = total};
    *out = blob;
    return MOPT_OK;
}

static uint64_t tag_of(uint32_t number, enum mopt_wire wire)
{
    return (uint64_t)number << 3 | (uint64_t)wire;
}

enum mopt_status mopt__import_unknown(struct mopt_import *in,
                                      const struct ProtobufCMessage *message,
                                      const struct mopt_blob **out, struct mopt_error *err)
{
    size_t size = 0;
    uint8_t *at = NULL;

    *out = NULL;
    if (message->n_unknown_fields == 0) {
        return MOPT_OK;
    }
    for (unsigned i = 0; i < message->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &message->unknown_fields[i];
        size_t head = mopt__wire_length(tag_of(field->tag, (enum mopt_wire)field->wire_type));

        if (!mopt__size_add(size, head, &size) || !mopt__size_add(size, field->len, &size)) {
            return mopt_error_memory(err);
        }
    }
    enum mopt_status status = new_blob(in, size, NULL, &at, out, err);
    for (unsigned i = 0; i < message->n_unknown_fields && at != NULL; i++) {
        const ProtobufCMessageUnknownField *field = &message->unknown_fields[i];

        at += mopt__wire_put(at, tag_of(field->tag, (enum mopt_wire)field->wire_type));
        memcpy(at, field->data, field->len);
        at += field->len;
    }
    return status;
}

enum mopt_status mopt__import_carry(struct mopt_import *in, uint32_t number,
                                    const struct ProtobufCBinaryData *items, size_t count,
                                    const struct mopt_blob **blob, struct mopt_error *err)
{
    uint64_t tag = tag_of(number, MOPT_WIRE_BYTES);
    size_t size = 0;
    uint8_t *at = NULL;

    if (count == 0) {
        return MOPT_OK;
    }
    for (size_t i = 0; i < count; i++) {
        size_t head = mopt__wire_length(tag) + mopt__wire_length(items[i].len);

        if (!mopt__size_add(size, head, &size) || !mopt__size_add(size, items[i].len, &size)) {
            return mopt_error_memory(err);
        }
    }
    enum mopt_status status = new_blob(in, size, *blob, &at, blob, err);
    for (size_t i = 0; i < count && at != NULL; i++) {
        at += mopt__wire_put(at, tag);
        at += mopt__wire_put(at, items[i].len);
        if (items[i].len > 0) {
            memcpy(at, items[i].data, items[i].len);
        }
        at += items[i].len;
    }
    return status;
}

enum mopt_status mopt__import_carry_number(struct mopt_import *in, uint32_t number, uint64_t value,
                                           const struct mopt_blob **blob, struct mopt_error *err)
{
    uint64_t tag = tag_of(number, MOPT_WIRE_VARINT);
    uint8_t *at = NULL;
    size_t size = mopt__wire_length(tag) + mopt__wire_length(value);
    enum mopt_status status = new_blob(in, size, *blob, &at, blob, err);

    if (status == MOPT_OK) {
        at += mopt__wire_put(at, tag);
        (void)mopt__wire_put(at, value);
    }
    return status;
}
