// SPDX-License-Identifier: Apache-2.0
// Order statistics, deviations and intervals.
#include "measure/summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static const double z95 = 1.959963984540054; // two-sided 95 % of the normal distribution

static int ascending(const void *a, const void *b)
{
    double x;
    double y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

double mopt__quantile(const double *sorted, size_t count, double q)
{
    double position = q * (double)(count - 1);
    size_t below = (size_t)position;
    if (below + 1 >= count) {
        return sorted[count - 1];
    }
    double part = position - (double)below;
    return sorted[below] + part * (sorted[below + 1] - sorted[below]);
}

// Ranks around n/2 at a distance of z*sqrt(n)/2 (normal form of the binomial); needs six samples to
// reach 95 % at all.
static void median_interval(const double *sorted, size_t count, struct mopt_summary *out)
{
    out->median_low = out->median_high = NAN;
    if (count < 6) {
        return;
    }
    double half = (double)count / 2;
    double spread = z95 * sqrt((double)count) / 2;
    double low = floor(half - spread);
    double high = ceil(1 + half + spread);
    size_t first = low < 1 ? 1 : (size_t)low;
    size_t last = high > (double)count ? count : (size_t)high;
    out->median_low = sorted[first - 1];
    out->median_high = sorted[last - 1];
}

static void moments(const double *sorted, size_t count, struct mopt_summary *out)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += sorted[i];
    }
    out->mean = sum / (double)count;
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        double d = sorted[i] - out->mean;
        squares += d * d;
    }
    out->sd = count > 1 ? sqrt(squares / (double)(count - 1)) : NAN;
}

enum mopt_status mopt__summarize(const double *samples, size_t count, struct mopt_summary *out,
                                 struct mopt_error *err)
{
    *out = (struct mopt_summary){.count = count,
                                 .min = NAN,
                                 .max = NAN,
                                 .mean = NAN,
                                 .sd = NAN,
                                 .p50 = NAN,
                                 .p90 = NAN,
                                 .p99 = NAN,
                                 .median_low = NAN,
                                 .median_high = NAN};
    if (count == 0) {
        return MOPT_OK;
    }
    double *sorted = mopt__calloc(count, sizeof *sorted);
    if (sorted == NULL) {
        return mopt_error_memory(err);
    }
    memcpy(sorted, samples, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, ascending);
    out->min = sorted[0];
    out->max = sorted[count - 1];
    out->p50 = mopt__quantile(sorted, count, 0.5);
    out->p90 = mopt__quantile(sorted, count, 0.9);
    out->p99 = mopt__quantile(sorted, count, 0.99);
    moments(sorted, count, out);
    median_interval(sorted, count, out);
    mopt__free(sorted);
    return MOPT_OK;
}

struct mopt_interval mopt__wilson(size_t hits, size_t count)
{
    if (count == 0) {
        return (struct mopt_interval){NAN, NAN};
    }
    double n = (double)count;
    double p = (double)hits / n;
    double z2 = z95 * z95;
    double center = (p + z2 / (2 * n)) / (1 + z2 / n);
    double half = z95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
    double low = hits == 0 ? 0 : center - half;
    double high = hits == count ? 1 : center + half;
    return (struct mopt_interval){low, high};
}

double mopt__proportion_error(size_t hits, size_t count)
{
    if (count == 0) {
        return NAN;
    }
    double p = (double)hits / (double)count;
    return sqrt(p * (1 - p) / (double)count);
}

double mopt__paired_error(size_t only_a, size_t only_b, size_t count)
{
    if (count == 0) {
        return NAN;
    }
    double n = (double)count;
    double difference = (double)only_a - (double)only_b;
    double variance = ((double)only_a + (double)only_b - difference * difference / n) / n;
    return sqrt(variance / n);
}
