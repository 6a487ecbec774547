// SPDX-License-Identifier: Apache-2.0
// CausalConvWithState: one-dimensional depthwise convolution of a sequence that continues a stored
// piece of the past.
#include <math.h>
#include <string.h>

#include "ops/nn_util.h"

struct causal {
    const struct mopt_tensor *x, *w, *bias, *past;
    size_t batch, channels, length, kernel;
    bool silu;
};

static enum mopt_status open_causal(const struct mopt_eval *eval, struct causal *c,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *in[4] = {NULL};
    const char *activation = NULL;
    enum mopt_status status = mopt__open(eval, in, 4, err);
    c->x = in[0];
    c->w = in[1];
    c->bias = in[2];
    c->past = in[3];
    if (status == MOPT_OK) {
        status = mopt__attr_string(eval->node, "activation", "none", &activation, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    c->silu = mopt__streq(activation, "silu") || mopt__streq(activation, "swish");
    if (!c->silu && !mopt__streq(activation, "none")) {
        return mopt_error_set(err, MOPT_E_VALUE,
                              "attribute 'activation' has the unknown value '%s'", activation);
    }
    bool fits = in[0]->rank == 3 && in[1]->rank == 3 && in[1]->dims[0] == in[0]->dims[1] &&
                in[1]->dims[1] == 1 && in[1]->dims[2] >= 1;
    if (fits && in[3]) {
        fits = in[3]->rank == 3 && in[3]->dims[0] == in[0]->dims[0] &&
               in[3]->dims[1] == in[0]->dims[1] && in[3]->dims[2] == in[1]->dims[2] - 1;
    }
    if (!fits) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input, weight and state do not fit together");
    }
    c->batch = (size_t)in[0]->dims[0];
    c->channels = (size_t)in[0]->dims[1];
    c->length = (size_t)in[0]->dims[2];
    c->kernel = (size_t)in[1]->dims[2];
    return mopt__nn_vector(in[2], "bias", in[0]->dims[1], err);
}

// Element i of the sequence with the past in front.
static double joined(const struct causal *c, size_t line, size_t i)
{
    size_t past = c->kernel - 1;
    if (i >= past) {
        return mopt__tensor_f64(c->x, line * c->length + i - past);
    }
    return c->past ? mopt__tensor_f64(c->past, line * past + i) : 0;
}

// Output element t of one line (a channel of an image).
static void convolve(const struct causal *c, size_t line, size_t t, struct mopt_tensor *y)
{
    size_t channel = line % c->channels;
    size_t at = line * c->length + t;
    double sum = c->bias ? mopt__tensor_f64(c->bias, channel) : 0;
    for (size_t k = 0; k < c->kernel; k++) {
        sum += joined(c, line, t + k) * mopt__tensor_f64(c->w, channel * c->kernel + k);
    }
    mopt__nn_store_at(y, at, sum);
    if (c->silu) { // of the rounded sum, as the function body says
        double value = mopt__tensor_f64(y, at);
        mopt__nn_store_at(y, at, value / (1 + exp(-value)));
    }
}

static enum mopt_status causal_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct causal c = {.kernel = 1, .channels = 1};
    struct mopt_tensor *y = NULL;
    struct mopt_tensor *state = NULL;
    enum mopt_status status = open_causal(eval, &c, err);
    if (status != MOPT_OK) {
        return status;
    }
    int64_t dims[3] = {c.x->dims[0], c.x->dims[1], c.w->dims[2] - 1};
    status = mopt__eval_output(eval, 0, c.x->dtype, 3, c.x->dims, &y, err);
    if (status == MOPT_OK && mopt__eval_wants(eval, 1)) {
        status = mopt__eval_output(eval, 1, c.x->dtype, 3, dims, &state, err);
    }
    for (size_t line = 0; status == MOPT_OK && line < c.batch * c.channels; line++) {
        for (size_t t = 0; t < c.length; t++) {
            convolve(&c, line, t, y);
        }
        for (size_t k = 0; state && k < c.kernel - 1; k++) {
            double value = joined(&c, line, c.length + k);
            mopt__nn_store_at(state, line * (c.kernel - 1) + k, value);
        }
    }
    return status;
}

static enum mopt_status causal_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    const struct mopt_type *w = mopt__infer_tensor(infer, 1);
    enum mopt_status status = mopt__infer_like(infer, err);
    if (status != MOPT_OK || !x || x->rank != 3) {
        return status;
    }
    int64_t kernel = w && w->rank == 3 ? w->dims[2] : MOPT_DIM_UNKNOWN;
    int64_t dims[3] = {x->dims[0], x->dims[1],
                       mopt__dim_sub(infer->dims, kernel, mopt__dim_const(infer->dims, 1))};
    return mopt__infer_set(infer, 1, x->dtype, 3, dims, err);
}

#define F (MOPT_SET_F32 | MOPT_DT(MOPT_FLOAT16) | MOPT_DT(MOPT_BFLOAT16))

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "CausalConvWithState",
     .since = 27,
     .summary = "depthwise convolution of a sequence with a stored past",
     MOPT_INPUTS({"input", "T", F, 0}, {"weight", "T", F, 0}, {"bias", "T", F, MOPT_PARAM_OPTIONAL},
                 {"past_state", "T", F, MOPT_PARAM_OPTIONAL}),
     MOPT_OUTPUTS({"output", "T", F, 0}, {"present_state", "T", F, 0}),
     MOPT_ATTRIBUTES(MOPT_A_STRING("activation", "none", NULL)),
     .infer = causal_infer,
     .eval = causal_eval,
     .cost = mopt__cost_output},
};
const struct mopt_op_family mopt__ops_causal_conv = {records, MOPT_COUNTOF(records)};
