// SPDX-License-Identifier: Apache-2.0
// Random data with guard bands for kernel tests.
#ifndef TEST_KERNELS_SUPPORT_H
#define TEST_KERNELS_SUPPORT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "kernels/kernels.h"

enum { GUARD = 16 };

// count floats between two guard bands; filled with normal numbers.
static inline float *guarded(struct mopt_rng *rng, size_t count)
{
    float *block = mopt__malloc((count + 2 * GUARD) * sizeof *block);
    assert_non_null(block);
    for (size_t i = 0; i < count + 2 * GUARD; i++) {
        bool inside = i >= GUARD && i < count + GUARD;
        block[i] = inside ? (float)mopt__rng_normal(rng) : 12345.0F;
    }
    return block + GUARD;
}

// Checks the guard bands and frees.
static inline void release(float *data, size_t count)
{
    for (size_t i = 0; i < GUARD; i++) {
        assert_true(data[-1 - (ptrdiff_t)i] == 12345.0F);
        assert_true(data[count + i] == 12345.0F);
    }
    mopt__free(data - GUARD);
}

static inline int64_t between(struct mopt_rng *rng, int64_t low, int64_t high)
{
    return low + (int64_t)mopt__rng_below(rng, (uint64_t)(high - low + 1));
}

static inline void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) {
        fail_msg("%.9g, expected %.9g", got, want);
    }
}

#endif
