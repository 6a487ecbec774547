// SPDX-License-Identifier: Apache-2.0
// Random windows over images with channels innermost, and the pixels under their taps.
#ifndef TEST_KERNELS_WINDOWS_H
#define TEST_KERNELS_WINDOWS_H

#include "support.h"

#include "kernels/conv_nhwc.h"

static inline size_t out_size(size_t in, size_t kernel, size_t stride, size_t dilation,
                              size_t *pad_end, size_t pad)
{
    size_t reach = (kernel - 1) * dilation + 1;
    while (in + pad + *pad_end < reach) {
        ++*pad_end;
    }
    return (in + pad + *pad_end - reach) / stride + 1;
}

static inline struct mopt_window2d random_window(struct mopt_rng *rng, size_t *pad_bottom,
                                                 size_t *pad_right)
{
    bool flat = mopt__rng_below(rng, 5) == 0;
    struct mopt_window2d w = {
        .batch = (size_t)between(rng, 1, 2),
        .in_h = flat ? 1 : (size_t)between(rng, 1, 11),
        .in_w = (size_t)between(rng, 1, 14),
        .kernel_h = flat ? 1 : (size_t)between(rng, 1, 4),
        .kernel_w = (size_t)between(rng, 1, 4),
        .stride_h = flat ? 1 : (size_t)between(rng, 1, 3),
        .stride_w = (size_t)between(rng, 1, 3),
        .dilation_h = flat ? 1 : (size_t)between(rng, 1, 2),
        .dilation_w = (size_t)between(rng, 1, 2),
        .pad_top = flat ? 0 : (size_t)between(rng, 0, 5),
        .pad_left = (size_t)between(rng, 0, 5),
    };
    *pad_bottom = flat ? 0 : (size_t)between(rng, 0, 5);
    *pad_right = (size_t)between(rng, 0, 5);
    w.out_h = out_size(w.in_h, w.kernel_h, w.stride_h, w.dilation_h, pad_bottom, w.pad_top);
    w.out_w = out_size(w.in_w, w.kernel_w, w.stride_w, w.dilation_w, pad_right, w.pad_left);
    return w;
}

// Pixel of the input under tap (i, j) of an output pixel; -1 in the padding.
static inline int64_t under(const struct mopt_window2d *w, size_t pixel, size_t i, size_t j)
{
    int64_t y = (int64_t)(pixel / w->out_w % w->out_h * w->stride_h + i * w->dilation_h) -
                (int64_t)w->pad_top;
    int64_t x =
        (int64_t)(pixel % w->out_w * w->stride_w + j * w->dilation_w) - (int64_t)w->pad_left;
    if (y < 0 || x < 0 || y >= (int64_t)w->in_h || x >= (int64_t)w->in_w) {
        return -1;
    }
    int64_t image = (int64_t)(pixel / w->out_w / w->out_h);
    return (image * (int64_t)w->in_h + y) * (int64_t)w->in_w + x;
}

#endif
