// SPDX-License-Identifier: Apache-2.0
// What all convolution operators share: reading a node's geometry, output shape, cost. It must not
// know how sums are computed or scaled.
#ifndef MOPT_OPS_CONV_COMMON_H
#define MOPT_OPS_CONV_COMMON_H

#include "kernels/kernels.h"
#include "ops/window.h"

// X [N, groups*in_channels, in...], W [groups*out_channels, in_channels, kernel...].
struct mopt_conv {
    struct mopt_window w;
    int64_t batch, groups, in_channels, out_channels; // channels per group
};

// Attributes that every convolution has.
#define MOPT_CONV_ATTRIBUTES                                                                      \
    MOPT_A_STRING("auto_pad", "NOTSET", NULL), MOPT_A_INTS("dilations"),                          \
        MOPT_A_RANGE("group", 1, 1, INT32_MAX), MOPT_A_INTS("kernel_shape"), MOPT_A_INTS("pads"), \
        MOPT_A_INTS("strides")

// Reads and checks the geometry for concrete dims of X and W (ranks 2 and more) and resolves the
// output sizes. Errors: MOPT_E_SHAPE, MOPT_E_VALUE, MOPT_E_FORMAT, MOPT_E_UNSUPPORTED.
enum mopt_status mopt__conv_open(const struct mopt_node *node, int x_rank, const int64_t *x,
                                 int w_rank, const int64_t *w, struct mopt_conv *conv,
                                 struct mopt_error *err);
// Dims of the output; returns the rank.
int mopt__conv_dims(const struct mopt_conv *conv, int64_t dims[MOPT_RANK_MAX]);
// Infers output 0 from inputs number x and w.
enum mopt_status mopt__conv_infer(struct mopt_infer *infer, uint32_t x, uint32_t w,
                                  enum mopt_dtype dtype, struct mopt_error *err);
// Shape for the kernels; false when there are more than three spatial axes.
bool mopt__conv_shape(const struct mopt_conv *conv, struct mopt_conv_shape *shape);
// Opens the geometry of a bind query whose X and W have static types; false when not static or not
// legal (then eval reports the error).
bool mopt__conv_bind(const struct mopt_bind *bind, uint32_t x, uint32_t w, struct mopt_conv *conv);
// Geometry of a ConvTranspose for concrete dims of X and W: that of the convolution whose gradient
// it is. in of its window: the result; out: X; channels likewise. Errors as above.
enum mopt_status mopt__conv_transpose_open(const struct mopt_node *node, int x_rank,
                                           const int64_t *x, int w_rank, const int64_t *w,
                                           struct mopt_conv *conv, struct mopt_error *err);
// As mopt__window_is_endless, of all channels and images.
bool mopt__conv_is_endless(const struct mopt_conv *conv);
// Multiply-adds: output elements times W elements per output channel. w: number of the weight
// input.
void mopt__conv_cost(struct mopt_cost *cost, uint32_t w);

#endif
