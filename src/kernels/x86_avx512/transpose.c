// SPDX-License-Identifier: Apache-2.0
// Transpose of 4-byte elements with AVX-512: blocks of 16 x 16, and strips of at most 4 rows (the
// channels of a picture).
#include <immintrin.h>

#include "kernels/slots.h"

enum { SIDE = 16, FEW = 4 };

static __mmask16 first(size_t n)
{
    return (__mmask16)((1U << n) - 1);
}

// Lane l of u[4 g + j] becomes rows 4 g .. 4 g + 3 of column 4 l + j.
static inline void mix_rows(const __m512i *r, __m512i *u, int groups)
{
    for (int g = 0; g < groups; g++, r += 4, u += 4) {
        __m512i a = _mm512_unpacklo_epi32(r[0], r[1]);
        __m512i b = _mm512_unpackhi_epi32(r[0], r[1]);
        __m512i c = _mm512_unpacklo_epi32(r[2], r[3]);
        __m512i d = _mm512_unpackhi_epi32(r[2], r[3]);
        u[0] = _mm512_unpacklo_epi64(a, c);
        u[1] = _mm512_unpackhi_epi64(a, c);
        u[2] = _mm512_unpacklo_epi64(b, d);
        u[3] = _mm512_unpackhi_epi64(b, d);
    }
}

static inline void load_rows(const uint32_t *x, size_t ldx, int side, size_t rows, size_t columns,
                             __m512i *r)
{
    __mmask16 mask = first(columns);
    for (int i = 0; i < side; i++) {
        r[i] = (size_t)i < rows ? _mm512_maskz_loadu_epi32(mask, x + (size_t)i * ldx)
                                : _mm512_setzero_si512();
    }
}

// At most 16 rows and columns.
static void block(const uint32_t *x, size_t ldx, uint32_t *y, size_t ldy, size_t rows,
                  size_t columns)
{
    __m512i r[SIDE];
    __m512i u[SIDE];
    __m512i out[SIDE];
    load_rows(x, ldx, SIDE, rows, columns, r);
    mix_rows(r, u, 4);
    for (int j = 0; j < 4; j++) {
        __m512i even_low = _mm512_shuffle_i32x4(u[j], u[4 + j], 0x88);
        __m512i even_high = _mm512_shuffle_i32x4(u[8 + j], u[12 + j], 0x88);
        __m512i odd_low = _mm512_shuffle_i32x4(u[j], u[4 + j], 0xdd);
        __m512i odd_high = _mm512_shuffle_i32x4(u[8 + j], u[12 + j], 0xdd);
        out[j] = _mm512_shuffle_i32x4(even_low, even_high, 0x88);
        out[8 + j] = _mm512_shuffle_i32x4(even_low, even_high, 0xdd);
        out[4 + j] = _mm512_shuffle_i32x4(odd_low, odd_high, 0x88);
        out[12 + j] = _mm512_shuffle_i32x4(odd_low, odd_high, 0xdd);
    }
    __mmask16 mask = first(rows);
    for (size_t c = 0; c < columns; c++) {
        _mm512_mask_storeu_epi32(y + c * ldy, mask, out[c]);
    }
}

// At most 4 rows and 16 columns.
static void strip(const uint32_t *x, size_t ldx, uint32_t *y, size_t ldy, size_t rows,
                  size_t columns)
{
    __m512i r[FEW];
    __m512i u[FEW];
    __m128i out[SIDE];
    load_rows(x, ldx, FEW, rows, columns, r);
    mix_rows(r, u, 1);
    for (int j = 0; j < FEW; j++) {
        out[j] = _mm512_castsi512_si128(u[j]);
        out[4 + j] = _mm512_extracti32x4_epi32(u[j], 1);
        out[8 + j] = _mm512_extracti32x4_epi32(u[j], 2);
        out[12 + j] = _mm512_extracti32x4_epi32(u[j], 3);
    }
    __mmask8 mask = (__mmask8)first(rows);
    for (size_t c = 0; c < columns; c++) {
        _mm_mask_storeu_epi32(y + c * ldy, mask, out[c]);
    }
}

void mopt__transpose_32_avx512(const void *x, size_t ldx, void *y, size_t ldy, size_t rows,
                               size_t columns)
{
    for (size_t i = 0; i < rows; i += SIDE) {
        size_t height = rows - i < SIDE ? rows - i : SIDE;
        for (size_t c = 0; c < columns; c += SIDE) {
            size_t width = columns - c < SIDE ? columns - c : SIDE;
            (height <= FEW ? strip : block)((const uint32_t *)x + i * ldx + c, ldx,
                                            (uint32_t *)y + c * ldy + i, ldy, height, width);
        }
    }
}
