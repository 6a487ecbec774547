// SPDX-License-Identifier: Apache-2.0
// Transpose of 4-byte elements in portable C.
#include <string.h>

#include "kernels/slots.h"

void mopt__transpose_32_ref(const void *x, size_t ldx, void *y, size_t ldy, size_t rows,
                            size_t columns)
{
    enum { SIDE = 16 };
    for (size_t r = 0; r < rows; r += SIDE) {
        size_t end = rows - r < SIDE ? rows : r + SIDE;
        for (size_t c = 0; c < columns; c++) {
            for (size_t i = r; i < end; i++) {
                memcpy((uint32_t *)y + c * ldy + i, (const uint32_t *)x + i * ldx + c, 4);
            }
        }
    }
}
