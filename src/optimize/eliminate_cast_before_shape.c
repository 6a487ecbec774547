// SPDX-License-Identifier: Apache-2.0
// Shape and Size do not look at the elements: a Cast before them is not needed.
#include "optimize/optimize.h"

static enum mopt_status apply(struct mopt_rewriter *rewriter, struct mopt_match *match,
                              struct mopt_error *err)
{
    return mopt__rewriter_set_input(rewriter, match->root, 0, match->nodes[0]->inputs[0].value,
                                    err);
}

static const struct mopt_rule rule = {
    .name = "cast-before-shape",
    .pattern = "c = Cast|CastLike(x, ...)\n"
               "y = Shape|Size(c)",
    .apply = apply,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"removed", "casts skipped"}};

const struct mopt_pass mopt__pass_eliminate_cast_before_shape = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-cast-before-shape",
    .summary = "takes the shape of a value before it is cast",
    .help = "s = Shape(Cast(x))  ->  s = Shape(x)",
    .level = 1,
    .kind = MOPT_PASS_ELIMINATE,
    .numerics = MOPT_NUMERICS_EXACT,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .rules = rules,
    .rule_count = MOPT_COUNTOF(rules),
};
