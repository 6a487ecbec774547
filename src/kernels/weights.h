// SPDX-License-Identifier: Apache-2.0
// Weights that are stored in 16 bits: bfloat16 (the upper half of a float) and IEEE 754 binary16.
#ifndef MOPT_KERNELS_WEIGHTS_H
#define MOPT_KERNELS_WEIGHTS_H

#include "kernels/table.h"

// Bytes of a stored weight, which is not CODED.
static inline size_t mopt__weights_bytes(enum mopt_weights weights)
{
    return weights == MOPT_WEIGHTS_F32 ? sizeof(float) : sizeof(uint16_t);
}

// True for the forms whose products round the activations, too.
static inline bool mopt__weights_round_both(enum mopt_weights weights)
{
    return weights == MOPT_WEIGHTS_PAIRS || weights == MOPT_WEIGHTS_BLOCKS;
}

// The form of 16 bits that is fastest for a product of m rows, k deep, with n columns when its
// numbers may be rounded to the precision of bfloat16 (table.h says how blocks keep to that).
enum mopt_weights mopt__weights_rounded(const struct mopt_kernels *kernels, size_t m, size_t n,
                                        size_t k);

// The form of 16 bits that holds every one of the floats as it is (bfloat16 when both do), else
// F32. A NaN is in binary16 never what it was.
enum mopt_weights mopt__weights_exact(const float *x, size_t n);

// y[i] = x[i] in bfloat16, rounded to nearest even; but finite floats stay finite: beyond the
// largest bfloat16 they become that. (A Cast makes infinities of them, as the slot does. But an
// infinity is not near any weight: times 0 it is no number.)
void mopt__weights_round(const struct mopt_kernels *kernels, const float *x, uint16_t *y, size_t n);

// Rows of a panel of `cols` columns (at most MOPT_TILE_COLS_MAX), from floats in their order,
// rounded to nearest even (bfloat16 as mopt__weights_round does). weights: BF16 or F16.
void mopt__weights_panel(const struct mopt_kernels *kernels, enum mopt_weights weights, size_t cols,
                         size_t rows, const float *from, uint16_t *out);

#endif
