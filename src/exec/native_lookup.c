// SPDX-License-Identifier: Apache-2.0
// Codes that are a function of other codes: what lies between DequantizeLinear and QuantizeLinear,
// however many nodes it takes, becomes a table of 256 codes as long as it depends on one tensor of
// codes and on numbers. Tables are made with the portable kernels, so that they are the same on
// every machine; they are used when somebody asks for the codes.
#include "exec/native.h"

enum { CODES = 256, PIECE = 4096 }; // PIECE: bytes one thread takes at least

// ---- Running ------------------------------------------------------------------------------------------------------

struct lookup_work {
    const uint8_t *table;
    size_t count;
    uint32_t x, y;
};
struct lookup_run {
    const struct lookup_work *w;
    const struct mopt_kernels *kernels;
    const uint8_t *x;
    uint8_t *y;
};

static void look_up(void *context, int64_t begin, int64_t end, int thread)
{
    const struct lookup_run *r = context;
    (void)thread;
    r->kernels->lookup_u8(r->x + begin, r->w->table, r->y + begin, (size_t)(end - begin));
}

static void run_lookup(const void *work, const struct mopt_frame *frame)
{
    const struct lookup_work *w = work;
    struct lookup_run r = {w, frame->kernels, frame->data[w->x], frame->data[w->y]};
    mopt__pool_for(frame->pool, (int64_t)w->count, PIECE, look_up, &r);
}

enum mopt_status mopt__low_look_up(struct mopt_lower *l, const struct mopt_value *value)
{
    const struct mopt_low_value *v = &l->values[value->id];
    struct lookup_work *w = mopt__low_work(l, sizeof *w);
    struct mopt_low_shape shape;
    if (w == NULL || !mopt__low_shape(l, value, &shape)) {
        return MOPT_E_MEMORY;
    }
    w->table = v->table;
    w->count = shape.count;
    enum mopt_form form =
        mopt__low_codes_nhwc(l, v->origin) ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_BYTES;
    enum mopt_status status = mopt__low_cell(l, v->origin, form, &w->x);
    if (status == MOPT_OK) {
        status = mopt__low_output(l, value, form, &w->y);
    }
    uint32_t cells[] = {w->x, w->y};
    return status == MOPT_OK ? mopt__low_emit_over(l, run_lookup, w, cells, 2, 1) : status;
}

// ---- Finding ------------------------------------------------------------------------------------------------------

// A value for each code of `origin`; origin NULL: a number.
struct operand {
    const struct mopt_value *origin;
    float values[CODES];
};

static enum mopt_status read_operand(struct mopt_lower *l, const struct mopt_value *value,
                                     struct operand *o, bool *known)
{
    const struct mopt_low_value *v = &l->values[value->id];
    struct mopt_low_shape shape;
    o->origin = NULL;
    *known = false;
    if (mopt__low_has_floats(l, value)) {
        const float *number;
        if (!mopt__low_shape(l, value, &shape) || shape.count != 1) {
            return MOPT_OK;
        }
        enum mopt_status status = mopt__low_floats(l, value, &number, NULL);
        for (int c = 0; status == MOPT_OK && number != NULL && c < CODES; c++) {
            o->values[c] = *number;
        }
        *known = status == MOPT_OK && number != NULL;
        return status;
    }
    if (v->codes == NULL) {
        return MOPT_OK;
    }
    const struct mopt_low_value *codes = &l->values[v->codes->id];
    *known = true;
    o->origin = codes->origin != NULL ? codes->origin : v->codes;
    for (int c = 0; c < CODES; c++) {
        int code = codes->origin != NULL ? codes->table[c] : c;
        o->values[c] = (float)(code - v->zero) * v->scale;
    }
    return MOPT_OK;
}

// Functions of one value, one behind the other, and the quantizer at the end.
enum { TAIL = 8 };
struct tail {
    const struct mopt_node *nodes[TAIL];
    int count;
    struct mopt_low_quant after;
};

// The node computes from `x`, and numbers, something of the same shape.
static bool is_function(const struct mopt_lower *l, const struct mopt_node *node,
                        const struct mopt_value *x)
{
    struct mopt_function_f32 function;
    enum mopt_binary_op op;
    struct mopt_low_shape number;
    if (!mopt__low_is_free(l, node) || node->output_count != 1 ||
        !mopt__low_same_shape(l, x, node->outputs[0])) {
        return false;
    }
    if (mopt__low_function(l, node, &function)) {
        return mopt__node_input(node, 0) == x;
    }
    const struct mopt_value *other = mopt__low_other(node, x);
    return mopt__low_binary_op(node, &op) && mopt__node_attribute(node, "broadcast") == NULL &&
           other != NULL && mopt__low_has_floats(l, other) && mopt__low_shape(l, other, &number) &&
           number.count == 1;
}

static bool find_tail(const struct mopt_lower *l, const struct mopt_value *y, struct tail *tail)
{
    tail->count = 0;
    while (!mopt__low_is_quantized(l, y, &tail->after)) {
        const struct mopt_node *next = mopt__low_sole_use(l, y);
        if (tail->count == TAIL || !is_function(l, next, y)) {
            return false;
        }
        tail->nodes[tail->count++] = next;
        y = next->outputs[0];
    }
    return true;
}

// Applies the nodes of a tail to the values of y.
static enum mopt_status run_tail(struct mopt_lower *l, const struct tail *tail,
                                 const struct mopt_value *y, float values[CODES])
{
    struct mopt_kernels portable;
    mopt__kernels_select(MOPT_ISA_REF, &portable);
    enum mopt_status status = MOPT_OK;
    for (int i = 0; i < tail->count && status == MOPT_OK; i++) {
        const struct mopt_node *node = tail->nodes[i];
        struct mopt_function_f32 function;
        enum mopt_binary_op op;
        if (mopt__low_function(l, node, &function)) {
            portable.unary_f32(&function, values, values, CODES);
        } else if (mopt__low_binary_op(node, &op)) {
            struct operand number;
            bool known;
            status = read_operand(l, mopt__low_other(node, y), &number, &known);
            bool first = mopt__node_input(node, 0) == y;
            if (status == MOPT_OK && !known) {
                return mopt_error_set(l->err, MOPT_E_INTERNAL, "a number of a table is not known");
            }
            if (status == MOPT_OK) {
                portable.binary_f32(op, first ? values : number.values, 1,
                                    first ? number.values : values, 1, values, CODES);
            }
        }
        l->absorbed[node->order] = true;
        y = node->outputs[0];
    }
    l->absorbed[tail->after.codes->producer->order] = true;
    return status;
}

// [256] codes of the values.
static const uint8_t *make_table(struct mopt_lower *l, const float values[CODES],
                                 const struct mopt_low_quant *after)
{
    struct mopt_kernels portable;
    uint8_t *table = mopt__low_work(l, CODES);
    if (table != NULL) {
        mopt__kernels_select(MOPT_ISA_REF, &portable);
        portable.quantize_u8(values, mopt__low_scale(after, 0), true, mopt__low_zero(after, 0),
                             table, CODES);
    }
    return table;
}

static enum mopt_status set_table(struct mopt_lower *l, const struct mopt_value *origin,
                                  const float values[CODES], const struct mopt_low_quant *after)
{
    struct mopt_low_value *codes = &l->values[after->codes->id];
    const uint8_t *table = make_table(l, values, after);
    if (table == NULL) {
        return MOPT_E_MEMORY;
    }
    codes->origin = origin;
    codes->table = table;
    return MOPT_OK;
}

// The codes at the end of the tail of y are a table of the codes `origin`, y its values.
static enum mopt_status end_tail(struct mopt_lower *l, const struct tail *tail,
                                 const struct mopt_value *y, const struct mopt_value *origin,
                                 float values[CODES])
{
    enum mopt_status status = run_tail(l, tail, y, values);
    return status == MOPT_OK ? set_table(l, origin, values, &tail->after) : status;
}

enum mopt_status mopt__low_lookup_unary(struct mopt_lower *l, const struct mopt_value *x,
                                        const struct mopt_function_f32 *function,
                                        const struct mopt_value *y, bool *done)
{
    struct tail tail;
    struct mopt_kernels portable;
    struct operand o;
    bool known = false;
    if (!find_tail(l, y, &tail)) {
        return MOPT_OK;
    }
    enum mopt_status status = read_operand(l, x, &o, &known);
    if (status != MOPT_OK || !known || o.origin == NULL) {
        return status;
    }
    *done = true;
    mopt__kernels_select(MOPT_ISA_REF, &portable);
    portable.unary_f32(function, o.values, o.values, CODES);
    return end_tail(l, &tail, y, o.origin, o.values);
}

enum mopt_status mopt__low_lookup_binary(struct mopt_lower *l, const struct mopt_node *node,
                                         enum mopt_binary_op op, bool *done)
{
    const struct mopt_value *y = node->outputs[0];
    struct tail tail;
    struct mopt_kernels portable;
    struct operand a;
    struct operand b;
    bool known_a = false;
    bool known_b = false;
    if (!find_tail(l, y, &tail)) {
        return MOPT_OK;
    }
    enum mopt_status status = read_operand(l, mopt__node_input(node, 0), &a, &known_a);
    if (status == MOPT_OK) {
        status = read_operand(l, mopt__node_input(node, 1), &b, &known_b);
    }
    if (status != MOPT_OK || !known_a || !known_b || (a.origin == NULL && b.origin == NULL) ||
        (a.origin != NULL && b.origin != NULL && a.origin != b.origin)) {
        return status;
    }
    const struct mopt_value *origin = a.origin != NULL ? a.origin : b.origin;
    if (!mopt__low_same_shape(l, origin, y)) {
        return MOPT_OK;
    }
    *done = true;
    mopt__kernels_select(MOPT_ISA_REF, &portable);
    portable.binary_f32(op, a.values, 1, b.values, 1, a.values, CODES);
    return end_tail(l, &tail, y, origin, a.values);
}

enum mopt_status mopt__low_lookup_codes(struct mopt_lower *l, const struct mopt_low_quant *q,
                                        bool *done)
{
    struct operand o;
    bool known = false;
    enum mopt_status status = read_operand(l, q->real, &o, &known);
    *done = status == MOPT_OK && known && o.origin != NULL;
    return *done ? set_table(l, o.origin, o.values, q) : status;
}

enum mopt_status mopt__low_lookup_change(struct mopt_lower *l, const struct mopt_value *x,
                                         const struct mopt_low_quant *after,
                                         const struct mopt_value **origin, const uint8_t **table)
{
    struct operand o;
    bool known = false;
    enum mopt_status status = read_operand(l, x, &o, &known);
    if (status == MOPT_OK && (!known || o.origin == NULL)) {
        return mopt_error_set(l->err, MOPT_E_INTERNAL, "'%s' is no codes", x->name);
    }
    *origin = o.origin;
    *table = status == MOPT_OK ? make_table(l, o.values, after) : NULL;
    if (status != MOPT_OK || *table == NULL) {
        return status != MOPT_OK ? status : MOPT_E_MEMORY;
    }
    bool same = true;
    for (int c = 0; c < CODES; c++) {
        same = same && (*table)[c] == c;
    }
    *table = same ? NULL : *table;
    return MOPT_OK;
}
