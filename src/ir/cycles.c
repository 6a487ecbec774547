// SPDX-License-Identifier: Apache-2.0
// Finds cycles without touching the graph, for the verifier: takes away nodes that miss nothing
// until none is left.
#include "ir/graph_private.h"

struct queue {
    const struct mopt_graph *graph;
    uint32_t *missing;        // by node id: inputs not yet there
    struct mopt_node **ready; // nodes taken away, then those that can be
    size_t count;
};

// One input more that node misses (add) or one less.
static void change(struct queue *queue, struct mopt_node *node, bool add)
{
    if (node == NULL) { // somewhere outside of the graph
        return;
    }
    uint32_t *missing = &queue->missing[node->id];
    if (add) {
        (*missing)++;
    } else if (--*missing == 0) {
        queue->ready[queue->count++] = node;
    }
}

static void change_dependents(struct queue *queue, const struct mopt_value *value, bool add)
{
    for (const struct mopt_use *use = value->uses; use != NULL; use = use->next) {
        change(queue, mopt__graph_ancestor(queue->graph, use->node), add);
    }
    const struct mopt_output_use *use = mopt__value_box_const(value)->outputs;
    for (; use != NULL; use = use->next) {
        if (use->graph != queue->graph) {
            change(queue, mopt__graph_ancestor(queue->graph, use->graph->owner), add);
        }
    }
}

static void change_successors(struct queue *queue, const struct mopt_node *node, bool add)
{
    for (uint32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] != NULL) {
            change_dependents(queue, node->outputs[i], add);
        }
    }
}

const struct mopt_node *mopt__graph_stuck_node(const struct mopt_graph *graph, uint32_t *missing,
                                               struct mopt_node **ready)
{
    struct queue queue = {.graph = graph, .missing = missing, .ready = ready};
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        change_successors(&queue, node, true);
    }
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        if (missing[node->id] == 0) {
            ready[queue.count++] = node;
        }
    }
    for (size_t i = 0; i < queue.count; i++) {
        change_successors(&queue, ready[i], false);
    }
    const struct mopt_node *node = queue.count < graph->node_count ? graph->first : NULL;
    while (node != NULL && missing[node->id] == 0) {
        node = node->next;
    }
    return node;
}
