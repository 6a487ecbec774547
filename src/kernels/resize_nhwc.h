// SPDX-License-Identifier: Apache-2.0
// Resampling of images with channels innermost, by tables of taps per axis.
#ifndef MOPT_KERNELS_RESIZE_NHWC_H
#define MOPT_KERNELS_RESIZE_NHWC_H

#include "base/threads.h"
#include "kernels/table.h"

enum { MOPT_RESIZE_TAPS = 64 }; // most taps of one output pixel

// One axis: output o is the sum over t of weights[o * taps + t] * input[index[o * taps + t]].
struct mopt_resize_taps {
    size_t in, out, taps;
    const int64_t *index; // [out * taps], inside the input
    const float *weights; // [out * taps]
};
struct mopt_resize2d {
    size_t batch, channels;
    struct mopt_resize_taps h, w;
};
// y [batch, h.out, w.out, channels] from x [batch, h.in, w.in, channels], pixels ldx and ldy
// elements apart; taps of both axes multiplied, at most MOPT_RESIZE_TAPS of them for a pixel.
void mopt__resize2d_f32(const struct mopt_kernels *kernels, const struct mopt_resize2d *resize,
                        const float *x, size_t ldx, float *y, size_t ldy, struct mopt_pool *pool);
// One tap each, weights are not read: channels of `element` bytes are copied.
void mopt__resize2d_nearest(const struct mopt_resize2d *resize, size_t element, const void *x,
                            size_t ldx, void *y, size_t ldy, struct mopt_pool *pool);

#endif
