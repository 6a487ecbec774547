// SPDX-License-Identifier: Apache-2.0
// Dropout at inference time.
#include "optimize/optimize.h"

// Opset 12 made training an input; 7 to 11 were inference only; before that an attribute told.
static bool is_inference(const struct mopt_node *node)
{
    int64_t version = mopt__graph_opset(node->graph, "");
    if (version >= 12) {
        double training = 1;
        const struct mopt_value *mode = mopt__node_input(node, 2);
        return mode == NULL || (mopt__match_scalar(mode, &training) && training == 0);
    }
    const struct mopt_attribute *is_test = mopt__node_attribute(node, "is_test");
    return version >= 7 || (is_test != NULL && is_test->kind == MOPT_ATTR_INT && is_test->i != 0);
}

static bool match(struct mopt_match *match)
{
    if (!is_inference(match->root)) {
        return mopt__match_refuse(match, "training mode is on or not known");
    }
    return mopt__may_replace_by_input(match);
}

static const struct mopt_rule rule = {
    .name = "nop-dropout",
    .op = "Dropout",
    .match = match,
    .apply = mopt__replace_by_input,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"removed", "Dropout nodes removed"}};

const struct mopt_pass mopt__pass_eliminate_nop_dropout = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-nop-dropout",
    .summary = "removes Dropout at inference time",
    .help =
        "y, mask = Dropout(x, ratio, training_mode)  ->  x   when training_mode is absent or a "
        "constant false (opset 12 and up), "
        "always for opset 7 to 11, with is_test for opset 1 to 6; and when the mask is not used",
    .level = 1,
    .kind = MOPT_PASS_ELIMINATE,
    .numerics = MOPT_NUMERICS_EXACT,
    .needs = MOPT_NEEDS_SHAPES,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .rules = rules,
    .rule_count = MOPT_COUNTOF(rules),
};
