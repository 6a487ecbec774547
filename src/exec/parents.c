// SPDX-License-Identifier: Apache-2.0
// Images that a Concat of channels puts side by side may be written where they will lie, so that
// nothing is left to copy. Here it is only noted. Who makes an image may make it elsewhere, and it
// is copied then; once one image lies in the Concat's memory, the Concat is lowered there, too.
#include "exec/lower.h"

static bool by_channels(const struct mopt_lower *l, const struct mopt_node *node,
                        const struct mopt_value *whole)
{
    struct mopt_low_shape shape;
    size_t batch;
    size_t channels;
    size_t pixels;
    if (!mopt__low_is_free(l, node) || !mopt__low_shape(l, whole, &shape) ||
        shape.dtype != MOPT_FLOAT32 || !mopt__low_image(&shape, &batch, &channels, &pixels)) {
        return false;
    }
    int64_t axis = mopt__int_of(node, "axis", 0);
    return axis == 1 || axis == 1 - shape.rank;
}

static void note(struct mopt_lower *l, const struct mopt_value *value,
                 const struct mopt_value *parent, size_t channel)
{
    struct mopt_low_value *v = &l->values[value->id];
    if (v->parent == NULL && value != parent) {
        v->parent = parent;
        v->parent_channel = channel;
    }
}

// All results of a Split of channels side by side again, from operand `at` on: what is split may
// lie there as a whole.
static bool follows(const struct mopt_node *concat, uint32_t at, const struct mopt_node *split)
{
    for (uint32_t o = 0; o < split->output_count; o++) {
        if (mopt__node_input(concat, at + o) != split->outputs[o] || split->outputs[o] == NULL) {
            return false;
        }
    }
    return true;
}

// A Concat of channels that will be lowered with channels innermost as soon as one operand is.
static bool is_parent(const struct mopt_lower *l, const struct mopt_node *concat)
{
    const struct mopt_value *whole = mopt__node_output(concat, 0);
    struct mopt_low_shape y;
    if (!mopt__low_is(concat, "", "Concat") || !by_channels(l, concat, whole) ||
        l->facts[whole->id].constant != NULL || !mopt__low_shape(l, whole, &y)) {
        return false;
    }
    for (uint32_t i = 0; i < concat->input_count; i++) {
        struct mopt_low_shape x;
        if (!mopt__low_shape(l, mopt__node_input(concat, i), &x) || x.rank != y.rank ||
            x.dtype != MOPT_FLOAT32) {
            return false;
        }
    }
    return true;
}

static void note_operands(struct mopt_lower *l, const struct mopt_node *concat)
{
    const struct mopt_value *whole = concat->outputs[0];
    size_t channel = 0;
    for (uint32_t i = 0; i < concat->input_count; i++) {
        struct mopt_low_shape shape;
        const struct mopt_value *value = concat->inputs[i].value;
        mopt__low_shape(l, value, &shape);
        const struct mopt_node *maker = value->producer;
        if (mopt__low_is(maker, "", "Split") && maker->graph == l->schedule->graph &&
            by_channels(l, maker, mopt__node_input(maker, 0)) && follows(concat, i, maker)) {
            note(l, mopt__node_input(maker, 0), whole, channel);
        }
        note(l, value, whole, channel);
        channel += (size_t)shape.dims[1];
    }
}

void mopt__low_parents(struct mopt_lower *l)
{
    const struct mopt_schedule *main = l->schedule;
    for (uint32_t s = 0; s < main->step_count; s++) {
        const struct mopt_node *node = main->steps[s].node;
        if (!main->steps[s].folded && is_parent(l, node)) {
            note_operands(l, node);
        }
    }
}
