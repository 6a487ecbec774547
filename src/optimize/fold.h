// SPDX-License-Identifier: Apache-2.0
// Small helpers of the fusions that compute new weights: constants as doubles per channel, and
// back.
#ifndef MOPT_OPTIMIZE_FOLD_H
#define MOPT_OPTIMIZE_FOLD_H

#include "optimize/optimize.h"

// True for float types whose weights fusions may recompute (float, double, float16, bfloat16).
bool mopt__fold_dtype(enum mopt_dtype dtype);
// Values of a constant that is one number per channel along axis `axis` of a tensor of rank `rank`:
// shape [C] for axis last, or
// [.., C, 1, ..] broadcastable with size 1 everywhere else (a scalar counts when scalar_ok; then
// every channel gets it). *out is heap [channels] (mopt__free). False when the shape is another
// one.
bool mopt__fold_per_channel(const struct mopt_tensor *tensor, int rank, int axis, int64_t channels,
                            bool scalar_ok, double **out);
// out = in scaled along axis: in[..c..] * factor[c]; computed in double, rounded once.
enum mopt_status mopt__fold_scale_axis(const struct mopt_tensor *in, int axis, const double *factor,
                                       size_t count, struct mopt_tensor **out,
                                       struct mopt_error *err);
// 1-D tensor of a float type from doubles.
enum mopt_status mopt__fold_vector(enum mopt_dtype dtype, const double *values, int64_t count,
                                   struct mopt_tensor **out, struct mopt_error *err);

#endif
