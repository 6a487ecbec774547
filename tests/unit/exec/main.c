// SPDX-License-Identifier: Apache-2.0
// Runs every suite of exec.
#include "tests.h"

int main(void)
{
    int failed = mopt__test_memory_plan();
    failed += mopt__test_fold();
    failed += mopt__test_widen() + mopt__test_stored();
    failed += mopt__test_session();
    failed += mopt__test_lower();
    failed += mopt__test_weights() + mopt__test_in_place();
    return failed != 0;
}
