// SPDX-License-Identifier: Apache-2.0
// From wire bytes to protobuf-c messages: pre-scan, then unpacking into one arena under a memory
// budget. Knows message types only through their descriptors.
#ifndef MOPT_ONNX_DECODE_H
#define MOPT_ONNX_DECODE_H

#include "base/alloc.h"

struct ProtobufCMessage;
struct ProtobufCMessageDescriptor;

// A decoded message; everything in it lives in the arena. Payloads of tensors are references (see
// scan.h).
struct mopt_decoded {
    struct mopt_arena arena;
    struct ProtobufCMessage *message; // NULL after a failure
};

// memory_limit: bytes that the decoded message may take. Errors: as mopt__onnx_scan.
enum mopt_status mopt__onnx_decode(const struct ProtobufCMessageDescriptor *type,
                                   const uint8_t *data, size_t size, size_t memory_limit,
                                   struct mopt_decoded *out, struct mopt_error *err);
void mopt__onnx_decoded_release(struct mopt_decoded *decoded);

#endif
