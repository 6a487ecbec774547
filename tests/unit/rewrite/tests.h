// SPDX-License-Identifier: Apache-2.0
// What the unit tests of rewrite share: suites, models from text, rules that only record.
#ifndef MOPT_TESTS_UNIT_REWRITE_TESTS_H
#define MOPT_TESTS_UNIT_REWRITE_TESTS_H

// cmocka.h needs these four in front.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rewrite/rewrite.h"

// Each runs the tests of one unit and returns the number of failures.
int mopt__test_pattern(void);
int mopt__test_questions(void);
int mopt__test_rewriter(void);
int mopt__test_replace(void);
int mopt__test_driver(void);
int mopt__test_dead_code(void);

// Model from text, verified, operators resolved, types inferred. Fails the test with the message.
struct mopt_model *support_model(const char *text);
// Verifies and prints the main graph without types; mopt__free it.
char *support_text(const struct mopt_model *model);
// Verifies the model, compares its main graph with expected text, frees the model.
void support_expect(struct mopt_model *model, const char *text);
struct mopt_value *support_value(const struct mopt_model *model, const char *name);
struct mopt_node *support_node(const struct mopt_model *model, const char *output);
// Sub-graph in attribute `name` of a node.
struct mopt_graph *support_body(const struct mopt_node *node, const char *name);
// Runs rules, which must succeed; returns the number of applications.
uint64_t support_run(struct mopt_model *model, const struct mopt_rule *const *rules, size_t count);
uint64_t support_run_one(struct mopt_model *model, const struct mopt_rule *rule);
// Whether the pattern matches a node; errors fail the test.
bool support_matches(struct mopt_model *model, const char *pattern);

// A rule whose apply calls a function of the test with the rewriter.
enum mopt_status support_nothing(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                 struct mopt_error *err);

#endif
