// SPDX-License-Identifier: Apache-2.0
// Nodes whose inputs are all constant are computed once, here, unless the result would make the
// file larger.
#include <string.h>

#include "optimize/optimize.h"

enum {
    NODE_BYTES = 96, // what a node and its names cost in a file: a result this much larger than its
                     // inputs is no growth
    EVAL_BYTES_MAX = 1 << 30, // results larger than this are not computed
};

struct folding {
    struct mopt_pass_context *context;
    int64_t growth; // bytes the file may still grow
    uint64_t folded;
};

// Quantization stays visible to later tools; control flow, random and unknown operators are never
// evaluated. Constant has a pass of its own.
static bool is_pure(const struct mopt_node *node)
{
    static const char *const excluded[] = {"QuantizeLinear", "DequantizeLinear",
                                           "DynamicQuantizeLinear", "Constant"};
    if (!mopt__is_pure(node) || node->op->eval == NULL || node->output_count == 0) {
        return false;
    }
    for (size_t i = 0; i < MOPT_COUNTOF(excluded); i++) {
        if (strcmp(node->op_type, excluded[i]) == 0) {
            return false;
        }
    }
    return true;
}

static bool has_constant_inputs(const struct mopt_node *node)
{
    for (uint32_t i = 0; i < node->input_count; i++) {
        if (node->inputs[i].value != NULL && mopt__match_constant(node->inputs[i].value) == NULL) {
            return false;
        }
    }
    return true;
}

static bool outputs_may_go(const struct mopt_node *node)
{
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        if (node->attributes[i].ref_name != NULL) {
            return false;
        }
    }
    for (uint32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] != NULL && node->outputs[i]->graph_output_count > 0) {
            return false;
        }
    }
    return true;
}

// Bytes of the constants that nobody else uses: they leave the file with the node.
static size_t freed_bytes(const struct mopt_node *node)
{
    size_t bytes = NODE_BYTES;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const struct mopt_value *value = node->inputs[i].value;
        const struct mopt_tensor *tensor = value != NULL ? mopt__match_constant(value) : NULL;
        if (tensor != NULL && mopt__match_single_use(value)) {
            bytes += tensor->bytes;
        }
    }
    return bytes;
}

// Bytes of all results as far as inference knows them; SIZE_MAX when it does not and they may be
// large.
static size_t result_bytes(const struct mopt_model *model, const struct mopt_node *node)
{
    size_t sum = 0;
    for (uint32_t i = 0; i < node->output_count; i++) {
        const struct mopt_type *type = node->outputs[i] != NULL ? node->outputs[i]->type : NULL;
        size_t count;
        size_t bytes;
        if (node->outputs[i] == NULL) {
            continue;
        }
        if (type == NULL || type->kind != MOPT_TYPE_TENSOR ||
            !mopt__type_count(model->dims, type, &count) ||
            !mopt__dtype_bytes(type->dtype, count, &bytes) || !mopt__size_add(sum, bytes, &sum)) {
            return (node->op->traits & MOPT_TRAIT_GENERATOR) != 0 ? SIZE_MAX : 0;
        }
    }
    return sum;
}

static enum mopt_status input_data(const struct mopt_node *node, struct mopt_datum **data,
                                   struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 0; i < node->input_count && status == MOPT_OK; i++) {
        if (node->inputs[i].value != NULL) {
            status = mopt__datum_tensor(mopt__match_constant(node->inputs[i].value), &data[i], err);
        }
    }
    return status;
}

static bool all_tensors(const struct mopt_node *node, struct mopt_datum *const *results)
{
    for (uint32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] != NULL &&
            (results[i] == NULL || results[i]->kind != MOPT_DATUM_TENSOR)) {
            return false;
        }
    }
    return true;
}

static int64_t growth_of(const struct mopt_node *node, struct mopt_datum *const *results)
{
    int64_t bytes = 0;
    for (uint32_t i = 0; i < node->output_count; i++) {
        bytes += node->outputs[i] != NULL ? (int64_t)results[i]->tensor->bytes : 0;
    }
    return bytes - (int64_t)freed_bytes(node);
}

static enum mopt_status replace_outputs(struct mopt_node *node, struct mopt_datum *const *results,
                                        struct mopt_error *err)
{
    for (uint32_t i = 0; i < node->output_count; i++) {
        if (node->outputs[i] == NULL || mopt__value_is_dead(node->outputs[i])) {
            continue;
        }
        struct mopt_value *constant =
            mopt__graph_constant(node->graph, node->outputs[i]->name, results[i]->tensor, err);
        if (constant == NULL) {
            return err->status;
        }
        enum mopt_status status = mopt__value_replace_uses(node->outputs[i], constant, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    mopt__node_remove(node);
    return MOPT_OK;
}

// A node that cannot be computed stays: the run will report it with its place.
static enum mopt_status evaluate(const struct folding *folding, const struct mopt_node *node,
                                 struct mopt_datum **inputs, struct mopt_datum **results,
                                 bool *done, struct mopt_error *err)
{
    struct mopt_error failure;
    mopt_error_clear(&failure);
    enum mopt_status status = input_data(node, inputs, err);
    if (status != MOPT_OK) {
        return status;
    }
    status = mopt__eval_node(node, mopt__graph_opset(node->graph, node->domain), inputs, results,
                             mopt__pass_budget(folding->context), &failure);
    *done = status == MOPT_OK && all_tensors(node, results);
    if (status == MOPT_E_MEMORY || status == MOPT_E_INTERRUPTED || status == MOPT_E_LIMIT) {
        *err = failure;
        return status;
    }
    return MOPT_OK;
}

static enum mopt_status fold_evaluated(struct folding *folding, struct mopt_node *node,
                                       struct mopt_datum **results, struct mopt_error *err)
{
    int64_t growth = growth_of(node, results);
    if (growth > 0 && growth > folding->growth) {
        return MOPT_OK;
    }
    folding->growth -= growth > 0 ? growth : 0;
    folding->folded++;
    return replace_outputs(node, results, err);
}

static enum mopt_status fold_node(struct folding *folding, struct mopt_node *node,
                                  struct mopt_error *err)
{
    uint32_t inputs_count = node->input_count;
    uint32_t results_count = node->output_count;
    struct mopt_datum **inputs = mopt__calloc((size_t)inputs_count + 1, sizeof *inputs);
    struct mopt_datum **results = mopt__calloc((size_t)results_count + 1, sizeof *results);
    bool done = false;
    enum mopt_status status = inputs != NULL && results != NULL
                                  ? evaluate(folding, node, inputs, results, &done, err)
                                  : mopt_error_memory(err);
    if (status == MOPT_OK && done) {
        status = fold_evaluated(folding, node, results, err);
    }
    for (uint32_t i = 0; inputs != NULL && i < inputs_count; i++) {
        mopt__datum_unref(inputs[i]);
    }
    for (uint32_t i = 0; results != NULL && i < results_count; i++) {
        mopt__datum_unref(results[i]);
    }
    mopt__free(inputs);
    mopt__free(results);
    return status;
}

static bool small_enough(struct folding *folding, const struct mopt_node *node)
{
    size_t bytes = result_bytes(node->graph->model, node);
    size_t allowed = freed_bytes(node) + (folding->growth > 0 ? (size_t)folding->growth : 0);
    if (bytes > EVAL_BYTES_MAX || bytes > allowed) {
        return false;
    }
    return true;
}

static enum mopt_status visit(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct folding *folding = context;
    enum mopt_status status = MOPT_OK;
    if (mopt__in_function(graph)) {
        return MOPT_OK;
    }
    for (struct mopt_node *node = graph->first; node != NULL && status == MOPT_OK;) {
        struct mopt_node *next = node->next;
        if (is_pure(node) && outputs_may_go(node) && has_constant_inputs(node) &&
            small_enough(folding, node)) {
            status = fold_node(folding, node, err);
        }
        node = next;
    }
    return status;
}

static enum mopt_status run(struct mopt_pass_context *context, struct mopt_model *model,
                            struct mopt_error *err)
{
    struct folding folding = {.context = context};
    enum mopt_status status = mopt__pass_option_int(context, "max-growth", &folding.growth, err);
    if (status == MOPT_OK) {
        status = mopt__model_walk(model, visit, &folding, err);
    }
    mopt__pass_count(context, "folded", folding.folded);
    return status;
}

static const struct mopt_pass_option options[] = {
    {"max-growth", MOPT_OPTION_INT, "4096",
     "bytes by which all results together may exceed the constants they replace"},
};
static const struct mopt_pass_counter counters[] = {{"folded", "nodes computed"}};

const struct mopt_pass mopt__pass_fold_constants = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "fold-constants",
    .summary = "computes nodes whose inputs are all constant",
    .help = "y = f(constants)  ->  y is an initializer\n"
            "Random operators, control flow, unknown operators and quantization are left alone. A "
            "result may replace its "
            "constants only if the file does not grow by more than max-growth bytes in all.",
    .level = 1,
    .kind = MOPT_PASS_FOLD,
    .numerics = MOPT_NUMERICS_REASSOCIATES, // a fast kernel may round otherwise than the reference
    .needs = MOPT_NEEDS_SHAPES | MOPT_NEEDS_ORDER,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .options = options,
    .option_count = MOPT_COUNTOF(options),
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .run = run,
};
