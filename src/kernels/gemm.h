// SPDX-License-Identifier: Apache-2.0
// Prepacked float products: B is packed once into panels of the table's tile columns, the product
// runs tile by tile with its epilogue. Drivers over the slots tile_f32 and row_f32.
#ifndef MOPT_KERNELS_GEMM_H
#define MOPT_KERNELS_GEMM_H

#include "base/threads.h"
#include "kernels/table.h"

// What happens to a result before it is stored: + bias[column], then act, then + residual;
// or residual before act when residual_first. Both may be absent.
struct mopt_finish {
    const float *bias;     // [columns] or NULL
    const float *residual; // same rows and columns as the result, or NULL; may be the result itself
    size_t residual_ld;    // elements between its rows; 0: it has one row, for all of the result
    bool residual_first;
    struct mopt_function_f32 act, after; // after: of what act makes, before a residual behind it
};

// Floats of a packed B[taps*k, n] (rows of all taps one after the other), MOPT_OVERREAD included;
// 0 when the size does not fit.
size_t mopt__packed_f32_count(const struct mopt_kernels *kernels, size_t k, size_t n);
// Packs B[k, n], element (p, j) at b[p * row_step + j * column_step], into out (64-byte aligned):
// panels [ceil(n / tile cols)][k][tile cols], zero behind n.
void mopt__pack_f32(const struct mopt_kernels *kernels, size_t k, size_t n, const float *b,
                    size_t row_step, size_t column_step, float *out);
// The same of weights stored in any form but CODED (see coded.h): bytes, and packing. Those of 16
// bits are rounded to nearest even.
size_t mopt__packed_bytes(const struct mopt_kernels *kernels, enum mopt_weights weights, size_t k,
                          size_t n);
void mopt__pack_weights(const struct mopt_kernels *kernels, enum mopt_weights weights, size_t k,
                        size_t n, const float *b, size_t row_step, size_t column_step, void *out);
// Some of these panels, for packing by several threads.
void mopt__pack_f32_panels(const struct mopt_kernels *kernels, size_t k, size_t n, const float *b,
                           size_t row_step, size_t column_step, size_t first, size_t last,
                           float *out);

// c[m, n] = epilogue(a[m, k] b[k, n]). k = 0 gives epilogue(0).
struct mopt_gemm_f32 {
    size_t m, n, k;
    const float *a;
    size_t lda;
    const void *b; // packed
    enum mopt_weights weights;
    struct mopt_coded coded; // how weights are stored that are CODED
    float *c;
    size_t ldc;
    struct mopt_finish epilogue;
    void *scratch; // of mopt__gemm_f32_scratch bytes, aligned to 64
};
// Room for rounded activations (PAIRS, BLOCKS); 0 for the other forms of weights.
size_t mopt__gemm_f32_scratch(enum mopt_weights weights, size_t m, size_t k);
// Cut by rows and panels over the pool; the bytes of the result do not depend on the cut. pool may
// be NULL. Does not allocate.
void mopt__gemm_f32(const struct mopt_kernels *kernels, const struct mopt_gemm_f32 *gemm,
                    struct mopt_pool *pool);

#endif
