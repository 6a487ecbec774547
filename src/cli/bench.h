// SPDX-License-Identifier: Apache-2.0
// What the files of mopt bench share: cmd_bench.c measures, bench_report.c shows, bench_trace.c
// judges nodes, bench_baseline.c holds the times against earlier ones.
#ifndef MOPT_CLI_BENCH_H
#define MOPT_CLI_BENCH_H

#include "cli/report.h"

enum { MOPT_BENCH_LIST = 16 }; // items of --threads and of --batch

struct mopt_bench_subject { // one model at one number of threads and one batch
    const char *path;
    int threads;
    int64_t batch;
    double load_s;
    uint64_t file_bytes, macs;
    bool macs_known;
    bool integer; // most of the work is in 8 bits: operations count against that peak
    struct mopt_peaks peaks;
    struct mopt_bench_result found;
};

struct mopt_bench_job {
    struct mopt_cli *cli;
    int64_t threads[MOPT_BENCH_LIST], batches[MOPT_BENCH_LIST];
    size_t thread_count, batch_count;
    struct mopt_peaks peaks[MOPT_BENCH_LIST]; // by entry of threads
    struct mopt_bench_subject *subjects;
    size_t count;
};

// Median of the first model at the same threads and batch over that of the subject.
double mopt__bench_speed(const struct mopt_bench_job *job,
                         const struct mopt_bench_subject *subject);
// Samples per second, of all streams together.
double mopt__bench_rate(const struct mopt_bench_subject *subject);
// Threads that compute at the same time.
int mopt__bench_width(const struct mopt_bench_subject *subject);
// 1e9 operations per second, two per multiply-add; NaN when the cost is not known.
double mopt__bench_gops(const struct mopt_bench_subject *subject);
// The same as part of the peak of that many threads; NaN when not known.
double mopt__bench_part_of_peak(const struct mopt_bench_subject *subject);

// Operations per second that its threads can do at most; 0 when not measured.
double mopt__bench_peak(const struct mopt_bench_subject *subject);

struct mopt_bench_roof { // of one node
    enum mopt_bound bound;
    double operations; // of one run, NaN = not known
    double part;       // of the most that is possible, NaN = not known
};
struct mopt_bench_roof mopt__bench_roof(const struct mopt_bench_subject *subject,
                                        const struct mopt_bench_node *node);

// Tables, JSON, notes, verdict.
void mopt__bench_report(struct mopt_bench_job *job);
// Writes the node times as a Chrome trace.
enum mopt_status mopt__bench_trace(struct mopt_bench_job *job, const char *path,
                                   struct mopt_error *err);
// Holds the subjects against the result of an earlier run (--json=FILE), adds a gate for each.
// MOPT_E_NEGATIVE when a median is more than max_regress above the earlier one. Errors:
// MOPT_E_USAGE (nothing in the file fits), MOPT_E_FORMAT, those of reading.
enum mopt_status mopt__bench_baseline(struct mopt_bench_job *job, const char *path,
                                      double max_regress, struct mopt_error *err);

#endif
