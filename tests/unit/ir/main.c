// SPDX-License-Identifier: Apache-2.0
// Unit tests of ir: runs every suite, fails when one fails.
#include "tests.h"

int main(void)
{
    int failures = 0;
    failures += mopt__test_dtype();
    failures += mopt__test_dim();
    failures += mopt__test_type();
    failures += mopt__test_tensor();
    failures += mopt__test_memory();
    failures += mopt__test_graph();
    failures += mopt__test_text();
    failures += mopt__test_verify();
    return failures != 0;
}
