// SPDX-License-Identifier: Apache-2.0
// Which nodes become one action: a convolution or product with what follows it (bias, residual,
// activation, quantization), as long as nobody else sees the values in between. Only structure and
// shapes decide; numbers are looked at by the natives.
#include <math.h>
#include <string.h>

#include "exec/lower.h"

// Both have the same shape and type.
static bool is_like(const struct mopt_lower *l, const struct mopt_value *a,
                    const struct mopt_value *b)
{
    struct mopt_low_shape p;
    struct mopt_low_shape q;
    return mopt__low_same_shape(l, a, b) && mopt__low_shape(l, a, &p) &&
           mopt__low_shape(l, b, &q) && p.dtype == q.dtype;
}

static void absorb(struct mopt_lower *l, const struct mopt_node *node, uint32_t *last)
{
    l->absorbed[node->order] = true;
    *last = node->order > *last ? node->order : *last;
}

// x + residual with equal shapes.
static bool take_residual(struct mopt_lower *l, struct mopt_group *g, uint32_t *last)
{
    const struct mopt_node *add = mopt__low_sole_use(l, g->out);
    if (g->residual != NULL || !mopt__low_is(add, "", "Add") || !mopt__low_is_free(l, add)) {
        return false;
    }
    const struct mopt_value *residual = mopt__low_other(add, g->out);
    if (residual == NULL || !is_like(l, residual, g->out) ||
        !is_like(l, mopt__node_output(add, 0), g->out)) {
        return false;
    }
    g->residual = residual;
    g->out = mopt__node_output(add, 0);
    absorb(l, add, last);
    return true;
}

static bool take_chain(struct mopt_lower *l, const struct mopt_low_chain *chain,
                       struct mopt_group *g, uint32_t *last)
{
    for (int i = 0; i < chain->node_count; i++) {
        if (!mopt__low_is_free(l, chain->nodes[i])) {
            return false;
        }
    }
    for (int i = 0; i < chain->node_count; i++) {
        absorb(l, chain->nodes[i], last);
    }
    g->out = chain->out;
    return true;
}

static void take_function(struct mopt_lower *l, struct mopt_group *g, uint32_t *last)
{
    struct mopt_low_chain chain;
    if (g->act.kind == MOPT_ACT_NONE && mopt__low_chain(l, g->out, &chain) &&
        take_chain(l, &chain, g, last)) {
        g->act = chain.function;
    }
}

// A number that all is multiplied by, one that is added.
static void take_scaling(struct mopt_lower *l, struct mopt_group *g, uint32_t *last)
{
    struct mopt_low_chain chain;
    if (mopt__low_scaling(l, g->out, &chain) && take_chain(l, &chain, g, last)) {
        g->after = chain.function;
    }
}

// A constant with one entry per column (per_channel: one per channel of an image) that is added.
static void take_bias(struct mopt_lower *l, struct mopt_group *g, bool per_channel, uint32_t *last)
{
    struct mopt_low_shape out;
    const struct mopt_node *add = mopt__low_sole_use(l, g->out);
    if (!mopt__low_is(add, "", "Add") || !mopt__low_is_free(l, add) ||
        !mopt__low_shape(l, g->out, &out) || out.rank < 1) {
        return;
    }
    const struct mopt_value *bias = mopt__low_other(add, g->out);
    const struct mopt_tensor *constant = mopt__low_constant(l, bias);
    const size_t n = (size_t)out.dims[per_channel ? 1 : out.rank - 1];
    if (constant != NULL && constant->count == n &&
        mopt__low_fits_columns(l, bias, MOPT_FLOAT32, &out, per_channel, n)) {
        g->bias = bias;
        g->out = mopt__node_output(add, 0);
        absorb(l, add, last);
    }
}

static bool is_clamp(enum mopt_act kind)
{
    return kind == MOPT_ACT_NONE || kind == MOPT_ACT_RELU || kind == MOPT_ACT_CLIP;
}

// QuantizeLinear behind an integer form; only clamps can be done on codes.
static void take_quantizer(struct mopt_lower *l, struct mopt_group *g, uint32_t *last)
{
    if (!is_clamp(g->act.kind) || !mopt__low_is_quantized(l, g->out, &g->y)) {
        return;
    }
    g->out_codes = true;
    g->out = g->y.codes;
    absorb(l, g->out->producer, last);
}

static enum mopt_status place(struct mopt_lower *l, const struct mopt_group *g, uint32_t last)
{
    struct mopt_group *own = mopt__low_work(l, sizeof *own);
    if (own == NULL) {
        return MOPT_E_MEMORY;
    }
    *own = *g;
    l->absorbed[g->anchor->order] = true;
    l->groups[last] = own;
    return MOPT_OK;
}

// Operands of an integer form: codes with one scale, constant weights with one scale or one per
// output channel (axis) and a bias that is constant.
static bool integer_operands(struct mopt_lower *l, const struct mopt_node *node, int axis,
                             struct mopt_group *g)
{
    const struct mopt_value *x = mopt__node_input(node, 0);
    const struct mopt_value *w = mopt__node_input(node, 1);
    const struct mopt_value *b = mopt__node_input(node, 2);
    return x->producer != NULL && w->producer != NULL &&
           mopt__low_dequantizer(l, x->producer, false, &g->x) && mopt__low_one_scale(&g->x) &&
           mopt__low_constant(l, g->x.codes) == NULL &&
           mopt__low_dequantizer(l, w->producer, false, &g->w) &&
           mopt__low_constant(l, g->w.codes) != NULL &&
           (mopt__low_one_scale(&g->w) || g->w.axis == axis) &&
           (b == NULL || mopt__low_has_floats(l, b));
}

// What only multiplies or shifts the channels of a float convolution, or takes away or adds an axis
// of 1: exporters of TensorFlow write convolutions with one spatial axis so.
static void take_affine(struct mopt_lower *l, struct mopt_group *g, uint32_t *last)
{
    const struct mopt_node *node = mopt__low_sole_use(l, g->out);
    while (mopt__low_is_free(l, node)) {
        bool view = mopt__low_is_image_view(l, node) && node->inputs[0].value == g->out;
        if (!view &&
            (g->affine_count == MOPT_AFFINE_MAX || !mopt__low_is_affine(l, node, g->out))) {
            break;
        }
        if (!view) {
            g->affine[g->affine_count++] = node;
        }
        g->out = node->outputs[0];
        absorb(l, node, last);
        node = mopt__low_sole_use(l, g->out);
    }
}

static enum mopt_status group_conv(struct mopt_lower *l, const struct mopt_node *node)
{
    struct mopt_group g = {.anchor = node, .out = mopt__node_output(node, 0)};
    uint32_t last = node->order;
    if (!mopt__low_takes_conv(l, node)) {
        return MOPT_OK;
    }
    g.bytes = integer_operands(l, node, 0, &g);
    if (g.bytes) {
        take_function(l, &g, &last);
        take_quantizer(l, &g, &last);
    } else {
        take_affine(l, &g, &last);
        g.residual_first = take_residual(l, &g, &last);
        take_function(l, &g, &last);
        take_scaling(l, &g, &last);
        take_residual(l, &g, &last);
    }
    return place(l, &g, last);
}

static enum mopt_status group_conv_transpose(struct mopt_lower *l, const struct mopt_node *node)
{
    struct mopt_group g = {.anchor = node, .out = mopt__node_output(node, 0)};
    uint32_t last = node->order;
    if (!mopt__low_takes_conv_transpose(l, node)) {
        return MOPT_OK;
    }
    take_affine(l, &g, &last);
    take_function(l, &g, &last);
    take_scaling(l, &g, &last);
    return place(l, &g, last);
}

static enum mopt_status place_with_members(struct mopt_lower *l, const struct mopt_group *g,
                                           uint32_t last)
{
    for (int i = 0; i < g->member_count; i++) {
        absorb(l, g->members[i], &last);
    }
    return place(l, g, last);
}

static enum mopt_status group_norm(struct mopt_lower *l, const struct mopt_node *node)
{
    struct mopt_group g;
    bool found;
    uint32_t last = node->order;
    const enum mopt_status status = mopt__low_group_norm(l, node, &g, &found);
    if (status != MOPT_OK || !found) {
        return status;
    }
    take_function(l, &g, &last);
    return place_with_members(l, &g, last);
}

// A MatMul of two computed operands: the beginning of an attention, or alone.
static enum mopt_status group_matmul(struct mopt_lower *l, const struct mopt_node *node)
{
    struct mopt_group g;
    bool found;
    uint32_t last = node->order;
    enum mopt_status status = mopt__low_group_attention(l, node, &g, &found);
    if (status == MOPT_OK && !found) {
        status = mopt__low_group_matmul(l, node, &g, &found);
    }
    if (status == MOPT_OK && found && g.bytes) {
        take_function(l, &g, &last);
        take_quantizer(l, &g, &last);
    }
    return status == MOPT_OK && found ? place_with_members(l, &g, last) : status;
}

static bool is_plain_gemm(const struct mopt_node *node)
{
    return mopt__low_float(node, "alpha", 1) == 1 && mopt__low_float(node, "beta", 1) == 1;
}

static enum mopt_status group_product(struct mopt_lower *l, const struct mopt_node *node)
{
    struct mopt_group g = {.anchor = node, .out = mopt__node_output(node, 0)};
    uint32_t last = node->order;
    if (!mopt__low_takes_product(l, node)) {
        return mopt__low_is(node, "", "MatMul") ? group_matmul(l, node) : MOPT_OK;
    }
    g.bytes = is_plain_gemm(node) &&
              integer_operands(l, node, mopt__int_of(node, "transB", 0) != 0 ? 0 : 1, &g);
    bool nbits = mopt__low_is_nbits(node) && mopt__node_input(node, 5) == NULL;
    if (mopt__low_is(node, "", "MatMul") || nbits) {
        take_bias(l, &g, false, &last);
    }
    if (g.bytes) {
        take_function(l, &g, &last);
        take_quantizer(l, &g, &last);
    } else {
        g.residual_first = take_residual(l, &g, &last);
        take_function(l, &g, &last);
        take_scaling(l, &g, &last);
        take_residual(l, &g, &last);
    }
    return place(l, &g, last);
}

// DequantizeLinear x 2 -> Add -> (clamp) -> QuantizeLinear on equal shapes.
static enum mopt_status group_add(struct mopt_lower *l, const struct mopt_node *node)
{
    const struct mopt_value *a = mopt__node_input(node, 0);
    const struct mopt_value *b = mopt__node_input(node, 1);
    struct mopt_group g = {.anchor = node, .out = mopt__node_output(node, 0), .bytes = true};
    uint32_t last = node->order;
    if (a->producer == NULL || b->producer == NULL || !mopt__low_same_shape(l, a, b) ||
        !mopt__low_dequantizer(l, a->producer, false, &g.x) || !mopt__low_one_scale(&g.x) ||
        !mopt__low_dequantizer(l, b->producer, false, &g.w) || !mopt__low_one_scale(&g.w) ||
        mopt__low_constant(l, g.x.codes) != NULL || mopt__low_constant(l, g.w.codes) != NULL) {
        return MOPT_OK;
    }
    struct mopt_low_chain chain;
    const struct mopt_node *clamp = NULL;
    if (mopt__low_chain(l, g.out, &chain) && chain.node_count == 1 &&
        is_clamp(chain.function.kind) && mopt__low_is_free(l, chain.nodes[0])) {
        clamp = chain.nodes[0];
        g.act = chain.function;
        g.out = chain.out;
    }
    uint32_t end = last;
    take_quantizer(l, &g, &end);
    if (!g.out_codes) {
        return MOPT_OK;
    }
    if (clamp != NULL) {
        absorb(l, clamp, &end);
    }
    return place(l, &g, end);
}

// What follows the sums once they are floats.
static enum mopt_status group_sums(struct mopt_lower *l, const struct mopt_node *node)
{
    struct mopt_group g;
    bool found;
    uint32_t last = node->order;
    enum mopt_status status = mopt__low_group_sums(l, node, &g, &found);
    if (status != MOPT_OK || !found) {
        return status;
    }
    if (g.real) {
        take_bias(l, &g, mopt__low_is(node, "", "ConvInteger"), &last);
        take_function(l, &g, &last);
        if (g.matmul == NULL) {
            take_residual(l, &g, &last);
        }
    }
    return place_with_members(l, &g, last);
}

static enum mopt_status group_qlinear(struct mopt_lower *l, const struct mopt_node *node)
{
    struct mopt_group g;
    enum mopt_status status = MOPT_OK;
    bool found = mopt__low_qlinear(l, node, &g);
    if (found && mopt__low_constant(l, g.w.codes) == NULL) {
        status = mopt__low_group_codes(l, node, 3, &g, &found);
    }
    return status == MOPT_OK && found ? place_with_members(l, &g, node->order) : status;
}

enum mopt_status mopt__low_groups(struct mopt_lower *l)
{
    const struct mopt_schedule *main = l->schedule;
    enum mopt_status status = MOPT_OK;
    for (uint32_t s = 0; s < main->step_count && status == MOPT_OK; s++) {
        const struct mopt_node *node = main->steps[s].node;
        if (!mopt__low_is_free(l, node)) {
            continue;
        }
        if (mopt__low_is(node, "", "Conv")) {
            status = group_conv(l, node);
        } else if (mopt__low_is(node, "", "ConvTranspose")) {
            status = group_conv_transpose(l, node);
        } else if (mopt__low_is(node, "", "MatMul") || mopt__low_is(node, "", "Gemm") ||
                   mopt__low_is_nbits(node)) {
            status = group_product(l, node);
        } else if (mopt__low_is(node, "", "MatMulInteger") ||
                   mopt__low_is(node, "", "ConvInteger")) {
            status = group_sums(l, node);
        } else if (mopt__low_is(node, "", "Add")) {
            status = group_add(l, node);
        } else if (mopt__low_is(node, "", "InstanceNormalization") ||
                   mopt__low_is(node, "", "GroupNormalization")) {
            status = group_norm(l, node);
        } else {
            status = group_qlinear(l, node);
        }
    }
    return status;
}
