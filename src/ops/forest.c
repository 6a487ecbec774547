// SPDX-License-Identifier: Apache-2.0
// The walk through decision trees. Every index is checked before the first row is looked at, and a
// walk is bounded by the number of nodes.
#include "ops/forest.h"

#include <math.h>
#include <string.h>

enum mopt_status mopt__forest_alloc(struct mopt_forest *f, struct mopt_error *err)
{
    const size_t counts[] = {f->node_count, f->leaf_count, f->root_count, f->item_count,
                             f->targets};
    for (size_t i = 0; i < MOPT_COUNTOF(counts); i++) {
        if (counts[i] > MOPT_FOREST_MOST) {
            return mopt_error_set(err, MOPT_E_LIMIT, "%zu nodes or leaves of trees", counts[i]);
        }
    }
    f->nodes = mopt__calloc(f->node_count + 1, sizeof *f->nodes);
    f->roots = mopt__calloc(f->root_count + 1, sizeof *f->roots);
    f->first = mopt__calloc(f->leaf_count + 1, sizeof *f->first);
    f->items = mopt__calloc(f->item_count + 1, sizeof *f->items);
    f->members = mopt__calloc(f->member_count + 1, sizeof *f->members);
    return f->nodes != NULL && f->roots != NULL && f->first != NULL && f->items != NULL &&
                   f->members != NULL
               ? MOPT_OK
               : mopt_error_memory(err);
}

void mopt__forest_release(struct mopt_forest *f)
{
    mopt__free(f->nodes);
    mopt__free(f->roots);
    mopt__free(f->first);
    mopt__free(f->items);
    mopt__free(f->members);
    mopt__free(f->base);
    *f = (struct mopt_forest){0};
}

static bool leads_on(const struct mopt_forest *f, uint32_t to)
{
    return (to & MOPT_FOREST_LEAF) != 0 ? (to & MOPT_FOREST_MOST) < f->leaf_count
                                        : to < f->node_count;
}

enum mopt_status mopt__forest_check(const struct mopt_forest *f, size_t width,
                                    struct mopt_error *err)
{
    for (size_t i = 0; i < f->node_count; i++) {
        const struct mopt_forest_node *node = &f->nodes[i];
        if (node->branch >= MOPT_BRANCHES || node->feature >= width ||
            !leads_on(f, node->next[0]) || !leads_on(f, node->next[1])) {
            return mopt_error_set(err, MOPT_E_VALUE,
                                  "tree node %zu has a mode, feature or branch out of range", i);
        }
    }
    for (size_t i = 0; i < f->item_count; i++) {
        if (f->items[i].target >= f->targets) {
            return mopt_error_set(err, MOPT_E_VALUE, "a leaf adds to target %u of %zu",
                                  f->items[i].target, f->targets);
        }
    }
    for (size_t i = 0; i < f->root_count; i++) {
        if (!leads_on(f, f->roots[i])) {
            return mopt_error_set(err, MOPT_E_VALUE, "root of tree %zu is %u", i, f->roots[i]);
        }
    }
    return MOPT_OK;
}

static bool is_member(const struct mopt_forest *f, size_t begin, double value)
{
    for (size_t at = begin; at < f->member_count && !isnan(f->members[at]); at++) {
        if (f->members[at] == value) {
            return true;
        }
    }
    return false;
}

static bool is_true(const struct mopt_forest *f, const struct mopt_forest_node *node, double value)
{
    if (node->missing && isnan(value)) {
        return true;
    }
    switch (node->branch) {
    case MOPT_BRANCH_LEQ:
        return value <= node->split;
    case MOPT_BRANCH_LT:
        return value < node->split;
    case MOPT_BRANCH_GTE:
        return value >= node->split;
    case MOPT_BRANCH_GT:
        return value > node->split;
    case MOPT_BRANCH_EQ:
        return value == node->split;
    case MOPT_BRANCH_NEQ:
        return value != node->split;
    default:
        return is_member(f, (size_t)node->split, value);
    }
}

static void add_items(const struct mopt_forest *f, uint32_t leaf, double *scores, bool *touched)
{
    for (uint32_t i = f->first[leaf]; i < f->first[leaf + 1]; i++) {
        uint32_t t = f->items[i].target;
        double weight = f->items[i].weight;
        if (f->gather == MOPT_GATHER_MIN) {
            scores[t] = touched[t] ? fmin(scores[t], weight) : weight;
        } else if (f->gather == MOPT_GATHER_MAX) {
            scores[t] = touched[t] ? fmax(scores[t], weight) : weight;
        } else {
            scores[t] += weight;
        }
        touched[t] = true;
    }
}

enum mopt_status mopt__forest_scores(const struct mopt_forest *f, const double *row, double *scores,
                                     bool *touched, struct mopt_error *err)
{
    memset(scores, 0, f->targets * sizeof *scores);
    memset(touched, 0, f->targets * sizeof *touched);
    for (size_t r = 0; r < f->root_count; r++) {
        uint32_t at = f->roots[r];
        size_t steps = 0;
        while ((at & MOPT_FOREST_LEAF) == 0) {
            const struct mopt_forest_node *node = &f->nodes[at];
            if (steps++ > f->node_count) {
                return mopt_error_set(err, MOPT_E_VALUE, "tree %zu has a cycle", r);
            }
            at = node->next[is_true(f, node, row[node->feature])];
        }
        add_items(f, at & MOPT_FOREST_MOST, scores, touched);
    }
    for (size_t t = 0; t < f->targets; t++) {
        if (f->gather == MOPT_GATHER_AVERAGE && f->root_count > 0) {
            scores[t] /= (double)f->root_count;
        }
        scores[t] += f->base != NULL ? f->base[t] : 0;
    }
    return MOPT_OK;
}

// ---- Running --------------------------------------------------------------------------------------------------

enum mopt_status mopt__forest_regress(struct mopt_eval *eval, const struct mopt_forest *f,
                                      bool floats, struct mopt_error *err)
{
    struct mopt_ml_rows rows = {0};
    struct mopt_tensor *out = NULL;
    enum mopt_status status = mopt__ml_rows(eval, &rows, err);
    if (status == MOPT_OK) {
        const int64_t dims[] = {(int64_t)rows.count, (int64_t)f->targets};
        enum mopt_dtype dtype = floats ? MOPT_FLOAT32 : rows.x->dtype;
        status = mopt__eval_output(eval, 0, dtype, 2, dims, &out, err);
    }
    double *row = mopt__calloc(rows.width + f->targets + 1, sizeof *row);
    bool *touched = mopt__calloc(f->targets + 1, sizeof *touched);
    if (status == MOPT_OK && (row == NULL || touched == NULL)) {
        status = mopt_error_memory(err);
    }
    for (size_t r = 0; status == MOPT_OK && r < rows.count; r++) {
        double *scores = row + rows.width;
        mopt__ml_row(&rows, r, row);
        status = mopt__forest_scores(f, row, scores, touched, err);
        mopt__ml_finish(f->post, scores, f->targets);
        for (size_t t = 0; t < f->targets; t++) {
            mopt__element_set_f64(out->dtype, mopt__tensor_data(out), r * f->targets + t,
                                  scores[t]);
        }
    }
    mopt__free(row);
    mopt__free(touched);
    return status;
}

static enum mopt_status run(struct mopt_eval *eval, struct mopt_forest *forest,
                            struct mopt_error *err)
{
    const struct mopt_forest_kind *kind = eval->node->op->data;
    struct mopt_ml_rows rows = {0};
    enum mopt_status status = mopt__ml_rows(eval, &rows, err);
    if (status == MOPT_OK && forest->checked != rows.width + 1) {
        status = mopt__forest_check(forest, rows.width, err);
        forest->checked = status == MOPT_OK ? rows.width + 1 : 0;
    }
    return status == MOPT_OK ? kind->run(eval, forest, err) : status;
}

enum mopt_status mopt__forest_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_forest_kind *kind = eval->node->op->data;
    struct mopt_forest forest = {0};
    enum mopt_status status = kind->build(eval->node, &forest, err);
    if (status == MOPT_OK) {
        status = run(eval, &forest, err);
    }
    mopt__forest_release(&forest);
    return status;
}

static enum mopt_status run_bound(struct mopt_eval *eval, struct mopt_error *err)
{
    return run(eval, eval->state, err);
}

static void free_bound(void *state)
{
    mopt__forest_release(state);
    mopt__free(state);
}

// What cannot be built is left to eval, which says why.
enum mopt_status mopt__forest_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    const struct mopt_forest_kind *kind = bind->node->op->data;
    struct mopt_forest *forest = mopt__calloc(1, sizeof *forest);
    if (forest == NULL) {
        return mopt_error_memory(err);
    }
    struct mopt_error ignored;
    mopt_error_clear(&ignored);
    if (kind->build(bind->node, forest, &ignored) != MOPT_OK) {
        free_bound(forest);
        return MOPT_OK;
    }
    bind->run = run_bound;
    bind->state = forest;
    bind->free_state = free_bound;
    return MOPT_OK;
}

enum mopt_status mopt__forest_ints(const struct mopt_node *node, const char *name, size_t *count,
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
