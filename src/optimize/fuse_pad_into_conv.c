// SPDX-License-Identifier: Apache-2.0
// Zero padding before a convolution becomes the convolution's own padding.
#include <string.h>

#include "optimize/optimize.h"

// storage.ints: rank, then pads of the Pad node over all axes [begin..., end...] (2 * rank numbers)
enum { RANK = 0, PADS = 1 };

static bool axis_values(const struct mopt_node *pad, const int64_t *items, size_t count,
                        int64_t rank, int64_t *out)
{
    const struct mopt_value *axes_value = mopt__node_input(pad, 3); // opset 18
    memset(out, 0, (size_t)(2 * rank) * sizeof *out);
    if (axes_value == NULL) {
        if (count != (size_t)(2 * rank)) {
            return false;
        }
        memcpy(out, items, count * sizeof *out);
        return true;
    }
    const int64_t *axes;
    size_t axis_count;
    if (!mopt__match_ints(axes_value, &axes, &axis_count) || count != 2 * axis_count) {
        return false;
    }
    for (size_t i = 0; i < axis_count; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (axis < 0 || axis >= rank) {
            return false;
        }
        out[axis] = items[i];
        out[rank + axis] = items[axis_count + i];
    }
    return true;
}

static bool read_pads(const struct mopt_node *pad, int64_t rank, int64_t *out)
{
    const struct mopt_attribute *attribute = mopt__node_attribute(pad, "pads"); // before opset 11
    if (attribute != NULL) {
        return attribute->kind == MOPT_ATTR_INTS &&
               axis_values(pad, attribute->ints, attribute->count, rank, out);
    }
    const struct mopt_value *input = mopt__node_input(pad, 1);
    const struct mopt_tensor *tensor = input != NULL ? mopt__match_constant(input) : NULL;
    if (tensor == NULL || tensor->dtype != MOPT_INT64) {
        return false;
    }
    return axis_values(pad, tensor->data, tensor->count, rank, out);
}

static bool fills_zero(const struct mopt_node *pad)
{
    const struct mopt_attribute *mode = mopt__node_attribute(pad, "mode");
    if (mode != NULL && (mode->kind != MOPT_ATTR_STRING || mode->s.size != 8 ||
                         memcmp(mode->s.data, "constant", 8) != 0)) {
        return false;
    }
    const struct mopt_attribute *attribute = mopt__node_attribute(pad, "value"); // before opset 11
    if (attribute != NULL && attribute->f != 0) {
        return false;
    }
    const struct mopt_value *input = mopt__node_input(pad, 2);
    double value;
    return input == NULL || (mopt__match_scalar(input, &value) && value == 0);
}

// Only spatial axes, nothing cut off (a negative pad crops).
static bool is_spatial(const int64_t *pads, int64_t rank)
{
    for (int64_t i = 0; i < rank; i++) {
        if (pads[i] < 0 || pads[rank + i] < 0 || (i < 2 && (pads[i] != 0 || pads[rank + i] != 0))) {
            return false;
        }
    }
    return true;
}

static bool explicit_pads(const struct mopt_node *conv)
{
    const struct mopt_attribute *kind = mopt__node_attribute(conv, "auto_pad");
    return kind == NULL || (kind->kind == MOPT_ATTR_STRING && kind->s.size == 6 &&
                            memcmp(kind->s.data, "NOTSET", 6) == 0);
}

static bool match(struct mopt_match *match)
{
    const struct mopt_node *pad = match->nodes[0];
    const struct mopt_node *conv = match->root;
    const struct mopt_value *weight = mopt__node_input(conv, 1);
    const struct mopt_type *type = weight != NULL ? mopt__match_tensor_type(weight) : NULL;
    if (type == NULL || type->rank < 3) {
        return mopt__match_refuse(match, "the rank is not known");
    }
    if (!explicit_pads(conv) || !fills_zero(pad)) {
        return mopt__match_refuse(match,
                                  "auto_pad is set, or the padding is not the constant zero");
    }
    const struct mopt_attribute *own = mopt__node_attribute(conv, "pads");
    if (own != NULL && own->count != 2 * ((size_t)type->rank - 2)) {
        return mopt__match_refuse(match, "malformed pads");
    }
    match->storage.ints[RANK] = type->rank;
    if (!read_pads(pad, type->rank, &match->storage.ints[PADS]) ||
        !is_spatial(&match->storage.ints[PADS], type->rank)) {
        return mopt__match_refuse(match, "padding is not known, negative, or not spatial");
    }
    return true;
}

static enum mopt_status apply(struct mopt_rewriter *rewriter, struct mopt_match *match,
                              struct mopt_error *err)
{
    int64_t rank = match->storage.ints[RANK];
    const int64_t *pads = &match->storage.ints[PADS];
    const struct mopt_attribute *own = mopt__node_attribute(match->root, "pads");
    int64_t sum[2 * MOPT_RANK_MAX] = {0};
    for (int64_t i = 0; i < rank - 2; i++) {
        bool fits = mopt__i64_add(own != NULL ? own->ints[i] : 0, pads[2 + i], &sum[i]) &&
                    mopt__i64_add(own != NULL ? own->ints[rank - 2 + i] : 0, pads[rank + 2 + i],
                                  &sum[rank - 2 + i]);
        if (!fits) {
            return MOPT_OK; // absurd numbers: leave the nodes to the operator's own check
        }
    }
    enum mopt_status status =
        mopt__node_set_ints(match->root, "pads", sum, (size_t)(2 * (rank - 2)), err);
    if (status == MOPT_OK) {
        status = mopt__rewriter_set_input(rewriter, match->root, 0,
                                          match->nodes[0]->inputs[0].value, err);
    }
    return status == MOPT_OK ? mopt__rewriter_touch(rewriter, match->root, err) : status;
}

static const struct mopt_rule rule = {
    .name = "pad-into-conv",
    .pattern = "p = Pad(x, ...)\n"
               "y = Conv(p, w, ?b)",
    .match = match,
    .apply = apply,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"fused", "Pad nodes fused"}};

const struct mopt_pass mopt__pass_fuse_pad_into_conv = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "fuse-pad-into-conv",
    .summary = "folds zero padding into the convolution after it",
    .help =
        "y = Conv<pads=p>(Pad(x, q), w)  ->  y = Conv<pads=p+q>(x, w)\n"
        "q is constant, not negative, of spatial axes only, filled with zero; auto_pad is NOTSET.",
    .level = 1,
    .kind = MOPT_PASS_FUSE,
    .numerics = MOPT_NUMERICS_REASSOCIATES,
    .needs = MOPT_NEEDS_SHAPES,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .rules = rules,
    .rule_count = MOPT_COUNTOF(rules),
};
