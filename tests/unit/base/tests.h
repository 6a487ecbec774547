// SPDX-License-Identifier: Apache-2.0
// What the unit tests of base share: suites, failing allocations, scratch folders.
#ifndef MOPT_TESTS_UNIT_BASE_TESTS_H
#define MOPT_TESTS_UNIT_BASE_TESTS_H

// cmocka.h needs these four in front.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>

#include "mopt/status.h"

// Each runs the tests of one unit and returns the number of failures.
int mopt__test_status(void);
int mopt__test_alloc(void);
int mopt__test_map(void);
int mopt__test_strings(void);
int mopt__test_numbers(void);
int mopt__test_path(void);
int mopt__test_file(void);
int mopt__test_output(void);
int mopt__test_log(void);
int mopt__test_threads(void);
int mopt__test_cpu(void);
int mopt__test_random(void);
int mopt__test_sha256(void);

// Runs scenario again and again, failing its first, second, third ... allocation, until one run
// meets no failure. Each run must return MOPT_E_MEMORY (with a message) when an allocation failed,
// MOPT_OK when none did, and free all that it allocated. In builds whose sanitizer
// owns malloc: one run without failures.
void mopt__test_out_of_memory(enum mopt_status (*scenario)(void *context, struct mopt_error *err),
                              void *context);

// A fresh folder "…/mopt-base-XXXXXX" for one test. path(): folder/name, valid until the eighth
// call from then.
const char *mopt__test_folder(void);
const char *mopt__test_path_in(const char *name);
void mopt__test_remove_folder(void);

// Whole small files; fail the test when the file cannot be written or has other content.
void mopt__test_write(const char *path, const char *text);
void mopt__test_expect_content(const char *path, const char *text);
// Number of entries of a folder, hidden ones too.
size_t mopt__test_count_entries(const char *path);

#endif
