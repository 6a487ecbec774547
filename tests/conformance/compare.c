// SPDX-License-Identifier: Apache-2.0
// Comparison of tensors, sequences and optional values.
#include "compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool differ(struct comparison *state, const char *what, size_t i, double a, double b)
{
    snprintf(state->reason, sizeof state->reason, "%s %zu is %.9g, expected %.9g", what, i, a, b);
    return false;
}

// Position of a float among all floats of its type.
static double rank_of(enum mopt_dtype dtype, double value)
{
    if (dtype == MOPT_FLOAT64) {
        int64_t bits;
        memcpy(&bits, &value, sizeof bits);
        return bits < 0 ? -(double)(bits & INT64_MAX) : (double)bits;
    }
    float narrow = (float)value;
    int32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    double position = bits < 0 ? -(double)(bits & INT32_MAX) : (double)bits;
    int dropped = dtype == MOPT_FLOAT16 ? 13 : (dtype == MOPT_BFLOAT16 ? 16 : 0);
    return position / (double)(UINT32_C(1) << dropped);
}

static bool close_enough(struct comparison *state, enum mopt_dtype dtype, double a, double b)
{
    if (isnan(a) || isnan(b)) {
        return isnan(a) && isnan(b);
    }
    if (isinf(a) || isinf(b)) {
        return a == b;
    }
    double ulp = fabs(rank_of(dtype, a) - rank_of(dtype, b));
    state->max_ulp = fmax(state->max_ulp, ulp);
    return fabs(a - b) <= state->atol + state->rtol * fabs(b) ||
           (dtype == MOPT_BFLOAT16 && ulp <= state->bfloat_ulp);
}

static bool compare_complex(struct comparison *state, const struct mopt_tensor *a,
                            const struct mopt_tensor *b)
{
    enum mopt_dtype part = a->dtype == MOPT_COMPLEX64 ? MOPT_FLOAT32 : MOPT_FLOAT64;
    for (size_t i = 0; i < 2 * a->count; i++) {
        double x = mopt__element_f64(part, a->data, i);
        double y = mopt__element_f64(part, b->data, i);
        if (!close_enough(state, part, x, y)) {
            return differ(state, "element", i / 2, x, y);
        }
    }
    return true;
}

static bool compare_elements(struct comparison *state, const struct mopt_tensor *a,
                             const struct mopt_tensor *b)
{
    if (a->dtype == MOPT_COMPLEX64 || a->dtype == MOPT_COMPLEX128) {
        return compare_complex(state, a, b);
    }
    for (size_t i = 0; i < a->count; i++) {
        if (a->dtype == MOPT_STRING) {
            const struct mopt_string *x = (const struct mopt_string *)a->data + i;
            const struct mopt_string *y = (const struct mopt_string *)b->data + i;
            if (x->size != y->size || memcmp(x->data, y->data, x->size) != 0) {
                snprintf(state->reason, sizeof state->reason,
                         "element %zu is '%.*s', expected '%.*s'", i, (int)x->size, x->data,
                         (int)y->size, y->data);
                return false;
            }
        } else if (mopt__dtype_is_float(a->dtype)) {
            double x = mopt__tensor_f64(a, i);
            double y = mopt__tensor_f64(b, i);
            if (!close_enough(state, a->dtype, x, y)) {
                return differ(state, "element", i, x, y);
            }
        } else if (mopt__tensor_i64_at(a, i) != mopt__tensor_i64_at(b, i)) {
            return differ(state, "element", i, (double)mopt__tensor_i64_at(a, i),
                          (double)mopt__tensor_i64_at(b, i));
        }
    }
    return true;
}

// Files of older releases hold bfloat16 results as uint16, and the suite compares those numbers by
// its tolerance.
static bool compare_bits(struct comparison *state, const struct mopt_tensor *a,
                         const struct mopt_tensor *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        double x = ((const uint16_t *)a->data)[i];
        double y = ((const uint16_t *)b->data)[i];
        if (!close_enough(state, MOPT_FLOAT64, x, y)) {
            return differ(state, "bits of element", i, x, y);
        }
    }
    return a->count == b->count || differ(state, "count", 0, (double)a->count, (double)b->count);
}

static bool compare_tensors(struct comparison *state, const struct mopt_tensor *a,
                            const struct mopt_tensor *b)
{
    if (a->dtype == MOPT_BFLOAT16 && b->dtype == MOPT_UINT16) {
        return compare_bits(state, a, b);
    }
    if (a->dtype != b->dtype) {
        snprintf(state->reason, sizeof state->reason, "type is %s, expected %s",
                 mopt__dtype_name(a->dtype), mopt__dtype_name(b->dtype));
        return false;
    }
    if (a->rank != b->rank) {
        return differ(state, "rank of output", 0, a->rank, b->rank);
    }
    for (int k = 0; k < a->rank; k++) {
        if (a->dims[k] != b->dims[k]) {
            return differ(state, "dimension", (size_t)k, (double)a->dims[k], (double)b->dims[k]);
        }
    }
    return compare_elements(state, a, b);
}

bool compare_data(struct comparison *state, const struct mopt_datum *actual,
                  const struct mopt_datum *expected)
{
    if (actual->kind != expected->kind) {
        return differ(state, "kind", 0, (double)actual->kind, (double)expected->kind);
    }
    if (actual->kind == MOPT_DATUM_TENSOR) {
        return compare_tensors(state, actual->tensor, expected->tensor);
    }
    if (actual->count != expected->count) {
        return differ(state, "count of elements", 0, (double)actual->count,
                      (double)expected->count);
    }
    if (actual->kind == MOPT_DATUM_MAP &&
        !compare_tensors(state, actual->tensor, expected->tensor)) {
        return false;
    }
    for (size_t i = 0; i < actual->count; i++) {
        if (!compare_data(state, actual->items[i], expected->items[i])) {
            return false;
        }
    }
    return true;
}

static bool wrong(struct comparison *state, const struct mopt_dims *dims,
                  const struct mopt_value *value, const struct mopt_tensor *actual,
                  const char *what)
{
    struct mopt_strbuf text = {0};
    mopt__type_print(dims, value->type, &text);
    snprintf(state->reason, sizeof state->reason,
             "inference: value '%s': %s of %s does not hold (%s rank %d)", value->name, what,
             mopt__strbuf_text(&text), mopt__dtype_name(actual->dtype), actual->rank);
    mopt__strbuf_release(&text);
    return false;
}

static bool ints_hold(struct comparison *state, const struct mopt_dims *dims,
                      const struct mopt_value *value, const struct mopt_tensor *actual)
{
    const struct mopt_ints *ints = value->ints;
    if (ints == NULL) {
        return true;
    }
    if (ints->count != actual->count || ints->rank != actual->rank ||
        !(mopt__dtype_is_integer(actual->dtype) || actual->dtype == MOPT_BOOL)) {
        return wrong(state, dims, value, actual, "shape of the ints");
    }
    for (size_t i = 0; i < ints->count; i++) {
        int64_t known;
        if (mopt__dim_is_known(dims, ints->items[i], &known) &&
            known != mopt__tensor_i64_at(actual, i)) {
            return wrong(state, dims, value, actual, "an int");
        }
    }
    return true;
}

bool compare_type(struct comparison *state, const struct mopt_dims *dims,
                  const struct mopt_value *value, const struct mopt_datum *actual)
{
    const struct mopt_type *type = value->type;
    if (type == NULL || type->kind == MOPT_TYPE_NONE) {
        return true;
    }
    bool tensor = type->kind == MOPT_TYPE_TENSOR;
    if (tensor != (actual->kind == MOPT_DATUM_TENSOR)) {
        snprintf(state->reason, sizeof state->reason, "inference: value '%s' is of another kind",
                 value->name);
        return false;
    }
    if (!tensor) {
        return true;
    }
    if (type->dtype != MOPT_UNDEFINED && type->dtype != actual->tensor->dtype) {
        return wrong(state, dims, value, actual->tensor, "type");
    }
    if (type->rank >= 0 && type->rank != actual->tensor->rank) {
        return wrong(state, dims, value, actual->tensor, "rank");
    }
    for (int k = 0; k < type->rank; k++) {
        if (type->dims[k] >= 0 && type->dims[k] != actual->tensor->dims[k]) {
            return wrong(state, dims, value, actual->tensor, "a dimension");
        }
    }
    return ints_hold(state, dims, value, actual->tensor);
}
