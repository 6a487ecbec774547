// SPDX-License-Identifier: Apache-2.0
// Pooling nodes as native actions, channels innermost: windows and whole images, floats and codes.
#include <math.h>
#include <string.h>

#include "exec/native.h"
#include "kernels/mean_nhwc.h"

struct pool_work {
    struct mopt_pool2d pool2d;
    size_t ldx, ldy; // of floats
    uint32_t x, y;
};

static void run_pool(const void *work, const struct mopt_frame *frame)
{
    const struct pool_work *p = work;
    mopt__pool2d_f32(frame->kernels, &p->pool2d, frame->data[p->x], p->ldx, frame->data[p->y],
                     p->ldy, frame->pool);
}

static void run_pool_bytes(const void *work, const struct mopt_frame *frame)
{
    const struct pool_work *p = work;
    size_t channels = p->pool2d.window.channels;
    mopt__pool2d_u8(frame->kernels, &p->pool2d.window, frame->data[p->x], channels,
                    frame->data[p->y], channels, frame->pool);
}

struct mean_work {
    struct mopt_mean_nhwc mean; // operands of a run are set when it runs
    bool codes;
    uint32_t x, y;
};

static void run_mean(const void *work, const struct mopt_frame *frame)
{
    const struct mean_work *w = work;
    struct mopt_mean_nhwc mean = w->mean;
    *(w->codes ? (const void **)&mean.codes : (const void **)&mean.x) = frame->data[w->x];
    mean.y = frame->data[w->y];
    mopt__mean_nhwc(frame->kernels, &mean, frame->pool);
}

// Reads the window of a pooling node; false when its shape is not the inferred one (strange
// padding) or it has a second output.
static bool read_window(const struct mopt_lower *l, const struct mopt_node *node,
                        struct mopt_pool2d *out)
{
    struct mopt_low_shape x;
    struct mopt_low_shape y;
    struct mopt_window w;
    struct mopt_error ignored = {0};
    size_t batch;
    size_t channels;
    size_t pixels;
    if (node->output_count != 1 || !mopt__low_shape(l, mopt__node_input(node, 0), &x) ||
        !mopt__low_shape(l, node->outputs[0], &y) ||
        (x.dtype != MOPT_FLOAT32 &&
         !(mopt__low_is_codes(&x) && mopt__low_is(node, "", "MaxPool"))) ||
        !mopt__low_image(&x, &batch, &channels, &pixels) || y.rank != x.rank ||
        mopt__window_read(node, x.rank - 2, NULL, &w, &ignored) != MOPT_OK) {
        return false;
    }
    w.ceil = mopt__int_of(node, "ceil_mode", 0) != 0;
    for (int a = 0; a < w.rank; a++) {
        w.in[a] = x.dims[a + 2];
    }
    if (mopt__window_resolve(&w, &ignored) != MOPT_OK ||
        mopt__window_is_endless(&w, (double)(batch * channels))) {
        return false;
    }
    for (int a = 0; a < w.rank; a++) {
        if (w.out[a] != y.dims[a + 2] || w.begin[a] < 0 || w.end[a] < 0) {
            return false;
        }
    }
    mopt__low_window(&w, batch, channels, &out->window);
    out->pad_bottom = w.rank == 2 ? (size_t)w.end[0] : 0;
    out->pad_right = (size_t)w.end[w.rank - 1];
    out->count_pad = mopt__int_of(node, "count_include_pad", 0) != 0;
    return true;
}

// Mean over all spatial axes: GlobalAveragePool, or ReduceMean of exactly these with keepdims.
static bool read_global(const struct mopt_lower *l, const struct mopt_node *node,
                        struct mopt_pool2d *out)
{
    struct mopt_low_shape x;
    struct mopt_low_shape y;
    size_t batch;
    size_t channels;
    size_t pixels;
    bool mean = mopt__low_is(node, "", "ReduceMean");
    if ((!mean && !mopt__low_is(node, "", "GlobalAveragePool") &&
         !mopt__low_is(node, "", "GlobalMaxPool")) ||
        !mopt__low_shape(l, mopt__node_input(node, 0), &x) ||
        !mopt__low_shape(l, node->outputs[0], &y) || x.dtype != MOPT_FLOAT32 || x.rank != 4 ||
        !mopt__low_image(&x, &batch, &channels, &pixels) || y.rank != 4 || y.dims[0] != x.dims[0] ||
        y.dims[1] != x.dims[1] || y.dims[2] != 1 || y.dims[3] != 1 ||
        (mean &&
         (x.dims[2] == 1 || x.dims[3] == 1 || !mopt__low_prefers_nhwc(l, node->inputs[0].value)))) {
        return false;
    }
    out->window = (struct mopt_window2d){.batch = batch,
                                         .channels = channels,
                                         .in_h = (size_t)x.dims[2],
                                         .in_w = (size_t)x.dims[3],
                                         .out_h = 1,
                                         .out_w = 1,
                                         .kernel_h = (size_t)x.dims[2],
                                         .kernel_w = (size_t)x.dims[3],
                                         .stride_h = 1,
                                         .stride_w = 1,
                                         .dilation_h = 1,
                                         .dilation_w = 1};
    return true;
}

// A maximum of codes is the code of the maximum.
static enum mopt_status lower_bytes(struct mopt_lower *l, struct pool_work *p,
                                    const struct mopt_low_passage *passage)
{
    enum mopt_status status = mopt__low_cell(l, passage->from, MOPT_FORM_BYTES_NHWC, &p->x);
    if (status == MOPT_OK) {
        status = mopt__low_output(l, passage->to, MOPT_FORM_BYTES_NHWC, &p->y);
    }
    mopt__low_leave_codes(l, passage);
    uint32_t cells[] = {p->x, p->y};
    return status == MOPT_OK ? mopt__low_emit(l, run_pool_bytes, p, cells, 2) : status;
}

// The mean of an image; of codes when nothing needed them as floats so far.
static enum mopt_status lower_mean(struct mopt_lower *l, const struct mopt_window2d *window,
                                   const struct mopt_value *x, const struct mopt_value *y)
{
    const struct mopt_low_value *v = &l->values[x->id];
    struct mean_work *w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    w->mean = (struct mopt_mean_nhwc){.batch = window->batch,
                                      .rows = window->in_h,
                                      .columns = window->in_w,
                                      .channels = window->channels,
                                      .scale = v->scale,
                                      .zero_point = v->zero};
    w->codes = v->codes != NULL && !mopt__low_has_real(l, x);
    enum mopt_status status = w->codes ? mopt__low_cell(l, v->codes, MOPT_FORM_BYTES_NHWC, &w->x)
                                       : mopt__low_image_cell(l, x, &w->x, &w->mean.ldx);
    if (status == MOPT_OK) {
        status = mopt__low_image_output(l, y, &w->y, &w->mean.ldy);
    }
    uint32_t cells[] = {w->x, w->y};
    return status == MOPT_OK ? mopt__low_emit(l, run_mean, w, cells, 2) : status;
}

enum mopt_status mopt__low_pooling(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    struct mopt_pool2d pool2d = {.kind = MOPT_POOLING_AVERAGE};
    struct mopt_low_passage passage;
    bool max = mopt__low_is(node, "", "MaxPool");
    bool window = (max || mopt__low_is(node, "", "AveragePool")) && read_window(l, node, &pool2d);
    if (!window && !read_global(l, node, &pool2d)) {
        return MOPT_OK;
    }
    max = max || mopt__low_is(node, "", "GlobalMaxPool");
    const struct mopt_value *x = node->inputs[0].value;
    if (!window && !max) {
        *done = true;
        return lower_mean(l, &pool2d.window, x, node->outputs[0]);
    }
    struct pool_work *p = mopt__low_work(l, sizeof *p);
    if (p == NULL) {
        return MOPT_E_MEMORY;
    }
    *done = true;
    p->pool2d = pool2d;
    p->pool2d.kind = max ? MOPT_POOLING_MAX : MOPT_POOLING_AVERAGE;
    if (max && mopt__low_passes_codes(l, node, &passage)) {
        return lower_bytes(l, p, &passage);
    }
    enum mopt_status status = mopt__low_image_cell(l, x, &p->x, &p->ldx);
    if (status == MOPT_OK) {
        status = mopt__low_image_output(l, node->outputs[0], &p->y, &p->ldy);
    }
    uint32_t cells[] = {p->x, p->y};
    return status == MOPT_OK ? mopt__low_emit(l, run_pool, p, cells, 2) : status;
}
