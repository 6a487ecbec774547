// SPDX-License-Identifier: Apache-2.0
// What the files of the graph (model.c, value.c, node.c, attributes.c, edit.c, copy.c, order.c,
// verify.c, text_*.c) share and nobody else may see: every public record is the first member of a
// box with private fields.
#ifndef MOPT_IR_GRAPH_PRIVATE_H
#define MOPT_IR_GRAPH_PRIVATE_H

#include "ir/graph.h"

// One slot of a graph's outputs, linked in the list of the value that stands there.
struct mopt_output_use {
    struct mopt_value *value;
    struct mopt_graph *graph;
    size_t index;
    struct mopt_output_use *prev, *next;
};

// Lists of a graph that lose members one by one; see lists.c.
enum mopt_tracked { MOPT_IN_INITIALIZERS, MOPT_IN_SPARSE, MOPT_IN_INFOS, MOPT_TRACKED_COUNT };

struct mopt_member {
    uint32_t key;  // rises along the list in file order; 0: not a member
    uint32_t slot; // index while the list is shuffled
};

struct mopt_value_box {
    struct mopt_value value;
    struct mopt_value_box *older; // all values ever made
    struct mopt_member member[MOPT_TRACKED_COUNT];
    struct mopt_output_use *outputs, *last_output;
    bool dropped; // no longer in its scope
};

struct mopt_node_box {
    struct mopt_node node;
    struct mopt_node_box *older; // all nodes ever made
    uint32_t input_capacity, output_capacity, attribute_capacity;
};

struct mopt_tracked_state {
    size_t indexed;  // leading members that carry a key
    size_t credit;   // entries that removals may still move
    size_t shuffled; // removals since the order was lost; 0: list is in order
    uint32_t last_key;
};

struct mopt_graph_box {
    struct mopt_graph graph;
    struct mopt_graph_box *older; // all graphs ever made
    struct mopt_tracked_state tracked[MOPT_TRACKED_COUNT];
    struct mopt_output_use **output_uses; // [outputs.count], heap
    size_t output_use_capacity;
    int depth; // 0 for main graph and function bodies
};

struct mopt_model_box {
    struct mopt_model model;
    struct mopt_map live_names; // value name -> number of values that carry it, all scopes
    struct mopt_map hints;      // hint -> last number tried
    struct mopt_value_box *values;
    struct mopt_node_box *nodes;
    struct mopt_graph_box *graphs;
};

static inline struct mopt_value_box *mopt__value_box(struct mopt_value *value)
{
    return (struct mopt_value_box *)(void *)value;
}

static inline const struct mopt_value_box *mopt__value_box_const(const struct mopt_value *value)
{
    return (const struct mopt_value_box *)(const void *)value;
}

static inline struct mopt_node_box *mopt__node_box(struct mopt_node *node)
{
    return (struct mopt_node_box *)(void *)node;
}

static inline struct mopt_graph_box *mopt__graph_box(struct mopt_graph *graph)
{
    return (struct mopt_graph_box *)(void *)graph;
}

static inline const struct mopt_graph_box *mopt__graph_box_const(const struct mopt_graph *graph)
{
    return (const struct mopt_graph_box *)(const void *)graph;
}

static inline struct mopt_model_box *mopt__model_box(struct mopt_model *model)
{
    return (struct mopt_model_box *)(void *)model;
}

static inline const struct mopt_model_box *mopt__model_box_const(const struct mopt_model *model)
{
    return (const struct mopt_model_box *)(const void *)model;
}

// ---- lists.c
void mopt__tracked_init(struct mopt_graph *graph);
struct mopt_value_list *mopt__tracked_list(struct mopt_graph *graph, enum mopt_tracked which);
enum mopt_status mopt__tracked_add(struct mopt_graph *graph, enum mopt_tracked which,
                                   struct mopt_value *value, struct mopt_error *err);
void mopt__tracked_remove(struct mopt_graph *graph, enum mopt_tracked which,
                          struct mopt_value *value); // no member: nothing happens
bool mopt__tracked_has(struct mopt_graph *graph, enum mopt_tracked which, struct mopt_value *value);
void mopt__tracked_restore(struct mopt_graph *graph); // all lists back in file order
// After the lists of from were copied member by member: takes over the order that is still to be
// restored.
void mopt__tracked_copy(const struct mopt_graph *from, struct mopt_graph *to);

// ---- value.c
// New value with a given id; name must be interned, not empty and free in the scope.
struct mopt_value *mopt__value_make(struct mopt_graph *graph, const char *name, uint32_t id,
                                    struct mopt_error *err);
void mopt__value_drop(struct mopt_value *value); // takes a value without uses out of its scope
// Drops a value that nothing defines, uses or returns; keeps every other.
void mopt__value_drop_if_unused(struct mopt_value *value);
void mopt__value_release_data(struct mopt_value *value); // constant and sparse

// ---- node.c
struct mopt_node *mopt__node_make(struct mopt_graph *graph, struct mopt_node *before, uint32_t id,
                                  uint32_t input_count, uint32_t output_count,
                                  struct mopt_error *err);
void mopt__use_link(struct mopt_use *use, struct mopt_value *value);
void mopt__use_unlink(struct mopt_use *use);

// ---- attributes.c
// Room for one more attribute; returns the zeroed slot, not yet counted.
struct mopt_attribute *mopt__attribute_slot(struct mopt_node *node, struct mopt_error *err);
// Releases tensors and drops sub-graphs.
void mopt__attribute_release(struct mopt_attribute *attribute);
void mopt__attribute_release_tensors(struct mopt_attribute *attribute);
enum mopt_status mopt__attribute_attach_graphs(struct mopt_node *node,
                                               const struct mopt_attribute *attribute,
                                               struct mopt_error *err);

// ---- edit.c
void mopt__output_unlink(struct mopt_output_use *use);
void mopt__graph_drop(struct mopt_graph *graph); // empties a sub-graph that leaves the model

// Node of graph that contains inner (directly or through sub-graphs); NULL if there is none.
struct mopt_node *mopt__graph_ancestor(const struct mopt_graph *graph, struct mopt_node *inner);
bool mopt__graph_encloses(const struct mopt_graph *outer,
                          const struct mopt_graph *inner); // or equal

// ---- cycles.c
// A node of graph that lies on or behind a cycle; NULL if there is none. Writes nothing to the
// graph. missing: zeroed counters by node id, zero again after success; ready: room for all nodes.
const struct mopt_node *mopt__graph_stuck_node(const struct mopt_graph *graph, uint32_t *missing,
                                               struct mopt_node **ready);

// ---- attributes.c again
// Array of a GRAPHS attribute (the single graph of a GRAPH attribute is not in it).
struct mopt_graph **mopt__attribute_graphs(const struct mopt_attribute *attribute, size_t *count);

#endif
