// SPDX-License-Identifier: Apache-2.0
// If: one of two bodies runs. Inference looks into both and tells what holds whichever is taken; a
// constant condition settles it.
#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/record.h"

static enum mopt_status branches(const struct mopt_node *node, struct mopt_graph **then_branch,
                                 struct mopt_graph **else_branch, struct mopt_error *err)
{
    enum mopt_status status = mopt__attr_graph(node, "then_branch", then_branch, err);
    if (status == MOPT_OK) {
        status = mopt__attr_graph(node, "else_branch", else_branch, err);
    }
    if (status == MOPT_OK && ((*then_branch)->outputs.count != node->output_count ||
                              (*else_branch)->outputs.count != node->output_count)) {
        status =
            mopt_error_set(err, MOPT_E_FORMAT, "branches have %zu and %zu outputs, the node has %u",
                           (*then_branch)->outputs.count, (*else_branch)->outputs.count,
                           node->output_count);
    }
    return status;
}

static bool ints_equal(const struct mopt_ints *a, const struct mopt_ints *b)
{
    bool equal = a != NULL && b != NULL && a->rank == b->rank && a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++) {
        equal = a->items[i] == b->items[i] && a->items[i] != MOPT_DIM_UNKNOWN;
    }
    return equal;
}

static enum mopt_status join_facts(struct mopt_infer *infer, const struct mopt_fact *a,
                                   const struct mopt_fact *b, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 0; status == MOPT_OK && i < infer->node->output_count; i++) {
        struct mopt_fact *out = &infer->outputs[i];
        status = mopt__infer_join(infer, a[i].type, b[i].type, &out->type, err);
        if (ints_equal(a[i].ints, b[i].ints)) {
            out->ints = a[i].ints;
        }
    }
    return status;
}

static enum mopt_status if_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    struct mopt_graph *then_branch;
    struct mopt_graph *else_branch;
    enum mopt_status status = branches(infer->node, &then_branch, &else_branch, err);
    if (status != MOPT_OK) {
        return status;
    }
    size_t count = infer->node->output_count;
    struct mopt_fact *facts = mopt__arena_alloc(infer->arena, 2 * count + 1, sizeof *facts);
    if (facts == NULL) {
        return mopt_error_memory(err);
    }
    status = infer->body(infer, then_branch, NULL, 0, facts, err);
    if (status == MOPT_OK) {
        status = infer->body(infer, else_branch, NULL, 0, facts + count, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    double condition;
    if (!mopt__infer_scalar_f64(infer, 0, &condition)) {
        return join_facts(infer, facts, facts + count, err);
    }
    for (size_t i = 0; i < count; i++) {
        infer->outputs[i] = facts[condition != 0 ? i : count + i];
    }
    return MOPT_OK;
}

static enum mopt_status if_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *condition = mopt__eval_input(eval, 0);
    struct mopt_graph *then_branch;
    struct mopt_graph *else_branch;
    enum mopt_status status = branches(eval->node, &then_branch, &else_branch, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (condition->count != 1) {
        return mopt_error_set(err, MOPT_E_SHAPE, "condition has %zu elements, must have 1",
                              condition->count);
    }
    if (eval->body == NULL) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "bodies cannot be run here");
    }
    const struct mopt_graph *taken =
        mopt__tensor_i64_at(condition, 0) != 0 ? then_branch : else_branch;
    return eval->body(eval, taken, NULL, 0, eval->outputs, err);
}

#define RECORD(from, to, kinds)                                                              \
    {                                                                                        \
        .domain = "", .name = "If", .since = from, .until = to,                              \
        .summary = "runs one of two bodies", MOPT_INPUTS({"cond", "B", MOPT_SET_BOOL, 0}),   \
        MOPT_OUTPUTS({"outputs", "V", MOPT_SET_ALL_25,                                       \
                      MOPT_PARAM_VARIADIC | MOPT_PARAM_HETEROGENEOUS | (kinds)}),            \
        MOPT_ATTRIBUTES({.name = "then_branch", .kind = MOPT_ATTR_GRAPH, .required = true},  \
                        {.name = "else_branch", .kind = MOPT_ATTR_GRAPH, .required = true}), \
        .traits = MOPT_TRAIT_CONTROL, .infer = if_infer, .eval = if_eval                     \
    }

static const struct mopt_op records[] = {
    RECORD(1, 12, 0),
    RECORD(13, 0, MOPT_PARAM_ANY),
};
const struct mopt_op_family mopt__ops_if = {records, MOPT_COUNTOF(records)};
