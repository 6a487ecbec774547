// SPDX-License-Identifier: Apache-2.0
// Transpose that moves no axis.
#include "optimize/optimize.h"

static bool is_identity(const struct mopt_node *node, int rank)
{
    const struct mopt_attribute *perm = mopt__node_attribute(node, "perm");
    if (perm == NULL) { // default: axes reversed
        return rank == 0 || rank == 1;
    }
    if (perm->kind != MOPT_ATTR_INTS || perm->ref_name != NULL ||
        (rank >= 0 && perm->count != (size_t)rank) || (rank < 0 && perm->count == 0)) {
        return false;
    }
    for (size_t i = 0; i < perm->count; i++) {
        if (perm->ints[i] != (int64_t)i) {
            return false;
        }
    }
    return true;
}

static bool match(struct mopt_match *match)
{
    const struct mopt_value *from = mopt__node_input(match->root, 0);
    const struct mopt_type *type = from != NULL ? mopt__match_tensor_type(from) : NULL;
    if (!is_identity(match->root, type != NULL ? type->rank : -1)) {
        return mopt__match_refuse(match, "axes move");
    }
    return mopt__may_replace_by_input(match);
}

static const struct mopt_rule rule = {
    .name = "nop-transpose",
    .op = "Transpose",
    .match = match,
    .apply = mopt__replace_by_input,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"removed", "Transpose nodes removed"}};

const struct mopt_pass mopt__pass_eliminate_nop_transpose = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-nop-transpose",
    .summary = "removes Transpose nodes that move nothing",
    .help = "y = Transpose<perm=[0,1,2]>(x)  ->  x",
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
