// SPDX-License-Identifier: Apache-2.0
// Checks a node against the schema of its operator: as the model has it, and with the data of a
// run. It must not know any operator.
#include <string.h>

#include "ops/eval.h"
#include "ops/op.h"

static const struct mopt_param *param_at(const struct mopt_param *params, uint32_t count,
                                         uint32_t i)
{
    if (i < count) {
        return &params[i];
    }
    const struct mopt_param *last = count > 0 ? &params[count - 1] : NULL;
    return last != NULL && (last->flags & MOPT_PARAM_VARIADIC) != 0 ? last : NULL;
}

const struct mopt_param *mopt__op_input(const struct mopt_op *op, uint32_t i)
{
    return param_at(op->inputs, op->input_count, i);
}

const struct mopt_param *mopt__op_output(const struct mopt_op *op, uint32_t i)
{
    return param_at(op->outputs, op->output_count, i);
}

static enum mopt_status check_arity(const struct mopt_node *node, struct mopt_error *err)
{
    const struct mopt_op *op = node->op;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const struct mopt_param *param = mopt__op_input(op, i);
        if (param == NULL) {
            return mopt_error_set(err, MOPT_E_FORMAT, "%u inputs, at most %u are allowed",
                                  node->input_count, op->input_count);
        }
        if (node->inputs[i].value == NULL && (param->flags & MOPT_PARAM_OPTIONAL) == 0 &&
            (param->flags & MOPT_PARAM_VARIADIC) == 0) {
            return mopt_error_set(err, MOPT_E_FORMAT, "input '%s' is missing", param->name);
        }
    }
    for (uint32_t i = node->input_count; i < op->input_count; i++) {
        if ((op->inputs[i].flags & MOPT_PARAM_OPTIONAL) == 0) {
            return mopt_error_set(err, MOPT_E_FORMAT, "input '%s' is missing", op->inputs[i].name);
        }
    }
    for (uint32_t i = 0; i < node->output_count; i++) {
        if (mopt__op_output(op, i) == NULL) {
            return mopt_error_set(err, MOPT_E_FORMAT, "%u outputs, at most %u are allowed",
                                  node->output_count, op->output_count);
        }
    }
    for (uint32_t i = node->output_count; i < op->output_count; i++) {
        if ((op->outputs[i].flags & MOPT_PARAM_OPTIONAL) == 0) {
            return mopt_error_set(err, MOPT_E_FORMAT, "output '%s' is missing",
                                  op->outputs[i].name);
        }
    }
    return MOPT_OK;
}

static const struct mopt_attr_spec *spec_find(const struct mopt_op *op, const char *name)
{
    for (unsigned i = 0; i < op->attribute_count; i++) {
        if (strcmp(op->attributes[i].name, name) == 0) {
            return &op->attributes[i];
        }
    }
    return NULL;
}

static bool is_choice(const char *choices, const char *text)
{
    size_t length = strlen(text);
    for (const char *at = choices; at != NULL;) {
        const char *end = strchr(at, '|');
        size_t size = end != NULL ? (size_t)(end - at) : strlen(at);
        if (size == length && memcmp(at, text, size) == 0) {
            return true;
        }
        at = end != NULL ? end + 1 : NULL;
    }
    return false;
}

static enum mopt_status check_range(const struct mopt_attr_spec *spec, int64_t value,
                                    struct mopt_error *err)
{
    if (spec->has_range && (value < spec->min || value > spec->max)) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute '%s' is %lld, must be in [%lld, %lld]",
                              spec->name, (long long)value, (long long)spec->min,
                              (long long)spec->max);
    }
    return MOPT_OK;
}

static enum mopt_status check_attribute(const struct mopt_op *op,
                                        const struct mopt_attribute *attribute,
                                        struct mopt_error *err)
{
    const struct mopt_attr_spec *spec = spec_find(op, attribute->name);
    if (spec == NULL) {
        return mopt_error_set(err, MOPT_E_FORMAT, "attribute '%s' is not known", attribute->name);
    }
    if (attribute->kind != spec->kind) {
        return mopt_error_set(err, MOPT_E_TYPE, "attribute '%s' is of kind %d, must be %d",
                              attribute->name, (int)attribute->kind, (int)spec->kind);
    }
    if (attribute->ref_name != NULL) {
        return MOPT_OK; // the value comes with the call of the function
    }
    if (attribute->kind == MOPT_ATTR_INT) {
        return check_range(spec, attribute->i, err);
    }
    for (size_t i = 0; attribute->kind == MOPT_ATTR_INTS && i < attribute->count; i++) {
        enum mopt_status status = check_range(spec, attribute->ints[i], err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    if (attribute->kind == MOPT_ATTR_STRING && spec->choices != NULL &&
        !is_choice(spec->choices, attribute->s.data != NULL ? attribute->s.data : "")) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute '%s' is '%s', must be one of %s",
                              attribute->name, attribute->s.data, spec->choices);
    }
    return MOPT_OK;
}

static enum mopt_status check_attributes(const struct mopt_node *node, struct mopt_error *err)
{
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        enum mopt_status status = check_attribute(node->op, &node->attributes[i], err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    for (unsigned i = 0; i < node->op->attribute_count; i++) {
        const struct mopt_attr_spec *spec = &node->op->attributes[i];
        if (spec->required && mopt__node_attribute(node, spec->name) == NULL) {
            return mopt_error_set(err, MOPT_E_FORMAT, "attribute '%s' is missing", spec->name);
        }
    }
    return MOPT_OK;
}

enum { CONTAINER_FLAGS = MOPT_PARAM_SEQUENCE | MOPT_PARAM_OPTIONAL_TYPE | MOPT_PARAM_MAP };

// Sets *dtype to the element type inside, MOPT_UNDEFINED when it cannot be told.
static bool kind_fits(const struct mopt_param *param, const struct mopt_type *type,
                      enum mopt_dtype *dtype)
{
    *dtype = MOPT_UNDEFINED;
    if (type == NULL || type->kind == MOPT_TYPE_NONE) {
        return true;
    }
    bool any = (param->flags & MOPT_PARAM_ANY) != 0;
    const struct mopt_type *inner = type;
    if (type->kind == MOPT_TYPE_SEQUENCE) {
        inner = type->element;
        any = any || (param->flags & (MOPT_PARAM_SEQUENCE | MOPT_PARAM_OPTIONAL_TYPE)) != 0;
    } else if (type->kind == MOPT_TYPE_OPTIONAL) {
        inner = type->element;
        any = any || (param->flags & MOPT_PARAM_OPTIONAL_TYPE) != 0;
    } else if (type->kind == MOPT_TYPE_MAP) {
        inner = NULL;
        any = any || (param->flags & (MOPT_PARAM_MAP | MOPT_PARAM_SEQUENCE)) != 0;
    } else {
        any = any || (param->flags & CONTAINER_FLAGS) == 0 ||
              (param->flags & MOPT_PARAM_OPTIONAL_TYPE) != 0;
    }
    if (inner != NULL &&
        (inner->kind == MOPT_TYPE_TENSOR || inner->kind == MOPT_TYPE_SPARSE_TENSOR)) {
        *dtype = inner->dtype;
    }
    return any;
}

static enum mopt_status check_type(const struct mopt_param *param, const struct mopt_value *value,
                                   const char *what, uint32_t i, enum mopt_dtype *dtype,
                                   struct mopt_error *err)
{
    if (!kind_fits(param, value->type, dtype)) {
        return mopt_error_set(err, MOPT_E_TYPE, "%s %u ('%s') is of the wrong kind", what, i,
                              param->name);
    }
    if (*dtype != MOPT_UNDEFINED && (param->dtypes & MOPT_DT(*dtype)) == 0) {
        return mopt_error_set(err, MOPT_E_TYPE, "%s %u ('%s') has type '%s', which is not allowed",
                              what, i, param->name, mopt__dtype_name(*dtype));
    }
    return MOPT_OK;
}

// Element types bound to type variables of one node; there are never more variables than this.
enum { VARIABLE_MAX = 16 };
struct variables {
    const char *names[VARIABLE_MAX];
    enum mopt_dtype dtypes[VARIABLE_MAX];
    size_t count;
};

static enum mopt_status bind_variable(struct variables *bound, const struct mopt_param *param,
                                      enum mopt_dtype dtype, struct mopt_error *err)
{
    if (dtype == MOPT_UNDEFINED || param->type == NULL ||
        (param->flags & MOPT_PARAM_HETEROGENEOUS) != 0) {
        return MOPT_OK;
    }
    for (size_t i = 0; i < bound->count; i++) {
        if (strcmp(bound->names[i], param->type) != 0) {
            continue;
        }
        if (bound->dtypes[i] == dtype) {
            return MOPT_OK;
        }
        return mopt_error_set(err, MOPT_E_TYPE, "'%s' has type '%s', but %s is '%s' already",
                              param->name, mopt__dtype_name(dtype), param->type,
                              mopt__dtype_name(bound->dtypes[i]));
    }
    if (bound->count < VARIABLE_MAX) {
        bound->names[bound->count] = param->type;
        bound->dtypes[bound->count++] = dtype;
    }
    return MOPT_OK;
}

static enum mopt_status check_types(const struct mopt_node *node, struct mopt_error *err)
{
    struct variables bound = {0};
    for (uint32_t i = 0; i < node->input_count + node->output_count; i++) {
        bool input = i < node->input_count;
        uint32_t index = input ? i : i - node->input_count;
        const struct mopt_value *value = input ? node->inputs[index].value : node->outputs[index];
        const struct mopt_param *param =
            input ? mopt__op_input(node->op, index) : mopt__op_output(node->op, index);
        if (value == NULL) {
            continue;
        }
        enum mopt_dtype dtype;
        enum mopt_status status =
            check_type(param, value, input ? "input" : "output", index, &dtype, err);
        if (status == MOPT_OK) {
            status = bind_variable(&bound, param, dtype, err);
        }
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

enum mopt_status mopt__op_check(const struct mopt_node *node, struct mopt_error *err)
{
    if (node->op == NULL) {
        return MOPT_OK; // an operator that we do not know, or a call of a function
    }
    enum mopt_status status = check_arity(node, err);
    if (status == MOPT_OK) {
        status = check_attributes(node, err);
    }
    if (status == MOPT_OK) {
        status = check_types(node, err);
    }
    if (status != MOPT_OK) {
        mopt_error_wrap(err, "node '%s' (%s)", mopt__node_label(node), node->op_type);
    }
    return status;
}

// ---- At run time --------------------------------------------------------------------------------

static enum mopt_dtype datum_dtype(const struct mopt_datum *datum)
{
    while (datum->kind == MOPT_DATUM_OPTIONAL && datum->count > 0) {
        datum = datum->items[0];
    }
    if (datum->kind == MOPT_DATUM_TENSOR) {
        return datum->tensor->dtype;
    }
    return datum->kind == MOPT_DATUM_SEQUENCE ? datum->dtype : MOPT_UNDEFINED;
}

static enum mopt_status check_datum(const struct mopt_param *param, const struct mopt_datum *datum,
                                    uint32_t i, struct variables *bound, struct mopt_error *err)
{
    if (datum == NULL) {
        if ((param->flags & (MOPT_PARAM_OPTIONAL | MOPT_PARAM_VARIADIC)) == 0) {
            return mopt_error_set(err, MOPT_E_FORMAT, "input %u ('%s') is missing", i, param->name);
        }
        return MOPT_OK;
    }
    if ((param->flags & (CONTAINER_FLAGS | MOPT_PARAM_ANY)) == 0 &&
        datum->kind != MOPT_DATUM_TENSOR) {
        return mopt_error_set(err, MOPT_E_TYPE, "input %u ('%s') is not a tensor", i, param->name);
    }
    enum mopt_dtype dtype = datum_dtype(datum);
    if (dtype != MOPT_UNDEFINED && (param->dtypes & MOPT_DT(dtype)) == 0) {
        return mopt_error_set(err, MOPT_E_TYPE,
                              "input %u ('%s') has type '%s', which is not allowed", i, param->name,
                              mopt__dtype_name(dtype));
    }
    return bind_variable(bound, param, dtype, err);
}

enum mopt_status mopt__eval_check(const struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_op *op = eval->node->op;
    struct variables bound = {0};
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 0; (i < eval->input_count || i < op->input_count) && status == MOPT_OK; i++) {
        const struct mopt_param *param = mopt__op_input(op, i);
        if (param == NULL) {
            return mopt_error_set(err, MOPT_E_FORMAT, "%u inputs, at most %u are allowed",
                                  eval->input_count, op->input_count);
        }
        status = check_datum(param, i < eval->input_count ? eval->inputs[i] : NULL, i, &bound, err);
    }
    return status;
}
