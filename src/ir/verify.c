// SPDX-License-Identifier: Apache-2.0
// Checks every invariant that graph.h states, in linear time and without writing to the model. It
// must not know operators: what they allow is the business of ops/.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ir/graph_private.h"

enum { // facts about a value, gathered while walking
    LIVE = 1,
    AS_INPUT = 2,
    AS_DENSE = 4,
    AS_SPARSE = 8,
    AS_INFO = 16,
};

struct check {
    const struct mopt_model *model;
    uint8_t *facts;           // by value id
    uint32_t *uses;           // by value id: inputs seen
    uint32_t *outputs;        // by value id: graph outputs seen
    uint8_t *nodes_seen;      // by node id
    uint32_t *missing;        // by node id, zero between graphs
    struct mopt_node **ready; // queue for the cycle check
    const struct mopt_graph *graph;
    struct mopt_error *err;
};

static const char *graph_label(const struct mopt_graph *graph)
{
    if (graph == NULL) {
        return "";
    }
    if (graph->owner != NULL) {
        return mopt__node_label(graph->owner);
    }
    if (graph->function != NULL && graph->function->name != NULL) {
        return graph->function->name;
    }
    return graph->name != NULL ? graph->name : "";
}

static enum mopt_status bad_graph(const struct check *check, const char *problem)
{
    const struct mopt_graph *graph = check->graph;
    const char *kind = graph->owner != NULL      ? "sub-graph of node"
                       : graph->function != NULL ? "function"
                                                 : "graph";
    return mopt_error_set(check->err, MOPT_E_FORMAT, "%s '%s': %s", kind, graph_label(graph),
                          problem);
}

static enum mopt_status bad_value(const struct check *check, const struct mopt_value *value,
                                  const char *problem)
{
    (void)mopt_error_set(check->err, MOPT_E_FORMAT, "value '%s' %s",
                         value->name != NULL ? value->name : "", problem);
    return mopt_error_wrap(check->err, "graph '%s'", graph_label(check->graph));
}

static enum mopt_status bad_node(const struct check *check, const struct mopt_node *node,
                                 const char *problem)
{
    (void)mopt_error_set(check->err, MOPT_E_FORMAT, "node '%s' (%s): %s", mopt__node_label(node),
                         node->op_type != NULL ? node->op_type : "", problem);
    return mopt_error_wrap(check->err, "graph '%s'", graph_label(check->graph));
}

static bool has_fact(const struct check *check, const struct mopt_value *value, uint8_t fact)
{
    return value->id < check->model->value_count && (check->facts[value->id] & fact) != 0;
}

// ---- Scope

static enum mopt_status check_name(struct check *check, const struct mopt_map_entry *entry)
{
    const struct mopt_value *value = entry->value;
    if (value->graph != check->graph) {
        return bad_value(check, value, "is in the scope of another graph");
    }
    if (value->id >= check->model->value_count) {
        return bad_value(check, value, "has an id that was never handed out");
    }
    if (has_fact(check, value, LIVE)) {
        return bad_value(check, value, "shares its id or stands twice in its scope");
    }
    if (value->name == NULL || value->name[0] == '\0' || strcmp(value->name, entry->key) != 0) {
        return bad_value(check, value, "is registered under another name");
    }
    check->facts[value->id] |= LIVE;
    return MOPT_OK;
}

static enum mopt_status check_names(struct check *check)
{
    struct mopt_map_entry *entry;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0;
         status == MOPT_OK && (entry = mopt__map_next(&check->graph->names, &i)) != NULL;) {
        status = check_name(check, entry);
    }
    return status;
}

// Members of a list must be live values of this scope and stand in it once.
static enum mopt_status check_list(struct check *check, const struct mopt_value_list *list,
                                   uint8_t fact, const char *what)
{
    char problem[80];
    for (size_t i = 0; i < list->count; i++) {
        const struct mopt_value *value = list->items[i];
        if (value == NULL) {
            return bad_graph(check, "a list of values has a hole");
        }
        const char *why = value->graph != check->graph    ? "belongs to another scope"
                          : !has_fact(check, value, LIVE) ? "was dropped"
                          : has_fact(check, value, fact)  ? "stands twice"
                                                          : NULL;
        if (why != NULL) {
            (void)snprintf(problem, sizeof problem, "%s in the %s", why, what);
            return bad_value(check, value, problem);
        }
        check->facts[value->id] |= fact;
    }
    return MOPT_OK;
}

static enum mopt_status check_lists(struct check *check)
{
    const struct mopt_graph *graph = check->graph;
    enum mopt_status status = check_list(check, &graph->inputs, AS_INPUT, "inputs");
    if (status == MOPT_OK) {
        status = check_list(check, &graph->initializers, AS_DENSE, "initializers");
    }
    if (status == MOPT_OK) {
        status = check_list(check, &graph->sparse_initializers, AS_SPARSE, "sparse initializers");
    }
    if (status == MOPT_OK) {
        status = check_list(check, &graph->value_infos, AS_INFO, "value infos");
    }
    return status;
}

static enum mopt_status check_definition(const struct check *check, const struct mopt_value *value)
{
    bool input = has_fact(check, value, AS_INPUT);
    bool dense = has_fact(check, value, AS_DENSE);
    bool sparse = has_fact(check, value, AS_SPARSE);
    if (value->is_input != input) {
        return bad_value(check, value, "disagrees with the inputs about being one");
    }
    if ((value->constant != NULL) != dense || (value->sparse != NULL) != sparse) {
        return bad_value(check, value, "disagrees with the initializers about being one");
    }
    if (dense && sparse) {
        return bad_value(check, value, "is a dense and a sparse initializer");
    }
    const struct mopt_node *producer = value->producer;
    if (producer == NULL) {
        bool defined = input || dense || sparse;
        return defined || mopt__value_is_dead(value)
                   ? MOPT_OK
                   : bad_value(check, value, "is used but never defined");
    }
    if (input || dense || sparse) {
        return bad_value(check, value, "is produced by a node and also defined by the graph");
    }
    if (producer->graph != check->graph || value->output_index >= producer->output_count ||
        producer->outputs[value->output_index] != value) {
        return bad_value(check, value, "has a producer that does not produce it");
    }
    return MOPT_OK;
}

static enum mopt_status check_definitions(const struct check *check)
{
    struct mopt_map_entry *entry;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0;
         status == MOPT_OK && (entry = mopt__map_next(&check->graph->names, &i)) != NULL;) {
        status = check_definition(check, entry->value);
    }
    return status;
}

// ---- Uses

// A value of this or an enclosing scope that no inner scope hides.
static enum mopt_status check_visible(const struct check *check, const struct mopt_value *value)
{
    if (!has_fact(check, value, LIVE)) {
        return bad_value(check, value, "is used after it was dropped");
    }
    const struct mopt_graph *scope = check->graph;
    while (scope != NULL && scope != value->graph) {
        if (mopt__value_find(scope, value->name) != NULL) {
            return bad_value(check, value, "is hidden by a value of an inner scope");
        }
        scope = scope->parent;
    }
    return scope != NULL ? MOPT_OK : bad_value(check, value, "is used outside of its scope");
}

static enum mopt_status check_input(struct check *check, const struct mopt_node *node,
                                    uint32_t index)
{
    const struct mopt_use *use = &node->inputs[index];
    if (use->node != node || use->index != index) {
        return bad_node(check, node, "an input record is wrong");
    }
    struct mopt_value *value = use->value;
    if (value == NULL) {
        return MOPT_OK;
    }
    enum mopt_status status = check_visible(check, value);
    if (status != MOPT_OK) {
        return status;
    }
    const struct mopt_use *before = use->prev != NULL ? use->prev->next : value->uses;
    const struct mopt_use *after = use->next != NULL ? use->next->prev : value->last_use;
    if (before != use || after != use) {
        return bad_node(check, node, "an input is not linked in the use list of its value");
    }
    check->uses[value->id]++;
    return MOPT_OK;
}

static enum mopt_status check_output(const struct check *check, const struct mopt_node *node,
                                     uint32_t index)
{
    const struct mopt_value *value = node->outputs[index];
    if (value == NULL) {
        return MOPT_OK;
    }
    if (value->graph != check->graph || !has_fact(check, value, LIVE)) {
        return bad_node(check, node, "an output is not a value of its scope");
    }
    if (value->producer != node || value->output_index != index) {
        return bad_node(check, node, "an output names another producer");
    }
    return MOPT_OK;
}

static enum mopt_status check_graph_outputs(struct check *check)
{
    const struct mopt_graph *graph = check->graph;
    const struct mopt_graph_box *box = mopt__graph_box_const(graph);
    for (size_t i = 0; i < graph->outputs.count; i++) {
        const struct mopt_value *value = graph->outputs.items[i];
        if (value == NULL) {
            return bad_graph(check, "an output is missing");
        }
        enum mopt_status status = check_visible(check, value);
        if (status != MOPT_OK) {
            return status;
        }
        const struct mopt_output_use *use =
            box->output_use_capacity >= graph->outputs.count ? box->output_uses[i] : NULL;
        if (use == NULL || use->value != value || use->graph != graph || use->index != i) {
            return bad_value(check, value, "is an output behind the back of its record");
        }
        check->outputs[value->id]++;
    }
    return MOPT_OK;
}

// ---- Attributes

static bool payload_present(const struct mopt_attribute *attribute)
{
    switch (attribute->kind) {
    case MOPT_ATTR_UNDEFINED:
    case MOPT_ATTR_FLOAT:
    case MOPT_ATTR_INT:
        return true;
    case MOPT_ATTR_STRING:
        return attribute->s.data != NULL || attribute->s.size == 0;
    case MOPT_ATTR_TENSOR:
        return attribute->t != NULL;
    case MOPT_ATTR_GRAPH:
        return attribute->g != NULL;
    case MOPT_ATTR_SPARSE_TENSOR:
        return attribute->sparse != NULL;
    case MOPT_ATTR_TYPE:
        return attribute->type != NULL;
    case MOPT_ATTR_INTS:
        return attribute->count == 0 || attribute->ints != NULL;
    case MOPT_ATTR_FLOATS:
        return attribute->count == 0 || attribute->floats != NULL;
    case MOPT_ATTR_STRINGS:
        return attribute->count == 0 || attribute->strings != NULL;
    case MOPT_ATTR_TENSORS:
        return attribute->count == 0 || attribute->tensors != NULL;
    case MOPT_ATTR_GRAPHS:
        return attribute->count == 0 || attribute->graphs != NULL;
    case MOPT_ATTR_SPARSE_TENSORS:
        return attribute->count == 0 || attribute->sparses != NULL;
    case MOPT_ATTR_TYPES:
        return attribute->count == 0 || attribute->types != NULL;
    }
    return false;
}

static enum mopt_status check_graph(struct check *check, const struct mopt_graph *graph, int depth);

static enum mopt_status check_subgraph(struct check *check, const struct mopt_node *node,
                                       const struct mopt_graph *graph, int depth)
{
    if (graph == NULL || graph->owner != node || graph->parent != node->graph) {
        return bad_node(check, node, "a sub-graph has another owner or parent");
    }
    const struct mopt_graph *outer = check->graph;
    enum mopt_status status = check_graph(check, graph, depth + 1);
    check->graph = outer;
    return status;
}

static enum mopt_status check_attribute(struct check *check, const struct mopt_node *node,
                                        const struct mopt_attribute *attribute, int depth)
{
    if (attribute->name == NULL || attribute->name[0] == '\0') {
        return bad_node(check, node, "an attribute has no name");
    }
    bool referred = attribute->ref_name != NULL && attribute->ref_name[0] != '\0';
    if (!referred && !payload_present(attribute)) {
        return bad_node(check, node, "an attribute has no content or an unknown kind");
    }
    if (attribute->g != NULL && attribute->kind != MOPT_ATTR_GRAPH) {
        return bad_node(check, node, "an attribute holds a graph but is of another kind");
    }
    enum mopt_status status = MOPT_OK;
    if (attribute->g != NULL) {
        status = check_subgraph(check, node, attribute->g, depth);
    }
    size_t count;
    struct mopt_graph **graphs = mopt__attribute_graphs(attribute, &count);
    for (size_t i = 0; i < count && status == MOPT_OK; i++) {
        status = check_subgraph(check, node, graphs[i], depth);
    }
    return status;
}

// Names of attributes must differ; a map keeps nodes with very many of them linear.
static enum mopt_status check_attribute_names(struct check *check, const struct mopt_node *node)
{
    struct mopt_map names = {0};
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 0; i < node->attribute_count && status == MOPT_OK; i++) {
        struct mopt_attribute *attribute = &node->attributes[i];
        if (attribute->name == NULL) {
            continue;
        }
        status = mopt__map_find(&names, attribute->name) != NULL
                     ? bad_node(check, node, "two attributes have the same name")
                     : mopt__map_put(&names, attribute->name, attribute, check->err);
    }
    mopt__map_release(&names);
    return status;
}

static enum mopt_status check_attributes(struct check *check, const struct mopt_node *node,
                                         int depth)
{
    enum mopt_status status =
        node->attribute_count > 1 ? check_attribute_names(check, node) : MOPT_OK;
    for (uint32_t i = 0; i < node->attribute_count && status == MOPT_OK; i++) {
        status = check_attribute(check, node, &node->attributes[i], depth);
    }
    return status;
}

// ---- Nodes

static enum mopt_status check_identity(struct check *check, const struct mopt_node *node)
{
    if (node->id >= check->model->node_count_ever || check->nodes_seen[node->id] != 0) {
        return bad_node(check, node, "has a wrong id or stands in two places");
    }
    check->nodes_seen[node->id] = 1;
    if (node->op_type == NULL || node->op_type[0] == '\0') {
        return bad_node(check, node, "has no operator");
    }
    if (node->domain == NULL || strcmp(node->domain, "ai.onnx") == 0) {
        return bad_node(check, node, "has a domain that is not normalised");
    }
    if (node->function != NULL &&
        (node->function->name == NULL || strcmp(node->function->name, node->op_type) != 0)) {
        return bad_node(check, node, "is linked to a function of another name");
    }
    return MOPT_OK;
}

static enum mopt_status check_node(struct check *check, const struct mopt_node *node, int depth)
{
    enum mopt_status status = check_identity(check, node);
    for (uint32_t i = 0; i < node->input_count && status == MOPT_OK; i++) {
        status = check_input(check, node, i);
    }
    for (uint32_t i = 0; i < node->output_count && status == MOPT_OK; i++) {
        status = check_output(check, node, i);
    }
    return status == MOPT_OK ? check_attributes(check, node, depth) : status;
}

static enum mopt_status check_chain(struct check *check)
{
    const struct mopt_graph *graph = check->graph;
    const struct mopt_node *before = NULL;
    size_t count = 0;
    for (const struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        if (node->prev != before || node->graph != graph || ++count > graph->node_count) {
            return bad_node(check, node, "is not linked properly into its graph");
        }
        before = node;
    }
    return before == graph->last && count == graph->node_count
               ? MOPT_OK
               : bad_graph(check, "the number of nodes is wrong");
}

// ---- Graphs

static enum mopt_status check_nodes(struct check *check, int depth)
{
    enum mopt_status status = check_chain(check);
    const struct mopt_node *node = check->graph->first;
    for (; node != NULL && status == MOPT_OK; node = node->next) {
        status = check_node(check, node, depth);
    }
    return status;
}

static enum mopt_status check_graph(struct check *check, const struct mopt_graph *graph, int depth)
{
    check->graph = graph;
    if (depth > MOPT_DEPTH_MAX) {
        return bad_graph(check, "is nested too deep");
    }
    if (graph->model != check->model) {
        return bad_graph(check, "belongs to another model");
    }
    enum mopt_status status = check_names(check);
    if (status == MOPT_OK) {
        status = check_lists(check);
    }
    if (status == MOPT_OK) {
        status = check_definitions(check);
    }
    if (status == MOPT_OK) {
        status = check_nodes(check, depth);
    }
    if (status == MOPT_OK) {
        status = check_graph_outputs(check);
    }
    return status;
}

// ---- Whole model: counts can be compared once every graph was seen.

static enum mopt_status check_use_list(const struct check *check, const struct mopt_value *value)
{
    uint32_t count = 0;
    for (const struct mopt_use *use = value->uses; use != NULL; use = use->next) {
        const struct mopt_node *node = use->node;
        if (use->value != value || ++count > value->use_count) {
            return bad_value(check, value, "has a broken use list");
        }
        if (node->graph == NULL || use->index >= node->input_count ||
            &node->inputs[use->index] != use) {
            return bad_value(check, value, "has a use by a node that is gone");
        }
    }
    return MOPT_OK;
}

static enum mopt_status check_counts(struct check *check, const struct mopt_value *value)
{
    if (check->uses[value->id] != value->use_count) {
        return bad_value(check, value, "has a wrong number of uses");
    }
    if (check->outputs[value->id] != value->graph_output_count) {
        return bad_value(check, value, "has a wrong number of graph outputs");
    }
    return check_use_list(check, value);
}

static enum mopt_status finish_graph(void *context, struct mopt_graph *graph,
                                     struct mopt_error *err)
{
    (void)err;
    struct check *check = context;
    struct mopt_map_entry *entry;
    enum mopt_status status = MOPT_OK;
    check->graph = graph;
    for (size_t i = 0; status == MOPT_OK && (entry = mopt__map_next(&graph->names, &i)) != NULL;) {
        status = check_counts(check, entry->value);
    }
    if (status != MOPT_OK) {
        return status;
    }
    const struct mopt_node *stuck = mopt__graph_stuck_node(graph, check->missing, check->ready);
    return stuck == NULL ? MOPT_OK : bad_node(check, stuck, "lies on or behind a cycle");
}

static enum mopt_status check_root(struct check *check, struct mopt_graph *graph,
                                   const struct mopt_function *function)
{
    if (graph == NULL) {
        return mopt_error_set(check->err, MOPT_E_FORMAT, "the model lacks a graph");
    }
    check->graph = graph;
    if (graph->owner != NULL || graph->parent != NULL || graph->function != function) {
        return bad_graph(check, "is not the root that it should be");
    }
    enum mopt_status status = check_graph(check, graph, 0);
    return status == MOPT_OK ? mopt__graph_walk(graph, finish_graph, check, check->err) : status;
}

static enum mopt_status check_opsets(const struct check *check, const struct mopt_opset_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const char *domain = list->items[i].domain;
        if (domain == NULL || strcmp(domain, "ai.onnx") == 0) {
            return mopt_error_set(check->err, MOPT_E_FORMAT,
                                  "an operator set has a domain that is not normalised");
        }
    }
    return MOPT_OK;
}

static enum mopt_status check_function(struct check *check, const struct mopt_function *function)
{
    if (function == NULL || function->name == NULL || function->body == NULL) {
        return mopt_error_set(check->err, MOPT_E_FORMAT, "a function has no name or body");
    }
    enum mopt_status status = check_opsets(check, &function->opsets);
    return status == MOPT_OK ? check_root(check, function->body, function) : status;
}

static enum mopt_status check_model(struct check *check)
{
    const struct mopt_model *model = check->model;
    enum mopt_status status = check_opsets(check, &model->opsets);
    if (status == MOPT_OK) {
        status = check_root(check, model->graph, NULL);
    }
    for (size_t i = 0; i < model->function_count && status == MOPT_OK; i++) {
        status = check_function(check, model->functions[i]);
    }
    return status;
}

enum mopt_status mopt__model_verify(const struct mopt_model *model, struct mopt_error *err)
{
    size_t values = model->value_count, nodes = model->node_count_ever;
    struct check check = {
        .model = model,
        .facts = mopt__calloc(values, sizeof *check.facts),
        .uses = mopt__calloc(values, sizeof *check.uses),
        .outputs = mopt__calloc(values, sizeof *check.outputs),
        .nodes_seen = mopt__calloc(nodes, sizeof *check.nodes_seen),
        .missing = mopt__calloc(nodes, sizeof *check.missing),
        .ready = mopt__calloc(nodes, sizeof(struct mopt_node *)),
        .err = err,
    };
    bool memory = check.facts != NULL && check.uses != NULL && check.outputs != NULL &&
                  check.nodes_seen != NULL && check.missing != NULL && check.ready != NULL;
    enum mopt_status status = memory ? check_model(&check) : mopt_error_memory(err);
    mopt__free(check.facts);
    mopt__free(check.uses);
    mopt__free(check.outputs);
    mopt__free(check.nodes_seen);
    mopt__free(check.missing);
    mopt__free(check.ready);
    return status;
}
