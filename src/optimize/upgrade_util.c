// SPDX-License-Identifier: Apache-2.0
// Attributes that become inputs, new nodes beside a node: what the steps of an opset upgrade are
// made of.
#include <stdio.h>
#include <string.h>

#include "ops/infer.h"
#include "optimize/upgrade_steps.h"

// ---- Attributes

static enum mopt_status find(const struct mopt_node *node, const char *name,
                             enum mopt_attr_kind kind, const struct mopt_attribute **out,
                             struct mopt_error *err)
{
    *out = mopt__node_attribute(node, name);
    if (*out != NULL && ((*out)->kind != kind || (*out)->ref_name != NULL)) {
        return mopt_error_set(err, MOPT_E_TYPE, "attribute '%s' has the wrong kind", name);
    }
    return MOPT_OK;
}

enum mopt_status mopt__upgrade_int(const struct mopt_node *node, const char *name, int64_t fallback,
                                   int64_t *value, struct mopt_error *err)
{
    const struct mopt_attribute *attribute;
    enum mopt_status status = find(node, name, MOPT_ATTR_INT, &attribute, err);
    *value = status == MOPT_OK && attribute != NULL ? attribute->i : fallback;
    return status;
}

enum mopt_status mopt__upgrade_float(const struct mopt_node *node, const char *name, float fallback,
                                     float *value, struct mopt_error *err)
{
    const struct mopt_attribute *attribute;
    enum mopt_status status = find(node, name, MOPT_ATTR_FLOAT, &attribute, err);
    *value = status == MOPT_OK && attribute != NULL ? attribute->f : fallback;
    return status;
}

enum mopt_status mopt__upgrade_ints(const struct mopt_node *node, const char *name,
                                    const struct mopt_attribute **out, struct mopt_error *err)
{
    return find(node, name, MOPT_ATTR_INTS, out, err);
}

bool mopt__upgrade_has(const struct mopt_node *node, const char *name)
{
    return mopt__node_attribute(node, name) != NULL;
}

bool mopt__upgrade_is_text(const struct mopt_attribute *attribute, const char *text)
{
    return attribute->kind == MOPT_ATTR_STRING && attribute->s.size == strlen(text) &&
           memcmp(attribute->s.data, text, attribute->s.size) == 0;
}

enum mopt_status mopt__upgrade_refuse(const char *why, struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_UNSUPPORTED, "no equivalent in newer opsets: %s", why);
}

// ---- Facts

static const struct mopt_type *tensor_type(const struct mopt_node *node, uint32_t i)
{
    const struct mopt_value *value = mopt__node_input(node, i);
    bool tensor = value != NULL && value->type != NULL && value->type->kind == MOPT_TYPE_TENSOR;
    return tensor ? value->type : NULL;
}

int mopt__upgrade_rank(const struct mopt_node *node, uint32_t i)
{
    const struct mopt_type *type = tensor_type(node, i);
    return type != NULL ? type->rank : -1;
}

enum mopt_dtype mopt__upgrade_dtype(const struct mopt_node *node, uint32_t i)
{
    const struct mopt_type *type = tensor_type(node, i);
    return type != NULL ? type->dtype : MOPT_UNDEFINED;
}

// ---- Inputs

enum mopt_status mopt__upgrade_set_input(struct mopt_node *node, uint32_t i,
                                         struct mopt_value *value, struct mopt_error *err)
{
    enum mopt_status status =
        i < node->input_count ? MOPT_OK : mopt__node_resize_inputs(node, i + 1, err);
    if (status == MOPT_OK) {
        mopt__node_set_input(node, i, value);
    }
    return status;
}

enum { HINT_BYTES = 200 };

static void make_hint(const struct mopt_node *node, const char *what, char hint[HINT_BYTES])
{
    (void)snprintf(hint, HINT_BYTES, "%.150s_%s", mopt__node_label(node), what);
}

enum mopt_status mopt__upgrade_tensor_input(struct mopt_node *node, uint32_t i, const char *what,
                                            struct mopt_tensor *tensor, struct mopt_error *err)
{
    char hint[HINT_BYTES];
    make_hint(node, what, hint);
    struct mopt_value *value = mopt__graph_constant(node->graph, hint, tensor, err);
    mopt__tensor_unref(tensor);
    return value != NULL ? mopt__upgrade_set_input(node, i, value, err) : err->status;
}

enum mopt_status mopt__upgrade_i64_input(struct mopt_node *node, uint32_t i, const char *what,
                                         const int64_t *values, size_t count,
                                         struct mopt_error *err)
{
    struct mopt_tensor *tensor = NULL;
    int64_t dims[] = {(int64_t)count};
    enum mopt_status status = mopt__tensor_i64(values, 1, dims, &tensor, err);
    return status == MOPT_OK ? mopt__upgrade_tensor_input(node, i, what, tensor, err) : status;
}

enum mopt_status mopt__upgrade_scalar_input(struct mopt_node *node, uint32_t i, const char *what,
                                            enum mopt_dtype dtype, double value,
                                            struct mopt_error *err)
{
    struct mopt_tensor *tensor = NULL;
    enum mopt_status status = mopt__tensor_new(dtype, 0, NULL, &tensor, err);
    if (status != MOPT_OK) {
        return status;
    }
    mopt__element_set_f64(dtype, mopt__tensor_data(tensor), 0, value);
    return mopt__upgrade_tensor_input(node, i, what, tensor, err);
}

enum mopt_status mopt__upgrade_ints_to_input(struct mopt_node *node, const char *name, uint32_t i,
                                             bool empty_ok, struct mopt_error *err)
{
    const struct mopt_attribute *attribute;
    enum mopt_status status = mopt__upgrade_ints(node, name, &attribute, err);
    if (status != MOPT_OK || attribute == NULL) {
        return status;
    }
    if (attribute->count > 0 || !empty_ok) {
        status = mopt__upgrade_i64_input(node, i, name, attribute->ints, attribute->count, err);
    }
    if (status == MOPT_OK) {
        (void)mopt__node_remove_attribute(node, name);
    }
    return status;
}

// ---- Nodes

struct mopt_node *mopt__upgrade_before(struct mopt_node *node, const char *op_type,
                                       struct mopt_value *const *inputs, uint32_t count,
                                       const char *hint, struct mopt_error *err)
{
    char name[HINT_BYTES];
    make_hint(node, hint, name);
    struct mopt_node *made = mopt__op_node(node->graph, node, op_type, "", inputs, count, 1, err);
    struct mopt_value *out = made != NULL ? mopt__value_fresh(node->graph, name, err) : NULL;
    if (out == NULL) {
        return NULL;
    }
    mopt__node_set_output(made, 0, out);
    return made;
}

enum mopt_status mopt__upgrade_finish(struct mopt_node *node, struct mopt_error *err)
{
    return mopt__infer_node(node->graph->model, node, err);
}

struct mopt_node *mopt__upgrade_after(struct mopt_node *node, const char *op_type, const char *hint,
                                      struct mopt_value *second, struct mopt_error *err)
{
    char name[HINT_BYTES];
    make_hint(node, hint, name);
    struct mopt_value *out = node->outputs[0];
    struct mopt_value *inner = mopt__value_fresh(node->graph, name, err);
    struct mopt_value *inputs[] = {inner, second};
    struct mopt_node *made = inner == NULL ? NULL
                                           : mopt__op_node(node->graph, node->next, op_type, "",
                                                           inputs, second != NULL ? 2 : 1, 1, err);
    if (made == NULL) {
        return NULL;
    }
    mopt__node_set_output(node, 0, NULL);
    mopt__node_set_output(node, 0, inner);
    mopt__node_set_output(made, 0, out);
    return made;
}

enum mopt_status mopt__upgrade_rename(struct mopt_node *node, const char *op_type,
                                      struct mopt_error *err)
{
    const char *name = mopt__model_intern(node->graph->model, op_type, err);
    if (name == NULL) {
        return err->status;
    }
    node->op_type = name;
    return MOPT_OK;
}

static enum mopt_status view_with_axes(struct mopt_node *node, uint32_t i,
                                       struct mopt_tensor *tensor, int count,
                                       struct mopt_error *err)
{
    int64_t dims[MOPT_RANK_MAX];
    if (tensor->rank + count > MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_SHAPE, "rank of input %u is too large", i);
    }
    for (int d = 0; d < tensor->rank + count; d++) {
        dims[d] = d < tensor->rank ? tensor->dims[d] : 1;
    }
    struct mopt_tensor *view = NULL;
    enum mopt_status status = mopt__tensor_view(tensor, tensor->rank + count, dims, &view, err);
    return status == MOPT_OK ? mopt__upgrade_tensor_input(node, i, "operand", view, err) : status;
}

enum mopt_status mopt__upgrade_trailing_axes(struct mopt_node *node, uint32_t i, int count,
                                             struct mopt_error *err)
{
    struct mopt_value *value = node->inputs[i].value;
    struct mopt_tensor *tensor = mopt__match_constant(value);
    if (tensor != NULL) {
        return view_with_axes(node, i, tensor, count, err);
    }
    int64_t axes[MOPT_RANK_MAX];
    int rank = mopt__upgrade_rank(node, i);
    if (rank < 0 || rank + count > MOPT_RANK_MAX) {
        return mopt__upgrade_refuse("the rank of an operand is not known", err);
    }
    for (int d = 0; d < count; d++) {
        axes[d] = rank + d;
    }
    struct mopt_node *made = mopt__upgrade_before(node, "Unsqueeze", &value, 1, "operand", err);
    if (made == NULL) {
        return err->status;
    }
    enum mopt_status status = mopt__node_set_ints(made, "axes", axes, (size_t)count, err);
    if (status == MOPT_OK) {
        status = mopt__upgrade_finish(made, err);
    }
    mopt__node_set_input(node, i, made->outputs[0]);
    return status;
}
