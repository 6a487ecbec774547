// SPDX-License-Identifier: Apache-2.0
// Loading a model: file, decoding, model-level fields. What needs the whole model is in link.c.
#include <inttypes.h>
#include <string.h>

#include "onnx.pb-c.h"
#include "onnx/decode.h"
#include "onnx/import.h"
#include "onnx/onnx.h"

static const size_t FILE_BYTES_MAX = INT32_MAX;
static const size_t MEMORY_FACTOR = 8;
static const size_t MEMORY_BASE = (size_t)64 << 20;

// ---- Model

static enum mopt_status import_header(struct mopt_import *in, const Mopt__Pb__ModelProto *message,
                                      struct mopt_error *err)
{
    struct mopt_model *model = in->model;
    const struct {
        const char *from;
        const char **to;
    } texts[] = {{message->producer_name, &model->producer_name},
                 {message->producer_version, &model->producer_version},
                 {message->domain, &model->domain},
                 {message->doc_string, &model->doc}};
    enum mopt_status status = MOPT_OK;

    model->has_ir_version = message->has_ir_version;
    model->ir_version = message->ir_version;
    model->has_model_version = message->has_model_version;
    model->model_version = message->model_version;
    if (message->has_ir_version && message->ir_version < 1) {
        return mopt_error_set(err, MOPT_E_FORMAT, "IR version %" PRId64 " is below 1",
                              message->ir_version);
    }
    for (size_t i = 0; i < MOPT_COUNTOF(texts) && status == MOPT_OK; i++) {
        status = mopt__import_text(in, texts[i].from, texts[i].to, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_properties(in, message->n_metadata_props, message->metadata_props,
                                         &model->metadata, &model->metadata_count, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_unknown(in, &message->base, &model->unknown, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_carry(in, 20, message->training_info, message->n_training_info,
                                    &model->unknown, err);
    }
    return status;
}

static enum mopt_status import_model(struct mopt_import *in, const Mopt__Pb__ModelProto *message,
                                     struct mopt_error *err)
{
    if (message->graph == NULL) {
        return mopt_error_set(err, MOPT_E_FORMAT, "not an ONNX model: there is no graph");
    }
    enum mopt_status status = import_header(in, message, err);
    if (status == MOPT_OK) {
        status = mopt__import_opsets(in, message->n_opset_import, message->opset_import,
                                     &in->model->opsets, err);
    }
    for (size_t i = 0; i < message->n_functions && status == MOPT_OK; i++) {
        status = mopt__import_function(in, message->functions[i], err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_graph(in, message->graph, in->model->graph, err);
    }
    return status != MOPT_OK ? status : mopt__import_finish(in, err);
}

static enum mopt_status build_model(struct mopt_import *in, const Mopt__Pb__ModelProto *message,
                                    struct mopt_error *err)
{
    enum mopt_status status = mopt__model_new(&in->model, err);

    if (status != MOPT_OK) {
        return status;
    }
    in->arena = &in->model->arena;
    in->model->file_bytes = in->mapping->size;
    status = mopt__import_text(in, in->mapping->path, &in->model->path, err);
    if (status == MOPT_OK) {
        status = import_model(in, message, err);
    }
    mopt__import_close_files(in);
    return status;
}

// ---- Files

static size_t file_limit(const struct mopt_onnx_limits *limits)
{
    size_t given = limits != NULL ? limits->max_file_bytes : 0;

    return given == 0 || given > FILE_BYTES_MAX ? FILE_BYTES_MAX : given;
}

static size_t memory_limit(const struct mopt_onnx_limits *limits, size_t file)
{
    return limits != NULL && limits->max_memory_bytes > 0 ? limits->max_memory_bytes
                                                          : MEMORY_FACTOR * file + MEMORY_BASE;
}

enum mopt_status mopt__onnx_load_mapping(struct mopt_mapping *mapping, const char *dir,
                                         const struct mopt_onnx_limits *limits,
                                         struct mopt_model **out, struct mopt_error *err)
{
    struct mopt_import in = {.mapping = mapping, .dir = dir};
    struct mopt_decoded decoded;
    enum mopt_status status = MOPT_OK;

    *out = NULL;
    if (mapping->size == 0) {
        return mopt_error_set(err, MOPT_E_FORMAT, "not an ONNX model: the file is empty");
    }
    if (mapping->size > file_limit(limits)) {
        return mopt_error_set(err, MOPT_E_LIMIT, "the file has %zu bytes, at most %zu work",
                              mapping->size, file_limit(limits));
    }
    status = mopt__onnx_decode(&mopt__pb__model_proto__descriptor, mapping->data, mapping->size,
                               memory_limit(limits, mapping->size), &decoded, err);
    if (status != MOPT_OK) {
        return status;
    }
    status = build_model(&in, (const Mopt__Pb__ModelProto *)(const void *)decoded.message, err);
    mopt__onnx_decoded_release(&decoded);
    if (status != MOPT_OK) {
        mopt__model_free(in.model);
        return status;
    }
    *out = in.model;
    return MOPT_OK;
}

enum mopt_status mopt__onnx_load(const char *path, const struct mopt_onnx_limits *limits,
                                 struct mopt_model **out, struct mopt_error *err)
{
    struct mopt_mapping *mapping = NULL;
    char *dir = NULL;
    enum mopt_status status = mopt__mapping_open(path, file_limit(limits), &mapping, err);

    *out = NULL;
    if (status != MOPT_OK) {
        return status;
    }
    if (strcmp(path, "-") != 0) {
        dir = mopt__path_dirname(path);
        status = dir != NULL ? MOPT_OK : mopt_error_memory(err);
    }
    if (status == MOPT_OK) {
        status = mopt__onnx_load_mapping(mapping, dir, limits, out, err);
    }
    mopt__free(dir);
    mopt__mapping_unref(mapping);
    return status == MOPT_OK ? MOPT_OK : mopt_error_wrap(err, "file '%s'", path);
}
