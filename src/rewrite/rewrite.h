// SPDX-License-Identifier: Apache-2.0
// Front door of rewrite (rank 3): the one door through which a rule changes a graph. A rule looks (match, may say why it
// refused) and then acts (apply) only through the rewriter, which keeps types, names, use lists and the worklist right.
// It knows no pass and no level. Read in this order: rewrite.h, pattern.c (text patterns), rewriter.c (edits), driver.c
// (worklist).
#ifndef MOPT_REWRITE_REWRITE_H
#define MOPT_REWRITE_REWRITE_H

#include "ir/ir.h"
#include "ops/ops.h"

struct mopt_rewriter; // opaque: model, worklist, counters, refusal notes

enum { MOPT_MATCH_NODES = 16, MOPT_MATCH_VALUES = 32 };

// What a pattern found. Nodes and values stand in the order in which their names first appear in the pattern.
struct mopt_match {
    struct mopt_model *model;
    struct mopt_node *root;
    struct mopt_node *nodes[MOPT_MATCH_NODES];    // one per line of the pattern
    struct mopt_value *values[MOPT_MATCH_VALUES]; // captures; NULL for an absent optional input
    const char *refusal; // set by match when it says no: one line for -vv
    const struct mopt_rule *rule;
    void *user;          // small state from match to apply: points to `storage`
    union {
        int64_t ints[64];
        void *pointers[64];
    } storage;
};

// A rewrite rule. pattern is a small text graph, last line = root, for example
//   "b = Conv(x, w, ?c)\n"
//   "y = BatchNormalization(b, scale, bias, mean, var)"
// where a name used as an output and an input links nodes; "?c" may be absent; "$c" must be a constant (initializer that no
// caller can override); "Op1|Op2" alternatives; "..." rest of variadic inputs is ignored; commutative operators match both
// orders; "!b" after the output name ("b! = Conv(...)") demands that the inner value has exactly one use and is no graph output
// (inner values without "!" may have more uses and are kept). A pattern of NULL matches every node of `op` (NULL = all nodes).
struct mopt_rule {
    const char *name;
    const char *op;      // root operator when pattern is NULL; names separated by '|'; NULL = any
    const char *pattern;
    const char *domain;  // NULL = "" (default domain)
    // Extra conditions; must not change anything. NULL = the pattern is enough. Return false and set match->refusal.
    bool (*match)(struct mopt_match *match);
    // Edits through the rewriter. Returns MOPT_OK also when it decided to change nothing (then it must not have edited).
    enum mopt_status (*apply)(struct mopt_rewriter *rewriter, struct mopt_match *match, struct mopt_error *err);
    const char *counter; // counter of the pass to raise, NULL = the first
};

struct mopt_rewrite_options {
    const struct mopt_log *log; // refusals at debug level; may be NULL
    // Called for each applied rule (journal of the pass manager); may be NULL.
    void (*applied)(void *context, const struct mopt_rule *rule, const char *node);
    void *context;
    uint64_t max_applications; // safety against endless rewriting; 0 = 64 * nodes + 1024
};

// Runs rules on every node of the model (all scopes, function bodies too) until none applies: a worklist seeded in topological
// order; nodes around an edit are queued again. *applied = number of applications. Dead nodes left behind by edits are
// removed. Linear in nodes + applications.
enum mopt_status mopt__rewrite_run(struct mopt_model *model, const struct mopt_rule *const *rules, size_t count,
                                   const struct mopt_rewrite_options *options, uint64_t *applied,
                                   struct mopt_error *err);

// ---- Edits, for apply ---------------------------------------------------------------------------------------------------
struct mopt_model *mopt__rewriter_model(struct mopt_rewriter *rewriter);
// New node before `before` with its record resolved; output values get fresh names after hint and types by inference after
// mopt__rewriter_finish_node (call it when attributes are set). NULL: err set.
struct mopt_node *mopt__rewriter_node(struct mopt_rewriter *rewriter, struct mopt_node *before, const char *op_type,
                                      const char *domain, struct mopt_value *const *inputs, uint32_t input_count,
                                      uint32_t output_count, const char *hint, struct mopt_error *err);
enum mopt_status mopt__rewriter_finish_node(struct mopt_rewriter *rewriter, struct mopt_node *node, struct mopt_error *err);
// New initializer in the graph of `near` (or of the main graph when the constant's scope allows), named after hint; takes a new reference.
struct mopt_value *mopt__rewriter_constant(struct mopt_rewriter *rewriter, const struct mopt_node *near,
                                           const char *hint, struct mopt_tensor *tensor, struct mopt_error *err);
// Every use of `from` becomes a use of `to`. When `from` is a graph output its name and declared type survive: `to` takes over the
// name if it may (produced by a node of the same graph, not itself an output or input), else an Identity stays. The producer
// of `from` is left to dead-code removal.
enum mopt_status mopt__rewriter_replace(struct mopt_rewriter *rewriter, struct mopt_value *from, struct mopt_value *to,
                                        struct mopt_error *err);
// Whether mopt__rewriter_replace can do it without leaving an Identity behind (rules that gain nothing otherwise ask this in match).
bool mopt__rewrite_can_replace(const struct mopt_value *from, const struct mopt_value *to);
enum mopt_status mopt__rewriter_set_input(struct mopt_rewriter *rewriter, struct mopt_node *node, uint32_t index,
                                          struct mopt_value *value, struct mopt_error *err);
// Node changed in place (attributes): types of its outputs are inferred again, it is queued with its neighbours.
enum mopt_status mopt__rewriter_touch(struct mopt_rewriter *rewriter, struct mopt_node *node, struct mopt_error *err);
void mopt__rewriter_erase(struct mopt_rewriter *rewriter, struct mopt_node *node); // outputs must be dead

// ---- Questions, for match ---------------------------------------------------------------------------------------------
struct mopt_tensor *mopt__match_constant(const struct mopt_value *value); // initializer not overridable, or output of a Constant node; NULL else
bool mopt__match_single_use(const struct mopt_value *value);              // one use, no graph output
bool mopt__match_scalar(const struct mopt_value *value, double *out);      // constant with one element
bool mopt__match_splat(const struct mopt_value *value, double *out);       // constant, all elements equal
bool mopt__match_ints(const struct mopt_value *value, const int64_t **items, size_t *count); // constant or inferred ints (dim numbers)
const struct mopt_type *mopt__match_tensor_type(const struct mopt_value *value); // tensor type with known rank, else NULL
bool mopt__match_same_shape(const struct mopt_value *a, const struct mopt_value *b); // provably equal shapes, symbolic dims included
bool mopt__match_refuse(struct mopt_match *match, const char *why);        // sets refusal, returns false

#endif
