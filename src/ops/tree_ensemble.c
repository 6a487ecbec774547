// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml TreeEnsemble: decision trees over the features of each row, whose leaves add to
// targets. Every index of the trees is checked before the first row is looked at, and a walk is
// bounded by the number of nodes.
#include <math.h>
#include <string.h>

#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/ml_rows.h"
#include "ops/record.h"

enum { MODE_LEQ, MODE_LT, MODE_GTE, MODE_GT, MODE_EQ, MODE_NEQ, MODE_MEMBER, MODES };
enum { GATHER_AVERAGE, GATHER_SUM, GATHER_MIN, GATHER_MAX };

struct ensemble {
    size_t nodes, leaves, roots, features;
    const int64_t *feature, *true_id, *false_id, *true_leaf, *false_leaf, *missing; // [nodes]
    const int64_t *target;                                                          // [leaves]
    const int64_t *root;                                                            // [roots]
    const struct mopt_tensor *modes, *splits, *weights, *members;
    size_t *set_begin; // [nodes] first member of a membership node; heap
    int64_t targets, aggregate, post;
};

static enum mopt_status read_ints(const struct mopt_node *node, const char *name, size_t *count,
                                  bool first, const int64_t **out, struct mopt_error *err)
{
    size_t given;
    enum mopt_status status = mopt__attr_ints(node, name, out, &given, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (first) {
        *count = given;
    }
    return given == *count
               ? MOPT_OK
               : mopt_error_set(err, MOPT_E_VALUE, "attribute '%s' has %zu entries, must have %zu",
                                name, given, *count);
}

static enum mopt_status read_tensor(const struct mopt_node *node, const char *name, size_t count,
                                    const struct mopt_tensor **out, struct mopt_error *err)
{
    struct mopt_tensor *tensor;
    enum mopt_status status = mopt__attr_tensor(node, name, &tensor, err);
    *out = tensor;
    if (status == MOPT_OK &&
        (tensor == NULL || tensor->count != count || mopt__dtype_bits(tensor->dtype) == 0)) {
        status = mopt_error_set(err, MOPT_E_VALUE, "attribute '%s' must be a tensor of %zu numbers",
                                name, count);
    }
    return status;
}

static enum mopt_status read_nodes(const struct mopt_node *node, struct ensemble *e,
                                   struct mopt_error *err)
{
    const struct {
        const char *name;
        const int64_t **list;
    } lists[] = {{"nodes_featureids", &e->feature},
                 {"nodes_truenodeids", &e->true_id},
                 {"nodes_falsenodeids", &e->false_id},
                 {"nodes_trueleafs", &e->true_leaf},
                 {"nodes_falseleafs", &e->false_leaf}};
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < MOPT_COUNTOF(lists); i++) {
        status = read_ints(node, lists[i].name, &e->nodes, i == 0, lists[i].list, err);
    }
    size_t given = 0;
    if (status == MOPT_OK) {
        status = mopt__attr_ints(node, "nodes_missing_value_tracks_true", &e->missing, &given, err);
    }
    if (status == MOPT_OK && given != 0 && given != e->nodes) {
        status = mopt_error_set(err, MOPT_E_VALUE, "%zu marks for missing values of %zu nodes",
                                given, e->nodes);
    }
    if (status == MOPT_OK) {
        status = read_tensor(node, "nodes_modes", e->nodes, &e->modes, err);
    }
    return status == MOPT_OK ? read_tensor(node, "nodes_splits", e->nodes, &e->splits, err)
                             : status;
}

static enum mopt_status read_rest(const struct mopt_node *node, struct ensemble *e,
                                  struct mopt_error *err)
{
    struct mopt_tensor *members = NULL;
    enum mopt_status status = read_ints(node, "leaf_targetids", &e->leaves, true, &e->target, err);
    if (status == MOPT_OK) {
        status = read_ints(node, "tree_roots", &e->roots, true, &e->root, err);
    }
    if (status == MOPT_OK) {
        status = read_tensor(node, "leaf_weights", e->leaves, &e->weights, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_tensor(node, "membership_values", &members, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "n_targets", 1, &e->targets, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "aggregate_function", GATHER_SUM, &e->aggregate, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "post_transform", MOPT_ML_NONE, &e->post, err);
    }
    e->members = members;
    if (status == MOPT_OK &&
        (e->targets < 1 || e->targets > INT32_MAX || e->aggregate < 0 ||
         e->aggregate > GATHER_MAX || e->post < 0 || e->post >= MOPT_ML_POSTS)) {
        status = mopt_error_set(err, MOPT_E_VALUE, "%lld targets, aggregate %lld, transform %lld",
                                (long long)e->targets, (long long)e->aggregate, (long long)e->post);
    }
    return status;
}

static bool branch_fits(const struct ensemble *e, int64_t id, int64_t leaf)
{
    return id >= 0 && (uint64_t)id < (leaf != 0 ? e->leaves : e->nodes);
}

static enum mopt_status check_indices(const struct ensemble *e, struct mopt_error *err)
{
    for (size_t i = 0; i < e->nodes; i++) {
        int64_t mode = mopt__tensor_i64_at(e->modes, i);
        if (mode < 0 || mode >= MODES || e->feature[i] < 0 ||
            (uint64_t)e->feature[i] >= e->features ||
            !branch_fits(e, e->true_id[i], e->true_leaf[i]) ||
            !branch_fits(e, e->false_id[i], e->false_leaf[i])) {
            return mopt_error_set(err, MOPT_E_VALUE,
                                  "tree node %zu has a mode, feature or branch out of range", i);
        }
    }
    for (size_t i = 0; i < e->leaves; i++) {
        if (e->target[i] < 0 || e->target[i] >= e->targets) {
            return mopt_error_set(err, MOPT_E_VALUE, "leaf %zu adds to target %lld of %lld", i,
                                  (long long)e->target[i], (long long)e->targets);
        }
    }
    for (size_t i = 0; i < e->roots; i++) {
        if (e->root[i] < 0 || (uint64_t)e->root[i] >= e->nodes) {
            return mopt_error_set(err, MOPT_E_VALUE, "root of tree %zu is %lld", i,
                                  (long long)e->root[i]);
        }
    }
    return MOPT_OK;
}

// Sets stand one after the other in the order of the membership nodes, each ended by a NaN.
static enum mopt_status find_sets(struct ensemble *e, struct mopt_error *err)
{
    e->set_begin = mopt__calloc(e->nodes + 1, sizeof *e->set_begin);
    if (e->set_begin == NULL) {
        return mopt_error_memory(err);
    }
    size_t at = 0;
    size_t count = e->members != NULL ? e->members->count : 0;
    for (size_t i = 0; i < e->nodes; i++) {
        if (mopt__tensor_i64_at(e->modes, i) != MODE_MEMBER) {
            continue;
        }
        e->set_begin[i] = at;
        while (at < count && !isnan(mopt__tensor_f64(e->members, at))) {
            at++;
        }
        at += at < count ? 1 : 0;
    }
    return MOPT_OK;
}

static bool is_member(const struct ensemble *e, size_t node, double value)
{
    size_t count = e->members != NULL ? e->members->count : 0;
    for (size_t at = e->set_begin[node]; at < count; at++) {
        double member = mopt__tensor_f64(e->members, at);
        if (isnan(member)) {
            return false;
        }
        if (member == value) {
            return true;
        }
    }
    return false;
}

static bool goes_true(const struct ensemble *e, size_t node, double value)
{
    if (isnan(value) && e->missing != NULL && e->missing[node] != 0) {
        return true;
    }
    double split = mopt__tensor_f64(e->splits, node);
    switch (mopt__tensor_i64_at(e->modes, node)) {
    case MODE_LEQ:
        return value <= split;
    case MODE_LT:
        return value < split;
    case MODE_GTE:
        return value >= split;
    case MODE_GT:
        return value > split;
    case MODE_EQ:
        return value == split;
    case MODE_NEQ:
        return value != split;
    default:
        return is_member(e, node, value);
    }
}

static enum mopt_status find_leaf(const struct ensemble *e, size_t root,
                                  const struct mopt_tensor *input, size_t row, size_t *leaf,
                                  struct mopt_error *err)
{
    size_t node = root;
    for (size_t steps = 0; steps <= e->nodes; steps++) {
        double value = mopt__tensor_f64(input, row * e->features + (size_t)e->feature[node]);
        bool yes = goes_true(e, node, value);
        size_t id = (size_t)(yes ? e->true_id[node] : e->false_id[node]);
        if ((yes ? e->true_leaf[node] : e->false_leaf[node]) != 0) {
            *leaf = id;
            return MOPT_OK;
        }
        node = id;
    }
    return mopt_error_set(err, MOPT_E_VALUE, "the tree with root %zu has a cycle", root);
}

static void add_leaf(const struct ensemble *e, double *total, double weight, bool *touched)
{
    if (e->aggregate == GATHER_MIN) {
        *total = *touched ? fmin(*total, weight) : weight;
    } else if (e->aggregate == GATHER_MAX) {
        *total = *touched ? fmax(*total, weight) : weight;
    } else {
        *total += weight;
    }
    *touched = true;
}

static void finish_row(const struct ensemble *e, double *row)
{
    for (int64_t i = 0; e->aggregate == GATHER_AVERAGE && e->roots > 0 && i < e->targets; i++) {
        row[i] /= (double)e->roots;
    }
    mopt__ml_finish((enum mopt_ml_post)e->post, row, (size_t)e->targets);
}

static enum mopt_status run_rows(struct mopt_eval *eval, const struct ensemble *e,
                                 struct mopt_tensor *out, struct mopt_error *err)
{
    const struct mopt_tensor *input = mopt__eval_input(eval, 0);
    double *row = mopt__calloc((size_t)e->targets, sizeof *row);
    bool *touched = mopt__calloc((size_t)e->targets, sizeof *touched);
    enum mopt_status status = row != NULL && touched != NULL ? MOPT_OK : mopt_error_memory(err);
    size_t rows = (size_t)out->dims[0];
    for (size_t r = 0; status == MOPT_OK && r < rows; r++) {
        memset(row, 0, (size_t)e->targets * sizeof *row);
        memset(touched, 0, (size_t)e->targets * sizeof *touched);
        for (size_t t = 0; status == MOPT_OK && t < e->roots; t++) {
            size_t leaf = 0;
            status = find_leaf(e, (size_t)e->root[t], input, r, &leaf, err);
            if (status == MOPT_OK) {
                add_leaf(e, &row[e->target[leaf]], mopt__tensor_f64(e->weights, leaf),
                         &touched[e->target[leaf]]);
            }
        }
        finish_row(e, row);
        for (size_t k = 0; status == MOPT_OK && k < (size_t)e->targets; k++) {
            mopt__element_set_f64(out->dtype, mopt__tensor_data(out), r * (size_t)e->targets + k,
                                  row[k]);
        }
    }
    mopt__free(row);
    mopt__free(touched);
    return status;
}

static enum mopt_status tree_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    int64_t dims[2] = {MOPT_DIM_UNKNOWN, 1};
    enum mopt_status status = mopt__attr_int(infer->node, "n_targets", 1, &dims[1], err);
    if (type != NULL && type->rank == 2) {
        dims[0] = type->dims[0];
    }
    return status == MOPT_OK ? mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), 2, dims, err)
                             : status;
}

static enum mopt_status tree_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *input = mopt__eval_input(eval, 0);
    struct ensemble e = {0};
    struct mopt_tensor *out;
    enum mopt_status status = read_nodes(eval->node, &e, err);
    if (status == MOPT_OK) {
        status = read_rest(eval->node, &e, err);
    }
    if (status == MOPT_OK && input->rank != 2) {
        status = mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d, must be [N,F]", input->rank);
    }
    if (status == MOPT_OK) {
        e.features = (size_t)input->dims[1];
        status = check_indices(&e, err);
    }
    if (status == MOPT_OK) {
        status = find_sets(&e, err);
    }
    if (status == MOPT_OK) {
        int64_t dims[2] = {input->dims[0], e.targets};
        status = mopt__eval_output(eval, 0, input->dtype, 2, dims, &out, err);
    }
    if (status == MOPT_OK) {
        status = run_rows(eval, &e, out, err);
    }
    mopt__free(e.set_begin);
    return status;
}

#define REALS (MOPT_DT(MOPT_FLOAT16) | MOPT_DT(MOPT_FLOAT32) | MOPT_DT(MOPT_FLOAT64))
#define TENSOR(n, need)                                           \
    {                                                             \
        .name = (n), .kind = MOPT_ATTR_TENSOR, .required = (need) \
    }
static const struct mopt_op records[] = {
    {.domain = "ai.onnx.ml",
     .name = "TreeEnsemble",
     .since = 5,
     .summary = "decision trees over the features of each row",
     MOPT_INPUTS({"X", "T", REALS, 0}),
     MOPT_OUTPUTS({"Y", "T", REALS, 0}),
     MOPT_ATTRIBUTES(
         MOPT_A_INT("aggregate_function", GATHER_SUM), MOPT_A_INT("post_transform", 0),
         MOPT_A_INT_OPTIONAL("n_targets"), MOPT_A_INTS_REQUIRED("tree_roots"),
         MOPT_A_INTS_REQUIRED("nodes_featureids"), MOPT_A_INTS_REQUIRED("nodes_truenodeids"),
         MOPT_A_INTS_REQUIRED("nodes_falsenodeids"), MOPT_A_INTS_REQUIRED("nodes_trueleafs"),
         MOPT_A_INTS_REQUIRED("nodes_falseleafs"), MOPT_A_INTS("nodes_missing_value_tracks_true"),
         MOPT_A_INTS_REQUIRED("leaf_targetids"), TENSOR("nodes_modes", true),
         TENSOR("nodes_splits", true), TENSOR("leaf_weights", true),
         TENSOR("nodes_hitrates", false), TENSOR("membership_values", false)),
     .infer = tree_infer,
     .eval = tree_eval},
};
const struct mopt_op_family mopt__ops_tree_ensemble = {records, MOPT_COUNTOF(records)};
