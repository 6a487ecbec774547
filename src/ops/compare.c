// SPDX-License-Identifier: Apache-2.0
// Equal, Less, Greater, LessOrEqual, GreaterOrEqual: results are bool; a NaN makes each of them
// false. And, Or, Xor of bools.
#include <string.h>

#include "ops/elementwise.h"

#define COMPARE(name, expr)                                       \
    MOPT_LANES_FLOATS(name, BOOL, expr)                           \
    MOPT_LANES_SIGNED(name, BOOL, expr)                           \
    MOPT_LANES_UNSIGNED(name, BOOL, expr)                         \
    MOPT_LANES_FAST(name##_bool, uint8_t, uint8_t, expr)          \
    static const mopt_lanes_fn name##_lanes[MOPT_DTYPE_COUNT] = { \
        MOPT_ROWS_FLOATS(name), MOPT_ROWS_SIGNED(name),           \
        MOPT_ROWS_UNSIGNED(name), [MOPT_BOOL] = name##_bool};

COMPARE(less, x < y)
COMPARE(less_equal, x <= y)
COMPARE(greater, x > y)
COMPARE(greater_equal, x >= y)
MOPT_LANES_FAST(and_bool, uint8_t, uint8_t, (x != 0) & (y != 0))
MOPT_LANES_FAST(or_bool, uint8_t, uint8_t, (x != 0) | (y != 0))
MOPT_LANES_FAST(xor_bool, uint8_t, uint8_t, (x != 0) ^ (y != 0))
static const mopt_lanes_fn and_lanes[MOPT_DTYPE_COUNT] = {[MOPT_BOOL] = and_bool};
static const mopt_lanes_fn or_lanes[MOPT_DTYPE_COUNT] = {[MOPT_BOOL] = or_bool};
static const mopt_lanes_fn xor_lanes[MOPT_DTYPE_COUNT] = {[MOPT_BOOL] = xor_bool};

static bool same_text(const struct mopt_string *a, const struct mopt_string *b)
{
    return a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0);
}

MOPT_LANES_FLOATS(equal, BOOL, x == y)
MOPT_LANES_SIGNED(equal, BOOL, x == y)
MOPT_LANES_UNSIGNED(equal, BOOL, x == y)
MOPT_LANES_FAST(equal_bool, uint8_t, uint8_t, (x != 0) == (y != 0))
MOPT_LANES(equal_text, struct mopt_string, uint8_t, same_text(&x, &y))
static const mopt_lanes_fn equal_lanes[MOPT_DTYPE_COUNT] = {
    MOPT_ROWS_FLOATS(equal), MOPT_ROWS_SIGNED(equal),
    MOPT_ROWS_UNSIGNED(equal), [MOPT_BOOL] = equal_bool, [MOPT_STRING] = equal_text};

static int64_t equal_values(struct mopt_dims *dims, int64_t a, int64_t b, bool exact)
{
    (void)exact;
    return mopt__dim_equal(dims, a, b);
}

// 1 when a - b >= least is certain, 0 when a - b < least is certain.
static int64_t order_values(struct mopt_dims *dims, int64_t a, int64_t b, int64_t least)
{
    int64_t known = 0;
    const int64_t above = mopt__dim_sub(dims, a, b);
    const int64_t below = mopt__dim_sub(dims, b, a);
    if (above == MOPT_DIM_UNKNOWN || below == MOPT_DIM_UNKNOWN) {
        return MOPT_DIM_UNKNOWN;
    }
    if (mopt__dim_is_known(dims, above, &known)) {
        return known >= least;
    }
    if (mopt__dim_lower_bound(dims, above) >= least) {
        return 1;
    }
    return mopt__dim_lower_bound(dims, below) > -least ? 0 : MOPT_DIM_UNKNOWN;
}

static int64_t less_values(struct mopt_dims *dims, int64_t a, int64_t b, bool exact)
{
    (void)exact;
    return order_values(dims, b, a, 1);
}

static int64_t less_equal_values(struct mopt_dims *dims, int64_t a, int64_t b, bool exact)
{
    (void)exact;
    return order_values(dims, b, a, 0);
}

static int64_t greater_values(struct mopt_dims *dims, int64_t a, int64_t b, bool exact)
{
    (void)exact;
    return order_values(dims, a, b, 1);
}

static int64_t greater_equal_values(struct mopt_dims *dims, int64_t a, int64_t b, bool exact)
{
    (void)exact;
    return order_values(dims, a, b, 0);
}

static const struct mopt_binary equal_row = {equal_lanes, MOPT_BOOL, equal_values};
static const struct mopt_binary less_row = {less_lanes, MOPT_BOOL, less_values};
static const struct mopt_binary less_equal_row = {less_equal_lanes, MOPT_BOOL, less_equal_values};
static const struct mopt_binary greater_row = {greater_lanes, MOPT_BOOL, greater_values};
static const struct mopt_binary greater_equal_row = {greater_equal_lanes, MOPT_BOOL,
                                                     greater_equal_values};

// Both known, or one that decides alone; else unknown.
static int64_t and_values(struct mopt_dims *dims, int64_t a, int64_t b, bool exact)
{
    int64_t x;
    int64_t y;
    (void)exact;
    const bool know_x = mopt__dim_is_known(dims, a, &x);
    const bool know_y = mopt__dim_is_known(dims, b, &y);
    if ((know_x && x == 0) || (know_y && y == 0)) {
        return mopt__dim_const(dims, 0);
    }
    return know_x && know_y ? mopt__dim_const(dims, 1) : MOPT_DIM_UNKNOWN;
}

static int64_t or_values(struct mopt_dims *dims, int64_t a, int64_t b, bool exact)
{
    int64_t x;
    int64_t y;
    (void)exact;
    const bool know_x = mopt__dim_is_known(dims, a, &x);
    const bool know_y = mopt__dim_is_known(dims, b, &y);
    if ((know_x && x != 0) || (know_y && y != 0)) {
        return mopt__dim_const(dims, 1);
    }
    return know_x && know_y ? mopt__dim_const(dims, 0) : MOPT_DIM_UNKNOWN;
}

static int64_t xor_values(struct mopt_dims *dims, int64_t a, int64_t b, bool exact)
{
    int64_t x;
    int64_t y;
    (void)exact;
    if (!mopt__dim_is_known(dims, a, &x) || !mopt__dim_is_known(dims, b, &y)) {
        return MOPT_DIM_UNKNOWN;
    }
    return mopt__dim_const(dims, (x != 0) != (y != 0));
}

static const struct mopt_binary and_row = {and_lanes, MOPT_BOOL, and_values};
static const struct mopt_binary or_row = {or_lanes, MOPT_BOOL, or_values};
static const struct mopt_binary xor_row = {xor_lanes, MOPT_BOOL, xor_values};

#define RECORD(op, text, from, to, set, bits, row, ...)                                    \
    {                                                                                      \
        .domain = "", .name = op, .since = from, .until = to, .summary = text,             \
        MOPT_PAIR("A", "B", "T", set), MOPT_OUTPUTS({"C", "T1", MOPT_SET_BOOL, 0}),        \
        __VA_ARGS__.traits = MOPT_TRAIT_ELEMENTWISE | (bits), .infer = mopt__binary_infer, \
        .eval = mopt__binary_eval, .cost = mopt__cost_output, .data = &(row)               \
    }
#define OLD MOPT_ATTRIBUTES(MOPT_A_INT_OPTIONAL("axis"), MOPT_A_FLAG("broadcast", 0)),
#define EQUAL_OLD (MOPT_SET_BOOL | MOPT_SET_INDEX)
#define EQUAL_11 (MOPT_SET_BOOL | MOPT_SET_NUMBERS)
#define EQUAL_13 (MOPT_SET_BOOL | MOPT_SET_NUMBERS_BF)
#define LOGIC(op, text, row)                            \
    RECORD(op, text, 1, 6, MOPT_SET_BOOL, 0, row, OLD), \
        RECORD(op, text, 7, 0, MOPT_SET_BOOL, MOPT_TRAIT_COMMUTATIVE, row, )
#define ORDER(op, text, row)                                 \
    RECORD(op, text, 1, 6, MOPT_SET_FLOATS, 0, row, OLD),    \
        RECORD(op, text, 7, 8, MOPT_SET_FLOATS, 0, row, ),   \
        RECORD(op, text, 9, 12, MOPT_SET_NUMBERS, 0, row, ), \
        RECORD(op, text, 13, 0, MOPT_SET_NUMBERS_BF, 0, row, )
#define ORDER_EQUAL(op, text, row)                        \
    RECORD(op, text, 12, 15, MOPT_SET_NUMBERS, 0, row, ), \
        RECORD(op, text, 16, 0, MOPT_SET_NUMBERS_BF, 0, row, )
#define EQUAL(from, to, set, bits, ...) \
    RECORD("Equal", "true where elements are equal", from, to, set, bits, equal_row, __VA_ARGS__)

static const struct mopt_op records[] = {
    LOGIC("And", "logical conjunction", and_row),
    EQUAL(1, 6, EQUAL_OLD, 0, OLD),
    EQUAL(7, 10, EQUAL_OLD, MOPT_TRAIT_COMMUTATIVE, ),
    EQUAL(11, 12, EQUAL_11, MOPT_TRAIT_COMMUTATIVE, ),
    EQUAL(13, 18, EQUAL_13, MOPT_TRAIT_COMMUTATIVE, ),
    EQUAL(19, 0, EQUAL_13 | MOPT_DT(MOPT_STRING), MOPT_TRAIT_COMMUTATIVE, ),
    ORDER("Greater", "true where A is greater than B", greater_row),
    ORDER_EQUAL("GreaterOrEqual", "true where A is at least B", greater_equal_row),
    ORDER("Less", "true where A is less than B", less_row),
    ORDER_EQUAL("LessOrEqual", "true where A is at most B", less_equal_row),
    LOGIC("Or", "logical disjunction", or_row),
    LOGIC("Xor", "logical exclusive or", xor_row),
};
const struct mopt_op_family mopt__ops_compare = {records, MOPT_COUNTOF(records)};
