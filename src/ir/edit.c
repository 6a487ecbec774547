// SPDX-License-Identifier: Apache-2.0
// Edits of graphs: inputs, outputs, initializers, replacing uses, dropping a sub-graph. It must not
// know operators.
#include <assert.h>
#include <string.h>

#include "ir/graph_private.h"

static enum mopt_status append(struct mopt_value_list *list, struct mopt_value *value,
                               struct mopt_error *err)
{
    enum mopt_status status = mopt__grow((void **)&list->items, &list->capacity, list->count + 1,
                                         sizeof(struct mopt_value *), err);
    if (status == MOPT_OK) {
        list->items[list->count++] = value;
    }
    return status;
}

// ---- Inputs

enum mopt_status mopt__graph_add_input(struct mopt_graph *graph, struct mopt_value *value,
                                       struct mopt_error *err)
{
    if (value->graph != graph || value->is_input || value->producer != NULL) {
        return mopt_error_set(err, MOPT_E_INTERNAL, "value '%s' cannot become a graph input",
                              value->name);
    }
    enum mopt_status status = append(&graph->inputs, value, err);
    if (status == MOPT_OK) {
        value->is_input = true;
    }
    return status;
}

void mopt__graph_remove_input(struct mopt_graph *graph, size_t index)
{
    assert(index < graph->inputs.count);
    struct mopt_value_list *list = &graph->inputs;
    struct mopt_value *value = list->items[index];
    memmove(list->items + index, list->items + index + 1,
            (list->count - index - 1) * sizeof(struct mopt_value *));
    list->count--;
    value->is_input = false;
    mopt__value_drop_if_unused(value);
}

// ---- Outputs

static void output_link(struct mopt_output_use *use, struct mopt_value *value)
{
    struct mopt_value_box *box = mopt__value_box(value);
    use->value = value;
    use->prev = box->last_output;
    use->next = NULL;
    *(use->prev != NULL ? &use->prev->next : &box->outputs) = use;
    box->last_output = use;
    value->graph_output_count++;
}

void mopt__output_unlink(struct mopt_output_use *use)
{
    struct mopt_value_box *box = mopt__value_box(use->value);
    *(use->prev != NULL ? &use->prev->next : &box->outputs) = use->next;
    *(use->next != NULL ? &use->next->prev : &box->last_output) = use->prev;
    use->value->graph_output_count--;
}

enum mopt_status mopt__graph_add_output(struct mopt_graph *graph, struct mopt_value *value,
                                        struct mopt_error *err)
{
    struct mopt_graph_box *box = mopt__graph_box(graph);
    size_t index = graph->outputs.count;
    enum mopt_status status = mopt__grow((void **)&box->output_uses, &box->output_use_capacity,
                                         index + 1, sizeof(struct mopt_output_use *), err);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_output_use *use = mopt__arena_alloc(&graph->model->arena, 1, sizeof *use);
    if (use == NULL) {
        return mopt_error_memory(err);
    }
    status = append(&graph->outputs, value, err);
    if (status != MOPT_OK) {
        return status;
    }
    use->graph = graph;
    use->index = index;
    box->output_uses[index] = use;
    output_link(use, value);
    return MOPT_OK;
}

enum mopt_status mopt__graph_set_output(struct mopt_graph *graph, size_t index,
                                        struct mopt_value *value, struct mopt_error *err)
{
    if (index >= graph->outputs.count) {
        return mopt_error_set(err, MOPT_E_INTERNAL, "graph has no output %zu", index);
    }
    struct mopt_output_use *use = mopt__graph_box(graph)->output_uses[index];
    mopt__output_unlink(use);
    output_link(use, value);
    graph->outputs.items[index] = value;
    return MOPT_OK;
}

void mopt__graph_remove_output(struct mopt_graph *graph, size_t index)
{
    assert(index < graph->outputs.count);
    struct mopt_output_use **uses = mopt__graph_box(graph)->output_uses;
    mopt__output_unlink(uses[index]);
    graph->outputs.count--;
    for (size_t i = index; i < graph->outputs.count; i++) {
        graph->outputs.items[i] = graph->outputs.items[i + 1];
        uses[i] = uses[i + 1];
        uses[i]->index = i;
    }
}

enum mopt_status mopt__graph_add_value_info(struct mopt_graph *graph, struct mopt_value *value,
                                            struct mopt_error *err)
{
    if (mopt__tracked_has(graph, MOPT_IN_INFOS, value)) {
        return MOPT_OK;
    }
    return mopt__tracked_add(graph, MOPT_IN_INFOS, value, err);
}

// ---- Initializers

static enum mopt_status check_initializer(const struct mopt_graph *graph,
                                          const struct mopt_value *value, struct mopt_error *err)
{
    if (value->graph != graph || value->producer != NULL) {
        return mopt_error_set(err, MOPT_E_INTERNAL, "value '%s' cannot become an initializer",
                              value->name);
    }
    return MOPT_OK;
}

// Enters value into the list, if it is not there yet, and takes it out of the other one.
static enum mopt_status enter(struct mopt_value *value, enum mopt_tracked which, bool member,
                              struct mopt_error *err)
{
    enum mopt_tracked other = which == MOPT_IN_SPARSE ? MOPT_IN_INITIALIZERS : MOPT_IN_SPARSE;
    if (!member) {
        enum mopt_status status = mopt__tracked_add(value->graph, which, value, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    mopt__tracked_remove(value->graph, other, value);
    return MOPT_OK;
}

enum mopt_status mopt__graph_add_initializer(struct mopt_graph *graph, struct mopt_value *value,
                                             struct mopt_tensor *tensor, struct mopt_error *err)
{
    enum mopt_status status = check_initializer(graph, value, err);
    if (status != MOPT_OK) {
        return status;
    }
    const struct mopt_type *type =
        mopt__type_tensor(&graph->model->arena, tensor->dtype, tensor->rank, tensor->dims);
    if (type == NULL) {
        return mopt_error_memory(err);
    }
    status = enter(value, MOPT_IN_INITIALIZERS, value->constant != NULL, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_tensor *own = mopt__tensor_ref(tensor); // first: it may be the one we release
    mopt__value_release_data(value);
    value->constant = own;
    value->type = type;
    return MOPT_OK;
}

enum mopt_status mopt__graph_add_sparse_initializer(struct mopt_graph *graph,
                                                    struct mopt_value *value,
                                                    struct mopt_sparse *sparse,
                                                    struct mopt_error *err)
{
    enum mopt_status status = check_initializer(graph, value, err);
    if (status != MOPT_OK) {
        return status;
    }
    const struct mopt_type *type =
        mopt__type_tensor(&graph->model->arena, sparse->values->dtype, sparse->rank, sparse->dims);
    if (type == NULL) {
        return mopt_error_memory(err);
    }
    status = enter(value, MOPT_IN_SPARSE, value->sparse != NULL, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_sparse *own = mopt__sparse_ref(sparse);
    mopt__value_release_data(value);
    value->sparse = own;
    value->type = type;
    return MOPT_OK;
}

void mopt__graph_remove_initializer(struct mopt_value *value)
{
    mopt__tracked_remove(value->graph, MOPT_IN_INITIALIZERS, value);
    mopt__tracked_remove(value->graph, MOPT_IN_SPARSE, value);
    mopt__value_release_data(value);
    value->source = NULL;
    value->indices_source = NULL;
    mopt__value_drop_if_unused(value);
}

struct mopt_value *mopt__graph_constant(struct mopt_graph *graph, const char *hint,
                                        struct mopt_tensor *tensor, struct mopt_error *err)
{
    struct mopt_value *value = mopt__value_fresh(graph, hint, err);
    if (value == NULL) {
        return NULL;
    }
    if (mopt__graph_add_initializer(graph, value, tensor, err) != MOPT_OK) {
        mopt__value_drop(value);
        return NULL;
    }
    return value;
}

// ---- Uses

static void move_node_uses(struct mopt_value *from, struct mopt_value *to)
{
    if (from->uses == NULL) {
        return;
    }
    for (struct mopt_use *use = from->uses; use != NULL; use = use->next) {
        use->value = to;
    }
    from->uses->prev = to->last_use;
    *(to->last_use != NULL ? &to->last_use->next : &to->uses) = from->uses;
    to->last_use = from->last_use;
    to->use_count += from->use_count;
    from->uses = NULL;
    from->last_use = NULL;
    from->use_count = 0;
}

enum mopt_status mopt__value_replace_uses(struct mopt_value *from, struct mopt_value *to,
                                          struct mopt_error *err)
{
    if (from == to) {
        return MOPT_OK;
    }
    if (from->graph->model != to->graph->model) {
        return mopt_error_set(err, MOPT_E_INTERNAL, "value '%s' belongs to another model",
                              to->name);
    }
    move_node_uses(from, to);
    for (struct mopt_output_use *use = mopt__value_box(from)->outputs; use != NULL;) {
        struct mopt_output_use *next = use->next;
        mopt__output_unlink(use);
        output_link(use, to);
        use->graph->outputs.items[use->index] = to;
        use = next;
    }
    return MOPT_OK;
}

// ---- Sub-graphs

static void drop_node(struct mopt_node *node)
{
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        mopt__attribute_release(&node->attributes[i]); // drops inner graphs first
    }
    node->attribute_count = 0;
    for (uint32_t i = 0; i < node->input_count; i++) {
        mopt__use_unlink(&node->inputs[i]);
    }
    node->graph = NULL;
}

void mopt__graph_drop(struct mopt_graph *graph)
{
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        drop_node(node);
    }
    for (size_t i = 0; i < graph->outputs.count; i++) {
        mopt__output_unlink(mopt__graph_box(graph)->output_uses[i]);
    }
    graph->first = NULL;
    graph->last = NULL;
    graph->node_count = 0;
    graph->inputs.count = 0;
    graph->outputs.count = 0;
    graph->initializers.count = 0;
    graph->sparse_initializers.count = 0;
    graph->value_infos.count = 0;
    struct mopt_map_entry *entry;
    for (size_t i = 0; (entry = mopt__map_next(&graph->names, &i)) != NULL;) {
        mopt__value_drop(entry->value);
    }
    graph->owner = NULL;
}

struct mopt_node *mopt__graph_ancestor(const struct mopt_graph *graph, struct mopt_node *inner)
{
    while (inner != NULL && inner->graph != graph) {
        inner = inner->graph == NULL ? NULL : inner->graph->owner;
    }
    return inner;
}

bool mopt__graph_encloses(const struct mopt_graph *outer, const struct mopt_graph *inner)
{
    while (inner != NULL && inner != outer) {
        inner = inner->parent;
    }
    return inner != NULL;
}
