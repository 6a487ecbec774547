// SPDX-License-Identifier: Apache-2.0
// Statistics of measured times, and intervals for proportions. Plain numbers in, plain numbers out.
#ifndef MOPT_MEASURE_SUMMARY_H
#define MOPT_MEASURE_SUMMARY_H

#include <stddef.h>

#include "mopt/status.h"

// Values in the unit of the samples; NaN where there are too few samples.
struct mopt_summary {
    size_t count;
    double min, max, mean, sd;      // sd: sample deviation (divisor count-1)
    double p50, p90, p99;           // quantiles, linear between order statistics
    double median_low, median_high; // 95 % interval of the median from order statistics (>= 6)
};
// Sorts a copy. count 0 gives NaN everywhere. Error: MOPT_E_MEMORY.
enum mopt_status mopt__summarize(const double *samples, size_t count, struct mopt_summary *out,
                                 struct mopt_error *err);
// Quantile q in [0,1] of sorted samples (count > 0): position q*(count-1), linear in between.
double mopt__quantile(const double *sorted, size_t count, double q);

struct mopt_interval {
    double low, high;
};
// Wilson score interval of a proportion hits/count at 95 % (E. B. Wilson 1927); NaN when count is
// 0.
struct mopt_interval mopt__wilson(size_t hits, size_t count);
// Standard error of a proportion, sqrt(p(1-p)/n); NaN when count is 0.
double mopt__proportion_error(size_t hits, size_t count);
// Standard error of the difference of two proportions measured on the same samples: only_a and
// only_b of count samples are hit by one of them alone. NaN when count is 0.
double mopt__paired_error(size_t only_a, size_t only_b, size_t count);

#endif
