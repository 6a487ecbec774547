// SPDX-License-Identifier: Apache-2.0
// Attributes of nodes: find, set, remove, compare. It must not know which attributes an operator
// has.
#include <string.h>

#include "ir/graph_private.h"

enum { ATTRIBUTES_MAX = 1024 }; // of a node: names are compared one by one

const struct mopt_attribute *mopt__node_attribute(const struct mopt_node *node, const char *name)
{
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        const struct mopt_attribute *attribute = &node->attributes[i];
        if (attribute->name == name || strcmp(attribute->name, name) == 0) {
            return attribute;
        }
    }
    return NULL;
}

struct mopt_graph **mopt__attribute_graphs(const struct mopt_attribute *attribute, size_t *count)
{
    *count = attribute->kind == MOPT_ATTR_GRAPHS ? attribute->count : 0;
    return attribute->graphs;
}

// ---- Release

void mopt__attribute_release_tensors(struct mopt_attribute *attribute)
{
    mopt__tensor_unref(attribute->t);
    mopt__sparse_unref(attribute->sparse);
    attribute->t = NULL;
    attribute->sparse = NULL;
    for (size_t i = 0; attribute->kind == MOPT_ATTR_TENSORS && i < attribute->count; i++) {
        mopt__tensor_unref(attribute->tensors[i]);
        attribute->tensors[i] = NULL;
    }
    for (size_t i = 0; attribute->kind == MOPT_ATTR_SPARSE_TENSORS && i < attribute->count; i++) {
        mopt__sparse_unref(attribute->sparses[i]);
        attribute->sparses[i] = NULL;
    }
}

void mopt__attribute_release(struct mopt_attribute *attribute)
{
    mopt__attribute_release_tensors(attribute);
    if (attribute->g != NULL) {
        mopt__graph_drop(attribute->g);
    }
    size_t count;
    struct mopt_graph **graphs = mopt__attribute_graphs(attribute, &count);
    for (size_t i = 0; i < count; i++) {
        mopt__graph_drop(graphs[i]);
    }
}

// ---- Adding

struct mopt_attribute *mopt__attribute_slot(struct mopt_node *node, struct mopt_error *err)
{
    struct mopt_node_box *box = mopt__node_box(node);
    if (node->attribute_count == box->attribute_capacity) {
        uint32_t capacity = box->attribute_capacity < 4 ? 4 : box->attribute_capacity * 2;
        struct mopt_attribute *grown =
            mopt__arena_alloc(&node->graph->model->arena, capacity, sizeof *grown);
        if (grown == NULL || capacity < box->attribute_capacity) {
            (void)mopt_error_memory(err);
            return NULL;
        }
        if (node->attribute_count > 0) {
            memcpy(grown, node->attributes, node->attribute_count * sizeof *grown);
        }
        node->attributes = grown;
        box->attribute_capacity = capacity;
    }
    struct mopt_attribute *slot = &node->attributes[node->attribute_count];
    memset(slot, 0, sizeof *slot);
    return slot;
}

static enum mopt_status attach(struct mopt_node *node, struct mopt_graph *graph,
                               struct mopt_error *err)
{
    if (graph->parent != node->graph || graph->owner != NULL) {
        return mopt_error_set(err, MOPT_E_INTERNAL,
                              "sub-graph was made for another place than '%s'",
                              mopt__node_label(node));
    }
    return MOPT_OK;
}

enum mopt_status mopt__attribute_attach_graphs(struct mopt_node *node,
                                               const struct mopt_attribute *attribute,
                                               struct mopt_error *err)
{
    size_t count;
    struct mopt_graph **graphs = mopt__attribute_graphs(attribute, &count);
    enum mopt_status status = attribute->g != NULL ? attach(node, attribute->g, err) : MOPT_OK;
    for (size_t i = 0; i < count && status == MOPT_OK; i++) {
        status = attach(node, graphs[i], err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (attribute->g != NULL) {
        attribute->g->owner = node;
    }
    for (size_t i = 0; i < count; i++) {
        graphs[i]->owner = node;
    }
    return MOPT_OK;
}

enum mopt_status mopt__node_add_attribute(struct mopt_node *node,
                                          const struct mopt_attribute *attribute,
                                          struct mopt_error *err)
{
    if (mopt__node_attribute(node, attribute->name) != NULL) {
        return mopt_error_set(err, MOPT_E_FORMAT, "attribute '%s' appears twice", attribute->name);
    }
    if (node->attribute_count >= ATTRIBUTES_MAX) {
        return mopt_error_set(err, MOPT_E_LIMIT, "more than %d attributes", ATTRIBUTES_MAX);
    }
    const char *name = mopt__model_intern(node->graph->model, attribute->name, err);
    struct mopt_attribute *slot = name == NULL ? NULL : mopt__attribute_slot(node, err);
    if (slot == NULL) {
        return MOPT_E_MEMORY;
    }
    enum mopt_status status = mopt__attribute_attach_graphs(node, attribute, err);
    if (status != MOPT_OK) {
        return status;
    }
    *slot = *attribute;
    slot->name = name;
    node->attribute_count++;
    return MOPT_OK;
}

// Adds attribute or puts it in the place of the one with its name.
static enum mopt_status put(struct mopt_node *node, const struct mopt_attribute *attribute,
                            struct mopt_error *err)
{
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        struct mopt_attribute *old = &node->attributes[i];
        if (strcmp(old->name, attribute->name) != 0) {
            continue;
        }
        enum mopt_status status = mopt__attribute_attach_graphs(node, attribute, err);
        if (status != MOPT_OK) {
            return status;
        }
        const char *name = old->name;
        mopt__attribute_release(old);
        *old = *attribute;
        old->name = name;
        return MOPT_OK;
    }
    return mopt__node_add_attribute(node, attribute, err);
}

static void *copy_in(struct mopt_node *node, const void *data, size_t count, size_t size,
                     struct mopt_error *err)
{
    void *copy = mopt__arena_alloc(&node->graph->model->arena, count, size);
    if (copy == NULL) {
        (void)mopt_error_memory(err);
    } else if (count > 0) {
        memcpy(copy, data, count * size);
    }
    return copy;
}

// ---- Setters

enum mopt_status mopt__node_set_int(struct mopt_node *node, const char *name, int64_t value,
                                    struct mopt_error *err)
{
    return put(node, &(struct mopt_attribute){.name = name, .kind = MOPT_ATTR_INT, .i = value},
               err);
}

enum mopt_status mopt__node_set_float(struct mopt_node *node, const char *name, float value,
                                      struct mopt_error *err)
{
    return put(node, &(struct mopt_attribute){.name = name, .kind = MOPT_ATTR_FLOAT, .f = value},
               err);
}

enum mopt_status mopt__node_set_string(struct mopt_node *node, const char *name, const char *value,
                                       struct mopt_error *err)
{
    size_t size = strlen(value);
    const char *text = mopt__arena_strndup(&node->graph->model->arena, value, size);
    if (text == NULL) {
        return mopt_error_memory(err);
    }
    return put(node,
               &(struct mopt_attribute){.name = name,
                                        .kind = MOPT_ATTR_STRING,
                                        .s = {.data = text, .size = size}},
               err);
}

enum mopt_status mopt__node_set_ints(struct mopt_node *node, const char *name,
                                     const int64_t *values, size_t count, struct mopt_error *err)
{
    const int64_t *ints = copy_in(node, values, count, sizeof *values, err);
    if (ints == NULL) {
        return MOPT_E_MEMORY;
    }
    return put(node,
               &(struct mopt_attribute){
                   .name = name, .kind = MOPT_ATTR_INTS, .ints = ints, .count = count},
               err);
}

enum mopt_status mopt__node_set_floats(struct mopt_node *node, const char *name,
                                       const float *values, size_t count, struct mopt_error *err)
{
    const float *floats = copy_in(node, values, count, sizeof *values, err);
    if (floats == NULL) {
        return MOPT_E_MEMORY;
    }
    return put(node,
               &(struct mopt_attribute){
                   .name = name, .kind = MOPT_ATTR_FLOATS, .floats = floats, .count = count},
               err);
}

enum mopt_status mopt__node_set_tensor(struct mopt_node *node, const char *name,
                                       struct mopt_tensor *tensor, struct mopt_error *err)
{
    struct mopt_attribute attribute = {.name = name,
                                       .kind = MOPT_ATTR_TENSOR,
                                       .t = mopt__tensor_ref(tensor)};
    enum mopt_status status = put(node, &attribute, err);
    if (status != MOPT_OK) {
        mopt__tensor_unref(tensor);
    }
    return status;
}

enum mopt_status mopt__node_set_graph(struct mopt_node *node, const char *name,
                                      struct mopt_graph *graph, struct mopt_error *err)
{
    return put(node, &(struct mopt_attribute){.name = name, .kind = MOPT_ATTR_GRAPH, .g = graph},
               err);
}

bool mopt__node_remove_attribute(struct mopt_node *node, const char *name)
{
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        struct mopt_attribute *attribute = &node->attributes[i];
        if (strcmp(attribute->name, name) == 0) {
            mopt__attribute_release(attribute);
            memmove(attribute, attribute + 1, (node->attribute_count - i - 1) * sizeof *attribute);
            node->attribute_count--;
            return true;
        }
    }
    return false;
}

// ---- Comparing

static bool bytes_equal(const void *a, const void *b, size_t bytes)
{
    return bytes == 0 || memcmp(a, b, bytes) == 0;
}

static bool strings_equal(const struct mopt_string *a, const struct mopt_string *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (a[i].size != b[i].size || !bytes_equal(a[i].data, b[i].data, a[i].size)) {
            return false;
        }
    }
    return true;
}

static bool tensors_equal(struct mopt_tensor *const *a, struct mopt_tensor *const *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!mopt__tensor_equal(a[i], b[i])) {
            return false;
        }
    }
    return true;
}

static bool sparse_equal(const struct mopt_sparse *a, const struct mopt_sparse *b)
{
    return a->rank == b->rank && bytes_equal(a->dims, b->dims, (size_t)a->rank * sizeof *a->dims) &&
           mopt__tensor_equal(a->values, b->values) && mopt__tensor_equal(a->indices, b->indices);
}

static bool sparses_equal(struct mopt_sparse *const *a, struct mopt_sparse *const *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!sparse_equal(a[i], b[i])) {
            return false;
        }
    }
    return true;
}

static bool types_equal(const struct mopt_type *const *a, const struct mopt_type *const *b,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!mopt__type_equal(a[i], b[i])) {
            return false;
        }
    }
    return true;
}

static bool arrays_equal(const struct mopt_attribute *a, const struct mopt_attribute *b)
{
    if (a->count != b->count) {
        return false;
    }
    switch (a->kind) {
    case MOPT_ATTR_FLOATS:
        return bytes_equal(a->floats, b->floats, a->count * sizeof *a->floats);
    case MOPT_ATTR_INTS:
        return bytes_equal(a->ints, b->ints, a->count * sizeof *a->ints);
    case MOPT_ATTR_STRINGS:
        return strings_equal(a->strings, b->strings, a->count);
    case MOPT_ATTR_TENSORS:
        return tensors_equal(a->tensors, b->tensors, a->count);
    case MOPT_ATTR_GRAPHS:
        return bytes_equal((const void *)a->graphs, (const void *)b->graphs,
                           a->count * sizeof(struct mopt_graph *));
    case MOPT_ATTR_SPARSE_TENSORS:
        return sparses_equal(a->sparses, b->sparses, a->count);
    case MOPT_ATTR_TYPES:
        return types_equal(a->types, b->types, a->count);
    default:
        return true;
    }
}

bool mopt__attribute_equal(const struct mopt_attribute *a, const struct mopt_attribute *b)
{
    if (a->kind != b->kind || !mopt__streq(a->name, b->name) ||
        !mopt__streq(a->ref_name, b->ref_name)) {
        return false;
    }
    if (a->ref_name != NULL) {
        return true;
    }
    switch (a->kind) {
    case MOPT_ATTR_FLOAT:
        return bytes_equal(&a->f, &b->f, sizeof a->f); // so NaN equals itself and -0 differs from 0
    case MOPT_ATTR_INT:
        return a->i == b->i;
    case MOPT_ATTR_STRING:
        return strings_equal(&a->s, &b->s, 1);
    case MOPT_ATTR_TENSOR:
        return tensors_equal(&a->t, &b->t, 1);
    case MOPT_ATTR_GRAPH:
        return a->g == b->g;
    case MOPT_ATTR_SPARSE_TENSOR:
        return sparse_equal(a->sparse, b->sparse);
    case MOPT_ATTR_TYPE:
        return types_equal(&a->type, &b->type, 1);
    default:
        return arrays_equal(a, b);
    }
}
