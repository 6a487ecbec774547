// SPDX-License-Identifier: Apache-2.0
// Sessions of the public interface, over plain tensor views.
#include <string.h>

#include "exec/exec.h"
#include "lib/lib.h"

// Results of the last run hang beside the executor's session.
struct mopt_runner {
    struct mopt_model *model;
    struct mopt_session *exec;
    struct mopt_datum **inputs, **outputs;
    size_t input_count, output_count;
};

static void clear(struct mopt_datum **data, size_t count)
{
    for (size_t i = 0; data != NULL && i < count; i++) {
        mopt__datum_unref(data[i]);
        data[i] = NULL;
    }
}

void mopt_runner_free(struct mopt_runner *self)
{
    if (self == NULL) {
        return;
    }
    clear(self->inputs, self->input_count);
    clear(self->outputs, self->output_count);
    mopt__free(self->inputs);
    mopt__free(self->outputs);
    mopt__session_free(self->exec);
    mopt__free(self);
}

enum mopt_status mopt_runner_new(struct mopt_model *model, int threads, struct mopt_runner **out,
                                 struct mopt_error *err)
{
    const struct mopt_runner_options options = {.threads = threads};
    return mopt_runner_open(model, &options, out, err);
}

enum mopt_status mopt_runner_open(struct mopt_model *model, const struct mopt_runner_options *given,
                                  struct mopt_runner **out, struct mopt_error *err)
{
    *out = NULL;
    struct mopt_runner *self = mopt__calloc(1, sizeof *self);
    if (self == NULL) {
        return mopt_error_memory(err);
    }
    struct mopt_session_options options = {.threads = given->threads,
                                           .strict_fp = given->strict_fp,
                                           .bf16 = given->bf16};
    self->model = model;
    self->input_count = model->graph->inputs.count;
    self->output_count = model->graph->outputs.count;
    self->inputs = mopt__calloc(self->input_count + 1, sizeof *self->inputs);
    self->outputs = mopt__calloc(self->output_count + 1, sizeof *self->outputs);
    enum mopt_status status = self->inputs != NULL && self->outputs != NULL
                                  ? mopt__session_new(model, &options, &self->exec, err)
                                  : mopt_error_memory(err);
    if (status != MOPT_OK) {
        mopt_runner_free(self);
        return status;
    }
    *out = self;
    return MOPT_OK;
}

// Bytes of a tensor of this shape; false: no such tensor.
static bool bytes_of(const struct mopt_tensor_view *view, size_t *bytes)
{
    size_t count = 1;
    bool empty = false;
    for (int d = 0; d < view->rank; d++) {
        const size_t size = view->dims[d] > 0 ? (size_t)view->dims[d] : 1;
        empty = empty || view->dims[d] == 0;
        if (view->dims[d] < 0 || !mopt__size_mul(count, size, &count)) {
            return false;
        }
    }
    return mopt__dtype_bytes(view->dtype, empty ? 0 : count, bytes);
}

// The caller's memory as it lies there, where elements can be read; else a copy.
static enum mopt_status tensor_of(const struct mopt_tensor_view *view, struct mopt_tensor **out,
                                  struct mopt_error *err)
{
    const size_t element = (mopt__dtype_bits(view->dtype) + 7) / 8;
    if (view->bytes > 0 && (uintptr_t)view->data % element == 0) {
        return mopt__tensor_borrow(view->dtype, view->rank, view->dims,
                                   (void *)(uintptr_t)view->data, view->bytes, out, err);
    }
    enum mopt_status status = mopt__tensor_new(view->dtype, view->rank, view->dims, out, err);
    if (status == MOPT_OK && view->bytes > 0) {
        memcpy(mopt__tensor_data(*out), view->data, view->bytes);
    }
    return status;
}

static enum mopt_status set_input(struct mopt_runner *self, size_t index,
                                  const struct mopt_tensor_view *view, struct mopt_error *err)
{
    struct mopt_tensor *tensor = NULL;
    size_t bytes = 0;
    if (!mopt__dtype_valid((int)view->dtype) || view->dtype == MOPT_STRING || view->rank < 0 ||
        view->rank > MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_USAGE, "input %zu: illegal element type or rank", index);
    }
    if (!bytes_of(view, &bytes)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input %zu: illegal size", index);
    }
    if (bytes != view->bytes) {
        return mopt_error_set(err, MOPT_E_USAGE, "input %zu: %zu bytes given, the shape needs %zu",
                              index, view->bytes, bytes);
    }
    enum mopt_status status = tensor_of(view, &tensor, err);
    if (status == MOPT_OK) {
        status = mopt__datum_tensor(tensor, &self->inputs[index], err);
    }
    mopt__tensor_unref(tensor);
    return status;
}

static enum mopt_status set_inputs(struct mopt_runner *self, const struct mopt_tensor_view *inputs,
                                   size_t count, struct mopt_error *err)
{
    size_t given = 0;
    for (size_t i = 0; i < self->input_count; i++) {
        const struct mopt_value *value = self->model->graph->inputs.items[i];
        if (value->constant != NULL || value->sparse != NULL) {
            continue;
        }
        if (given == count) {
            return mopt_error_set(err, MOPT_E_USAGE, "%zu inputs given, more are needed", count);
        }
        enum mopt_status status = set_input(self, i, &inputs[given++], err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return given == count
               ? MOPT_OK
               : mopt_error_set(err, MOPT_E_USAGE, "%zu inputs given, %zu needed", count, given);
}

static bool shares_input(const struct mopt_runner *self, const struct mopt_datum *output)
{
    for (size_t i = 0; i < self->input_count && output->kind == MOPT_DATUM_TENSOR; i++) {
        if (self->inputs[i] != NULL && self->inputs[i]->tensor->buffer == output->tensor->buffer) {
            return true;
        }
    }
    return false;
}

// Results outlive the call, inputs do not: a result that shares memory with one gets its own.
static enum mopt_status own_outputs(struct mopt_runner *self, struct mopt_error *err)
{
    for (size_t o = 0; o < self->output_count; o++) {
        struct mopt_tensor *copy = NULL;
        struct mopt_datum *owned = NULL;
        if (!shares_input(self, self->outputs[o])) {
            continue;
        }
        enum mopt_status status = mopt__tensor_copy(self->outputs[o]->tensor, &copy, err);
        if (status == MOPT_OK) {
            status = mopt__datum_tensor(copy, &owned, err);
            mopt__tensor_unref(copy);
        }
        if (status != MOPT_OK) {
            return status;
        }
        mopt__datum_unref(self->outputs[o]);
        self->outputs[o] = owned;
    }
    return MOPT_OK;
}

static enum mopt_status get_output(const struct mopt_runner *self, size_t i,
                                   struct mopt_tensor_view *view, struct mopt_error *err)
{
    const struct mopt_datum *datum = self->outputs[i];
    if (datum->kind != MOPT_DATUM_TENSOR || datum->tensor->dtype == MOPT_STRING) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "output %zu is no tensor of numbers", i);
    }
    const struct mopt_tensor *tensor = datum->tensor;
    *view = (struct mopt_tensor_view){.dtype = tensor->dtype,
                                      .rank = tensor->rank,
                                      .data = tensor->data,
                                      .bytes = tensor->bytes};
    memcpy(view->dims, tensor->dims, sizeof tensor->dims);
    return MOPT_OK;
}

enum mopt_status mopt_runner_run(struct mopt_runner *self, const struct mopt_tensor_view *inputs,
                                 size_t input_count, struct mopt_tensor_view *outputs,
                                 size_t output_count, struct mopt_error *err)
{
    if (output_count > self->output_count) {
        return mopt_error_set(err, MOPT_E_USAGE, "%zu outputs asked for, the model has %zu",
                              output_count, self->output_count);
    }
    clear(self->inputs, self->input_count);
    clear(self->outputs, self->output_count);
    enum mopt_status status = set_inputs(self, inputs, input_count, err);
    if (status == MOPT_OK) {
        status = mopt__session_run(self->exec, self->inputs, self->outputs, NULL, err);
    }
    if (status == MOPT_OK) {
        status = own_outputs(self, err);
    }
    clear(self->inputs, self->input_count);
    for (size_t i = 0; i < output_count && status == MOPT_OK; i++) {
        status = get_output(self, i, &outputs[i], err);
    }
    return status;
}
