// SPDX-License-Identifier: Apache-2.0
// ConvTranspose as a native action, channels innermost.
#include "exec/native.h"
#include "kernels/conv_transpose_nhwc.h"
#include "ops/conv_common.h"

enum {
    PHASES_MAX = 64, // plain convolutions that one is made of
    NARROW = 4       // columns of a group that are not worth a product
};

struct transpose_work {
    struct mopt_conv_transpose2d conv;
    const float *w;
    struct mopt_finish finish;
    size_t ldx, ldy;
    uint32_t x, y;
};

static void run_transpose(const void *work, const struct mopt_frame *frame)
{
    const struct transpose_work *t = work;
    const struct mopt_conv_transpose2d_run run = {.conv = &t->conv,
                                                  .x = frame->data[t->x],
                                                  .ldx = t->ldx,
                                                  .w = t->w,
                                                  .y = frame->data[t->y],
                                                  .ldy = t->ldy,
                                                  .epilogue = t->finish,
                                                  .scratch = frame->scratch};
    mopt__conv_transpose_nhwc(frame->kernels, &run, frame->pool);
}

// X, which is what goes into the window, is what comes out of that of the gradient.
static void turn(struct mopt_window2d *w)
{
    const struct mopt_window2d from = *w;
    w->in_h = from.out_h;
    w->in_w = from.out_w;
    w->out_h = from.in_h;
    w->out_w = from.in_w;
}

// Geometry of a node with one or two spatial axes; false when it is left to the reference.
static bool geometry(const struct mopt_lower *l, const struct mopt_node *node,
                     struct mopt_conv_transpose2d *conv)
{
    struct mopt_low_shape x;
    struct mopt_low_shape w;
    struct mopt_low_shape y;
    struct mopt_conv c;
    struct mopt_error ignored = {0};
    size_t batch;
    size_t channels;
    size_t pixels;
    if (!mopt__low_shape(l, mopt__node_input(node, 0), &x) ||
        !mopt__low_shape(l, mopt__node_input(node, 1), &w) ||
        !mopt__low_shape(l, mopt__node_output(node, 0), &y) || x.dtype != MOPT_FLOAT32 ||
        w.dtype != MOPT_FLOAT32 || !mopt__low_image(&x, &batch, &channels, &pixels) ||
        mopt__conv_transpose_open(node, x.rank, x.dims, w.rank, w.dims, &c, &ignored) != MOPT_OK ||
        mopt__conv_is_endless(&c)) {
        return false;
    }
    int64_t phases = 1;
    for (int a = 0; a < c.w.rank; a++) {
        if (c.w.begin[a] < 0 || c.w.in[a] != y.dims[2 + a] || c.w.stride[a] > PHASES_MAX) {
            return false;
        }
        phases *= c.w.stride[a];
    }
    *conv = (struct mopt_conv_transpose2d){.groups = (size_t)c.groups,
                                           .out_channels = (size_t)(c.groups * c.in_channels)};
    mopt__low_window(&c.w, batch, channels, &conv->window);
    turn(&conv->window);
    const bool depthwise = c.in_channels == 1 && c.out_channels == 1;
    return phases <= PHASES_MAX && (c.groups == 1 || c.in_channels >= NARROW || depthwise);
}

bool mopt__low_takes_conv_transpose(const struct mopt_lower *l, const struct mopt_node *node)
{
    struct mopt_conv_transpose2d conv;
    return geometry(l, node, &conv) && mopt__low_has_weights(l, mopt__node_input(node, 1)) &&
           mopt__low_has_bias(l, mopt__node_input(node, 2), conv.out_channels);
}

static uint64_t geometry_hash(const struct mopt_conv_transpose2d *conv, uint64_t salt)
{
    const struct mopt_window2d *w = &conv->window;
    const size_t numbers[] = {w->channels,
                              w->kernel_h,
                              w->kernel_w,
                              w->stride_h,
                              w->stride_w,
                              w->dilation_h,
                              w->dilation_w,
                              w->pad_top % w->stride_h,
                              w->pad_left % w->stride_w,
                              conv->groups,
                              conv->out_channels,
                              (size_t)mopt__transposes_patches(conv)};
    return mopt__hash_mix(mopt__hash_bytes(numbers, sizeof numbers), salt);
}

static enum mopt_status pack(struct mopt_lower *l, const struct mopt_group *group,
                             struct transpose_work *t)
{
    const struct mopt_kernels *kernels = &l->session->kernels;
    const size_t n = t->conv.out_channels;
    struct mopt_low_source source;
    const float *factor = NULL;
    const float *w = NULL;
    void *block = NULL;
    bool made = false;
    enum mopt_status status = mopt__low_weights(l, mopt__node_input(group->anchor, 1), &source);
    uint64_t salt = mopt__hash_mix(source.variant, 77);
    if (status == MOPT_OK) {
        status = mopt__low_fold_affine(l, group, n, &t->finish.bias, &factor);
        salt = factor != NULL ? mopt__low_affine_variant(group, salt) : salt;
    }
    if (status == MOPT_OK) {
        status =
            mopt__low_packed(l, source.tensor, geometry_hash(&t->conv, salt),
                             mopt__conv_transpose_packed_bytes(kernels, &t->conv), &block, &made);
    }
    if (status == MOPT_OK && made) {
        status = mopt__low_weight_floats(l, &source, &w);
    }
    if (status == MOPT_OK && made) {
        mopt__conv_transpose_pack(kernels, &t->conv, w, factor, block);
    }
    t->w = block;
    return status;
}

enum mopt_status mopt__low_conv_transpose(struct mopt_lower *l, const struct mopt_group *group)
{
    const struct mopt_node *node = group->anchor;
    struct transpose_work *t = mopt__low_work(l, sizeof *t);
    if (t == NULL) {
        return MOPT_E_MEMORY;
    }
    geometry(l, node, &t->conv);
    t->finish.act = group->act;
    t->finish.after = group->after;
    enum mopt_status status = MOPT_OK;
    if (mopt__node_input(node, 2) != NULL) {
        status = mopt__low_floats(l, mopt__node_input(node, 2), &t->finish.bias, NULL);
    }
    if (status == MOPT_OK) {
        status = pack(l, group, t);
    }
    if (status == MOPT_OK) {
        status = mopt__low_image_cell(l, mopt__node_input(node, 0), &t->x, &t->ldx);
    }
    if (status == MOPT_OK) {
        status = mopt__low_image_output(l, group->out, &t->y, &t->ldy);
    }
    mopt__low_scratch(l, mopt__conv_transpose_scratch(&l->session->kernels, &t->conv,
                                                      mopt__pool_size(l->session->pool)));
    uint32_t cells[] = {t->x, t->y};
    return status == MOPT_OK ? mopt__low_emit(l, run_transpose, t, cells, 2) : status;
}
