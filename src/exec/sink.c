// SPDX-License-Identifier: Apache-2.0
// A body that computes with what a DequantizeLinear outside of it makes would see floats, though
// the same nodes in one graph are an integer convolution or product: whether a node stands in a
// branch must not decide how it sums. So the body gets a DequantizeLinear of its own, and captures
// the codes. A turn of a loop would dequantize again, so there only products and convolutions,
// which take codes as they are, have this.
#include <string.h>

#include "exec/prepare.h"

// Codes that are computed, of one scale that never changes.
static bool is_source(const struct mopt_node *node)
{
    if (node->op == NULL || node->output_count != 1 || node->outputs[0] == NULL ||
        strcmp(node->op_type, "DequantizeLinear") != 0 ||
        (node->domain[0] != '\0' && strcmp(node->domain, "com.microsoft") != 0)) {
        return false;
    }
    const struct mopt_value *codes = mopt__node_input(node, 0);
    const struct mopt_value *zero = mopt__node_input(node, 2);
    const struct mopt_tensor *scale = mopt__initial_constant(mopt__node_input(node, 1));
    return codes != NULL && mopt__initial_constant(codes) == NULL && scale != NULL &&
           scale->count == 1 && (zero == NULL || mopt__initial_constant(zero) != NULL);
}

static bool takes_codes(const struct mopt_node *node)
{
    return mopt__prepare_is(node, "Conv") || mopt__prepare_is(node, "MatMul") ||
           mopt__prepare_is(node, "Gemm");
}

// The use is in a body inside `outer` that should have the codes.
static bool sinks(const struct mopt_use *use, const struct mopt_graph *outer)
{
    const struct mopt_graph *graph = use->node->graph;
    bool repeats = false;
    for (const struct mopt_graph *g = graph; g != outer && g->owner != NULL; g = g->parent) {
        repeats = repeats || !mopt__prepare_is(g->owner, "If");
    }
    return graph != outer && (!repeats || takes_codes(use->node));
}

static struct mopt_use *find_use(const struct mopt_node *source)
{
    struct mopt_use *use = source->outputs[0]->uses;
    while (use != NULL && !sinks(use, source->graph)) {
        use = use->next;
    }
    return use;
}

static bool takes(const struct mopt_node *node)
{
    return is_source(node) && find_use(node) != NULL;
}

// The same node in front of all others of a body; NULL: out of memory.
static struct mopt_value *repeat(const struct mopt_node *source, struct mopt_graph *body,
                                 struct mopt_error *err)
{
    struct mopt_node *node = mopt__node_new(body, body->first, source->op_type, source->domain,
                                            source->input_count, 1, err);
    struct mopt_value *real =
        node != NULL ? mopt__value_fresh(body, source->outputs[0]->name, err) : NULL;
    if (real == NULL || mopt__node_copy_attributes(node, source, err) != MOPT_OK) {
        return NULL;
    }
    node->op = source->op;
    for (uint32_t i = 0; i < source->input_count; i++) {
        mopt__node_set_input(node, i, source->inputs[i].value);
    }
    mopt__node_set_output(node, 0, real);
    real->type = source->outputs[0]->type;
    return real;
}

static enum mopt_status sink(struct mopt_node *source, struct mopt_error *err)
{
    struct mopt_use *use;
    while ((use = find_use(source)) != NULL) {
        struct mopt_graph *body = use->node->graph;
        struct mopt_value *real = repeat(source, body, err);
        if (real == NULL) {
            return err->status;
        }
        struct mopt_use *next;
        for (use = source->outputs[0]->uses; use != NULL; use = next) {
            next = use->next;
            if (use->node->graph == body && sinks(use, source->graph)) {
                mopt__node_set_input(use->node, use->index, real);
            }
        }
    }
    return MOPT_OK;
}

const struct mopt_prepare mopt__prepare_outer_codes = {.takes = takes, .change = sink};
