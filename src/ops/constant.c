// SPDX-License-Identifier: Apache-2.0
// Constant: the value stands in exactly one of several attributes.
#include <string.h>

#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/record.h"

// The one attribute that holds the value.
static enum mopt_status find_value(const struct mopt_node *node, const struct mopt_attribute **out,
                                   struct mopt_error *err)
{
    *out = NULL;
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        const struct mopt_attribute *attribute = &node->attributes[i];
        if (strncmp(attribute->name, "value", 5) != 0 &&
            strcmp(attribute->name, "sparse_value") != 0) {
            continue;
        }
        if (*out != NULL) {
            return mopt_error_set(err, MOPT_E_FORMAT, "both '%s' and '%s' are given", (*out)->name,
                                  attribute->name);
        }
        *out = attribute;
    }
    return *out != NULL ? MOPT_OK
                        : mopt_error_set(err, MOPT_E_FORMAT, "attribute 'value' is missing");
}

static enum mopt_status shape_of(const struct mopt_attribute *value, enum mopt_dtype *dtype,
                                 int *rank, int64_t *dim, struct mopt_error *err)
{
    static const struct {
        const char *name;
        enum mopt_attr_kind kind;
        enum mopt_dtype dtype;
        int rank;
    } forms[] = {
        {"value_float", MOPT_ATTR_FLOAT, MOPT_FLOAT32, 0},
        {"value_floats", MOPT_ATTR_FLOATS, MOPT_FLOAT32, 1},
        {"value_int", MOPT_ATTR_INT, MOPT_INT64, 0},
        {"value_ints", MOPT_ATTR_INTS, MOPT_INT64, 1},
        {"value_string", MOPT_ATTR_STRING, MOPT_STRING, 0},
        {"value_strings", MOPT_ATTR_STRINGS, MOPT_STRING, 1},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(forms); i++) {
        if (strcmp(value->name, forms[i].name) == 0 && value->kind == forms[i].kind) {
            *dtype = forms[i].dtype;
            *rank = forms[i].rank;
            *dim = (int64_t)value->count;
            return MOPT_OK;
        }
    }
    return mopt_error_set(err, MOPT_E_TYPE, "attribute '%s' is of the wrong kind", value->name);
}

static enum mopt_status constant_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_attribute *value;
    enum mopt_status status = find_value(infer->node, &value, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (value->kind == MOPT_ATTR_TENSOR && value->t != NULL) {
        if (infer->node->output_count > 0) {
            infer->outputs[0].constant = value->t;
        }
        return mopt__infer_set(infer, 0, value->t->dtype, value->t->rank, value->t->dims, err);
    }
    if (value->kind == MOPT_ATTR_SPARSE_TENSOR && value->sparse != NULL) {
        return mopt__infer_set(infer, 0, value->sparse->values->dtype, value->sparse->rank,
                               value->sparse->dims, err);
    }
    enum mopt_dtype dtype = MOPT_UNDEFINED;
    int rank = 0;
    int64_t dim;
    status = shape_of(value, &dtype, &rank, &dim, err);
    return status == MOPT_OK ? mopt__infer_set(infer, 0, dtype, rank, &dim, err) : status;
}

static enum mopt_status fill(struct mopt_tensor *out, const struct mopt_attribute *value,
                             struct mopt_error *err)
{
    const struct mopt_string *strings = out->rank == 0 ? &value->s : value->strings;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < out->count; i++) {
        if (out->dtype == MOPT_STRING) {
            status = mopt__tensor_set_string(out, i, strings[i].data, strings[i].size, err);
        } else if (out->dtype == MOPT_INT64) {
            ((int64_t *)mopt__tensor_data(out))[i] = out->rank == 0 ? value->i : value->ints[i];
        } else {
            ((float *)mopt__tensor_data(out))[i] = out->rank == 0 ? value->f : value->floats[i];
        }
    }
    return status;
}

static enum mopt_status constant_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_attribute *value;
    enum mopt_status status = find_value(eval->node, &value, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (value->kind == MOPT_ATTR_TENSOR && value->t != NULL) {
        return mopt__eval_set(eval, 0, value->t, err);
    }
    struct mopt_tensor *out = NULL;
    if (value->kind == MOPT_ATTR_SPARSE_TENSOR && value->sparse != NULL) {
        status = mopt__sparse_to_dense(value->sparse, &out, err);
        if (status == MOPT_OK) {
            status = mopt__eval_set(eval, 0, out, err);
            mopt__tensor_unref(out);
        }
        return status;
    }
    enum mopt_dtype dtype = MOPT_UNDEFINED;
    int rank = 0;
    int64_t dim;
    status = shape_of(value, &dtype, &rank, &dim, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, dtype, rank, &dim, &out, err);
    }
    return status == MOPT_OK ? fill(out, value, err) : status;
}

#define RECORD(from, to, set, ...)                                                         \
    {                                                                                      \
        .domain = "", .name = "Constant", .since = from, .until = to,                      \
        .summary = "a tensor written in the model", MOPT_OUTPUTS({"output", "T", set, 0}), \
        MOPT_ATTRIBUTES(__VA_ARGS__), .infer = constant_infer, .eval = constant_eval       \
    }
#define TENSOR_REQUIRED                                             \
    {                                                               \
        .name = "value", .kind = MOPT_ATTR_TENSOR, .required = true \
    }
#define TENSOR                                    \
    {                                             \
        .name = "value", .kind = MOPT_ATTR_TENSOR \
    }
#define SPARSE                                                  \
    {                                                           \
        .name = "sparse_value", .kind = MOPT_ATTR_SPARSE_TENSOR \
    }

static const struct mopt_op records[] = {
    RECORD(1, 10, MOPT_SET_ALL_25, TENSOR_REQUIRED),
    RECORD(11, 11, MOPT_SET_ALL_25, TENSOR, SPARSE),
    RECORD(12, 0, MOPT_SET_ALL_25, TENSOR, SPARSE, {.name = "value_float", .kind = MOPT_ATTR_FLOAT},
           {.name = "value_floats", .kind = MOPT_ATTR_FLOATS},
           {.name = "value_int", .kind = MOPT_ATTR_INT},
           {.name = "value_ints", .kind = MOPT_ATTR_INTS},
           {.name = "value_string", .kind = MOPT_ATTR_STRING},
           {.name = "value_strings", .kind = MOPT_ATTR_STRINGS}),
};
const struct mopt_op_family mopt__ops_constant = {records, MOPT_COUNTOF(records)};
