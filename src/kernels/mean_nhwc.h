// SPDX-License-Identifier: Apache-2.0
// Mean over all pixels of an image with channels innermost, floats or codes.
#ifndef MOPT_KERNELS_MEAN_NHWC_H
#define MOPT_KERNELS_MEAN_NHWC_H

#include "base/threads.h"
#include "kernels/table.h"

struct mopt_mean_nhwc {
    size_t batch, rows, columns, channels; // rows and columns of an image, >= 1
    const float *x;                        // [batch * rows * columns][ldx], or NULL and codes
    size_t ldx;
    const uint8_t *codes; // [batch * rows * columns][channels]: (code - zero_point) * scale
    float scale;
    int32_t zero_point;
    float *y; // [batch][ldy]
    size_t ldy;
};
// y = sum / (rows * columns). An image is cut into bands of rows that depend on its shape alone;
// the sum of a band and then the sum of the bands are taken in order, so that the bytes depend
// neither on the number of threads nor on the form of the operand. Does not allocate.
void mopt__mean_nhwc(const struct mopt_kernels *kernels, const struct mopt_mean_nhwc *mean,
                     struct mopt_pool *pool);

#endif
