// SPDX-License-Identifier: Apache-2.0
// Products of two computed float matrices, many at once: the right operand is packed when it is
// needed. Driver over gemm.h.
#ifndef MOPT_KERNELS_BATCH_GEMM_H
#define MOPT_KERNELS_BATCH_GEMM_H

#include "kernels/gemm.h"

// c[i] [m, n] = epilogue(a[i] [m, k] b[i] [k, n]) for i < batch; m, n, k, batch > 0.
struct mopt_batch_gemm_f32 {
    size_t batch, m, n, k;
    const float *a, *b;
    const size_t *a_at, *b_at; // [batch] elements from a and b to the matrices of each product
    size_t lda;                // elements between rows of A; a row lies in one piece
    size_t b_row, b_column;    // elements between rows and between columns of B
    float *c;                  // [batch, m, n]
};
// Bytes of scratch with `threads` threads; SIZE_MAX when the size does not fit.
size_t mopt__batch_gemm_f32_scratch(const struct mopt_kernels *kernels,
                                    const struct mopt_batch_gemm_f32 *gemm, int threads);
// scratch: 64-byte aligned. The bytes of the result do not depend on the number of threads.
void mopt__batch_gemm_f32(const struct mopt_kernels *kernels,
                          const struct mopt_batch_gemm_f32 *gemm, void *scratch,
                          struct mopt_pool *pool);

#endif
