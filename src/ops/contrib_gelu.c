// SPDX-License-Identifier: Apache-2.0
// Gelu, BiasGelu, FastGelu and QuickGelu of com.microsoft: x weighted by a smooth step, after
// adding a bias.
#include <math.h>

#include "ops/fast.h"
#include "ops/nn_util.h"

struct row {
    double (*apply)(double x, double alpha);
    enum mopt_act act; // the same function as a vector kernel
};

static double gelu(double x, double alpha)
{
    (void)alpha;
    return 0.5 * x * (1 + erf(x * 0.70710678118654752440));
}

static double fast_gelu(double x, double alpha)
{
    (void)alpha;
    return 0.5 * x * (1 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
}

static double quick_gelu(double x, double alpha)
{
    return x / (1 + exp(-alpha * x));
}

struct job {
    const struct row *row;
    const float *x, *bias;
    float *y;
    size_t n;
    double alpha;
};

static void run_floats(void *context, int64_t begin, int64_t end, int thread)
{
    const struct job *job = context;
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        double x = (double)job->x[i] + (job->bias ? (double)job->bias[(size_t)i % job->n] : 0);
        job->y[i] = (float)job->row->apply(x, job->alpha);
    }
}

static enum mopt_status read_alpha(const struct mopt_node *node, const struct row *row,
                                   float *alpha, struct mopt_error *err)
{
    *alpha = 1.702F;
    return row->apply == quick_gelu ? mopt__attr_float(node, "alpha", 1.702F, alpha, err) : MOPT_OK;
}

// in: x and the bias or NULL.
static enum mopt_status gelu_open(struct mopt_eval *eval, const struct mopt_tensor *in[2],
                                  struct mopt_tensor **y, struct mopt_error *err)
{
    in[1] = NULL;
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status != MOPT_OK) {
        return status;
    }
    const struct mopt_tensor *x = in[0];
    if (in[1] && (x->rank < 1 || in[1]->rank != 1 || in[1]->dims[0] != x->dims[x->rank - 1])) {
        return mopt_error_set(err, MOPT_E_SHAPE, "bias must have the length of the last axis");
    }
    return mopt__eval_output(eval, 0, x->dtype, x->rank, x->dims, y, err);
}

static enum mopt_status gelu_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2] = {NULL};
    const struct row *row = eval->node->op->data;
    float alpha = 0;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = gelu_open(eval, in, &y, err);
    if (status == MOPT_OK) {
        status = read_alpha(eval->node, row, &alpha, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    const struct mopt_tensor *x = in[0];
    if (x->dtype == MOPT_FLOAT32) {
        struct job job = {row,
                          x->data,
                          in[1] ? in[1]->data : NULL,
                          mopt__nn_f32(y),
                          in[1] ? in[1]->count : 1,
                          (double)alpha};
        mopt__pool_for(eval->pool, (int64_t)x->count, 4096, run_floats, &job);
        return MOPT_OK;
    }
    for (size_t i = 0; i < x->count; i++) {
        double bias = in[1] ? mopt__tensor_f64(in[1], i % in[1]->count) : 0;
        mopt__nn_store_at(y, i, row->apply(mopt__tensor_f64(x, i) + bias, (double)alpha));
    }
    return MOPT_OK;
}

// Rows of one bias at a time.
struct fast_job {
    const struct mopt_fast *fast;
    const float *x, *bias;
    float *y;
    size_t n;
};

static void fast_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct fast_job *job = context;
    const struct mopt_kernels *kernels = job->fast->kernels;
    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        float *y = job->y + (size_t)row * job->n;
        kernels->binary_f32(MOPT_BIN_ADD, job->x + (size_t)row * job->n, 1, job->bias, 1, y,
                            job->n);
        kernels->unary_f32(&job->fast->function, y, y, job->n);
    }
}

static enum mopt_status gelu_run(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2] = {NULL};
    struct mopt_tensor *y = NULL;
    enum mopt_status status = gelu_open(eval, in, &y, err);
    if (status != MOPT_OK || in[0]->count == 0) {
        return status;
    }
    if (!in[1]) {
        mopt__fast_map(eval->state, in[0]->data, mopt__nn_f32(y), in[0]->count, eval->pool);
        return MOPT_OK;
    }
    struct fast_job job = {eval->state, in[0]->data, in[1]->data, mopt__nn_f32(y), in[1]->count};
    mopt__pool_for(eval->pool, (int64_t)(in[0]->count / job.n),
                   (int64_t)(MOPT_FAST_GRAIN / job.n + 1), fast_rows, &job);
    return MOPT_OK;
}

static enum mopt_status gelu_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    const struct row *row = bind->node->op->data;
    struct mopt_function_f32 function = {.kind = row->act};
    if (!mopt__nn_bind_is(bind, 0, MOPT_FLOAT32)) {
        return MOPT_OK;
    }
    enum mopt_status status = read_alpha(bind->node, row, &function.alpha, err);
    return status == MOPT_OK ? mopt__fast_bind(bind, &function, gelu_run, err) : status;
}

static const struct row row_gelu = {gelu, MOPT_ACT_GELU};
static const struct row row_fast = {fast_gelu, MOPT_ACT_GELU_TANH};
static const struct row row_quick = {quick_gelu, MOPT_ACT_SILU};

#define F MOPT_SET_FLOATS_BF
#define RUN                                                                         \
    .traits = MOPT_TRAIT_ELEMENTWISE, .infer = mopt__infer_like, .eval = gelu_eval, \
    .bind = gelu_bind, .cost = mopt__cost_output

static const struct mopt_op records[] = {
    {.domain = "com.microsoft",
     .name = "BiasGelu",
     .since = 1,
     .summary = "Gaussian error linear unit of a sum with a bias",
     MOPT_INPUTS({"A", "T", F, 0}, {"B", "T", F, 0}),
     MOPT_OUTPUTS({"C", "T", F, 0}),
     .data = &row_gelu,
     RUN},
    {.domain = "com.microsoft",
     .name = "FastGelu",
     .since = 1,
     .summary = "Gaussian error linear unit by tanh",
     MOPT_INPUTS({"X", "T", F, 0}, {"bias", "T", F, MOPT_PARAM_OPTIONAL}),
     MOPT_OUTPUTS({"Y", "T", F, 0}),
     .data = &row_fast,
     RUN},
    {.domain = "com.microsoft",
     .name = "Gelu",
     .since = 1,
     .summary = "Gaussian error linear unit",
     MOPT_INPUTS({"X", "T", F, 0}),
     MOPT_OUTPUTS({"Y", "T", F, 0}),
     .data = &row_gelu,
     RUN},
    {.domain = "com.microsoft",
     .name = "QuickGelu",
     .since = 1,
     .summary = "x times the sigmoid of alpha x",
     MOPT_INPUTS({"X", "T", F, 0}),
     MOPT_OUTPUTS({"Y", "T", F, 0}),
     MOPT_ATTRIBUTES(MOPT_A_FLOAT("alpha", 1.702)),
     .data = &row_quick,
     RUN},
};
const struct mopt_op_family mopt__ops_contrib_gelu = {records, MOPT_COUNTOF(records)};
