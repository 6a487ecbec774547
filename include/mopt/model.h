// SPDX-License-Identifier: Apache-2.0
// Models and the context that loads, optimizes and saves them.
#ifndef MOPT_MODEL_H
#define MOPT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mopt/dtype.h"
#include "mopt/pass.h"
#include "mopt/status.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mopt_context; // passes (built-in and plugins) and where messages go; one per thread
struct mopt_model;   // a graph with its weights

enum mopt_message_level {
    MOPT_MESSAGE_ERROR,
    MOPT_MESSAGE_WARN,
    MOPT_MESSAGE_INFO,
    MOPT_MESSAGE_DEBUG
};
typedef void (*mopt_message_fn)(void *user, enum mopt_message_level level, const char *text);

// New context. message may be NULL (silence). Errors: MOPT_E_MEMORY.
MOPT_API enum mopt_status mopt_context_new(mopt_message_fn message, void *user,
                                           enum mopt_message_level level, struct mopt_context **out,
                                           struct mopt_error *err);
// Frees the context and unloads its plugins; models made with it must be freed before. NULL is
// fine.
MOPT_API void mopt_context_free(struct mopt_context *context);
// Loads a pass plugin (a shared object, see plugin.h) from exactly this file.
MOPT_API enum mopt_status mopt_context_load_plugin(struct mopt_context *context, const char *path,
                                                   struct mopt_error *err);
// All passes of the context, built-in ones first, in pipeline order; the array lives until the next
// plugin is loaded.
MOPT_API const struct mopt_pass *const *mopt_context_passes(const struct mopt_context *context,
                                                            size_t *count);

// Loads an ONNX file (or mopt's text form); "-" is standard input. Weights of at least 4 KiB stay
// in the mapped file. Errors: MOPT_E_MISSING, MOPT_E_IO, MOPT_E_FORMAT, MOPT_E_LIMIT,
// MOPT_E_MEMORY, MOPT_E_UNSUPPORTED.
MOPT_API enum mopt_status mopt_model_load(struct mopt_context *context, const char *path,
                                          struct mopt_model **out, struct mopt_error *err);
// Writes the model atomically; an existing file is replaced only with force.
MOPT_API enum mopt_status mopt_model_save(const struct mopt_model *model, const char *path,
                                          bool force, struct mopt_error *err);
MOPT_API void mopt_model_free(struct mopt_model *model);

struct mopt_model_info {
    size_t node_count;                // all scopes
    size_t parameter_count;           // elements of all initializers
    uint64_t weight_bytes;            // of all initializers
    int64_t ir_version, opset;        // opset of the default domain
    size_t input_count, output_count; // inputs without those that have an initializer
};
MOPT_API void mopt_model_info(const struct mopt_model *model, struct mopt_model_info *info);
// Name of input / output i; NULL when out of range. Owned by the model.
MOPT_API const char *mopt_model_input_name(const struct mopt_model *model, size_t i);
MOPT_API const char *mopt_model_output_name(const struct mopt_model *model, size_t i);

// Runs the passes of an -O level (0..3), or, when pipeline is not NULL, exactly that
// comma-separated list
// ("eliminate-identity,fold-constants{max-growth=0}"). On failure *model is unchanged. changes may
// be NULL.
MOPT_API enum mopt_status mopt_model_optimize(struct mopt_context *context,
                                              struct mopt_model **model, int level,
                                              const char *pipeline, uint64_t *changes,
                                              struct mopt_error *err);

#ifdef __cplusplus
}
#endif
#endif
