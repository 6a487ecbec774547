// SPDX-License-Identifier: Apache-2.0
// Nodes that pick or repeat elements of dequantized codes work on the codes, in a private copy of
// the model, and DequantizeLinear follows them. Nodes whose elements lie where the shapes say are
// not among them: native_moves.c moves their codes.
#include <string.h>

#include "exec/prepare.h"
#include "ops/ops.h"

static bool picks(const struct mopt_node *node)
{
    static const char *const names[] = {"Gather", "GatherElements", "GatherND", "Tile", "Expand"};
    bool found = false;
    for (size_t i = 0; i < MOPT_COUNTOF(names); i++) {
        found = found || mopt__prepare_is(node, names[i]);
    }
    return found;
}

static const struct mopt_tensor *number(const struct mopt_value *value)
{
    const struct mopt_tensor *t = mopt__initial_constant(value);
    return t != NULL && t->rank == 0 ? t : NULL;
}

// One scale and one zero point, which never change and say that the codes are bytes.
static bool dequantizes_bytes(const struct mopt_node *node)
{
    if (node == NULL || strcmp(node->op_type, "DequantizeLinear") != 0 ||
        !mopt__prepare_is_sound(node) || mopt__node_attribute(node, "block_size") != NULL ||
        mopt__node_attribute(node, "output_dtype") != NULL) {
        return false;
    }
    const struct mopt_tensor *scale = number(mopt__node_input(node, 1));
    const struct mopt_tensor *zero = number(mopt__node_input(node, 2));
    return scale != NULL && scale->dtype == MOPT_FLOAT32 && zero != NULL &&
           (zero->dtype == MOPT_INT8 || zero->dtype == MOPT_UINT8);
}

// What dequantizes the elements that the node picks; NULL: it stays as it is.
static struct mopt_node *source_of(const struct mopt_node *node)
{
    const struct mopt_value *x = mopt__node_input(node, 0);
    bool changes = picks(node) && x != NULL && dequantizes_bytes(x->producer) &&
                   x->producer->graph == node->graph && mopt__prepare_is_sound(node);
    return changes ? x->producer : NULL;
}

static bool takes(const struct mopt_node *node)
{
    return source_of(node) != NULL;
}

static enum mopt_status change(struct mopt_node *node, struct mopt_error *err)
{
    struct mopt_node *source = source_of(node);
    struct mopt_value *y = node->outputs[0];
    struct mopt_value *codes = mopt__value_fresh(node->graph, y->name, err);
    struct mopt_node *after = codes != NULL
                                  ? mopt__node_new(node->graph, node->next, source->op_type,
                                                   source->domain, source->input_count, 1, err)
                                  : NULL;
    if (after == NULL) {
        return err->status;
    }
    after->op = source->op;
    mopt__node_set_output(node, 0, NULL);
    mopt__node_set_output(node, 0, codes);
    mopt__node_set_input(node, 0, source->inputs[0].value);
    mopt__node_set_input(after, 0, codes);
    for (uint32_t i = 1; i < source->input_count; i++) {
        mopt__node_set_input(after, i, source->inputs[i].value);
    }
    mopt__node_set_output(after, 0, y);
    if (source->outputs[0]->use_count == 0 && source->outputs[0]->graph_output_count == 0) {
        mopt__node_remove(source);
    }
    return MOPT_OK;
}

const struct mopt_prepare mopt__prepare_picked_codes = {.takes = takes, .change = change};
