// SPDX-License-Identifier: Apache-2.0
// Direct convolution: the taps of an output pixel are rows of a product, found by pointers; padding
// is a row of zeros. With few channels the taps of one kernel row are taken together as one long
// row, out of a copy of the image with its padding.
#include <string.h>

#include "kernels/conv_nhwc_inner.h"
#include "kernels/weights.h"

enum { LONG_ROWS_BELOW = 32 }; // channels

// The product a convolution is.
struct shape {
    size_t taps, k, n;
    size_t copy_w; // pixels of a row of the copy; 0: no copy
};

static struct shape shape_of(const struct mopt_conv2d *conv)
{
    const struct mopt_window2d *w = &conv->window;
    struct shape shape = {
        .taps = mopt__window_taps(w),
        .k = w->channels / conv->groups,
        .n = conv->out_channels / conv->groups,
    };
    if (conv->groups == 1 && w->channels < LONG_ROWS_BELOW && w->kernel_w > 1 &&
        w->dilation_w == 1) {
        shape.taps = w->kernel_h;
        shape.k = w->channels * w->kernel_w;
        shape.copy_w = (w->out_w - 1) * w->stride_w + w->kernel_w;
    }
    return shape;
}

size_t mopt__conv_direct_bytes(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv)
{
    struct shape shape = shape_of(conv);
    size_t width = (size_t)kernels->f32_cols;
    // Sizes of the weights themselves fit; only the rounding up of n may not.
    size_t columns = conv->groups * mopt__panel_count(kernels, shape.n) * width;
    return mopt__packed_bytes(kernels, conv->weights, shape.taps * shape.k, columns);
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

void mopt__conv_direct_pack(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                            const float *w, void *out)
{
    size_t n = conv->out_channels / conv->groups, width = (size_t)kernels->f32_cols;
    size_t step = conv->window.channels / conv->groups * mopt__window_taps(&conv->window);
    char *to = out;
    for (size_t g = 0; g < conv->groups; g++) {
        for (size_t from = 0; from < n; from += width) {
            size_t cols = n - from < width ? n - from : width;
            to = pack_panel(kernels, conv, w + (g * n + from) * step, cols, to);
        }
    }
    memset(to, 0, MOPT_OVERREAD);
}

struct work {
    const struct mopt_conv2d_run *run;
    const struct mopt_kernels *kernels;
    struct mopt_taps taps;
    size_t copy_w;
    float *copy;
    float *zero;
    size_t *offsets;
    struct mopt_parts tables;
};

// Parts of the scratch; the same for counting and for running.
static size_t lay_out(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                      size_t threads, void *block, struct work *work)
{
    struct shape shape = shape_of(conv);
    const struct mopt_window2d *w = &conv->window;
    struct mopt_scratch scratch = {.block = block};
    size_t table = mopt__table_count(kernels, shape.taps);
    work->zero = mopt__scratch_take(&scratch, shape.k * conv->groups, sizeof(float));
    work->offsets = mopt__scratch_take(&scratch, shape.taps, sizeof(size_t));
    work->tables = mopt__scratch_take_each(&scratch, threads, table, sizeof(float *));
    if (shape.copy_w) {
        work->copy = mopt__scratch_take(&scratch, w->batch * w->in_h * shape.copy_w,
                                        w->channels * sizeof(float));
    }
    return scratch.used;
}

size_t mopt__conv_direct_scratch(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                                 int threads)
{
    struct work work = {0};
    return lay_out(kernels, conv, (size_t)threads, NULL, &work);
}

// Rows of the image, with padding at both ends, channels packed.
static void copy_rows(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const struct work *work = context;
    const struct mopt_window2d *w = &work->run->conv->window;
    size_t channels = w->channels, width = work->copy_w;
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

// From here on a kernel row is one tap of a narrower window over the copy.
static void use_copy(struct work *work, struct mopt_pool *pool)
{
    struct mopt_window2d *w = &work->taps.window;
    mopt__pool_for(pool, (int64_t)(w->batch * w->in_h), 16, copy_rows, work);
    work->taps.x = work->copy;
    work->taps.ldx = w->channels;
    w->in_w = work->copy_w;
    w->kernel_w = 1;
    w->pad_left = 0;
}

static void fill(const void *source, size_t row, size_t rows, const float **a)
{
    const struct work *work = source;
    size_t taps = mopt__window_taps(&work->taps.window);
    size_t tiles = mopt__tile_count(work->kernels, rows);
    struct mopt_place place = mopt__place_at(&work->taps.window, row);
    for (size_t i = 0; i < tiles; i++, a += taps * work->taps.height) {
        size_t start = mopt__tile_start(rows, tiles, i);
        size_t end = mopt__tile_start(rows, tiles, i + 1);
        mopt__taps_fill(&work->taps, work->offsets, &place, end - start, a);
    }
}

void mopt__conv_direct(const struct mopt_kernels *kernels, const struct mopt_conv2d_run *run,
                       struct mopt_pool *pool)
{
    const struct mopt_conv2d *conv = run->conv;
    struct shape shape = shape_of(conv);
    struct work work = {.run = run, .kernels = kernels, .copy_w = shape.copy_w};
    lay_out(kernels, conv, (size_t)mopt__pool_size(pool), run->scratch, &work);
    memset(work.zero, 0, shape.k * conv->groups * sizeof(float));
    work.taps = (struct mopt_taps){.window = conv->window,
                                   .x = run->x,
                                   .ldx = run->ldx,
                                   .zero = work.zero,
                                   .height = (size_t)kernels->f32_rows};
    if (shape.copy_w) {
        use_copy(&work, pool);
    }
    mopt__taps_offsets(&work.taps, work.offsets);
    struct mopt_product product = {
        .kernels = kernels,
        .taps = shape.taps,
        .k = shape.k,
        .groups = conv->groups,
        .n = shape.n,
        .b = run->w,
        .weights = conv->weights,
        .c = run->y,
        .ldc = run->ldy,
        .epilogue = &run->epilogue,
        .fill = fill,
        .source = &work,
        .tables = work.tables,
    };
    size_t rows_apart = shape.taps < 4 ? shape.taps : 4; // windows share most of their pixels
    mopt__product_run(&product, mopt__window_pixels(&conv->window), shape.k * rows_apart, pool);
}
