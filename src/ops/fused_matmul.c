// SPDX-License-Identifier: Apache-2.0
// FusedMatMul of com.microsoft: alpha * A' B', where each operand may have its last two axes
// swapped, and its first axis moved behind the batch axes.
#include <string.h>

#include "ops/matmul_common.h"

struct operand {
    const struct mopt_tensor *t;
    int rank;
    int from[MOPT_RANK_MAX];     // axis of the input that becomes this axis
    int64_t dims[MOPT_RANK_MAX]; // after moving
};

static enum mopt_status open_operand(const struct mopt_node *node, const char *swap,
                                     const char *move, int rank, const int64_t *dims,
                                     struct operand *o, struct mopt_error *err)
{
    int64_t swapped = 0;
    int64_t moved = 0;
    enum mopt_status status = mopt__attr_int(node, swap, 0, &swapped, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, move, 0, &moved, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (moved != 0 && rank < 3) {
        return mopt_error_set(err, MOPT_E_SHAPE, "attribute '%s' needs rank 3, operand has %d",
                              move, rank);
    }
    o->rank = rank;
    for (int i = 0; i < rank; i++) {
        bool shift = moved != 0 && i < rank - 1;
        o->from[i] = !shift ? i : i == rank - 2 ? 0 : i + 1;
    }
    if (swapped != 0 && rank >= 2) {
        int last = o->from[rank - 1];
        o->from[rank - 1] = o->from[rank - 2];
        o->from[rank - 2] = last;
    }
    for (int i = 0; i < rank; i++) {
        o->dims[i] = dims[o->from[i]];
    }
    return MOPT_OK;
}

static bool is_moved(const struct operand *o)
{
    for (int i = 0; i < o->rank; i++) {
        if (o->from[i] != i) {
            return true;
        }
    }
    return false;
}

// Element number of the input for element i of the moved operand.
static size_t source(const struct operand *o, size_t i)
{
    size_t at[MOPT_RANK_MAX] = {0};
    size_t index = 0;
    for (int axis = o->rank - 1; axis >= 0; axis--) {
        at[o->from[axis]] = i % (size_t)o->dims[axis];
        i /= (size_t)o->dims[axis];
    }
    for (int axis = 0; axis < o->rank; axis++) {
        index = index * (size_t)o->t->dims[axis] + at[axis];
    }
    return index;
}

static enum mopt_status open_operands(const struct mopt_eval *eval, struct operand o[2],
                                      struct mopt_matmul *mm, float *alpha, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = mopt__attr_float(eval->node, "alpha", 1, alpha, err);
    }
    for (int i = 0; status == MOPT_OK && i < 2; i++) {
        o[i].t = in[i];
        status = open_operand(eval->node, i == 0 ? "transA" : "transB",
                              i == 0 ? "transBatchA" : "transBatchB", in[i]->rank, in[i]->dims,
                              &o[i], err);
    }
    return status == MOPT_OK
               ? mopt__matmul_open(o[0].rank, o[0].dims, o[1].rank, o[1].dims, mm, err)
               : status;
}

static enum mopt_status fused_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct operand o[2];
    struct mopt_matmul mm;
    float alpha = 1;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = open_operands(eval, o, &mm, &alpha, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, o[0].t->dtype, mm.rank, mm.dims, &y, err);
    }
    size_t each = status == MOPT_OK ? (size_t)mm.m * (size_t)mm.n : 0;
    for (size_t i = 0; status == MOPT_OK && i < y->count; i++) {
        size_t a = 0;
        size_t b = 0;
        double sum = 0;
        mopt__matmul_at(&mm, i / each, &a, &b);
        a = a * (size_t)(mm.m * mm.k) + i % each / (size_t)mm.n * (size_t)mm.k;
        b = b * (size_t)(mm.k * mm.n) + i % (size_t)mm.n;
        for (size_t l = 0; l < (size_t)mm.k; l++) {
            sum += mopt__tensor_f64(o[0].t, source(&o[0], a + l)) *
                   mopt__tensor_f64(o[1].t, source(&o[1], b + l * (size_t)mm.n));
        }
        mopt__nn_store_at(y, i, (double)alpha * sum);
        status = i % 1024 == 0 ? mopt__nn_tick(eval, err) : MOPT_OK;
    }
    return status;
}

// The operand's floats in moved order; *copy is heap memory or NULL when nothing moves.
static enum mopt_status floats(const struct operand *o, const float **data, float **copy,
                               struct mopt_error *err)
{
    const float *from = o->t->data;
    *copy = NULL;
    *data = from;
    if (!is_moved(o)) {
        return MOPT_OK;
    }
    *copy = mopt__calloc(o->t->count + 1, sizeof **copy);
    if (!*copy) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < o->t->count; i++) {
        (*copy)[i] = from[source(o, i)];
    }
    *data = *copy;
    return MOPT_OK;
}

static enum mopt_status fused_run(struct mopt_eval *eval, struct mopt_error *err)
{
    struct operand o[2];
    struct mopt_matmul mm;
    float alpha = 1;
    const float *data[2] = {NULL, NULL};
    float *copies[2] = {NULL, NULL};
    struct mopt_tensor *y = NULL;
    enum mopt_status status = open_operands(eval, o, &mm, &alpha, err);
    for (int i = 0; status == MOPT_OK && i < 2; i++) {
        status = floats(&o[i], &data[i], &copies[i], err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, MOPT_FLOAT32, mm.rank, mm.dims, &y, err);
    }
    if (status == MOPT_OK) {
        mopt__matmul_f32(&mm, alpha, data[0], data[1], mopt__nn_f32(y), eval->pool);
    }
    mopt__free(copies[0]);
    mopt__free(copies[1]);
    return status;
}

static enum mopt_status fused_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    (void)err;
    if (mopt__nn_bind_is(bind, 0, MOPT_FLOAT32) && mopt__nn_bind_is(bind, 1, MOPT_FLOAT32)) {
        bind->run = fused_run;
    }
    return MOPT_OK;
}

static enum mopt_status fused_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *in[2] = {mopt__infer_tensor(infer, 0), mopt__infer_tensor(infer, 1)};
    struct mopt_type types[2];
    struct operand o[2];
    struct mopt_fact facts[2];
    if (!in[0] || !in[1] || in[0]->rank < 0 || in[1]->rank < 0) {
        return mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), -1, NULL, err);
    }
    for (int i = 0; i < 2; i++) {
        enum mopt_status status = open_operand(infer->node, i == 0 ? "transA" : "transB",
                                               i == 0 ? "transBatchA" : "transBatchB", in[i]->rank,
                                               in[i]->dims, &o[i], err);
        if (status != MOPT_OK) {
            return status;
        }
        types[i] = *in[i];
        types[i].dims = o[i].dims;
        facts[i] = (struct mopt_fact){.type = &types[i]};
    }
    struct mopt_infer moved = *infer;
    moved.inputs = facts;
    return mopt__matmul_infer(&moved, 0, 1, in[0]->dtype, err);
}

static void fused_cost(struct mopt_cost *cost)
{
    int64_t a[MOPT_RANK_MAX];
    int64_t y[MOPT_RANK_MAX];
    int a_rank = 0;
    int y_rank = 0;
    struct operand o;
    uint64_t elements = 0;
    struct mopt_error ignored = {MOPT_OK, -1, ""};
    if (mopt__nn_cost_in(cost, 0, &a_rank, a) && a_rank > 0 &&
        mopt__nn_cost_out(cost, 0, &y_rank, y) && mopt__nn_count(y, y_rank, &elements) &&
        open_operand(cost->node, "transA", "transBatchA", a_rank, a, &o, &ignored) == MOPT_OK) {
        cost->known = !__builtin_mul_overflow(elements, (uint64_t)o.dims[a_rank - 1], &cost->macs);
    }
}

static const struct mopt_op records[] = {
    {.domain = "com.microsoft",
     .name = "FusedMatMul",
     .since = 1,
     .summary = "scaled matrix product of transposed operands",
     MOPT_INPUTS({"A", "T", MOPT_SET_FLOATS_BF, 0}, {"B", "T", MOPT_SET_FLOATS_BF, 0}),
     MOPT_OUTPUTS({"Y", "T", MOPT_SET_FLOATS_BF, 0}),
     MOPT_ATTRIBUTES(MOPT_A_FLOAT("alpha", 1), MOPT_A_INT("transA", 0), MOPT_A_INT("transB", 0),
                     MOPT_A_INT("transBatchA", 0), MOPT_A_INT("transBatchB", 0)),
     .infer = fused_infer,
     .eval = fused_eval,
     .bind = fused_bind,
     .cost = fused_cost},
};
const struct mopt_op_family mopt__ops_fused_matmul = {records, MOPT_COUNTOF(records)};
