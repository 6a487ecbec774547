// SPDX-License-Identifier: Apache-2.0
// What commands share.
#include "cli/job.h"

#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "onnx/onnx.h"

static bool has_option(const struct mopt_cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->options.count; i++) {
        if (strcmp(cli->options.values[i].row->name, name) == 0) {
            return true;
        }
    }
    return false;
}

void mopt__job_print_table(struct mopt_cli *cli, const struct mopt_table *table)
{
    const char *format =
        has_option(cli, "format") ? mopt__option_text(&cli->options, "format") : "text";
    if (strcmp(format, "markdown") == 0) {
        mopt__table_markdown(table, &cli->text);
    } else if (strcmp(format, "csv") == 0) {
        mopt__table_csv(table, &cli->text);
    } else {
        mopt__table_text(table, cli->color_out && !cli->stdout_taken, &cli->text);
    }
}

void mopt__job_verdict(struct mopt_cli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    mopt__strbuf_clear(&cli->verdict);
    mopt__strbuf_vprintf(&cli->verdict, format, args);
    va_end(args);
}

void mopt__job_next(struct mopt_cli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    mopt__strbuf_clear(&cli->next);
    mopt__strbuf_vprintf(&cli->next, format, args);
    va_end(args);
}

static void forward(void *user, enum mopt_message_level level, const char *text)
{
    struct mopt_cli *cli = user;
    mopt__log(&cli->log, (enum mopt_log_level)level, "%s", text);
}

enum mopt_status mopt__job_context(struct mopt_cli *cli, struct mopt_context **out,
                                   struct mopt_error *err)
{
    enum mopt_status status =
        mopt_context_new(forward, cli, (enum mopt_message_level)cli->log.level, out, err);
    if (status != MOPT_OK || !has_option(cli, "plugin")) {
        return status;
    }
    const struct mopt_option_value *plugins = mopt__option(&cli->options, "plugin");
    for (size_t i = 0; i < plugins->count && status == MOPT_OK; i++) {
        status = mopt_context_load_plugin(*out, plugins->items[i], err);
        if (status == MOPT_OK) {
            mopt__envelope_input_file(&cli->envelope, "plugin", plugins->items[i]);
        }
    }
    if (status != MOPT_OK) {
        mopt_context_free(*out);
        *out = NULL;
    }
    return status;
}

enum mopt_status mopt__job_pass(const struct mopt_pass_set *set, const char *name,
                                const struct mopt_pass **out, struct mopt_error *err)
{
    *out = mopt__pass_find(set, name);
    if (*out != NULL) {
        return MOPT_OK;
    }
    const char **names = mopt__calloc(set->count, sizeof *names);
    if (names == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < set->count; i++) {
        names[i] = set->items[i]->name;
    }
    char hint[128];
    mopt__did_you_mean(hint, sizeof hint, "", name, names, set->count);
    mopt__free(names);
    return mopt_error_set(err, MOPT_E_USAGE, "unknown pass '%s'%s", name, hint);
}

enum mopt_status mopt__job_load(struct mopt_cli *cli, const char *path, const char *role,
                                struct mopt_model **out, struct mopt_error *err)
{
    struct mopt_onnx_limits limits = {0};
    limits.max_memory_bytes = (size_t)cli->budget.max_memory_bytes;
    enum mopt_status status = mopt__load_model(path, &limits, out, err);
    if (status != MOPT_OK) {
        return status;
    }
    mopt__envelope_input_file(&cli->envelope, role, path);
    status = mopt__budget_check(&cli->budget, err);
    if (status != MOPT_OK) {
        mopt__model_free(*out);
        *out = NULL;
    }
    return status;
}

static enum mopt_status check_folder(const char *path, struct mopt_error *err)
{
    char *dir = mopt__path_dirname(path);
    if (dir == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = MOPT_OK;
    if (*dir != '\0' && !mopt__path_is_dir(dir)) {
        status = mopt_error_set(err, MOPT_E_CREATE, "cannot write '%s': no folder '%s'", path, dir);
    }
    mopt__free(dir);
    return status;
}

enum mopt_status mopt__job_claim(struct mopt_cli *cli, const char *path, struct mopt_error *err)
{
    if (path == NULL) {
        return MOPT_OK;
    }
    if (strcmp(path, "-") == 0) {
        cli->stdout_taken = true;
        return cli->json ? mopt_error_set(err, MOPT_E_USAGE,
                                          "standard output cannot be both the model and the JSON "
                                          "result, use --json=FILE")
                         : MOPT_OK;
    }
    struct stat info;
    if (mopt__option_flag(&cli->options, "dry-run")) {
        return MOPT_OK;
    }
    if (!mopt__option_flag(&cli->options, "force") && stat(path, &info) == 0 &&
        S_ISREG(info.st_mode)) {
        return mopt_error_set(err, MOPT_E_CREATE, "'%s' exists, use --force to replace it", path);
    }
    return check_folder(path, err);
}

enum mopt_status mopt__job_save(struct mopt_cli *cli, const struct mopt_model *model,
                                const char *path, struct mopt_error *err)
{
    if (path == NULL || mopt__option_flag(&cli->options, "dry-run")) {
        return MOPT_OK;
    }
    struct mopt_onnx_save_options options = {.force = mopt__option_flag(&cli->options, "force"),
                                             .external = -1};
    struct mopt_save_result saved = {0};
    enum mopt_status status =
        mopt__onnx_save(model, path, &options, cli->envelope.wanted ? &saved : NULL, err);
    for (size_t i = 0; i < saved.count && status == MOPT_OK; i++) {
        mopt__envelope_output(&cli->envelope, i == 0 ? "model" : "weights", saved.files[i].path,
                              (int64_t)saved.files[i].bytes, saved.files[i].sha256);
    }
    mopt__save_result_release(&saved);
    return status;
}

static enum mopt_status parse_shard(const char *text, struct mopt_data_options *options,
                                    struct mopt_error *err)
{
    if (text == NULL) {
        return MOPT_OK;
    }
    char first[24] = "";
    const char *slash = strchr(text, '/');
    size_t length = slash != NULL ? (size_t)(slash - text) : 0;
    long long part;
    long long whole;
    if (length == 0 || length >= sizeof first) {
        return mopt_error_set(err, MOPT_E_USAGE, "option '--shard': '%s' is not I/N", text);
    }
    memcpy(first, text, length);
    if (!mopt__parse_i64(first, &part) || !mopt__parse_i64(slash + 1, &whole) || part < 1 ||
        part > whole) {
        return mopt_error_set(err, MOPT_E_USAGE, "option '--shard': '%s' is not I/N", text);
    }
    options->shard = (size_t)part;
    options->shards = (size_t)whole;
    return MOPT_OK;
}

// What recorded outputs are held against: [outputs of the graph], heap.
static enum mopt_status output_specs(const struct mopt_model *model, struct mopt_input_spec **out,
                                     struct mopt_error *err)
{
    const struct mopt_value_list *list = &model->graph->outputs;
    *out = mopt__calloc(list->count + 1, sizeof **out);
    if (*out == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct mopt_value *value = list->items[i];
        (*out)[i].name = value->name;
        (*out)[i].type = value->declared != NULL ? value->declared : value->type;
    }
    return MOPT_OK;
}

enum mopt_status mopt__job_dataset(struct mopt_cli *cli, const struct mopt_model *model,
                                   const char *name, size_t samples, struct mopt_dataset **out,
                                   struct mopt_error *err)
{
    const struct mopt_options *options = &cli->options;
    bool main_data = strcmp(name, "data") == 0; // only these are skipped, shuffled, cut into shards
    struct mopt_data_options data = {
        .path = mopt__option_text(options, name),
        .preprocess = mopt__option_text(options, "pre"),
        .labels = mopt__option_text(options, "labels"),
        .shape = mopt__option_text(options, "shape"),
        .samples = samples,
        .skip = main_data ? (size_t)mopt__option_int(options, "skip") : 0,
        .shuffle = main_data && mopt__option_flag(options, "shuffle"),
        .seed = (uint64_t)mopt__option_int(options, "seed"),
        .batch = (size_t)mopt__option_int(options, "batch"),
        .log = &cli->log,
        .dims = model->dims,
    };
    const char *shard = main_data ? mopt__option_text(options, "shard") : NULL;
    enum mopt_status status = parse_shard(shard, &data, err);
    struct mopt_input_spec *specs = NULL;
    struct mopt_input_spec *outputs = NULL;
    size_t count = 0;
    struct mopt_job_feed dims = {0};
    if (status == MOPT_OK) {
        status = mopt__input_specs(model, &specs, &count, err);
    }
    if (status == MOPT_OK) {
        status = output_specs(model, &outputs, err);
        data.outputs = outputs;
        data.output_count = model->graph->outputs.count;
    }
    if (status == MOPT_OK && strcmp(data.path, "random") == 0) {
        status = mopt__job_bindings(cli, &dims, err);
        data.bindings = dims.bindings;
        data.binding_count = dims.binding_count;
    }
    if (status == MOPT_OK) {
        status = mopt__dataset_open(&data, specs, count, out, err);
    }
    mopt__job_feed_close(&dims);
    mopt__free(specs);
    mopt__free(outputs);
    if (status != MOPT_OK) {
        return mopt_error_wrap(err, "data '%s'", data.path);
    }
    mopt__log(&cli->log, MOPT_LOG_INFO, "%s", mopt__dataset_describe(*out));
    mopt__envelope_input_file(&cli->envelope, name, data.path);
    return MOPT_OK;
}

int mopt__job_threads(struct mopt_cli *cli)
{
    int threads = (int)mopt__option_int(&cli->options, "threads");
    threads = threads > 0 ? threads : mopt__cpu_count();
    cli->envelope.threads = threads;
    return threads;
}

struct mopt_session_options mopt__job_options(struct mopt_cli *cli)
{
    return (struct mopt_session_options){
        .threads = mopt__job_threads(cli),
        .seed = (uint64_t)mopt__option_int(&cli->options, "seed"),
        .strict_fp = mopt__option_flag(&cli->options, "strict-fp"),
        .bf16 = mopt__option_flag(&cli->options, "bf16"),
        .log = &cli->log,
    };
}
