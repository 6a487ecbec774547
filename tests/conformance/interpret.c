// SPDX-License-Identifier: Apache-2.0
// The simple interpreter of the conformance tests.
#include "interpret.h"

#include <string.h>

#include "ops/function.h"

struct interpreter {
    struct mopt_model *model;
    struct mopt_datum **values; // by value id, owned
    struct mopt_rng rng;
    struct mopt_budget budget;
    const struct mopt_call *call;
    unsigned depth;
};

static enum mopt_status run_graph(struct interpreter *run, const struct mopt_graph *graph,
                                  struct mopt_datum *const *inputs, size_t input_count,
                                  struct mopt_datum **outputs, struct mopt_error *err);

static void set_value(struct interpreter *run, const struct mopt_value *value,
                      struct mopt_datum *datum)
{
    struct mopt_datum *old = run->values[value->id];
    run->values[value->id] = mopt__datum_ref(datum);
    mopt__datum_unref(old);
}

static enum mopt_status run_body(struct mopt_eval *eval, const struct mopt_graph *graph,
                                 struct mopt_datum *const *inputs, size_t input_count,
                                 struct mopt_datum **outputs, struct mopt_error *err)
{
    return run_graph(eval->host, graph, inputs, input_count, outputs, err);
}

static enum mopt_status run_call(struct interpreter *run, const struct mopt_node *node,
                                 struct mopt_datum *const *inputs, struct mopt_datum **outputs,
                                 struct mopt_error *err)
{
    const struct mopt_graph *body = node->function->body;
    struct mopt_call call = {.node = node, .function = node->function, .outer = run->call};
    if (mopt__call_active(run->call, node->function)) {
        return mopt_error_set(err, MOPT_E_FORMAT, "function '%s' calls itself",
                              node->function->name);
    }
    struct mopt_datum **results =
        mopt__calloc(body->outputs.count + 1, sizeof(struct mopt_datum *));
    if (results == NULL) {
        return mopt_error_memory(err);
    }
    run->call = &call;
    enum mopt_status status = run_graph(run, body, inputs, node->input_count, results, err);
    run->call = call.outer;
    for (size_t i = 0; i < body->outputs.count; i++) {
        if (status == MOPT_OK && i < node->output_count) {
            outputs[i] = results[i];
        } else {
            mopt__datum_unref(results[i]);
        }
    }
    mopt__free(results);
    return status;
}

static enum mopt_status run_bound(struct interpreter *run, const struct mopt_node *node,
                                  struct mopt_datum **inputs, struct mopt_datum **outputs,
                                  struct mopt_error *err)
{
    for (uint32_t i = 0; i < node->input_count; i++) {
        const struct mopt_value *value = node->inputs[i].value;
        inputs[i] = value != NULL ? run->values[value->id] : NULL;
        if (value != NULL && inputs[i] == NULL) {
            return mopt_error_set(err, MOPT_E_FORMAT, "value '%s' is not defined", value->name);
        }
    }
    if (node->function != NULL) {
        return run_call(run, node, inputs, outputs, err);
    }
    struct mopt_eval eval = {
        .node = node,
        .version = mopt__graph_opset(node->graph, node->domain),
        .inputs = inputs,
        .outputs = outputs,
        .input_count = node->input_count,
        .output_count = node->output_count,
        .rng = &run->rng,
        .budget = &run->budget,
        .body = run_body,
        .host = run,
    };
    return mopt__eval_run(&eval, err);
}

static enum mopt_status run_node(struct interpreter *run, const struct mopt_node *original,
                                 struct mopt_error *err)
{
    struct mopt_arena arena;
    mopt__arena_init(&arena);
    const struct mopt_node *node;
    struct mopt_datum **data = NULL;
    enum mopt_status status = mopt__call_bind(run->call, original, &arena, &node, err);
    if (status == MOPT_OK) {
        data = mopt__arena_alloc(&arena, (size_t)node->input_count + node->output_count + 1,
                                 sizeof(struct mopt_datum *));
        status = data != NULL ? mopt__budget_check(&run->budget, err) : mopt_error_memory(err);
    }
    if (status == MOPT_OK) {
        struct mopt_datum **outputs = data + node->input_count;
        status = run_bound(run, node, data, outputs, err);
        for (uint32_t i = 0; status == MOPT_OK && i < node->output_count; i++) {
            if (node->outputs[i] != NULL) {
                set_value(run, node->outputs[i], outputs[i]);
            }
            mopt__datum_unref(outputs[i]);
        }
        if (status != MOPT_OK) {
            mopt_error_wrap(err, "node '%s' (%s)", mopt__node_label(node), node->op_type);
        }
    }
    mopt__arena_release(&arena);
    return status;
}

static enum mopt_status set_initializer(struct interpreter *run, const struct mopt_value *value,
                                        struct mopt_error *err)
{
    struct mopt_tensor *tensor = mopt__tensor_ref(value->constant);
    enum mopt_status status = MOPT_OK;
    if (tensor == NULL) {
        status = mopt__sparse_to_dense(value->sparse, &tensor, err);
    }
    struct mopt_datum *datum;
    if (status == MOPT_OK) {
        status = mopt__datum_tensor(tensor, &datum, err);
        mopt__tensor_unref(tensor);
    }
    if (status == MOPT_OK) {
        set_value(run, value, datum);
        mopt__datum_unref(datum);
    }
    return status;
}

static enum mopt_status set_initializers(struct interpreter *run,
                                         const struct mopt_value_list *list, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < list->count; i++) {
        status = set_initializer(run, list->items[i], err);
    }
    return status;
}

static enum mopt_status run_graph(struct interpreter *run, const struct mopt_graph *graph,
                                  struct mopt_datum *const *inputs, size_t input_count,
                                  struct mopt_datum **outputs, struct mopt_error *err)
{
    if (run->depth >= MOPT_DEPTH_MAX) {
        return mopt_error_set(err, MOPT_E_LIMIT, "graphs are nested too deep");
    }
    run->depth++;
    enum mopt_status status = set_initializers(run, &graph->initializers, err);
    if (status == MOPT_OK) {
        status = set_initializers(run, &graph->sparse_initializers, err);
    }
    for (size_t i = 0; i < graph->inputs.count; i++) {
        if (i < input_count && inputs[i] != NULL) {
            set_value(run, graph->inputs.items[i], inputs[i]);
        }
    }
    for (const struct mopt_node *node = graph->first; status == MOPT_OK && node != NULL;
         node = node->next) {
        status = run_node(run, node, err);
    }
    run->depth--;
    for (size_t i = 0; status == MOPT_OK && i < graph->outputs.count; i++) {
        const struct mopt_value *value = graph->outputs.items[i];
        outputs[i] = mopt__datum_ref(run->values[value->id]);
        if (outputs[i] == NULL) {
            status = mopt_error_set(err, MOPT_E_FORMAT, "output '%s' is not defined", value->name);
        }
    }
    return status;
}

enum mopt_status interpret(struct mopt_model *model, struct mopt_datum *const *inputs,
                           struct mopt_datum **outputs, struct mopt_datum **values,
                           struct mopt_error *err)
{
    struct interpreter run = {.model = model};
    mopt__rng_init(&run.rng, 1);
    run.budget.deadline_ns = mopt__clock_ns() + UINT64_C(60000000000);
    run.values = mopt__calloc((size_t)model->value_count + 1, sizeof(struct mopt_datum *));
    if (run.values == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status =
        run_graph(&run, model->graph, inputs, model->graph->inputs.count, outputs, err);
    for (uint32_t i = 0; i < model->value_count; i++) {
        if (values != NULL) {
            values[i] = run.values[i];
        } else {
            mopt__datum_unref(run.values[i]);
        }
    }
    mopt__free(run.values);
    return status;
}
