// SPDX-License-Identifier: Apache-2.0
// mopt optimize: runs passes, shows what changed, writes the model.
#include <math.h>
#include <string.h>

#include "cli/report.h"

struct job {
    const char *input, *output;
    struct mopt_context *context;
    struct mopt_model *model;
    struct mopt_model *original; // kept for --verify, else NULL
    struct mopt_pipeline pipeline;
    struct mopt_pass_report report;
    struct mopt_facts before, after;
    uint64_t optimize_ns;
};

static enum mopt_status make_pipeline(struct mopt_cli *cli, struct job *job, struct mopt_error *err)
{
    struct mopt_pass_set set = mopt__context_pass_set(job->context);
    const struct mopt_option_value *passes = mopt__option(&cli->options, "pass");
    const struct mopt_option_value *skips = mopt__option(&cli->options, "skip");
    const struct mopt_option_value *level = mopt__option(&cli->options, "level");
    enum mopt_status status = MOPT_OK;
    job->pipeline.rounds = 1;
    if (passes->count == 0 || level->given) {
        status = mopt__pipeline_level(&set, level->text[0] - '0', &job->pipeline, err);
    }
    for (size_t i = 0; i < passes->count && status == MOPT_OK; i++) {
        status = mopt__pipeline_add(&set, passes->items[i], &job->pipeline, err);
        status = status != MOPT_OK ? mopt_error_wrap(err, "option '--pass'") : MOPT_OK;
    }
    for (size_t i = 0; i < skips->count && status == MOPT_OK; i++) {
        status = mopt__pipeline_skip(&set, skips->items[i], &job->pipeline, err);
        status = status != MOPT_OK ? mopt_error_wrap(err, "option '--skip'") : MOPT_OK;
    }
    return status;
}

static enum mopt_status print_pipeline(struct mopt_cli *cli, struct job *job,
                                       struct mopt_error *err)
{
    struct mopt_strbuf text = {0};
    enum mopt_status status = mopt__pipeline_print(&job->pipeline, &text, err);
    mopt__json_text(cli->envelope.result, "pipeline", mopt__strbuf_text(&text));
    mopt__strbuf_printf(&cli->text, "%s\n", mopt__strbuf_text(&text));
    mopt__strbuf_release(&text);
    return status;
}

// The strictest promise that all passes keep together.
static enum mopt_numerics numerics_of(const struct mopt_pipeline *pipeline)
{
    enum mopt_numerics worst = MOPT_NUMERICS_EXACT;
    for (size_t i = 0; i < pipeline->count; i++) {
        enum mopt_numerics own = pipeline->items[i].pass->numerics;
        worst = own > worst ? own : worst;
    }
    return worst;
}

static enum mopt_status optimize(struct mopt_cli *cli, struct job *job, struct mopt_error *err)
{
    struct mopt_manager_options options = {
        .log = &cli->log,
        .budget = &cli->budget,
        .verify_each = mopt__option_flag(&cli->options, "verify-each"),
        .stop_after = (int)mopt__option_int(&cli->options, "stop-after"),
        .dump_dir = mopt__option_text(&cli->options, "dump-dir"),
        .equivalence = mopt__option_flag(&cli->options, "verify-each")
                           ? (int)mopt__option_int(&cli->options, "verify")
                           : 0,
        .seed = (uint64_t)mopt__option_int(&cli->options, "seed"),
    };
    uint64_t start = mopt__clock_ns();
    enum mopt_status status =
        mopt__manager_run(&job->model, &job->pipeline, &options, &job->report, err);
    job->optimize_ns = mopt__clock_ns() - start;
    return status;
}

// ---- Verification -------------------------------------------------------------------------------

static enum mopt_status verify(struct mopt_cli *cli, struct job *job, struct mopt_error *err)
{
    int runs = (int)mopt__option_int(&cli->options, "verify");
    if (runs == 0) {
        return MOPT_OK;
    }
    struct mopt_equivalence found;
    enum mopt_status status =
        mopt__equivalence_check(job->original, job->model, numerics_of(&job->pipeline), runs,
                                (uint64_t)mopt__option_int(&cli->options, "seed"), &cli->budget,
                                &found, err);
    if (status != MOPT_OK) {
        return mopt_error_wrap(err, "verification");
    }
    cJSON *object = mopt__json_object(cli->envelope.result, "verification");
    mopt__json_int(object, "runs", found.runs);
    mopt__json_number(object, "max_abs", found.max_abs);
    mopt__json_number(object, "max_rel", found.max_rel);
    mopt__json_bool(object, "equal", found.skipped == NULL && found.equal);
    mopt__json_text(object, "skipped", found.skipped);
    struct mopt_gate gate = {.id = "verify",
                             .metric = "max_abs",
                             .baseline = 0,
                             .value = found.max_abs,
                             .limit = NAN,
                             .low = NAN,
                             .high = NAN,
                             .pass = found.skipped == NULL && found.equal};
    mopt__envelope_gate(&cli->envelope, &gate);
    if (found.skipped != NULL) {
        mopt__job_verdict(cli, "the result cannot be verified: %s; nothing is written",
                          found.skipped);
        return MOPT_E_NEGATIVE;
    }
    if (!found.equal) {
        mopt__job_verdict(cli,
                          "output '%s' differs from the original by up to %.3g (relative %.3g) on "
                          "random inputs; nothing is written",
                          found.output, found.max_abs, found.max_rel);
        mopt__job_next(cli, "mopt optimize %s --verify %d --verify-each", job->input, runs);
        return MOPT_E_NEGATIVE;
    }
    mopt__strbuf_printf(&cli->text,
                        "\nverified on %d random inputs: largest difference %.3g, "
                        "relative %.3g\n",
                        found.runs, found.max_abs, found.max_rel);
    return MOPT_OK;
}

// ---- Report -------------------------------------------------------------------------------------

static void counters_text(const struct mopt_pass_report *report, const struct mopt_pass *pass,
                          struct mopt_strbuf *out)
{
    for (size_t c = 0; c < pass->counter_count; c++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < report->count; i++) {
            if (report->results[i].pass == pass) {
                sum += report->results[i].counters[c];
            }
        }
        if (sum > 0) {
            mopt__strbuf_printf(out, "%s%s %llu", out->length > 0 ? ", " : "",
                                pass->counters[c].name, (unsigned long long)sum);
        }
    }
}

struct pass_total {
    uint64_t changes, elapsed_ns;
    int64_t nodes; // difference
    int rounds;
};

static struct pass_total total_of(const struct mopt_pass_report *report,
                                  const struct mopt_pass *pass)
{
    struct pass_total total = {0};
    for (size_t i = 0; i < report->count; i++) {
        const struct mopt_pass_result *result = &report->results[i];
        if (result->pass == pass) {
            total.changes += result->changes;
            total.elapsed_ns += result->elapsed_ns;
            total.nodes += (int64_t)result->nodes_after - (int64_t)result->nodes_before;
            total.rounds = result->round > total.rounds ? result->round : total.rounds;
        }
    }
    return total;
}

static bool first_of_pass(const struct mopt_pass_report *report, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (report->results[k].pass == report->results[i].pass) {
            return false;
        }
    }
    return true;
}

static void pass_row(struct mopt_table *table, const struct mopt_pass_report *report,
                     const struct mopt_pass *pass, const struct pass_total *total)
{
    struct mopt_strbuf counters = {0};
    counters_text(report, pass, &counters);
    mopt__table_cell(table, "%s", pass->name);
    mopt__table_cell(table, "%llu", (unsigned long long)total->changes);
    mopt__table_cell(table, "%+lld", (long long)total->nodes);
    mopt__table_cell(table, "%s", mopt__strbuf_text(&counters));
    mopt__strbuf_release(&counters);
}

static void pass_json(struct mopt_cli *cli, cJSON *list, cJSON *times,
                      const struct mopt_pass_report *report, const struct mopt_pass *pass,
                      const struct pass_total *total)
{
    (void)cli;
    cJSON *item = mopt__json_object(list, NULL);
    mopt__json_text(item, "name", pass->name);
    mopt__json_size(item, "changes", total->changes);
    mopt__json_int(item, "nodes", total->nodes);
    cJSON *counters = mopt__json_object(item, "counters");
    for (size_t c = 0; c < pass->counter_count; c++) {
        uint64_t sum = 0;
        for (size_t i = 0; i < report->count; i++) {
            sum += report->results[i].pass == pass ? report->results[i].counters[c] : 0;
        }
        mopt__json_size(counters, pass->counters[c].name, sum);
    }
    mopt__json_number(times, pass->name, (double)total->elapsed_ns * 1e-6);
}

static void show_passes(struct mopt_cli *cli, const struct mopt_pass_report *report)
{
    struct mopt_table table = {0};
    mopt__table_column(&table, "pass", false);
    mopt__table_column(&table, "changes", true);
    mopt__table_column(&table, "nodes", true);
    mopt__table_column(&table, "", false);
    cJSON *list = mopt__json_array(cli->envelope.result, "passes");
    cJSON *times = mopt__json_object(cli->envelope.timing, "pass_ms");
    for (size_t i = 0; i < report->count; i++) {
        const struct mopt_pass *pass = report->results[i].pass;
        if (!first_of_pass(report, i)) {
            continue;
        }
        struct pass_total total = total_of(report, pass);
        pass_json(cli, list, times, report, pass, &total);
        if (total.changes > 0) {
            pass_row(&table, report, pass, &total);
        }
    }
    if (table.cell_count > 0) {
        mopt__strbuf_add_char(&cli->text, '\n');
        mopt__job_print_table(cli, &table);
    } else {
        mopt__strbuf_add(&cli->text, "\nno pass found anything to change\n");
    }
    mopt__table_release(&table);
}

static void show(struct mopt_cli *cli, const struct job *job)
{
    mopt__report_change(cli, &job->before, &job->after);
    mopt__report_changed_ops(cli, &job->before, &job->after);
    show_passes(cli, &job->report);
    mopt__report_facts_json(cli->envelope.result, "before", &job->before);
    mopt__report_facts_json(cli->envelope.result, "after", &job->after);
}

static void conclude(struct mopt_cli *cli, const struct job *job)
{
    int64_t fewer = (int64_t)job->before.nodes - (int64_t)job->after.nodes;
    bool dry = job->output == NULL || mopt__option_flag(&cli->options, "dry-run");
    mopt__job_verdict(cli, "%lld of %zu nodes fewer in %.0f ms%s%s", (long long)fewer,
                      job->before.nodes, (double)job->optimize_ns * 1e-6,
                      dry ? ", nothing written" : ", written to ", dry ? "" : job->output);
    if (dry) {
        char *name = mopt__report_name(job->input, "opt");
        if (name != NULL) {
            mopt__job_next(cli, "mopt optimize %s -o %s", job->input, name);
        }
        mopt__free(name);
    } else if (strcmp(job->output, "-") != 0) {
        mopt__job_next(cli, "mopt bench %s %s", job->input, job->output);
    }
}

// ---- The command --------------------------------------------------------------------------------

static enum mopt_status work(struct mopt_cli *cli, struct job *job, struct mopt_error *err)
{
    enum mopt_status status = mopt__job_load(cli, job->input, "model", &job->model, err);
    if (status == MOPT_OK) {
        status = mopt__facts_gather(job->model, NULL, 0, &job->before, err);
    }
    if (status == MOPT_OK && mopt__option_int(&cli->options, "verify") > 0) {
        status = mopt__model_clone(job->model, &job->original, err);
    }
    if (status == MOPT_OK) {
        status = optimize(cli, job, err);
    }
    if (status == MOPT_OK) {
        status = mopt__facts_gather(job->model, NULL, 0, &job->after, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    show(cli, job);
    status = verify(cli, job, err);
    if (status == MOPT_OK) {
        status = mopt__job_save(cli, job->model, job->output, err);
    }
    if (status == MOPT_OK) {
        conclude(cli, job);
    }
    return status;
}

static enum mopt_status prepare(struct mopt_cli *cli, struct job *job, struct mopt_error *err)
{
    enum mopt_status status = mopt__job_context(cli, &job->context, err);
    if (status == MOPT_OK) {
        status = make_pipeline(cli, job, err);
    }
    if (status != MOPT_OK || mopt__option_flag(&cli->options, "print-pipeline")) {
        return status;
    }
    if (cli->options.positional_count == 0) {
        return mopt_error_set(err, MOPT_E_USAGE, "missing argument: mopt optimize MODEL");
    }
    job->input = cli->options.positionals[0];
    return mopt__job_claim(cli, job->output, err);
}

static enum mopt_status run(struct mopt_cli *cli, struct mopt_error *err)
{
    struct job job = {.output = mopt__option_text(&cli->options, "output")};
    enum mopt_status status = prepare(cli, &job, err);
    if (status == MOPT_OK) {
        status = mopt__option_flag(&cli->options, "print-pipeline") ? print_pipeline(cli, &job, err)
                                                                    : work(cli, &job, err);
    }
    mopt__facts_release(&job.before);
    mopt__facts_release(&job.after);
    mopt__pass_report_release(&job.report);
    mopt__pipeline_release(&job.pipeline);
    mopt__model_free(job.model);
    mopt__model_free(job.original);
    mopt_context_free(job.context);
    return status;
}

static const struct mopt_option_row rows[] = {
    MOPT_ROW_OUTPUT("Write the model to FILE, or to standard output for \"-\". Without it, only "
                    "show what would change."),
    {.name = "level",
     .letter = 'O',
     .kind = MOPT_OPT_CHOICE,
     .initial = "2",
     .metavar = "N",
     .choices = "0|1|2|3",
     .help = "Which passes run; 0: none."},
    {.name = "pass",
     .letter = 'p',
     .kind = MOPT_OPT_LIST,
     .metavar = "LIST",
     .complete = MOPT_COMPLETE_PASS,
     .help = "Run exactly these passes, or these after those of -O: a,b{option=value}."},
    {.name = "skip",
     .kind = MOPT_OPT_LIST,
     .metavar = "LIST",
     .complete = MOPT_COMPLETE_PASS,
     .help = "Leave these passes out."},
    MOPT_ROW_PLUGIN,
    {.name = "verify",
     .kind = MOPT_OPT_INT,
     .initial = "0",
     .metavar = "N",
     .min = 0,
     .max = 10000,
     .help = "Hold the result against the original on N random inputs; exit 1 when they differ."},
    {.name = "verify-each",
     .kind = MOPT_OPT_FLAG,
     .help = "Verify after every pass that changed something, to find the one at fault."},
    {.name = "stop-after",
     .kind = MOPT_OPT_INT,
     .initial = "0",
     .metavar = "N",
     .min = 0,
     .max = 1e6,
     .help = "Run only the first N passes; 0: all."},
    {.name = "dump-dir",
     .kind = MOPT_OPT_FILE,
     .metavar = "DIR",
     .complete = MOPT_COMPLETE_DIR,
     .help = "Write the model as text before and after every pass."},
    {.name = "print-pipeline",
     .kind = MOPT_OPT_FLAG,
     .help = "Print the passes that would run, in the form that --pass takes, and stop."},
};

static const struct mopt_example examples[] = {
    {"mopt optimize model.onnx", "Show what would change."},
    {"mopt optimize model.onnx -o model.opt.onnx --verify 8",
     "Write it, after a check on eight random inputs."},
    {"mopt optimize model.onnx -o - -O3 --skip fold-constants > model.opt.onnx",
     "All passes but one, to standard output."},
    {"mopt optimize model.onnx --pass eliminate-identity,fuse-bn-into-conv", "Only these passes."},
};

const struct mopt_command mopt__command_optimize = {
    .name = "optimize",
    .group = MOPT_GROUP_CHANGE,
    .summary = "fold, fuse and clean up a model without changing what it computes",
    .usage = "MODEL",
    .details = "Runs the passes of an -O level until nothing changes any more. The numbers that a "
               "model computes stay the same but for rounding; see mopt passes for what each pass "
               "may do.",
    .examples = examples,
    .example_count = MOPT_COUNTOF(examples),
    .rows = rows,
    .row_count = MOPT_COUNTOF(rows),
    .positional_max = 1,
    .complete = MOPT_COMPLETE_MODEL,
    .run = run,
};
