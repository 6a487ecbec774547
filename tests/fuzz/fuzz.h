// SPDX-License-Identifier: Apache-2.0
// What all harnesses share: the entry that libFuzzer calls (and replay.c, with other compilers),
// and bytes under a path for functions that open files.
#ifndef MOPT_TESTS_FUZZ_FUZZ_H
#define MOPT_TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size); // NOLINT: libFuzzer's name

// Path of a file in memory that holds exactly these bytes until the next call.
const char *fuzz_file(const uint8_t *data, size_t size);
// Ends the program so that the fuzzer keeps the input.
_Noreturn void fuzz_fail(const char *what, const char *text);

#endif
