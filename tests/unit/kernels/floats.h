// SPDX-License-Identifier: Apache-2.0
// What the tests of the float kernels share: tables of every level this machine has, sums in double
// with a bound for their error, and epilogues written out.
#ifndef TEST_KERNELS_FLOATS_H
#define TEST_KERNELS_FLOATS_H

#include <stdlib.h>

#include "support.h"

#include "kernels/gemm.h"

// Table number i, rising levels; false behind the last one.
static inline bool level_table(int i, struct mopt_kernels *table)
{
    if (i > (int)mopt__cpu_isa()) {
        return false;
    }
    mopt__kernels_select((enum mopt_isa)i, table);
    return true;
}

// A sum and the sum of the magnitudes that went into it.
struct exact {
    double sum, size;
    size_t terms;
};

static inline void exact_add(struct exact *e, double term)
{
    e->sum += term;
    e->size += fabs(term);
    e->terms++;
}

// A float sum of as many terms in any order, each product rounded or not.
static inline double exact_bound(const struct exact *e)
{
    return (double)(e->terms + 2) * 0x1p-24 * e->size + 1e-30;
}

// The same with a few numbers added behind the other terms, however large they are.
static inline double exact_bound_behind(const struct exact *terms, const struct exact *behind)
{
    return exact_bound(terms) +
           (double)(behind->terms + 1) * 0x1p-24 * (fabs(terms->sum) + behind->size);
}

static inline double clamp_double(double x, double low, double high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

// Kinds of epilogue that are tried: with and without bias and residual, every place of both.
static inline struct mopt_finish random_finish(struct mopt_rng *rng, const float *bias,
                                               const float *residual, size_t residual_ld)
{
    static const enum mopt_act kinds[] = {MOPT_ACT_NONE, MOPT_ACT_NONE, MOPT_ACT_RELU,
                                          MOPT_ACT_CLIP, MOPT_ACT_LEAKY_RELU};
    struct mopt_finish finish = {.residual_ld = residual_ld,
                                 .residual_first = mopt__rng_below(rng, 2) == 0};
    finish.act.kind = kinds[mopt__rng_below(rng, MOPT_COUNTOF(kinds))];
    finish.act.alpha = finish.act.kind == MOPT_ACT_CLIP ? -0.5F : 0.25F;
    finish.act.beta = 0.75F;
    finish.bias = mopt__rng_below(rng, 2) ? bias : NULL;
    finish.residual = mopt__rng_below(rng, 2) ? residual : NULL;
    return finish;
}

static inline double act_double(const struct mopt_function_f32 *act, double x)
{
    switch (act->kind) {
    case MOPT_ACT_RELU:
        return x < 0 ? 0 : x;
    case MOPT_ACT_CLIP:
        return clamp_double(x, (double)act->alpha, (double)act->beta);
    case MOPT_ACT_LEAKY_RELU:
        return x < 0 ? x * (double)act->alpha : x;
    default:
        return x;
    }
}

// Adds what comes after the products; column j, residual value r (0 without).
static inline double finish_double(const struct mopt_finish *finish, struct exact *e, size_t j,
                                   double r)
{
    if (finish->bias) {
        exact_add(e, (double)finish->bias[j]);
    }
    if (finish->residual_first || finish->act.kind == MOPT_ACT_NONE) {
        exact_add(e, r);
        return act_double(&finish->act, e->sum);
    }
    double x = act_double(&finish->act, e->sum);
    exact_add(e, r); // for the bound
    return x + r;
}

static inline void *aligned_block(size_t bytes)
{
    void *block = aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
    assert_non_null(block);
    memset(block, 0x55, (bytes + 63) / 64 * 64 + 64);
    return block;
}

#endif
