// SPDX-License-Identifier: Apache-2.0
// Pooling with channels innermost. A window is taken some taps at a time; what they give is the
// first tap of the next some, so that windows of any size need no memory.
#include <math.h>

#include "kernels/conv_nhwc.h"

enum {
    SOME = 64,      // taps of one call
    CHANNELS = 512, // most channels of one piece of work
    FEWEST = 16,    // and fewest
    GRAIN = 1 << 14 // loads, below which a second thread is no help
};

struct work {
    const struct mopt_kernels *kernels;
    const struct mopt_pool2d *pool2d;
    const float *x;
    size_t ldx;
    float *y;
    size_t ldy;
    size_t each; // channels of a piece
    size_t pieces;
};

// The taps of one axis that lie inside the image: positions first, first + dilation, ... (count).
struct span {
    size_t first, count;
    size_t padded; // taps within the padded image
};

static struct span span_of(size_t out, size_t stride, size_t pad, size_t kernel, size_t dilation,
                           size_t in, size_t pad_end)
{
    ptrdiff_t start = (ptrdiff_t)(out * stride) - (ptrdiff_t)pad;
    if (start >= 0 && (size_t)start + (kernel - 1) * dilation < in) {
        return (struct span){.first = (size_t)start, .count = kernel, .padded = kernel};
    }
    size_t skip = start < 0 ? ((size_t)-start + dilation - 1) / dilation : 0;
    ptrdiff_t room = (ptrdiff_t)in - start; // > 0 when anything is left of the image
    size_t past = room > 0 ? ((size_t)room + dilation - 1) / dilation : 0;
    room += (ptrdiff_t)pad_end;
    size_t padded = room > 0 ? ((size_t)room + dilation - 1) / dilation : 0;
    past = past < kernel ? past : kernel;
    return (struct span){
        .first = (size_t)(start + (ptrdiff_t)(skip * dilation)),
        .count = past > skip ? past - skip : 0,
        .padded = padded < kernel ? padded : kernel,
    };
}

// Collects taps and hands them on.
struct window {
    const struct work *work;
    const float *taps[SOME + 1];
    struct mopt_window_f32 call;
};

static void flush(struct window *window, float factor)
{
    const struct mopt_kernels *kernels = window->work->kernels;
    bool max = window->work->pool2d->kind == MOPT_POOLING_MAX;
    window->call.x = window->taps;
    window->call.factor = factor;
    (max ? kernels->max_f32 : kernels->average_f32)(&window->call);
    window->taps[0] = window->call.y;
    window->call.taps = 1;
}

static void add_tap(struct window *window, const float *x)
{
    if (window->call.taps > SOME) {
        flush(window, 1);
    }
    window->taps[window->call.taps++] = x;
}

// One window of output row `row` (of all images), whose taps of the other axis are v.
static void run_window(const struct work *work, size_t row, const struct span *vertical,
                       size_t column, size_t from, size_t channels)
{
    const struct mopt_window2d *w = &work->pool2d->window;
    const struct span v = *vertical;
    const struct span h = span_of(column, w->stride_w, w->pad_left, w->kernel_w, w->dilation_w,
                                  w->in_w, work->pool2d->pad_right);
    struct window window;
    window.work = work;
    window.call =
        (struct mopt_window_f32){.y = work->y + (row * w->out_w + column) * work->ldy + from,
                                 .channels = channels};
    for (size_t i = 0; i < v.count; i++) {
        size_t line = row / w->out_h * w->in_h + v.first + i * w->dilation_h;
        const float *x = work->x + (line * w->in_w + h.first) * work->ldx + from;
        for (size_t j = 0; j < h.count; j++) {
            add_tap(&window, x + j * w->dilation_w * work->ldx);
        }
    }
    bool max = work->pool2d->kind == MOPT_POOLING_MAX;
    if (window.call.taps == 0) {
        for (size_t c = 0; c < channels; c++) {
            window.call.y[c] = max ? -INFINITY : 0;
        }
        return;
    }
    size_t divisor = work->pool2d->count_pad ? v.padded * h.padded : v.count * h.count;
    flush(&window, 1.0F / (float)divisor);
}

static void run_range(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const struct work *work = context;
    const struct mopt_window2d *w = &work->pool2d->window;
    size_t row = SIZE_MAX;
    struct span v = {0};
    for (size_t item = (size_t)begin; item < (size_t)end; item++) {
        size_t from = item % work->pieces * work->each, pixel = item / work->pieces;
        size_t channels = w->channels - from < work->each ? w->channels - from : work->each;
        if (pixel / w->out_w != row) {
            row = pixel / w->out_w;
            v = span_of(row % w->out_h, w->stride_h, w->pad_top, w->kernel_h, w->dilation_h,
                        w->in_h, work->pool2d->pad_bottom);
        }
        run_window(work, row, &v, pixel % w->out_w, from, channels);
    }
}

void mopt__pool2d_f32(const struct mopt_kernels *kernels, const struct mopt_pool2d *pool2d,
                      const float *x, size_t ldx, float *y, size_t ldy, struct mopt_pool *pool)
{
    const struct mopt_window2d *w = &pool2d->window;
    struct work work = {.kernels = kernels,
                        .pool2d = pool2d,
                        .x = x,
                        .ldx = ldx,
                        .y = y,
                        .ldy = ldy,
                        .each = CHANNELS};
    size_t pixels = w->batch * w->out_h * w->out_w;
    // Where there are few windows, channels keep the threads busy.
    size_t wanted = 4 * (size_t)mopt__pool_size(pool);
    while (work.each > FEWEST && (w->channels + work.each - 1) / work.each * pixels < wanted) {
        work.each /= 2;
    }
    work.pieces = (w->channels + work.each - 1) / work.each;
    size_t items = pixels * work.pieces;
    size_t loads = w->kernel_h * w->kernel_w * (w->channels < work.each ? w->channels : work.each);
    size_t grain = loads ? GRAIN / loads : 0;
    mopt__pool_for(pool, (int64_t)items, (int64_t)(grain ? grain : 1), run_range, &work);
}
