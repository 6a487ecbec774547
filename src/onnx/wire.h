// SPDX-License-Identifier: Apache-2.0
// The smallest pieces of the protobuf wire format: varints, tags, and references from the skeleton
// into the file. Knows no message and no field.
#ifndef MOPT_ONNX_WIRE_H
#define MOPT_ONNX_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "mopt/status.h"

enum mopt_wire {
    MOPT_WIRE_VARINT = 0,
    MOPT_WIRE_FIXED64 = 1,
    MOPT_WIRE_BYTES = 2,
    MOPT_WIRE_FIXED32 = 5,
};

enum { MOPT_VARINT_MAX = 10, MOPT_REFERENCE_BYTES = 16 };

// Field numbers that no schema may use (the protobuf language reserves them). The pre-scan refuses
// them, and the importer notes under them, among the unknown fields of a message, what it needs to
// write the file back as it was; they are never written.
enum mopt_private_field {
    MOPT_PRIVATE_FIRST = 19000,
    MOPT_PRIVATE_INFO_ORDER =
        19000, // GraphProto: value_info list with repetitions, as indices of value_infos
    MOPT_PRIVATE_ODD_DIMS = 19001, // TypeProto: dimensions that say nothing in an unusual way
    MOPT_PRIVATE_LAST = 19999
};
static inline _Bool mopt__wire_private(uint32_t number)
{
    return number >= MOPT_PRIVATE_FIRST && number <= MOPT_PRIVATE_LAST;
}

// Decodes the varint at the start of data; returns its length 1..10, or 0 when it is cut or longer
// than 64 bits.
size_t mopt__wire_get(const uint8_t *data, size_t size, uint64_t *value);

// Encodes value with as few bytes as possible; returns their number 1..10.
size_t mopt__wire_put(uint8_t out[MOPT_VARINT_MAX], uint64_t value);
size_t mopt__wire_length(uint64_t value);

// One field of a message.
struct mopt_field {
    uint32_t number; // 1 .. 2^29-1
    enum mopt_wire wire;
    uint64_t value;    // varints
    size_t head;       // bytes before the content: tag, and the length where there is one
    size_t size;       // bytes of the content
    const char *fault; // why it could not be read; NULL when it could
};

// Reads the field at the start of data (size > 0). False: malformed, field->fault tells why.
_Bool mopt__wire_field(const uint8_t *data, size_t size, struct mopt_field *field);

// A reference stands in the skeleton in place of a payload (see scan.h).
void mopt__wire_put_reference(uint8_t out[MOPT_REFERENCE_BYTES], size_t offset, size_t size);
void mopt__wire_get_reference(const uint8_t in[MOPT_REFERENCE_BYTES], size_t *offset, size_t *size);

#endif
