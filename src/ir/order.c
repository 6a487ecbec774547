// SPDX-License-Identifier: Apache-2.0
// Order of nodes: stable topological sort, numbering, walks over graphs and sub-graphs. A node
// depends on the producers of its inputs and of every value that its sub-graphs capture, at any
// depth.
#include <assert.h>
#include <string.h>

#include "ir/graph_private.h"

// ---- Walks

// Runs call on each sub-graph of node in attribute order; stops at the first failure.
static enum mopt_status each_graph(struct mopt_node *node,
                                   enum mopt_status (*call)(void *context, struct mopt_graph *graph,
                                                            struct mopt_error *err),
                                   void *context, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 0; i < node->attribute_count && status == MOPT_OK; i++) {
        struct mopt_attribute *attribute = &node->attributes[i];
        size_t count;
        struct mopt_graph **graphs = mopt__attribute_graphs(attribute, &count);
        if (attribute->g != NULL) {
            status = call(context, attribute->g, err);
        }
        for (size_t j = 0; j < count && status == MOPT_OK; j++) {
            status = call(context, graphs[j], err);
        }
    }
    return status;
}

struct walk {
    enum mopt_status (*visit)(void *context, struct mopt_graph *graph, struct mopt_error *err);
    void *context;
};

static enum mopt_status walk_graph(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    const struct walk *walk = context;
    enum mopt_status status = walk->visit(walk->context, graph, err);
    for (struct mopt_node *node = graph->first; node != NULL && status == MOPT_OK;) {
        struct mopt_node *next = node->next;
        status = each_graph(node, walk_graph, context, err);
        node = next;
    }
    return status;
}

enum mopt_status mopt__graph_walk(struct mopt_graph *graph,
                                  enum mopt_status (*visit)(void *context, struct mopt_graph *graph,
                                                            struct mopt_error *err),
                                  void *context, struct mopt_error *err)
{
    struct walk walk = {.visit = visit, .context = context};
    return walk_graph(&walk, graph, err);
}

enum mopt_status mopt__model_walk(struct mopt_model *model,
                                  enum mopt_status (*visit)(void *context, struct mopt_graph *graph,
                                                            struct mopt_error *err),
                                  void *context, struct mopt_error *err)
{
    enum mopt_status status = mopt__graph_walk(model->graph, visit, context, err);
    for (size_t i = 0; i < model->function_count && status == MOPT_OK; i++) {
        status = mopt__graph_walk(model->functions[i]->body, visit, context, err);
    }
    return status;
}

static enum mopt_status count_nodes(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    (void)err;
    *(size_t *)context += graph->node_count;
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        (void)each_graph(node, count_nodes, context, err);
    }
    return MOPT_OK;
}

size_t mopt__model_node_count(const struct mopt_model *model)
{
    size_t count = 0;
    (void)count_nodes(&count, model->graph, NULL);
    for (size_t i = 0; i < model->function_count; i++) {
        (void)count_nodes(&count, model->functions[i]->body, NULL);
    }
    return count;
}

// ---- Numbering

static uint32_t number_nodes(const struct mopt_graph *graph)
{
    uint32_t order = 0;
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        node->order = order++;
    }
    return order;
}

static enum mopt_status number_graph(void *context, struct mopt_graph *graph,
                                     struct mopt_error *err)
{
    (void)context;
    (void)err;
    (void)number_nodes(graph);
    mopt__tracked_restore(graph);
    return MOPT_OK;
}

void mopt__graph_number(struct mopt_graph *graph)
{
    struct mopt_error ignored;
    (void)mopt__graph_walk(graph, number_graph, NULL, &ignored);
}

// ---- Dependents

// Calls visit with every node of graph that needs value, once for each use.
static bool each_dependent(const struct mopt_graph *graph, struct mopt_value *value,
                           bool (*visit)(void *context, struct mopt_node *node), void *context)
{
    for (struct mopt_use *use = value->uses; use != NULL; use = use->next) {
        struct mopt_node *node = mopt__graph_ancestor(graph, use->node);
        if (node != NULL && !visit(context, node)) {
            return false;
        }
    }
    for (struct mopt_output_use *use = mopt__value_box(value)->outputs; use != NULL;
         use = use->next) {
        struct mopt_node *node = mopt__graph_ancestor(graph, use->graph->owner);
        if (node != NULL && use->graph != graph && !visit(context, node)) {
            return false;
        }
    }
    return true;
}

static bool each_successor(const struct mopt_graph *graph, const struct mopt_node *node,
                           bool (*visit)(void *context, struct mopt_node *node), void *context)
{
    for (uint32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] != NULL && !each_dependent(graph, node->outputs[i], visit, context)) {
            return false;
        }
    }
    return true;
}

static bool comes_later(void *context, struct mopt_node *node)
{
    const struct mopt_node *producer = context;
    return node->order > producer->order;
}

static bool ordered(const struct mopt_graph *graph)
{
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        if (!each_successor(graph, node, comes_later, node)) {
            return false;
        }
    }
    return true;
}

bool mopt__graph_is_sorted(const struct mopt_graph *graph)
{
    (void)number_nodes(graph);
    return ordered(graph);
}

// ---- Set of node numbers with a cheap minimum: a tree of bitmaps, 64 children each, at most 6 levels high.

enum { LEVELS = 6 };

struct number_set {
    uint64_t *words[LEVELS];
    int levels;
};

static void set_release(struct number_set *set)
{
    for (int i = 0; i < set->levels; i++) {
        mopt__free(set->words[i]);
    }
}

static bool set_init(struct number_set *set, size_t count)
{
    memset(set, 0, sizeof *set);
    do {
        count = (count + 63) / 64;
        set->words[set->levels] = mopt__calloc(count, sizeof(uint64_t));
        if (set->words[set->levels] == NULL) {
            set_release(set);
            return false;
        }
        set->levels++;
    } while (count > 1);
    return true;
}

static void set_add(struct number_set *set, size_t number)
{
    for (int i = 0; i < set->levels; i++, number /= 64) {
        set->words[i][number / 64] |= UINT64_C(1) << (number % 64);
    }
}

static bool set_take_min(struct number_set *set, size_t *number)
{
    size_t at = 0;
    if (set->words[set->levels - 1][0] == 0) {
        return false;
    }
    for (int i = set->levels; i-- > 0;) {
        at = at * 64 + (size_t)__builtin_ctzll(set->words[i][at]);
    }
    *number = at;
    for (int i = 0; i < set->levels; i++, at /= 64) {
        set->words[i][at / 64] &= ~(UINT64_C(1) << (at % 64));
        if (set->words[i][at / 64] != 0) {
            break;
        }
    }
    return true;
}

// ---- Sort: of all nodes that are ready, the one that stands first in the file comes next.

struct sorter {
    struct mopt_node **nodes; // by number; NULL once placed
    uint32_t *missing;        // dependencies not yet placed
    struct number_set ready;
    bool init;
};

static bool count_missing(void *context, struct mopt_node *node)
{
    ((struct sorter *)context)->missing[node->order]++;
    return true;
}

static bool one_less_missing(void *context, struct mopt_node *node)
{
    struct sorter *sorter = context;
    if (--sorter->missing[node->order] == 0) {
        set_add(&sorter->ready, node->order);
    }
    return true;
}

static bool sorter_init(struct sorter *sorter, const struct mopt_graph *graph)
{
    memset(sorter, 0, sizeof *sorter);
    size_t count = graph->node_count;
    sorter->nodes = mopt__calloc(count, sizeof(struct mopt_node *));
    sorter->missing = mopt__calloc(count, sizeof *sorter->missing);
    sorter->init =
        sorter->nodes != NULL && sorter->missing != NULL && set_init(&sorter->ready, count);
    if (!sorter->init) {
        return false;
    }
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        sorter->nodes[node->order] = node;
        (void)each_successor(graph, node, count_missing, sorter);
    }
    for (size_t i = 0; i < count; i++) {
        if (sorter->missing[i] == 0) {
            set_add(&sorter->ready, i);
        }
    }
    return true;
}

static void sorter_release(struct sorter *sorter)
{
    if (sorter->init) {
        set_release(&sorter->ready);
    }
    mopt__free(sorter->nodes);
    mopt__free(sorter->missing);
}

struct chase {
    struct sorter *sorter;
    uint32_t *next; // a successor that is stuck too
    uint32_t from;
};

static bool note_stuck(void *context, struct mopt_node *node)
{
    struct chase *chase = context;
    if (chase->sorter->nodes[node->order] == NULL) {
        return true;
    }
    chase->next[node->order] = chase->from; // stuck nodes all have a stuck predecessor
    return true;
}

// Every stuck node has a stuck predecessor: going back |nodes| times ends on a cycle.
static struct mopt_node *find_cycle(const struct mopt_graph *graph, struct sorter *sorter)
{
    size_t count = graph->node_count;
    struct chase chase = {.sorter = sorter, .next = mopt__calloc(count, sizeof(uint32_t))};
    if (chase.next == NULL) {
        return NULL;
    }
    uint32_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (sorter->nodes[i] != NULL) {
            at = chase.from = (uint32_t)i;
            (void)each_successor(graph, sorter->nodes[i], note_stuck, &chase);
        }
    }
    for (size_t i = 0; i < count; i++) {
        at = chase.next[at];
    }
    mopt__free(chase.next);
    return sorter->nodes[at];
}

static enum mopt_status cycle_error(const struct mopt_graph *graph, struct sorter *sorter,
                                    struct mopt_error *err)
{
    const struct mopt_node *node = find_cycle(graph, sorter);
    if (node == NULL) {
        return mopt_error_memory(err);
    }
    return mopt_error_set(err, MOPT_E_FORMAT, "node '%s' (%s) depends on itself",
                          mopt__node_label(node), node->op_type);
}

// Puts the nodes into the array in their new order; at: how many could be placed.
static size_t place_all(const struct mopt_graph *graph, struct sorter *sorter,
                        struct mopt_node **placed)
{
    size_t at = 0, number;
    while (set_take_min(&sorter->ready, &number)) {
        struct mopt_node *node = sorter->nodes[number];
        sorter->nodes[number] = NULL;
        assert(node != NULL);
        placed[at++] = node;
        (void)each_successor(graph, node, one_less_missing, sorter);
    }
    return at;
}

static void relink(struct mopt_graph *graph, struct mopt_node **nodes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        nodes[i]->order = (uint32_t)i;
        nodes[i]->prev = i > 0 ? nodes[i - 1] : NULL;
        nodes[i]->next = i + 1 < count ? nodes[i + 1] : NULL;
    }
    graph->first = nodes[0];
    graph->last = nodes[count - 1];
}

static enum mopt_status sort_nodes(struct mopt_graph *graph, struct mopt_error *err)
{
    struct sorter sorter;
    size_t count = graph->node_count;
    struct mopt_node **placed = mopt__calloc(count, sizeof(struct mopt_node *));
    enum mopt_status status = MOPT_OK;
    if (!sorter_init(&sorter, graph) || placed == NULL) {
        status = mopt_error_memory(err);
    } else if (place_all(graph, &sorter, placed) < count) {
        status = cycle_error(graph, &sorter, err);
    } else {
        relink(graph, placed, count);
    }
    sorter_release(&sorter);
    mopt__free(placed);
    return status;
}

static enum mopt_status sort_graph(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    (void)context;
    mopt__tracked_restore(graph);
    (void)number_nodes(graph);
    return ordered(graph) ? MOPT_OK : sort_nodes(graph, err);
}

enum mopt_status mopt__graph_sort(struct mopt_graph *graph, struct mopt_error *err)
{
    return mopt__graph_walk(graph, sort_graph, NULL, err);
}
