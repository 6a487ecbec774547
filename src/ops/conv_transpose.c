// SPDX-License-Identifier: Apache-2.0
// ConvTranspose: every input element spreads its weights into the output. The geometry is that of
// the convolution whose gradient this is: that convolution's input is our output.
#include "ops/conv_common.h"

struct transposed {
    struct mopt_window w; // in = our output sizes, out = our input sizes
    int64_t batch, groups, in_channels, out_channels; // channels per group of X and Y
    int rank;
    int64_t dims[MOPT_RANK_MAX]; // of Y; symbolic while inferring
};

struct shape_request {
    const int64_t *padding, *shape; // attributes output_padding, output_shape; NULL = absent
};

static enum mopt_status read_list(const struct mopt_node *node, const char *name, int spatial,
                                  int64_t low, const int64_t **values, struct mopt_error *err)
{
    size_t count = 0;
    enum mopt_status status = mopt__attr_ints(node, name, values, &count, err);
    if (status != MOPT_OK || !*values) {
        return status;
    }
    if (mopt__streq(name, "output_shape") && count == (size_t)spatial + 2) {
        *values += 2; // some exporters give the whole shape
        count -= 2;
    }
    if (count != (size_t)spatial) {
        return mopt_error_set(err, MOPT_E_SHAPE, "attribute '%s' has %zu entries, must be %d", name,
                              count, spatial);
    }
    for (size_t i = 0; i < count; i++) {
        if ((*values)[i] < low || (*values)[i] > INT32_MAX) {
            return mopt_error_set(err, MOPT_E_VALUE, "attribute '%s' has the value %lld", name,
                                  (long long)(*values)[i]);
        }
    }
    return MOPT_OK;
}

static enum mopt_status read_attributes(const struct mopt_node *node, int spatial,
                                        const int64_t *kernel, struct transposed *t,
                                        struct shape_request *request, struct mopt_error *err)
{
    enum mopt_status status = mopt__window_read(node, spatial, kernel, &t->w, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "group", 1, &t->groups, err);
    }
    if (status == MOPT_OK && (t->groups < 1 || t->groups > INT32_MAX)) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'group' has the value %lld",
                              (long long)t->groups);
    }
    if (status == MOPT_OK) {
        status = read_list(node, "output_padding", spatial, 0, &request->padding, err);
    }
    return status == MOPT_OK ? read_list(node, "output_shape", spatial, 0, &request->shape, err)
                             : status;
}

// Output size without padding: (in - 1) * stride + output_padding + span, as a constant to add to
// in * stride.
static int64_t growth(const struct transposed *t, const struct shape_request *r, int i)
{
    int64_t span = (t->w.kernel[i] - 1) * t->w.dilation[i] + 1;
    return (r->padding ? r->padding[i] : 0) + span - t->w.stride[i];
}

// Distributes the padding that makes a full output of `full` elements `wanted` long.
static void share_padding(struct mopt_window *w, int i, int64_t full, int64_t wanted)
{
    int64_t total = full - wanted;
    total = total > 0 ? total : 0;
    bool upper = w->mode == MOPT_PAD_SAME_UPPER;
    w->begin[i] = upper ? total / 2 : total - total / 2;
    w->end[i] = total - w->begin[i];
}

static enum mopt_status resolve_axis(struct transposed *t, const struct shape_request *r, int i,
                                     int64_t in, struct mopt_error *err)
{
    struct mopt_window *w = &t->w;
    if (in > INT64_C(1) << 31) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "input too large on spatial axis %d", i);
    }
    int64_t full = in * w->stride[i] + growth(t, r, i);
    int64_t size = full - w->begin[i] - w->end[i];
    if (r->shape) {
        size = r->shape[i];
        share_padding(w, i, full, size);
    } else if (w->mode == MOPT_PAD_SAME_UPPER || w->mode == MOPT_PAD_SAME_LOWER) {
        size = in * w->stride[i];
        share_padding(w, i, full, size);
    }
    if (size < 0 || (in == 0 && !r->shape)) {
        size = 0;
    }
    w->in[i] = size;
    w->out[i] = in;
    return MOPT_OK;
}

static enum mopt_status open_transposed(const struct mopt_node *node, int x_rank, const int64_t *x,
                                        int w_rank, const int64_t *w, struct transposed *t,
                                        struct mopt_error *err)
{
    struct shape_request request = {NULL, NULL};
    *t = (struct transposed){.rank = x_rank};
    if (x_rank < 2 || w_rank != x_rank) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d and weight rank %d", x_rank,
                              w_rank);
    }
    enum mopt_status status = read_attributes(node, x_rank - 2, w + 2, t, &request, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (x[1] != w[0] || w[0] % t->groups != 0 || w[1] > INT32_MAX) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "input has %lld channels, weight %lld for %lld groups",
                              (long long)x[1], (long long)w[0], (long long)t->groups);
    }
    t->batch = x[0];
    t->in_channels = w[0] / t->groups;
    t->out_channels = w[1];
    t->dims[0] = x[0];
    t->dims[1] = w[1] * t->groups;
    for (int i = 0; status == MOPT_OK && i < x_rank - 2; i++) {
        if (t->w.kernel[i] < 1) {
            return mopt_error_set(err, MOPT_E_SHAPE, "kernel has size 0 on spatial axis %d", i);
        }
        status = resolve_axis(t, &request, i, x[2 + i], err);
        t->dims[2 + i] = t->w.in[i];
    }
    return status;
}

static struct mopt_conv gradient_of(const struct transposed *t)
{
    return (struct mopt_conv){.w = t->w,
                              .batch = t->batch,
                              .groups = t->groups,
                              .in_channels = t->out_channels,
                              .out_channels = t->in_channels};
}

enum mopt_status mopt__conv_transpose_open(const struct mopt_node *node, int x_rank,
                                           const int64_t *x, int w_rank, const int64_t *w,
                                           struct mopt_conv *conv, struct mopt_error *err)
{
    struct transposed t;
    const enum mopt_status status = open_transposed(node, x_rank, x, w_rank, w, &t, err);
    if (status == MOPT_OK) {
        *conv = gradient_of(&t);
    }
    return status;
}

struct operands {
    const struct transposed *t;
    double *x, *w, *y;
    size_t in, out, kernel; // elements of one channel of X, Y, W
};

// Adds what all input channels at one position give.
static void spread(const struct operands *o, size_t position, const struct mopt_tap *taps,
                   size_t count)
{
    const struct transposed *t = o->t;
    size_t channels = (size_t)(t->groups * t->in_channels);
    for (size_t i = 0; i < (size_t)t->batch * channels; i++) {
        size_t channel = i % channels;
        size_t group = channel / (size_t)t->in_channels;
        double value = o->x[i * o->in + position];
        for (size_t m = 0; m < (size_t)t->out_channels; m++) {
            const double *w = o->w + (channel * (size_t)t->out_channels + m) * o->kernel;
            size_t plane = (i / channels * (size_t)t->groups + group) * (size_t)t->out_channels + m;
            for (size_t k = 0; k < count; k++) {
                o->y[plane * o->out + taps[k].input] += value * w[taps[k].kernel];
            }
        }
    }
}

static enum mopt_status spread_all(struct mopt_eval *eval, struct operands *o,
                                   const struct mopt_tensor *const *in, struct mopt_error *err)
{
    struct mopt_tap *taps = NULL;
    const struct transposed *t = o->t;
    size_t filters = (size_t)(t->groups * t->out_channels);
    size_t total = mopt__nn_product(t->dims, 0, t->rank);
    enum mopt_status status = mopt__nn_doubles(in[0], &o->x, err);
    if (status == MOPT_OK) {
        status = mopt__nn_doubles(in[1], &o->w, err);
    }
    if (status == MOPT_OK) {
        status = mopt__window_new_taps(&t->w, &taps, err);
    }
    if (status == MOPT_OK) {
        o->y = mopt__nn_zeros(total, err);
        status = mopt__nn_got(o->y, err);
    }
    for (size_t i = 0; status == MOPT_OK && in[2] && i < total; i++) {
        o->y[i] = mopt__tensor_f64(in[2], i / o->out % filters);
    }
    for (size_t p = 0; status == MOPT_OK && p < o->in; p++) {
        spread(o, p, taps, mopt__window_taps(&t->w, p, taps));
        status = mopt__nn_tick(eval, err);
    }
    mopt__free(taps);
    return status;
}

static enum mopt_status transpose_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[3];
    struct transposed t;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = mopt__open(eval, in, 3, err);
    if (status == MOPT_OK) {
        status = open_transposed(eval->node, in[0]->rank, in[0]->dims, in[1]->rank, in[1]->dims, &t,
                                 err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_vector(in[2], "B", t.groups * t.out_channels, err);
    }
    if (status == MOPT_OK) { // also checks that the size can exist
        status = mopt__eval_output(eval, 0, in[0]->dtype, t.rank, t.dims, &y, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    struct operands o = {.t = &t};
    o.in = mopt__window_count(t.w.out, t.w.rank);
    o.out = mopt__window_count(t.w.in, t.w.rank);
    o.kernel = mopt__window_count(t.w.kernel, t.w.rank);
    status = spread_all(eval, &o, in, err);
    if (status == MOPT_OK) {
        mopt__nn_store(y, o.y);
    }
    mopt__free(o.x);
    mopt__free(o.w);
    mopt__free(o.y);
    return status;
}

// ---- Bound form ------------------------------------------------------------------------------------------------------

static enum mopt_status transpose_run(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[3] = {mopt__eval_input(eval, 0), mopt__eval_input(eval, 1),
                                       mopt__eval_input(eval, 2)};
    struct transposed t;
    struct mopt_tensor *y = NULL;
    struct mopt_conv_shape shape;
    enum mopt_status status =
        open_transposed(eval->node, in[0]->rank, in[0]->dims, in[1]->rank, in[1]->dims, &t, err);
    if (status == MOPT_OK &&
        mopt__window_is_endless(&t.w, (double)t.batch * (double)t.groups * (double)t.out_channels *
                                          (double)t.in_channels)) {
        return transpose_eval(eval, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_vector(in[2], "B", t.groups * t.out_channels, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, MOPT_FLOAT32, t.rank, t.dims, &y, err);
    }
    if (status != MOPT_OK || y->count == 0) {
        return status;
    }
    const struct mopt_conv conv = gradient_of(&t);
    mopt__conv_shape(&conv, &shape);
    return mopt__conv_transpose_f32(&shape, in[0]->data, in[1]->data, in[2] ? in[2]->data : NULL,
                                    mopt__nn_f32(y), eval->pool, err);
}

static enum mopt_status transpose_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    (void)err;
    if (mopt__nn_bind_is(bind, 0, MOPT_FLOAT32) && mopt__nn_bind_is(bind, 1, MOPT_FLOAT32) &&
        bind->inputs[0].type->rank <= 5) {
        bind->run = transpose_run;
    }
    return MOPT_OK;
}

static int64_t infer_axis(const struct transposed *t, const struct shape_request *r, int i,
                          int64_t in, struct mopt_dims *dims)
{
    if (r->shape) {
        return mopt__dim_const(dims, r->shape[i]);
    }
    int64_t scaled = mopt__dim_mul(dims, in, mopt__dim_const(dims, t->w.stride[i]));
    if (t->w.mode == MOPT_PAD_SAME_UPPER || t->w.mode == MOPT_PAD_SAME_LOWER) {
        return scaled;
    }
    if (t->w.kernel[i] < 0) {
        return MOPT_DIM_UNKNOWN;
    }
    if (in == 0) {
        return 0; // nothing is spread
    }
    int64_t more = growth(t, r, i) - t->w.begin[i] - t->w.end[i];
    int64_t size = mopt__dim_add(dims, scaled, mopt__dim_const(dims, more));
    int64_t known;
    return mopt__dim_is_known(dims, size, &known) && known < 0 ? 0 : size;
}

static enum mopt_status transpose_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    const struct mopt_type *w = mopt__infer_tensor(infer, 1);
    if (!x || x->rank < 0 || !w || w->rank < 0) {
        return mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), x ? x->rank : -1, NULL, err);
    }
    if (x->rank < 2 || w->rank != x->rank) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d and weight rank %d", x->rank,
                              w->rank);
    }
    struct transposed t = {.rank = x->rank};
    struct shape_request request = {NULL, NULL};
    int64_t kernel[MOPT_WINDOW_AXES];
    for (int i = 0; i < x->rank - 2; i++) {
        kernel[i] = w->dims[2 + i] >= 0 ? w->dims[2 + i] : -1;
    }
    enum mopt_status status = read_attributes(infer->node, x->rank - 2, kernel, &t, &request, err);
    if (status != MOPT_OK) {
        return status;
    }
    t.dims[0] = x->dims[0];
    t.dims[1] = mopt__dim_mul(infer->dims, w->dims[1], mopt__dim_const(infer->dims, t.groups));
    for (int i = 0; i < x->rank - 2; i++) {
        t.dims[2 + i] = infer_axis(&t, &request, i, x->dims[2 + i], infer->dims);
    }
    return mopt__infer_set(infer, 0, x->dtype, x->rank, t.dims, err);
}

static void transpose_cost(struct mopt_cost *cost)
{
    int64_t x[MOPT_RANK_MAX];
    int64_t w[MOPT_RANK_MAX];
    int x_rank = 0;
    int w_rank = 0;
    uint64_t elements = 0;
    uint64_t each = 0;
    if (mopt__nn_cost_in(cost, 0, &x_rank, x) && mopt__nn_cost_in(cost, 1, &w_rank, w) &&
        w_rank > 1 && mopt__nn_count(x, x_rank, &elements) &&
        mopt__nn_count(w + 1, w_rank - 1, &each)) {
        cost->known = !__builtin_mul_overflow(elements, each, &cost->macs);
    }
}

static const struct mopt_quant_spec quant = {
    .activations = 1, .weights = 2, .weight_axis = 1, .bias_input = 2, .integer_kernel = false};

#define RECORD(from, to, set)                                                                      \
    {                                                                                              \
        .domain = "", .name = "ConvTranspose", .since = from, .until = to,                         \
        .summary = "transposed convolution",                                                       \
        MOPT_INPUTS({"X", "T", set, 0}, {"W", "T", set, 0}, {"B", "T", set, MOPT_PARAM_OPTIONAL}), \
        MOPT_OUTPUTS({"Y", "T", set, 0}),                                                          \
        MOPT_ATTRIBUTES(MOPT_CONV_ATTRIBUTES, MOPT_A_INTS("output_padding"),                       \
                        MOPT_A_INTS("output_shape")),                                              \
        .quant = &quant, .infer = transpose_infer, .eval = transpose_eval, .bind = transpose_bind, \
        .cost = transpose_cost                                                                     \
    }

static const struct mopt_op records[] = {
    RECORD(1, 21, MOPT_SET_FLOATS),
    RECORD(22, 0, MOPT_SET_FLOATS_BF),
};
const struct mopt_op_family mopt__ops_conv_transpose = {records, MOPT_COUNTOF(records)};
