// SPDX-License-Identifier: Apache-2.0
// Which elementwise function of one operand a node, or a few nodes together, compute. It only
// looks.
#include <math.h>
#include <string.h>

#include "exec/lower.h"

struct named {
    const char *domain, *op_type;
    enum mopt_act kind;
    const char *alpha, *beta; // attribute names, NULL: none
    float alpha_default, beta_default;
};

static const struct named table[] = {
    {"", "Relu", MOPT_ACT_RELU, NULL, NULL, 0, 0},
    {"", "LeakyRelu", MOPT_ACT_LEAKY_RELU, "alpha", NULL, 0.01F, 0},
    {"", "HardSigmoid", MOPT_ACT_HARD_SIGMOID, "alpha", "beta", 0.2F, 0.5F},
    {"", "HardSwish", MOPT_ACT_HARD_SWISH, NULL, NULL, 1.0F / 6, 0.5F},
    {"", "Sigmoid", MOPT_ACT_SIGMOID, NULL, NULL, 0, 0},
    {"", "Tanh", MOPT_ACT_TANH, NULL, NULL, 0, 0},
    {"", "Elu", MOPT_ACT_ELU, "alpha", NULL, 1, 0},
    {"", "Erf", MOPT_ACT_ERF, NULL, NULL, 0, 0},
    {"", "Exp", MOPT_ACT_EXP, NULL, NULL, 0, 0},
    {"", "Log", MOPT_ACT_LOG, NULL, NULL, 0, 0},
    {"", "Sqrt", MOPT_ACT_SQRT, NULL, NULL, 0, 0},
    {"", "Reciprocal", MOPT_ACT_RECIPROCAL, NULL, NULL, 0, 0},
    {"", "Abs", MOPT_ACT_ABS, NULL, NULL, 0, 0},
    {"", "Neg", MOPT_ACT_NEG, NULL, NULL, 0, 0},
    {"", "Softplus", MOPT_ACT_SOFTPLUS, NULL, NULL, 0, 0},
    {"", "Mish", MOPT_ACT_MISH, NULL, NULL, 0, 0},
    {"", "Round", MOPT_ACT_ROUND, NULL, NULL, 0, 0},
    {"", "Floor", MOPT_ACT_FLOOR, NULL, NULL, 0, 0},
    {"", "Ceil", MOPT_ACT_CEIL, NULL, NULL, 0, 0},
    {"", "Sin", MOPT_ACT_SIN, NULL, NULL, 0, 0},
    {"", "Cos", MOPT_ACT_COS, NULL, NULL, 0, 0},
    {"com.microsoft", "Gelu", MOPT_ACT_GELU, NULL, NULL, 0, 0},
    {"com.microsoft", "QuickGelu", MOPT_ACT_SILU, "alpha", NULL, 1.702F, 0},
};

static bool is_float(const struct mopt_lower *l, const struct mopt_value *value)
{
    struct mopt_low_shape shape;
    return mopt__low_shape(l, value, &shape) && shape.dtype == MOPT_FLOAT32;
}

// Bounds are attributes before opset 11, then inputs.
static bool clip(const struct mopt_lower *l, const struct mopt_node *node,
                 struct mopt_function_f32 *f)
{
    *f = (struct mopt_function_f32){MOPT_ACT_CLIP, mopt__low_float(node, "min", -INFINITY),
                                    mopt__low_float(node, "max", INFINITY)};
    const struct mopt_value *low = mopt__node_input(node, 1);
    const struct mopt_value *high = mopt__node_input(node, 2);
    return (low == NULL || mopt__low_scalar(l, low, &f->alpha)) &&
           (high == NULL || mopt__low_scalar(l, high, &f->beta)) && f->alpha <= f->beta;
}

static bool gelu(const struct mopt_node *node, struct mopt_function_f32 *f)
{
    const struct mopt_attribute *a = mopt__node_attribute(node, "approximate");
    bool tanh_form = a != NULL && a->kind == MOPT_ATTR_STRING && strcmp(a->s.data, "tanh") == 0;
    *f = (struct mopt_function_f32){.kind = tanh_form ? MOPT_ACT_GELU_TANH : MOPT_ACT_GELU};
    return true;
}

bool mopt__low_function(const struct mopt_lower *l, const struct mopt_node *node,
                        struct mopt_function_f32 *function)
{
    if (node->op == NULL || node->input_count == 0 || node->output_count != 1 ||
        !is_float(l, mopt__node_input(node, 0)) || !is_float(l, mopt__node_output(node, 0))) {
        return false;
    }
    if (mopt__low_is(node, "", "Clip")) {
        return clip(l, node, function);
    }
    if (mopt__low_is(node, "", "Gelu")) {
        return gelu(node, function);
    }
    if (mopt__low_is(node, "com.microsoft", "FastGelu") && mopt__node_input(node, 1) == NULL) {
        *function = (struct mopt_function_f32){.kind = MOPT_ACT_GELU_TANH};
        return true;
    }
    for (size_t i = 0; i < MOPT_COUNTOF(table); i++) {
        if (mopt__low_is(node, table[i].domain, table[i].op_type)) {
            *function = (struct mopt_function_f32){
                table[i].kind, mopt__low_float(node, table[i].alpha, table[i].alpha_default),
                mopt__low_float(node, table[i].beta, table[i].beta_default)};
            return true;
        }
    }
    return false;
}

// ---- Chains -------------------------------------------------------------------------------------------------------

// What is left of the number where it was stored in 16 bits. (Gelu with a root of 2 of 11 bits is
// 3e-5 off at most.)
static bool is_rounded(const struct mopt_lower *l, float have, float wanted)
{
    const struct mopt_kernels *kernels = &l->session->kernels;
    uint16_t bits;
    float half;
    float bfloat;
    kernels->f32_to_half(&wanted, &bits, 1);
    kernels->half_to_f32(&bits, &half, 1);
    kernels->f32_to_bfloat(&wanted, &bits, 1);
    kernels->bfloat_to_f32(&bits, &bfloat, 1);
    return l->session->widened && (have == half || have == bfloat);
}

static bool is_about(const struct mopt_lower *l, const struct mopt_value *value, float wanted)
{
    float have;
    return mopt__low_scalar(l, value, &have) &&
           (fabsf(have - wanted) <= 1e-6F * fabsf(wanted) || is_rounded(l, have, wanted));
}

// node = value op constant (either order for Add and Mul).
static bool by_constant(const struct mopt_lower *l, const struct mopt_node *node,
                        const char *op_type, const struct mopt_value *value, float constant)
{
    return mopt__low_is(node, "", op_type) && mopt__low_other(node, value) != NULL &&
           (strcmp(op_type, "Div") != 0 || mopt__node_input(node, 0) == value) &&
           is_about(l, mopt__low_other(node, value), constant);
}

static void add_node(struct mopt_low_chain *chain, const struct mopt_node *node)
{
    chain->nodes[chain->node_count++] = node;
    chain->out = mopt__node_output(node, 0);
}

// x * Sigmoid(x), x * HardSigmoid(x): `gate` is one of the two users of x.
static bool gated(const struct mopt_lower *l, const struct mopt_value *x,
                  const struct mopt_node *gate, const struct mopt_node *product,
                  struct mopt_low_chain *chain)
{
    struct mopt_function_f32 f;
    if (!mopt__low_function(l, gate, &f) || !mopt__low_is(product, "", "Mul") ||
        mopt__low_other(product, x) != mopt__node_output(gate, 0) ||
        mopt__low_sole_use(l, mopt__node_output(gate, 0)) != product) {
        return false;
    }
    if (f.kind == MOPT_ACT_SIGMOID) {
        chain->function = (struct mopt_function_f32){MOPT_ACT_SILU, 1, 0};
    } else if (f.kind == MOPT_ACT_HARD_SIGMOID) {
        chain->function = (struct mopt_function_f32){MOPT_ACT_HARD_SWISH, f.alpha, f.beta};
    } else {
        return false;
    }
    add_node(chain, gate);
    add_node(chain, product);
    return true;
}

// Erf form of Gelu: scaled = x / sqrt 2; p = 1 + Erf(scaled); then (x * p) * 0.5 or (x * 0.5) * p.
static bool erf_gelu(const struct mopt_lower *l, const struct mopt_value *x,
                     const struct mopt_node *scaled, const struct mopt_node *product,
                     struct mopt_low_chain *chain)
{
    if (!by_constant(l, scaled, "Div", x, 1.41421356F) &&
        !by_constant(l, scaled, "Mul", x, 0.70710678F)) {
        return false;
    }
    const struct mopt_node *erf = mopt__low_sole_use(l, mopt__node_output(scaled, 0));
    if (!mopt__low_is(erf, "", "Erf")) {
        return false;
    }
    const struct mopt_node *plus = mopt__low_sole_use(l, mopt__node_output(erf, 0));
    if (plus == NULL || !by_constant(l, plus, "Add", mopt__node_output(erf, 0), 1) ||
        !mopt__low_is(product, "", "Mul")) {
        return false;
    }
    const struct mopt_value *p = mopt__node_output(plus, 0);
    const struct mopt_node *last = mopt__low_sole_use(l, mopt__node_output(product, 0));
    bool halved = last != NULL && mopt__low_other(product, x) == p &&
                  by_constant(l, last, "Mul", mopt__node_output(product, 0), 0.5F);
    bool before = last != NULL && by_constant(l, product, "Mul", x, 0.5F) &&
                  mopt__low_is(last, "", "Mul") &&
                  mopt__low_other(last, p) == mopt__node_output(product, 0);
    if ((!halved && !before) || mopt__low_sole_use(l, p) != (halved ? product : last)) {
        return false;
    }
    chain->function = (struct mopt_function_f32){.kind = MOPT_ACT_GELU};
    add_node(chain, scaled);
    add_node(chain, erf);
    add_node(chain, plus);
    add_node(chain, product);
    add_node(chain, last);
    return true;
}

bool mopt__low_chain(const struct mopt_lower *l, const struct mopt_value *from,
                     struct mopt_low_chain *chain)
{
    *chain = (struct mopt_low_chain){.node_count = 0};
    const struct mopt_node *only = mopt__low_sole_use(l, from);
    if (only != NULL) {
        if (mopt__node_input(only, 0) != from || !mopt__low_function(l, only, &chain->function)) {
            return false;
        }
        add_node(chain, only);
        return true;
    }
    if (from->use_count != 2 || from->graph_output_count != 0 || !is_float(l, from)) {
        return false;
    }
    const struct mopt_node *a = from->uses->node;
    const struct mopt_node *b = from->uses->next->node;
    const struct mopt_graph *main = l->schedule->graph;
    if (a == b || a->graph != main || b->graph != main) {
        return false;
    }
    return gated(l, from, a, b, chain) || gated(l, from, b, a, chain) ||
           erf_gelu(l, from, a, b, chain) || erf_gelu(l, from, b, a, chain);
}

// node = value op number, of the shape of value; either order.
static bool by_number(const struct mopt_lower *l, const struct mopt_node *node, const char *op_type,
                      const struct mopt_value *value, float *number)
{
    return mopt__low_is(node, "", op_type) && mopt__low_other(node, value) != NULL &&
           mopt__low_scalar(l, mopt__low_other(node, value), number) &&
           is_float(l, mopt__low_other(node, value)) && is_float(l, mopt__node_output(node, 0)) &&
           mopt__low_same_shape(l, mopt__node_output(node, 0), value);
}

bool mopt__low_scaling(const struct mopt_lower *l, const struct mopt_value *from,
                       struct mopt_low_chain *chain)
{
    // 1 x is x, and x + -0 is x.
    *chain = (struct mopt_low_chain){.function = {MOPT_ACT_SCALE, 1, -0.0F}, .out = from};
    const struct mopt_node *node = mopt__low_sole_use(l, from);
    if (node != NULL && by_number(l, node, "Mul", from, &chain->function.alpha)) {
        add_node(chain, node);
        node = mopt__low_sole_use(l, chain->out);
    }
    if (node != NULL && by_number(l, node, "Add", chain->out, &chain->function.beta)) {
        add_node(chain, node);
    }
    return chain->node_count > 0;
}
