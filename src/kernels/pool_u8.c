// SPDX-License-Identifier: Apache-2.0
// Maximum of bytes over windows with channels innermost, over the slot max_u8.
#include "kernels/int8.h"

#include <string.h>

enum { POOL_TAPS = 64 }; // of one call

struct pooling {
    const struct mopt_kernels *kernels;
    const struct mopt_window2d *window;
    const uint8_t *x;
    size_t ldx;
    uint8_t *y;
    size_t ldy;
};

// One output pixel. Windows longer than POOL_TAPS take the result so far as a tap.
static void pool_pixel(const struct pooling *p, const uint8_t *image, size_t top, size_t left,
                       uint8_t *y)
{
    const struct mopt_window2d *w = p->window;
    const uint8_t *taps[POOL_TAPS];
    size_t count = 0;
    memset(y, 0, w->channels);
    for (size_t ky = 0; ky < w->kernel_h; ky++) {
        size_t row = top + ky * w->dilation_h - w->pad_top;
        for (size_t kx = 0; row < w->in_h && kx < w->kernel_w; kx++) {
            size_t column = left + kx * w->dilation_w - w->pad_left;
            if (column < w->in_w) {
                taps[count++] = image + (row * w->in_w + column) * p->ldx;
            }
            if (count == POOL_TAPS) {
                p->kernels->max_u8(taps, count, w->channels, y);
                taps[0] = y;
                count = 1;
            }
        }
    }
    if (count > 0) {
        p->kernels->max_u8(taps, count, w->channels, y);
    }
}

static void pool_lines(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const struct pooling *p = context;
    const struct mopt_window2d *w = p->window;
    for (size_t line = (size_t)begin; line < (size_t)end; line++) {
        const uint8_t *image = p->x + line / w->out_h * w->in_h * w->in_w * p->ldx;
        for (size_t column = 0; column < w->out_w; column++) {
            pool_pixel(p, image, line % w->out_h * w->stride_h, column * w->stride_w,
                       p->y + (line * w->out_w + column) * p->ldy);
        }
    }
}

void mopt__pool2d_u8(const struct mopt_kernels *kernels, const struct mopt_window2d *window,
                     const uint8_t *x, size_t ldx, uint8_t *y, size_t ldy, struct mopt_pool *pool)
{
    struct pooling p = {kernels, window, x, ldx, y, ldy};
    size_t work = window->out_w * window->channels * window->kernel_h * window->kernel_w + 1;
    mopt__pool_for(pool, (int64_t)(window->batch * window->out_h), (int64_t)((1 << 18) / work) + 1,
                   pool_lines, &p);
}
