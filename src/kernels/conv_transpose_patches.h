// SPDX-License-Identifier: Apache-2.0
// The form of a transposed convolution whose patches do not overlap: kernels as large as the
// strides, no padding, no groups. Shapes and units as in conv_transpose_nhwc.h, whose functions
// call these when the form fits.
#ifndef MOPT_KERNELS_CONV_TRANSPOSE_PATCHES_H
#define MOPT_KERNELS_CONV_TRANSPOSE_PATCHES_H

#include "kernels/conv_transpose_nhwc.h"

size_t mopt__patches_packed_bytes(const struct mopt_kernels *kernels,
                                  const struct mopt_conv_transpose2d *conv);
void mopt__patches_pack(const struct mopt_kernels *kernels,
                        const struct mopt_conv_transpose2d *conv, const float *w,
                        const float *factor, float *out);
size_t mopt__patches_scratch(const struct mopt_kernels *kernels,
                             const struct mopt_conv_transpose2d *conv, int threads);
void mopt__patches_run(const struct mopt_kernels *kernels,
                       const struct mopt_conv_transpose2d_run *run, struct mopt_pool *pool);

#endif
