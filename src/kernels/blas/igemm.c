// SPDX-License-Identifier: Apache-2.0
// Exact integer products through the float product. It must not know what the matrices mean.
#include "kernels/kernels.h"

// Longest sum whose partial sums are all below 2^24 in magnitude, hence exact floats in any order
// of addition.
static int64_t exact_length(double bound)
{
    double length = 16777216.0 / bound;
    return length < 1 ? 1 : (int64_t)length;
}

static void add_tile(const struct mopt_igemm *g, const float *tile, int32_t *c)
{
    for (int64_t i = 0; i < g->m; i++) {
        const float *from = tile + i * g->n;
        int32_t *to = c + i * g->ldc;
        for (int64_t j = 0; j < g->n; j++) {
            to[j] = (int32_t)((uint32_t)to[j] + (uint32_t)(int32_t)from[j]);
        }
    }
}

void mopt__igemm_exact(const struct mopt_igemm *g, const float *a, const float *b, int32_t *c,
                       float *scratch)
{
    int64_t length = exact_length(g->bound);
    for (int64_t from = 0; from < g->k; from += length) {
        struct mopt_gemm part = {.trans_b = g->trans_b,
                                 .m = g->m,
                                 .n = g->n,
                                 .k = g->k - from < length ? g->k - from : length,
                                 .lda = g->lda,
                                 .ldb = g->ldb,
                                 .ldc = g->n,
                                 .alpha = 1};
        mopt__sgemm(&part, a + from, b + (g->trans_b ? from : from * g->ldb), scratch);
        add_tile(g, scratch, c);
    }
}

void mopt__bytes_to_float(const void *bytes, bool is_signed, int32_t zero_point, size_t count,
                          float *out)
{
    const int8_t *low = bytes;
    const uint8_t *high = bytes;
    if (is_signed) {
        for (size_t i = 0; i < count; i++) {
            out[i] = (float)(low[i] - zero_point);
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = (float)(high[i] - zero_point);
    }
}
