// SPDX-License-Identifier: Apache-2.0
// Nodes of function bodies as they read at one call. It must not know any operator.
#include "ops/function.h"

#include <string.h>

// The value is a parameter of the function that this call leaves out.
static bool is_left_out(const struct mopt_call *call, const struct mopt_value *value)
{
    const struct mopt_graph *body = call->function->body;
    if (value == NULL || value->graph != body || !value->is_input) {
        return false;
    }
    for (size_t i = 0; i < body->inputs.count; i++) {
        if (body->inputs.items[i] == value) {
            return i >= call->node->input_count || call->node->inputs[i].value == NULL;
        }
    }
    return false;
}

static bool changes(const struct mopt_call *call, const struct mopt_node *node)
{
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        if (node->attributes[i].ref_name != NULL) {
            return true;
        }
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (is_left_out(call, node->inputs[i].value)) {
            return true;
        }
    }
    return false;
}

static const struct mopt_attribute *argument(const struct mopt_call *call, const char *name)
{
    const struct mopt_attribute *given = mopt__node_attribute(call->node, name);
    for (size_t i = 0; given == NULL && i < call->function->attribute_default_count; i++) {
        if (strcmp(call->function->attribute_defaults[i].name, name) == 0) {
            given = &call->function->attribute_defaults[i];
        }
    }
    return given;
}

static void bind_attributes(const struct mopt_call *call, const struct mopt_node *node,
                            struct mopt_attribute *attributes, uint32_t *count)
{
    *count = 0;
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        const struct mopt_attribute *own = &node->attributes[i];
        if (own->ref_name == NULL) {
            attributes[(*count)++] = *own;
            continue;
        }
        const struct mopt_attribute *given = argument(call, own->ref_name);
        if (given != NULL) {
            attributes[*count] = *given;
            attributes[*count].name = own->name;
            attributes[(*count)++].ref_name = NULL;
        }
    }
}

enum mopt_status mopt__call_bind(const struct mopt_call *call, const struct mopt_node *node,
                                 struct mopt_arena *arena, const struct mopt_node **out,
                                 struct mopt_error *err)
{
    *out = node;
    if (call == NULL || !changes(call, node)) {
        return MOPT_OK;
    }
    struct mopt_node *copy = mopt__arena_alloc(arena, 1, sizeof *copy);
    struct mopt_attribute *attributes =
        mopt__arena_alloc(arena, (size_t)node->attribute_count + 1, sizeof *attributes);
    struct mopt_use *inputs =
        mopt__arena_alloc(arena, (size_t)node->input_count + 1, sizeof *inputs);
    if (copy == NULL || attributes == NULL || inputs == NULL) {
        return mopt_error_memory(err);
    }
    *copy = *node;
    copy->attributes = attributes;
    copy->inputs = inputs;
    bind_attributes(call, node, attributes, &copy->attribute_count);
    for (uint32_t i = 0; i < node->input_count; i++) {
        struct mopt_value *value = node->inputs[i].value;
        inputs[i].value = is_left_out(call, value) ? NULL : value;
        inputs[i].node = copy;
        inputs[i].index = i;
    }
    *out = copy;
    return MOPT_OK;
}

bool mopt__call_active(const struct mopt_call *call, const struct mopt_function *function)
{
    for (; call != NULL; call = call->outer) {
        if (call->function == function) {
            return true;
        }
    }
    return false;
}
