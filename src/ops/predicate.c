// SPDX-License-Identifier: Apache-2.0
// IsNaN, IsInf (results are bool), Not, BitwiseNot.
#include <math.h>

#include "ops/elementwise.h"
#include "ops/lanes.h"

struct test_job {
    const struct mopt_tensor *in;
    uint8_t *out;
    bool nan, negative, positive; // what counts
};

static void test_floats(const struct test_job *job, int64_t first, size_t n)
{
    const float *x = (const float *)job->in->data + first;
    uint8_t *out = job->out + first;
    const float low = job->negative ? -INFINITY : NAN; // nothing equals a NaN
    const float high = job->positive ? INFINITY : NAN;
    if (job->nan) {
        for (size_t i = 0; i < n; i++) {
            out[i] = x[i] != x[i];
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        out[i] = (x[i] == low) | (x[i] == high);
    }
}

static void test_range(void *context, int64_t begin, int64_t end, int thread)
{
    const struct test_job *job = context;
    (void)thread;
    if (job->in->dtype == MOPT_FLOAT32) {
        test_floats(job, begin, (size_t)(end - begin));
        return;
    }
    for (int64_t i = begin; i < end; i += MOPT_LANES) {
        double x[MOPT_LANES];
        const size_t n = (size_t)(end - i < MOPT_LANES ? end - i : MOPT_LANES);
        mopt__load_f64(job->in->dtype, job->in->data, i, 1, n, x);
        for (size_t k = 0; k < n; k++) {
            const bool infinite = isinf(x[k]) && (x[k] < 0 ? job->negative : job->positive);
            job->out[i + (int64_t)k] = (uint8_t)(job->nan ? x[k] != x[k] : infinite);
        }
    }
}

static enum mopt_status run_test(struct mopt_eval *eval, struct test_job *job,
                                 struct mopt_error *err)
{
    const struct mopt_tensor *in[1];
    struct mopt_tensor *out = NULL;
    enum mopt_status status = mopt__open(eval, in, 1, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, MOPT_BOOL, in[0]->rank, in[0]->dims, &out, err);
    }
    if (status == MOPT_OK && in[0]->count > 0) {
        job->in = in[0];
        job->out = mopt__tensor_data(out);
        mopt__pool_for(eval->pool, (int64_t)in[0]->count, MOPT_LOOPS_GRAIN, test_range, job);
    }
    return status;
}

static enum mopt_status is_nan_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct test_job job = {.nan = true};
    return run_test(eval, &job, err);
}

static enum mopt_status is_inf_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    int64_t negative = 1;
    int64_t positive = 1;
    enum mopt_status status = mopt__attr_int(eval->node, "detect_negative", 1, &negative, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(eval->node, "detect_positive", 1, &positive, err);
    }
    struct test_job job = {.negative = negative != 0, .positive = positive != 0};
    return status == MOPT_OK ? run_test(eval, &job, err) : status;
}

static enum mopt_status bool_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *type = mopt__infer_tensor(infer, 0);
    return mopt__infer_set(infer, 0, MOPT_BOOL, type != NULL ? type->rank : -1,
                           type != NULL ? type->dims : NULL, err);
}

struct not_job {
    const uint8_t *from;
    uint8_t *to;
    bool logical; // else every bit
};

static void not_range(void *context, int64_t begin, int64_t end, int thread)
{
    const struct not_job *job = context;
    const uint8_t *from = job->from;
    uint8_t *to = job->to;
    (void)thread;
    if (job->logical) {
        for (int64_t i = begin; i < end; i++) {
            to[i] = from[i] == 0;
        }
        return;
    }
    for (int64_t i = begin; i < end; i++) {
        to[i] = (uint8_t)~from[i];
    }
}

static enum mopt_status not_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[1];
    struct mopt_tensor *out = NULL;
    enum mopt_status status = mopt__open(eval, in, 1, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[0]->dtype, in[0]->rank, in[0]->dims, &out, err);
    }
    if (status == MOPT_OK && out->bytes > 0) {
        struct not_job job = {in[0]->data, mopt__tensor_data(out), in[0]->dtype == MOPT_BOOL};
        mopt__pool_for(eval->pool, (int64_t)out->bytes, MOPT_LOOPS_GRAIN, not_range, &job);
    }
    return status;
}

static int64_t not_value(struct mopt_dims *dims, int64_t x)
{
    int64_t known = 0;
    return mopt__dim_is_known(dims, x, &known) ? known == 0 : MOPT_DIM_UNKNOWN;
}

static enum mopt_status not_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const enum mopt_status status = mopt__infer_like(infer, err);
    return status == MOPT_OK && mopt__infer_dtype(infer, 0) == MOPT_BOOL
               ? mopt__values_unary(infer, not_value, err)
               : status;
}

#define RECORD(op, text, from, to, set, result, var, bits, infer_fn, eval_fn, ...)                \
    {                                                                                             \
        .domain = "", .name = op, .since = from, .until = to, .summary = text,                    \
        MOPT_INPUTS({"X", "T", set, 0}), MOPT_OUTPUTS({"Y", var, result, 0}),                     \
        __VA_ARGS__.traits = MOPT_TRAIT_ELEMENTWISE | (bits), .infer = infer_fn, .eval = eval_fn, \
        .cost = mopt__cost_output                                                                 \
    }
#define IS_NAN(from, to, set)                                                              \
    RECORD("IsNaN", "true where x is not a number", from, to, set, MOPT_SET_BOOL, "T2", 0, \
           bool_infer, is_nan_eval, )
#define IS_INF(from, to, set)                                                                      \
    RECORD("IsInf", "true where x is infinite", from, to, set, MOPT_SET_BOOL, "T2", 0, bool_infer, \
           is_inf_eval,                                                                            \
           MOPT_ATTRIBUTES(MOPT_A_FLAG("detect_negative", 1),                                      \
                           MOPT_A_FLAG("detect_positive", 1)), )
#define SET_20 (MOPT_SET_FLOATS_BF | MOPT_SET_FLOAT8)

static const struct mopt_op records[] = {
    RECORD("BitwiseNot", "every bit turned over", 18, 0, MOPT_SET_INTEGERS, MOPT_SET_INTEGERS, "T",
           MOPT_TRAIT_IN_PLACE, not_infer, not_eval, ),
    IS_INF(10, 19, MOPT_DT(MOPT_FLOAT32) | MOPT_DT(MOPT_FLOAT64)),
    IS_INF(20, 0, SET_20),
    IS_NAN(9, 12, MOPT_SET_FLOATS),
    IS_NAN(13, 19, MOPT_SET_FLOATS_BF),
    IS_NAN(20, 0, SET_20),
    RECORD("Not", "logical negation", 1, 0, MOPT_SET_BOOL, MOPT_SET_BOOL, "T", MOPT_TRAIT_IN_PLACE,
           not_infer, not_eval, ),
};
const struct mopt_op_family mopt__ops_predicate = {records, MOPT_COUNTOF(records)};
