// SPDX-License-Identifier: Apache-2.0
// x + 0, x * 1 and the like, where not even the sign of a zero can change.
#include <math.h>
#include <string.h>

#include "optimize/optimize.h"

struct unit {
    const char *op_type;
    double value;
    int sign;   // of a zero with floats: 1 positive only, -1 negative only, 0 does not matter
    bool right; // only as second operand
};

// x + (+0) turns -0 into +0, x + (-0) does not; x - (+0) does not, x - (-0) does.
static const struct unit units[] = {
    {"Add", 0, -1, false}, {"Sub", 0, 1, true},  {"Mul", 1, 0, false}, {"Div", 1, 0, true},
    {"Pow", 1, 0, true},   {"And", 1, 0, false}, {"Or", 0, 0, false},  {"Xor", 0, 0, false},
};

static const struct unit *find_unit(const struct mopt_node *node)
{
    for (size_t i = 0; i < MOPT_COUNTOF(units); i++) {
        if (strcmp(units[i].op_type, node->op_type) == 0) {
            return &units[i];
        }
    }
    return NULL;
}

static bool is_unit(const struct unit *unit, const struct mopt_value *value)
{
    double number;
    if (!mopt__match_splat(value, &number) || number != unit->value) {
        return false;
    }
    bool is_float = mopt__dtype_is_float(mopt__match_constant(value)->dtype);
    return !is_float || unit->sign == 0 || (signbit(number) != 0) == (unit->sign < 0);
}

// The operand that stays.
static struct mopt_value *other_operand(const struct mopt_node *node)
{
    const struct unit *unit = find_unit(node);
    for (uint32_t i = unit->right ? 1 : 0; i < 2; i++) {
        if (is_unit(unit, node->inputs[i].value)) {
            return node->inputs[1 - i].value;
        }
    }
    return NULL;
}

static bool keeps_shape(const struct mopt_node *node, const struct mopt_value *kept)
{
    const struct mopt_value *unit = node->inputs[node->inputs[0].value == kept ? 1 : 0].value;
    return mopt__match_constant(unit)->rank == 0 || mopt__match_same_shape(kept, node->outputs[0]);
}

static bool match(struct mopt_match *match)
{
    const struct mopt_node *node = match->root;
    if (node->input_count != 2 || node->inputs[0].value == NULL || node->inputs[1].value == NULL ||
        mopt__node_output(node, 0) == NULL || find_unit(node) == NULL ||
        mopt__node_attribute(node, "broadcast") != NULL) {
        return false;
    }
    const struct mopt_value *kept = other_operand(node);
    if (kept == NULL) {
        return mopt__match_refuse(match, "no operand is the unit");
    }
    if (!keeps_shape(node, kept)) {
        return mopt__match_refuse(match, "broadcasting may enlarge the other operand");
    }
    return mopt__rewrite_can_replace(node->outputs[0], kept) ||
           mopt__match_refuse(match, "a graph output must keep its own value");
}

static enum mopt_status apply(struct mopt_rewriter *rewriter, struct mopt_match *match,
                              struct mopt_error *err)
{
    return mopt__rewriter_replace(rewriter, match->root->outputs[0], other_operand(match->root),
                                  err);
}

static const struct mopt_rule rule = {
    .name = "unit",
    .op = "Add|Sub|Mul|Div|Pow|And|Or|Xor",
    .match = match,
    .apply = apply,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"removed", "nodes removed"}};

const struct mopt_pass mopt__pass_eliminate_nop_with_unit = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-nop-with-unit",
    .summary = "removes arithmetic with a constant that changes nothing",
    .help = "y = Mul(x, 1)  ->  x   and x / 1, x - 0, x ^ 1, x and true, x or false, x xor false; "
            "x + 0 for integers\n"
            "For floats x + 0 stays, because it turns -0 into +0; x + (-0) goes. The constant must "
            "not enlarge x by "
            "broadcasting.",
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
