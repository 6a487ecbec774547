// SPDX-License-Identifier: Apache-2.0
// mopt eval: metrics on data, with intervals, and a gate on the drop against a baseline.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/report.h"

enum metric { TOP1, TOP5, AGREEMENT, COSINE, MSE, MAE, METRICS };

struct row {
    const char *name, *title;
    double value, error, low, high; // error: standard error, NaN = unknown
    double baseline;                // NaN = none
    double drop, drop_low, drop_high;
    bool present;
    bool higher; // is better
};

struct job {
    struct mopt_cli *cli;
    struct mopt_model *model, *baseline;
    struct mopt_job_feed feed;
    struct mopt_evaluation_pair found;
    struct row rows[METRICS];
};

static const double z95 = 1.959963984540054;

// ---- Metrics ------------------------------------------------------------------------------------

static void set_proportion(struct row *row, size_t hits, size_t count)
{
    struct mopt_interval interval = mopt__wilson(hits, count);
    row->present = true;
    row->value = (double)hits / (double)count;
    row->error = mopt__proportion_error(hits, count);
    row->low = interval.low;
    row->high = interval.high;
}

static void accuracy_rows(struct job *job)
{
    const struct mopt_accuracy *own = &job->found.model.accuracy;
    const struct mopt_accuracy *other = &job->found.baseline.accuracy;
    if (!job->found.model.has_labels || own->samples == 0) {
        return;
    }
    struct row *top1 = &job->rows[TOP1];
    struct row *top5 = &job->rows[TOP5];
    set_proportion(top1, own->top1, own->samples);
    set_proportion(top5, own->top5, own->samples);
    if (job->baseline == NULL || other->samples == 0) {
        return;
    }
    top1->baseline = (double)other->top1 / (double)other->samples;
    top5->baseline = (double)other->top5 / (double)other->samples;
    top1->drop = top1->baseline - top1->value;
    top5->drop = top5->baseline - top5->value;
    double half =
        z95 * mopt__paired_error(job->found.only_baseline_1, job->found.only_model_1, own->samples);
    top1->drop_low = top1->drop - half;
    top1->drop_high = top1->drop + half;
}

static void agreement_row(struct job *job)
{
    struct row *row = &job->rows[AGREEMENT];
    size_t samples = job->found.model.samples;
    if (job->baseline == NULL || !job->found.classes || samples == 0) {
        return;
    }
    set_proportion(row, job->found.agree, samples);
    row->baseline = 1;
    row->drop = 1 - row->value;
    row->drop_low = 1 - row->high;
    row->drop_high = 1 - row->low;
}

// Against outputs recorded with the data; else against the baseline itself.
static void distance_rows(struct job *job)
{
    const struct mopt_difference *own = &job->found.model.expected;
    const struct mopt_difference *other = NULL;
    if (job->found.model.has_expected) {
        other = job->baseline != NULL ? &job->found.baseline.expected : NULL;
    } else if (job->baseline != NULL) {
        own = &job->found.difference;
    }
    if (own->elements == 0) {
        return;
    }
    struct row *rows = job->rows;
    rows[COSINE].value = mopt__difference_cosine(own);
    rows[MSE].value = mopt__difference_mse(own);
    rows[MAE].value = mopt__difference_mae(own);
    rows[COSINE].baseline = other != NULL ? mopt__difference_cosine(other) : NAN;
    rows[MSE].baseline = other != NULL ? mopt__difference_mse(other) : NAN;
    rows[MAE].baseline = other != NULL ? mopt__difference_mae(other) : NAN;
    for (int i = COSINE; i < METRICS; i++) {
        double reference = other != NULL ? rows[i].baseline : i == COSINE ? 1 : 0;
        rows[i].present = true;
        rows[i].drop = rows[i].higher ? reference - rows[i].value : rows[i].value - reference;
        if (job->baseline == NULL) {
            rows[i].drop = NAN;
        }
    }
}

static void make_rows(struct job *job)
{
    static const struct row initial[METRICS] = {
        [TOP1] = {.name = "top1", .title = "top-1", .higher = true},
        [TOP5] = {.name = "top5", .title = "top-5", .higher = true},
        [AGREEMENT] = {.name = "agreement", .title = "same class as baseline", .higher = true},
        [COSINE] = {.name = "cosine", .title = "cosine", .higher = true},
        [MSE] = {.name = "mse", .title = "MSE", .higher = false},
        [MAE] = {.name = "mae", .title = "MAE", .higher = false},
    };
    for (int i = 0; i < METRICS; i++) {
        job->rows[i] = initial[i];
        struct row *row = &job->rows[i];
        row->value = row->error = row->low = row->high = row->baseline = NAN;
        row->drop = row->drop_low = row->drop_high = NAN;
    }
    accuracy_rows(job);
    agreement_row(job);
    distance_rows(job);
}

// ---- Output -------------------------------------------------------------------------------------

static bool is_proportion(const struct row *row)
{
    return row->name[0] == 't' || row->name[0] == 'a'; // top1, top5, agreement
}

static void value_cell(struct mopt_table *table, const struct row *row, double value)
{
    if (isnan(value)) {
        mopt__table_cell(table, "-");
    } else if (is_proportion(row)) {
        mopt__table_cell(table, "%.2f %%", value * 100);
    } else {
        mopt__table_cell(table, "%.6g", value);
    }
}

static void interval_cell(struct mopt_table *table, const struct row *row, double low, double high)
{
    if (isnan(low) || isnan(high)) {
        mopt__table_cell(table, "-");
    } else {
        mopt__table_cell(table, "%.2f .. %.2f %%", low * 100, high * 100);
    }
    (void)row;
}

static void table_row(struct mopt_table *table, const struct row *row, bool baseline)
{
    mopt__table_cell(table, "%s", row->title);
    mopt__table_cell(table, "%s", row->higher ? "higher" : "lower");
    value_cell(table, row, row->value);
    value_cell(table, row, row->error);
    interval_cell(table, row, row->low, row->high);
    if (!baseline) {
        return;
    }
    value_cell(table, row, row->baseline);
    value_cell(table, row, row->drop);
    mopt__table_style(table, row->drop > 0 ? MOPT_STYLE_BAD : MOPT_STYLE_GOOD);
    interval_cell(table, row, row->drop_low, row->drop_high);
}

static void row_json(cJSON *array, const struct row *row)
{
    cJSON *item = mopt__json_object(array, NULL);
    mopt__json_text(item, "name", row->name);
    mopt__json_text(item, "better", row->higher ? "higher" : "lower");
    mopt__json_number(item, "value", row->value);
    mopt__json_number(item, "standard_error", row->error);
    cJSON *interval = mopt__json_array(item, "ci95");
    mopt__json_number(interval, NULL, row->low);
    mopt__json_number(interval, NULL, row->high);
    mopt__json_number(item, "baseline", row->baseline);
    mopt__json_number(item, "drop", row->drop);
    cJSON *drop = mopt__json_array(item, "drop_ci95");
    mopt__json_number(drop, NULL, row->drop_low);
    mopt__json_number(drop, NULL, row->drop_high);
}

static enum mopt_status show(struct job *job, struct mopt_error *err)
{
    struct mopt_table table = {0};
    bool baseline = job->baseline != NULL;
    static const char *const columns[] = {"metric",        "better",   "value", "std. error",
                                          "95 % interval", "baseline", "drop",  "95 % of the drop"};
    for (size_t i = 0; i < (baseline ? 8 : 5); i++) {
        mopt__table_column(&table, columns[i], i > 1);
    }
    cJSON *array = mopt__json_array(job->cli->envelope.result, "metrics");
    for (int i = 0; i < METRICS; i++) {
        if (job->rows[i].present) {
            table_row(&table, &job->rows[i], baseline);
            row_json(array, &job->rows[i]);
        }
    }
    bool empty = table.cell_count == 0;
    mopt__json_size(job->cli->envelope.result, "samples", job->found.model.samples);
    mopt__job_print_table(job->cli, &table);
    mopt__table_release(&table);
    return empty ? mopt_error_set(err, MOPT_E_MISSING,
                                  "the data have neither labels nor recorded outputs: give "
                                  "--labels, or a model to agree with by --baseline")
                 : MOPT_OK;
}

// ---- Gate ---------------------------------------------------------------------------------------

static struct row *gated_row(struct job *job)
{
    const char *name = mopt__option_text(&job->cli->options, "metric");
    for (int i = 0; i < METRICS; i++) {
        bool named = strcmp(job->rows[i].name, name) == 0;
        if (named || (strcmp(name, "auto") == 0 && job->rows[i].present && i != TOP5)) {
            return &job->rows[i];
        }
    }
    return &job->rows[COSINE];
}

static enum mopt_status judge(struct job *job, struct mopt_error *err)
{
    struct mopt_cli *cli = job->cli;
    size_t samples = job->found.model.samples;
    const struct row *row = gated_row(job);
    char value[64];
    if (is_proportion(row)) {
        (void)snprintf(value, sizeof value, "%s %.2f %%", row->title, row->value * 100);
    } else {
        (void)snprintf(value, sizeof value, "%s %.6g", row->title, row->value);
    }
    if (!mopt__option_given(&cli->options, "max-drop")) {
        mopt__job_verdict(cli, "%s on %zu samples", row->present ? value : "done", samples);
        return MOPT_OK;
    }
    double limit = mopt__option_float(&cli->options, "max-drop");
    if (!row->present || isnan(row->drop)) {
        return mopt_error_set(err, MOPT_E_MISSING, "metric '%s' cannot be computed from these data",
                              row->name);
    }
    bool pass = row->drop <= limit;
    struct mopt_gate gate = {.id = "max-drop",
                             .metric = row->name,
                             .baseline = row->baseline,
                             .value = row->value,
                             .limit = limit,
                             .low = row->drop_low,
                             .high = row->drop_high,
                             .pass = pass};
    mopt__envelope_gate(&cli->envelope, &gate);
    if (row->drop_high > limit && row->drop_low < limit) {
        mopt__log(&cli->log, MOPT_LOG_WARN,
                  "%zu samples are too few to be sure: the drop lies between %.2f and %.2f points",
                  samples, row->drop_low * 100, row->drop_high * 100);
    }
    const char *unit = is_proportion(row) ? " points" : "";
    double scale = is_proportion(row) ? 100 : 1;
    mopt__job_verdict(cli, "%s on %zu samples, drop %.3g%s, limit %.3g%s", value, samples,
                      row->drop * scale, unit, limit * scale, unit);
    return pass ? MOPT_OK : MOPT_E_NEGATIVE;
}

// ---- The command --------------------------------------------------------------------------------

static enum mopt_status find_output(const struct mopt_model *model, const char *name, size_t *out,
                                    struct mopt_error *err)
{
    *out = 0;
    if (name == NULL) {
        return MOPT_OK;
    }
    for (size_t i = 0; i < model->graph->outputs.count; i++) {
        if (strcmp(model->graph->outputs.items[i]->name, name) == 0) {
            *out = i;
            return MOPT_OK;
        }
    }
    return mopt_error_set(err, MOPT_E_USAGE, "the model has no output '%s'", name);
}

static enum mopt_status check_gate(const struct mopt_options *options, struct mopt_error *err)
{
    if (mopt__option_given(options, "max-drop") && !mopt__option_given(options, "baseline")) {
        return mopt_error_set(err, MOPT_E_USAGE,
                              "option '--max-drop' needs a model to drop from: --baseline MODEL");
    }
    if (!mopt__option_given(options, "data")) {
        return mopt_error_set(err, MOPT_E_USAGE, "no data to evaluate on: give --data PATH");
    }
    return MOPT_OK;
}

static enum mopt_status work(struct job *job, struct mopt_error *err)
{
    struct mopt_cli *cli = job->cli;
    const struct mopt_options *options = &cli->options;
    const char *baseline = mopt__option_text(options, "baseline");
    size_t output = 0;
    enum mopt_status status = check_gate(options, err);
    if (status == MOPT_OK) {
        status = mopt__job_load(cli, options->positionals[0], "model", &job->model, err);
    }
    if (status == MOPT_OK && baseline != NULL) {
        status = mopt__job_load(cli, baseline, "baseline", &job->baseline, err);
    }
    if (status == MOPT_OK) {
        status = find_output(job->model, mopt__option_text(options, "scores"), &output, err);
    }
    if (status == MOPT_OK) {
        status = mopt__job_feed_open(cli, job->model, 0, &job->feed, err);
    }
    if (status == MOPT_OK) {
        struct mopt_evaluate_options evaluate = {
            .session = mopt__job_options(cli),
            .output = output,
            .budget = &cli->budget,
            .log = &cli->log,
        };
        status =
            mopt__evaluate(job->model, job->baseline, job->feed.feed, &evaluate, &job->found, err);
    }
    return status;
}

static enum mopt_status run(struct mopt_cli *cli, struct mopt_error *err)
{
    struct job job = {.cli = cli};
    enum mopt_status status = work(&job, err);
    if (status == MOPT_OK) {
        make_rows(&job);
        status = show(&job, err);
    }
    if (status == MOPT_OK) {
        status = judge(&job, err);
        const char *baseline = mopt__option_text(&cli->options, "baseline");
        if (baseline != NULL) {
            mopt__job_next(cli, "mopt bench %s %s", baseline, cli->options.positionals[0]);
        } else {
            char *name = mopt__report_name(cli->options.positionals[0], "int8");
            mopt__job_next(cli, "mopt quantize --static %s -o %s --data SAMPLES",
                           cli->options.positionals[0], name != NULL ? name : "FILE");
            mopt__free(name);
        }
    }
    mopt__job_feed_close(&job.feed);
    mopt__model_free(job.model);
    mopt__model_free(job.baseline);
    return status;
}

static const struct mopt_option_row rows[] = {
    MOPT_ROW_DATA("Samples with labels or recorded outputs; see mopt run."),
    MOPT_ROW_INPUT,
    {.name = "baseline",
     .kind = MOPT_OPT_FILE,
     .metavar = "MODEL",
     .complete = MOPT_COMPLETE_MODEL,
     .help = "Evaluate this model, too, and show the drop."},
    {.name = "max-drop",
     .kind = MOPT_OPT_FLOAT,
     .metavar = "X",
     .min = -1e9,
     .max = 1e9,
     .help = "Exit 1 when the metric is worse than the baseline's by more than X, such as 1% (a "
             "point of accuracy) or 0.01."},
    {.name = "metric",
     .kind = MOPT_OPT_CHOICE,
     .initial = "auto",
     .metavar = "NAME",
     .choices = "auto|top1|top5|agreement|cosine|mse|mae",
     .help = "Metric of --max-drop; auto: top1 with labels, else agreement, else cosine."},
    {.name = "scores",
     .kind = MOPT_OPT_STRING,
     .metavar = "OUTPUT",
     .help = "Output that holds the scores of classes; the first one if not given."},
    MOPT_ROWS_SAMPLES,
    MOPT_ROW_DIM,
    MOPT_ROW_FORMAT,
};

static const struct mopt_example examples[] = {
    {"mopt eval model.onnx --data val/ --pre imagenet", "Top-1 and top-5 on labelled images."},
    {"mopt eval model.int8.onnx --baseline model.onnx --data val/ --pre imagenet --max-drop 1%",
     "Exit code 1 when more than one point of accuracy is lost."},
};

const struct mopt_command mopt__command_eval = {
    .name = "eval",
    .group = MOPT_GROUP_RUN,
    .summary = "top-1, top-5, MSE, MAE, cosine on data; gate against a baseline",
    .usage = "MODEL",
    .details = "Proportions come with the Wilson interval, drops of top-1 with the interval of the "
               "paired difference. Without labels, a baseline tells how often both models choose "
               "the same class. One batch is in memory at a time.",
    .examples = examples,
    .example_count = MOPT_COUNTOF(examples),
    .rows = rows,
    .row_count = MOPT_COUNTOF(rows),
    .positional_min = 1,
    .positional_max = 1,
    .complete = MOPT_COMPLETE_MODEL,
    .run = run,
};
