// SPDX-License-Identifier: Apache-2.0
// Products of codes whose scales and zero points are operands: QLinearConv, QLinearMatMul and QGemm
// become the same groups as what stands between DequantizeLinear and QuantizeLinear (qdq.c has the
// other operators on codes).
#include "exec/lower.h"

// Codes whose scale and zero point are the operands `at` and at + 1; at most one of them for each
// of n lines.
static bool read_codes(const struct mopt_lower *l, const struct mopt_node *node,
                       const struct mopt_value *codes, uint32_t at, size_t n,
                       struct mopt_low_quant *q)
{
    struct mopt_low_shape shape;
    const struct mopt_value *zero = mopt__node_input(node, at + 1);
    if (codes == NULL || !mopt__low_shape(l, codes, &shape)) {
        return false;
    }
    *q = (struct mopt_low_quant){.codes = codes,
                                 .dtype = shape.dtype,
                                 .scale = mopt__low_constant(l, mopt__node_input(node, at)),
                                 .zero = mopt__low_constant(l, zero)};
    return (shape.dtype == MOPT_INT8 || shape.dtype == MOPT_UINT8) && q->scale != NULL &&
           q->scale->dtype == MOPT_FLOAT32 && q->scale->rank <= 1 &&
           (q->scale->count == 1 || q->scale->count == n) &&
           mopt__low_scales_fit(q->scale, mopt__low_constant(l, codes) == NULL) &&
           (zero == NULL || (q->zero != NULL && q->zero->dtype == shape.dtype &&
                             (q->zero->count == 1 || (q->zero->count == n && q->zero->rank == 1))));
}

static bool read_operand(const struct mopt_lower *l, const struct mopt_node *node, uint32_t at,
                         size_t n, struct mopt_low_quant *q)
{
    return read_codes(l, node, mopt__node_input(node, at), at + 1, n, q);
}

// Two operands, the first of which is no constant, and codes as the result. y: where the result's
// scale stands. n: lines of the second operand, which is a constant when `weights`.
static bool read_three(const struct mopt_lower *l, const struct mopt_node *node, uint32_t y,
                       size_t n, bool weights, struct mopt_group *g)
{
    return read_operand(l, node, 0, 1, &g->x) && mopt__low_constant(l, g->x.codes) == NULL &&
           read_operand(l, node, 3, n, &g->w) &&
           (mopt__low_constant(l, g->w.codes) != NULL) == weights &&
           read_codes(l, node, g->out, y, 1, &g->y);
}

// A bias in units of the sums, one number for each of n.
static bool read_bias(const struct mopt_lower *l, const struct mopt_value *bias, size_t n,
                      struct mopt_group *g)
{
    const struct mopt_tensor *constant = mopt__low_constant(l, bias);
    g->sum_bias = constant;
    return bias == NULL ||
           (constant != NULL && constant->dtype == MOPT_INT32 && constant->count == n);
}

bool mopt__low_qlinear(const struct mopt_lower *l, const struct mopt_node *node,
                       struct mopt_group *g)
{
    struct mopt_low_shape w;
    *g = (struct mopt_group){.anchor = node,
                             .out = mopt__node_output(node, 0),
                             .bytes = true,
                             .out_codes = true};
    if (mopt__node_input(node, 3) == NULL || !mopt__low_shape(l, mopt__node_input(node, 3), &w)) {
        return false;
    }
    if (mopt__low_is(node, "", "QLinearConv")) {
        size_t n = (size_t)w.dims[0];
        return read_three(l, node, 6, n, true, g) && mopt__low_takes_window(l, node) &&
               read_bias(l, mopt__node_input(node, 8), n, g);
    }
    size_t n;
    if (mopt__low_is(node, "", "QLinearMatMul")) {
        return (mopt__low_takes_codes(l, node, &n) && read_three(l, node, 6, n, true, g)) ||
               read_three(l, node, 6, 1, false, g);
    }
    return mopt__low_is(node, "com.microsoft", "QGemm") && mopt__low_takes_codes(l, node, &n) &&
           mopt__low_float(node, "alpha", 1) == 1 && mopt__node_input(node, 7) != NULL &&
           read_three(l, node, 7, n, true, g) && read_bias(l, mopt__node_input(node, 6), n, g);
}
