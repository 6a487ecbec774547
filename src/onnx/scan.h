// SPDX-License-Identifier: Apache-2.0
// The pre-scan: one pass over the wire bytes with an explicit stack, before protobuf-c sees
// anything. It refuses what protobuf-c would stumble over (depth, repeated singular fields, cut or
// overlong numbers, groups, text that is not clean UTF-8, memory bombs), knows the position of
// every fault, and writes the skeleton: an equal message in which every payload of a tensor
// (raw_data and the typed arrays) is replaced by a reference of 16 bytes, offset and size in the
// input. Every payload field of a skeleton was written by the scan, so a reference cannot be forged
// by the input. The scan is driven by the generated descriptors and knows of fields only the
// payloads.
#ifndef MOPT_ONNX_SCAN_H
#define MOPT_ONNX_SCAN_H

#include <stddef.h>
#include <stdint.h>

#include "mopt/status.h"

struct ProtobufCMessageDescriptor;

enum { MOPT_SCAN_DEPTH_MAX = 100 }; // messages inside messages, the outermost counted

struct mopt_scan {
    uint8_t *skeleton; // heap; NULL after a failure
    size_t size;
    size_t memory; // bytes that decoding the skeleton takes, at most
};

// Scans a message of the given type. memory_limit: largest decoded size accepted.
// Errors: MOPT_E_FORMAT with the offset, MOPT_E_LIMIT (depth, memory), MOPT_E_MEMORY.
enum mopt_status mopt__onnx_scan(const struct ProtobufCMessageDescriptor *type, const uint8_t *data,
                                 size_t size, size_t memory_limit, struct mopt_scan *out,
                                 struct mopt_error *err);
void mopt__onnx_scan_release(struct mopt_scan *scan);

#endif
