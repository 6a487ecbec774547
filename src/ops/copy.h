// SPDX-License-Identifier: Apache-2.0
// Moving elements between tensors without looking at them: one strided copy for every element type,
// by element size, bit-packed types and strings included. Offsets and strides are in elements; the
// caller has checked that every index lies inside its tensor. Knows nothing of nodes.
#ifndef MOPT_OPS_COPY_H
#define MOPT_OPS_COPY_H

#include "base/threads.h"
#include "ir/tensor.h"

enum { MOPT_COPY_RANK = 2 * MOPT_RANK_MAX };

// A box of elements: rank loops of dims[] trips. Strides may be 0 or negative on the source side.
struct mopt_copy {
    struct mopt_tensor *to;
    const struct mopt_tensor *from; // same dtype as to
    int rank;
    int64_t dims[MOPT_COPY_RANK];
    int64_t to_first, from_first;
    int64_t to_strides[MOPT_COPY_RANK], from_strides[MOPT_COPY_RANK];
};

// Copies the box. Loops may run in any order, so no two trips may write the same element. pool may
// be NULL. Errors: MOPT_E_MEMORY (strings only).
enum mopt_status mopt__copy_box(const struct mopt_copy *copy, struct mopt_pool *pool,
                                struct mopt_error *err);
// Copies count consecutive elements.
enum mopt_status mopt__copy_run(struct mopt_tensor *to, int64_t to_first,
                                const struct mopt_tensor *from, int64_t from_first, int64_t count,
                                struct mopt_error *err);
// Writes element from_first of `from` to count consecutive elements.
enum mopt_status mopt__copy_fill(struct mopt_tensor *to, int64_t to_first,
                                 const struct mopt_tensor *from, int64_t from_first, int64_t count,
                                 struct mopt_error *err);
// Elements from `first` on of a box of these dims that lie in one row, up to MOPT_LANES of them and
// not beyond `end`; and their places in a tensor with these strides, where indices (of these
// elements, checked) stand for the coordinate of `axis`.
int64_t mopt__element_row(int rank, const int64_t *dims, int64_t first, int64_t end);
void mopt__element_places(int rank, const int64_t *dims, const int64_t *strides, int axis,
                          int64_t first, int64_t n, const int64_t *indices, int64_t *places);
// Run i of `run` elements, one behind the other in `to` from to_first on, comes from places[i].
enum mopt_status mopt__copy_picked(struct mopt_tensor *to, int64_t to_first,
                                   const struct mopt_tensor *from, const int64_t *places,
                                   size_t count, int64_t run, struct mopt_error *err);
// The other way: run i goes to places[i], in order.
enum mopt_status mopt__copy_spread(struct mopt_tensor *to, const int64_t *places,
                                   const struct mopt_tensor *from, int64_t from_first, size_t count,
                                   int64_t run, struct mopt_error *err);
// Two elements have the same bits (strings: the same text).
bool mopt__copy_same(const struct mopt_tensor *a, int64_t i, const struct mopt_tensor *b,
                     int64_t k);

#endif
