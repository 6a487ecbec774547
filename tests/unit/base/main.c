// SPDX-License-Identifier: Apache-2.0
// Unit tests of base: runs every suite, fails when one fails.
#include "tests.h"

int main(void)
{
    int failures = 0;
    failures += mopt__test_status();
    failures += mopt__test_alloc();
    failures += mopt__test_map();
    failures += mopt__test_strings();
    failures += mopt__test_numbers();
    failures += mopt__test_path();
    failures += mopt__test_file();
    failures += mopt__test_output();
    failures += mopt__test_log();
    failures += mopt__test_threads();
    failures += mopt__test_cpu();
    failures += mopt__test_random();
    failures += mopt__test_sha256();
    return failures != 0;
}
