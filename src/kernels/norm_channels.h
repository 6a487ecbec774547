// SPDX-License-Identifier: Apache-2.0
// Normalization of the channels of images, one by one or in groups (InstanceNormalization and
// GroupNormalization), row-major or with channels innermost.
#ifndef MOPT_KERNELS_NORM_CHANNELS_H
#define MOPT_KERNELS_NORM_CHANNELS_H

#include <stdbool.h>

#include "base/threads.h"
#include "kernels/table.h"

struct mopt_norm_channels {
    size_t batch, channels, pixels; // each >= 1
    size_t groups;                  // divides channels
    bool innermost;                 // channels: pixels ldx and ldy elements apart
    const float *x;                 // [batch][channels][pixels] or [batch * pixels][ldx]
    size_t ldx;
    float *y; // as x; may be x itself
    size_t ldy;
    const float *scale, *shift; // [channels], or [groups] when per_group
    bool per_group;
    float epsilon;
    struct mopt_function_f32 act; // of the result
    void *scratch;                // of mopt__norm_channels_scratch bytes, aligned to 8
};
// Bytes of scratch, whatever the number of threads.
size_t mopt__norm_channels_scratch(const struct mopt_norm_channels *norm);
// y = act((x - mean) / sqrt(variance + epsilon) * scale + shift), mean and variance of each group
// of channels of each image. A first pass finds the mean to the precision of a float; a second one
// sums the differences to it and their squares, from which come the rest of the mean and the
// variance. Sums of few floats are added up in double, in an order that depends on the shape alone.
// Does not allocate.
void mopt__norm_channels(const struct mopt_kernels *kernels, const struct mopt_norm_channels *norm,
                         struct mopt_pool *pool);

#endif
