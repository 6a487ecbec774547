// SPDX-License-Identifier: Apache-2.0
// Runs pipelines: what a pass needs before, what is checked after, and how a failing one is undone.
// It knows no pass by name.
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "pass/internal.h"

#ifdef NDEBUG
static const bool always_verify = false;
#else
static const bool always_verify = true;
#endif

enum {
    DUMP_ELEMENTS = 256,
    REASON_BYTES = 512,
};
static const uint64_t never = UINT64_MAX;

struct manager {
    struct mopt_model **model;
    struct mopt_model *backup; // the model as it is or was before the running pass; NULL: not made
    const struct mopt_pipeline *pipeline;
    const struct mopt_manager_options *options;
    struct mopt_pass_report *report;
    struct mopt_dead_values older; // dead before the first pass
    uint64_t *seen;                // [items] state of the model in which an item finds nothing more
    uint64_t state;                // rises with every changing pass
    int executed;
    struct fingerprint {
        size_t nodes;
        uint32_t nodes_ever, values_ever;
    } print; // of the model as it is: notices changes that a pass forgot to count
    bool sorted, typed;
    bool untouched;       // the running pass certainly did nothing
    unsigned infer_flags; // for the next inference
};

// ---- Before a pass

static enum mopt_status sort(struct manager *manager, struct mopt_error *err)
{
    struct mopt_model *model = *manager->model;
    enum mopt_status status = mopt__graph_sort(model->graph, err);
    for (size_t i = 0; i < model->function_count && status == MOPT_OK; i++) {
        status = mopt__graph_sort(model->functions[i]->body, err);
    }
    manager->sorted = status == MOPT_OK;
    return status;
}

static enum mopt_status prepare(struct manager *manager, const struct mopt_pass *pass,
                                struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    if (!manager->sorted && (pass->needs & (MOPT_NEEDS_ORDER | MOPT_NEEDS_SHAPES)) != 0) {
        status = sort(manager, err);
    }
    if (status == MOPT_OK && !manager->typed && (pass->needs & MOPT_NEEDS_SHAPES) != 0) {
        status = mopt__infer_model(*manager->model, manager->infer_flags, err);
        manager->typed = status == MOPT_OK;
        manager->infer_flags = MOPT_INFER_KEEP;
    }
    return status;
}

static enum mopt_status ensure_backup(struct manager *manager, struct mopt_error *err)
{
    return manager->backup != NULL ? MOPT_OK
                                   : mopt__model_clone(*manager->model, &manager->backup, err);
}

static void drop_backup(struct manager *manager)
{
    mopt__model_free(manager->backup);
    manager->backup = NULL;
}

static void roll_back(struct manager *manager)
{
    if (manager->backup != NULL) {
        mopt__model_free(*manager->model);
        *manager->model = manager->backup;
        manager->backup = NULL;
    }
}

// ---- The pass itself

static void count_rule(void *context, const struct mopt_rule *rule, const char *node)
{
    struct mopt_pass_context *pass = context;
    mopt__pass_count(pass, rule->counter, 1);
    mopt__log(pass->log, MOPT_LOG_DEBUG, "%s: rule '%s' at '%s'", pass->pass->name, rule->name,
              node);
}

// Copies are only made when some rule is going to do something.
static enum mopt_status run_rules(struct manager *manager, struct mopt_pass_context *context,
                                  uint64_t *elapsed_ns, struct mopt_error *err)
{
    const struct mopt_pass *pass = context->pass;
    uint64_t start = mopt__clock_ns();
    bool found;
    enum mopt_status status =
        mopt__rewrite_scan(*manager->model, pass->rules, pass->rule_count, &found, err);
    *elapsed_ns = mopt__clock_ns() - start;
    if (status != MOPT_OK || !found) {
        return status;
    }
    status = ensure_backup(manager, err);
    if (status != MOPT_OK) {
        return status;
    }
    const struct mopt_rewrite_options options = {.log = context->log,
                                                 .applied = count_rule,
                                                 .context = context,
                                                 .budget = context->budget};
    uint64_t applied;
    start = mopt__clock_ns();
    status =
        mopt__rewrite_run(*manager->model, pass->rules, pass->rule_count, &options, &applied, err);
    *elapsed_ns += mopt__clock_ns() - start;
    manager->untouched = applied == 0;
    return status;
}

static enum mopt_status run_function(struct manager *manager, struct mopt_pass_context *context,
                                     uint64_t *elapsed_ns, struct mopt_error *err)
{
    enum mopt_status status = ensure_backup(manager, err);
    if (status != MOPT_OK) {
        return status;
    }
    uint64_t start = mopt__clock_ns();
    status = context->pass->run(context, *manager->model, err);
    *elapsed_ns = mopt__clock_ns() - start;
    return status;
}

static enum mopt_status run_pass(struct manager *manager, struct mopt_pass_context *context,
                                 uint64_t *elapsed_ns, struct mopt_error *err)
{
    const struct mopt_pass *pass = context->pass;
    if ((pass->rules != NULL) == (pass->run != NULL)) {
        return mopt_error_set(err, MOPT_E_INTERNAL, "a pass has either rules or a run function");
    }
    manager->untouched = pass->rules != NULL;
    return pass->rules != NULL ? run_rules(manager, context, elapsed_ns, err)
                               : run_function(manager, context, elapsed_ns, err);
}

// ---- After a pass

static enum mopt_status check_equivalence(struct manager *manager, const struct mopt_pass *pass,
                                          struct mopt_error *err)
{
    const struct mopt_manager_options *options = manager->options;
    if (options->equivalence <= 0 || pass->numerics == MOPT_NUMERICS_LOSSY) {
        return MOPT_OK;
    }
    struct mopt_equivalence result;
    enum mopt_status status =
        mopt__equivalence_check(manager->backup, *manager->model, pass->numerics,
                                options->equivalence, options->seed, options->budget, &result, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (result.skipped != NULL) {
        mopt__log(options->log, MOPT_LOG_INFO, "%s: outputs are not compared: %s", pass->name,
                  result.skipped);
    }
    return result.equal
               ? MOPT_OK
               : mopt_error_set(err, MOPT_E_INTERNAL, "outputs have changed: %s", result.failure);
}

static const char *dump_path(struct mopt_arena *arena, const char *dir, int number,
                             const char *name)
{
    return mopt__arena_printf(arena, "%s/%03d-%s.txt", dir, number, name);
}

static enum mopt_status dump(struct manager *manager, int number, const char *name,
                             struct mopt_error *err)
{
    const char *dir = manager->options->dump_dir;
    if (dir == NULL) {
        return MOPT_OK;
    }
    if (mkdir(dir, 0777) != 0 && errno != EEXIST) {
        return mopt_error_set(err, MOPT_E_CREATE, "cannot make folder '%s'", dir);
    }
    static const struct mopt_text_options options = {.max_elements = DUMP_ELEMENTS, .types = true};
    struct mopt_strbuf text = {0};
    struct mopt_arena arena;
    mopt__arena_init(&arena);
    const char *path = dump_path(&arena, dir, number, name);
    enum mopt_status status = path != NULL ? mopt__text_print(*manager->model, &options, &text, err)
                                           : mopt_error_memory(err);
    if (status == MOPT_OK) {
        status = mopt__file_write(path, mopt__strbuf_text(&text), text.length, true, err);
    }
    mopt__strbuf_release(&text);
    mopt__arena_release(&arena);
    return status;
}

// Derived facts that the pass does not promise to keep are out of date now.
static void forget(struct manager *manager, const struct mopt_pass *pass)
{
    manager->sorted = manager->sorted && (pass->keeps & MOPT_KEEPS_ORDER) != 0;
    if ((pass->keeps & MOPT_KEEPS_SHAPES) == 0) {
        manager->typed = false;
        manager->infer_flags = pass->rules != NULL ? manager->infer_flags : 0;
    }
}

static enum mopt_status accept(struct manager *manager, const struct mopt_pass *pass,
                               struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    if (pass->run != NULL) {
        status = mopt__ops_resolve(*manager->model, err);
    }
    if (status == MOPT_OK && (always_verify || manager->options->verify_each)) {
        status = mopt__model_verify(*manager->model, err);
        if (status != MOPT_OK && status != MOPT_E_MEMORY) {
            err->status = MOPT_E_INTERNAL;
            status = mopt_error_wrap(err, "model is broken");
        }
    }
    return status == MOPT_OK ? check_equivalence(manager, pass, err) : status;
}

static enum mopt_status record(struct manager *manager, const struct mopt_pass_context *context,
                               const struct mopt_pass_result *result, struct mopt_error *err)
{
    struct mopt_pass_report *report = manager->report;
    mopt__log(context->log, MOPT_LOG_DEBUG, "%s: %llu changes, %zu to %zu nodes, %.3f ms",
              context->pass->name, (unsigned long long)result->changes, result->nodes_before,
              result->nodes_after, (double)result->elapsed_ns / 1e6);
    if (report == NULL) {
        return MOPT_OK;
    }
    size_t count = context->pass->counter_count;
    uint64_t *counters = mopt__arena_alloc(&report->arena, count, sizeof *counters);
    if (counters == NULL) {
        return mopt_error_memory(err);
    }
    if (count > 0) {
        memcpy(counters, context->counters, count * sizeof *counters);
    }
    enum mopt_status status = mopt__grow((void **)&report->results, &report->capacity,
                                         report->count + 1, sizeof *report->results, err);
    if (status == MOPT_OK) {
        report->results[report->count] = *result;
        report->results[report->count++].counters = counters;
    }
    return status;
}

// ---- One execution

static struct fingerprint take_fingerprint(const struct mopt_model *model)
{
    return (struct fingerprint){.nodes = mopt__model_node_count(model),
                                .nodes_ever = model->node_count_ever,
                                .values_ever = model->value_count};
}

static bool has_changed(const struct mopt_pass_context *context, const struct fingerprint *before,
                        const struct fingerprint *after)
{
    bool counted = context->changes > 0 && context->pass->kind != MOPT_PASS_ANALYSE;
    return counted || before->nodes != after->nodes || before->nodes_ever != after->nodes_ever ||
           before->values_ever != after->values_ever;
}

// Runs a prepared pass and everything after it; *changed: the model is another one now.
static enum mopt_status run_and_check(struct manager *manager, struct mopt_pass_context *context,
                                      int round, bool *changed, struct mopt_error *err)
{
    const struct mopt_pass *pass = context->pass;
    struct fingerprint before = manager->print;
    struct mopt_pass_result result = {.pass = pass, .round = round, .nodes_before = before.nodes};
    enum mopt_status status = run_pass(manager, context, &result.elapsed_ns, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (!manager->untouched) {
        manager->print = take_fingerprint(*manager->model);
    }
    *changed = has_changed(context, &before, &manager->print);
    if (*changed) {
        forget(manager, pass);
        status = accept(manager, pass, err);
    }
    result.changes = context->changes;
    result.nodes_after = manager->print.nodes;
    return status == MOPT_OK ? record(manager, context, &result, err) : status;
}

static enum mopt_status execute(struct manager *manager, const struct mopt_pipeline_item *item,
                                int round, bool *changed, struct mopt_error *err)
{
    *changed = false;
    struct mopt_pass_context context;
    enum mopt_status status = mopt__budget_check(manager->options->budget, err);
    if (status == MOPT_OK) {
        status = prepare(manager, item->pass, err);
    }
    if (status != MOPT_OK) {
        return mopt_error_wrap(err, "before pass '%s'", item->pass->name);
    }
    status = mopt__context_init(&context, item, manager->options, err);
    if (status == MOPT_OK) {
        status = run_and_check(manager, &context, round, changed, err);
    }
    mopt__context_release(&context);
    if (status != MOPT_OK) {
        roll_back(manager);
        return mopt_error_wrap(err, "pass '%s'", item->pass->name);
    }
    manager->executed++;
    if (!*changed) {
        return MOPT_OK;
    }
    drop_backup(manager);
    return dump(manager, manager->executed, item->pass->name, err);
}

// ---- The whole pipeline

static bool is_over(const struct manager *manager)
{
    return manager->options->stop_after > 0 && manager->executed >= manager->options->stop_after;
}

static enum mopt_status run_round(struct manager *manager, int round, bool *changed,
                                  struct mopt_error *err)
{
    size_t count = manager->pipeline->count;
    *changed = false;
    for (size_t i = 0; i < count && !is_over(manager); i++) {
        if (manager->seen[i] == manager->state) {
            continue;
        }
        const struct mopt_pipeline_item *item = &manager->pipeline->items[i];
        mopt__progress(manager->options->log, "optimizing", i, count);
        bool did;
        enum mopt_status status = execute(manager, item, round, &did, err);
        if (status != MOPT_OK) {
            return status;
        }
        manager->state += did;
        manager->seen[i] = did && item->pass->fixpoint ? never : manager->state;
        *changed = *changed || did;
    }
    mopt__progress(manager->options->log, "optimizing", count, count);
    return MOPT_OK;
}

static enum mopt_status run_rounds(struct manager *manager, struct mopt_error *err)
{
    int rounds = manager->pipeline->rounds > 1 ? manager->pipeline->rounds : 1;
    bool changed = true;
    enum mopt_status status = dump(manager, 0, "start", err);
    for (int round = 1; round <= rounds && changed && !is_over(manager) && status == MOPT_OK;
         round++) {
        status = run_round(manager, round, &changed, err);
    }
    if (status == MOPT_OK && changed && rounds > 1 && !is_over(manager)) {
        mopt__log(manager->options->log, MOPT_LOG_INFO,
                  "passes would go on finding work after %d rounds", rounds);
    }
    return status;
}

enum { IR_FREE_INITIALIZERS = 4 };

// Before IR 4 every initializer is a graph input too: one that a pass made would not be legal.
static enum mopt_status free_initializers(void *context, struct mopt_graph *graph,
                                          struct mopt_error *err)
{
    (void)context;
    (void)err;
    for (size_t i = 0; i < graph->initializers.count; i++) {
        if (!graph->initializers.items[i]->is_input) {
            mopt__model_raise_ir(graph->model, IR_FREE_INITIALIZERS);
            break;
        }
    }
    return MOPT_OK;
}

static enum mopt_status clean_up(struct manager *manager, struct mopt_error *err)
{
    if (manager->state == 0) {
        return MOPT_OK; // nothing has changed
    }
    struct mopt_dead_code removed;
    enum mopt_status status = mopt__model_walk(*manager->model, free_initializers, NULL, err);
    if (status == MOPT_OK) {
        status = mopt__rewrite_dead_code(*manager->model, &manager->older, &removed, err);
    }
    if (status == MOPT_OK && always_verify) {
        status = mopt__model_verify(*manager->model, err);
    }
    return status;
}

static enum mopt_status begin(struct manager *manager, struct mopt_error *err)
{
    size_t count = manager->pipeline->count;
    manager->seen = mopt__calloc(count, sizeof *manager->seen);
    if (manager->seen == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        manager->seen[i] = never;
    }
    enum mopt_status status = sort(manager, err);
    if (status == MOPT_OK) {
        status = mopt__ops_resolve(*manager->model, err);
    }
    manager->print = take_fingerprint(*manager->model);
    return status == MOPT_OK ? mopt__rewrite_dead_values(*manager->model, &manager->older, err)
                             : status;
}

static enum mopt_status find_names(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    const struct mopt_node **found = context;
    (void)err;
    for (const struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        if (node->op != NULL && (node->op->traits & MOPT_TRAIT_NAMES) != 0) {
            *found = node;
        }
    }
    return MOPT_OK;
}

// A node that refers to values by name holds them without being their user: every pass would have
// to know. The model stays as it is.
static enum mopt_status work(struct manager *manager, struct mopt_error *err)
{
    const struct mopt_node *named = NULL;
    enum mopt_status status = mopt__model_walk(*manager->model, find_names, (void *)&named, err);
    if (status == MOPT_OK && named != NULL) {
        mopt__log(manager->options->log, MOPT_LOG_WARN,
                  "the model is left as it is: node '%s' (%s) refers to values by name",
                  mopt__node_label(named), named->op_type);
        return MOPT_OK;
    }
    if (status == MOPT_OK) {
        status = run_rounds(manager, err);
    }
    return status == MOPT_OK ? clean_up(manager, err) : status;
}

enum mopt_status mopt__manager_run(struct mopt_model **model, const struct mopt_pipeline *pipeline,
                                   const struct mopt_manager_options *options,
                                   struct mopt_pass_report *report, struct mopt_error *err)
{
    static const struct mopt_manager_options usual;
    struct manager manager = {.model = model,
                              .pipeline = pipeline,
                              .options = options != NULL ? options : &usual,
                              .report = report,
                              .infer_flags = MOPT_INFER_KEEP};
    enum mopt_status status = begin(&manager, err);
    if (status == MOPT_OK) {
        status = work(&manager, err);
    }
    mopt__free(manager.seen);
    mopt__free(manager.older.bits);
    drop_backup(&manager);
    return status;
}

void mopt__pass_report_release(struct mopt_pass_report *report)
{
    mopt__free(report->results);
    mopt__arena_release(&report->arena);
    *report = (struct mopt_pass_report){.count = 0};
}
