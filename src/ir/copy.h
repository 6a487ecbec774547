// SPDX-License-Identifier: Apache-2.0
// Deep copies of parts of a graph, inside one model or into another. Private to copy.c,
// copy_details.c and clone.c.
#ifndef MOPT_IR_COPY_H
#define MOPT_IR_COPY_H

#include "ir/graph_private.h"

struct mopt_copy_pair {
    const void *from;
    void *to;
};
struct mopt_copy_pairs {
    struct mopt_copy_pair *items;
    size_t count, capacity; // heap
};

// One copy job. Details are shared inside one model and copied otherwise. `failed` is sticky: after
// the first allocation that failed all functions do nothing and return NULL.
struct mopt_copy {
    struct mopt_model *to;
    const struct mopt_model *from;
    bool clone; // whole model: ids, names and dim numbers are kept
    bool failed;
    struct mopt_map values;    // old value id -> new value
    struct mopt_map functions; // old function address -> new function
    struct mopt_copy_pairs graphs, nodes;
    struct mopt_error *err;
};

void mopt__copy_release(struct mopt_copy *copy);
void mopt__copy_remember(struct mopt_copy *copy, struct mopt_copy_pairs *pairs, const void *from,
                         void *to);

// ---- copy_details.c: NULL in gives NULL out.
const char *mopt__copy_text(struct mopt_copy *copy, const char *text);
const char *mopt__copy_interned(struct mopt_copy *copy, const char *text);
const struct mopt_blob *mopt__copy_blob(struct mopt_copy *copy, const struct mopt_blob *blob);
const struct mopt_property *mopt__copy_properties(struct mopt_copy *copy,
                                                  const struct mopt_property *properties,
                                                  size_t count);
const struct mopt_tensor_source *mopt__copy_source(struct mopt_copy *copy,
                                                   const struct mopt_tensor_source *source);
const struct mopt_value_meta *mopt__copy_meta(struct mopt_copy *copy,
                                              const struct mopt_value_meta *meta);
const struct mopt_type *mopt__copy_type(struct mopt_copy *copy, const struct mopt_type *type);
const struct mopt_ints *mopt__copy_ints(struct mopt_copy *copy, const struct mopt_ints *ints);
void mopt__copy_opsets(struct mopt_copy *copy, const struct mopt_opset_list *from,
                       struct mopt_opset_list *to);
// Everything but name, graphs and tensor references; no references are taken yet.
void mopt__copy_plain_attribute(struct mopt_copy *copy, const struct mopt_attribute *from,
                                struct mopt_attribute *to);
void *mopt__copy_array(struct mopt_copy *copy, const void *data, size_t count, size_t size);

// ---- copy.c
// Attributes of from into slots of node; sub-graphs are copied with nodes, their inputs are not
// wired yet.
void mopt__copy_attributes(struct mopt_copy *copy, const struct mopt_attribute *from, size_t count,
                           struct mopt_node *node);
// One attribute without sub-graphs (function defaults), tensors referenced.
void mopt__copy_attribute(struct mopt_copy *copy, const struct mopt_attribute *from,
                          struct mopt_attribute *to, struct mopt_node *owner);
// Content of a graph into an empty one: values, lists, nodes; inputs and outputs are not wired yet.
void mopt__copy_graph(struct mopt_copy *copy, const struct mopt_graph *from, struct mopt_graph *to);

#endif
