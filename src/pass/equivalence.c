// SPDX-License-Identifier: Apache-2.0
// Runs two models on the same made-up inputs and compares what comes out. It knows no pass.
#include <stdio.h>
#include <string.h>

#include "exec/exec.h"
#include "pass/internal.h"

struct pair {
    struct mopt_model *a, *b;
    struct mopt_session *sa, *sb;
    enum mopt_numerics numerics;
    struct mopt_inputs inputs;
    size_t input_count, output_count;
    struct mopt_datum **data;   // for a
    struct mopt_datum **data_b; // borrowed from data, in the order of b
    struct mopt_datum **out_a, **out_b;
    struct mopt_run_options options;
    struct mopt_equivalence *out;
    bool reference; // sessions without fast kernels
};

static bool is_final(enum mopt_status status) // no other input would help
{
    return status == MOPT_E_MEMORY || status == MOPT_E_LIMIT || status == MOPT_E_INTERRUPTED ||
           status == MOPT_E_INTERNAL;
}

static enum mopt_status skip(struct pair *pair, const char *why, struct mopt_error *err)
{
    pair->out->skipped = mopt__arena_strdup(&pair->b->arena, why);
    mopt_error_clear(err); // why may stand there
    return pair->out->skipped != NULL ? MOPT_OK : mopt_error_memory(err);
}

static enum mopt_status fail(struct pair *pair, const char *output, const char *why,
                             struct mopt_error *err)
{
    pair->out->equal = false;
    pair->out->output = mopt__arena_strdup(&pair->b->arena, output);
    pair->out->failure =
        mopt__arena_printf(&pair->b->arena, "%s%s%s%s", output[0] != '\0' ? "output '" : "", output,
                           output[0] != '\0' ? "': " : "", why);
    mopt_error_clear(err); // why may stand there
    return pair->out->output != NULL && pair->out->failure != NULL ? MOPT_OK
                                                                   : mopt_error_memory(err);
}

// ---- Sessions

static enum mopt_status open_session(struct pair *pair, struct mopt_model *model,
                                     struct mopt_session **out, struct mopt_error *err)
{
    const struct mopt_session_options options = {.threads = 1, .reference = pair->reference};
    mopt__session_free(*out);
    *out = NULL;
    return mopt__session_new(model, &options, out, err);
}

static enum mopt_status open_sessions(struct pair *pair, struct mopt_error *err)
{
    enum mopt_status status = open_session(pair, pair->a, &pair->sa, err);
    if (status != MOPT_OK) {
        return is_final(status) ? status : skip(pair, err->text, err);
    }
    status = open_session(pair, pair->b, &pair->sb, err);
    if (status == MOPT_OK || is_final(status)) {
        return status;
    }
    return status == MOPT_E_UNSUPPORTED ? skip(pair, err->text, err)
                                        : fail(pair, "", err->text, err);
}

static enum mopt_status find_random(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    bool *found = context;
    (void)err;
    for (const struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        bool quiet = strcmp(node->op_type, "Dropout") == 0; // random in training only
        *found =
            *found || (node->op != NULL && (node->op->traits & MOPT_TRAIT_RANDOM) != 0 && !quiet);
    }
    return MOPT_OK;
}

static bool is_random(struct mopt_model *model)
{
    bool found = false;
    struct mopt_error ignored;
    (void)mopt__model_walk(model, find_random, &found, &ignored);
    return found;
}

// ---- Interface: inputs by name, outputs by position

static bool same_outputs(const struct mopt_graph *a, const struct mopt_graph *b)
{
    if (a->outputs.count != b->outputs.count) {
        return false;
    }
    for (size_t i = 0; i < a->outputs.count; i++) {
        if (strcmp(a->outputs.items[i]->name, b->outputs.items[i]->name) != 0) {
            return false;
        }
    }
    return true;
}

static struct mopt_datum *data_for(const struct pair *pair, const char *name)
{
    const struct mopt_value_list *list = &pair->a->graph->inputs;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i]->name, name) == 0) {
            return pair->data[i];
        }
    }
    return NULL;
}

static void hand_over(struct pair *pair)
{
    const struct mopt_value_list *list = &pair->b->graph->inputs;
    for (size_t i = 0; i < list->count; i++) {
        bool same = i < pair->input_count &&
                    strcmp(pair->a->graph->inputs.items[i]->name, list->items[i]->name) == 0;
        pair->data_b[i] = same ? pair->data[i] : data_for(pair, list->items[i]->name);
    }
}

// ---- Runs

// Runs a on inputs it accepts, trying several ways of making them. *ran false: none was accepted.
static enum mopt_status run_original(struct pair *pair, bool *ran, struct mopt_error *err)
{
    int first = pair->inputs.attempt;
    *ran = false;
    for (int i = 0; i < MOPT_INPUT_ATTEMPTS; i++) {
        const char *reason;
        pair->inputs.attempt = (first + i) % MOPT_INPUT_ATTEMPTS;
        mopt__inputs_free(pair->data, pair->input_count);
        enum mopt_status status = mopt__inputs_make(&pair->inputs, pair->data, &reason, err);
        if (status != MOPT_OK) {
            return status;
        }
        if (reason != NULL) {
            return skip(pair, reason, err);
        }
        status = mopt__session_run(pair->sa, pair->data, pair->out_a, &pair->options, err);
        if (status == MOPT_OK || is_final(status)) {
            *ran = status == MOPT_OK;
            return status;
        }
        mopt__inputs_free(pair->out_a, pair->output_count);
    }
    return skip(pair, err->text, err);
}

static enum mopt_status compare_outputs(struct pair *pair, bool *same, struct mopt_error *err)
{
    struct mopt_equivalence *out = pair->out;
    *same = true;
    for (size_t i = 0; i < pair->output_count; i++) {
        const char *name = pair->b->graph->outputs.items[i]->name;
        struct mopt_difference difference;
        mopt__data_compare(pair->out_a[i], pair->out_b[i], pair->numerics, &difference);
        *same = *same && difference.same;
        if (!difference.same && (out->output == NULL || difference.max_rel > out->max_rel)) {
            out->output = mopt__arena_strdup(&pair->b->arena, name);
        }
        out->max_abs = difference.max_abs > out->max_abs ? difference.max_abs : out->max_abs;
        out->max_rel = difference.max_rel > out->max_rel ? difference.max_rel : out->max_rel;
        if (!difference.equal && out->equal) {
            char text[160];
            (void)snprintf(text, sizeof text, "%s (at most by %.3g, relative %.3g)",
                           difference.reason, difference.max_abs, difference.max_rel);
            enum mopt_status status = fail(pair, name, text, err);
            if (status != MOPT_OK) {
                return status;
            }
        }
    }
    return MOPT_OK;
}

static enum mopt_status run_changed(struct pair *pair, struct mopt_error *err)
{
    hand_over(pair);
    enum mopt_status status =
        mopt__session_run(pair->sb, pair->data_b, pair->out_b, &pair->options, err);
    if (status != MOPT_OK && !is_final(status)) {
        char text[MOPT_ERROR_TEXT_BYTES + 32];
        (void)snprintf(text, sizeof text, "the changed model fails: %s", err->text);
        return fail(pair, "", text, err);
    }
    bool same = false;
    if (status == MOPT_OK) {
        status = compare_outputs(pair, &same, err);
    }
    pair->out->runs += status == MOPT_OK && pair->out->equal;
    return status;
}

static enum mopt_status run_once(struct pair *pair, int run, struct mopt_error *err)
{
    pair->inputs.run = run;
    pair->inputs.overridden = run % 2 == 1;
    bool ran;
    enum mopt_status status = run_original(pair, &ran, err);
    if (status == MOPT_OK && ran) {
        status = run_changed(pair, err);
    }
    mopt__inputs_free(pair->data, pair->input_count);
    mopt__inputs_free(pair->out_a, pair->output_count);
    mopt__inputs_free(pair->out_b, pair->output_count);
    return status;
}

static enum mopt_status run_all(struct pair *pair, int runs, uint64_t seed, struct mopt_error *err)
{
    struct mopt_equivalence *out = pair->out;
    *out = (struct mopt_equivalence){.equal = true};
    pair->inputs.attempt = 0;
    mopt__rng_init(&pair->inputs.rng, seed);
    enum mopt_status status = open_sessions(pair, err);
    for (int run = 0; run < runs && status == MOPT_OK && out->equal && out->skipped == NULL;
         run++) {
        status = run_once(pair, run, err);
    }
    if (out->runs > 0 || !out->equal) {
        out->skipped = NULL;
    }
    return status;
}

static enum mopt_status allocate(struct pair *pair, struct mopt_error *err)
{
    pair->input_count = pair->a->graph->inputs.count;
    pair->output_count = pair->a->graph->outputs.count;
    pair->data = mopt__calloc(pair->input_count, sizeof(struct mopt_datum *));
    pair->data_b = mopt__calloc(pair->b->graph->inputs.count, sizeof(struct mopt_datum *));
    pair->out_a = mopt__calloc(pair->output_count, sizeof(struct mopt_datum *));
    pair->out_b = mopt__calloc(pair->output_count, sizeof(struct mopt_datum *));
    return pair->data != NULL && pair->data_b != NULL && pair->out_a != NULL && pair->out_b != NULL
               ? MOPT_OK
               : mopt_error_memory(err);
}

static void release(struct pair *pair)
{
    mopt__session_free(pair->sa);
    mopt__session_free(pair->sb);
    mopt__map_release(&pair->inputs.names);
    mopt__free(pair->data);
    mopt__free(pair->data_b);
    mopt__free(pair->out_a);
    mopt__free(pair->out_b);
}

// Fast kernels may round differently for other shapes; where bits count, the reference decides.
static enum mopt_status check(struct pair *pair, int runs, uint64_t seed, struct mopt_error *err)
{
    if (pair->numerics == MOPT_NUMERICS_LOSSY) {
        return skip(pair, "a lossy change is not compared", err);
    }
    if (is_random(pair->a) || is_random(pair->b)) {
        return skip(pair, "the model has random operators", err);
    }
    if (!same_outputs(pair->a->graph, pair->b->graph)) {
        return fail(pair, "", "the outputs have other names or another number", err);
    }
    enum mopt_status status = allocate(pair, err);
    if (status == MOPT_OK) {
        status = run_all(pair, runs, seed, err);
    }
    if (status == MOPT_OK && pair->numerics == MOPT_NUMERICS_EXACT && !pair->out->equal) {
        pair->reference = true;
        status = run_all(pair, runs, seed, err);
    }
    return status;
}

enum mopt_status mopt__equivalence_check(struct mopt_model *a, struct mopt_model *b,
                                         enum mopt_numerics numerics, int runs, uint64_t seed,
                                         const struct mopt_budget *budget,
                                         struct mopt_equivalence *out, struct mopt_error *err)
{
    *out = (struct mopt_equivalence){.equal = true};
    struct pair pair = {.a = a,
                        .b = b,
                        .numerics = numerics,
                        .inputs = {.model = a},
                        .options = {.budget = budget},
                        .out = out};
    enum mopt_status status = check(&pair, runs, seed, err);
    release(&pair);
    return status;
}
