// SPDX-License-Identifier: Apache-2.0
// What the fusions into Conv and ConvTranspose share: the weight's layout and the replacement of
// weight and bias.
#ifndef MOPT_OPTIMIZE_CONV_H
#define MOPT_OPTIMIZE_CONV_H

#include "optimize/fold.h"

// A convolution with constant weight whose output channels can be rescaled.
struct mopt_conv {
    struct mopt_node *node;
    struct mopt_tensor *weight;
    struct mopt_tensor *bias; // NULL: none
    int rank;                 // of input and output
    int64_t channels;         // of the output
    int64_t group;
    bool transposed;
};

// Reads a Conv or ConvTranspose: constant float weight of rank >= 3, bias absent or constant
// [channels]. Refuses with a reason otherwise.
bool mopt__conv_read(struct mopt_match *match, struct mopt_node *node, struct mopt_conv *conv);
// A weight that others use too is not worth a second copy in the file, unless it is small.
bool mopt__conv_may_scale(struct mopt_match *match, const struct mopt_conv *conv);
// y = conv(x) * scale[c] + shift[c], folded into new weight and bias of the same node, whose result
// then stands for `result`: scale NULL = 1, shift NULL = 0. Only after everything else was checked.
// Changes nothing when a finite number would become infinite.
enum mopt_status mopt__conv_fold_affine(struct mopt_rewriter *rewriter,
                                        const struct mopt_conv *conv, const double *scale,
                                        const double *shift, struct mopt_value *result,
                                        struct mopt_error *err);

#endif
