// SPDX-License-Identifier: Apache-2.0
// Transpose of 4-byte elements with AVX2: blocks of 8 x 8.
#include <immintrin.h>

#include "kernels/slots.h"

enum { SIDE = 8 };

static __m256i first(size_t n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static void load_rows(const uint32_t *x, size_t ldx, size_t rows, size_t columns, __m256i *r)
{
    __m256i mask = first(columns);
    for (size_t i = 0; i < SIDE; i++) {
        r[i] = i < rows ? _mm256_maskload_epi32((const int *)(x + i * ldx), mask)
                        : _mm256_setzero_si256();
    }
}

// At most 8 rows and columns.
static void block(const uint32_t *x, size_t ldx, uint32_t *y, size_t ldy, size_t rows,
                  size_t columns)
{
    __m256i r[SIDE];
    __m256i u[SIDE]; // lane l of u[4 g + j]: rows 4 g .. 4 g + 3 of column 4 l + j
    __m256i out[SIDE];
    load_rows(x, ldx, rows, columns, r);
    for (int g = 0; g < SIDE; g += 4) {
        __m256i a = _mm256_unpacklo_epi32(r[g], r[g + 1]);
        __m256i b = _mm256_unpackhi_epi32(r[g], r[g + 1]);
        __m256i c = _mm256_unpacklo_epi32(r[g + 2], r[g + 3]);
        __m256i d = _mm256_unpackhi_epi32(r[g + 2], r[g + 3]);
        u[g] = _mm256_unpacklo_epi64(a, c);
        u[g + 1] = _mm256_unpackhi_epi64(a, c);
        u[g + 2] = _mm256_unpacklo_epi64(b, d);
        u[g + 3] = _mm256_unpackhi_epi64(b, d);
    }
    for (int j = 0; j < 4; j++) {
        out[j] = _mm256_permute2x128_si256(u[j], u[4 + j], 0x20);
        out[4 + j] = _mm256_permute2x128_si256(u[j], u[4 + j], 0x31);
    }
    __m256i mask = first(rows);
    for (size_t c = 0; c < columns; c++) {
        _mm256_maskstore_epi32((int *)(y + c * ldy), mask, out[c]);
    }
}

void mopt__transpose_32_avx2(const void *x, size_t ldx, void *y, size_t ldy, size_t rows,
                             size_t columns)
{
    for (size_t i = 0; i < rows; i += SIDE) {
        size_t height = rows - i < SIDE ? rows - i : SIDE;
        for (size_t c = 0; c < columns; c += SIDE) {
            size_t width = columns - c < SIDE ? columns - c : SIDE;
            block((const uint32_t *)x + i * ldx + c, ldx, (uint32_t *)y + c * ldy + i, ldy, height,
                  width);
        }
    }
}
