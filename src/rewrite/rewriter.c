// SPDX-License-Identifier: Apache-2.0
// Edits of rules and what follows from them: types, the worklist, dead code. It knows no rule.
#include <string.h>

#include "rewrite/rewriter.h"

enum {
    NOTIFY_MAX = 256, // nodes queued around one edit; the driver's last sweep finds the rest
};

void mopt__rewriter_init(struct mopt_rewriter *rewriter, struct mopt_model *model, int reach)
{
    *rewriter = (struct mopt_rewriter){.model = model, .reach = reach};
}

void mopt__rewriter_release(struct mopt_rewriter *rewriter)
{
    mopt__free(rewriter->queue);
    mopt__free(rewriter->state);
    mopt__free(rewriter->suspects);
}

struct mopt_model *mopt__rewriter_model(struct mopt_rewriter *rewriter)
{
    return rewriter->model;
}

// ---- Worklist

static bool reserve_state(struct mopt_rewriter *rewriter, uint32_t id)
{
    if (id < rewriter->state_count) {
        return true;
    }
    size_t count = (size_t)id + (size_t)id / 2 + 64;
    uint8_t *state = mopt__realloc(rewriter->state, count, 1);
    if (state == NULL) {
        return false;
    }
    memset(state + rewriter->state_count, 0, count - rewriter->state_count);
    rewriter->state = state;
    rewriter->state_count = count;
    return true;
}

static bool push(struct mopt_rewriter *rewriter, struct mopt_node *node)
{
    if (rewriter->head > rewriter->count / 2) { // moves each entry at most once per push
        memmove(rewriter->queue, rewriter->queue + rewriter->head,
                (rewriter->count - rewriter->head) * sizeof(struct mopt_node *));
        rewriter->count -= rewriter->head;
        rewriter->head = 0;
    }
    struct mopt_error ignored;
    if (mopt__grow((void **)&rewriter->queue, &rewriter->capacity, rewriter->count + 1,
                   sizeof(struct mopt_node *), &ignored) != MOPT_OK) {
        return false;
    }
    rewriter->queue[rewriter->count++] = node;
    return true;
}

void mopt__rewriter_queue(struct mopt_rewriter *rewriter, struct mopt_node *node, bool stale)
{
    if (node == NULL || node->graph == NULL || rewriter->failed) {
        return;
    }
    if (!reserve_state(rewriter, node->id)) {
        rewriter->failed = true;
        return;
    }
    uint8_t *state = &rewriter->state[node->id];
    bool waits = (*state & MOPT_VISIT_QUEUED) != 0;
    *state |= stale ? MOPT_VISIT_QUEUED | MOPT_VISIT_STALE : MOPT_VISIT_QUEUED;
    if (!waits && !push(rewriter, node)) {
        rewriter->failed = true;
    }
}

struct mopt_node *mopt__rewriter_next(struct mopt_rewriter *rewriter, bool *stale)
{
    while (rewriter->head < rewriter->count) {
        struct mopt_node *node = rewriter->queue[rewriter->head++];
        *stale = (rewriter->state[node->id] & MOPT_VISIT_STALE) != 0;
        rewriter->state[node->id] = 0;
        if (node->graph != NULL) {
            return node;
        }
    }
    return NULL;
}

// Queues users of value, their users, and so on, `steps` deep; patterns reach that far up from
// their root. NOLINTNEXTLINE(misc-no-recursion): steps is at most MOPT_MATCH_NODES
static void queue_down(struct mopt_rewriter *rewriter, const struct mopt_value *value, int steps,
                       int *left)
{
    for (const struct mopt_use *use = value->uses; use != NULL && *left > 0; use = use->next) {
        --*left;
        mopt__rewriter_queue(rewriter, use->node, false);
        for (uint32_t i = 0; i < use->node->output_count && steps > 1; i++) {
            if (use->node->outputs[i] != NULL) {
                queue_down(rewriter, use->node->outputs[i], steps - 1, left);
            }
        }
    }
    if (value->graph_output_count > 0) {
        mopt__rewriter_queue(rewriter, value->graph->owner, false);
    }
}

void mopt__rewriter_queue_users(struct mopt_rewriter *rewriter, const struct mopt_value *value)
{
    int left = NOTIFY_MAX;
    queue_down(rewriter, value, rewriter->reach, &left);
}

void mopt__rewriter_queue_around(struct mopt_rewriter *rewriter, struct mopt_node *node)
{
    mopt__rewriter_queue(rewriter, node, false);
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i].value != NULL) {
            mopt__rewriter_queue(rewriter, node->inputs[i].value->producer, false);
        }
    }
    for (uint32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] != NULL) {
            mopt__rewriter_queue_users(rewriter, node->outputs[i]);
        }
    }
}

static void suspect(struct mopt_rewriter *rewriter, struct mopt_value *value)
{
    struct mopt_error ignored;
    if (mopt__grow((void **)&rewriter->suspects, &rewriter->suspect_capacity,
                   rewriter->suspect_count + 1, sizeof(struct mopt_value *), &ignored) != MOPT_OK) {
        rewriter->failed = true;
        return;
    }
    rewriter->suspects[rewriter->suspect_count++] = value;
}

void mopt__rewriter_lost_use(struct mopt_rewriter *rewriter, struct mopt_value *value)
{
    if (mopt__value_is_dead(value)) {
        suspect(rewriter, value);
        return;
    }
    mopt__rewriter_queue(rewriter, value->producer, false);
    if (value->use_count <= 2) { // conditions on uses may hold now
        mopt__rewriter_queue_users(rewriter, value);
    }
}

// ---- Dead code

static bool is_dead_node(const struct mopt_node *node)
{
    for (uint32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] != NULL && !mopt__value_is_dead(node->outputs[i])) {
            return false;
        }
    }
    return true;
}

// Values that the node and its bodies use may lose their last use.
static void collect_inputs(struct mopt_rewriter *rewriter, struct mopt_node *node)
{
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i].value != NULL) {
            suspect(rewriter, node->inputs[i].value);
        }
    }
}

static enum mopt_status collect_body(void *context, struct mopt_graph *graph,
                                     struct mopt_error *err)
{
    (void)err;
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        collect_inputs(context, node);
    }
    for (size_t i = 0; i < graph->outputs.count; i++) {
        suspect(context, graph->outputs.items[i]);
    }
    return MOPT_OK;
}

static void collect_captures(struct mopt_rewriter *rewriter, struct mopt_node *node)
{
    struct mopt_error ignored;
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        struct mopt_attribute *attribute = &node->attributes[i];
        if (attribute->g != NULL) {
            (void)mopt__graph_walk(attribute->g, collect_body, rewriter, &ignored);
        }
        for (size_t k = 0; attribute->graphs != NULL && k < attribute->count; k++) {
            (void)mopt__graph_walk(attribute->graphs[k], collect_body, rewriter, &ignored);
        }
    }
}

static void remove_node(struct mopt_rewriter *rewriter, struct mopt_node *node)
{
    size_t first = rewriter->suspect_count;
    collect_inputs(rewriter, node);
    collect_captures(rewriter, node);
    size_t last = rewriter->suspect_count;
    mopt__node_remove(node);
    rewriter->edits++;
    // Those still alive lost a use; the dead ones stay suspects.
    size_t kept = first;
    for (size_t i = first; i < last; i++) {
        struct mopt_value *value = rewriter->suspects[i];
        if (mopt__value_is_dead(value)) {
            rewriter->suspects[kept++] = value;
        } else {
            mopt__rewriter_lost_use(rewriter, value);
        }
    }
    rewriter->suspect_count = kept;
}

void mopt__rewriter_bury(struct mopt_rewriter *rewriter)
{
    while (rewriter->suspect_count > 0) {
        struct mopt_value *value = rewriter->suspects[--rewriter->suspect_count];
        if (!mopt__value_is_dead(value)) {
            continue;
        }
        if (value->producer != NULL && value->producer->graph != NULL) {
            if (is_dead_node(value->producer)) {
                remove_node(rewriter, value->producer);
            }
        } else if (value->producer == NULL && !value->is_input) {
            mopt__graph_remove_initializer(value);
        }
    }
}

void mopt__rewriter_erase(struct mopt_rewriter *rewriter, struct mopt_node *node)
{
    if (node->graph == NULL) {
        return;
    }
    if (!is_dead_node(node)) {
        rewriter->misused = node;
        return;
    }
    remove_node(rewriter, node);
}

// ---- Types

// The body of a function holds for calls of all types: its values have none.
static bool is_in_function(const struct mopt_graph *graph)
{
    while (graph->parent != NULL) {
        graph = graph->parent;
    }
    return graph->function != NULL;
}

static void queue_stale(struct mopt_rewriter *rewriter, const struct mopt_value *value)
{
    for (struct mopt_use *use = value->uses; use != NULL; use = use->next) {
        mopt__rewriter_queue(rewriter, use->node, true);
    }
    if (value->graph_output_count > 0) {
        mopt__rewriter_queue(rewriter, value->graph->owner, true);
    }
}

// A rewritten value means what it meant: older knowledge that inference cannot find again still
// holds.
static enum mopt_status settle(struct mopt_rewriter *rewriter, struct mopt_value *value,
                               const struct mopt_value *before, struct mopt_error *err)
{
    if (value->ints == NULL) {
        value->ints = before->ints;
    }
    if (value->type != NULL || before->type != NULL) {
        value->type = mopt__type_merge(rewriter->model, value->type, before->type);
        if (value->type == NULL) {
            return mopt_error_memory(err);
        }
    }
    if (mopt__type_news(rewriter->model->dims, before->type, value->type)) {
        queue_stale(rewriter, value);
    }
    return MOPT_OK;
}

enum mopt_status mopt__rewriter_infer(struct mopt_rewriter *rewriter, struct mopt_node *node,
                                      struct mopt_error *err)
{
    if (is_in_function(node->graph)) {
        return MOPT_OK;
    }
    struct mopt_value *before = mopt__calloc(node->output_count, sizeof *before);
    if (before == NULL) {
        return mopt_error_memory(err);
    }
    for (uint32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] != NULL) {
            before[i] = *node->outputs[i];
        }
    }
    enum mopt_status status = mopt__infer_node(rewriter->model, node, err);
    if (status != MOPT_OK) {
        mopt_error_wrap(err, "node '%s' (%s)", mopt__node_label(node), node->op_type);
    }
    for (uint32_t i = 0; i < node->output_count && status == MOPT_OK; i++) {
        if (node->outputs[i] != NULL) {
            status = settle(rewriter, node->outputs[i], &before[i], err);
        }
    }
    mopt__free(before);
    return status;
}

// ---- New things

static enum mopt_status make_outputs(struct mopt_node *node, const char *hint,
                                     struct mopt_error *err)
{
    for (uint32_t i = 0; i < node->output_count; i++) {
        struct mopt_value *value = mopt__value_fresh(node->graph, hint, err);
        if (value == NULL) {
            return err->status;
        }
        mopt__node_set_output(node, i, value);
    }
    return MOPT_OK;
}

static enum mopt_status check_inputs(struct mopt_graph *graph, struct mopt_value *const *inputs,
                                     uint32_t count, struct mopt_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (inputs[i] == NULL) {
            continue;
        }
        if (!mopt__rewrite_visible(inputs[i], graph)) {
            return mopt_error_set(err, MOPT_E_INTERNAL, "value '%s' is not visible here",
                                  inputs[i]->name);
        }
        enum mopt_status status = mopt__rewrite_unhide(inputs[i], graph, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

// NOLINTNEXTLINE(readability-function-size): the parts of a node
struct mopt_node *mopt__rewriter_node(struct mopt_rewriter *rewriter, struct mopt_node *before,
                                      const char *op_type, const char *domain,
                                      struct mopt_value *const *inputs, uint32_t input_count,
                                      uint32_t output_count, const char *hint,
                                      struct mopt_error *err)
{
    if (before->graph == NULL) {
        (void)mopt_error_set(err, MOPT_E_INTERNAL, "new %s before a removed node", op_type);
        return NULL;
    }
    if (check_inputs(before->graph, inputs, input_count, err) != MOPT_OK) {
        return NULL;
    }
    struct mopt_node *node = mopt__op_node(before->graph, before, op_type, domain, inputs,
                                           input_count, output_count, err);
    if (node == NULL) {
        return NULL;
    }
    rewriter->edits++;
    if (make_outputs(node, hint, err) != MOPT_OK) {
        return NULL;
    }
    for (uint32_t i = 0; i < output_count; i++) {
        suspect(rewriter, node->outputs[i]); // if the rule forgets to use it
    }
    return node;
}

enum mopt_status mopt__rewriter_finish_node(struct mopt_rewriter *rewriter, struct mopt_node *node,
                                            struct mopt_error *err)
{
    enum mopt_status status = mopt__rewriter_infer(rewriter, node, err);
    if (status == MOPT_OK) {
        mopt__rewriter_queue_around(rewriter, node);
    }
    return status;
}

// FunctionProto has no initializers: its constants are nodes.
static struct mopt_value *constant_in_function(struct mopt_rewriter *rewriter,
                                               struct mopt_node *before, const char *hint,
                                               struct mopt_tensor *tensor, struct mopt_error *err)
{
    struct mopt_node *node =
        mopt__rewriter_node(rewriter, before, "Constant", "", NULL, 0, 1, hint, err);
    if (node == NULL || mopt__node_set_tensor(node, "value", tensor, err) != MOPT_OK ||
        mopt__rewriter_finish_node(rewriter, node, err) != MOPT_OK) {
        return NULL;
    }
    return node->outputs[0];
}

struct mopt_value *mopt__rewriter_constant(struct mopt_rewriter *rewriter,
                                           const struct mopt_node *near, const char *hint,
                                           struct mopt_tensor *tensor, struct mopt_error *err)
{
    struct mopt_graph *graph = near->graph;
    if (graph == NULL) {
        (void)mopt_error_set(err, MOPT_E_INTERNAL, "new constant beside a removed node");
        return NULL;
    }
    if (graph->function != NULL) {
        struct mopt_node *before = near->prev != NULL ? near->prev->next : graph->first;
        return constant_in_function(rewriter, before, hint, tensor, err);
    }
    struct mopt_value *value = mopt__graph_constant(graph, hint, tensor, err);
    if (value != NULL) {
        rewriter->edits++;
        suspect(rewriter, value);
    }
    return value;
}

// ---- Changes of nodes

static enum mopt_status fit_inputs(struct mopt_node *node, uint32_t index, struct mopt_error *err)
{
    if (index < node->input_count) {
        return MOPT_OK;
    }
    if (index == UINT32_MAX) {
        return mopt_error_set(err, MOPT_E_INTERNAL, "input index is too large");
    }
    return mopt__node_resize_inputs(node, index + 1, err);
}

enum mopt_status mopt__rewriter_set_input(struct mopt_rewriter *rewriter, struct mopt_node *node,
                                          uint32_t index, struct mopt_value *value,
                                          struct mopt_error *err)
{
    struct mopt_value *old = mopt__node_input(node, index);
    if (old == value) {
        return MOPT_OK;
    }
    enum mopt_status status = check_inputs(node->graph, &value, 1, err);
    if (status == MOPT_OK) {
        status = fit_inputs(node, index, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    mopt__node_set_input(node, index, value);
    uint32_t count = node->input_count;
    while (value == NULL && count > 0 && node->inputs[count - 1].value == NULL) {
        count--;
    }
    status = mopt__node_resize_inputs(node, count, err);
    rewriter->edits++;
    mopt__rewriter_queue(rewriter, node, true);
    mopt__rewriter_queue_around(rewriter, node);
    if (old != NULL) {
        mopt__rewriter_lost_use(rewriter, old);
    }
    return status;
}

enum mopt_status mopt__rewriter_touch(struct mopt_rewriter *rewriter, struct mopt_node *node,
                                      struct mopt_error *err)
{
    rewriter->edits++;
    enum mopt_status status = mopt__rewriter_infer(rewriter, node, err);
    mopt__rewriter_queue_around(rewriter, node);
    return status;
}
