// SPDX-License-Identifier: Apache-2.0
// Geometry of numpy-style matrix products, and the batched float product. It must not know any
// operator.
#include "ops/matmul_common.h"

#include <string.h>

// An operand as a stack of matrices.
struct stack {
    int batch_rank;
    const int64_t *batch;
    int64_t rows, columns;
};

static struct stack stack_of(int rank, const int64_t *dims, bool left)
{
    struct stack s = {0, dims, 1, 1};
    if (rank == 1) {
        *(left ? &s.columns : &s.rows) = dims[0];
    } else {
        s = (struct stack){rank - 2, dims, dims[rank - 2], dims[rank - 1]};
    }
    return s;
}

static enum mopt_status open_batch(const struct stack *a, const struct stack *b,
                                   struct mopt_matmul *mm, struct mopt_error *err)
{
    int rank = a->batch_rank > b->batch_rank ? a->batch_rank : b->batch_rank;
    int64_t a_step = 1;
    int64_t b_step = 1;
    mm->batch_rank = rank;
    mm->batch = 1;
    mm->b_shared = true;
    for (int i = rank - 1; i >= 0; i--) {
        int ia = i - (rank - a->batch_rank);
        int ib = i - (rank - b->batch_rank);
        int64_t da = ia >= 0 ? a->batch[ia] : 1;
        int64_t db = ib >= 0 ? b->batch[ib] : 1;
        if (da != db && da != 1 && db != 1) {
            return mopt_error_set(err, MOPT_E_SHAPE, "batch dims %lld and %lld do not broadcast",
                                  (long long)da, (long long)db);
        }
        mm->batch_dims[i] = da == 1 ? db : da;
        mm->a_steps[i] = da == 1 ? 0 : a_step;
        mm->b_steps[i] = db == 1 ? 0 : b_step;
        mm->b_shared = mm->b_shared && db == 1;
        a_step *= da;
        b_step *= db;
        if (!mopt__size_mul(mm->batch, (size_t)mm->batch_dims[i], &mm->batch)) {
            return mopt_error_set(err, MOPT_E_SHAPE, "batch is too large");
        }
    }
    return MOPT_OK;
}

enum mopt_status mopt__matmul_open(int a_rank, const int64_t *a, int b_rank, const int64_t *b,
                                   struct mopt_matmul *mm, struct mopt_error *err)
{
    memset(mm, 0, sizeof *mm);
    if (a_rank < 1 || b_rank < 1) {
        return mopt_error_set(err, MOPT_E_SHAPE, "an operand is a scalar");
    }
    struct stack left = stack_of(a_rank, a, true);
    struct stack right = stack_of(b_rank, b, false);
    if (left.columns != right.rows) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "inner dims differ: %lld columns against %lld rows",
                              (long long)left.columns, (long long)right.rows);
    }
    mm->m = left.rows;
    mm->k = left.columns;
    mm->n = right.columns;
    enum mopt_status status = open_batch(&left, &right, mm, err);
    if (status != MOPT_OK) {
        return status;
    }
    for (int i = 0; i < mm->batch_rank; i++) {
        mm->dims[mm->rank++] = mm->batch_dims[i];
    }
    if (a_rank > 1) {
        mm->dims[mm->rank++] = mm->m;
    }
    if (b_rank > 1) {
        mm->dims[mm->rank++] = mm->n;
    }
    return MOPT_OK;
}

void mopt__matmul_at(const struct mopt_matmul *mm, size_t i, size_t *a, size_t *b)
{
    *a = 0;
    *b = 0;
    for (int axis = mm->batch_rank - 1; axis >= 0; axis--) {
        size_t at = i % (size_t)mm->batch_dims[axis];
        i /= (size_t)mm->batch_dims[axis];
        *a += at * (size_t)mm->a_steps[axis];
        *b += at * (size_t)mm->b_steps[axis];
    }
}

enum mopt_status mopt__matmul_infer(struct mopt_infer *infer, uint32_t a_input, uint32_t b_input,
                                    enum mopt_dtype dtype, struct mopt_error *err)
{
    const struct mopt_type *a = mopt__infer_tensor(infer, a_input);
    const struct mopt_type *b = mopt__infer_tensor(infer, b_input);
    if (!a || !b || a->rank < 0 || b->rank < 0) {
        return mopt__infer_set(infer, 0, dtype, -1, NULL, err);
    }
    if (a->rank < 1 || b->rank < 1) {
        return mopt_error_set(err, MOPT_E_SHAPE, "an operand is a scalar");
    }
    struct stack left = stack_of(a->rank, a->dims, true);
    struct stack right = stack_of(b->rank, b->dims, false);
    if (mopt__nn_dims_differ(infer->dims, left.columns, right.rows)) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "inner dims differ: %lld columns against %lld rows",
                              (long long)left.columns, (long long)right.rows);
    }
    int64_t dims[MOPT_RANK_MAX];
    int rank = 0;
    enum mopt_status status =
        mopt__infer_broadcast(infer, left.batch_rank, left.batch, right.batch_rank, right.batch,
                              &rank, dims, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (a->rank > 1) {
        dims[rank++] = left.rows;
    }
    if (b->rank > 1) {
        dims[rank++] = right.columns;
    }
    return mopt__infer_set(infer, 0, dtype, rank, dims, err);
}

void mopt__matmul_cost(struct mopt_cost *cost, uint32_t a)
{
    int64_t out[MOPT_RANK_MAX];
    int64_t left[MOPT_RANK_MAX];
    int out_rank = 0;
    int rank = 0;
    uint64_t elements = 0;
    if (mopt__nn_cost_out(cost, 0, &out_rank, out) && mopt__nn_cost_in(cost, a, &rank, left) &&
        rank > 0 && mopt__nn_count(out, out_rank, &elements)) {
        cost->known = !__builtin_mul_overflow(elements, (uint64_t)left[rank - 1], &cost->macs);
    }
}

struct batch_job {
    const struct mopt_matmul *mm;
    struct mopt_gemm gemm;
    const float *a, *b;
    float *y;
};

static void run_batch(void *context, int64_t begin, int64_t end, int thread)
{
    const struct batch_job *job = context;
    const struct mopt_matmul *mm = job->mm;
    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        size_t a = 0;
        size_t b = 0;
        mopt__matmul_at(mm, (size_t)i, &a, &b);
        mopt__sgemm(&job->gemm, job->a + a * (size_t)(mm->m * mm->k),
                    job->b + b * (size_t)(mm->k * mm->n),
                    job->y + (size_t)i * (size_t)(mm->m * mm->n));
    }
}

// True when a's matrices are used in order, so that a batch with one b is a single tall product.
static bool in_order(const struct mopt_matmul *mm)
{
    for (int i = 0; i < mm->batch_rank; i++) {
        if (mm->a_steps[i] == 0 && mm->batch_dims[i] != 1) {
            return false;
        }
    }
    return true;
}

void mopt__matmul_f32(const struct mopt_matmul *mm, float alpha, const float *a, const float *b,
                      float *y, struct mopt_pool *pool)
{
    struct batch_job job = {mm,
                            {.m = mm->m,
                             .n = mm->n,
                             .k = mm->k,
                             .lda = mm->k,
                             .ldb = mm->n,
                             .ldc = mm->n,
                             .alpha = (double)alpha},
                            a,
                            b,
                            y};
    if (mm->batch == 1) {
        mopt__sgemm_pool(&job.gemm, a, b, y, pool);
    } else if (mm->b_shared && in_order(mm)) {
        job.gemm.m *= (int64_t)mm->batch;
        mopt__sgemm_pool(&job.gemm, a, b, y, pool);
    } else {
        mopt__pool_for(pool, (int64_t)mm->batch, 1, run_batch, &job);
    }
}
