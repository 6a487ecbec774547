// SPDX-License-Identifier: Apache-2.0
// A function between DequantizeLinear and QuantizeLinear as a table of 256 codes. The table is made
// with the portable kernels, so that it is the same on every machine.
#include <math.h>
#include <string.h>

#include "exec/native.h"

enum { CODES = 256, PIECE = 16384 }; // PIECE: bytes one thread takes at least

struct lookup_work {
    uint8_t table[CODES];
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

// x * f(x), where f(x) is quantized and dequantized in between: the codes y of f(x) and what
// follows them, all of it used only here.
struct gate {
    const struct mopt_node *dequantizer, *product, *quantizer;
    struct mopt_low_quant after; // of the product
};

// The value is the same codes, dequantized in the same way.
static bool is_same(const struct mopt_lower *l, const struct mopt_value *value,
                    const struct mopt_low_quant *x)
{
    struct mopt_low_quant other;
    return value != NULL && value->producer != NULL &&
           mopt__low_dequantizer(l, value->producer, false, &other) && other.codes == x->codes &&
           mopt__low_same_codes(&other, x);
}

static bool find_gate(const struct mopt_lower *l, const struct mopt_low_quant *x,
                      const struct mopt_low_quant *y, struct gate *gate)
{
    struct mopt_low_quant again;
    gate->dequantizer = mopt__low_sole_use(l, y->codes);
    if (!mopt__low_is_free(l, gate->dequantizer) ||
        !mopt__low_dequantizer(l, gate->dequantizer, false, &again) || again.codes != y->codes ||
        !mopt__low_same_codes(&again, y)) {
        return false;
    }
    gate->product = mopt__low_sole_use(l, again.real);
    if (!mopt__low_is(gate->product, "", "Mul") || !mopt__low_is_free(l, gate->product) ||
        !is_same(l, mopt__low_other(gate->product, again.real), x)) {
        return false;
    }
    gate->quantizer = mopt__low_sole_use(l, mopt__node_output(gate->product, 0));
    return mopt__low_is_free(l, gate->quantizer) &&
           mopt__low_quantizer(l, gate->quantizer, &gate->after) &&
           mopt__low_one_scale(&gate->after) &&
           gate->after.real == mopt__node_output(gate->product, 0);
}

static void dequantize(const struct mopt_low_quant *q, const uint8_t codes[CODES],
                       float values[CODES])
{
    for (int c = 0; c < CODES; c++) {
        values[c] = (float)(codes[c] - mopt__low_zero(q, 0)) * mopt__low_scale(q, 0);
    }
}

// Codes as they are stored in MOPT_FORM_BYTES.
static void fill_table(const struct mopt_low_quant *x, const struct mopt_function_f32 *function,
                       const struct mopt_low_quant *y, const struct gate *gate,
                       uint8_t table[CODES])
{
    struct mopt_kernels portable;
    float in[CODES];
    float values[CODES];
    mopt__kernels_select(MOPT_ISA_REF, &portable);
    for (int c = 0; c < CODES; c++) {
        table[c] = (uint8_t)c;
    }
    dequantize(x, table, in);
    portable.unary_f32(function, in, values, CODES);
    portable.quantize_u8(values, mopt__low_scale(y, 0), true, mopt__low_zero(y, 0), table, CODES);
    if (gate != NULL) {
        dequantize(y, table, values);
        portable.binary_f32(MOPT_BIN_MUL, in, 1, values, 1, values, CODES);
        portable.quantize_u8(values, mopt__low_scale(&gate->after, 0), true,
                             mopt__low_zero(&gate->after, 0), table, CODES);
    }
}

enum mopt_status mopt__low_lookup(struct mopt_lower *l, const struct mopt_value *x,
                                  const struct mopt_function_f32 *function,
                                  const struct mopt_value *y, bool *done)
{
    struct mopt_low_quant before;
    struct mopt_low_quant after;
    struct mopt_low_shape shape;
    const struct mopt_node *quantizer = mopt__low_sole_use(l, y);
    const struct mopt_value *codes = l->values[x->id].codes;
    if (codes == NULL || !mopt__low_is_free(l, quantizer) ||
        !mopt__low_dequantizer(l, x->producer, false, &before) || !mopt__low_one_scale(&before) ||
        !mopt__low_quantizer(l, quantizer, &after) || !mopt__low_one_scale(&after) ||
        after.real != y || !mopt__low_shape(l, x, &shape)) {
        return MOPT_OK;
    }
    struct lookup_work *w = mopt__low_work(l, sizeof *w);
    if (w == NULL) {
        return MOPT_E_MEMORY;
    }
    struct gate gate;
    bool gated = find_gate(l, &before, &after, &gate);
    *done = true;
    w->count = shape.count;
    fill_table(&before, function, &after, gated ? &gate : NULL, w->table);
    l->absorbed[quantizer->order] = true;
    if (gated) {
        l->absorbed[gate.dequantizer->order] = true;
        l->absorbed[gate.product->order] = true;
        l->absorbed[gate.quantizer->order] = true;
        after = gate.after;
    }
    enum mopt_form form = mopt__low_prefers_nhwc(l, x) ? MOPT_FORM_BYTES_NHWC : MOPT_FORM_BYTES;
    enum mopt_status status = mopt__low_cell(l, codes, form, &w->x);
    if (status == MOPT_OK) {
        status = mopt__low_output(l, after.codes, form, &w->y);
    }
    return status == MOPT_OK ? mopt__low_emit(l, run_lookup, w, (uint32_t[]){w->x, w->y}, 2)
                             : status;
}
