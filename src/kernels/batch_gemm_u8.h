// SPDX-License-Identifier: Apache-2.0
// Products of two computed matrices of codes, many at once, with exact 32-bit sums: the right
// operand is packed when it is needed. Driver over int8.h.
#ifndef MOPT_KERNELS_BATCH_GEMM_U8_H
#define MOPT_KERNELS_BATCH_GEMM_U8_H

#include "kernels/int8.h"

// c[i] [m, n] = requantized (a[i] [m, k] - a_zero) (b[i] [k, n] - b_zero) + start for i < batch;
// m, n, k, batch > 0. All codes are unsigned: signed ones are handed in as value + 128 with zero
// point + 128. Behind rows of A, 3 bytes may be read.
struct mopt_batch_gemm_u8 {
    size_t batch, m, n, k;
    const uint8_t *a, *b;
    const size_t *a_at, *b_at;  // [batch] bytes from a and b to the matrices of each product
    size_t lda;                 // bytes between rows of A; a row lies in one piece
    size_t b_row, b_column;     // bytes between rows and between columns of B
    int32_t a_zero;             // 0..255
    const int32_t *b_zero;      // [n] zero points of the columns of B less 128; NULL: 0
    struct mopt_requantize out; // start: [n] or NULL, is added to the sums
    uint8_t *c8;                // [batch, m, n]; exactly one of c8, cf, c32 is not NULL
    float *cf;
    int32_t *c32;
};
// Bytes of scratch with `threads` threads; SIZE_MAX when the size does not fit.
size_t mopt__batch_gemm_u8_scratch(const struct mopt_kernels *kernels,
                                   const struct mopt_batch_gemm_u8 *gemm, int threads);
// scratch: 64-byte aligned.
void mopt__batch_gemm_u8(const struct mopt_kernels *kernels, const struct mopt_batch_gemm_u8 *gemm,
                         void *scratch, struct mopt_pool *pool);

#endif
