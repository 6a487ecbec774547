// SPDX-License-Identifier: Apache-2.0
// Sequences of tensors: construct, empty, at, insert, erase, length.
#include <string.h>

#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/record.h"

// ---- Inference ----------------------------------------------------------------------------------

static const struct mopt_type *sequence_type(const struct mopt_infer *infer, uint32_t i)
{
    const struct mopt_type *type = mopt__infer_has(infer, i) ? infer->inputs[i].type : NULL;
    return type != NULL && type->kind == MOPT_TYPE_SEQUENCE ? type : NULL;
}

static enum mopt_status set_sequence(struct mopt_infer *infer, const struct mopt_type *element,
                                     struct mopt_error *err)
{
    const struct mopt_type *type = mopt__type_container(infer->arena, MOPT_TYPE_SEQUENCE, element);
    return type != NULL ? mopt__infer_set_type(infer, 0, type) : mopt_error_memory(err);
}

static enum mopt_status construct_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *element = infer->node->input_count > 0 ? infer->inputs[0].type : NULL;
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 1; status == MOPT_OK && i < infer->node->input_count; i++) {
        status = mopt__infer_join(infer, element, infer->inputs[i].type, &element, err);
    }
    return status == MOPT_OK ? set_sequence(infer, element, err) : status;
}

static enum mopt_status empty_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    int64_t dtype;
    enum mopt_status status = mopt__attr_int(infer->node, "dtype", MOPT_FLOAT32, &dtype, err);
    if (status != MOPT_OK) {
        return status;
    }
    const struct mopt_type *element =
        mopt__type_tensor(infer->arena,
                          mopt__dtype_valid((int)dtype) ? (enum mopt_dtype)dtype : MOPT_UNDEFINED,
                          -1, NULL);
    return element != NULL ? set_sequence(infer, element, err) : mopt_error_memory(err);
}

static enum mopt_status at_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    (void)err;
    const struct mopt_type *type = sequence_type(infer, 0);
    return mopt__infer_set_type(infer, 0, type != NULL ? type->element : NULL);
}

static enum mopt_status insert_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = sequence_type(infer, 0);
    const struct mopt_type *tensor = mopt__infer_tensor(infer, 1);
    const struct mopt_type *element = NULL;
    enum mopt_status status = MOPT_OK;
    if (type != NULL && type->element != NULL && tensor != NULL) {
        status = mopt__infer_join(infer, type->element, tensor, &element, err);
    } else if (tensor != NULL) {
        element = mopt__type_tensor(infer->arena, tensor->dtype, -1, NULL);
    }
    return status == MOPT_OK ? set_sequence(infer, element, err) : status;
}

static enum mopt_status erase_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    (void)err;
    return mopt__infer_set_type(infer, 0, sequence_type(infer, 0));
}

static enum mopt_status length_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return mopt__infer_set(infer, 0, MOPT_INT64, 0, NULL, err);
}

// ---- Running ------------------------------------------------------------------------------------

static enum mopt_status set_list(struct mopt_eval *eval, enum mopt_dtype dtype,
                                 struct mopt_datum *const *items, size_t count,
                                 struct mopt_error *err)
{
    struct mopt_datum *sequence;
    enum mopt_status status =
        mopt__datum_list(MOPT_DATUM_SEQUENCE, dtype, items, count, &sequence, err);
    if (status == MOPT_OK) {
        mopt__eval_set_datum(eval, 0, sequence);
        mopt__datum_unref(sequence);
    }
    return status;
}

static enum mopt_status construct_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    enum mopt_dtype dtype = MOPT_UNDEFINED;
    for (uint32_t i = 0; i < eval->input_count; i++) {
        const struct mopt_tensor *tensor = mopt__eval_input(eval, i);
        if (tensor == NULL || (i > 0 && tensor->dtype != dtype)) {
            return mopt_error_set(err, MOPT_E_TYPE, "input %u is not a tensor of the common type",
                                  i);
        }
        dtype = tensor->dtype;
    }
    return set_list(eval, dtype, eval->inputs, eval->input_count, err);
}

static enum mopt_status empty_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    int64_t dtype;
    enum mopt_status status = mopt__attr_int(eval->node, "dtype", MOPT_FLOAT32, &dtype, err);
    if (status == MOPT_OK && (dtype < 1 || dtype >= MOPT_DTYPE_COUNT)) {
        status = mopt_error_set(err, MOPT_E_VALUE, "attribute 'dtype' is %lld, which is no type",
                                (long long)dtype);
    }
    return status == MOPT_OK ? set_list(eval, (enum mopt_dtype)dtype, NULL, 0, err) : status;
}

static enum mopt_status open_sequence(const struct mopt_eval *eval,
                                      const struct mopt_datum **sequence, struct mopt_error *err)
{
    *sequence = eval->inputs[0];
    return (*sequence)->kind == MOPT_DATUM_SEQUENCE
               ? MOPT_OK
               : mopt_error_set(err, MOPT_E_TYPE, "input 0 is not a sequence");
}

// Position given by input i in [-count, last]; `fallback` when the input is absent.
static enum mopt_status position_of(const struct mopt_eval *eval, uint32_t i, size_t count,
                                    int64_t last, int64_t fallback, size_t *position,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *tensor = mopt__eval_input(eval, i);
    int64_t given = fallback;
    if (tensor != NULL) {
        if (tensor->count != 1) {
            return mopt_error_set(err, MOPT_E_SHAPE, "position has %zu elements, must have 1",
                                  tensor->count);
        }
        given = mopt__tensor_i64_at(tensor, 0);
    }
    if (given < -(int64_t)count || given > last) {
        return mopt_error_set(err, MOPT_E_VALUE, "position %lld is out of range for %zu elements",
                              (long long)given, count);
    }
    *position = (size_t)(given < 0 ? given + (int64_t)count : given);
    return MOPT_OK;
}

static enum mopt_status at_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_datum *sequence;
    size_t position = 0;
    enum mopt_status status = open_sequence(eval, &sequence, err);
    if (status == MOPT_OK) {
        status =
            position_of(eval, 1, sequence->count, (int64_t)sequence->count - 1, 0, &position, err);
    }
    return status == MOPT_OK ? mopt__eval_set_datum(eval, 0, sequence->items[position]) : status;
}

static enum mopt_status insert_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_datum *sequence;
    size_t position = 0;
    enum mopt_status status = open_sequence(eval, &sequence, err);
    if (status == MOPT_OK) {
        int64_t end = (int64_t)sequence->count;
        status = position_of(eval, 2, sequence->count, end, end, &position, err);
    }
    const struct mopt_tensor *tensor = mopt__eval_input(eval, 1);
    if (status == MOPT_OK && sequence->dtype != MOPT_UNDEFINED &&
        tensor->dtype != sequence->dtype) {
        status = mopt_error_set(err, MOPT_E_TYPE, "tensor of type '%s' in a sequence of '%s'",
                                mopt__dtype_name(tensor->dtype), mopt__dtype_name(sequence->dtype));
    }
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_datum **items = mopt__calloc(sequence->count + 1, sizeof(struct mopt_datum *));
    if (items == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t k = 0; k <= sequence->count; k++) {
        items[k] = k == position ? eval->inputs[1] : sequence->items[k < position ? k : k - 1];
    }
    status = set_list(eval, tensor->dtype, items, sequence->count + 1, err);
    mopt__free(items);
    return status;
}

static enum mopt_status erase_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_datum *sequence;
    size_t position = 0;
    enum mopt_status status = open_sequence(eval, &sequence, err);
    if (status == MOPT_OK) {
        int64_t last = (int64_t)sequence->count - 1;
        status = position_of(eval, 1, sequence->count, last, last, &position, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (sequence->count == 0) {
        return mopt_error_set(err, MOPT_E_VALUE, "the sequence is empty");
    }
    struct mopt_datum **items = mopt__calloc(sequence->count, sizeof(struct mopt_datum *));
    if (items == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t k = 0; k + 1 < sequence->count; k++) {
        items[k] = sequence->items[k < position ? k : k + 1];
    }
    status = set_list(eval, sequence->dtype, items, sequence->count - 1, err);
    mopt__free(items);
    return status;
}

static enum mopt_status length_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_datum *sequence;
    struct mopt_tensor *out;
    enum mopt_status status = open_sequence(eval, &sequence, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, MOPT_INT64, 0, NULL, &out, err);
    }
    if (status == MOPT_OK) {
        *(int64_t *)mopt__tensor_data(out) = (int64_t)sequence->count;
    }
    return status;
}

#define SEQUENCE_IN                                                 \
    {                                                               \
        "input_sequence", "S", MOPT_SET_ALL_25, MOPT_PARAM_SEQUENCE \
    }
#define SEQUENCE_OUT                                                 \
    {                                                                \
        "output_sequence", "S", MOPT_SET_ALL_25, MOPT_PARAM_SEQUENCE \
    }
#define POSITION(f)                        \
    {                                      \
        "position", "I", MOPT_SET_INDEX, f \
    }
#define OP(op, text, facet)                                                         \
    .domain = "", .name = op, .since = 11, .summary = text, .infer = facet##_infer, \
    .eval = facet##_eval

static const struct mopt_op records[] = {
    {OP("SequenceConstruct", "a sequence of the given tensors", construct),
     MOPT_INPUTS({"inputs", "T", MOPT_SET_ALL_25, MOPT_PARAM_VARIADIC}),
     MOPT_OUTPUTS(SEQUENCE_OUT)},
    {OP("SequenceEmpty", "a sequence without elements", empty), MOPT_OUTPUTS(SEQUENCE_OUT),
     MOPT_ATTRIBUTES(MOPT_A_INT_OPTIONAL("dtype"))},
    {OP("SequenceAt", "one element of a sequence", at), MOPT_INPUTS(SEQUENCE_IN, POSITION(0)),
     MOPT_OUTPUTS({"tensor", "T", MOPT_SET_ALL_25, 0})},
    {OP("SequenceInsert", "a sequence with one more element", insert),
     MOPT_INPUTS(SEQUENCE_IN, {"tensor", "T", MOPT_SET_ALL_25, 0}, POSITION(MOPT_PARAM_OPTIONAL)),
     MOPT_OUTPUTS(SEQUENCE_OUT)},
    {OP("SequenceErase", "a sequence with one element less", erase),
     MOPT_INPUTS(SEQUENCE_IN, POSITION(MOPT_PARAM_OPTIONAL)), MOPT_OUTPUTS(SEQUENCE_OUT)},
    {OP("SequenceLength", "the number of elements of a sequence", length), MOPT_INPUTS(SEQUENCE_IN),
     MOPT_OUTPUTS({"length", "I", MOPT_SET_I64, 0})},
};
const struct mopt_op_family mopt__ops_sequence = {records, MOPT_COUNTOF(records)};
