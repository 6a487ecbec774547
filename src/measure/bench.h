// SPDX-License-Identifier: Apache-2.0
// How fast a model runs.
#ifndef MOPT_MEASURE_BENCH_H
#define MOPT_MEASURE_BENCH_H

#include "exec/exec.h"
#include "measure/facts.h"
#include "measure/machine.h"
#include "measure/summary.h"

struct mopt_bench_options {
    struct mopt_session_options session; // threads, seed, log
    double warmup_seconds;               // most time for runs that do not count; 0: only the first
    size_t min_runs;                     // at least this many, of all streams together
    double min_seconds;                  // and at least this long
    int streams;                  // > 1: that many sessions at the same time, one thread each
    bool per_node;                // profile the nodes in further runs
    const struct mopt_dims *dims; // sizes for the costs of nodes, NULL = no costs
    const struct mopt_budget *budget;
};

// One thing that ran: a node, with the nodes that were fused into it or computed beforehand for it.
struct mopt_bench_node {
    const struct mopt_node *node; // while its session lives: the one that ran; then NULL
    const char *name, *op;        // of the one with the most multiply-adds; op without domain
    size_t fused;                 // other nodes in it
    size_t place;                 // in the order of execution; bodies after their owner
    uint64_t calls;
    double seconds;             // mean per run
    bool bound;                 // a fast kernel ran
    bool inner;                 // stands in a body
    struct mopt_node_cost cost; // of all its nodes; bytes: what goes in and out
};
// Takes nodes that never ran into the node that uses what they compute; those that none uses go.
// nodes: in the order of execution, all of one model, each with the cost of one node; dims may be
// NULL (no bytes). Error: MOPT_E_MEMORY.
enum mopt_status mopt__bench_join_fused(struct mopt_bench_node *nodes, size_t *count,
                                        const struct mopt_dims *dims, struct mopt_error *err);

struct mopt_bench_result { // release with mopt__bench_release
    double plan_s;         // preparing the session
    double first_s;        // first run: shapes, packing, page faults
    size_t warmup_runs;
    double warmup_s;
    bool stable;             // warming up ended because two medians agreed within 2 %
    struct mopt_summary run; // seconds per run
    double runs_per_second;  // of all streams together
    struct mopt_machine_use use;
    struct mopt_session_memory memory;
    uint64_t rss_bytes, peak_rss; // resident after the runs; most so far
    int threads, streams;
    struct mopt_bench_node *nodes; // heap; slowest first
    size_t node_count;
    struct mopt_arena names; // of nodes: those of the session's own copy of a model go with it
};

// Runs the model on inputs ([graph inputs]) again and again: the first run apart, then runs until
// the medians of two groups of runs agree, then the ones that count. Errors: those of session and
// run.
enum mopt_status mopt__bench_model(struct mopt_model *model, struct mopt_datum *const *inputs,
                                   const struct mopt_bench_options *options,
                                   struct mopt_bench_result *out, struct mopt_error *err);
void mopt__bench_release(struct mopt_bench_result *result);

#endif
