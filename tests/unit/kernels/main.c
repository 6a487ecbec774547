// SPDX-License-Identifier: Apache-2.0
// Unit tests of kernels: runs every suite, fails when one fails.
#include "tests.h"

int main(void)
{
    int failures = mopt__test_gemm() + mopt__test_conv() + mopt__test_rows();
    return failures != 0;
}
