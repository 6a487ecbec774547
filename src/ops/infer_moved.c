// SPDX-License-Identifier: Apache-2.0
// Shape arithmetic through operators that only move elements: their reference runs on dim numbers
// in place of the elements. It must not know any operator.
#include "ops/eval.h"
#include "ops/infer.h"

enum { MOVED_INPUTS = 4 };

// Input i as dim numbers in an int64 tensor; false when they are not known.
static bool numbers(const struct mopt_infer *infer, uint32_t i, struct mopt_tensor **out,
                    struct mopt_error *err)
{
    const int64_t *items = NULL;
    size_t count = 0;
    const int rank = mopt__infer_rank(infer, i);
    if (rank < 0 || rank > 1 || !mopt__dtype_is_integer(mopt__infer_dtype(infer, i)) ||
        !mopt__infer_ints(infer, i, &items, &count)) {
        return false;
    }
    const int64_t dims[1] = {(int64_t)count};
    return mopt__tensor_i64(items, rank, dims, out, err) == MOPT_OK;
}

static bool operand(const struct mopt_infer *infer, uint32_t i, uint32_t moved,
                    struct mopt_datum **out, struct mopt_error *err)
{
    struct mopt_tensor *tensor = NULL;
    if ((moved >> i & 1) != 0) {
        if (!numbers(infer, i, &tensor, err)) {
            return false;
        }
    } else if (infer->inputs[i].constant != NULL) {
        tensor = mopt__tensor_ref(infer->inputs[i].constant);
    } else {
        return false;
    }
    const enum mopt_status status = mopt__datum_tensor(tensor, out, err);
    mopt__tensor_unref(tensor);
    return status == MOPT_OK;
}

static enum mopt_status keep(struct mopt_infer *infer, const struct mopt_datum *result,
                             struct mopt_error *err)
{
    const struct mopt_tensor *tensor = result->kind == MOPT_DATUM_TENSOR ? result->tensor : NULL;
    if (tensor == NULL || tensor->dtype != MOPT_INT64 || tensor->rank > 1) {
        return MOPT_OK;
    }
    return mopt__infer_set_ints(infer, 0, tensor->rank, tensor->data, tensor->count, err);
}

enum mopt_status mopt__infer_moved(struct mopt_infer *infer, uint32_t moved, struct mopt_error *err)
{
    const struct mopt_node *node = infer->node;
    struct mopt_datum *inputs[MOVED_INPUTS] = {NULL};
    struct mopt_datum *outputs[1] = {NULL};
    struct mopt_error doubt; // what the run would say is said when it runs
    bool known = node->input_count <= MOVED_INPUTS && node->output_count == 1;
    mopt_error_clear(&doubt);
    for (uint32_t i = 0; known && i < node->input_count; i++) {
        if (node->inputs[i].value != NULL) {
            known = operand(infer, i, moved, &inputs[i], &doubt);
        } else {
            known = (moved >> i & 1) == 0; // its default would be no dim number
        }
    }
    enum mopt_status status = MOPT_OK;
    if (known && mopt__eval_node(node, infer->version, inputs, outputs, NULL, &doubt) == MOPT_OK) {
        status = keep(infer, outputs[0], err);
        mopt__datum_unref(outputs[0]);
    }
    for (uint32_t i = 0; i < MOVED_INPUTS; i++) {
        mopt__datum_unref(inputs[i]);
    }
    return status;
}
