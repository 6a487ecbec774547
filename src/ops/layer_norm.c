// SPDX-License-Identifier: Apache-2.0
// LayerNormalization and RMSNormalization: each row of the trailing axes is normalised, then scaled
// (and shifted).
#include <math.h>

#include "kernels/kernels.h"
#include "ops/fast.h"
#include "ops/nn_util.h"

struct row_norm {
    const struct mopt_tensor *x, *scale, *bias;
    bool rms;
    double epsilon;
    enum mopt_dtype stash; // of the optional statistics
    int axis;
    size_t rows, n;
    int64_t outer[MOPT_RANK_MAX]; // dims of the statistics
};

static enum mopt_status read_attributes(const struct mopt_node *node, struct row_norm *r,
                                        int64_t *axis, struct mopt_error *err)
{
    float epsilon = 0;
    int64_t stash = 1;
    enum mopt_status status = mopt__attr_float(node, "epsilon", 1e-5F, &epsilon, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "stash_type", 1, &stash, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "axis", -1, axis, err);
    }
    if (status == MOPT_OK && (stash < 1 || stash >= MOPT_DTYPE_COUNT ||
                              !(MOPT_SET_FLOATS_BF & MOPT_DT((enum mopt_dtype)stash)))) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'stash_type' has the value %lld",
                              (long long)stash);
    }
    r->epsilon = (double)epsilon;
    r->stash = (enum mopt_dtype)stash;
    r->rms = *(const bool *)node->op->data;
    return status;
}

// Scale and bias must broadcast to x without growing it.
static enum mopt_status check_broadcast(const struct row_norm *r, const struct mopt_tensor *t,
                                        const char *name, struct mopt_error *err)
{
    for (int i = 0; t && i < t->rank; i++) {
        int axis = i + r->x->rank - t->rank;
        if (axis < 0 || (t->dims[i] != 1 && t->dims[i] != r->x->dims[axis])) {
            return mopt_error_set(err, MOPT_E_SHAPE, "input '%s' does not broadcast to 'X'", name);
        }
    }
    return MOPT_OK;
}

static enum mopt_status open_rows(struct mopt_eval *eval, struct row_norm *r,
                                  struct mopt_error *err)
{
    const struct mopt_tensor *in[3] = {NULL};
    int64_t axis = -1;
    *r = (struct row_norm){0};
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status == MOPT_OK) {
        status = read_attributes(eval->node, r, &axis, err);
    }
    r->x = in[0];
    r->scale = in[1];
    r->bias = in[2];
    if (status == MOPT_OK) {
        status = mopt__nn_rank(r->x, "X", 1, MOPT_RANK_MAX, err);
    }
    if (status == MOPT_OK) {
        status = mopt__axis_normalise(axis, r->x->rank, &r->axis, err);
    }
    if (status == MOPT_OK) {
        status = check_broadcast(r, r->scale, "Scale", err);
    }
    if (status == MOPT_OK) {
        status = check_broadcast(r, r->bias, "B", err);
    }
    if (status == MOPT_OK) {
        r->rows = mopt__nn_product(r->x->dims, 0, r->axis);
        r->n = mopt__nn_product(r->x->dims, r->axis, r->x->rank);
        for (int i = 0; i < r->x->rank; i++) {
            r->outer[i] = i < r->axis ? r->x->dims[i] : 1;
        }
    }
    return status;
}

// Normalises one row in place.
static void normalise(const struct row_norm *r, double *x, double *mean, double *inverse)
{
    double sum = 0;
    double square = 0;
    for (size_t i = 0; !r->rms && i < r->n; i++) {
        sum += x[i];
    }
    *mean = r->n ? sum / (double)r->n : 0;
    for (size_t i = 0; i < r->n; i++) {
        x[i] -= *mean;
        square += x[i] * x[i];
    }
    *inverse = 1 / sqrt((r->n ? square / (double)r->n : 0) + r->epsilon);
    for (size_t i = 0; i < r->n; i++) {
        x[i] *= *inverse;
    }
}

// x[i] = x[i] op t broadcast.
static void apply(const struct row_norm *r, const struct mopt_tensor *t, bool add, double *x)
{
    int64_t strides[MOPT_RANK_MAX];
    mopt__broadcast_strides(t, r->x->rank, r->x->dims, strides);
    for (size_t i = 0; i < r->x->count; i++) {
        size_t rest = i;
        size_t at = 0;
        for (int axis = r->x->rank - 1; axis >= 0; axis--) {
            at += rest % (size_t)r->x->dims[axis] * (size_t)strides[axis];
            rest /= (size_t)r->x->dims[axis];
        }
        double value = mopt__tensor_f64(t, at);
        x[i] = add ? x[i] + value : x[i] * value;
    }
}

static enum mopt_status put_statistics(struct mopt_eval *eval, const struct row_norm *r,
                                       const double *mean, const double *inverse,
                                       struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    if (mopt__eval_wants(eval, 1)) {
        status = mopt__nn_put(eval, 1, r->stash, r->x->rank, r->outer, mean, err);
    }
    if (status == MOPT_OK && mopt__eval_wants(eval, 2)) {
        status = mopt__nn_put(eval, 2, r->stash, r->x->rank, r->outer, inverse, err);
    }
    return status;
}

static enum mopt_status norm_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct row_norm r;
    double *x = NULL;
    double *room = NULL;
    enum mopt_status status = open_rows(eval, &r, err);
    if (status == MOPT_OK) {
        status = mopt__nn_doubles(r.x, &x, err);
    }
    if (status == MOPT_OK) {
        room = mopt__calloc(2, (r.rows + 1) * sizeof *room);
        status = mopt__nn_got(room, err);
    }
    if (status == MOPT_OK) {
        for (size_t i = 0; i < r.rows; i++) {
            normalise(&r, x + i * r.n, &room[i], &room[r.rows + i]);
        }
        apply(&r, r.scale, false, x);
        if (r.bias) {
            apply(&r, r.bias, true, x);
        }
        enum mopt_dtype dtype = r.rms ? r.scale->dtype : r.x->dtype;
        status = mopt__nn_put(eval, 0, dtype, r.x->rank, r.x->dims, x, err);
    }
    if (status == MOPT_OK) {
        status = put_statistics(eval, &r, room, room + r.rows, err);
    }
    mopt__free(x);
    mopt__free(room);
    return status;
}

static bool is_row(const struct row_norm *r, const struct mopt_tensor *t)
{
    return !t || (t->count == r->n && t->rank <= r->x->rank - r->axis);
}

struct fast_job {
    const struct mopt_fast *fast;
    const struct row_norm *r;
    float *y;
};

static void fast_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct fast_job *job = context;
    const struct row_norm *r = job->r;
    const float *x = r->x->data;
    (void)thread;
    for (size_t row = (size_t)begin; row < (size_t)end; row++) {
        job->fast->kernels->norm_f32(x + row * r->n, NULL, NULL, r->scale->data,
                                     r->bias ? r->bias->data : NULL, (float)r->epsilon, r->rms,
                                     NULL, job->y + row * r->n, r->n);
    }
}

static enum mopt_status norm_run(struct mopt_eval *eval, struct mopt_error *err)
{
    struct row_norm r;
    struct mopt_tensor *y[3] = {NULL};
    enum mopt_status status = open_rows(eval, &r, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (!is_row(&r, r.scale) || !is_row(&r, r.bias) || r.stash != MOPT_FLOAT32 ||
        r.scale->dtype != MOPT_FLOAT32) {
        return norm_eval(eval, err);
    }
    status = mopt__eval_output(eval, 0, MOPT_FLOAT32, r.x->rank, r.x->dims, &y[0], err);
    for (uint32_t i = 1; status == MOPT_OK && i < 3; i++) {
        if (mopt__eval_wants(eval, i)) {
            status = mopt__eval_output(eval, i, MOPT_FLOAT32, r.x->rank, r.outer, &y[i], err);
        }
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (eval->state && !y[1] && !y[2] && r.n > 0) {
        struct fast_job fast = {eval->state, &r, mopt__nn_f32(y[0])};
        mopt__pool_for(eval->pool, (int64_t)r.rows, (int64_t)(MOPT_FAST_GRAIN / r.n + 1), fast_rows,
                       &fast);
        return MOPT_OK;
    }
    struct mopt_norm_rows job = {.x = r.x->data,
                                 .scale = r.scale->data,
                                 .bias = r.bias ? r.bias->data : NULL,
                                 .y = mopt__nn_f32(y[0]),
                                 .mean = y[1] ? mopt__nn_f32(y[1]) : NULL,
                                 .inverse = y[2] ? mopt__nn_f32(y[2]) : NULL,
                                 .rows = r.rows,
                                 .n = r.n,
                                 .epsilon = r.epsilon,
                                 .rms = r.rms};
    mopt__norm_rows(&job, eval->pool);
    return MOPT_OK;
}

static enum mopt_status norm_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    if (!mopt__nn_bind_is(bind, 0, MOPT_FLOAT32)) {
        return MOPT_OK;
    }
    bind->run = norm_run;
    return mopt__fast_bind(bind, NULL, norm_run, err);
}

static enum mopt_status norm_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    struct row_norm r = {0};
    int64_t raw = -1;
    enum mopt_status status = read_attributes(infer->node, &r, &raw, err);
    if (status != MOPT_OK || !x) {
        return status;
    }
    enum mopt_dtype dtype = r.rms ? mopt__infer_dtype(infer, 1) : x->dtype;
    status = mopt__infer_set(infer, 0, dtype, x->rank, x->dims, err);
    if (status != MOPT_OK || x->rank < 0) {
        return status;
    }
    status = mopt__axis_normalise(raw, x->rank, &r.axis, err);
    for (int i = 0; i < x->rank; i++) {
        r.outer[i] = i < r.axis ? x->dims[i] : 1;
    }
    for (uint32_t i = 1; status == MOPT_OK && i < 3; i++) {
        status = mopt__infer_set(infer, i, r.stash, x->rank, r.outer, err);
    }
    return status;
}

static const bool is_layer = false;
static const bool is_rms = true;
static const struct mopt_quant_spec quant = {.activations = 1, .weight_axis = 0, .bias_input = -1};

#define SET MOPT_SET_FLOATS_BF
#define ATTRIBUTES                                                                  \
    MOPT_ATTRIBUTES(MOPT_A_INT("axis", -1), MOPT_A_FLOAT("epsilon", (double)1e-5F), \
                    MOPT_A_INT("stash_type", 1))

// Opset 1 is what exporters wrote before the operator was standard (ONNX Runtime accepts it in
// every opset).
#define LAYER(from, to)                                                                         \
    {                                                                                           \
        .domain = "", .name = "LayerNormalization", .since = from, .until = to,                 \
        .summary = "normalisation over the trailing axes",                                      \
        MOPT_INPUTS({"X", "T", SET, 0}, {"Scale", "T", SET, 0},                                 \
                    {"B", "T", SET, MOPT_PARAM_OPTIONAL}),                                      \
        MOPT_OUTPUTS({"Y", "T", SET, 0}, {"Mean", "U", SET, MOPT_PARAM_OPTIONAL},               \
                     {"InvStdDev", "U", SET, MOPT_PARAM_OPTIONAL}),                             \
        ATTRIBUTES, .quant = &quant, .infer = norm_infer, .eval = norm_eval, .bind = norm_bind, \
        .cost = mopt__cost_output, .data = &is_layer                                            \
    }

static const struct mopt_op records[] = {
    LAYER(1, 16),
    LAYER(17, 0),
    {.domain = "",
     .name = "RMSNormalization",
     .since = 23,
     .summary = "division by the root mean square over the trailing axes",
     MOPT_INPUTS({"X", "T", SET, 0}, {"scale", "V", SET, 0}),
     MOPT_OUTPUTS({"Y", "V", SET, 0}),
     ATTRIBUTES,
     .infer = norm_infer,
     .eval = norm_eval,
     .bind = norm_bind,
     .cost = mopt__cost_output,
     .data = &is_rms},
};
const struct mopt_op_family mopt__ops_layer_norm = {records, MOPT_COUNTOF(records)};
