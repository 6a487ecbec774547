// SPDX-License-Identifier: Apache-2.0
// Unit tests of rewrite: runs every suite, fails when one fails.
#include "tests.h"

int main(void)
{
    int failures = 0;
    failures += mopt__test_pattern();
    failures += mopt__test_questions();
    failures += mopt__test_rewriter();
    failures += mopt__test_replace();
    failures += mopt__test_driver();
    failures += mopt__test_dead_code();
    return failures != 0;
}
