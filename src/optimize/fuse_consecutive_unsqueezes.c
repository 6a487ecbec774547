// SPDX-License-Identifier: Apache-2.0
// Unsqueeze of Unsqueeze and Squeeze of Squeeze: the lists of axes are joined.
#include <string.h>

#include "optimize/optimize.h"

// storage.ints: count, then the joined axes.
enum { COUNT, AXES };

struct axes {
    size_t count;
    int64_t items[MOPT_RANK_MAX];
};

// Axes of a node, input or attribute; all >= 0 and different. rank: of the value they number, -1 if
// not known.
static bool read_axes(const struct mopt_node *node, int rank, struct axes *axes)
{
    const struct mopt_attribute *attribute = mopt__node_attribute(node, "axes"); // before opset 13
    const struct mopt_value *input = mopt__node_input(node, 1);
    if (attribute != NULL) {
        if (attribute->kind != MOPT_ATTR_INTS || attribute->count > MOPT_RANK_MAX) {
            return false;
        }
        axes->count = attribute->count;
        memcpy(axes->items, attribute->ints, attribute->count * sizeof *axes->items);
    } else if (input == NULL || mopt__match_constant(input) == NULL ||
               !mopt__match_i64s(input, axes->items, MOPT_RANK_MAX, &axes->count)) {
        return false;
    }
    unsigned seen = 0;
    for (size_t i = 0; i < axes->count; i++) {
        int64_t axis = axes->items[i] < 0 && rank >= 0 ? axes->items[i] + rank : axes->items[i];
        if (axis < 0 || axis >= MOPT_RANK_MAX || (seen >> axis & 1U) != 0) {
            return false;
        }
        seen |= 1U << axis;
        axes->items[i] = axis;
    }
    return axes->count > 0;
}

static int rank_of(const struct mopt_value *value)
{
    const struct mopt_type *type = mopt__match_tensor_type(value);
    return type != NULL ? type->rank : -1;
}

// The number of an axis in the longer list, of which the shorter one leaves out `without`.
static int64_t renumber(int64_t axis, const struct axes *without)
{
    int64_t position = 0;
    for (int64_t passed = -1;; position++) {
        bool left_out = false;
        for (size_t i = 0; i < without->count; i++) {
            left_out = left_out || without->items[i] == position;
        }
        passed += !left_out;
        if (passed == axis) {
            return position;
        }
    }
}

// long_side: axes of the longer shape; short_side: axes that number the shape without them.
static bool join(struct mopt_match *match, const struct axes *long_side,
                 const struct axes *short_side)
{
    size_t count = long_side->count + short_side->count;
    if (count > MOPT_RANK_MAX) {
        return mopt__match_refuse(match, "too many axes");
    }
    match->storage.ints[COUNT] = (int64_t)count;
    for (size_t i = 0; i < long_side->count; i++) {
        match->storage.ints[AXES + i] = long_side->items[i];
    }
    for (size_t i = 0; i < short_side->count; i++) {
        match->storage.ints[AXES + long_side->count + i] =
            renumber(short_side->items[i], long_side);
    }
    return true;
}

static bool match_pair(struct mopt_match *match)
{
    struct axes inner;
    struct axes outer;
    bool adds = strcmp(match->root->op_type, "Unsqueeze") == 0;
    const struct mopt_value *x = match->nodes[0]->inputs[0].value;
    const struct mopt_value *t = match->nodes[0]->outputs[0];
    const struct mopt_value *y = match->root->outputs[0];
    if (!read_axes(match->nodes[0], rank_of(adds ? t : x), &inner) ||
        !read_axes(match->root, rank_of(adds ? y : t), &outer)) {
        return mopt__match_refuse(match, "axes are not known");
    }
    return adds ? join(match, &outer, &inner) : join(match, &inner, &outer);
}

static enum mopt_status set_axes(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                 struct mopt_error *err)
{
    const int64_t *axes = &match->storage.ints[AXES];
    if (mopt__node_attribute(match->root, "axes") != NULL) {
        return mopt__node_set_ints(match->root, "axes", axes, (size_t)match->storage.ints[COUNT],
                                   err);
    }
    struct mopt_tensor *tensor = NULL;
    enum mopt_status status = mopt__tensor_i64(axes, 1, &match->storage.ints[COUNT], &tensor, err);
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

static enum mopt_status apply(struct mopt_rewriter *rewriter, struct mopt_match *match,
                              struct mopt_error *err)
{
    struct mopt_value *x = match->nodes[0]->inputs[0].value;
    enum mopt_status status = set_axes(rewriter, match, err);
    if (status == MOPT_OK) {
        status = mopt__rewriter_set_input(rewriter, match->root, 0, x, err);
    }
    return status == MOPT_OK ? mopt__rewriter_touch(rewriter, match->root, err) : status;
}

static const struct mopt_rule unsqueezes = {
    .name = "unsqueezes",
    .pattern = "t = Unsqueeze(x, ?a)\n"
               "y = Unsqueeze(t, ?b)",
    .match = match_pair,
    .apply = apply,
};
static const struct mopt_rule squeezes = {
    .name = "squeezes",
    .pattern = "t = Squeeze(x, ?a)\n"
               "y = Squeeze(t, ?b)",
    .match = match_pair,
    .apply = apply,
};
static const struct mopt_rule *const rules[] = {&unsqueezes, &squeezes};

static const struct mopt_pass_counter counters[] = {{"fused", "pairs fused"}};

const struct mopt_pass mopt__pass_fuse_consecutive_unsqueezes = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "fuse-consecutive-unsqueezes",
    .summary = "joins Unsqueeze of Unsqueeze and Squeeze of Squeeze",
    .help = "y = Unsqueeze(Unsqueeze(x, {0}), {3})  ->  y = Unsqueeze(x, {3, 0})\n"
            "y = Squeeze(Squeeze(x, {0}), {0})  ->  y = Squeeze(x, {0, 1})\n"
            "The axes are constant; negative ones need a known rank.",
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
