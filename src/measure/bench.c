// SPDX-License-Identifier: Apache-2.0
// The benchmark loop.
#include "measure/bench.h"

#include <stdlib.h>
#include <string.h>

enum { RUNS_MAX = 1000000, PROFILE_RUNS = 10 };

struct bench {
    struct mopt_session *session;
    struct mopt_model *model;
    struct mopt_datum *const *inputs;
    struct mopt_datum **outputs;
    const struct mopt_bench_options *options;
};

static double seconds_since(uint64_t start)
{
    return (double)(mopt__clock_ns() - start) * 1e-9;
}

static enum mopt_status run_once(struct bench *bench, double *seconds, struct mopt_error *err)
{
    size_t count = bench->model->graph->outputs.count;
    struct mopt_run_options run = {.budget = bench->options->budget};
    uint64_t start = mopt__clock_ns();
    enum mopt_status status =
        mopt__session_run(bench->session, bench->inputs, bench->outputs, &run, err);
    *seconds = seconds_since(start);
    for (size_t i = 0; i < count; i++) {
        mopt__datum_unref(bench->outputs[i]);
        bench->outputs[i] = NULL;
    }
    return status;
}

static enum mopt_status measure(struct bench *bench, struct mopt_bench_result *out,
                                struct mopt_error *err)
{
    double *samples = NULL;
    size_t capacity = 0;
    size_t count = 0;
    double ignored;
    enum mopt_status status = run_once(bench, &out->first_s, err);
    for (size_t i = 0; i < bench->options->warmup && status == MOPT_OK; i++) {
        status = run_once(bench, &ignored, err);
    }
    uint64_t start = mopt__clock_ns();
    double elapsed = 0;
    while (status == MOPT_OK && count < RUNS_MAX &&
           (count < bench->options->min_runs || elapsed < bench->options->min_seconds)) {
        status = mopt__grow((void **)&samples, &capacity, count + 1, sizeof *samples, err);
        if (status == MOPT_OK) {
            status = run_once(bench, &samples[count], err);
        }
        count++;
        elapsed = seconds_since(start);
        double goal = bench->options->min_seconds;
        mopt__progress(bench->options->session.log, "bench",
                       (uint64_t)((elapsed < goal ? elapsed : goal) * 1000),
                       (uint64_t)(goal * 1000));
    }
    if (status == MOPT_OK) {
        status = mopt__summarize(samples, count, &out->run, err);
    }
    mopt__free(samples);
    return status;
}

static int slowest_first(const void *a, const void *b)
{
    const struct mopt_bench_node *x = a;
    const struct mopt_bench_node *y = b;
    if (x->seconds != y->seconds) {
        return x->seconds > y->seconds ? -1 : 1;
    }
    return strcmp(x->name, y->name);
}

static enum mopt_status collect(struct bench *bench, size_t runs, struct mopt_bench_result *out,
                                struct mopt_error *err)
{
    size_t count;
    const struct mopt_node_profile *rows = mopt__session_profile(bench->session, &count);
    out->nodes = mopt__calloc(count, sizeof *out->nodes);
    if (out->nodes == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        out->nodes[i] = (struct mopt_bench_node){
            .name = mopt__node_label(rows[i].node),
            .op = rows[i].node->op_type,
            .calls = rows[i].calls,
            .seconds = (double)rows[i].total_ns * 1e-9 / (double)runs,
            .bound = rows[i].bound,
        };
    }
    out->node_count = count;
    if (count > 1) {
        qsort(out->nodes, count, sizeof *out->nodes, slowest_first);
    }
    return MOPT_OK;
}

// Nodes are measured in a session of their own: clock readings between nodes would disturb the
// times of whole runs.
static enum mopt_status profile(struct bench *bench, struct mopt_bench_result *out,
                                struct mopt_error *err)
{
    struct mopt_session_options options = bench->options->session;
    options.profile = true;
    mopt__session_free(bench->session);
    bench->session = NULL;
    enum mopt_status status = mopt__session_new(bench->model, &options, &bench->session, err);
    double ignored;
    if (status == MOPT_OK) {
        status = run_once(bench, &ignored, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    mopt__session_profile_reset(bench->session);
    for (int i = 0; i < PROFILE_RUNS && status == MOPT_OK; i++) {
        status = run_once(bench, &ignored, err);
    }
    return status == MOPT_OK ? collect(bench, PROFILE_RUNS, out, err) : status;
}

enum mopt_status mopt__bench_model(struct mopt_model *model, struct mopt_datum *const *inputs,
                                   const struct mopt_bench_options *options,
                                   struct mopt_bench_result *out, struct mopt_error *err)
{
    *out = (struct mopt_bench_result){.warmup = options->warmup};
    struct bench bench = {.model = model, .inputs = inputs, .options = options};
    bench.outputs = mopt__calloc(model->graph->outputs.count + 1, sizeof(struct mopt_datum *));
    if (bench.outputs == NULL) {
        return mopt_error_memory(err);
    }
    uint64_t start = mopt__clock_ns();
    enum mopt_status status = mopt__session_new(model, &options->session, &bench.session, err);
    out->plan_s = seconds_since(start);
    if (status == MOPT_OK) {
        status = measure(&bench, out, err);
    }
    if (status == MOPT_OK) {
        mopt__session_memory(bench.session, &out->memory);
        out->threads = mopt__session_threads(bench.session);
        out->rss_bytes = mopt__current_rss();
    }
    if (status == MOPT_OK && options->per_node) {
        status = profile(&bench, out, err);
    }
    mopt__session_free(bench.session);
    mopt__free(bench.outputs);
    if (status != MOPT_OK) {
        mopt__bench_release(out);
    }
    return status;
}

void mopt__bench_release(struct mopt_bench_result *result)
{
    mopt__free(result->nodes);
    *result = (struct mopt_bench_result){0};
}
