// SPDX-License-Identifier: Apache-2.0
// The suites of kernels: each runs its cmocka group and returns the number of failures.
#ifndef TEST_KERNELS_TESTS_H
#define TEST_KERNELS_TESTS_H

int mopt__test_gemm(void);
int mopt__test_conv(void);
int mopt__test_rows(void);
int mopt__test_tile_f32(void);
int mopt__test_product(void);
int mopt__test_conv_nhwc(void);
int mopt__test_conv_blocks(void);
int mopt__test_vector(void);
int mopt__test_fold(void);
int mopt__test_attention(void);
int mopt__test_lstm(void);
int mopt__test_int8(void);
int mopt__test_bytes(void);
int mopt__test_codes(void);
int mopt__test_floats_16(void);
int mopt__test_resize(void);
int mopt__test_mean(void);
int mopt__test_conv_transpose(void);
int mopt__test_norm_channels(void);
int mopt__test_weights(void);
int mopt__test_rounded(void);
int mopt__test_batch_u8(void);
int mopt__test_coded(void);
int mopt__test_dynamic_u8(void); // products of floats with 8-bit weights

#endif
