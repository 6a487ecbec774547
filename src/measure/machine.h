// SPDX-License-Identifier: Apache-2.0
// What else happened on the machine while something was measured: waiting for processors, time
// taken by the host, energy. Linux files that are absent mean "not known". Knows nothing of models.
#ifndef MOPT_MEASURE_MACHINE_H
#define MOPT_MEASURE_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

// Counters of one moment; take two and compare.
struct mopt_machine_state {
    uint64_t clock_ns;
    bool pressure_known, steal_known;
    uint64_t pressure_us;        // time in which some task waited for a processor (psi, "some")
    uint64_t steal, ticks;       // of all processors: taken by the host, and all
    int packages;                // energy counters read, 0 = none
    uint64_t energy_uj[8];       // of each
    uint64_t energy_range_uj[8]; // where it starts again from 0
    const char *energy_reason;   // static text; why there are none, NULL when there are
};
// root: where /proc and /sys are found, "" for the real ones (tests give a folder).
void mopt__machine_read(const char *root, struct mopt_machine_state *out);

struct mopt_machine_use { // between two states; NaN where not known
    double seconds;
    double pressure; // part of the time in which some task waited, 0..1
    double steal;    // part of the processors' time taken by the host, 0..1
    double joules;   // of all packages
    const char *energy_reason;
};
void mopt__machine_between(const struct mopt_machine_state *before,
                           const struct mopt_machine_state *after, struct mopt_machine_use *out);

#endif
