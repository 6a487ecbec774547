// SPDX-License-Identifier: Apache-2.0
// Element types of tensors. The numbers are those of TensorProto.DataType in the ONNX format.
#ifndef MOPT_DTYPE_H
#define MOPT_DTYPE_H

// One row per type: (identifier, number, name in text form, bits per element, class).
// Classes: F float, I signed integer, U unsigned integer, B bool, S string, C complex.
#define MOPT_DTYPE_LIST(X)                               \
    X(MOPT_FLOAT32, 1, "float", 32, 'F')                 \
    X(MOPT_UINT8, 2, "uint8", 8, 'U')                    \
    X(MOPT_INT8, 3, "int8", 8, 'I')                      \
    X(MOPT_UINT16, 4, "uint16", 16, 'U')                 \
    X(MOPT_INT16, 5, "int16", 16, 'I')                   \
    X(MOPT_INT32, 6, "int32", 32, 'I')                   \
    X(MOPT_INT64, 7, "int64", 64, 'I')                   \
    X(MOPT_STRING, 8, "string", 0, 'S')                  \
    X(MOPT_BOOL, 9, "bool", 8, 'B')                      \
    X(MOPT_FLOAT16, 10, "float16", 16, 'F')              \
    X(MOPT_FLOAT64, 11, "double", 64, 'F')               \
    X(MOPT_UINT32, 12, "uint32", 32, 'U')                \
    X(MOPT_UINT64, 13, "uint64", 64, 'U')                \
    X(MOPT_COMPLEX64, 14, "complex64", 64, 'C')          \
    X(MOPT_COMPLEX128, 15, "complex128", 128, 'C')       \
    X(MOPT_BFLOAT16, 16, "bfloat16", 16, 'F')            \
    X(MOPT_FLOAT8E4M3FN, 17, "float8e4m3fn", 8, 'F')     \
    X(MOPT_FLOAT8E4M3FNUZ, 18, "float8e4m3fnuz", 8, 'F') \
    X(MOPT_FLOAT8E5M2, 19, "float8e5m2", 8, 'F')         \
    X(MOPT_FLOAT8E5M2FNUZ, 20, "float8e5m2fnuz", 8, 'F') \
    X(MOPT_UINT4, 21, "uint4", 4, 'U')                   \
    X(MOPT_INT4, 22, "int4", 4, 'I')                     \
    X(MOPT_FLOAT4E2M1, 23, "float4e2m1", 4, 'F')         \
    X(MOPT_FLOAT8E8M0, 24, "float8e8m0", 8, 'F')         \
    X(MOPT_UINT2, 25, "uint2", 2, 'U')                   \
    X(MOPT_INT2, 26, "int2", 2, 'I')

enum mopt_dtype {
    MOPT_UNDEFINED = 0,
#define MOPT_DTYPE_ENUM(id, number, name, bits, class) id = number,
    MOPT_DTYPE_LIST(MOPT_DTYPE_ENUM)
#undef MOPT_DTYPE_ENUM
        MOPT_DTYPE_COUNT = 27
};

#endif
