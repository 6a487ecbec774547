// SPDX-License-Identifier: Apache-2.0
// QGemm, MatMulIntegerToFloat and DynamicQuantizeMatMul of com.microsoft: integer products that end
// in floats or codes.
#include <math.h>
#include <string.h>

#include "ops/matmul_common.h"

struct operand {
    const struct mopt_tensor *t, *scale, *zero;
    bool trans; // QGemm: stored transposed
};

// Integer matrix operand as floats (code minus zero point), rows x columns; zero points per row or
// per column.
static void widen(const struct operand *o, size_t first, size_t rows, size_t columns,
                  bool zero_per_column, float *out)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; j < columns; j++) {
            size_t at = first + (o->trans ? j * rows + i : i * columns + j);
            size_t line = zero_per_column ? j : i;
            int64_t zero = 0;
            if (o->zero) {
                zero = mopt__tensor_i64_at(o->zero, o->zero->count > 1 ? line : 0);
            }
            out[i * columns + j] = (float)(mopt__tensor_i64_at(o->t, at) - zero);
        }
    }
}

static enum mopt_status check_parameter(const struct mopt_tensor *t, const char *name,
                                        int64_t lines, struct mopt_error *err)
{
    if (!t || t->count == 1 || (lines > 0 && (int64_t)t->count == lines)) {
        return MOPT_OK;
    }
    return mopt_error_set(err, MOPT_E_SHAPE, "input '%s' has %zu elements, must have 1 or %lld",
                          name, t->count, (long long)lines);
}

struct room {
    float *a, *b, *scratch;
    int32_t *sums;
};

static enum mopt_status new_room(const struct mopt_matmul *mm, struct room *r,
                                 struct mopt_error *err)
{
    size_t m = (size_t)mm->m;
    size_t n = (size_t)mm->n;
    size_t k = (size_t)mm->k;
    r->a = mopt__calloc(m + 1, (k + 1) * sizeof *r->a);
    r->b = mopt__calloc(k + 1, (n + 1) * sizeof *r->b);
    r->scratch = mopt__calloc(m + 1, (n + 1) * sizeof *r->scratch);
    r->sums = mopt__calloc(m + 1, (n + 1) * sizeof *r->sums);
    return r->a && r->b && r->scratch && r->sums ? MOPT_OK : mopt_error_memory(err);
}

static void free_room(struct room *r)
{
    mopt__free(r->a);
    mopt__free(r->b);
    mopt__free(r->scratch);
    mopt__free(r->sums);
}

static void multiply(const struct mopt_matmul *mm, struct room *r)
{
    struct mopt_igemm g = {.m = mm->m,
                           .n = mm->n,
                           .k = mm->k,
                           .lda = mm->k,
                           .ldb = mm->n,
                           .ldc = mm->n,
                           .bound = 255.0 * 255.0};
    memset(r->sums, 0, (size_t)mm->m * (size_t)mm->n * sizeof *r->sums);
    mopt__igemm_exact(&g, r->a, r->b, r->sums, r->scratch);
}

// ---- MatMulIntegerToFloat and DynamicQuantizeMatMul ------------------------------------------------------------------

struct to_float {
    struct mopt_matmul mm;
    struct operand a, b;
    const struct mopt_tensor *bias;
    struct mopt_tensor *y;
};

static double scale_at(const struct operand *o, size_t column)
{
    return mopt__tensor_f64(o->scale, o->scale->count > 1 ? column : 0);
}

static enum mopt_status run_to_float(struct mopt_eval *eval, const struct to_float *p,
                                     struct room *r, struct mopt_error *err)
{
    const struct mopt_matmul *mm = &p->mm;
    size_t m = (size_t)mm->m;
    size_t n = (size_t)mm->n;
    size_t k = (size_t)mm->k;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && p->y->count > 0 && i < mm->batch; i++) {
        size_t a = 0;
        size_t b = 0;
        mopt__matmul_at(mm, i, &a, &b);
        widen(&p->a, a * m * k, m, k, false, r->a);
        widen(&p->b, b * k * n, k, n, true, r->b);
        multiply(mm, r);
        for (size_t e = 0; e < m * n; e++) {
            float factor = (float)scale_at(&p->a, 0) * (float)scale_at(&p->b, e % n);
            double value = (double)((float)r->sums[e] * factor);
            value += p->bias ? mopt__tensor_f64(p->bias, e % n) : 0;
            mopt__nn_store_at(p->y, i * m * n + e, value);
        }
        status = mopt__nn_tick(eval, err);
    }
    return status;
}

static enum mopt_status finish_to_float(struct mopt_eval *eval, struct to_float *p,
                                        struct mopt_error *err)
{
    struct room room = {NULL, NULL, NULL, NULL};
    enum mopt_status status =
        mopt__matmul_open(p->a.t->rank, p->a.t->dims, p->b.t->rank, p->b.t->dims, &p->mm, err);
    if (status == MOPT_OK) {
        status = check_parameter(p->a.scale, "a_scale", 0, err);
    }
    if (status == MOPT_OK) {
        status = check_parameter(p->a.zero, "a_zero_point", 0, err);
    }
    if (status == MOPT_OK) {
        status = check_parameter(p->b.scale, "b_scale", p->mm.n, err);
    }
    if (status == MOPT_OK) {
        status = check_parameter(p->b.zero, "b_zero_point", p->mm.n, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_vector(p->bias, "bias", p->mm.n, err);
    }
    if (status == MOPT_OK) {
        enum mopt_dtype dtype = p->b.scale->dtype;
        status = mopt__eval_output(eval, 0, dtype, p->mm.rank, p->mm.dims, &p->y, err);
    }
    if (status == MOPT_OK) {
        status = new_room(&p->mm, &room, err);
    }
    if (status == MOPT_OK) {
        status = run_to_float(eval, p, &room, err);
    }
    free_room(&room);
    return status;
}

static enum mopt_status to_float_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[7];
    enum mopt_status status = mopt__open(eval, in, 7, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct to_float p = {.a = {in[0], in[2], in[4], false},
                         .b = {in[1], in[3], in[5], false},
                         .bias = in[6]};
    return finish_to_float(eval, &p, err);
}

static enum mopt_status new_scalar(enum mopt_dtype dtype, double value, struct mopt_tensor **out,
                                   struct mopt_error *err)
{
    enum mopt_status status = mopt__tensor_new(dtype, 0, NULL, out, err);
    if (status == MOPT_OK) {
        mopt__nn_store_at(*out, 0, value);
    }
    return status;
}

// uint8 codes of a float tensor with parameters from its range, as DynamicQuantizeLinear gives
// them.
static enum mopt_status quantize(const struct mopt_tensor *x, struct mopt_tensor *out[3],
                                 struct mopt_error *err)
{
    float low = 0;
    float high = 0;
    const float *from = x->data;
    enum mopt_status status = mopt__tensor_new(MOPT_UINT8, x->rank, x->dims, &out[0], err);
    if (status != MOPT_OK) {
        return status;
    }
    for (size_t i = 0; i < x->count; i++) {
        low = from[i] < low ? from[i] : low;
        high = from[i] > high ? from[i] : high;
    }
    float scale = (high - low) / 255.0F;
    scale = scale == 0 ? 1 : scale;
    float zero = rintf(fminf(fmaxf(0 - low / scale, 0), 255));
    for (size_t i = 0; i < x->count; i++) {
        int64_t code = mopt__nn_quantize((double)(from[i] / scale), (int64_t)zero, 0, 255);
        mopt__element_set_i64(MOPT_UINT8, mopt__tensor_data(out[0]), i, code);
    }
    status = new_scalar(MOPT_FLOAT32, (double)scale, &out[1], err);
    return status == MOPT_OK ? new_scalar(MOPT_UINT8, (double)zero, &out[2], err) : status;
}

static enum mopt_status dynamic_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[5];
    struct mopt_tensor *codes[3] = {NULL, NULL, NULL};
    enum mopt_status status = mopt__open(eval, in, 5, err);
    if (status == MOPT_OK) {
        status = quantize(in[0], codes, err);
    }
    if (status == MOPT_OK) {
        struct to_float p = {.a = {codes[0], codes[1], codes[2], false},
                             .b = {in[1], in[2], in[3], false},
                             .bias = in[4]};
        status = finish_to_float(eval, &p, err);
    }
    for (int i = 0; i < 3; i++) {
        mopt__tensor_unref(codes[i]);
    }
    return status;
}

static enum mopt_status to_float_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return mopt__matmul_infer(infer, 0, 1, MOPT_FLOAT32, err);
}

static void product_cost(struct mopt_cost *cost)
{
    mopt__matmul_cost(cost, 0);
}

// ---- QGemm -----------------------------------------------------------------------------------------------------------

struct qgemm {
    struct mopt_matmul mm;
    struct operand a, b, y;
    const struct mopt_tensor *c; // int32, broadcast to the result
    float alpha;
};

static enum mopt_status read_qgemm(const struct mopt_node *node, struct qgemm *q,
                                   struct mopt_error *err)
{
    int64_t a = 0;
    int64_t b = 0;
    enum mopt_status status = mopt__attr_int(node, "transA", 0, &a, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "transB", 0, &b, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "alpha", 1, &q->alpha, err);
    }
    q->a.trans = a != 0;
    q->b.trans = b != 0;
    return status;
}

static enum mopt_status open_qgemm(const struct mopt_eval *eval, struct qgemm *q,
                                   struct mopt_error *err)
{
    const struct mopt_tensor *in[9];
    enum mopt_status status = mopt__open(eval, in, 9, err);
    if (status != MOPT_OK) {
        return status;
    }
    *q = (struct qgemm){.a = {in[0], in[1], in[2], false},
                        .b = {in[3], in[4], in[5], false},
                        .y = {NULL, in[7], in[8], false},
                        .c = in[6]};
    status = read_qgemm(eval->node, q, err);
    if (status == MOPT_OK) {
        status = mopt__nn_rank(in[0], "A", 2, 2, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_rank(in[3], "B", 2, 2, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    int64_t a[2] = {in[0]->dims[q->a.trans ? 1 : 0], in[0]->dims[q->a.trans ? 0 : 1]};
    int64_t b[2] = {in[3]->dims[q->b.trans ? 1 : 0], in[3]->dims[q->b.trans ? 0 : 1]};
    status = mopt__matmul_open(2, a, 2, b, &q->mm, err);
    const struct {
        const struct mopt_tensor *t;
        const char *name;
        int64_t lines;
    } checks[] = {{in[1], "a_scale", 0},       {in[2], "a_zero_point", 0},
                  {in[4], "b_scale", q->mm.n}, {in[5], "b_zero_point", q->mm.n},
                  {in[7], "y_scale", 0},       {in[8], "y_zero_point", 0}};
    for (size_t i = 0; status == MOPT_OK && i < MOPT_COUNTOF(checks); i++) {
        status = check_parameter(checks[i].t, checks[i].name, checks[i].lines, err);
    }
    if (status == MOPT_OK && q->c && q->c->count != 1 && q->c->count != (size_t)q->mm.n &&
        q->c->count != (size_t)(q->mm.m * q->mm.n)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input 'C' does not broadcast");
    }
    return status;
}

static void finish_qgemm(const struct qgemm *q, size_t e, int32_t sum, struct mopt_tensor *y)
{
    size_t n = (size_t)q->mm.n;
    uint32_t total = (uint32_t)sum;
    if (q->c) {
        size_t at = q->c->count == 1 ? 0 : q->c->count == n ? e % n : e;
        total += (uint32_t)mopt__tensor_i64_at(q->c, at);
    }
    float factor = q->alpha * (float)scale_at(&q->a, 0) * (float)scale_at(&q->b, e % n);
    if (!q->y.scale) {
        mopt__nn_store_at(y, e, (double)((float)(int32_t)total * factor));
        return;
    }
    int64_t low = 0;
    int64_t high = 0;
    mopt__nn_int_range(y->dtype, &low, &high);
    factor /= (float)scale_at(&q->y, 0);
    int64_t zero = q->y.zero ? mopt__tensor_i64_at(q->y.zero, 0) : 0;
    mopt__element_set_i64(y->dtype, mopt__tensor_data(y), e,
                          mopt__nn_quantize((double)((float)(int32_t)total * factor), zero, low,
                                            high));
}

static enum mopt_status qgemm_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct qgemm q;
    struct room room = {NULL, NULL, NULL, NULL};
    struct mopt_tensor *y = NULL;
    enum mopt_status status = open_qgemm(eval, &q, err);
    if (status == MOPT_OK) {
        enum mopt_dtype codes = q.y.zero ? q.y.zero->dtype : q.a.t->dtype;
        status =
            mopt__eval_output(eval, 0, q.y.scale ? codes : MOPT_FLOAT32, 2, q.mm.dims, &y, err);
    }
    if (status == MOPT_OK) {
        status = new_room(&q.mm, &room, err);
    }
    if (status == MOPT_OK && y->count > 0) {
        widen(&q.a, 0, (size_t)q.mm.m, (size_t)q.mm.k, false, room.a);
        widen(&q.b, 0, (size_t)q.mm.k, (size_t)q.mm.n, true, room.b);
        multiply(&q.mm, &room);
        for (size_t e = 0; e < y->count; e++) {
            finish_qgemm(&q, e, room.sums[e], y);
        }
    }
    free_room(&room);
    return status;
}

static enum mopt_status qgemm_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *a = mopt__infer_tensor(infer, 0);
    const struct mopt_type *b = mopt__infer_tensor(infer, 3);
    struct qgemm q = {.c = NULL};
    enum mopt_status status = read_qgemm(infer->node, &q, err);
    if (status != MOPT_OK) {
        return status;
    }
    int64_t dims[2] = {a && a->rank == 2 ? a->dims[q.a.trans ? 1 : 0] : MOPT_DIM_UNKNOWN,
                       b && b->rank == 2 ? b->dims[q.b.trans ? 0 : 1] : MOPT_DIM_UNKNOWN};
    enum mopt_dtype dtype = MOPT_FLOAT32;
    if (mopt__infer_has(infer, 7)) {
        dtype = mopt__infer_dtype(infer, mopt__infer_has(infer, 8) ? 8 : 0);
    }
    return mopt__infer_set(infer, 0, dtype, 2, dims, err);
}

#define Q MOPT_SET_INT8
#define REAL MOPT_SET_F32
#define OPTIONAL MOPT_PARAM_OPTIONAL

static const struct mopt_op records[] = {
    {.domain = "com.microsoft",
     .name = "DynamicQuantizeMatMul",
     .since = 1,
     .summary = "product of a float and a quantized matrix, the float one quantized on the way",
     MOPT_INPUTS({"A", "T1", REAL, 0}, {"B", "T2", Q, 0}, {"b_scale", "T1", REAL, 0},
                 {"b_zero_point", "T2", Q, OPTIONAL}, {"bias", "T1", REAL, OPTIONAL}),
     MOPT_OUTPUTS({"Y", "T1", REAL, 0}),
     .infer = to_float_infer,
     .eval = dynamic_eval,
     .cost = product_cost},
    {.domain = "com.microsoft",
     .name = "MatMulIntegerToFloat",
     .since = 1,
     .summary = "product of quantized matrices with float result",
     MOPT_INPUTS({"A", "T1", Q, 0}, {"B", "T2", Q, 0}, {"a_scale", "T3", REAL, 0},
                 {"b_scale", "T3", REAL, 0}, {"a_zero_point", "T1", Q, OPTIONAL},
                 {"b_zero_point", "T2", Q, OPTIONAL}, {"bias", "T3", REAL, OPTIONAL}),
     MOPT_OUTPUTS({"Y", "T3", REAL, 0}),
     .infer = to_float_infer,
     .eval = to_float_eval,
     .cost = product_cost},
    {.domain = "com.microsoft",
     .name = "QGemm",
     .since = 1,
     .summary = "general product of quantized matrices",
     MOPT_INPUTS({"A", "TA", Q, 0}, {"a_scale", "T", REAL, 0}, {"a_zero_point", "TA", Q, 0},
                 {"B", "TB", Q, 0}, {"b_scale", "T", REAL, 0}, {"b_zero_point", "TB", Q, 0},
                 {"C", "TC", MOPT_SET_I32, OPTIONAL}, {"y_scale", "T", REAL, OPTIONAL},
                 {"y_zero_point", "TYZ", Q, OPTIONAL}),
     MOPT_OUTPUTS({"Y", "TY", Q | REAL, 0}),
     MOPT_ATTRIBUTES(MOPT_A_FLOAT("alpha", 1), MOPT_A_INT("transA", 0), MOPT_A_INT("transB", 0)),
     .infer = qgemm_infer,
     .eval = qgemm_eval,
     .cost = mopt__cost_output},
};
const struct mopt_op_family mopt__ops_qlinear_product = {records, MOPT_COUNTOF(records)};
