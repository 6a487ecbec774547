// SPDX-License-Identifier: Apache-2.0
// Helpers of the tests of ops.
#include "support.h"

#include <string.h>

struct mopt_model *parse_model(const char *text)
{
    struct mopt_model *model = NULL;
    struct mopt_error err;
    mopt_error_clear(&err);
    if (mopt__text_parse(text, strlen(text), &model, &err) != MOPT_OK ||
        mopt__ops_resolve(model, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    return model;
}

static const struct mopt_value *value_of(const struct mopt_model *model, const char *name)
{
    const struct mopt_value *value = mopt__value_find(model->graph, name);
    assert_non_null(value);
    return value;
}

static const char *take(struct mopt_strbuf *text, char *buf, size_t size)
{
    assert_true(text->length < size);
    memcpy(buf, mopt__strbuf_text(text), text->length + 1);
    mopt__strbuf_release(text);
    return buf;
}

const char *type_text(const struct mopt_model *model, const char *value, char *buf, size_t size)
{
    struct mopt_strbuf text = {0};
    mopt__type_print(model->dims, value_of(model, value)->type, &text);
    return take(&text, buf, size);
}

const char *ints_text(const struct mopt_model *model, const char *value, char *buf, size_t size)
{
    const struct mopt_ints *ints = value_of(model, value)->ints;
    struct mopt_strbuf text = {0};
    if (ints == NULL) {
        mopt__strbuf_add(&text, "-");
        return take(&text, buf, size);
    }
    mopt__strbuf_add(&text, ints->rank == 1 ? "[" : "");
    for (size_t i = 0; i < ints->count; i++) {
        mopt__strbuf_add(&text, i > 0 ? "," : "");
        mopt__dim_print(model->dims, ints->items[i], &text);
    }
    mopt__strbuf_add(&text, ints->rank == 1 ? "]" : "");
    return take(&text, buf, size);
}

struct mopt_node *node_of(const struct mopt_model *model, const char *op_type)
{
    for (struct mopt_node *node = model->graph->first; node != NULL; node = node->next) {
        if (strcmp(node->op_type, op_type) == 0) {
            return node;
        }
    }
    fail_msg("no node %s", op_type);
    return NULL;
}

struct mopt_tensor *tensor_of(enum mopt_dtype dtype, int rank, const int64_t *dims,
                              const double *values)
{
    struct mopt_tensor *tensor;
    struct mopt_error err;
    mopt_error_clear(&err);
    assert_int_equal(mopt__tensor_new(dtype, rank, dims, &tensor, &err), MOPT_OK);
    for (size_t i = 0; i < tensor->count; i++) {
        mopt__element_set_f64(dtype, mopt__tensor_data(tensor), i, values[i]);
    }
    return tensor;
}

// ---- A small interpreter ------------------------------------------------------------------------

struct runner {
    struct mopt_datum **values;
    struct mopt_rng rng;
};

static enum mopt_status run_graph(struct runner *run, const struct mopt_graph *graph,
                                  struct mopt_datum *const *inputs, size_t input_count,
                                  struct mopt_datum **outputs, struct mopt_error *err);

static void keep(struct runner *run, const struct mopt_value *value, struct mopt_datum *datum)
{
    mopt__datum_unref(run->values[value->id]);
    run->values[value->id] = datum;
}

static enum mopt_status run_body(struct mopt_eval *eval, const struct mopt_graph *graph,
                                 struct mopt_datum *const *inputs, size_t input_count,
                                 struct mopt_datum **outputs, struct mopt_error *err)
{
    return run_graph(eval->host, graph, inputs, input_count, outputs, err);
}

static enum mopt_status run_node(struct runner *run, const struct mopt_node *node,
                                 struct mopt_error *err)
{
    struct mopt_datum *inputs[16] = {NULL};
    struct mopt_datum *outputs[16] = {NULL};
    assert_true(node->input_count <= 16 && node->output_count <= 16);
    for (uint32_t i = 0; i < node->input_count; i++) {
        const struct mopt_value *value = node->inputs[i].value;
        inputs[i] = value != NULL ? run->values[value->id] : NULL;
    }
    struct mopt_eval eval = {.node = node,
                             .version = mopt__graph_opset(node->graph, node->domain),
                             .inputs = inputs,
                             .outputs = outputs,
                             .input_count = node->input_count,
                             .output_count = node->output_count,
                             .rng = &run->rng,
                             .body = run_body,
                             .host = run};
    enum mopt_status status = mopt__eval_run(&eval, err);
    for (uint32_t i = 0; status == MOPT_OK && i < node->output_count; i++) {
        if (node->outputs[i] != NULL) {
            keep(run, node->outputs[i], outputs[i]);
        }
    }
    return status;
}

static enum mopt_status run_graph(struct runner *run, const struct mopt_graph *graph,
                                  struct mopt_datum *const *inputs, size_t input_count,
                                  struct mopt_datum **outputs, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < graph->initializers.count && status == MOPT_OK; i++) {
        struct mopt_datum *datum;
        status = mopt__datum_tensor(graph->initializers.items[i]->constant, &datum, err);
        if (status == MOPT_OK) {
            keep(run, graph->initializers.items[i], datum);
        }
    }
    for (size_t i = 0; i < input_count; i++) {
        keep(run, graph->inputs.items[i], mopt__datum_ref(inputs[i]));
    }
    for (const struct mopt_node *node = graph->first; node != NULL && status == MOPT_OK;
         node = node->next) {
        status = run_node(run, node, err);
    }
    for (size_t i = 0; i < graph->outputs.count && status == MOPT_OK; i++) {
        outputs[i] = mopt__datum_ref(run->values[graph->outputs.items[i]->id]);
    }
    return status;
}

enum mopt_status run_model(struct mopt_model *model, struct mopt_tensor *const *inputs,
                           size_t input_count, struct mopt_datum **outputs, struct mopt_error *err)
{
    struct runner run = {
        .values = mopt__calloc((size_t)model->value_count + 1, sizeof(struct mopt_datum *))};
    struct mopt_datum *data[8] = {NULL};
    assert_true(run.values != NULL && input_count <= 8);
    mopt__rng_init(&run.rng, 7);
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < input_count && status == MOPT_OK; i++) {
        status = mopt__datum_tensor(inputs[i], &data[i], err);
    }
    if (status == MOPT_OK) {
        status = run_graph(&run, model->graph, data, input_count, outputs, err);
    }
    for (size_t i = 0; i < input_count; i++) {
        mopt__datum_unref(data[i]);
    }
    for (uint32_t i = 0; i < model->value_count; i++) {
        mopt__datum_unref(run.values[i]);
    }
    mopt__free(run.values);
    return status;
}
