// SPDX-License-Identifier: Apache-2.0
// Reshape of Reshape (or Flatten, Squeeze, Unsqueeze): all of them keep the order of the elements,
// so only the last shape counts. Zeros in the last target copy axes of the value in between: they
// are rewritten first.
#include "optimize/optimize.h"

// storage.ints: count, whether the target changes, then the target.
enum { COUNT, CHANGED, TARGET };

static int64_t allowzero(const struct mopt_node *node)
{
    const struct mopt_attribute *attribute = mopt__node_attribute(node, "allowzero");
    return attribute != NULL ? attribute->i : 0;
}

// A zero copies axis i of the value in between: its known size, or 0 again where x has the same
// axis.
static bool spell_zero(struct mopt_match *match, size_t i)
{
    const struct mopt_dims *dims = match->model->dims;
    const struct mopt_type *x = mopt__match_tensor_type(match->nodes[0]->inputs[0].value);
    const struct mopt_type *t = mopt__match_tensor_type(match->nodes[0]->outputs[0]);
    int64_t *entry = &match->storage.ints[TARGET + i];
    int64_t size;
    if (t == NULL || i >= (size_t)t->rank || t->dims[i] == MOPT_DIM_UNKNOWN) {
        return false;
    }
    if (mopt__dim_is_known(dims, t->dims[i], &size)) {
        if (size <= 0) {
            return false;
        }
        *entry = size;
        match->storage.ints[CHANGED] = 1;
        return true;
    }
    return x != NULL && i < (size_t)x->rank &&
           mopt__dim_resolve(dims, x->dims[i]) == mopt__dim_resolve(dims, t->dims[i]);
}

static bool match_reshape(struct mopt_match *match)
{
    size_t count;
    if (mopt__match_constant(match->root->inputs[1].value) == NULL ||
        !mopt__match_i64s(match->root->inputs[1].value, &match->storage.ints[TARGET], MOPT_RANK_MAX,
                          &count)) {
        return mopt__match_refuse(match, "the target is not constant");
    }
    match->storage.ints[COUNT] = (int64_t)count;
    for (size_t i = 0; i < count; i++) {
        if (match->storage.ints[TARGET + i] == 0 && allowzero(match->root) == 0 &&
            !spell_zero(match, i)) {
            return mopt__match_refuse(match, "a zero copies an axis that the input does not have");
        }
    }
    return true;
}

static enum mopt_status set_target(struct mopt_rewriter *rewriter, struct mopt_match *match,
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

static enum mopt_status apply_reshape(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                      struct mopt_error *err)
{
    struct mopt_value *x = match->nodes[0]->inputs[0].value;
    enum mopt_status status =
        match->storage.ints[CHANGED] != 0 ? set_target(rewriter, match, err) : MOPT_OK;
    return status == MOPT_OK ? mopt__rewriter_set_input(rewriter, match->root, 0, x, err) : status;
}

// ---- Two of them that restore the shape

static bool match_undone(struct mopt_match *match)
{
    const struct mopt_value *x = match->nodes[0]->inputs[0].value;
    const struct mopt_value *y = match->root->outputs[0];
    if (!mopt__match_same_shape(x, y)) {
        return mopt__match_refuse(match, "the shape is not restored, or not known");
    }
    return mopt__rewrite_can_replace(y, x) ||
           mopt__match_refuse(match, "a graph output must keep its own value");
}

static enum mopt_status apply_undone(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                     struct mopt_error *err)
{
    return mopt__rewriter_replace(rewriter, match->root->outputs[0],
                                  match->nodes[0]->inputs[0].value, err);
}

static const struct mopt_rule undone = {
    .name = "restored-shape",
    .pattern = "t = Reshape|Flatten|Squeeze|Unsqueeze(x, ...)\n"
               "y = Reshape|Flatten|Squeeze|Unsqueeze(t, ...)",
    .match = match_undone,
    .apply = apply_undone,
};
static const struct mopt_rule pair = {
    .name = "pair",
    .pattern = "t = Reshape|Flatten|Squeeze|Unsqueeze(x, ...)\n"
               "y = Reshape(t, s)",
    .match = match_reshape,
    .apply = apply_reshape,
};
static const struct mopt_rule *const rules[] = {&undone, &pair};

static const struct mopt_pass_counter counters[] = {{"fused", "pairs fused"}};

const struct mopt_pass mopt__pass_fuse_consecutive_reshapes = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "fuse-consecutive-reshapes",
    .summary = "keeps the last of several Reshape, Flatten, Squeeze and Unsqueeze",
    .help = "y = Reshape(Reshape(x, a), b)  ->  y = Reshape(x, b)\n"
            "b is constant. A 0 in b means an axis of the value in between: it becomes that axis's "
            "size, or stays where x "
            "provably has the same axis. Pairs that restore the shape of x go altogether.",
    .level = 1,
    .kind = MOPT_PASS_FUSE,
    .numerics = MOPT_NUMERICS_EXACT,
    .needs = MOPT_NEEDS_SHAPES,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .rules = rules,
    .rule_count = MOPT_COUNTOF(rules),
};
