// SPDX-License-Identifier: Apache-2.0
// Reshape whose target is computed from the input's own shape gets a constant target with 0 (copy
// this axis) and at most one -1.
#include "optimize/optimize.h"

// storage.ints: count, then the target.
enum { COUNT = 0, TARGET = 1 };
enum { REST = -2 }; // not known: the one size that Reshape may compute

static int64_t allowzero(const struct mopt_node *node)
{
    const struct mopt_attribute *attribute = mopt__node_attribute(node, "allowzero");
    return attribute != NULL ? attribute->i : 0;
}

// How element i of the target can be written: its number, or 0 = same size as axis i of the input,
// or REST.
static int64_t spell(const struct mopt_match *match, const struct mopt_type *type, size_t i,
                     int64_t item)
{
    int64_t value;
    if (mopt__dim_is_known(match->model->dims, item, &value)) {
        return value;
    }
    const struct mopt_dims *dims = match->model->dims;
    bool same = type != NULL && i < (size_t)(type->rank > 0 ? type->rank : 0) &&
                item != MOPT_DIM_UNKNOWN &&
                mopt__dim_resolve(dims, type->dims[i]) == mopt__dim_resolve(dims, item);
    return same ? 0 : REST;
}

// A -1 that the target had before means the same beside copied axes: where they are empty the
// computed target had 0 there too. A new -1 beside a copied axis is refused: for an empty input it
// would be ambiguous.
static bool is_sound(struct mopt_match *match, int64_t *target, size_t count)
{
    size_t rest = 0;
    size_t copied = 0;
    size_t written = 0;
    for (size_t i = 0; i < count; i++) {
        if (target[i] < REST) {
            return mopt__match_refuse(match, "malformed target");
        }
        rest += target[i] == REST;
        written += target[i] == -1;
        copied += target[i] == 0;
        target[i] = target[i] == REST ? -1 : target[i];
    }
    if (rest + written > 1 || (rest == 1 && copied > 0)) {
        return mopt__match_refuse(match, "more than one size is not known");
    }
    return true;
}

static bool match(struct mopt_match *match)
{
    const struct mopt_value *target = mopt__node_input(match->root, 1);
    const struct mopt_value *data = mopt__node_input(match->root, 0);
    const int64_t *items;
    size_t count;
    if (target == NULL || data == NULL || mopt__match_constant(target) != NULL ||
        allowzero(match->root) != 0 || !mopt__match_ints(target, &items, &count) ||
        count > MOPT_RANK_MAX) {
        return mopt__match_refuse(match,
                                  "the target is constant already, or nothing is known about it");
    }
    match->storage.ints[COUNT] = (int64_t)count;
    for (size_t i = 0; i < count; i++) {
        match->storage.ints[TARGET + i] = spell(match, mopt__match_tensor_type(data), i, items[i]);
    }
    return is_sound(match, &match->storage.ints[TARGET], count);
}

static enum mopt_status apply(struct mopt_rewriter *rewriter, struct mopt_match *match,
                              struct mopt_error *err)
{
    struct mopt_tensor *tensor = NULL;
    enum mopt_status status = mopt__tensor_i64(&match->storage.ints[TARGET], 1,
                                               &match->storage.ints[COUNT], &tensor, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_value *constant =
        mopt__rewriter_constant(rewriter, match->root, match->root->inputs[1].value->name, tensor,
                                err);
    mopt__tensor_unref(tensor);
    return constant != NULL ? mopt__rewriter_set_input(rewriter, match->root, 1, constant, err)
                            : err->status;
}

static const struct mopt_rule rule = {
    .name = "reshape-target",
    .op = "Reshape",
    .match = match,
    .apply = apply,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"fused", "computed targets made constant"}};

const struct mopt_pass mopt__pass_fuse_concat_into_reshape = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "fuse-concat-into-reshape",
    .summary = "gives Reshape a constant target where its computed one only copies known sizes",
    .help = "y = Reshape(x, Concat(Gather(Shape(x), 0), 8, 64))  ->  y = Reshape(x, {0, 8, 64})\n"
            "0 copies an axis of x that is provably the same size; at most one -1, and then no "
            "copied axis.",
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
