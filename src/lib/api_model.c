// SPDX-License-Identifier: Apache-2.0
// Models of the public interface: load, save, facts, optimize.
#include <string.h>

#include "ir/text.h"
#include "lib/lib.h"

// The text form starts, after blanks and comments, with "model" or "graph"; no ONNX file does (tag
// 0x08 or so comes first).
static bool is_text(const struct mopt_mapping *mapping)
{
    size_t i = 0;
    while (i < mapping->size) {
        char c = (char)mapping->data[i];
        if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
            i++;
        } else if (c == '/') {
            while (i < mapping->size && mapping->data[i] != '\n') {
                i++;
            }
        } else {
            break;
        }
    }
    return mapping->size - i >= 5 && (memcmp(mapping->data + i, "model", 5) == 0 ||
                                      memcmp(mapping->data + i, "graph", 5) == 0);
}

static enum mopt_status load_mapping(const char *path, struct mopt_mapping *mapping,
                                     const struct mopt_onnx_limits *limits, struct mopt_model **out,
                                     struct mopt_error *err)
{
    if (is_text(mapping)) {
        enum mopt_status status =
            mopt__text_parse((const char *)mapping->data, mapping->size, out, err);
        return status == MOPT_OK ? mopt__model_verify(*out, err) : status;
    }
    bool stream = strcmp(path, "-") == 0;
    char *dir = stream ? NULL : mopt__path_dirname(path);
    if (!stream && dir == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = mopt__onnx_load_mapping(mapping, dir, limits, out, err);
    mopt__free(dir);
    return status;
}

enum mopt_status mopt__load_model(const char *path, const struct mopt_onnx_limits *limits,
                                  struct mopt_model **out, struct mopt_error *err)
{
    *out = NULL;
    struct mopt_mapping *mapping = NULL;
    enum mopt_status status =
        mopt__mapping_open(path, limits != NULL ? limits->max_file_bytes : 0, &mapping, err);
    if (status == MOPT_OK) {
        status = load_mapping(path, mapping, limits, out, err);
        mopt__mapping_unref(mapping);
    }
    if (status == MOPT_OK) {
        status = mopt__ops_resolve(*out, err);
    }
    if (status != MOPT_OK) {
        mopt__model_free(*out);
        *out = NULL;
        return mopt_error_wrap(err, "model '%s'", path);
    }
    return MOPT_OK;
}

enum mopt_status mopt_model_load(struct mopt_context *context, const char *path,
                                 struct mopt_model **out, struct mopt_error *err)
{
    (void)context;
    return mopt__load_model(path, NULL, out, err);
}

enum mopt_status mopt_model_save(const struct mopt_model *model, const char *path, bool force,
                                 struct mopt_error *err)
{
    struct mopt_onnx_save_options options = {.force = force, .external = -1};
    return mopt__onnx_save(model, path, &options, NULL, err);
}

void mopt_model_free(struct mopt_model *model)
{
    mopt__model_free(model);
}

static enum mopt_status count_weights(void *context, struct mopt_graph *graph,
                                      struct mopt_error *err)
{
    (void)err;
    struct mopt_model_info *info = context;
    for (size_t i = 0; i < graph->initializers.count; i++) {
        const struct mopt_tensor *tensor = graph->initializers.items[i]->constant;
        info->parameter_count += tensor != NULL ? tensor->count : 0;
        info->weight_bytes += tensor != NULL ? tensor->bytes : 0;
    }
    return MOPT_OK;
}

static bool is_real_input(const struct mopt_value *value)
{
    return value->constant == NULL && value->sparse == NULL;
}

void mopt_model_info(const struct mopt_model *model, struct mopt_model_info *info)
{
    *info = (struct mopt_model_info){.node_count = mopt__model_node_count(model),
                                     .ir_version = model->ir_version,
                                     .opset = mopt__graph_opset(model->graph, ""),
                                     .output_count = model->graph->outputs.count};
    for (size_t i = 0; i < model->graph->inputs.count; i++) {
        info->input_count += is_real_input(model->graph->inputs.items[i]);
    }
    struct mopt_error err;
    mopt_error_clear(&err);
    (void)mopt__graph_walk(model->graph, count_weights, info, &err); // the visitor never fails
}

const char *mopt_model_input_name(const struct mopt_model *model, size_t i)
{
    for (size_t k = 0; k < model->graph->inputs.count; k++) {
        if (is_real_input(model->graph->inputs.items[k]) && i-- == 0) {
            return model->graph->inputs.items[k]->name;
        }
    }
    return NULL;
}

const char *mopt_model_output_name(const struct mopt_model *model, size_t i)
{
    return i < model->graph->outputs.count ? model->graph->outputs.items[i]->name : NULL;
}

enum mopt_status mopt_model_optimize(struct mopt_context *context, struct mopt_model **model,
                                     int level, const char *pipeline_text, uint64_t *changes,
                                     struct mopt_error *err)
{
    struct mopt_pass_set set = mopt__context_pass_set(context);
    struct mopt_pipeline pipeline = {0};
    struct mopt_pass_report report = {0};
    enum mopt_status status = pipeline_text != NULL
                                  ? mopt__pipeline_add(&set, pipeline_text, &pipeline, err)
                                  : mopt__pipeline_level(&set, level, &pipeline, err);
    if (status == MOPT_OK) {
        struct mopt_manager_options options = {.log = &context->log};
        status = mopt__manager_run(model, &pipeline, &options, &report, err);
    }
    if (changes != NULL) {
        *changes = 0;
        for (size_t i = 0; i < report.count; i++) {
            *changes += report.results[i].changes;
        }
    }
    mopt__pass_report_release(&report);
    mopt__pipeline_release(&pipeline);
    return status;
}
