// SPDX-License-Identifier: Apache-2.0
// Cast to the type a value already has.
#include "optimize/optimize.h"

static bool match(struct mopt_match *match)
{
    const struct mopt_type *from =
        mopt__node_input(match->root, 0) != NULL ? mopt__node_input(match->root, 0)->type : NULL;
    const struct mopt_type *to =
        mopt__node_output(match->root, 0) != NULL ? mopt__node_output(match->root, 0)->type : NULL;
    if (from == NULL || to == NULL || from->kind != MOPT_TYPE_TENSOR ||
        to->kind != MOPT_TYPE_TENSOR || from->dtype == MOPT_UNDEFINED || from->dtype != to->dtype) {
        return mopt__match_refuse(match, "the element type changes or is not known");
    }
    return mopt__may_replace_by_input(match);
}

static const struct mopt_rule rule = {
    .name = "nop-cast",
    .op = "Cast|CastLike",
    .match = match,
    .apply = mopt__replace_by_input,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"removed", "casts removed"}};

const struct mopt_pass mopt__pass_eliminate_nop_cast = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-nop-cast",
    .summary = "removes casts to the type a value already has",
    .help = "y = Cast<to=T>(x)  ->  x   when x is known to have element type T",
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
