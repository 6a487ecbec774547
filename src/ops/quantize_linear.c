// SPDX-License-Identifier: Apache-2.0
// QuantizeLinear and DequantizeLinear: per tensor, per axis and blocked; integers, float8 and
// float4. The forms of com.microsoft are the same functions. Meaning:
// reference/quantization.md 2.1, 2.2 and 2.7.
#include <math.h>

#include "kernels/kernels.h"
#include "ops/nn_util.h"

// Which parameter belongs to which element: runs of elements share one.
struct layout {
    size_t inner;  // elements behind the axis
    size_t size;   // of the axis
    size_t block;  // entries of the axis per parameter; 0 = per axis
    size_t blocks; // parameters along the axis
    bool single;
};

struct quantization {
    const struct mopt_tensor *x, *scale, *zero;
    struct layout layout;
    enum mopt_dtype out;
    enum mopt_dtype precision; // of the division
    bool saturate;
};

static enum mopt_status open_axis(const struct mopt_eval *eval, const struct quantization *q,
                                  int *axis, int64_t *block, struct mopt_error *err)
{
    int64_t raw = 1;
    *axis = 0;
    *block = 0;
    enum mopt_status status = mopt__attr_int(eval->node, "axis", 1, &raw, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "block_size", 0, block, err);
    }
    if (status == MOPT_OK && (q->scale->count != 1 || *block != 0)) {
        status = mopt__axis_normalise(raw, q->x->rank, axis, err);
    }
    if (status == MOPT_OK && *block < 0) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'block_size' has the value %lld",
                              (long long)*block);
    }
    return status;
}

static enum mopt_status open_blocks(struct quantization *q, int axis, int64_t block,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *x = q->x;
    struct layout *l = &q->layout;
    l->block = (size_t)block;
    l->blocks = (l->size + l->block - 1) / l->block;
    bool fits = q->scale->rank == x->rank;
    for (int i = 0; fits && i < x->rank; i++) {
        fits = q->scale->dims[i] == (i == axis ? (int64_t)l->blocks : x->dims[i]);
    }
    return fits ? MOPT_OK
                : mopt_error_set(err, MOPT_E_SHAPE,
                                 "scale does not fit blocks of %lld along axis %d",
                                 (long long)block, axis);
}

static enum mopt_status open_layout(const struct mopt_eval *eval, struct quantization *q,
                                    struct mopt_error *err)
{
    int axis = 0;
    int64_t block = 0;
    const struct mopt_tensor *x = q->x;
    enum mopt_status status = open_axis(eval, q, &axis, &block, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (q->zero && q->zero->count != q->scale->count) {
        return mopt_error_set(err, MOPT_E_SHAPE, "scale has %zu elements, zero point %zu",
                              q->scale->count, q->zero->count);
    }
    struct layout *l = &q->layout;
    l->single = block == 0 && q->scale->count == 1 && q->scale->rank <= 1;
    if (l->single) {
        return MOPT_OK;
    }
    l->inner = mopt__nn_product(x->dims, axis + 1, x->rank);
    l->size = (size_t)x->dims[axis];
    if (block > 0) {
        return open_blocks(q, axis, block, err);
    }
    if (q->scale->rank != 1 || q->scale->dims[0] != x->dims[axis]) {
        return mopt_error_set(err, MOPT_E_SHAPE, "scale must be a scalar or have %lld elements",
                              (long long)x->dims[axis]);
    }
    return MOPT_OK;
}

// Parameter of element i and how many elements from i on share it.
static size_t parameter(const struct layout *l, size_t i, size_t total, size_t *run)
{
    if (l->single) {
        *run = total - i;
        return 0;
    }
    size_t inner = i % l->inner;
    size_t at = i / l->inner % l->size;
    size_t outer = i / l->inner / l->size;
    if (l->block == 0) {
        *run = l->inner - inner;
        return at;
    }
    *run = 1;
    if (l->inner == 1) {
        size_t left = l->block - at % l->block;
        *run = left < l->size - at ? left : l->size - at;
    }
    return (outer * l->blocks + at / l->block) * l->inner + inner;
}

// Rounds a value to a float type.
static float round_to(enum mopt_dtype dtype, float value)
{
    if (dtype == MOPT_FLOAT16) {
        return mopt__half_to_float(mopt__float_to_half(value));
    }
    if (dtype == MOPT_BFLOAT16) {
        return mopt__bfloat_to_float(mopt__float_to_bfloat(value));
    }
    return value;
}

// ---- QuantizeLinear --------------------------------------------------------------------------------------------------

static void quantize_bytes(const float *x, size_t count, float scale, int32_t zero, bool is_signed,
                           uint8_t *out)
{
    float values[256];
    for (size_t done = 0; done < count; done += MOPT_COUNTOF(values)) {
        size_t n = count - done < MOPT_COUNTOF(values) ? count - done : MOPT_COUNTOF(values);
        for (size_t i = 0; i < n; i++) {
            values[i] = x[done + i] / scale; // a product with 1/scale would move ties
        }
        mopt__quantize_bytes(values, NULL, 0, n, is_signed, zero, out + done);
    }
}

static void quantize_run(const struct quantization *q, size_t from, size_t count, size_t p,
                         struct mopt_tensor *y)
{
    void *data = mopt__tensor_data(y);
    float scale = (float)mopt__tensor_f64(q->scale, p);
    bool integer = mopt__dtype_is_integer(q->out);
    int64_t zero = q->zero && integer ? mopt__tensor_i64_at(q->zero, p) : 0;
    int64_t low = 0;
    int64_t high = 0;
    if (q->x->dtype == MOPT_FLOAT32 && q->precision == MOPT_FLOAT32 &&
        (q->out == MOPT_UINT8 || q->out == MOPT_INT8)) {
        quantize_bytes((const float *)q->x->data + from, count, scale, (int32_t)zero,
                       q->out == MOPT_INT8, (uint8_t *)data + from);
        return;
    }
    if (integer) {
        mopt__nn_int_range(q->out, &low, &high);
    }
    for (size_t i = from; i < from + count; i++) {
        float x = round_to(q->precision, (float)mopt__tensor_f64(q->x, i));
        float value = round_to(q->precision, x / scale);
        if (integer) {
            mopt__element_set_i64(q->out, data, i,
                                  mopt__nn_quantize((double)value, zero, low, high));
        } else if (q->out == MOPT_FLOAT4E2M1) {
            mopt__element_set_f64(q->out, data, i, (double)value);
        } else {
            ((uint8_t *)data)[i] = mopt__float_to_float8(q->out, value, q->saturate);
        }
    }
}

static const uint64_t quantized_set = MOPT_SET_INT8 | MOPT_DT(MOPT_INT16) | MOPT_DT(MOPT_UINT16) |
                                      MOPT_SET_FLOAT8 | MOPT_DT(MOPT_INT4) | MOPT_DT(MOPT_UINT4) |
                                      MOPT_DT(MOPT_FLOAT4E2M1) | MOPT_DT(MOPT_INT2) |
                                      MOPT_DT(MOPT_UINT2);

// Element type of the result: of the zero point, else the attribute, else uint8.
static enum mopt_status result_type(const struct mopt_node *node, enum mopt_dtype zero,
                                    enum mopt_dtype *out, struct mopt_error *err)
{
    int64_t wanted = 0;
    enum mopt_status status = mopt__attr_int(node, "output_dtype", 0, &wanted, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (wanted < 0 || wanted >= MOPT_DTYPE_COUNT ||
        (wanted != 0 && !(quantized_set & MOPT_DT((enum mopt_dtype)wanted)))) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'output_dtype' has the value %lld",
                              (long long)wanted);
    }
    if (wanted != 0 && zero != MOPT_UNDEFINED && (enum mopt_dtype)wanted != zero) {
        return mopt_error_set(err, MOPT_E_TYPE, "zero point is %s, attribute 'output_dtype' %s",
                              mopt__dtype_name(zero), mopt__dtype_name((enum mopt_dtype)wanted));
    }
    *out = zero != MOPT_UNDEFINED ? zero : wanted != 0 ? (enum mopt_dtype)wanted : MOPT_UINT8;
    return MOPT_OK;
}

static enum mopt_status read_precision(const struct mopt_node *node, struct quantization *q,
                                       struct mopt_error *err)
{
    int64_t wanted = 0;
    int64_t saturate = 1;
    enum mopt_status status = mopt__attr_int(node, "precision", 0, &wanted, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "saturate", 1, &saturate, err);
    }
    if (status == MOPT_OK && wanted != 0 && wanted != MOPT_FLOAT32 && wanted != MOPT_FLOAT16 &&
        wanted != MOPT_BFLOAT16) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'precision' has the value %lld",
                              (long long)wanted);
    }
    bool half = q->scale->dtype == MOPT_FLOAT16 || q->scale->dtype == MOPT_BFLOAT16;
    q->precision = wanted != 0 ? (enum mopt_dtype)wanted : half ? q->scale->dtype : MOPT_FLOAT32;
    q->saturate = saturate != 0;
    return status;
}

static enum mopt_status run_all(struct mopt_eval *eval, const struct quantization *q,
                                void (*piece)(const struct quantization *q, size_t from,
                                              size_t count, size_t p, struct mopt_tensor *y),
                                struct mopt_error *err)
{
    struct mopt_tensor *y = NULL;
    enum mopt_status status = mopt__open_output(eval, 0, q->out, q->x->rank, q->x->dims, &y, err);
    for (size_t i = 0; status == MOPT_OK && i < q->x->count;) {
        size_t run = 0;
        size_t p = parameter(&q->layout, i, q->x->count, &run);
        piece(q, i, run, p, y);
        i += run;
    }
    return status;
}

static enum mopt_status open_inputs(const struct mopt_eval *eval, struct quantization *q,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *in[3];
    enum mopt_status status = mopt__open(eval, in, 3, err);
    if (status != MOPT_OK) {
        return status;
    }
    *q = (struct quantization){.x = in[0], .scale = in[1], .zero = in[2]};
    return open_layout(eval, q, err);
}

static enum mopt_status quantize_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct quantization q;
    enum mopt_status status = open_inputs(eval, &q, err);
    if (status == MOPT_OK) {
        status = result_type(eval->node, q.zero ? q.zero->dtype : MOPT_UNDEFINED, &q.out, err);
    }
    if (status == MOPT_OK) {
        status = read_precision(eval->node, &q, err);
    }
    return status == MOPT_OK ? run_all(eval, &q, quantize_run, err) : status;
}

static enum mopt_status quantize_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    enum mopt_dtype out = MOPT_UNDEFINED;
    if (mopt__infer_has(infer, 2) && mopt__infer_dtype(infer, 2) == MOPT_UNDEFINED) {
        return MOPT_OK; // the zero point decides, and is not known
    }
    enum mopt_status status = result_type(infer->node, mopt__infer_dtype(infer, 2), &out, err);
    if (status != MOPT_OK) {
        return status;
    }
    return mopt__infer_set(infer, 0, out, x ? x->rank : -1, x ? x->dims : NULL, err);
}

// ---- DequantizeLinear ------------------------------------------------------------------------------------------------

static void dequantize_bytes(const uint8_t *x, bool is_signed, size_t count, float scale,
                             int32_t zero, float *y)
{
    if (is_signed) {
        for (size_t i = 0; i < count; i++) {
            y[i] = (float)((int8_t)x[i] - zero) * scale;
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        y[i] = (float)(x[i] - zero) * scale;
    }
}

static void dequantize_run(const struct quantization *q, size_t from, size_t count, size_t p,
                           struct mopt_tensor *y)
{
    void *data = mopt__tensor_data(y);
    enum mopt_dtype dtype = q->x->dtype;
    float scale = (float)mopt__tensor_f64(q->scale, p);
    bool byte = dtype == MOPT_UINT8 || dtype == MOPT_INT8;
    bool integer = mopt__dtype_is_integer(dtype);
    int64_t zero = q->zero && integer ? mopt__tensor_i64_at(q->zero, p) : 0;
    double real_zero = q->zero && !integer ? mopt__tensor_f64(q->zero, p) : 0;
    if (byte && q->out == MOPT_FLOAT32) {
        dequantize_bytes((const uint8_t *)q->x->data + from, dtype == MOPT_INT8, count, scale,
                         (int32_t)zero, (float *)data + from);
        return;
    }
    for (size_t i = from; i < from + count; i++) {
        float value = integer ? (float)(mopt__tensor_i64_at(q->x, i) - zero)
                              : (float)(mopt__tensor_f64(q->x, i) - real_zero);
        mopt__nn_store_at(y, i, (double)(value * scale));
    }
}

static enum mopt_status real_type(const struct mopt_node *node, enum mopt_dtype scale,
                                  enum mopt_dtype *out, struct mopt_error *err)
{
    int64_t wanted = 0;
    enum mopt_status status = mopt__attr_int(node, "output_dtype", 0, &wanted, err);
    if (status == MOPT_OK && wanted != 0 && wanted != MOPT_FLOAT32 && wanted != MOPT_FLOAT16 &&
        wanted != MOPT_BFLOAT16) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'output_dtype' has the value %lld",
                              (long long)wanted);
    }
    *out = wanted != 0 ? (enum mopt_dtype)wanted : scale == MOPT_FLOAT8E8M0 ? MOPT_FLOAT32 : scale;
    return status;
}

static enum mopt_status dequantize_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct quantization q;
    enum mopt_status status = open_inputs(eval, &q, err);
    if (status == MOPT_OK) {
        status = real_type(eval->node, q.scale->dtype, &q.out, err);
    }
    return status == MOPT_OK ? run_all(eval, &q, dequantize_run, err) : status;
}

static enum mopt_status dequantize_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    enum mopt_dtype out = MOPT_UNDEFINED;
    enum mopt_status status = real_type(infer->node, mopt__infer_dtype(infer, 1), &out, err);
    if (status != MOPT_OK) {
        return status;
    }
    return mopt__infer_set(infer, 0, out, x ? x->rank : -1, x ? x->dims : NULL, err);
}

// ---- Records ---------------------------------------------------------------------------------------------------------

#define Q10 MOPT_SET_INT8
#define Q19 (Q10 | MOPT_SET_FLOAT8)
#define Q21 \
    (Q19 | MOPT_DT(MOPT_INT16) | MOPT_DT(MOPT_UINT16) | MOPT_DT(MOPT_INT4) | MOPT_DT(MOPT_UINT4))
#define Q23 (Q21 | MOPT_DT(MOPT_FLOAT4E2M1))
#define Q25 (Q23 | MOPT_DT(MOPT_INT2) | MOPT_DT(MOPT_UINT2))
#define S10 MOPT_SET_F32
#define S19 (S10 | MOPT_DT(MOPT_FLOAT16) | MOPT_DT(MOPT_BFLOAT16))
#define S24 (S19 | MOPT_DT(MOPT_FLOAT8E8M0))
#define INT32 MOPT_SET_I32
#define AXIS MOPT_A_INT("axis", 1)
#define BLOCK MOPT_A_INT("block_size", 0)
#define OUT_TYPE MOPT_A_INT("output_dtype", 0)
#define SATURATE MOPT_A_INT("saturate", 1)
#define PRECISION MOPT_A_INT("precision", 0)
#define CONTRIB                                                                        \
    (MOPT_SET_INT8 | MOPT_DT(MOPT_INT16) | MOPT_DT(MOPT_UINT16) | MOPT_DT(MOPT_INT4) | \
     MOPT_DT(MOPT_UINT4))

#define QUANTIZE(where, from, to, real, scale_type, scale, set, ...)                  \
    {                                                                                 \
        .domain = where, .name = "QuantizeLinear", .since = from, .until = to,        \
        .summary = "real numbers to codes: round(x / scale) + zero point, saturated", \
        MOPT_INPUTS({"x", "T1", real, 0}, {"y_scale", scale_type, scale, 0},          \
                    {"y_zero_point", "T3", set, MOPT_PARAM_OPTIONAL}),                \
        MOPT_OUTPUTS({"y", "T3", set, 0}), __VA_ARGS__.infer = quantize_infer,        \
        .eval = quantize_eval, .cost = mopt__cost_output                              \
    }
#define DEQUANTIZE(where, from, to, set, scale, real, ...)                        \
    {                                                                             \
        .domain = where, .name = "DequantizeLinear", .since = from, .until = to,  \
        .summary = "codes to real numbers: (x - zero point) * scale",             \
        MOPT_INPUTS({"x", "T1", set, 0}, {"x_scale", "T2", scale, 0},             \
                    {"x_zero_point", "T1", set, MOPT_PARAM_OPTIONAL}),            \
        MOPT_OUTPUTS({"y", "T3", real, 0}), __VA_ARGS__.infer = dequantize_infer, \
        .eval = dequantize_eval, .cost = mopt__cost_output                        \
    }
#define WITH(...) MOPT_ATTRIBUTES(__VA_ARGS__),

static const struct mopt_op records[] = {
    QUANTIZE("", 10, 12, S10 | INT32, "tensor(float)", S10, Q10, ),
    QUANTIZE("", 13, 18, S10 | INT32, "tensor(float)", S10, Q10, WITH(AXIS)),
    QUANTIZE("", 19, 20, S19 | INT32, "S", S19 | INT32, Q19, WITH(AXIS, SATURATE)),
    QUANTIZE("", 21, 22, S19 | INT32, "S", S19 | INT32, Q21, WITH(AXIS, SATURATE, BLOCK, OUT_TYPE)),
    QUANTIZE("", 23, 23, S19 | INT32, "T2", S19 | INT32, Q23,
             WITH(AXIS, SATURATE, BLOCK, OUT_TYPE, PRECISION)),
    QUANTIZE("", 24, 24, S19 | INT32, "T2", S24 | INT32, Q23,
             WITH(AXIS, SATURATE, BLOCK, OUT_TYPE, PRECISION)),
    QUANTIZE("", 25, 0, S19 | INT32, "T2", S24 | INT32, Q25,
             WITH(AXIS, SATURATE, BLOCK, OUT_TYPE, PRECISION)),
    DEQUANTIZE("", 10, 12, Q10 | INT32, S10, S10, ),
    DEQUANTIZE("", 13, 18, Q10 | INT32, S10, S10, WITH(AXIS)),
    DEQUANTIZE("", 19, 20, Q19 | INT32, S19, S19, WITH(AXIS)),
    DEQUANTIZE("", 21, 22, Q21 | INT32, S19, S19, WITH(AXIS, BLOCK)),
    DEQUANTIZE("", 23, 23, Q23 | INT32, S19, S19, WITH(AXIS, BLOCK, OUT_TYPE)),
    DEQUANTIZE("", 24, 24, Q23 | INT32, S24, S19, WITH(AXIS, BLOCK, OUT_TYPE)),
    DEQUANTIZE("", 25, 0, Q25 | INT32, S24, S19, WITH(AXIS, BLOCK, OUT_TYPE)),
    QUANTIZE("com.microsoft", 1, 0, S19, "T1", S19, CONTRIB, WITH(AXIS, BLOCK)),
    DEQUANTIZE("com.microsoft", 1, 0, CONTRIB | INT32, S19, S19, WITH(AXIS, BLOCK)),
};
const struct mopt_op_family mopt__ops_quantize_linear = {records, MOPT_COUNTOF(records)};
