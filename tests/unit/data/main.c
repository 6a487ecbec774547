// SPDX-License-Identifier: Apache-2.0
// Unit tests of data: runs every suite, fails when one fails.
#include "tests.h"

int main(void)
{
    int failures = 0;
    failures += mopt__test_npy();
    failures += mopt__test_npz();
    failures += mopt__test_idx();
    failures += mopt__test_fit();
    failures += mopt__test_dataset();
    failures += mopt__test_binding();
    failures += mopt__test_preprocess();
    failures += mopt__test_resize();
    failures += mopt__test_pictures();
    failures += mopt__test_folders();
    failures += mopt__test_pb();
    failures += mopt__test_damage();
    failures += mopt__test_memory();
    return failures != 0;
}
