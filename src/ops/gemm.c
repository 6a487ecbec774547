// SPDX-License-Identifier: Apache-2.0
// Gemm: Y = alpha * A' * B' + beta * C with C broadcast to [M,N]. Before opset 7 C was broadcast
// only with broadcast = 1. FusedGemm of com.microsoft adds an activation.
#include <string.h>

#include "kernels/kernels.h"
#include "ops/epilogue.h"

struct product {
    bool trans_a, trans_b;
    int64_t m, n, k;
    float alpha, beta;
    struct mopt_epilogue epilogue;
    size_t c_rows, c_columns; // steps of C per row and column, 0 = broadcast
};

static enum mopt_status read_attributes(const struct mopt_node *node, struct product *p,
                                        struct mopt_error *err)
{
    int64_t trans_a = 0;
    int64_t trans_b = 0;
    enum mopt_status status = mopt__attr_int(node, "transA", 0, &trans_a, err);
    if (status == MOPT_OK) {
        status = mopt__attr_int(node, "transB", 0, &trans_b, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "alpha", 1, &p->alpha, err);
    }
    if (status == MOPT_OK) {
        status = mopt__attr_float(node, "beta", 1, &p->beta, err);
    }
    if (status == MOPT_OK) {
        status = mopt__epilogue_read(node, &p->epilogue, err);
    }
    p->trans_a = trans_a != 0; // any value but 0 means yes
    p->trans_b = trans_b != 0;
    return status;
}

static enum mopt_status open_c(const struct mopt_tensor *c, struct product *p,
                               struct mopt_error *err)
{
    if (!c) {
        return MOPT_OK;
    }
    int64_t rows = c->rank > 1 ? c->dims[c->rank - 2] : 1;
    int64_t columns = c->rank > 0 ? c->dims[c->rank - 1] : 1;
    if (c->rank > 2 || (rows != 1 && rows != p->m) || (columns != 1 && columns != p->n)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input 'C' does not broadcast to [%lld,%lld]",
                              (long long)p->m, (long long)p->n);
    }
    p->c_rows = rows == 1 ? 0 : (size_t)columns;
    p->c_columns = columns == 1 ? 0 : 1;
    return MOPT_OK;
}

static enum mopt_status open_product(const struct mopt_node *node, int64_t version,
                                     const struct mopt_tensor *const *in, struct product *p,
                                     struct mopt_error *err)
{
    memset(p, 0, sizeof *p);
    enum mopt_status status = read_attributes(node, p, err);
    if (status == MOPT_OK) {
        status = mopt__nn_rank(in[0], "A", 2, 2, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_rank(in[1], "B", 2, 2, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    p->m = in[0]->dims[p->trans_a ? 1 : 0];
    p->k = in[0]->dims[p->trans_a ? 0 : 1];
    p->n = in[1]->dims[p->trans_b ? 0 : 1];
    if (in[1]->dims[p->trans_b ? 1 : 0] != p->k) {
        return mopt_error_set(err, MOPT_E_SHAPE, "inner dims of A and B differ: %lld and %lld",
                              (long long)p->k, (long long)in[1]->dims[p->trans_b ? 1 : 0]);
    }
    int64_t broadcast = 1;
    if (version < 7 && node->op->domain[0] == '\0') {
        status = mopt__attr_int(node, "broadcast", 0, &broadcast, err);
    }
    if (status == MOPT_OK && broadcast == 0 && in[2] &&
        (in[2]->rank != 2 || in[2]->dims[0] != p->m || in[2]->dims[1] != p->n)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input 'C' must be [%lld,%lld] without broadcast",
                              (long long)p->m, (long long)p->n);
    }
    return status == MOPT_OK ? open_c(in[2], p, err) : status;
}

static size_t a_at(const struct product *p, int64_t i, int64_t l)
{
    return (size_t)(p->trans_a ? l * p->m + i : i * p->k + l);
}

static size_t b_at(const struct product *p, int64_t l, int64_t j)
{
    return (size_t)(p->trans_b ? j * p->k + l : l * p->n + j);
}

static size_t c_at(const struct product *p, int64_t i, int64_t j)
{
    return (size_t)i * p->c_rows + (size_t)j * p->c_columns;
}

static enum mopt_status eval_floats(struct mopt_eval *eval, const struct product *p,
                                    const struct mopt_tensor *const *in, struct mopt_tensor *y,
                                    struct mopt_error *err)
{
    double *v[3] = {NULL, NULL, NULL};
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; status == MOPT_OK && i < 3; i++) {
        status = mopt__nn_doubles(in[i], &v[i], err);
    }
    for (int64_t i = 0; status == MOPT_OK && i < p->m; i++) {
        for (int64_t j = 0; j < p->n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < p->k; l++) {
                sum += v[0][a_at(p, i, l)] * v[1][b_at(p, l, j)];
            }
            double rest = v[2] ? (double)p->beta * v[2][c_at(p, i, j)] : 0;
            mopt__nn_store_at(y, (size_t)(i * p->n + j), (double)p->alpha * sum + rest);
        }
        status = mopt__nn_tick(eval, err);
    }
    mopt__free(v[0]);
    mopt__free(v[1]);
    mopt__free(v[2]);
    return status;
}

// Integers: exact sums mod 2^n when alpha and beta are 1, otherwise scaled in double and truncated.
static void eval_integer(const struct product *p, const struct mopt_tensor *const *in, int64_t i,
                         int64_t j, struct mopt_tensor *y)
{
    uint64_t sum = 0;
    for (int64_t l = 0; l < p->k; l++) {
        sum += (uint64_t)mopt__tensor_i64_at(in[0], a_at(p, i, l)) *
               (uint64_t)mopt__tensor_i64_at(in[1], b_at(p, l, j));
    }
    uint64_t rest = in[2] ? (uint64_t)mopt__tensor_i64_at(in[2], c_at(p, i, j)) : 0;
    size_t at = (size_t)(i * p->n + j);
    if (p->alpha != 1.0F || p->beta != 1.0F) {
        bool whole = y->dtype == MOPT_UINT64 || y->dtype == MOPT_UINT32;
        double a = whole ? (double)sum : (double)(int64_t)sum;
        double c = whole ? (double)rest : (double)(int64_t)rest;
        mopt__nn_store_at(y, at, (double)p->alpha * a + (double)p->beta * c);
    } else if (mopt__dtype_bits(y->dtype) == 64) {
        ((uint64_t *)mopt__tensor_data(y))[at] = sum + rest;
    } else {
        ((uint32_t *)mopt__tensor_data(y))[at] = (uint32_t)(sum + rest);
    }
}

static enum mopt_status gemm_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[3];
    struct product p;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = mopt__open(eval, in, 3, err);
    if (status == MOPT_OK) {
        status = open_product(eval->node, eval->version, in, &p, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[0]->dtype, 2, (int64_t[]){p.m, p.n}, &y, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (mopt__dtype_is_float(y->dtype)) {
        status = eval_floats(eval, &p, in, y, err);
        return status == MOPT_OK ? mopt__epilogue_run(&p.epilogue, NULL, y, err) : status;
    }
    for (int64_t i = 0; i < p.m; i++) {
        for (int64_t j = 0; j < p.n; j++) {
            eval_integer(&p, in, i, j, y);
        }
    }
    return MOPT_OK;
}

static enum mopt_status gemm_run(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[3] = {mopt__eval_input(eval, 0), mopt__eval_input(eval, 1),
                                       mopt__eval_input(eval, 2)};
    struct product p;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = open_product(eval->node, eval->version, in, &p, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, MOPT_FLOAT32, 2, (int64_t[]){p.m, p.n}, &y, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    float *out = mopt__nn_f32(y);
    const float *c = in[2] ? in[2]->data : NULL;
    for (int64_t i = 0; c && i < p.m; i++) {
        for (int64_t j = 0; j < p.n; j++) {
            out[i * p.n + j] = p.beta * c[c_at(&p, i, j)];
        }
    }
    struct mopt_gemm g = {.trans_a = p.trans_a,
                          .trans_b = p.trans_b,
                          .m = p.m,
                          .n = p.n,
                          .k = p.k,
                          .lda = p.trans_a ? p.m : p.k,
                          .ldb = p.trans_b ? p.k : p.n,
                          .ldc = p.n,
                          .alpha = (double)p.alpha,
                          .beta = c ? 1 : 0};
    mopt__sgemm_pool(&g, in[0]->data, in[1]->data, out, eval->pool);
    return mopt__epilogue_run(&p.epilogue, NULL, y, err);
}

static enum mopt_status gemm_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    (void)err;
    if (mopt__nn_bind_is(bind, 0, MOPT_FLOAT32) && mopt__nn_bind_is(bind, 1, MOPT_FLOAT32)) {
        bind->run = gemm_run;
    }
    return MOPT_OK;
}

static enum mopt_status gemm_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    struct product p = {0};
    const struct mopt_type *a = mopt__infer_tensor(infer, 0);
    const struct mopt_type *b = mopt__infer_tensor(infer, 1);
    enum mopt_status status = read_attributes(infer->node, &p, err);
    if (status == MOPT_OK) {
        status = mopt__nn_infer_rank(infer, 0, 2, 2, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_infer_rank(infer, 1, 2, 2, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    bool a_known = a && a->rank == 2;
    bool b_known = b && b->rank == 2;
    if (a_known && b_known &&
        mopt__nn_dims_differ(infer->dims, a->dims[p.trans_a ? 0 : 1], b->dims[p.trans_b ? 1 : 0])) {
        return mopt_error_set(err, MOPT_E_SHAPE, "inner dims of A and B differ");
    }
    int64_t dims[2] = {a_known ? a->dims[p.trans_a ? 1 : 0] : MOPT_DIM_UNKNOWN,
                       b_known ? b->dims[p.trans_b ? 0 : 1] : MOPT_DIM_UNKNOWN};
    return mopt__infer_set(infer, 0, mopt__infer_dtype(infer, 0), 2, dims, err);
}

static void gemm_cost(struct mopt_cost *cost)
{
    int64_t out[MOPT_RANK_MAX];
    int64_t a[MOPT_RANK_MAX];
    int out_rank = 0;
    int a_rank = 0;
    uint64_t elements = 0;
    if (mopt__nn_cost_out(cost, 0, &out_rank, out) && mopt__nn_cost_in(cost, 0, &a_rank, a) &&
        a_rank == 2 && mopt__nn_count(out, out_rank, &elements)) {
        uint64_t k = (uint64_t)a[mopt__int_of(cost->node, "transA", 0) != 0 ? 0 : 1];
        cost->known = !__builtin_mul_overflow(elements, k, &cost->macs);
    }
}

// weight_axis: of B as used; with transB the output channel is axis 0 instead (quantize/ looks at
// the attribute).
static const struct mopt_quant_spec quant = {
    .activations = 1, .weights = 2, .weight_axis = -1, .bias_input = 2, .integer_kernel = true};

#define GEMM(where, title, from, to, set, c_flags, ...)                                 \
    {                                                                                   \
        .domain = where, .name = title, .since = from, .until = to,                     \
        .summary = "general matrix product: alpha A' B' + beta C",                      \
        MOPT_INPUTS({"A", "T", set, 0}, {"B", "T", set, 0}, {"C", "T", set, c_flags}),  \
        MOPT_OUTPUTS({"Y", "T", set, 0}),                                               \
        MOPT_ATTRIBUTES(MOPT_A_FLOAT("alpha", 1), MOPT_A_FLOAT("beta", 1),              \
                        MOPT_A_INT("transA", 0), MOPT_A_INT("transB", 0), __VA_ARGS__), \
        .quant = &quant, .infer = gemm_infer, .eval = gemm_eval, .bind = gemm_bind,     \
        .cost = gemm_cost                                                               \
    }

static const struct mopt_op records[] = {
    GEMM("", "Gemm", 1, 6, MOPT_SET_FLOATS, 0, MOPT_A_INT("broadcast", 0)),
    GEMM("", "Gemm", 7, 8, MOPT_SET_FLOATS, 0, ),
    GEMM("", "Gemm", 9, 10, MOPT_SET_WIDE, 0, ),
    GEMM("", "Gemm", 11, 12, MOPT_SET_WIDE, MOPT_PARAM_OPTIONAL, ),
    GEMM("", "Gemm", 13, 0, MOPT_SET_WIDE_BF, MOPT_PARAM_OPTIONAL, ),
    GEMM("com.microsoft", "FusedGemm", 1, 0, MOPT_SET_FLOATS, MOPT_PARAM_OPTIONAL,
         MOPT_A_STRING("activation", "", NULL), MOPT_A_FLOAT_OPTIONAL("activation_alpha"),
         MOPT_A_FLOAT_OPTIONAL("activation_beta"), MOPT_A_FLOAT_OPTIONAL("activation_gamma")),
};
const struct mopt_op_family mopt__ops_gemm = {records, MOPT_COUNTOF(records)};
