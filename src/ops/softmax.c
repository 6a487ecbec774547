// SPDX-License-Identifier: Apache-2.0
// Softmax, LogSoftmax, Hardmax. Before opset 13 the input is seen as a matrix cut at `axis` and
// each row is one group; from 13 on a group runs along `axis`. The largest element is subtracted
// first; sums accumulate in double.
#include <math.h>

#include "ops/elementwise.h"
#include "ops/fast.h"
#include "ops/lanes.h"
#include "ops/narrow.h"
#include "ops/nn_util.h"
#include "ops/smooth.h"

enum kind { SOFT, LOG, HARD };
struct softmax_row {
    enum kind kind;
};

struct softmax_job {
    const struct mopt_tensor *in;
    struct mopt_tensor *out;
    enum kind kind;
    int64_t n, inner; // elements of a group, their stride
};

// x rounded to a narrow element type.
static float rounded(enum mopt_dtype dtype, float x)
{
    uint16_t bits = 0; // narrow types have at most 16 bits
    mopt__store_f32(dtype, &bits, 0, 1, &x);
    mopt__load_f32(dtype, &bits, 0, 1, 1, &x);
    return x;
}

// A group of a narrow type in place: every step rounds, as in the function body that defines the
// operator.
static void soft_narrow(enum mopt_dtype dtype, float *x, int64_t n, enum kind kind)
{
    float top = -INFINITY;
    struct mopt_narrow_sum sum = {.dtype = dtype};
    for (int64_t i = 0; i < n; i++) {
        top = x[i] > top ? x[i] : top;
    }
    for (int64_t i = 0; i < n; i++) {
        const float shifted = rounded(dtype, x[i] - top);
        const float e = rounded(dtype, expf(shifted));
        mopt__narrow_add(&sum, (double)e);
        x[i] = kind == SOFT ? e : shifted;
    }
    const float total = (float)mopt__narrow_result(&sum);
    const float log_total = rounded(dtype, logf(total));
    for (int64_t i = 0; i < n; i++) {
        x[i] = kind == SOFT ? x[i] / total : x[i] - log_total;
    }
}

// One group of n elements, out may be in.
static void hard_f32(float *out, const float *in, int64_t n)
{
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++) {
        best = in[i] > in[best] ? i : best;
    }
    for (int64_t i = 0; i < n; i++) {
        out[i] = i == best ? 1.0f : 0.0f;
    }
}

static void soft_f32(float *out, const float *in, int64_t n, enum kind kind)
{
    float top = -INFINITY;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        top = in[i] > top ? in[i] : top;
    }
    for (int64_t i = 0; i < n; i++) {
        const float shifted = in[i] - top;
        const float e = (float)mopt__smooth_exp(shifted);
        sum += (double)e;
        out[i] = kind == SOFT ? e : shifted;
    }
    const float scale = kind == SOFT ? (float)(1.0 / sum) : (float)log(sum);
    for (int64_t i = 0; i < n; i++) {
        out[i] = kind == SOFT ? out[i] * scale : out[i] - scale;
    }
}

static void soft_f64(double *out, const double *in, int64_t n, enum kind kind)
{
    double top = -INFINITY;
    int64_t best = 0;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        best = in[i] > top ? i : best;
        top = in[i] > top ? in[i] : top;
    }
    for (int64_t i = 0; i < n; i++) {
        const double shifted = in[i] - top;
        const double e = exp(shifted);
        sum += e;
        out[i] = kind == SOFT ? e : shifted;
    }
    for (int64_t i = 0; i < n; i++) {
        const double x = kind == SOFT ? out[i] / sum : out[i] - log(sum);
        out[i] = kind == HARD ? (double)(i == best) : x;
    }
}

// Group g, gathered into a buffer of n elements and written back.
static void group_f32(const struct softmax_job *job, int64_t first, float *buffer)
{
    float *out = mopt__tensor_data(job->out);
    mopt__load_f32(job->in->dtype, job->in->data, first, job->inner, (size_t)job->n, buffer);
    if (job->kind == HARD) {
        hard_f32(buffer, buffer, job->n);
    } else if (job->out->dtype == MOPT_FLOAT32) {
        soft_f32(buffer, buffer, job->n, job->kind);
    } else {
        soft_narrow(job->out->dtype, buffer, job->n, job->kind);
    }
    if (job->out->dtype == MOPT_FLOAT32) {
        for (int64_t i = 0; i < job->n; i++) {
            out[first + i * job->inner] = buffer[i];
        }
        return;
    }
    for (int64_t i = 0; i < job->n; i++) {
        mopt__store_f32(job->out->dtype, out, first + i * job->inner, 1, &buffer[i]);
    }
}

static void group_f64(const struct softmax_job *job, int64_t first, double *buffer)
{
    double *out = mopt__tensor_data(job->out);
    mopt__load_f64(MOPT_FLOAT64, job->in->data, first, job->inner, (size_t)job->n, buffer);
    soft_f64(buffer, buffer, job->n, job->kind);
    for (int64_t i = 0; i < job->n; i++) {
        out[first + i * job->inner] = buffer[i];
    }
}

struct softmax_run {
    struct softmax_job job;
    void *buffers; // one group per thread
    size_t stride; // bytes
};

static void softmax_range(void *context, int64_t begin, int64_t end, int thread)
{
    const struct softmax_run *run = context;
    const struct softmax_job *job = &run->job;
    void *buffer = (char *)run->buffers + (size_t)thread * run->stride;
    for (int64_t g = begin; g < end; g++) {
        const int64_t first = g / job->inner * job->n * job->inner + g % job->inner;
        if (job->out->dtype == MOPT_FLOAT64) {
            group_f64(job, first, buffer);
        } else if (job->out->dtype == MOPT_FLOAT32 && job->inner == 1 && job->kind != HARD) {
            soft_f32((float *)mopt__tensor_data(job->out) + first,
                     (const float *)job->in->data + first, job->n, job->kind);
        } else {
            group_f32(job, first, buffer);
        }
    }
}

static enum mopt_status run_groups(const struct mopt_eval *eval, struct softmax_run *run,
                                   struct mopt_error *err)
{
    const size_t threads = (size_t)mopt__pool_size(eval->pool);
    if (!mopt__size_mul((size_t)run->job.n, sizeof(double), &run->stride)) {
        return mopt_error_memory(err);
    }
    run->buffers = mopt__calloc(threads, run->stride);
    if (run->buffers == NULL) {
        return mopt_error_memory(err);
    }
    mopt__pool_for(eval->pool, (int64_t)run->job.out->count / run->job.n,
                   MOPT_LOOPS_GRAIN / 8 / run->job.n + 1, softmax_range, run);
    mopt__free(run->buffers);
    return MOPT_OK;
}

static enum mopt_status find_axis(const struct mopt_node *node, int rank, int *axis,
                                  struct mopt_error *err)
{
    int64_t value = 0;
    const bool old = node->op->since < 13;
    const enum mopt_status status = mopt__attr_int(node, "axis", old ? 1 : -1, &value, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (rank == 0 || (old && value == rank)) { // a group of one element
        *axis = rank;
        return value < -1 || value > 1 ? mopt__axis_normalise(value, rank, axis, err) : MOPT_OK;
    }
    return mopt__axis_normalise(value, rank, axis, err);
}

// Output and groups; job->in->count may be 0.
static enum mopt_status open_groups(struct mopt_eval *eval, struct softmax_job *job,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *in[1];
    int axis = 0;
    enum mopt_status status = mopt__open(eval, in, 1, err);
    if (status == MOPT_OK) {
        status = find_axis(eval->node, in[0]->rank, &axis, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[0]->dtype, in[0]->rank, in[0]->dims, &job->out, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    job->in = in[0];
    job->kind = ((const struct softmax_row *)eval->node->op->data)->kind;
    job->inner = 1;
    job->n = 1;
    for (int i = axis; i < in[0]->rank; i++) {
        const bool grouped = i == axis || eval->node->op->since < 13;
        job->n *= grouped ? in[0]->dims[i] : 1;
        job->inner *= grouped ? 1 : in[0]->dims[i];
    }
    return MOPT_OK;
}

static enum mopt_status softmax_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct softmax_run run = {.stride = 0};
    const enum mopt_status status = open_groups(eval, &run.job, err);
    return status != MOPT_OK || run.job.in->count == 0 ? status : run_groups(eval, &run, err);
}

// ---- By kernels ---------------------------------------------------------------------------------

enum { COLUMNS = 256 }; // groups that lie side by side and are computed together

struct fast_job {
    const struct mopt_kernels *kernels;
    const struct softmax_job *job;
    int64_t pieces; // of COLUMNS in a row
    float *powers;  // of logarithms in rows: [n] for each thread
};

// y = x - top - ln(sum of e^(x - top)).
static void log_row(const struct fast_job *fast, const float *x, float *y, float *powers, size_t n)
{
    static const struct mopt_function_f32 exponential = {.kind = MOPT_ACT_EXP};
    double top = (double)-INFINITY;
    double sum = 0;
    fast->kernels->fold_f32(MOPT_FOLD_MAX, x, n, 1, &top);
    const float most = (float)top;
    fast->kernels->binary_f32(MOPT_BIN_SUB, x, 1, &most, 0, y, n);
    fast->kernels->unary_f32(&exponential, y, powers, n);
    fast->kernels->fold_f32(MOPT_FOLD_SUM, powers, n, 1, &sum);
    const float whole = (float)log(sum);
    fast->kernels->binary_f32(MOPT_BIN_SUB, y, 1, &whole, 0, y, n);
}

static void fast_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct fast_job *fast = context;
    const int64_t n = fast->job->n;
    const float *x = fast->job->in->data;
    float *y = mopt__tensor_data(fast->job->out);
    for (int64_t row = begin; row < end; row++) {
        if (fast->job->kind == LOG) {
            log_row(fast, x + row * n, y + row * n, fast->powers + (int64_t)thread * n, (size_t)n);
        } else {
            fast->kernels->softmax_f32(x + row * n, NULL, 1.0f, y + row * n, (size_t)n);
        }
    }
}

// `width` groups whose elements lie side by side, n times, `step` floats apart.
static void columns(const struct fast_job *fast, const float *x, float *y, size_t step,
                    size_t width)
{
    static const struct mopt_function_f32 exponential = {.kind = MOPT_ACT_EXP};
    const struct mopt_kernels *k = fast->kernels;
    const bool is_log = fast->job->kind == LOG;
    const size_t n = (size_t)fast->job->n;
    double all[COLUMNS];
    float each[COLUMNS];
    float powers[COLUMNS] = {0};
    for (size_t i = 0; i < width; i++) {
        all[i] = (double)-INFINITY;
    }
    k->fold_columns_f32(MOPT_FOLD_MAX, x, step, n, all, width);
    for (size_t i = 0; i < width; i++) {
        each[i] = (float)all[i];
        all[i] = 0;
    }
    for (size_t r = 0; r < n; r++) {
        float *to = is_log ? powers : y + r * step;
        k->binary_f32(MOPT_BIN_SUB, x + r * step, 1, each, 1, y + r * step, width);
        k->unary_f32(&exponential, y + r * step, to, width);
        k->fold_columns_f32(MOPT_FOLD_SUM, to, 0, 1, all, width);
    }
    for (size_t i = 0; i < width; i++) {
        each[i] = (float)(is_log ? log(all[i]) : 1.0 / all[i]);
    }
    for (size_t r = 0; r < n; r++) {
        k->binary_f32(is_log ? MOPT_BIN_SUB : MOPT_BIN_MUL, y + r * step, 1, each, 1, y + r * step,
                      width);
    }
}

static void fast_columns(void *context, int64_t begin, int64_t end, int thread)
{
    const struct fast_job *fast = context;
    const int64_t inner = fast->job->inner;
    (void)thread;
    for (int64_t p = begin; p < end; p++) {
        const int64_t at = p % fast->pieces * COLUMNS;
        const int64_t first = p / fast->pieces * fast->job->n * inner + at;
        const int64_t width = inner - at < COLUMNS ? inner - at : COLUMNS;
        columns(fast, (const float *)fast->job->in->data + first,
                (float *)mopt__tensor_data(fast->job->out) + first, (size_t)inner, (size_t)width);
    }
}

static enum mopt_status softmax_fast(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_fast *state = eval->state;
    struct softmax_job job = {.n = 0};
    const enum mopt_status status = open_groups(eval, &job, err);
    if (status != MOPT_OK || job.in->count == 0) {
        return status;
    }
    struct fast_job fast = {.kernels = state->kernels, .job = &job};
    if (job.inner != 1) {
        fast.pieces = (job.inner + COLUMNS - 1) / COLUMNS;
        const int64_t columns = (int64_t)job.in->count / job.n / job.inner * fast.pieces;
        const int64_t elements = job.n * (job.inner < COLUMNS ? job.inner : COLUMNS);
        mopt__pool_for(eval->pool, columns, MOPT_FAST_GRAIN / elements + 1, fast_columns, &fast);
        return MOPT_OK;
    }
    if (job.kind == LOG) {
        const size_t threads = (size_t)mopt__pool_size(eval->pool);
        fast.powers = mopt__calloc((size_t)job.n, threads * sizeof *fast.powers);
        if (fast.powers == NULL) {
            return mopt_error_memory(err);
        }
    }
    mopt__pool_for(eval->pool, (int64_t)job.in->count / job.n, MOPT_FAST_GRAIN / job.n + 1,
                   fast_rows, &fast);
    mopt__free(fast.powers);
    return MOPT_OK;
}

static enum mopt_status softmax_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    return mopt__nn_bind_is(bind, 0, MOPT_FLOAT32) ? mopt__fast_bind(bind, NULL, softmax_fast, err)
                                                   : MOPT_OK;
}

static enum mopt_status softmax_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const int rank = mopt__infer_rank(infer, 0);
    int axis = 0;
    const enum mopt_status status = rank >= 0 ? find_axis(infer->node, rank, &axis, err) : MOPT_OK;
    return status == MOPT_OK ? mopt__infer_like(infer, err) : status;
}

#define RECORD(op, text, from, to, set, value, bits, spec, row, ...)                            \
    {                                                                                           \
        .domain = "", .name = op, .since = from, .until = to, .summary = text,                  \
        MOPT_INPUTS({"input", "T", set, 0}), MOPT_OUTPUTS({"output", "T", set, 0}),             \
        MOPT_ATTRIBUTES(MOPT_A_INT("axis", value)), .traits = MOPT_TRAIT_IN_PLACE | (bits),     \
        .quant = spec, .infer = softmax_infer, .eval = softmax_eval, .cost = mopt__cost_output, \
        .data = &(row), __VA_ARGS__                                                             \
    }
#define VERSIONS(op, text, bits, spec, row, ...)                               \
    RECORD(op, text, 1, 12, MOPT_SET_FLOATS, 1, bits, spec, row, __VA_ARGS__), \
        RECORD(op, text, 13, 0, MOPT_SET_FLOATS_BF, -1, bits, spec, row, __VA_ARGS__)

static const struct softmax_row softmax = {SOFT}, log_softmax = {LOG}, hardmax = {HARD};
static const struct mopt_op records[] = {
    VERSIONS("Hardmax", "1 at the first largest element of a group, else 0", MOPT_TRAIT_IDEMPOTENT,
             NULL, hardmax, ),
    VERSIONS("LogSoftmax", "logarithm of Softmax", 0, NULL, log_softmax, .bind = softmax_bind),
    VERSIONS("Softmax", "exponentials scaled to sum 1", 0, &mopt__quant_unary_kernel, softmax,
             .bind = softmax_bind),
};
const struct mopt_op_family mopt__ops_softmax = {records, MOPT_COUNTOF(records)};
