// SPDX-License-Identifier: Apache-2.0
// mopt bench: how fast models run, side by side.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/report.h"

enum { THREADS_MAX = 16 };

struct subject { // one model at one number of threads
    const char *path;
    int threads;
    double load_s;
    uint64_t file_bytes, macs;
    bool macs_known;
    struct mopt_bench_result found;
};

struct job {
    struct mopt_cli *cli;
    int threads[THREADS_MAX];
    size_t thread_count;
    struct subject *subjects;
    size_t count;
};

// ---- Measuring ----------------------------------------------------------------------------------

static enum mopt_status parse_threads(struct job *job, struct mopt_error *err)
{
    const char *text = mopt__option_text(&job->cli->options, "threads");
    while (*text != '\0') {
        char item[16];
        size_t length = strcspn(text, ",");
        long long number;
        (void)snprintf(item, sizeof item, "%.*s", (int)(length < 15 ? length : 15), text);
        if (!mopt__parse_i64(item, &number) || number < 0 || number > 256 ||
            job->thread_count == THREADS_MAX) {
            return mopt_error_set(err, MOPT_E_USAGE,
                                  "option '--threads': '%s' is not a list such as 1,2,4", text);
        }
        job->threads[job->thread_count++] = number > 0 ? (int)number : mopt__cpu_count();
        text += length + (text[length] == ',');
    }
    return MOPT_OK;
}

// Cost at the sizes that the inputs really have.
static enum mopt_status count_macs(struct mopt_model *model, struct mopt_datum *const *inputs,
                                   struct subject *subject, struct mopt_error *err)
{
    const struct mopt_graph *graph = model->graph;
    struct mopt_arena arena;
    mopt__arena_init(&arena);
    struct mopt_binding *bindings =
        mopt__arena_alloc(&arena, graph->inputs.count * MOPT_RANK_MAX + 1, sizeof *bindings);
    size_t count = 0;
    for (size_t i = 0; bindings != NULL && i < graph->inputs.count; i++) {
        const struct mopt_value *value = graph->inputs.items[i];
        const struct mopt_type *type = value->type;
        const struct mopt_tensor *tensor = inputs[i] != NULL ? inputs[i]->tensor : NULL;
        if (tensor == NULL || type == NULL || type->rank != tensor->rank) {
            continue;
        }
        for (int axis = 0; axis < type->rank; axis++) {
            int64_t size = 0;
            char *name = mopt__arena_printf(&arena, "%s:%d", value->name, axis);
            if (name != NULL && !mopt__dim_is_known(model->dims, type->dims[axis], &size)) {
                bindings[count++] = (struct mopt_binding){.name = name, .size = tensor->dims[axis]};
            }
        }
    }
    struct mopt_facts facts = {0};
    enum mopt_status status = bindings == NULL
                                  ? mopt_error_memory(err)
                                  : mopt__facts_gather(model, bindings, count, &facts, err);
    mopt__arena_release(&arena);
    if (status == MOPT_OK) {
        subject->file_bytes = facts.file_bytes;
        subject->macs = facts.macs;
        subject->macs_known = facts.macs_open == 0;
        mopt__facts_release(&facts);
    }
    return status;
}

static enum mopt_status measure(struct job *job, struct mopt_model *model,
                                struct mopt_datum *const *inputs, const struct subject *facts,
                                struct mopt_error *err)
{
    const struct mopt_options *options = &job->cli->options;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < job->thread_count && status == MOPT_OK; i++) {
        struct subject *subject = &job->subjects[job->count];
        *subject = *facts;
        subject->threads = job->threads[i];
        struct mopt_bench_options bench = {
            .session = {.threads = job->threads[i],
                        .seed = (uint64_t)mopt__option_int(options, "seed"),
                        .log = &job->cli->log},
            .warmup = (size_t)mopt__option_int(options, "warmup"),
            .min_runs = (size_t)mopt__option_int(options, "runs"),
            .min_seconds = mopt__option_float(options, "time"),
            .per_node = mopt__option_flag(options, "per-node"),
            .budget = &job->cli->budget,
        };
        status = mopt__bench_model(model, inputs, &bench, &subject->found, err);
        job->count += status == MOPT_OK;
    }
    return status;
}

// First sample of the feed; measures while it is valid.
static enum mopt_status measure_first(struct job *job, struct mopt_model *model,
                                      struct subject *facts, struct mopt_error *err)
{
    struct mopt_job_feed feed = {0};
    const struct mopt_feed_item *item = NULL;
    enum mopt_status status = mopt__job_feed_open(job->cli, model, 1, &feed, err);
    if (status == MOPT_OK) {
        status = mopt__feed_next(feed.feed, &item, err);
    }
    if (status == MOPT_OK) {
        status = item != NULL ? count_macs(model, item->inputs, facts, err)
                              : mopt_error_set(err, MOPT_E_VALUE, "the data have no samples");
    }
    if (status == MOPT_OK && item != NULL) {
        status = measure(job, model, item->inputs, facts, err);
    }
    mopt__job_feed_close(&feed);
    return status;
}

static enum mopt_status bench_model(struct job *job, const char *path, struct mopt_model **out,
                                    struct mopt_error *err)
{
    struct subject facts = {.path = path};
    struct mopt_model *model = NULL;
    uint64_t start = mopt__clock_ns();
    enum mopt_status status = mopt__load_model(path, NULL, &model, err);
    facts.load_s = (double)(mopt__clock_ns() - start) * 1e-9;
    if (status != MOPT_OK) {
        return status;
    }
    *out = model;
    if (mopt__option_given(&job->cli->options, "json")) {
        mopt__envelope_input_file(&job->cli->envelope, "model", path);
    }
    status = measure_first(job, model, &facts, err);
    return status != MOPT_OK ? mopt_error_wrap(err, "model '%s'", path) : MOPT_OK;
}

// ---- Output -------------------------------------------------------------------------------------

static const struct subject *reference(const struct job *job, const struct subject *subject)
{
    for (size_t i = 0; i < job->count; i++) {
        if (job->subjects[i].threads == subject->threads) {
            return &job->subjects[i];
        }
    }
    return subject;
}

static double speed_up(const struct job *job, const struct subject *subject)
{
    return reference(job, subject)->found.run.p50 / subject->found.run.p50;
}

static double gflops(const struct subject *subject)
{
    return subject->macs_known && subject->macs > 0
               ? 2 * (double)subject->macs / subject->found.run.p50 * 1e-9
               : NAN;
}

static void time_row(const struct job *job, struct mopt_table *table, const struct subject *subject)
{
    const struct mopt_summary *run = &subject->found.run;
    char a[32];
    char b[32];
    mopt__table_cell(table, "%s", mopt__path_basename(subject->path));
    mopt__table_cell(table, "%d", subject->threads);
    mopt__table_cell(table, "%s", mopt__report_ms(a, run->p50));
    mopt__table_cell(table, "%s .. %s", mopt__report_ms(a, run->median_low),
                     mopt__report_ms(b, run->median_high));
    mopt__table_cell(table, "%s", mopt__report_ms(a, run->min));
    mopt__table_cell(table, "%s", mopt__report_ms(a, run->p90));
    mopt__table_cell(table, "%s", mopt__report_ms(a, run->p99));
    mopt__table_cell(table, "%s ± %s", mopt__report_ms(a, run->mean), mopt__report_ms(b, run->sd));
    mopt__table_cell(table, "%zu", run->count);
    mopt__table_cell(table, isnan(gflops(subject)) ? "-" : "%.1f", gflops(subject));
    double ratio = speed_up(job, subject);
    mopt__table_cell(table, "%.2fx", ratio);
    mopt__table_style(table, ratio > 1.02   ? MOPT_STYLE_GOOD
                             : ratio < 0.98 ? MOPT_STYLE_BAD
                                            : MOPT_STYLE_PLAIN);
}

static void time_table(const struct job *job)
{
    struct mopt_table table = {0};
    static const char *const columns[] = {"model",  "threads", "p50 ms", "95 % interval",
                                          "min ms", "p90 ms",  "p99 ms", "mean ± sd ms",
                                          "runs",   "GFLOP/s", "speed"};
    for (size_t i = 0; i < MOPT_COUNTOF(columns); i++) {
        mopt__table_column(&table, columns[i], i > 0);
    }
    for (size_t i = 0; i < job->count; i++) {
        time_row(job, &table, &job->subjects[i]);
    }
    mopt__job_print_table(job->cli, &table);
    mopt__table_release(&table);
}

static void cost_table(const struct job *job)
{
    struct mopt_table table = {0};
    static const char *const columns[] = {"model",   "threads", "file",
                                          "load ms", "plan ms", "first ms",
                                          "weights", "working", "multiply-adds"};
    for (size_t i = 0; i < MOPT_COUNTOF(columns); i++) {
        mopt__table_column(&table, columns[i], i > 0);
    }
    for (size_t i = 0; i < job->count; i++) {
        const struct subject *subject = &job->subjects[i];
        const struct mopt_session_memory *memory = &subject->found.memory;
        char buf[32];
        mopt__table_cell(&table, "%s", mopt__path_basename(subject->path));
        mopt__table_cell(&table, "%d", subject->threads);
        mopt__table_cell(&table, "%s",
                         mopt__format_bytes(buf, sizeof buf, (double)subject->file_bytes));
        mopt__table_cell(&table, "%s", mopt__report_ms(buf, subject->load_s));
        mopt__table_cell(&table, "%s", mopt__report_ms(buf, subject->found.plan_s));
        mopt__table_cell(&table, "%s", mopt__report_ms(buf, subject->found.first_s));
        mopt__table_cell(&table, "%s",
                         mopt__format_bytes(buf, sizeof buf, (double)memory->constant_bytes));
        mopt__table_cell(&table, "%s",
                         mopt__format_bytes(buf, sizeof buf,
                                            (double)memory->arena_bytes +
                                                (double)memory->heap_peak));
        mopt__table_cell(&table, "%s%s", subject->macs_known ? "" : ">= ",
                         mopt__format_count(buf, sizeof buf, (double)subject->macs));
    }
    mopt__strbuf_add_char(&job->cli->text, '\n');
    mopt__job_print_table(job->cli, &table);
    mopt__table_release(&table);
}

static void node_table(const struct job *job, const struct subject *subject)
{
    struct mopt_table table = {0};
    static const char *const columns[] = {"node", "operator", "calls", "ms", "share", "kernel"};
    for (size_t i = 0; i < MOPT_COUNTOF(columns); i++) {
        mopt__table_column(&table, columns[i], i >= 2 && i <= 4);
    }
    double total = 0;
    for (size_t i = 0; i < subject->found.node_count; i++) {
        total += subject->found.nodes[i].seconds;
    }
    size_t limit = (size_t)mopt__option_int(&job->cli->options, "top");
    for (size_t i = 0; i < subject->found.node_count && (limit == 0 || i < limit); i++) {
        const struct mopt_bench_node *node = &subject->found.nodes[i];
        char buf[32];
        mopt__table_cell(&table, "%s", node->name);
        mopt__table_cell(&table, "%s", node->op);
        mopt__table_cell(&table, "%llu", (unsigned long long)node->calls);
        mopt__table_cell(&table, "%s", mopt__report_ms(buf, node->seconds));
        mopt__table_cell(&table, "%.1f %%", total > 0 ? 100 * node->seconds / total : 0);
        mopt__table_cell(&table, "%s", node->bound ? "fast" : "reference");
    }
    struct mopt_error buf;
    mopt__strbuf_printf(&job->cli->text, "\n%s, %d threads\n", mopt__clean(&buf, subject->path),
                        subject->threads);
    mopt__job_print_table(job->cli, &table);
    mopt__table_release(&table);
}

static void nodes_json(cJSON *item, const struct subject *subject)
{
    cJSON *array = mopt__json_array(item, "nodes");
    for (size_t i = 0; i < subject->found.node_count; i++) {
        const struct mopt_bench_node *node = &subject->found.nodes[i];
        cJSON *object = mopt__json_object(array, NULL);
        mopt__json_text(object, "name", node->name);
        mopt__json_text(object, "operator", node->op);
        mopt__json_size(object, "calls", node->calls);
        mopt__json_number(object, "mean_ms", node->seconds * 1e3);
        mopt__json_bool(object, "fast_kernel", node->bound);
    }
}

// Times are volatile and stand under "run"; sizes and costs are part of the result.
static void add_json(const struct job *job)
{
    cJSON *models = mopt__json_array(job->cli->envelope.result, "models");
    cJSON *times = mopt__json_array(job->cli->envelope.timing, "bench");
    for (size_t i = 0; i < job->count; i++) {
        const struct subject *subject = &job->subjects[i];
        const struct mopt_summary *run = &subject->found.run;
        cJSON *fact = mopt__json_object(models, NULL);
        mopt__json_text(fact, "path", subject->path);
        mopt__json_int(fact, "threads", subject->threads);
        mopt__json_size(fact, "bytes", subject->file_bytes);
        mopt__json_size(fact, "macs", subject->macs);
        mopt__json_size(fact, "constant_bytes", subject->found.memory.constant_bytes);
        mopt__json_size(fact, "arena_bytes", subject->found.memory.arena_bytes);
        mopt__json_size(fact, "arena_floor_bytes", subject->found.memory.arena_floor);
        mopt__json_size(fact, "unshared_bytes", subject->found.memory.unshared_bytes);
        cJSON *item = mopt__json_object(times, NULL);
        mopt__json_text(item, "path", subject->path);
        mopt__json_int(item, "threads", subject->threads);
        mopt__json_number(item, "load_ms", subject->load_s * 1e3);
        mopt__json_number(item, "plan_ms", subject->found.plan_s * 1e3);
        mopt__json_number(item, "first_run_ms", subject->found.first_s * 1e3);
        mopt__json_size(item, "runs", run->count);
        mopt__json_number(item, "min_ms", run->min * 1e3);
        mopt__json_number(item, "p50_ms", run->p50 * 1e3);
        mopt__json_number(item, "p50_ci95_low_ms", run->median_low * 1e3);
        mopt__json_number(item, "p50_ci95_high_ms", run->median_high * 1e3);
        mopt__json_number(item, "p90_ms", run->p90 * 1e3);
        mopt__json_number(item, "p99_ms", run->p99 * 1e3);
        mopt__json_number(item, "mean_ms", run->mean * 1e3);
        mopt__json_number(item, "sd_ms", run->sd * 1e3);
        mopt__json_number(item, "gflops", gflops(subject));
        mopt__json_number(item, "speed", speed_up(job, subject));
        mopt__json_size(item, "heap_peak_bytes", subject->found.memory.heap_peak);
        mopt__json_size(item, "rss_bytes", subject->found.rss_bytes);
        if (subject->found.node_count > 0) {
            nodes_json(item, subject);
        }
    }
}

static void warn_of_noise(const struct job *job)
{
    for (size_t i = 0; i < job->count; i++) {
        const struct mopt_summary *run = &job->subjects[i].found.run;
        double variation = run->sd / run->mean;
        if (variation > 0.15) {
            mopt__log(&job->cli->log, MOPT_LOG_INFO,
                      "times of '%s' vary by %.0f %%: close other programs, or measure longer "
                      "(--time)",
                      job->subjects[i].path, variation * 100);
        }
    }
}

static void conclude(struct job *job)
{
    const struct subject *first = &job->subjects[0];
    const struct subject *last = &job->subjects[job->count - 1];
    const struct mopt_options *options = &job->cli->options;
    double ratio = speed_up(job, last);
    if (reference(job, last) != last && options->positional_count > 1) {
        mopt__job_verdict(job->cli, "%s runs %.2f times as fast as %s (%.3f against %.3f ms)",
                          last->path, ratio, reference(job, last)->path, last->found.run.p50 * 1e3,
                          reference(job, last)->found.run.p50 * 1e3);
    } else {
        mopt__job_verdict(job->cli, "%s takes %.3f ms per run", first->path,
                          first->found.run.p50 * 1e3);
    }
    if (!mopt__option_flag(options, "per-node")) {
        mopt__job_next(job->cli, "mopt bench %s --per-node", last->path);
    } else {
        mopt__job_next(job->cli, "mopt optimize %s", last->path);
    }
}

static void show(struct job *job)
{
    time_table(job);
    if (strcmp(mopt__option_text(&job->cli->options, "format"), "csv") != 0) {
        cost_table(job);
    }
    for (size_t i = 0; i < job->count; i++) {
        if (job->subjects[i].found.node_count > 0) {
            node_table(job, &job->subjects[i]);
        }
    }
    add_json(job);
    warn_of_noise(job);
    conclude(job);
}

// ---- The command --------------------------------------------------------------------------------

static enum mopt_status run(struct mopt_cli *cli, struct mopt_error *err)
{
    struct job job = {.cli = cli};
    size_t models = cli->options.positional_count;
    enum mopt_status status = parse_threads(&job, err);
    struct mopt_model **loaded = mopt__calloc(models, sizeof(struct mopt_model *));
    job.subjects = mopt__calloc(models * THREADS_MAX, sizeof *job.subjects);
    if (status == MOPT_OK && (loaded == NULL || job.subjects == NULL)) {
        status = mopt_error_memory(err);
    }
    if (status != MOPT_OK || loaded == NULL || job.subjects == NULL) {
        mopt__free(loaded);
        mopt__free(job.subjects);
        return status;
    }
    cli->envelope.threads = job.thread_count > 0 ? job.threads[0] : 0;
    for (size_t i = 0; i < models && status == MOPT_OK; i++) {
        status = bench_model(&job, cli->options.positionals[i], &loaded[i], err);
    }
    if (status == MOPT_OK && job.count > 0) {
        show(&job);
    }
    for (size_t i = 0; i < job.count; i++) {
        mopt__bench_release(&job.subjects[i].found);
    }
    for (size_t i = 0; i < models; i++) {
        mopt__model_free(loaded[i]);
    }
    mopt__free(loaded);
    mopt__free(job.subjects);
    return status;
}

static const struct mopt_option_row rows[] = {
    {.name = "threads",
     .letter = 't',
     .kind = MOPT_OPT_STRING,
     .initial = "0",
     .metavar = "LIST",
     .help = "Numbers of threads to measure with, such as 1,2,4; 0: all processors."},
    {.name = "runs",
     .letter = 'r',
     .kind = MOPT_OPT_INT,
     .initial = "20",
     .metavar = "N",
     .min = 1,
     .max = 1e6,
     .help = "Measure at least N runs."},
    {.name = "time",
     .kind = MOPT_OPT_DURATION,
     .initial = "1s",
     .metavar = "TIME",
     .help = "Measure at least this long."},
    {.name = "warmup",
     .letter = 'w',
     .kind = MOPT_OPT_INT,
     .initial = "3",
     .metavar = "N",
     .min = 0,
     .max = 1e6,
     .help = "Runs that do not count, after the first one."},
    {.name = "per-node", .kind = MOPT_OPT_FLAG, .help = "Show where the time goes."},
    {.name = "top",
     .kind = MOPT_OPT_INT,
     .initial = "20",
     .metavar = "N",
     .min = 0,
     .max = 1e9,
     .help = "Rows of the node table; 0: all."},
    MOPT_ROW_DATA("Take the first sample from here; random numbers if not given."),
    MOPT_ROW_INPUT,
    MOPT_ROWS_SAMPLES,
    MOPT_ROW_DIM,
    MOPT_ROW_FORMAT,
};

static const struct mopt_example examples[] = {
    {"mopt bench model.onnx", "Latency, throughput, memory, on random inputs."},
    {"mopt bench model.onnx model.int8.onnx --threads 1,2 --json=bench.json",
     "Side by side; speed is relative to the first model."},
    {"mopt bench model.onnx --per-node --batch 8", "Where the time of a batch of eight goes."},
};

const struct mopt_command mopt__command_bench = {
    .name = "bench",
    .group = MOPT_GROUP_RUN,
    .summary = "latency, memory and per-node times of models, side by side",
    .usage = "MODEL...",
    .details = "Loading, planning and the first run are measured apart. p50, p90 and p99 are "
               "quantiles over runs; the interval is that of the median at 95 %. GFLOP/s counts "
               "two operations per multiply-add. \"working\" is the memory of intermediate "
               "results. Per-node times come from further runs; their sum is not the time of a "
               "run.",
    .examples = examples,
    .example_count = MOPT_COUNTOF(examples),
    .rows = rows,
    .row_count = MOPT_COUNTOF(rows),
    .positional_min = 1,
    .positional_max = SIZE_MAX,
    .complete = MOPT_COMPLETE_MODEL,
    .run = run,
};
