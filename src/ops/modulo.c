// SPDX-License-Identifier: Apache-2.0
// Mod: remainder with the sign of the divisor (fmod = 0) or of the dividend (fmod = 1). Integers: x
// mod 0 is 0.
#include <math.h>

#include "ops/elementwise.h"

static double floored(double x, double y)
{
    const double rest = fmod(x, y);
    if (rest == 0) {
        return copysign(0.0, y);
    }
    return (rest < 0) != (y < 0) && !isnan(rest) ? rest + y : rest;
}

static float floored_f(float x, float y)
{
    const float rest = fmodf(x, y);
    if (rest == 0) {
        return copysignf(0.0f, y);
    }
    return (rest < 0) != (y < 0) && !isnan(rest) ? rest + y : rest;
}

MOPT_LANES(floor_f32, float, float, floored_f(x, y))
MOPT_LANES(floor_f64, double, double, floored(x, y))
MOPT_LANES_SIGNED(floor, SAME,
                  y == 0 || y == -1 ? 0 : x % y + (x % y != 0 && (x % y < 0) != (y < 0) ? y : 0))
MOPT_LANES_UNSIGNED(both, SAME, y == 0 ? 0 : x % y)
MOPT_LANES(trunc_f32, float, float, fmodf(x, y))
MOPT_LANES(trunc_f64, double, double, fmod(x, y))
MOPT_LANES_SIGNED(trunc, SAME, y == 0 || y == -1 ? 0 : x % y)

static const mopt_lanes_fn floor_lanes[MOPT_DTYPE_COUNT] = {MOPT_ROWS_FLOATS(floor),
                                                            MOPT_ROWS_SIGNED(floor),
                                                            MOPT_ROWS_UNSIGNED(both)};
static const mopt_lanes_fn trunc_lanes[MOPT_DTYPE_COUNT] = {MOPT_ROWS_FLOATS(trunc),
                                                            MOPT_ROWS_SIGNED(trunc),
                                                            MOPT_ROWS_UNSIGNED(both)};

static int64_t mod_values(struct mopt_dims *dims, int64_t a, int64_t b, bool exact)
{
    // both signs of remainder agree where neither operand is negative
    const bool positive = a != MOPT_DIM_UNKNOWN && b != MOPT_DIM_UNKNOWN &&
                          mopt__dim_lower_bound(dims, a) >= 0 && mopt__dim_lower_bound(dims, b) > 0;
    (void)exact;
    return positive ? mopt__dim_mod(dims, a, b) : MOPT_DIM_UNKNOWN;
}

static const struct mopt_binary floor_row = {floor_lanes, MOPT_UNDEFINED, mod_values};
static const struct mopt_binary trunc_row = {trunc_lanes, MOPT_UNDEFINED, NULL};

static enum mopt_status mod_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    int64_t dims[MOPT_RANK_MAX];
    int64_t trunc_mode = 0;
    int rank = 0;
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "fmod", 0, &trunc_mode, err);
    }
    if (status == MOPT_OK) {
        status = mopt__broadcast_shape(in[0], in[1], &rank, dims, err);
    }
    struct mopt_tensor *out = NULL;
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[0]->dtype, rank, dims, &out, err);
    }
    return status != MOPT_OK ? status
                             : mopt__binary_run(eval, trunc_mode != 0 ? &trunc_row : &floor_row,
                                                out, in[0], in[1], -1, err);
}

#define RECORD(from, to, set)                                                                \
    {                                                                                        \
        .domain = "", .name = "Mod", .since = from, .until = to,                             \
        .summary = "remainder of the division, broadcast", MOPT_PAIR("A", "B", "T", set),    \
        MOPT_OUTPUTS({"C", "T", set, 0}), MOPT_ATTRIBUTES(MOPT_A_FLAG("fmod", 0)),           \
        .traits = MOPT_TRAIT_ELEMENTWISE | MOPT_TRAIT_IN_PLACE, .infer = mopt__binary_infer, \
        .eval = mod_eval, .cost = mopt__cost_output, .data = &floor_row                      \
    }

static const struct mopt_op records[] = {
    RECORD(10, 12, MOPT_SET_NUMBERS),
    RECORD(13, 0, MOPT_SET_NUMBERS_BF),
};
const struct mopt_op_family mopt__ops_modulo = {records, MOPT_COUNTOF(records)};
