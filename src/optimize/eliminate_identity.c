// SPDX-License-Identifier: Apache-2.0
// Identity(x) -> x.
#include "optimize/optimize.h"

static const struct mopt_rule identity = {
    .name = "identity",
    .op = "Identity",
    .match = mopt__may_replace_by_input,
    .apply = mopt__replace_by_input,
};
static const struct mopt_rule *const rules[] = {&identity};

static const struct mopt_pass_counter counters[] = {{"removed", "Identity nodes removed"}};

const struct mopt_pass mopt__pass_eliminate_identity = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-identity",
    .summary = "removes Identity nodes",
    .help = "y = Identity(x)  ->  x\n"
            "Kept when y is a graph output and x is a graph input, an initializer or another "
            "output: the interface "
            "of the graph does not change.",
    .level = 1,
    .kind = MOPT_PASS_ELIMINATE,
    .numerics = MOPT_NUMERICS_EXACT,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .rules = rules,
    .rule_count = MOPT_COUNTOF(rules),
};
