// SPDX-License-Identifier: Apache-2.0
// Unit tests of optimize: runs every suite, fails when one fails. What passes do to graphs is told
// by tests/golden.
#include "tests.h"

int main(void)
{
    int failures = 0;
    failures += mopt__test_facts();
    failures += mopt__test_fold();
    failures += mopt__test_upgrade();
    return failures != 0;
}
