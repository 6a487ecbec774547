// SPDX-License-Identifier: Apache-2.0
// Recorded outputs to hold a run against.
#include <stdio.h>
#include <string.h>

#include "cli/outputs.h"
#include "onnx/onnx.h"

void mopt__recorded_free(const struct mopt_model *model, struct mopt_datum **items)
{
    for (size_t i = 0; items != NULL && i < model->graph->outputs.count; i++) {
        mopt__datum_unref(items[i]);
    }
    mopt__free(items);
}

// Output that an array belongs to: by its name, or "out_I" / "output_I"; SIZE_MAX if none.
static size_t output_for(const struct mopt_graph *graph, const char *name)
{
    for (size_t i = 0; i < graph->outputs.count; i++) {
        if (strcmp(graph->outputs.items[i]->name, name) == 0) {
            return i;
        }
    }
    static const char *const prefixes[] = {"out_", "output_"};
    for (size_t p = 0; p < MOPT_COUNTOF(prefixes); p++) {
        size_t length = strlen(prefixes[p]);
        long long number;
        if (strncmp(name, prefixes[p], length) == 0 && mopt__parse_i64(name + length, &number) &&
            number >= 0 && (unsigned long long)number < graph->outputs.count) {
            return (size_t)number;
        }
    }
    return SIZE_MAX;
}

static enum mopt_status load_npz(const struct mopt_model *model, const char *path,
                                 struct mopt_datum **items, struct mopt_error *err)
{
    struct mopt_npz *npz = NULL;
    enum mopt_status status = mopt__npz_open(path, &npz, err);
    size_t found = 0;
    for (size_t i = 0; status == MOPT_OK && i < mopt__npz_count(npz); i++) {
        size_t output = output_for(model->graph, mopt__npz_name(npz, i));
        if (output == SIZE_MAX || items[output] != NULL) {
            continue;
        }
        struct mopt_tensor *tensor = NULL;
        status = mopt__npz_tensor(npz, i, &tensor, err);
        if (status == MOPT_OK) {
            status = mopt__datum_tensor(tensor, &items[output], err);
        }
        mopt__tensor_unref(tensor);
        found++;
    }
    if (status == MOPT_OK && found == 0) {
        status = mopt_error_set(err, MOPT_E_USAGE, "no array is named like an output, or out_0");
    }
    mopt__npz_close(npz);
    return status;
}

static enum mopt_status load_folder(const struct mopt_model *model, const char *path,
                                    struct mopt_datum **items, struct mopt_error *err)
{
    const struct mopt_value_list *list = &model->graph->outputs;
    enum mopt_status status = MOPT_OK;
    size_t found = 0;
    for (size_t i = 0; i < list->count && status == MOPT_OK; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "output_%zu.pb", i);
        char *file = mopt__path_join(path, name);
        if (file == NULL) {
            return mopt_error_memory(err);
        }
        if (mopt__path_exists(file)) {
            const struct mopt_value *value = list->items[i];
            const struct mopt_type *type = value->declared != NULL ? value->declared : value->type;
            status = mopt__onnx_load_datum(file, type, &items[i], err);
            found++;
        }
        mopt__free(file);
    }
    if (status == MOPT_OK && found == 0) {
        status = mopt_error_set(err, MOPT_E_MISSING, "no file output_0.pb");
    }
    return status;
}

static enum mopt_status load_single(const struct mopt_model *model, const char *path,
                                    struct mopt_datum **items, struct mopt_error *err)
{
    size_t length = strlen(path);
    const struct mopt_value *value = model->graph->outputs.items[0];
    if (length > 4 && strcmp(path + length - 4, ".npy") == 0) {
        struct mopt_tensor *tensor = NULL;
        enum mopt_status status = mopt__npy_load(path, &tensor, err);
        if (status == MOPT_OK) {
            status = mopt__datum_tensor(tensor, &items[0], err);
        }
        mopt__tensor_unref(tensor);
        return status;
    }
    return mopt__onnx_load_datum(path, value->declared != NULL ? value->declared : value->type,
                                 &items[0], err);
}

enum mopt_status mopt__recorded_load(const struct mopt_model *model, const char *path,
                                     struct mopt_datum ***items, struct mopt_error *err)
{
    size_t count = model->graph->outputs.count;
    size_t length = strlen(path);
    *items = mopt__calloc(count + 1, sizeof(struct mopt_datum *));
    if (*items == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status;
    if (mopt__path_is_dir(path)) {
        status = load_folder(model, path, *items, err);
    } else if (length > 4 && strcmp(path + length - 4, ".npz") == 0) {
        status = load_npz(model, path, *items, err);
    } else if (count == 0) {
        status = mopt_error_set(err, MOPT_E_USAGE, "the model has no outputs");
    } else {
        status = load_single(model, path, *items, err);
    }
    if (status != MOPT_OK) {
        mopt__recorded_free(model, *items);
        *items = NULL;
        return mopt_error_wrap(err, "recorded outputs '%s'", path);
    }
    return MOPT_OK;
}
