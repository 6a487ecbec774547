// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml TreeEnsembleRegressor and TreeEnsembleClassifier: trees as lists of nodes, each named
// by its tree and a number in it. Exporters of gradient boosting and random forests write them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/forest.h"
#include "ops/ml_labels.h"
#include "ops/record.h"

// Where a node stands in the lists.
struct name {
    int64_t tree, node;
    size_t at;
};

struct lists {
    size_t nodes, items;
    const int64_t *tree, *node, *feature, *yes, *no, *missing; // [nodes]; missing: or NULL
    const int64_t *item_tree, *item_node, *item_target;        // [items]
    const struct mopt_string *modes;                           // [nodes]
    struct mopt_ml_reals splits, weights, base;
    struct name *names; // [nodes] sorted; heap
    uint32_t *id;       // [nodes] in the forest; heap
};

// ---- Attributes -----------------------------------------------------------------------------------------------

static enum mopt_status read_nodes(const struct mopt_node *node, struct lists *l,
                                   struct mopt_error *err)
{
    const struct {
        const char *name;
        const int64_t **list;
    } lists[] = {{"nodes_treeids", &l->tree},
                 {"nodes_nodeids", &l->node},
                 {"nodes_featureids", &l->feature},
                 {"nodes_truenodeids", &l->yes},
                 {"nodes_falsenodeids", &l->no}};
    size_t modes = 0;
    size_t missing = 0;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < MOPT_COUNTOF(lists); i++) {
        status = mopt__forest_ints(node, lists[i].name, &l->nodes, i == 0, lists[i].list, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_strings(node, "nodes_modes", &l->modes, &modes, err);
    }
    if (status == MOPT_OK) {
        status =
            mopt__attr_ints(node, "nodes_missing_value_tracks_true", &l->missing, &missing, err);
    }
    if (status == MOPT_OK) {
        status = mopt__ml_reals(node, "nodes_values", &l->splits, err);
    }
    if (status == MOPT_OK &&
        (modes != l->nodes || l->splits.count != l->nodes || (missing && missing != l->nodes))) {
        status = mopt_error_set(err, MOPT_E_VALUE,
                                "%zu nodes have %zu modes, %zu values, %zu marks for missing ones",
                                l->nodes, modes, l->splits.count, missing);
    }
    return status;
}

// prefix: "target" or "class".
static enum mopt_status read_items(const struct mopt_node *node, const char *prefix,
                                   struct lists *l, struct mopt_error *err)
{
    const struct {
        const char *suffix;
        const int64_t **list;
    } lists[] = {{"_treeids", &l->item_tree},
                 {"_nodeids", &l->item_node},
                 {"_ids", &l->item_target}};
    char name[32];
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < MOPT_COUNTOF(lists); i++) {
        snprintf(name, sizeof name, "%s%s", prefix, lists[i].suffix);
        status = mopt__forest_ints(node, name, &l->items, i == 0, lists[i].list, err);
    }
    snprintf(name, sizeof name, "%s_weights", prefix);
    if (status == MOPT_OK) {
        status = mopt__ml_reals(node, name, &l->weights, err);
    }
    if (status == MOPT_OK && l->weights.count != l->items) {
        status = mopt_error_set(err, MOPT_E_VALUE, "%zu weights of %zu entries of leaves",
                                l->weights.count, l->items);
    }
    return status == MOPT_OK ? mopt__ml_reals(node, "base_values", &l->base, err) : status;
}

// BRANCHES: a leaf.
static enum mopt_status mode_of(const struct mopt_string *text, enum mopt_branch *mode,
                                struct mopt_error *err)
{
    static const char *const names[] = {
        [MOPT_BRANCH_LEQ] = "BRANCH_LEQ", [MOPT_BRANCH_LT] = "BRANCH_LT",
        [MOPT_BRANCH_GTE] = "BRANCH_GTE", [MOPT_BRANCH_GT] = "BRANCH_GT",
        [MOPT_BRANCH_EQ] = "BRANCH_EQ",   [MOPT_BRANCH_NEQ] = "BRANCH_NEQ",
        [MOPT_BRANCH_MEMBER] = NULL,      [MOPT_BRANCHES] = "LEAF",
    };
    for (int m = 0; m <= MOPT_BRANCHES; m++) {
        if (names[m] != NULL && strlen(names[m]) == text->size &&
            memcmp(names[m], text->data, text->size) == 0) {
            *mode = (enum mopt_branch)m;
            return MOPT_OK;
        }
    }
    return mopt_error_set(err, MOPT_E_VALUE, "tree node of mode '%.*s'",
                          (int)(text->size < 32 ? text->size : 32), text->data);
}

// ---- Building -------------------------------------------------------------------------------------------------

static int by_name(const void *a, const void *b)
{
    const struct name *x = a;
    const struct name *y = b;
    if (x->tree != y->tree) {
        return x->tree < y->tree ? -1 : 1;
    }
    return x->node != y->node ? (x->node < y->node ? -1 : 1) : 0;
}

static enum mopt_status find(const struct lists *l, int64_t tree, int64_t node, uint32_t *id,
                             struct mopt_error *err)
{
    const struct name key = {.tree = tree, .node = node};
    const struct name *found = bsearch(&key, l->names, l->nodes, sizeof key, by_name);
    if (found == NULL) {
        return mopt_error_set(err, MOPT_E_VALUE, "tree %lld has no node %lld", (long long)tree,
                              (long long)node);
    }
    *id = l->id[found->at];
    return MOPT_OK;
}

// Numbers nodes and leaves apart, each in the order of the lists.
static enum mopt_status number(struct lists *l, struct mopt_forest *f, struct mopt_error *err)
{
    l->names = mopt__calloc(l->nodes + 1, sizeof *l->names);
    l->id = mopt__calloc(l->nodes + 1, sizeof *l->id);
    if (l->names == NULL || l->id == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < l->nodes; i++) {
        enum mopt_branch mode = MOPT_BRANCHES;
        status = mode_of(&l->modes[i], &mode, err);
        bool leaf = mode == MOPT_BRANCHES;
        size_t number = leaf ? f->leaf_count++ : f->node_count++;
        l->id[i] = (uint32_t)(number & MOPT_FOREST_MOST) | (leaf ? (uint32_t)MOPT_FOREST_LEAF : 0);
        l->names[i] = (struct name){l->tree[i], l->node[i], i};
    }
    qsort(l->names, l->nodes, sizeof *l->names, by_name);
    for (size_t i = 1; status == MOPT_OK && i < l->nodes; i++) {
        if (by_name(&l->names[i - 1], &l->names[i]) == 0) {
            status = mopt_error_set(err, MOPT_E_VALUE, "tree %lld has two nodes %lld",
                                    (long long)l->names[i].tree, (long long)l->names[i].node);
        }
    }
    return status;
}

// below: marks of what is a child, nodes first, then leaves.
static enum mopt_status fill_nodes(const struct lists *l, struct mopt_forest *f, bool *below,
                                   struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < l->nodes; i++) {
        enum mopt_branch mode = MOPT_BRANCHES;
        status = mode_of(&l->modes[i], &mode, err);
        if (status != MOPT_OK || mode == MOPT_BRANCHES) {
            continue;
        }
        struct mopt_forest_node *node = &f->nodes[l->id[i]];
        bool known = l->feature[i] >= 0 && l->feature[i] <= MOPT_FOREST_MOST;
        *node =
            (struct mopt_forest_node){.split = mopt__ml_real(&l->splits, i),
                                      .feature = known ? (uint32_t)l->feature[i] : MOPT_FOREST_MOST,
                                      .branch = (uint8_t)mode,
                                      .missing = l->missing != NULL && l->missing[i] != 0};
        status = find(l, l->tree[i], l->no[i], &node->next[0], err);
        if (status == MOPT_OK) {
            status = find(l, l->tree[i], l->yes[i], &node->next[1], err);
        }
        for (int k = 0; status == MOPT_OK && k < 2; k++) {
            bool leaf = (node->next[k] & MOPT_FOREST_LEAF) != 0;
            below[(node->next[k] & MOPT_FOREST_MOST) + (leaf ? f->node_count : 0)] = true;
        }
    }
    return status;
}

static enum mopt_status fill_roots(const struct lists *l, struct mopt_forest *f, const bool *below,
                                   struct mopt_error *err)
{
    size_t roots = 0;
    for (size_t i = 0; i < l->nodes; i++) {
        bool leaf = (l->id[i] & MOPT_FOREST_LEAF) != 0;
        if (!below[(l->id[i] & MOPT_FOREST_MOST) + (leaf ? f->node_count : 0)]) {
            f->roots[roots++] = l->id[i];
        }
    }
    f->root_count = roots;
    return roots > 0 || l->nodes == 0
               ? MOPT_OK
               : mopt_error_set(err, MOPT_E_VALUE, "every tree node is below another one");
}

// Entries of a leaf next to each other, in the order of the lists.
static enum mopt_status fill_items(const struct lists *l, struct mopt_forest *f,
                                   struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    uint32_t id = 0;
    for (size_t i = 0; status == MOPT_OK && i < l->items; i++) {
        status = find(l, l->item_tree[i], l->item_node[i], &id, err);
        if (status == MOPT_OK && (id & MOPT_FOREST_LEAF) == 0) {
            status = mopt_error_set(err, MOPT_E_VALUE, "node %lld of tree %lld is no leaf",
                                    (long long)l->item_node[i], (long long)l->item_tree[i]);
        }
        if (status == MOPT_OK) {
            f->first[(id & MOPT_FOREST_MOST) + 1]++;
        }
    }
    if (status != MOPT_OK) {
        return status;
    }
    for (size_t i = 0; i < f->leaf_count; i++) {
        f->first[i + 1] += f->first[i];
    }
    for (size_t i = l->items; status == MOPT_OK && i-- > 0;) { // from the end of each leaf
        status = find(l, l->item_tree[i], l->item_node[i], &id, err);
        uint32_t at = --f->first[(id & MOPT_FOREST_MOST) + 1];
        int64_t target = l->item_target[i];
        f->items[at] =
            (struct mopt_forest_item){target >= 0 && target <= MOPT_FOREST_MOST ? (uint32_t)target
                                                                                : MOPT_FOREST_MOST,
                                      mopt__ml_real(&l->weights, i)};
    }
    // Each beginning stands one too far behind now.
    memmove(f->first, f->first + 1, f->leaf_count * sizeof *f->first);
    f->first[f->leaf_count] = (uint32_t)l->items;
    return status;
}

static enum mopt_status fill(struct lists *l, struct mopt_forest *f, struct mopt_error *err)
{
    bool *below = NULL;
    enum mopt_status status = number(l, f, err);
    f->root_count = l->nodes;
    f->item_count = l->items;
    if (status == MOPT_OK) {
        status = mopt__forest_alloc(f, err);
    }
    if (status == MOPT_OK && (below = mopt__calloc(l->nodes + 1, sizeof *below)) == NULL) {
        status = mopt_error_memory(err);
    }
    if (status == MOPT_OK) {
        status = fill_nodes(l, f, below, err);
    }
    if (status == MOPT_OK) {
        status = fill_roots(l, f, below, err);
    }
    if (status == MOPT_OK) {
        status = fill_items(l, f, err);
    }
    mopt__free(below);
    mopt__free(l->names);
    mopt__free(l->id);
    return status;
}

static enum mopt_status read_post(const struct mopt_node *node, struct mopt_forest *f,
                                  struct mopt_error *err)
{
    const char *text = NULL;
    enum mopt_status status = mopt__attr_string(node, "post_transform", "NONE", &text, err);
    f->post = status == MOPT_OK ? mopt__ml_post(text) : MOPT_ML_NONE;
    return status != MOPT_OK || f->post != MOPT_ML_POSTS
               ? status
               : mopt_error_set(err, MOPT_E_VALUE, "transform '%s'", text);
}

static enum mopt_status fill_base(const struct lists *l, size_t count, struct mopt_forest *f,
                                  struct mopt_error *err)
{
    f->base = mopt__calloc(count + 1, sizeof *f->base);
    for (size_t i = 0; f->base != NULL && i < count; i++) {
        f->base[i] = mopt__ml_real(&l->base, i);
    }
    return f->base != NULL ? MOPT_OK : mopt_error_memory(err);
}

// ---- Regressor ------------------------------------------------------------------------------------------------

static enum mopt_status read_gather(const struct mopt_node *node, struct mopt_forest *f,
                                    struct mopt_error *err)
{
    static const char *const names[] = {[MOPT_GATHER_AVERAGE] = "AVERAGE",
                                        [MOPT_GATHER_SUM] = "SUM",
                                        [MOPT_GATHER_MIN] = "MIN",
                                        [MOPT_GATHER_MAX] = "MAX"};
    const char *text = NULL;
    enum mopt_status status = mopt__attr_string(node, "aggregate_function", "SUM", &text, err);
    for (size_t i = 0; status == MOPT_OK && i < MOPT_COUNTOF(names); i++) {
        if (strcmp(names[i], text) == 0) {
            f->gather = (enum mopt_gather)i;
            return MOPT_OK;
        }
    }
    return status != MOPT_OK ? status
                             : mopt_error_set(err, MOPT_E_VALUE, "aggregate function '%s'", text);
}

static enum mopt_status regressor_build(const struct mopt_node *node, struct mopt_forest *f,
                                        struct mopt_error *err)
{
    struct lists l = {0};
    int64_t targets = 1;
    enum mopt_status status = read_nodes(node, &l, err);
    if (status == MOPT_OK) {
        status = read_items(node, "target", &l, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "n_targets", 1, &targets, err);
    }
    if (status == MOPT_OK) {
        status = read_gather(node, f, err);
    }
    if (status == MOPT_OK) {
        status = read_post(node, f, err);
    }
    if (status == MOPT_OK && (targets < 1 || targets > MOPT_FOREST_MOST ||
                              (l.base.count != 0 && l.base.count != (size_t)targets))) {
        status = mopt_error_set(err, MOPT_E_VALUE, "%lld targets, %zu base values",
                                (long long)targets, l.base.count);
    }
    if (status == MOPT_OK) {
        f->targets = (size_t)targets;
        status = l.base.count != 0 ? fill_base(&l, f->targets, f, err) : MOPT_OK;
    }
    return status == MOPT_OK ? fill(&l, f, err) : status;
}

static enum mopt_status regressor_run(struct mopt_eval *eval, const struct mopt_forest *f,
                                      struct mopt_error *err)
{
    return mopt__forest_regress(eval, f, true, err);
}

static enum mopt_status regressor_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    int64_t dims[2] = {mopt__ml_row_count(infer), 1};
    enum mopt_status status = mopt__attr_int(infer->node, "n_targets", 1, &dims[1], err);
    return status == MOPT_OK ? mopt__infer_set(infer, 0, MOPT_FLOAT32, 2, dims, err) : status;
}

// ---- Classifier -----------------------------------------------------------------------------------------------

// Two classes share a score when leaves name the first one only.
static bool is_shared(const struct lists *l, const struct mopt_ml_labels *labels)
{
    bool first = labels->count == 2 && l->items > 0 && l->base.count < 2;
    for (size_t i = 0; i < l->items && first; i++) {
        first = l->item_target[i] == 0;
    }
    return first;
}

static enum mopt_status share_items(const struct lists *l, struct mopt_forest *f,
                                    struct mopt_error *err)
{
    f->targets = 1;
    f->shared = true;
    f->positive = true;
    for (size_t i = 0; i < f->item_count; i++) {
        f->positive = f->positive && f->items[i].weight >= 0;
    }
    if (f->post == MOPT_ML_PROBIT) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "PROBIT of a score that classes share");
    }
    return l->base.count != 0 ? fill_base(l, 1, f, err) : MOPT_OK;
}

static enum mopt_status classifier_build(const struct mopt_node *node, struct mopt_forest *f,
                                         struct mopt_error *err)
{
    struct lists l = {0};
    struct mopt_ml_labels labels = {0};
    enum mopt_status status = read_nodes(node, &l, err);
    if (status == MOPT_OK) {
        status = read_items(node, "class", &l, err);
    }
    if (status == MOPT_OK) {
        status = mopt__ml_labels(node, "classlabels_int64s", &labels, err);
    }
    if (status == MOPT_OK) {
        status = read_post(node, f, err);
    }
    bool shared = status == MOPT_OK && is_shared(&l, &labels);
    if (status == MOPT_OK && l.base.count != 0 && l.base.count != labels.count &&
        !(shared && l.base.count == 1)) {
        status = mopt_error_set(err, MOPT_E_VALUE, "%zu base values of %zu classes", l.base.count,
                                labels.count);
    }
    if (status == MOPT_OK) {
        f->gather = MOPT_GATHER_SUM;
        f->targets = labels.count;
        status = fill(&l, f, err);
    }
    if (status != MOPT_OK || shared) {
        return status == MOPT_OK ? share_items(&l, f, err) : status;
    }
    return l.base.count != 0 ? fill_base(&l, f->targets, f, err) : MOPT_OK;
}

// The score of the second class, as the two of both; its class.
static size_t split_score(const struct mopt_forest *f, double *scores)
{
    double score = scores[0];
    bool logistic = f->post == MOPT_ML_LOGISTIC;
    scores[0] = logistic ? mopt__ml_logistic(-score) : f->positive ? 1 - score : -score;
    scores[1] = logistic ? mopt__ml_logistic(score) : score;
    return score > (f->positive ? 0.5 : 0) ? 1 : 0;
}

// The class with the largest score, among those that have one.
static size_t largest(const struct mopt_forest *f, const double *scores, const bool *touched)
{
    size_t best = f->targets;
    for (size_t t = 0; t < f->targets; t++) {
        bool has = touched[t] || f->base != NULL;
        best = has && (best == f->targets || scores[t] > scores[best]) ? t : best;
    }
    return best == f->targets ? 0 : best;
}

static enum mopt_status classifier_run(struct mopt_eval *eval, const struct mopt_forest *f,
                                       struct mopt_error *err)
{
    struct mopt_ml_rows rows = {0};
    struct mopt_ml_classes out = {0};
    enum mopt_status status = mopt__ml_rows(eval, &rows, err);
    if (status == MOPT_OK) {
        status = mopt__ml_classes_open(eval, "classlabels_int64s", rows.count, &out, err);
    }
    double *row = mopt__calloc(rows.width + f->targets + 2, sizeof *row);
    bool *touched = mopt__calloc(f->targets + 1, sizeof *touched);
    if (status == MOPT_OK && (row == NULL || touched == NULL)) {
        status = mopt_error_memory(err);
    }
    for (size_t r = 0; status == MOPT_OK && r < rows.count; r++) {
        double *scores = row + rows.width;
        size_t best = 0;
        mopt__ml_row(&rows, r, row);
        status = mopt__forest_scores(f, row, scores, touched, err);
        if (f->shared) {
            best = split_score(f, scores);
        } else {
            best = largest(f, scores, touched);
            mopt__ml_finish(f->post, scores, f->targets);
        }
        status = status == MOPT_OK ? mopt__ml_classes_put(&out, r, best, scores, err) : status;
    }
    mopt__free(row);
    mopt__free(touched);
    return status;
}

static enum mopt_status classifier_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return mopt__ml_classes_infer(infer, "classlabels_int64s", err);
}

// ---- Records --------------------------------------------------------------------------------------------------

static const struct mopt_forest_kind regressor = {regressor_build, regressor_run};
static const struct mopt_forest_kind classifier = {classifier_build, classifier_run};

#define LIST(n, k)               \
    {                            \
        .name = (n), .kind = (k) \
    }
#define NODES                                                                                  \
    LIST("nodes_treeids", MOPT_ATTR_INTS), LIST("nodes_nodeids", MOPT_ATTR_INTS),              \
        LIST("nodes_featureids", MOPT_ATTR_INTS), LIST("nodes_values", MOPT_ATTR_FLOATS),      \
        LIST("nodes_hitrates", MOPT_ATTR_FLOATS), LIST("nodes_modes", MOPT_ATTR_STRINGS),      \
        LIST("nodes_truenodeids", MOPT_ATTR_INTS), LIST("nodes_falsenodeids", MOPT_ATTR_INTS), \
        LIST("nodes_missing_value_tracks_true", MOPT_ATTR_INTS),                               \
        LIST("base_values", MOPT_ATTR_FLOATS),                                                 \
        MOPT_A_STRING("post_transform", "NONE", MOPT_ML_POST_NAMES)
#define TENSORS                                             \
    LIST("nodes_values_as_tensor", MOPT_ATTR_TENSOR),       \
        LIST("nodes_hitrates_as_tensor", MOPT_ATTR_TENSOR), \
        LIST("base_values_as_tensor", MOPT_ATTR_TENSOR)
#define TARGETS                                                                       \
    LIST("target_treeids", MOPT_ATTR_INTS), LIST("target_nodeids", MOPT_ATTR_INTS),   \
        LIST("target_ids", MOPT_ATTR_INTS), LIST("target_weights", MOPT_ATTR_FLOATS), \
        MOPT_A_INT_OPTIONAL("n_targets"),                                             \
        MOPT_A_STRING("aggregate_function", "SUM", "AVERAGE|SUM|MIN|MAX")
#define CLASSES                                                                     \
    LIST("class_treeids", MOPT_ATTR_INTS), LIST("class_nodeids", MOPT_ATTR_INTS),   \
        LIST("class_ids", MOPT_ATTR_INTS), LIST("class_weights", MOPT_ATTR_FLOATS), \
        LIST("classlabels_int64s", MOPT_ATTR_INTS), LIST("classlabels_strings", MOPT_ATTR_STRINGS)
#define REGRESSOR(from, to, ...)                                                             \
    {                                                                                        \
        .domain = "ai.onnx.ml", .name = "TreeEnsembleRegressor", .since = from, .until = to, \
        .summary = "decision trees that add to targets",                                     \
        MOPT_INPUTS({"X", "T", MOPT_ML_NUMBERS, 0}),                                         \
        MOPT_OUTPUTS({"Y", "tensor(float)", MOPT_DT(MOPT_FLOAT32), 0}),                      \
        MOPT_ATTRIBUTES(__VA_ARGS__), .infer = regressor_infer, .eval = mopt__forest_eval,   \
        .bind = mopt__forest_bind, .data = &regressor                                        \
    }
#define CLASSIFIER(from, to, ...)                                                             \
    {                                                                                         \
        .domain = "ai.onnx.ml", .name = "TreeEnsembleClassifier", .since = from, .until = to, \
        .summary = "decision trees that add to scores of classes",                            \
        MOPT_INPUTS({"X", "T1", MOPT_ML_NUMBERS, 0}),                                         \
        MOPT_OUTPUTS({"Y", "T2", MOPT_ML_LABEL_TYPES, 0},                                     \
                     {"Z", "tensor(float)", MOPT_DT(MOPT_FLOAT32), 0}),                       \
        MOPT_ATTRIBUTES(__VA_ARGS__), .infer = classifier_infer, .eval = mopt__forest_eval,   \
        .bind = mopt__forest_bind, .data = &classifier                                        \
    }
static const struct mopt_op records[] = {
    REGRESSOR(1, 2, NODES, TARGETS),
    REGRESSOR(3, 0, NODES, TARGETS, TENSORS, LIST("target_weights_as_tensor", MOPT_ATTR_TENSOR)),
    CLASSIFIER(1, 2, NODES, CLASSES),
    CLASSIFIER(3, 0, NODES, CLASSES, TENSORS, LIST("class_weights_as_tensor", MOPT_ATTR_TENSOR)),
};
const struct mopt_op_family mopt__ops_tree_lists = {records, MOPT_COUNTOF(records)};
