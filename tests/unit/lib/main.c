// SPDX-License-Identifier: Apache-2.0
// Runs every suite of lib.
#include "tests.h"

int main(void)
{
    int failed = mopt__test_api();
    failed += mopt__test_runner();
    failed += mopt__test_host();
    mopt__test_clean();
    return failed != 0;
}
