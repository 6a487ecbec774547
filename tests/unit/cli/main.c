// SPDX-License-Identifier: Apache-2.0
// Runs every suite of cli.
#include "tests.h"

int main(void)
{
    mopt__json_setup();
    int failed = mopt__test_options();
    failed += mopt__test_table();
    failed += mopt__test_help();
    failed += mopt__test_envelope();
    return failed != 0;
}
