// SPDX-License-Identifier: Apache-2.0
// Runs of elements of any numeric type as float, double or 64-bit integers and back. Operators that
// compute in a wider type than they store go through here in small chunks. Knows nothing of nodes.
#ifndef MOPT_OPS_LANES_H
#define MOPT_OPS_LANES_H

#include "ir/dtype.h"
#include "ir/tensor.h"

enum { MOPT_LANES = 256 }; // elements per chunk

// out[i] = element first + i * step of data, for i in [0,n). dtype: any number or bool; floats
// convert exactly (double to float rounds), integers round to nearest. mopt__load_i64: integers and
// bool only, uint64 as its bit pattern.
void mopt__load_f32(enum mopt_dtype dtype, const void *data, int64_t first, int64_t step, size_t n,
                    float *out);
void mopt__load_f64(enum mopt_dtype dtype, const void *data, int64_t first, int64_t step, size_t n,
                    double *out);
void mopt__load_i64(enum mopt_dtype dtype, const void *data, int64_t first, int64_t step, size_t n,
                    int64_t *out);

// Element first + i of data = in[i]. Floats round to nearest even. Integers: from floats truncated
// toward zero and saturated, NaN gives 0; from int64 wrapped to the width. bool: not zero.
void mopt__store_f32(enum mopt_dtype dtype, void *data, int64_t first, size_t n, const float *in);
void mopt__store_f64(enum mopt_dtype dtype, void *data, int64_t first, size_t n, const double *in);
void mopt__store_i64(enum mopt_dtype dtype, void *data, int64_t first, size_t n, const int64_t *in);

// Keys whose unsigned order is the order of the elements: NaN above everything, -0 equal to 0.
// Numbers and bool.
void mopt__load_keys(enum mopt_dtype dtype, const void *data, int64_t first, int64_t step, size_t n,
                     uint64_t *keys);

// True for floats narrower than 32 bits: they compute as float.
bool mopt__lanes_narrow(enum mopt_dtype dtype);

// Bytes of one element; 0 for sub-byte types.
size_t mopt__lanes_size(enum mopt_dtype dtype);

// value truncated toward zero into [low, high] (limits exactly representable or beyond); NaN gives
// 0.
int64_t mopt__saturate_i64(double value, int64_t low, int64_t high);

// Index taken from data into [0, size): negative ones count from the end. MOPT_E_VALUE names the
// index.
enum mopt_status mopt__index_check(int64_t index, int64_t size, int64_t *out,
                                   struct mopt_error *err);

#endif
