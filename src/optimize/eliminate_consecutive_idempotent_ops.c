// SPDX-License-Identifier: Apache-2.0
// f(f(x)) -> f(x) for operators that do nothing the second time.
#include <string.h>

#include "optimize/optimize.h"

static bool same_attributes(const struct mopt_node *a, const struct mopt_node *b)
{
    if (a->attribute_count != b->attribute_count) {
        return false;
    }
    for (uint32_t i = 0; i < a->attribute_count; i++) {
        const struct mopt_attribute *other = mopt__node_attribute(b, a->attributes[i].name);
        if (other == NULL || !mopt__attribute_equal(&a->attributes[i], other)) {
            return false;
        }
    }
    return true;
}

static bool same_other_inputs(const struct mopt_node *a, const struct mopt_node *b)
{
    for (uint32_t i = 1; i < a->input_count || i < b->input_count; i++) {
        if (mopt__node_input(a, i) != mopt__node_input(b, i)) {
            return false;
        }
    }
    return true;
}

static bool match(struct mopt_match *match)
{
    const struct mopt_node *outer = match->root;
    const struct mopt_value *middle = mopt__node_input(outer, 0);
    const struct mopt_node *inner = middle != NULL ? middle->producer : NULL;
    if (inner == NULL || inner->op == NULL || inner->op != outer->op || inner->output_count != 1) {
        return false;
    }
    if ((outer->op->traits & MOPT_TRAIT_IDEMPOTENT) == 0 || !same_attributes(inner, outer) ||
        !same_other_inputs(inner, outer)) {
        return mopt__match_refuse(match, "attributes or bounds differ");
    }
    return mopt__may_replace_by_input(match);
}

static const struct mopt_rule rule = {
    .name = "idempotent",
    .op = "Relu|Abs|Ceil|Floor|Round|Sign|Clip|ThresholdedRelu",
    .match = match,
    .apply = mopt__replace_by_input,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"removed", "repeated nodes removed"}};

const struct mopt_pass mopt__pass_eliminate_consecutive_idempotent_ops = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-consecutive-idempotent-ops",
    .summary = "removes the second of two equal operators that change nothing the second time",
    .help = "y = Relu(Relu(x))  ->  y = Relu(x)\n"
            "Relu, Abs, Ceil, Floor, Round, Sign, Clip and ThresholdedRelu with equal attributes "
            "and bounds.",
    .level = 1,
    .kind = MOPT_PASS_ELIMINATE,
    .numerics = MOPT_NUMERICS_EXACT,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .rules = rules,
    .rule_count = MOPT_COUNTOF(rules),
};
