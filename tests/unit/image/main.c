// SPDX-License-Identifier: Apache-2.0
// Unit tests of image: runs every suite, fails when one fails.
#include "tests.h"

int main(void)
{
    int failures = 0;
    failures += mopt__test_decode();
    failures += mopt__test_hostile();
    return failures != 0;
}
