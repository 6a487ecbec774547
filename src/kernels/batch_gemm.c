// SPDX-License-Identifier: Apache-2.0
// Products of computed matrices. Many of them are shared out whole, each thread packing the right
// operands it needs; a few are cut one after the other.
#include "kernels/batch_gemm.h"

#include "base/size.h"
#include "kernels/product.h"

// Bytes from one packed right operand to the next; 0 when the size does not fit.
static size_t packed_step(const struct mopt_kernels *kernels,
                          const struct mopt_batch_gemm_f32 *gemm)
{
    size_t bytes = mopt__packed_f32_count(kernels, gemm->k, gemm->n);
    return bytes != 0 && mopt__size_mul(bytes, sizeof(float), &bytes) &&
                   mopt__size_apart(bytes, &bytes)
               ? bytes
               : 0;
}

// Products are shared out whole; else each is cut, and one packed operand serves all threads.
static bool is_whole(const struct mopt_batch_gemm_f32 *gemm, size_t threads)
{
    return gemm->batch >= 2 * threads || gemm->batch % threads == 0;
}

size_t mopt__batch_gemm_f32_scratch(const struct mopt_kernels *kernels,
                                    const struct mopt_batch_gemm_f32 *gemm, int threads)
{
    size_t bytes = 0;
    size_t each = packed_step(kernels, gemm);
    size_t copies = is_whole(gemm, (size_t)threads) ? (size_t)threads : 1;
    return each != 0 && mopt__size_mul(each, copies, &bytes) ? bytes : SIZE_MAX;
}

struct work {
    const struct mopt_kernels *kernels;
    const struct mopt_batch_gemm_f32 *gemm;
    char *packed;   // an operand for each thread,
    size_t each;    // this many bytes from one to the next
    const float *b; // of the product that is cut
};

static void multiply(const struct work *work, size_t item, const float *packed,
                     struct mopt_pool *pool)
{
    const struct mopt_batch_gemm_f32 *g = work->gemm;
    struct mopt_gemm_f32 gemm = {.m = g->m,
                                 .n = g->n,
                                 .k = g->k,
                                 .a = g->a + g->a_at[item],
                                 .lda = g->lda,
                                 .b = packed,
                                 .c = g->c + item * g->m * g->n,
                                 .ldc = g->n};
    mopt__gemm_f32(work->kernels, &gemm, pool);
}

static void whole_products(void *context, int64_t begin, int64_t end, int thread)
{
    const struct work *work = context;
    const struct mopt_batch_gemm_f32 *g = work->gemm;
    float *packed = (void *)(work->packed + (size_t)thread * work->each);
    size_t held = SIZE_MAX; // start of the operand that is packed
    for (size_t i = (size_t)begin; i < (size_t)end; i++) {
        if (held != g->b_at[i]) {
            held = g->b_at[i];
            mopt__pack_f32(work->kernels, g->k, g->n, g->b + held, g->b_row, g->b_column, packed);
        }
        multiply(work, i, packed, NULL);
    }
}

static void pack_panels(void *context, int64_t begin, int64_t end, int thread)
{
    const struct work *work = context;
    const struct mopt_batch_gemm_f32 *g = work->gemm;
    (void)thread;
    mopt__pack_f32_panels(work->kernels, g->k, g->n, work->b, g->b_row, g->b_column, (size_t)begin,
                          (size_t)end, (void *)work->packed);
}

static void cut_products(struct work *work, struct mopt_pool *pool)
{
    const struct mopt_batch_gemm_f32 *g = work->gemm;
    size_t panels = mopt__panel_count(work->kernels, g->n);
    for (size_t i = 0; i < g->batch; i++) {
        if (i == 0 || g->b_at[i] != g->b_at[i - 1]) {
            work->b = g->b + g->b_at[i];
            mopt__pool_for(pool, (int64_t)panels, 1, pack_panels, work);
        }
        multiply(work, i, (void *)work->packed, pool);
    }
}

void mopt__batch_gemm_f32(const struct mopt_kernels *kernels,
                          const struct mopt_batch_gemm_f32 *gemm, void *scratch,
                          struct mopt_pool *pool)
{
    struct work work = {.kernels = kernels, .gemm = gemm, .packed = scratch};
    size_t threads = (size_t)mopt__pool_size(pool);
    work.each = packed_step(kernels, gemm);
    if (gemm->batch * gemm->m * gemm->n * gemm->k < MOPT_SERIAL_BELOW) {
        pool = NULL;
    }
    if (is_whole(gemm, threads)) {
        mopt__pool_for(pool, (int64_t)gemm->batch, 1, whole_products, &work);
    } else {
        cut_products(&work, pool);
    }
}
