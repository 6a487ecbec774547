// SPDX-License-Identifier: Apache-2.0
// Models and graphs as containers: making, freeing, operator sets, interned text. It must not know
// what nodes mean.
#include <string.h>

#include "ir/graph_private.h"

const char *mopt__domain_normalise(const char *domain)
{
    return domain == NULL || strcmp(domain, "ai.onnx") == 0 ? "" : domain;
}

const char *mopt__model_intern(struct mopt_model *model, const char *text, struct mopt_error *err)
{
    const char *interned = mopt__strpool_add(&model->strings, text);
    if (interned == NULL) {
        (void)mopt_error_memory(err);
    }
    return interned;
}

static bool depth_allowed(const struct mopt_graph *parent)
{
    return parent == NULL || mopt__graph_box_const(parent)->depth < MOPT_DEPTH_MAX;
}

struct mopt_graph *mopt__graph_new(struct mopt_model *model, struct mopt_graph *parent,
                                   struct mopt_error *err)
{
    if (!depth_allowed(parent)) {
        (void)mopt_error_set(err, MOPT_E_LIMIT, "sub-graphs nested deeper than %d", MOPT_DEPTH_MAX);
        return NULL;
    }
    struct mopt_graph_box *box = mopt__arena_alloc(&model->arena, 1, sizeof *box);
    if (box == NULL) {
        (void)mopt_error_memory(err);
        return NULL;
    }
    struct mopt_model_box *owner = mopt__model_box(model);
    box->older = owner->graphs;
    owner->graphs = box;
    box->graph.model = model;
    box->graph.parent = parent;
    box->depth = parent == NULL ? 0 : mopt__graph_box(parent)->depth + 1;
    mopt__tracked_init(&box->graph);
    return &box->graph;
}

enum mopt_status mopt__model_new(struct mopt_model **out, struct mopt_error *err)
{
    *out = NULL;
    struct mopt_model_box *box = mopt__calloc(1, sizeof *box);
    if (box == NULL) {
        return mopt_error_memory(err);
    }
    struct mopt_model *model = &box->model;
    mopt__arena_init(&model->arena);
    mopt__strpool_init(&model->strings, &model->arena);
    model->ir_version = 10;
    model->has_ir_version = true;
    model->dims = mopt__dims_new();
    model->graph = mopt__graph_new(model, NULL, err);
    if (model->dims == NULL || model->graph == NULL) {
        mopt__model_free(model);
        return mopt_error_memory(err);
    }
    *out = model;
    return MOPT_OK;
}

static void release_function(struct mopt_function *function)
{
    for (size_t i = 0; i < function->attribute_default_count; i++) {
        mopt__attribute_release_tensors(&function->attribute_defaults[i]);
    }
    function->attribute_default_count = 0;
    mopt__free(function->opsets.items);
    memset(&function->opsets, 0, sizeof function->opsets);
}

static void release_graph(struct mopt_graph_box *box)
{
    struct mopt_graph *graph = &box->graph;
    if (graph->function != NULL) { // also functions that were taken out of the model
        release_function(graph->function);
    }
    for (int i = 0; i < MOPT_TRACKED_COUNT; i++) {
        mopt__free(mopt__tracked_list(graph, (enum mopt_tracked)i)->items);
    }
    mopt__free(graph->inputs.items);
    mopt__free(graph->outputs.items);
    mopt__free(box->output_uses);
    mopt__map_release(&graph->names);
}

static void release_node(struct mopt_node *node)
{
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        mopt__attribute_release_tensors(&node->attributes[i]);
    }
}

void mopt__model_free(struct mopt_model *model)
{
    if (model == NULL) {
        return;
    }
    struct mopt_model_box *box = mopt__model_box(model);
    for (struct mopt_value_box *value = box->values; value != NULL; value = value->older) {
        mopt__value_release_data(&value->value);
    }
    for (struct mopt_node_box *node = box->nodes; node != NULL; node = node->older) {
        release_node(&node->node);
    }
    for (size_t i = 0; i < model->function_count; i++) {
        release_function(model->functions[i]);
    }
    for (struct mopt_graph_box *graph = box->graphs; graph != NULL; graph = graph->older) {
        release_graph(graph);
    }
    mopt__free(model->functions);
    mopt__free(model->opsets.items);
    mopt__map_release(&box->live_names);
    mopt__map_release(&box->hints);
    mopt__dims_free(model->dims);
    mopt__strpool_release(&model->strings);
    mopt__arena_release(&model->arena);
    mopt__free(box);
}

enum mopt_status mopt__model_set_opset(struct mopt_model *model, const char *domain,
                                       int64_t version, struct mopt_error *err)
{
    const char *name = mopt__domain_normalise(domain);
    for (size_t i = 0; i < model->opsets.count; i++) {
        if (strcmp(model->opsets.items[i].domain, name) == 0) {
            model->opsets.items[i].version = version;
            return MOPT_OK;
        }
    }
    name = mopt__model_intern(model, name, err);
    if (name == NULL) {
        return MOPT_E_MEMORY;
    }
    struct mopt_opset_list *list = &model->opsets;
    enum mopt_status status = mopt__grow((void **)&list->items, &list->capacity, list->count + 1,
                                         sizeof *list->items, err);
    if (status != MOPT_OK) {
        return status;
    }
    list->items[list->count++] = (struct mopt_opset){.domain = name,
                                                     .domain_text = name[0] == '\0' ? NULL : name,
                                                     .version = version};
    return MOPT_OK;
}

int64_t mopt__graph_opset(const struct mopt_graph *graph, const char *domain)
{
    while (graph->parent != NULL) {
        graph = graph->parent;
    }
    const struct mopt_opset_list *list =
        graph->function != NULL ? &graph->function->opsets : &graph->model->opsets;
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].domain, domain) == 0) {
            return list->items[i].version;
        }
    }
    return 0;
}

static bool same_text(const char *a, const char *b)
{
    return strcmp(a == NULL ? "" : a, b == NULL ? "" : b) == 0;
}

struct mopt_function *mopt__model_function(const struct mopt_model *model, const char *domain,
                                           const char *name, const char *overload)
{
    for (size_t i = 0; i < model->function_count; i++) {
        struct mopt_function *function = model->functions[i];
        if (strcmp(function->name, name) == 0 && same_text(function->domain, domain) &&
            same_text(function->overload, overload)) {
            return function;
        }
    }
    return NULL;
}

uint32_t mopt__model_new_mark(struct mopt_model *model)
{
    if (model->mark == UINT32_MAX) { // wrapped: wipe every mark ever set
        struct mopt_model_box *box = mopt__model_box(model);
        for (struct mopt_value_box *value = box->values; value != NULL; value = value->older) {
            value->value.mark = 0;
        }
        for (struct mopt_node_box *node = box->nodes; node != NULL; node = node->older) {
            node->node.mark = 0;
        }
        model->mark = 0;
    }
    return ++model->mark;
}
