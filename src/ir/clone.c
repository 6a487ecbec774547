// SPDX-License-Identifier: Apache-2.0
// Clone of a whole model: same ids, names, dim numbers, orders of lists, nodes and uses; tensors
// are shared.
#include <string.h>

#include "ir/copy.h"

// Functions come before any node, so that calls can be linked.
static void make_functions(struct mopt_copy *copy)
{
    const struct mopt_model *from = copy->from;
    struct mopt_model *to = copy->to;
    if (mopt__grow((void **)&to->functions, &to->function_capacity, from->function_count,
                   sizeof(struct mopt_function *), copy->err) != MOPT_OK) {
        copy->failed = true;
        return;
    }
    for (size_t i = 0; i < from->function_count; i++) {
        struct mopt_function *function = mopt__arena_alloc(&to->arena, 1, sizeof *function);
        struct mopt_graph *body = mopt__graph_new(to, NULL, copy->err);
        uint64_t key = (uint64_t)(uintptr_t)from->functions[i];
        if (function == NULL || body == NULL ||
            mopt__map_put_u64(&copy->functions, key, function, copy->err) != MOPT_OK) {
            copy->failed = true;
            return;
        }
        function->body = body;
        body->function = function;
        to->functions[to->function_count++] = function;
    }
}

static void fill_function(struct mopt_copy *copy, const struct mopt_function *from,
                          struct mopt_function *to)
{
    to->name = mopt__copy_interned(copy, from->name);
    to->domain = mopt__copy_interned(copy, from->domain);
    to->domain_text = mopt__copy_text(copy, from->domain_text);
    to->overload = mopt__copy_text(copy, from->overload);
    to->doc = mopt__copy_text(copy, from->doc);
    to->metadata = mopt__copy_properties(copy, from->metadata, from->metadata_count);
    to->metadata_count = from->metadata_count;
    to->unknown = mopt__copy_blob(copy, from->unknown);
    mopt__copy_opsets(copy, &from->opsets, &to->opsets);
    to->attribute_names = mopt__copy_array(copy, from->attribute_names, from->attribute_name_count,
                                           sizeof(const char *));
    for (size_t i = 0; to->attribute_names != NULL && i < from->attribute_name_count; i++) {
        to->attribute_names[i] = mopt__copy_interned(copy, from->attribute_names[i]);
    }
    to->attribute_name_count = from->attribute_name_count;
    to->attribute_defaults = mopt__arena_alloc(&copy->to->arena, from->attribute_default_count,
                                               sizeof *to->attribute_defaults);
    copy->failed = copy->failed || to->attribute_defaults == NULL;
    for (size_t i = 0; !copy->failed && i < from->attribute_default_count; i++) {
        to->attribute_default_count++;
        mopt__copy_attribute(copy, &from->attribute_defaults[i], &to->attribute_defaults[i], NULL);
    }
    mopt__copy_graph(copy, from->body, to->body);
}

static void copy_header(struct mopt_copy *copy)
{
    const struct mopt_model *from = copy->from;
    struct mopt_model *to = copy->to;
    to->ir_version = from->ir_version;
    to->has_ir_version = from->has_ir_version;
    to->defaults_stand = from->defaults_stand;
    to->has_model_version = from->has_model_version;
    to->model_version = from->model_version;
    to->producer_name = mopt__copy_text(copy, from->producer_name);
    to->producer_version = mopt__copy_text(copy, from->producer_version);
    to->domain = mopt__copy_text(copy, from->domain);
    to->doc = mopt__copy_text(copy, from->doc);
    to->metadata = mopt__copy_properties(copy, from->metadata, from->metadata_count);
    to->metadata_count = from->metadata_count;
    to->unknown = mopt__copy_blob(copy, from->unknown);
    to->path = mopt__copy_text(copy, from->path);
    to->file_bytes = from->file_bytes;
    to->value_count = from->value_count;
    to->node_count_ever = from->node_count_ever;
    to->mark = from->mark;
    to->fresh_names = from->fresh_names;
    mopt__copy_opsets(copy, &from->opsets, &to->opsets);
}

// So that the clone hands out the same fresh names as the original would.
static void copy_hints(struct mopt_copy *copy)
{
    const struct mopt_map *hints = &mopt__model_box_const(copy->from)->hints;
    struct mopt_map_entry *entry;
    for (size_t i = 0; !copy->failed && (entry = mopt__map_next(hints, &i)) != NULL;) {
        const char *key = mopt__copy_interned(copy, entry->key);
        copy->failed = key == NULL || mopt__map_put(&mopt__model_box(copy->to)->hints, key,
                                                    entry->value, copy->err) != MOPT_OK;
    }
}

// ---- Wiring: use lists get the order they have in the original.

static struct mopt_node **nodes_by_id(struct mopt_copy *copy)
{
    struct mopt_node **nodes =
        mopt__calloc(copy->from->node_count_ever, sizeof(struct mopt_node *));
    for (size_t i = 0; nodes != NULL && i < copy->nodes.count; i++) {
        struct mopt_node *node = copy->nodes.items[i].to;
        nodes[node->id] = node;
    }
    copy->failed = copy->failed || nodes == NULL;
    return nodes;
}

static void wire_uses(const struct mopt_graph *from, const struct mopt_graph *to,
                      struct mopt_node **nodes)
{
    struct mopt_map_entry *entry;
    for (size_t i = 0; (entry = mopt__map_next(&from->names, &i)) != NULL;) {
        const struct mopt_value *old = entry->value;
        struct mopt_value *value = mopt__value_find(to, old->name);
        for (const struct mopt_use *use = old->uses; use != NULL; use = use->next) {
            struct mopt_node *node = nodes[use->node->id];
            if (node != NULL && use->index < node->input_count) {
                mopt__use_link(&node->inputs[use->index], value);
            }
        }
    }
}

static void wire_outputs(struct mopt_copy *copy, const struct mopt_graph *from,
                         struct mopt_graph *to)
{
    for (size_t i = 0; i < from->outputs.count && !copy->failed; i++) {
        struct mopt_value *value = mopt__map_find_u64(&copy->values, from->outputs.items[i]->id);
        copy->failed = value == NULL || mopt__graph_add_output(to, value, copy->err) != MOPT_OK;
    }
}

static void wire_all(struct mopt_copy *copy)
{
    struct mopt_node **nodes = nodes_by_id(copy);
    for (size_t i = 0; i < copy->graphs.count && !copy->failed; i++) {
        const struct mopt_graph *from = copy->graphs.items[i].from;
        struct mopt_graph *to = copy->graphs.items[i].to;
        wire_uses(from, to, nodes);
        wire_outputs(copy, from, to);
    }
    mopt__free(nodes);
}

static void copy_all(struct mopt_copy *copy)
{
    make_functions(copy);
    if (copy->failed) {
        return;
    }
    copy_header(copy);
    mopt__copy_graph(copy, copy->from->graph, copy->to->graph);
    for (size_t i = 0; i < copy->from->function_count && !copy->failed; i++) {
        fill_function(copy, copy->from->functions[i], copy->to->functions[i]);
    }
    if (!copy->failed) {
        copy_hints(copy);
        wire_all(copy);
    }
}

enum mopt_status mopt__model_clone(const struct mopt_model *model, struct mopt_model **out,
                                   struct mopt_error *err)
{
    *out = NULL;
    struct mopt_model *made;
    enum mopt_status status = mopt__model_new(&made, err);
    if (status != MOPT_OK) {
        return status;
    }
    mopt__dims_free(made->dims);
    made->dims = mopt__dims_clone(model->dims);
    struct mopt_copy copy = {
        .to = made, .from = model, .clone = true, .failed = made->dims == NULL, .err = err};
    mopt_error_clear(err);
    if (!copy.failed) {
        copy_all(&copy);
    }
    mopt__copy_release(&copy);
    if (copy.failed) {
        mopt__model_free(made);
        return err->status != MOPT_OK ? err->status : mopt_error_memory(err);
    }
    *out = made;
    return MOPT_OK;
}
