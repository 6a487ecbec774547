// SPDX-License-Identifier: Apache-2.0
// Float convolution of plain images, with weights that are computed or shapes that were not known:
// what conv_nhwc.h prepares once is prepared for one run.
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "kernels/conv_nhwc_inner.h"

// Fewer pixels do not pay for the packing of the weights; and where neither form copies windows,
// fewer channels do not pay for the turning of images.
enum { PIXELS_MIN = 16, POINT_CHANNELS_MIN = 8 };

bool mopt__conv_plain_takes(const struct mopt_conv_shape *s)
{
    bool flat = s->in[0] == 1 && s->out[0] == 1 && s->kernel[0] == 1 && s->begin[0] == 0;
    bool inside = s->begin[1] >= 0 && s->begin[2] >= 0;
    bool point = s->kernel[1] * s->kernel[2] == 1;
    return flat && inside && s->in_channels > 0 && s->in[1] > 0 && s->in[2] > 0 &&
           s->kernel[1] > 0 && s->kernel[2] > 0 &&
           s->out_channels >= (point ? POINT_CHANNELS_MIN : 1) && !mopt__conv_is_planar(s) &&
           s->batch * s->out[1] * s->out[2] >= PIXELS_MIN;
}

static struct mopt_conv2d describe(const struct mopt_conv_shape *s)
{
    return (struct mopt_conv2d){
        .window = {.batch = (size_t)s->batch,
                   .channels = (size_t)(s->groups * s->in_channels),
                   .in_h = (size_t)s->in[1],
                   .in_w = (size_t)s->in[2],
                   .out_h = (size_t)s->out[1],
                   .out_w = (size_t)s->out[2],
                   .kernel_h = (size_t)s->kernel[1],
                   .kernel_w = (size_t)s->kernel[2],
                   .stride_h = (size_t)s->stride[1],
                   .stride_w = (size_t)s->stride[2],
                   .dilation_h = (size_t)s->dilation[1],
                   .dilation_w = (size_t)s->dilation[2],
                   .pad_top = (size_t)s->begin[1],
                   .pad_left = (size_t)s->begin[2]},
        .groups = (size_t)s->groups,
        .out_channels = (size_t)(s->groups * s->out_channels),
        .strict = true,
    };
}

// Parts of the memory of a run; the same for counting and for running.
struct room {
    float *x, *y, *turned; // images with channels innermost; weights with taps in front of channels
    void *packed, *scratch;
    size_t used;
};

static struct room lay_out(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                           enum mopt_conv_form form, int threads, void *block)
{
    const struct mopt_window2d *w = &conv->window;
    struct mopt_scratch scratch = {.block = block};
    struct room room = {0};
    size_t weights = conv->out_channels * (w->channels / conv->groups) * mopt__window_taps(w);
    size_t packed = mopt__conv2d_packed_bytes(kernels, conv, form);
    room.x =
        mopt__scratch_take(&scratch, w->batch * w->in_h * w->in_w, w->channels * sizeof(float));
    room.y =
        mopt__scratch_take(&scratch, mopt__window_pixels(w), conv->out_channels * sizeof(float));
    room.turned = mopt__scratch_take(&scratch, weights, sizeof(float));
    room.packed = mopt__scratch_take(&scratch, packed > 0 ? packed : SIZE_MAX, 1);
    room.scratch =
        mopt__scratch_take(&scratch, mopt__conv2d_scratch(kernels, conv, form, threads), 1);
    mopt__scratch_take(&scratch, MOPT_OVERREAD, 1);
    room.used = scratch.used;
    return room;
}

struct work {
    const struct mopt_kernels *kernels;
    const struct mopt_conv2d *conv;
    const float *w;
    const struct room *room;
};

// Weights of an output channel: [channels][taps] to [taps][channels].
static void turn_weights(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const struct work *work = context;
    size_t taps = mopt__window_taps(&work->conv->window);
    size_t channels = work->conv->window.channels / work->conv->groups;
    for (size_t m = (size_t)begin; m < (size_t)end; m++) {
        size_t at = m * taps * channels;
        work->kernels->transpose_32(work->w + at, taps, work->room->turned + at, channels, channels,
                                    taps);
    }
}

// One group after the other, as the direct form packs them.
static void pack(struct work *work, struct mopt_pool *pool)
{
    const struct mopt_conv2d *conv = work->conv;
    size_t taps = mopt__window_taps(&conv->window), n = conv->out_channels / conv->groups;
    size_t k = conv->window.channels / conv->groups * taps;
    const float *from = work->w;
    if (k != taps && taps > 1) {
        mopt__pool_for(pool, (int64_t)conv->out_channels, (int64_t)(4096 / k + 1), turn_weights,
                       work);
        from = work->room->turned;
    }
    size_t panel = mopt__panel_count(work->kernels, n) * (size_t)work->kernels->f32_cols * k;
    for (size_t g = 0; g < conv->groups; g++) {
        mopt__pack_f32(work->kernels, k, n, from + g * n * k, 1, k,
                       (float *)work->room->packed + g * panel);
    }
}

enum mopt_status mopt__conv_plain(const struct mopt_kernels *kernels,
                                  const struct mopt_conv_shape *shape, const float *x,
                                  const float *w, const float *bias, float *y,
                                  struct mopt_pool *pool, struct mopt_error *err)
{
    struct mopt_conv2d conv = describe(shape);
    const struct mopt_window2d *window = &conv.window;
    enum mopt_conv_form form = mopt__conv2d_form(kernels, &conv);
    form = form == MOPT_CONV_POINTWISE ? form : MOPT_CONV_DIRECT;
    struct room room = lay_out(kernels, &conv, form, mopt__pool_size(pool), NULL);
    void *block = room.used != SIZE_MAX ? mopt__malloc_aligned(room.used) : NULL;
    if (!block) {
        return mopt_error_memory(err);
    }
    room = lay_out(kernels, &conv, form, mopt__pool_size(pool), block);
    struct work work = {kernels, &conv, w, &room};
    pack(&work, pool);
    struct mopt_images from = {sizeof(float), window->batch, window->channels,
                               window->in_h * window->in_w};
    struct mopt_images to = {sizeof(float), window->batch, conv.out_channels,
                             window->out_h * window->out_w};
    bool same = window->channels == 1;
    if (!same) {
        mopt__to_nhwc(kernels, &from, x, room.x, window->channels, pool);
    }
    struct mopt_conv2d_run run = {.conv = &conv,
                                  .form = form,
                                  .x = same ? x : room.x,
                                  .ldx = window->channels,
                                  .w = room.packed,
                                  .y = room.y,
                                  .ldy = conv.out_channels,
                                  .epilogue = {.bias = bias},
                                  .scratch = room.scratch};
    mopt__conv2d_f32(kernels, &run, pool);
    mopt__to_nchw(kernels, &to, room.y, conv.out_channels, y, pool);
    mopt__free_aligned(block);
    return MOPT_OK;
}
