// SPDX-License-Identifier: Apache-2.0
// Facets shared by one-operand maps; see unary.h.
#include "ops/elementwise.h"
#include "ops/fast.h"
#include "ops/lanes.h"
#include "ops/nn_util.h"
#include "ops/unary.h"

struct unary_job {
    const struct mopt_unary *row;
    const struct mopt_unary_args *args;
    enum mopt_dtype dtype;
    void *to;
    const void *from;
};

static void integer_chunk(const struct unary_job *job, int64_t first, size_t n)
{
    int64_t x[MOPT_LANES];
    const bool is_unsigned = mopt__dtype_is_unsigned(job->dtype);
    mopt__load_i64(job->dtype, job->from, first, 1, n, x);
    job->row->i64(x, n, is_unsigned);
    mopt__store_i64(job->dtype, job->to, first, n, x);
}

static void converted_chunk(const struct unary_job *job, int64_t first, size_t n)
{
    if (mopt__lanes_narrow(job->dtype)) {
        float x[MOPT_LANES];
        mopt__load_f32(job->dtype, job->from, first, 1, n, x);
        job->row->f32(x, x, n, job->args);
        mopt__store_f32(job->dtype, job->to, first, n, x);
    } else if (job->row->i64 != NULL) {
        integer_chunk(job, first, n);
    } else {
        double x[MOPT_LANES];
        mopt__load_f64(job->dtype, job->from, first, 1, n, x);
        job->row->f64(x, x, n, job->args);
        mopt__store_f64(job->dtype, job->to, first, n, x);
    }
}

static void unary_range(void *context, int64_t begin, int64_t end, int thread)
{
    const struct unary_job *job = context;
    const size_t count = (size_t)(end - begin);
    (void)thread;
    if (job->dtype == MOPT_FLOAT32) {
        job->row->f32((float *)job->to + begin, (const float *)job->from + begin, count, job->args);
        return;
    }
    if (job->dtype == MOPT_FLOAT64) {
        job->row->f64((double *)job->to + begin, (const double *)job->from + begin, count,
                      job->args);
        return;
    }
    for (int64_t i = begin; i < end; i += MOPT_LANES) {
        converted_chunk(job, i, (size_t)(end - i < MOPT_LANES ? end - i : MOPT_LANES));
    }
}

void mopt__unary_run(const struct mopt_eval *eval, const struct mopt_unary *row,
                     const struct mopt_unary_args *args, struct mopt_tensor *out,
                     const struct mopt_tensor *in)
{
    struct unary_job job = {.row = row,
                            .args = args,
                            .dtype = in->dtype,
                            .to = mopt__tensor_data(out),
                            .from = in->data};
    if (in->count > 0) {
        mopt__pool_for(eval->pool, (int64_t)in->count, MOPT_LOOPS_GRAIN, unary_range, &job);
    }
}

static enum mopt_status read_params(const struct mopt_node *node, const struct mopt_unary *row,
                                    struct mopt_unary_args *args, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (int i = 0; status == MOPT_OK && i < MOPT_UNARY_PARAMS && row->params[i] != NULL; i++) {
        status = mopt__attr_float(node, row->params[i], 0.0f, &args->f[i], err);
        args->d[i] = (double)args->f[i];
    }
    return status;
}

enum mopt_status mopt__unary_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[1];
    struct mopt_tensor *out = NULL;
    struct mopt_unary_args args = {{0}, {0}};
    const struct mopt_unary *row = eval->node->op->data;
    enum mopt_status status = mopt__open(eval, in, 1, err);
    if (status == MOPT_OK) {
        status = read_params(eval->node, row, &args, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[0]->dtype, in[0]->rank, in[0]->dims, &out, err);
    }
    if (status == MOPT_OK) {
        mopt__unary_run(eval, row, &args, out, in[0]);
    }
    return status;
}

static enum mopt_status fast_run(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[1];
    struct mopt_tensor *out = NULL;
    enum mopt_status status = mopt__open(eval, in, 1, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[0]->dtype, in[0]->rank, in[0]->dims, &out, err);
    }
    if (status == MOPT_OK) {
        mopt__fast_map(eval->state, in[0]->data, mopt__tensor_data(out), in[0]->count, eval->pool);
    }
    return status;
}

enum mopt_status mopt__unary_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    const struct mopt_unary *row = bind->node->op->data;
    struct mopt_unary_args args = {{0}, {0}};
    struct mopt_function_f32 fast = row->fast;
    if (!mopt__nn_bind_is(bind, 0, MOPT_FLOAT32)) {
        return MOPT_OK;
    }
    enum mopt_status status = read_params(bind->node, row, &args, err);
    fast.alpha = row->params[0] != NULL ? args.f[0] : fast.alpha;
    fast.beta = row->params[0] != NULL && row->params[1] != NULL ? args.f[1] : fast.beta;
    return status == MOPT_OK ? mopt__fast_bind(bind, &fast, fast_run, err) : status;
}

enum mopt_status mopt__unary_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_unary *row = infer->node->op->data;
    enum mopt_status status = mopt__infer_like(infer, err);
    if (status == MOPT_OK && row != NULL && row->value != NULL) {
        status = mopt__values_unary(infer, row->value, err);
    }
    return status;
}
