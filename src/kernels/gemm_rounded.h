// SPDX-License-Identifier: Apache-2.0
// Products whose activations are rounded like their weights: pairs of bfloat16 and blocks of
// integers (table.h). Rows are rounded into scratch; the product is one of floats with other tiles,
// half as long as in floats or a little longer. Used by gemm.c and conv_direct.c only.
#ifndef MOPT_KERNELS_GEMM_ROUNDED_H
#define MOPT_KERNELS_GEMM_ROUNDED_H

#include "kernels/gemm.h"

// How rows of k numbers are stored: `units` floats each, in blocks of `block` for BLOCKS.
struct mopt_rounding {
    struct mopt_kernels kernels; // with the tile of the form in the place of tile_f32
    size_t block, length;        // length: numbers of a block; both 0 for PAIRS
    size_t units;
};
// weights: PAIRS or BLOCKS.
struct mopt_rounding mopt__rounding_of(const struct mopt_kernels *kernels,
                                       enum mopt_weights weights, size_t k);
// One panel of BLOCKS: b[k, cols], element (p, j) at b[p * row_step + j * column_step], to
// [blocks][units of a block][tile cols], zero behind k and cols; returns the end of it.
float *mopt__rounding_panel(const struct mopt_rounding *rounding, size_t k, size_t cols,
                            const float *b, size_t row_step, size_t column_step, float *out);

// As mopt__packed_bytes, mopt__pack_weights and mopt__gemm_f32; weights: PAIRS or BLOCKS; k, m and
// n of a product are not 0.
size_t mopt__rounded_packed_bytes(const struct mopt_kernels *kernels, enum mopt_weights weights,
                                  size_t k, size_t n);
void mopt__rounded_pack(const struct mopt_kernels *kernels, enum mopt_weights weights, size_t k,
                        size_t n, const float *b, size_t row_step, size_t column_step, void *out);
void mopt__gemm_rounded(const struct mopt_kernels *kernels, const struct mopt_gemm_f32 *gemm,
                        struct mopt_pool *pool);

// gemm.c: the product of what lies in the place of floats, tile_f32 of the table over blocks of so
// many of them (0: none).
void mopt__gemm_blocks(const struct mopt_kernels *kernels, const struct mopt_gemm_f32 *gemm,
                       size_t block, struct mopt_pool *pool);

#endif
