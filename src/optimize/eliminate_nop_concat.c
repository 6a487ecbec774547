// SPDX-License-Identifier: Apache-2.0
// Concat of one tensor.
#include "optimize/optimize.h"

static bool match(struct mopt_match *match)
{
    if (match->root->input_count != 1) {
        return mopt__match_refuse(match, "more than one input");
    }
    return mopt__may_replace_by_input(match);
}

static const struct mopt_rule rule = {
    .name = "nop-concat",
    .op = "Concat|Sum|Max|Min|Mean",
    .match = match,
    .apply = mopt__replace_by_input,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"removed", "nodes removed"}};

const struct mopt_pass mopt__pass_eliminate_nop_concat = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-nop-concat",
    .summary = "removes Concat, Sum, Max, Min and Mean of a single input",
    .help = "y = Concat(x)  ->  x",
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
