// SPDX-License-Identifier: Apache-2.0
// Convolution with one channel per group. Kernel rows above and below the image are left out; the
// columns outside are the kernel's business. Of small images a few channels of several rows come
// before the next channels: their pixels and weights stay in the first cache.
#include <string.h>

#include "base/size.h"
#include "kernels/conv_nhwc_inner.h"

enum {
    WORTH = 1 << 14, // multiply-adds worth a thread
    SLICE = 64,      // channels of a slice, when there are several rows in a band
    NEAR = 24 << 10, // bytes of input that a slice of a band may meet
    BAND = 16,       // most rows of a band
};

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
    size_t band; // rows
    // Of each thread: pointers for the kernel; [channels] zeros (what one thread has written comes
    // to another line by line); [out_w * channels] floats, where needs_aside.
    struct mopt_parts tables, zeros, aside;
};

// A residual that is the result itself and is added after the activation has to be put aside.
static bool needs_aside(const struct mopt_conv2d_run *run)
{
    const struct mopt_finish *finish = &run->epilogue;
    return finish->residual == run->y && !mopt__epilogue_adds_in_tile(finish);
}

static size_t lay_out(const struct mopt_conv2d *conv, size_t threads, void *block,
                      struct work *work)
{
    struct mopt_scratch scratch = {.block = block};
    size_t channels = conv->out_channels;
    work->tables = mopt__scratch_take_each(&scratch, threads, mopt__window_taps(&conv->window),
                                           MOPT_DEPTHWISE_PIXELS * sizeof(float *));
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

// Pixels from..to of an output row, all channels.
static struct mopt_depthwise_f32 call_of(const struct work *work, size_t row, size_t from,
                                         size_t to, int thread)
{
    const struct mopt_conv2d_run *run = work->run;
    const struct mopt_finish *finish = &run->epilogue;
    const struct mopt_window2d *w = &run->conv->window;
    size_t pixel = row * w->out_w + from, channels = run->conv->out_channels;
    struct rows rows = rows_of(w, row);
    struct mopt_depthwise_f32 call = {
        .x = run->x + rows.at * w->in_w * run->ldx,
        .ldx = run->ldx,
        .line = w->dilation_h * w->in_w * run->ldx,
        .width = w->in_w,
        .first = (ptrdiff_t)(from * w->stride_w) - (ptrdiff_t)w->pad_left,
        .stride = w->stride_w,
        .dilation = w->dilation_w,
        .rows = rows.last - rows.first,
        .cols = w->kernel_w,
        .table = mopt__part(&work->tables, (size_t)thread),
        .zero = mopt__part(&work->zeros, (size_t)thread),
        .w = (const float *)run->w + rows.first * w->kernel_w * channels,
        .ldw = channels,
        .bias = finish->bias,
        .residual_ld = finish->residual_ld,
        .y = run->y + pixel * run->ldy,
        .ldy = run->ldy,
        .channels = channels,
        .pixels = to - from,
    };
    if (mopt__epilogue_adds_in_tile(finish)) {
        call.residual = finish->residual + pixel * finish->residual_ld;
    }
    mopt__epilogue_bounds(finish, &call.low, &call.high);
    return call;
}

static struct mopt_depthwise_f32 slice_of(const struct mopt_depthwise_f32 *whole, size_t from)
{
    struct mopt_depthwise_f32 slice = *whole;
    slice.x += from;
    slice.w += from;
    slice.bias = slice.bias ? slice.bias + from : NULL;
    slice.residual = slice.residual ? slice.residual + from : NULL;
    slice.y += from;
    slice.channels = whole->channels - from < SLICE ? whole->channels - from : SLICE;
    return slice;
}

// What the kernel leaves of the epilogue, for the pixels of a call.
static void run_rest(const struct work *work, const struct mopt_depthwise_f32 *call,
                     const float *residual, size_t residual_ld)
{
    mopt__epilogue_rest(work->kernels, &work->run->epilogue, call->y, call->ldy, residual,
                        residual_ld, call->pixels, call->channels);
}

// The residual of a call's first pixel; there is one.
static const float *residual_of(const struct work *work, const struct mopt_depthwise_f32 *call)
{
    const struct mopt_finish *finish = &work->run->epilogue;
    const size_t pixel = (size_t)(call->y - work->run->y) / call->ldy;
    return finish->residual + pixel * finish->residual_ld;
}

static void run_aside(const struct work *work, const struct mopt_depthwise_f32 *call, float *aside)
{
    const float *residual = residual_of(work, call);
    for (size_t i = 0; i < call->pixels; i++) {
        memcpy(aside + i * call->channels, residual + i * call->residual_ld,
               call->channels * sizeof *aside);
    }
    work->kernels->depthwise_f32(call);
    run_rest(work, call, aside, call->channels);
}

static void run_band(const struct work *work, const struct mopt_depthwise_f32 *calls, size_t count)
{
    if (count == 1) {
        work->kernels->depthwise_f32(calls);
    }
    for (size_t from = 0; count > 1 && from < calls->channels; from += SLICE) {
        for (size_t i = 0; i < count; i++) {
            struct mopt_depthwise_f32 slice = slice_of(&calls[i], from);
            work->kernels->depthwise_f32(&slice);
        }
    }
    for (size_t i = 0; i < count; i++) {
        const bool adds = work->run->epilogue.residual != NULL;
        run_rest(work, &calls[i], adds ? residual_of(work, &calls[i]) : NULL, calls[i].residual_ld);
    }
}

static void run_range(void *context, int64_t begin, int64_t end, int thread)
{
    const struct work *work = context;
    const size_t width = work->run->conv->window.out_w;
    struct mopt_depthwise_f32 calls[BAND];
    size_t count = 0;
    memset(mopt__part(&work->zeros, (size_t)thread), 0,
           work->run->conv->out_channels * sizeof(float));
    for (size_t pixel = (size_t)begin; pixel < (size_t)end;) {
        size_t from = pixel % width, left = (size_t)end - pixel;
        size_t to = width - from < left ? width : from + left;
        calls[count++] = call_of(work, pixel / width, from, to, thread);
        pixel += to - from;
        if (needs_aside(work->run)) {
            run_aside(work, calls, mopt__part(&work->aside, (size_t)thread));
            count = 0;
        } else if (count == work->band || pixel == (size_t)end) {
            run_band(work, calls, count);
            count = 0;
        }
    }
}

// As many rows as meet no more input than is near.
static size_t band_of(const struct mopt_window2d *w)
{
    size_t line = w->in_w * SLICE * sizeof(float), reach = (w->kernel_h - 1) * w->dilation_h;
    size_t lines = NEAR / line;
    size_t rows = lines > reach ? (lines - reach - 1) / w->stride_h + 1 : 1;
    return rows < BAND ? rows : BAND;
}

void mopt__conv_depthwise(const struct mopt_kernels *kernels, const struct mopt_conv2d_run *run,
                          struct mopt_pool *pool)
{
    const struct mopt_conv2d *conv = run->conv;
    const struct mopt_window2d *w = &conv->window;
    struct work work = {.run = run, .kernels = kernels, .band = band_of(w)};
    lay_out(conv, (size_t)mopt__pool_size(pool), run->scratch, &work);
    // Pixels, not rows: parts of few rows would be unequal.
    size_t each = conv->out_channels * mopt__window_taps(w) + 1;
    mopt__pool_for(pool, (int64_t)mopt__window_pixels(w), (int64_t)(WORTH / each) + 1, run_range,
                   &work);
}
