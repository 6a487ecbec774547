// SPDX-License-Identifier: Apache-2.0
// The worklist: which node is looked at when, which rule applies, and when it is enough. It knows
// no edit.
#include "rewrite/pattern.h"
#include "rewrite/rewriter.h"

enum {
    SWEEPS_MAX = 8,     // looks at everything again after the worklist ran dry
    BUDGET_STEP = 1024, // visits between two looks at the limits
};

struct run {
    struct mopt_rewriter rewriter;
    struct mopt_rule_index index;
    const struct mopt_rewrite_options *options;
    uint64_t applied, limit, visits;
    struct mopt_match match;
};

static void note_refusal(const struct run *run, const struct mopt_rule *rule,
                         const struct mopt_node *node, const char *why)
{
    mopt__log(run->options->log, MOPT_LOG_DEBUG, "rule '%s' refused node '%s' (%s): %s", rule->name,
              mopt__node_label(node), node->op_type, why);
}

static enum mopt_status check_after(struct run *run, const struct mopt_rule *rule,
                                    const char *label, struct mopt_error *err)
{
    if (run->rewriter.failed) {
        return mopt_error_memory(err);
    }
    if (run->rewriter.misused != NULL) {
        return mopt_error_set(err, MOPT_E_INTERNAL,
                              "rule '%s' at '%s': node '%s' is erased while its outputs are in use",
                              rule->name, label, mopt__node_label(run->rewriter.misused));
    }
    if (run->applied > run->limit) {
        return mopt_error_set(err, MOPT_E_INTERNAL,
                              "rule '%s' does not come to an end: %llu applications, last at '%s'",
                              rule->name, (unsigned long long)run->applied, label);
    }
    return MOPT_OK;
}

// Applies a rule whose match stands in run->match; *done: something changed.
static enum mopt_status apply(struct run *run, const struct mopt_rule *rule, struct mopt_node *node,
                              bool *done, struct mopt_error *err)
{
    uint64_t before = run->rewriter.edits;
    const char *label = mopt__node_label(node); // the text stays, whatever becomes of the node
    const char *op_type = node->op_type;
    enum mopt_status status = rule->apply(&run->rewriter, &run->match, err);
    if (status != MOPT_OK) {
        return mopt_error_wrap(err, "rule '%s' at node '%s' (%s)", rule->name, label, op_type);
    }
    *done = run->rewriter.edits != before;
    if (!*done) {
        return check_after(run, rule, label, err);
    }
    run->applied++;
    mopt__rewriter_bury(&run->rewriter);
    mopt__rewriter_queue(&run->rewriter, node, false);
    if (run->options->applied != NULL) {
        run->options->applied(run->options->context, rule, label);
    }
    return check_after(run, rule, label, err);
}

// Nothing reads what the node makes. Rules let it be: replacing its outputs would change nothing,
// and match again for ever.
static bool is_idle(const struct mopt_node *node)
{
    for (uint32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] != NULL && !mopt__value_is_dead(node->outputs[i])) {
            return false;
        }
    }
    return true;
}

static enum mopt_status try_rules(struct run *run, struct mopt_node *node, struct mopt_error *err)
{
    const struct mopt_rule_bucket *bucket = mopt__rule_index_find(&run->index, node);
    bool done = false;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < bucket->count && !done && status == MOPT_OK; i++) {
        const struct mopt_rule *rule = run->index.rules[bucket->items[i]];
        const char *refusal;
        if (mopt__rule_match(&run->index.patterns[bucket->items[i]], rule, node, &run->match,
                             &refusal)) {
            status = apply(run, rule, node, &done, err);
        } else if (refusal != NULL) {
            note_refusal(run, rule, node, refusal);
        }
    }
    return status;
}

// Older contradictions of the model may come to light here; they are not this rule's fault.
static enum mopt_status refresh(struct run *run, struct mopt_node *node, struct mopt_error *err)
{
    enum mopt_status status = mopt__rewriter_infer(&run->rewriter, node, err);
    if (status == MOPT_E_SHAPE || status == MOPT_E_TYPE || status == MOPT_E_VALUE ||
        status == MOPT_E_FORMAT || status == MOPT_E_UNSUPPORTED) {
        mopt__log(run->options->log, MOPT_LOG_DEBUG, "types stay as they are: %s", err->text);
        mopt_error_clear(err);
        return MOPT_OK;
    }
    return status;
}

static enum mopt_status visit(struct run *run, struct mopt_node *node, bool stale,
                              struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    if (run->visits++ % BUDGET_STEP == 0) {
        status = mopt__budget_check(run->options->budget, err);
    }
    if (status == MOPT_OK && stale) {
        status = refresh(run, node, err);
    }
    return status == MOPT_OK && !is_idle(node) ? try_rules(run, node, err) : status;
}

static enum mopt_status drain(struct run *run, struct mopt_error *err)
{
    bool stale;
    struct mopt_node *node;
    enum mopt_status status = MOPT_OK;
    while (status == MOPT_OK && (node = mopt__rewriter_next(&run->rewriter, &stale)) != NULL) {
        status = visit(run, node, stale, err);
    }
    if (status == MOPT_OK && run->rewriter.failed) {
        status = mopt_error_memory(err);
    }
    return status;
}

static enum mopt_status seed_graph(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct mopt_rewriter *rewriter = context;
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        mopt__rewriter_queue(rewriter, node, false);
    }
    return rewriter->failed ? mopt_error_memory(err) : MOPT_OK;
}

static enum mopt_status sort(struct mopt_model *model, struct mopt_error *err)
{
    enum mopt_status status = mopt__graph_sort(model->graph, err);
    for (size_t i = 0; i < model->function_count && status == MOPT_OK; i++) {
        status = mopt__graph_sort(model->functions[i]->body, err);
    }
    return status;
}

// Neighbours of edits are queued, but conditions may look further: the last sweep finds nothing.
static enum mopt_status sweep_all(struct run *run, struct mopt_error *err)
{
    struct mopt_model *model = run->rewriter.model;
    enum mopt_status status = sort(model, err);
    for (int i = 0; i < SWEEPS_MAX && status == MOPT_OK; i++) {
        uint64_t before = run->applied;
        status = mopt__model_walk(model, seed_graph, &run->rewriter, err);
        if (status == MOPT_OK) {
            status = drain(run, err);
        }
        if (run->applied == before) {
            break;
        }
    }
    return status;
}

enum mopt_status mopt__rewrite_run(struct mopt_model *model, const struct mopt_rule *const *rules,
                                   size_t count, const struct mopt_rewrite_options *options,
                                   uint64_t *applied, struct mopt_error *err)
{
    static const struct mopt_rewrite_options usual;
    *applied = 0;
    struct run run = {.options = options != NULL ? options : &usual};
    enum mopt_status status = mopt__rule_index_init(&run.index, rules, count, err);
    if (status != MOPT_OK) {
        return status;
    }
    run.limit = run.options->max_applications;
    if (run.limit == 0) {
        run.limit = (uint64_t)mopt__model_node_count(model) * 64 + 1024;
    }
    mopt__rewriter_init(&run.rewriter, model, run.index.depth + 1);
    status = sweep_all(&run, err);
    mopt__rewriter_release(&run.rewriter);
    mopt__rule_index_release(&run.index);
    *applied = run.applied;
    return status;
}

// ---- Scan

struct scan {
    const struct mopt_rule_index *index;
    struct mopt_match match;
    bool found;
};

static bool any_rule_matches(struct scan *scan, struct mopt_node *node)
{
    const struct mopt_rule_bucket *bucket = mopt__rule_index_find(scan->index, node);
    for (size_t i = 0; i < bucket->count; i++) {
        uint32_t rule = bucket->items[i];
        const char *refusal;
        if (mopt__rule_match(&scan->index->patterns[rule], scan->index->rules[rule], node,
                             &scan->match, &refusal)) {
            return true;
        }
    }
    return false;
}

static enum mopt_status scan_graph(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct scan *scan = context;
    (void)err;
    for (struct mopt_node *node = graph->first; node != NULL && !scan->found; node = node->next) {
        scan->found = !is_idle(node) && any_rule_matches(scan, node);
    }
    return MOPT_OK;
}

enum mopt_status mopt__rewrite_scan(struct mopt_model *model, const struct mopt_rule *const *rules,
                                    size_t count, bool *found, struct mopt_error *err)
{
    *found = false;
    struct mopt_rule_index index;
    enum mopt_status status = mopt__rule_index_init(&index, rules, count, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct scan scan = {.index = &index};
    status = mopt__model_walk(model, scan_graph, &scan, err);
    *found = scan.found;
    mopt__rule_index_release(&index);
    return status;
}
