// SPDX-License-Identifier: Apache-2.0
// The mixed-radix transform behind fft.c. Included by it and its passes only.
#ifndef MOPT_OPS_FFT_PLAN_H
#define MOPT_OPS_FFT_PLAN_H

#include <stddef.h>

enum { MOPT_FFT_RADIX_MAX = 31, MOPT_FFT_FACTORS_MAX = 64 };

struct mopt_complex {
    double re, im;
};

struct mopt_fft_plan { // transform of n points, n of small factors
    size_t n;
    size_t factors[MOPT_FFT_FACTORS_MAX], count;
    struct mopt_complex *roots; // [n] exp(-2 pi i k / n)
};
// Transforms data [n][re, im][lanes] in place; spare is of the same size. lanes: 1 or
// MOPT_FFT_LANES. Every step is rounded to the type.
void mopt__fft_double(const struct mopt_fft_plan *plan, size_t lanes, double *data, double *spare);
void mopt__fft_float(const struct mopt_fft_plan *plan, size_t lanes, float *data, float *spare);

#endif
