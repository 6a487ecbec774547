// SPDX-License-Identifier: Apache-2.0
// Add, Sub, Mul, Div. Integers wrap around; integer division truncates toward zero, x / 0 is 0 and
// the quotient of the smallest number and -1 wraps to itself. Floats follow IEEE 754.
#include "ops/elementwise.h"

#define WRAP(x) ((uint64_t)(x))
#define ALL_TYPES(name, expr_float, expr_signed, expr_unsigned)                          \
    MOPT_LANES_FLOATS(name, SAME, expr_float)                                            \
    MOPT_LANES_SIGNED(name, SAME, expr_signed)                                           \
    MOPT_LANES_UNSIGNED(name, SAME, expr_unsigned)                                       \
    static const mopt_lanes_fn name##_lanes[MOPT_DTYPE_COUNT] = {MOPT_ROWS_FLOATS(name), \
                                                                 MOPT_ROWS_SIGNED(name), \
                                                                 MOPT_ROWS_UNSIGNED(name)};

ALL_TYPES(add, x + y, WRAP(x) + WRAP(y), WRAP(x) + WRAP(y))
ALL_TYPES(sub, x - y, WRAP(x) - WRAP(y), WRAP(x) - WRAP(y))
ALL_TYPES(mul, x *y, WRAP(x) * WRAP(y), WRAP(x) * WRAP(y))
ALL_TYPES(div, x / y, y == 0 ? 0 : y == -1 ? (int64_t)(0 - WRAP(x)) : x / y, y == 0 ? 0 : x / y)

static int64_t add_values(struct mopt_dims *dims, int64_t a, int64_t b, bool exact)
{
    (void)exact;
    return mopt__dim_add(dims, a, b);
}

static int64_t sub_values(struct mopt_dims *dims, int64_t a, int64_t b, bool exact)
{
    (void)exact;
    return mopt__dim_sub(dims, a, b);
}

static int64_t mul_values(struct mopt_dims *dims, int64_t a, int64_t b, bool exact)
{
    (void)exact;
    return mopt__dim_mul(dims, a, b);
}

static int64_t div_values(struct mopt_dims *dims, int64_t a, int64_t b, bool exact)
{
    int64_t x = 0;
    int64_t y = 0;
    int64_t rest = 0;
    const bool known_a = mopt__dim_is_known(dims, a, &x);
    const bool known_b = mopt__dim_is_known(dims, b, &y);
    if (known_b && y == 0) {
        return MOPT_DIM_UNKNOWN;
    }
    if (exact) { // floats: only where the quotient is integral
        const int64_t mod = mopt__dim_mod(dims, a, b);
        return mopt__dim_is_known(dims, mod, &rest) && rest == 0 ? mopt__dim_floordiv(dims, a, b)
                                                                 : MOPT_DIM_UNKNOWN;
    }
    if (known_a && known_b) {
        return y == -1 ? mopt__dim_sub(dims, 0, a) : mopt__dim_const(dims, x / y);
    }
    const bool positive = a != MOPT_DIM_UNKNOWN && b != MOPT_DIM_UNKNOWN &&
                          mopt__dim_lower_bound(dims, a) >= 0 &&
                          mopt__dim_lower_bound(dims, b) >= 0;
    return positive ? mopt__dim_floordiv(dims, a, b) : MOPT_DIM_UNKNOWN;
}

static const struct mopt_binary add_row = {add_lanes, MOPT_UNDEFINED, add_values};
static const struct mopt_binary sub_row = {sub_lanes, MOPT_UNDEFINED, sub_values};
static const struct mopt_binary mul_row = {mul_lanes, MOPT_UNDEFINED, mul_values};
static const struct mopt_binary div_row = {div_lanes, MOPT_UNDEFINED, div_values};

#define RECORD(op, text, from, to, set, bits, spec, row, ...)                  \
    {                                                                          \
        .domain = "", .name = op, .since = from, .until = to, .summary = text, \
        MOPT_PAIR("A", "B", "T", set), MOPT_OUTPUTS({"C", "T", set, 0}),       \
        __VA_ARGS__.traits = bits, .quant = spec, .infer = mopt__binary_infer, \
        .eval = mopt__binary_eval, .cost = mopt__cost_output, .data = &(row)   \
    }
#define OLD MOPT_A_INT_OPTIONAL("axis"), MOPT_A_FLAG("broadcast", 0)
#define BASE (MOPT_TRAIT_ELEMENTWISE | MOPT_TRAIT_IN_PLACE)
#define VERSIONS(op, text, bits, spec, row)                                             \
    RECORD(op, text, 1, 5, MOPT_SET_FLOATS, BASE, spec, row,                            \
           MOPT_ATTRIBUTES(OLD, MOPT_A_CONSUMED), ),                                    \
        RECORD(op, text, 6, 6, MOPT_SET_WIDE, BASE, spec, row, MOPT_ATTRIBUTES(OLD), ), \
        RECORD(op, text, 7, 12, MOPT_SET_WIDE, BASE | (bits), spec, row, ),             \
        RECORD(op, text, 13, 13, MOPT_SET_WIDE_BF, BASE | (bits), spec, row, ),         \
        RECORD(op, text, 14, 0, MOPT_SET_NUMBERS_BF, BASE | (bits), spec, row, )

static const struct mopt_op records[] = {
    VERSIONS("Add", "sum of two tensors, broadcast", MOPT_TRAIT_COMMUTATIVE, &mopt__quant_binary,
             add_row),
    VERSIONS("Sub", "difference of two tensors, broadcast", 0, NULL, sub_row),
    VERSIONS("Mul", "product of two tensors, broadcast", MOPT_TRAIT_COMMUTATIVE,
             &mopt__quant_binary, mul_row),
    VERSIONS("Div", "quotient of two tensors, broadcast", 0, NULL, div_row),
};
const struct mopt_op_family mopt__ops_arithmetic = {records, MOPT_COUNTOF(records)};
