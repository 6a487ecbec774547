// SPDX-License-Identifier: Apache-2.0
// BitwiseAnd, BitwiseOr, BitwiseXor, BitShift. A shift by a negative amount or by the width and
// more shifts every bit out: the result is 0, or -1 for a right shift of a negative number (the
// rule of opset 28, applied to all versions).
#include <string.h>

#include "ops/elementwise.h"

#define INTEGERS(name, expr) INTEGERS_APART(name, expr, expr)
#define INTEGERS_APART(name, expr_signed, expr_unsigned)                                 \
    MOPT_LANES_SIGNED(name, SAME, expr_signed)                                           \
    MOPT_LANES_UNSIGNED(name, SAME, expr_unsigned)                                       \
    static const mopt_lanes_fn name##_lanes[MOPT_DTYPE_COUNT] = {MOPT_ROWS_SIGNED(name), \
                                                                 MOPT_ROWS_UNSIGNED(name)};

// What a full right shift leaves: the sign.
#define SIGN(x) ((x) < 0 ? -1 : 0)
#define SHIFTS(x, y) ((uint64_t)(y) < sizeof(x) * 8)

INTEGERS(and, x &y)
INTEGERS(or, x | y)
INTEGERS(xor, x ^ y)
INTEGERS(left, SHIFTS(x, y) ? (uint64_t)x << (y & 63) : 0)
INTEGERS_APART(right, SHIFTS(x, y) ? x >> (y & 63) : SIGN(x), SHIFTS(x, y) ? x >> (y & 63) : 0)

static const struct mopt_binary and_row = {and_lanes, MOPT_UNDEFINED, NULL};
static const struct mopt_binary or_row = {or_lanes, MOPT_UNDEFINED, NULL};
static const struct mopt_binary xor_row = {xor_lanes, MOPT_UNDEFINED, NULL};
static const struct mopt_binary left_row = {left_lanes, MOPT_UNDEFINED, NULL};
static const struct mopt_binary right_row = {right_lanes, MOPT_UNDEFINED, NULL};

static const struct mopt_binary *row_of(const char *direction)
{
    if (direction != NULL && strcmp(direction, "LEFT") == 0) {
        return &left_row;
    }
    return direction != NULL && strcmp(direction, "RIGHT") == 0 ? &right_row : NULL;
}

static enum mopt_status shift_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    const char *direction = NULL;
    int64_t dims[MOPT_RANK_MAX];
    int rank = 0;
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = mopt__attr_string(eval->node, "direction", NULL, &direction, err);
    }
    const struct mopt_binary *row = row_of(direction);
    if (status == MOPT_OK && row == NULL) {
        return mopt_error_set(err, MOPT_E_VALUE, "direction must be LEFT or RIGHT");
    }
    if (status == MOPT_OK) {
        status = mopt__broadcast_shape(in[0], in[1], &rank, dims, err);
    }
    struct mopt_tensor *out = NULL;
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[0]->dtype, rank, dims, &out, err);
    }
    return status == MOPT_OK ? mopt__binary_run(eval, row, out, in[0], in[1], -1, err) : status;
}

#define RECORD(op, text, from, to, set, bits, fn, row, ...)                                \
    {                                                                                      \
        .domain = "", .name = op, .since = from, .until = to, .summary = text,             \
        MOPT_PAIR("A", "B", "T", set), MOPT_OUTPUTS({"C", "T", set, 0}),                   \
        __VA_ARGS__.traits = MOPT_TRAIT_ELEMENTWISE | MOPT_TRAIT_IN_PLACE | (bits),        \
        .infer = mopt__binary_infer, .eval = fn, .cost = mopt__cost_output, .data = &(row) \
    }
#define SHIFT(from, to, set)                                                                       \
    RECORD("BitShift", "shifts bits to the left or right", from, to, set, 0, shift_eval, left_row, \
           MOPT_ATTRIBUTES(MOPT_A_STRING_REQUIRED("direction", "LEFT|RIGHT")), )
#define BITWISE(op, text, row) \
    RECORD(op, text, 18, 0, MOPT_SET_INTEGERS, MOPT_TRAIT_COMMUTATIVE, mopt__binary_eval, row, )

static const struct mopt_op records[] = {
    SHIFT(11, 27, MOPT_SET_UNSIGNED),
    SHIFT(28, 0, MOPT_SET_INTEGERS),
    BITWISE("BitwiseAnd", "bits set in both operands", and_row),
    BITWISE("BitwiseOr", "bits set in one of the operands", or_row),
    BITWISE("BitwiseXor", "bits set in exactly one operand", xor_row),
};
const struct mopt_op_family mopt__ops_bitwise = {records, MOPT_COUNTOF(records)};
