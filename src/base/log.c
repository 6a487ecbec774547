// SPDX-License-Identifier: Apache-2.0
// Passing messages and progress to the sink of the composition root, and checking the limits of a
// job. Prints nothing itself.
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/cpu.h"
#include "base/internal.h"

enum { LOG_TEXT_BYTES = 2048 };

void mopt__log(const struct mopt_log *log, enum mopt_log_level level, const char *format, ...)
{
    if (!log || !log->write || level > log->level) {
        return;
    }
    char raw[LOG_TEXT_BYTES + 8]; // longer than text by more than one UTF-8 sequence
    va_list args;
    va_start(args, format);
    int length = vsnprintf(raw, sizeof raw, format, args);
    va_end(args);
    if (length < 0) {
        return;
    }
    char text[LOG_TEXT_BYTES];
    size_t bytes = (size_t)length < sizeof raw ? (size_t)length : sizeof raw - 1;
    mopt__text_clean(text, sizeof text, raw, bytes);
    log->write(log->context, level, text);
}

void mopt__progress(const struct mopt_log *log, const char *what, uint64_t done, uint64_t total)
{
    if (log && log->progress) {
        log->progress(log->context, what, done, total);
    }
}

enum mopt_status mopt__budget_check(const struct mopt_budget *budget, struct mopt_error *err)
{
    if (!budget) {
        return MOPT_OK;
    }
    if (budget->interrupted && *budget->interrupted) {
        return mopt_error_set(err, MOPT_E_INTERRUPTED, "interrupted by a signal");
    }
    if (budget->deadline_ns != 0 && mopt__clock_ns() >= budget->deadline_ns) {
        return mopt_error_set(err, MOPT_E_LIMIT, "time limit reached");
    }
    if (budget->max_memory_bytes != 0) {
        uint64_t used = mopt__current_rss();
        if (used > budget->max_memory_bytes) {
            return mopt_error_set(err, MOPT_E_LIMIT,
                                  "memory limit reached: %llu of %llu bytes in use",
                                  (unsigned long long)used,
                                  (unsigned long long)budget->max_memory_bytes);
        }
    }
    return MOPT_OK;
}
