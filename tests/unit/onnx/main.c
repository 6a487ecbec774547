// SPDX-License-Identifier: Apache-2.0
// Unit tests of onnx: runs every suite, fails when one fails.
#include "support.h"

int main(void)
{
    int failures = 0;

    failures += mopt__test_wire();
    failures += mopt__test_scan();
    failures += mopt__test_values();
    failures += mopt__test_graphs();
    failures += mopt__test_functions();
    failures += mopt__test_damage();
    failures += mopt__test_external();
    failures += mopt__test_save();
    failures += mopt__test_zero_copy();
    failures += mopt__test_datum();
    failures += mopt__test_out_of_memory();
    failures += mopt__test_corpus();
    return failures != 0;
}
