// SPDX-License-Identifier: Apache-2.0
// Direct convolution: the taps of an output pixel are rows of a product, found by pointers; padding
// is a row of zeros. With few channels the taps of one kernel row are taken together as one long
// row, out of a copy of the image with its padding. With weights in blocks of integers (table.h) a
// copy of the image holds the channels of each pixel in blocks, too, those of each group apart.
#include <string.h>

#include "kernels/conv_nhwc_inner.h"
#include "kernels/gemm_rounded.h"
#include "kernels/weights.h"

enum { LONG_ROWS_BELOW = 32 }; // channels

bool mopt__direct_has_long_rows(const struct mopt_conv2d *conv)
{
    const struct mopt_window2d *w = &conv->window;
    return conv->groups == 1 && w->channels < LONG_ROWS_BELOW && w->kernel_w > 1 &&
           w->dilation_w == 1;
}

// From one position of an axis that some window looks at to the next one; the others are not
// copied.
static size_t step_of(size_t kernel, size_t stride, size_t pad)
{
    return kernel == 1 && pad == 0 ? stride : 1;
}

static size_t looked_at(size_t positions, size_t step)
{
    return positions / step + (positions % step > 0);
}

size_t mopt__conv_direct_rounded(const struct mopt_window2d *window)
{
    const struct mopt_window2d *w = window;
    return w->batch * looked_at(w->in_h, step_of(w->kernel_h, w->stride_h, w->pad_top)) *
           looked_at(w->in_w, step_of(w->kernel_w, w->stride_w, w->pad_left));
}

static struct mopt_direct_shape shape_of(const struct mopt_kernels *kernels,
                                         const struct mopt_conv2d *conv)
{
    const struct mopt_window2d *w = &conv->window;
    struct mopt_direct_shape shape = {
        .taps = mopt__window_taps(w),
        .k = w->channels / conv->groups,
        .n = conv->out_channels / conv->groups,
        .rounding = {.kernels = *kernels},
    };
    if (conv->weights == MOPT_WEIGHTS_BLOCKS) {
        shape.rounding = mopt__rounding_of(kernels, conv->weights, shape.k);
        shape.k = shape.rounding.units;
        shape.copy_h = looked_at(w->in_h, step_of(w->kernel_h, w->stride_h, w->pad_top));
        shape.copy_w = looked_at(w->in_w, step_of(w->kernel_w, w->stride_w, w->pad_left));
        shape.copied = shape.k * conv->groups;
    } else if (mopt__direct_has_long_rows(conv)) {
        shape.taps = w->kernel_h;
        shape.k = w->channels * w->kernel_w;
        shape.copy_h = w->in_h;
        shape.copy_w = (w->out_w - 1) * w->stride_w + w->kernel_w;
        shape.copied = w->channels;
    }
    return shape;
}

size_t mopt__conv_direct_bytes(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv)
{
    struct mopt_direct_shape shape = shape_of(kernels, conv);
    const struct mopt_kernels *table = &shape.rounding.kernels;
    bool blocks = conv->weights == MOPT_WEIGHTS_BLOCKS;
    // Sizes of the weights themselves fit; only the rounding up of n may not.
    size_t columns = conv->groups * mopt__panel_count(table, shape.n) * (size_t)table->f32_cols;
    return mopt__packed_bytes(table, blocks ? MOPT_WEIGHTS_F32 : conv->weights,
                              shape.taps * shape.k, columns);
}

// One row of a panel: output channels from w on, a tap of an input channel.
static void pack_row(const float *w, size_t cols, size_t step, size_t width, float *out)
{
    for (size_t j = 0; j < width; j++) {
        out[j] = j < cols ? w[j * step] : 0;
    }
}

// One panel: output channels from w on, [taps][channels][width]; its end.
static char *pack_panel(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                        const float *w, size_t cols, char *out)
{
    size_t width = (size_t)kernels->f32_cols;
    size_t taps = mopt__window_taps(&conv->window);
    size_t channels = conv->window.channels / conv->groups;
    size_t step = channels * taps; // from one output channel to the next
    size_t line = width * mopt__weights_bytes(conv->weights);
    for (size_t p = 0; p < step; p++, out += line) {
        const float *at = w + p % channels * taps + p / channels;
        if (conv->weights == MOPT_WEIGHTS_F32) {
            pack_row(at, cols, step, width, (float *)(void *)out);
        } else {
            float row[MOPT_TILE_COLS_MAX];
            pack_row(at, cols, step, width, row);
            mopt__weights_panel(kernels, conv->weights, width, 1, row, (uint16_t *)(void *)out);
        }
    }
    return out;
}

// The same in blocks, [taps][blocks][units of a block][width].
static char *pack_blocks(const struct mopt_rounding *rounding, const struct mopt_conv2d *conv,
                         const float *w, size_t cols, char *out)
{
    size_t taps = mopt__window_taps(&conv->window);
    size_t channels = conv->window.channels / conv->groups;
    float *to = (float *)(void *)out;
    for (size_t t = 0; t < taps; t++) {
        to = mopt__rounding_panel(rounding, channels, cols, w + t, taps, channels * taps, to);
    }
    return (char *)to;
}

void mopt__conv_direct_pack(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                            const float *w, void *out)
{
    struct mopt_direct_shape shape = shape_of(kernels, conv);
    size_t n = shape.n, width = (size_t)shape.rounding.kernels.f32_cols;
    size_t step = conv->window.channels / conv->groups * mopt__window_taps(&conv->window);
    char *to = out;
    for (size_t g = 0; g < conv->groups; g++) {
        for (size_t from = 0; from < n; from += width) {
            size_t cols = n - from < width ? n - from : width;
            const float *first = w + (g * n + from) * step;
            to = conv->weights == MOPT_WEIGHTS_BLOCKS
                     ? pack_blocks(&shape.rounding, conv, first, cols, to)
                     : pack_panel(kernels, conv, first, cols, to);
        }
    }
    memset(to, 0, MOPT_OVERREAD);
}

// Parts of the scratch; the same for counting and for running.
static size_t lay_out(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                      size_t threads, void *block, struct mopt_direct *work)
{
    struct mopt_direct_shape *shape = &work->shape;
    const struct mopt_window2d *w = &conv->window;
    struct mopt_scratch scratch = {.block = block};
    *shape = shape_of(kernels, conv);
    work->kernels = &shape->rounding.kernels;
    size_t table = mopt__table_count(work->kernels, shape->taps);
    work->zero = mopt__scratch_take(&scratch, shape->k * conv->groups, sizeof(float));
    work->offsets = mopt__scratch_take(&scratch, shape->taps, sizeof(size_t));
    work->tables = mopt__scratch_take_each(&scratch, threads, table, sizeof(float *));
    if (shape->copy_w) {
        work->copy = mopt__scratch_take(&scratch, w->batch * shape->copy_h * shape->copy_w,
                                        shape->copied * sizeof(float));
    }
    return scratch.used;
}

size_t mopt__conv_direct_scratch(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                                 int threads)
{
    struct mopt_direct work = {0};
    return lay_out(kernels, conv, (size_t)threads, NULL, &work);
}

// Rows of the image, with padding at both ends, channels packed.
static void copy_rows(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const struct mopt_direct *work = context;
    const struct mopt_window2d *w = &work->run->conv->window;
    size_t channels = w->channels, width = work->shape.copy_w;
    size_t left = w->pad_left < width ? w->pad_left : width;
    size_t used = w->in_w < width - left ? w->in_w : width - left;
    for (size_t row = (size_t)begin; row < (size_t)end; row++) {
        float *to = work->copy + row * width * channels;
        const float *from = work->run->x + row * w->in_w * work->run->ldx;
        memset(to, 0, left * channels * sizeof(float));
        to += left * channels;
        if (work->run->ldx == channels) {
            memcpy(to, from, used * channels * sizeof(float));
        } else {
            for (size_t i = 0; i < used; i++) {
                memcpy(to + i * channels, from + i * work->run->ldx, channels * sizeof(float));
            }
        }
        memset(to + used * channels, 0, (width - left - used) * channels * sizeof(float));
    }
}

// From here on a kernel row is one tap of a narrower window over the copy; or over the image, when
// no window leaves a row of it.
static void use_long_rows(struct mopt_direct *work, struct mopt_pool *pool)
{
    struct mopt_window2d *w = &work->taps.window;
    const size_t width = work->shape.copy_w;
    bool as_it_is = work->taps.ldx == w->channels && w->pad_left == 0 && width <= w->in_w;
    w->kernel_w = 1;
    if (as_it_is) {
        return;
    }
    mopt__pool_for(pool, (int64_t)(w->batch * w->in_h), 16, copy_rows, work);
    work->taps.x = work->copy;
    work->taps.ldx = w->channels;
    w->in_w = width;
    w->pad_left = 0;
}

// Rows of the image in blocks.
static void round_rows(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const struct mopt_direct *work = context;
    const struct mopt_conv2d *conv = work->run->conv;
    const struct mopt_window2d *w = &conv->window;
    const struct mopt_direct_shape *shape = &work->shape;
    const struct mopt_rounding *rounding = &shape->rounding;
    size_t channels = w->channels / conv->groups;
    size_t down = step_of(w->kernel_h, w->stride_h, w->pad_top);
    size_t across = step_of(w->kernel_w, w->stride_w, w->pad_left) * work->run->ldx;
    for (size_t row = (size_t)begin; row < (size_t)end; row++) {
        size_t at = row / shape->copy_h * w->in_h + row % shape->copy_h * down;
        const float *from = work->run->x + at * w->in_w * work->run->ldx;
        float *to = work->copy + row * shape->copy_w * shape->copied;
        for (size_t i = 0; i < shape->copy_w; i++, from += across) {
            for (size_t g = 0; g < conv->groups; g++, to += rounding->units) {
                rounding->kernels.f32_to_blocks(from + g * channels, channels, rounding->length,
                                                to);
            }
        }
    }
}

// From here on the window is one over the copy.
static void use_blocks(struct mopt_direct *work, struct mopt_pool *pool)
{
    struct mopt_window2d *w = &work->taps.window;
    bool little = w->batch * w->in_h * w->in_w * w->channels < MOPT_SERIAL_BELOW;
    mopt__pool_for(little ? NULL : pool, (int64_t)(w->batch * work->shape.copy_h), 1, round_rows,
                   work);
    w->stride_h /= step_of(w->kernel_h, w->stride_h, w->pad_top);
    w->stride_w /= step_of(w->kernel_w, w->stride_w, w->pad_left);
    w->in_h = work->shape.copy_h;
    w->in_w = work->shape.copy_w;
    work->taps.x = work->copy;
    work->taps.ldx = work->shape.copied;
}

void mopt__direct_fill(const void *source, size_t row, size_t rows, const float **a)
{
    const struct mopt_direct *work = source;
    size_t taps = mopt__window_taps(&work->taps.window);
    size_t tiles = mopt__tile_count(work->kernels, rows);
    struct mopt_place place = mopt__place_at(&work->taps.window, row);
    for (size_t i = 0; i < tiles; i++, a += taps * work->taps.height) {
        size_t start = mopt__tile_start(rows, tiles, i);
        size_t end = mopt__tile_start(rows, tiles, i + 1);
        mopt__taps_fill(&work->taps, work->offsets, &place, end - start, a);
    }
}

void mopt__direct_open(const struct mopt_kernels *kernels, const struct mopt_conv2d_run *run,
                       struct mopt_pool *pool, struct mopt_direct *work)
{
    const struct mopt_conv2d *conv = run->conv;
    const struct mopt_direct_shape *shape = &work->shape;
    const bool blocks = conv->weights == MOPT_WEIGHTS_BLOCKS;
    *work = (struct mopt_direct){.run = run};
    lay_out(kernels, conv, (size_t)mopt__pool_size(pool), run->scratch, work);
    memset(work->zero, 0, shape->k * conv->groups * sizeof(float));
    work->taps = (struct mopt_taps){.window = conv->window,
                                    .x = run->x,
                                    .ldx = run->ldx,
                                    .zero = work->zero,
                                    .height = (size_t)work->kernels->f32_rows};
    if (shape->copy_w) {
        (blocks ? use_blocks : use_long_rows)(work, pool);
    }
    mopt__taps_offsets(&work->taps, work->offsets);
    size_t rows_apart = shape->taps < 4 ? shape->taps : 4; // windows share most of their pixels
    work->depth = shape->k * rows_apart;
    work->product = (struct mopt_product){
        .kernels = work->kernels,
        .taps = shape->taps,
        .k = shape->k,
        .groups = conv->groups,
        .n = shape->n,
        .b = run->w,
        .weights = blocks ? MOPT_WEIGHTS_F32 : conv->weights,
        .block = shape->rounding.block,
        .c = run->y,
        .ldc = run->ldy,
        .epilogue = &run->epilogue,
        .fill = mopt__direct_fill,
        .source = work,
        .zero = conv->finite ? work->zero : NULL,
        .tables = work->tables,
    };
}

void mopt__conv_direct(const struct mopt_kernels *kernels, const struct mopt_conv2d_run *run,
                       struct mopt_pool *pool)
{
    struct mopt_direct work;
    mopt__direct_open(kernels, run, pool, &work);
    mopt__product_run(&work.product, mopt__window_pixels(&run->conv->window), work.depth, pool);
}
