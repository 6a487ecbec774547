// SPDX-License-Identifier: Apache-2.0
// GlobalAveragePool, GlobalMaxPool and GlobalLpPool: one number per channel over all spatial axes.
#include <math.h>

#include "ops/nn_util.h"

enum kind { KIND_MAX, KIND_AVERAGE, KIND_LP };

struct global {
    enum kind kind;
    double p;
};

static enum mopt_status open_global(const struct mopt_node *node, int64_t version, struct global *g,
                                    struct mopt_error *err)
{
    float real = 2;
    int64_t whole = 2;
    *g = (struct global){(enum kind)(*(const int *)node->op->data), 2};
    if (g->kind != KIND_LP) {
        return MOPT_OK;
    }
    enum mopt_status status = version < 2 ? mopt__attr_float(node, "p", 2, &real, err)
                                          : mopt__attr_int(node, "p", 2, &whole, err);
    g->p = version < 2 ? (double)real : (double)whole;
    if (status == MOPT_OK && !(g->p > 0)) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute 'p' must be positive");
    }
    return status;
}

static double reduce(const struct global *g, const struct mopt_tensor *x, size_t from, size_t count)
{
    double total = g->kind == KIND_MAX ? -INFINITY : 0;
    for (size_t i = 0; i < count; i++) {
        double value = mopt__tensor_f64(x, from + i);
        if (g->kind == KIND_MAX) {
            total = value > total || isnan(value) ? value : total;
        } else {
            total += g->kind == KIND_LP ? pow(fabs(value), g->p) : value;
        }
    }
    if (g->kind == KIND_AVERAGE) {
        return total / (double)count;
    }
    return g->kind == KIND_LP ? pow(total, 1 / g->p) : total;
}

static enum mopt_status global_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *x = NULL;
    struct global g;
    int64_t dims[MOPT_RANK_MAX];
    struct mopt_tensor *y = NULL;
    enum mopt_status status = mopt__open(eval, &x, 1, err);
    if (status == MOPT_OK) {
        status = open_global(eval->node, eval->version, &g, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_rank(x, "X", 2, MOPT_RANK_MAX, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    for (int i = 0; i < x->rank; i++) {
        dims[i] = i < 2 ? x->dims[i] : 1;
    }
    status = mopt__eval_output(eval, 0, x->dtype, x->rank, dims, &y, err);
    size_t each = mopt__nn_product(x->dims, 2, x->rank);
    for (size_t i = 0; status == MOPT_OK && i < y->count; i++) {
        mopt__nn_store_at(y, i, reduce(&g, x, i * each, each));
    }
    return status;
}

struct planes {
    const float *x;
    float *y;
    size_t each;
};

// The float mean with four sums side by side.
static void mean_planes(void *context, int64_t begin, int64_t end, int thread)
{
    const struct planes *job = context;
    (void)thread;
    for (int64_t p = begin; p < end; p++) {
        const float *plane = job->x + (size_t)p * job->each;
        double sums[4] = {0, 0, 0, 0};
        size_t i = 0;
        for (; i + 4 <= job->each; i += 4) {
            for (size_t k = 0; k < 4; k++) {
                sums[k] += (double)plane[i + k];
            }
        }
        for (; i < job->each; i++) {
            sums[0] += (double)plane[i];
        }
        job->y[p] = (float)(((sums[0] + sums[1]) + (sums[2] + sums[3])) / (double)job->each);
    }
}

// The float maximum with lanes side by side; one that is not a number wins, as in reduce.
static void max_planes(void *context, int64_t begin, int64_t end, int thread)
{
    enum { LANES = 8 };
    const struct planes *job = context;
    (void)thread;
    for (int64_t p = begin; p < end; p++) {
        const float *plane = job->x + (size_t)p * job->each;
        float most[LANES];
        uint32_t odd[LANES] = {0};
        size_t i = 0;
        for (size_t k = 0; k < LANES; k++) {
            most[k] = -INFINITY;
        }
        for (; i + LANES <= job->each; i += LANES) {
            for (size_t k = 0; k < LANES; k++) {
                const float value = plane[i + k];
                most[k] = value > most[k] ? value : most[k];
                odd[k] |= value != value;
            }
        }
        for (; i < job->each; i++) {
            most[0] = plane[i] > most[0] ? plane[i] : most[0];
            odd[0] |= plane[i] != plane[i];
        }
        for (size_t k = 1; k < LANES; k++) {
            most[0] = most[k] > most[0] ? most[k] : most[0];
            odd[0] |= odd[k];
        }
        job->y[p] = odd[0] ? NAN : most[0];
    }
}

static enum mopt_status planes_run(struct mopt_eval *eval,
                                   void (*range)(void *, int64_t, int64_t, int),
                                   struct mopt_error *err)
{
    const struct mopt_tensor *x = mopt__eval_input(eval, 0);
    struct mopt_tensor *y = NULL;
    int64_t dims[MOPT_RANK_MAX];
    for (int i = 0; i < x->rank; i++) {
        dims[i] = i < 2 ? x->dims[i] : 1;
    }
    enum mopt_status status = mopt__eval_output(eval, 0, MOPT_FLOAT32, x->rank, dims, &y, err);
    if (status == MOPT_OK) {
        struct planes job = {x->data, mopt__nn_f32(y), mopt__nn_product(x->dims, 2, x->rank)};
        mopt__pool_for(eval->pool, (int64_t)y->count, 8, range, &job);
    }
    return status;
}

static enum mopt_status mean_run(struct mopt_eval *eval, struct mopt_error *err)
{
    return planes_run(eval, mean_planes, err);
}

static enum mopt_status max_run(struct mopt_eval *eval, struct mopt_error *err)
{
    return planes_run(eval, max_planes, err);
}

static enum mopt_status global_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    (void)err;
    const int kind = *(const int *)bind->node->op->data;
    if (kind != KIND_LP && mopt__nn_bind_is(bind, 0, MOPT_FLOAT32) &&
        bind->inputs[0].type->rank >= 2) {
        bind->run = kind == KIND_MAX ? max_run : mean_run;
    }
    return MOPT_OK;
}

static enum mopt_status global_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *x = mopt__infer_tensor(infer, 0);
    int64_t dims[MOPT_RANK_MAX];
    enum mopt_status status = mopt__nn_infer_rank(infer, 0, 2, MOPT_RANK_MAX, err);
    if (status != MOPT_OK || !x) {
        return status;
    }
    for (int i = 0; i < x->rank; i++) {
        dims[i] = i < 2 ? x->dims[i] : 1;
    }
    return mopt__infer_set(infer, 0, x->dtype, x->rank, dims, err);
}

static const int kind_max = KIND_MAX;
static const int kind_average = KIND_AVERAGE;
static const int kind_lp = KIND_LP;

#define GLOBAL(title, text, from, to, set, row)                                         \
    {                                                                                   \
        .domain = "", .name = title, .since = from, .until = to, .summary = text,       \
        MOPT_INPUTS({"X", "T", set, 0}), MOPT_OUTPUTS({"Y", "T", set, 0}),              \
        .quant = &mopt__quant_unary_kernel, .infer = global_infer, .eval = global_eval, \
        .bind = global_bind, .cost = mopt__cost_input, .data = &(row)                   \
    }
#define GLOBAL_LP(from, to, set, power)                                                  \
    {                                                                                    \
        .domain = "", .name = "GlobalLpPool", .since = from, .until = to,                \
        .summary = "p-norm of each channel", MOPT_INPUTS({"X", "T", set, 0}),            \
        MOPT_OUTPUTS({"Y", "T", set, 0}), MOPT_ATTRIBUTES(power), .infer = global_infer, \
        .eval = global_eval, .cost = mopt__cost_input, .data = &kind_lp                  \
    }

static const struct mopt_op records[] = {
    GLOBAL("GlobalAveragePool", "mean of each channel", 1, 21, MOPT_SET_FLOATS, kind_average),
    GLOBAL("GlobalAveragePool", "mean of each channel", 22, 0, MOPT_SET_FLOATS_BF, kind_average),
    GLOBAL("GlobalMaxPool", "largest element of each channel", 1, 21, MOPT_SET_FLOATS, kind_max),
    GLOBAL("GlobalMaxPool", "largest element of each channel", 22, 0, MOPT_SET_FLOATS_BF, kind_max),
    GLOBAL_LP(1, 1, MOPT_SET_FLOATS, MOPT_A_FLOAT("p", 2)),
    GLOBAL_LP(2, 21, MOPT_SET_FLOATS, MOPT_A_INT("p", 2)),
    GLOBAL_LP(22, 0, MOPT_SET_FLOATS_BF, MOPT_A_INT("p", 2)),
};
const struct mopt_op_family mopt__ops_pool_global = {records, MOPT_COUNTOF(records)};
