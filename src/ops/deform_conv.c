// SPDX-License-Identifier: Apache-2.0
// DeformConv: convolution of images whose kernel elements read at learned offsets (bilinear, zero
// outside), optionally weighted by a mask.
#include <math.h>

#include "ops/conv_common.h"

struct deform {
    struct mopt_conv c;
    const struct mopt_tensor *x, *w, *offset, *bias, *mask;
    size_t offset_groups, taps, out; // taps: kernel elements; out: output positions
};

static enum mopt_status check_maps(const struct deform *d, struct mopt_error *err)
{
    const struct mopt_window *w = &d->c.w;
    int64_t maps = (int64_t)(d->offset_groups * d->taps);
    const struct {
        const struct mopt_tensor *t;
        const char *name;
        int64_t channels;
    } checks[] = {{d->offset, "offset", 2 * maps}, {d->mask, "mask", maps}};
    for (size_t i = 0; i < MOPT_COUNTOF(checks); i++) {
        const struct mopt_tensor *t = checks[i].t;
        if (t && (t->rank != 4 || t->dims[0] != d->c.batch || t->dims[1] != checks[i].channels ||
                  t->dims[2] != w->out[0] || t->dims[3] != w->out[1])) {
            return mopt_error_set(err, MOPT_E_SHAPE, "input '%s' must be [%lld,%lld,%lld,%lld]",
                                  checks[i].name, (long long)d->c.batch,
                                  (long long)checks[i].channels, (long long)w->out[0],
                                  (long long)w->out[1]);
        }
    }
    return mopt__nn_vector(d->bias, "B", d->c.groups * d->c.out_channels, err);
}

static enum mopt_status open_deform(const struct mopt_eval *eval, struct deform *d,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *in[5] = {NULL};
    int64_t groups = 1;
    enum mopt_status status = mopt__open(eval, in, 5, err);
    d->x = in[0];
    d->w = in[1];
    d->offset = in[2];
    d->bias = in[3];
    d->mask = in[4];
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "offset_group", 1, &groups, err);
    }
    if (status == MOPT_OK && in[0]->rank != 4) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "input of rank %d, only images can be run",
                              in[0]->rank);
    }
    if (status == MOPT_OK) {
        status = mopt__conv_open(eval->node, in[0]->rank, in[0]->dims, in[1]->rank, in[1]->dims,
                                 &d->c, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (groups < 1 || groups > INT32_MAX || in[0]->dims[1] % groups != 0) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'offset_group' has the value %lld",
                              (long long)groups);
    }
    d->offset_groups = (size_t)groups;
    d->taps = mopt__window_count(d->c.w.kernel, 2);
    d->out = mopt__window_count(d->c.w.out, 2);
    return check_maps(d, err);
}

static double pixel(const struct deform *d, size_t plane, double row, double column)
{
    double height = (double)d->x->dims[2];
    double width = (double)d->x->dims[3];
    if (!(row >= 0) || !(column >= 0) || row >= height || column >= width) {
        return 0;
    }
    return mopt__tensor_f64(d->x, plane + (size_t)row * (size_t)d->x->dims[3] + (size_t)column);
}

static double bilinear(const struct deform *d, size_t plane, double y, double x)
{
    double top = floor(y);
    double left = floor(x);
    double down = y - top;
    double right = x - left;
    return (1 - down) * (1 - right) * pixel(d, plane, top, left) +
           (1 - down) * right * pixel(d, plane, top, left + 1) +
           down * (1 - right) * pixel(d, plane, top + 1, left) +
           down * right * pixel(d, plane, top + 1, left + 1);
}

// Fills column[channels * taps] with what the kernel sees at one output position.
static void gather(const struct deform *d, size_t image, size_t position, double *column)
{
    const struct mopt_window *w = &d->c.w;
    size_t channels = (size_t)d->x->dims[1];
    size_t plane = (size_t)w->in[0] * (size_t)w->in[1];
    int64_t row = (int64_t)position / w->out[1];
    int64_t line = (int64_t)position % w->out[1];
    for (size_t i = 0; i < channels * d->taps; i++) {
        size_t channel = i / d->taps;
        size_t tap = i % d->taps;
        size_t group = channel / (channels / d->offset_groups);
        size_t map = (image * d->offset_groups + group) * d->taps + tap;
        int64_t ky = (int64_t)tap / w->kernel[1];
        int64_t kx = (int64_t)tap % w->kernel[1];
        double y = (double)(row * w->stride[0] - w->begin[0] + ky * w->dilation[0]) +
                   mopt__tensor_f64(d->offset, 2 * map * d->out + position);
        double x = (double)(line * w->stride[1] - w->begin[1] + kx * w->dilation[1]) +
                   mopt__tensor_f64(d->offset, (2 * map + 1) * d->out + position);
        double value = bilinear(d, (image * channels + channel) * plane, y, x);
        column[i] = d->mask ? value * mopt__tensor_f64(d->mask, map * d->out + position) : value;
    }
}

static void multiply(const struct deform *d, size_t image, size_t position, const double *column,
                     struct mopt_tensor *y)
{
    const struct mopt_conv *c = &d->c;
    size_t filters = (size_t)(c->groups * c->out_channels);
    size_t depth = (size_t)c->in_channels * d->taps;
    for (size_t f = 0; f < filters; f++) {
        const double *from = column + f / (size_t)c->out_channels * depth;
        double sum = d->bias ? mopt__tensor_f64(d->bias, f) : 0;
        for (size_t i = 0; i < depth; i++) {
            sum += mopt__tensor_f64(d->w, f * depth + i) * from[i];
        }
        mopt__nn_store_at(y, (image * filters + f) * d->out + position, sum);
    }
}

static enum mopt_status deform_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct deform d = {.x = NULL};
    int64_t dims[MOPT_RANK_MAX];
    struct mopt_tensor *y = NULL;
    double *column = NULL;
    enum mopt_status status = open_deform(eval, &d, err);
    if (status == MOPT_OK) {
        int rank = mopt__conv_dims(&d.c, dims);
        status = mopt__eval_output(eval, 0, d.x->dtype, rank, dims, &y, err);
    }
    if (status == MOPT_OK) {
        column = mopt__calloc((size_t)d.x->dims[1] + 1, (d.taps + 1) * sizeof *column);
        status = mopt__nn_got(column, err);
    }
    for (size_t i = 0; status == MOPT_OK && i < (size_t)d.c.batch * d.out; i++) {
        gather(&d, i / d.out, i % d.out, column);
        multiply(&d, i / d.out, i % d.out, column, y);
        status = mopt__nn_tick(eval, err);
    }
    mopt__free(column);
    return status;
}

static enum mopt_status deform_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return mopt__conv_infer(infer, 0, 1, mopt__infer_dtype(infer, 0), err);
}

static void deform_cost(struct mopt_cost *cost)
{
    mopt__conv_cost(cost, 1);
}

#define RECORD(from, to, set)                                                             \
    {                                                                                     \
        .domain = "", .name = "DeformConv", .since = from, .until = to,                   \
        .summary = "convolution that reads at learned offsets",                           \
        MOPT_INPUTS({"X", "T", set, 0}, {"W", "T", set, 0}, {"offset", "T", set, 0},      \
                    {"B", "T", set, MOPT_PARAM_OPTIONAL},                                 \
                    {"mask", "T", set, MOPT_PARAM_OPTIONAL}),                             \
        MOPT_OUTPUTS({"Y", "T", set, 0}),                                                 \
        MOPT_ATTRIBUTES(MOPT_A_INTS("dilations"), MOPT_A_RANGE("group", 1, 1, INT32_MAX), \
                        MOPT_A_INTS("kernel_shape"), MOPT_A_INT("offset_group", 1),       \
                        MOPT_A_INTS("pads"), MOPT_A_INTS("strides")),                     \
        .infer = deform_infer, .eval = deform_eval, .cost = deform_cost                   \
    }

static const struct mopt_op records[] = {
    RECORD(19, 21, MOPT_SET_FLOATS),
    RECORD(22, 0, MOPT_SET_FLOATS_BF),
};
const struct mopt_op_family mopt__ops_deform_conv = {records, MOPT_COUNTOF(records)};
