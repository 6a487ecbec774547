// SPDX-License-Identifier: Apache-2.0
// Measuring on a machine that is not one's own: short bursts of several candidates in turn, and for
// each burst whether the core was shared with another hardware thread meanwhile.
#ifndef MOPT_BENCHMARKS_TIMING_H
#define MOPT_BENCHMARKS_TIMING_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/kernels.h"
#include "kernels/table.h"

struct bench {
    struct mopt_kernels table;
    struct mopt_pool *pool;
    int threads;
    double seconds;   // at most, for one row
    const char *only; // rows whose name contains this; NULL: all
    bool pairs;       // products of pairs of bfloat16, too
    double width;     // instructions a cycle of a core that is not shared: at least 5.1
    double clock;     // nanoseconds that a look at the clock takes
};

// What is timed; run NULL: nothing.
struct candidate {
    const char *name;
    void (*run)(const void *work);
    const void *work;
    double operations, bytes; // of one run, for the rates
    // Filled in: nanoseconds of a run, medians of the bursts while the core was not shared and
    // while it was; 0 without such bursts.
    double alone, shared;
    // Of list[1]: part of the rate of the peak, medians of what single bursts reached beside the
    // bursts of the peak directly before and behind them.
    double alone_part, shared_part;
};
enum { CANDIDATES_MAX = 4 };

// list[0] is the peak of the processor, list[1] is measured against it.
void bench_measure(struct bench *bench, struct candidate *list, size_t count);
void bench_print(const char *row, const struct candidate *list, size_t count);
bool bench_wants(const struct bench *bench, const char *row);

// The peaks as candidates.
struct candidate bench_peak_f32(const struct bench *bench);
struct candidate bench_peak_u8(const struct bench *bench);
// The fastest that products with weights of this form can be.
struct candidate bench_peak_of(const struct bench *bench, enum mopt_weights weights);

// Memory with random content, or the end of the program. Released by mopt__free_aligned.
void *bench_bytes(size_t count);
float *bench_floats(size_t count); // in [-0.5, 0.5)

#endif
