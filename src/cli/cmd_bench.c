// SPDX-License-Identifier: Apache-2.0
// mopt bench: how fast models run, side by side.
#include <stdio.h>
#include <string.h>

#include "cli/bench.h"

// ---- Options ------------------------------------------------------------------------------------

// Numbers separated by commas, each in [low, high].
static enum mopt_status parse_list(const struct mopt_options *options, const char *name,
                                   int64_t low, int64_t high, int64_t *items, size_t *count,
                                   struct mopt_error *err)
{
    const char *text = mopt__option_text(options, name);
    const char *place = text;
    *count = 0;
    do {
        char item[24];
        size_t length = strcspn(place, ",");
        long long number = 0;
        (void)snprintf(item, sizeof item, "%.*s", (int)(length < 23 ? length : 23), place);
        if (!mopt__parse_i64(item, &number) || number < low || number > high ||
            *count == MOPT_BENCH_LIST) {
            return mopt_error_set(err, MOPT_E_USAGE,
                                  "option '--%s': '%s' is not a list such as 1,2,4", name, text);
        }
        items[(*count)++] = number;
        place += length;
    } while (*place++ == ',');
    return MOPT_OK;
}

static enum mopt_status parse_lists(struct mopt_bench_job *job, struct mopt_error *err)
{
    const struct mopt_options *options = &job->cli->options;
    enum mopt_status status =
        parse_list(options, "threads", 0, 256, job->threads, &job->thread_count, err);
    if (status == MOPT_OK) {
        status = parse_list(options, "batch", 1, 1000000, job->batches, &job->batch_count, err);
    }
    for (size_t i = 0; i < job->thread_count; i++) {
        job->threads[i] = job->threads[i] > 0 ? job->threads[i] : mopt__cpu_count();
    }
    if (mopt__option_int(options, "streams") > 1) {
        job->threads[0] = 1; // of each stream
        job->thread_count = 1;
    }
    return status;
}

static enum mopt_status check_options(const struct mopt_options *options, struct mopt_error *err)
{
    if (mopt__option_given(options, "max-regress") && !mopt__option_given(options, "baseline")) {
        return mopt_error_set(err, MOPT_E_USAGE,
                              "option '--max-regress' needs earlier times: --baseline FILE");
    }
    if (mopt__option_int(options, "streams") > 1 && mopt__option_given(options, "threads")) {
        return mopt_error_set(
            err, MOPT_E_USAGE,
            "options '--streams' and '--threads' exclude each other: every stream "
            "has one thread");
    }
    return MOPT_OK;
}

// ---- Measuring ----------------------------------------------------------------------------------

// What the model costs at the sizes that its inputs really have, and a table of sizes bound to
// them.
struct costing {
    struct mopt_arena arena;
    struct mopt_binding *bindings;
    size_t count;
    struct mopt_dims *dims;
};

static void bind_input(const struct mopt_model *model, const struct mopt_value *value,
                       const struct mopt_tensor *tensor, struct costing *costing)
{
    const struct mopt_type *type = value->type;
    if (tensor == NULL || type == NULL || type->rank != tensor->rank) {
        return;
    }
    for (int axis = 0; axis < type->rank; axis++) {
        int64_t size = 0;
        char *name = mopt__arena_printf(&costing->arena, "%s:%d", value->name, axis);
        if (name != NULL && !mopt__dim_is_known(model->dims, type->dims[axis], &size)) {
            costing->bindings[costing->count++] =
                (struct mopt_binding){.name = name, .size = tensor->dims[axis]};
        }
    }
}

static enum mopt_status bind_inputs(struct mopt_model *model, struct mopt_datum *const *inputs,
                                    struct costing *costing, struct mopt_error *err)
{
    const struct mopt_graph *graph = model->graph;
    mopt__arena_init(&costing->arena);
    costing->bindings = mopt__arena_alloc(&costing->arena, graph->inputs.count * MOPT_RANK_MAX + 1,
                                          sizeof *costing->bindings);
    if (costing->bindings == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < graph->inputs.count; i++) {
        bind_input(model, graph->inputs.items[i], inputs[i] != NULL ? inputs[i]->tensor : NULL,
                   costing);
    }
    return MOPT_OK;
}

// Some input has taken the batch: else the figures would be those of another one.
static enum mopt_status check_batch(const struct mopt_model *model,
                                    struct mopt_datum *const *inputs, int64_t batch,
                                    struct mopt_error *err)
{
    bool taken = batch == 1;
    for (size_t i = 0; i < model->graph->inputs.count && !taken; i++) {
        const struct mopt_tensor *tensor = inputs[i] != NULL ? inputs[i]->tensor : NULL;
        taken = tensor != NULL && tensor->rank > 0 && tensor->dims[0] == batch;
    }
    return taken ? MOPT_OK
                 : mopt_error_set(err, MOPT_E_USAGE,
                                  "no input leaves axis 0 open for a batch of this size");
}

static bool is_integer(const struct mopt_facts *facts)
{
    return facts->integer_nodes > 0 || facts->quantize_nodes > 0;
}

static enum mopt_status count_costs(struct mopt_model *model, struct mopt_datum *const *inputs,
                                    struct mopt_bench_subject *subject, struct costing *costing,
                                    struct mopt_error *err)
{
    struct mopt_facts facts = {0};
    enum mopt_status status = bind_inputs(model, inputs, costing, err);
    if (status == MOPT_OK) {
        status = mopt__facts_gather(model, costing->bindings, costing->count, &facts, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    subject->file_bytes = facts.file_bytes;
    subject->macs = facts.macs;
    subject->macs_known = facts.macs_open == 0;
    subject->integer = is_integer(&facts);
    mopt__facts_release(&facts);
    costing->dims = mopt__dims_clone(model->dims);
    return costing->dims == NULL ? mopt_error_memory(err)
                                 : mopt__bind_dims(model->graph, costing->dims, costing->bindings,
                                                   costing->count, 1, err);
}

static void costing_release(struct costing *costing)
{
    mopt__dims_free(costing->dims);
    mopt__arena_release(&costing->arena);
}

static bool wants_nodes(const struct mopt_options *options)
{
    return mopt__option_flag(options, "per-node") || mopt__option_given(options, "trace");
}

// Measures the peaks that this subject needs and that are not known yet for its threads.
static enum mopt_status measure_peaks(struct mopt_bench_job *job, size_t index, bool integer,
                                      struct mopt_error *err)
{
    struct mopt_peaks *known = &job->peaks[index];
    struct mopt_peaks fresh;
    int streams = (int)mopt__option_int(&job->cli->options, "streams");
    int width = streams > 1 ? streams : (int)job->threads[index];
    const struct mopt_peaks_wanted wanted = {
        .f32 = !integer && known->f32 == 0,
        .u8 = integer && known->u8 == 0,
        .read = wants_nodes(&job->cli->options) && known->read == 0,
        .bf16 = mopt__option_flag(&job->cli->options, "bf16"),
    };
    if (!wanted.f32 && !wanted.u8 && !wanted.read) {
        return MOPT_OK;
    }
    enum mopt_status status = mopt__peaks_measure(mopt__cpu_isa(), width, &wanted, &fresh, err);
    if (status == MOPT_OK) {
        fresh.f32 = wanted.f32 ? fresh.f32 : known->f32;
        fresh.u8 = wanted.u8 ? fresh.u8 : known->u8;
        fresh.read = wanted.read ? fresh.read : known->read;
        *known = fresh;
    }
    return status;
}

static enum mopt_status measure(struct mopt_bench_job *job, struct mopt_model *model,
                                struct mopt_datum *const *inputs, const struct costing *costing,
                                const struct mopt_bench_subject *facts, struct mopt_error *err)
{
    const struct mopt_options *options = &job->cli->options;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < job->thread_count && status == MOPT_OK; i++) {
        struct mopt_bench_subject *subject = &job->subjects[job->count];
        *subject = *facts;
        subject->threads = (int)job->threads[i];
        struct mopt_bench_options bench = {
            .session = mopt__job_options(job->cli),
            .warmup_seconds = mopt__option_float(options, "warmup"),
            .min_runs = (size_t)mopt__option_int(options, "runs"),
            .min_seconds = mopt__option_float(options, "time"),
            .streams = (int)mopt__option_int(options, "streams"),
            .per_node = wants_nodes(options),
            .dims = costing->dims,
            .budget = &job->cli->budget,
        };
        status = measure_peaks(job, i, subject->integer, err);
        if (status == MOPT_OK) {
            subject->peaks = job->peaks[i];
            bench.session.threads = subject->threads;
            status = mopt__bench_model(model, inputs, &bench, &subject->found, err);
        }
        job->count += status == MOPT_OK;
    }
    return status;
}

// First sample of the feed; measures while it is valid.
static enum mopt_status measure_first(struct mopt_bench_job *job, struct mopt_model *model,
                                      struct mopt_bench_subject *facts, struct mopt_error *err)
{
    struct mopt_job_feed feed = {0};
    const struct mopt_feed_item *item = NULL;
    struct costing costing = {0};
    enum mopt_status status = mopt__job_feed_open(job->cli, model, 1, &feed, err);
    if (status == MOPT_OK) {
        status = mopt__feed_next(feed.feed, &item, err);
    }
    if (status == MOPT_OK && item == NULL) {
        status = mopt_error_set(err, MOPT_E_VALUE, "the data have no samples");
    }
    if (status == MOPT_OK && item != NULL) {
        status = check_batch(model, item->inputs, facts->batch, err);
    }
    if (status == MOPT_OK && item != NULL) {
        status = count_costs(model, item->inputs, facts, &costing, err);
    }
    if (status == MOPT_OK && item != NULL) {
        status = measure(job, model, item->inputs, &costing, facts, err);
    }
    costing_release(&costing);
    mopt__job_feed_close(&feed);
    return status;
}

// The number that the feed reads as --batch.
static void set_batch(struct mopt_cli *cli, int64_t batch)
{
    for (size_t i = 0; i < cli->options.count; i++) {
        if (strcmp(cli->options.values[i].row->name, "batch") == 0) {
            cli->options.values[i].i = batch;
        }
    }
}

static enum mopt_status bench_model(struct mopt_bench_job *job, const char *path,
                                    struct mopt_model **out, struct mopt_error *err)
{
    struct mopt_bench_subject facts = {.path = path};
    uint64_t start = mopt__clock_ns();
    enum mopt_status status = mopt__load_model(path, NULL, out, err);
    facts.load_s = (double)(mopt__clock_ns() - start) * 1e-9;
    if (status != MOPT_OK) {
        return status;
    }
    mopt__envelope_input_file(&job->cli->envelope, "model", path);
    for (size_t i = 0; i < job->batch_count && status == MOPT_OK; i++) {
        facts.batch = job->batches[i];
        set_batch(job->cli, facts.batch);
        status = measure_first(job, *out, &facts, err);
        if (status != MOPT_OK && facts.batch > 1) {
            status = mopt_error_wrap(err, "batch %lld", (long long)facts.batch);
        }
    }
    return status != MOPT_OK ? mopt_error_wrap(err, "model '%s'", path) : MOPT_OK;
}

// ---- The command --------------------------------------------------------------------------------

static enum mopt_status finish(struct mopt_bench_job *job, struct mopt_error *err)
{
    const struct mopt_options *options = &job->cli->options;
    const char *trace = mopt__option_text(options, "trace");
    const char *baseline = mopt__option_text(options, "baseline");
    enum mopt_status status = MOPT_OK;
    mopt__bench_report(job);
    if (trace != NULL && !mopt__option_flag(options, "dry-run")) {
        status = mopt__bench_trace(job, trace, err);
    }
    if (status == MOPT_OK && baseline != NULL) {
        status =
            mopt__bench_baseline(job, baseline, mopt__option_float(options, "max-regress"), err);
    }
    return status;
}

static enum mopt_status bench_all(struct mopt_bench_job *job, struct mopt_model **loaded,
                                  struct mopt_error *err)
{
    struct mopt_cli *cli = job->cli;
    enum mopt_status status = MOPT_OK;
    cli->envelope.threads = (int)job->threads[0];
    for (size_t i = 0; i < cli->options.positional_count && status == MOPT_OK; i++) {
        status = bench_model(job, cli->options.positionals[i], &loaded[i], err);
    }
    if (status == MOPT_OK && job->count > 0) {
        status = finish(job, err);
    }
    return status;
}

static enum mopt_status run(struct mopt_cli *cli, struct mopt_error *err)
{
    struct mopt_bench_job job = {.cli = cli};
    size_t models = cli->options.positional_count;
    enum mopt_status status = check_options(&cli->options, err);
    if (status == MOPT_OK) {
        status = parse_lists(&job, err);
    }
    if (status == MOPT_OK) {
        status = mopt__job_claim(cli, mopt__option_text(&cli->options, "trace"), err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_model **loaded = mopt__calloc(models, sizeof(struct mopt_model *));
    job.subjects = mopt__calloc(models * job.thread_count * job.batch_count, sizeof *job.subjects);
    status = loaded != NULL && job.subjects != NULL ? bench_all(&job, loaded, err)
                                                    : mopt_error_memory(err);
    for (size_t i = 0; i < job.count; i++) {
        mopt__bench_release(&job.subjects[i].found);
    }
    for (size_t i = 0; loaded != NULL && i < models; i++) {
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
    {.name = "batch",
     .letter = 'b',
     .kind = MOPT_OPT_STRING,
     .initial = "1",
     .metavar = "LIST",
     .help = "Samples per run along axis 0, such as 1,2,4, where the model leaves that axis open."},
    {.name = "streams",
     .kind = MOPT_OPT_INT,
     .initial = "1",
     .metavar = "N",
     .min = 1,
     .max = 256,
     .help = "Throughput: N runs at the same time, one thread each."},
    {.name = "runs",
     .letter = 'r',
     .kind = MOPT_OPT_INT,
     .initial = "50",
     .metavar = "N",
     .min = 1,
     .max = 1e6,
     .help = "Measure at least N runs."},
    {.name = "time",
     .kind = MOPT_OPT_DURATION,
     .initial = "2s",
     .metavar = "TIME",
     .help = "Measure at least this long."},
    {.name = "warmup",
     .letter = 'w',
     .kind = MOPT_OPT_DURATION,
     .initial = "1s",
     .metavar = "TIME",
     .help =
         "After the first run, run until two medians agree within 2 %, at most this long; these "
         "runs do not count."},
    {.name = "per-node", .kind = MOPT_OPT_FLAG, .help = "Show where the time goes."},
    {.name = "top",
     .kind = MOPT_OPT_INT,
     .flags = MOPT_OPT_VIEW,
     .initial = "20",
     .metavar = "N",
     .min = 0,
     .max = 1e9,
     .help = "Rows of the node table; 0: all."},
    {.name = "trace",
     .kind = MOPT_OPT_FILE,
     .metavar = "FILE",
     .complete = MOPT_COMPLETE_FILE,
     .help = "Write the mean times of the nodes, one after the other, for chrome://tracing."},
    {.name = "baseline",
     .kind = MOPT_OPT_FILE,
     .metavar = "FILE",
     .complete = MOPT_COMPLETE_FILE,
     .help = "Result of an earlier run (--json=FILE) on this machine to hold the medians against."},
    {.name = "max-regress",
     .kind = MOPT_OPT_FLOAT,
     .initial = "5%",
     .metavar = "X",
     .min = 0,
     .max = 1e3,
     .help = "Exit with 1 when a median is more than X above the baseline's."},
    MOPT_ROW_DATA("Take the first sample from here; random numbers if not given."),
    MOPT_ROW_INPUT,
    MOPT_ROWS_CHOICE_OF("0", "Use at most N samples; 0: all (of random data: a few)."),
    MOPT_ROW_DIM,
    MOPT_ROW_FORMAT,
};

static const struct mopt_example examples[] = {
    {"mopt bench model.onnx", "Latency, throughput, memory, on random inputs."},
    {"mopt bench model.onnx model.int8.onnx --threads 1,2 --json=bench.json",
     "Side by side; speed is relative to the first model."},
    {"mopt bench model.onnx --per-node --batch 1,8", "Where the time goes, one sample and eight."},
    {"mopt bench model.onnx --baseline bench.json --max-regress 5%",
     "Fail when the model has become slower."},
};

const struct mopt_command mopt__command_bench = {
    .name = "bench",
    .group = MOPT_GROUP_RUN,
    .summary = "latency, memory and per-node times of models, side by side",
    .usage = "MODEL...",
    .details =
        "Loading, planning and the first run are measured apart. p50, p90 and p99 are quantiles "
        "over runs; the interval is that of the median at 95 %. Gop/s counts two operations per "
        "multiply-add, \"of peak\" is their share of what these threads can do on registers alone, "
        "measured in the same process with the instructions in use (in 8 bits for quantized "
        "models). \"speed\" is samples per second against the first model."
        "\n\n"
        "\"packed\" are weights in the order that kernels want, \"arena\" and \"heap\" hold "
        "intermediate results, \"resident\" is the most memory that the process ever had. Energy "
        "comes from the powercap counters where they can be read."
        "\n\n"
        "Times of nodes come from further runs; their sum is not the time of a run. \"Conv +2\" is "
        "a "
        "node with two others that were fused into it or computed beforehand. \"bound\" says "
        "whether arithmetic or memory limits a node, \"of roof\" how near it comes to that limit; "
        "bytes count once, at the rate of reading 64 MiB: above 100 % they came from caches.",
    .examples = examples,
    .example_count = MOPT_COUNTOF(examples),
    .rows = rows,
    .row_count = MOPT_COUNTOF(rows),
    .positional_min = 1,
    .positional_max = SIZE_MAX,
    .complete = MOPT_COMPLETE_MODEL,
    .run = run,
};
