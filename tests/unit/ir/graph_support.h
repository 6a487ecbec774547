// SPDX-License-Identifier: Apache-2.0
// Makers and checks that the tests of graphs, text and verifier share.
#ifndef MOPT_TESTS_UNIT_IR_GRAPH_SUPPORT_H
#define MOPT_TESTS_UNIT_IR_GRAPH_SUPPORT_H

#include "base/random.h"
#include "base/size.h"
#include "ir/ir.h"
#include "tests.h"

struct mopt_model *support_model(void);
struct mopt_model *support_parse(const char *text);  // fails the test with the parser's message
char *support_print(const struct mopt_model *model); // types and details on; mopt__free it
void support_verify(const struct mopt_model *model); // fails the test with the verifier's message
struct mopt_value *support_input(struct mopt_graph *graph, const char *name);
// Node with one output of the given name ("" for a fresh one) and up to two inputs (NULL: fewer).
struct mopt_node *support_node(struct mopt_graph *graph, const char *op, const char *output,
                               struct mopt_value *a, struct mopt_value *b);
struct mopt_value *support_constant(struct mopt_graph *graph, const char *hint, float value);
// Sub-graph in attribute `name` of node with one output made by "Inner" from `captured`.
struct mopt_graph *support_body(struct mopt_node *node, const char *name,
                                struct mopt_value *captured);
// Names of the first outputs of the nodes, in order, separated by spaces; mopt__free it.
char *support_order(const struct mopt_graph *graph);
struct mopt_node *support_find(const struct mopt_graph *graph, const char *output);
double support_cpu_seconds(void);

// A model with everything the text form can hold, made from a seed.
struct mopt_model *support_random_model(uint64_t seed);

int support_test_random_edits(void); // a part of mopt__test_graph

#endif
