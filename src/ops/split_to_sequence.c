// SPDX-License-Identifier: Apache-2.0
// SplitToSequence and ConcatFromSequence: a tensor cut along an axis into a sequence, and back.
#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/record.h"
#include "ops/stack.h"

// ---- SplitToSequence ----------------------------------------------------------------------------

static enum mopt_status split_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    const struct mopt_type *element = NULL;
    int64_t given;
    int64_t keep;
    enum mopt_status status = mopt__attr_int(infer->node, "axis", 0, &given, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(infer->node, "keepdims", 1, &keep, err);
    }
    if (status == MOPT_OK && type != NULL) {
        int64_t dims[MOPT_RANK_MAX];
        int rank = type->rank;
        int axis = -1;
        if (rank >= 0) {
            status = mopt__axis_normalise(given, rank, &axis, err);
        }
        bool drop = keep == 0 && !mopt__infer_has(infer, 1);
        int kept = rank < 0 ? -1 : 0;
        for (int k = 0; status == MOPT_OK && k < rank; k++) {
            if (k != axis || !drop) {
                dims[kept++] = k == axis ? MOPT_DIM_UNKNOWN : type->dims[k];
            }
        }
        element = mopt__type_tensor(infer->arena, type->dtype, kept, dims);
        if (element == NULL) {
            return mopt_error_memory(err);
        }
    }
    if (status != MOPT_OK) {
        return status;
    }
    const struct mopt_type *sequence =
        mopt__type_container(infer->arena, MOPT_TYPE_SEQUENCE, element);
    return sequence != NULL ? mopt__infer_set_type(infer, 0, sequence) : mopt_error_memory(err);
}

struct cut {
    const struct mopt_tensor *input;
    int axis;
    bool drop;
    const int64_t *sizes; // one size for all parts, or one per part
    bool equal;
    size_t parts;
};

static enum mopt_status plan_cut(const struct mopt_eval *eval, struct cut *cut,
                                 const int64_t *sizes, size_t count, struct mopt_error *err)
{
    const struct mopt_tensor *split = mopt__eval_input(eval, 1);
    int64_t whole = cut->input->dims[cut->axis];
    cut->sizes = sizes;
    cut->equal = split == NULL || split->rank == 0;
    int64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (sizes[i] < (cut->equal ? 1 : 0) || !mopt__i64_add(sum, sizes[i], &sum)) {
            return mopt_error_set(err, MOPT_E_VALUE, "size of part %zu is %lld", i,
                                  (long long)sizes[i]);
        }
    }
    if (!cut->equal && sum != whole) {
        return mopt_error_set(err, MOPT_E_VALUE, "parts sum up to %lld, the axis has %lld",
                              (long long)sum, (long long)whole);
    }
    cut->parts = cut->equal ? (size_t)(whole / sizes[0] + (whole % sizes[0] != 0)) : count;
    return MOPT_OK;
}

static enum mopt_status cut_parts(struct mopt_eval *eval, const struct cut *cut,
                                  struct mopt_error *err)
{
    struct mopt_datum **parts = mopt__calloc(cut->parts + 1, sizeof(struct mopt_datum *));
    if (parts == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = MOPT_OK;
    int64_t at = 0;
    for (size_t i = 0; status == MOPT_OK && i < cut->parts; i++) {
        int64_t left = cut->input->dims[cut->axis] - at;
        int64_t size = cut->equal ? (cut->sizes[0] < left ? cut->sizes[0] : left) : cut->sizes[i];
        struct mopt_tensor *part;
        status = mopt__slice_axis(cut->input, cut->axis, at, size, cut->drop, &part, err);
        if (status == MOPT_OK) {
            status = mopt__datum_tensor(part, &parts[i], err);
            mopt__tensor_unref(part);
        }
        at += size;
    }
    struct mopt_datum *sequence;
    if (status == MOPT_OK) {
        status = mopt__datum_list(MOPT_DATUM_SEQUENCE, cut->input->dtype, parts, cut->parts,
                                  &sequence, err);
    }
    if (status == MOPT_OK) {
        mopt__eval_set_datum(eval, 0, sequence);
        mopt__datum_unref(sequence);
    }
    mopt__data_release(parts, cut->parts);
    mopt__free(parts);
    return status;
}

static enum mopt_status split_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct cut cut = {.input = mopt__eval_input(eval, 0)};
    int64_t given;
    int64_t keep;
    enum mopt_status status = mopt__attr_int(eval->node, "axis", 0, &given, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "keepdims", 1, &keep, err);
    }
    if (status == MOPT_OK) {
        status = mopt__axis_normalise(given, cut.input->rank, &cut.axis, err);
    }
    int64_t *sizes = NULL;
    size_t count = 0;
    if (status == MOPT_OK) {
        status = mopt__eval_i64s(eval, 1, &sizes, &count, err);
    }
    if (status == MOPT_OK) {
        const int64_t one = 1;
        cut.drop = sizes == NULL && keep == 0;
        status = plan_cut(eval, &cut, sizes != NULL ? sizes : &one, sizes != NULL ? count : 1, err);
        if (status == MOPT_OK) {
            status = cut_parts(eval, &cut, err);
        }
    }
    mopt__free(sizes);
    return status;
}

// ---- ConcatFromSequence -------------------------------------------------------------------------

static enum mopt_status concat_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *sequence = infer->inputs[0].type;
    const struct mopt_type *element =
        sequence != NULL && sequence->kind == MOPT_TYPE_SEQUENCE ? sequence->element : NULL;
    int64_t given;
    int64_t stack;
    enum mopt_status status = mopt__attr_int(infer->node, "axis", 0, &given, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(infer->node, "new_axis", 0, &stack, err);
    }
    if (status != MOPT_OK || element == NULL || element->kind != MOPT_TYPE_TENSOR) {
        return status;
    }
    if (element->rank < 0 || element->rank >= MOPT_RANK_MAX) {
        return mopt__infer_set(infer, 0, element->dtype, -1, NULL, err);
    }
    int rank = element->rank + (stack != 0 ? 1 : 0);
    int axis;
    status = mopt__axis_normalise(given, rank, &axis, err);
    if (status != MOPT_OK) {
        return status;
    }
    int64_t dims[MOPT_RANK_MAX];
    for (int k = 0, from = 0; k < rank; k++) {
        if (k == axis) {
            dims[k] = MOPT_DIM_UNKNOWN;
            from += stack != 0 ? 0 : 1;
        } else {
            dims[k] = element->dims[from++];
        }
    }
    return mopt__infer_set(infer, 0, element->dtype, rank, dims, err);
}

static enum mopt_status stack_all(const struct mopt_datum *sequence, int64_t given,
                                  struct mopt_tensor **out, struct mopt_error *err)
{
    struct mopt_stack stack = {0};
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < sequence->count; i++) {
        status = mopt__stack_push(&stack, sequence->items[i], err);
    }
    int axis;
    if (status == MOPT_OK) {
        status = mopt__axis_normalise(given, stack.items[0]->rank + 1, &axis, err);
    }
    if (status == MOPT_OK) {
        status = mopt__stack_join(&stack, axis, false, out, err);
    }
    mopt__stack_release(&stack);
    return status;
}

static enum mopt_status join_all(const struct mopt_datum *sequence, int64_t given,
                                 struct mopt_tensor **out, struct mopt_error *err)
{
    struct mopt_tensor **items = mopt__calloc(sequence->count, sizeof(struct mopt_tensor *));
    if (items == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < sequence->count; i++) {
        items[i] = sequence->items[i]->tensor;
        if (sequence->items[i]->kind != MOPT_DATUM_TENSOR) {
            status = mopt_error_set(err, MOPT_E_TYPE, "element %zu is not a tensor", i);
        }
    }
    int axis;
    if (status == MOPT_OK) {
        status = mopt__axis_normalise(given, items[0]->rank, &axis, err);
    }
    if (status == MOPT_OK) {
        status = mopt__join_axis(items, sequence->count, axis, out, err);
    }
    mopt__free(items);
    return status;
}

static enum mopt_status concat_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_datum *sequence = eval->inputs[0];
    int64_t axis;
    int64_t stack;
    enum mopt_status status = mopt__attr_int(eval->node, "axis", 0, &axis, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "new_axis", 0, &stack, err);
    }
    if (status == MOPT_OK && (sequence->kind != MOPT_DATUM_SEQUENCE || sequence->count == 0)) {
        status = mopt_error_set(err, MOPT_E_VALUE, "input is not a sequence with elements");
    }
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_tensor *out;
    status =
        stack != 0 ? stack_all(sequence, axis, &out, err) : join_all(sequence, axis, &out, err);
    if (status == MOPT_OK) {
        status = mopt__eval_set(eval, 0, out, err);
        mopt__tensor_unref(out);
    }
    return status;
}

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "SplitToSequence",
     .since = 11,
     .summary = "a tensor cut along an axis into a sequence",
     MOPT_INPUTS({"input", "T", MOPT_SET_ALL_25, 0},
                 {"split", "I", MOPT_SET_INDEX, MOPT_PARAM_OPTIONAL}),
     MOPT_OUTPUTS({"output_sequence", "S", MOPT_SET_ALL_25, MOPT_PARAM_SEQUENCE}),
     MOPT_ATTRIBUTES(MOPT_A_INT("axis", 0), MOPT_A_FLAG("keepdims", 1)),
     .infer = split_infer,
     .eval = split_eval},
    {.domain = "",
     .name = "ConcatFromSequence",
     .since = 11,
     .summary = "the tensors of a sequence joined along an axis",
     MOPT_INPUTS({"input_sequence", "S", MOPT_SET_ALL_25, MOPT_PARAM_SEQUENCE}),
     MOPT_OUTPUTS({"concat_result", "T", MOPT_SET_ALL_25, 0}),
     MOPT_ATTRIBUTES(MOPT_A_INT_REQUIRED("axis"), MOPT_A_FLAG("new_axis", 0)),
     .infer = concat_infer,
     .eval = concat_eval},
};
const struct mopt_op_family mopt__ops_split_to_sequence = {records, MOPT_COUNTOF(records)};
