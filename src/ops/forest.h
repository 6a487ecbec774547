// SPDX-License-Identifier: Apache-2.0
// Decision trees over the features of a row, as all tree operators of ai.onnx.ml have them: built
// once from a node's attributes, then walked for each row.
#ifndef MOPT_OPS_FOREST_H
#define MOPT_OPS_FOREST_H

#include "ops/ml_rows.h"

enum mopt_branch {
    MOPT_BRANCH_LEQ,
    MOPT_BRANCH_LT,
    MOPT_BRANCH_GTE,
    MOPT_BRANCH_GT,
    MOPT_BRANCH_EQ,
    MOPT_BRANCH_NEQ,
    MOPT_BRANCH_MEMBER,
    MOPT_BRANCHES
};
enum mopt_gather { MOPT_GATHER_AVERAGE, MOPT_GATHER_SUM, MOPT_GATHER_MIN, MOPT_GATHER_MAX };

enum { MOPT_FOREST_LEAF = 1 << 30, MOPT_FOREST_MOST = (1 << 30) - 1 };

struct mopt_forest_node {
    double split; // of a member node: where its set begins
    uint32_t feature;
    uint32_t next[2]; // where false and where true leads: a node, or MOPT_FOREST_LEAF | a leaf
    uint8_t branch;
    bool missing; // NaN is true
};

// A leaf adds its items to scores.
struct mopt_forest_item {
    uint32_t target;
    double weight;
};

struct mopt_forest {
    size_t node_count, leaf_count, root_count, item_count, member_count, targets;
    struct mopt_forest_node *nodes;
    uint32_t *roots;                // as next
    uint32_t *first;                // [leaf_count + 1] items of a leaf
    struct mopt_forest_item *items; // [item_count]
    double *members;                // sets, each ended by a NaN
    double *base;                   // [targets] what scores begin with, or NULL
    enum mopt_gather gather;
    enum mopt_ml_post post;
    size_t checked;        // width of rows that fit, and 1; 0: none so far
    bool shared, positive; // of classifiers: two classes share a score; no leaf takes from it
};

// Zeroed arrays for the counts that are set. MOPT_E_LIMIT: too many; MOPT_E_MEMORY.
enum mopt_status mopt__forest_alloc(struct mopt_forest *forest, struct mopt_error *err);
void mopt__forest_release(struct mopt_forest *forest);
// Every index leads somewhere, features lie below `width`.
enum mopt_status mopt__forest_check(const struct mopt_forest *forest, size_t width,
                                    struct mopt_error *err);
// scores[targets] and touched[targets], which says whether a leaf added to it, of a row; not
// finished. MOPT_E_VALUE: a cycle.
enum mopt_status mopt__forest_scores(const struct mopt_forest *forest, const double *row,
                                     double *scores, bool *touched, struct mopt_error *err);

// What an operator builds and does with scores. Both are reached by node->op->data.
struct mopt_forest_kind {
    enum mopt_status (*build)(const struct mopt_node *node, struct mopt_forest *forest,
                              struct mopt_error *err);
    // Sets the outputs.
    enum mopt_status (*run)(struct mopt_eval *eval, const struct mopt_forest *forest,
                            struct mopt_error *err);
};
enum mopt_status mopt__forest_eval(struct mopt_eval *eval, struct mopt_error *err);
enum mopt_status mopt__forest_bind(struct mopt_bind *bind, struct mopt_error *err);

// run of regressions: scores, finished, in output 0 of the type of input 0 or, if `floats`, FLOAT.
enum mopt_status mopt__forest_regress(struct mopt_eval *eval, const struct mopt_forest *forest,
                                      bool floats, struct mopt_error *err);
// A list of integers that the node has, as long as those before it; the first one says how long.
enum mopt_status mopt__forest_ints(const struct mopt_node *node, const char *name, size_t *count,
                                   bool first, const int64_t **out, struct mopt_error *err);

#endif
