// SPDX-License-Identifier: Apache-2.0
// The suites of exec.
#ifndef MOPT_TESTS_UNIT_EXEC_TESTS_H
#define MOPT_TESTS_UNIT_EXEC_TESTS_H

int mopt__test_memory_plan(void);
int mopt__test_fold(void);
int mopt__test_widen(void);
int mopt__test_stored(void);
int mopt__test_session(void);
int mopt__test_lower(void);
int mopt__test_weights(void);
int mopt__test_in_place(void);

#endif
