// SPDX-License-Identifier: Apache-2.0
// ConvInteger and QLinearConv: convolution of 8-bit integers with exact 32-bit sums (only
// wrap-around at 2^32). Padding contributes the zero point, that is nothing. Meaning:
// reference/quantization.md 2.8 and 2.10. QLinearConv of com.microsoft may have images whose
// channels stand last.
#include "ops/conv_common.h"

enum { QLINEAR_INPUTS = 9 };

// One operand with its quantization parameters.
struct operand {
    const struct mopt_tensor *t, *scale, *zero;
};

struct integer_conv {
    struct mopt_conv c;
    struct operand x, w, y;      // y.t is not used
    const struct mopt_tensor *b; // int32 [filters] or NULL
    struct mopt_tensor *out;
    bool last; // channels of images stand last
};

static int32_t zero_of(const struct operand *o, size_t channel)
{
    return o->zero ? (int32_t)mopt__tensor_i64_at(o->zero, o->zero->count > 1 ? channel : 0) : 0;
}

static float scale_of(const struct operand *o, size_t channel)
{
    return (float)mopt__tensor_f64(o->scale, o->scale->count > 1 ? channel : 0);
}

static enum mopt_status check_parameter(const struct mopt_tensor *t, const char *name,
                                        int64_t channels, struct mopt_error *err)
{
    if (!t || t->count == 1 || (t->rank == 1 && channels > 0 && t->dims[0] == channels)) {
        return MOPT_OK;
    }
    return mopt_error_set(err, MOPT_E_SHAPE, "input '%s' must be a scalar%s", name,
                          channels > 0 ? " or hold one value per filter" : "");
}

// Stores the finished sum of one output element.
static void finish_one(const struct integer_conv *ic, size_t filter, size_t at, uint32_t sum)
{
    void *data = mopt__tensor_data(ic->out);
    if (!ic->y.scale) {
        ((int32_t *)data)[at] = (int32_t)sum;
        return;
    }
    int64_t low = 0;
    int64_t high = 0;
    mopt__nn_int_range(ic->out->dtype, &low, &high);
    if (ic->b) {
        sum += (uint32_t)mopt__tensor_i64_at(ic->b, filter);
    }
    float factor = scale_of(&ic->x, 0) * scale_of(&ic->w, filter) / scale_of(&ic->y, 0);
    double value = (double)((float)(int32_t)sum * factor);
    int64_t q = mopt__nn_quantize(value, zero_of(&ic->y, 0), low, high);
    mopt__element_set_i64(ic->out->dtype, data, at, q);
}

static uint32_t sum_at(const struct integer_conv *ic, size_t image, size_t filter,
                       const struct mopt_tap *taps, size_t count)
{
    const struct mopt_conv *c = &ic->c;
    size_t in = mopt__window_count(c->w.in, c->w.rank);
    size_t kernel = mopt__window_count(c->w.kernel, c->w.rank);
    size_t group = filter / (size_t)c->out_channels;
    size_t channels = (size_t)(c->groups * c->in_channels);
    size_t first = group * (size_t)c->in_channels;
    int32_t zx = zero_of(&ic->x, 0);
    int32_t zw = zero_of(&ic->w, filter);
    uint32_t sum = 0;
    for (size_t channel = 0; channel < (size_t)c->in_channels; channel++) {
        size_t x = ic->last ? image * in * channels + first + channel
                            : (image * channels + first + channel) * in;
        size_t step = ic->last ? channels : 1;
        size_t w = (filter * (size_t)c->in_channels + channel) * kernel;
        for (size_t t = 0; t < count; t++) {
            int32_t a = (int32_t)mopt__tensor_i64_at(ic->x.t, x + taps[t].input * step) - zx;
            int32_t b = (int32_t)mopt__tensor_i64_at(ic->w.t, w + taps[t].kernel) - zw;
            sum += (uint32_t)(a * b);
        }
    }
    return sum;
}

static enum mopt_status convolve(struct mopt_eval *eval, const struct integer_conv *ic,
                                 struct mopt_error *err)
{
    const struct mopt_conv *c = &ic->c;
    struct mopt_tap *taps = NULL;
    enum mopt_status status = mopt__window_new_taps(&c->w, &taps, err);
    size_t positions = mopt__window_count(c->w.out, c->w.rank);
    size_t filters = (size_t)(c->groups * c->out_channels);
    size_t planes = (size_t)c->batch * filters;
    for (size_t p = 0; status == MOPT_OK && planes > 0 && p < positions; p++) {
        size_t count = mopt__window_taps(&c->w, p, taps);
        for (size_t i = 0; i < planes; i++) {
            uint32_t sum = sum_at(ic, i / filters, i % filters, taps, count);
            size_t at = ic->last ? (i / filters * positions + p) * filters + i % filters
                                 : i * positions + p;
            finish_one(ic, i % filters, at, sum);
        }
        status = mopt__nn_tick(eval, err);
    }
    mopt__free(taps);
    return status;
}

// Dims of images in the order of ONNX, and back.
static void channels_second(bool last, int rank, const int64_t *x, int64_t *dims)
{
    for (int i = 0; i < rank; i++) {
        dims[i] = !last || i == 0 ? x[i] : x[i == 1 ? rank - 1 : i - 1];
    }
}

static void channels_last(bool last, int rank, const int64_t *x, int64_t *dims)
{
    for (int i = 0; i < rank; i++) {
        dims[i] = !last || i == 0 ? x[i] : x[i == rank - 1 ? 1 : i + 1];
    }
}

// Collects and checks the operands of either operator, and makes the output.
static enum mopt_status open_inputs(struct mopt_eval *eval, struct integer_conv *ic,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *in[QLINEAR_INPUTS] = {NULL};
    bool scaled = eval->node->op->input_count > 4;
    enum mopt_status status = mopt__open(eval, in, scaled ? QLINEAR_INPUTS : 4, err);
    if (status != MOPT_OK) {
        return status;
    }
    *ic = (struct integer_conv){.x = {in[0], NULL, in[2]}, .w = {in[1], NULL, in[3]}};
    if (scaled) {
        ic->x = (struct operand){in[0], in[1], in[2]};
        ic->w = (struct operand){in[3], in[4], in[5]};
        ic->y = (struct operand){NULL, in[6], in[7]};
        ic->b = in[8];
    }
    int64_t dims[MOPT_RANK_MAX];
    ic->last = mopt__int_of(eval->node, "channels_last", 0) != 0;
    channels_second(ic->last, ic->x.t->rank, ic->x.t->dims, dims);
    status =
        mopt__conv_open(eval->node, ic->x.t->rank, dims, ic->w.t->rank, ic->w.t->dims, &ic->c, err);
    if (status != MOPT_OK) {
        return status;
    }
    int64_t filters = ic->c.groups * ic->c.out_channels;
    const struct {
        const struct mopt_tensor *t;
        const char *name;
        int64_t channels;
    } checks[] = {{ic->x.scale, "x_scale", 0},       {ic->x.zero, "x_zero_point", 0},
                  {ic->w.scale, "w_scale", filters}, {ic->w.zero, "w_zero_point", filters},
                  {ic->y.scale, "y_scale", 0},       {ic->y.zero, "y_zero_point", 0}};
    for (size_t i = 0; status == MOPT_OK && i < MOPT_COUNTOF(checks); i++) {
        status = check_parameter(checks[i].t, checks[i].name, checks[i].channels, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_vector(ic->b, "B", filters, err);
    }
    return status;
}

static enum mopt_status make_output(struct mopt_eval *eval, struct integer_conv *ic,
                                    struct mopt_error *err)
{
    int64_t sizes[MOPT_RANK_MAX];
    int64_t dims[MOPT_RANK_MAX];
    int rank = mopt__conv_dims(&ic->c, sizes);
    channels_last(ic->last, rank, sizes, dims);
    enum mopt_dtype dtype = ic->y.scale ? ic->y.zero->dtype : MOPT_INT32;
    return mopt__eval_output(eval, 0, dtype, rank, dims, &ic->out, err);
}

static enum mopt_status integer_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct integer_conv ic;
    enum mopt_status status = open_inputs(eval, &ic, err);
    if (status == MOPT_OK) {
        status = make_output(eval, &ic, err);
    }
    return status == MOPT_OK ? convolve(eval, &ic, err) : status;
}

// ---- Bound form --------------------------------------------------------------------------------------------------

enum { BLOCK = 256 };

struct finish {
    int32_t *sums; // ConvInteger
    void *bytes;   // QLinearConv
    bool is_signed;
    size_t filters, positions;
    const float *factor; // [filters]
    const int32_t *bias; // [filters] or NULL
    int32_t zero;
};

static void finish_rows(void *context, int64_t image, int64_t channel, size_t from, size_t count,
                        const int32_t *acc)
{
    const struct finish *f = context;
    size_t at = ((size_t)image * f->filters + (size_t)channel) * f->positions + from;
    if (f->sums) {
        for (size_t i = 0; i < count; i++) {
            f->sums[at + i] = acc[i];
        }
        return;
    }
    uint32_t bias = f->bias ? (uint32_t)f->bias[channel] : 0;
    float values[BLOCK];
    for (size_t done = 0; done < count; done += BLOCK) {
        size_t n = count - done < BLOCK ? count - done : BLOCK;
        for (size_t i = 0; i < n; i++) {
            values[i] = (float)(int32_t)((uint32_t)acc[done + i] + bias);
        }
        mopt__quantize_bytes(values, &f->factor[channel], 0, n, f->is_signed, f->zero,
                             (uint8_t *)f->bytes + at + done);
    }
}

// Weights as floats minus their zero points; the largest magnitude goes to *top.
static void widen(const struct integer_conv *ic, float *w, double *top)
{
    size_t filters = (size_t)(ic->c.groups * ic->c.out_channels);
    size_t each = filters ? ic->w.t->count / filters : 0;
    bool is_signed = ic->w.t->dtype == MOPT_INT8;
    *top = 1;
    for (size_t f = 0; f < filters; f++) {
        int32_t zero = zero_of(&ic->w, f);
        mopt__bytes_to_float((const uint8_t *)ic->w.t->data + f * each, is_signed, zero, each,
                             w + f * each);
        double high = (is_signed ? 127 : 255) - zero;
        double low = zero - (is_signed ? -128 : 0);
        *top = high > *top ? high : *top;
        *top = low > *top ? low : *top;
    }
}

static enum mopt_status run_kernel(struct mopt_eval *eval, const struct integer_conv *ic, float *w,
                                   float *factor, struct mopt_error *err)
{
    struct mopt_conv_shape shape;
    double top = 1;
    int32_t zx = zero_of(&ic->x, 0);
    bool x_signed = ic->x.t->dtype == MOPT_INT8;
    double x_top = x_signed ? (zx < 0 ? 127 - zx : 128 + zx) : (zx < 128 ? 255 - zx : zx);
    void *data = mopt__tensor_data(ic->out);
    struct finish f = {.filters = (size_t)(ic->c.groups * ic->c.out_channels),
                       .positions = mopt__window_count(ic->c.w.out, ic->c.w.rank),
                       .factor = factor,
                       .bias = ic->b ? ic->b->data : NULL};
    if (ic->y.scale) {
        f.bytes = data;
        f.is_signed = ic->out->dtype == MOPT_INT8;
        f.zero = zero_of(&ic->y, 0);
        for (size_t i = 0; i < f.filters; i++) {
            factor[i] = scale_of(&ic->x, 0) * scale_of(&ic->w, i) / scale_of(&ic->y, 0);
        }
    } else {
        f.sums = data;
    }
    widen(ic, w, &top);
    mopt__conv_shape(&ic->c, &shape);
    struct mopt_conv_i8 conv = {&shape, ic->x.t->data, x_signed,    zx,
                                w,      top * x_top,   finish_rows, &f};
    return mopt__conv_i8(&conv, eval->pool, err);
}

static enum mopt_status integer_run(struct mopt_eval *eval, struct mopt_error *err)
{
    struct integer_conv ic;
    enum mopt_status status = open_inputs(eval, &ic, err);
    if (status == MOPT_OK) {
        status = make_output(eval, &ic, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (ic.last || ic.c.w.rank > 3 || mopt__conv_is_endless(&ic.c)) {
        return convolve(eval, &ic, err);
    }
    float *w = mopt__calloc(ic.w.t->count + 1, sizeof *w);
    float *factor = mopt__calloc((size_t)(ic.c.groups * ic.c.out_channels) + 1, sizeof *factor);
    status = w && factor ? run_kernel(eval, &ic, w, factor, err) : mopt_error_memory(err);
    mopt__free(w);
    mopt__free(factor);
    return status;
}

static enum mopt_status integer_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    (void)err;
    bind->run = integer_run;
    return MOPT_OK;
}

static enum mopt_status integer_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return mopt__conv_infer(infer, 0, 1, MOPT_INT32, err);
}

static enum mopt_status qlinear_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return mopt__conv_infer(infer, 0, 3, mopt__infer_dtype(infer, 7), err);
}

// As if the channels came second.
static enum mopt_status contrib_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    struct mopt_fact inputs[QLINEAR_INPUTS] = {{NULL, NULL, NULL}};
    struct mopt_fact output = {NULL, NULL, NULL};
    struct mopt_infer inner = *infer;
    int64_t dims[MOPT_RANK_MAX];
    if (mopt__int_of(infer->node, "channels_last", 0) == 0) {
        return qlinear_infer(infer, err);
    }
    if (!x || x->rank < 2) {
        return mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 7), -1, NULL, err);
    }
    for (uint32_t i = 0; i < infer->node->input_count && i < QLINEAR_INPUTS; i++) {
        inputs[i] = infer->inputs[i];
    }
    channels_second(true, x->rank, x->dims, dims);
    inputs[0].type = mopt__type_tensor(infer->arena, x->dtype, x->rank, dims);
    inner.inputs = inputs;
    inner.outputs = &output;
    enum mopt_status status = inputs[0].type ? qlinear_infer(&inner, err) : mopt_error_memory(err);
    if (status != MOPT_OK || !output.type) {
        return status;
    }
    channels_last(true, output.type->rank, output.type->dims, dims);
    return mopt__infer_set(infer, 0, output.type->dtype, output.type->rank, dims, err);
}

static void integer_cost(struct mopt_cost *cost)
{
    mopt__conv_cost(cost, 1);
}

static void qlinear_cost(struct mopt_cost *cost)
{
    mopt__conv_cost(cost, 3);
}

#define QLINEAR_PARAMS                                                                        \
    MOPT_INPUTS({"x", "T1", MOPT_SET_INT8, 0}, {"x_scale", "tensor(float)", MOPT_SET_F32, 0}, \
                {"x_zero_point", "T1", MOPT_SET_INT8, 0}, {"w", "T2", MOPT_SET_INT8, 0},      \
                {"w_scale", "tensor(float)", MOPT_SET_F32, 0},                                \
                {"w_zero_point", "T2", MOPT_SET_INT8, 0},                                     \
                {"y_scale", "tensor(float)", MOPT_SET_F32, 0},                                \
                {"y_zero_point", "T3", MOPT_SET_INT8, 0},                                     \
                {"B", "T4", MOPT_SET_I32, MOPT_PARAM_OPTIONAL}),                              \
        MOPT_OUTPUTS({"y", "T3", MOPT_SET_INT8, 0})

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "ConvInteger",
     .since = 10,
     .summary = "convolution of 8-bit integers with 32-bit result",
     MOPT_INPUTS({"x", "T1", MOPT_SET_INT8, 0}, {"w", "T2", MOPT_SET_INT8, 0},
                 {"x_zero_point", "T1", MOPT_SET_INT8, MOPT_PARAM_OPTIONAL},
                 {"w_zero_point", "T2", MOPT_SET_INT8, MOPT_PARAM_OPTIONAL}),
     MOPT_OUTPUTS({"y", "T3", MOPT_SET_I32, 0}),
     MOPT_ATTRIBUTES(MOPT_CONV_ATTRIBUTES),
     .infer = integer_infer,
     .eval = integer_eval,
     .bind = integer_bind,
     .cost = integer_cost},
    {.domain = "",
     .name = "QLinearConv",
     .since = 10,
     .summary = "convolution of quantized tensors with quantized result",
     QLINEAR_PARAMS,
     MOPT_ATTRIBUTES(MOPT_CONV_ATTRIBUTES),
     .infer = qlinear_infer,
     .eval = integer_eval,
     .bind = integer_bind,
     .cost = qlinear_cost},
    {.domain = "com.microsoft",
     .name = "QLinearConv",
     .since = 1,
     .summary = "convolution of quantized tensors, channels second or last",
     QLINEAR_PARAMS,
     MOPT_ATTRIBUTES(MOPT_CONV_ATTRIBUTES, MOPT_A_FLAG("channels_last", 0)),
     .infer = contrib_infer,
     .eval = integer_eval,
     .bind = integer_bind,
     .cost = qlinear_cost},
};
const struct mopt_op_family mopt__ops_conv_integer = {records, MOPT_COUNTOF(records)};
