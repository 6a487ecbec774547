// SPDX-License-Identifier: Apache-2.0
// Reshape, Flatten, Squeeze, Unsqueeze and Expand that do not change the shape.
#include "optimize/optimize.h"

static bool match(struct mopt_match *match)
{
    const struct mopt_value *from = mopt__node_input(match->root, 0);
    const struct mopt_value *to = mopt__node_output(match->root, 0);
    if (from == NULL || to == NULL || !mopt__match_same_shape(from, to)) {
        return mopt__match_refuse(match, "the shape changes or is not known");
    }
    return mopt__may_replace_by_input(match);
}

static const struct mopt_rule rule = {
    .name = "nop-reshape",
    .op = "Reshape|Flatten|Squeeze|Unsqueeze|Expand|Tile",
    .match = match,
    .apply = mopt__replace_by_input,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"removed", "nodes removed"}};

const struct mopt_pass mopt__pass_eliminate_nop_reshape = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-nop-reshape",
    .summary = "removes Reshape, Flatten, Squeeze, Unsqueeze, Expand and Tile that keep the shape",
    .help = "y = Reshape(x, shape)  ->  x   when the shapes of x and y are provably equal, "
            "symbolic dimensions included",
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
