// SPDX-License-Identifier: Apache-2.0
// What Pad says about places, for its reference and for who makes it faster.
#ifndef MOPT_OPS_PAD_H
#define MOPT_OPS_PAD_H

#include "ops/op.h"

enum mopt_padding {
    MOPT_PADDING_CONSTANT,
    MOPT_PADDING_REFLECT,
    MOPT_PADDING_EDGE,
    MOPT_PADDING_WRAP
};
enum { MOPT_PAD_OUTSIDE = -1 }; // the constant is there

// Attribute mode. Errors: MOPT_E_VALUE (not known).
enum mopt_status mopt__pad_mode(const struct mopt_node *node, enum mopt_padding *mode,
                                struct mopt_error *err);
// Amounts before and after each axis. pads are [begin of each axis..., end of each axis...]; axes
// NULL: all of them in order. Errors: MOPT_E_VALUE.
enum mopt_status mopt__pad_spread(const int64_t *pads, size_t pad_count, const int64_t *axes,
                                  size_t axis_count, int rank, int64_t *before, int64_t *after,
                                  struct mopt_error *err);
// Elements that a negative amount cuts off; never less than none, whatever the amount.
static inline int64_t mopt__pad_crop(int64_t amount)
{
    return amount >= 0 ? 0 : amount == INT64_MIN ? INT64_MAX : -amount;
}
// Place in [0, n) that place x of the endless pattern shows, or MOPT_PAD_OUTSIDE.
int64_t mopt__pad_source(enum mopt_padding mode, int64_t x, int64_t n);

#endif
