// SPDX-License-Identifier: Apache-2.0
// Nodes that hand on what they get (Identity, Dropout in inference) are taken out of a private copy
// of the model: in between, they would hide from a convolution what follows it.
#include "exec/prepare.h"
#include "ops/ops.h"

// Since opset 7 Dropout does nothing unless it is told to train, since 12 by an input.
static bool drops_nothing(const struct mopt_node *node)
{
    const struct mopt_value *training = mopt__node_input(node, 2);
    const struct mopt_tensor *t = mopt__initial_constant(training);
    return mopt__prepare_is(node, "Dropout") && node->op->since >= 7 &&
           (training == NULL || (t != NULL && t->dtype == MOPT_BOOL && t->count == 1 &&
                                 *(const uint8_t *)t->data == 0));
}

// The output of the graph may be what makes the input: a node of the same graph, and no output.
static bool may_be_output(const struct mopt_node *node, const struct mopt_value *x)
{
    return x->producer != NULL && x->producer->graph == node->graph && x->graph_output_count == 0;
}

static bool takes(const struct mopt_node *node)
{
    const struct mopt_value *x = mopt__node_input(node, 0);
    return x != NULL && node->op != NULL &&
           (mopt__prepare_is(node, "Identity") || drops_nothing(node)) &&
           mopt__prepare_is_sound(node) &&
           (node->outputs[0]->graph_output_count == 0 || may_be_output(node, x));
}

// y takes the place of x, which its producer makes no longer.
static enum mopt_status rename_input(struct mopt_node *node, struct mopt_error *err)
{
    struct mopt_value *x = node->inputs[0].value;
    struct mopt_value *y = node->outputs[0];
    struct mopt_node *producer = x->producer;
    uint32_t index = 0;
    while (producer->outputs[index] != x) {
        index++;
    }
    enum mopt_status status = mopt__value_replace_uses(x, y, err);
    if (status == MOPT_OK) {
        mopt__node_set_output(node, 0, NULL);
        mopt__node_set_output(producer, index, NULL);
        mopt__node_set_output(producer, index, y);
        mopt__node_set_output(node, 0, x);
    }
    return status;
}

static enum mopt_status bypass(struct mopt_node *node, struct mopt_error *err)
{
    enum mopt_status status =
        node->outputs[0]->graph_output_count > 0
            ? rename_input(node, err)
            : mopt__value_replace_uses(node->outputs[0], node->inputs[0].value, err);
    if (status == MOPT_OK) {
        mopt__node_remove(node);
    }
    return status;
}

const struct mopt_prepare mopt__prepare_bypass = {.takes = takes, .change = bypass};
