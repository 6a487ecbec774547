// SPDX-License-Identifier: Apache-2.0
// Products of floats with 8-bit weights on mopt__gemm_u8.
#include "kernels/dynamic_u8.h"

#include <math.h>

#include "base/size.h"

enum { PIECE = 8192 }; // floats one thread takes at least

size_t mopt__dynamic_u8_scratch(size_t m, size_t n, size_t k)
{
    size_t bytes = 0;
    size_t columns = 0;
    bool fits = mopt__size_mul(n, sizeof(int32_t) + sizeof(float), &columns) &&
                mopt__size_mul(m, k, &bytes) && mopt__size_add(bytes, columns, &bytes) &&
                mopt__size_add(bytes, MOPT_OVERREAD, &bytes);
    return fits ? bytes : 0;
}

struct codes {
    const struct mopt_kernels *kernels;
    const float *x;
    float scale;
    int32_t zero;
    uint8_t *y;
};

static void code_piece(void *context, int64_t begin, int64_t end, int thread)
{
    const struct codes *codes = context;
    (void)thread;
    codes->kernels->quantize_u8(codes->x + begin, codes->scale, true, codes->zero, codes->y + begin,
                                (size_t)(end - begin));
}

static void quantize(struct codes *codes, size_t count, struct mopt_pool *pool)
{
    float low = 0;
    float high = 0;
    codes->kernels->range_f32(codes->x, count, &low, &high);
    codes->scale = (high - low) / 255.0F;
    codes->scale = codes->scale == 0 ? 1 : codes->scale;
    codes->zero = (int32_t)rintf(fminf(fmaxf(0 - low / codes->scale, 0), 255));
    mopt__pool_for(pool, (int64_t)count, PIECE, code_piece, codes);
}

void mopt__dynamic_u8(const struct mopt_kernels *kernels, const struct mopt_dynamic_u8 *job,
                      struct mopt_pool *pool)
{
    const struct mopt_dynamic_weights *weights = job->weights;
    int32_t *start = job->scratch;
    float *scale = (float *)(void *)(start + job->n);
    struct codes codes = {.kernels = kernels, .x = job->a, .y = (uint8_t *)(scale + job->n)};
    quantize(&codes, job->m * job->k, pool);
    for (size_t j = 0; j < job->n; j++) {
        start[j] = (int32_t)(0U - (uint32_t)codes.zero * (uint32_t)weights->sums[j]);
        scale[j] = codes.scale * weights->scale[j];
    }
    const struct mopt_gemm_u8 gemm = {.m = job->m,
                                      .n = job->n,
                                      .k = job->k,
                                      .a = codes.y,
                                      .lda = job->k,
                                      .b = weights->packed,
                                      .b_zero = weights->zero,
                                      .out = {.start = start,
                                              .scale = scale,
                                              .float_bias = job->bias},
                                      .cf = job->c,
                                      .ldc = job->n};
    mopt__gemm_u8(kernels, &gemm, pool);
}
