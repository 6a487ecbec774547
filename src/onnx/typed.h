// SPDX-License-Identifier: Apache-2.0
// Which typed field of TensorProto serves which element type; shared by import and export.
#ifndef MOPT_ONNX_TYPED_H
#define MOPT_ONNX_TYPED_H

#include <stdbool.h>
#include <stddef.h>

#include "mopt/dtype.h"

enum mopt_typed_field {
    MOPT_TYPED_FLOAT,
    MOPT_TYPED_INT32,
    MOPT_TYPED_STRING,
    MOPT_TYPED_INT64,
    MOPT_TYPED_DOUBLE,
    MOPT_TYPED_UINT64,
    MOPT_TYPED_COUNT
};

enum mopt_typed_field mopt__typed_field(enum mopt_dtype dtype);

// For the varint fields: bytes of one entry in tensor memory, and entries in `bytes` of it. 2- and
// 4-bit types count by the byte. False for text.
bool mopt__typed_width(enum mopt_dtype dtype, size_t bytes, size_t *width, size_t *entries);

#endif
