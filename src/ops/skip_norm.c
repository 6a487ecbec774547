// SPDX-License-Identifier: Apache-2.0
// SkipLayerNormalization, SkipSimplifiedLayerNormalization (com.microsoft) and
// SimplifiedLayerNormalization: a sum of tensors, normalised over the last axis. "Simplified"
// divides by the root mean square and does not shift.
#include <math.h>

#include "ops/fast.h"
#include "ops/nn_util.h"

struct row {
    bool simplified, skips;
};

struct skip_norm {
    const struct row *row;
    const struct mopt_tensor *x, *skip, *gamma, *beta, *bias;
    double epsilon;
    size_t rows, n;
    int64_t outer[MOPT_RANK_MAX]; // dims of the statistics
    struct mopt_tensor *y, *mean, *inverse, *sum;
};

static void name_inputs(struct skip_norm *s, const struct mopt_tensor *const *in)
{
    s->x = in[0];
    if (!s->row->skips) {
        s->gamma = in[1];
        return;
    }
    s->skip = in[1];
    s->gamma = in[2];
    s->beta = s->row->simplified ? NULL : in[3];
    s->bias = s->row->simplified ? in[3] : in[4];
}

static enum mopt_status check_inputs(struct skip_norm *s, int64_t axis, struct mopt_error *err)
{
    int normal = 0;
    enum mopt_status status = mopt__nn_rank(s->x, "input", 1, MOPT_RANK_MAX, err);
    if (status == MOPT_OK) {
        status = mopt__axis_normalise(axis, s->x->rank, &normal, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    s->rows = mopt__nn_product(s->x->dims, 0, normal);
    s->n = mopt__nn_product(s->x->dims, normal, s->x->rank);
    for (int i = 0; i < s->x->rank; i++) {
        s->outer[i] = i < normal ? s->x->dims[i] : 1;
    }
    const struct mopt_tensor *vectors[3] = {s->gamma, s->beta, s->bias};
    for (int i = 0; i < 3; i++) {
        if (vectors[i] && vectors[i]->count != s->n) {
            return mopt_error_set(err, MOPT_E_SHAPE, "gamma, beta and bias must have %zu elements",
                                  s->n);
        }
    }
    if (s->skip && (s->skip->count == 0 ? s->x->count != 0 : s->x->count % s->skip->count != 0)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input 'skip' does not fit 'input'");
    }
    return MOPT_OK;
}

static enum mopt_status new_outputs(struct mopt_eval *eval, struct skip_norm *s,
                                    struct mopt_error *err)
{
    const struct mopt_tensor *x = s->x;
    uint32_t inverse = s->row->skips ? 2 : 1;
    enum mopt_status status = mopt__eval_output(eval, 0, x->dtype, x->rank, x->dims, &s->y, err);
    if (status == MOPT_OK && inverse == 2 && mopt__eval_wants(eval, 1)) {
        status = mopt__eval_output(eval, 1, MOPT_FLOAT32, x->rank, s->outer, &s->mean, err);
    }
    if (status == MOPT_OK && mopt__eval_wants(eval, inverse)) {
        status =
            mopt__eval_output(eval, inverse, MOPT_FLOAT32, x->rank, s->outer, &s->inverse, err);
    }
    if (status == MOPT_OK && mopt__eval_wants(eval, 3)) {
        status = mopt__eval_output(eval, 3, x->dtype, x->rank, x->dims, &s->sum, err);
    }
    return status;
}

static void run_row(const struct skip_norm *s, size_t row, double *line)
{
    double mean = 0;
    double square = 0;
    for (size_t i = 0; i < s->n; i++) {
        size_t at = row * s->n + i;
        line[i] = mopt__tensor_f64(s->x, at) + (s->bias ? mopt__tensor_f64(s->bias, i) : 0);
        line[i] += s->skip ? mopt__tensor_f64(s->skip, at % s->skip->count) : 0;
        if (s->sum) {
            mopt__nn_store_at(s->sum, at, line[i]);
        }
        mean += line[i];
    }
    double n = s->n > 0 ? (double)s->n : 1;
    mean = s->row->simplified ? 0 : mean / n;
    for (size_t i = 0; i < s->n; i++) {
        line[i] -= mean;
        square += line[i] * line[i];
    }
    double inverse = 1 / sqrt(square / n + s->epsilon);
    for (size_t i = 0; i < s->n; i++) {
        double shift = s->beta ? mopt__tensor_f64(s->beta, i) : 0;
        mopt__nn_store_at(s->y, row * s->n + i,
                          line[i] * inverse * mopt__tensor_f64(s->gamma, i) + shift);
    }
    if (s->mean) {
        mopt__nn_store_at(s->mean, row, mean);
    }
    if (s->inverse) {
        mopt__nn_store_at(s->inverse, row, inverse);
    }
}

// Reads the node and makes the outputs.
static enum mopt_status open_norm(struct mopt_eval *eval, struct skip_norm *s,
                                  struct mopt_error *err)
{
    const struct mopt_tensor *in[5] = {NULL};
    float epsilon = 0;
    int64_t axis = -1;
    *s = (struct skip_norm){.row = eval->node->op->data};
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status == MOPT_OK) {
        status = mopt__attr_float(eval->node, "epsilon", 1e-12F, &epsilon, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "axis", -1, &axis, err);
    }
    s->epsilon = (double)epsilon;
    if (status == MOPT_OK) {
        name_inputs(s, in);
        status = check_inputs(s, axis, err);
    }
    return status == MOPT_OK ? new_outputs(eval, s, err) : status;
}

static enum mopt_status run_exact(const struct skip_norm *s, struct mopt_error *err)
{
    double *line = mopt__nn_zeros(s->n, err);
    for (size_t i = 0; line && i < s->rows; i++) {
        run_row(s, i, line);
    }
    enum mopt_status status = mopt__nn_got(line, err);
    mopt__free(line);
    return status;
}

static enum mopt_status skip_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct skip_norm s;
    enum mopt_status status = open_norm(eval, &s, err);
    return status == MOPT_OK ? run_exact(&s, err) : status;
}

struct fast_job {
    const struct mopt_fast *fast;
    const struct skip_norm *s;
};

static const float *floats(const struct mopt_tensor *t)
{
    return t ? t->data : NULL;
}

static void fast_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct fast_job *job = context;
    const struct skip_norm *s = job->s;
    const float *skip = floats(s->skip);
    float *y = mopt__nn_f32(s->y);
    float *sum = s->sum ? mopt__nn_f32(s->sum) : NULL;
    (void)thread;
    for (size_t row = (size_t)begin; row < (size_t)end; row++) {
        size_t at = row * s->n;
        job->fast->kernels->norm_f32(floats(s->x) + at, skip ? skip + at % s->skip->count : NULL,
                                     floats(s->bias), floats(s->gamma), floats(s->beta),
                                     (float)s->epsilon, s->row->simplified, sum ? sum + at : NULL,
                                     y + at, s->n);
    }
}

static bool is_float(const struct mopt_tensor *t)
{
    return !t || t->dtype == MOPT_FLOAT32;
}

static enum mopt_status skip_run(struct mopt_eval *eval, struct mopt_error *err)
{
    struct skip_norm s;
    enum mopt_status status = open_norm(eval, &s, err);
    if (status != MOPT_OK) {
        return status;
    }
    bool rows = s.n > 0 && (!s.skip || s.skip->count % s.n == 0);
    if (!rows || s.mean || s.inverse || !is_float(s.gamma)) {
        return run_exact(&s, err);
    }
    struct fast_job job = {eval->state, &s};
    mopt__pool_for(eval->pool, (int64_t)s.rows, (int64_t)(MOPT_FAST_GRAIN / s.n + 1), fast_rows,
                   &job);
    return MOPT_OK;
}

static enum mopt_status skip_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    bool fits = mopt__nn_bind_is(bind, 0, MOPT_FLOAT32);
    return fits ? mopt__fast_bind(bind, NULL, skip_run, err) : MOPT_OK;
}

static enum mopt_status skip_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct row *row = infer->node->op->data;
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    int64_t dims[MOPT_RANK_MAX];
    int axis = 0;
    enum mopt_status status = mopt__infer_like(infer, err);
    if (status != MOPT_OK || !x || x->rank < 1) {
        return status;
    }
    status = mopt__axis_normalise(mopt__int_of(infer->node, "axis", -1), x->rank, &axis, err);
    for (int i = 0; i < x->rank; i++) {
        dims[i] = i < axis ? x->dims[i] : 1;
    }
    for (uint32_t i = 1; status == MOPT_OK && i < (row->skips ? 3U : 2U); i++) {
        status = mopt__infer_set(infer, i, MOPT_FLOAT32, x->rank, dims, err);
    }
    return status == MOPT_OK ? mopt__infer_set(infer, 3, x->dtype, x->rank, x->dims, err) : status;
}

static const struct row row_skip = {false, true};
static const struct row row_skip_simplified = {true, true};
static const struct row row_simplified = {true, false};

#define F MOPT_SET_FLOATS_BF
#define OPTIONAL MOPT_PARAM_OPTIONAL
#define SKIP_OUT                                                               \
    MOPT_OUTPUTS({"output", "T", F, 0}, {"mean", "U", MOPT_SET_F32, OPTIONAL}, \
                 {"inv_std_var", "U", MOPT_SET_F32, OPTIONAL},                 \
                 {"input_skip_bias_sum", "T", F, OPTIONAL})
#define RUN .infer = skip_infer, .eval = skip_eval, .bind = skip_bind, .cost = mopt__cost_output

static const struct mopt_op records[] = {
    {.domain = "com.microsoft",
     .name = "SkipLayerNormalization",
     .since = 1,
     .summary = "layer normalisation of a sum",
     MOPT_INPUTS({"input", "T", F, 0}, {"skip", "T", F, 0}, {"gamma", "T", F, 0},
                 {"beta", "T", F, OPTIONAL}, {"bias", "T", F, OPTIONAL}),
     SKIP_OUT,
     MOPT_ATTRIBUTES(MOPT_A_FLOAT("epsilon", (double)1e-12F)),
     .data = &row_skip,
     RUN},
    {.domain = "com.microsoft",
     .name = "SkipSimplifiedLayerNormalization",
     .since = 1,
     .summary = "root mean square normalisation of a sum",
     MOPT_INPUTS({"input", "T", F, 0}, {"skip", "T", F, 0}, {"gamma", "T", F, 0},
                 {"bias", "T", F, OPTIONAL}),
     SKIP_OUT,
     MOPT_ATTRIBUTES(MOPT_A_FLOAT("epsilon", (double)1e-12F)),
     .data = &row_skip_simplified,
     RUN},
    // ONNX Runtime keeps this one in the default domain.
    {.domain = "",
     .name = "SimplifiedLayerNormalization",
     .since = 1,
     .summary = "root mean square normalisation over the trailing axes",
     MOPT_INPUTS({"X", "T", F, 0}, {"scale", "V", F, 0}),
     MOPT_OUTPUTS({"Y", "V", F, 0}, {"inv_std_var", "U", MOPT_SET_F32, OPTIONAL}),
     MOPT_ATTRIBUTES(MOPT_A_INT("axis", -1), MOPT_A_FLOAT("epsilon", (double)1e-5F),
                     MOPT_A_INT("stash_type", 1)),
     .data = &row_simplified,
     RUN},
};
const struct mopt_op_family mopt__ops_skip_norm = {records, MOPT_COUNTOF(records)};
