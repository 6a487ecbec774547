// SPDX-License-Identifier: Apache-2.0
// Pre-scan of wire bytes; see scan.h. Knows descriptors and the payload fields of tensors, nothing
// of graphs.
#include "onnx/scan.h"

#include <stdbool.h>
#include <string.h>

#include "base/base.h"
#include "onnx.pb-c.h"
#include "onnx/wire.h"

enum {
    PATCH_BYTES = 5, // a length below 2^31 as a varint padded to five bytes
    SLAB_FIRST = 16, // members that protobuf-c notes on its stack before it allocates
    SLAB_MEMBER_BYTES = 32,
    BLOCK = 16, // granularity of the decoder's arena
};

// A message being scanned.
struct frame {
    const ProtobufCMessageDescriptor *type;
    size_t end;      // in the input
    size_t patch;    // where its length stands in the skeleton
    uint64_t seen;   // singular fields met so far, by index
    size_t members;  // fields met so far
    size_t slab_end; // members at which protobuf-c takes the next slab
};

struct scanner {
    const uint8_t *data;
    size_t at;
    size_t limit;
    struct mopt_scan *out;
    size_t capacity;
    struct frame stack[MOPT_SCAN_DEPTH_MAX];
    size_t depth;
};

static enum mopt_status fail(const struct scanner *s, size_t at, const char *why,
                             struct mopt_error *err)
{
    const char *message = s->stack[s->depth - 1].type->short_name;

    return mopt_error_set_at(err, MOPT_E_FORMAT, (int64_t)at, "byte %zu, in a %s: %s", at, message,
                             why);
}

static enum mopt_status fail_field(const struct scanner *s, size_t at,
                                   const ProtobufCFieldDescriptor *field, const char *why,
                                   struct mopt_error *err)
{
    const char *message = s->stack[s->depth - 1].type->short_name;

    return mopt_error_set_at(err, MOPT_E_FORMAT, (int64_t)at, "byte %zu, in a %s: field '%s' %s",
                             at, message, field->name, why);
}

// ---- Account and output

static enum mopt_status charge(struct scanner *s, size_t bytes, struct mopt_error *err)
{
    size_t rounded = 0;

    if (!mopt__size_align(bytes, BLOCK, &rounded) ||
        !mopt__size_add(s->out->memory, rounded, &s->out->memory) || s->out->memory > s->limit) {
        return mopt_error_set_at(err, MOPT_E_LIMIT, (int64_t)s->at,
                                 "byte %zu: decoding would take more than %zu bytes of memory",
                                 s->at, s->limit);
    }
    return MOPT_OK;
}

static enum mopt_status emit(struct scanner *s, const void *bytes, size_t count,
                             struct mopt_error *err)
{
    size_t need = 0;

    if (count == 0) {
        return MOPT_OK;
    }
    if (!mopt__size_add(s->out->size, count, &need)) {
        return mopt_error_memory(err);
    }
    if (need > s->capacity) {
        enum mopt_status status =
            mopt__grow((void **)&s->out->skeleton, &s->capacity, need, 1, err);

        if (status != MOPT_OK) {
            return status;
        }
    }
    memcpy(s->out->skeleton + s->out->size, bytes, count);
    s->out->size = need;
    return MOPT_OK;
}

static enum mopt_status emit_head(struct scanner *s, const struct mopt_field *f, size_t length,
                                  struct mopt_error *err)
{
    uint8_t head[2 * MOPT_VARINT_MAX];
    size_t n = mopt__wire_put(head, (uint64_t)f->number << 3 | (uint64_t)f->wire);

    if (f->wire == MOPT_WIRE_BYTES) {
        n += mopt__wire_put(head + n, length);
    }
    return emit(s, head, n, err);
}

static enum mopt_status emit_verbatim(struct scanner *s, const struct mopt_field *f,
                                      struct mopt_error *err)
{
    enum mopt_status status = emit_head(s, f, f->size, err);

    return status != MOPT_OK ? status : emit(s, s->data + s->at + f->head, f->size, err);
}

// ---- Payloads of tensors

// Wire type of a single element of a payload field, -1 for other fields, MOPT_WIRE_BYTES for
// raw_data.
static int payload_wire(const struct frame *frame, uint32_t number)
{
    if (frame->type != &mopt__pb__tensor_proto__descriptor) {
        return -1;
    }
    switch (number) {
    case 4:
        return MOPT_WIRE_FIXED32;
    case 5:
    case 7:
    case 11:
        return MOPT_WIRE_VARINT;
    case 9:
        return MOPT_WIRE_BYTES;
    case 10:
        return MOPT_WIRE_FIXED64;
    default:
        return -1;
    }
}

static enum mopt_status scan_payload(struct scanner *s, const struct mopt_field *f,
                                     const ProtobufCFieldDescriptor *field, struct mopt_error *err)
{
    uint8_t reference[MOPT_REFERENCE_BYTES];
    struct mopt_field bytes = *f;
    size_t memory = sizeof reference;

    if (f->wire != MOPT_WIRE_BYTES &&
        (int)f->wire != payload_wire(&s->stack[s->depth - 1], f->number)) {
        return fail_field(s, s->at, field, "has a wrong wire type", err);
    }
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        memory += sizeof(ProtobufCBinaryData);
    }
    mopt__wire_put_reference(reference, s->at + f->head, f->size);
    bytes.wire = MOPT_WIRE_BYTES;
    enum mopt_status status = charge(s, memory, err);
    if (status == MOPT_OK) {
        status = emit_head(s, &bytes, sizeof reference, err);
    }
    if (status == MOPT_OK) {
        status = emit(s, reference, sizeof reference, err);
    }
    return status;
}

// ---- Fields of every kind

static enum mopt_wire wire_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return MOPT_WIRE_BYTES;
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return MOPT_WIRE_FIXED32;
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return MOPT_WIRE_FIXED64;
    default:
        return MOPT_WIRE_VARINT;
    }
}

static size_t element_memory(ProtobufCType type)
{
    return wire_of(type) == MOPT_WIRE_FIXED32 || type == PROTOBUF_C_TYPE_INT32 ? 4 : 8;
}

static enum mopt_status scan_text(struct scanner *s, const struct mopt_field *f,
                                  const ProtobufCFieldDescriptor *field, struct mopt_error *err)
{
    const char *text = (const char *)s->data + s->at + f->head;
    size_t memory = 0;

    if (memchr(text, '\0', f->size) != NULL) {
        return fail_field(s, s->at, field, "holds a NUL character", err);
    }
    if (!mopt__utf8_valid(text, f->size)) {
        return fail_field(s, s->at, field, "is not valid UTF-8", err);
    }
    if (!mopt__size_add(f->size, 1 + sizeof(char *), &memory)) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = charge(s, memory, err);
    return status != MOPT_OK ? status : emit_verbatim(s, f, err);
}

static enum mopt_status scan_bytes(struct scanner *s, const struct mopt_field *f,
                                   struct mopt_error *err)
{
    enum mopt_status status = charge(s, f->size, err);

    if (status == MOPT_OK) {
        status = charge(s, sizeof(ProtobufCBinaryData), err);
    }
    return status != MOPT_OK ? status : emit_verbatim(s, f, err);
}

// Number of elements of a packed array; false when it does not come out even.
static bool count_packed(const uint8_t *data, size_t size, enum mopt_wire wire, size_t *count)
{
    if (wire == MOPT_WIRE_FIXED32 || wire == MOPT_WIRE_FIXED64) {
        size_t width = wire == MOPT_WIRE_FIXED32 ? 4 : 8;

        *count = size / width;
        return size % width == 0;
    }
    *count = 0;
    for (size_t at = 0; at < size; (*count)++) {
        uint64_t value = 0;
        size_t n = mopt__wire_get(data + at, size - at, &value);

        if (n == 0) {
            return false;
        }
        at += n;
    }
    return true;
}

static enum mopt_status scan_packed(struct scanner *s, const struct mopt_field *f,
                                    const ProtobufCFieldDescriptor *field, struct mopt_error *err)
{
    size_t count = 0;
    size_t memory = 0;

    if (!count_packed(s->data + s->at + f->head, f->size, wire_of(field->type), &count)) {
        return fail_field(s, s->at, field, "is a packed array that does not come out even", err);
    }
    if (!mopt__size_mul(count, element_memory(field->type), &memory)) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = charge(s, memory, err);
    return status != MOPT_OK ? status : emit_verbatim(s, f, err);
}

static enum mopt_status scan_number(struct scanner *s, const struct mopt_field *f,
                                    const ProtobufCFieldDescriptor *field, struct mopt_error *err)
{
    if (field->type == PROTOBUF_C_TYPE_INT32 &&
        ((int64_t)f->value > INT32_MAX || (int64_t)f->value < INT32_MIN)) {
        return fail_field(s, s->at, field, "does not fit into 32 bits", err);
    }
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        s->out->memory += element_memory(field->type);
    }
    return emit_verbatim(s, f, err);
}

static enum mopt_status open_message(struct scanner *s, const struct mopt_field *f,
                                     const ProtobufCFieldDescriptor *field, struct mopt_error *err)
{
    const ProtobufCMessageDescriptor *type = field->descriptor;
    static const uint8_t padding[PATCH_BYTES];
    uint8_t tag[MOPT_VARINT_MAX];
    size_t n = mopt__wire_put(tag, (uint64_t)f->number << 3 | MOPT_WIRE_BYTES);

    if (s->depth == MOPT_SCAN_DEPTH_MAX) {
        return mopt_error_set_at(err, MOPT_E_LIMIT, (int64_t)s->at,
                                 "byte %zu: messages are nested deeper than %d", s->at,
                                 MOPT_SCAN_DEPTH_MAX);
    }
    enum mopt_status status = charge(s, type->sizeof_message + sizeof(void *), err);
    if (status == MOPT_OK) {
        status = emit(s, tag, n, err);
    }
    if (status == MOPT_OK) {
        status = emit(s, padding, PATCH_BYTES, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    s->at += f->head;
    s->stack[s->depth++] = (struct frame){.type = type,
                                          .end = s->at + f->size,
                                          .patch = s->out->size - PATCH_BYTES,
                                          .slab_end = SLAB_FIRST};
    return MOPT_OK;
}

static enum mopt_status close_message(struct scanner *s, struct mopt_error *err)
{
    const struct frame *frame = &s->stack[--s->depth];
    uint8_t *patch = NULL;

    if (s->depth == 0) {
        return MOPT_OK;
    }
    size_t length = s->out->size - frame->patch - PATCH_BYTES;
    if (length > INT32_MAX) {
        return mopt_error_set(err, MOPT_E_LIMIT, "a message is longer than 2^31-1 bytes");
    }
    patch = s->out->skeleton + frame->patch;
    for (int i = 0; i < PATCH_BYTES - 1; i++) {
        patch[i] = (uint8_t)((length >> (7 * i) & 0x7f) | 0x80);
    }
    patch[PATCH_BYTES - 1] = (uint8_t)(length >> (7 * (PATCH_BYTES - 1)));
    return MOPT_OK;
}

static enum mopt_status scan_value(struct scanner *s, const struct mopt_field *f,
                                   const ProtobufCFieldDescriptor *field, struct mopt_error *err)
{
    enum mopt_wire wire = wire_of(field->type);

    if (f->wire == MOPT_WIRE_BYTES && wire != MOPT_WIRE_BYTES &&
        field->label == PROTOBUF_C_LABEL_REPEATED) {
        return scan_packed(s, f, field, err);
    }
    if (f->wire != wire) {
        return fail_field(s, s->at, field, "has a wrong wire type", err);
    }
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        return scan_text(s, f, field, err);
    }
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        return scan_bytes(s, f, err);
    }
    return scan_number(s, f, field, err);
}

// Room for notes on members that protobuf-c takes while it decodes a message with many of them.
static enum mopt_status charge_slab(struct scanner *s, struct frame *frame, struct mopt_error *err)
{
    if (frame->members++ < frame->slab_end) {
        return MOPT_OK;
    }
    size_t slots = frame->slab_end + SLAB_FIRST;
    frame->slab_end += slots;
    return charge(s, slots * SLAB_MEMBER_BYTES, err);
}

static enum mopt_status scan_unknown(struct scanner *s, const struct mopt_field *f,
                                     struct mopt_error *err)
{
    enum mopt_status status = charge(s, f->size + MOPT_VARINT_MAX, err);

    if (status == MOPT_OK) {
        status = charge(s, sizeof(ProtobufCMessageUnknownField), err);
    }
    return status != MOPT_OK ? status : emit_verbatim(s, f, err);
}

static bool is_repeated(struct frame *frame, const ProtobufCFieldDescriptor *field)
{
    uint64_t bit = UINT64_C(1) << (size_t)(field - frame->type->fields);

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        return false;
    }
    bool before = (frame->seen & bit) != 0;
    frame->seen |= bit;
    return before;
}

static enum mopt_status scan_field(struct scanner *s, struct mopt_error *err)
{
    struct frame *frame = &s->stack[s->depth - 1];
    struct mopt_field f;

    if (!mopt__wire_field(s->data + s->at, frame->end - s->at, &f)) {
        return fail(s, s->at, f.fault, err);
    }
    if (mopt__wire_private(f.number)) {
        return fail(s, s->at, "a field number that the protobuf language reserves", err);
    }
    enum mopt_status status = charge_slab(s, frame, err);
    if (status != MOPT_OK) {
        return status;
    }
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(frame->type, f.number);
    if (field != NULL && is_repeated(frame, field)) {
        return fail_field(s, s->at, field, "stands more than once", err);
    }
    if (field != NULL && field->type == PROTOBUF_C_TYPE_MESSAGE) {
        return f.wire == MOPT_WIRE_BYTES
                   ? open_message(s, &f, field, err)
                   : fail_field(s, s->at, field, "has a wrong wire type", err);
    }
    if (field == NULL) {
        status = scan_unknown(s, &f, err);
    } else if (payload_wire(frame, f.number) >= 0) {
        status = scan_payload(s, &f, field, err);
    } else {
        status = scan_value(s, &f, field, err);
    }
    s->at += f.head + f.size;
    return status;
}

enum mopt_status mopt__onnx_scan(const struct ProtobufCMessageDescriptor *type, const uint8_t *data,
                                 size_t size, size_t memory_limit, struct mopt_scan *out,
                                 struct mopt_error *err)
{
    struct scanner s = {.data = data, .limit = memory_limit, .out = out, .depth = 1};
    enum mopt_status status = MOPT_OK;

    *out = (struct mopt_scan){0};
    s.stack[0] = (struct frame){.type = type, .end = size, .slab_end = SLAB_FIRST};
    status = charge(&s, type->sizeof_message, err);
    while (status == MOPT_OK && s.depth > 0) {
        if (s.at == s.stack[s.depth - 1].end) {
            status = close_message(&s, err);
        } else {
            status = scan_field(&s, err);
        }
    }
    if (status != MOPT_OK) {
        mopt__onnx_scan_release(out);
    }
    return status;
}

void mopt__onnx_scan_release(struct mopt_scan *scan)
{
    mopt__free(scan->skeleton);
    *scan = (struct mopt_scan){0};
}
