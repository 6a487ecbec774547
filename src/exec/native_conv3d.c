// SPDX-License-Identifier: Apache-2.0
// Convolutions of three spatial axes as native actions: each plane of the result is a sum of
// convolutions of two axes, one for each plane of the kernel. The operands are row-major; they are
// turned to channels innermost and back, which is little beside the sums.
#include "base/alloc.h"
#include "base/size.h"
#include "exec/native.h"
#include "kernels/conv_nhwc.h"
#include "ops/conv_common.h"

struct conv3d_work {
    struct mopt_conv2d plane; // one of the input, one of the kernel
    enum mopt_conv_form form;
    size_t batch, in, out; // images, their planes
    size_t kernel, stride, dilation, pad;
    const char *w; // of kernel planes, w_step bytes apart
    size_t w_step;
    const float *bias;
    size_t x_floats, y_floats; // of an image
    uint32_t x, y;
};

static size_t room_of(size_t floats)
{
    size_t bytes = 0;
    return mopt__size_mul(floats, sizeof(float), &bytes) && mopt__size_align(bytes, 64, &bytes)
               ? bytes
               : SIZE_MAX;
}

// One plane of the result, number `at`.
static void run_plane(const struct conv3d_work *c, const struct mopt_frame *frame, const float *x,
                      size_t at, float *y, void *scratch)
{
    const struct mopt_window2d *w = &c->plane.window;
    const size_t n = c->plane.out_channels;
    struct mopt_finish finish = {.bias = c->bias};
    bool any = false;
    for (size_t k = 0; k < c->kernel; k++) {
        const size_t from = at * c->stride + k * c->dilation;
        if (from < c->pad || from - c->pad >= c->in) {
            continue;
        }
        const struct mopt_conv2d_run run = {
            .conv = &c->plane,
            .form = c->form,
            .x = x + (from - c->pad) * w->in_h * w->in_w * w->channels,
            .ldx = w->channels,
            .w = c->w + k * c->w_step,
            .y = y,
            .ldy = n,
            .epilogue = finish,
            .scratch = scratch,
        };
        mopt__conv2d_f32(frame->kernels, &run, frame->pool);
        finish = (struct mopt_finish){.residual = y, .residual_ld = n};
        any = true;
    }
    for (size_t i = 0; !any && i < w->out_h * w->out_w * n; i++) {
        y[i] = c->bias != NULL ? c->bias[i % n] : 0.0F; // all in the padding
    }
}

static void run_conv3d(const void *work, const struct mopt_frame *frame)
{
    const struct conv3d_work *c = work;
    const struct mopt_window2d *w = &c->plane.window;
    const size_t n = c->plane.out_channels, area = w->out_h * w->out_w;
    char *scratch = frame->scratch;
    float *in = (float *)(void *)scratch;
    float *out = (float *)(void *)(scratch + room_of(c->x_floats));
    scratch += room_of(c->x_floats) + room_of(c->y_floats);
    const struct mopt_images from = {sizeof(float), 1, w->channels, c->in * w->in_h * w->in_w};
    const struct mopt_images to = {sizeof(float), 1, n, c->out * area};
    for (size_t image = 0; image < c->batch; image++) {
        const float *x = (const float *)frame->data[c->x] + image * c->x_floats;
        float *y = (float *)frame->data[c->y] + image * c->y_floats;
        mopt__to_nhwc(frame->kernels, &from, x, in, w->channels, frame->pool);
        for (size_t at = 0; at < c->out; at++) {
            run_plane(c, frame, in, at, out + at * area * n, scratch);
        }
        mopt__to_nchw(frame->kernels, &to, out, n, y, frame->pool);
    }
}

static void describe(const struct mopt_lower *l, const struct mopt_conv *conv,
                     struct conv3d_work *c)
{
    c->plane = (struct mopt_conv2d){.strict = l->session->options.strict_fp,
                                    .groups = (size_t)conv->groups,
                                    .out_channels = (size_t)(conv->groups * conv->out_channels)};
    mopt__low_window(&conv->w, 1, (size_t)(conv->groups * conv->in_channels), &c->plane.window);
    c->form = mopt__conv2d_form(&l->session->kernels, &c->plane);
    c->batch = (size_t)conv->batch;
    c->in = (size_t)conv->w.in[0];
    c->out = (size_t)conv->w.out[0];
    c->kernel = (size_t)conv->w.kernel[0];
    c->stride = (size_t)conv->w.stride[0];
    c->dilation = (size_t)conv->w.dilation[0];
    c->pad = (size_t)conv->w.begin[0];
}

// False when the node is something else, or left to its record.
static bool read_node(const struct mopt_lower *l, const struct mopt_node *node,
                      struct mopt_conv *conv)
{
    struct mopt_low_shape x;
    struct mopt_low_shape w;
    struct mopt_error ignored = {0};
    const struct mopt_value *bias = mopt__node_input(node, 2);
    if (!mopt__low_is(node, "", "Conv") || !mopt__low_shape(l, mopt__node_input(node, 0), &x) ||
        !mopt__low_shape(l, mopt__node_input(node, 1), &w) || x.rank != 5 ||
        x.dtype != MOPT_FLOAT32 || w.dtype != MOPT_FLOAT32 ||
        !mopt__low_has_floats(l, mopt__node_input(node, 1)) ||
        mopt__conv_open(node, x.rank, x.dims, w.rank, w.dims, conv, &ignored) != MOPT_OK ||
        !mopt__low_has_bias(l, bias, (size_t)(conv->groups * conv->out_channels))) {
        return false;
    }
    for (int a = 0; a < 3; a++) {
        if (conv->w.begin[a] < 0) {
            return false;
        }
    }
    return !mopt__conv_is_endless(conv);
}

// The planes of a kernel [channels][depth][area], one after the other.
static void pack_planes(const struct mopt_kernels *kernels, const struct conv3d_work *c,
                        const float *w, float *plane, char *out)
{
    const size_t area = c->plane.window.kernel_h * c->plane.window.kernel_w;
    const size_t filters = c->plane.window.channels / c->plane.groups * c->plane.out_channels;
    for (size_t k = 0; k < c->kernel; k++) {
        for (size_t i = 0; i < filters * area; i++) {
            plane[i] = w[(i / area * c->kernel + k) * area + i % area];
        }
        mopt__conv2d_pack(kernels, &c->plane, c->form, plane, out + k * c->w_step);
    }
}

static enum mopt_status pack(struct mopt_lower *l, const struct mopt_node *node,
                             struct conv3d_work *c)
{
    const struct mopt_kernels *kernels = &l->session->kernels;
    const struct mopt_window2d *w = &c->plane.window;
    struct mopt_low_source source;
    const float *floats;
    void *block = NULL;
    bool made = false;
    size_t bytes = 0;
    c->w_step = mopt__conv2d_packed_bytes(kernels, &c->plane, c->form);
    if (!mopt__size_align(c->w_step, 64, &c->w_step) ||
        !mopt__size_mul(c->w_step, c->kernel, &bytes)) {
        return mopt_error_memory(l->err);
    }
    const size_t numbers[] = {w->channels,     w->kernel_h,     w->kernel_w,
                              w->stride_h,     w->stride_w,     c->kernel,
                              c->plane.groups, (size_t)c->form, bytes};
    enum mopt_status status = mopt__low_floats(l, mopt__node_input(node, 1), &floats, &source);
    if (status == MOPT_OK) {
        const uint64_t salt = mopt__hash_mix(source.variant, 78);
        status = mopt__low_packed(l, source.tensor,
                                  mopt__hash_mix(mopt__hash_bytes(numbers, sizeof numbers), salt),
                                  bytes, &block, &made);
    }
    if (status == MOPT_OK && made) {
        float *plane = mopt__malloc(source.tensor->count * sizeof *plane);
        if (plane == NULL) {
            mopt__low_unmade(l);
            return mopt_error_memory(l->err);
        }
        pack_planes(kernels, c, floats, plane, block);
        mopt__free(plane);
    }
    c->w = block;
    return status;
}

// Scratch for both images and a plane.
static bool take_scratch(struct mopt_lower *l, const struct conv3d_work *c)
{
    const size_t plane = mopt__conv2d_scratch(&l->session->kernels, &c->plane, c->form,
                                              mopt__pool_size(l->session->pool));
    size_t total = 0;
    const bool fits = mopt__size_add(room_of(c->x_floats), room_of(c->y_floats), &total) &&
                      mopt__size_add(total, plane, &total);
    if (fits) {
        mopt__low_scratch(l, total);
    }
    return fits;
}

enum mopt_status mopt__low_conv3d(struct mopt_lower *l, const struct mopt_node *node, bool *done)
{
    struct mopt_conv conv;
    if (!read_node(l, node, &conv)) {
        return MOPT_OK;
    }
    struct conv3d_work *c = mopt__low_work(l, sizeof *c);
    if (c == NULL) {
        return MOPT_E_MEMORY;
    }
    describe(l, &conv, c);
    const struct mopt_window2d *w = &c->plane.window;
    c->x_floats = c->in * w->in_h * w->in_w * w->channels;
    c->y_floats = c->out * w->out_h * w->out_w * c->plane.out_channels;
    if (!take_scratch(l, c)) {
        return MOPT_OK;
    }
    *done = true;
    enum mopt_status status = MOPT_OK;
    if (mopt__node_input(node, 2) != NULL) {
        status = mopt__low_floats(l, mopt__node_input(node, 2), &c->bias, NULL);
    }
    if (status == MOPT_OK) {
        status = pack(l, node, c);
    }
    if (status == MOPT_OK) {
        status = mopt__low_cell(l, node->inputs[0].value, MOPT_FORM_PLAIN, &c->x);
    }
    if (status == MOPT_OK) {
        status = mopt__low_output(l, node->outputs[0], MOPT_FORM_PLAIN, &c->y);
    }
    return status == MOPT_OK ? mopt__low_emit(l, run_conv3d, c, (uint32_t[]){c->x, c->y}, 2)
                             : status;
}
