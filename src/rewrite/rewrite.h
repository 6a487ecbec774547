// SPDX-License-Identifier: Apache-2.0
// Front door of rewrite (rank 3): the one door through which a rule changes a graph. A rule looks
// (match, may say why it refused) and then acts (apply) only through the rewriter, which keeps
// types, names, use lists and the worklist right. It knows no pass and no level. Read in this
// order: rewrite.h, pattern.h, pattern.c (text patterns), match.c, questions.c, rewriter.c (edits),
// replace.c (uses and names), driver.c (worklist), dead_code.c, merge.c.
#ifndef MOPT_REWRITE_REWRITE_H
#define MOPT_REWRITE_REWRITE_H

#include "ir/ir.h"
#include "ops/ops.h"

struct mopt_rewriter; // opaque: model, worklist, counters, refusal notes

enum { MOPT_MATCH_NODES = 16, MOPT_MATCH_VALUES = 32 };

// What a pattern found.
struct mopt_match {
    struct mopt_model *model;
    struct mopt_node *root;
    // One per line of the pattern; NULL for a line whose value was optional and absent. Rules
    // without a pattern find their root in nodes[0].
    struct mopt_node *nodes[MOPT_MATCH_NODES];
    // One per name of the pattern, outputs too, in the order in which the names first appear in the
    // text; NULL for an absent optional one. "b = Conv(x, w)\ny = Relu(b)": b x w y.
    struct mopt_value *values[MOPT_MATCH_VALUES];
    const char *refusal; // set by match when it says no: one line for -vv
    const struct mopt_rule *rule;
    void *user; // small state from match to apply: points to `storage`, which starts zeroed
    union {
        int64_t ints[64];
        void *pointers[64];
    } storage;
};

// A rewrite rule. pattern is a small text graph, producers first, last line = root, for example
//   "b! = Conv(x, w, ?c)\n"
//   "y = BatchNormalization(b, $scale, $bias, $mean, $var)"
// - A name used as an output and later as an input links two nodes; a name used twice as an input
//   must be the same value. Different lines match different nodes, all in the scope of the root;
//   values that no line makes may come from anywhere, enclosing scopes included.
// - "?c" may be absent, "$c" must be a constant (mopt__match_constant; "?$c": if present), "_" must
//   be absent as an input and does not matter as an output.
// - Inputs beyond those written must be absent unless the list ends in "..."; outputs beyond those
//   written must be absent or dead.
// - "Op1|Op2" alternatives, "com.microsoft::Gelu" another domain. Operators with the commutative
//   trait match both orders of their first two inputs; `match` is asked for each order that fits.
// - "b! = Conv(...)": all uses of b are inputs of matched nodes and it is no graph output (written
//   once as an input: exactly one use). A use inside a sub-graph is a use. Inner values without "!"
//   may have other uses; their producers then stay.
// A pattern of NULL matches every node of `op` (NULL = all nodes) and looks at nothing else. Calls
// of model-local functions only match rules without any operator name; nodes whose attributes refer
// to attributes of an enclosing function never match.
struct mopt_rule {
    const char *name;
    const char *op;      // root operator when pattern is NULL; names separated by '|'; NULL = any
    const char *pattern; // a text that does not parse is MOPT_E_INTERNAL when a run starts
    const char *domain;  // NULL = "" (default domain); with op and pattern NULL: any domain
    // Extra conditions; must not change anything. NULL = the pattern is enough. Return false and
    // set match->refusal.
    bool (*match)(struct mopt_match *match);
    // Edits through the rewriter. Returns MOPT_OK also when it decided to change nothing (then it
    // must not have edited). What the edits leave dead (nodes, initializers) is removed afterwards;
    // pointers in match stay readable until apply returns.
    enum mopt_status (*apply)(struct mopt_rewriter *rewriter, struct mopt_match *match,
                              struct mopt_error *err);
    const char *counter; // counter of the pass to raise, NULL = the first
};

struct mopt_rewrite_options {
    const struct mopt_log *log; // refusals at debug level; may be NULL
    // Called for each applied rule (journal of the pass manager) with a text that names the root;
    // may be NULL.
    void (*applied)(void *context, const struct mopt_rule *rule, const char *node);
    void *context;
    uint64_t max_applications;        // safety against endless rewriting; 0 = 64 * nodes + 1024
    const struct mopt_budget *budget; // checked on the way; may be NULL
};

// Runs rules on every node of the model (all scopes, function bodies too) until none applies: a
// worklist seeded in topological order (graphs are sorted first); nodes around an edit are queued
// again. At a node the first rule of the list that applies wins, then the node is queued again.
// *applied = number of applications. Dead nodes and unused initializers left behind by edits are
// removed, older ones stay. options may be NULL. Linear in nodes + applications. Errors:
// MOPT_E_INTERNAL (bad pattern, wrong edit, or max_applications passed: names the rule), whatever
// apply returns, with rule and node in front; the model is then half rewritten.
enum mopt_status mopt__rewrite_run(struct mopt_model *model, const struct mopt_rule *const *rules,
                                   size_t count, const struct mopt_rewrite_options *options,
                                   uint64_t *applied, struct mopt_error *err);
// Whether any rule matches any node; changes nothing. Linear.
enum mopt_status mopt__rewrite_scan(struct mopt_model *model, const struct mopt_rule *const *rules,
                                    size_t count, bool *found, struct mopt_error *err);
// Initializers of one scope (function bodies have none) with equal type, shape and bytes become
// one; those that are inputs or outputs of their graph stay, and those with an id below `since` are
// not looked at. *removed = how many went. Each is hashed once. No node may refer to one by its
// name (MOPT_TRAIT_NAMES).
enum mopt_status mopt__rewrite_merge_initializers(struct mopt_model *model, uint32_t since,
                                                  uint64_t *removed, struct mopt_error *err);

// ---- Edits, for apply
// Everything a rule must know: new nodes stand before an existing node of the same graph; inputs
// must be visible from there. A wrong edit is MOPT_E_INTERNAL.
struct mopt_model *mopt__rewriter_model(struct mopt_rewriter *rewriter);
// New node before `before` (not NULL) with its record resolved; inputs: [input_count], entries may
// be NULL. Output values get fresh names after hint and types by inference after
// mopt__rewriter_finish_node (call it when attributes are set). NULL: err set.
struct mopt_node *mopt__rewriter_node(struct mopt_rewriter *rewriter, struct mopt_node *before,
                                      const char *op_type, const char *domain,
                                      struct mopt_value *const *inputs, uint32_t input_count,
                                      uint32_t output_count, const char *hint,
                                      struct mopt_error *err);
enum mopt_status mopt__rewriter_finish_node(struct mopt_rewriter *rewriter, struct mopt_node *node,
                                            struct mopt_error *err);
// New initializer in the graph of `near`, named after hint (NULL: any name); takes a new reference.
// In the body of a function, which has no initializers, a Constant node before `near`. NULL: err
// set.
struct mopt_value *mopt__rewriter_constant(struct mopt_rewriter *rewriter,
                                           const struct mopt_node *near, const char *hint,
                                           struct mopt_tensor *tensor, struct mopt_error *err);
// Every use of `from` becomes a use of `to`, which must be of the same or an enclosing graph and
// must not itself use `from`. When `from` is a graph output its name and declared type survive:
// `to` takes over the name if it may (produced by a node of the same graph, not itself an output or
// input), else an Identity stays (a `from` that no node produces stays the output as it is). Inner
// values whose name would hide `to` get a fresh one. What only one of the two types tells is kept.
// The producer of `from` is left to dead-code removal. Nothing to replace (a dead `from`, an
// Identity that must stay) is no edit, so a rule that only does that has not applied.
enum mopt_status mopt__rewriter_replace(struct mopt_rewriter *rewriter, struct mopt_value *from,
                                        struct mopt_value *to, struct mopt_error *err);
// Whether mopt__rewriter_replace can do it without leaving an Identity behind (rules that gain
// nothing otherwise ask this in match).
bool mopt__rewrite_can_replace(const struct mopt_value *from, const struct mopt_value *to);
// Input index = value (NULL: absent). An index at or beyond the end makes the list longer; absent
// inputs at the end are cut off. The node's types are inferred again before rules look at it next.
enum mopt_status mopt__rewriter_set_input(struct mopt_rewriter *rewriter, struct mopt_node *node,
                                          uint32_t index, struct mopt_value *value,
                                          struct mopt_error *err);
// Node changed in place (attributes): types of its outputs are inferred again now, it is queued
// with its neighbours.
enum mopt_status mopt__rewriter_touch(struct mopt_rewriter *rewriter, struct mopt_node *node,
                                      struct mopt_error *err);
// Removes a node now; its outputs must be dead (else the run fails after apply).
void mopt__rewriter_erase(struct mopt_rewriter *rewriter, struct mopt_node *node);

// ---- Questions, for match
// Content that is known whatever the caller feeds: an initializer that is not overridable, or the
// output of a Constant node with the attribute "value"; NULL else. Not owned.
struct mopt_tensor *mopt__match_constant(const struct mopt_value *value);
bool mopt__match_single_use(const struct mopt_value *value); // one use, no graph output
// Constant with one element of a number or bool type.
bool mopt__match_scalar(const struct mopt_value *value, double *out);
// Constant of a number or bool type, not empty, all elements equal in their bits.
bool mopt__match_splat(const struct mopt_value *value, double *out);
// Known content of an integer tensor of rank 0 or 1: constant or inferred, element by element as
// dim numbers (negative constants are dim numbers too: read them with mopt__dim_is_known). *items
// stays until apply returns. At most 1024 elements, else false.
bool mopt__match_ints(const struct mopt_value *value, const int64_t **items, size_t *count);
// The same as plain numbers; false when an element is not a number or there are more than capacity.
bool mopt__match_i64s(const struct mopt_value *value, int64_t *items, size_t capacity,
                      size_t *count);
// Tensor type with known rank, else NULL.
const struct mopt_type *mopt__match_tensor_type(const struct mopt_value *value);
// Provably equal shapes, symbolic dims included.
bool mopt__match_same_shape(const struct mopt_value *a, const struct mopt_value *b);
bool mopt__match_refuse(struct mopt_match *match, const char *why); // sets refusal, returns false

// ---- For passes with a run function
// mopt__value_replace_uses that also renames inner values whose name would hide `to` where `from`
// was used; names of graph outputs are the caller's business. to: of the same or an enclosing
// graph.
enum mopt_status mopt__rewrite_replace_uses(struct mopt_value *from, struct mopt_value *to,
                                            struct mopt_error *err);
// Values that are dead at this moment, for mopt__rewrite_dead_code. Release `bits` with mopt__free.
struct mopt_dead_values {
    uint8_t *bits; // by value id
    size_t count;  // values known to it
};
enum mopt_status mopt__rewrite_dead_values(struct mopt_model *model, struct mopt_dead_values *out,
                                           struct mopt_error *err);
struct mopt_dead_code {
    uint64_t nodes, initializers; // removed
};
// Removes all nodes that nothing needs (all scopes, captures counted as uses) and all initializers
// without uses that are not inputs; except those already dead in `older` (NULL: none). Linear.
enum mopt_status mopt__rewrite_dead_code(struct mopt_model *model,
                                         const struct mopt_dead_values *older,
                                         struct mopt_dead_code *removed, struct mopt_error *err);

#endif
