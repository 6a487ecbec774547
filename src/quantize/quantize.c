// SPDX-License-Identifier: Apache-2.0
// The whole job: works on a copy of the model, so that a failure leaves the caller's model as it
// was.
#include <string.h>

#include "ir/inline.h"
#include "optimize/upgrade.h"
#include "quantize/internal.h"
#include "rewrite/rewrite.h"

enum { OPSET_MIN = 13, IR_MIN = 4 }; // per-axis QuantizeLinear; initializers that are no inputs

enum mopt_status mopt__quantize_note(struct mopt_quantize_report *report,
                                     const struct mopt_node *node, const char *reason,
                                     struct mopt_error *err)
{
    if (report == NULL) {
        return MOPT_OK;
    }
    enum mopt_status status = mopt__grow((void **)&report->rows, &report->capacity,
                                         report->count + 1, sizeof *report->rows, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_quantize_row row = {.node =
                                        mopt__arena_strdup(&report->arena, mopt__node_label(node)),
                                    .op_type = mopt__arena_strdup(&report->arena, node->op_type)};
    row.kept_float = reason; // constant text
    if (row.node == NULL || row.op_type == NULL) {
        return mopt_error_memory(err);
    }
    report->rows[report->count++] = row;
    report->quantized += reason == NULL;
    return MOPT_OK;
}

void mopt__quantize_report_release(struct mopt_quantize_report *report)
{
    mopt__free(report->rows);
    mopt__arena_release(&report->arena);
    *report = (struct mopt_quantize_report){0};
}

static enum mopt_status count_weights(void *context, struct mopt_graph *graph,
                                      struct mopt_error *err)
{
    (void)err;
    uint64_t *bytes = context;
    for (size_t i = 0; i < graph->initializers.count; i++) {
        const struct mopt_tensor *tensor = graph->initializers.items[i]->constant;
        *bytes += tensor != NULL ? tensor->bytes : 0;
    }
    return MOPT_OK;
}

static uint64_t weight_bytes(struct mopt_model *model)
{
    uint64_t bytes = 0;
    struct mopt_error ignored;
    mopt_error_clear(&ignored);
    (void)mopt__graph_walk(model->graph, count_weights, &bytes,
                           &ignored); // the visitor never fails
    return bytes;
}

struct pattern_search {
    const struct mopt_quantize_options *one; // options with a single pattern
    bool found;
};

static enum mopt_status find_match(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    (void)err;
    struct pattern_search *search = context;
    for (const struct mopt_node *node = graph->first; node != NULL && !search->found;
         node = node->next) {
        search->found = mopt__kept_float(node, search->one);
    }
    return MOPT_OK;
}

// A selector that matches nothing is a mistake of the caller.
static enum mopt_status check_patterns(struct mopt_model *model,
                                       const struct mopt_quantize_options *options,
                                       struct mopt_error *err)
{
    for (size_t i = 0; i < options->keep_float_count; i++) {
        struct mopt_quantize_options one = {.keep_float = &options->keep_float[i],
                                            .keep_float_count = 1};
        struct pattern_search search = {.one = &one};
        enum mopt_status status = mopt__graph_walk(model->graph, find_match, &search, err);
        if (status == MOPT_OK && !search.found) {
            status =
                mopt_error_set(err, MOPT_E_USAGE, "no node matches '%s'", options->keep_float[i]);
        }
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

static enum mopt_status prepare(struct mopt_model *model,
                                const struct mopt_quantize_options *options, struct mopt_error *err)
{
    mopt__model_raise_ir(model, IR_MIN);
    enum mopt_status status = mopt__model_inline_functions(model, err);
    if (status == MOPT_OK) {
        model->function_count = 0; // every call is inlined; the bodies are freed with the model
        status = mopt__ops_resolve(model, err);
    }
    if (status == MOPT_OK) {
        status = check_patterns(model, options, err);
    }
    if (status == MOPT_OK) {
        status = mopt__infer_model(model, 0, err);
    }
    if (status == MOPT_OK && mopt__graph_opset(model->graph, "") < OPSET_MIN) {
        status = mopt__upgrade_opset(model, OPSET_MIN, err);
        if (status == MOPT_OK) {
            status = mopt__ops_resolve(model, err);
        }
        if (status == MOPT_OK) {
            status = mopt__infer_model(model, 0, err);
        }
    }
    return status == MOPT_OK ? mopt__graph_sort(model->graph, err) : status;
}

static void want(const struct mopt_model *model, const struct mopt_selection *selection,
                 struct mopt_ranges *ranges)
{
    for (uint32_t i = 0; i < model->value_count; i++) {
        if (selection->quantized[i]) {
            ranges->items[selection->parameters[i]].wanted = true;
        }
    }
}

static enum mopt_status measure(struct mopt_model *model,
                                const struct mopt_quantize_options *options,
                                struct mopt_ranges *ranges, struct mopt_quantize_report *report,
                                struct mopt_error *err)
{
    struct mopt_selection candidates = {0};
    size_t samples = 0;
    enum mopt_status status = mopt__select(model, options, NULL, &candidates, NULL, err);
    if (status == MOPT_OK) {
        want(model, &candidates, ranges);
        status = mopt__ranges_collect(ranges, model, options, &samples, err);
    }
    mopt__selection_release(&candidates);
    if (report != NULL) {
        report->samples = samples;
    }
    return status;
}

static enum mopt_status quantize_static(struct mopt_model *model,
                                        const struct mopt_quantize_options *options,
                                        struct mopt_quantize_report *report, struct mopt_error *err)
{
    if (options->data == NULL) {
        return mopt_error_set(err, MOPT_E_USAGE, "static quantization needs calibration data");
    }
    struct mopt_ranges ranges;
    struct mopt_selection selection = {0};
    enum mopt_status status = mopt__ranges_init(&ranges, model->value_count, options->calibration,
                                                options->percentile, err);
    if (status == MOPT_OK) {
        status = measure(model, options, &ranges, report, err);
    }
    if (status == MOPT_OK) {
        status = mopt__select(model, options, &ranges, &selection, report, err);
    }
    if (status == MOPT_OK) {
        status = mopt__insert_static(model, options, &ranges, &selection, report, err);
    }
    mopt__selection_release(&selection);
    mopt__ranges_release(&ranges);
    return status;
}

static enum mopt_status drop_unused(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    (void)context;
    (void)err;
    for (size_t i = graph->initializers.count; i-- > 0;) {
        if (i < graph->initializers.count) {
            struct mopt_value *value = graph->initializers.items[i];
            if (mopt__value_is_dead(value) && !value->is_input) {
                mopt__graph_remove_initializer(value);
            }
        }
    }
    return MOPT_OK;
}

// older: ids of values below this were there before.
static enum mopt_status finish(struct mopt_model *model, uint32_t older,
                               struct mopt_quantize_report *report, struct mopt_error *err)
{
    uint64_t merged = 0; // not reported
    enum mopt_status status = mopt__graph_walk(model->graph, drop_unused, NULL, err);
    if (status == MOPT_OK) {
        // Of what several nodes shared, each of them has a quantized copy now.
        status = mopt__rewrite_merge_initializers(model, older, &merged, err);
    }
    if (status == MOPT_OK) {
        status = mopt__graph_sort(model->graph, err);
    }
    if (status == MOPT_OK) {
        status = mopt__infer_model(model, 0, err);
    }
    if (status == MOPT_OK) {
        status = mopt__model_verify(model, err);
    }
    if (report != NULL) {
        report->weight_bytes_after = weight_bytes(model);
    }
    return status;
}

enum mopt_status mopt__quantize(struct mopt_model **model,
                                const struct mopt_quantize_options *options,
                                struct mopt_quantize_report *report, struct mopt_error *err)
{
    struct mopt_model *work = NULL;
    if (report != NULL) {
        *report = (struct mopt_quantize_report){0};
        mopt__arena_init(&report->arena);
        report->weight_bytes_before = weight_bytes(*model);
    }
    enum mopt_status status = mopt__model_clone(*model, &work, err);
    if (status == MOPT_OK) {
        status = prepare(work, options, err);
    }
    const uint32_t older = status == MOPT_OK ? work->value_count : 0;
    if (status == MOPT_OK) {
        status = options->mode == MOPT_QUANTIZE_STATIC
                     ? quantize_static(work, options, report, err)
                     : mopt__insert_dynamic(work, options, report, err);
    }
    if (status == MOPT_OK) {
        status = finish(work, older, report, err);
    }
    if (status != MOPT_OK) {
        mopt__model_free(work);
        return status;
    }
    mopt__model_free(*model);
    *model = work;
    return MOPT_OK;
}
