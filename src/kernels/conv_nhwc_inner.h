// SPDX-License-Identifier: Apache-2.0
// What the forms of the float convolution share with each other. Used by conv_*.c only.
#ifndef MOPT_KERNELS_CONV_NHWC_INNER_H
#define MOPT_KERNELS_CONV_NHWC_INNER_H

#include "kernels/conv_nhwc.h"
#include "kernels/gemm_rounded.h"
#include "kernels/product.h"

// Pointers to the taps of output pixels.
struct mopt_taps {
    struct mopt_window2d window;
    const float *x;
    size_t ldx;
    const float *zero; // stands for pixels outside the image
    size_t height;     // pixels of one tile, the innermost axis of what is written
};
// An output pixel and the first tap of its window, which may lie outside of the image.
struct mopt_place {
    size_t image, oy, ox;
    ptrdiff_t y, x;
};
// The place of an output pixel, counted through the batch.
struct mopt_place mopt__place_at(const struct mopt_window2d *window, size_t pixel);
// Writes pointers of the taps of `count` output pixels from `place` on to a[taps][height]; moves
// place behind them. offsets: from mopt__taps_offsets.
void mopt__taps_fill(const struct mopt_taps *taps, const size_t *offsets, struct mopt_place *place,
                     size_t count, const float **a);
// offsets[taps]: elements from the first tap of a window to each.
void mopt__taps_offsets(const struct mopt_taps *taps, size_t *offsets);

static inline size_t mopt__window_taps(const struct mopt_window2d *window)
{
    return window->kernel_h * window->kernel_w;
}
static inline size_t mopt__window_pixels(const struct mopt_window2d *window)
{
    return window->batch * window->out_h * window->out_w;
}

// Parts of a block of scratch, each 64-byte aligned; sizes are added up with a check.
struct mopt_scratch {
    char *block; // NULL: only count
    size_t used; // SIZE_MAX: does not fit
};
void *mopt__scratch_take(struct mopt_scratch *scratch, size_t count, size_t size);
// One part of count * size bytes for each thread, apart from each other and from what lies around
// them (mopt__size_apart).
struct mopt_parts mopt__scratch_take_each(struct mopt_scratch *scratch, size_t threads,
                                          size_t count, size_t size);

// Each form: packed count of floats, or bytes (0: does not fit), packing, scratch, run.
size_t mopt__conv_direct_bytes(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv);
void mopt__conv_direct_pack(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                            const float *w, void *out);
size_t mopt__conv_direct_scratch(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                                 int threads);
// Pixels that become blocks: those that some window looks at.
size_t mopt__conv_direct_rounded(const struct mopt_window2d *window);
void mopt__conv_direct(const struct mopt_kernels *kernels, const struct mopt_conv2d_run *run,
                       struct mopt_pool *pool);

// The product a direct convolution is.
struct mopt_direct_shape {
    size_t taps, k, n;             // k: as stored
    size_t copy_h, copy_w;         // rows of the copy of an image, pixels of a row; 0: no copy
    size_t copied;                 // floats of a pixel of it
    struct mopt_rounding rounding; // with the table in any case, the rest of it for BLOCKS
};
// A direct convolution that is ready to run: its taps, and the product it is. Must not move.
struct mopt_direct {
    const struct mopt_conv2d_run *run;
    struct mopt_direct_shape shape;
    const struct mopt_kernels *kernels; // of the shape
    struct mopt_taps taps;
    float *copy;
    float *zero;
    size_t *offsets;
    struct mopt_parts tables;
    struct mopt_product product; // all rows: pixels of the result
    size_t depth;                // floats that a row brings into the cache
};
// The taps of a kernel row are one of the product.
bool mopt__direct_has_long_rows(const struct mopt_conv2d *conv);
void mopt__direct_open(const struct mopt_kernels *kernels, const struct mopt_conv2d_run *run,
                       struct mopt_pool *pool, struct mopt_direct *work);
// fill of the product; source: the struct mopt_direct.
void mopt__direct_fill(const void *source, size_t row, size_t rows, const float **a);

// Neighbouring pixels that are columns of one product; 1: none.
size_t mopt__conv_strip(const struct mopt_conv2d *conv);
size_t mopt__conv_strips_bytes(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv);
void mopt__conv_strips_pack(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                            const float *w, void *out);
size_t mopt__conv_strips_scratch(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                                 int threads);
void mopt__conv_strips(const struct mopt_kernels *kernels, const struct mopt_conv2d_run *run,
                       struct mopt_pool *pool);

size_t mopt__conv_depthwise_count(const struct mopt_conv2d *conv);
void mopt__conv_depthwise_pack(const struct mopt_conv2d *conv, const float *w, float *out);
size_t mopt__conv_depthwise_scratch(const struct mopt_conv2d *conv, int threads);
void mopt__conv_depthwise(const struct mopt_kernels *kernels, const struct mopt_conv2d_run *run,
                          struct mopt_pool *pool);

// t: 6 or 4, the width of an input tile.
size_t mopt__conv_winograd_count(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                                 size_t t);
void mopt__conv_winograd_pack(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                              size_t t, const float *w, float *out);
size_t mopt__conv_winograd_scratch(const struct mopt_kernels *kernels,
                                   const struct mopt_conv2d *conv, size_t t, int threads);
void mopt__conv_winograd(const struct mopt_kernels *kernels, const struct mopt_conv2d_run *run,
                         size_t t, struct mopt_pool *pool);

#endif
