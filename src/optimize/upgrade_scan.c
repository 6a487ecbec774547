// SPDX-License-Identifier: Apache-2.0
// Scan-8 worked batch by batch on [batch, sequence, ...]; Scan-9 has no batch. The equivalent is a
// Scan over axis 0 of everything (the batch), without state, whose body is the Scan of one example.
#include "optimize/upgrade_steps.h"

// The inner Scan in the body of the new one: the attributes of the old one under their new names.
static enum mopt_status set_attributes(struct mopt_node *inner, const struct mopt_node *node,
                                       struct mopt_error *err)
{
    const struct mopt_attribute *directions = NULL;
    enum mopt_status status = mopt__node_copy_attributes(inner, node, err);
    if (status == MOPT_OK) {
        status = mopt__upgrade_ints(inner, "directions", &directions, err);
    }
    if (status != MOPT_OK || directions == NULL) {
        return status;
    }
    const int64_t *items = directions->ints;
    size_t count = directions->count;
    (void)mopt__node_remove_attribute(inner, "directions");
    return mopt__node_set_ints(inner, "scan_input_directions", items, count, err);
}

static enum mopt_status add_inputs(struct mopt_graph *body, struct mopt_node *inner,
                                   struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 0; i < inner->input_count && status == MOPT_OK; i++) {
        struct mopt_value *value = mopt__value_fresh(body, "example", err);
        status = value != NULL ? mopt__graph_add_input(body, value, err) : err->status;
        mopt__node_set_input(inner, i, status == MOPT_OK ? value : NULL);
    }
    return status;
}

static enum mopt_status add_outputs(struct mopt_graph *body, struct mopt_node *inner,
                                    struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 0; i < inner->output_count && status == MOPT_OK; i++) {
        struct mopt_value *value = mopt__value_fresh(body, "result", err);
        if (value == NULL) {
            return err->status;
        }
        mopt__node_set_output(inner, i, value);
        status = mopt__graph_add_output(body, value, err);
    }
    return status;
}

static enum mopt_status build_body(struct mopt_node *node, struct mopt_graph *body,
                                   struct mopt_error *err)
{
    struct mopt_node *inner =
        mopt__op_node(body, NULL, "Scan", "", NULL, 0, node->output_count, err);
    if (inner == NULL) {
        return err->status;
    }
    inner->mark =
        node->mark; // has the new form: the walk, which comes to bodies later, leaves it alone
    enum mopt_status status = mopt__node_resize_inputs(inner, node->input_count - 1, err);
    if (status == MOPT_OK) {
        status = add_inputs(body, inner, err);
    }
    if (status == MOPT_OK) {
        status = add_outputs(body, inner, err);
    }
    return status == MOPT_OK ? set_attributes(inner, node, err) : status;
}

enum mopt_status mopt__step_scan_9(struct mopt_node *node, struct mopt_error *err)
{
    if (node->input_count < 2) {
        return mopt_error_set(err, MOPT_E_FORMAT, "there is nothing to scan");
    }
    if (node->inputs[0].value != NULL) {
        return mopt__upgrade_refuse("examples of different lengths (sequence_lens)", err);
    }
    struct mopt_graph *body = mopt__graph_new(node->graph->model, node->graph, err);
    const char *name = body != NULL ? mopt__model_intern(body->model, "example", err) : NULL;
    if (name == NULL) {
        return err->status;
    }
    body->name = name; // sub-graphs must have one
    enum mopt_status status = build_body(node, body, err);
    if (status != MOPT_OK) {
        return status;
    }
    (void)mopt__node_remove_attribute(node, "directions");
    status = mopt__node_set_graph(node, "body", body, err);
    if (status == MOPT_OK) {
        status = mopt__node_set_int(node, "num_scan_inputs", (int64_t)node->input_count - 1, err);
    }
    for (uint32_t i = 1; i < node->input_count; i++) {
        mopt__node_set_input(node, i - 1, node->inputs[i].value);
    }
    mopt__node_set_input(node, node->input_count - 1, NULL);
    return status == MOPT_OK ? mopt__node_resize_inputs(node, node->input_count - 1, err) : status;
}
