// SPDX-License-Identifier: Apache-2.0
// Shared helpers of the neural-network operator files. It must not know any single operator.
#include "ops/nn_util.h"

#include <math.h>
#include <string.h>

enum mopt_status mopt__nn_rank(const struct mopt_tensor *t, const char *name, int low, int high,
                               struct mopt_error *err)
{
    if (!t || (t->rank >= low && t->rank <= high)) {
        return MOPT_OK;
    }
    if (low == high) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input '%s' has rank %d, must be %d", name,
                              t->rank, low);
    }
    return mopt_error_set(err, MOPT_E_SHAPE, "input '%s' has rank %d, must be %d to %d", name,
                          t->rank, low, high);
}

enum mopt_status mopt__nn_vector(const struct mopt_tensor *t, const char *name, int64_t length,
                                 struct mopt_error *err)
{
    if (!t || (t->rank == 1 && t->dims[0] == length)) {
        return MOPT_OK;
    }
    return mopt_error_set(err, MOPT_E_SHAPE, "input '%s' must have shape [%lld]", name,
                          (long long)length);
}

double *mopt__nn_zeros(size_t count, struct mopt_error *err)
{
    double *values = mopt__calloc(count ? count : 1, sizeof *values);
    if (!values) {
        mopt_error_memory(err);
    }
    return values;
}

enum mopt_status mopt__nn_doubles(const struct mopt_tensor *t, double **out, struct mopt_error *err)
{
    *out = NULL;
    if (!t) {
        return MOPT_OK;
    }
    double *values = mopt__nn_zeros(t->count, err);
    if (!values) {
        return MOPT_E_MEMORY;
    }
    if (t->dtype == MOPT_FLOAT32) {
        const float *from = t->data;
        for (size_t i = 0; i < t->count; i++) {
            values[i] = (double)from[i];
        }
    } else {
        for (size_t i = 0; i < t->count; i++) {
            values[i] = mopt__element_f64(t->dtype, t->data, i);
        }
    }
    *out = values;
    return MOPT_OK;
}

double mopt__nn_scalar(const struct mopt_tensor *t, double fallback)
{
    return t && t->count > 0 ? mopt__tensor_f64(t, 0) : fallback;
}

void mopt__nn_int_range(enum mopt_dtype dtype, int64_t *low, int64_t *high)
{
    unsigned bits = mopt__dtype_bits(dtype);
    if (mopt__dtype_is_signed(dtype)) {
        *low = bits >= 64 ? INT64_MIN : -((int64_t)1 << (bits - 1));
        *high = bits >= 64 ? INT64_MAX : ((int64_t)1 << (bits - 1)) - 1;
    } else {
        *low = 0;
        *high = dtype == MOPT_BOOL ? 1 : bits >= 63 ? INT64_MAX : ((int64_t)1 << bits) - 1;
    }
}

int64_t mopt__nn_quantize(double value, int64_t zero_point, int64_t low, int64_t high)
{
    double rounded = nearbyint(value);
    if (isnan(rounded)) {
        return zero_point;
    }
    if (rounded <= (double)(low - zero_point)) {
        return low;
    }
    if (rounded >= (double)(high - zero_point)) {
        return high;
    }
    return (int64_t)rounded + zero_point;
}

void mopt__nn_store_at(struct mopt_tensor *t, size_t i, double value)
{
    void *data = mopt__tensor_data(t);
    if (mopt__dtype_is_float(t->dtype)) {
        mopt__element_set_f64(t->dtype, data, i, value);
        return;
    }
    if (t->dtype == MOPT_UINT64) {
        double top = 18446744073709551616.0;
        uint64_t whole = !(value > 0) ? 0 : value >= top ? UINT64_MAX : (uint64_t)value;
        ((uint64_t *)data)[i] = whole;
        return;
    }
    int64_t low = 0;
    int64_t high = 0;
    mopt__nn_int_range(t->dtype, &low, &high);
    int64_t whole = isnan(value)            ? 0
                    : value <= (double)low  ? low
                    : value >= (double)high ? high
                                            : (int64_t)value;
    mopt__element_set_i64(t->dtype, data, i, whole);
}

void mopt__nn_store(struct mopt_tensor *t, const double *values)
{
    if (t->dtype == MOPT_FLOAT32) {
        float *to = mopt__tensor_data(t);
        for (size_t i = 0; i < t->count; i++) {
            to[i] = (float)values[i];
        }
        return;
    }
    for (size_t i = 0; i < t->count; i++) {
        mopt__nn_store_at(t, i, values[i]);
    }
}

enum mopt_status mopt__nn_put(struct mopt_eval *eval, uint32_t i, enum mopt_dtype dtype, int rank,
                              const int64_t *dims, const double *values, struct mopt_error *err)
{
    struct mopt_tensor *y = NULL;
    enum mopt_status status = mopt__eval_output(eval, i, dtype, rank, dims, &y, err);
    if (status == MOPT_OK) {
        mopt__nn_store(y, values);
    }
    return status;
}

size_t mopt__nn_product(const int64_t *dims, int from, int to)
{
    size_t product = 1;
    for (int i = from; i < to; i++) {
        product *= (size_t)dims[i];
    }
    return product;
}

enum mopt_status mopt__nn_tick(const struct mopt_eval *eval, struct mopt_error *err)
{
    return eval->budget ? mopt__budget_check(eval->budget, err) : MOPT_OK;
}

float *mopt__nn_f32(struct mopt_tensor *t)
{
    return mopt__tensor_data(t);
}

enum mopt_status mopt__nn_infer_rank(const struct mopt_infer *infer, uint32_t i, int low, int high,
                                     struct mopt_error *err)
{
    int rank = mopt__infer_rank(infer, i);
    if (rank < 0 || (rank >= low && rank <= high)) {
        return MOPT_OK;
    }
    return mopt_error_set(err, MOPT_E_SHAPE, "input %u has rank %d, must be %d to %d", i, rank, low,
                          high);
}

bool mopt__nn_dims_differ(const struct mopt_dims *dims, int64_t a, int64_t b)
{
    int64_t x = 0;
    int64_t y = 0;
    return mopt__dim_is_known(dims, a, &x) && mopt__dim_is_known(dims, b, &y) && x != y;
}

bool mopt__nn_static(const struct mopt_dims *table, const struct mopt_type *type, int *rank,
                     int64_t dims[MOPT_RANK_MAX])
{
    if (!type || type->kind != MOPT_TYPE_TENSOR || type->rank < 0) {
        return false;
    }
    *rank = type->rank;
    for (int i = 0; i < type->rank; i++) {
        if (!mopt__dim_is_known(table, type->dims[i], &dims[i]) || dims[i] < 0) {
            return false;
        }
    }
    return true;
}

bool mopt__nn_cost_in(const struct mopt_cost *cost, uint32_t i, int *rank,
                      int64_t dims[MOPT_RANK_MAX])
{
    const struct mopt_value *value = mopt__node_input(cost->node, i);
    return value && mopt__nn_static(cost->dims, value->type, rank, dims);
}

bool mopt__nn_cost_out(const struct mopt_cost *cost, uint32_t i, int *rank,
                       int64_t dims[MOPT_RANK_MAX])
{
    const struct mopt_value *value = mopt__node_output(cost->node, i);
    return value && mopt__nn_static(cost->dims, value->type, rank, dims);
}

bool mopt__nn_count(const int64_t *dims, int rank, uint64_t *count)
{
    *count = 1;
    for (int i = 0; i < rank; i++) {
        if (__builtin_mul_overflow(*count, (uint64_t)dims[i], count)) {
            return false;
        }
    }
    return true;
}

bool mopt__nn_bind_is(const struct mopt_bind *bind, uint32_t i, enum mopt_dtype dtype)
{
    if (i >= bind->node->input_count || !bind->inputs[i].type) {
        return false;
    }
    const struct mopt_type *type = bind->inputs[i].type;
    return type->kind == MOPT_TYPE_TENSOR && type->dtype == dtype;
}
