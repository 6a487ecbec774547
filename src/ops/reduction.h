// SPDX-License-Identifier: Apache-2.0
// How the elements of a reduction become its results, whatever the axes: the loops over them are
// reduce.c's, the only user. Floats accumulate in double, integers in 64 bits (wrapping).
#ifndef MOPT_OPS_REDUCTION_H
#define MOPT_OPS_REDUCTION_H

#include "kernels/table.h"
#include "ops/lanes.h"

enum mopt_reduction_kind {
    MOPT_REDUCE_SUM,
    MOPT_REDUCE_MEAN,
    MOPT_REDUCE_PROD,
    MOPT_REDUCE_MAX,
    MOPT_REDUCE_MIN,
    MOPT_REDUCE_L1,
    MOPT_REDUCE_L2,
    MOPT_REDUCE_LOG_SUM,
    MOPT_REDUCE_LOG_SUM_EXP,
    MOPT_REDUCE_SUM_SQUARE
};

struct mopt_reduction {
    enum mopt_reduction_kind kind;
    const struct mopt_tensor *in;       // of numbers or bool
    struct mopt_tensor *out;            // of the same type
    int64_t total;                      // elements that make one result
    bool integers, is_unsigned;         // what it computes in; set by mopt__reduction_open
    const struct mopt_kernels *kernels; // that join floats as `fold` says; NULL: there are none
    enum mopt_fold fold;
};

// Results on their way, up to MOPT_LANES: of floats or of integers.
struct mopt_partial {
    double f[MOPT_LANES], aux[MOPT_LANES];
    int64_t i[MOPT_LANES];
};

// Decides what a reduction of `kind` of the elements of `in` computes in; out and total are left to
// the caller.
struct mopt_reduction mopt__reduction_open(enum mopt_reduction_kind kind,
                                           const struct mopt_tensor *in);
// Kernels join the elements where they can do that; mopt__reduction_across, _rows and _along are
// not needed then.
void mopt__reduction_use(struct mopt_reduction *r, const struct mopt_kernels *kernels);
// What n results begin with, and have over an empty set once they are finished.
void mopt__reduction_start(const struct mopt_reduction *r, struct mopt_partial *acc, size_t n);
// Elements first..first+n of the input: one for each of n results.
void mopt__reduction_across(const struct mopt_reduction *r, struct mopt_partial *acc, int64_t first,
                            size_t n);
// Elements first..first+n, n <= MOPT_LANES, all of result `lane`.
void mopt__reduction_along(const struct mopt_reduction *r, struct mopt_partial *acc, size_t lane,
                           int64_t first, size_t n);
// Stores n results as elements first..first+n of the output.
void mopt__reduction_finish(const struct mopt_reduction *r, const struct mopt_partial *acc,
                            int64_t first, size_t n);

#endif
