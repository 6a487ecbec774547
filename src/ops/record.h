// SPDX-License-Identifier: Apache-2.0
// Short ways to write the constant records of operators: lists of parameters, rows of attributes,
// and the sets of element types that the specification uses again and again. Only operator files of
// this folder include it.
#ifndef MOPT_OPS_RECORD_H
#define MOPT_OPS_RECORD_H

#include "base/size.h"
#include "ops/op.h"

// ---- Lists inside a record: .inputs and .input_count in one go ------------------------------------------------
#define MOPT_INPUTS(...)                                \
    .inputs = (const struct mopt_param[]){__VA_ARGS__}, \
    .input_count = MOPT_COUNTOF(((const struct mopt_param[]){__VA_ARGS__}))
#define MOPT_OUTPUTS(...)                                \
    .outputs = (const struct mopt_param[]){__VA_ARGS__}, \
    .output_count = MOPT_COUNTOF(((const struct mopt_param[]){__VA_ARGS__}))
#define MOPT_ATTRIBUTES(...)                                    \
    .attributes = (const struct mopt_attr_spec[]){__VA_ARGS__}, \
    .attribute_count = MOPT_COUNTOF(((const struct mopt_attr_spec[]){__VA_ARGS__}))

// ---- Rows of attributes ---------------------------------------------------------------------------------------
#define MOPT_A_INT(n, value)                                                  \
    {                                                                         \
        .name = (n), .kind = MOPT_ATTR_INT, .has_default = true, .i = (value) \
    }
#define MOPT_A_FLAG(n, value)                                                                     \
    {                                                                                             \
        .name = (n), .kind = MOPT_ATTR_INT, .has_default = true, .i = (value), .has_range = true, \
        .min = 0, .max = 1                                                                        \
    }
#define MOPT_A_INT_OPTIONAL(n)             \
    {                                      \
        .name = (n), .kind = MOPT_ATTR_INT \
    }
#define MOPT_A_INT_REQUIRED(n)                               \
    {                                                        \
        .name = (n), .kind = MOPT_ATTR_INT, .required = true \
    }
#define MOPT_A_INTS(n)                      \
    {                                       \
        .name = (n), .kind = MOPT_ATTR_INTS \
    }
#define MOPT_A_INTS_REQUIRED(n)                               \
    {                                                         \
        .name = (n), .kind = MOPT_ATTR_INTS, .required = true \
    }
#define MOPT_A_FLOAT(n, value)                                                  \
    {                                                                           \
        .name = (n), .kind = MOPT_ATTR_FLOAT, .has_default = true, .f = (value) \
    }
#define MOPT_A_FLOAT_OPTIONAL(n)             \
    {                                        \
        .name = (n), .kind = MOPT_ATTR_FLOAT \
    }
#define MOPT_A_STRING(n, value, legal)                                            \
    {                                                                             \
        .name = (n), .kind = MOPT_ATTR_STRING, .has_default = true, .s = (value), \
        .choices = (legal)                                                        \
    }
#define MOPT_A_STRING_REQUIRED(n, legal)                                            \
    {                                                                               \
        .name = (n), .kind = MOPT_ATTR_STRING, .required = true, .choices = (legal) \
    }
// Attribute of opset 1 without meaning (in-place hints of an old framework).
#define MOPT_A_CONSUMED MOPT_A_INTS("consumed_inputs")

// ---- Sets of element types ------------------------------------------------------------------------------------
#define MOPT_SET_BFLOAT MOPT_DT(MOPT_BFLOAT16)
#define MOPT_SET_BOOL MOPT_DT(MOPT_BOOL)
#define MOPT_SET_I64 MOPT_DT(MOPT_INT64)
#define MOPT_SET_FLOATS (MOPT_DT(MOPT_FLOAT16) | MOPT_DT(MOPT_FLOAT32) | MOPT_DT(MOPT_FLOAT64))
#define MOPT_SET_FLOATS_BF (MOPT_SET_FLOATS | MOPT_SET_BFLOAT)
#define MOPT_SET_FLOAT8                                                                     \
    (MOPT_DT(MOPT_FLOAT8E4M3FN) | MOPT_DT(MOPT_FLOAT8E4M3FNUZ) | MOPT_DT(MOPT_FLOAT8E5M2) | \
     MOPT_DT(MOPT_FLOAT8E5M2FNUZ))
#define MOPT_SET_INDEX (MOPT_DT(MOPT_INT32) | MOPT_DT(MOPT_INT64))
#define MOPT_SET_SIGNED (MOPT_DT(MOPT_INT8) | MOPT_DT(MOPT_INT16) | MOPT_SET_INDEX)
#define MOPT_SET_UNSIGNED \
    (MOPT_DT(MOPT_UINT8) | MOPT_DT(MOPT_UINT16) | MOPT_DT(MOPT_UINT32) | MOPT_DT(MOPT_UINT64))
#define MOPT_SET_INTEGERS (MOPT_SET_SIGNED | MOPT_SET_UNSIGNED)
#define MOPT_SET_NUMBERS (MOPT_SET_FLOATS | MOPT_SET_INTEGERS)
#define MOPT_SET_NUMBERS_BF (MOPT_SET_NUMBERS | MOPT_SET_BFLOAT)
// Floats and the integers of 32 and 64 bits.
#define MOPT_SET_WIDE \
    (MOPT_SET_FLOATS | MOPT_SET_INDEX | MOPT_DT(MOPT_UINT32) | MOPT_DT(MOPT_UINT64))
#define MOPT_SET_WIDE_BF (MOPT_SET_WIDE | MOPT_SET_BFLOAT)
// Every type of the first format, then what later opsets added.
#define MOPT_SET_ALL                                                                     \
    (MOPT_SET_NUMBERS | MOPT_SET_BOOL | MOPT_DT(MOPT_STRING) | MOPT_DT(MOPT_COMPLEX64) | \
     MOPT_DT(MOPT_COMPLEX128))
#define MOPT_SET_ALL_13 (MOPT_SET_ALL | MOPT_SET_BFLOAT)
#define MOPT_SET_ALL_19 (MOPT_SET_ALL_13 | MOPT_SET_FLOAT8)
#define MOPT_SET_ALL_21 (MOPT_SET_ALL_19 | MOPT_DT(MOPT_UINT4) | MOPT_DT(MOPT_INT4))
#define MOPT_SET_ALL_23 (MOPT_SET_ALL_21 | MOPT_DT(MOPT_FLOAT4E2M1))
#define MOPT_SET_ALL_24 (MOPT_SET_ALL_23 | MOPT_DT(MOPT_FLOAT8E8M0))
#define MOPT_SET_ALL_25 (MOPT_SET_ALL_24 | MOPT_DT(MOPT_UINT2) | MOPT_DT(MOPT_INT2))

#endif
