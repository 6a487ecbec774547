// SPDX-License-Identifier: Apache-2.0
// clip(x + 3, 0, 6) / 6 is HardSigmoid<alpha=1/6, beta=1/2>, and x times that is HardSwish (opset
// 14).
#include <math.h>
#include <string.h>

#include "optimize/optimize.h"

enum { HARD_SWISH_SINCE = 14 };
static const float sixth = 1.0F / 6.0F;

// The bounds of a Clip: inputs, attributes before opset 11.
static bool bound_is(const struct mopt_node *clip, uint32_t input, const char *name, double wanted)
{
    const struct mopt_attribute *attribute = mopt__node_attribute(clip, name);
    double value;
    if (attribute != NULL) {
        return attribute->kind == MOPT_ATTR_FLOAT && (double)attribute->f == wanted;
    }
    return mopt__match_scalar(mopt__node_input(clip, input), &value) && value == wanted;
}

static bool is_sixth(const struct mopt_node *node, const struct mopt_value *constant)
{
    enum { DIVISOR = 6 };
    double value;
    if (!mopt__match_scalar(constant, &value)) {
        return false;
    }
    bool divides = strcmp(node->op_type, "Div") == 0;
    return divides ? value == DIVISOR : fabs(value * DIVISOR - 1) < 1e-6;
}

static bool fits(struct mopt_match *match, const struct mopt_value *x)
{
    const struct mopt_type *type = x != NULL ? mopt__match_tensor_type(x) : NULL;
    bool is_float = type != NULL && (type->dtype == MOPT_FLOAT32 || type->dtype == MOPT_FLOAT64 ||
                                     type->dtype == MOPT_FLOAT16);
    if (!is_float || !mopt__match_same_shape(x, match->root->outputs[0])) {
        return mopt__match_refuse(match, "the shape changes, or the type is not known");
    }
    return true;
}

// x of a node Add(x, 3), else NULL.
static struct mopt_value *before_three(const struct mopt_node *add)
{
    double value;
    for (uint32_t i = 0; i < 2; i++) {
        if (mopt__match_scalar(add->inputs[i].value, &value) && value == 3) {
            return add->inputs[1 - i].value;
        }
    }
    return NULL;
}

static bool is_ramp(const struct mopt_node *clip)
{
    return bound_is(clip, 1, "min", 0) && bound_is(clip, 2, "max", 6);
}

static const struct mopt_value *other_input(const struct mopt_node *node,
                                            const struct mopt_value *one)
{
    return node->inputs[node->inputs[0].value == one ? 1 : 0].value;
}

// ---- a = x + 3; c = clip(a, 0, 6); y = c / 6

static bool match_sigmoid(struct mopt_match *match)
{
    const struct mopt_node *clip = match->nodes[1];
    const struct mopt_value *constant = other_input(match->root, clip->outputs[0]);
    if (!is_ramp(clip) || !is_sixth(match->root, constant)) {
        return mopt__match_refuse(match, "other constants");
    }
    return fits(match, before_three(match->nodes[0]));
}

static struct mopt_node *add_sigmoid(struct mopt_rewriter *rewriter, struct mopt_node *before,
                                     struct mopt_value *x, const char *hint, struct mopt_error *err)
{
    struct mopt_node *node =
        mopt__rewriter_node(rewriter, before, "HardSigmoid", "", &x, 1, 1, hint, err);
    if (node == NULL || mopt__node_set_float(node, "alpha", sixth, err) != MOPT_OK ||
        mopt__node_set_float(node, "beta", 0.5F, err) != MOPT_OK ||
        mopt__rewriter_finish_node(rewriter, node, err) != MOPT_OK) {
        return NULL;
    }
    return node;
}

static enum mopt_status apply_sigmoid(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                      struct mopt_error *err)
{
    struct mopt_value *y = match->root->outputs[0];
    struct mopt_node *made =
        add_sigmoid(rewriter, match->root, before_three(match->nodes[0]), y->name, err);
    return made != NULL ? mopt__rewriter_replace(rewriter, y, made->outputs[0], err) : err->status;
}

// ---- a = x + 3; c = clip(a, 0, 6); m = x * c; y = m / 6

static bool match_swish(struct mopt_match *match)
{
    const struct mopt_node *clip = match->nodes[1];
    const struct mopt_node *product = match->nodes[2];
    struct mopt_value *x = before_three(match->nodes[0]);
    if (x == NULL || !is_ramp(clip) || other_input(product, clip->outputs[0]) != x ||
        !is_sixth(match->root, other_input(match->root, product->outputs[0]))) {
        return mopt__match_refuse(match, "other constants, or another factor");
    }
    return fits(match, x);
}

static enum mopt_status finish_swish(struct mopt_rewriter *rewriter, struct mopt_node *before,
                                     struct mopt_value *x, struct mopt_value *y,
                                     struct mopt_error *err)
{
    struct mopt_value *factors[] = {x, NULL};
    bool whole = mopt__graph_opset(before->graph, "") >= HARD_SWISH_SINCE;
    if (!whole) {
        struct mopt_node *sigmoid = add_sigmoid(rewriter, before, x, "hard_sigmoid", err);
        if (sigmoid == NULL) {
            return err->status;
        }
        factors[1] = sigmoid->outputs[0];
    }
    struct mopt_node *made = mopt__rewriter_node(rewriter, before, whole ? "HardSwish" : "Mul", "",
                                                 factors, whole ? 1 : 2, 1, y->name, err);
    if (made == NULL || mopt__rewriter_finish_node(rewriter, made, err) != MOPT_OK) {
        return err->status;
    }
    return mopt__rewriter_replace(rewriter, y, made->outputs[0], err);
}

static enum mopt_status apply_swish(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                    struct mopt_error *err)
{
    return finish_swish(rewriter, match->root, before_three(match->nodes[0]),
                        match->root->outputs[0], err);
}

// ---- h = HardSigmoid<alpha=1/6, beta=1/2>(x); y = x * h

static bool near(const struct mopt_node *node, const char *name, float wanted)
{
    const struct mopt_attribute *attribute = mopt__node_attribute(node, name);
    return attribute != NULL && attribute->kind == MOPT_ATTR_FLOAT &&
           fabsf(attribute->f - wanted) < 1e-6F;
}

static bool match_whole(struct mopt_match *match)
{
    const struct mopt_node *sigmoid = match->nodes[0];
    const struct mopt_value *x = sigmoid->inputs[0].value;
    if (mopt__graph_opset(match->root->graph, "") < HARD_SWISH_SINCE ||
        !near(sigmoid, "alpha", sixth) || !near(sigmoid, "beta", 0.5F) ||
        other_input(match->root, sigmoid->outputs[0]) != x) {
        return mopt__match_refuse(match, "opset below 14, other constants, or another factor");
    }
    return fits(match, x);
}

static enum mopt_status apply_whole(struct mopt_rewriter *rewriter, struct mopt_match *match,
                                    struct mopt_error *err)
{
    return finish_swish(rewriter, match->root, match->nodes[0]->inputs[0].value,
                        match->root->outputs[0], err);
}

static const struct mopt_rule swish = {
    .name = "hard-swish",
    .pattern = "a! = Add(p, q)\n"
               "c! = Clip(a, ...)\n"
               "m! = Mul(x, c)\n"
               "y = Div|Mul(m, $six)",
    .match = match_swish,
    .apply = apply_swish,
};
static const struct mopt_rule sigmoid = {
    .name = "hard-sigmoid",
    .pattern = "a! = Add(p, q)\n"
               "c! = Clip(a, ...)\n"
               "y = Div|Mul(c, $six)",
    .match = match_sigmoid,
    .apply = apply_sigmoid,
};
static const struct mopt_rule whole = {
    .name = "hard-sigmoid-product",
    .pattern = "h! = HardSigmoid(x)\n"
               "y = Mul(x, h)",
    .match = match_whole,
    .apply = apply_whole,
};
static const struct mopt_rule *const rules[] = {&swish, &sigmoid, &whole};

static const struct mopt_pass_counter counters[] = {{"fused", "chains fused"}};

const struct mopt_pass mopt__pass_fuse_hard_swish = {
    .struct_size = sizeof(struct mopt_pass),
    .name = "fuse-hard-swish",
    .summary = "turns the arithmetic of hard sigmoid and hard swish into one or two nodes",
    .help = "y = Div(Clip(Add(x, 3), 0, 6), 6)  ->  y = HardSigmoid<alpha=1/6, beta=0.5>(x)\n"
            "y = Div(Mul(x, Clip(Add(x, 3), 0, 6)), 6)  ->  y = Mul(x, HardSigmoid(x)), from "
            "opset 14 y = HardSwish(x)\n"
            "The constants are scalars and exactly 3, 0 and 6; inner results are used only here.",
    .level = 2,
    .kind = MOPT_PASS_FUSE,
    .numerics = MOPT_NUMERICS_REASSOCIATES,
    .needs = MOPT_NEEDS_SHAPES,
    .keeps = MOPT_KEEPS_ORDER | MOPT_KEEPS_SHAPES,
    .counters = counters,
    .counter_count = MOPT_COUNTOF(counters),
    .rules = rules,
    .rule_count = MOPT_COUNTOF(rules),
};
