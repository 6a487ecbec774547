// SPDX-License-Identifier: Apache-2.0
// mopt quantize: optimizes, quantizes, checks the result against the original, writes it.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/report.h"
#include "quantize/quantize.h"

enum { TRIAL_SAMPLES = 32, KEPT_ROWS = 10 };

struct job {
    struct mopt_cli *cli;
    const char *input, *output;
    struct mopt_model *original, *model;
    struct mopt_facts before, after;
    struct mopt_quantize_report report;
    bool dynamic;
    char quality[96]; // for the verdict
};

// ---- Options ------------------------------------------------------------------------------------

static enum mopt_status read_mode(struct job *job, struct mopt_error *err)
{
    const struct mopt_options *options = &job->cli->options;
    bool is_static = mopt__option_flag(options, "static");
    job->dynamic = mopt__option_flag(options, "dynamic");
    if (is_static == job->dynamic) {
        return mopt_error_set(err, MOPT_E_USAGE,
                              is_static ? "options '--static' and '--dynamic' exclude each other"
                                        : "say how to quantize: --static (ranges from data, "
                                          "fastest) or --dynamic (no data needed)");
    }
    if (is_static && !mopt__option_given(options, "data")) {
        return mopt_error_set(err, MOPT_E_USAGE,
                              "option '--static' measures ranges on samples: give --data PATH "
                              "(random data only as --data random)");
    }
    if (mopt__option_given(options, "max-drop") && !mopt__option_given(options, "eval")) {
        return mopt_error_set(err, MOPT_E_USAGE,
                              "option '--max-drop' needs data to measure on: give --eval PATH");
    }
    return MOPT_OK;
}

static struct mopt_quantize_options read_options(const struct job *job)
{
    struct mopt_cli *cli = job->cli;
    const struct mopt_options *options = &cli->options;
    const struct mopt_option_value *keep = mopt__option(options, "keep-float");
    bool percentile = strcmp(mopt__option_text(options, "method"), "percentile") == 0;
    bool int8 = strcmp(mopt__option_text(options, "activations"), "int8") == 0;
    return (struct mopt_quantize_options){
        .mode = job->dynamic ? MOPT_QUANTIZE_DYNAMIC : MOPT_QUANTIZE_STATIC,
        .calibration = percentile ? MOPT_CALIBRATE_PERCENTILE : MOPT_CALIBRATE_MINMAX,
        .percentile = mopt__option_float(options, "percentile"),
        .activation = int8 ? MOPT_INT8 : MOPT_UINT8,
        .symmetric = mopt__option_flag(options, "symmetric"),
        .per_tensor = mopt__option_flag(options, "per-tensor"),
        .reduce_range = mopt__option_flag(options, "reduce-range"),
        .keep_float = keep->items,
        .keep_float_count = keep->count,
        .threads = mopt__job_threads(cli),
        .log = &cli->log,
        .budget = &cli->budget,
    };
}

// ---- Work ---------------------------------------------------------------------------------------

static enum mopt_status optimize_first(struct job *job, struct mopt_error *err)
{
    const char *level = mopt__option_text(&job->cli->options, "level");
    if (level[0] == '0') {
        return MOPT_OK;
    }
    struct mopt_context *context = NULL;
    struct mopt_pipeline pipeline = {0};
    struct mopt_pass_report report = {0};
    enum mopt_status status = mopt__job_context(job->cli, &context, err);
    if (status == MOPT_OK) {
        struct mopt_pass_set set = mopt__context_pass_set(context);
        status = mopt__pipeline_level(&set, level[0] - '0', &pipeline, err);
    }
    if (status == MOPT_OK) {
        struct mopt_manager_options options = {.log = &job->cli->log, .budget = &job->cli->budget};
        status = mopt__manager_run(&job->model, &pipeline, &options, &report, err);
    }
    mopt__pass_report_release(&report);
    mopt__pipeline_release(&pipeline);
    mopt_context_free(context);
    return status;
}

// Random data need a size for every open dimension; what is missing is said as by the other
// commands.
static enum mopt_status check_dims(struct job *job, struct mopt_error *err)
{
    if (strcmp(mopt__option_text(&job->cli->options, "data"), "random") != 0) {
        return MOPT_OK;
    }
    struct mopt_job_feed dims = {0};
    enum mopt_status status = mopt__job_bindings(job->cli, &dims, err);
    if (status == MOPT_OK) {
        const struct mopt_feed_item *item;
        struct mopt_feed_options options = {.random = true,
                                            .bindings = dims.bindings,
                                            .binding_count = dims.binding_count};
        status = mopt__feed_new(job->model, &options, &dims.feed, err);
        if (status == MOPT_OK) {
            status = mopt__feed_next(dims.feed, &item, err);
        }
    }
    mopt__job_feed_close(&dims);
    return status;
}

static enum mopt_status quantize(struct job *job, struct mopt_error *err)
{
    struct mopt_quantize_options options = read_options(job);
    enum mopt_status status = job->dynamic ? MOPT_OK : check_dims(job, err);
    if (status == MOPT_OK && !job->dynamic) {
        size_t samples = (size_t)mopt__option_int(&job->cli->options, "samples");
        status = mopt__job_dataset(job->cli, job->model, "data", samples, &options.data, err);
    }
    if (status == MOPT_OK) {
        status = mopt__quantize(&job->model, &options, &job->report, err);
    }
    mopt__dataset_close(options.data);
    return status;
}

// ---- Quality ------------------------------------------------------------------------------------

// Labelled data of --eval, else some calibration samples, else random ones.
static enum mopt_status open_trial(struct job *job, struct mopt_dataset **dataset,
                                   struct mopt_error *err)
{
    struct mopt_cli *cli = job->cli;
    const struct mopt_options *options = &cli->options;
    *dataset = NULL;
    if (mopt__option_given(options, "eval")) {
        size_t samples = (size_t)mopt__option_int(options, "eval-samples");
        return mopt__job_dataset(cli, job->model, "eval", samples, dataset, err);
    }
    const char *data = mopt__option_text(options, "data");
    if (data == NULL || strcmp(data, "random") == 0) {
        return MOPT_OK;
    }
    return mopt__job_dataset(cli, job->model, "data", TRIAL_SAMPLES, dataset, err);
}

static enum mopt_status try_out(struct job *job, struct mopt_evaluation_pair *found,
                                struct mopt_error *err)
{
    struct mopt_cli *cli = job->cli;
    struct mopt_dataset *dataset = NULL;
    struct mopt_feed *feed = NULL;
    struct mopt_job_feed dims = {0};
    enum mopt_status status = mopt__job_bindings(cli, &dims, err);
    if (status == MOPT_OK) {
        status = open_trial(job, &dataset, err);
    }
    if (status == MOPT_OK) {
        struct mopt_feed_options options = {
            .dataset = dataset,
            .random = dataset == NULL,
            .bindings = dims.bindings,
            .binding_count = dims.binding_count,
            .samples = 4,
            .seed = (uint64_t)mopt__option_int(&cli->options, "seed"),
            .batch = mopt__option_int(&cli->options, "batch"),
        };
        status = mopt__feed_new(job->model, &options, &feed, err);
    }
    if (status == MOPT_OK) {
        struct mopt_evaluate_options options = {
            .session = mopt__job_options(cli),
            .budget = &cli->budget,
            .log = &cli->log,
        };
        status = mopt__evaluate(job->model, job->original, feed, &options, found, err);
    }
    mopt__feed_free(feed);
    mopt__dataset_close(dataset);
    mopt__job_feed_close(&dims);
    return status;
}

static void quality_json(const struct job *job, const struct mopt_evaluation_pair *found)
{
    cJSON *object = mopt__json_object(job->cli->envelope.result, "quality");
    double samples = (double)found->model.samples;
    mopt__json_size(object, "samples", found->model.samples);
    mopt__json_number(object, "cosine", mopt__difference_cosine(&found->difference));
    mopt__json_number(object, "sqnr_db", mopt__difference_sqnr(&found->difference));
    mopt__json_number(object, "agreement", found->classes ? (double)found->agree / samples : NAN);
    bool labels = found->model.has_labels;
    mopt__json_number(object, "top1", labels ? (double)found->model.accuracy.top1 / samples : NAN);
    mopt__json_number(object, "top1_before",
                      labels ? (double)found->baseline.accuracy.top1 / samples : NAN);
}

static void quality_row(struct mopt_table *table, const char *name, const char *format,
                        double value)
{
    char buf[32];
    (void)snprintf(buf, sizeof buf, "%.4g", value);
    mopt__table_cell(table, "%s", name);
    if (format[0] == '%') {
        mopt__table_cell(table, "%.2f %%", value * 100);
    } else {
        mopt__table_cell(table, "%s", buf);
    }
}

static void show_quality(struct job *job, const struct mopt_evaluation_pair *found)
{
    struct mopt_table table = {0};
    double samples = (double)found->model.samples;
    mopt__table_column(&table, "against the original", false);
    mopt__table_column(&table, "", true);
    quality_row(&table, "samples", "", samples);
    if (found->model.has_labels) {
        quality_row(&table, "top-1 before", "%", (double)found->baseline.accuracy.top1 / samples);
        quality_row(&table, "top-1 after", "%", (double)found->model.accuracy.top1 / samples);
    }
    if (found->classes) {
        quality_row(&table, "same best class", "%", (double)found->agree / samples);
    }
    quality_row(&table, "cosine of outputs", "", mopt__difference_cosine(&found->difference));
    quality_row(&table, "SQNR dB", "", mopt__difference_sqnr(&found->difference));
    mopt__strbuf_add_char(&job->cli->text, '\n');
    mopt__job_print_table(job->cli, &table);
    mopt__table_release(&table);
    quality_json(job, found);
}

static enum mopt_status judge(struct job *job, const struct mopt_evaluation_pair *found,
                              struct mopt_error *err)
{
    const struct mopt_options *options = &job->cli->options;
    double samples = (double)found->model.samples;
    bool labels = found->model.has_labels;
    double value =
        labels ? (double)found->model.accuracy.top1 / samples : (double)found->agree / samples;
    double baseline = labels ? (double)found->baseline.accuracy.top1 / samples : 1;
    if (labels) {
        (void)snprintf(job->quality, sizeof job->quality, ", top-1 %.2f %% (was %.2f %%)",
                       value * 100, baseline * 100);
    }
    if (!mopt__option_given(options, "max-drop")) {
        return MOPT_OK;
    }
    if (!labels && !found->classes) {
        return mopt_error_set(err, MOPT_E_MISSING,
                              "the data of '--eval' have no labels, and the outputs are no scores "
                              "of classes");
    }
    double limit = mopt__option_float(options, "max-drop");
    double half =
        labels ? 1.959963984540054 * mopt__paired_error(found->only_baseline_1, found->only_model_1,
                                                        found->model.samples)
               : NAN;
    struct mopt_gate gate = {.id = "max-drop",
                             .metric = labels ? "top1" : "agreement",
                             .baseline = baseline,
                             .value = value,
                             .limit = limit,
                             .low = baseline - value - half,
                             .high = baseline - value + half,
                             .pass = baseline - value <= limit};
    mopt__envelope_gate(&job->cli->envelope, &gate);
    if (!gate.pass) {
        mopt__job_verdict(job->cli, "%s drops by %.2f points, limit %.2f: nothing is written",
                          gate.metric, (baseline - value) * 100, limit * 100);
        mopt__job_next(job->cli,
                       "mopt compare %s QUANTIZED --per-layer, then --keep-float the "
                       "worst layers",
                       job->input);
        return MOPT_E_NEGATIVE;
    }
    return MOPT_OK;
}

static enum mopt_status check_quality(struct job *job, struct mopt_error *err)
{
    struct mopt_evaluation_pair found;
    struct mopt_error problem;
    mopt_error_clear(&problem);
    enum mopt_status status = try_out(job, &found, &problem);
    if (status == MOPT_OK) {
        show_quality(job, &found);
        return judge(job, &found, err);
    }
    bool demanded = mopt__option_given(&job->cli->options, "eval");
    if (demanded || status == MOPT_E_INTERRUPTED || status == MOPT_E_LIMIT ||
        status == MOPT_E_MEMORY) {
        *err = problem;
        return mopt_error_wrap(err, "evaluation");
    }
    mopt__log(&job->cli->log, MOPT_LOG_WARN, "the result was not held against the original: %s",
              problem.text);
    return MOPT_OK;
}

// ---- Report -------------------------------------------------------------------------------------

static void show_kept(struct job *job)
{
    struct mopt_table table = {0};
    mopt__table_column(&table, "kept in float", false);
    mopt__table_column(&table, "operator", false);
    mopt__table_column(&table, "why", false);
    size_t kept = 0;
    cJSON *array = mopt__json_array(job->cli->envelope.result, "nodes");
    bool all = mopt__option_int(&job->cli->options, "verbose") > 0;
    for (size_t i = 0; i < job->report.count; i++) {
        const struct mopt_quantize_row *row = &job->report.rows[i];
        cJSON *item = mopt__json_object(array, NULL);
        mopt__json_text(item, "node", row->node);
        mopt__json_text(item, "operator", row->op_type);
        mopt__json_text(item, "kept_float", row->kept_float);
        if (row->kept_float != NULL && (kept++ < KEPT_ROWS || all)) {
            mopt__table_cell(&table, "%s", row->node);
            mopt__table_cell(&table, "%s", row->op_type);
            mopt__table_cell(&table, "%s", row->kept_float);
        }
    }
    if (kept > 0) {
        mopt__strbuf_add_char(&job->cli->text, '\n');
        mopt__job_print_table(job->cli, &table);
        if (!all && kept > KEPT_ROWS) {
            mopt__strbuf_printf(&job->cli->text, "... and %zu more, see -v\n", kept - KEPT_ROWS);
        }
    }
    mopt__table_release(&table);
}

static void show(struct job *job)
{
    cJSON *result = job->cli->envelope.result;
    mopt__report_change(job->cli, &job->before, &job->after);
    mopt__report_changed_ops(job->cli, &job->before, &job->after);
    mopt__report_facts_json(result, "before", &job->before);
    mopt__report_facts_json(result, "after", &job->after);
    mopt__json_size(result, "quantized_nodes", job->report.quantized);
    mopt__json_size(result, "activations", job->report.tensors);
    mopt__json_size(result, "samples", job->report.samples);
    mopt__json_size(result, "clipped_biases", job->report.clipped_biases);
    show_kept(job);
    if (job->report.quantized == 0) {
        mopt__log(&job->cli->log, MOPT_LOG_WARN, "no node was quantized%s",
                  job->report.count > 0 ? ": the table says why each stayed in floats" : "");
    }
    if (job->report.clipped_biases > 0) {
        mopt__log(&job->cli->log, MOPT_LOG_WARN, "%zu elements of biases did not fit into 32 bits",
                  job->report.clipped_biases);
    }
}

static void conclude(struct job *job)
{
    bool dry = job->output == NULL || mopt__option_flag(&job->cli->options, "dry-run");
    mopt__job_verdict(job->cli, "%zu of %zu nodes quantized, file %.1f %% smaller%s%s%s",
                      job->report.quantized, job->report.count,
                      100 * (1 - (double)job->after.file_bytes / (double)job->before.file_bytes),
                      job->quality, dry ? ", nothing written" : ", written to ",
                      dry ? "" : job->output);
    if (dry) {
        char *name = mopt__report_name(job->input, "int8");
        if (name != NULL) {
            mopt__job_next(job->cli, "the same with -o %s", name);
        }
        mopt__free(name);
    } else if (strcmp(job->output, "-") != 0) {
        mopt__job_next(job->cli, "mopt bench %s %s", job->input, job->output);
    }
}

// ---- The command --------------------------------------------------------------------------------

static enum mopt_status work(struct job *job, struct mopt_error *err)
{
    struct mopt_cli *cli = job->cli;
    enum mopt_status status = read_mode(job, err);
    if (status == MOPT_OK) {
        status = mopt__job_claim(cli, job->output, err);
    }
    if (status == MOPT_OK) {
        status = mopt__job_load(cli, job->input, "model", &job->original, err);
    }
    if (status == MOPT_OK) {
        status = mopt__facts_gather(job->original, NULL, 0, &job->before, err);
    }
    if (status == MOPT_OK) {
        status = mopt__model_clone(job->original, &job->model, err);
    }
    if (status == MOPT_OK) {
        status = optimize_first(job, err);
    }
    if (status == MOPT_OK) {
        status = quantize(job, err);
    }
    if (status == MOPT_OK) {
        status = mopt__facts_gather(job->model, NULL, 0, &job->after, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    show(job);
    status = check_quality(job, err);
    if (status == MOPT_OK) {
        status = mopt__job_save(cli, job->model, job->output, err);
    }
    if (status == MOPT_OK) {
        conclude(job);
    }
    return status;
}

static enum mopt_status run(struct mopt_cli *cli, struct mopt_error *err)
{
    struct job job = {.cli = cli,
                      .input = cli->options.positionals[0],
                      .output = mopt__option_text(&cli->options, "output")};
    enum mopt_status status = work(&job, err);
    mopt__quantize_report_release(&job.report);
    mopt__facts_release(&job.before);
    mopt__facts_release(&job.after);
    mopt__model_free(job.model);
    mopt__model_free(job.original);
    return status;
}

static const struct mopt_option_row rows[] = {
    MOPT_ROW_OUTPUT("Write the model to FILE, or to standard output for \"-\". Without it, only "
                    "show what would change."),
    {.name = "static",
     .kind = MOPT_OPT_FLAG,
     .help = "Ranges of activations from --data, QuantizeLinear/DequantizeLinear pairs."},
    {.name = "dynamic",
     .kind = MOPT_OPT_FLAG,
     .help = "Ranges of activations at run time; needs no data."},
    MOPT_ROW_DATA("Calibration samples; \"random\" only to try things out."),
    {.name = "method",
     .kind = MOPT_OPT_CHOICE,
     .initial = "minmax",
     .metavar = "NAME",
     .choices = "minmax|percentile",
     .help = "How ranges come from what was seen."},
    {.name = "percentile",
     .kind = MOPT_OPT_FLOAT,
     .initial = "99.999",
     .metavar = "P",
     .min = 50.001,
     .max = 100,
     .help = "Share of values inside the range of percentile."},
    {.name = "activations",
     .kind = MOPT_OPT_CHOICE,
     .initial = "uint8",
     .metavar = "TYPE",
     .choices = "uint8|int8",
     .help = "Type of activations."},
    {.name = "symmetric",
     .kind = MOPT_OPT_FLAG,
     .help = "Activations with the zero point in the middle."},
    {.name = "per-tensor",
     .kind = MOPT_OPT_FLAG,
     .help = "One scale per weight tensor instead of one per output channel."},
    {.name = "reduce-range",
     .kind = MOPT_OPT_FLAG,
     .help = "Weights of 7 bits, for processors without VNNI that saturate pair sums."},
    {.name = "keep-float",
     .kind = MOPT_OPT_LIST,
     .metavar = "PATTERN",
     .help = "Leave nodes as they are: a name with * and ?, or op:TYPE."},
    {.name = "level",
     .letter = 'O',
     .kind = MOPT_OPT_CHOICE,
     .initial = "2",
     .metavar = "N",
     .choices = "0|1|2|3",
     .help = "Optimize first, see mopt optimize; 0: not."},
    {.name = "eval",
     .kind = MOPT_OPT_FILE,
     .metavar = "PATH",
     .complete = MOPT_COMPLETE_FILE,
     .help = "Evaluate original and result on these samples before anything is written."},
    {.name = "eval-samples",
     .kind = MOPT_OPT_INT,
     .initial = "0",
     .metavar = "N",
     .min = 0,
     .max = 1e12,
     .help = "Evaluate at most N samples; 0: all."},
    {.name = "max-drop",
     .kind = MOPT_OPT_FLOAT,
     .metavar = "X",
     .min = -1,
     .max = 1,
     .help = "Write nothing and exit 1 when top-1 (without labels: agreement with the original) "
             "drops by more than X, such as 1%."},
    MOPT_ROWS_SAMPLES_OF("256", "Calibrate on at most N samples; 0: all."),
    MOPT_ROW_DIM,
    MOPT_ROW_FORMAT,
};

static const struct mopt_example examples[] = {
    {"mopt quantize --dynamic model.onnx -o model.int8.onnx", "No data needed."},
    {"mopt quantize --static model.onnx -o model.int8.onnx --data calib/ --pre imagenet",
     "Ranges from a folder of images."},
    {"mopt quantize --static model.onnx -o model.int8.onnx --data calib/ --pre imagenet --eval "
     "val/ --max-drop 1%",
     "Nothing is written when more than one point of accuracy is lost."},
};

const struct mopt_command mopt__command_quantize = {
    .name = "quantize",
    .group = MOPT_GROUP_CHANGE,
    .summary = "8-bit integers instead of floats, static (with data) or dynamic",
    .usage = "MODEL",
    .details = "Weights become int8 with one scale per output channel, activations uint8 or int8. "
               "Memory does not grow with the number of calibration samples. The result is held "
               "against the original on --eval, else on some of the calibration samples, else on "
               "random ones.",
    .examples = examples,
    .example_count = MOPT_COUNTOF(examples),
    .rows = rows,
    .row_count = MOPT_COUNTOF(rows),
    .positional_min = 1,
    .positional_max = 1,
    .complete = MOPT_COMPLETE_MODEL,
    .run = run,
};
