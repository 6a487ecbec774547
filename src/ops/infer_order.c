// SPDX-License-Identifier: Apache-2.0
// Order of visit for inference, without touching the graph. It must not know any operator.
#include <string.h>

#include "ops/infer_private.h"

// Node of `graph` that is or holds `node`; NULL when node stands elsewhere.
static const struct mopt_node *ancestor(const struct mopt_graph *graph,
                                        const struct mopt_node *node)
{
    while (node != NULL && node->graph != graph) {
        node = node->graph != NULL ? node->graph->owner : NULL;
    }
    return node;
}

struct order {
    const struct mopt_graph *graph;
    bool straight;             // found in order while the list was made
    struct mopt_node **list;   // file order, then the result
    uint32_t *waiting;         // by position in file order: uses not satisfied yet
    struct mopt_map positions; // node id -> position + 1
    struct mopt_node **ready;
    size_t count;
};

static size_t position(const struct order *order, const struct mopt_node *node)
{
    return (size_t)(uintptr_t)mopt__map_find_u64(&order->positions, node->id) - 1;
}

// Counts (delta 1) or satisfies (delta -1) the uses of a node's outputs inside this graph.
static void touch_users(struct order *order, const struct mopt_node *node, int delta,
                        size_t *ready_count)
{
    for (uint32_t i = 0; i < node->output_count; i++) {
        const struct mopt_use *use = node->outputs[i] != NULL ? node->outputs[i]->uses : NULL;
        for (; use != NULL; use = use->next) {
            const struct mopt_node *user = ancestor(order->graph, use->node);
            if (user == NULL || user == node) {
                continue;
            }
            size_t at = position(order, user);
            order->waiting[at] += (uint32_t)delta;
            if (delta < 0 && order->waiting[at] == 0) {
                order->ready[(*ready_count)++] = order->list[at];
            }
        }
    }
}

static bool has_graphs(const struct mopt_node *node)
{
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        enum mopt_attr_kind kind = node->attributes[i].kind;
        if (kind == MOPT_ATTR_GRAPH || kind == MOPT_ATTR_GRAPHS) {
            return true;
        }
    }
    return false;
}

// True when every input of the node comes from a node that stands in the list already. Bodies may
// capture values, of which nothing is asked here: false for nodes that have one.
static bool follows(const struct order *order, const struct mopt_node *node)
{
    for (uint32_t i = 0; i < node->input_count; i++) {
        const struct mopt_value *value = node->inputs[i].value;
        const struct mopt_node *from = value != NULL ? value->producer : NULL;
        if (from != NULL && from->graph == order->graph &&
            (from->order >= order->count || order->list[from->order] != from)) {
            return false;
        }
    }
    return !has_graphs(node);
}

// Lists the nodes and numbers them. One walk, for graphs far larger than the caches.
static enum mopt_status prepare(struct order *order, struct mopt_error *err)
{
    size_t count = order->graph->node_count;
    order->list = mopt__calloc(count + 1, sizeof(struct mopt_node *));
    if (order->list == NULL) {
        return mopt_error_memory(err);
    }
    order->straight = true;
    for (struct mopt_node *node = order->graph->first; node != NULL && order->count < count;
         node = node->next) {
        order->straight = order->straight && follows(order, node);
        node->order = (uint32_t)order->count;
        order->list[order->count++] = node;
    }
    return MOPT_OK;
}

static enum mopt_status prepare_sort(struct order *order, struct mopt_error *err)
{
    order->ready = mopt__calloc(order->count + 1, sizeof(struct mopt_node *));
    order->waiting = mopt__calloc(order->count + 1, sizeof(uint32_t));
    if (order->ready == NULL || order->waiting == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < order->count; i++) {
        enum mopt_status status = mopt__map_put_u64(&order->positions, order->list[i]->id,
                                                    (void *)(uintptr_t)(i + 1), err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

static enum mopt_status sort(struct order *order, struct mopt_error *err)
{
    size_t ready_count = 0;
    enum mopt_status status = prepare_sort(order, err);
    if (status != MOPT_OK) {
        return status;
    }
    for (size_t i = 0; i < order->count; i++) {
        touch_users(order, order->list[i], 1, &ready_count);
    }
    for (size_t i = 0; i < order->count; i++) {
        if (order->waiting[i] == 0) {
            order->ready[ready_count++] = order->list[i];
        }
    }
    for (size_t next = 0; next < ready_count; next++) {
        touch_users(order, order->ready[next], -1, &ready_count);
    }
    for (size_t i = 0; i < order->count; i++) { // what is left stands on a cycle
        if (order->waiting[i] != 0) {
            order->ready[ready_count++] = order->list[i];
        }
    }
    memcpy(order->list, order->ready, ready_count * sizeof(struct mopt_node *));
    return MOPT_OK;
}

enum mopt_status mopt__infer_order(const struct mopt_graph *graph, struct mopt_node ***nodes,
                                   struct mopt_error *err)
{
    struct order order = {.graph = graph};
    enum mopt_status status = prepare(&order, err);
    if (status == MOPT_OK && !order.straight && !mopt__graph_is_sorted(graph)) {
        status = sort(&order, err);
    }
    mopt__map_release(&order.positions);
    mopt__free(order.waiting);
    mopt__free(order.ready);
    if (status != MOPT_OK) {
        mopt__free(order.list);
        order.list = NULL;
    }
    *nodes = order.list;
    return status;
}
