// SPDX-License-Identifier: Apache-2.0
// MatMul: numpy matrix product with vectors and broadcast batches, floats and 32/64-bit integers
// (mod 2^n).
#include "ops/matmul_common.h"

static void multiply_floats(const struct mopt_matmul *mm, const double *a, const double *b,
                            struct mopt_tensor *y, size_t first)
{
    for (int64_t i = 0; i < mm->m; i++) {
        for (int64_t j = 0; j < mm->n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < mm->k; l++) {
                sum += a[i * mm->k + l] * b[l * mm->n + j];
            }
            mopt__nn_store_at(y, first + (size_t)(i * mm->n + j), sum);
        }
    }
}

static enum mopt_status eval_floats(struct mopt_eval *eval, const struct mopt_matmul *mm,
                                    const struct mopt_tensor *const *in, struct mopt_tensor *y,
                                    struct mopt_error *err)
{
    double *a = NULL;
    double *b = NULL;
    enum mopt_status status = mopt__nn_doubles(in[0], &a, err);
    if (status == MOPT_OK) {
        status = mopt__nn_doubles(in[1], &b, err);
    }
    for (size_t i = 0; status == MOPT_OK && y->count > 0 && i < mm->batch; i++) {
        size_t left = 0;
        size_t right = 0;
        mopt__matmul_at(mm, i, &left, &right);
        multiply_floats(mm, a + left * (size_t)(mm->m * mm->k), b + right * (size_t)(mm->k * mm->n),
                        y, i * (size_t)(mm->m * mm->n));
        status = mopt__nn_tick(eval, err);
    }
    mopt__free(a);
    mopt__free(b);
    return status;
}

static void store_integer(struct mopt_tensor *y, size_t i, uint64_t value)
{
    void *data = mopt__tensor_data(y);
    if (mopt__dtype_bits(y->dtype) == 64) {
        ((uint64_t *)data)[i] = value;
    } else {
        ((uint32_t *)data)[i] = (uint32_t)value;
    }
}

static enum mopt_status eval_integers(struct mopt_eval *eval, const struct mopt_matmul *mm,
                                      const struct mopt_tensor *const *in, struct mopt_tensor *y,
                                      struct mopt_error *err)
{
    size_t each = (size_t)mm->m * (size_t)mm->n;
    for (size_t e = 0; e < y->count; e++) {
        size_t a = 0;
        size_t b = 0;
        mopt__matmul_at(mm, e / each, &a, &b);
        a = a * (size_t)(mm->m * mm->k) + e % each / (size_t)mm->n * (size_t)mm->k;
        b = b * (size_t)(mm->k * mm->n) + e % each % (size_t)mm->n;
        uint64_t sum = 0;
        for (size_t l = 0; l < (size_t)mm->k; l++) {
            sum += (uint64_t)mopt__tensor_i64_at(in[0], a + l) *
                   (uint64_t)mopt__tensor_i64_at(in[1], b + l * (size_t)mm->n);
        }
        store_integer(y, e, sum);
        enum mopt_status status = e % 4096 == 0 ? mopt__nn_tick(eval, err) : MOPT_OK;
        if (status != MOPT_OK) {
            return status;
        }
    }
    return MOPT_OK;
}

static enum mopt_status matmul_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[2];
    struct mopt_matmul mm;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = mopt__open(eval, in, 2, err);
    if (status == MOPT_OK) {
        status = mopt__matmul_open(in[0]->rank, in[0]->dims, in[1]->rank, in[1]->dims, &mm, err);
    }
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, in[0]->dtype, mm.rank, mm.dims, &y, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    return mopt__dtype_is_float(y->dtype) ? eval_floats(eval, &mm, in, y, err)
                                          : eval_integers(eval, &mm, in, y, err);
}

static enum mopt_status matmul_run(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *a = mopt__eval_input(eval, 0);
    const struct mopt_tensor *b = mopt__eval_input(eval, 1);
    struct mopt_matmul mm;
    struct mopt_tensor *y = NULL;
    enum mopt_status status = mopt__matmul_open(a->rank, a->dims, b->rank, b->dims, &mm, err);
    if (status == MOPT_OK) {
        status = mopt__eval_output(eval, 0, MOPT_FLOAT32, mm.rank, mm.dims, &y, err);
    }
    if (status == MOPT_OK) {
        mopt__matmul_f32(&mm, 1, a->data, b->data, mopt__nn_f32(y), eval->pool);
    }
    return status;
}

static enum mopt_status matmul_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    (void)err;
    if (mopt__nn_bind_is(bind, 0, MOPT_FLOAT32) && mopt__nn_bind_is(bind, 1, MOPT_FLOAT32)) {
        bind->run = matmul_run;
    }
    return MOPT_OK;
}

static enum mopt_status matmul_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    return mopt__matmul_infer(infer, 0, 1, mopt__infer_dtype(infer, 0), err);
}

static void matmul_cost(struct mopt_cost *cost)
{
    mopt__matmul_cost(cost, 0);
}

static const struct mopt_quant_spec quant = {
    .activations = 3, .weights = 2, .weight_axis = -1, .bias_input = -1, .integer_kernel = true};

#define RECORD(from, to, set)                                                                  \
    {                                                                                          \
        .domain = "", .name = "MatMul", .since = from, .until = to,                            \
        .summary = "matrix product with broadcast batches",                                    \
        MOPT_INPUTS({"A", "T", set, 0}, {"B", "T", set, 0}), MOPT_OUTPUTS({"Y", "T", set, 0}), \
        .quant = &quant, .infer = matmul_infer, .eval = matmul_eval, .bind = matmul_bind,      \
        .cost = matmul_cost                                                                    \
    }

static const struct mopt_op records[] = {
    RECORD(1, 8, MOPT_SET_FLOATS),
    RECORD(9, 12, MOPT_SET_WIDE),
    RECORD(13, 0, MOPT_SET_WIDE_BF),
};
const struct mopt_op_family mopt__ops_matmul = {records, MOPT_COUNTOF(records)};
