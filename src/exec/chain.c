// SPDX-License-Identifier: Apache-2.0
// Building of nodes in the place of one. It knows no operator's meaning.
#include "exec/chain.h"

#include "ops/ops.h"

enum { VERSION = 13 }; // of the operators that are made

struct mopt_node *mopt__chain_add(struct mopt_chain *c, const char *op_type,
                                  struct mopt_value *const *inputs, uint32_t count,
                                  uint32_t outputs)
{
    struct mopt_node *made =
        c->failed ? NULL
                  : mopt__node_new(c->node->graph, c->node, op_type, "", count, outputs, c->err);
    c->failed = made == NULL;
    if (made == NULL) {
        return NULL;
    }
    made->op = mopt__op_find("", op_type, VERSION);
    for (uint32_t i = 0; i < count; i++) {
        mopt__node_set_input(made, i, inputs[i]);
    }
    c->last = made;
    return made;
}

struct mopt_value *mopt__chain_output(struct mopt_chain *c, struct mopt_node *made, uint32_t index)
{
    struct mopt_value *value =
        c->failed ? NULL : mopt__value_fresh(c->node->graph, c->node->outputs[0]->name, c->err);
    c->failed = value == NULL;
    if (value != NULL) {
        mopt__node_set_output(made, index, value);
    }
    return value;
}

struct mopt_value *mopt__chain_last(struct mopt_chain *c)
{
    return mopt__chain_output(c, c->last, 0);
}

struct mopt_node *mopt__chain_follow(struct mopt_chain *c, const char *op_type,
                                     struct mopt_value *value)
{
    struct mopt_value *inputs[] = {mopt__chain_last(c), value};
    return mopt__chain_add(c, op_type, inputs, value != NULL ? 2 : 1, 1);
}

void mopt__chain_scale(struct mopt_chain *c, struct mopt_value *factor)
{
    struct mopt_node *cast = mopt__chain_follow(c, "Cast", NULL);
    mopt__chain_set_int(c, cast, "to", MOPT_FLOAT32);
    mopt__chain_follow(c, "Mul", factor);
}

void mopt__chain_set_int(struct mopt_chain *c, struct mopt_node *made, const char *name,
                         int64_t value)
{
    c->failed = c->failed || mopt__node_set_int(made, name, value, c->err) != MOPT_OK;
}

void mopt__chain_set_float(struct mopt_chain *c, struct mopt_node *made, const char *name,
                           double value)
{
    c->failed = c->failed || mopt__node_set_float(made, name, (float)value, c->err) != MOPT_OK;
}

enum mopt_status mopt__chain_finish(struct mopt_chain *c)
{
    if (c->failed) {
        return c->err->status;
    }
    struct mopt_value *y = c->node->outputs[0];
    mopt__node_set_output(c->node, 0, NULL);
    mopt__node_set_output(c->last, 0, y);
    c->last->name = c->node->name;
    mopt__node_remove(c->node);
    return MOPT_OK;
}
