// SPDX-License-Identifier: Apache-2.0
// mopt compare: how far two models are apart, layer by layer.
#include <math.h>
#include <string.h>

#include "cli/report.h"

enum { RANDOM_SAMPLES = 4 };

struct job {
    struct mopt_cli *cli;
    struct mopt_model *a, *b;
    struct mopt_job_feed feed;
    struct mopt_comparison *comparison;
    struct mopt_tolerance tolerance;
    bool tolerances, cosine, sqnr; // gates that decide
};

static void number_cell(struct mopt_table *table, double value)
{
    char buf[32];
    if (isinf(value)) {
        mopt__table_cell(table, "equal");
    } else {
        mopt__table_cell(table, "%s", isnan(value) ? "-" : mopt__report_number(buf, value));
    }
}

static void add_row(struct mopt_table *table, const struct mopt_compare_row *row)
{
    const struct mopt_difference *d = &row->difference;
    bool fits = mopt__difference_fits(d);
    mopt__table_cell(table, "%s", row->name);
    mopt__table_cell(table, "%s", row->op);
    double cosine = mopt__difference_cosine(d);
    if (isnan(cosine)) {
        mopt__table_cell(table, "-");
    } else {
        mopt__table_cell(table, "%.6f", cosine);
    }
    number_cell(table, mopt__difference_sqnr(d));
    number_cell(table, d->max_abs);
    number_cell(table, d->max_rel);
    if (d->shapes > 0) {
        mopt__table_cell(table, "shape");
    } else {
        mopt__table_cell(table, "%.2f %%",
                         d->elements == 0 ? 0.0 : 100 * (double)d->beyond / (double)d->elements);
    }
    mopt__table_style(table, fits ? MOPT_STYLE_GOOD : MOPT_STYLE_BAD);
}

static void add_json(cJSON *array, const struct mopt_compare_row *row)
{
    const struct mopt_difference *d = &row->difference;
    cJSON *item = mopt__json_object(array, NULL);
    mopt__json_text(item, "name", row->name);
    mopt__json_text(item, "operator", row->op);
    mopt__json_bool(item, "output", row->output);
    mopt__json_bool(item, "fits", mopt__difference_fits(d));
    mopt__json_size(item, "elements", d->elements);
    mopt__json_size(item, "beyond", d->beyond);
    mopt__json_size(item, "shape_mismatches", d->shapes);
    mopt__json_number(item, "cosine", mopt__difference_cosine(d));
    mopt__json_number(item, "sqnr_db", mopt__difference_sqnr(d));
    mopt__json_number(item, "max_abs", d->max_abs);
    mopt__json_number(item, "max_rel", d->max_rel);
    mopt__json_number(item, "mse", mopt__difference_mse(d));
}

static void start_table(struct mopt_table *table, const char *first)
{
    static const char *const columns[] = {"made by", "cosine",  "SQNR dB",
                                          "max abs", "max rel", "beyond"};
    mopt__table_column(table, first, false);
    for (size_t i = 0; i < MOPT_COUNTOF(columns); i++) {
        mopt__table_column(table, columns[i], i > 0);
    }
}

static void show(struct job *job)
{
    size_t count;
    const struct mopt_compare_row *rows = mopt__comparison_rows(job->comparison, &count);
    cJSON *array = mopt__json_array(job->cli->envelope.result, "tensors");
    struct mopt_table outputs = {0};
    struct mopt_table inner = {0};
    start_table(&outputs, "output");
    start_table(&inner, "inner tensor");
    for (size_t i = 0; i < count; i++) {
        if (rows[i].difference.pairs == 0) {
            continue;
        }
        add_row(rows[i].output ? &outputs : &inner, &rows[i]);
        add_json(array, &rows[i]);
    }
    mopt__job_print_table(job->cli, &outputs);
    if (mopt__option_flag(&job->cli->options, "per-layer") && inner.cell_count > 0) {
        mopt__strbuf_add_char(&job->cli->text, '\n');
        mopt__job_print_table(job->cli, &inner);
    }
    mopt__table_release(&outputs);
    mopt__table_release(&inner);
    mopt__json_size(job->cli->envelope.result, "runs", mopt__comparison_runs(job->comparison));
}

// ---- Verdict ------------------------------------------------------------------------------------

struct worst {
    double cosine, sqnr, max_abs;
    bool fits;
};

static struct worst worst_output(const struct job *job)
{
    struct worst worst = {.cosine = 1, .sqnr = INFINITY, .fits = true};
    size_t count;
    const struct mopt_compare_row *rows = mopt__comparison_rows(job->comparison, &count);
    for (size_t i = 0; i < count; i++) {
        const struct mopt_difference *d = &rows[i].difference;
        if (!rows[i].output) {
            continue;
        }
        bool broken = d->shapes > 0 || d->not_finite > 0; // such elements are in no sum
        worst.cosine = broken ? -1 : fmin(worst.cosine, mopt__difference_cosine(d));
        worst.sqnr = broken ? -INFINITY : fmin(worst.sqnr, mopt__difference_sqnr(d));
        worst.max_abs = fmax(worst.max_abs, d->max_abs);
        worst.fits = worst.fits && mopt__difference_fits(d);
    }
    return worst;
}

static bool gate(struct job *job, const char *id, const char *metric, double value, double limit,
                 bool pass)
{
    struct mopt_gate row = {.id = id,
                            .metric = metric,
                            .baseline = NAN,
                            .value = value,
                            .limit = limit,
                            .low = NAN,
                            .high = NAN,
                            .pass = pass};
    mopt__envelope_gate(&job->cli->envelope, &row);
    return pass;
}

static enum mopt_status judge(struct job *job)
{
    const struct mopt_options *options = &job->cli->options;
    struct worst worst = worst_output(job);
    bool pass = true;
    if (job->tolerances) {
        pass = gate(job, "tolerance", "max_abs", worst.max_abs, job->tolerance.atol, worst.fits);
    }
    if (job->cosine) {
        double limit = mopt__option_float(options, "min-cosine");
        pass =
            gate(job, "min-cosine", "cosine", worst.cosine, limit, worst.cosine >= limit) && pass;
    }
    if (job->sqnr) {
        double limit = mopt__option_float(options, "min-sqnr");
        pass = gate(job, "min-sqnr", "sqnr_db", worst.sqnr, limit, worst.sqnr >= limit) && pass;
    }
    const struct mopt_compare_row *bad = mopt__comparison_first_bad(job->comparison);
    mopt__json_text(job->cli->envelope.result, "first_bad", bad != NULL ? bad->name : NULL);
    bool per_layer = mopt__option_flag(options, "per-layer");
    if (bad != NULL && (per_layer || !pass)) {
        mopt__strbuf_add_char(&job->cli->text, '\n');
        struct mopt_error buf;
        mopt__strbuf_printf(&job->cli->text, "first layer beyond rtol %g, atol %g: %s\n",
                            job->tolerance.rtol, job->tolerance.atol, mopt__clean(&buf, bad->name));
    }
    size_t runs = mopt__comparison_runs(job->comparison);
    mopt__job_verdict(job->cli, "%s on %zu inputs: smallest cosine %.6f, largest difference %.3g",
                      pass ? "the models agree" : "the models differ", runs, worst.cosine,
                      worst.max_abs);
    if (!pass && !per_layer) {
        mopt__job_next(job->cli, "mopt compare %s %s --per-layer", options->positionals[0],
                       options->positionals[1]);
    } else {
        mopt__job_next(job->cli, "mopt bench %s %s", options->positionals[0],
                       options->positionals[1]);
    }
    return pass ? MOPT_OK : MOPT_E_NEGATIVE;
}

// ---- The command --------------------------------------------------------------------------------

static enum mopt_status prepare(struct job *job, struct mopt_error *err)
{
    struct mopt_cli *cli = job->cli;
    const struct mopt_options *options = &cli->options;
    job->cosine = mopt__option_given(options, "min-cosine");
    job->sqnr = mopt__option_given(options, "min-sqnr");
    job->tolerances = mopt__option_given(options, "rtol") || mopt__option_given(options, "atol") ||
                      (!job->cosine && !job->sqnr);
    job->tolerance.rtol = mopt__option_float(options, "rtol");
    job->tolerance.atol = mopt__option_float(options, "atol");
    enum mopt_status status = mopt__job_load(cli, options->positionals[0], "model", &job->a, err);
    if (status == MOPT_OK) {
        status = mopt__job_load(cli, options->positionals[1], "model", &job->b, err);
    }
    if (status == MOPT_OK) {
        status = mopt__job_feed_open(cli, job->a, RANDOM_SAMPLES, &job->feed, err);
    }
    if (status == MOPT_OK) {
        struct mopt_compare_options compare = {
            .session = mopt__job_options(cli),
            .tolerance = job->tolerance,
            .inner = !mopt__option_flag(options, "bf16"), // seen in node by node runs only
            .budget = &cli->budget,
        };
        status = mopt__comparison_new(job->a, job->b, &compare, &job->comparison, err);
    }
    return status;
}

static enum mopt_status stream(struct job *job, struct mopt_error *err)
{
    size_t total = mopt__feed_count(job->feed.feed);
    size_t done = 0;
    for (;;) {
        const struct mopt_feed_item *item;
        enum mopt_status status = mopt__feed_next(job->feed.feed, &item, err);
        if (status != MOPT_OK || item == NULL) {
            mopt__progress(&job->cli->log, "compare", total, total);
            return status;
        }
        status = mopt__comparison_add(job->comparison, item->inputs, err);
        if (status != MOPT_OK) {
            return mopt_error_wrap(err, "%s", item->name);
        }
        done += item->rows;
        mopt__progress(&job->cli->log, "compare", done, total);
    }
}

static enum mopt_status run(struct mopt_cli *cli, struct mopt_error *err)
{
    struct job job = {.cli = cli};
    enum mopt_status status = prepare(&job, err);
    if (status == MOPT_OK) {
        status = stream(&job, err);
    }
    if (status == MOPT_OK && mopt__comparison_runs(job.comparison) == 0) {
        status = mopt_error_set(err, MOPT_E_VALUE, "the data have no samples");
    }
    if (status == MOPT_OK) {
        show(&job);
        status = judge(&job);
    }
    mopt__comparison_free(job.comparison);
    mopt__job_feed_close(&job.feed);
    mopt__model_free(job.a);
    mopt__model_free(job.b);
    return status;
}

static const struct mopt_option_row rows[] = {
    MOPT_ROW_DATA("Samples to compare on; without it, or for \"random\", random ones."),
    MOPT_ROW_INPUT,
    {.name = "per-layer",
     .letter = 'l',
     .kind = MOPT_OPT_FLAG,
     .help = "Show inner tensors that both models have, in order."},
    MOPT_ROW_TOLERANCES("1e-3", "1e-4"),
    {.name = "min-cosine",
     .kind = MOPT_OPT_FLOAT,
     .metavar = "X",
     .min = -1,
     .max = 1,
     .help = "Pass when the cosine of every output is at least X, instead of the tolerances."},
    {.name = "min-sqnr",
     .kind = MOPT_OPT_FLOAT,
     .metavar = "DB",
     .min = -1000,
     .max = 1000,
     .help = "Pass when every output is at least DB above the difference, instead of the "
             "tolerances."},
    {.name = "bf16",
     .kind = MOPT_OPT_FLAG,
     .help = "Run the second model as \"mopt run --bf16\" does, with operands in 16 bits; only "
             "outputs are compared."},
    MOPT_ROWS_SAMPLES,
    MOPT_ROW_DIM,
    MOPT_ROW_FORMAT,
};

static const struct mopt_example examples[] = {
    {"mopt compare model.onnx model.opt.onnx", "Do they agree? Exit code 1 when not."},
    {"mopt compare model.onnx model.int8.onnx --data calib/ --pre imagenet --min-cosine 0.99",
     "A quantized model against its original, on real data."},
    {"mopt compare a.onnx b.onnx --per-layer", "Where do they part?"},
    {"mopt compare model.onnx model.onnx --bf16 --min-sqnr 40",
     "What do products in 16 bits cost?"},
};

const struct mopt_command mopt__command_compare = {
    .name = "compare",
    .group = MOPT_GROUP_RUN,
    .summary = "outputs and inner tensors of two models: cosine, SQNR, max error",
    .usage = "MODEL MODEL",
    .details = "The first model is the reference. Outputs are paired by name, else by position, "
               "inner tensors by name. An element fits when it differs by at most atol + rtol * "
               "|reference|; \"beyond\" is the share that does not. SQNR is the power of the "
               "reference over that of the difference.",
    .examples = examples,
    .example_count = MOPT_COUNTOF(examples),
    .rows = rows,
    .row_count = MOPT_COUNTOF(rows),
    .positional_min = 2,
    .positional_max = 2,
    .complete = MOPT_COMPLETE_MODEL,
    .run = run,
};
