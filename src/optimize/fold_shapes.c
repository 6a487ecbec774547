// SPDX-License-Identifier: Apache-2.0
// Shape arithmetic whose result inference knows becomes a constant, though its inputs are not:
// Shape, Gather, Concat ...
#include "optimize/optimize.h"

enum { ITEMS_MAX = 64 };

static bool known_items(const struct mopt_model *model, const struct mopt_value *value,
                        int64_t *out)
{
    const struct mopt_ints *ints = value->ints;
    if (ints == NULL || ints->count > ITEMS_MAX) {
        return false;
    }
    for (size_t i = 0; i < ints->count; i++) {
        if (!mopt__dim_is_known(model->dims, ints->items[i], &out[i])) {
            return false;
        }
    }
    return true;
}

// One output only: the node can go with it.
static bool match(struct mopt_match *match)
{
    const struct mopt_node *node = match->root;
    const struct mopt_value *out = mopt__node_output(node, 0);
    if (out == NULL || out->ints == NULL || node->output_count != 1 || !mopt__is_pure(node)) {
        return false;
    }
    if (out->graph_output_count > 0 || mopt__value_is_dead(out) || mopt__in_function(node->graph)) {
        return mopt__match_refuse(match, "a graph output keeps its node");
    }
    if (out->type == NULL || (out->type->dtype != MOPT_INT64 && out->type->dtype != MOPT_INT32)) {
        return mopt__match_refuse(match, "not an integer tensor");
    }
    if (!known_items(match->model, out, match->storage.ints)) {
        return mopt__match_refuse(match, "not all elements are known");
    }
    return true;
}

static enum mopt_status apply(struct mopt_rewriter *rewriter, struct mopt_match *match,
                              struct mopt_error *err)
{
    struct mopt_value *out = match->root->outputs[0];
    int64_t count = (int64_t)out->ints->count;
    struct mopt_tensor *tensor = NULL;
    enum mopt_status status =
        mopt__tensor_new(out->type->dtype, out->ints->rank, &count, &tensor, err);
    if (status != MOPT_OK) {
        return status;
    }
    for (size_t i = 0; i < out->ints->count; i++) {
        mopt__element_set_i64(tensor->dtype, mopt__tensor_data(tensor), i, match->storage.ints[i]);
    }
    struct mopt_value *constant =
        mopt__rewriter_constant(rewriter, match->root, out->name, tensor, err);
    status = constant != NULL ? mopt__rewriter_replace(rewriter, out, constant, err) : err->status;
    mopt__tensor_unref(tensor);
    return status;
}

static const struct mopt_rule rule = {
    .name = "known-value",
    .match = match,
    .apply = apply,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {
    {"folded", "values of shape arithmetic made constant"}};

const struct mopt_pass mopt__pass_fold_shapes = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "fold-shapes",
    .summary = "turns shape arithmetic with a known result into constants",
    .help = "c = Shape(x)  ->  int64[4] c = {1, 3, 224, 224}\n"
            "Also through Gather, Slice, Concat, arithmetic ...: every small integer tensor whose "
            "elements inference knows.",
    .level = 1,
    .kind = MOPT_PASS_FOLD,
    .numerics = MOPT_NUMERICS_EXACT,
    .needs = MOPT_NEEDS_SHAPES,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .rules = rules,
    .rule_count = MOPT_COUNTOF(rules),
};
