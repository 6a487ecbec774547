// SPDX-License-Identifier: Apache-2.0
// Rounding to narrow floats between the steps of an operator whose meaning is a function body: each
// step of the body stores its result in the element type. Knows nothing of nodes.
#ifndef MOPT_OPS_NARROW_H
#define MOPT_OPS_NARROW_H

#include "ir/dtype.h"
#include "ir/tensor.h"

// x rounded to nearest even of a float element type; other types leave it as it is.
static inline double mopt__round_to(enum mopt_dtype dtype, double x)
{
    switch (dtype) {
    case MOPT_FLOAT16:
        return (double)mopt__half_to_float(mopt__double_to_half(x));
    case MOPT_BFLOAT16:
        return (double)mopt__bfloat_to_float(mopt__float_to_bfloat((float)x));
    case MOPT_FLOAT32:
        return (double)(float)x;
    default:
        return x;
    }
}

// A sum of elements of a float type. bfloat16 has no wider accumulator in the suite's reference:
// its additions round one by one. Rounding runs are cut after MOPT_NARROW_RUN elements, because a
// long sum in 8 bits stops growing (256 + 1 = 256); the runs are added exactly.
enum { MOPT_NARROW_RUN = 8 };
struct mopt_narrow_sum {
    enum mopt_dtype dtype;
    int count;         // elements in run
    double total, run; // finished runs, the current one
};

static inline void mopt__narrow_add(struct mopt_narrow_sum *sum, double x)
{
    sum->run += x;
    if (sum->dtype != MOPT_BFLOAT16) {
        return;
    }
    sum->run = mopt__round_to(MOPT_BFLOAT16, sum->run);
    if (++sum->count == MOPT_NARROW_RUN) {
        sum->total += sum->run;
        sum->run = 0;
        sum->count = 0;
    }
}

// The sum in the element type.
static inline double mopt__narrow_result(const struct mopt_narrow_sum *sum)
{
    return mopt__round_to(sum->dtype, sum->total + sum->run);
}

#endif
