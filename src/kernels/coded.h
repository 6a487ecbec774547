// SPDX-License-Identifier: Apache-2.0
// Weights of few bits, packed into panels as struct mopt_coded says: for products whose matrix
// stays in its codes.
#ifndef MOPT_KERNELS_CODED_H
#define MOPT_KERNELS_CODED_H

#include "kernels/table.h"

// A matrix B[k, n] of codes as files store them: packed, the first one in the lowest bits. Steps
// count codes or floats: from row to row (of scales and zeros: block to block), column to column.
struct mopt_coded_source {
    const uint8_t *codes;
    size_t row_step, column_step;
    uint8_t flip; // exclusive or of a code: the sign bit of signed ones
    const float *scale;
    size_t scale_row, scale_column;
    const uint8_t *zero; // codes, stored and flipped as those of B; NULL: none
    size_t zero_row, zero_column;
    const float *float_zero; // with the steps of scale; NULL: none. At most one of both
};

// Bytes of the packed matrix, MOPT_OVERREAD included; 0 when the size does not fit.
size_t mopt__coded_bytes(const struct mopt_kernels *kernels, const struct mopt_coded *coded,
                         size_t k, size_t n);
// Packs panels first..last of B[k, n] into out, which is aligned to 64 bytes and all 0;
// coded->zeros tells whether the source has some.
void mopt__coded_pack(const struct mopt_kernels *kernels, const struct mopt_coded *coded, size_t k,
                      size_t n, const struct mopt_coded_source *source, size_t first, size_t last,
                      void *out);

#endif
