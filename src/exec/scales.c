// SPDX-License-Identifier: Apache-2.0
// Products of codes whose scales or zero points are made in the run, which natives want to know
// before: QLinearMatMul, QLinearConv, and MatMul and Conv behind DequantizeLinear. They become what
// sums.c knows: exact sums, which a factor of the run makes floats, quantized again where they
// were.
#include <string.h>

#include "exec/chain.h"
#include "ops/operands.h"
#include "ops/ops.h"

enum {
    DEEPEST = 8,         // nodes between a scale and what the run makes it of
    TERMS_MOST = 1 << 15 // products that 32 bits hold the sum of
};

// ---- Reading ------------------------------------------------------------------------------------

struct operand {
    struct mopt_value *codes, *scale, *zero;
    struct mopt_node *linear; // the DequantizeLinear; NULL: none
};

struct product {
    bool conv, coded; // coded: the result is codes
    struct operand a, b, y;
    struct mopt_value *bias;
};

static struct operand operand_at(const struct mopt_node *node, uint32_t codes, uint32_t scale)
{
    return (struct operand){.codes = mopt__node_input(node, codes),
                            .scale = mopt__node_input(node, scale),
                            .zero = mopt__node_input(node, scale + 1)};
}

static bool read_linear(const struct mopt_node *node, uint32_t at, struct operand *o)
{
    struct mopt_node *linear = mopt__node_input(node, at)->producer;
    if (linear == NULL || linear->graph != node->graph ||
        !mopt__prepare_is(linear, "DequantizeLinear") || !mopt__prepare_is_sound(linear) ||
        mopt__int_of(linear, "block_size", 0) != 0) {
        return false;
    }
    *o = operand_at(linear, 0, 1);
    o->linear = linear;
    return true;
}

static bool read_product(const struct mopt_node *node, struct product *p)
{
    *p = (struct product){.conv = mopt__prepare_is(node, "Conv") ||
                                  mopt__prepare_is(node, "QLinearConv"),
                          .coded = mopt__prepare_is(node, "QLinearMatMul") ||
                                   mopt__prepare_is(node, "QLinearConv")};
    if ((!p->coded && !p->conv && !mopt__prepare_is(node, "MatMul")) ||
        !mopt__prepare_is_sound(node)) {
        return false;
    }
    p->bias = p->conv ? mopt__node_input(node, p->coded ? 8 : 2) : NULL;
    if (!p->coded) {
        return read_linear(node, 0, &p->a) && read_linear(node, 1, &p->b);
    }
    p->a = operand_at(node, 0, 1);
    p->b = operand_at(node, 3, 4);
    p->y = operand_at(node, 6, 6);
    p->y.codes = NULL;
    return true;
}

// ---- Which nodes change -------------------------------------------------------------------------

// What is folded when a session is made is as good as a constant.
static bool is_made(const struct mopt_value *value, int depth)
{
    const struct mopt_node *node = value != NULL ? value->producer : NULL;
    if (value == NULL || depth == 0 || mopt__initial_constant(value) != NULL) {
        return false;
    }
    bool made = node == NULL || mopt__prepare_is(node, "DynamicQuantizeLinear");
    for (uint32_t i = 0; !made && i < node->input_count; i++) {
        made = is_made(node->inputs[i].value, depth - 1);
    }
    return made;
}

static bool takes(const struct mopt_node *node)
{
    struct product p;
    if (!read_product(node, &p)) {
        return false;
    }
    const struct mopt_value *const numbers[] = {p.a.scale, p.a.zero,  p.b.scale,
                                                p.b.zero,  p.y.scale, p.y.zero};
    bool made = false;
    for (size_t i = 0; !made && i < MOPT_COUNTOF(numbers); i++) {
        made = is_made(numbers[i], DEEPEST);
    }
    return made;
}

static bool size_is(const struct mopt_node *node, const struct mopt_type *type, int axis,
                    int64_t size)
{
    int64_t known = 0;
    return mopt__dim_is_known(node->graph->model->dims, type->dims[axis], &known) && known == size;
}

// One number.
static bool is_one(const struct mopt_node *node, const struct mopt_value *value,
                   enum mopt_dtype dtype)
{
    const struct mopt_type *type = mopt__prepare_type(value);
    return type != NULL && type->dtype == dtype &&
           (type->rank == 0 || (type->rank == 1 && size_is(node, type, 0, 1)));
}

static const struct mopt_type *codes_type(const struct operand *o)
{
    const struct mopt_type *type = mopt__prepare_type(o->codes);
    return type != NULL && (type->dtype == MOPT_INT8 || type->dtype == MOPT_UINT8) ? type : NULL;
}

static bool has_numbers(const struct mopt_node *node, const struct operand *o)
{
    const struct mopt_type *type = codes_type(o);
    return type != NULL && is_one(node, o->scale, MOPT_FLOAT32) &&
           (o->zero == NULL || is_one(node, o->zero, type->dtype));
}

// One for each column of constant weights.
static bool has_columns(const struct product *p)
{
    const struct mopt_tensor *w = mopt__initial_constant(p->b.codes);
    const struct mopt_tensor *scale = mopt__initial_constant(p->b.scale);
    const struct mopt_tensor *zero = mopt__initial_constant(p->b.zero);
    if (w == NULL || scale == NULL || w->rank < 2 || (!p->conv && w->rank != 2) ||
        codes_type(&p->b) == NULL || (p->b.zero != NULL && zero == NULL)) {
        return false;
    }
    const int columns = p->conv ? 0 : 1;
    const struct mopt_node *linear = p->b.linear;
    int64_t axis = linear != NULL ? mopt__int_of(linear, "axis", 1) : columns;
    return scale->dtype == MOPT_FLOAT32 && scale->rank == 1 && scale->dims[0] == w->dims[columns] &&
           (axis < 0 ? axis + w->rank : axis) == columns &&
           (zero == NULL || zero->count == 1 ||
            (zero->rank == 1 && zero->dims[0] == scale->dims[0]));
}

// Floats do not overflow, sums in 32 bits would.
static bool is_short(const struct mopt_node *node, const struct product *p)
{
    const struct mopt_type *b = codes_type(&p->b);
    int64_t terms = 1;
    bool known = b != NULL && b->rank >= 2;
    for (int d = p->conv ? 1 : b->rank - 2; known && d < b->rank - (p->conv ? 0 : 1); d++) {
        int64_t size = 0;
        known = mopt__dim_is_known(node->graph->model->dims, b->dims[d], &size) && size > 0 &&
                size <= TERMS_MOST / terms;
        terms *= known ? size : 1;
    }
    return known;
}

// Integers are added before the scale, floats behind it; either way a constant.
static bool has_bias(const struct product *p)
{
    const struct mopt_tensor *bias = mopt__initial_constant(p->bias);
    return p->bias == NULL || (bias != NULL && bias->rank == 1 &&
                               bias->dtype == (p->coded ? MOPT_INT32 : MOPT_FLOAT32));
}

static bool fits(const struct mopt_node *node, const struct product *p)
{
    const struct mopt_type *x = codes_type(&p->a);
    return x != NULL && has_numbers(node, &p->a) && (has_numbers(node, &p->b) || has_columns(p)) &&
           has_bias(p) &&
           (!p->conv || (x->rank >= 3 && mopt__initial_constant(p->b.codes) != NULL)) &&
           (p->coded ? is_one(node, p->y.scale, MOPT_FLOAT32) : is_short(node, p));
}

// ---- The sums -----------------------------------------------------------------------------------

// The constant as it is added to, or multiplied with the channels of images of this rank.
static struct mopt_value *channels_of(struct mopt_chain *c, const struct product *p,
                                      struct mopt_value *value)
{
    const struct mopt_tensor *t = mopt__initial_constant(value);
    int64_t dims[MOPT_RANK_MAX];
    struct mopt_tensor *copy = NULL;
    const int rank = mopt__prepare_rank(p->a.codes) - 1;
    if (!p->conv || t == NULL || t->rank != 1 || c->failed) {
        return value;
    }
    for (int d = 0; d < rank; d++) {
        dims[d] = d == 0 ? t->dims[0] : 1;
    }
    c->failed = mopt__tensor_new(t->dtype, rank, dims, &copy, c->err) != MOPT_OK;
    if (c->failed) {
        return NULL;
    }
    memcpy(mopt__tensor_data(copy), t->data, t->bytes);
    struct mopt_value *made = mopt__graph_constant(c->node->graph, value->name, copy, c->err);
    mopt__tensor_unref(copy);
    c->failed = made == NULL;
    return made;
}

static struct mopt_value *one(struct mopt_chain *c)
{
    static const float value = 1;
    struct mopt_tensor *t = NULL;
    if (c->failed || mopt__tensor_new(MOPT_FLOAT32, 0, NULL, &t, c->err) != MOPT_OK) {
        c->failed = true;
        return NULL;
    }
    memcpy(mopt__tensor_data(t), &value, sizeof value);
    struct mopt_value *made =
        mopt__graph_constant(c->node->graph, c->node->outputs[0]->name, t, c->err);
    mopt__tensor_unref(t);
    c->failed = made == NULL;
    return made;
}

static void build(struct mopt_chain *c, const struct product *p)
{
    struct mopt_value *scales[] = {p->a.scale, channels_of(c, p, p->b.scale)};
    struct mopt_value *sums[] = {p->a.codes, p->b.codes, p->a.zero, p->b.zero};
    struct mopt_value *bias = channels_of(c, p, p->bias);
    mopt__chain_add(c, "Mul", scales, 2, 1);
    if (p->coded) {
        mopt__chain_follow(c, "Div", p->y.scale);
    }
    struct mopt_value *factor = mopt__chain_last(c);
    struct mopt_node *made =
        mopt__chain_add(c, p->conv ? "ConvInteger" : "MatMulInteger", sums, 4, 1);
    if (p->conv && !c->failed) {
        c->failed = mopt__node_copy_attributes(made, c->node, c->err) != MOPT_OK;
    }
    if (bias != NULL && p->coded) {
        mopt__chain_follow(c, "Add", bias);
    }
    mopt__chain_scale(c, factor);
    if (bias != NULL && !p->coded) {
        mopt__chain_follow(c, "Add", bias);
    }
    if (p->coded) {
        struct mopt_value *inputs[] = {mopt__chain_last(c), NULL, p->y.zero};
        inputs[1] = one(c);
        mopt__chain_add(c, "QuantizeLinear", inputs, 3, 1);
    }
}

static enum mopt_status change(struct mopt_node *node, struct mopt_error *err)
{
    struct mopt_chain c = {.node = node, .err = err};
    const struct mopt_node *next = node->next; // where the walk goes on
    struct product p;
    if (!read_product(node, &p) || !fits(node, &p)) {
        return MOPT_OK;
    }
    build(&c, &p);
    enum mopt_status status = mopt__chain_finish(&c);
    struct mopt_node *linears[] = {p.a.linear, p.b.linear != p.a.linear ? p.b.linear : NULL};
    for (size_t i = 0; status == MOPT_OK && i < MOPT_COUNTOF(linears); i++) {
        const struct mopt_value *real = linears[i] != NULL ? linears[i]->outputs[0] : NULL;
        if (real != NULL && linears[i] != next && real->use_count == 0 &&
            real->graph_output_count == 0) {
            mopt__node_remove(linears[i]);
        }
    }
    return status;
}

const struct mopt_prepare mopt__prepare_scales = {.takes = takes, .change = change, .typed = true};
