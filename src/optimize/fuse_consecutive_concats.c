// SPDX-License-Identifier: Apache-2.0
// Concat of Concat along the same axis.
#include <string.h>

#include "optimize/optimize.h"

enum { PARTS_MAX = 1024 };

static bool read_axis(const struct mopt_node *node, int64_t *axis)
{
    const struct mopt_attribute *attribute = mopt__node_attribute(node, "axis");
    const struct mopt_type *type = mopt__match_tensor_type(node->outputs[0]);
    *axis = attribute != NULL ? attribute->i : 1; // the default before opset 4
    if (attribute != NULL && (attribute->kind != MOPT_ATTR_INT || attribute->ref_name != NULL)) {
        return false;
    }
    *axis += *axis < 0 && type != NULL ? type->rank : 0;
    return true;
}

// The Concat along `axis` that makes this value for node alone, else NULL.
static const struct mopt_node *inner_concat(const struct mopt_node *node,
                                            const struct mopt_value *value, int64_t axis)
{
    int64_t own;
    const struct mopt_node *inner =
        value != NULL && mopt__match_single_use(value) ? value->producer : NULL;
    bool fits = inner != NULL && inner->graph == node->graph && inner->function == NULL &&
                inner->domain[0] == '\0' && strcmp(inner->op_type, "Concat") == 0 &&
                inner->input_count > 0 && read_axis(inner, &own) && own == axis;
    return fits ? inner : NULL;
}

static bool match(struct mopt_match *match)
{
    const struct mopt_node *node = match->root;
    int64_t axis;
    size_t parts = 0;
    bool nested = false;
    if (mopt__node_output(node, 0) == NULL || !read_axis(node, &axis)) {
        return false;
    }
    for (uint32_t i = 0; i < node->input_count; i++) {
        const struct mopt_node *inner = inner_concat(node, node->inputs[i].value, axis);
        parts += inner != NULL ? inner->input_count : 1;
        nested = nested || inner != NULL;
    }
    if (!nested || parts > PARTS_MAX) {
        return mopt__match_refuse(match,
                                  "no part is a Concat along the same axis that is used only here");
    }
    match->storage.ints[0] = (int64_t)parts;
    return true;
}

static void collect(const struct mopt_node *node, struct mopt_value **parts)
{
    int64_t axis = 0;
    (void)read_axis(node, &axis);
    size_t count = 0;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const struct mopt_node *inner = inner_concat(node, node->inputs[i].value, axis);
        if (inner == NULL) {
            parts[count++] = node->inputs[i].value;
        }
        for (uint32_t k = 0; inner != NULL && k < inner->input_count; k++) {
            parts[count++] = inner->inputs[k].value;
        }
    }
}

static enum mopt_status apply(struct mopt_rewriter *rewriter, struct mopt_match *match,
                              struct mopt_error *err)
{
    uint32_t count = (uint32_t)match->storage.ints[0];
    struct mopt_value **parts = mopt__calloc(count, sizeof(struct mopt_value *));
    if (parts == NULL) {
        return mopt_error_memory(err);
    }
    collect(match->root, parts);
    enum mopt_status status = MOPT_OK;
    for (uint32_t i = 0; i < count && status == MOPT_OK; i++) {
        status = mopt__rewriter_set_input(rewriter, match->root, i, parts[i], err);
    }
    mopt__free(parts);
    return status == MOPT_OK ? mopt__rewriter_touch(rewriter, match->root, err) : status;
}

static const struct mopt_rule rule = {
    .name = "concats",
    .op = "Concat",
    .match = match,
    .apply = apply,
};
static const struct mopt_rule *const rules[] = {&rule};

static const struct mopt_pass_counter counters[] = {{"fused", "Concat nodes that took in others"}};

const struct mopt_pass mopt__pass_fuse_consecutive_concats = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "fuse-consecutive-concats",
    .summary = "joins Concat of Concat along the same axis",
    .help = "y = Concat<axis=1>(Concat<axis=1>(a, b), c)  ->  y = Concat<axis=1>(a, b, c)\n"
            "The inner result is used only here.",
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
