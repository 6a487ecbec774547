// SPDX-License-Identifier: Apache-2.0
// What every turn of a Loop or a Scan hands on unchanged: its body reads what the first turn gets,
// from outside, which may be a constant. Exporters of TensorFlow hand on weights like that.
#include "exec/prepare.h"
#include "ops/operands.h"

// What the body carries from turn to turn: operands, inputs and outputs of the body from these on.
struct carried {
    const struct mopt_graph *body;
    uint32_t operand, input, output, count;
};

static bool open(const struct mopt_node *node, struct carried *c)
{
    const struct mopt_attribute *body = mopt__node_attribute(node, "body");
    bool loop = mopt__prepare_is(node, "Loop");
    bool scan = mopt__prepare_is(node, "Scan") && node->op != NULL && node->op->since >= 9;
    if (!(loop || scan) || body == NULL || body->kind != MOPT_ATTR_GRAPH) {
        return false;
    }
    int64_t elements = scan ? mopt__int_of(node, "num_scan_inputs", -1) : 0;
    *c = (struct carried){.body = body->g};
    c->operand = loop ? 2 : 0;
    c->input = loop ? 2 : 0;
    c->output = loop ? 1 : 0;
    bool fits = elements >= 0 && node->input_count >= c->operand + (uint64_t)elements &&
                body->g->inputs.count == node->input_count;
    c->count = fits ? node->input_count - c->operand - (uint32_t)elements : 0;
    return fits && body->g->outputs.count >= c->output + (size_t)c->count;
}

static bool is_identity(const struct mopt_node *node)
{
    return mopt__prepare_is(node, "Identity") && mopt__node_input(node, 0) != NULL;
}

// The input of the body that turns hand on unchanged, and which nodes read; NULL.
static struct mopt_value *unchanged(const struct mopt_node *node, const struct carried *c,
                                    uint32_t i)
{
    struct mopt_value *input = c->body->inputs.items[c->input + i];
    const struct mopt_value *output = c->body->outputs.items[c->output + i];
    while (output != input && output->graph == c->body && output->producer != NULL &&
           is_identity(output->producer)) {
        output = output->producer->inputs[0].value;
    }
    const struct mopt_use *use = input->uses;
    while (use != NULL && is_identity(use->node)) {
        use = use->next;
    }
    bool given = mopt__node_input(node, c->operand + i) != NULL;
    return output == input && given && use != NULL ? input : NULL;
}

static bool takes(const struct mopt_node *node)
{
    struct carried c;
    bool found = false;
    if (open(node, &c)) {
        for (uint32_t i = 0; i < c.count && !found; i++) {
            found = unchanged(node, &c, i) != NULL;
        }
    }
    return found;
}

// The body still hands it on, so that the results of the node stay.
static enum mopt_status read_outside(struct mopt_node *node, struct mopt_error *err)
{
    struct carried c;
    bool opened = open(node, &c);
    (void)err;
    for (uint32_t i = 0; opened && i < c.count; i++) {
        struct mopt_value *input = unchanged(node, &c, i);
        struct mopt_use *next = NULL;
        for (struct mopt_use *use = input != NULL ? input->uses : NULL; use != NULL; use = next) {
            next = use->next;
            if (!is_identity(use->node)) {
                mopt__node_set_input(use->node, use->index, node->inputs[c.operand + i].value);
            }
        }
    }
    return MOPT_OK;
}

const struct mopt_prepare mopt__prepare_invariants = {.takes = takes, .change = read_outside};
