// SPDX-License-Identifier: Apache-2.0
// Slices of tensors along one axis, and stacking slices back: what Loop, Scan and the sequence
// operators share.
#ifndef MOPT_OPS_STACK_H
#define MOPT_OPS_STACK_H

#include "ops/eval.h"

// Slices collected over the trips of a loop. All must have the type and shape of the first. A
// zeroed struct is empty.
struct mopt_stack {
    struct mopt_tensor **items; // owned references
    size_t count, capacity;
};
void mopt__stack_release(struct mopt_stack *stack);
// Takes a new reference. Errors: MOPT_E_TYPE (not a tensor, other type), MOPT_E_SHAPE,
// MOPT_E_MEMORY.
enum mopt_status mopt__stack_push(struct mopt_stack *stack, const struct mopt_datum *datum,
                                  struct mopt_error *err);
// Stacks along a new axis in [0, rank of a slice], in reverse order on request. The stack must not
// be empty.
enum mopt_status mopt__stack_join(const struct mopt_stack *stack, int axis, bool reverse,
                                  struct mopt_tensor **out, struct mopt_error *err);

// Part [begin, begin+length) of an axis as a new tensor; drop: without that axis (length must be
// 1).
enum mopt_status mopt__slice_axis(const struct mopt_tensor *from, int axis, int64_t begin,
                                  int64_t length, bool drop, struct mopt_tensor **out,
                                  struct mopt_error *err);
// Joins tensors of one type along an existing axis; count at least 1. Errors: MOPT_E_TYPE,
// MOPT_E_SHAPE.
enum mopt_status mopt__join_axis(struct mopt_tensor *const *items, size_t count, int axis,
                                 struct mopt_tensor **out, struct mopt_error *err);
// Releases `count` data and clears the slots.
void mopt__data_release(struct mopt_datum **data, size_t count);

#endif
