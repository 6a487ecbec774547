// SPDX-License-Identifier: Apache-2.0
// Unit tests of ops: runs every suite, fails when one fails.
#include "tests.h"

#include <stddef.h>

int main(void)
{
    int failures = mopt__test_core() + mopt__test_infer() + mopt__test_control() +
                   mopt__test_carried() + mopt__test_pattern() + mopt__test_gradient() +
                   mopt__test_nest() + mopt__test_facets() + mopt__test_bound();
    if (mopt__test_tensor_ops != NULL) {
        failures += mopt__test_tensor_ops();
    }
    if (mopt__test_nn_ops != NULL) {
        failures += mopt__test_nn_ops();
    }
    failures += mopt__test_attention();
    failures += mopt__test_bound_calls();
    failures += mopt__test_codes();
    failures += mopt__test_learned();
    failures += mopt__test_fourier();
    failures += mopt__test_types();
    return failures != 0;
}
