// SPDX-License-Identifier: Apache-2.0
// Nodes: making, wiring of inputs and outputs, place in the graph, removal. It must not know
// operators.
#include <assert.h>
#include <string.h>

#include "ir/graph_private.h"

// ---- Use lists

void mopt__use_link(struct mopt_use *use, struct mopt_value *value)
{
    use->value = value;
    use->next = NULL;
    use->prev = NULL;
    if (value == NULL) {
        return;
    }
    use->prev = value->last_use;
    if (value->last_use != NULL) {
        value->last_use->next = use;
    } else {
        value->uses = use;
    }
    value->last_use = use;
    value->use_count++;
}

void mopt__use_unlink(struct mopt_use *use)
{
    struct mopt_value *value = use->value;
    if (value == NULL) {
        return;
    }
    *(use->prev != NULL ? &use->prev->next : &value->uses) = use->next;
    *(use->next != NULL ? &use->next->prev : &value->last_use) = use->prev;
    value->use_count--;
    use->value = NULL;
    use->prev = NULL;
    use->next = NULL;
}

// Moves a linked use to another address: its neighbours must point to the new place.
static void use_relocate(struct mopt_use *to, const struct mopt_use *from)
{
    *to = *from;
    if (to->value == NULL) {
        return;
    }
    *(to->prev != NULL ? &to->prev->next : &to->value->uses) = to;
    *(to->next != NULL ? &to->next->prev : &to->value->last_use) = to;
}

// ---- Making

static void place(struct mopt_graph *graph, struct mopt_node *node, struct mopt_node *before)
{
    node->graph = graph;
    node->next = before;
    node->prev = before != NULL ? before->prev : graph->last;
    *(node->prev != NULL ? &node->prev->next : &graph->first) = node;
    *(before != NULL ? &before->prev : &graph->last) = node;
    graph->node_count++;
}

static void unplace(struct mopt_node *node)
{
    struct mopt_graph *graph = node->graph;
    *(node->prev != NULL ? &node->prev->next : &graph->first) = node->next;
    *(node->next != NULL ? &node->next->prev : &graph->last) = node->prev;
    graph->node_count--;
}

static void init_inputs(struct mopt_node *node, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        node->inputs[i] = (struct mopt_use){.node = node, .index = i};
    }
}

struct mopt_node *mopt__node_make(struct mopt_graph *graph, struct mopt_node *before, uint32_t id,
                                  uint32_t input_count, uint32_t output_count,
                                  struct mopt_error *err)
{
    struct mopt_model_box *model = mopt__model_box(graph->model);
    struct mopt_arena *arena = &model->model.arena;
    struct mopt_node_box *box = mopt__arena_alloc(arena, 1, sizeof *box);
    struct mopt_use *inputs = mopt__arena_alloc(arena, input_count, sizeof *inputs);
    struct mopt_value **outputs =
        mopt__arena_alloc(arena, output_count, sizeof(struct mopt_value *));
    if (box == NULL || inputs == NULL || outputs == NULL) {
        (void)mopt_error_memory(err);
        return NULL;
    }
    struct mopt_node *node = &box->node;
    node->id = id;
    node->inputs = inputs;
    node->outputs = outputs;
    node->input_count = box->input_capacity = input_count;
    node->output_count = box->output_capacity = output_count;
    init_inputs(node, 0, input_count);
    box->older = model->nodes;
    model->nodes = box;
    place(graph, node, before);
    return node;
}

struct mopt_node *mopt__node_new(struct mopt_graph *graph, struct mopt_node *before,
                                 const char *op_type, const char *domain, uint32_t input_count,
                                 uint32_t output_count, struct mopt_error *err)
{
    struct mopt_model *model = graph->model;
    if (model->node_count_ever == UINT32_MAX) {
        (void)mopt_error_set(err, MOPT_E_LIMIT, "too many nodes");
        return NULL;
    }
    const char *type = mopt__model_intern(model, op_type, err);
    const char *space = mopt__model_intern(model, mopt__domain_normalise(domain), err);
    if (type == NULL || space == NULL) {
        return NULL;
    }
    struct mopt_node *node =
        mopt__node_make(graph, before, model->node_count_ever, input_count, output_count, err);
    if (node == NULL) {
        return NULL;
    }
    model->node_count_ever++;
    node->op_type = type;
    node->domain = space;
    node->domain_text = space[0] == '\0' ? NULL : space;
    return node;
}

// ---- Inputs

void mopt__node_set_input(struct mopt_node *node, uint32_t index, struct mopt_value *value)
{
    assert(index < node->input_count);
    mopt__use_unlink(&node->inputs[index]);
    mopt__use_link(&node->inputs[index], value);
}

// Doubled capacity that holds count, so that growing one by one stays linear.
static size_t wider(uint32_t capacity, uint32_t count)
{
    size_t doubled = (size_t)capacity * 2;
    return doubled > count ? (doubled < UINT32_MAX ? doubled : UINT32_MAX) : count;
}

static enum mopt_status grow_inputs(struct mopt_node *node, uint32_t count, struct mopt_error *err)
{
    struct mopt_node_box *box = mopt__node_box(node);
    size_t capacity = wider(box->input_capacity, count);
    struct mopt_use *inputs =
        mopt__arena_alloc(&node->graph->model->arena, capacity, sizeof *inputs);
    if (inputs == NULL) {
        return mopt_error_memory(err);
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        use_relocate(&inputs[i], &node->inputs[i]);
    }
    node->inputs = inputs;
    box->input_capacity = (uint32_t)capacity;
    return MOPT_OK;
}

enum mopt_status mopt__node_resize_inputs(struct mopt_node *node, uint32_t count,
                                          struct mopt_error *err)
{
    if (count > mopt__node_box(node)->input_capacity) {
        enum mopt_status status = grow_inputs(node, count, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    for (uint32_t i = count; i < node->input_count; i++) {
        mopt__use_unlink(&node->inputs[i]);
    }
    init_inputs(node, node->input_count, count);
    node->input_count = count;
    return MOPT_OK;
}

struct mopt_value *mopt__node_input(const struct mopt_node *node, uint32_t index)
{
    return index < node->input_count ? node->inputs[index].value : NULL;
}

// ---- Outputs

static enum mopt_status grow_outputs(struct mopt_node *node, uint32_t count, struct mopt_error *err)
{
    struct mopt_node_box *box = mopt__node_box(node);
    size_t capacity = wider(box->output_capacity, count);
    struct mopt_value **outputs =
        mopt__arena_alloc(&node->graph->model->arena, capacity, sizeof(struct mopt_value *));
    if (outputs == NULL) {
        return mopt_error_memory(err);
    }
    for (uint32_t i = 0; i < node->output_count; i++) {
        outputs[i] = node->outputs[i];
    }
    node->outputs = outputs;
    box->output_capacity = (uint32_t)capacity;
    return MOPT_OK;
}

enum mopt_status mopt__node_resize_outputs(struct mopt_node *node, uint32_t count,
                                           struct mopt_error *err)
{
    for (uint32_t i = count; i < node->output_count; i++) {
        if (node->outputs[i] != NULL) {
            return mopt_error_set(err, MOPT_E_INTERNAL, "output %u of node '%s' is still there", i,
                                  mopt__node_label(node));
        }
    }
    if (count > mopt__node_box(node)->output_capacity) {
        enum mopt_status status = grow_outputs(node, count, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    for (uint32_t i = node->output_count; i < count; i++) {
        node->outputs[i] = NULL;
    }
    node->output_count = count;
    return MOPT_OK;
}

void mopt__node_set_output(struct mopt_node *node, uint32_t index, struct mopt_value *value)
{
    assert(index < node->output_count);
    assert(value == NULL || value->producer == NULL);
    struct mopt_value *old = node->outputs[index];
    if (old != NULL) {
        old->producer = NULL;
        old->output_index = 0;
    }
    node->outputs[index] = value;
    if (value != NULL) {
        value->producer = node;
        value->output_index = index;
    }
}

struct mopt_value *mopt__node_output(const struct mopt_node *node, uint32_t index)
{
    return index < node->output_count ? node->outputs[index] : NULL;
}

// ---- Place and removal

void mopt__node_move_before(struct mopt_node *node, struct mopt_node *before)
{
    if (node == before || (node->next == before && before != NULL) ||
        (before == NULL && node->graph->last == node)) {
        return;
    }
    assert(before == NULL || before->graph == node->graph);
    unplace(node);
    place(node->graph, node, before);
}

void mopt__node_remove(struct mopt_node *node)
{
    assert(node->graph != NULL);
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        mopt__attribute_release(&node->attributes[i]);
    }
    node->attribute_count = 0;
    for (uint32_t i = 0; i < node->input_count; i++) {
        mopt__use_unlink(&node->inputs[i]);
    }
    for (uint32_t i = 0; i < node->output_count; i++) {
        struct mopt_value *value = node->outputs[i];
        if (value != NULL) {
            mopt__node_set_output(node, i, NULL);
            mopt__value_drop_if_unused(value);
        }
    }
    unplace(node); // node->next stays, so that a loop over the nodes can go on
    node->graph = NULL;
}

const char *mopt__node_label(const struct mopt_node *node)
{
    if (node->name != NULL && node->name[0] != '\0') {
        return node->name;
    }
    for (uint32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] != NULL) {
            return node->outputs[i]->name;
        }
    }
    return node->op_type;
}
