// SPDX-License-Identifier: Apache-2.0
// Numbers of 16 bits that weights are stored in: bfloat16 (the upper half of a float) and IEEE 754
// binary16. Knows nothing of panels.
#ifndef MOPT_KERNELS_WEIGHTS_H
#define MOPT_KERNELS_WEIGHTS_H

#include "kernels/table.h"

// Bytes of a stored weight.
static inline size_t mopt__weights_bytes(enum mopt_weights weights)
{
    return weights == MOPT_WEIGHTS_F32 ? sizeof(float) : sizeof(uint16_t);
}

// The form of 16 bits that holds every one of the floats as it is (bfloat16 when both do), else
// F32. A NaN is in binary16 never what it was.
enum mopt_weights mopt__weights_exact(const float *x, size_t n);

// out[i] = x[i] in 16 bits: BF16 rounds to nearest even, NaN stays NaN; F16 is for numbers that
// mopt__weights_exact found to be exact.
void mopt__weights_narrow(enum mopt_weights weights, const float *x, size_t n, uint16_t *out);

// Rows of a panel of `cols` columns (at most MOPT_TILE_COLS_MAX), from floats in their order.
void mopt__weights_panel(enum mopt_weights weights, size_t cols, size_t rows, const float *from,
                         uint16_t *out);

// The float of a stored weight. A NaN of binary16 becomes a quiet one, one of bfloat16 stays.
float mopt__weight_f32(enum mopt_weights weights, uint16_t bits);

#endif
