// SPDX-License-Identifier: Apache-2.0
// What the unit tests of measure share.
#ifndef MOPT_TESTS_UNIT_MEASURE_TESTS_H
#define MOPT_TESTS_UNIT_MEASURE_TESTS_H

// cmocka.h needs these four in front.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "measure/measure.h"

int mopt__test_summary(void);
int mopt__test_difference(void);
int mopt__test_accuracy(void);
int mopt__test_facts(void);
int mopt__test_lint(void);
int mopt__test_feed(void);
int mopt__test_compare(void);
int mopt__test_bench(void);

// Model from text form, operators resolved; fails the test when it does not parse.
struct mopt_model *mopt__test_model(const char *text);
// Tensor [count] or of the given dims from floats.
struct mopt_tensor *mopt__test_floats(const float *values, int rank, const int64_t *dims);

#endif
