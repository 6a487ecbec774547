// SPDX-License-Identifier: Apache-2.0
// Optional values: make one, ask whether it is there, take it out.
#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/record.h"

static enum mopt_status make_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *element = NULL;
    if (mopt__infer_has(infer, 0)) {
        element = infer->inputs[0].type;
    } else {
        const struct mopt_attribute *type = mopt__node_attribute(infer->node, "type");
        element = type != NULL && type->kind == MOPT_ATTR_TYPE
                      ? mopt__type_clone(infer->arena, type->type)
                      : NULL;
    }
    const struct mopt_type *optional =
        mopt__type_container(infer->arena, MOPT_TYPE_OPTIONAL, element);
    return optional != NULL ? mopt__infer_set_type(infer, 0, optional) : mopt_error_memory(err);
}

static enum mopt_dtype element_dtype(const struct mopt_type *type)
{
    while (type != NULL && type->kind != MOPT_TYPE_TENSOR) {
        type = type->element;
    }
    return type != NULL ? type->dtype : MOPT_UNDEFINED;
}

static enum mopt_status make_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct mopt_datum *inner = eval->input_count > 0 ? eval->inputs[0] : NULL;
    const struct mopt_attribute *type = mopt__node_attribute(eval->node, "type");
    struct mopt_datum *optional;
    enum mopt_status status =
        mopt__datum_list(MOPT_DATUM_OPTIONAL,
                         type != NULL ? element_dtype(type->type) : MOPT_UNDEFINED, &inner,
                         inner != NULL ? 1 : 0, &optional, err);
    if (status == MOPT_OK) {
        mopt__eval_set_datum(eval, 0, optional);
        mopt__datum_unref(optional);
    }
    return status;
}

static enum mopt_status get_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    (void)err;
    const struct mopt_type *type = mopt__infer_has(infer, 0) ? infer->inputs[0].type : NULL;
    if (type != NULL && type->kind == MOPT_TYPE_OPTIONAL) {
        return mopt__infer_set_type(infer, 0, type->element);
    }
    return mopt__infer_same(infer, 0, 0);
}

static enum mopt_status get_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct mopt_datum *input = eval->inputs[0];
    if (input->kind != MOPT_DATUM_OPTIONAL) {
        return mopt__eval_set_datum(eval, 0, input);
    }
    return input->count > 0 ? mopt__eval_set_datum(eval, 0, input->items[0])
                            : mopt_error_set(err, MOPT_E_VALUE, "the optional value is absent");
}

static enum mopt_status has_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return mopt__infer_set(infer, 0, MOPT_BOOL, 0, NULL, err);
}

static enum mopt_status has_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_datum *input = eval->input_count > 0 ? eval->inputs[0] : NULL;
    struct mopt_tensor *out;
    enum mopt_status status = mopt__eval_output(eval, 0, MOPT_BOOL, 0, NULL, &out, err);
    if (status == MOPT_OK) {
        bool there = input != NULL && (input->kind != MOPT_DATUM_OPTIONAL || input->count > 0);
        *(uint8_t *)mopt__tensor_data(out) = there ? 1 : 0;
    }
    return status;
}

#define ANY (MOPT_PARAM_ANY | MOPT_PARAM_OPTIONAL_TYPE)
static const struct mopt_op records[] = {
    {.domain = "",
     .name = "Optional",
     .since = 15,
     .summary = "an optional value that holds the input, or nothing",
     MOPT_INPUTS({"input", "V", MOPT_SET_ALL_25, MOPT_PARAM_OPTIONAL | MOPT_PARAM_ANY}),
     MOPT_OUTPUTS({"output", "O", MOPT_SET_ALL_25, MOPT_PARAM_OPTIONAL_TYPE}),
     MOPT_ATTRIBUTES({.name = "type", .kind = MOPT_ATTR_TYPE}),
     .infer = make_infer,
     .eval = make_eval},
    {.domain = "",
     .name = "OptionalGetElement",
     .since = 15,
     .summary = "what an optional value holds",
     MOPT_INPUTS({"input", "O", MOPT_SET_ALL_25, ANY}),
     MOPT_OUTPUTS({"output", "V", MOPT_SET_ALL_25, MOPT_PARAM_ANY}),
     .infer = get_infer,
     .eval = get_eval},
    {.domain = "",
     .name = "OptionalHasElement",
     .since = 15,
     .until = 17,
     .summary = "whether an optional value holds something",
     MOPT_INPUTS({"input", "O", MOPT_SET_ALL_25, ANY}),
     MOPT_OUTPUTS({"output", "B", MOPT_SET_BOOL, 0}),
     .infer = has_infer,
     .eval = has_eval},
    {.domain = "",
     .name = "OptionalHasElement",
     .since = 18,
     .summary = "whether an optional value is there and holds something",
     MOPT_INPUTS({"input", "O", MOPT_SET_ALL_25, ANY | MOPT_PARAM_OPTIONAL}),
     MOPT_OUTPUTS({"output", "B", MOPT_SET_BOOL, 0}),
     .infer = has_infer,
     .eval = has_eval},
};
const struct mopt_op_family mopt__ops_optional = {records, MOPT_COUNTOF(records)};
