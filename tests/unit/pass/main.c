// SPDX-License-Identifier: Apache-2.0
// Unit tests of pass: runs every suite, fails when one fails.
#include "tests.h"

int main(void)
{
    int failures = 0;
    failures += mopt__test_pipeline();
    failures += mopt__test_manager();
    failures += mopt__test_equivalence();
    failures += mopt__test_memory();
    return failures != 0;
}
