// SPDX-License-Identifier: Apache-2.0
// What a float tile does of an epilogue, and the rest of it on the finished, cache-hot result.
#include <math.h>

#include "kernels/product.h"

static bool is_clamp(enum mopt_act kind)
{
    return kind == MOPT_ACT_RELU || kind == MOPT_ACT_CLIP;
}

// bias, residual, clamp is the order of a tile.
bool mopt__epilogue_adds_in_tile(const struct mopt_finish *epilogue)
{
    bool plain = epilogue->act.kind == MOPT_ACT_NONE && epilogue->after.kind == MOPT_ACT_NONE;
    return epilogue->residual && (plain || epilogue->residual_first);
}

void mopt__epilogue_bounds(const struct mopt_finish *epilogue, float *low, float *high)
{
    *low = -INFINITY;
    *high = INFINITY;
    if (epilogue->act.kind == MOPT_ACT_RELU) {
        *low = 0;
    } else if (epilogue->act.kind == MOPT_ACT_CLIP) {
        *low = epilogue->act.alpha;
        *high = epilogue->act.beta;
    }
}

void mopt__epilogue_rest(const struct mopt_kernels *kernels, const struct mopt_finish *epilogue,
                         float *c, size_t ldc, const float *residual, size_t residual_ld,
                         size_t rows, size_t cols)
{
    bool act = epilogue->act.kind != MOPT_ACT_NONE && !is_clamp(epilogue->act.kind);
    bool after = epilogue->after.kind != MOPT_ACT_NONE;
    bool add = epilogue->residual && !mopt__epilogue_adds_in_tile(epilogue);
    if (cols == ldc && (!add || cols == residual_ld)) { // one long row
        cols *= rows;
        rows = 1;
    }
    for (size_t i = 0; (act || after || add) && i < rows; i++) {
        float *row = c + i * ldc;
        if (act) {
            kernels->unary_f32(&epilogue->act, row, row, cols);
        }
        if (after) {
            kernels->unary_f32(&epilogue->after, row, row, cols);
        }
        if (add) {
            kernels->binary_f32(MOPT_BIN_ADD, row, 1, residual + i * residual_ld, 1, row, cols);
        }
    }
}
