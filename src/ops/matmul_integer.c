// SPDX-License-Identifier: Apache-2.0
// MatMulInteger and QLinearMatMul: matrix products of quantized operands. Integer sums are exact
// (mod 2^32); float8 operands are summed in double. Parameters: one for all, per row of a, per
// column of b.
#include <math.h>
#include <string.h>

#include "ops/matmul_common.h"

struct operand {
    const struct mopt_tensor *t, *scale, *zero;
};

struct product {
    struct mopt_matmul mm;
    struct operand a, b, y; // y.t is not used
    struct mopt_tensor *out;
};

// Number of the parameter for line `line` (row or column) of matrix `matrix`; lines: lines per
// matrix.
static size_t parameter(const struct mopt_tensor *t, size_t matrix, size_t line, size_t lines)
{
    if (t->count == 1) {
        return 0;
    }
    return t->count == lines ? line : matrix * lines + line;
}

static int64_t zero_at(const struct operand *o, size_t matrix, size_t line, size_t lines)
{
    return o->zero ? mopt__tensor_i64_at(o->zero, parameter(o->zero, matrix, line, lines)) : 0;
}

static double scale_at(const struct operand *o, size_t matrix, size_t line, size_t lines)
{
    return mopt__tensor_f64(o->scale, parameter(o->scale, matrix, line, lines));
}

static enum mopt_status check_parameter(const struct mopt_tensor *t, const char *name,
                                        size_t matrices, int64_t lines, struct mopt_error *err)
{
    size_t all = matrices * (size_t)lines;
    if (!t || t->count == 1 || t->count == (size_t)lines || t->count == all) {
        return MOPT_OK;
    }
    return mopt_error_set(err, MOPT_E_SHAPE, "input '%s' has %zu elements, must have 1 or %lld",
                          name, t->count, (long long)lines);
}

static enum mopt_status open_product(struct mopt_eval *eval, struct product *p,
                                     struct mopt_error *err)
{
    const struct mopt_tensor *in[8] = {NULL};
    bool scaled = eval->node->op->input_count == 8;
    enum mopt_status status = mopt__open(eval, in, scaled ? 8 : 4, err);
    if (status != MOPT_OK) {
        return status;
    }
    *p = (struct product){.a = {in[0], NULL, in[2]}, .b = {in[1], NULL, in[3]}};
    if (scaled) {
        p->a = (struct operand){in[0], in[1], in[2]};
        p->b = (struct operand){in[3], in[4], in[5]};
        p->y = (struct operand){NULL, in[6], in[7]};
    }
    status = mopt__matmul_open(p->a.t->rank, p->a.t->dims, p->b.t->rank, p->b.t->dims, &p->mm, err);
    if (status != MOPT_OK) {
        return status;
    }
    const struct mopt_matmul *mm = &p->mm;
    size_t a_count = mm->m * mm->k != 0 ? p->a.t->count / (size_t)(mm->m * mm->k) : 1;
    size_t b_count = mm->k * mm->n != 0 ? p->b.t->count / (size_t)(mm->k * mm->n) : 1;
    const struct {
        const struct mopt_tensor *t;
        const char *name;
        size_t matrices;
        int64_t lines;
    } checks[] = {{p->a.scale, "a_scale", a_count, mm->m},
                  {p->a.zero, "a_zero_point", a_count, mm->m},
                  {p->b.scale, "b_scale", b_count, mm->n},
                  {p->b.zero, "b_zero_point", b_count, mm->n},
                  {p->y.scale, "y_scale", mm->batch, mm->m},
                  {p->y.zero, "y_zero_point", mm->batch, mm->m}};
    for (size_t i = 0; status == MOPT_OK && i < MOPT_COUNTOF(checks); i++) {
        status =
            check_parameter(checks[i].t, checks[i].name, checks[i].matrices, checks[i].lines, err);
    }
    enum mopt_dtype dtype = scaled ? p->y.zero->dtype : MOPT_INT32;
    return status == MOPT_OK ? mopt__eval_output(eval, 0, dtype, mm->rank, mm->dims, &p->out, err)
                             : status;
}

// Where one output element comes from.
struct place {
    size_t batch, a, b; // numbers of the product and its matrices
    size_t row, column;
};

static float factor_at(const struct product *p, const struct place *at, size_t column)
{
    size_t m = (size_t)p->mm.m;
    return (float)scale_at(&p->a, at->a, at->row, m) *
           (float)scale_at(&p->b, at->b, column, (size_t)p->mm.n) /
           (float)scale_at(&p->y, at->batch, at->row, m);
}

// Scales and stores the sum of one element.
static void finish(const struct product *p, const struct place *at, double sum)
{
    size_t m = (size_t)p->mm.m;
    size_t n = (size_t)p->mm.n;
    size_t index = (at->batch * m + at->row) * n + at->column;
    void *data = mopt__tensor_data(p->out);
    if (!p->y.scale) {
        ((int32_t *)data)[index] = (int32_t)sum;
        return;
    }
    float value = (float)sum * factor_at(p, at, at->column);
    if (!mopt__dtype_is_integer(p->out->dtype)) {
        ((uint8_t *)data)[index] = mopt__float_to_float8(p->out->dtype, value, true);
        return;
    }
    int64_t low = 0;
    int64_t high = 0;
    mopt__nn_int_range(p->out->dtype, &low, &high);
    int64_t zero = zero_at(&p->y, at->batch, at->row, m);
    mopt__element_set_i64(p->out->dtype, data, index,
                          mopt__nn_quantize((double)value, zero, low, high));
}

static double sum_of(const struct product *p, const struct place *at)
{
    const struct mopt_matmul *mm = &p->mm;
    size_t k = (size_t)mm->k;
    size_t n = (size_t)mm->n;
    size_t a = (at->a * (size_t)mm->m + at->row) * k;
    size_t b = at->b * k * n + at->column;
    if (!mopt__dtype_is_integer(p->a.t->dtype) || !mopt__dtype_is_integer(p->b.t->dtype)) {
        double sum = 0;
        for (size_t l = 0; l < k; l++) {
            sum += mopt__tensor_f64(p->a.t, a + l) * mopt__tensor_f64(p->b.t, b + l * n);
        }
        return sum;
    }
    int64_t za = zero_at(&p->a, at->a, at->row, (size_t)mm->m);
    int64_t zb = zero_at(&p->b, at->b, at->column, n);
    uint32_t sum = 0;
    for (size_t l = 0; l < k; l++) {
        sum += (uint32_t)((mopt__tensor_i64_at(p->a.t, a + l) - za) *
                          (mopt__tensor_i64_at(p->b.t, b + l * n) - zb));
    }
    return (double)(int32_t)sum;
}

static enum mopt_status product_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct product p;
    enum mopt_status status = open_product(eval, &p, err);
    if (status != MOPT_OK || p.out->count == 0) {
        return status;
    }
    for (size_t i = 0; status == MOPT_OK && i < p.mm.batch; i++) {
        struct place at = {.batch = i};
        mopt__matmul_at(&p.mm, i, &at.a, &at.b);
        for (at.row = 0; at.row < (size_t)p.mm.m; at.row++) {
            for (at.column = 0; at.column < (size_t)p.mm.n; at.column++) {
                finish(&p, &at, sum_of(&p, &at));
            }
        }
        status = mopt__nn_tick(eval, err);
    }
    return status;
}

// ---- Bound form --------------------------------------------------------------------------------------------------

enum { TILE_ROWS = 64 };

struct job {
    const struct product *p;
    const float *b;  // one matrix, minus zero points
    float *a, *sums; // per thread
    int32_t *totals;
    size_t a_count, c_count;
    struct place at;
    double bound;
    float *factor; // per column, when that is all the result needs; else NULL
};

// Rows of 8-bit results with one factor per column.
static void finish_rows(const struct job *job, size_t from, size_t rows, const int32_t *totals)
{
    const struct product *p = job->p;
    size_t n = (size_t)p->mm.n;
    uint8_t *out = mopt__tensor_data(p->out);
    float values[256];
    out += (job->at.batch * (size_t)p->mm.m + from) * n;
    for (size_t row = 0; row < rows; row++) {
        for (size_t done = 0; done < n; done += MOPT_COUNTOF(values)) {
            size_t count = n - done < MOPT_COUNTOF(values) ? n - done : MOPT_COUNTOF(values);
            for (size_t i = 0; i < count; i++) {
                values[i] = (float)totals[row * n + done + i];
            }
            mopt__quantize_bytes(values, job->factor + done, 1, count, p->out->dtype == MOPT_INT8,
                                 (int32_t)zero_at(&p->y, 0, 0, 1), out + row * n + done);
        }
    }
}

static void tile(const struct job *job, int64_t index, int thread)
{
    const struct product *p = job->p;
    size_t k = (size_t)p->mm.k;
    size_t n = (size_t)p->mm.n;
    size_t m = (size_t)p->mm.m;
    size_t from = (size_t)index * TILE_ROWS;
    size_t rows = m - from < TILE_ROWS ? m - from : TILE_ROWS;
    float *a = job->a + (size_t)thread * job->a_count;
    int32_t *totals = job->totals + (size_t)thread * job->c_count;
    const uint8_t *bytes = p->a.t->data;
    for (size_t r = 0; r < rows; r++) {
        mopt__bytes_to_float(bytes + (job->at.a * m + from + r) * k, p->a.t->dtype == MOPT_INT8,
                             (int32_t)zero_at(&p->a, job->at.a, from + r, m), k, a + r * k);
    }
    memset(totals, 0, rows * n * sizeof *totals);
    struct mopt_igemm g = {.m = (int64_t)rows,
                           .n = p->mm.n,
                           .k = p->mm.k,
                           .lda = p->mm.k,
                           .ldb = p->mm.n,
                           .ldc = p->mm.n,
                           .bound = job->bound};
    mopt__igemm_exact(&g, a, job->b, totals, job->sums + (size_t)thread * job->c_count);
    if (!p->y.scale) {
        int32_t *out = mopt__tensor_data(p->out);
        memcpy(out + (job->at.batch * m + from) * n, totals, rows * n * sizeof *totals);
        return;
    }
    if (job->factor) {
        finish_rows(job, from, rows, totals);
        return;
    }
    struct place at = job->at;
    for (at.row = from; at.row < from + rows; at.row++) {
        for (at.column = 0; at.column < n; at.column++) {
            finish(p, &at, (double)totals[(at.row - from) * n + at.column]);
        }
    }
}

static void run_tiles(void *context, int64_t begin, int64_t end, int thread)
{
    for (int64_t i = begin; i < end; i++) {
        tile(context, i, thread);
    }
}

// Matrix number `matrix` of b as floats minus the zero points of its columns.
static void widen(const struct product *p, size_t matrix, float *out)
{
    size_t k = (size_t)p->mm.k;
    size_t n = (size_t)p->mm.n;
    const uint8_t *bytes = (const uint8_t *)p->b.t->data + matrix * k * n;
    bool is_signed = p->b.t->dtype == MOPT_INT8;
    if (!p->b.zero || p->b.zero->count == 1) {
        int32_t zero = (int32_t)zero_at(&p->b, matrix, 0, n);
        mopt__bytes_to_float(bytes, is_signed, zero, k * n, out);
        return;
    }
    for (size_t l = 0; l < k * n; l++) {
        int32_t value = is_signed ? (int8_t)bytes[l] : bytes[l];
        out[l] = (float)(value - (int32_t)zero_at(&p->b, matrix, l % n, n));
    }
}

static enum mopt_status run_batches(struct mopt_eval *eval, struct job *job, float *b)
{
    const struct mopt_matmul *mm = &job->p->mm;
    size_t held = SIZE_MAX; // matrix of b that is widened
    for (size_t i = 0; i < mm->batch; i++) {
        job->at = (struct place){.batch = i};
        mopt__matmul_at(mm, i, &job->at.a, &job->at.b);
        if (job->at.b != held) {
            widen(job->p, job->at.b, b);
            held = job->at.b;
        }
        for (size_t column = 0; job->factor && column < (size_t)mm->n; column++) {
            job->factor[column] = factor_at(job->p, &job->at, column);
        }
        mopt__pool_for(eval->pool, (mm->m + TILE_ROWS - 1) / TILE_ROWS, 1, run_tiles, job);
    }
    return MOPT_OK;
}

static enum mopt_status product_run(struct mopt_eval *eval, struct mopt_error *err)
{
    struct product p;
    enum mopt_status status = open_product(eval, &p, err);
    if (status != MOPT_OK || p.out->count == 0) {
        return status;
    }
    struct job job = {.p = &p, .bound = 255.0 * 255.0};
    if (p.b.t->dtype == MOPT_INT8 && !p.b.zero) {
        job.bound = 255.0 * 128.0;
    }
    size_t threads = (size_t)mopt__pool_size(eval->pool);
    size_t rows = (size_t)(p.mm.m < TILE_ROWS ? p.mm.m : TILE_ROWS);
    job.a_count = rows * (size_t)p.mm.k;
    job.c_count = rows * (size_t)p.mm.n;
    float *b = mopt__calloc((size_t)p.mm.k * (size_t)p.mm.n + 1, sizeof *b);
    job.b = b;
    job.a = mopt__calloc(job.a_count + 1, threads * sizeof *job.a);
    job.sums = mopt__calloc(job.c_count + 1, threads * sizeof *job.sums);
    job.totals = mopt__calloc(job.c_count + 1, threads * sizeof *job.totals);
    status =
        b && job.a && job.sums && job.totals ? run_batches(eval, &job, b) : mopt_error_memory(err);
    mopt__free(b);
    mopt__free(job.a);
    mopt__free(job.sums);
    mopt__free(job.totals);
    mopt__free(job.factor);
    return status;
}

static bool is_byte(const struct mopt_bind *bind, uint32_t i)
{
    return mopt__nn_bind_is(bind, i, MOPT_UINT8) || mopt__nn_bind_is(bind, i, MOPT_INT8);
}

static enum mopt_status product_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    (void)err;
    uint32_t b = bind->node->op->input_count == 8 ? 3 : 1;
    if (is_byte(bind, 0) && is_byte(bind, b)) {
        bind->run = product_run;
    }
    return MOPT_OK;
}

static enum mopt_status integer_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return mopt__matmul_infer(infer, 0, 1, MOPT_INT32, err);
}

static enum mopt_status qlinear_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return mopt__matmul_infer(infer, 0, 3, mopt__infer_dtype(infer, 7), err);
}

static void product_cost(struct mopt_cost *cost)
{
    mopt__matmul_cost(cost, 0);
}

#define SCALES_21 (MOPT_SET_F32 | MOPT_DT(MOPT_FLOAT16) | MOPT_DT(MOPT_BFLOAT16))
#define QLINEAR(from, to, set, scale_type, scale)                                        \
    {                                                                                    \
        .domain = "", .name = "QLinearMatMul", .since = from, .until = to,               \
        .summary = "matrix product of quantized tensors with quantized result",          \
        MOPT_INPUTS({"a", "T1", set, 0}, {"a_scale", scale_type, scale, 0},              \
                    {"a_zero_point", "T1", set, 0}, {"b", "T2", set, 0},                 \
                    {"b_scale", scale_type, scale, 0}, {"b_zero_point", "T2", set, 0},   \
                    {"y_scale", scale_type, scale, 0}, {"y_zero_point", "T3", set, 0}),  \
        MOPT_OUTPUTS({"y", "T3", set, 0}), .infer = qlinear_infer, .eval = product_eval, \
        .bind = product_bind, .cost = product_cost                                       \
    }

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "MatMulInteger",
     .since = 10,
     .summary = "matrix product of 8-bit integers with 32-bit result",
     MOPT_INPUTS({"A", "T1", MOPT_SET_INT8, 0}, {"B", "T2", MOPT_SET_INT8, 0},
                 {"a_zero_point", "T1", MOPT_SET_INT8, MOPT_PARAM_OPTIONAL},
                 {"b_zero_point", "T2", MOPT_SET_INT8, MOPT_PARAM_OPTIONAL}),
     MOPT_OUTPUTS({"Y", "T3", MOPT_SET_I32, 0}),
     .infer = integer_infer,
     .eval = product_eval,
     .bind = product_bind,
     .cost = product_cost},
    QLINEAR(10, 20, MOPT_SET_INT8, "tensor(float)", MOPT_SET_F32),
    QLINEAR(21, 0, MOPT_SET_INT8 | MOPT_SET_FLOAT8, "TS", SCALES_21),
};
const struct mopt_op_family mopt__ops_matmul_integer = {records, MOPT_COUNTOF(records)};
