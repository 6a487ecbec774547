// SPDX-License-Identifier: Apache-2.0
// mopt run: runs a model on data; sums up, saves, or checks the outputs.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/outputs.h"
#include "cli/report.h"

struct job {
    struct mopt_cli *cli;
    struct mopt_model *model;
    struct mopt_session *session;
    struct mopt_job_feed feed;
    struct mopt_datum **outputs;
    struct mopt_output_sum *sums;
    struct mopt_saver *saver;
    bool expect;
    struct mopt_datum **recorded;        // of --expect=PATH
    struct mopt_difference *differences; // [outputs]
    bool *held;                          // [outputs]: against something recorded
    struct mopt_tolerance tolerance;
    size_t runs, samples;
    uint64_t run_ns;
};

static void hold_against(struct job *job, const struct mopt_sample *sample)
{
    const struct mopt_value_list *list = &job->model->graph->outputs;
    for (size_t i = 0; i < list->count; i++) {
        const struct mopt_datum *expected = job->recorded != NULL ? job->recorded[i] : NULL;
        for (size_t k = 0; expected == NULL && sample != NULL && k < sample->expected_count; k++) {
            const char *name = sample->expected_names != NULL ? sample->expected_names[k] : NULL;
            if (name != NULL ? strcmp(name, list->items[i]->name) == 0 : k == i) {
                expected = sample->expected[k];
            }
        }
        if (expected == NULL && sample != NULL && i < sample->expected_count) {
            expected = sample->expected[i]; // names differ from the model's: by position
        }
        if (expected != NULL) {
            job->held[i] = true; // an empty sequence has nothing that counts
            mopt__difference_datum(&job->differences[i], expected, job->outputs[i],
                                   &job->tolerance);
        }
    }
}

static enum mopt_status run_item(struct job *job, const struct mopt_feed_item *item,
                                 struct mopt_error *err)
{
    struct mopt_run_options options = {.budget = &job->cli->budget};
    size_t count = job->model->graph->outputs.count;
    uint64_t start = mopt__clock_ns();
    enum mopt_status status =
        mopt__session_run(job->session, item->inputs, job->outputs, &options, err);
    job->run_ns += mopt__clock_ns() - start;
    if (status == MOPT_OK) {
        job->runs++;
        job->samples += item->rows;
        for (size_t i = 0; i < count; i++) {
            mopt__output_sum_add(&job->sums[i], job->outputs[i]);
        }
        if (job->expect) {
            hold_against(job, item->sample);
        }
        if (job->saver != NULL) {
            status = mopt__saver_add(job->saver, item->inputs, job->outputs, err);
        }
    }
    for (size_t i = 0; i < count; i++) {
        mopt__datum_unref(job->outputs[i]);
        job->outputs[i] = NULL;
    }
    return status != MOPT_OK ? mopt_error_wrap(err, "%s", item->name) : MOPT_OK;
}

static enum mopt_status run_all(struct job *job, struct mopt_error *err)
{
    size_t total = mopt__feed_count(job->feed.feed);
    for (;;) {
        const struct mopt_feed_item *item;
        enum mopt_status status = mopt__feed_next(job->feed.feed, &item, err);
        if (status != MOPT_OK || item == NULL) {
            mopt__progress(&job->cli->log, "run", total, total);
            return status;
        }
        status = run_item(job, item, err);
        if (status != MOPT_OK) {
            return status;
        }
        mopt__progress(&job->cli->log, "run", job->samples, total);
    }
}

// ---- Results ------------------------------------------------------------------------------------

static void show_sums(struct job *job)
{
    struct mopt_table table = {0};
    static const char *const columns[] = {"output", "type", "min", "mean", "max", "first values"};
    for (size_t i = 0; i < MOPT_COUNTOF(columns); i++) {
        mopt__table_column(&table, columns[i], i >= 2 && i <= 4);
    }
    const struct mopt_value_list *list = &job->model->graph->outputs;
    cJSON *array = mopt__json_array(job->cli->envelope.result, "outputs");
    for (size_t i = 0; i < list->count; i++) {
        const struct mopt_output_sum *sum = &job->sums[i];
        double mean = sum->sum / (double)(sum->count > 0 ? sum->count : 1);
        char buf[3][32];
        mopt__table_cell(&table, "%s", list->items[i]->name);
        mopt__table_cell(&table, "%s", sum->type);
        mopt__table_cell(&table, "%s", mopt__report_number(buf[0], sum->min));
        mopt__table_cell(&table, "%s", mopt__report_number(buf[1], mean));
        mopt__table_cell(&table, "%s", mopt__report_number(buf[2], sum->max));
        mopt__table_cell(&table, "%s%s", sum->first,
                         sum->not_finite > 0 ? " (some not finite)" : "");
        cJSON *item = mopt__json_object(array, NULL);
        mopt__json_text(item, "name", list->items[i]->name);
        mopt__json_text(item, "type", sum->type);
        mopt__json_number(item, "min", sum->min);
        mopt__json_number(item, "mean", mean);
        mopt__json_number(item, "max", sum->max);
        mopt__json_size(item, "not_finite", sum->not_finite);
    }
    mopt__json_size(job->cli->envelope.result, "runs", job->runs);
    mopt__json_size(job->cli->envelope.result, "samples", job->samples);
    mopt__json_number(job->cli->envelope.timing, "run_ms", (double)job->run_ns * 1e-6);
    mopt__job_print_table(job->cli, &table);
    mopt__table_release(&table);
}

static void difference_json(cJSON *array, const char *name, const struct mopt_difference *d)
{
    cJSON *item = mopt__json_object(array, NULL);
    mopt__json_text(item, "name", name);
    mopt__json_bool(item, "fits", mopt__difference_fits(d));
    mopt__json_size(item, "elements", d->elements);
    mopt__json_size(item, "beyond", d->beyond);
    mopt__json_number(item, "max_abs", d->max_abs);
    mopt__json_number(item, "max_rel", d->max_rel);
}

static enum mopt_status show_expected(struct job *job, struct mopt_error *err)
{
    struct mopt_table table = {0};
    static const char *const columns[] = {"output", "elements", "beyond", "max abs", "max rel"};
    for (size_t i = 0; i < MOPT_COUNTOF(columns); i++) {
        mopt__table_column(&table, columns[i], i > 0);
    }
    const struct mopt_value_list *list = &job->model->graph->outputs;
    cJSON *array = mopt__json_array(job->cli->envelope.result, "expected");
    size_t compared = 0;
    size_t bad = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct mopt_difference *d = &job->differences[i];
        if (!job->held[i]) {
            continue;
        }
        char buf[2][32];
        compared++;
        bad += !mopt__difference_fits(d);
        mopt__table_cell(&table, "%s", list->items[i]->name);
        mopt__table_cell(&table, "%zu", d->elements);
        mopt__table_cell(&table, d->shapes > 0 ? "shape" : "%zu", d->beyond);
        mopt__table_style(&table, mopt__difference_fits(d) ? MOPT_STYLE_GOOD : MOPT_STYLE_BAD);
        mopt__table_cell(&table, "%s", mopt__report_number(buf[0], d->max_abs));
        mopt__table_cell(&table, "%s", mopt__report_number(buf[1], d->max_rel));
        difference_json(array, list->items[i]->name, d);
        struct mopt_gate gate = {.id = "expect",
                                 .metric = list->items[i]->name,
                                 .baseline = 0,
                                 .value = d->max_abs,
                                 .limit = job->tolerance.atol,
                                 .low = NAN,
                                 .high = NAN,
                                 .pass = mopt__difference_fits(d)};
        mopt__envelope_gate(&job->cli->envelope, &gate);
    }
    mopt__strbuf_add_char(&job->cli->text, '\n');
    mopt__job_print_table(job->cli, &table);
    mopt__table_release(&table);
    if (compared == 0) {
        return mopt_error_set(err, MOPT_E_MISSING, "the data hold no recorded outputs");
    }
    mopt__job_verdict(job->cli,
                      "%zu of %zu outputs agree with the recorded ones (rtol %g, atol %g)",
                      compared - bad, compared, job->tolerance.rtol, job->tolerance.atol);
    return bad > 0 ? MOPT_E_NEGATIVE : MOPT_OK;
}

// ---- The command --------------------------------------------------------------------------------

static enum mopt_status prepare(struct job *job, struct mopt_error *err)
{
    struct mopt_cli *cli = job->cli;
    const char *save = mopt__option_text(&cli->options, "save");
    const struct mopt_option_value *expect = mopt__option(&cli->options, "expect");
    job->expect = expect->given;
    job->tolerance.rtol = mopt__option_float(&cli->options, "rtol");
    job->tolerance.atol = mopt__option_float(&cli->options, "atol");
    enum mopt_status status = mopt__job_claim(cli, save, err);
    if (status == MOPT_OK) {
        status = mopt__job_load(cli, cli->options.positionals[0], "model", &job->model, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    size_t outputs = job->model->graph->outputs.count;
    job->outputs = mopt__calloc(outputs + 1, sizeof(struct mopt_datum *));
    job->sums = mopt__calloc(outputs + 1, sizeof *job->sums);
    job->differences = mopt__calloc(outputs + 1, sizeof *job->differences);
    job->held = mopt__calloc(outputs + 1, sizeof *job->held);
    if (job->outputs == NULL || job->sums == NULL || job->differences == NULL ||
        job->held == NULL) {
        return mopt_error_memory(err);
    }
    if (expect->text != NULL) {
        status = mopt__recorded_load(job->model, expect->text, &job->recorded, err);
    }
    if (status == MOPT_OK && save != NULL) {
        status = mopt__saver_new(cli, job->model, save, &job->saver, err);
    }
    if (status == MOPT_OK) {
        status = mopt__job_feed_open(cli, job->model, 0, &job->feed, err);
        if (status == MOPT_E_USAGE && !mopt__option_given(&cli->options, "data") &&
            mopt__option(&cli->options, "input")->count == 0) {
            status = mopt_error_wrap(err, "give inputs with --data PATH, --data random or "
                                          "--input NAME=VALUE");
        }
    }
    if (status == MOPT_OK) {
        struct mopt_session_options session = mopt__job_options(cli);
        status = mopt__session_new(job->model, &session, &job->session, err);
    }
    return status;
}

static enum mopt_status finish(struct job *job, struct mopt_error *err)
{
    enum mopt_status status = job->saver != NULL ? mopt__saver_finish(job->saver, err) : MOPT_OK;
    if (status != MOPT_OK) {
        return status;
    }
    show_sums(job);
    mopt__job_verdict(job->cli, "%zu samples in %zu runs, %.1f ms", job->samples, job->runs,
                      (double)job->run_ns * 1e-6);
    mopt__job_next(job->cli, "mopt bench %s", job->cli->options.positionals[0]);
    return job->expect ? show_expected(job, err) : MOPT_OK;
}

static enum mopt_status run(struct mopt_cli *cli, struct mopt_error *err)
{
    struct job job = {.cli = cli};
    enum mopt_status status = prepare(&job, err);
    if (status == MOPT_OK) {
        status = run_all(&job, err);
    }
    if (status == MOPT_OK) {
        status = finish(&job, err);
    }
    mopt__session_free(job.session);
    mopt__saver_free(job.saver);
    if (job.model != NULL) {
        mopt__recorded_free(job.model, job.recorded);
    }
    mopt__job_feed_close(&job.feed);
    mopt__free(job.outputs);
    mopt__free(job.sums);
    mopt__free(job.differences);
    mopt__free(job.held);
    mopt__model_free(job.model);
    return status;
}

static const struct mopt_option_row rows[] = {
    MOPT_ROW_DATA("Samples: npy, npz, folder of test_data_set_N, raw, images, list file, IDX, or "
                  "\"random\"."),
    MOPT_ROW_INPUT,
    {.name = "save",
     .letter = 's',
     .kind = MOPT_OPT_FILE,
     .metavar = "PATH",
     .complete = MOPT_COMPLETE_FILE,
     .help = "Write the outputs to an .npz or .npy file, or inputs and outputs to a folder of "
             "test_data_set_N."},
    {.name = "expect",
     .kind = MOPT_OPT_FILE,
     .flags = MOPT_OPT_BARE,
     .metavar = "PATH",
     .complete = MOPT_COMPLETE_FILE,
     .help = "Hold the outputs against those recorded with the data, or in PATH; exit 1 when one "
             "is beyond the tolerance."},
    MOPT_ROW_TOLERANCES("1e-3", "1e-5"),
    MOPT_ROWS_SAMPLES,
    MOPT_ROW_DIM,
    MOPT_ROW_FORMAT,
};

static const struct mopt_example examples[] = {
    {"mopt run model.onnx --data random", "Does it run at all?"},
    {"mopt run model.onnx --data test_data_set_0 --expect",
     "Hold the outputs against the recorded ones."},
    {"mopt run vad.onnx --input input=audio.npy --input sr=16000 --data random --save out.npz",
     "Some inputs given, the others random; outputs saved."},
};

const struct mopt_command mopt__command_run = {
    .name = "run",
    .group = MOPT_GROUP_RUN,
    .summary = "inference on files; outputs summed up, saved, or checked",
    .usage = "MODEL",
    .examples = examples,
    .example_count = MOPT_COUNTOF(examples),
    .rows = rows,
    .row_count = MOPT_COUNTOF(rows),
    .positional_min = 1,
    .positional_max = 1,
    .complete = MOPT_COMPLETE_MODEL,
    .run = run,
};
