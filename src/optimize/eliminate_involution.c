// SPDX-License-Identifier: Apache-2.0
// Neg(Neg(x)) and Not(Not(x)) are x.
#include "optimize/optimize.h"

static bool match(struct mopt_match *match)
{
    const struct mopt_value *x = match->nodes[0]->inputs[0].value;
    return mopt__rewrite_can_replace(match->root->outputs[0], x) ||
           mopt__match_refuse(match, "a graph output must keep its own value");
}

static enum mopt_status apply(struct mopt_rewriter *rewriter, struct mopt_match *match,
                              struct mopt_error *err)
{
    return mopt__rewriter_replace(rewriter, match->root->outputs[0],
                                  match->nodes[0]->inputs[0].value, err);
}

static const struct mopt_rule twice_neg = {
    .name = "neg-neg",
    .pattern = "t = Neg(x)\n"
               "y = Neg(t)",
    .match = match,
    .apply = apply,
};
static const struct mopt_rule twice_not = {
    .name = "not-not",
    .pattern = "t = Not(x)\n"
               "y = Not(t)",
    .match = match,
    .apply = apply,
};
static const struct mopt_rule *const rules[] = {&twice_neg, &twice_not};

static const struct mopt_pass_counter counters[] = {{"removed", "pairs removed"}};

const struct mopt_pass mopt__pass_eliminate_involution = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-involution",
    .summary = "removes pairs of Neg and of Not",
    .help = "y = Neg(Neg(x))  ->  x\n"
            "y = Not(Not(x))  ->  x",
    .level = 1,
    .kind = MOPT_PASS_ELIMINATE,
    .numerics = MOPT_NUMERICS_EXACT,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .rules = rules,
    .rule_count = MOPT_COUNTOF(rules),
};
