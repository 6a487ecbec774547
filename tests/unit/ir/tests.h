// SPDX-License-Identifier: Apache-2.0
// What the unit tests of ir share.
#ifndef MOPT_TESTS_UNIT_IR_TESTS_H
#define MOPT_TESTS_UNIT_IR_TESTS_H

// cmocka.h needs these four in front.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "mopt/status.h"

// Each runs the tests of one unit and returns the number of failures.
int mopt__test_dtype(void);
int mopt__test_dim(void);
int mopt__test_type(void);
int mopt__test_tensor(void);
int mopt__test_memory(void);
int mopt__test_graph(void);
int mopt__test_text(void);
int mopt__test_verify(void);

#endif
