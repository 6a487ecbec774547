// SPDX-License-Identifier: Apache-2.0
// Resampling along one axis: which inputs with which weights make each output. It must not know
// tensors or nodes.
#ifndef MOPT_OPS_RESIZE_AXIS_H
#define MOPT_OPS_RESIZE_AXIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mopt/status.h"

enum mopt_resize_mode { MOPT_RESIZE_NEAREST, MOPT_RESIZE_LINEAR, MOPT_RESIZE_CUBIC };
enum mopt_resize_coordinates { // in the order of the attribute's legal values
    MOPT_RESIZE_HALF_PIXEL,
    MOPT_RESIZE_HALF_PIXEL_SYMMETRIC,
    MOPT_RESIZE_PYTORCH_HALF_PIXEL,
    MOPT_RESIZE_ALIGN_CORNERS,
    MOPT_RESIZE_ASYMMETRIC,
    MOPT_RESIZE_TF_HALF_PIXEL_FOR_NN,
    MOPT_RESIZE_TF_CROP,
};
enum mopt_resize_rounding {
    MOPT_RESIZE_ROUND_PREFER_FLOOR,
    MOPT_RESIZE_ROUND_PREFER_CEIL,
    MOPT_RESIZE_FLOOR,
    MOPT_RESIZE_CEIL,
    MOPT_RESIZE_SIMPLE, // of opset 10: up floor, down ceil
};

struct mopt_resize_rule {
    enum mopt_resize_mode mode;
    enum mopt_resize_coordinates coordinates;
    enum mopt_resize_rounding rounding;
    bool exclude_outside, antialias;
    double cubic_a;
};

// Table of one axis: output o is the sum over t of weights[o*taps+t] * input[index[o*taps+t]].
struct mopt_resize_axis {
    int64_t in, out;
    double scale, roi_begin, roi_end;
    int64_t taps;
    int64_t *index;  // [out*taps], inside the input
    double *weights; // [out*taps]
    bool *outside;   // [out] true: the extrapolation value
};

// Fills the table from in (> 0), out, scale (> 0, finite) and roi. Errors: MOPT_E_MEMORY,
// MOPT_E_LIMIT (kernel too wide).
enum mopt_status mopt__resize_axis_build(struct mopt_resize_axis *axis,
                                         const struct mopt_resize_rule *rule,
                                         struct mopt_error *err);
void mopt__resize_axis_release(struct mopt_resize_axis *axis);

#endif
