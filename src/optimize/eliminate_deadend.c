// SPDX-License-Identifier: Apache-2.0
// Removes nodes whose outputs nobody uses, and omits outputs nobody uses where the operator allows
// it.
#include <string.h>

#include "optimize/optimize.h"

struct sweep {
    struct mopt_pass_context *context;
    uint64_t removed, omitted;
};

static bool is_dead(const struct mopt_node *node)
{
    for (uint32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] != NULL && !mopt__value_is_dead(node->outputs[i])) {
            return false;
        }
    }
    return node->output_count > 0;
}

static bool may_omit(const struct mopt_node *node, uint32_t index)
{
    const struct mopt_op *op = node->op;
    bool tells_mode = node->domain[0] == '\0' &&
                      strcmp(node->op_type, "BatchNormalization") == 0; // before opset 14
    return op != NULL && !tells_mode && index < op->output_count &&
           (op->outputs[index].flags & MOPT_PARAM_OPTIONAL) != 0 &&
           (op->outputs[index].flags & MOPT_PARAM_VARIADIC) == 0;
}

// Unused trailing outputs are cut off: an executor need not compute them.
static enum mopt_status omit_outputs(struct sweep *sweep, struct mopt_node *node,
                                     struct mopt_error *err)
{
    uint32_t count = node->output_count;
    while (count > 1 && may_omit(node, count - 1) &&
           (node->outputs[count - 1] == NULL || mopt__value_is_dead(node->outputs[count - 1]))) {
        count--;
        if (node->outputs[count] != NULL) {
            mopt__node_set_output(node, count, NULL);
            sweep->omitted++;
        }
    }
    return count < node->output_count ? mopt__node_resize_outputs(node, count, err) : MOPT_OK;
}

// Backwards over a sorted graph: one sweep finds chains.
static enum mopt_status sweep_graph(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct sweep *sweep = context;
    enum mopt_status status = MOPT_OK;
    for (struct mopt_node *node = graph->last; node != NULL && status == MOPT_OK;) {
        struct mopt_node *prev = node->prev;
        if (is_dead(node)) {
            mopt__node_remove(node);
            sweep->removed++;
        } else {
            status = omit_outputs(sweep, node, err);
        }
        node = prev;
    }
    return status;
}

static enum mopt_status run(struct mopt_pass_context *context, struct mopt_model *model,
                            struct mopt_error *err)
{
    struct sweep sweep = {.context = context};
    enum mopt_status status = mopt__model_walk(model, sweep_graph, &sweep, err);
    mopt__pass_count(context, "removed", sweep.removed);
    mopt__pass_count(context, "omitted", sweep.omitted);
    return status;
}

static const struct mopt_pass_counter counters[] = {
    {"removed", "nodes without a used output removed"},
    {"omitted", "unused optional outputs cut off"},
};

const struct mopt_pass mopt__pass_eliminate_deadend = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-deadend",
    .summary = "removes nodes whose outputs nobody uses",
    .help = "A node goes when none of its outputs is used by a node of any scope or is a graph "
            "output. Unused trailing "
            "optional outputs are cut off.",
    .level = 1,
    .kind = MOPT_PASS_ELIMINATE,
    .numerics = MOPT_NUMERICS_EXACT,
    .needs = MOPT_NEEDS_ORDER,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .fixpoint = true,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .run = run,
};
