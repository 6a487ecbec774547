// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml TreeEnsemble: decision trees over the features of each row, whose leaves add to
// targets.
#include <math.h>

#include "ops/forest.h"
#include "ops/record.h"

struct ensemble {
    size_t nodes, leaves, roots;
    const int64_t *feature, *true_id, *false_id, *true_leaf, *false_leaf, *missing; // [nodes]
    const int64_t *target;                                                          // [leaves]
    const int64_t *root;                                                            // [roots]
    const struct mopt_tensor *modes, *splits, *weights, *members;
    int64_t targets, aggregate, post;
};

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
        status = mopt__forest_ints(node, lists[i].name, &e->nodes, i == 0, lists[i].list, err);
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
    enum mopt_status status =
        mopt__forest_ints(node, "leaf_targetids", &e->leaves, true, &e->target, err);
    if (status == MOPT_OK) {
        status = mopt__forest_ints(node, "tree_roots", &e->roots, true, &e->root, err);
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
        status = mopt__attr_int(node, "aggregate_function", MOPT_GATHER_SUM, &e->aggregate, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "post_transform", MOPT_ML_NONE, &e->post, err);
    }
    e->members = members;
    if (status == MOPT_OK &&
        (e->targets < 1 || e->targets > INT32_MAX || e->aggregate < 0 ||
         e->aggregate > MOPT_GATHER_MAX || e->post < 0 || e->post >= MOPT_ML_POSTS)) {
        status = mopt_error_set(err, MOPT_E_VALUE, "%lld targets, aggregate %lld, transform %lld",
                                (long long)e->targets, (long long)e->aggregate, (long long)e->post);
    }
    return status;
}

// Ids that no forest has stay ids that no forest has.
static uint32_t as_id(int64_t id)
{
    return id >= 0 && id <= MOPT_FOREST_MOST ? (uint32_t)id : MOPT_FOREST_MOST;
}

static uint32_t lead(int64_t id, int64_t leaf)
{
    return as_id(id) | (leaf != 0 ? (uint32_t)MOPT_FOREST_LEAF : 0);
}

// Sets stand one after the other in the order of the membership nodes, each ended by a NaN.
static void fill_nodes(const struct ensemble *e, struct mopt_forest *f)
{
    size_t at = 0;
    for (size_t i = 0; i < e->nodes; i++) {
        int64_t mode = mopt__tensor_i64_at(e->modes, i);
        bool known = mode >= 0 && mode < MOPT_BRANCHES;
        f->nodes[i] = (struct mopt_forest_node){
            .split = mode == MOPT_BRANCH_MEMBER ? (double)at : mopt__tensor_f64(e->splits, i),
            .feature = as_id(e->feature[i]),
            .next = {lead(e->false_id[i], e->false_leaf[i]), lead(e->true_id[i], e->true_leaf[i])},
            .branch = (uint8_t)(known ? mode : MOPT_BRANCHES),
            .missing = e->missing != NULL && e->missing[i] != 0};
        while (mode == MOPT_BRANCH_MEMBER && at < f->member_count && !isnan(f->members[at])) {
            at++;
        }
        at += mode == MOPT_BRANCH_MEMBER && at < f->member_count ? 1 : 0;
    }
}

static void fill(const struct ensemble *e, struct mopt_forest *f)
{
    for (size_t i = 0; i < f->member_count; i++) {
        f->members[i] = mopt__tensor_f64(e->members, i);
    }
    fill_nodes(e, f);
    for (size_t i = 0; i < e->leaves; i++) {
        f->first[i + 1] = (uint32_t)(i + 1);
        f->items[i] =
            (struct mopt_forest_item){as_id(e->target[i]), mopt__tensor_f64(e->weights, i)};
    }
    for (size_t i = 0; i < e->roots; i++) {
        f->roots[i] = as_id(e->root[i]);
    }
}

static enum mopt_status build(const struct mopt_node *node, struct mopt_forest *f,
                              struct mopt_error *err)
{
    struct ensemble e = {0};
    enum mopt_status status = read_nodes(node, &e, err);
    if (status == MOPT_OK) {
        status = read_rest(node, &e, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    f->node_count = e.nodes;
    f->leaf_count = f->item_count = e.leaves;
    f->root_count = e.roots;
    f->member_count = e.members != NULL ? e.members->count : 0;
    f->targets = (size_t)e.targets;
    f->gather = (enum mopt_gather)e.aggregate;
    f->post = (enum mopt_ml_post)e.post;
    status = mopt__forest_alloc(f, err);
    if (status == MOPT_OK) {
        fill(&e, f);
    }
    return status;
}

static enum mopt_status run(struct mopt_eval *eval, const struct mopt_forest *forest,
                            struct mopt_error *err)
{
    return mopt__forest_regress(eval, forest, false, err);
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

static const struct mopt_forest_kind kind = {build, run};

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
         MOPT_A_INT("aggregate_function", MOPT_GATHER_SUM), MOPT_A_INT("post_transform", 0),
         MOPT_A_INT_OPTIONAL("n_targets"), MOPT_A_INTS_REQUIRED("tree_roots"),
         MOPT_A_INTS_REQUIRED("nodes_featureids"), MOPT_A_INTS_REQUIRED("nodes_truenodeids"),
         MOPT_A_INTS_REQUIRED("nodes_falsenodeids"), MOPT_A_INTS_REQUIRED("nodes_trueleafs"),
         MOPT_A_INTS_REQUIRED("nodes_falseleafs"), MOPT_A_INTS("nodes_missing_value_tracks_true"),
         MOPT_A_INTS_REQUIRED("leaf_targetids"), TENSOR("nodes_modes", true),
         TENSOR("nodes_splits", true), TENSOR("leaf_weights", true),
         TENSOR("nodes_hitrates", false), TENSOR("membership_values", false)),
     .infer = tree_infer,
     .eval = mopt__forest_eval,
     .bind = mopt__forest_bind,
     .data = &kind},
};
const struct mopt_op_family mopt__ops_tree_ensemble = {records, MOPT_COUNTOF(records)};
