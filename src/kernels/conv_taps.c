// SPDX-License-Identifier: Apache-2.0
// Where the taps of output pixels lie in an image with channels innermost.
#include "base/size.h"
#include "kernels/conv_nhwc_inner.h"

void *mopt__scratch_take(struct mopt_scratch *scratch, size_t count, size_t size)
{
    size_t bytes = 0;
    void *part = scratch->block ? scratch->block + scratch->used : NULL;
    if (!mopt__size_mul(count, size, &bytes) || !mopt__size_align(bytes, 64, &bytes) ||
        !mopt__size_add(scratch->used, bytes, &scratch->used)) {
        scratch->used = SIZE_MAX;
    }
    return part;
}

struct mopt_parts mopt__scratch_take_each(struct mopt_scratch *scratch, size_t threads,
                                          size_t count, size_t size)
{
    size_t bytes = 0, all = 0, gap = 0;
    struct mopt_parts parts = {0};
    mopt__size_apart(0, &gap);
    mopt__scratch_take(scratch, gap, 1);
    if (!mopt__size_mul(count, size, &bytes) || !mopt__size_apart(bytes, &parts.step) ||
        !mopt__size_mul(parts.step, threads, &all)) {
        scratch->used = SIZE_MAX;
        return (struct mopt_parts){0};
    }
    parts.first = mopt__scratch_take(scratch, all, 1);
    return parts;
}

void mopt__taps_offsets(const struct mopt_taps *taps, size_t *offsets)
{
    const struct mopt_window2d *w = &taps->window;
    for (size_t i = 0; i < w->kernel_h; i++) {
        for (size_t j = 0; j < w->kernel_w; j++) {
            offsets[i * w->kernel_w + j] =
                (i * w->dilation_h * w->in_w + j * w->dilation_w) * taps->ldx;
        }
    }
}

static void place_window(const struct mopt_window2d *w, struct mopt_place *place)
{
    place->y = (ptrdiff_t)(place->oy * w->stride_h) - (ptrdiff_t)w->pad_top;
    place->x = (ptrdiff_t)(place->ox * w->stride_w) - (ptrdiff_t)w->pad_left;
}

// `count` pixels on, which are in the same row.
static void move_on(const struct mopt_window2d *w, struct mopt_place *place, size_t count)
{
    place->ox += count;
    place->x += (ptrdiff_t)(count * w->stride_w);
    if (place->ox == w->out_w) {
        place->ox = 0;
        if (++place->oy == w->out_h) {
            place->oy = 0;
            place->image++;
        }
        place_window(w, place);
    }
}

static bool is_inside(ptrdiff_t at, size_t kernel, size_t dilation, size_t size)
{
    return at >= 0 && (size_t)at + (kernel - 1) * dilation < size;
}

// Pixels from a place on, in its row, whose windows lie inside of the image; at most `most`.
static size_t inside_run(const struct mopt_window2d *w, const struct mopt_place *place, size_t most)
{
    if (!is_inside(place->y, w->kernel_h, w->dilation_h, w->in_h) ||
        !is_inside(place->x, w->kernel_w, w->dilation_w, w->in_w)) {
        return 0;
    }
    size_t left = w->in_w - (size_t)place->x - ((w->kernel_w - 1) * w->dilation_w + 1);
    size_t row = w->out_w - place->ox;
    most = most < row ? most : row;
    return left >= (most - 1) * w->stride_w ? most : left / w->stride_w + 1;
}

// A window that reaches over the border: every tap is looked at.
static void fill_border(const struct mopt_taps *taps, const struct mopt_place *place,
                        const float **a)
{
    const struct mopt_window2d *w = &taps->window;
    for (size_t i = 0; i < w->kernel_h; i++) {
        ptrdiff_t y = place->y + (ptrdiff_t)(i * w->dilation_h);
        bool row = y >= 0 && (size_t)y < w->in_h;
        size_t start = (place->image * w->in_h + (row ? (size_t)y : 0)) * w->in_w;
        for (size_t j = 0; j < w->kernel_w; j++, a += taps->height) {
            ptrdiff_t x = place->x + (ptrdiff_t)(j * w->dilation_w);
            bool inside = row && x >= 0 && (size_t)x < w->in_w;
            *a = inside ? taps->x + (start + (size_t)x) * taps->ldx : taps->zero;
        }
    }
}

struct mopt_place mopt__place_at(const struct mopt_window2d *window, size_t pixel)
{
    size_t row = pixel / window->out_w;
    struct mopt_place place = {
        .image = row / window->out_h,
        .oy = row % window->out_h,
        .ox = pixel % window->out_w,
    };
    place_window(window, &place);
    return place;
}

// `count` windows from a place on, which lie inside: each a stride behind the one before.
static void fill_inside(const struct mopt_taps *taps, const size_t *offsets,
                        const struct mopt_place *place, size_t count, const float **a)
{
    const struct mopt_window2d *w = &taps->window;
    size_t all = mopt__window_taps(w), step = w->stride_w * taps->ldx;
    size_t at = (place->image * w->in_h + (size_t)place->y) * w->in_w + (size_t)place->x;
    const float *first = taps->x + at * taps->ldx;
    for (size_t t = 0; t < all; t++, a += taps->height) {
        for (size_t i = 0; i < count; i++) {
            a[i] = first + offsets[t] + i * step;
        }
    }
}

void mopt__taps_fill(const struct mopt_taps *taps, const size_t *offsets, struct mopt_place *place,
                     size_t count, const float **a)
{
    const struct mopt_window2d *w = &taps->window;
    for (size_t i = 0; i < count;) {
        size_t run = inside_run(w, place, count - i);
        if (run == 0) {
            fill_border(taps, place, a + i);
            run = 1;
        } else {
            fill_inside(taps, offsets, place, run, a + i);
        }
        i += run;
        move_on(w, place, run);
    }
}
