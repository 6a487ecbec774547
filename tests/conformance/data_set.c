// SPDX-License-Identifier: Apache-2.0
// Reading one data set of a backend test.
#include "data_set.h"

#include <stdio.h>
#include <string.h>

#include "onnx/onnx.h"

// Files of older releases hold bfloat16 tensors as uint16: the declared type tells.
static enum mopt_status retag(const struct mopt_type *type, struct mopt_datum **datum,
                              struct mopt_error *err)
{
    const struct mopt_tensor *old = (*datum)->tensor;
    if (type == NULL || type->kind != MOPT_TYPE_TENSOR || type->dtype != MOPT_BFLOAT16 ||
        (*datum)->kind != MOPT_DATUM_TENSOR || old->dtype != MOPT_UINT16) {
        return MOPT_OK;
    }
    struct mopt_tensor *tensor;
    enum mopt_status status = mopt__tensor_new(MOPT_BFLOAT16, old->rank, old->dims, &tensor, err);
    if (status != MOPT_OK) {
        return status;
    }
    memcpy(mopt__tensor_data(tensor), old->data, old->bytes);
    mopt__datum_unref(*datum);
    *datum = NULL;
    status = mopt__datum_tensor(tensor, datum, err);
    mopt__tensor_unref(tensor);
    return status;
}

static enum mopt_status load_file(const char *dir, const char *kind, size_t i,
                                  const struct mopt_type *type, struct mopt_datum **out,
                                  bool *found, struct mopt_error *err)
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s_%zu.pb", dir, kind, i);
    *found = length > 0 && (size_t)length < sizeof path && mopt__path_exists(path);
    return *found ? mopt__onnx_load_datum(path, type, out, err) : MOPT_OK;
}

// Inputs with an initializer have no file when the model gives defaults; they are skipped.
static enum mopt_status load_inputs(struct data_set *set, const char *dir, struct mopt_error *err)
{
    const struct mopt_graph *graph = set->model->graph;
    size_t file = 0;
    bool found = true;
    for (size_t i = 0; i < graph->inputs.count && found; i++) {
        const struct mopt_value *value = graph->inputs.items[i];
        if (value->constant != NULL || value->sparse != NULL) {
            continue;
        }
        enum mopt_status status =
            load_file(dir, "input", file++, value->declared, &set->inputs[i], &found, err);
        if (status == MOPT_OK && found) {
            status = retag(value->declared, &set->inputs[i], err);
        }
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

static enum mopt_status load_expected(struct data_set *set, const char *dir, struct mopt_error *err)
{
    const struct mopt_graph *graph = set->model->graph;
    for (size_t i = 0; i < graph->outputs.count; i++) {
        bool found;
        enum mopt_status status = load_file(dir, "output", i, graph->outputs.items[i]->declared,
                                            &set->expected[i], &found, err);
        if (status != MOPT_OK || !found) {
            return status;
        }
        set->expected_count++;
    }
    return MOPT_OK;
}

enum mopt_status data_set_load(struct data_set *set, const char *dir, struct mopt_error *err)
{
    const struct mopt_graph *graph = set->model->graph;
    set->inputs = mopt__calloc(graph->inputs.count + 1, sizeof(struct mopt_datum *));
    set->outputs = mopt__calloc(graph->outputs.count + 1, sizeof(struct mopt_datum *));
    set->expected = mopt__calloc(graph->outputs.count + 1, sizeof(struct mopt_datum *));
    if (set->inputs == NULL || set->outputs == NULL || set->expected == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = load_inputs(set, dir, err);
    return status == MOPT_OK ? load_expected(set, dir, err) : status;
}

void data_list_release(struct mopt_datum **list, size_t count)
{
    for (size_t i = 0; list != NULL && i < count; i++) {
        mopt__datum_unref(list[i]);
    }
    mopt__free(list);
}

void data_set_release(struct data_set *set)
{
    const struct mopt_graph *graph = set->model->graph;
    data_list_release(set->inputs, graph->inputs.count);
    data_list_release(set->outputs, graph->outputs.count);
    data_list_release(set->expected, graph->outputs.count);
}

bool data_set_path(char *path, size_t size, const char *dir, size_t i)
{
    int length = snprintf(path, size, "%s/test_data_set_%zu", dir, i);
    return length > 0 && (size_t)length < size && mopt__path_is_dir(path);
}

// test_adam_multiple of ONNX 1.12: its outputs were computed with an epsilon of 0.01, which its
// node does not have (1.23 holds the same numbers, and the attribute).
enum mopt_status data_correct_model(struct mopt_model *model, const char *dir,
                                    struct mopt_error *err)
{
    struct mopt_node *node = model->graph->first;
    if (strcmp(mopt__path_basename(dir), "test_adam_multiple") != 0 || node == NULL ||
        strcmp(node->op_type, "Adam") != 0 || mopt__node_attribute(node, "epsilon") != NULL) {
        return MOPT_OK;
    }
    return mopt__node_set_float(node, "epsilon", 1e-2f, err);
}
