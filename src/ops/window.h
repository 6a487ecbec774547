// SPDX-License-Identifier: Apache-2.0
// Sliding windows: the geometry that convolutions and poolings share, for any number of spatial
// axes.
#ifndef MOPT_OPS_WINDOW_H
#define MOPT_OPS_WINDOW_H

#include "ops/nn_util.h"

enum { MOPT_WINDOW_AXES = MOPT_RANK_MAX - 2 };

enum mopt_auto_pad { MOPT_PAD_EXPLICIT, MOPT_PAD_SAME_UPPER, MOPT_PAD_SAME_LOWER, MOPT_PAD_VALID };

struct mopt_window {
    int rank; // spatial axes
    enum mopt_auto_pad mode;
    bool ceil;                                           // ceil_mode of poolings
    bool explicit_pads;                                  // the node has a pads attribute
    int64_t in[MOPT_WINDOW_AXES], out[MOPT_WINDOW_AXES]; // sizes; symbolic dims while inferring
    int64_t kernel[MOPT_WINDOW_AXES], stride[MOPT_WINDOW_AXES], dilation[MOPT_WINDOW_AXES];
    int64_t begin[MOPT_WINDOW_AXES], end[MOPT_WINDOW_AXES]; // padding in front and behind
};

// One element of the input under one element of the kernel; offsets within one channel.
struct mopt_tap {
    size_t kernel, input;
};

// Reads kernel_shape, strides, dilations, pads and auto_pad (all checked: lengths, ranges, legal
// auto_pad). kernel: sizes given by a weight tensor (then an attribute kernel_shape must agree),
// NULL = attribute required.
enum mopt_status mopt__window_read(const struct mopt_node *node, int rank, const int64_t *kernel,
                                   struct mopt_window *w, struct mopt_error *err);
// Sets out, and begin/end for auto_pad, from known sizes in. Formulas: ONNX operator texts of Conv
// and MaxPool. Error: MOPT_E_SHAPE when the kernel does not fit.
enum mopt_status mopt__window_resolve(struct mopt_window *w, struct mopt_error *err);
// As above with symbolic dims (out only).
enum mopt_status mopt__window_infer(struct mopt_window *w, struct mopt_dims *dims,
                                    struct mopt_error *err);
size_t mopt__window_count(const int64_t *sizes, int rank); // product
// One call of a kernel cannot be interrupted: windows of very many taps are left to the form that
// looks at the run's limits after every position. per_tap: operations of one tap of all outputs at
// one position (batch and channels). Sizes must be resolved.
bool mopt__window_is_endless(const struct mopt_window *w, double per_tap);
// Upper bound of taps per position; room that mopt__window_taps needs. False on overflow.
bool mopt__window_tap_limit(const struct mopt_window *w, size_t *count);
// Taps of the output position (row-major number) that lie inside the input, in row-major kernel
// order. dilation and kernel may be large: only elements inside are visited.
size_t mopt__window_taps(const struct mopt_window *w, size_t position, struct mopt_tap *taps);
// Heap room for the taps of one position.
enum mopt_status mopt__window_new_taps(const struct mopt_window *w, struct mopt_tap **taps,
                                       struct mopt_error *err);
// Elements of the window at a position that an average with padding counts: all up to the end of
// the padding, but not what a size that is rounded up adds behind it.
double mopt__window_padded_count(const struct mopt_window *w, size_t position);
// Elements of one channel (its first is element `first` of x) under the taps, as double.
void mopt__window_gather(const struct mopt_window *w, const struct mopt_tensor *x, size_t first,
                         const struct mopt_tap *taps, size_t count, double *values);

// ---- Maxima and their places (window_max.c) ------------------------------------------------------------------------
// Whether mopt__window_max knows the element type, and its places when they are asked for, and the
// windows are not endless.
bool mopt__window_max_fits(const struct mopt_window *w, enum mopt_dtype dtype, size_t planes,
                           bool places);
// Largest element of each window of x [planes, in...] into y [planes, out...]: the first of equals,
// NaN before all numbers; the lowest value of the type under a window over padding only. places
// (may be NULL): where in its plane each of them lies, -1 in padding only. budget may be NULL.
// Errors: MOPT_E_MEMORY, what the budget says, MOPT_E_UNSUPPORTED (not for this type).
enum mopt_status mopt__window_max(const struct mopt_window *w, enum mopt_dtype dtype, size_t planes,
                                  const void *x, void *y, int64_t *places,
                                  const struct mopt_budget *budget, struct mopt_error *err);

#endif
