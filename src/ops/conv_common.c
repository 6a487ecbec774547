// SPDX-License-Identifier: Apache-2.0
// Geometry shared by the convolution operators. It must not know element types.
#include "ops/conv_common.h"

static enum mopt_status check_channels(const struct mopt_conv *conv, int64_t channels,
                                       int64_t filters, struct mopt_error *err)
{
    int64_t want = conv->in_channels * conv->groups;
    if (want != channels) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "input has %lld channels, weight and group %lld want %lld",
                              (long long)channels, (long long)conv->groups, (long long)want);
    }
    if (filters % conv->groups != 0) {
        return mopt_error_set(err, MOPT_E_SHAPE, "%lld filters do not divide into %lld groups",
                              (long long)filters, (long long)conv->groups);
    }
    return MOPT_OK;
}

static enum mopt_status read_group(const struct mopt_node *node, int64_t *groups,
                                   struct mopt_error *err)
{
    enum mopt_status status = mopt__attr_int(node, "group", 1, groups, err);
    if (status == MOPT_OK && (*groups < 1 || *groups > INT32_MAX)) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'group' has the value %lld",
                              (long long)*groups);
    }
    return status;
}

enum mopt_status mopt__conv_open(const struct mopt_node *node, int x_rank, const int64_t *x,
                                 int w_rank, const int64_t *w, struct mopt_conv *conv,
                                 struct mopt_error *err)
{
    if (x_rank < 2 || w_rank != x_rank) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d and weight rank %d", x_rank,
                              w_rank);
    }
    enum mopt_status status = mopt__window_read(node, x_rank - 2, w + 2, &conv->w, err);
    if (status == MOPT_OK) {
        status = read_group(node, &conv->groups, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (w[0] > INT32_MAX || w[1] > INT32_MAX) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "weight with %lld x %lld channels",
                              (long long)w[0], (long long)w[1]);
    }
    conv->batch = x[0];
    conv->in_channels = w[1];
    status = check_channels(conv, x[1], w[0], err);
    conv->out_channels = w[0] / conv->groups;
    for (int i = 0; i < conv->w.rank; i++) {
        conv->w.in[i] = x[2 + i];
    }
    return status == MOPT_OK ? mopt__window_resolve(&conv->w, err) : status;
}

int mopt__conv_dims(const struct mopt_conv *conv, int64_t dims[MOPT_RANK_MAX])
{
    dims[0] = conv->batch;
    dims[1] = conv->groups * conv->out_channels;
    for (int i = 0; i < conv->w.rank; i++) {
        dims[2 + i] = conv->w.out[i];
    }
    return conv->w.rank + 2;
}

// The weight's sizes as numbers, or -1 where they are not known.
static void known_kernel(const struct mopt_infer *infer, const struct mopt_type *w, int rank,
                         int64_t kernel[MOPT_WINDOW_AXES])
{
    for (int i = 0; i < rank; i++) {
        bool known =
            w && w->rank == rank + 2 && mopt__dim_is_known(infer->dims, w->dims[2 + i], &kernel[i]);
        kernel[i] = known ? kernel[i] : -1;
    }
}

static enum mopt_status infer_channels(const struct mopt_infer *infer, const struct mopt_type *x,
                                       const struct mopt_type *w, int64_t groups,
                                       struct mopt_error *err)
{
    int64_t channels = 0;
    int64_t inner = 0;
    if (!mopt__dim_is_known(infer->dims, x->dims[1], &channels) ||
        !mopt__dim_is_known(infer->dims, w->dims[1], &inner) || inner > INT32_MAX) {
        return MOPT_OK;
    }
    int64_t want = inner * groups;
    if (want != channels) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "input has %lld channels, weight and group %lld want %lld",
                              (long long)channels, (long long)groups, (long long)want);
    }
    return MOPT_OK;
}

enum mopt_status mopt__conv_infer(struct mopt_infer *infer, uint32_t x_input, uint32_t w_input,
                                  enum mopt_dtype dtype, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, x_input);
    const struct mopt_type *w = mopt__infer_tensor(infer, w_input);
    bool w_known = w && w->rank >= 2;
    int rank = x && x->rank >= 0 ? x->rank : w_known ? w->rank : -1;
    if (rank < 0) {
        return mopt__infer_set(infer, 0, dtype, -1, NULL, err);
    }
    if (rank < 2 || (w && w->rank >= 0 && w->rank != rank)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d and weight rank %d", rank,
                              w ? w->rank : -1);
    }
    struct mopt_conv conv;
    int64_t kernel[MOPT_WINDOW_AXES];
    known_kernel(infer, w, rank - 2, kernel);
    enum mopt_status status = mopt__window_read(infer->node, rank - 2, kernel, &conv.w, err);
    if (status == MOPT_OK) {
        status = read_group(infer->node, &conv.groups, err);
    }
    bool x_known = x && x->rank >= 0;
    if (status == MOPT_OK && x_known && w_known) {
        status = infer_channels(infer, x, w, conv.groups, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    for (int i = 0; i < conv.w.rank; i++) {
        conv.w.in[i] = x_known ? x->dims[2 + i] : MOPT_DIM_UNKNOWN;
    }
    status = mopt__window_infer(&conv.w, infer->dims, err);
    if (status != MOPT_OK) {
        return status;
    }
    int64_t dims[MOPT_RANK_MAX] = {x_known ? x->dims[0] : MOPT_DIM_UNKNOWN,
                                   w_known ? w->dims[0] : MOPT_DIM_UNKNOWN};
    for (int i = 0; i < conv.w.rank; i++) {
        dims[2 + i] = conv.w.out[i];
    }
    return mopt__infer_set(infer, 0, dtype, rank, dims, err);
}

bool mopt__conv_shape(const struct mopt_conv *conv, struct mopt_conv_shape *s)
{
    int shift = 3 - conv->w.rank;
    if (shift < 0) {
        return false;
    }
    *s = (struct mopt_conv_shape){.batch = conv->batch,
                                  .groups = conv->groups,
                                  .in_channels = conv->in_channels,
                                  .out_channels = conv->out_channels};
    for (int i = 0; i < 3; i++) {
        int from = i - shift;
        s->in[i] = from < 0 ? 1 : conv->w.in[from];
        s->out[i] = from < 0 ? 1 : conv->w.out[from];
        s->kernel[i] = from < 0 ? 1 : conv->w.kernel[from];
        s->stride[i] = from < 0 ? 1 : conv->w.stride[from];
        s->dilation[i] = from < 0 ? 1 : conv->w.dilation[from];
        s->begin[i] = from < 0 ? 0 : conv->w.begin[from];
    }
    return true;
}

bool mopt__conv_bind(const struct mopt_bind *bind, uint32_t x, uint32_t w, struct mopt_conv *conv)
{
    int64_t x_dims[MOPT_RANK_MAX];
    int64_t w_dims[MOPT_RANK_MAX];
    int x_rank = 0;
    int w_rank = 0;
    struct mopt_error ignored = {MOPT_OK, -1, ""};
    return mopt__nn_static(bind->dims, bind->inputs[x].type, &x_rank, x_dims) &&
           mopt__nn_static(bind->dims, bind->inputs[w].type, &w_rank, w_dims) &&
           mopt__conv_open(bind->node, x_rank, x_dims, w_rank, w_dims, conv, &ignored) == MOPT_OK;
}

bool mopt__conv_is_endless(const struct mopt_conv *conv)
{
    double work = (double)conv->batch * (double)conv->groups * (double)conv->in_channels *
                  (double)conv->out_channels;
    return mopt__window_is_endless(&conv->w, work);
}

void mopt__conv_cost(struct mopt_cost *cost, uint32_t w)
{
    int64_t out[MOPT_RANK_MAX];
    int64_t weight[MOPT_RANK_MAX];
    int out_rank = 0;
    int weight_rank = 0;
    uint64_t elements = 0;
    uint64_t each = 0;
    if (mopt__nn_cost_out(cost, 0, &out_rank, out) &&
        mopt__nn_cost_in(cost, w, &weight_rank, weight) && weight_rank > 1 &&
        mopt__nn_count(out, out_rank, &elements) &&
        mopt__nn_count(weight + 1, weight_rank - 1, &each)) {
        cost->known = !__builtin_mul_overflow(elements, each, &cost->macs);
    }
}
