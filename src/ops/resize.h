// SPDX-License-Identifier: Apache-2.0
// What a Resize or Upsample node asks for, of any version: sizes and weights per axis. It must not
// know how values are computed.
#ifndef MOPT_OPS_RESIZE_H
#define MOPT_OPS_RESIZE_H

#include "ops/operands.h"
#include "ops/resize_axis.h"

enum mopt_resize_policy {
    MOPT_RESIZE_STRETCH,
    MOPT_RESIZE_NOT_LARGER,
    MOPT_RESIZE_NOT_SMALLER,
};

struct mopt_resize {
    struct mopt_resize_rule rule;
    enum mopt_resize_policy policy;
    double extrapolation; // value outside the image, with tf_crop_and_resize
    int rank;
    int64_t dims[MOPT_RANK_MAX]; // of the output
    struct mopt_resize_axis axes[MOPT_RANK_MAX];
};

// Reads the node for an input of these dims: attributes, and the tensors roi, scales and sizes in
// in[1..3] (scales in in[1] before opset 11; NULL: absent). Errors: MOPT_E_FORMAT, MOPT_E_SHAPE,
// MOPT_E_VALUE, MOPT_E_MEMORY. Release in any case.
enum mopt_status mopt__resize_open(const struct mopt_node *node, int64_t version, int rank,
                                   const int64_t *x, const struct mopt_tensor *const in[4],
                                   struct mopt_resize *r, struct mopt_error *err);
// Fills the tables of the axes that change; others keep index NULL. All sizes must be > 0.
enum mopt_status mopt__resize_build(struct mopt_resize *r, struct mopt_error *err);
void mopt__resize_release(struct mopt_resize *r);

// The axis stays as it is.
bool mopt__resize_is_identity(const struct mopt_resize_axis *axis);

// ---- resample.c: after mopt__resize_build; y is not empty -----------------------------------------
enum mopt_status mopt__resample_nearest(const struct mopt_resize *r, const struct mopt_tensor *x,
                                        struct mopt_tensor *y, struct mopt_pool *pool,
                                        struct mopt_error *err);
// Numbers and bool.
enum mopt_status mopt__resample(const struct mopt_resize *r, const struct mopt_tensor *x,
                                struct mopt_tensor *y, struct mopt_pool *pool,
                                struct mopt_error *err);

#endif
