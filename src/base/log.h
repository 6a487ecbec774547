// SPDX-License-Identifier: Apache-2.0
// Log sink and progress reports. The library never prints: it calls the sink that the composition
// root passes down.
#ifndef MOPT_BASE_LOG_H
#define MOPT_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mopt/status.h"

enum mopt_log_level { MOPT_LOG_ERROR, MOPT_LOG_WARN, MOPT_LOG_INFO, MOPT_LOG_DEBUG };

// One sink per context; handed down by pointer. NULL log means silence.
struct mopt_log {
    enum mopt_log_level level; // messages above are dropped
    void *context;
    void (*write)(void *context, enum mopt_log_level level, const char *text);
    // done/total in units of the caller; total 0 = unknown; done == total ends the bar. May be
    // NULL.
    void (*progress)(void *context, const char *what, uint64_t done, uint64_t total);
};
// One line of at most 2 KiB: control characters are shown escaped, longer text is cut with "...".
void mopt__log(const struct mopt_log *log, enum mopt_log_level level, const char *format, ...)
    MOPT_PRINTF(3, 4);
void mopt__progress(const struct mopt_log *log, const char *what, uint64_t done, uint64_t total);

// Cooperative limits of one job: checked between nodes and samples. A zeroed budget has no limits.
struct mopt_budget {
    uint64_t deadline_ns;            // mopt__clock_ns value, 0 = none
    uint64_t max_memory_bytes;       // 0 = none
    uint64_t max_steps;              // executed nodes incl. loop trips, 0 = none
    const volatile int *interrupted; // set to non-zero by a signal handler; NULL = never
};
// Checks interruption, deadline and resident memory (steps are counted by the executor). NULL
// budget: no limits. MOPT_OK, or MOPT_E_LIMIT / MOPT_E_INTERRUPTED with a message.
enum mopt_status mopt__budget_check(const struct mopt_budget *budget, struct mopt_error *err);

#endif
