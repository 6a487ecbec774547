// SPDX-License-Identifier: Apache-2.0
// Runs every suite of quantize.
#include "tests.h"

int main(void)
{
    int failed = mopt__test_parameters();
    failed += mopt__test_weights();
    failed += mopt__test_statistics();
    failed += mopt__test_static();
    failed += mopt__test_dynamic();
    return failed != 0;
}
