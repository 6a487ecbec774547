// SPDX-License-Identifier: Apache-2.0
// How far two tensors are apart, accumulated over any number of pairs.
#ifndef MOPT_MEASURE_DIFFERENCE_H
#define MOPT_MEASURE_DIFFERENCE_H

#include <stdbool.h>
#include <stddef.h>

#include "ir/ir.h"

struct mopt_tolerance {
    double rtol, atol; // element fits when |a-b| <= atol + rtol*|a|; equal infinities and NaN fit
};

// A zeroed struct is an empty accumulator.
struct mopt_difference {
    size_t pairs;      // tensors compared
    size_t elements;   // compared
    size_t beyond;     // elements that do not fit
    size_t not_finite; // elements where exactly one side is NaN or infinite, or infinities differ
    size_t shapes;     // pairs whose kinds, ranks or dims differ (their elements are not compared)
    double max_abs, max_rel; // of finite elements; rel: |a-b| / |a| where a is not 0
    double dot, aa, bb;      // sums of a*b, a*a, b*b of finite elements
    double noise, absolute;  // sums of (a-b)^2 and |a-b|
};

// a is the reference. Tensors of strings are compared for equality of elements; sequences and
// optionals element by element.
void mopt__difference_tensor(struct mopt_difference *difference, const struct mopt_tensor *a,
                             const struct mopt_tensor *b, const struct mopt_tolerance *tolerance);
void mopt__difference_datum(struct mopt_difference *difference, const struct mopt_datum *a,
                            const struct mopt_datum *b, const struct mopt_tolerance *tolerance);
void mopt__difference_merge(struct mopt_difference *into, const struct mopt_difference *from);

bool mopt__difference_fits(const struct mopt_difference *difference);
// dot / sqrt(aa*bb); 1 when both are all zero, 0 when one is; NaN when nothing was compared.
double mopt__difference_cosine(const struct mopt_difference *difference);
// Signal to quantization noise, 10*log10(aa/noise) in dB; INFINITY when equal, NaN when empty.
double mopt__difference_sqnr(const struct mopt_difference *difference);
double mopt__difference_mse(const struct mopt_difference *difference); // NaN when empty
double mopt__difference_mae(const struct mopt_difference *difference);

#endif
