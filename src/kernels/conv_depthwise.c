// SPDX-License-Identifier: Apache-2.0
// Convolution with one channel per group. The pixels of an output row whose windows lie inside the
// image from left to right are one call; the few others are taken one by one, with zeros for the
// pixels outside. Kernel rows above and below the image are left out.
#include <string.h>

#include "base/size.h"
#include "kernels/conv_nhwc_inner.h"

enum { WORTH = 1 << 14 }; // multiply-adds worth a thread

size_t mopt__conv_depthwise_count(const struct mopt_conv2d *conv)
{
    size_t count = 0;
    if (!mopt__size_mul(mopt__window_taps(&conv->window), conv->out_channels, &count) ||
        !mopt__size_add(count, MOPT_OVERREAD / sizeof(float), &count) ||
        count > SIZE_MAX / sizeof(float)) {
        return 0;
    }
    return count;
}

void mopt__conv_depthwise_pack(const struct mopt_conv2d *conv, const float *w, float *out)
{
    size_t taps = mopt__window_taps(&conv->window);
    for (size_t t = 0; t < taps; t++) {
        for (size_t c = 0; c < conv->out_channels; c++) {
            *out++ = w[c * taps + t];
        }
    }
    memset(out, 0, MOPT_OVERREAD);
}

struct work {
    const struct mopt_conv2d_run *run;
    const struct mopt_kernels *kernels;
    struct mopt_parts tables; // of each thread [taps] pointers
    struct mopt_parts zeros;  // of each thread [channels] floats: what one thread has written comes
                              // to another line by line
    struct mopt_parts aside;  // of each thread [out_w * channels] floats
    size_t first, last;       // output columns whose windows lie inside
};
// Of one thread.
struct own {
    const float **x;
    const float *zero; // stands for pixels outside the image
    float *aside;
};

static size_t lay_out(const struct mopt_conv2d *conv, size_t threads, void *block,
                      struct work *work)
{
    struct mopt_scratch scratch = {.block = block};
    size_t channels = conv->out_channels;
    work->tables = mopt__scratch_take_each(&scratch, threads, mopt__window_taps(&conv->window),
                                           sizeof(float *));
    work->zeros = mopt__scratch_take_each(&scratch, threads, channels, sizeof(float));
    work->aside =
        mopt__scratch_take_each(&scratch, threads, channels * conv->window.out_w, sizeof(float));
    return scratch.used;
}

size_t mopt__conv_depthwise_scratch(const struct mopt_conv2d *conv, int threads)
{
    struct work work = {0};
    return lay_out(conv, (size_t)threads, NULL, &work);
}

// Pixels from..to of an output row, all in one call: taps as the table says, `skip` of the kernel's
// taps left out in front.
struct piece {
    size_t row, from, to;
    size_t skip, taps;
    const float *const *x;
};

// A residual that is the result itself and is added after the activation is put aside.
static const float *put_aside(const struct work *work, const float *residual, size_t count,
                              float *aside)
{
    size_t channels = work->run->conv->out_channels;
    for (size_t i = 0; i < count; i++) {
        memcpy(aside + i * channels, residual + i * work->run->epilogue.residual_ld,
               channels * sizeof(float));
    }
    return aside;
}

static void run_piece(const struct work *work, const struct piece *piece, float *aside)
{
    const struct mopt_conv2d_run *run = work->run;
    const struct mopt_finish *finish = &run->epilogue;
    size_t pixel = piece->row * run->conv->window.out_w + piece->from;
    size_t count = piece->to - piece->from;
    size_t channels = run->conv->out_channels, residual_ld = finish->residual_ld;
    const float *residual = finish->residual ? finish->residual + pixel * residual_ld : NULL;
    bool add = mopt__epilogue_adds_in_tile(finish);
    if (residual && !add && finish->residual == run->y) {
        residual = put_aside(work, residual, count, aside);
        residual_ld = channels;
    }
    struct mopt_depthwise_f32 call = {
        .x = piece->x,
        .x_step = run->conv->window.stride_w * run->ldx,
        .w = (const float *)run->w + piece->skip * channels,
        .bias = finish->bias,
        .residual = add ? residual : NULL,
        .residual_ld = residual_ld,
        .y = run->y + pixel * run->ldy,
        .ldy = run->ldy,
        .channels = channels,
        .taps = piece->taps,
        .pixels = count,
    };
    mopt__epilogue_bounds(finish, &call.low, &call.high);
    work->kernels->depthwise_f32(&call);
    mopt__epilogue_rest(work->kernels, finish, call.y, call.ldy, residual, residual_ld, count,
                        channels);
}

// Kernel rows that lie inside the image for an output row, and the image row under the first.
struct rows {
    size_t first, last, at;
};

static struct rows rows_of(const struct mopt_window2d *w, size_t row)
{
    size_t top = row % w->out_h * w->stride_h; // in the padded image
    struct rows rows = {0};
    while (rows.first < w->kernel_h && top + rows.first * w->dilation_h < w->pad_top) {
        rows.first++;
    }
    rows.last = rows.first;
    while (rows.last < w->kernel_h && top + rows.last * w->dilation_h < w->pad_top + w->in_h) {
        rows.last++;
    }
    if (rows.last > rows.first) {
        rows.at = row / w->out_h * w->in_h + top + rows.first * w->dilation_h - w->pad_top;
    }
    return rows;
}

// Taps of the output pixels from..to of a row; one pixel, or all inside from left to right.
static void run_pixels(const struct work *work, size_t row, size_t from, size_t to,
                       const struct own *own)
{
    const float **x = own->x;
    const struct mopt_window2d *w = &work->run->conv->window;
    struct rows rows = rows_of(w, row);
    size_t taps = (rows.last - rows.first) * w->kernel_w;
    for (size_t t = 0; t < taps; t++) {
        size_t line = (rows.at + t / w->kernel_w * w->dilation_h) * w->in_w;
        size_t column = from * w->stride_w + t % w->kernel_w * w->dilation_w; // in the padded image
        bool inside = column >= w->pad_left && column < w->pad_left + w->in_w;
        x[t] = inside ? work->run->x + (line + column - w->pad_left) * work->run->ldx : own->zero;
    }
    struct piece piece = {.row = row, .from = from, .to = to, .taps = taps, .x = x};
    piece.skip = rows.first * w->kernel_w;
    run_piece(work, &piece, own->aside);
}

// Output pixels from..to of a row.
static void run_columns(const struct work *work, size_t row, size_t from, size_t to,
                        const struct own *own)
{
    for (; from < to && from < work->first; from++) {
        run_pixels(work, row, from, from + 1, own);
    }
    size_t last = to < work->last ? to : work->last;
    if (from < last) {
        run_pixels(work, row, from, last, own);
        from = last;
    }
    for (; from < to; from++) {
        run_pixels(work, row, from, from + 1, own);
    }
}

static void run_range(void *context, int64_t begin, int64_t end, int thread)
{
    const struct work *work = context;
    float *zero = mopt__part(&work->zeros, (size_t)thread);
    struct own own = {.x = mopt__part(&work->tables, (size_t)thread),
                      .zero = zero,
                      .aside = mopt__part(&work->aside, (size_t)thread)};
    memset(zero, 0, work->run->conv->out_channels * sizeof *zero);
    size_t width = work->run->conv->window.out_w;
    for (size_t pixel = (size_t)begin; pixel < (size_t)end;) {
        size_t from = pixel % width, left = (size_t)end - pixel;
        size_t to = width - from < left ? width : from + left;
        run_columns(work, pixel / width, from, to, &own);
        pixel += to - from;
    }
}

// Output columns whose windows lie inside the image.
static void find_inside(const struct mopt_window2d *w, struct work *work)
{
    size_t reach = (w->kernel_w - 1) * w->dilation_w, end = w->pad_left + w->in_w;
    work->first = (w->pad_left + w->stride_w - 1) / w->stride_w;
    work->first = work->first < w->out_w ? work->first : w->out_w;
    work->last = end > reach ? (end - reach - 1) / w->stride_w + 1 : 0;
    work->last = work->last < w->out_w ? work->last : w->out_w;
    work->last = work->last > work->first ? work->last : work->first;
}

void mopt__conv_depthwise(const struct mopt_kernels *kernels, const struct mopt_conv2d_run *run,
                          struct mopt_pool *pool)
{
    const struct mopt_conv2d *conv = run->conv;
    const struct mopt_window2d *w = &conv->window;
    struct work work = {.run = run, .kernels = kernels};
    lay_out(conv, (size_t)mopt__pool_size(pool), run->scratch, &work);
    find_inside(w, &work);
    // Pixels, not rows: parts of few rows would be unequal.
    size_t each = conv->out_channels * mopt__window_taps(w) + 1;
    mopt__pool_for(pool, (int64_t)mopt__window_pixels(w), (int64_t)(WORTH / each) + 1, run_range,
                   &work);
}
