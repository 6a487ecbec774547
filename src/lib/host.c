// SPDX-License-Identifier: Apache-2.0
// The functions that plugins get. Each is a thin, checked wrapper: a plugin's mistakes must not
// corrupt the graph.
#include <string.h>

#include "lib/lib.h"
#include "ops/ops.h"

static struct mopt_graph *main_graph(struct mopt_model *model)
{
    return model->graph;
}

static struct mopt_graph *subgraph(const struct mopt_node *node, size_t i)
{
    for (uint32_t a = 0; a < node->attribute_count; a++) {
        const struct mopt_attribute *attribute = &node->attributes[a];
        if (attribute->kind == MOPT_ATTR_GRAPH) {
            if (i-- == 0) {
                return attribute->g;
            }
        } else if (attribute->kind == MOPT_ATTR_GRAPHS) {
            if (i < attribute->count) {
                return attribute->graphs[i];
            }
            i -= attribute->count;
        }
    }
    return NULL;
}

static struct mopt_node *first_node(const struct mopt_graph *graph)
{
    return graph->first;
}

static struct mopt_node *next_node(const struct mopt_node *node)
{
    return node->next;
}

static const char *op_type(const struct mopt_node *node)
{
    return node->op_type;
}

static const char *domain(const struct mopt_node *node)
{
    return node->domain;
}

static size_t input_count(const struct mopt_node *node)
{
    return node->input_count;
}

static size_t output_count(const struct mopt_node *node)
{
    return node->output_count;
}

static struct mopt_value *input(const struct mopt_node *node, size_t i)
{
    return i < node->input_count ? node->inputs[i].value : NULL;
}

static struct mopt_value *output(const struct mopt_node *node, size_t i)
{
    return i < node->output_count ? node->outputs[i] : NULL;
}

static int get_int(const struct mopt_node *node, const char *name, int64_t *value)
{
    const struct mopt_attribute *attribute = mopt__node_attribute(node, name);
    if (attribute == NULL || attribute->kind != MOPT_ATTR_INT) {
        return 0;
    }
    *value = attribute->i;
    return 1;
}

static int get_float(const struct mopt_node *node, const char *name, float *value)
{
    const struct mopt_attribute *attribute = mopt__node_attribute(node, name);
    if (attribute == NULL || attribute->kind != MOPT_ATTR_FLOAT) {
        return 0;
    }
    *value = attribute->f;
    return 1;
}

static const char *value_name(const struct mopt_value *value)
{
    return value->name;
}

static struct mopt_node *producer(const struct mopt_value *value)
{
    return value->producer;
}

static size_t use_count(const struct mopt_value *value)
{
    return (size_t)value->use_count + value->graph_output_count;
}

static int constant(const struct mopt_value *value, struct mopt_constant_view *view)
{
    const struct mopt_tensor *tensor = mopt__value_constant(value);
    if (tensor == NULL || tensor->dtype == MOPT_STRING) {
        return 0;
    }
    *view = (struct mopt_constant_view){.dtype = tensor->dtype,
                                        .rank = tensor->rank,
                                        .dims = tensor->dims,
                                        .data = tensor->data,
                                        .count = tensor->count,
                                        .bytes = tensor->bytes};
    return 1;
}

static int shape(const struct mopt_value *value, int *rank, int64_t dims[16])
{
    const struct mopt_type *type = value->type;
    if (type == NULL || type->kind != MOPT_TYPE_TENSOR || type->rank < 0) {
        return 0;
    }
    *rank = type->rank;
    for (int d = 0; d < type->rank; d++) {
        int64_t size;
        dims[d] = mopt__dim_is_known(value->graph->model->dims, type->dims[d], &size) ? size : -1;
    }
    return 1;
}

static enum mopt_dtype dtype(const struct mopt_value *value)
{
    const struct mopt_type *type = value->type;
    return type != NULL && type->kind == MOPT_TYPE_TENSOR ? type->dtype : MOPT_UNDEFINED;
}

static struct mopt_node *add_node(struct mopt_graph *graph, struct mopt_node *before,
                                  const char *type, const char *space,
                                  struct mopt_value *const *inputs, size_t inputs_count,
                                  size_t outputs_count, struct mopt_error *err)
{
    if (inputs_count > UINT16_MAX || outputs_count > UINT16_MAX) {
        (void)mopt_error_set(err, MOPT_E_USAGE, "too many inputs or outputs");
        return NULL;
    }
    struct mopt_node *node = mopt__op_node(graph, before, type, space, inputs,
                                           (uint32_t)inputs_count, (uint32_t)outputs_count, err);
    for (uint32_t i = 0; node != NULL && i < outputs_count; i++) {
        if (node->outputs[i] != NULL) {
            continue;
        }
        struct mopt_value *value = mopt__value_fresh(graph, type, err);
        if (value == NULL) {
            return NULL;
        }
        mopt__node_set_output(node, i, value);
    }
    return node;
}

static struct mopt_value *add_constant(struct mopt_graph *graph, const char *name,
                                       const struct mopt_constant_view *view,
                                       struct mopt_error *err)
{
    struct mopt_tensor *tensor = NULL;
    if (mopt__tensor_new(view->dtype, view->rank, view->dims, &tensor, err) != MOPT_OK) {
        return NULL;
    }
    struct mopt_value *value = NULL;
    if (tensor->bytes != view->bytes || tensor->dtype == MOPT_STRING) {
        (void)mopt_error_set(err, MOPT_E_USAGE, "constant '%s' needs %zu bytes, %zu given", name,
                             tensor->bytes, view->bytes);
    } else {
        if (view->bytes > 0) {
            memcpy(mopt__tensor_data(tensor), view->data, view->bytes);
        }
        value = mopt__graph_constant(graph, name, tensor, err);
    }
    mopt__tensor_unref(tensor);
    return value;
}

static enum mopt_status replace_uses(struct mopt_value *from, struct mopt_value *to,
                                     struct mopt_error *err)
{
    if (from->graph_output_count > 0) {
        return mopt_error_set(err, MOPT_E_USAGE, "value '%s' is a graph output", from->name);
    }
    return mopt__value_replace_uses(from, to, err);
}

static enum mopt_status remove_node(struct mopt_node *node, struct mopt_error *err)
{
    for (uint32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] != NULL && !mopt__value_is_dead(node->outputs[i])) {
            return mopt_error_set(err, MOPT_E_USAGE, "output '%s' of node '%s' is in use",
                                  node->outputs[i]->name, mopt__node_label(node));
        }
    }
    mopt__node_remove(node);
    return MOPT_OK;
}

static enum mopt_status error(struct mopt_error *err, enum mopt_status status, const char *text)
{
    return mopt_error_set(err, status, "%s", text);
}

const struct mopt_host mopt__host = {
    .size = sizeof(struct mopt_host),
    .main_graph = main_graph,
    .subgraph = subgraph,
    .first_node = first_node,
    .next_node = next_node,
    .op_type = op_type,
    .domain = domain,
    .input_count = input_count,
    .output_count = output_count,
    .input = input,
    .output = output,
    .get_int = get_int,
    .get_float = get_float,
    .value_name = value_name,
    .producer = producer,
    .use_count = use_count,
    .constant = constant,
    .shape = shape,
    .dtype = dtype,
    .add_node = add_node,
    .add_constant = add_constant,
    .set_int = mopt__node_set_int,
    .set_float = mopt__node_set_float,
    .replace_uses = replace_uses,
    .remove_node = remove_node,
    .count = mopt__pass_count,
    .error = error,
};
