// SPDX-License-Identifier: Apache-2.0
// Geometry of numpy-style matrix products: vectors, broadcast batches. It must not know element
// types.
#ifndef MOPT_OPS_MATMUL_COMMON_H
#define MOPT_OPS_MATMUL_COMMON_H

#include "kernels/kernels.h"
#include "ops/nn_util.h"

struct mopt_matmul {
    int64_t m, n, k;
    int rank; // of the output
    int64_t dims[MOPT_RANK_MAX];
    int batch_rank;
    int64_t batch_dims[MOPT_RANK_MAX];
    int64_t a_steps[MOPT_RANK_MAX],
        b_steps[MOPT_RANK_MAX]; // matrices to move per batch axis, 0 = broadcast
    size_t batch;               // number of products
    bool b_shared;              // one matrix b for all products, and a's matrices follow each other
};

// Errors: MOPT_E_SHAPE.
enum mopt_status mopt__matmul_open(int a_rank, const int64_t *a, int b_rank, const int64_t *b,
                                   struct mopt_matmul *mm, struct mopt_error *err);
// Numbers of the matrices of a and b in product i.
void mopt__matmul_at(const struct mopt_matmul *mm, size_t i, size_t *a, size_t *b);
// Infers output 0 from inputs number a and b.
enum mopt_status mopt__matmul_infer(struct mopt_infer *infer, uint32_t a, uint32_t b,
                                    enum mopt_dtype dtype, struct mopt_error *err);
void mopt__matmul_cost(struct mopt_cost *cost, uint32_t a);
// Float product of all batches over the pool: y = alpha * a b.
void mopt__matmul_f32(const struct mopt_matmul *mm, float alpha, const float *a, const float *b,
                      float *y, struct mopt_pool *pool);

#endif
