// SPDX-License-Identifier: Apache-2.0
// MatMulNBits of com.microsoft: A times a matrix whose columns are stored in blocks of 2, 4 or 8
// bit codes with a scale (and zero point) each. B is [N, blocks, block*bits/8], low bits first;
// without zero points they are 2^(bits-1). A number is (code - zero point) * scale, rounded to
// float after each step.
#include <math.h>

#include "kernels/kernels.h"
#include "ops/nn_util.h"

struct nbits {
    const struct mopt_tensor *a, *b, *scales, *zeros, *groups, *bias;
    size_t k, n, bits, block, blocks, rows;
};

static enum mopt_status read_attribute(const struct mopt_node *node, const char *name,
                                       int64_t fallback, int64_t low, int64_t high, size_t *out,
                                       struct mopt_error *err)
{
    int64_t value = fallback;
    enum mopt_status status = mopt__attr_int(node, name, fallback, &value, err);
    if (status == MOPT_OK && (value < low || value > high)) {
        return mopt_error_set(err, MOPT_E_VALUE, "attribute '%s' has the value %lld", name,
                              (long long)value);
    }
    *out = (size_t)value;
    return status;
}

static enum mopt_status read_attributes(const struct mopt_node *node, struct nbits *p,
                                        struct mopt_error *err)
{
    enum mopt_status status = read_attribute(node, "K", 0, 1, INT32_MAX, &p->k, err);
    if (status == MOPT_OK) {
        status = read_attribute(node, "N", 0, 1, INT32_MAX, &p->n, err);
    }
    if (status == MOPT_OK) {
        status = read_attribute(node, "bits", 4, 2, 8, &p->bits, err);
    }
    if (status == MOPT_OK) {
        status = read_attribute(node, "block_size", 128, 16, INT32_MAX, &p->block, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if ((p->bits & (p->bits - 1)) != 0 || (p->block & (p->block - 1)) != 0) {
        return mopt_error_set(err, MOPT_E_VALUE, "%zu bits in blocks of %zu", p->bits, p->block);
    }
    p->blocks = p->block > 0 ? (p->k + p->block - 1) / p->block : 0;
    return MOPT_OK;
}

static enum mopt_status check_count(const struct mopt_tensor *t, const char *name, size_t count,
                                    struct mopt_error *err)
{
    if (!t || t->count == count) {
        return MOPT_OK;
    }
    return mopt_error_set(err, MOPT_E_SHAPE, "input '%s' has %zu elements, must have %zu", name,
                          t->count, count);
}

static enum mopt_status open_nbits(const struct mopt_eval *eval, struct nbits *p,
                                   struct mopt_error *err)
{
    const struct mopt_tensor *in[6];
    *p = (struct nbits){.a = NULL};
    enum mopt_status status = mopt__open(eval, in, 6, err);
    if (status == MOPT_OK) {
        status = read_attributes(eval->node, p, err);
    }
    if (status == MOPT_OK) {
        status = mopt__nn_rank(in[0], "A", 1, MOPT_RANK_MAX, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    p->a = in[0];
    p->b = in[1];
    p->scales = in[2];
    p->zeros = in[3];
    p->groups = in[4];
    p->bias = in[5];
    if ((size_t)in[0]->dims[in[0]->rank - 1] != p->k) {
        return mopt_error_set(err, MOPT_E_SHAPE, "last axis of 'A' is %lld, attribute 'K' is %zu",
                              (long long)in[0]->dims[in[0]->rank - 1], p->k);
    }
    p->rows = mopt__nn_product(in[0]->dims, 0, in[0]->rank - 1);
    bool packed = p->zeros && p->zeros->dtype == MOPT_UINT8;
    size_t zeros = packed ? p->n * ((p->blocks * p->bits + 7) / 8) : p->n * p->blocks;
    status = check_count(p->b, "B", p->n * p->blocks * (p->block * p->bits / 8), err);
    if (status == MOPT_OK) {
        status = check_count(p->scales, "scales", p->n * p->blocks, err);
    }
    if (status == MOPT_OK) {
        status = check_count(p->zeros, "zero_points", zeros, err);
    }
    if (status == MOPT_OK && p->groups && p->groups->count < p->k) {
        return mopt_error_set(err, MOPT_E_SHAPE, "input 'g_idx' is shorter than %zu", p->k);
    }
    return status == MOPT_OK ? check_count(p->bias, "bias", p->n, err) : status;
}

static unsigned code_at(const struct mopt_tensor *t, size_t byte_from, size_t i, size_t bits)
{
    const uint8_t *data = (const uint8_t *)t->data + byte_from;
    size_t bit = i * bits;
    return (unsigned)(data[bit / 8] >> (bit % 8)) & ((1U << bits) - 1);
}

static double zero_at(const struct nbits *p, size_t n, size_t block)
{
    if (!p->zeros) {
        return (double)(1U << (p->bits - 1));
    }
    if (p->zeros->dtype != MOPT_UINT8) {
        return mopt__tensor_f64(p->zeros, n * p->blocks + block);
    }
    return (double)code_at(p->zeros, n * ((p->blocks * p->bits + 7) / 8), block, p->bits);
}

// Column n of the matrix as floats.
static enum mopt_status unpack(const struct nbits *p, size_t n, float *out, struct mopt_error *err)
{
    size_t bytes = p->block * p->bits / 8;
    for (size_t k = 0; k < p->k; k++) {
        size_t stored = k / p->block;
        size_t block = stored;
        if (p->groups) {
            int64_t group = mopt__tensor_i64_at(p->groups, k);
            if (group < 0 || (size_t)group >= p->blocks) {
                return mopt_error_set(err, MOPT_E_VALUE, "group %lld of %zu blocks",
                                      (long long)group, p->blocks);
            }
            block = (size_t)group;
        }
        unsigned code = code_at(p->b, (n * p->blocks + stored) * bytes, k % p->block, p->bits);
        double scale = mopt__tensor_f64(p->scales, n * p->blocks + block);
        float difference = (float)((double)code - zero_at(p, n, block));
        out[k] = (float)((double)difference * scale);
    }
    return MOPT_OK;
}

static void multiply(const struct nbits *p, const float *column, size_t n, struct mopt_tensor *y)
{
    for (size_t row = 0; row < p->rows; row++) {
        double sum = p->bias ? mopt__tensor_f64(p->bias, n) : 0;
        for (size_t k = 0; k < p->k; k++) {
            sum += mopt__tensor_f64(p->a, row * p->k + k) * (double)column[k];
        }
        mopt__nn_store_at(y, row * p->n + n, sum);
    }
}

static enum mopt_status new_output(struct mopt_eval *eval, const struct nbits *p,
                                   struct mopt_tensor **y, struct mopt_error *err)
{
    int64_t dims[MOPT_RANK_MAX];
    for (int i = 0; i < p->a->rank; i++) {
        dims[i] = i < p->a->rank - 1 ? p->a->dims[i] : (int64_t)p->n;
    }
    return mopt__eval_output(eval, 0, p->a->dtype, p->a->rank, dims, y, err);
}

static enum mopt_status nbits_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    struct nbits p;
    struct mopt_tensor *y = NULL;
    float *column = NULL;
    enum mopt_status status = open_nbits(eval, &p, err);
    if (status == MOPT_OK) {
        status = new_output(eval, &p, &y, err);
    }
    if (status == MOPT_OK) {
        column = mopt__calloc(p.k, sizeof *column);
        status = mopt__nn_got(column, err);
    }
    for (size_t n = 0; status == MOPT_OK && n < p.n; n++) {
        status = unpack(&p, n, column, err);
        if (status == MOPT_OK) {
            multiply(&p, column, n, y);
            status = mopt__nn_tick(eval, err);
        }
    }
    mopt__free(column);
    return status;
}

// ---- Bound form: the matrix is unpacked at every run -----------------------------------------------------------------

static enum mopt_status unpack_all(const struct nbits *p, float **out, struct mopt_error *err)
{
    *out = mopt__calloc(p->n, p->k * sizeof **out);
    enum mopt_status status = mopt__nn_got(*out, err);
    for (size_t n = 0; status == MOPT_OK && n < p->n; n++) {
        status = unpack(p, n, *out + n * p->k, err);
    }
    return status;
}

static enum mopt_status nbits_run(struct mopt_eval *eval, struct mopt_error *err)
{
    struct nbits p;
    struct mopt_tensor *y = NULL;
    float *matrix = NULL;
    enum mopt_status status = open_nbits(eval, &p, err);
    if (status == MOPT_OK) {
        status = new_output(eval, &p, &y, err);
    }
    if (status == MOPT_OK) {
        status = unpack_all(&p, &matrix, err);
    }
    if (status == MOPT_OK) {
        float *out = mopt__nn_f32(y);
        for (size_t row = 0; p.bias && row < p.rows; row++) {
            for (size_t n = 0; n < p.n; n++) {
                out[row * p.n + n] = (float)mopt__tensor_f64(p.bias, n);
            }
        }
        struct mopt_gemm g = {.trans_b = true,
                              .m = (int64_t)p.rows,
                              .n = (int64_t)p.n,
                              .k = (int64_t)p.k,
                              .lda = (int64_t)p.k,
                              .ldb = (int64_t)p.k,
                              .ldc = (int64_t)p.n,
                              .alpha = 1,
                              .beta = p.bias ? 1 : 0};
        mopt__sgemm_pool(&g, p.a->data, matrix, out, eval->pool);
    }
    mopt__free(matrix);
    return status;
}

static enum mopt_status nbits_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    (void)err;
    if (mopt__nn_bind_is(bind, 0, MOPT_FLOAT32)) {
        bind->run = nbits_run;
    }
    return MOPT_OK;
}

static enum mopt_status nbits_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    const struct mopt_type *a = mopt__infer_tensor(infer, 0);
    int64_t dims[MOPT_RANK_MAX];
    struct nbits p = {.a = NULL};
    enum mopt_status status = read_attributes(infer->node, &p, err);
    if (status != MOPT_OK || !a) {
        return status;
    }
    for (int i = 0; i < a->rank; i++) {
        dims[i] = i < a->rank - 1 ? a->dims[i] : (int64_t)p.n;
    }
    return mopt__infer_set(infer, 0, a->dtype, a->rank, dims, err);
}

static void nbits_cost(struct mopt_cost *cost)
{
    int64_t y[MOPT_RANK_MAX];
    int rank = 0;
    uint64_t elements = 0;
    int64_t k = mopt__int_of(cost->node, "K", 0);
    if (k > 0 && mopt__nn_cost_out(cost, 0, &rank, y) && mopt__nn_count(y, rank, &elements)) {
        cost->known = !__builtin_mul_overflow(elements, (uint64_t)k, &cost->macs);
    }
}

#define F (MOPT_SET_F32 | MOPT_DT(MOPT_FLOAT16) | MOPT_DT(MOPT_BFLOAT16))

static const struct mopt_op records[] = {
    {.domain = "com.microsoft",
     .name = "MatMulNBits",
     .since = 1,
     .summary = "product with a matrix of 2, 4 or 8 bit codes in blocks",
     MOPT_INPUTS({"A", "T1", F, 0}, {"B", "T2", MOPT_DT(MOPT_UINT8), 0}, {"scales", "T1", F, 0},
                 {"zero_points", "T3", F | MOPT_DT(MOPT_UINT8), MOPT_PARAM_OPTIONAL},
                 {"g_idx", "T4", MOPT_SET_I32, MOPT_PARAM_OPTIONAL},
                 {"bias", "T1", F, MOPT_PARAM_OPTIONAL}),
     MOPT_OUTPUTS({"Y", "T1", F, 0}),
     MOPT_ATTRIBUTES(MOPT_A_INT_REQUIRED("K"), MOPT_A_INT_REQUIRED("N"), MOPT_A_INT("bits", 4),
                     MOPT_A_INT_REQUIRED("block_size"), MOPT_A_INT("accuracy_level", 0)),
     .infer = nbits_infer,
     .eval = nbits_eval,
     .bind = nbits_bind,
     .cost = nbits_cost},
};
const struct mopt_op_family mopt__ops_matmul_nbits = {records, MOPT_COUNTOF(records)};
