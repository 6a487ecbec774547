// SPDX-License-Identifier: Apache-2.0
// What the unit tests of cli share.
#ifndef MOPT_TESTS_UNIT_CLI_TESTS_H
#define MOPT_TESTS_UNIT_CLI_TESTS_H

// cmocka.h needs these four in front.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/cli.h"

int mopt__test_options(void);
int mopt__test_table(void);
int mopt__test_help(void);
int mopt__test_envelope(void);

#endif
