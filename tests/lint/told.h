// SPDX-License-Identifier: Apache-2.0
// Given to the analyzers in front of every file: that mopt_error_set never says MOPT_OK lies in
// another file, and without knowing it they follow every error as if it were none.
#ifndef MOPT_TESTS_LINT_TOLD_H
#define MOPT_TESTS_LINT_TOLD_H

#include "mopt/status.h"

#define mopt_error_set(err, status, ...) \
    ((void)(mopt_error_set)(err, status, __VA_ARGS__), (status))
#define mopt_error_memory(err) ((void)(mopt_error_memory)(err), MOPT_E_MEMORY)

#endif
