// SPDX-License-Identifier: Apache-2.0
// Replacing a value by another one: uses in all scopes, the names of graph outputs, names that hide
// others.
#include <string.h>

#include "rewrite/rewriter.h"

bool mopt__rewrite_visible(const struct mopt_value *value, const struct mopt_graph *graph)
{
    while (graph != NULL && graph != value->graph) {
        graph = graph->parent;
    }
    return graph != NULL;
}

// ---- Names

// Gives value a name that is free in all scopes. A fresh value hands its name over, because only
// making a value finds such a name.
static enum mopt_status rename_fresh(struct mopt_value *value, struct mopt_error *err)
{
    struct mopt_value *donor = mopt__value_fresh(value->graph, value->name, err);
    if (donor == NULL) {
        return err->status;
    }
    const char *name = donor->name;
    mopt__graph_remove_initializer(donor); // undefined and unused: it leaves its scope
    return mopt__value_rename(value, name, err);
}

enum mopt_status mopt__rewrite_unhide(const struct mopt_value *value, struct mopt_graph *graph,
                                      struct mopt_error *err)
{
    for (; graph != NULL && graph != value->graph; graph = graph->parent) {
        struct mopt_value *hiding = mopt__value_find(graph, value->name);
        if (hiding == NULL) {
            continue;
        }
        enum mopt_status status = rename_fresh(hiding, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

struct exposed {
    const struct mopt_value *used, *seen;
};

static enum mopt_status unhide_output(void *context, struct mopt_graph *graph,
                                      struct mopt_error *err)
{
    const struct exposed *exposed = context;
    for (size_t i = 0; i < graph->outputs.count; i++) {
        if (graph->outputs.items[i] == exposed->used) {
            return mopt__rewrite_unhide(exposed->seen, graph, err);
        }
    }
    return MOPT_OK;
}

static size_t own_outputs(const struct mopt_value *value)
{
    size_t count = 0;
    for (size_t i = 0; value->graph_output_count > 0 && i < value->graph->outputs.count; i++) {
        count += value->graph->outputs.items[i] == value;
    }
    return count;
}

// No inner value may hide `seen` where `used` is used.
static enum mopt_status unhide_uses(struct mopt_value *used, struct mopt_value *seen,
                                    struct mopt_error *err)
{
    for (struct mopt_use *use = used->uses; use != NULL; use = use->next) {
        if (use->node->graph != seen->graph) {
            enum mopt_status status = mopt__rewrite_unhide(seen, use->node->graph, err);
            if (status != MOPT_OK) {
                return status;
            }
        }
    }
    if (used->graph_output_count > own_outputs(used)) { // a body gives it out directly
        struct exposed exposed = {.used = used, .seen = seen};
        return mopt__graph_walk(used->graph, unhide_output, &exposed, err);
    }
    return MOPT_OK;
}

enum mopt_status mopt__rewrite_replace_uses(struct mopt_value *from, struct mopt_value *to,
                                            struct mopt_error *err)
{
    enum mopt_status status = from != to ? unhide_uses(from, to, err) : MOPT_OK;
    return status == MOPT_OK ? mopt__value_replace_uses(from, to, err) : status;
}

// ---- Graph outputs

static bool may_be_output(const struct mopt_value *from, const struct mopt_value *to)
{
    return to->graph == from->graph && to->producer != NULL && to->graph_output_count == 0 &&
           !to->is_input;
}

bool mopt__rewrite_can_replace(const struct mopt_value *from, const struct mopt_value *to)
{
    if (!mopt__rewrite_visible(to, from->graph)) {
        return false;
    }
    return own_outputs(from) == 0 || may_be_output(from, to);
}

// to becomes what from was to the outside.
static enum mopt_status take_over_name(struct mopt_value *from, struct mopt_value *to,
                                       struct mopt_error *err)
{
    const char *name = from->name;
    enum mopt_status status = rename_fresh(from, err);
    if (status == MOPT_OK) {
        status = mopt__value_rename(to, name, err);
    }
    if (status == MOPT_OK) {
        to->declared = from->declared;
        to->meta = from->meta;
    }
    return status;
}

static void move_node_uses(struct mopt_value *from, struct mopt_value *to)
{
    while (from->uses != NULL) {
        mopt__node_set_input(from->uses->node, from->uses->index, to);
    }
}

// from stays the output, made by an Identity at the end of its graph; its old producer gets a new
// value in its place.
static enum mopt_status leave_identity(struct mopt_rewriter *rewriter, struct mopt_value *from,
                                       struct mopt_value *to, struct mopt_error *err)
{
    struct mopt_node *old = from->producer;
    uint32_t index = from->output_index;
    struct mopt_value *spare = mopt__value_fresh(from->graph, from->name, err);
    struct mopt_node *node =
        spare != NULL ? mopt__op_node(from->graph, NULL, "Identity", "", &to, 1, 1, err) : NULL;
    if (node == NULL) {
        return err->status;
    }
    spare->type = from->type;
    mopt__node_set_output(old, index, NULL);
    mopt__node_set_output(old, index, spare);
    mopt__node_set_output(node, 0, from);
    mopt__rewriter_queue_around(rewriter, node);
    mopt__rewriter_lost_use(rewriter, spare);
    return mopt__rewrite_unhide(to, from->graph, err);
}

static bool is_identity_of(const struct mopt_value *from, const struct mopt_value *to)
{
    const struct mopt_node *node = from->producer;
    return strcmp(node->op_type, "Identity") == 0 && node->domain[0] == '\0' &&
           node->function == NULL && node->input_count == 1 && node->inputs[0].value == to;
}

// ---- Replace

static enum mopt_status check(const struct mopt_value *from, const struct mopt_value *to,
                              struct mopt_error *err)
{
    if (from->graph->model != to->graph->model || !mopt__rewrite_visible(to, from->graph)) {
        return mopt_error_set(err, MOPT_E_INTERNAL, "value '%s' is not visible where '%s' is used",
                              to->name, from->name);
    }
    for (uint32_t i = 0; to->producer != NULL && i < to->producer->input_count; i++) {
        if (to->producer->inputs[i].value == from) {
            return mopt_error_set(err, MOPT_E_INTERNAL, "value '%s' would depend on itself",
                                  to->name);
        }
    }
    return MOPT_OK;
}

static enum mopt_status merge_types(struct mopt_rewriter *rewriter, struct mopt_value *from,
                                    struct mopt_value *to, struct mopt_error *err)
{
    if (to->type == NULL && from->type == NULL) {
        return MOPT_OK;
    }
    const struct mopt_type *before = to->type;
    const struct mopt_type *type = mopt__type_merge(rewriter->model, to->type, from->type);
    if (type == NULL) {
        return mopt_error_memory(err);
    }
    const struct mopt_dims *dims = rewriter->model->dims;
    bool news_to = mopt__type_news(dims, before, type);
    bool news_from = mopt__type_news(dims, from->type, type);
    for (struct mopt_use *use = to->uses; use != NULL && news_to; use = use->next) {
        mopt__rewriter_queue(rewriter, use->node, true);
    }
    for (struct mopt_use *use = from->uses; use != NULL; use = use->next) {
        mopt__rewriter_queue(rewriter, use->node, news_from);
    }
    to->type = type;
    if (to->ints == NULL) {
        to->ints = from->ints;
    }
    return MOPT_OK;
}

// `from` is a graph output whose name `to` may not have.
static enum mopt_status replace_behind_output(struct mopt_rewriter *rewriter,
                                              struct mopt_value *from, struct mopt_value *to,
                                              struct mopt_error *err)
{
    bool stays = from->producer == NULL || is_identity_of(from, to);
    if (stays && from->use_count == 0) {
        return MOPT_OK; // as it must be already: no edit
    }
    rewriter->edits++;
    move_node_uses(from, to);
    return stays ? MOPT_OK : leave_identity(rewriter, from, to, err);
}

static enum mopt_status replace_whole(struct mopt_rewriter *rewriter, struct mopt_value *from,
                                      struct mopt_value *to, struct mopt_error *err)
{
    rewriter->edits++;
    bool renames = own_outputs(from) > 0;
    enum mopt_status status = renames ? take_over_name(from, to, err) : MOPT_OK;
    if (status == MOPT_OK) {
        status = mopt__value_replace_uses(from, to, err);
    }
    if (status == MOPT_OK && renames) { // the new name may be hidden from older uses
        status = unhide_uses(to, to, err);
    }
    mopt__rewriter_lost_use(rewriter, from);
    return status;
}

enum mopt_status mopt__rewriter_replace(struct mopt_rewriter *rewriter, struct mopt_value *from,
                                        struct mopt_value *to, struct mopt_error *err)
{
    if (from == to || mopt__value_is_dead(from)) {
        return MOPT_OK; // nothing to do: no edit
    }
    enum mopt_status status = check(from, to, err);
    if (status == MOPT_OK) {
        status = unhide_uses(from, to, err);
    }
    if (status == MOPT_OK) {
        status = merge_types(rewriter, from, to, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    mopt__rewriter_queue_users(rewriter, from);
    mopt__rewriter_queue(rewriter, to->producer, false);
    return mopt__rewrite_can_replace(from, to) ? replace_whole(rewriter, from, to, err)
                                               : replace_behind_output(rewriter, from, to, err);
}
