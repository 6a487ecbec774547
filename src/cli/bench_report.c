// SPDX-License-Identifier: Apache-2.0
// Shows what mopt bench measured: tables, JSON, notes about noise, verdict.
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/bench.h"

// ---- Derived figures ----------------------------------------------------------------------------

static const struct mopt_bench_subject *reference(const struct mopt_bench_job *job,
                                                  const struct mopt_bench_subject *subject)
{
    for (size_t i = 0; i < job->count; i++) {
        const struct mopt_bench_subject *other = &job->subjects[i];
        if (other->threads == subject->threads && other->batch == subject->batch) {
            return other;
        }
    }
    return subject;
}

double mopt__bench_rate(const struct mopt_bench_subject *subject)
{
    double runs =
        subject->found.streams > 1 ? subject->found.runs_per_second : 1 / subject->found.run.p50;
    return runs * (double)subject->batch;
}

double mopt__bench_speed(const struct mopt_bench_job *job, const struct mopt_bench_subject *subject)
{
    return mopt__bench_rate(subject) / mopt__bench_rate(reference(job, subject));
}

int mopt__bench_width(const struct mopt_bench_subject *subject)
{
    return subject->found.streams > 1 ? subject->found.streams : subject->threads;
}

double mopt__bench_gops(const struct mopt_bench_subject *subject)
{
    if (!subject->macs_known || subject->macs == 0) {
        return NAN;
    }
    double runs = mopt__bench_rate(subject) / (double)subject->batch;
    return 2 * (double)subject->macs * runs * 1e-9;
}

double mopt__bench_peak(const struct mopt_bench_subject *subject)
{
    return subject->integer ? subject->peaks.u8 : subject->peaks.f32;
}

double mopt__bench_part_of_peak(const struct mopt_bench_subject *subject)
{
    double peak = mopt__bench_peak(subject);
    return peak > 0 ? mopt__bench_gops(subject) * 1e9 / peak : NAN;
}

// ---- Tables -------------------------------------------------------------------------------------

static bool is_csv(const struct mopt_bench_job *job)
{
    return strcmp(mopt__option_text(&job->cli->options, "format"), "csv") == 0;
}

static void cell_number(struct mopt_table *table, const char *format, double value)
{
    char text[48];
    int length = 1;
    if (isnan(value)) {
        text[0] = '-';
    } else if (strcmp(format, "%") == 0) {
        length = snprintf(text, sizeof text, "%.1f %%", 100 * value);
    } else {
        length = snprintf(text, sizeof text, "%.*f", value < 100 ? 2 : 0, value);
    }
    mopt__table_cell(table, "%.*s", length, text);
}

static void columns(struct mopt_table *table, const char *const *names, size_t count, size_t left)
{
    for (size_t i = 0; i < count; i++) {
        mopt__table_column(table, names[i], i >= left);
    }
}

static void name_cells(struct mopt_table *table, const struct mopt_bench_subject *subject)
{
    mopt__table_cell(table, "%s", mopt__path_basename(subject->path));
    if (subject->found.streams > 1) {
        mopt__table_cell(table, "%d x 1", subject->found.streams);
    } else {
        mopt__table_cell(table, "%d", subject->threads);
    }
    mopt__table_cell(table, "%lld", (long long)subject->batch);
}

static void time_row(const struct mopt_bench_job *job, struct mopt_table *table,
                     const struct mopt_bench_subject *subject)
{
    const struct mopt_summary *run = &subject->found.run;
    char a[32];
    char b[32];
    name_cells(table, subject);
    mopt__table_cell(table, "%s", mopt__report_ms(a, run->p50));
    mopt__table_cell(table, "%s .. %s", mopt__report_ms(a, run->median_low),
                     mopt__report_ms(b, run->median_high));
    mopt__table_cell(table, "%s", mopt__report_ms(a, run->min));
    mopt__table_cell(table, "%s", mopt__report_ms(a, run->p90));
    mopt__table_cell(table, "%s", mopt__report_ms(a, run->p99));
    mopt__table_cell(table, "%s ± %s", mopt__report_ms(a, run->mean), mopt__report_ms(b, run->sd));
    mopt__table_cell(table, "%zu", run->count);
    cell_number(table, "", mopt__bench_rate(subject));
    cell_number(table, "", mopt__bench_gops(subject));
    cell_number(table, "%", mopt__bench_part_of_peak(subject));
    double ratio = mopt__bench_speed(job, subject);
    mopt__table_cell(table, "%.2fx", ratio);
    mopt__table_style(table, ratio > 1.02   ? MOPT_STYLE_GOOD
                             : ratio < 0.98 ? MOPT_STYLE_BAD
                                            : MOPT_STYLE_PLAIN);
}

static void time_table(const struct mopt_bench_job *job)
{
    struct mopt_table table = {0};
    static const char *const names[] = {"model",         "threads", "batch",     "p50 ms",
                                        "95 % interval", "min ms",  "p90 ms",    "p99 ms",
                                        "mean ± sd ms",  "runs",    "samples/s", "Gop/s",
                                        "of peak",       "speed"};
    columns(&table, names, MOPT_COUNTOF(names), 1);
    for (size_t i = 0; i < job->count; i++) {
        time_row(job, &table, &job->subjects[i]);
    }
    mopt__job_print_table(job->cli, &table);
    mopt__table_release(&table);
}

static void cell_bytes(struct mopt_table *table, double bytes)
{
    char buf[32];
    mopt__table_cell(table, "%s", mopt__format_bytes(buf, sizeof buf, bytes));
}

static void cost_row(struct mopt_table *table, const struct mopt_bench_subject *subject)
{
    const struct mopt_session_memory *memory = &subject->found.memory;
    char buf[32];
    name_cells(table, subject);
    cell_bytes(table, (double)subject->file_bytes);
    mopt__table_cell(table, "%s", mopt__report_ms(buf, subject->load_s));
    mopt__table_cell(table, "%s", mopt__report_ms(buf, subject->found.plan_s));
    mopt__table_cell(table, "%s", mopt__report_ms(buf, subject->found.first_s));
    cell_bytes(table, (double)memory->constant_bytes);
    cell_bytes(table, (double)memory->packed_bytes);
    cell_bytes(table, (double)memory->arena_bytes);
    cell_bytes(table, (double)memory->heap_peak);
    cell_bytes(table, (double)subject->found.peak_rss);
    mopt__table_cell(table, "%s%s", subject->macs_known ? "" : ">= ",
                     mopt__format_count(buf, sizeof buf, (double)subject->macs));
    double joules = subject->found.use.joules / (double)subject->found.run.count;
    if (isnan(joules)) {
        mopt__table_cell(table, "-");
    } else {
        mopt__table_cell(table, "%.3g", joules * 1e3);
    }
}

static void cost_table(const struct mopt_bench_job *job)
{
    struct mopt_table table = {0};
    static const char *const names[] = {"model",   "threads",  "batch",         "file",   "load ms",
                                        "plan ms", "first ms", "weights",       "packed", "arena",
                                        "heap",    "resident", "multiply-adds", "mJ/run"};
    columns(&table, names, MOPT_COUNTOF(names), 1);
    for (size_t i = 0; i < job->count; i++) {
        cost_row(&table, &job->subjects[i]);
    }
    mopt__strbuf_add_char(&job->cli->text, '\n');
    mopt__job_print_table(job->cli, &table);
    mopt__table_release(&table);
}

static void peak_lines(const struct mopt_bench_job *job)
{
    struct mopt_strbuf *text = &job->cli->text;
    for (size_t i = 0; i < job->thread_count; i++) {
        const struct mopt_peaks *peaks = &job->peaks[i];
        mopt__strbuf_printf(text, "%speak with %s, threads: %d", i == 0 ? "\n" : "",
                            mopt__isa_name(peaks->isa), peaks->threads);
        if (peaks->f32 > 0) {
            mopt__strbuf_printf(text, ", %.1f GFLOP/s", peaks->f32 * 1e-9);
        }
        if (peaks->u8 > 0) {
            mopt__strbuf_printf(text, ", %.1f GOP/s in 8 bits", peaks->u8 * 1e-9);
        }
        if (peaks->read > 0) {
            mopt__strbuf_printf(text, ", reading %.1f GB/s", peaks->read * 1e-9);
        }
        mopt__strbuf_add_char(text, '\n');
    }
}

// ---- Nodes --------------------------------------------------------------------------------------

static void node_row(struct mopt_table *table, const struct mopt_bench_subject *subject,
                     const struct mopt_bench_node *node, double total)
{
    char buf[32];
    struct mopt_bench_roof roof = mopt__bench_roof(subject, node);
    mopt__table_cell(table, "%s", node->name);
    if (node->fused > 0) {
        mopt__table_cell(table, "%s +%zu", node->op, node->fused);
    } else {
        mopt__table_cell(table, "%s", node->op);
    }
    mopt__table_cell(table, "%llu", (unsigned long long)node->calls);
    mopt__table_cell(table, "%s", mopt__report_ms(buf, node->seconds));
    cell_number(table, "%", total > 0 ? node->seconds / total : 0);
    mopt__table_cell(table, "%s", node->bound ? "fast" : "reference");
    cell_number(table, "", node->seconds > 0 ? roof.operations / node->seconds * 1e-9 : NAN);
    mopt__table_cell(table, "%s", mopt__bound_name(roof.bound));
    cell_number(table, "%", roof.part);
}

static void node_table(const struct mopt_bench_job *job, const struct mopt_bench_subject *subject)
{
    struct mopt_table table = {0};
    static const char *const names[] = {"node",   "operator", "calls", "ms",     "share",
                                        "kernel", "Gop/s",    "bound", "of roof"};
    for (size_t i = 0; i < MOPT_COUNTOF(names); i++) {
        mopt__table_column(&table, names[i], i >= 2 && i != 5 && i != 7);
    }
    double total = 0;
    for (size_t i = 0; i < subject->found.node_count; i++) {
        total += subject->found.nodes[i].seconds;
    }
    size_t limit = (size_t)mopt__option_int(&job->cli->options, "top");
    for (size_t i = 0; i < subject->found.node_count && (limit == 0 || i < limit); i++) {
        node_row(&table, subject, &subject->found.nodes[i], total);
    }
    struct mopt_error buf;
    mopt__strbuf_add_char(&job->cli->text, '\n');
    if (!is_csv(job)) {
        mopt__strbuf_printf(&job->cli->text, "%s, %d threads, batch %lld\n",
                            mopt__clean(&buf, subject->path), subject->threads,
                            (long long)subject->batch);
    }
    mopt__job_print_table(job->cli, &table);
    mopt__table_release(&table);
}

// ---- Notes --------------------------------------------------------------------------------------

// A line on standard error and an item under "run". No warning: those are part of the result, which
// must not depend on how busy the machine was.
static void note(const struct mopt_bench_job *job, cJSON *notes, const char *format, ...)
    MOPT_PRINTF(3, 4);
static void note(const struct mopt_bench_job *job, cJSON *notes, const char *format, ...)
{
    struct mopt_strbuf line = {0};
    struct mopt_error buf;
    va_list args;
    mopt__strbuf_add(&line, "note: ");
    va_start(args, format);
    mopt__strbuf_vprintf(&line, format, args);
    va_end(args);
    const char *text = mopt__clean(&buf, mopt__strbuf_text(&line));
    mopt__json_text(notes, NULL, text + strlen("note: "));
    mopt__sink_line(&job->cli->sink, text);
    mopt__strbuf_release(&line);
}

static void notes_on(const struct mopt_bench_job *job, const struct mopt_bench_subject *subject,
                     cJSON *notes)
{
    const struct mopt_summary *run = &subject->found.run;
    const struct mopt_machine_use *use = &subject->found.use;
    const char *name = mopt__path_basename(subject->path);
    double variation = run->sd / run->mean;
    if (variation > 0.15) {
        note(job, notes,
             "times of '%s' vary by %.0f %%: close other programs, or measure longer (--time)",
             name, variation * 100);
    }
    if (use->pressure > 0.25) {
        note(job, notes,
             "the machine was busy: something waited for a processor in %.0f %% of the "
             "time",
             use->pressure * 100);
    }
    if (use->steal > 0.02) {
        note(job, notes, "the host took %.0f %% of the processors' time", use->steal * 100);
    }
    if (!subject->found.stable && subject->found.warmup_s > 0) {
        note(job, notes, "times of '%s' had not settled within 2 %% after %.1f s of warming up",
             name, subject->found.warmup_s);
    }
    if (subject->found.first_s > 3 * run->p50 && subject->found.first_s > 0.05) {
        note(job, notes,
             "the first run of '%s' took %.0f ms, %.1f times the median: it plans, packs weights "
             "and touches its memory for the first time",
             name, subject->found.first_s * 1e3, subject->found.first_s / run->p50);
    }
}

// ---- JSON ---------------------------------------------------------------------------------------

static void nodes_json(cJSON *item, const struct mopt_bench_subject *subject)
{
    cJSON *array = mopt__json_array(item, "nodes");
    for (size_t i = 0; i < subject->found.node_count; i++) {
        const struct mopt_bench_node *node = &subject->found.nodes[i];
        struct mopt_bench_roof roof = mopt__bench_roof(subject, node);
        cJSON *object = mopt__json_object(array, NULL);
        mopt__json_text(object, "name", node->name);
        mopt__json_text(object, "operator", node->op);
        mopt__json_size(object, "fused", node->fused);
        mopt__json_size(object, "place", node->place);
        mopt__json_size(object, "calls", node->calls);
        mopt__json_number(object, "mean_ms", node->seconds * 1e3);
        mopt__json_bool(object, "fast_kernel", node->bound);
        mopt__json_number(object, "operations", roof.operations);
        mopt__json_size(object, "bytes", node->cost.bytes);
        mopt__json_text(object, "bound",
                        roof.bound != MOPT_BOUND_UNKNOWN ? mopt__bound_name(roof.bound) : NULL);
        mopt__json_number(object, "part_of_roof", roof.part);
    }
}

static void identity_json(cJSON *item, const struct mopt_bench_subject *subject)
{
    mopt__json_text(item, "path", subject->path);
    mopt__json_int(item, "threads", subject->threads);
    mopt__json_int(item, "batch", subject->batch);
    mopt__json_int(item, "streams", subject->found.streams);
}

static void fact_json(cJSON *item, const struct mopt_bench_subject *subject)
{
    const struct mopt_session_memory *memory = &subject->found.memory;
    identity_json(item, subject);
    mopt__json_size(item, "bytes", subject->file_bytes);
    mopt__json_size(item, "macs", subject->macs);
    mopt__json_text(item, "operations", subject->integer ? "integer" : "float");
    mopt__json_size(item, "constant_bytes", memory->constant_bytes);
    mopt__json_size(item, "packed_bytes", memory->packed_bytes);
    mopt__json_size(item, "arena_bytes", memory->arena_bytes);
    mopt__json_size(item, "arena_floor_bytes", memory->arena_floor);
    mopt__json_size(item, "unshared_bytes", memory->unshared_bytes);
}

static void run_json(cJSON *item, const struct mopt_summary *run)
{
    mopt__json_size(item, "runs", run->count);
    mopt__json_number(item, "min_ms", run->min * 1e3);
    mopt__json_number(item, "p50_ms", run->p50 * 1e3);
    mopt__json_number(item, "p50_ci95_low_ms", run->median_low * 1e3);
    mopt__json_number(item, "p50_ci95_high_ms", run->median_high * 1e3);
    mopt__json_number(item, "p90_ms", run->p90 * 1e3);
    mopt__json_number(item, "p99_ms", run->p99 * 1e3);
    mopt__json_number(item, "max_ms", run->max * 1e3);
    mopt__json_number(item, "mean_ms", run->mean * 1e3);
    mopt__json_number(item, "sd_ms", run->sd * 1e3);
}

static void surroundings_json(cJSON *item, const struct mopt_bench_result *found)
{
    mopt__json_number(item, "pressure", found->use.pressure);
    mopt__json_number(item, "steal", found->use.steal);
    mopt__json_number(item, "energy_j", found->use.joules / (double)found->run.count);
    mopt__json_text(item, "energy_reason", found->use.energy_reason);
    mopt__json_size(item, "heap_peak_bytes", found->memory.heap_peak);
    mopt__json_size(item, "rss_bytes", found->rss_bytes);
    mopt__json_size(item, "peak_rss_bytes", found->peak_rss);
}

static void time_json(const struct mopt_bench_job *job, cJSON *item,
                      const struct mopt_bench_subject *subject)
{
    double gops = mopt__bench_gops(subject);
    identity_json(item, subject);
    mopt__json_number(item, "load_ms", subject->load_s * 1e3);
    mopt__json_number(item, "plan_ms", subject->found.plan_s * 1e3);
    mopt__json_number(item, "first_run_ms", subject->found.first_s * 1e3);
    mopt__json_size(item, "warmup_runs", subject->found.warmup_runs);
    mopt__json_number(item, "warmup_ms", subject->found.warmup_s * 1e3);
    mopt__json_bool(item, "warmup_stable", subject->found.stable);
    run_json(item, &subject->found.run);
    mopt__json_number(item, "samples_per_second", mopt__bench_rate(subject));
    mopt__json_number(item, "gflops", subject->integer ? NAN : gops);
    mopt__json_number(item, "gops", subject->integer ? gops : NAN);
    mopt__json_number(item, "peak_gops", mopt__bench_peak(subject) * 1e-9);
    mopt__json_number(item, "part_of_peak", mopt__bench_part_of_peak(subject));
    mopt__json_number(item, "speed", mopt__bench_speed(job, subject));
    surroundings_json(item, &subject->found);
    notes_on(job, subject, mopt__json_array(item, "notes"));
    if (subject->found.node_count > 0) {
        nodes_json(item, subject);
    }
}

static void peaks_json(const struct mopt_bench_job *job)
{
    cJSON *array = mopt__json_array(job->cli->envelope.timing, "peaks");
    for (size_t i = 0; i < job->thread_count; i++) {
        const struct mopt_peaks *peaks = &job->peaks[i];
        cJSON *item = mopt__json_object(array, NULL);
        mopt__json_text(item, "isa", mopt__isa_name(peaks->isa));
        mopt__json_int(item, "threads", peaks->threads);
        mopt__json_number(item, "gflops", peaks->f32 > 0 ? peaks->f32 * 1e-9 : NAN);
        mopt__json_number(item, "gops_u8", peaks->u8 > 0 ? peaks->u8 * 1e-9 : NAN);
        mopt__json_number(item, "read_gb_per_second", peaks->read > 0 ? peaks->read * 1e-9 : NAN);
    }
}

// Times are volatile and stand under "run"; sizes and costs are part of the result.
static void add_json(const struct mopt_bench_job *job)
{
    cJSON *models = mopt__json_array(job->cli->envelope.result, "models");
    cJSON *times = mopt__json_array(job->cli->envelope.timing, "bench");
    for (size_t i = 0; i < job->count; i++) {
        fact_json(mopt__json_object(models, NULL), &job->subjects[i]);
        time_json(job, mopt__json_object(times, NULL), &job->subjects[i]);
    }
    peaks_json(job);
}

// ---- All of it ----------------------------------------------------------------------------------

static void conclude(struct mopt_bench_job *job)
{
    const struct mopt_bench_subject *first = &job->subjects[0];
    const struct mopt_bench_subject *last = &job->subjects[job->count - 1];
    const struct mopt_bench_subject *base = reference(job, last);
    const struct mopt_options *options = &job->cli->options;
    if (base != last && options->positional_count > 1) {
        mopt__job_verdict(job->cli, "%s runs %.2f times as fast as %s (%.3f against %.3f ms)",
                          last->path, mopt__bench_speed(job, last), base->path,
                          last->found.run.p50 * 1e3, base->found.run.p50 * 1e3);
    } else if (first->found.streams > 1) {
        mopt__job_verdict(job->cli, "%s: %.1f samples per second in %d streams", first->path,
                          mopt__bench_rate(first), first->found.streams);
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

void mopt__bench_report(struct mopt_bench_job *job)
{
    time_table(job);
    if (!is_csv(job)) {
        cost_table(job);
        peak_lines(job);
    }
    for (size_t i = 0; i < job->count; i++) {
        if (job->subjects[i].found.node_count > 0) {
            node_table(job, &job->subjects[i]);
        }
    }
    if (isnan(job->subjects[0].found.use.joules)) {
        mopt__log(&job->cli->log, MOPT_LOG_DEBUG, "no energy: %s",
                  job->subjects[0].found.use.energy_reason);
    }
    add_json(job);
    conclude(job);
}
