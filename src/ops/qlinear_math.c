// SPDX-License-Identifier: Apache-2.0
// QLinearAdd, QLinearMul, QLinearSigmoid, QLinearLeakyRelu, QLinearSoftmax and QLinearConcat of
// com.microsoft: the float operator between dequantized inputs and a quantized output.
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "ops/qlinear_util.h"

// ---- Two operands ----------------------------------------------------------------------------------------------------

// Start of row `row` (all axes but the last) of an operand.
static size_t row_start(const int64_t *dims, const int64_t *strides, int rank, size_t row)
{
    size_t at = 0;
    for (int axis = rank - 2; axis >= 0; axis--) {
        at += row % (size_t)dims[axis] * (size_t)strides[axis];
        row /= (size_t)dims[axis];
    }
    return at;
}

struct pair {
    float a[256], b[256];
    const uint8_t *left, *right;
    size_t left_step, right_step; // per element of the last axis: 0 or 1
    bool multiply;
    const struct mopt_quantized *out;
};

static void pair_row(const struct pair *p, size_t left, size_t right, size_t n, uint8_t *y)
{
    float values[256];
    float scale = (float)p->out->scale;
    for (size_t done = 0; done < n; done += MOPT_COUNTOF(values)) {
        size_t count = n - done < MOPT_COUNTOF(values) ? n - done : MOPT_COUNTOF(values);
        for (size_t i = 0; i < count; i++) {
            float a = p->a[p->left[left + (done + i) * p->left_step]];
            float b = p->b[p->right[right + (done + i) * p->right_step]];
            values[i] = (p->multiply ? a * b : a + b) / scale;
        }
        mopt__quantize_bytes(values, NULL, 0, count, p->out->dtype == MOPT_INT8,
                             (int32_t)p->out->zero, y + done);
    }
}

static enum mopt_status pair_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[8];
    struct mopt_quantized a;
    struct mopt_quantized b;
    struct mopt_quantized c;
    int64_t dims[MOPT_RANK_MAX];
    int64_t a_strides[MOPT_RANK_MAX];
    int64_t b_strides[MOPT_RANK_MAX];
    int rank = 0;
    struct mopt_tensor *y = NULL;
    bool multiply = *(const bool *)eval->node->op->data;
    enum mopt_status status = mopt__open(eval, in, 8, err);
    if (status == MOPT_OK) {
        status = mopt__quantized_open(in[0], in[1], in[2], &a, err);
    }
    if (status == MOPT_OK) {
        status = mopt__quantized_open(in[3], in[4], in[5], &b, err);
    }
    if (status == MOPT_OK) {
        status = mopt__quantized_open(NULL, in[6], in[7], &c, err);
    }
    if (status == MOPT_OK) {
        status = mopt__broadcast_shape(in[0], in[3], &rank, dims, err);
    }
    if (status == MOPT_OK) {
        c.dtype = in[0]->dtype;
        status = mopt__eval_output(eval, 0, c.dtype, rank, dims, &y, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    mopt__broadcast_strides(in[0], rank, dims, a_strides);
    mopt__broadcast_strides(in[3], rank, dims, b_strides);
    struct pair p = {.left = in[0]->data,
                     .right = in[3]->data,
                     .left_step = rank > 0 ? (size_t)a_strides[rank - 1] : 0,
                     .right_step = rank > 0 ? (size_t)b_strides[rank - 1] : 0,
                     .multiply = multiply,
                     .out = &c};
    mopt__quantized_values(&a, p.a);
    mopt__quantized_values(&b, p.b);
    size_t n = rank > 0 ? (size_t)dims[rank - 1] : 1;
    size_t rows = rank > 0 ? mopt__nn_product(dims, 0, rank - 1) : 1;
    uint8_t *out = mopt__tensor_data(y);
    for (size_t row = 0; row < rows; row++) {
        pair_row(&p, row_start(dims, a_strides, rank, row), row_start(dims, b_strides, rank, row),
                 n, out + row * n);
    }
    return MOPT_OK;
}

static enum mopt_status pair_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *a = mopt__infer_tensor(infer, 0);
    const struct mopt_type *b = mopt__infer_tensor(infer, 3);
    int64_t dims[MOPT_RANK_MAX];
    int rank = -1;
    enum mopt_status status =
        mopt__infer_broadcast(infer, a ? a->rank : -1, a ? a->dims : NULL, b ? b->rank : -1,
                              b ? b->dims : NULL, &rank, dims, err);
    return status == MOPT_OK
               ? mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), rank, dims, err)
               : status;
}

// ---- One operand -----------------------------------------------------------------------------------------------------

static enum mopt_status open_one(struct mopt_eval *eval, struct mopt_quantized *x,
                                 struct mopt_quantized *out, struct mopt_tensor **y,
                                 struct mopt_error *err)
{
    const struct mopt_tensor *in[5];
    enum mopt_status status = mopt__open(eval, in, 5, err);
    if (status == MOPT_OK) {
        status = mopt__quantized_open(in[0], in[1], in[2], x, err);
    }
    if (status == MOPT_OK) {
        status = mopt__quantized_open(NULL, in[3], in[4], out, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    out->dtype = in[4] ? in[4]->dtype : in[0]->dtype;
    return mopt__eval_output(eval, 0, out->dtype, in[0]->rank, in[0]->dims, y, err);
}

// The operator is a function of the code: it is computed once for each of the 256.
static void map_codes(const struct mopt_quantized *x, const struct mopt_quantized *out,
                      double (*function)(double value, double parameter), double parameter,
                      struct mopt_tensor *y)
{
    float values[256];
    uint8_t table[256];
    mopt__quantized_values(x, values);
    for (size_t i = 0; i < MOPT_COUNTOF(table); i++) {
        table[i] = mopt__quantized_code(out, function((double)values[i], parameter));
    }
    mopt__quantized_look_up(table, x->t->data, y->count, mopt__tensor_data(y));
}

static double sigmoid(double value, double parameter)
{
    (void)parameter;
    return 1 / (1 + exp(-value));
}

static double leaky(double value, double alpha)
{
    return value >= 0 ? value : alpha * value;
}

static enum mopt_status sigmoid_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct mopt_quantized x;
    struct mopt_quantized out;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = open_one(eval, &x, &out, &y, err);
    if (status == MOPT_OK) {
        map_codes(&x, &out, sigmoid, 0, y);
    }
    return status;
}

static enum mopt_status leaky_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct mopt_quantized x;
    struct mopt_quantized out;
    struct mopt_tensor *y = NULL;
    float alpha = 0.01F;
    enum mopt_status status = mopt__attr_float(eval->node, "alpha", 0.01F, &alpha, err);
    if (status == MOPT_OK) {
        status = open_one(eval, &x, &out, &y, err);
    }
    if (status == MOPT_OK) {
        map_codes(&x, &out, leaky, (double)alpha, y);
    }
    return status;
}

// Axes that a softmax runs over: one since opset 13, all from the axis on before.
static enum mopt_status softmax_span(const struct mopt_node *node, const struct mopt_tensor *x,
                                     size_t *n, size_t *inner, struct mopt_error *err)
{
    int64_t raw = -1;
    int64_t opset = 13;
    int axis = 0;
    enum mopt_status status = mopt__attr_int(node, "axis", -1, &raw, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "opset", 13, &opset, err);
    }
    if (status == MOPT_OK) {
        status = mopt__axis_normalise(raw, x->rank, &axis, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    bool single = opset >= 13;
    *n = single ? (size_t)x->dims[axis] : mopt__nn_product(x->dims, axis, x->rank);
    *inner = single ? mopt__nn_product(x->dims, axis + 1, x->rank) : 1;
    return MOPT_OK;
}

struct softmax {
    float values[256]; // real values of the codes
    double *powers;    // [256 (top), 256 (code)] of e, those asked for so far; else 0
    const struct mopt_quantized *out;
    size_t n, inner; // elements of a line and the step between them
};

// exp of the difference between a code's value and the largest of its line. A power that is 0
// itself is computed each time.
static double power_of(struct softmax *s, size_t top, size_t code)
{
    double *power = &s->powers[top * 256 + code];
    if (*power == 0) {
        *power = exp((double)s->values[code] - (double)s->values[top]);
    }
    return *power;
}

static void softmax_line(struct softmax *s, const uint8_t *x, uint8_t *y)
{
    size_t top = x[0];
    double sum = 0;
    for (size_t i = 1; i < s->n; i++) {
        top = s->values[x[i * s->inner]] > s->values[top] ? x[i * s->inner] : top;
    }
    for (size_t i = 0; i < s->n; i++) {
        sum += power_of(s, top, x[i * s->inner]);
    }
    for (size_t i = 0; i < s->n; i++) {
        y[i * s->inner] = mopt__quantized_code(s->out, power_of(s, top, x[i * s->inner]) / sum);
    }
}

static enum mopt_status softmax_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct mopt_quantized x;
    struct mopt_quantized out;
    struct mopt_tensor *y = NULL;
    struct softmax s = {.out = &out};
    enum mopt_status status = open_one(eval, &x, &out, &y, err);
    if (status == MOPT_OK) {
        status = softmax_span(eval->node, x.t, &s.n, &s.inner, err);
    }
    if (status != MOPT_OK || y->count == 0) {
        return status;
    }
    s.powers = mopt__nn_zeros((size_t)256 * 256, err);
    if (!s.powers) {
        return MOPT_E_MEMORY;
    }
    mopt__quantized_values(&x, s.values);
    const uint8_t *from = x.t->data;
    uint8_t *to = mopt__tensor_data(y);
    for (size_t line = 0; line < y->count / s.n; line++) {
        size_t at = line / s.inner * s.inner * s.n + line % s.inner;
        softmax_line(&s, from + at, to + at);
    }
    mopt__free(s.powers);
    return MOPT_OK;
}

// ---- QLinearConcat: output scale and zero point, then (tensor, scale, zero point) for each piece -----------------------

static enum mopt_status check_pieces(const struct mopt_eval *eval, int *axis, int64_t *dims,
                                     int *rank, struct mopt_error *err)
{
    int64_t raw = 0;
    enum mopt_status status = mopt__attr_int(eval->node, "axis", 0, &raw, err);
    if (status == MOPT_OK && (eval->input_count < 5 || (eval->input_count - 2) % 3 != 0)) {
        return mopt_error_set(err, MOPT_E_FORMAT, "%u inputs, must be 2 and 3 for each piece",
                              eval->input_count);
    }
    for (uint32_t i = 2; status == MOPT_OK && i < eval->input_count; i += 3) {
        const struct mopt_tensor *t = mopt__eval_input(eval, i);
        if (!t || !(MOPT_SET_INT8 & MOPT_DT(t->dtype)) || (i > 2 && t->rank != *rank)) {
            return mopt_error_set(err, MOPT_E_TYPE, "input %u does not fit the others", i);
        }
        if (i == 2) {
            *rank = t->rank;
            status = mopt__axis_normalise(raw, t->rank, axis, err);
        }
        for (int d = 0; status == MOPT_OK && d < t->rank; d++) {
            if (i > 2 && d != *axis && dims[d] != t->dims[d]) {
                return mopt_error_set(err, MOPT_E_SHAPE, "input %u differs on axis %d", i, d);
            }
            bool adds = i > 2 && d == *axis;
            if (!mopt__i64_add(adds ? dims[d] : 0, t->dims[d], &dims[d])) {
                return mopt_error_set(err, MOPT_E_SHAPE, "the result is too large");
            }
        }
    }
    return status;
}

// One piece: `rows` runs of `length` codes, which stand `stride` apart in the result.
static void concat_piece(const struct mopt_quantized *x, const struct mopt_quantized *out,
                         size_t rows, size_t length, size_t stride, uint8_t *y)
{
    float values[256];
    uint8_t table[256];
    bool same = true;
    const uint8_t *from = x->t->data;
    mopt__quantized_values(x, values);
    for (size_t i = 0; i < MOPT_COUNTOF(table); i++) {
        table[i] = mopt__quantized_code(out, (double)values[i]);
        same = same && table[i] == i;
    }
    for (size_t row = 0; row < rows && length > 0; row++) {
        if (same) {
            memcpy(y + row * stride, from + row * length, length);
        } else {
            mopt__quantized_look_up(table, from + row * length, length, y + row * stride);
        }
    }
}

static enum mopt_status concat_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct mopt_quantized out;
    struct mopt_tensor *y = NULL;
    int64_t dims[MOPT_RANK_MAX] = {0};
    int rank = 0;
    int axis = 0;
    enum mopt_status status =
        mopt__quantized_open(NULL, mopt__eval_input(eval, 0), mopt__eval_input(eval, 1), &out, err);
    if (status == MOPT_OK) {
        status = check_pieces(eval, &axis, dims, &rank, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, out.dtype, rank, dims, &y, err);
    }
    size_t rows = status == MOPT_OK ? mopt__nn_product(dims, 0, axis) : 0;
    size_t stride = status == MOPT_OK ? mopt__nn_product(dims, axis, rank) : 0;
    size_t offset = 0;
    for (uint32_t p = 2; status == MOPT_OK && p < eval->input_count; p += 3) {
        struct mopt_quantized x;
        status = mopt__quantized_open(mopt__eval_input(eval, p), mopt__eval_input(eval, p + 1),
                                      mopt__eval_input(eval, p + 2), &x, err);
        size_t length = status == MOPT_OK ? mopt__nn_product(x.t->dims, axis, rank) : 0;
        if (length > 0) {
            concat_piece(&x, &out, rows, length, stride, (uint8_t *)mopt__tensor_data(y) + offset);
        }
        offset += length;
    }
    return status;
}

static enum mopt_status concat_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *first = mopt__infer_tensor(infer, 2);
    int64_t dims[MOPT_RANK_MAX];
    int axis = 0;
    enum mopt_dtype dtype = mopt__infer_dtype(infer, 1);
    if (!first || first->rank < 0) {
        return mopt__infer_set(infer, 0, dtype, -1, NULL, err);
    }
    enum mopt_status status =
        mopt__axis_normalise(mopt__int_of(infer->node, "axis", 0), first->rank, &axis, err);
    memcpy(dims, first->dims ? first->dims : dims, (size_t)first->rank * sizeof *dims);
    for (uint32_t i = 5; status == MOPT_OK && i < infer->node->input_count; i += 3) {
        const struct mopt_type *t = mopt__infer_tensor(infer, i);
        bool known = t && t->rank == first->rank;
        dims[axis] =
            mopt__dim_add(infer->dims, dims[axis], known ? t->dims[axis] : MOPT_DIM_UNKNOWN);
    }
    return status == MOPT_OK ? mopt__infer_set(infer, 0, dtype, first->rank, dims, err) : status;
}

static enum mopt_status one_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return mopt__infer_like(infer, err);
}

// ---- Records ---------------------------------------------------------------------------------------------------------

static const bool adds = false;
static const bool multiplies = true;

#define Q MOPT_SET_INT8
#define REAL MOPT_SET_F32
#define OPTIONAL MOPT_PARAM_OPTIONAL
#define PAIR(title, text, row)                                                                  \
    {                                                                                           \
        .domain = "com.microsoft", .name = title, .since = 1, .summary = text,                  \
        MOPT_INPUTS({"A", "T", Q, 0}, {"A_scale", "tensor(float)", REAL, 0},                    \
                    {"A_zero_point", "T", Q, OPTIONAL}, {"B", "T", Q, 0},                       \
                    {"B_scale", "tensor(float)", REAL, 0}, {"B_zero_point", "T", Q, OPTIONAL},  \
                    {"C_scale", "tensor(float)", REAL, 0}, {"C_zero_point", "T", Q, OPTIONAL}), \
        MOPT_OUTPUTS({"C", "T", Q, 0}), .infer = pair_infer, .eval = pair_eval,                 \
        .cost = mopt__cost_output, .data = &(row)                                               \
    }
#define ONE(title, text, function, ...)                                                        \
    {                                                                                          \
        .domain = "com.microsoft", .name = title, .since = 1, .summary = text,                 \
        MOPT_INPUTS({"X", "T", Q, 0}, {"X_scale", "tensor(float)", REAL, 0},                   \
                    {"X_zero_point", "T", Q, OPTIONAL}, {"Y_scale", "tensor(float)", REAL, 0}, \
                    {"Y_zero_point", "T", Q, OPTIONAL}),                                       \
        MOPT_OUTPUTS({"Y", "T", Q, 0}), __VA_ARGS__.infer = one_infer, .eval = function,       \
        .cost = mopt__cost_output                                                              \
    }
#define WITH(...) MOPT_ATTRIBUTES(__VA_ARGS__),

static const struct mopt_op records[] = {
    PAIR("QLinearAdd", "sum of quantized tensors", adds),
    PAIR("QLinearMul", "product of quantized tensors", multiplies),
    ONE("QLinearSigmoid", "sigmoid of a quantized tensor", sigmoid_eval, ),
    ONE("QLinearLeakyRelu", "leaky rectifier of a quantized tensor", leaky_eval,
        WITH(MOPT_A_FLOAT("alpha", (double)0.01F))),
    ONE("QLinearSoftmax", "softmax of a quantized tensor", softmax_eval,
        WITH(MOPT_A_INT("axis", -1), MOPT_A_INT_OPTIONAL("opset"))),
    {.domain = "com.microsoft",
     .name = "QLinearConcat",
     .since = 1,
     .summary = "concatenation of quantized tensors",
     MOPT_INPUTS({"Y_scale", "TF", REAL, 0}, {"Y_zero_point", "T8", Q, 0},
                 {"inputs", "TV", Q | REAL, MOPT_PARAM_VARIADIC | MOPT_PARAM_HETEROGENEOUS}),
     MOPT_OUTPUTS({"Y", "T8", Q, 0}),
     MOPT_ATTRIBUTES(MOPT_A_INT_REQUIRED("axis")),
     .infer = concat_infer,
     .eval = concat_eval,
     .cost = mopt__cost_output},
};
const struct mopt_op_family mopt__ops_qlinear_math = {records, MOPT_COUNTOF(records)};
