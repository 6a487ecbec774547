// SPDX-License-Identifier: Apache-2.0
// What the unit tests of pass share: suites, models from text, a set of small passes.
#ifndef MOPT_TESTS_UNIT_PASS_TESTS_H
#define MOPT_TESTS_UNIT_PASS_TESTS_H

// cmocka.h needs these four in front.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pass/pass.h"

// Each runs the tests of one unit and returns the number of failures.
int mopt__test_pipeline(void);
int mopt__test_manager(void);
int mopt__test_equivalence(void);
int mopt__test_memory(void);

// Model from text, verified, operators not resolved. Fails the test with the message.
struct mopt_model *support_model(const char *text);
// Verifies the model, compares its main graph with expected text, frees the model.
void support_expect(struct mopt_model *model, const char *text);

// no-identity (level 1, rules), no-double-neg (level 2, rules, fixpoint), count-nodes (level 3,
// analyses), and with level 0: fail-late, break-model, change-result, add-dead, set-options.
extern const struct mopt_pass_set support_passes;
// Set by set-options: what it was given.
struct support_seen {
    int64_t number;
    double ratio;
    bool flag;
    char text[64];
    bool errors; // wrong questions were refused
    void *data;
    int runs;
};
struct support_seen *support_seen(void);

// Pipeline from text, which must be right.
struct mopt_pipeline support_pipeline(const char *text);

#endif
