// SPDX-License-Identifier: Apache-2.0
// Copies of attributes with their sub-graphs. First everything is made, then inputs and outputs are
// wired: a copied sub-graph may use values that come later. It must not know operators.
#include <string.h>

#include "ir/copy.h"

void mopt__copy_release(struct mopt_copy *copy)
{
    mopt__map_release(&copy->values);
    mopt__map_release(&copy->functions);
    mopt__free(copy->graphs.items);
    mopt__free(copy->nodes.items);
}

void mopt__copy_remember(struct mopt_copy *copy, struct mopt_copy_pairs *pairs, const void *from,
                         void *to)
{
    if (copy->failed || mopt__grow((void **)&pairs->items, &pairs->capacity, pairs->count + 1,
                                   sizeof *pairs->items, copy->err) != MOPT_OK) {
        copy->failed = true;
        return;
    }
    pairs->items[pairs->count++] = (struct mopt_copy_pair){.from = from, .to = to};
}

// ---- Values

// Name of the copy: its own, unless that would hide a value that is visible from outside.
static const char *value_name(struct mopt_copy *copy, const struct mopt_value *from,
                              const struct mopt_graph *to)
{
    bool hides = to->parent != NULL && mopt__value_lookup(to->parent, from->name) != NULL;
    return copy->clone || !hides ? mopt__copy_interned(copy, from->name) : NULL;
}

static struct mopt_value *make_value(struct mopt_copy *copy, const struct mopt_value *from,
                                     struct mopt_graph *to)
{
    const char *name = value_name(copy, from, to);
    if (copy->failed) {
        return NULL;
    }
    struct mopt_value *value = NULL;
    if (copy->clone) {
        value = mopt__value_make(to, name, from->id, copy->err);
    } else {
        value = name != NULL ? mopt__value_new(to, name, copy->err)
                             : mopt__value_fresh(to, from->name, copy->err);
    }
    copy->failed =
        value == NULL || mopt__map_put_u64(&copy->values, from->id, value, copy->err) != MOPT_OK;
    return value;
}

static void copy_value(struct mopt_copy *copy, const struct mopt_value *from, struct mopt_graph *to)
{
    struct mopt_value *value = make_value(copy, from, to);
    if (value == NULL) {
        return;
    }
    value->declared = mopt__copy_type(copy, from->declared);
    value->type =
        from->type == from->declared ? value->declared : mopt__copy_type(copy, from->type);
    value->ints = mopt__copy_ints(copy, from->ints);
    value->meta = mopt__copy_meta(copy, from->meta);
    value->source = mopt__copy_source(copy, from->source);
    value->indices_source = mopt__copy_source(copy, from->indices_source);
    value->constant = mopt__tensor_ref(from->constant);
    value->sparse = mopt__sparse_ref(from->sparse);
    value->is_input = from->is_input;
    value->mark = copy->clone ? from->mark : 0;
}

// The copy of a value, or the value itself if it was not copied.
static struct mopt_value *copied(const struct mopt_copy *copy, const struct mopt_value *from)
{
    return mopt__map_find_u64(&copy->values, from->id);
}

static void copy_list(struct mopt_copy *copy, const struct mopt_value_list *from,
                      struct mopt_value_list *to)
{
    if (copy->failed || mopt__grow((void **)&to->items, &to->capacity, from->count,
                                   sizeof(struct mopt_value *), copy->err) != MOPT_OK) {
        copy->failed = true;
        return;
    }
    for (size_t i = 0; i < from->count; i++) {
        to->items[i] = copied(copy, from->items[i]);
    }
    to->count = from->count;
}

// ---- Attributes

static struct mopt_graph *copy_subgraph(struct mopt_copy *copy, const struct mopt_graph *from,
                                        struct mopt_node *owner)
{
    struct mopt_graph *graph = NULL;
    if (!copy->failed) {
        graph = mopt__graph_new(copy->to, owner->graph, copy->err);
    }
    if (graph == NULL) {
        copy->failed = true;
        return NULL;
    }
    graph->owner = owner;
    mopt__copy_graph(copy, from, graph);
    return graph;
}

static void copy_graphs(struct mopt_copy *copy, const struct mopt_attribute *from,
                        struct mopt_attribute *to, struct mopt_node *owner)
{
    if (from->g != NULL) {
        to->g = copy_subgraph(copy, from->g, owner);
    }
    if (from->kind != MOPT_ATTR_GRAPHS) {
        return;
    }
    to->graphs = mopt__copy_array(copy, from->graphs, from->count, sizeof(struct mopt_graph *));
    to->count = 0;
    for (size_t i = 0; to->graphs != NULL && i < from->count; i++) {
        to->graphs[i] = copy_subgraph(copy, from->graphs[i], owner);
        if (to->graphs[i] != NULL) {
            to->count = i + 1;
        }
    }
}

static void ref_tensors(struct mopt_copy *copy, const struct mopt_attribute *from,
                        struct mopt_attribute *to)
{
    to->t = mopt__tensor_ref(from->t);
    to->sparse = mopt__sparse_ref(from->sparse);
    if (from->kind == MOPT_ATTR_TENSORS) {
        to->tensors =
            mopt__copy_array(copy, from->tensors, from->count, sizeof(struct mopt_tensor *));
        to->count = to->tensors == NULL ? 0 : from->count;
        for (size_t i = 0; i < to->count; i++) {
            (void)mopt__tensor_ref(to->tensors[i]);
        }
    }
    if (from->kind == MOPT_ATTR_SPARSE_TENSORS) {
        to->sparses =
            mopt__copy_array(copy, from->sparses, from->count, sizeof(struct mopt_sparse *));
        to->count = to->sparses == NULL ? 0 : from->count;
        for (size_t i = 0; i < to->count; i++) {
            (void)mopt__sparse_ref(to->sparses[i]);
        }
    }
}

void mopt__copy_attribute(struct mopt_copy *copy, const struct mopt_attribute *from,
                          struct mopt_attribute *to, struct mopt_node *owner)
{
    mopt__copy_plain_attribute(copy, from, to);
    ref_tensors(copy, from, to);
    if (owner != NULL) {
        copy_graphs(copy, from, to, owner);
    }
}

void mopt__copy_attributes(struct mopt_copy *copy, const struct mopt_attribute *from, size_t count,
                           struct mopt_node *node)
{
    for (size_t i = 0; i < count && !copy->failed; i++) {
        struct mopt_attribute *slot = mopt__attribute_slot(node, copy->err);
        if (slot == NULL) {
            copy->failed = true;
            return;
        }
        node->attribute_count++; // first, so that whatever gets into it is released
        mopt__copy_attribute(copy, &from[i], slot, node);
    }
}

// ---- Nodes and graphs

static void copy_node_details(struct mopt_copy *copy, const struct mopt_node *from,
                              struct mopt_node *to)
{
    to->op_type = mopt__copy_interned(copy, from->op_type);
    to->domain = mopt__copy_interned(copy, from->domain);
    to->domain_text = mopt__copy_text(copy, from->domain_text);
    to->name = mopt__copy_text(copy, from->name);
    to->doc = mopt__copy_text(copy, from->doc);
    to->overload = mopt__copy_text(copy, from->overload);
    to->op = from->op;
    to->function = from->function;
    if (copy->to != copy->from) {
        uint64_t key = (uint64_t)(uintptr_t)from->function;
        to->function = key == 0 ? NULL : mopt__map_find_u64(&copy->functions, key);
    }
    to->metadata = mopt__copy_properties(copy, from->metadata, from->metadata_count);
    to->metadata_count = from->metadata_count;
    to->unknown = mopt__copy_blob(copy, from->unknown);
    to->order = from->order;
    to->mark = copy->clone ? from->mark : 0;
}

static uint32_t node_id(struct mopt_copy *copy, const struct mopt_node *from)
{
    return copy->clone ? from->id : copy->to->node_count_ever++;
}

static void copy_node(struct mopt_copy *copy, const struct mopt_node *from, struct mopt_graph *to)
{
    struct mopt_node *node = mopt__node_make(to, NULL, node_id(copy, from), from->input_count,
                                             from->output_count, copy->err);
    if (node == NULL) {
        copy->failed = true;
        return;
    }
    copy_node_details(copy, from, node);
    mopt__copy_remember(copy, &copy->nodes, from, node);
    for (uint32_t i = 0; i < from->output_count; i++) {
        if (from->outputs[i] != NULL) {
            mopt__node_set_output(node, i, copied(copy, from->outputs[i]));
        }
    }
    mopt__copy_attributes(copy, from->attributes, from->attribute_count, node);
}

static void copy_graph_details(struct mopt_copy *copy, const struct mopt_graph *from,
                               struct mopt_graph *to)
{
    to->name = mopt__copy_text(copy, from->name);
    to->doc = mopt__copy_text(copy, from->doc);
    to->metadata = mopt__copy_properties(copy, from->metadata, from->metadata_count);
    to->metadata_count = from->metadata_count;
    to->annotations = mopt__copy_blob(copy, from->annotations);
    to->unknown = mopt__copy_blob(copy, from->unknown);
}

void mopt__copy_graph(struct mopt_copy *copy, const struct mopt_graph *from, struct mopt_graph *to)
{
    copy_graph_details(copy, from, to);
    mopt__copy_remember(copy, &copy->graphs, from, to);
    struct mopt_map_entry *entry;
    for (size_t i = 0; !copy->failed && (entry = mopt__map_next(&from->names, &i)) != NULL;) {
        copy_value(copy, entry->value, to);
    }
    copy_list(copy, &from->inputs, &to->inputs);
    copy_list(copy, &from->initializers, &to->initializers);
    copy_list(copy, &from->sparse_initializers, &to->sparse_initializers);
    copy_list(copy, &from->value_infos, &to->value_infos);
    if (!copy->failed) {
        mopt__tracked_copy(from, to);
    }
    const struct mopt_node *node = from->first;
    for (; node != NULL && !copy->failed; node = node->next) {
        copy_node(copy, node, to);
    }
}

// ---- Wiring of copies inside a model

struct capture {
    struct mopt_node *to;
    struct mopt_value *(*map)(void *context, struct mopt_value *value);
    void *context;
};

// What a captured value is called where the copy stands.
static struct mopt_value *capture_value(struct mopt_copy *copy, const struct capture *capture,
                                        struct mopt_value *value)
{
    struct mopt_value *found = copied(copy, value);
    if (found == NULL && capture->map != NULL) {
        found = capture->map(capture->context, value);
    }
    if (found == NULL && copy->to == copy->from &&
        mopt__graph_encloses(value->graph, capture->to->graph)) {
        found = value;
    }
    if (found == NULL) {
        found = mopt__value_lookup(capture->to->graph, value->name);
    }
    if (found == NULL) {
        copy->failed = true;
        (void)mopt_error_set(copy->err, MOPT_E_INTERNAL, "captured value '%s' is not visible here",
                             value->name);
    }
    return found;
}

static void wire(struct mopt_copy *copy, const struct capture *capture)
{
    for (size_t i = 0; i < copy->nodes.count; i++) {
        const struct mopt_node *from = copy->nodes.items[i].from;
        struct mopt_node *to = copy->nodes.items[i].to;
        for (uint32_t j = 0; j < from->input_count && !copy->failed; j++) {
            struct mopt_value *value = from->inputs[j].value;
            if (value != NULL) {
                mopt__node_set_input(to, j, capture_value(copy, capture, value));
            }
        }
    }
    for (size_t i = 0; i < copy->graphs.count; i++) {
        const struct mopt_graph *from = copy->graphs.items[i].from;
        for (size_t j = 0; j < from->outputs.count && !copy->failed; j++) {
            struct mopt_value *value = capture_value(copy, capture, from->outputs.items[j]);
            if (value == NULL ||
                mopt__graph_add_output(copy->graphs.items[i].to, value, copy->err) != MOPT_OK) {
                copy->failed = true;
            }
        }
    }
}

static enum mopt_status check_names(const struct mopt_node *to, const struct mopt_node *from,
                                    struct mopt_error *err)
{
    for (uint32_t i = 0; to->attribute_count > 0 && i < from->attribute_count; i++) {
        if (mopt__node_attribute(to, from->attributes[i].name) != NULL) {
            return mopt_error_set(err, MOPT_E_INTERNAL, "attribute '%s' is there already",
                                  from->attributes[i].name);
        }
    }
    return MOPT_OK;
}

enum mopt_status mopt__node_copy_attributes_mapped(
    struct mopt_node *to, const struct mopt_node *from,
    struct mopt_value *(*map)(void *context, struct mopt_value *value), void *context,
    struct mopt_error *err)
{
    enum mopt_status status = check_names(to, from, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_copy copy = {.to = to->graph->model, .from = from->graph->model, .err = err};
    uint32_t before = to->attribute_count;
    mopt_error_clear(err);
    mopt__copy_attributes(&copy, from->attributes, from->attribute_count, to);
    struct capture capture = {.to = to, .map = map, .context = context};
    wire(&copy, &capture);
    if (copy.failed) {
        while (to->attribute_count > before) {
            mopt__attribute_release(&to->attributes[--to->attribute_count]);
        }
        status = err->status != MOPT_OK ? err->status : mopt_error_memory(err);
    }
    mopt__copy_release(&copy);
    return status;
}

enum mopt_status mopt__node_copy_attributes(struct mopt_node *to, const struct mopt_node *from,
                                            struct mopt_error *err)
{
    return mopt__node_copy_attributes_mapped(to, from, NULL, NULL, err);
}
