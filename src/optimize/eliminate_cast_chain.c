// SPDX-License-Identifier: Apache-2.0
// Cast(Cast(x)) where the type in the middle holds every value of x exactly.
#include "optimize/optimize.h"

enum { HALF_BITS = 16 };

// Digits of the significand in bits; 0 for other types.
static unsigned precision(enum mopt_dtype dtype)
{
    return dtype == MOPT_FLOAT64    ? 53
           : dtype == MOPT_FLOAT32  ? 24
           : dtype == MOPT_FLOAT16  ? 11
           : dtype == MOPT_BFLOAT16 ? 8
                                    : 0;
}

static bool integer_holds(enum mopt_dtype wide, enum mopt_dtype narrow)
{
    unsigned digits = mopt__dtype_bits(narrow);
    unsigned room = mopt__dtype_bits(wide);
    if (mopt__dtype_is_signed(wide) && mopt__dtype_is_unsigned(narrow)) {
        return room > digits;
    }
    return mopt__dtype_is_signed(wide) == mopt__dtype_is_signed(narrow) && room >= digits;
}

// Every value of `narrow` is a value of `wide`.
static bool holds(enum mopt_dtype wide, enum mopt_dtype narrow)
{
    if (narrow == MOPT_BOOL) {
        return mopt__dtype_is_integer(wide) || precision(wide) > 0;
    }
    if (mopt__dtype_is_integer(narrow)) {
        unsigned digits = mopt__dtype_bits(narrow) - (mopt__dtype_is_signed(narrow) ? 1U : 0U);
        return mopt__dtype_is_integer(wide) ? integer_holds(wide, narrow)
                                            : precision(wide) >= digits;
    }
    if (precision(narrow) == 0 || precision(wide) == 0) {
        return false;
    }
    return wide == narrow || wide == MOPT_FLOAT64 ||
           (wide == MOPT_FLOAT32 && narrow != MOPT_FLOAT64);
}

// The direct conversion gives what the two steps give: both start from the same number. Left out is
// what runtimes do in their own way: floats that do not fit an integer, and integers rounded to
// 16-bit floats.
static bool direct_is_same(enum mopt_dtype from, enum mopt_dtype middle, enum mopt_dtype to)
{
    if (to == from || to == MOPT_BOOL) {
        return true;
    }
    if (precision(to) > 0) {
        return to == MOPT_FLOAT32 || to == MOPT_FLOAT64 || mopt__dtype_bits(from) <= HALF_BITS ||
               precision(from) > 0;
    }
    bool whole = mopt__dtype_is_integer(to) && (from == MOPT_BOOL || mopt__dtype_is_integer(from));
    return whole && (mopt__dtype_is_integer(middle) || holds(to, from));
}

static enum mopt_dtype dtype_of(const struct mopt_value *value)
{
    const struct mopt_type *type = value != NULL ? value->type : NULL;
    return type != NULL && type->kind == MOPT_TYPE_TENSOR ? type->dtype : MOPT_UNDEFINED;
}

static bool match(struct mopt_match *match)
{
    enum mopt_dtype from = dtype_of(match->nodes[0]->inputs[0].value);
    enum mopt_dtype middle = dtype_of(match->nodes[0]->outputs[0]);
    enum mopt_dtype to = dtype_of(match->root->outputs[0]);
    if (from == MOPT_UNDEFINED || middle == MOPT_UNDEFINED || to == MOPT_UNDEFINED) {
        return mopt__match_refuse(match, "a type is not known");
    }
    return (holds(middle, from) && direct_is_same(from, middle, to)) ||
           mopt__match_refuse(match, "the middle type does not hold every value");
}

static enum mopt_status apply(struct mopt_rewriter *rewriter, struct mopt_match *match,
                              struct mopt_error *err)
{
    struct mopt_value *x = match->nodes[0]->inputs[0].value;
    struct mopt_value *y = match->root->outputs[0];
    if (dtype_of(x) == dtype_of(y) && mopt__rewrite_can_replace(y, x)) {
        return mopt__rewriter_replace(rewriter, y, x, err);
    }
    return mopt__rewriter_set_input(rewriter, match->root, 0, x, err);
}

static const struct mopt_rule rule = {
    .name = "cast-chain",
    .pattern = "c = Cast(x)\n"
               "y = Cast(c)",
    .match = match,
    .apply = apply,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"fused", "chains shortened"}};

const struct mopt_pass mopt__pass_eliminate_cast_chain = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "eliminate-cast-chain",
    .summary = "skips a Cast whose type holds every value exactly",
    .help = "y = Cast<to=C>(Cast<to=B>(x))  ->  y = Cast<to=C>(x), or x when x has type C already\n"
            "Only when every value of x's type is a value of B (bool, integers and floats; not "
            "strings and 8-bit floats).",
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
