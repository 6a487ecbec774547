// SPDX-License-Identifier: Apache-2.0
// Resampling with channels innermost: each output pixel is a weighted sum of input pixels.
#include "kernels/resize_nhwc.h"

#include <string.h>

enum { PIECE = 16384 }; // bytes or multiply-adds that are worth another thread

// ---- Weighted sums ----
struct blending {
    const struct mopt_kernels *kernels;
    const struct mopt_resize2d *resize;
    const float *x;
    size_t ldx;
    float *y;
    size_t ldy;
};

static void blend_pixel(const struct blending *b, size_t row, size_t column)
{
    const struct mopt_resize2d *r = b->resize;
    const struct mopt_resize_taps *h = &r->h, *w = &r->w;
    const float *x[MOPT_RESIZE_TAPS];
    float weights[MOPT_RESIZE_TAPS];
    size_t image = row / h->out, at = row % h->out;
    struct mopt_window_f32 call = {.x = x,
                                   .y = b->y + (row * w->out + column) * b->ldy,
                                   .channels = r->channels,
                                   .factor = 1,
                                   .weights = weights};
    for (size_t i = 0; i < h->taps; i++) {
        size_t line = image * h->in + (size_t)h->index[at * h->taps + i];
        for (size_t j = 0; j < w->taps; j++) {
            size_t pixel = line * w->in + (size_t)w->index[column * w->taps + j];
            weights[call.taps] = h->weights[at * h->taps + i] * w->weights[column * w->taps + j];
            x[call.taps++] = b->x + pixel * b->ldx;
        }
    }
    b->kernels->average_f32(&call);
}

static void blend_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct blending *b = context;
    (void)thread;
    for (size_t row = (size_t)begin; row < (size_t)end; row++) {
        for (size_t column = 0; column < b->resize->w.out; column++) {
            blend_pixel(b, row, column);
        }
    }
}

static int64_t grain(const struct mopt_resize2d *resize, size_t each)
{
    size_t row = resize->w.out * each;
    return (int64_t)(PIECE / (row + 1) + 1);
}

void mopt__resize2d_f32(const struct mopt_kernels *kernels, const struct mopt_resize2d *resize,
                        const float *x, size_t ldx, float *y, size_t ldy, struct mopt_pool *pool)
{
    struct blending b = {kernels, resize, x, ldx, y, ldy};
    size_t each = resize->channels * resize->h.taps * resize->w.taps;
    mopt__pool_for(pool, (int64_t)(resize->batch * resize->h.out), grain(resize, each), blend_rows,
                   &b);
}

// ---- Copies ----
struct copying {
    const struct mopt_resize2d *resize;
    const uint8_t *x;
    uint8_t *y;
    size_t bytes, x_step, y_step; // of a pixel; from pixel to pixel
};

static void copy_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct copying *c = context;
    const struct mopt_resize_taps *h = &c->resize->h, *w = &c->resize->w;
    (void)thread;
    for (size_t row = (size_t)begin; row < (size_t)end; row++) {
        size_t line = row / h->out * h->in + (size_t)h->index[row % h->out];
        const uint8_t *from = c->x + line * w->in * c->x_step;
        uint8_t *to = c->y + row * w->out * c->y_step;
        for (size_t column = 0; column < w->out; column++, to += c->y_step) {
            memcpy(to, from + (size_t)w->index[column] * c->x_step, c->bytes);
        }
    }
}

void mopt__resize2d_nearest(const struct mopt_resize2d *resize, size_t element, const void *x,
                            size_t ldx, void *y, size_t ldy, struct mopt_pool *pool)
{
    struct copying c = {resize, x, y, resize->channels * element, ldx * element, ldy * element};
    mopt__pool_for(pool, (int64_t)(resize->batch * resize->h.out), grain(resize, c.bytes),
                   copy_rows, &c);
}
