// SPDX-License-Identifier: Apache-2.0
// QLinearAveragePool and QLinearGlobalAveragePool of com.microsoft: means of quantized windows,
// channels first or last.
#include "ops/qlinear_util.h"
#include "ops/window.h"

struct pooling {
    struct mopt_quantized x, out;
    struct mopt_window w;
    bool last, padded; // channels last; count_include_pad
    int rank;
    int64_t dims[MOPT_RANK_MAX];
    size_t images, channels;
    float real[256]; // values of the codes
};

// Axis of the tensor that is spatial axis i.
static int spatial_axis(const struct pooling *p, int i)
{
    return p->last ? i + 1 : i + 2;
}

static enum mopt_status read_window(const struct mopt_node *node, struct pooling *p,
                                    struct mopt_error *err)
{
    int64_t ceil_mode = 0;
    int64_t padded = 0;
    enum mopt_status status = mopt__window_read(node, p->rank - 2, NULL, &p->w, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "ceil_mode", 0, &ceil_mode, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "count_include_pad", 0, &padded, err);
    }
    p->w.ceil = ceil_mode != 0;
    p->padded = padded != 0;
    return status;
}

// The global form is a window that covers everything.
static void whole_window(struct pooling *p, const int64_t *x)
{
    p->w = (struct mopt_window){.rank = p->rank - 2};
    for (int i = 0; i < p->w.rank; i++) {
        p->w.kernel[i] = x[spatial_axis(p, i)];
        p->w.stride[i] = 1;
        p->w.dilation[i] = 1;
    }
}

static enum mopt_status open_window(const struct mopt_node *node, int rank, const int64_t *x,
                                    struct pooling *p, struct mopt_error *err)
{
    int64_t last = 0;
    bool global = *(const bool *)node->op->data;
    enum mopt_status status = mopt__attr_int(node, "channels_last", 0, &last, err);
    if (status == MOPT_OK && rank < 3) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d, must be 3 or more", rank);
    }
    p->rank = rank;
    p->last = last != 0;
    if (status == MOPT_OK && global) {
        whole_window(p, x);
    } else if (status == MOPT_OK) {
        status = read_window(node, p, err);
    }
    for (int i = 0; i < rank - 2; i++) {
        p->w.in[i] = x[spatial_axis(p, i)];
    }
    return status;
}

static void set_dims(struct pooling *p, const int64_t *x)
{
    for (int i = 0; i < p->rank; i++) {
        p->dims[i] = x[i];
    }
    for (int i = 0; i < p->w.rank; i++) {
        p->dims[spatial_axis(p, i)] = p->w.out[i];
    }
}

static void pool_at(const struct pooling *p, size_t position, const struct mopt_tap *taps,
                    size_t count, uint8_t *y)
{
    size_t in = mopt__window_count(p->w.in, p->w.rank);
    size_t out = mopt__window_count(p->w.out, p->w.rank);
    double divisor = p->padded ? mopt__window_padded_count(&p->w, position) : (double)count;
    const uint8_t *x = p->x.t->data;
    for (size_t i = 0; i < p->images * p->channels; i++) {
        size_t image = i / p->channels;
        size_t channel = i % p->channels;
        double sum = 0;
        for (size_t t = 0; t < count; t++) {
            size_t at = p->last ? (image * in + taps[t].input) * p->channels + channel
                                : i * in + taps[t].input;
            sum += (double)p->real[x[at]];
        }
        size_t to = p->last ? (image * out + position) * p->channels + channel : i * out + position;
        y[to] = mopt__quantized_code(&p->out, divisor > 0 ? sum / divisor : 0);
    }
}

static enum mopt_status pool_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[5];
    struct pooling p = {.rank = 0};
    struct mopt_tensor *y = NULL;
    struct mopt_tap *taps = NULL;
    enum mopt_status status = mopt__open(eval, in, 5, err);
    if (status == MOPT_OK) {
        status = mopt__quantized_open(in[0], in[1], in[2], &p.x, err);
    }
    if (status == MOPT_OK) {
        status = mopt__quantized_open(NULL, in[3], in[4], &p.out, err);
    }
    if (status == MOPT_OK) {
        status = open_window(eval->node, in[0]->rank, in[0]->dims, &p, err);
    }
    if (status == MOPT_OK) {
        status = mopt__window_resolve(&p.w, err);
    }
    if (status == MOPT_OK) {
        set_dims(&p, in[0]->dims);
        mopt__quantized_values(&p.x, p.real);
        p.out.dtype = in[0]->dtype;
        p.images = (size_t)in[0]->dims[0];
        p.channels = (size_t)in[0]->dims[p.last ? p.rank - 1 : 1];
        status = mopt__eval_output(eval, 0, p.out.dtype, p.rank, p.dims, &y, err);
    }
    if (status == MOPT_OK) {
        status = mopt__window_new_taps(&p.w, &taps, err);
    }
    size_t positions = status == MOPT_OK && y->count ? mopt__window_count(p.w.out, p.w.rank) : 0;
    for (size_t at = 0; status == MOPT_OK && at < positions; at++) {
        pool_at(&p, at, taps, mopt__window_taps(&p.w, at, taps), mopt__tensor_data(y));
        status = mopt__nn_tick(eval, err);
    }
    mopt__free(taps);
    return status;
}

static enum mopt_status pool_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    struct pooling p = {.rank = 0};
    enum mopt_dtype dtype = mopt__infer_dtype(infer, 0);
    if (!x || x->rank < 0) {
        return mopt__infer_set(infer, 0, dtype, -1, NULL, err);
    }
    bool global = *(const bool *)infer->node->op->data;
    enum mopt_status status = open_window(infer->node, x->rank, x->dims, &p, err);
    if (status == MOPT_OK && !global) {
        status = mopt__window_infer(&p.w, infer->dims, err);
    }
    for (int i = 0; global && i < p.w.rank; i++) {
        p.w.out[i] = 1;
    }
    if (status != MOPT_OK) {
        return status;
    }
    set_dims(&p, x->dims);
    return mopt__infer_set(infer, 0, dtype, x->rank, p.dims, err);
}

static const bool windowed = false;
static const bool global_pool = true;

#define Q MOPT_SET_INT8
#define POOL(title, text, row, ...)                                                        \
    {                                                                                      \
        .domain = "com.microsoft", .name = title, .since = 1, .summary = text,             \
        MOPT_INPUTS({"X", "T", Q, 0}, {"x_scale", "tensor(float)", MOPT_SET_F32, 0},       \
                    {"x_zero_point", "T", Q, MOPT_PARAM_OPTIONAL},                         \
                    {"y_scale", "tensor(float)", MOPT_SET_F32, 0},                         \
                    {"y_zero_point", "T", Q, MOPT_PARAM_OPTIONAL}),                        \
        MOPT_OUTPUTS({"Y", "T", Q, 0}),                                                    \
        MOPT_ATTRIBUTES(MOPT_A_INT("channels_last", 0), __VA_ARGS__), .infer = pool_infer, \
        .eval = pool_eval, .cost = mopt__cost_input, .data = &(row)                        \
    }

static const struct mopt_op records[] = {
    POOL("QLinearAveragePool", "means of quantized windows", windowed,
         MOPT_A_STRING("auto_pad", "NOTSET", NULL), MOPT_A_INT("ceil_mode", 0),
         MOPT_A_INT("count_include_pad", 0), MOPT_A_INTS_REQUIRED("kernel_shape"),
         MOPT_A_INTS("pads"), MOPT_A_INTS("strides")),
    POOL("QLinearGlobalAveragePool", "means of quantized channels", global_pool, ),
};
const struct mopt_op_family mopt__ops_qlinear_pool = {records, MOPT_COUNTOF(records)};
