// SPDX-License-Identifier: Apache-2.0
// Questions that rules ask about values while matching. Nothing here changes a graph.
#include <string.h>

#include "rewrite/rewrite.h"

enum { INTS_MAX = 1024 };

static const struct mopt_node *constant_node(const struct mopt_value *value)
{
    const struct mopt_node *node = value->producer;
    bool is_constant = node != NULL && node->function == NULL && node->domain[0] == '\0' &&
                       strcmp(node->op_type, "Constant") == 0;
    return is_constant ? node : NULL;
}

struct mopt_tensor *mopt__match_constant(const struct mopt_value *value)
{
    if (value == NULL) {
        return NULL;
    }
    const struct mopt_node *node = constant_node(value);
    if (node == NULL) {
        return mopt__value_constant(value);
    }
    const struct mopt_attribute *attribute = mopt__node_attribute(node, "value");
    bool usable =
        attribute != NULL && attribute->kind == MOPT_ATTR_TENSOR && attribute->ref_name == NULL;
    return usable ? attribute->t : NULL;
}

bool mopt__match_single_use(const struct mopt_value *value)
{
    return value != NULL && value->use_count == 1 && value->graph_output_count == 0;
}

static bool is_number(enum mopt_dtype dtype)
{
    return dtype == MOPT_BOOL || mopt__dtype_is_float(dtype) || mopt__dtype_is_integer(dtype);
}

static bool is_whole(enum mopt_dtype dtype)
{
    return dtype == MOPT_INT64 || dtype == MOPT_INT32;
}

bool mopt__match_scalar(const struct mopt_value *value, double *out)
{
    const struct mopt_tensor *tensor = mopt__match_constant(value);
    if (tensor == NULL || tensor->count != 1 || !is_number(tensor->dtype)) {
        return false;
    }
    *out = mopt__tensor_f64(tensor, 0);
    return true;
}

bool mopt__match_splat(const struct mopt_value *value, double *out)
{
    const struct mopt_tensor *tensor = mopt__match_constant(value);
    if (tensor == NULL || !is_number(tensor->dtype) || !mopt__tensor_is_splat(tensor)) {
        return false;
    }
    *out = mopt__tensor_f64(tensor, 0);
    return true;
}

static const struct mopt_tensor *integer_list(const struct mopt_value *value)
{
    const struct mopt_tensor *tensor = mopt__match_constant(value);
    bool fits =
        tensor != NULL && is_whole(tensor->dtype) && tensor->rank <= 1 && tensor->count <= INTS_MAX;
    return fits ? tensor : NULL;
}

static bool is_dim_list(const struct mopt_tensor *tensor)
{
    for (size_t i = 0; i < tensor->count; i++) {
        if (mopt__tensor_i64_at(tensor, i) < 0) {
            return false;
        }
    }
    return tensor->dtype == MOPT_INT64;
}

// Dim numbers of a constant; memory of the model, because the answer must outlive the question.
static const int64_t *dim_numbers(struct mopt_model *model, const struct mopt_tensor *tensor)
{
    int64_t *items = mopt__arena_alloc(&model->arena, tensor->count, sizeof *items);
    for (size_t i = 0; items != NULL && i < tensor->count; i++) {
        items[i] = mopt__dim_const(model->dims, mopt__tensor_i64_at(tensor, i));
    }
    return items;
}

bool mopt__match_ints(const struct mopt_value *value, const int64_t **items, size_t *count)
{
    const struct mopt_tensor *tensor = integer_list(value);
    if (tensor != NULL) {
        *count = tensor->count;
        *items = is_dim_list(tensor) ? tensor->data : dim_numbers(value->graph->model, tensor);
        return *items != NULL;
    }
    // What inference knows of an overridable initializer may be its default only.
    if (value == NULL || value->ints == NULL || value->constant != NULL) {
        return false;
    }
    *items = value->ints->items;
    *count = value->ints->count;
    return true;
}

bool mopt__match_i64s(const struct mopt_value *value, int64_t *items, size_t capacity,
                      size_t *count)
{
    const struct mopt_tensor *tensor = integer_list(value);
    if (tensor == NULL && (value == NULL || value->ints == NULL || value->constant != NULL)) {
        return false;
    }
    *count = tensor != NULL ? tensor->count : value->ints->count;
    if (*count > capacity) {
        return false;
    }
    for (size_t i = 0; i < *count; i++) {
        if (tensor != NULL) {
            items[i] = mopt__tensor_i64_at(tensor, i);
        } else if (!mopt__dim_is_known(value->graph->model->dims, value->ints->items[i],
                                       &items[i])) {
            return false;
        }
    }
    return true;
}

const struct mopt_type *mopt__match_tensor_type(const struct mopt_value *value)
{
    bool known = value != NULL && value->type != NULL && value->type->kind == MOPT_TYPE_TENSOR &&
                 value->type->rank >= 0;
    return known ? value->type : NULL;
}

bool mopt__match_same_shape(const struct mopt_value *a, const struct mopt_value *b)
{
    const struct mopt_type *x = mopt__match_tensor_type(a), *y = mopt__match_tensor_type(b);
    if (x == NULL || y == NULL || x->rank != y->rank) {
        return false;
    }
    const struct mopt_dims *dims = a->graph->model->dims;
    for (int i = 0; i < x->rank; i++) {
        int64_t dim = mopt__dim_resolve(dims, x->dims[i]);
        if (dim == MOPT_DIM_UNKNOWN || dim != mopt__dim_resolve(dims, y->dims[i])) {
            return false;
        }
    }
    return true;
}

bool mopt__match_refuse(struct mopt_match *match, const char *why)
{
    match->refusal = why;
    return false;
}
