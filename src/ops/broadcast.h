// SPDX-License-Identifier: Apache-2.0
// Shapes of binary operators: numpy broadcasting (opset 7 and up) and the `broadcast` / `axis`
// attributes before it. It must not know any operator.
#ifndef MOPT_OPS_BROADCAST_H
#define MOPT_OPS_BROADCAST_H

#include "ops/eval.h"
#include "ops/infer.h"

// How two operands meet: result dims, and strides in elements of either operand (0 on axes it is
// repeated along).
struct mopt_broadcast {
    int rank;
    int64_t dims[MOPT_RANK_MAX];
    int64_t a_strides[MOPT_RANK_MAX], b_strides[MOPT_RANK_MAX];
    size_t count; // elements of the result
};

// numpy rules. Errors: MOPT_E_SHAPE.
enum mopt_status mopt__broadcast_pair(const struct mopt_tensor *a, const struct mopt_tensor *b,
                                      struct mopt_broadcast *out, struct mopt_error *err);

// Rules by the opset version of the node: before 7, b is laid over a (whose dims are the result's)
// only if attribute `broadcast` is 1, starting at attribute `axis` (default: as a suffix); before 7
// with broadcast = 0 the shapes must be equal. From 7 on as mopt__broadcast_pair.
enum mopt_status mopt__broadcast_versioned(const struct mopt_eval *eval,
                                           const struct mopt_tensor *a, const struct mopt_tensor *b,
                                           struct mopt_broadcast *out, struct mopt_error *err);

// Inference by the same rules from inputs 0 and 1: rank -1 when it cannot be told.
enum mopt_status mopt__infer_broadcast_versioned(struct mopt_infer *infer, int *rank,
                                                 int64_t dims[MOPT_RANK_MAX],
                                                 struct mopt_error *err);

// Walks a result shape in row-major order with two running element offsets.
//   struct mopt_walk walk; mopt__walk_start(&walk, &broadcast, begin);
//   for (i = begin; i < end; i++, mopt__walk_next(&walk)) use walk.a, walk.b
struct mopt_walk {
    const struct mopt_broadcast *shape;
    int64_t index[MOPT_RANK_MAX];
    size_t a, b;
};
void mopt__walk_start(struct mopt_walk *walk, const struct mopt_broadcast *shape, size_t begin);
static inline void mopt__walk_next(struct mopt_walk *walk)
{
    const struct mopt_broadcast *shape = walk->shape;
    for (int k = shape->rank - 1; k >= 0; k--) {
        walk->a += (size_t)shape->a_strides[k];
        walk->b += (size_t)shape->b_strides[k];
        if (++walk->index[k] < shape->dims[k]) {
            return;
        }
        walk->a -= (size_t)(shape->a_strides[k] * shape->dims[k]);
        walk->b -= (size_t)(shape->b_strides[k] * shape->dims[k]);
        walk->index[k] = 0;
    }
}

#endif
