// SPDX-License-Identifier: Apache-2.0
// Products of computed float matrices.
#include "kernels/batch_gemm.h"

#include "base/size.h"
#include "kernels/batch.h"
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

size_t mopt__batch_gemm_f32_scratch(const struct mopt_kernels *kernels,
                                    const struct mopt_batch_gemm_f32 *gemm, int threads)
{
    return mopt__batch_scratch(gemm->batch, packed_step(kernels, gemm), threads);
}

struct work {
    const struct mopt_kernels *kernels;
    const struct mopt_batch_gemm_f32 *gemm;
};

static void pack(const void *context, size_t item, size_t begin, size_t end, void *packed)
{
    const struct work *work = context;
    const struct mopt_batch_gemm_f32 *g = work->gemm;
    mopt__pack_f32_panels(work->kernels, g->k, g->n, g->b + g->b_at[item], g->b_row, g->b_column,
                          begin, end, packed);
}

static void multiply(const void *context, size_t item, const void *packed, struct mopt_pool *pool)
{
    const struct work *work = context;
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

void mopt__batch_gemm_f32(const struct mopt_kernels *kernels,
                          const struct mopt_batch_gemm_f32 *gemm, void *scratch,
                          struct mopt_pool *pool)
{
    const struct work work = {kernels, gemm};
    const struct mopt_batch batch = {.count = gemm->batch,
                                     .panels = mopt__panel_count(kernels, gemm->n),
                                     .b_at = gemm->b_at,
                                     .pack = pack,
                                     .multiply = multiply,
                                     .context = &work,
                                     .packed = scratch,
                                     .each = packed_step(kernels, gemm)};
    bool small = gemm->batch * gemm->m * gemm->n * gemm->k < MOPT_SERIAL_BELOW;
    mopt__batch_run(&batch, small ? NULL : pool);
}
