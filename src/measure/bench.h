// SPDX-License-Identifier: Apache-2.0
// How fast a model runs.
#ifndef MOPT_MEASURE_BENCH_H
#define MOPT_MEASURE_BENCH_H

#include "exec/exec.h"
#include "measure/summary.h"

struct mopt_bench_options {
    struct mopt_session_options session; // threads, seed, log
    size_t warmup;                       // runs that do not count, after the first one
    size_t min_runs;                     // at least this many
    double min_seconds;                  // and at least this long
    bool per_node;                       // profile the nodes in further runs
    const struct mopt_budget *budget;
};

struct mopt_bench_node {
    const char *name, *op; // of the model; op without domain
    uint64_t calls;
    double seconds; // mean per run
    bool bound;     // a fast kernel ran
};

struct mopt_bench_result { // release with mopt__bench_release
    double plan_s;         // preparing the session
    double first_s;        // first run: shapes, packing, page faults
    size_t warmup;
    struct mopt_summary run; // seconds per run
    struct mopt_session_memory memory;
    uint64_t rss_bytes; // resident after the runs
    int threads;
    struct mopt_bench_node *nodes; // heap; slowest first
    size_t node_count;
};

// Runs the model on inputs ([graph inputs]) again and again. Errors: those of session and run.
enum mopt_status mopt__bench_model(struct mopt_model *model, struct mopt_datum *const *inputs,
                                   const struct mopt_bench_options *options,
                                   struct mopt_bench_result *out, struct mopt_error *err);
void mopt__bench_release(struct mopt_bench_result *result);

#endif
