// SPDX-License-Identifier: Apache-2.0
// Gelu, BiasGelu, FastGelu and QuickGelu of com.microsoft: x weighted by a smooth step, after
// adding a bias.
#include <math.h>

#include "ops/nn_util.h"

struct row {
    double (*apply)(double x, double alpha);
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

static enum mopt_status gelu_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2] = {NULL};
    const struct row *row = eval->node->op->data;
    float alpha = 1.702F;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = mopt__open(eval, in, eval->node->op->input_count, err);
    if (status == MOPT_OK && row->apply == quick_gelu) {
        status = mopt__attr_float(eval->node, "alpha", 1.702F, &alpha, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    const struct mopt_tensor *x = in[0];
    if (in[1] && (x->rank < 1 || in[1]->rank != 1 || in[1]->dims[0] != x->dims[x->rank - 1])) {
        return mopt_error_set(err, MOPT_E_SHAPE, "bias must have the length of the last axis");
    }
    status = mopt__eval_output(eval, 0, x->dtype, x->rank, x->dims, &y, err);
    if (status != MOPT_OK) {
        return status;
    }
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

static const struct row row_gelu = {gelu};
static const struct row row_fast = {fast_gelu};
static const struct row row_quick = {quick_gelu};

#define F MOPT_SET_FLOATS_BF
#define RUN                                                                         \
    .traits = MOPT_TRAIT_ELEMENTWISE, .infer = mopt__infer_like, .eval = gelu_eval, \
    .cost = mopt__cost_output

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
