// SPDX-License-Identifier: Apache-2.0
// Split into one part.
#include "optimize/optimize.h"

static bool match(struct mopt_match *match)
{
    const struct mopt_node *node = match->root;
    if (node->output_count != 1 || mopt__node_output(node, 0) == NULL ||
        mopt__node_input(node, 0) == NULL) {
        return mopt__match_refuse(match, "more than one part");
    }
    if (!mopt__match_same_shape(node->inputs[0].value, node->outputs[0])) {
        return mopt__match_refuse(match, "the shape changes or is not known");
    }
    return mopt__may_replace_by_input(match);
}

static const struct mopt_rule rule = {
    .name = "nop-split",
    .op = "Split",
    .match = match,
    .apply = mopt__replace_by_input,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"removed", "Split nodes removed"}};

const struct mopt_pass mopt__pass_eliminate_nop_split = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-nop-split",
    .summary = "removes Split into a single part",
    .help = "y = Split(x)  ->  x   when there is one output and its shape is provably that of x",
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
