// SPDX-License-Identifier: Apache-2.0
// Facts about element types, and conversion of single elements of every type.
#ifndef MOPT_IR_DTYPE_H
#define MOPT_IR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mopt/dtype.h"

// Set of element types as a bit mask: MOPT_DT(MOPT_FLOAT32) | MOPT_DT(MOPT_INT8).
#define MOPT_DT(dtype) (UINT64_C(1) << (dtype))

const char *mopt__dtype_name(enum mopt_dtype dtype); // "float"; "undefined" for unknown numbers
enum mopt_dtype mopt__dtype_find(const char *name);  // MOPT_UNDEFINED if unknown
bool mopt__dtype_valid(int number);                  // 1..26
unsigned mopt__dtype_bits(enum mopt_dtype dtype);    // 2,4,8..128; 0 for string and undefined
bool mopt__dtype_is_float(enum mopt_dtype dtype);    // every float incl. 16, 8, 4 bits
bool mopt__dtype_is_signed(enum mopt_dtype dtype);   // signed integer
bool mopt__dtype_is_unsigned(enum mopt_dtype dtype); // unsigned integer (not bool)
bool mopt__dtype_is_integer(enum mopt_dtype dtype);  // signed or unsigned (not bool)

// Bytes in memory of `count` packed elements (sub-byte types: low bits first, rounded up to a byte;
// strings: count * sizeof(struct mopt_string)). False on overflow or undefined type.
bool mopt__dtype_bytes(enum mopt_dtype dtype, size_t count, size_t *bytes);

// Element i of packed array data as double (bool 0/1; float types exactly; 64-bit integers
// rounded), and back: rounding to nearest even for floats (float8 as ONNX Cast with saturate = 1),
// truncation and wrap for integers that came from floats out of range is NOT defined here: values
// must be in range (use ops' cast for semantics).
double mopt__element_f64(enum mopt_dtype dtype, const void *data, size_t i);
void mopt__element_set_f64(enum mopt_dtype dtype, void *data, size_t i, double value);
// Integer and bool types only; exact. uint64 above INT64_MAX wraps.
int64_t mopt__element_i64(enum mopt_dtype dtype, const void *data, size_t i);
void mopt__element_set_i64(enum mopt_dtype dtype, void *data, size_t i, int64_t value);

// Scalar float formats (IEEE 754 half, bfloat16, the OCP 8- and 4-bit formats); to: round to
// nearest even.
float mopt__half_to_float(uint16_t bits);
uint16_t mopt__float_to_half(float value);
uint16_t mopt__double_to_half(double value); // rounds once
float mopt__bfloat_to_float(uint16_t bits);
uint16_t mopt__float_to_bfloat(float value);
// dtype: one of the float8 / float4 types. saturate as in ONNX Cast (finite overflow -> max if
// true, else NaN/inf).
float mopt__float8_to_float(enum mopt_dtype dtype, uint8_t bits);
// NaN in float4e2m1 gives 6 (ONNX "Float stored in 4 bits"), which always saturates. float8e8m0
// rounds to the nearest power of two, ties up; negative values give NaN.
uint8_t mopt__float_to_float8(enum mopt_dtype dtype, float value, bool saturate);

// float8e8m0 with the round_mode of ONNX Cast-24. saturate: 0 and underflow -> 2^-127, overflow ->
// 2^127; else NaN.
enum mopt_e8m0_round { MOPT_E8M0_UP, MOPT_E8M0_DOWN, MOPT_E8M0_NEAREST };
uint8_t mopt__float_to_e8m0(float value, bool saturate, enum mopt_e8m0_round rounding);

#endif
