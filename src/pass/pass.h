// SPDX-License-Identifier: Apache-2.0
// Front door of pass (rank 4): the manager that runs passes. It gives every pass verification, timing, counters, dumps, a
// transaction (a failing pass leaves the graph as it was), --stop-after, and an equivalence check. It knows no pass by name:
// the list is handed in. Read in this order: mopt/pass.h, pass.h, manager.c, pipeline.c (names to passes), equivalence.c.
#ifndef MOPT_PASS_PASS_H
#define MOPT_PASS_PASS_H

#include "ir/ir.h"
#include "mopt/pass.h"
#include "rewrite/rewrite.h"

struct mopt_pass_set { // all passes of a context: built-in and plugins
    const struct mopt_pass *const *items;
    size_t count;
};
const struct mopt_pass *mopt__pass_find(const struct mopt_pass_set *set, const char *name);

// ---- For passes with a run function ---------------------------------------------------------------------------------
enum mopt_status mopt__pass_option_int(const struct mopt_pass_context *context, const char *name, int64_t *value, struct mopt_error *err);
enum mopt_status mopt__pass_option_float(const struct mopt_pass_context *context, const char *name, double *value, struct mopt_error *err);
bool mopt__pass_option_bool(const struct mopt_pass_context *context, const char *name);
const char *mopt__pass_option_string(const struct mopt_pass_context *context, const char *name);
void mopt__pass_count(struct mopt_pass_context *context, const char *counter, uint64_t add); // NULL = first counter; also marks the model as changed
const struct mopt_log *mopt__pass_log(const struct mopt_pass_context *context);
struct mopt_arena *mopt__pass_scratch(struct mopt_pass_context *context); // reset after the pass
const struct mopt_budget *mopt__pass_budget(const struct mopt_pass_context *context);
void *mopt__pass_data(const struct mopt_pass_context *context); // typed input of a pass family (calibration statistics ...), NULL if none

// ---- Pipelines ----------------------------------------------------------------------------------------------------------
struct mopt_pipeline_item {
    const struct mopt_pass *pass;
    const char *arguments; // "key=value,key=value" or NULL
};
struct mopt_pipeline {
    struct mopt_pipeline_item *items; // heap
    size_t count, capacity;
    struct mopt_arena arena;
    int rounds; // the whole list is repeated until a round changes nothing, at most this often (1 for explicit lists)
};
// -O level 0..3: every pass of set with 1 <= level <= given, in the order of the set.
enum mopt_status mopt__pipeline_level(const struct mopt_pass_set *set, int level, struct mopt_pipeline *out, struct mopt_error *err);
// "a,b{key=value},c" appended; unknown names: MOPT_E_USAGE with the nearest match.
enum mopt_status mopt__pipeline_add(const struct mopt_pass_set *set, const char *text, struct mopt_pipeline *pipeline, struct mopt_error *err);
enum mopt_status mopt__pipeline_skip(const struct mopt_pass_set *set, const char *names, struct mopt_pipeline *pipeline, struct mopt_error *err);
enum mopt_status mopt__pipeline_print(const struct mopt_pipeline *pipeline, struct mopt_strbuf *out, struct mopt_error *err); // text form, parses back
void mopt__pipeline_release(struct mopt_pipeline *pipeline);

struct mopt_pass_result { // one per executed pass and round
    const struct mopt_pass *pass;
    int round;
    uint64_t elapsed_ns;
    uint64_t changes;        // sum of the counters
    size_t nodes_before, nodes_after;
    const uint64_t *counters; // [pass->counter_count]
};

struct mopt_manager_options {
    const struct mopt_log *log;
    const struct mopt_budget *budget;
    bool verify_each;       // structural verification after each pass (always on in debug builds)
    int stop_after;         // run only the first N pass executions; 0 = all
    const char *dump_dir;   // write NNN-pass.txt text forms before/after; NULL = off
    int equivalence;        // number of random inputs per changing pass on which outputs before and after are compared; 0 = off
    uint64_t seed;
    void *data;             // handed to mopt__pass_data
};
struct mopt_pass_report {
    struct mopt_pass_result *results; // heap
    size_t count, capacity;
    struct mopt_arena arena;
};

// Runs a pipeline on *model. *model may be replaced by another object (transaction): the old one is then freed. On failure *model is as before
// the failing pass. Sorts, resolves operators and infers as passes need it. At the end: dead nodes, unused initializers left by rewrites are gone.
enum mopt_status mopt__manager_run(struct mopt_model **model, const struct mopt_pipeline *pipeline,
                                   const struct mopt_manager_options *options, struct mopt_pass_report *report,
                                   struct mopt_error *err);
void mopt__pass_report_release(struct mopt_pass_report *report);

// Runs both models on the same inputs (random adversarial: negatives, zeros, large values, ties) and compares outputs.
struct mopt_equivalence {
    int runs;            // compared successfully
    double max_abs, max_rel; // worst difference found
    const char *output;  // name of the worst output (arena of model b)
    bool equal;          // within tolerance of numerics
    const char *skipped; // reason why nothing could be compared (operators that cannot run, data-dependent failure), else NULL
};
enum mopt_status mopt__equivalence_check(struct mopt_model *a, struct mopt_model *b, enum mopt_numerics numerics, int runs, uint64_t seed,
                                         const struct mopt_budget *budget, struct mopt_equivalence *out, struct mopt_error *err);

#endif
