// SPDX-License-Identifier: Apache-2.0
// The fold slots in plain C: they say what the sums mean, in the order of the elements.
#include <math.h>

#include "kernels/slots.h"

static double joined(enum mopt_fold fold, double acc, double x)
{
    switch (fold) {
    case MOPT_FOLD_SUM:
        return acc + x;
    case MOPT_FOLD_SIZES:
        return acc + fabs(x);
    case MOPT_FOLD_SQUARES:
        return acc + x * x;
    case MOPT_FOLD_MAX:
        return x > acc || x != x ? x : acc;
    case MOPT_FOLD_MIN:
        return x < acc || x != x ? x : acc;
    }
    return acc;
}

void mopt__fold_f32_ref(enum mopt_fold fold, const float *x, size_t n, size_t rows, double *acc)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < n; i++) {
            acc[r] = joined(fold, acc[r], (double)x[r * n + i]);
        }
    }
}

void mopt__fold_columns_f32_ref(enum mopt_fold fold, const float *x, size_t step, size_t rows,
                                double *acc, size_t n)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < n; i++) {
            acc[i] = joined(fold, acc[i], (double)x[r * step + i]);
        }
    }
}
