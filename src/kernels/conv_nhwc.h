// SPDX-License-Identifier: Apache-2.0
// Float convolution and pooling with channels innermost (NHWC): one layout for direct, pointwise,
// grouped, depthwise and Winograd forms, and the one the byte kernels use too. A convolution is
// prepared once per shape (choice of the form, packed weights) and run often.
#ifndef MOPT_KERNELS_CONV_NHWC_H
#define MOPT_KERNELS_CONV_NHWC_H

#include "kernels/gemm.h"
#include "kernels/kernels.h"

// Geometry. One-dimensional windows have h = 1. Padding at the end follows from out.
struct mopt_window2d {
    size_t batch, channels; // channels of the input, all groups together
    size_t in_h, in_w, out_h, out_w;
    size_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
    size_t pad_top, pad_left;
};
// A third axis in front of the two of a window: planes of images. kernel 0: there is none.
struct mopt_planes {
    size_t in, out, kernel, stride, dilation, pad;
};
struct mopt_conv2d {
    struct mopt_window2d window;
    struct mopt_planes planes;   // of bytes only; taps of the kernel's planes one behind the other
    size_t groups, out_channels; // all groups together
    bool strict;         // no Winograd, no strips: no pixel outside of a window reaches its sum
    bool apart;          // pixels of the result have room between them (ldy > out_channels) ...
    bool residual_apart; // or those of the residual; matters to strips only
    // Of bytes, with groups: taps (rising) that are there more than once, behind the others,
    // because their weights need more than a signed byte (mopt__conv2d_u8_subtract); NULL: none.
    const uint32_t *again;
    size_t again_count;
    // Of floats: no weight is infinite or NaN, so padding adds nothing, and the direct form may
    // leave out what parts of an image read of it.
    bool finite;
    // How the pointwise and the direct form store their weights, rounded to nearest even; the
    // others always as floats, and the direct form never as PAIRS.
    enum mopt_weights weights;
};

enum mopt_conv_form {
    MOPT_CONV_POINTWISE, // 1x1, stride 1, no padding: a product
    MOPT_CONV_DIRECT,    // rows of pointers into the input, any window, stride, dilation, groups
    MOPT_CONV_DEPTHWISE, // one channel per group (channel multiplier 1)
    MOPT_CONV_WINOGRAD4, // F(4x4,3x3)
    MOPT_CONV_WINOGRAD2, // F(2x2,3x3)
    // Few output channels: neighbouring pixels of a row are columns of one product. Where a window
    // of one does not reach, its weights are 0: finite numbers add nothing there, so the result is
    // that of the direct form; but an infinity or NaN reaches the pixels beside its own.
    MOPT_CONV_STRIPS,
};
// The form that is fastest for this geometry by a measured rule (written down in conv_nhwc.c); it
// does not depend on the machine. Error of the Winograd forms against the exact sum, in units of
// 2^-24 times the largest |x| times the sum of the |w| of the output channel: at most 100 for
// F(4x4,3x3), 10 for F(2x2,3x3) (measured on random data, with a margin; not proved). A plain sum
// has at most the number of its terms, and about 1 on random data.
enum mopt_conv_form mopt__conv2d_form(const struct mopt_kernels *kernels,
                                      const struct mopt_conv2d *conv);
// The form that is fastest when operands may be rounded to 16 bits, no less exactly than weights to
// bfloat16; sets the weights of conv: floats where 16 bits would not be faster. This depends on the
// machine's level.
enum mopt_conv_form mopt__conv2d_rounded(const struct mopt_kernels *kernels,
                                         struct mopt_conv2d *conv);
// Bytes of packed weights for a form; 0 when the size does not fit.
size_t mopt__conv2d_packed_bytes(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                                 enum mopt_conv_form form);
// w: [out_channels, channels/groups, kernel_h, kernel_w] (ONNX order); out 64-byte aligned.
void mopt__conv2d_pack(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                       enum mopt_conv_form form, const float *w, void *out);
// Bytes of scratch a run needs with `threads` threads (64-byte aligned block of the caller).
size_t mopt__conv2d_scratch(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                            enum mopt_conv_form form, int threads);
struct mopt_conv2d_run {
    const struct mopt_conv2d *conv;
    enum mopt_conv_form form;
    const float *x; // [batch, in_h, in_w] pixels of channels, ldx elements from pixel to pixel
    size_t ldx;
    const void *w; // packed
    float *y;      // [batch, out_h, out_w] pixels of out_channels, ldy elements from pixel to pixel
    size_t ldy;
    struct mopt_finish epilogue; // residual: pixels of residual_ld elements
    void *scratch;
};
void mopt__conv2d_f32(const struct mopt_kernels *kernels, const struct mopt_conv2d_run *run,
                      struct mopt_pool *pool);

// A convolution of plain images (struct mopt_conv_shape, kernels.h) whose weights are known only
// now: they are packed for this run, and images are turned. True when that is worth it.
bool mopt__conv_plain_takes(const struct mopt_conv_shape *shape);
// As mopt__conv_f32. Errors: MOPT_E_MEMORY.
enum mopt_status mopt__conv_plain(const struct mopt_kernels *kernels,
                                  const struct mopt_conv_shape *shape, const float *x,
                                  const float *w, const float *bias, float *y,
                                  struct mopt_pool *pool, struct mopt_error *err);

enum mopt_pooling { MOPT_POOLING_MAX, MOPT_POOLING_AVERAGE };
// count_pad: the divisor of AVERAGE counts padded positions within the padded input, whose size is
// in + pad_top + pad_bottom (pad_right likewise). y and x as above. An empty window gives -infinity
// or 0.
struct mopt_pool2d {
    struct mopt_window2d window;
    enum mopt_pooling kind;
    bool count_pad;
    size_t pad_bottom, pad_right;
};
void mopt__pool2d_f32(const struct mopt_kernels *kernels, const struct mopt_pool2d *pool2d,
                      const float *x, size_t ldx, float *y, size_t ldy, struct mopt_pool *pool);

// x [batch, channels, pixels] to y [batch, pixels, ldy] and back; elements of 1, 2, 4 or 8 bytes.
struct mopt_images {
    size_t element, batch, channels, pixels;
};
void mopt__to_nhwc(const struct mopt_kernels *kernels, const struct mopt_images *images,
                   const void *x, void *y, size_t ldy, struct mopt_pool *pool);
void mopt__to_nchw(const struct mopt_kernels *kernels, const struct mopt_images *images,
                   const void *x, size_t ldx, void *y, struct mopt_pool *pool);

#endif
