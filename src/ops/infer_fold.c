// SPDX-License-Identifier: Apache-2.0
// Constants in inference: small nodes of constants are computed, integers become dim numbers and
// back. It must not know any operator.
#include <string.h>

#include "ops/eval.h"
#include "ops/infer_private.h"

enum {
    FOLD_ELEMENTS = 1024, // constants larger than this are no shape arithmetic
    INTS_ELEMENTS = 64,   // longer integer constants are looked up in the tensor
};

static void keep_buffer(struct mopt_buffer *buffer)
{
    (void)buffer; // the arena owns it
}

// A copy of a small tensor that lives as long as the arena; nobody has to release it.
static struct mopt_tensor *arena_tensor(struct mopt_arena *arena, const struct mopt_tensor *from)
{
    struct mopt_tensor *tensor = mopt__arena_alloc(arena, 1, sizeof *tensor);
    struct mopt_buffer *buffer = mopt__arena_alloc(arena, 1, sizeof *buffer);
    char *data = mopt__arena_alloc(arena, from->bytes + 16, 1);
    if (tensor == NULL || buffer == NULL || data == NULL) {
        return NULL;
    }
    if (from->bytes > 0) {
        memcpy(data, from->data, from->bytes);
    }
    if (from->dtype == MOPT_STRING) {
        struct mopt_string *strings = (struct mopt_string *)(void *)data;
        for (size_t i = 0; i < from->count; i++) {
            strings[i].data = mopt__arena_strndup(arena, strings[i].data, strings[i].size);
            if (strings[i].data == NULL) {
                return NULL;
            }
        }
    }
    *buffer = (struct mopt_buffer){.references = 1,
                                   .data = data,
                                   .size = from->bytes,
                                   .release = keep_buffer};
    *tensor = *from;
    tensor->references = 1;
    tensor->data = data;
    tensor->buffer = buffer;
    return tensor;
}

static enum mopt_status ints_from_constant(struct mopt_infer_driver *driver, struct mopt_fact *fact,
                                           struct mopt_error *err)
{
    const struct mopt_tensor *constant = fact->constant;
    bool whole = mopt__dtype_is_integer(constant->dtype) || constant->dtype == MOPT_BOOL;
    if (fact->ints != NULL || !whole || constant->rank > 1 || constant->count > INTS_ELEMENTS) {
        return MOPT_OK;
    }
    struct mopt_ints *ints = mopt__arena_alloc(driver->arena, 1, sizeof *ints);
    int64_t *items = mopt__arena_alloc(driver->arena, constant->count + 1, sizeof *items);
    if (ints == NULL || items == NULL) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < constant->count; i++) {
        items[i] = mopt__dim_const(driver->dims, mopt__tensor_i64_at(constant, i));
    }
    *ints = (struct mopt_ints){.rank = constant->rank, .count = constant->count, .items = items};
    fact->ints = ints;
    return MOPT_OK;
}

enum mopt_status mopt__ints_content(const struct mopt_dims *dims, const struct mopt_ints *ints,
                                    enum mopt_dtype dtype, struct mopt_tensor **out,
                                    struct mopt_error *err)
{
    int64_t value;
    *out = NULL;
    for (size_t i = 0; i < ints->count; i++) {
        if (!mopt__dim_is_known(dims, ints->items[i], &value)) {
            return MOPT_OK;
        }
    }
    const int64_t count[1] = {(int64_t)ints->count};
    enum mopt_status status = mopt__tensor_new(dtype, ints->rank, count, out, err);
    for (size_t i = 0; status == MOPT_OK && i < ints->count; i++) {
        (void)mopt__dim_is_known(dims, ints->items[i], &value);
        mopt__element_set_i64(dtype, mopt__tensor_data(*out), i, value);
    }
    return status;
}

// Known numbers everywhere: the value is a constant.
static enum mopt_status constant_from_ints(struct mopt_infer_driver *driver, struct mopt_fact *fact,
                                           struct mopt_error *err)
{
    if (fact->ints == NULL || fact->constant != NULL || fact->type == NULL ||
        fact->type->kind != MOPT_TYPE_TENSOR || !mopt__dtype_is_integer(fact->type->dtype)) {
        return MOPT_OK;
    }
    struct mopt_tensor *tensor;
    enum mopt_status status =
        mopt__ints_content(driver->dims, fact->ints, fact->type->dtype, &tensor, err);
    if (status != MOPT_OK || tensor == NULL) {
        return status;
    }
    fact->constant = arena_tensor(driver->arena, tensor);
    mopt__tensor_unref(tensor);
    return fact->constant != NULL ? MOPT_OK : mopt_error_memory(err);
}

enum mopt_status mopt__infer_complete(struct mopt_infer_driver *driver, struct mopt_fact *fact,
                                      struct mopt_error *err)
{
    enum mopt_status status = constant_from_ints(driver, fact, err);
    const struct mopt_tensor *constant = fact->constant;
    if (status != MOPT_OK || constant == NULL) {
        return status;
    }
    fact->type = mopt__type_tensor(driver->arena, constant->dtype, constant->rank, constant->dims);
    return fact->type != NULL ? ints_from_constant(driver, fact, err) : mopt_error_memory(err);
}

static bool inputs_are_constants(const struct mopt_node *node, const struct mopt_fact *inputs)
{
    size_t total = 0;
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i].value == NULL) {
            continue;
        }
        if (inputs[i].constant == NULL || inputs[i].constant->count > FOLD_ELEMENTS) {
            return false;
        }
        total += inputs[i].constant->count;
    }
    return total <= (size_t)2 * FOLD_ELEMENTS;
}

static bool outputs_are_small(const struct mopt_infer_driver *driver, const struct mopt_node *node,
                              const struct mopt_fact *outputs)
{
    bool generates = (node->op->traits & MOPT_TRAIT_GENERATOR) != 0;
    for (uint32_t i = 0; i < node->output_count; i++) {
        const struct mopt_type *type = outputs[i].type;
        size_t count;
        if (type == NULL || type->kind != MOPT_TYPE_TENSOR) {
            return false;
        }
        if (!mopt__type_count(driver->dims, type, &count)) {
            if (generates || type->rank < 0) {
                return false;
            }
        } else if (count > FOLD_ELEMENTS) {
            return false;
        }
    }
    return true;
}

static bool all_known(const struct mopt_node *node, const struct mopt_fact *outputs)
{
    for (uint32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] != NULL && outputs[i].constant == NULL) {
            return false;
        }
    }
    return true;
}

static enum mopt_status run_small(struct mopt_infer_driver *driver, const struct mopt_node *node,
                                  const struct mopt_fact *inputs, struct mopt_fact *outputs,
                                  struct mopt_datum **data, struct mopt_error *err)
{
    struct mopt_datum **results = data + node->input_count;
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i].value == NULL) {
            continue;
        }
        enum mopt_status status = mopt__datum_tensor(inputs[i].constant, &data[i], err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    struct mopt_error ignored;
    mopt_error_clear(&ignored);
    enum mopt_status status = mopt__eval_node(node, mopt__graph_opset(node->graph, node->domain),
                                              data, results, NULL, &ignored);
    if (status == MOPT_E_MEMORY) {
        return mopt_error_memory(err);
    }
    for (uint32_t i = 0; status == MOPT_OK && i < node->output_count; i++) {
        const struct mopt_datum *result = results[i];
        if (result == NULL || result->kind != MOPT_DATUM_TENSOR ||
            result->tensor->count > FOLD_ELEMENTS) {
            continue;
        }
        outputs[i].constant = arena_tensor(driver->arena, result->tensor);
        if (outputs[i].constant == NULL) {
            return mopt_error_memory(err);
        }
    }
    return MOPT_OK; // what cannot be computed stays unknown
}

enum mopt_status mopt__infer_fold(struct mopt_infer_driver *driver, const struct mopt_node *node,
                                  const struct mopt_fact *inputs, struct mopt_fact *outputs,
                                  struct mopt_error *err)
{
    const uint32_t never = MOPT_TRAIT_RANDOM | MOPT_TRAIT_CONTROL | MOPT_TRAIT_STATE;
    if (node->op == NULL || node->op->eval == NULL || (node->op->traits & never) != 0 ||
        all_known(node, outputs) || !inputs_are_constants(node, inputs) ||
        !outputs_are_small(driver, node, outputs)) {
        return MOPT_OK;
    }
    size_t slots = (size_t)node->input_count + node->output_count;
    struct mopt_datum **data = mopt__calloc(slots + 1, sizeof(struct mopt_datum *));
    if (data == NULL) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = run_small(driver, node, inputs, outputs, data, err);
    for (size_t i = 0; i < slots; i++) {
        mopt__datum_unref(data[i]);
    }
    mopt__free(data);
    return status;
}
