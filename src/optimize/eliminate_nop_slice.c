// SPDX-License-Identifier: Apache-2.0
// Slice over the full range with step 1.
#include "optimize/optimize.h"

// A slice of the same size with steps of 1 starts at 0; steps of -1 would reverse the axis.
static bool steps_are_one(const struct mopt_node *node)
{
    const struct mopt_value *steps = mopt__node_input(node, 4);
    if (steps == NULL) {
        return true;
    }
    const int64_t *items;
    size_t count;
    if (!mopt__match_ints(steps, &items, &count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (items[i] != 1) {
            return false;
        }
    }
    return true;
}

static bool match(struct mopt_match *match)
{
    const struct mopt_value *from = mopt__node_input(match->root, 0);
    const struct mopt_value *to = mopt__node_output(match->root, 0);
    if (from == NULL || to == NULL || !mopt__match_same_shape(from, to)) {
        return mopt__match_refuse(match, "the shape changes or is not known");
    }
    if (!steps_are_one(match->root)) {
        return mopt__match_refuse(match, "a step is not 1");
    }
    return mopt__may_replace_by_input(match);
}

static const struct mopt_rule rule = {
    .name = "nop-slice",
    .op = "Slice",
    .match = match,
    .apply = mopt__replace_by_input,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"removed", "Slice nodes removed"}};

const struct mopt_pass mopt__pass_eliminate_nop_slice = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-nop-slice",
    .summary = "removes Slice nodes that keep everything",
    .help = "y = Slice(x, starts, ends, axes, steps)  ->  x   when every step is 1 and the shape "
            "provably stays",
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
