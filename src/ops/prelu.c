// SPDX-License-Identifier: Apache-2.0
// PRelu: x where x >= 0, else slope * x. The slope broadcasts into x; before opset 7 it is one
// value or one per channel (axis 1).
#include "ops/elementwise.h"
#include "ops/smooth.h"

MOPT_LANES_FAST(prelu_f32, float, float,
                x *mopt__smooth_choose(0u - (mopt__smooth_bits(x) >> 31), y, 1.0f))
MOPT_LANES(prelu_f64, double, double, x < 0 ? x * y : x)
MOPT_LANES_SIGNED(prelu, SAME, x < 0 ? (uint64_t)x * (uint64_t)y : (uint64_t)x)
MOPT_LANES_UNSIGNED(prelu, SAME, ((void)y, x))
static const mopt_lanes_fn prelu_lanes[MOPT_DTYPE_COUNT] = {MOPT_ROWS_FLOATS(prelu),
                                                            MOPT_ROWS_SIGNED(prelu),
                                                            MOPT_ROWS_UNSIGNED(prelu)};
static const struct mopt_binary prelu_row = {prelu_lanes, MOPT_UNDEFINED, NULL};

static enum mopt_status slope_fits(const struct mopt_eval *eval, const struct mopt_tensor *x,
                                   const struct mopt_tensor *slope, int *axis,
                                   struct mopt_error *err)
{
    int64_t dims[MOPT_RANK_MAX];
    int rank = 0;
    const bool old = eval->node->op->until == 5 || eval->node->op->until == 6;
    *axis = -1;
    if (old && slope->rank == 1 && slope->count != 1) {
        if (x->rank < 2 || slope->dims[0] != x->dims[1]) {
            return mopt_error_set(err, MOPT_E_SHAPE,
                                  "slope has %zu elements, must be 1 or the channels",
                                  slope->count);
        }
        *axis = 1;
        return MOPT_OK;
    }
    const enum mopt_status status = mopt__broadcast_shape(x, slope, &rank, dims, err);
    bool fits = rank == x->rank;
    for (int i = 0; status == MOPT_OK && fits && i < rank; i++) {
        fits = dims[i] == x->dims[i];
    }
    return status != MOPT_OK || fits
               ? status
               : mopt_error_set(err, MOPT_E_SHAPE, "slope does not broadcast into the input");
}

static enum mopt_status prelu_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    struct mopt_tensor *out = NULL;
    int axis = -1;
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = slope_fits(eval, in[0], in[1], &axis, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[0]->dtype, in[0]->rank, in[0]->dims, &out, err);
    }
    return status != MOPT_OK ? status
                             : mopt__binary_run(eval, &prelu_row, out, in[0], in[1], axis, err);
}

#define RECORD(from, to, set, ...)                                                  \
    {                                                                               \
        .domain = "", .name = "PRelu", .since = from, .until = to,                  \
        .summary = "rectifier with a learnt slope for negative values",             \
        MOPT_PAIR("X", "slope", "T", set), MOPT_OUTPUTS({"Y", "T", set, 0}),        \
        __VA_ARGS__.traits = MOPT_TRAIT_ELEMENTWISE | MOPT_TRAIT_IN_PLACE,          \
        .quant = &mopt__quant_unary, .infer = mopt__infer_like, .eval = prelu_eval, \
        .cost = mopt__cost_output                                                   \
    }

static const struct mopt_op records[] = {
    RECORD(1, 5, MOPT_SET_FLOATS, MOPT_ATTRIBUTES(MOPT_A_CONSUMED), ),
    RECORD(6, 6, MOPT_SET_FLOATS, ),
    RECORD(7, 8, MOPT_SET_FLOATS, ),
    RECORD(9, 15, MOPT_SET_WIDE, ),
    RECORD(16, 0, MOPT_SET_WIDE_BF, ),
};
const struct mopt_op_family mopt__ops_prelu = {records, MOPT_COUNTOF(records)};
