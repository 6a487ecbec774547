// SPDX-License-Identifier: Apache-2.0
// NhwcMaxPool of com.microsoft: largest element of each window of images [N, spatial..., C] of
// bytes, for any number of spatial axes.
#include "ops/window.h"

struct pooling {
    struct mopt_window w;
    int64_t dims[MOPT_RANK_MAX]; // of the output
    size_t images, channels, in, out;
};

// Channels stand last: the sizes between the first axis and the last are the window's.
static enum mopt_status read_window(const struct mopt_node *node, int rank, const int64_t *x,
                                    struct mopt_window *w, struct mopt_error *err)
{
    int64_t ceil = 0;
    if (rank < 3) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input has rank %d, must be 3 or more", rank);
    }
    enum mopt_status status = mopt__window_read(node, rank - 2, NULL, w, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "ceil_mode", 0, &ceil, err);
    }
    w->ceil = ceil != 0;
    for (int i = 0; status == MOPT_OK && i < rank - 2; i++) {
        w->in[i] = x[1 + i];
    }
    return status;
}

static void output_dims(const struct mopt_window *w, int rank, const int64_t *x, int64_t *dims)
{
    for (int i = 0; i < rank; i++) {
        dims[i] = i == 0 || i == rank - 1 ? x[i] : w->out[i - 1];
    }
}

#define POOL_AT(name, T, LOWEST)                                                          \
    static void pool_##name(const struct pooling *p, const void *data, size_t image,      \
                            const struct mopt_tap *taps, size_t count, void *result)      \
    {                                                                                     \
        T *y = result;                                                                    \
        for (size_t c = 0; c < p->channels; c++) {                                        \
            y[c] = (LOWEST); /* of a window over padding only */                          \
        }                                                                                 \
        for (size_t t = 0; t < count; t++) {                                              \
            const T *x = (const T *)data + (image * p->in + taps[t].input) * p->channels; \
            for (size_t c = 0; c < p->channels; c++) {                                    \
                y[c] = x[c] > y[c] ? x[c] : y[c];                                         \
            }                                                                             \
        }                                                                                 \
    }
POOL_AT(s8, int8_t, INT8_MIN)
POOL_AT(u8, uint8_t, 0)

// One output position of one image, all channels.
static void pool_at(const struct pooling *p, const struct mopt_tensor *x, size_t image,
                    const struct mopt_tap *taps, size_t count, struct mopt_tensor *y, size_t to)
{
    uint8_t *result = (uint8_t *)mopt__tensor_data(y) + to * p->channels;
    (x->dtype == MOPT_INT8 ? pool_s8 : pool_u8)(p, x->data, image, taps, count, result);
}

static enum mopt_status nhwc_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *x = NULL;
    struct pooling p = {.images = 0};
    struct mopt_tensor *y = NULL;
    struct mopt_tap *taps = NULL;
    enum mopt_status status = mopt__open(eval, &x, 1, err);
    if (status == MOPT_OK) {
        status = read_window(eval->node, x->rank, x->dims, &p.w, err);
    }
    if (status == MOPT_OK) {
        status = mopt__window_resolve(&p.w, err);
    }
    if (status == MOPT_OK) {
        output_dims(&p.w, x->rank, x->dims, p.dims);
        status = mopt__eval_output(eval, 0, x->dtype, x->rank, p.dims, &y, err);
    }
    if (status == MOPT_OK) {
        status = mopt__window_new_taps(&p.w, &taps, err);
    }
    if (status == MOPT_OK) {
        p.images = (size_t)x->dims[0];
        p.channels = (size_t)x->dims[x->rank - 1];
        p.in = mopt__window_count(p.w.in, p.w.rank);
        p.out = mopt__window_count(p.w.out, p.w.rank);
    }
    for (size_t at = 0; status == MOPT_OK && y->count > 0 && at < p.out; at++) {
        const size_t count = mopt__window_taps(&p.w, at, taps);
        for (size_t image = 0; image < p.images; image++) {
            pool_at(&p, x, image, taps, count, y, image * p.out + at);
        }
        status = mopt__nn_tick(eval, err);
    }
    mopt__free(taps);
    return status;
}

static enum mopt_status nhwc_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    struct mopt_window w = {.rank = 0};
    int64_t dims[MOPT_RANK_MAX];
    if (!x || x->rank < 0) {
        return mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), -1, NULL, err);
    }
    enum mopt_status status = read_window(infer->node, x->rank, x->dims, &w, err);
    if (status == MOPT_OK) {
        status = mopt__window_infer(&w, infer->dims, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    output_dims(&w, x->rank, x->dims, dims);
    return mopt__infer_set(infer, 0, x->dtype, x->rank, dims, err);
}

static const struct mopt_op records[] = {
    {.domain = "com.microsoft",
     .name = "NhwcMaxPool",
     .since = 1,
     .summary = "largest element of each window, channels last",
     MOPT_INPUTS({"x", "T", MOPT_SET_INT8, 0}),
     MOPT_OUTPUTS({"y", "T", MOPT_SET_INT8, 0}),
     MOPT_ATTRIBUTES(MOPT_A_STRING("auto_pad", "NOTSET", NULL),
                     MOPT_A_INTS_REQUIRED("kernel_shape"), MOPT_A_INTS("pads"),
                     MOPT_A_INTS("strides"), MOPT_A_INTS("dilations"), MOPT_A_FLAG("ceil_mode", 0)),
     .infer = nhwc_infer,
     .eval = nhwc_eval,
     .cost = mopt__cost_output},
};
const struct mopt_op_family mopt__ops_pool_nhwc = {records, MOPT_COUNTOF(records)};
