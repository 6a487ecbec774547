// SPDX-License-Identifier: Apache-2.0
// The suites of lib, and a folder for the files they write.
#ifndef MOPT_TESTS_UNIT_LIB_TESTS_H
#define MOPT_TESTS_UNIT_LIB_TESTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/lib.h"

int mopt__test_api(void);
int mopt__test_runner(void);
int mopt__test_host(void);

// Path of a file with this content in a folder of the test run; the text stays valid until the next
// call.
const char *mopt__test_file(const char *name, const void *content, size_t bytes);
struct mopt_model *mopt__test_load(const char *text); // through a file, as a caller would
void mopt__test_clean(void);

#endif
