// SPDX-License-Identifier: Apache-2.0
// Transposed float convolution with channels innermost. Prepared once per shape, run often.
#ifndef MOPT_KERNELS_CONV_TRANSPOSE_NHWC_H
#define MOPT_KERNELS_CONV_TRANSPOSE_NHWC_H

#include "kernels/conv_nhwc.h"

// Element i of the input adds weight t times itself to element i * stride + t * dilation - pad of
// the result, along each axis: out_h and out_w of the window are those of the result.
struct mopt_conv_transpose2d {
    struct mopt_window2d window;
    size_t groups, out_channels; // all groups together; both divide into the groups
};
// Patches of the result that do not overlap: packed in another way than other forms.
bool mopt__transposes_patches(const struct mopt_conv_transpose2d *conv);
// Bytes of packed weights; 0 when the size does not fit.
size_t mopt__conv_transpose_packed_bytes(const struct mopt_kernels *kernels,
                                         const struct mopt_conv_transpose2d *conv);
// w: [channels, out_channels/groups, kernel_h, kernel_w] (ONNX order), times factor[out_channels]
// unless that is NULL; out 64-byte aligned.
void mopt__conv_transpose_pack(const struct mopt_kernels *kernels,
                               const struct mopt_conv_transpose2d *conv, const float *w,
                               const float *factor, float *out);
// Bytes of scratch a run needs with `threads` threads (64-byte aligned block of the caller).
size_t mopt__conv_transpose_scratch(const struct mopt_kernels *kernels,
                                    const struct mopt_conv_transpose2d *conv, int threads);
struct mopt_conv_transpose2d_run {
    const struct mopt_conv_transpose2d *conv;
    const float *x; // [batch, in_h, in_w] pixels of channels, ldx elements from pixel to pixel
    size_t ldx;
    const float *w; // packed
    float *y;       // [batch, out_h, out_w] pixels of out_channels, ldy elements apart
    size_t ldy;
    struct mopt_finish epilogue; // without residual
    void *scratch;
};
// The bytes of the result do not depend on the number of threads. Does not allocate.
void mopt__conv_transpose_nhwc(const struct mopt_kernels *kernels,
                               const struct mopt_conv_transpose2d_run *run, struct mopt_pool *pool);

#endif
