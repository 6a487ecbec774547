// SPDX-License-Identifier: Apache-2.0
// Groups of exact sums: a MatMulInteger or ConvInteger and what makes numbers of its result. Most
// quantizers write sums -> Cast -> Mul by the product of two scales, some add an integer bias
// before. Everything here may be known only in the run; without any of it the sums are the result.
#include "exec/lower.h"

// ---- Operands -------------------------------------------------------------------------------------

bool mopt__low_sum_weights(const struct mopt_lower *l, const struct mopt_node *node, size_t n,
                           struct mopt_low_quant *q)
{
    static const float one = 1;
    static const struct mopt_tensor scale = {.dtype = MOPT_FLOAT32,
                                             .count = 1,
                                             .bytes = sizeof one,
                                             .data = &one};
    const struct mopt_value *w = mopt__node_input(node, 1);
    const struct mopt_value *zero = mopt__node_input(node, 3);
    const struct mopt_tensor *codes = mopt__low_constant(l, w);
    if (codes == NULL || (codes->dtype != MOPT_INT8 && codes->dtype != MOPT_UINT8)) {
        return false;
    }
    *q = (struct mopt_low_quant){.codes = w,
                                 .dtype = codes->dtype,
                                 .scale = &scale,
                                 .zero = mopt__low_constant(l, zero)};
    return zero == NULL ||
           (q->zero != NULL && q->zero->dtype == codes->dtype &&
            (q->zero->count == 1 || (q->zero->count == n && q->zero->rank >= 1 &&
                                     q->zero->dims[q->zero->rank - 1] == (int64_t)n)));
}

// Codes with one zero point or none.
static bool takes_codes(const struct mopt_lower *l, const struct mopt_node *node)
{
    const struct mopt_value *x = mopt__node_input(node, 0);
    const struct mopt_value *zero = mopt__node_input(node, 2);
    struct mopt_low_shape codes;
    struct mopt_low_shape point;
    return mopt__low_shape(l, x, &codes) && mopt__low_is_codes(&codes) &&
           (zero == NULL ||
            (mopt__low_shape(l, zero, &point) && point.dtype == codes.dtype && point.count == 1));
}

// ---- What follows ---------------------------------------------------------------------------------

struct sums {
    const struct mopt_lower *l;
    struct mopt_group *g;
    bool per_channel; // columns are channels of an image
    size_t n;
};

static bool is_columns(const struct sums *s, const struct mopt_value *value, enum mopt_dtype dtype)
{
    struct mopt_low_shape out;
    return mopt__low_shape(s->l, s->g->out, &out) &&
           mopt__low_fits_columns(s->l, value, dtype, &out, s->per_channel, s->n);
}

// The only use of the result so far, when that is this operator.
static const struct mopt_node *next(const struct sums *s, const char *op_type)
{
    const struct mopt_node *node = mopt__low_sole_use(s->l, s->g->out);
    return mopt__low_is(node, "", op_type) && mopt__low_is_free(s->l, node) ? node : NULL;
}

static void take(const struct sums *s, const struct mopt_node *node)
{
    s->g->members[s->g->member_count++] = node;
    s->g->out = mopt__node_output(node, 0);
}

static void take_term(const struct sums *s)
{
    const struct mopt_node *add = next(s, "Add");
    const struct mopt_value *term = add != NULL ? mopt__low_other(add, s->g->out) : NULL;
    if (term != NULL && is_columns(s, term, MOPT_INT32)) {
        s->g->term = term;
        take(s, add);
    }
}

static bool makes_floats(const struct sums *s, const struct mopt_node *node)
{
    struct mopt_low_shape y;
    return mopt__low_shape(s->l, mopt__node_output(node, 0), &y) && y.dtype == MOPT_FLOAT32;
}

// A zero point that subtracts nothing.
static bool is_nothing(const struct mopt_lower *l, const struct mopt_value *zero)
{
    const struct mopt_tensor *t = mopt__low_constant(l, zero);
    bool nothing = zero == NULL || t != NULL;
    for (size_t i = 0; t != NULL && nothing && i < t->count; i++) {
        nothing = mopt__tensor_i64_at(t, i) == 0;
    }
    return nothing;
}

// DequantizeLinear of the sums: a Cast and a Mul in one.
static bool take_dequantizer(const struct sums *s)
{
    const struct mopt_node *node = next(s, "DequantizeLinear");
    const struct mopt_value *scale = node != NULL ? mopt__node_input(node, 1) : NULL;
    struct mopt_low_shape out;
    struct mopt_low_shape factor;
    if (node == NULL || mopt__node_input(node, 0) != s->g->out || !makes_floats(s, node) ||
        !is_nothing(s->l, mopt__node_input(node, 2)) || mopt__int_of(node, "block_size", 0) != 0 ||
        !mopt__low_shape(s->l, s->g->out, &out) || !mopt__low_shape(s->l, scale, &factor) ||
        factor.dtype != MOPT_FLOAT32 || factor.rank > 1) {
        return false;
    }
    const int64_t axis = mopt__int_of(node, "axis", 1);
    const int64_t columns = s->per_channel ? 1 : out.rank - 1;
    if (factor.count != 1 &&
        (factor.count != s->n || (axis < 0 ? axis + out.rank : axis) != columns)) {
        return false;
    }
    s->g->factors[0] = scale;
    take(s, node);
    return true;
}

static bool take_cast(const struct sums *s)
{
    const struct mopt_node *cast = next(s, "Cast");
    if (cast == NULL || !makes_floats(s, cast)) {
        return false;
    }
    take(s, cast);
    return true;
}

// Mul by a factor; when that is a product of two that nobody else uses, by both.
static void take_factors(const struct sums *s)
{
    const struct mopt_node *scale = next(s, "Mul");
    const struct mopt_value *factor = scale != NULL ? mopt__low_other(scale, s->g->out) : NULL;
    if (factor == NULL || !is_columns(s, factor, MOPT_FLOAT32)) {
        return;
    }
    const struct mopt_node *product = factor->producer;
    s->g->factors[0] = factor;
    if (mopt__low_is(product, "", "Mul") && mopt__low_is_free(s->l, product) &&
        mopt__low_sole_use(s->l, factor) == scale &&
        is_columns(s, mopt__node_input(product, 0), MOPT_FLOAT32) &&
        is_columns(s, mopt__node_input(product, 1), MOPT_FLOAT32)) {
        s->g->factors[0] = mopt__node_input(product, 0);
        s->g->factors[1] = mopt__node_input(product, 1);
        s->g->members[s->g->member_count++] = product;
    }
    take(s, scale);
}

static void follow(const struct sums *s)
{
    take_term(s);
    s->g->real = take_dequantizer(s);
    if (!s->g->real && take_cast(s)) {
        s->g->real = true;
        take_factors(s);
    }
}

// The zero points of a right operand of the run: one for all, or one for each column of a matrix.
static bool has_zeros(const struct mopt_lower *l, const struct mopt_node *node, size_t n)
{
    const struct mopt_value *zero = mopt__node_input(node, 3);
    struct mopt_low_shape w;
    struct mopt_low_shape zeros;
    return zero == NULL ||
           (mopt__low_shape(l, mopt__node_input(node, 1), &w) && mopt__low_shape(l, zero, &zeros) &&
            zeros.dtype == w.dtype &&
            (zeros.count == 1 || (zeros.count == n && zeros.dims[zeros.rank - 1] == (int64_t)n)));
}

enum mopt_status mopt__low_group_sums(struct mopt_lower *l, const struct mopt_node *node,
                                      struct mopt_group *group, bool *found)
{
    const bool conv = mopt__low_is(node, "", "ConvInteger");
    enum mopt_status status = MOPT_OK;
    struct mopt_low_quant weights;
    struct mopt_low_shape w;
    struct sums s = {.l = l, .g = group, .per_channel = conv};
    *group = (struct mopt_group){.anchor = node, .out = mopt__node_output(node, 0), .sums = true};
    *found = false;
    if (!takes_codes(l, node) || !mopt__low_shape(l, mopt__node_input(node, 1), &w)) {
        return MOPT_OK;
    }
    if (conv ? mopt__low_takes_window(l, node) : mopt__low_takes_codes(l, node, &s.n)) {
        s.n = conv ? (size_t)w.dims[0] : s.n;
        *found = mopt__low_sum_weights(l, node, s.n, &weights);
    }
    if (!*found && !conv && mopt__low_is_codes(&w)) {
        s.n = (size_t)w.dims[w.rank - 1];
        if (has_zeros(l, node, s.n)) {
            status = mopt__low_group_codes(l, node, 1, group, found);
        }
    }
    if (*found) {
        follow(&s);
    }
    return status;
}
