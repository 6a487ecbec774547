// SPDX-License-Identifier: Apache-2.0
// Transposes of 4-byte elements and of bytes in portable C.
#include <string.h>

#include "kernels/slots.h"

enum { SIDE = 16 };

void mopt__transpose_32_ref(const void *x, size_t ldx, void *y, size_t ldy, size_t rows,
                            size_t columns)
{
    for (size_t r = 0; r < rows; r += SIDE) {
        size_t end = rows - r < SIDE ? rows : r + SIDE;
        for (size_t c = 0; c < columns; c++) {
            for (size_t i = r; i < end; i++) {
                memcpy((uint32_t *)y + c * ldy + i, (const uint32_t *)x + i * ldx + c, 4);
            }
        }
    }
}

void mopt__transpose_8_ref(const uint8_t *x, size_t ldx, uint8_t *y, size_t ldy, size_t rows,
                           size_t columns)
{
    for (size_t r = 0; r < rows; r += SIDE) {
        size_t end = rows - r < SIDE ? rows : r + SIDE;
        for (size_t c = 0; c < columns; c++) {
            for (size_t i = r; i < end; i++) {
                y[c * ldy + i] = x[i * ldx + c];
            }
        }
    }
}
