// SPDX-License-Identifier: Apache-2.0
// SwiGLU: Swish of a gate times a value, element by element. No broadcasting. Every step rounds to
// the element type, as in the function body that defines the operator.
#include <math.h>

#include "ops/lanes.h"
#include "ops/narrow.h"
#include "ops/nn_util.h"

struct gating {
    const struct mopt_tensor *a, *b;
    struct mopt_tensor *y;
    double alpha;
};

static double gate(enum mopt_dtype dtype, double alpha, double a, double b)
{
    double inner = mopt__round_to(dtype, alpha * a);
    double sigmoid = inner < 0 ? exp(inner) / (1 + exp(inner)) : 1 / (1 + exp(-inner));
    double swish = mopt__round_to(dtype, a * mopt__round_to(dtype, sigmoid));
    return swish * b;
}

static void gate_range(void *context, int64_t begin, int64_t end, int thread)
{
    const struct gating *g = context;
    enum mopt_dtype dtype = g->y->dtype;
    (void)thread;
    for (int64_t i = begin; i < end; i += MOPT_LANES) {
        double a[MOPT_LANES];
        double b[MOPT_LANES];
        size_t n = (size_t)(end - i < MOPT_LANES ? end - i : MOPT_LANES);
        mopt__load_f64(dtype, g->a->data, i, 1, n, a);
        mopt__load_f64(dtype, g->b->data, i, 1, n, b);
        for (size_t k = 0; k < n; k++) {
            a[k] = gate(dtype, g->alpha, a[k], b[k]);
        }
        mopt__store_f64(dtype, mopt__tensor_data(g->y), i, n, a);
    }
}

static enum mopt_status swiglu_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    struct gating g = {.a = NULL};
    float alpha = 1;
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = mopt__attr_float(eval->node, "alpha", 1, &alpha, err);
    }
    bool same = status == MOPT_OK && in[0]->rank == in[1]->rank;
    for (int i = 0; same && i < in[0]->rank; i++) {
        same = in[0]->dims[i] == in[1]->dims[i];
    }
    if (status == MOPT_OK && !same) {
        status = mopt_error_set(err, MOPT_E_SHAPE, "inputs 'A' and 'B' must have one shape");
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[0]->dtype, in[0]->rank, in[0]->dims, &g.y, err);
    }
    if (status == MOPT_OK) {
        g.a = in[0];
        g.b = in[1];
        g.alpha = (double)alpha;
        mopt__pool_for(eval->pool, (int64_t)g.y->count, 1 << 12, gate_range, &g);
    }
    return status;
}

static enum mopt_status swiglu_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *a = mopt__infer_tensor(infer, 0);
    const struct mopt_type *b = mopt__infer_tensor(infer, 1);
    bool a_known = a && a->rank >= 0;
    bool b_known = b && b->rank >= 0;
    int64_t dims[MOPT_RANK_MAX];
    if (!a_known || !b_known) {
        const struct mopt_type *one = a_known ? a : b;
        return a_known || b_known ? mopt__infer_set(infer, 0, one->dtype, one->rank, one->dims, err)
                                  : mopt__infer_unknown(infer, -1, err);
    }
    bool fits = a->rank == b->rank;
    for (int i = 0; fits && i < a->rank; i++) {
        int64_t number = 0;
        fits = !mopt__nn_dims_differ(infer->dims, a->dims[i], b->dims[i]);
        dims[i] = mopt__dim_get(infer->dims, b->dims[i], &number) ? b->dims[i] : a->dims[i];
        dims[i] = dims[i] == MOPT_DIM_UNKNOWN ? b->dims[i] : dims[i];
    }
    if (!fits) {
        return mopt_error_set(err, MOPT_E_SHAPE, "inputs 'A' and 'B' must have one shape");
    }
    return mopt__infer_set(infer, 0, a->dtype, a->rank, dims, err);
}

#define F MOPT_SET_FLOATS_BF

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "SwiGLU",
     .since = 28,
     .summary = "Swish of a gate times a value",
     MOPT_INPUTS({"A", "T", F, 0}, {"B", "T", F, 0}),
     MOPT_OUTPUTS({"Y", "T", F, 0}),
     MOPT_ATTRIBUTES(MOPT_A_FLOAT("alpha", 1)),
     .traits = MOPT_TRAIT_IN_PLACE,
     .infer = swiglu_infer,
     .eval = swiglu_eval,
     .cost = mopt__cost_output},
};
const struct mopt_op_family mopt__ops_swiglu = {records, MOPT_COUNTOF(records)};
