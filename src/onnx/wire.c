// SPDX-License-Identifier: Apache-2.0
// Varints, tags and references. Knows no message and no field.
#include "onnx/wire.h"

#include <stdbool.h>
#include <string.h>

size_t mopt__wire_get(const uint8_t *data, size_t size, uint64_t *value)
{
    uint64_t result = 0;

    for (size_t i = 0; i < size && i < MOPT_VARINT_MAX; i++) {
        uint64_t bits = data[i] & 0x7fU;

        if (i == MOPT_VARINT_MAX - 1 && data[i] > 1) {
            return 0;
        }
        result |= bits << (7 * i);
        if ((data[i] & 0x80U) == 0) {
            *value = result;
            return i + 1;
        }
    }
    return 0;
}

size_t mopt__wire_put(uint8_t out[MOPT_VARINT_MAX], uint64_t value)
{
    size_t n = 0;

    while (value >= 0x80) {
        out[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[n++] = (uint8_t)value;
    return n;
}

size_t mopt__wire_length(uint64_t value)
{
    size_t n = 1;

    while (value >= 0x80) {
        value >>= 7;
        n++;
    }
    return n;
}

static bool fault(struct mopt_field *field, const char *why)
{
    field->fault = why;
    return false;
}

static bool read_fixed(size_t size, size_t bytes, struct mopt_field *field)
{
    field->size = bytes;
    return size - field->head >= bytes || fault(field, "the value is cut off");
}

static bool read_varint(const uint8_t *data, size_t size, struct mopt_field *field)
{
    field->size = mopt__wire_get(data + field->head, size - field->head, &field->value);
    return field->size > 0 || fault(field, "the number is cut off or longer than 64 bits");
}

static bool read_bytes(const uint8_t *data, size_t size, struct mopt_field *field)
{
    uint64_t length = 0;
    size_t n = mopt__wire_get(data + field->head, size - field->head, &length);

    if (n == 0) {
        return fault(field, "the length is cut off or longer than 64 bits");
    }
    field->head += n;
    if (length > size - field->head) {
        return fault(field, "the length reaches beyond the end of the message");
    }
    field->size = (size_t)length;
    return true;
}

bool mopt__wire_field(const uint8_t *data, size_t size, struct mopt_field *field)
{
    uint64_t tag = 0;
    size_t n = mopt__wire_get(data, size, &tag);

    *field = (struct mopt_field){0};
    if (n == 0 || tag > UINT32_MAX) {
        return fault(field, "the tag is cut off or too long");
    }
    field->number = (uint32_t)(tag >> 3);
    if (field->number == 0) {
        return fault(field, "field number 0");
    }
    field->head = n;
    switch (tag & 7) {
    case MOPT_WIRE_VARINT:
        field->wire = MOPT_WIRE_VARINT;
        return read_varint(data, size, field);
    case MOPT_WIRE_FIXED64:
        field->wire = MOPT_WIRE_FIXED64;
        return read_fixed(size, 8, field);
    case MOPT_WIRE_BYTES:
        field->wire = MOPT_WIRE_BYTES;
        return read_bytes(data, size, field);
    case MOPT_WIRE_FIXED32:
        field->wire = MOPT_WIRE_FIXED32;
        return read_fixed(size, 4, field);
    default:
        return fault(field, "a group or an unknown wire type");
    }
}

static void put_u64(uint8_t *out, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get_u64(const uint8_t *in)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--) {
        value = value << 8 | in[i];
    }
    return value;
}

void mopt__wire_put_reference(uint8_t out[MOPT_REFERENCE_BYTES], size_t offset, size_t size)
{
    put_u64(out, offset);
    put_u64(out + 8, size);
}

void mopt__wire_get_reference(const uint8_t in[MOPT_REFERENCE_BYTES], size_t *offset, size_t *size)
{
    *offset = (size_t)get_u64(in);
    *size = (size_t)get_u64(in + 8);
}
