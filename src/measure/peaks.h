// SPDX-License-Identifier: Apache-2.0
// What this machine can do at most, measured in this process: the ceiling that times are held
// against. Knows nothing of models.
#ifndef MOPT_MEASURE_PEAKS_H
#define MOPT_MEASURE_PEAKS_H

#include <stdbool.h>

#include "base/cpu.h"
#include "mopt/status.h"

struct mopt_peaks {
    enum mopt_isa isa;
    int threads;
    double f32, u8; // operations per second of all threads, two per multiply-add; 0 = not measured
    double read;    // bytes per second from memory; 0 = not measured
};

struct mopt_peaks_wanted {
    bool f32, u8, read; // about 20 ms each
    bool bf16;          // with f32: products of bfloat16 instead, where the executor takes them
};

// Measures on `threads` threads (1..256) with the fastest instructions up to `isa`: multiply-adds
// on registers alone (the best of many short rounds of each thread, added, so that a busy machine
// disturbs little), and reading a buffer of 64 MiB (the median over pieces of each thread, added).
// Errors: MOPT_E_MEMORY, those of the pool.
enum mopt_status mopt__peaks_measure(enum mopt_isa isa, int threads,
                                     const struct mopt_peaks_wanted *wanted, struct mopt_peaks *out,
                                     struct mopt_error *err);

enum mopt_bound { MOPT_BOUND_UNKNOWN, MOPT_BOUND_COMPUTE, MOPT_BOUND_MEMORY };
const char *mopt__bound_name(enum mopt_bound bound); // "compute", "memory", "-"

// Roofline model (S. Williams, A. Waterman, D. Patterson 2009): the least time for that many
// operations at `peak` per second and that many bytes at `read` per second, and which of the two
// it is. Unknown where a rate is 0 or there is nothing to do.
enum mopt_bound mopt__roofline(double operations, double bytes, double peak, double read,
                               double *seconds);

#endif
