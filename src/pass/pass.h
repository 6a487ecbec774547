// SPDX-License-Identifier: Apache-2.0
// Front door of pass (rank 4): the manager that runs passes. It gives every pass verification,
// timing, counters, dumps, a transaction (a failing pass leaves the graph as it was), --stop-after,
// and an equivalence check. It knows no pass by name: the list is handed in. Read in this order:
// mopt/pass.h, pass.h, context.c, arguments.c, pipeline.c (names to passes), manager.c,
// equivalence.c, inputs.c, compare.c.
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
// The known name nearest to `name`, NULL if none is near.
const char *mopt__pass_nearest(const struct mopt_pass_set *set, const char *name);

// ---- For passes with a run function
// Value of an option of the pass: as given, else its initial text. A name that is no option of the
// pass, or one of another type, is MOPT_E_INTERNAL.
enum mopt_status mopt__pass_option_int(const struct mopt_pass_context *context, const char *name,
                                       int64_t *value, struct mopt_error *err);
enum mopt_status mopt__pass_option_float(const struct mopt_pass_context *context, const char *name,
                                         double *value, struct mopt_error *err);
bool mopt__pass_option_bool(const struct mopt_pass_context *context, const char *name);
// NULL when neither given nor with an initial text; lives until the pass returns.
const char *mopt__pass_option_string(const struct mopt_pass_context *context, const char *name);
// Raises a counter; NULL or an unknown name = first counter. Also marks the model as changed,
// unless the pass only analyses or add is 0.
void mopt__pass_count(struct mopt_pass_context *context, const char *counter, uint64_t add);
const struct mopt_log *mopt__pass_log(const struct mopt_pass_context *context); // may be NULL
struct mopt_arena *mopt__pass_scratch(struct mopt_pass_context *context); // released after the pass
const struct mopt_budget *mopt__pass_budget(const struct mopt_pass_context *context); // may be NULL
// Typed input of a pass family (calibration statistics ...), NULL if none.
void *mopt__pass_data(const struct mopt_pass_context *context);

// ---- Pipelines
struct mopt_pipeline_item {
    const struct mopt_pass *pass;
    const char *arguments; // "key=value,key=value" or NULL; checked when added
};
// A zeroed struct is an empty pipeline.
struct mopt_pipeline {
    struct mopt_pipeline_item *items; // heap
    size_t count, capacity;
    struct mopt_arena arena;
    // The whole list is repeated until a round changes nothing, at most this often (0 and 1: once,
    // as for explicit lists). In later rounds a pass only runs when the model has changed since it
    // ran last (its own changes count if it is a fixpoint pass).
    int rounds;
};
// -O level 0..3: every pass of set with 1 <= level <= given, in the order of the set; out need not
// be initialised. MOPT_E_USAGE for other levels.
enum mopt_status mopt__pipeline_level(const struct mopt_pass_set *set, int level,
                                      struct mopt_pipeline *out, struct mopt_error *err);
// "a,b{key=value},c" appended; blanks are allowed between words, values may stand in double quotes
// with \ escapes, "{key}" means key=true. MOPT_E_USAGE: unknown pass or option names (with the
// nearest match), values of the wrong type, bad syntax; nothing is appended then.
enum mopt_status mopt__pipeline_add(const struct mopt_pass_set *set, const char *text,
                                    struct mopt_pipeline *pipeline, struct mopt_error *err);
// Takes all items of the passes "a,b" out; a name that is no pass at all is MOPT_E_USAGE.
enum mopt_status mopt__pipeline_skip(const struct mopt_pass_set *set, const char *names,
                                     struct mopt_pipeline *pipeline, struct mopt_error *err);
// Text form, which mopt__pipeline_add reads back; no end of line.
enum mopt_status mopt__pipeline_print(const struct mopt_pipeline *pipeline, struct mopt_strbuf *out,
                                      struct mopt_error *err);
void mopt__pipeline_release(struct mopt_pipeline *pipeline);

struct mopt_pass_result { // one per executed pass and round
    const struct mopt_pass *pass;
    int round;           // from 1
    uint64_t elapsed_ns; // of the pass itself, without copies and checks
    uint64_t changes;    // sum of the counters
    size_t nodes_before, nodes_after;
    const uint64_t *counters; // [pass->counter_count]
};

struct mopt_manager_options {
    const struct mopt_log *log;
    const struct mopt_budget *budget;
    bool
        verify_each; // structural verification after each changing pass (always on in debug builds)
    int stop_after;  // run only the first N pass executions; 0 = all
    const char
        *dump_dir;   // write 000-start.txt and NNN-pass.txt after each changing pass; NULL = off
    int equivalence; // number of random inputs per changing pass on which outputs before and
                     // after are compared (lossy passes are not); 0 = off
    uint64_t seed;
    void *data; // handed to mopt__pass_data
};
// A zeroed struct is an empty report.
struct mopt_pass_report {
    struct mopt_pass_result *results; // heap
    size_t count, capacity;
    struct mopt_arena arena;
};

// Runs a pipeline on *model; options may be NULL; report (may be NULL) is appended to, also on
// failure (passes that succeeded). The model is sorted and its operators are resolved first; types
// are inferred as passes need them. At the end dead nodes and unused initializers left by passes
// are gone, older ones stay. Pointers into the model may be stale afterwards: on failure *model is
// as it was before the failing pass, which may be another object (the old one is then freed).
// Errors: those of the pass with its name in front; MOPT_E_INTERNAL when verification or
// equivalence fails; MOPT_E_LIMIT and MOPT_E_INTERRUPTED by the budget.
enum mopt_status mopt__manager_run(struct mopt_model **model, const struct mopt_pipeline *pipeline,
                                   const struct mopt_manager_options *options,
                                   struct mopt_pass_report *report, struct mopt_error *err);
void mopt__pass_report_release(struct mopt_pass_report *report);

// Runs both models on the same inputs (random adversarial: negatives, zeros, large values, ties;
// symbolic dims bound to small numbers, equal names equally; overridable inputs default and
// overridden in turns) and compares outputs. Integers are small and not negative. Tolerances: exact
// = same bits; reassociates = 1e-4 relative with a floor of 1e-5 of the largest magnitude of the
// output (float32; other types by their precision), integers of 8 bits one step in 1 % of the
// elements, other integers equal; lossy is not compared.
struct mopt_equivalence {
    int runs;                // compared successfully
    double max_abs, max_rel; // worst difference found (float outputs)
    const char *output;  // name of the worst output (arena of model b); NULL if all are the same
    bool equal;          // within tolerance of numerics
    const char *failure; // why not equal, NULL if equal (arena of model b)
    const char *skipped; // reason why nothing could be compared (operators that cannot run,
                         // data-dependent failure), else NULL (arena of model b)
};
// Sorts unsorted models. Errors: memory and limits only; a model that cannot run is `skipped`, a
// model b that fails where a runs is not equal.
enum mopt_status mopt__equivalence_check(struct mopt_model *a, struct mopt_model *b,
                                         enum mopt_numerics numerics, int runs, uint64_t seed,
                                         const struct mopt_budget *budget,
                                         struct mopt_equivalence *out, struct mopt_error *err);

#endif
