// SPDX-License-Identifier: Apache-2.0
// Removal of nodes and initializers that nothing needs, for whole models. It knows no rule.
#include "rewrite/rewriter.h"

static bool is_marked(const struct mopt_dead_values *dead, const struct mopt_value *value)
{
    return dead != NULL && value->id < dead->count &&
           (dead->bits[value->id / 8] >> (value->id % 8) & 1) != 0;
}

static void mark(struct mopt_dead_values *dead, const struct mopt_value *value)
{
    if (value != NULL && mopt__value_is_dead(value)) {
        dead->bits[value->id / 8] |= (uint8_t)(1U << (value->id % 8));
    }
}

static enum mopt_status mark_graph(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    (void)err;
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        for (uint32_t i = 0; i < node->output_count; i++) {
            mark(context, node->outputs[i]);
        }
    }
    for (size_t i = 0; i < graph->initializers.count; i++) {
        mark(context, graph->initializers.items[i]);
    }
    for (size_t i = 0; i < graph->sparse_initializers.count; i++) {
        mark(context, graph->sparse_initializers.items[i]);
    }
    return MOPT_OK;
}

enum mopt_status mopt__rewrite_dead_values(struct mopt_model *model, struct mopt_dead_values *out,
                                           struct mopt_error *err)
{
    out->count = model->value_count;
    out->bits = mopt__calloc((size_t)model->value_count / 8 + 1, 1);
    if (out->bits == NULL) {
        return mopt_error_memory(err);
    }
    return mopt__model_walk(model, mark_graph, out, err);
}

struct cleaner {
    const struct mopt_dead_values *older;
    struct mopt_dead_code *removed;
    struct mopt_node **nodes; // all nodes, bodies after their owners
    size_t count, capacity;
};

static bool may_go(const struct cleaner *cleaner, const struct mopt_node *node)
{
    bool is_new = false;
    for (uint32_t i = 0; i < node->output_count; i++) {
        const struct mopt_value *value = node->outputs[i];
        if (value != NULL && !mopt__value_is_dead(value)) {
            return false;
        }
        is_new = is_new || (value != NULL && !is_marked(cleaner->older, value));
    }
    return is_new || cleaner->older == NULL;
}

static enum mopt_status list_nodes(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct cleaner *cleaner = context;
    enum mopt_status status =
        mopt__grow((void **)&cleaner->nodes, &cleaner->capacity, cleaner->count + graph->node_count,
                   sizeof(struct mopt_node *), err);
    if (status != MOPT_OK) {
        return status;
    }
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        cleaner->nodes[cleaner->count++] = node;
    }
    return MOPT_OK;
}

// Users go before producers when graphs are sorted, so going backwards finds all in one round.
static bool remove_nodes(struct cleaner *cleaner)
{
    uint64_t before = cleaner->removed->nodes;
    for (size_t i = cleaner->count; i-- > 0;) {
        struct mopt_node *node = cleaner->nodes[i];
        if (node->graph != NULL && may_go(cleaner, node)) {
            mopt__node_remove(node);
            cleaner->removed->nodes++;
        }
    }
    return cleaner->removed->nodes != before;
}

// Removal may reorder the list: what is to go is copied first.
static enum mopt_status remove_unused(struct cleaner *cleaner, const struct mopt_value_list *list,
                                      struct mopt_error *err)
{
    struct mopt_value **unused = mopt__calloc(list->count, sizeof(struct mopt_value *));
    if (unused == NULL) {
        return mopt_error_memory(err);
    }
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct mopt_value *value = list->items[i];
        if (mopt__value_is_dead(value) && !value->is_input && !is_marked(cleaner->older, value)) {
            unused[count++] = value;
        }
    }
    cleaner->removed->initializers += count;
    while (count > 0) { // the last first, so that little is moved
        mopt__graph_remove_initializer(unused[--count]);
    }
    mopt__free(unused);
    return MOPT_OK;
}

static enum mopt_status remove_initializers(void *context, struct mopt_graph *graph,
                                            struct mopt_error *err)
{
    enum mopt_status status = remove_unused(context, &graph->initializers, err);
    return status == MOPT_OK ? remove_unused(context, &graph->sparse_initializers, err) : status;
}

enum mopt_status mopt__rewrite_dead_code(struct mopt_model *model,
                                         const struct mopt_dead_values *older,
                                         struct mopt_dead_code *removed, struct mopt_error *err)
{
    *removed = (struct mopt_dead_code){.nodes = 0};
    struct cleaner cleaner = {.older = older, .removed = removed};
    enum mopt_status status = mopt__graph_sort(model->graph, err);
    for (size_t i = 0; i < model->function_count && status == MOPT_OK; i++) {
        status = mopt__graph_sort(model->functions[i]->body, err);
    }
    if (status == MOPT_OK) {
        status = mopt__model_walk(model, list_nodes, &cleaner, err);
    }
    while (status == MOPT_OK && remove_nodes(&cleaner)) {
        // once more: a node whose last user stood in a body that was listed elsewhere
    }
    mopt__free(cleaner.nodes);
    return status == MOPT_OK ? mopt__model_walk(model, remove_initializers, &cleaner, err) : status;
}
