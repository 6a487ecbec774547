// SPDX-License-Identifier: Apache-2.0
// Pad by nothing.
#include "optimize/optimize.h"

static bool all_zero(const int64_t *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (items[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool pads_nothing(const struct mopt_node *node)
{
    const struct mopt_attribute *pads = mopt__node_attribute(node, "pads"); // before opset 11
    if (pads != NULL) {
        return pads->kind == MOPT_ATTR_INTS && all_zero(pads->ints, pads->count);
    }
    const int64_t *items;
    size_t count;
    const struct mopt_value *input = mopt__node_input(node, 1);
    return input != NULL && mopt__match_ints(input, &items, &count) && all_zero(items, count);
}

static bool match(struct mopt_match *match)
{
    if (!pads_nothing(match->root)) {
        return mopt__match_refuse(match, "padding is not known to be zero");
    }
    return mopt__may_replace_by_input(match);
}

static const struct mopt_rule rule = {
    .name = "nop-pad",
    .op = "Pad",
    .match = match,
    .apply = mopt__replace_by_input,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"removed", "Pad nodes removed"}};

const struct mopt_pass mopt__pass_eliminate_nop_pad = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-nop-pad",
    .summary = "removes Pad nodes that add nothing",
    .help = "y = Pad(x, {0, 0, 0, 0})  ->  x",
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
