// SPDX-License-Identifier: Apache-2.0
// Quantized values in a graph: reading QuantizeLinear and DequantizeLinear nodes, and constants
// that stand behind them.
#include <float.h>
#include <math.h>

#include "exec/lower.h"

static bool is_linear(const struct mopt_node *node, const char *op_type)
{
    return mopt__low_is(node, "", op_type) || mopt__low_is(node, "com.microsoft", op_type);
}

static bool is_eight_bit(enum mopt_dtype dtype)
{
    return dtype == MOPT_INT8 || dtype == MOPT_UINT8;
}

// Parameters shared by both operators. real: the float side.
static bool read_parameters(const struct mopt_lower *l, const struct mopt_node *node,
                            const struct mopt_value *codes, const struct mopt_value *real,
                            struct mopt_low_quant *q)
{
    struct mopt_low_shape code_shape;
    struct mopt_low_shape real_shape;
    if (!mopt__low_shape(l, codes, &code_shape) || !mopt__low_shape(l, real, &real_shape) ||
        real_shape.dtype != MOPT_FLOAT32) {
        return false;
    }
    const struct mopt_value *zero = mopt__node_input(node, 2);
    *q = (struct mopt_low_quant){.codes = codes,
                                 .real = real,
                                 .dtype = code_shape.dtype,
                                 .scale = mopt__low_constant(l, mopt__node_input(node, 1)),
                                 .zero = mopt__low_constant(l, zero)};
    if (q->scale == NULL || q->scale->dtype != MOPT_FLOAT32 || q->scale->rank > 1 ||
        (zero != NULL &&
         (q->zero == NULL || q->zero->count != q->scale->count || q->zero->dtype != q->dtype))) {
        return false;
    }
    const struct mopt_attribute *block = mopt__node_attribute(node, "block_size");
    const struct mopt_attribute *axis = mopt__node_attribute(node, "axis");
    int64_t at = axis != NULL ? axis->i : 1;
    at = at < 0 ? at + code_shape.rank : at;
    if ((block != NULL && block->i != 0) || q->scale->count == 0) {
        return false;
    }
    bool along = at >= 0 && at < code_shape.rank;
    q->axis = along ? (int)at : 0;
    return q->scale->count == 1 || (along && (size_t)code_shape.dims[at] == q->scale->count);
}

bool mopt__low_scales_fit(const struct mopt_tensor *scale, bool ordered)
{
    const float *scales = scale->data;
    const float most = FLT_MAX / 256;
    bool fit = true;
    for (size_t i = 0; i < scale->count && fit; i++) {
        fit = fabsf(scales[i]) <= most && (!ordered || scales[i] > 0);
    }
    return fit;
}

bool mopt__low_dequantizer(const struct mopt_lower *l, const struct mopt_node *node, bool wide,
                           struct mopt_low_quant *q)
{
    return is_linear(node, "DequantizeLinear") &&
           read_parameters(l, node, mopt__node_input(node, 0), mopt__node_output(node, 0), q) &&
           (is_eight_bit(q->dtype) || (wide && q->dtype == MOPT_INT32)) &&
           mopt__low_scales_fit(q->scale, mopt__low_constant(l, q->codes) == NULL);
}

bool mopt__low_quantizer(const struct mopt_lower *l, const struct mopt_node *node,
                         struct mopt_low_quant *q)
{
    return is_linear(node, "QuantizeLinear") &&
           read_parameters(l, node, mopt__node_output(node, 0), mopt__node_input(node, 0), q) &&
           is_eight_bit(q->dtype) && mopt__low_scales_fit(q->scale, true);
}

float mopt__low_scale(const struct mopt_low_quant *q, size_t channel)
{
    return ((const float *)q->scale->data)[q->scale->count == 1 ? 0 : channel];
}

int32_t mopt__low_zero(const struct mopt_low_quant *q, size_t channel)
{
    int32_t shift = q->dtype == MOPT_INT8 ? 128 : 0;
    return shift + (q->zero == NULL
                        ? 0
                        : (int32_t)mopt__tensor_i64_at(q->zero, q->zero->count == 1 ? 0 : channel));
}

bool mopt__low_one_scale(const struct mopt_low_quant *q)
{
    return q->scale->count == 1;
}

bool mopt__low_is_quantized(const struct mopt_lower *l, const struct mopt_value *value,
                            struct mopt_low_quant *after)
{
    const struct mopt_node *next = mopt__low_sole_use(l, value);
    return mopt__low_is_free(l, next) && mopt__low_quantizer(l, next, after) &&
           mopt__low_one_scale(after) && after->real == value;
}

bool mopt__low_is_codes(const struct mopt_low_shape *shape)
{
    return is_eight_bit(shape->dtype);
}

bool mopt__low_coded(const struct mopt_lower *l, const struct mopt_value *value,
                     struct mopt_low_coded *out)
{
    const struct mopt_low_value *v = &l->values[value->id];
    struct mopt_low_shape shape;
    if (v->codes != NULL) {
        *out = (struct mopt_low_coded){v->codes, true, v->scale, v->zero};
        return true;
    }
    *out = (struct mopt_low_coded){.codes = value};
    return mopt__low_shape(l, value, &shape) && mopt__low_is_codes(&shape) &&
           (v->origin != NULL || v->cell[MOPT_FORM_BYTES] != MOPT_NO_CELL ||
            v->cell[MOPT_FORM_BYTES_NHWC] != MOPT_NO_CELL);
}

void mopt__low_note_coded(struct mopt_lower *l, const struct mopt_value *value,
                          const struct mopt_low_coded *coded)
{
    struct mopt_low_value *v = &l->values[value->id];
    if (coded->real) {
        v->codes = value;
        v->scale = coded->scale;
        v->zero = coded->zero;
    }
}

bool mopt__low_passes_codes(const struct mopt_lower *l, const struct mopt_node *node,
                            struct mopt_low_passage *passage)
{
    const struct mopt_value *x = mopt__node_input(node, 0);
    struct mopt_low_quant after;
    struct mopt_low_shape shape;
    *passage = (struct mopt_low_passage){.from = x, .to = node->outputs[0]};
    if (!mopt__low_coded(l, x, &passage->coded)) {
        return mopt__low_shape(l, x, &shape) && mopt__low_is_codes(&shape);
    }
    passage->from = passage->coded.codes;
    if (passage->coded.real && mopt__low_is_quantized(l, node->outputs[0], &after) &&
        mopt__low_scale(&after, 0) == passage->coded.scale &&
        mopt__low_zero(&after, 0) == passage->coded.zero) {
        passage->to = after.codes;
        passage->after = after.codes->producer;
    }
    return true;
}

void mopt__low_leave_codes(struct mopt_lower *l, const struct mopt_low_passage *passage)
{
    if (passage->after != NULL) {
        l->absorbed[passage->after->order] = true;
    } else {
        mopt__low_note_coded(l, passage->to, &passage->coded);
    }
}

// ---- Constants ----------------------------------------------------------------------------------------------------

static bool constant_codes(const struct mopt_lower *l, const struct mopt_value *value,
                           struct mopt_low_quant *q)
{
    return value != NULL && value->producer != NULL &&
           mopt__low_dequantizer(l, value->producer, true, q) &&
           mopt__low_constant(l, q->codes) != NULL;
}

bool mopt__low_has_floats(const struct mopt_lower *l, const struct mopt_value *value)
{
    const struct mopt_tensor *constant = mopt__low_constant(l, value);
    struct mopt_low_quant q;
    return constant != NULL ? constant->dtype == MOPT_FLOAT32 && constant->count > 0
                            : constant_codes(l, value, &q);
}

bool mopt__low_has_bias(const struct mopt_lower *l, const struct mopt_value *bias, size_t n)
{
    struct mopt_low_shape shape;
    return bias == NULL || (mopt__low_has_floats(l, bias) && mopt__low_shape(l, bias, &shape) &&
                            shape.rank == 1 && shape.count == n);
}

static void dequantize(const struct mopt_low_quant *q, const struct mopt_tensor *codes, float *out)
{
    size_t inner = 1;
    for (int d = q->axis + 1; d < codes->rank; d++) {
        inner *= (size_t)codes->dims[d];
    }
    int32_t shift = q->dtype == MOPT_INT8 ? 128 : 0;
    for (size_t i = 0; i < codes->count; i++) {
        size_t channel = q->scale->count == 1 ? 0 : i / inner % q->scale->count;
        int64_t zero = mopt__low_zero(q, channel) - shift;
        out[i] = (float)(mopt__tensor_i64_at(codes, i) - zero) * mopt__low_scale(q, channel);
    }
}

enum mopt_status mopt__low_floats(struct mopt_lower *l, const struct mopt_value *value,
                                  const float **data, struct mopt_low_source *source)
{
    const struct mopt_tensor *constant = mopt__low_constant(l, value);
    struct mopt_low_source ignored = {0};
    struct mopt_low_quant q;
    source = source != NULL ? source : &ignored;
    *data = NULL;
    *source = (struct mopt_low_source){.tensor = constant};
    if (constant != NULL) {
        *data = source->data = constant->dtype == MOPT_FLOAT32 ? constant->data : NULL;
        return MOPT_OK;
    }
    if (!constant_codes(l, value, &q)) {
        return MOPT_OK;
    }
    void *block;
    bool made;
    const struct mopt_tensor *codes = mopt__low_constant(l, q.codes);
    const uintptr_t parts[] = {(uintptr_t)q.scale, (uintptr_t)q.zero, (uintptr_t)q.axis};
    *source =
        (struct mopt_low_source){.tensor = codes, .variant = mopt__hash_bytes(parts, sizeof parts)};
    enum mopt_status status = mopt__low_packed(l, codes, mopt__hash_mix(source->variant, 1),
                                               codes->count * sizeof(float), &block, &made);
    if (status == MOPT_OK && made) {
        dequantize(&q, codes, block);
    }
    *data = source->data = status == MOPT_OK ? block : NULL;
    return status;
}
