// SPDX-License-Identifier: Apache-2.0
// Random inputs that bring mistakes to light: negatives, zeros of both signs, ties, large values;
// symbolic dims bound to small numbers. Uniform numbers in [0,1) hide errors of sign, padding and
// order. It runs nothing.
#include <math.h>
#include <string.h>

#include "pass/internal.h"

// ---- Dims

// How attempt k binds the n-th symbol. Real models need sizes that their strides divide, or lengths
// that fit together, so several ways are tried.
static int64_t symbol_size(int attempt, size_t n, const char *name)
{
    switch (attempt) {
    case 0:
        return 2 + (int64_t)(n % 2);
    case 1:
        return 2;
    case 2:
        return 1;
    case 3:
        return strstr(name, "past") != NULL ? 0 : 2; // total = past + new
    case 4:
        return 8;
    case 5:
        return n == 0 ? 1 : 32;
    case 6:
        return n == 0 ? 1 : 64;
    case 7:
        return 32;
    case 8:
        return n == 0 ? 1 : 256; // lengths of signals
    default:
        return n == 0 ? 1 : 224;
    }
}

// Sizes without names: the first axis is a batch, and so are axes in the middle.
static int64_t anonymous_size(int attempt, int axis, int rank)
{
    bool batch = axis == 0 || (attempt == 8 && axis + 1 < rank);
    return symbol_size(attempt, batch ? 0 : 1, "");
}

static bool lookup(void *context, const char *name, int64_t *value)
{
    struct mopt_inputs *inputs = context;
    uintptr_t known = (uintptr_t)mopt__map_find(&inputs->names, name);
    struct mopt_error ignored;
    if (known == 0) {
        known = (uintptr_t)symbol_size(inputs->attempt, inputs->name_count++, name) + 1;
        if (mopt__map_put(&inputs->names, name,
                          (void *)known, // NOLINT(performance-no-int-to-ptr): a small number
                          &ignored) != MOPT_OK) {
            return false;
        }
    }
    *value = (int64_t)known - 1;
    return true;
}

static bool bind_dims(struct mopt_inputs *inputs, const struct mopt_type *type, int64_t *dims)
{
    const struct mopt_dims *table = inputs->model->dims;
    for (int i = 0; i < type->rank; i++) {
        if (!mopt__dim_evaluate(table, type->dims[i], lookup, inputs, &dims[i])) {
            dims[i] = anonymous_size(inputs->attempt, i, type->rank);
        }
        if (dims[i] < 0) {
            return false;
        }
    }
    return true;
}

// ---- Elements

static double random_float(struct mopt_inputs *inputs, double large)
{
    uint64_t kind = mopt__rng_below(&inputs->rng, 32);
    bool calm = inputs->run % 3 == 1;
    if (inputs->run % 3 == 2) { // ties: few different values
        return (double)mopt__rng_below(&inputs->rng, 5) * 0.5 - 1.0;
    }
    if (kind == 0) {
        return 0.0;
    }
    if (kind == 1) {
        return -0.0;
    }
    if (kind == 2 && !calm) {
        return (mopt__rng_unit(&inputs->rng) * 2 - 1) * large;
    }
    return mopt__rng_normal(&inputs->rng) * (calm ? 0.5 : 2.0);
}

static double large_value(enum mopt_dtype dtype)
{
    return dtype == MOPT_FLOAT32 || dtype == MOPT_FLOAT64 || dtype == MOPT_BFLOAT16 ? 1000 : 8;
}

// Wide integers are indices, lengths and axes as a rule: small and not negative.
static int64_t random_integer(struct mopt_inputs *inputs, enum mopt_dtype dtype)
{
    if (dtype == MOPT_BOOL) {
        return (int64_t)mopt__rng_below(&inputs->rng, 2);
    }
    if (dtype == MOPT_UINT8) {
        return (int64_t)mopt__rng_below(&inputs->rng, 256);
    }
    if (dtype == MOPT_INT8) {
        return (int64_t)mopt__rng_below(&inputs->rng, 256) - 128;
    }
    int way = (inputs->attempt + inputs->run) % 3;
    return way == 0 ? (int64_t)mopt__rng_below(&inputs->rng, 2) : way == 1 ? 1 : 0;
}

static const char *fill(struct mopt_inputs *inputs, struct mopt_tensor *tensor)
{
    bool is_float = mopt__dtype_is_float(tensor->dtype);
    if (!is_float && tensor->dtype != MOPT_BOOL && !mopt__dtype_is_integer(tensor->dtype)) {
        return "inputs of strings or complex numbers cannot be made up";
    }
    void *data = mopt__tensor_data(tensor);
    memset(data, 0, tensor->bytes);
    double large = large_value(tensor->dtype);
    for (size_t i = 0; i < tensor->count; i++) {
        if (is_float) {
            mopt__element_set_f64(tensor->dtype, data, i, random_float(inputs, large));
        } else {
            mopt__element_set_i64(tensor->dtype, data, i, random_integer(inputs, tensor->dtype));
        }
    }
    return NULL;
}

// Overridden data stay near the default, so that weights and scales keep their meaning.
static void fill_near(struct mopt_inputs *inputs, struct mopt_tensor *tensor,
                      const struct mopt_tensor *usual)
{
    void *data = mopt__tensor_data(tensor);
    memcpy(data, usual->data, tensor->bytes);
    for (size_t i = 0; i < tensor->count; i++) {
        double value = mopt__tensor_f64(usual, i) * (0.5 + mopt__rng_unit(&inputs->rng));
        mopt__element_set_f64(tensor->dtype, data, i, value);
    }
}

// ---- Inputs

static enum mopt_status wrap(struct mopt_tensor *tensor, struct mopt_datum **out,
                             struct mopt_error *err)
{
    enum mopt_status status = mopt__datum_tensor(tensor, out, err);
    mopt__tensor_unref(tensor);
    return status;
}

static enum mopt_status make_override(struct mopt_inputs *inputs, const struct mopt_value *value,
                                      struct mopt_datum **out, struct mopt_error *err)
{
    const struct mopt_tensor *usual = value->constant;
    bool fixed = mopt__value_constant(value) != NULL; // before IR 4 every initializer was an input
    if (usual == NULL || fixed || !inputs->overridden || !mopt__dtype_is_float(usual->dtype)) {
        return MOPT_OK; // the default applies
    }
    struct mopt_tensor *tensor;
    enum mopt_status status =
        mopt__tensor_new(usual->dtype, usual->rank, usual->dims, &tensor, err);
    if (status != MOPT_OK) {
        return status;
    }
    fill_near(inputs, tensor, usual);
    return wrap(tensor, out, err);
}

static enum mopt_status make_tensor(struct mopt_inputs *inputs, const struct mopt_type *type,
                                    struct mopt_datum **out, const char **reason,
                                    struct mopt_error *err)
{
    int64_t dims[MOPT_RANK_MAX];
    struct mopt_tensor *tensor;
    if (!bind_dims(inputs, type, dims)) {
        *reason = "a dimension of an input cannot be bound";
        return MOPT_OK;
    }
    enum mopt_status status = mopt__tensor_new(type->dtype, type->rank, dims, &tensor, err);
    if (status != MOPT_OK) {
        return status;
    }
    *reason = fill(inputs, tensor);
    return wrap(tensor, out, err);
}

static enum mopt_status make_one(struct mopt_inputs *inputs, const struct mopt_value *value,
                                 struct mopt_datum **out, const char **reason,
                                 struct mopt_error *err)
{
    if (value->constant != NULL || value->sparse != NULL) {
        return make_override(inputs, value, out, err);
    }
    const struct mopt_type *type = value->declared != NULL ? value->declared : value->type;
    if (type == NULL || type->kind != MOPT_TYPE_TENSOR || type->dtype == MOPT_UNDEFINED) {
        *reason = "an input is not a tensor of known element type";
        return MOPT_OK;
    }
    if (type->rank < 0) {
        *reason = "an input has no known rank";
        return MOPT_OK;
    }
    return make_tensor(inputs, type, out, reason, err);
}

void mopt__inputs_free(struct mopt_datum **data, size_t count)
{
    for (size_t i = 0; data != NULL && i < count; i++) {
        mopt__datum_unref(data[i]);
        data[i] = NULL;
    }
}

enum mopt_status mopt__inputs_make(struct mopt_inputs *inputs, struct mopt_datum **data,
                                   const char **reason, struct mopt_error *err)
{
    const struct mopt_value_list *list = &inputs->model->graph->inputs;
    enum mopt_status status = MOPT_OK;
    *reason = NULL;
    mopt__map_clear(&inputs->names);
    inputs->name_count = 0;
    for (size_t i = 0; i < list->count; i++) {
        data[i] = NULL;
    }
    for (size_t i = 0; i < list->count && status == MOPT_OK && *reason == NULL; i++) {
        status = make_one(inputs, list->items[i], &data[i], reason, err);
    }
    if (status != MOPT_OK || *reason != NULL) {
        mopt__inputs_free(data, list->count);
    }
    return status;
}
