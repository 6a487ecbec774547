// SPDX-License-Identifier: Apache-2.0
// Unit tests of kernels: runs every suite, fails when one fails.
#include "tests.h"

int main(void)
{
    int failures = mopt__test_gemm() + mopt__test_conv() + mopt__test_rows() +
                   mopt__test_tile_f32() + mopt__test_product() + mopt__test_conv_nhwc() +
                   mopt__test_vector() + mopt__test_fold() + mopt__test_attention() +
                   mopt__test_lstm() + mopt__test_int8() + mopt__test_bytes() + mopt__test_codes() +
                   mopt__test_floats_16() + mopt__test_resize() + mopt__test_mean() +
                   mopt__test_conv_transpose() + mopt__test_norm_channels() + mopt__test_weights() +
                   mopt__test_rounded() + mopt__test_batch_u8() + mopt__test_coded() +
                   mopt__test_conv_blocks() + mopt__test_dynamic_u8();
    return failures != 0;
}
