// SPDX-License-Identifier: Apache-2.0
// Shape and Size: dimensions as data. Inference hands symbolic dimensions on as shape arithmetic.
#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/record.h"

// The slice [start, end) of the axes that is asked for (opset 15), clamped to the rank.
static enum mopt_status slice_of(const struct mopt_node *node, int rank, int *start, int *end,
                                 struct mopt_error *err)
{
    int64_t from;
    int64_t to;
    enum mopt_status status = mopt__attr_int(node, "start", 0, &from, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "end", rank, &to, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    from = from < 0 ? (from < -rank ? 0 : from + rank) : (from > rank ? rank : from);
    to = to < 0 ? (to < -rank ? 0 : to + rank) : (to > rank ? rank : to);
    *start = (int)from;
    *end = (int)(to < from ? from : to);
    return MOPT_OK;
}

static enum mopt_status shape_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    int64_t length = MOPT_DIM_UNKNOWN;
    if (type == NULL || type->rank < 0) {
        return mopt__infer_set(infer, 0, MOPT_INT64, 1, &length, err);
    }
    int start;
    int end;
    enum mopt_status status = slice_of(infer->node, type->rank, &start, &end, err);
    if (status != MOPT_OK) {
        return status;
    }
    length = end - start;
    status = mopt__infer_set(infer, 0, MOPT_INT64, 1, &length, err);
    return status == MOPT_OK
               ? mopt__infer_set_ints(infer, 0, 1, length > 0 ? type->dims + start : NULL,
                                      (size_t)length, err)
               : status;
}

static enum mopt_status shape_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *input = mopt__eval_input(eval, 0);
    int start;
    int end;
    enum mopt_status status = slice_of(eval->node, input->rank, &start, &end, err);
    if (status != MOPT_OK) {
        return status;
    }
    int64_t length = end - start;
    struct mopt_tensor *out;
    status = mopt__eval_output(eval, 0, MOPT_INT64, 1, &length, &out, err);
    if (status == MOPT_OK) {
        int64_t *items = mopt__tensor_data(out);
        for (int i = start; i < end; i++) {
            items[i - start] = input->dims[i];
        }
    }
    return status;
}

static enum mopt_status size_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    enum mopt_status status = mopt__infer_set(infer, 0, MOPT_INT64, 0, NULL, err);
    if (status != MOPT_OK || type == NULL || type->rank < 0) {
        return status;
    }
    int64_t product = 1;
    for (int i = 0; i < type->rank; i++) {
        product = mopt__dim_mul(infer->dims, product, type->dims[i]);
    }
    return product == MOPT_DIM_UNKNOWN ? MOPT_OK
                                       : mopt__infer_set_ints(infer, 0, 0, &product, 1, err);
}

static enum mopt_status size_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *input = mopt__eval_input(eval, 0);
    struct mopt_tensor *out;
    enum mopt_status status = mopt__eval_output(eval, 0, MOPT_INT64, 0, NULL, &out, err);
    if (status == MOPT_OK) {
        *(int64_t *)mopt__tensor_data(out) = (int64_t)input->count;
    }
    return status;
}

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "Shape",
     .since = 1,
     .until = 14,
     .summary = "the dimensions of a tensor",
     MOPT_INPUTS({"data", "T", MOPT_SET_ALL_25, 0}),
     MOPT_OUTPUTS({"shape", "T1", MOPT_SET_I64, 0}),
     .infer = shape_infer,
     .eval = shape_eval},
    {.domain = "",
     .name = "Shape",
     .since = 15,
     .summary = "a slice of the dimensions of a tensor",
     MOPT_INPUTS({"data", "T", MOPT_SET_ALL_25, 0}),
     MOPT_OUTPUTS({"shape", "T1", MOPT_SET_I64, 0}),
     MOPT_ATTRIBUTES(MOPT_A_INT("start", 0), MOPT_A_INT_OPTIONAL("end")),
     .infer = shape_infer,
     .eval = shape_eval},
    {.domain = "",
     .name = "Size",
     .since = 1,
     .summary = "the number of elements of a tensor",
     MOPT_INPUTS({"data", "T", MOPT_SET_ALL_25, 0}),
     MOPT_OUTPUTS({"size", "T1", MOPT_SET_I64, 0}),
     .infer = size_infer,
     .eval = size_eval},
};
const struct mopt_op_family mopt__ops_shape = {records, MOPT_COUNTOF(records)};
