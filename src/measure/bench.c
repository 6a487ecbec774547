// SPDX-License-Identifier: Apache-2.0
// The benchmark loop: a session (or several at the same time), warming up, the runs that count,
// and a profile of the nodes in runs of their own.
#include "measure/bench.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_MAX = 1000000, PROFILE_RUNS = 10, GROUP_RUNS = 5, STREAMS_MAX = 256 };
static const double group_seconds = 0.02; // least length of a group of runs while warming up
static const double agreement = 0.02;     // of two medians

struct stream { // one session and what it measured
    const struct bench *bench;
    struct mopt_session *session;
    struct mopt_datum **outputs;
    double *samples; // seconds per run
    size_t count, capacity;
    double elapsed, warmup_s;
    size_t warmup_runs;
    bool stable;
    enum mopt_status status;
    struct mopt_error err;
};

struct bench {
    struct mopt_model *model;
    struct mopt_datum *const *inputs;
    const struct mopt_bench_options *options;
    struct stream *streams;
    int count;
};

static double seconds_since(uint64_t start)
{
    return (double)(mopt__clock_ns() - start) * 1e-9;
}

static enum mopt_status run_once(struct stream *stream, double *seconds, struct mopt_error *err)
{
    const struct bench *bench = stream->bench;
    size_t count = bench->model->graph->outputs.count;
    struct mopt_run_options run = {.budget = bench->options->budget};
    uint64_t start = mopt__clock_ns();
    enum mopt_status status =
        mopt__session_run(stream->session, bench->inputs, stream->outputs, &run, err);
    *seconds = seconds_since(start);
    for (size_t i = 0; i < count; i++) {
        mopt__datum_unref(stream->outputs[i]);
        stream->outputs[i] = NULL;
    }
    return status;
}

static enum mopt_status run_sample(struct stream *stream, struct mopt_error *err)
{
    enum mopt_status status = mopt__grow((void **)&stream->samples, &stream->capacity,
                                         stream->count + 1, sizeof *stream->samples, err);
    if (status == MOPT_OK) {
        status = run_once(stream, &stream->samples[stream->count], err);
    }
    stream->count += status == MOPT_OK;
    return status;
}

// ---- Warming up ---------------------------------------------------------------------------------

// Runs until the group is long enough or time is up; its median, NaN when it was cut short.
static enum mopt_status run_group(struct stream *stream, uint64_t end_ns, double *median,
                                  struct mopt_error *err)
{
    struct mopt_summary summary;
    uint64_t start = mopt__clock_ns();
    enum mopt_status status = MOPT_OK;
    stream->count = 0;
    while (status == MOPT_OK && mopt__clock_ns() < end_ns &&
           (stream->count < GROUP_RUNS || seconds_since(start) < group_seconds)) {
        status = run_sample(stream, err);
    }
    *median = NAN;
    stream->warmup_runs += stream->count;
    if (status == MOPT_OK && stream->count >= GROUP_RUNS) {
        status = mopt__summarize(stream->samples, stream->count, &summary, err);
        *median = summary.p50;
    }
    stream->count = 0;
    return status;
}

static enum mopt_status warm_up(struct stream *stream, struct mopt_error *err)
{
    uint64_t start = mopt__clock_ns();
    uint64_t end = start + (uint64_t)(stream->bench->options->warmup_seconds * 1e9);
    double before = NAN;
    enum mopt_status status = MOPT_OK;
    while (status == MOPT_OK && !stream->stable && mopt__clock_ns() < end) {
        double median;
        status = run_group(stream, end, &median, err);
        stream->stable = fabs(median - before) <= agreement * before; // false with NaN
        before = median;
    }
    stream->warmup_s = seconds_since(start);
    return status;
}

// ---- Measuring ----------------------------------------------------------------------------------

static void show_progress(const struct bench *bench, double elapsed)
{
    double goal = bench->options->min_seconds;
    mopt__progress(bench->options->session.log, "bench",
                   (uint64_t)((elapsed < goal ? elapsed : goal) * 1000), (uint64_t)(goal * 1000));
}

static enum mopt_status run_samples(struct stream *stream, bool progress, struct mopt_error *err)
{
    const struct bench *bench = stream->bench;
    size_t share = (bench->options->min_runs + (size_t)bench->count - 1) / (size_t)bench->count;
    uint64_t start = mopt__clock_ns();
    enum mopt_status status = MOPT_OK;
    while (status == MOPT_OK && stream->count < RUNS_MAX &&
           (stream->count < share || stream->elapsed < bench->options->min_seconds)) {
        status = run_sample(stream, err);
        stream->elapsed = seconds_since(start);
        if (progress) {
            show_progress(bench, stream->elapsed);
        }
    }
    return status;
}

struct phase { // something that all streams do at the same time
    struct bench *bench;
    bool warm;
};

static void run_streams(void *context, int64_t begin, int64_t end, int thread)
{
    const struct phase *phase = context;
    for (int64_t i = begin; i < end; i++) {
        struct stream *stream = &phase->bench->streams[i];
        stream->status = phase->warm ? warm_up(stream, &stream->err)
                                     : run_samples(stream, thread == 0, &stream->err);
    }
}

// One stream runs in this thread, so that its session can use threads of its own.
static enum mopt_status run_phase(struct phase *phase, struct mopt_pool *pool,
                                  struct mopt_error *err)
{
    struct bench *bench = phase->bench;
    if (pool == NULL) {
        run_streams(phase, 0, bench->count, 0);
    } else {
        mopt__pool_for(pool, bench->count, 1, run_streams, phase);
    }
    for (int i = 0; i < bench->count; i++) {
        if (bench->streams[i].status != MOPT_OK) {
            *err = bench->streams[i].err;
            return bench->streams[i].status;
        }
    }
    return MOPT_OK;
}

// All samples of all streams.
static enum mopt_status join(const struct bench *bench, struct mopt_bench_result *out,
                             struct mopt_error *err)
{
    size_t count = 0;
    for (int i = 0; i < bench->count; i++) {
        count += bench->streams[i].count;
    }
    double *samples = mopt__calloc(count + 1, sizeof *samples);
    if (samples == NULL) {
        return mopt_error_memory(err);
    }
    count = 0;
    for (int i = 0; i < bench->count; i++) {
        const struct stream *stream = &bench->streams[i];
        if (stream->count > 0) {
            memcpy(samples + count, stream->samples, stream->count * sizeof *samples);
        }
        count += stream->count;
        out->runs_per_second += stream->elapsed > 0 ? (double)stream->count / stream->elapsed : 0;
    }
    enum mopt_status status = mopt__summarize(samples, count, &out->run, err);
    mopt__free(samples);
    return status;
}

static enum mopt_status measure(struct bench *bench, struct mopt_pool *pool,
                                struct mopt_bench_result *out, struct mopt_error *err)
{
    struct phase phase = {.bench = bench, .warm = true};
    enum mopt_status status = run_phase(&phase, pool, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_machine_state before;
    struct mopt_machine_state after;
    phase.warm = false;
    mopt__machine_read("", &before);
    status = run_phase(&phase, pool, err);
    mopt__machine_read("", &after);
    if (status != MOPT_OK) {
        return status;
    }
    mopt__machine_between(&before, &after, &out->use);
    out->warmup_runs = bench->streams[0].warmup_runs;
    out->warmup_s = bench->streams[0].warmup_s;
    out->stable = bench->streams[0].stable;
    return join(bench, out, err);
}

// ---- Sessions -----------------------------------------------------------------------------------

static void close_streams(struct bench *bench)
{
    for (int i = 0; i < bench->count; i++) {
        mopt__session_free(bench->streams[i].session);
        mopt__free(bench->streams[i].outputs);
        mopt__free(bench->streams[i].samples);
    }
    mopt__free(bench->streams);
}

static enum mopt_status open_stream(struct bench *bench, struct stream *stream,
                                    struct mopt_error *err)
{
    struct mopt_session_options options = bench->options->session;
    options.threads = bench->count > 1 ? 1 : options.threads;
    stream->bench = bench;
    mopt_error_clear(&stream->err);
    stream->outputs =
        mopt__calloc(bench->model->graph->outputs.count + 1, sizeof(struct mopt_datum *));
    return stream->outputs != NULL
               ? mopt__session_new(bench->model, &options, &stream->session, err)
               : mopt_error_memory(err);
}

// The first session and its first run are measured, the others only made ready.
static enum mopt_status open_streams(struct bench *bench, struct mopt_bench_result *out,
                                     struct mopt_error *err)
{
    double ignored;
    uint64_t start = mopt__clock_ns();
    enum mopt_status status = open_stream(bench, &bench->streams[0], err);
    out->plan_s = seconds_since(start);
    if (status == MOPT_OK) {
        status = run_once(&bench->streams[0], &out->first_s, err);
    }
    for (int i = 1; i < bench->count && status == MOPT_OK; i++) {
        status = open_stream(bench, &bench->streams[i], err);
        if (status == MOPT_OK) {
            status = run_once(&bench->streams[i], &ignored, err);
        }
    }
    return status;
}

// ---- Profile ------------------------------------------------------------------------------------

static int slowest_first(const void *a, const void *b)
{
    const struct mopt_bench_node *x = a;
    const struct mopt_bench_node *y = b;
    if (x->seconds != y->seconds) {
        return x->seconds > y->seconds ? -1 : 1;
    }
    return x->place < y->place ? -1 : x->place > y->place;
}

static enum mopt_status collect(const struct bench *bench, size_t runs,
                                struct mopt_bench_result *out, struct mopt_error *err)
{
    size_t count;
    const struct mopt_node_profile *rows = mopt__session_profile(bench->streams[0].session, &count);
    out->nodes = mopt__calloc(count + 1, sizeof *out->nodes);
    if (out->nodes == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        struct mopt_bench_node *node = &out->nodes[i];
        *node = (struct mopt_bench_node){
            .node = rows[i].node,
            .name = mopt__arena_strdup(&out->names, mopt__node_label(rows[i].node)),
            .op = mopt__arena_strdup(&out->names, rows[i].node->op_type),
            .inner = rows[i].node->graph != NULL && rows[i].node->graph->owner != NULL,
            .place = i,
            .calls = rows[i].calls,
            .seconds = (double)rows[i].total_ns * 1e-9 / (double)runs,
            .bound = rows[i].bound,
        };
        if (node->name == NULL || node->op == NULL) {
            return mopt_error_memory(err);
        }
        if (bench->options->dims != NULL) {
            mopt__node_cost(rows[i].node, bench->options->dims, &node->cost);
        }
    }
    out->node_count = count;
    enum mopt_status status =
        mopt__bench_join_fused(out->nodes, &out->node_count, bench->options->dims, err);
    for (size_t i = 0; i < out->node_count; i++) {
        out->nodes[i].node = NULL; // it may go with the session
    }
    if (status == MOPT_OK && out->node_count > 1) {
        qsort(out->nodes, out->node_count, sizeof *out->nodes, slowest_first);
    }
    return status;
}

// Nodes are measured in a session of their own: clock readings between nodes would disturb the
// times of whole runs.
static enum mopt_status profile(struct bench *bench, struct mopt_bench_result *out,
                                struct mopt_error *err)
{
    struct stream *stream = &bench->streams[0];
    struct mopt_session_options options = bench->options->session;
    options.profile = true;
    mopt__session_free(stream->session);
    stream->session = NULL;
    enum mopt_status status = mopt__session_new(bench->model, &options, &stream->session, err);
    double ignored;
    if (status == MOPT_OK) {
        status = run_once(stream, &ignored, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    mopt__session_profile_reset(stream->session);
    for (int i = 0; i < PROFILE_RUNS && status == MOPT_OK; i++) {
        status = run_once(stream, &ignored, err);
    }
    return status == MOPT_OK ? collect(bench, PROFILE_RUNS, out, err) : status;
}

static enum mopt_status bench_all(struct bench *bench, struct mopt_bench_result *out,
                                  struct mopt_error *err)
{
    struct mopt_pool *pool = NULL;
    enum mopt_status status = open_streams(bench, out, err);
    if (status == MOPT_OK && bench->count > 1) {
        status = mopt__pool_new(bench->count, &pool, err);
    }
    if (status == MOPT_OK) {
        status = measure(bench, pool, out, err);
    }
    mopt__pool_free(pool);
    if (status == MOPT_OK) {
        mopt__session_memory(bench->streams[0].session, &out->memory);
        out->threads = mopt__session_threads(bench->streams[0].session);
        out->rss_bytes = mopt__current_rss();
        out->peak_rss = mopt__peak_rss();
    }
    if (status == MOPT_OK && bench->options->per_node) {
        status = profile(bench, out, err);
    }
    return status;
}

enum mopt_status mopt__bench_model(struct mopt_model *model, struct mopt_datum *const *inputs,
                                   const struct mopt_bench_options *options,
                                   struct mopt_bench_result *out, struct mopt_error *err)
{
    int streams = options->streams > 1 ? options->streams : 1;
    *out = (struct mopt_bench_result){.streams = streams};
    mopt__arena_init(&out->names);
    if (streams > STREAMS_MAX) {
        return mopt_error_set(err, MOPT_E_USAGE, "at most %d streams", STREAMS_MAX);
    }
    struct bench bench = {.model = model, .inputs = inputs, .options = options, .count = streams};
    bench.streams = mopt__calloc((size_t)streams, sizeof *bench.streams);
    if (bench.streams == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = bench_all(&bench, out, err);
    close_streams(&bench);
    if (status != MOPT_OK) {
        mopt__bench_release(out);
    }
    return status;
}

void mopt__bench_release(struct mopt_bench_result *result)
{
    mopt__free(result->nodes);
    mopt__arena_release(&result->names);
    *result = (struct mopt_bench_result){0};
}
