// SPDX-License-Identifier: Apache-2.0
// Conv: convolution with groups, dilations and every padding mode, any number of spatial axes.
// Floats only; the integer forms are in conv_integer.c. FusedConv of com.microsoft adds a tensor
// and an activation.
#include "kernels/conv_nhwc.h"
#include "ops/conv_common.h"
#include "ops/epilogue.h"

static double tap_sum(const double *x, const double *w, const struct mopt_tap *taps, size_t count)
{
    double sum = 0;
    for (size_t t = 0; t < count; t++) {
        sum += x[taps[t].input] * w[taps[t].kernel];
    }
    return sum;
}

struct operands {
    const struct mopt_conv *c;
    double *x, *w, *b;
    size_t in, out, kernel; // elements of one channel
};

// All outputs at one position.
static void convolve_at(const struct operands *o, size_t position, const struct mopt_tap *taps,
                        size_t count, struct mopt_tensor *y)
{
    const struct mopt_conv *c = o->c;
    int64_t filters = c->groups * c->out_channels;
    for (int64_t i = 0; i < c->batch * filters; i++) {
        int64_t filter = i % filters;
        int64_t group = filter / c->out_channels;
        double sum = o->b ? o->b[filter] : 0;
        for (int64_t channel = 0; channel < c->in_channels; channel++) {
            size_t plane = (size_t)((i / filters * c->groups + group) * c->in_channels + channel);
            sum += tap_sum(o->x + plane * o->in,
                           o->w + (size_t)(filter * c->in_channels + channel) * o->kernel, taps,
                           count);
        }
        mopt__nn_store_at(y, (size_t)i * o->out + position, sum);
    }
}

static enum mopt_status convolve(struct mopt_eval *eval, const struct operands *o,
                                 struct mopt_tensor *y, struct mopt_error *err)
{
    struct mopt_tap *taps = NULL;
    enum mopt_status status = mopt__window_new_taps(&o->c->w, &taps, err);
    size_t positions = y->count ? o->out : 0;
    for (size_t p = 0; status == MOPT_OK && p < positions; p++) {
        convolve_at(o, p, taps, mopt__window_taps(&o->c->w, p, taps), y);
        status = mopt__nn_tick(eval, err);
    }
    mopt__free(taps);
    return status;
}

static enum mopt_status conv_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[4] = {NULL};
    struct mopt_conv c;
    struct mopt_epilogue epilogue;
    int64_t dims[MOPT_RANK_MAX];
    struct mopt_tensor *y = NULL;
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status == MOPT_OK) {
        status = mopt__epilogue_read(eval->node, &epilogue, err);
    }
    if (status == MOPT_OK) {
        status = mopt__conv_open(eval->node, in[0]->rank, in[0]->dims, in[1]->rank, in[1]->dims, &c,
                                 err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_vector(in[2], "B", c.groups * c.out_channels, err);
    }
    if (status == MOPT_OK) {
        int rank = mopt__conv_dims(&c, dims);
        status = mopt__eval_output(eval, 0, in[0]->dtype, rank, dims, &y, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    struct operands o = {&c, NULL, NULL, NULL, 0, 0, 0};
    o.in = mopt__window_count(c.w.in, c.w.rank);
    o.out = mopt__window_count(c.w.out, c.w.rank);
    o.kernel = mopt__window_count(c.w.kernel, c.w.rank);
    status = mopt__nn_doubles(in[0], &o.x, err);
    if (status == MOPT_OK) {
        status = mopt__nn_doubles(in[1], &o.w, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_doubles(in[2], &o.b, err);
    }
    if (status == MOPT_OK) {
        status = convolve(eval, &o, y, err);
    }
    if (status == MOPT_OK) {
        status = mopt__epilogue_run(&epilogue, in[3], y, err);
    }
    mopt__free(o.x);
    mopt__free(o.w);
    mopt__free(o.b);
    return status;
}

static enum mopt_status conv_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return mopt__conv_infer(infer, 0, 1, mopt__infer_dtype(infer, 0), err);
}

struct bound {
    struct mopt_epilogue epilogue;
    struct mopt_conv conv;
    struct mopt_conv_shape shape;
    const struct mopt_kernels *kernels;
};

static enum mopt_status convolve_fast(const struct mopt_eval *eval, const struct bound *bound,
                                      const float *x, const float *w, const float *bias, float *y,
                                      struct mopt_error *err)
{
    if (bound->kernels != NULL && mopt__conv_plain_takes(&bound->shape)) {
        return mopt__conv_plain(bound->kernels, &bound->shape, x, w, bias, y, eval->pool, err);
    }
    return mopt__conv_f32(&bound->shape, x, w, bias, y, eval->pool, err);
}

static enum mopt_status conv_run(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct bound *bound = eval->state;
    const struct mopt_tensor *x = mopt__eval_input(eval, 0);
    const struct mopt_tensor *w = mopt__eval_input(eval, 1);
    const struct mopt_tensor *b = mopt__eval_input(eval, 2);
    int64_t dims[MOPT_RANK_MAX];
    struct mopt_tensor *y = NULL;
    int rank = mopt__conv_dims(&bound->conv, dims);
    enum mopt_status status =
        mopt__nn_vector(b, "B", bound->conv.groups * bound->conv.out_channels, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, MOPT_FLOAT32, rank, dims, &y, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    status = convolve_fast(eval, bound, x->data, w->data, b ? b->data : NULL, mopt__nn_f32(y), err);
    return status == MOPT_OK
               ? mopt__epilogue_run(&bound->epilogue, mopt__eval_input(eval, 3), y, err)
               : status;
}

static enum mopt_status conv_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    if (!mopt__nn_bind_is(bind, 0, MOPT_FLOAT32) || !mopt__nn_bind_is(bind, 1, MOPT_FLOAT32) ||
        (bind->node->input_count > 2 && bind->node->inputs[2].value &&
         !mopt__nn_bind_is(bind, 2, MOPT_FLOAT32))) {
        return MOPT_OK;
    }
    struct bound *state = mopt__calloc(1, sizeof *state);
    if (!state) {
        return mopt_error_memory(err);
    }
    if (!mopt__conv_bind(bind, 0, 1, &state->conv) || mopt__conv_is_endless(&state->conv) ||
        !mopt__conv_shape(&state->conv, &state->shape) ||
        mopt__epilogue_read(bind->node, &state->epilogue, err) != MOPT_OK) {
        mopt_error_clear(err); // eval reports it
        mopt__free(state);
        return MOPT_OK;
    }
    state->kernels = bind->kernels;
    bind->state = state;
    bind->free_state = mopt__free;
    bind->run = conv_run;
    return MOPT_OK;
}

static void conv_cost(struct mopt_cost *cost)
{
    mopt__conv_cost(cost, 1);
}

static const struct mopt_quant_spec quant = {
    .activations = 1, .weights = 2, .weight_axis = 0, .bias_input = 2, .integer_kernel = true};

#define RECORD(from, to, set)                                                                      \
    {                                                                                              \
        .domain = "", .name = "Conv", .since = from, .until = to,                                  \
        .summary = "convolution with groups, dilations and padding",                               \
        MOPT_INPUTS({"X", "T", set, 0}, {"W", "T", set, 0}, {"B", "T", set, MOPT_PARAM_OPTIONAL}), \
        MOPT_OUTPUTS({"Y", "T", set, 0}), MOPT_ATTRIBUTES(MOPT_CONV_ATTRIBUTES), .quant = &quant,  \
        .infer = conv_infer, .eval = conv_eval, .bind = conv_bind, .cost = conv_cost               \
    }

static const struct mopt_op records[] = {
    RECORD(1, 21, MOPT_SET_FLOATS),
    RECORD(22, 0, MOPT_SET_FLOATS_BF),
    {.domain = "com.microsoft",
     .name = "FusedConv",
     .since = 1,
     .summary = "convolution, then addition and activation",
     MOPT_INPUTS({"X", "T", MOPT_SET_FLOATS, 0}, {"W", "T", MOPT_SET_FLOATS, 0},
                 {"B", "T", MOPT_SET_FLOATS, MOPT_PARAM_OPTIONAL},
                 {"Z", "T", MOPT_SET_FLOATS, MOPT_PARAM_OPTIONAL}),
     MOPT_OUTPUTS({"Y", "T", MOPT_SET_FLOATS, 0}),
     MOPT_ATTRIBUTES(MOPT_CONV_ATTRIBUTES, MOPT_A_STRING("activation", "", NULL),
                     MOPT_A_FLOATS("activation_params")),
     .quant = &quant,
     .infer = conv_infer,
     .eval = conv_eval,
     .bind = conv_bind,
     .cost = conv_cost},
};
const struct mopt_op_family mopt__ops_conv = {records, MOPT_COUNTOF(records)};
