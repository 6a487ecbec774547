// SPDX-License-Identifier: Apache-2.0
// What the unit tests of optimize share.
#ifndef MOPT_TESTS_UNIT_OPTIMIZE_TESTS_H
#define MOPT_TESTS_UNIT_OPTIMIZE_TESTS_H

// cmocka.h needs these four in front.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "optimize/optimize.h"

// Each runs the tests of one unit and returns the number of failures.
int mopt__test_upgrade(void);
int mopt__test_fold(void);
int mopt__test_facts(void);

// Model from text, verified, operators resolved, types inferred. Fails the test with the message.
struct mopt_model *support_model(const char *text);
// The node that makes the value of the main graph with this name.
struct mopt_node *support_node(const struct mopt_model *model, const char *output);
struct mopt_tensor *support_constant(const struct mopt_model *model, const char *name);

#endif
