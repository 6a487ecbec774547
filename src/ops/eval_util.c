// SPDX-License-Identifier: Apache-2.0
// What eval facets use to read inputs and to make outputs, and the evaluation of a single node. It
// must not know any operator.
#include <string.h>

#include "ops/eval.h"

const struct mopt_tensor *mopt__eval_input(const struct mopt_eval *eval, uint32_t i)
{
    return mopt__eval_input_mutable(eval, i);
}

struct mopt_tensor *mopt__eval_input_mutable(const struct mopt_eval *eval, uint32_t i)
{
    if (i >= eval->input_count || eval->inputs[i] == NULL ||
        eval->inputs[i]->kind != MOPT_DATUM_TENSOR) {
        return NULL;
    }
    return eval->inputs[i]->tensor;
}

bool mopt__eval_wants(const struct mopt_eval *eval, uint32_t i)
{
    return i < eval->output_count && i < eval->node->output_count && eval->node->outputs[i] != NULL;
}

enum mopt_status mopt__eval_set_datum(struct mopt_eval *eval, uint32_t i, struct mopt_datum *datum)
{
    if (i < eval->output_count) {
        struct mopt_datum *old = eval->outputs[i];
        eval->outputs[i] = mopt__datum_ref(datum);
        mopt__datum_unref(old);
    }
    return MOPT_OK;
}

enum mopt_status mopt__eval_set(struct mopt_eval *eval, uint32_t i, struct mopt_tensor *tensor,
                                struct mopt_error *err)
{
    if (i >= eval->output_count) {
        return MOPT_OK;
    }
    struct mopt_datum *datum;
    enum mopt_status status = mopt__datum_tensor(tensor, &datum, err);
    if (status != MOPT_OK) {
        return status;
    }
    mopt__eval_set_datum(eval, i, datum);
    mopt__datum_unref(datum);
    return MOPT_OK;
}

// A tensor that alone breaks the job's limit of memory is refused before it is made.
static enum mopt_status check_size(const struct mopt_eval *eval, enum mopt_dtype dtype, int rank,
                                   const int64_t *dims, struct mopt_error *err)
{
    size_t limit = eval->budget != NULL ? eval->budget->max_memory_bytes : 0;
    size_t count = 1;
    size_t bytes = 0;
    bool fits = true;
    for (int k = 0; limit != 0 && k < rank; k++) {
        if (dims[k] < 0) {
            return MOPT_OK; // the tensor's maker says it better
        }
        fits = mopt__size_mul(count, (size_t)dims[k], &count) && fits;
    }
    if (limit != 0 && (!fits || !mopt__dtype_bytes(dtype, count, &bytes) || bytes > limit)) {
        return mopt_error_set(err, MOPT_E_LIMIT, "output needs more than the %zu bytes allowed",
                              limit);
    }
    return MOPT_OK;
}

// Tensor for an output that the node does not list.
static enum mopt_status spare_output(struct mopt_eval *eval, uint32_t i, enum mopt_dtype dtype,
                                     int rank, const int64_t *dims, struct mopt_tensor **out,
                                     struct mopt_error *err)
{
    uint32_t slot = i - eval->output_count;
    if (slot >= MOPT_COUNTOF(eval->spare)) {
        return mopt_error_set(err, MOPT_E_INTERNAL, "output %u asked for, node has %u", i,
                              eval->output_count);
    }
    struct mopt_tensor *tensor;
    enum mopt_status status = mopt__tensor_new(dtype, rank, dims, &tensor, err);
    if (status != MOPT_OK) {
        return status;
    }
    mopt__datum_unref(eval->spare[slot]);
    eval->spare[slot] = NULL;
    status = mopt__datum_tensor(tensor, &eval->spare[slot], err);
    mopt__tensor_unref(tensor);
    if (status == MOPT_OK && out != NULL) {
        *out = tensor;
    }
    return status;
}

void mopt__eval_release_spare(struct mopt_eval *eval)
{
    for (size_t i = 0; i < MOPT_COUNTOF(eval->spare); i++) {
        mopt__datum_unref(eval->spare[i]);
        eval->spare[i] = NULL;
    }
}

enum mopt_status mopt__eval_output(struct mopt_eval *eval, uint32_t i, enum mopt_dtype dtype,
                                   int rank, const int64_t *dims, struct mopt_tensor **out,
                                   struct mopt_error *err)
{
    struct mopt_tensor *tensor = NULL;
    enum mopt_status status = check_size(eval, dtype, rank, dims, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (i >= eval->output_count) {
        return spare_output(eval, i, dtype, rank, dims, out, err);
    }
    status = eval->allocate != NULL ? eval->allocate(eval, i, dtype, rank, dims, &tensor, err)
                                    : mopt__tensor_new(dtype, rank, dims, &tensor, err);
    if (status != MOPT_OK) {
        return status;
    }
    status = mopt__eval_set(eval, i, tensor, err);
    mopt__tensor_unref(
        tensor); // the output holds the only reference now, so its data may be written
    if (status == MOPT_OK && out != NULL) {
        *out = tensor;
    }
    return status;
}

enum mopt_status mopt__eval_view(struct mopt_eval *eval, uint32_t i, uint32_t from, int rank,
                                 const int64_t *dims, struct mopt_error *err)
{
    struct mopt_tensor *input = mopt__eval_input_mutable(eval, from);
    if (input == NULL) {
        return mopt_error_set(err, MOPT_E_TYPE, "input %u is not a tensor", from);
    }
    struct mopt_tensor *view;
    enum mopt_status status = mopt__tensor_view(input, rank, dims, &view, err);
    if (status == MOPT_OK) {
        status = mopt__eval_set(eval, i, view, err);
        mopt__tensor_unref(view);
    }
    return status;
}

enum mopt_status mopt__eval_i64s(const struct mopt_eval *eval, uint32_t i, int64_t **values,
                                 size_t *count, struct mopt_error *err)
{
    *values = NULL;
    *count = 0;
    const struct mopt_tensor *tensor = mopt__eval_input(eval, i);
    if (tensor == NULL) {
        return MOPT_OK;
    }
    if ((tensor->dtype != MOPT_INT32 && tensor->dtype != MOPT_INT64) || tensor->rank > 1) {
        return mopt_error_set(err, MOPT_E_TYPE,
                              "input %u must be a list of int32 or int64, is '%s' of rank %d", i,
                              mopt__dtype_name(tensor->dtype), tensor->rank);
    }
    size_t bytes;
    if (!mopt__size_mul(tensor->count, sizeof **values, &bytes)) {
        return mopt_error_memory(err);
    }
    *values = mopt__malloc(bytes);
    if (*values == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t k = 0; k < tensor->count; k++) {
        (*values)[k] = mopt__tensor_i64_at(tensor, k);
    }
    *count = tensor->count;
    return MOPT_OK;
}

enum mopt_status mopt__eval_unsupported(const struct mopt_eval *eval, const char *what,
                                        struct mopt_error *err)
{
    const struct mopt_tensor *tensor = mopt__eval_input(eval, 0);
    return mopt_error_set(err, MOPT_E_UNSUPPORTED, "%s is not supported for type '%s'", what,
                          tensor != NULL ? mopt__dtype_name(tensor->dtype) : "undefined");
}

// Every output of the node is there and has a type that the schema allows.
static enum mopt_status check_outputs(const struct mopt_eval *eval, struct mopt_error *err)
{
    for (uint32_t i = 0; i < eval->output_count; i++) {
        const struct mopt_datum *datum = eval->outputs[i];
        const struct mopt_param *param = mopt__op_output(eval->node->op, i);
        if (eval->node->outputs[i] == NULL) {
            continue;
        }
        if (datum == NULL || param == NULL) {
            return mopt_error_set(err, MOPT_E_UNSUPPORTED, "output %u is not computed", i);
        }
        enum mopt_dtype dtype =
            datum->kind == MOPT_DATUM_TENSOR ? datum->tensor->dtype : MOPT_UNDEFINED;
        if (dtype != MOPT_UNDEFINED && (param->dtypes & MOPT_DT(dtype)) == 0) {
            return mopt_error_set(err, MOPT_E_TYPE,
                                  "output %u ('%s') would have type '%s', which is not allowed", i,
                                  param->name, mopt__dtype_name(dtype));
        }
    }
    return MOPT_OK;
}

enum mopt_status mopt__eval_run(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_op *op = eval->node->op;
    if (op == NULL || op->eval == NULL) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "operator '%s' is not supported",
                              eval->node->op_type);
    }
    enum mopt_status status = mopt__eval_check(eval, err);
    if (status == MOPT_OK) {
        status = op->eval(eval, err);
    }
    if (status == MOPT_OK) {
        status = check_outputs(eval, err);
    }
    mopt__eval_release_spare(eval);
    for (uint32_t i = 0; status != MOPT_OK && i < eval->output_count; i++) {
        mopt__datum_unref(eval->outputs[i]);
        eval->outputs[i] = NULL;
    }
    return status;
}

enum mopt_status mopt__eval_node(const struct mopt_node *node, int64_t version,
                                 struct mopt_datum *const *inputs, struct mopt_datum **outputs,
                                 const struct mopt_budget *budget, struct mopt_error *err)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 0);
    for (uint32_t i = 0; i < node->output_count; i++) {
        outputs[i] = NULL;
    }
    struct mopt_eval eval = {
        .node = node,
        .version = version,
        .inputs = inputs,
        .outputs = outputs,
        .input_count = node->input_count,
        .output_count = node->output_count,
        .rng = &rng,
        .budget = budget,
    };
    enum mopt_status status = mopt__eval_run(&eval, err);
    if (status != MOPT_OK) {
        mopt_error_wrap(err, "node '%s' (%s)", mopt__node_label(node), node->op_type);
    }
    return status;
}
