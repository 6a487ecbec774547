// SPDX-License-Identifier: Apache-2.0
// One-operand mathematics: Abs Neg Sign Ceil Floor Round Sqrt Exp Log Reciprocal, trigonometry,
// Erf. Results outside a function's domain are NaN as in IEEE 754; integers wrap (Abs and Neg of
// the smallest number give itself).
#include "ops/unary.h"

#include <math.h>

#include "ops/smooth.h"

MOPT_UNARY(abs, fabsf(x), fabs(x))
MOPT_UNARY(neg, -x, -x)
MOPT_UNARY(sign, x > 0 ? 1.0f : x < 0 ? -1.0f : x, x > 0 ? 1.0 : x < 0 ? -1.0 : x)
MOPT_UNARY(ceil, ceilf(x), ceil(x))
MOPT_UNARY(floor, floorf(x), floor(x))
MOPT_UNARY(round, rintf(x), rint(x))
MOPT_UNARY(sqrt, sqrtf(x), sqrt(x))
MOPT_UNARY(exp, (float)mopt__smooth_exp(x), exp(x))
MOPT_UNARY(log, logf(x), log(x))
MOPT_UNARY(reciprocal, 1.0f / x, 1.0 / x)
MOPT_UNARY(sin, sinf(x), sin(x))
MOPT_UNARY(cos, cosf(x), cos(x))
MOPT_UNARY(tan, tanf(x), tan(x))
MOPT_UNARY(asin, asinf(x), asin(x))
MOPT_UNARY(acos, acosf(x), acos(x))
MOPT_UNARY(atan, atanf(x), atan(x))
MOPT_UNARY(sinh, sinhf(x), sinh(x))
MOPT_UNARY(cosh, coshf(x), cosh(x))
MOPT_UNARY(tanh, mopt__smooth_tanh(x), tanh(x))
MOPT_UNARY(asinh, asinhf(x), asinh(x))
MOPT_UNARY(acosh, acoshf(x), acosh(x))
MOPT_UNARY(atanh, atanhf(x), atanh(x))
MOPT_UNARY(erf, mopt__smooth_erf(x), erf(x))

static void abs_integers(int64_t *x, size_t n, bool is_unsigned)
{
    for (size_t i = 0; i < n && !is_unsigned; i++) {
        const uint64_t below = 0 - (uint64_t)(x[i] < 0);
        x[i] = (int64_t)(((uint64_t)x[i] ^ below) - below);
    }
}

static void neg_integers(int64_t *x, size_t n, bool is_unsigned)
{
    (void)is_unsigned;
    for (size_t i = 0; i < n; i++) {
        x[i] = (int64_t)(0 - (uint64_t)x[i]);
    }
}

static void sign_integers(int64_t *x, size_t n, bool is_unsigned)
{
    for (size_t i = 0; i < n; i++) {
        x[i] = is_unsigned ? x[i] != 0 : (x[i] > 0) - (x[i] < 0);
    }
}

static int64_t neg_value(struct mopt_dims *dims, int64_t x)
{
    return mopt__dim_sub(dims, 0, x);
}

static int64_t abs_value(struct mopt_dims *dims, int64_t x)
{
    int64_t known = 0;
    if (mopt__dim_is_known(dims, x, &known)) {
        return known < 0 ? mopt__dim_sub(dims, 0, x) : x;
    }
    return x != MOPT_DIM_UNKNOWN && mopt__dim_lower_bound(dims, x) >= 0 ? x : MOPT_DIM_UNKNOWN;
}

static int64_t sign_value(struct mopt_dims *dims, int64_t x)
{
    int64_t known = 0;
    if (mopt__dim_is_known(dims, x, &known)) {
        return mopt__dim_const(dims, known > 0 ? 1 : known < 0 ? -1 : 0);
    }
    return x != MOPT_DIM_UNKNOWN && mopt__dim_lower_bound(dims, x) > 0 ? 1 : MOPT_DIM_UNKNOWN;
}

// Values that are integral stay what they are.
static int64_t same_value(struct mopt_dims *dims, int64_t x)
{
    (void)dims;
    return x;
}

#define ROW(name, ...) \
    static const struct mopt_unary name##_row = {.f32 = name##_f32, .f64 = name##_f64, __VA_ARGS__};
ROW(abs, .i64 = abs_integers, .value = abs_value, .fast = {MOPT_ACT_ABS, 0, 0})
ROW(neg, .i64 = neg_integers, .value = neg_value, .fast = {MOPT_ACT_NEG, 0, 0})
ROW(sign, .i64 = sign_integers, .value = sign_value)
ROW(ceil, .value = same_value, .fast = {MOPT_ACT_CEIL, 0, 0})
ROW(floor, .value = same_value, .fast = {MOPT_ACT_FLOOR, 0, 0})
ROW(round, .value = same_value, .fast = {MOPT_ACT_ROUND, 0, 0})
ROW(sqrt, .fast = {MOPT_ACT_SQRT, 0, 0})
ROW(exp, .fast = {MOPT_ACT_EXP, 0, 0})
ROW(log, .fast = {MOPT_ACT_LOG, 0, 0})
ROW(reciprocal, .fast = {MOPT_ACT_RECIPROCAL, 0, 0})
ROW(sin, .fast = {MOPT_ACT_SIN, 0, 0})
ROW(cos, .fast = {MOPT_ACT_COS, 0, 0})
ROW(tan, )
ROW(asin, )
ROW(acos, )
ROW(atan, )
ROW(sinh, )
ROW(cosh, )
ROW(tanh, .fast = {MOPT_ACT_TANH, 0, 0})
ROW(asinh, )
ROW(acosh, )
ROW(atanh, )
ROW(erf, .fast = {MOPT_ACT_ERF, 0, 0})

#define RECORD MOPT_UNARY_RECORD
#define CONSUMED MOPT_ATTRIBUTES(MOPT_A_CONSUMED),
#define IDEMPOTENT MOPT_TRAIT_IDEMPOTENT
#define FAST MOPT_UNARY_FAST
// Since opset 1, typed wider in 6 and 13. Further members as those of RECORD.
#define OLD(op, text, set6, set13, bits, row, ...)                                  \
    RECORD(op, text, 1, 5, MOPT_SET_FLOATS, bits, NULL, row, CONSUMED __VA_ARGS__), \
        RECORD(op, text, 6, 12, set6, bits, NULL, row, __VA_ARGS__),                \
        RECORD(op, text, 13, 0, set13, bits, NULL, row, __VA_ARGS__)
#define OLD_FLOAT(op, text, bits, row, ...) \
    OLD(op, text, MOPT_SET_FLOATS, MOPT_SET_FLOATS_BF, bits, row, __VA_ARGS__)
// Since a later opset, bfloat16 from 22 on.
#define LATE(op, text, since, bits, row, ...)                                   \
    RECORD(op, text, since, 21, MOPT_SET_FLOATS, bits, NULL, row, __VA_ARGS__), \
        RECORD(op, text, 22, 0, MOPT_SET_FLOATS_BF, bits, NULL, row, __VA_ARGS__)
#define SIGNED_FLOATS (MOPT_SET_FLOATS | MOPT_SET_SIGNED)

static const struct mopt_op records[] = {
    OLD("Abs", "absolute value", MOPT_SET_NUMBERS, MOPT_SET_NUMBERS_BF, IDEMPOTENT, abs_row, FAST),
    LATE("Acos", "arc cosine", 7, 0, acos_row, ),
    LATE("Acosh", "area hyperbolic cosine", 9, 0, acosh_row, ),
    LATE("Asin", "arc sine", 7, 0, asin_row, ),
    LATE("Asinh", "area hyperbolic sine", 9, 0, asinh_row, ),
    LATE("Atan", "arc tangent", 7, 0, atan_row, ),
    LATE("Atanh", "area hyperbolic tangent", 9, 0, atanh_row, ),
    OLD_FLOAT("Ceil", "smallest integer not below", IDEMPOTENT, ceil_row, FAST),
    LATE("Cos", "cosine", 7, 0, cos_row, FAST),
    LATE("Cosh", "hyperbolic cosine", 9, 0, cosh_row, ),
    RECORD("Erf", "error function", 9, 12, MOPT_SET_NUMBERS, 0, NULL, erf_row, FAST),
    RECORD("Erf", "error function", 13, 0, MOPT_SET_FLOATS_BF, 0, NULL, erf_row, FAST),
    OLD_FLOAT("Exp", "exponential function", 0, exp_row, FAST),
    OLD_FLOAT("Floor", "largest integer not above", IDEMPOTENT, floor_row, FAST),
    OLD_FLOAT("Log", "natural logarithm", 0, log_row, FAST),
    OLD("Neg", "negation", SIGNED_FLOATS, SIGNED_FLOATS | MOPT_SET_BFLOAT, 0, neg_row, FAST),
    OLD_FLOAT("Reciprocal", "one over x", 0, reciprocal_row, FAST),
    LATE("Round", "nearest integer, ties to even", 11, IDEMPOTENT, round_row, FAST),
    RECORD("Sign", "sign as -1, 0 or 1", 9, 12, MOPT_SET_NUMBERS, IDEMPOTENT, NULL, sign_row, ),
    RECORD("Sign", "sign as -1, 0 or 1", 13, 0, MOPT_SET_NUMBERS_BF, IDEMPOTENT, NULL, sign_row, ),
    LATE("Sin", "sine", 7, 0, sin_row, FAST),
    LATE("Sinh", "hyperbolic sine", 9, 0, sinh_row, ),
    OLD_FLOAT("Sqrt", "square root", 0, sqrt_row, FAST),
    LATE("Tan", "tangent", 7, 0, tan_row, ),
    RECORD("Tanh", "hyperbolic tangent", 1, 5, MOPT_SET_FLOATS, 0, &mopt__quant_unary, tanh_row,
           CONSUMED),
    RECORD("Tanh", "hyperbolic tangent", 6, 12, MOPT_SET_FLOATS, 0, &mopt__quant_unary, tanh_row, ),
    RECORD("Tanh", "hyperbolic tangent", 13, 0, MOPT_SET_FLOATS_BF, 0, &mopt__quant_unary,
           tanh_row, ),
};
const struct mopt_op_family mopt__ops_unary = {records, MOPT_COUNTOF(records)};
