// SPDX-License-Identifier: Apache-2.0
// Shared pieces of mathematical and tensor-moving operators; see operands.h.
#include "ops/operands.h"

#include "ops/lanes.h"

#include <string.h>

const struct mopt_quant_spec mopt__quant_moves = {.activations = 1,
                                                  .bias_input = -1,
                                                  .share_parameters = true,
                                                  .integer_kernel = true};
const struct mopt_quant_spec mopt__quant_unary = {.activations = 1, .bias_input = -1};
const struct mopt_quant_spec mopt__quant_unary_kernel = {.activations = 1,
                                                         .bias_input = -1,
                                                         .integer_kernel = true};
const struct mopt_quant_spec mopt__quant_binary = {.activations = 3,
                                                   .bias_input = -1,
                                                   .integer_kernel = true};
const struct mopt_quant_spec mopt__quant_all = {.activations = UINT32_MAX,
                                                .bias_input = -1,
                                                .integer_kernel = true};

static const struct mopt_param *param_of(const struct mopt_op *op, uint32_t i)
{
    if (i < op->input_count) {
        return &op->inputs[i];
    }
    const struct mopt_param *last = op->input_count > 0 ? &op->inputs[op->input_count - 1] : NULL;
    return last != NULL && (last->flags & MOPT_PARAM_VARIADIC) != 0 ? last : NULL;
}

static enum mopt_status open_one(const struct mopt_op *op, const struct mopt_tensor **in,
                                 uint32_t i, struct mopt_error *err)
{
    const struct mopt_param *param = param_of(op, i);
    if (in[i] == NULL) {
        const bool needed = param != NULL && (param->flags & MOPT_PARAM_OPTIONAL) == 0;
        return needed ? mopt_error_set(err, MOPT_E_FORMAT, "input '%s' is missing", param->name)
                      : MOPT_OK;
    }
    if (param == NULL) {
        return mopt_error_set(err, MOPT_E_FORMAT, "there is no input %u", (unsigned)i);
    }
    if ((param->dtypes & MOPT_DT(in[i]->dtype)) == 0) {
        return mopt_error_set(err, MOPT_E_TYPE, "input '%s' has type '%s', which is not allowed",
                              param->name, mopt__dtype_name(in[i]->dtype));
    }
    for (uint32_t k = 0; k < i; k++) {
        const struct mopt_param *other = param_of(op, k);
        if (in[k] != NULL && other != NULL && strcmp(other->type, param->type) == 0 &&
            in[k]->dtype != in[i]->dtype && (param->flags & MOPT_PARAM_HETEROGENEOUS) == 0) {
            return mopt_error_set(err, MOPT_E_TYPE,
                                  "inputs '%s' and '%s' have types '%s' and '%s', must be equal",
                                  other->name, param->name, mopt__dtype_name(in[k]->dtype),
                                  mopt__dtype_name(in[i]->dtype));
        }
    }
    return MOPT_OK;
}

enum mopt_status mopt__open(const struct mopt_eval *eval, const struct mopt_tensor **in,
                            uint32_t count, struct mopt_error *err)
{
    const struct mopt_op *op = eval->node->op;
    if (op == NULL) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "operator '%s' is not known",
                              eval->node->op_type);
    }
    for (uint32_t i = 0; i < count; i++) {
        in[i] = mopt__eval_input(eval, i);
        const enum mopt_status status = open_one(op, in, i, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

enum mopt_status mopt__open_output(struct mopt_eval *eval, uint32_t i, enum mopt_dtype dtype,
                                   int rank, const int64_t *dims, struct mopt_tensor **out,
                                   struct mopt_error *err)
{
    const enum mopt_status status = mopt__eval_output(eval, i, dtype, rank, dims, out, err);
    if (status == MOPT_OK && dtype != MOPT_STRING && mopt__dtype_bits(dtype) < 8) {
        memset(mopt__tensor_data(*out), 0, (*out)->bytes);
    }
    return status;
}

enum mopt_status mopt__product(const int64_t *dims, int count, int64_t *out, struct mopt_error *err)
{
    int64_t product = 1;
    for (int i = 0; i < count; i++) {
        if (!mopt__i64_mul(product, dims[i], &product)) {
            return mopt_error_set(err, MOPT_E_SHAPE, "number of elements overflows");
        }
    }
    *out = product;
    return MOPT_OK;
}

void mopt__strides(int rank, const int64_t *dims, int64_t *strides)
{
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= dims[i] > 0 ? dims[i] : 1;
    }
}

enum mopt_status mopt__scalar_i64(const struct mopt_tensor *tensor, const char *name, int64_t *out,
                                  struct mopt_error *err)
{
    if (tensor->count != 1) {
        return mopt_error_set(err, MOPT_E_SHAPE, "'%s' has %zu elements, must have 1", name,
                              tensor->count);
    }
    *out = mopt__tensor_i64_at(tensor, 0);
    return MOPT_OK;
}

enum mopt_status mopt__axes_mark(const int64_t *axes, size_t count, int rank, bool *marks,
                                 struct mopt_error *err)
{
    memset(marks, 0, (size_t)rank * sizeof *marks);
    for (size_t i = 0; i < count; i++) {
        int axis = 0;
        const enum mopt_status status = mopt__axis_normalise(axes[i], rank, &axis, err);
        if (status != MOPT_OK) {
            return status;
        }
        if (marks[axis]) {
            return mopt_error_set(err, MOPT_E_VALUE, "axis %d is given twice", axis);
        }
        marks[axis] = true;
    }
    return MOPT_OK;
}

enum mopt_status mopt__list_i64(const struct mopt_eval *eval, uint32_t input, const char *name,
                                int64_t **values, size_t *count, bool *present,
                                struct mopt_error *err)
{
    *values = NULL;
    *count = 0;
    *present = false;
    if (input > 0 && mopt__eval_input(eval, input) != NULL) {
        *present = true;
        return mopt__eval_i64s(eval, input, values, count, err);
    }
    if (name == NULL || !mopt__has_attribute(eval->node, name)) {
        return MOPT_OK;
    }
    const int64_t *items = NULL;
    const enum mopt_status status = mopt__attr_ints(eval->node, name, &items, count, err);
    if (status != MOPT_OK) {
        return status;
    }
    *values = mopt__calloc(*count + 1, sizeof **values);
    if (*values == NULL) {
        return mopt_error_memory(err);
    }
    if (*count > 0) {
        memcpy(*values, items, *count * sizeof **values);
    }
    *present = true;
    return MOPT_OK;
}

bool mopt__infer_list(const struct mopt_infer *infer, uint32_t input, const char *name,
                      const int64_t **values, size_t *count, bool *given)
{
    *values = NULL;
    *count = 0;
    *given = false;
    if (input > 0 && mopt__infer_has(infer, input)) {
        *given = true;
        return mopt__infer_ints(infer, input, values, count);
    }
    if (name == NULL || !mopt__has_attribute(infer->node, name)) {
        return false;
    }
    *given = true;
    struct mopt_error ignored = {.offset = -1};
    return mopt__attr_ints(infer->node, name, values, count, &ignored) == MOPT_OK;
}

enum mopt_status mopt__infer_unknown(struct mopt_infer *infer, int rank, struct mopt_error *err)
{
    int64_t dims[MOPT_RANK_MAX];
    if (rank > MOPT_RANK_MAX) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "rank %d is above %d", rank, MOPT_RANK_MAX);
    }
    for (int i = 0; i < rank; i++) {
        dims[i] = mopt__dim_fresh(infer->dims);
    }
    return mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), rank, dims, err);
}

enum mopt_status mopt__infer_like(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    if (type == NULL) {
        return MOPT_OK;
    }
    return mopt__infer_set(infer, 0, type->dtype, type->rank, type->dims, err);
}

enum mopt_status mopt__infer_pass(struct mopt_infer *infer, int rank, struct mopt_error *err)
{
    const int64_t *items = NULL;
    size_t count = 0;
    if (rank < 0 || rank > 1 || !mopt__infer_ints(infer, 0, &items, &count) ||
        (rank == 0 && count != 1)) {
        return MOPT_OK;
    }
    return mopt__infer_set_ints(infer, 0, rank, items, count, err);
}

bool mopt__dim_get(const struct mopt_dims *dims, int64_t dim, int64_t *value)
{
    return mopt__dim_is_known(dims, dim, value);
}

int64_t mopt__dim_product(struct mopt_dims *dims, const int64_t *items, int count)
{
    int64_t product = 1;
    for (int i = 0; i < count; i++) {
        product = mopt__dim_mul(dims, product, items[i]);
    }
    return product;
}

enum { VALUE_LIMIT = 1024 };

int64_t *mopt__infer_room(const struct mopt_infer *infer, size_t count)
{
    return count > VALUE_LIMIT ? NULL : mopt__arena_alloc(infer->arena, count + 1, sizeof(int64_t));
}

int64_t mopt__int_of(const struct mopt_node *node, const char *name, int64_t fallback)
{
    int64_t value = fallback;
    struct mopt_error ignored = {.offset = -1};
    return mopt__attr_int(node, name, fallback, &value, &ignored) == MOPT_OK ? value : fallback;
}

const char *mopt__string_of(const struct mopt_node *node, const char *name, const char *fallback)
{
    const char *value = fallback;
    struct mopt_error ignored = {.offset = -1};
    return mopt__attr_string(node, name, fallback, &value, &ignored) == MOPT_OK && value != NULL
               ? value
               : fallback;
}

bool mopt__has_attribute(const struct mopt_node *node, const char *name)
{
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        if (strcmp(node->attributes[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void cost_of(struct mopt_cost *cost, const struct mopt_value *value)
{
    size_t count = 0;
    if (value != NULL && value->type != NULL && value->type->kind == MOPT_TYPE_TENSOR &&
        mopt__type_count(cost->dims, value->type, &count)) {
        cost->flops = count;
        cost->known = true;
    }
}

void mopt__cost_output(struct mopt_cost *cost)
{
    cost_of(cost, cost->node->output_count > 0 ? cost->node->outputs[0] : NULL);
}

void mopt__cost_input(struct mopt_cost *cost)
{
    cost_of(cost, cost->node->input_count > 0 ? cost->node->inputs[0].value : NULL);
}

enum mopt_status mopt__check_indices(const struct mopt_tensor *indices, int64_t size,
                                     struct mopt_error *err)
{
    for (size_t at = 0; at < indices->count; at += MOPT_LANES) {
        int64_t items[MOPT_LANES];
        const size_t n = indices->count - at < MOPT_LANES ? indices->count - at : MOPT_LANES;
        bool fits = true;
        mopt__load_i64(indices->dtype, indices->data, (int64_t)at, 1, n, items);
        for (size_t i = 0; i < n; i++) { // from -size on, less than twice the size
            fits = fits & ((uint64_t)items[i] + (uint64_t)size < 2 * (uint64_t)size);
        }
        for (size_t i = 0; i < n && !fits; i++) {
            const enum mopt_status status = mopt__index_check(items[i], size, &items[i], err);
            if (status != MOPT_OK) {
                return status;
            }
        }
    }
    return MOPT_OK;
}

void mopt__load_indices(const struct mopt_tensor *indices, int64_t size, int64_t first, size_t n,
                        int64_t *out)
{
    mopt__load_i64(indices->dtype, indices->data, first, 1, n, out);
    for (size_t i = 0; i < n; i++) {
        out[i] += out[i] < 0 ? size : 0;
    }
}
