// SPDX-License-Identifier: Apache-2.0
// Random nodes of an operator's record, for the tests of facets: inputs of types and shapes that
// the schema allows (or of the shapes that a hint tells), attributes of all kinds, everything from
// one seed. What comes out may still be illegal; the operator says so.
#ifndef TEST_OPS_FACET_NODE_H
#define TEST_OPS_FACET_NODE_H

#include "support.h"

enum {
    FACET_INPUTS_MAX = 18,
    FACET_OUTPUTS_MAX = 6,
    FACET_RANK_MAX = 6,
    FACET_LETTERS = 26,
};

// What a random node of this name needs to be legal.
struct facet_hint {
    const char *name;
    // Inputs apart by ';': "n c 2h 3" are dims, a letter being a random size that is the same
    // everywhere and a number before it a factor, "." a scalar, "_" an input left out, "?" any
    // tensor. After ':' values: "0..s" integers from 0 to s, "<n" from 0 to n-1; after '=' values
    // in a cycle, apart by ','. Inputs after the last are left out if they may be.
    const char *inputs;
    // Attributes apart by blanks: "axis=-1 kernel_shape=2,2 hidden_size=h direction=reverse".
    // Tensors: "nodes_splits=3.5,4"; their type is that of input 0 unless it is named before a ':'.
    const char *attributes;
};
// Hints of an operator: the first of a row of `count`; NULL when there are none.
const struct facet_hint *facet_hints(const char *name, size_t *count);

// Words that a string attribute of this name may hold, apart by '|'; NULL when none are known.
const char *facet_words(const char *attribute);

struct facet {
    struct mopt_rng rng;
    const struct mopt_op *op;
    struct mopt_model *model;
    struct mopt_node *node;
    uint32_t input_count;
    struct mopt_datum *inputs[FACET_INPUTS_MAX];
    struct mopt_datum *outputs[FACET_OUTPUTS_MAX];
    const char *variables[FACET_INPUTS_MAX]; // type variables met so far, with their types
    enum mopt_dtype dtypes[FACET_INPUTS_MAX];
    size_t variable_count;
    int64_t letters[FACET_LETTERS]; // sizes that a hint's letters stand for, -1 = not drawn yet
    int rank;                       // of the first input
    int64_t dims[FACET_RANK_MAX];
    char reason[512]; // what was broken
};

// True when the test can make inputs for the record: no bodies, no maps.
bool facet_can_build(const struct mopt_op *op);
// First seed of a record: the same whatever other records there are.
uint64_t facet_seed(const struct mopt_op *op);
// Makes model, node and inputs; release in any case.
void facet_build(struct facet *facet, const struct mopt_op *op, uint64_t seed);
void facet_release(struct facet *facet);
// Runs the reference; results replace facet->outputs. MOPT_E_INTERNAL and errors without a text
// are told in facet->reason.
enum mopt_status facet_eval(struct facet *facet, struct mopt_error *err);
// Checks the node, infers it strictly and runs it. False with facet->reason set when what eval
// computes was not foretold by infer. *computed: eval and the check of the schema accept it.
bool facet_agrees(struct facet *facet, bool *computed);
// Prints the model and the reason.
void facet_show(const struct facet *facet);

// ---- Attributes
// A random value, mostly legal.
void facet_set_attribute(struct facet *facet, const struct mopt_attr_spec *spec);
// The default of the schema; only for attributes that have one.
void facet_set_default(struct facet *facet, const struct mopt_attr_spec *spec);
// A value of the given kind, whatever the schema says. Replaces what there is.
void facet_set_kind(struct facet *facet, const char *name, enum mopt_attr_kind kind);

#endif
