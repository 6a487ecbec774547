// SPDX-License-Identifier: Apache-2.0
// See exercise.h.
#include "support/exercise.h"

#include <stdlib.h>
#include <string.h>

#include "exec/exec.h"
#include "ir/text.h"
#include "lib/lib.h"
#include "lib/passes.h"

enum { INPUT_BYTES_MAX = 1 << 20, INPUTS_MAX = 64, PRINTED_MAX = 1 << 20, SHOWN = 16 };

static void broken(struct exercise *exercise, const char *what, const struct mopt_error *err)
{
    if (exercise->failure == NULL) {
        exercise->failure = what;
        exercise->error = *err;
    }
}

// An error is fine as long as it says something and does not blame mopt itself.
static void judge(struct exercise *exercise, const char *what, enum mopt_status status,
                  const struct mopt_error *err)
{
    if (status != MOPT_OK &&
        (status == MOPT_E_INTERNAL || err->status != status || err->text[0] == '\0')) {
        broken(exercise, what, err);
    }
}

static struct mopt_budget budget_of(const struct exercise *exercise)
{
    return (struct mopt_budget){.deadline_ns = mopt__clock_ns() + exercise->run_ns,
                                .max_steps = exercise->max_steps,
                                .max_memory_bytes = exercise->max_memory};
}

// ---- Running ------------------------------------------------------------------------------------

// Zeros; dims that are not known become 1. NULL when the type is not one of small tensors.
static struct mopt_datum *zeros(const struct mopt_model *model, const struct mopt_value *value)
{
    int64_t dims[MOPT_RANK_MAX];
    const struct mopt_type *type = value->declared;
    struct mopt_tensor *tensor = NULL;
    struct mopt_datum *datum = NULL;
    struct mopt_error err;
    if (type == NULL || type->kind != MOPT_TYPE_TENSOR || type->rank < 0) {
        return NULL;
    }
    size_t count = 1;
    for (int d = 0; d < type->rank; d++) {
        int64_t size;
        bool known = mopt__dim_is_known(model->dims, type->dims[d], &size) && size >= 0;
        dims[d] = known ? size : 1;
        if (!mopt__size_mul(count, (size_t)dims[d], &count) || count > INPUT_BYTES_MAX) {
            return NULL;
        }
    }
    if (mopt__tensor_new(type->dtype, type->rank, dims, &tensor, &err) != MOPT_OK) {
        return NULL;
    }
    if (tensor->dtype != MOPT_STRING) {
        memset(mopt__tensor_data(tensor), 0, tensor->bytes);
    }
    (void)mopt__datum_tensor(tensor, &datum, &err);
    mopt__tensor_unref(tensor);
    return datum;
}

static void run_session(struct exercise *exercise, const struct mopt_model *model,
                        struct mopt_session *session)
{
    struct mopt_error err;
    struct mopt_datum *inputs[INPUTS_MAX] = {NULL};
    struct mopt_budget budget = budget_of(exercise);
    struct mopt_run_options run = {.budget = &budget};
    size_t outputs_count = model->graph->outputs.count;
    struct mopt_datum **outputs = calloc(outputs_count + 1, sizeof *outputs);
    if (outputs == NULL) {
        return;
    }
    for (size_t i = 0; i < model->graph->inputs.count; i++) {
        inputs[i] = zeros(model, model->graph->inputs.items[i]);
    }
    mopt_error_clear(&err);
    enum mopt_status status = mopt__session_run(session, inputs, outputs, &run, &err);
    exercise->ran += status == MOPT_OK;
    judge(exercise, "run", status, &err);
    for (size_t i = 0; i < model->graph->inputs.count; i++) {
        mopt__datum_unref(inputs[i]);
    }
    for (size_t i = 0; i < outputs_count; i++) {
        mopt__datum_unref(outputs[i]);
    }
    free(outputs);
}

static void run_model(struct exercise *exercise, struct mopt_model *model)
{
    struct mopt_error err;
    struct mopt_session *session = NULL;
    struct mopt_session_options options = {.threads = 1};
    if (model->graph->inputs.count > INPUTS_MAX) {
        return;
    }
    mopt_error_clear(&err);
    enum mopt_status status = mopt__session_new(model, &options, &session, &err);
    judge(exercise, "session", status, &err);
    if (status == MOPT_OK) {
        run_session(exercise, model, session);
        mopt__session_free(session);
    }
}

// ---- Changing -----------------------------------------------------------------------------------

static void optimize(struct exercise *exercise, struct mopt_model **model)
{
    struct mopt_error err;
    struct mopt_pass_set set = {0};
    struct mopt_pipeline pipeline = {0};
    struct mopt_pass_report report = {0};
    struct mopt_budget budget = budget_of(exercise);
    struct mopt_manager_options options = {.verify_each = true, .budget = &budget};
    set.items = mopt__builtin_passes(&set.count);
    mopt_error_clear(&err);
    enum mopt_status status = mopt__pipeline_level(&set, 3, &pipeline, &err);
    if (status == MOPT_OK) {
        status = mopt__manager_run(model, &pipeline, &options, &report, &err);
    }
    exercise->optimized += status == MOPT_OK;
    judge(exercise, "optimize", status, &err);
    mopt__pass_report_release(&report);
    mopt__pipeline_release(&pipeline);
}

static void save(struct exercise *exercise, const struct mopt_model *model)
{
    struct mopt_error err;
    struct mopt_onnx_save_options options = {.force = true, .external = 0};
    struct mopt_model *again = NULL;
    if (exercise->save_to == NULL) {
        return;
    }
    mopt_error_clear(&err);
    enum mopt_status status = mopt__onnx_save(model, exercise->save_to, &options, NULL, &err);
    judge(exercise, "save", status, &err);
    if (status == MOPT_OK) {
        status = mopt__onnx_load(exercise->save_to, NULL, &again, &err);
        if (status != MOPT_OK && status != MOPT_E_MEMORY && status != MOPT_E_LIMIT) {
            broken(exercise, "load what was saved", &err);
        }
        mopt__model_free(again);
    }
}

// Text that was printed in full parses back; large models are printed with their weights left out.
static void print(struct exercise *exercise, const struct mopt_model *model)
{
    struct mopt_error err;
    struct mopt_strbuf text = {0};
    bool whole = model->file_bytes <= PRINTED_MAX;
    struct mopt_text_options options = {.types = true,
                                        .details = true,
                                        .max_elements = whole ? 0 : SHOWN};
    struct mopt_model *again = NULL;
    mopt_error_clear(&err);
    enum mopt_status status = mopt__text_print(model, &options, &text, &err);
    judge(exercise, "print", status, &err);
    if (status == MOPT_OK && whole) {
        status = mopt__text_parse(mopt__strbuf_text(&text), text.length, &again, &err);
        if (status != MOPT_OK && status != MOPT_E_MEMORY) {
            broken(exercise, "parse what was printed", &err);
        }
        mopt__model_free(again);
    }
    mopt__strbuf_release(&text);
}

void exercise_model(struct exercise *exercise, struct mopt_model *model)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    exercise->loaded++;
    print(exercise, model);
    enum mopt_status status = mopt__ops_resolve(model, &err);
    judge(exercise, "resolve", status, &err);
    if (status == MOPT_OK) {
        run_model(exercise, model);
        optimize(exercise, &model);
        run_model(exercise, model);
        save(exercise, model);
    }
    mopt__model_free(model);
}

void exercise_bytes(struct exercise *exercise, const void *bytes, size_t size)
{
    struct mopt_error err;
    struct mopt_mapping *mapping = NULL;
    struct mopt_model *model = NULL;
    void *copy = mopt__malloc(size > 0 ? size : 1);
    if (copy == NULL) {
        return;
    }
    memcpy(copy, bytes, size);
    mopt_error_clear(&err);
    if (mopt__mapping_take(copy, size, "input", &mapping, &err) != MOPT_OK) {
        return;
    }
    enum mopt_status status = mopt__onnx_load_mapping(mapping, NULL, NULL, &model, &err);
    judge(exercise, "load", status, &err);
    if (status == MOPT_OK && mopt__model_verify(model, &err) != MOPT_OK) {
        broken(exercise, "verify what was loaded", &err);
    }
    if (status == MOPT_OK) {
        exercise_model(exercise, model);
    }
    mopt__mapping_unref(mapping);
}
