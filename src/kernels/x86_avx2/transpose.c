// SPDX-License-Identifier: Apache-2.0
// Transposes with AVX2: 4-byte elements in blocks of 8 x 8, bytes in blocks of 16 x 16.
#include <immintrin.h>
#include <string.h>

#include "kernels/slots.h"

enum { SIDE = 8, BYTES = 16 };

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

// ---- Bytes --------------------------------------------------------------------------------------

// Where a byte is, its row and column, is a number of 8 bits; an interleaving of rows 8 apart turns
// it left by one bit, four of them make rows of the columns.
static inline void interleave(const __m128i *from, __m128i *to)
{
    for (int i = 0; i < BYTES / 2; i++) {
        to[2 * i] = _mm_unpacklo_epi8(from[i], from[i + BYTES / 2]);
        to[2 * i + 1] = _mm_unpackhi_epi8(from[i], from[i + BYTES / 2]);
    }
}

// At most 16 rows and columns; `whole`: exactly.
static inline void byte_block(const uint8_t *x, size_t ldx, uint8_t *y, size_t ldy, size_t rows,
                              size_t columns, bool whole)
{
    __m128i a[BYTES];
    __m128i b[BYTES];
    for (size_t i = 0; i < BYTES; i++) {
        if (whole || (i < rows && columns == BYTES)) {
            a[i] = _mm_loadu_si128((const __m128i *)(const void *)(x + i * ldx));
        } else {
            a[i] = _mm_setzero_si128();
            memcpy(&a[i], x + (i < rows ? i : 0) * ldx, i < rows ? columns : 0);
        }
    }
    interleave(a, b);
    interleave(b, a);
    interleave(a, b);
    interleave(b, a);
    for (size_t c = 0; c < (whole ? BYTES : columns); c++) {
        if (whole || rows == BYTES) {
            _mm_storeu_si128((__m128i *)(void *)(y + c * ldy), a[c]);
        } else {
            memcpy(y + c * ldy, &a[c], rows);
        }
    }
}

// The last block of an axis that is long enough overlaps the one before it.
static size_t block_at(size_t place, size_t count)
{
    return count >= BYTES && count - place < BYTES ? count - BYTES : place;
}

void mopt__transpose_8_avx2(const uint8_t *x, size_t ldx, uint8_t *y, size_t ldy, size_t rows,
                            size_t columns)
{
    const size_t height = rows < BYTES ? rows : BYTES, width = columns < BYTES ? columns : BYTES;
    for (size_t i = 0; i < rows; i += BYTES) {
        const size_t r = block_at(i, rows);
        for (size_t k = 0; k < columns; k += BYTES) {
            const size_t c = block_at(k, columns);
            const uint8_t *from = x + r * ldx + c;
            uint8_t *to = y + c * ldy + r;
            if (height == BYTES && width == BYTES) {
                byte_block(from, ldx, to, ldy, BYTES, BYTES, true);
            } else {
                byte_block(from, ldx, to, ldy, height, width, false);
            }
        }
    }
}
