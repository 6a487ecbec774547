// SPDX-License-Identifier: Apache-2.0
// Inlining of model-local functions: one copy of the body's nodes per call, placed before the call.
// It must not know what operators mean.
#include "ir/inline.h"

#include <string.h>

struct inliner {
    struct mopt_model *model;
    const struct mopt_node *call;
    const struct mopt_function *function;
    struct mopt_map values; // id of a value of the body -> value at the call
    struct mopt_map absent; // id of a parameter that the call leaves out -> itself
    size_t created;
};

static enum mopt_status map_value(struct inliner *in, const struct mopt_value *from,
                                  struct mopt_value *to, struct mopt_error *err)
{
    return mopt__map_put_u64(&in->values, from->id, to, err);
}

// What a value of the body stands for at the call; values of other scopes stand for themselves.
static struct mopt_value *mapped(const struct inliner *in, struct mopt_value *value)
{
    if (value == NULL || mopt__map_find_u64(&in->absent, value->id) != NULL) {
        return NULL;
    }
    struct mopt_value *to = mopt__map_find_u64(&in->values, value->id);
    return to != NULL ? to : value;
}

static enum mopt_status map_inputs(struct inliner *in, struct mopt_error *err)
{
    const struct mopt_value_list *inputs = &in->function->body->inputs;
    enum mopt_status status = MOPT_OK;
    if (in->call->input_count > inputs->count) {
        return mopt_error_set(err, MOPT_E_FORMAT, "function takes %zu inputs, %u given",
                              inputs->count, in->call->input_count);
    }
    for (size_t i = 0; i < inputs->count && status == MOPT_OK; i++) {
        struct mopt_value *value = inputs->items[i];
        struct mopt_value *given = mopt__node_input(in->call, (uint32_t)i);
        status = given != NULL ? map_value(in, value, given, err)
                               : mopt__map_put_u64(&in->absent, value->id, value, err);
    }
    return status;
}

static const struct mopt_attribute *argument(const struct inliner *in, const char *name)
{
    const struct mopt_attribute *given = mopt__node_attribute(in->call, name);
    for (size_t i = 0; given == NULL && i < in->function->attribute_default_count; i++) {
        if (strcmp(in->function->attribute_defaults[i].name, name) == 0) {
            given = &in->function->attribute_defaults[i];
        }
    }
    return given;
}

static bool can_share(const struct mopt_attribute *attribute)
{
    return attribute->kind != MOPT_ATTR_GRAPH && attribute->kind != MOPT_ATTR_GRAPHS;
}

static void reference_tensors(struct mopt_attribute *attribute)
{
    (void)mopt__tensor_ref(attribute->t);
    (void)mopt__sparse_ref(attribute->sparse);
    for (size_t i = 0; attribute->tensors != NULL && i < attribute->count; i++) {
        (void)mopt__tensor_ref(attribute->tensors[i]);
    }
    for (size_t i = 0; attribute->sparses != NULL && i < attribute->count; i++) {
        (void)mopt__sparse_ref(attribute->sparses[i]);
    }
}

// Replaces an attribute that refers to an attribute of the function by what the call gives, or
// drops it.
static enum mopt_status bind_reference(const struct inliner *in, struct mopt_node *node,
                                       const char *name, const char *reference,
                                       struct mopt_error *err)
{
    (void)mopt__node_remove_attribute(node, name);
    const struct mopt_attribute *given = argument(in, reference);
    if (given == NULL) {
        return MOPT_OK;
    }
    if (!can_share(given)) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "graph attribute '%s' handed to a function",
                              reference);
    }
    struct mopt_attribute bound = *given;
    bound.name = name;
    reference_tensors(&bound);
    return mopt__node_add_attribute(node, &bound, err);
}

// References of the node's attributes are bound one by one; binding moves an attribute to the end
// of the list, and an argument may itself refer to the function around the call (it then keeps that
// reference).
static enum mopt_status bind_references(const struct inliner *in, struct mopt_node *node,
                                        struct mopt_error *err)
{
    uint32_t left = node->attribute_count;
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 0; left > 0 && status == MOPT_OK; left--) {
        const struct mopt_attribute *attribute = &node->attributes[i];
        if (attribute->ref_name == NULL) {
            i++;
        } else {
            status = bind_reference(in, node, attribute->name, attribute->ref_name, err);
        }
    }
    return status;
}

// Inside a copied sub-graph: captured values of the body become values at the call.
static enum mopt_status rewire_graph(void *context, struct mopt_graph *graph,
                                     struct mopt_error *err)
{
    const struct inliner *in = context;
    enum mopt_status status = MOPT_OK;
    for (struct mopt_node *node = graph->first; node != NULL && status == MOPT_OK;
         node = node->next) {
        for (uint32_t i = 0; i < node->input_count; i++) {
            struct mopt_value *to = mapped(in, node->inputs[i].value);
            if (to != node->inputs[i].value) {
                mopt__node_set_input(node, i, to);
            }
        }
        status = bind_references(in, node, err);
    }
    for (size_t i = 0; i < graph->outputs.count && status == MOPT_OK; i++) {
        struct mopt_value *to = mapped(in, graph->outputs.items[i]);
        if (to != NULL && to != graph->outputs.items[i]) {
            status = mopt__graph_set_output(graph, i, to, err);
        }
    }
    return status;
}

static enum mopt_status rewire_attributes(struct inliner *in, struct mopt_node *node,
                                          struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (uint32_t a = 0; a < node->attribute_count && status == MOPT_OK; a++) {
        const struct mopt_attribute *attribute = &node->attributes[a];
        if (attribute->kind == MOPT_ATTR_GRAPH && attribute->g != NULL) {
            status = mopt__graph_walk(attribute->g, rewire_graph, in, err);
        }
        for (size_t i = 0;
             attribute->kind == MOPT_ATTR_GRAPHS && i < attribute->count && status == MOPT_OK;
             i++) {
            status = mopt__graph_walk(attribute->graphs[i], rewire_graph, in, err);
        }
    }
    return status;
}

static enum mopt_status add_outputs(struct inliner *in, const struct mopt_node *from,
                                    struct mopt_node *node, struct mopt_error *err)
{
    for (uint32_t i = 0; i < from->output_count; i++) {
        if (from->outputs[i] == NULL) {
            continue;
        }
        struct mopt_value *value = mopt__value_fresh(node->graph, from->outputs[i]->name, err);
        if (value == NULL) {
            return err->status;
        }
        mopt__node_set_output(node, i, value);
        enum mopt_status status = map_value(in, from->outputs[i], value, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

static enum mopt_status copy_node(struct inliner *in, const struct mopt_node *from,
                                  struct mopt_node *before, struct mopt_error *err)
{
    if (++in->created > MOPT_INLINE_NODES_MAX) {
        return mopt_error_set(err, MOPT_E_LIMIT, "more than %d nodes by inlining",
                              MOPT_INLINE_NODES_MAX);
    }
    struct mopt_node *node = mopt__node_new(before->graph, before, from->op_type, from->domain,
                                            from->input_count, from->output_count, err);
    if (node == NULL) {
        return err->status;
    }
    node->op = from->op;
    node->function = from->function;
    node->overload = from->overload;
    node->name = from->name;
    for (uint32_t i = 0; i < from->input_count; i++) {
        mopt__node_set_input(node, i, mapped(in, from->inputs[i].value));
    }
    enum mopt_status status = add_outputs(in, from, node, err);
    if (status == MOPT_OK) {
        status = mopt__node_copy_attributes(node, from, err);
    }
    if (status == MOPT_OK) {
        status = bind_references(in, node, err);
    }
    return status == MOPT_OK ? rewire_attributes(in, node, err) : status;
}

static enum mopt_status copy_constants(struct inliner *in, struct mopt_graph *to,
                                       struct mopt_error *err)
{
    const struct mopt_value_list *list = &in->function->body->initializers;
    for (size_t i = 0; i < list->count; i++) {
        struct mopt_value *from = list->items[i];
        struct mopt_value *value = mopt__graph_constant(to, from->name, from->constant, err);
        if (value == NULL) {
            return err->status;
        }
        enum mopt_status status = map_value(in, from, value, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

// The call's output becomes what the body returns: its producer takes over the value if it is used
// only once there.
static enum mopt_status connect_output(struct inliner *in, struct mopt_node *call, uint32_t index,
                                       struct mopt_error *err)
{
    struct mopt_value *out = call->outputs[index];
    if (out == NULL || index >= in->function->body->outputs.count) {
        return MOPT_OK;
    }
    struct mopt_value *from = mapped(in, in->function->body->outputs.items[index]);
    if (from == NULL) {
        return mopt_error_set(err, MOPT_E_FORMAT,
                              "function returns an input that the call leaves out");
    }
    mopt__node_set_output(call, index, NULL);
    struct mopt_node *identity = mopt__node_new(call->graph, call, "Identity", "", 1, 1, err);
    if (identity == NULL) {
        return err->status;
    }
    struct mopt_node *producer = from->producer;
    if (producer == NULL || producer->graph != call->graph || !mopt__value_is_dead(from)) {
        mopt__node_set_input(identity, 0, from);
        mopt__node_set_output(identity, 0, out);
        return MOPT_OK;
    }
    mopt__node_remove(identity);
    uint32_t slot = from->output_index;
    mopt__node_set_output(producer, slot, NULL);
    mopt__node_set_output(producer, slot, out);
    return map_value(in, in->function->body->outputs.items[index], out, err);
}

static enum mopt_status expand(struct inliner *in, struct mopt_node *call, struct mopt_error *err)
{
    enum mopt_status status = map_inputs(in, err);
    if (status == MOPT_OK) {
        status = copy_constants(in, call->graph, err);
    }
    for (const struct mopt_node *node = in->function->body->first;
         node != NULL && status == MOPT_OK; node = node->next) {
        status = copy_node(in, node, call, err);
    }
    for (uint32_t i = 0; i < call->output_count && status == MOPT_OK; i++) {
        status = connect_output(in, call, i, err);
    }
    if (status == MOPT_OK) {
        mopt__node_remove(call);
    }
    return status;
}

static enum mopt_status inline_call(size_t *created, struct mopt_node *call, struct mopt_error *err)
{
    struct inliner in = {.model = call->graph->model,
                         .call = call,
                         .function = call->function,
                         .created = *created};
    enum mopt_status status = mopt__graph_sort(call->function->body, err);
    if (status == MOPT_OK) {
        status = expand(&in, call, err);
    }
    *created = in.created;
    mopt__map_release(&in.values);
    mopt__map_release(&in.absent);
    return status == MOPT_OK ? MOPT_OK
                             : mopt_error_wrap(err, "function '%s'", call->function->name);
}

// Inlines the calls of one graph; the copied nodes stand where the call stood and are looked at
// next.
static enum mopt_status inline_graph(void *context, struct mopt_graph *graph,
                                     struct mopt_error *err)
{
    size_t *created = context;
    struct mopt_node *node = graph->first;
    while (node != NULL) {
        if (node->function == NULL) {
            node = node->next;
            continue;
        }
        struct mopt_node *before = node->prev;
        enum mopt_status status = inline_call(created, node, err);
        if (status != MOPT_OK) {
            return status;
        }
        node = before != NULL ? before->next : graph->first;
    }
    return MOPT_OK;
}

// ---- Growth -------------------------------------------------------------------------------------

enum { CALL_DEPTH_MAX = 100 };

// Said before any node is made: a few lines of functions can stand for 10^12 nodes.
struct growth {
    struct mopt_map sizes; // function -> 2 + nodes it stands for, or OPEN while that is counted
    size_t sum;            // nodes of the graph at hand, at most one more than allowed
    int depth;
};

#define OPEN ((void *)1)

static void add_size(struct growth *growth, size_t size)
{
    growth->sum += size;
    if (growth->sum > MOPT_INLINE_NODES_MAX) {
        growth->sum = (size_t)MOPT_INLINE_NODES_MAX + 1;
    }
}

static enum mopt_status add_nodes(void *context, struct mopt_graph *graph, struct mopt_error *err);

static enum mopt_status add_function(struct growth *growth, const struct mopt_function *function,
                                     struct mopt_error *err)
{
    uint64_t key = (uint64_t)(uintptr_t)function;
    void *known = mopt__map_find_u64(&growth->sizes, key);
    size_t outer = growth->sum;
    if (known == OPEN) {
        return mopt_error_set(err, MOPT_E_FORMAT, "function '%s' calls itself", function->name);
    }
    if (known != NULL) {
        add_size(growth, (size_t)(uintptr_t)known - 2);
        return MOPT_OK;
    }
    if (growth->depth >= CALL_DEPTH_MAX) {
        return mopt_error_set(err, MOPT_E_LIMIT,
                              "function '%s' is called through more than %d others", function->name,
                              CALL_DEPTH_MAX);
    }
    enum mopt_status status = mopt__map_put_u64(&growth->sizes, key, OPEN, err);
    if (status != MOPT_OK) {
        return status;
    }
    growth->depth++;
    growth->sum = 0;
    status = mopt__graph_walk(function->body, add_nodes, growth, err);
    growth->depth--;
    size_t size = growth->sum;
    growth->sum = outer;
    add_size(growth, size);
    return status == MOPT_OK
               ? mopt__map_put_u64(&growth->sizes, key, (void *)(uintptr_t)(size + 2), err)
               : status;
}

static enum mopt_status add_nodes(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct growth *growth = context;
    enum mopt_status status = MOPT_OK;
    for (const struct mopt_node *node = graph->first; node != NULL && status == MOPT_OK;
         node = node->next) {
        add_size(growth, growth->depth > 0 ? 1 : 0);
        if (node->function != NULL) {
            status = add_function(growth, node->function, err);
        }
    }
    return status;
}

static enum mopt_status check_growth(struct mopt_model *model, struct mopt_error *err)
{
    struct growth growth = {.depth = 0};
    enum mopt_status status = mopt__graph_walk(model->graph, add_nodes, &growth, err);
    mopt__map_release(&growth.sizes);
    if (status == MOPT_OK && growth.sum > MOPT_INLINE_NODES_MAX) {
        return mopt_error_set(err, MOPT_E_LIMIT, "calls of functions stand for more than %d nodes",
                              MOPT_INLINE_NODES_MAX);
    }
    return status;
}

enum mopt_status mopt__model_inline_functions(struct mopt_model *model, struct mopt_error *err)
{
    size_t created = 0;
    enum mopt_status status = check_growth(model, err);
    return status == MOPT_OK ? mopt__graph_walk(model->graph, inline_graph, &created, err) : status;
}
