// SPDX-License-Identifier: Apache-2.0
// The byte tile with 512-bit registers, for this folder and x86_avx512_vnni: steps of 4 bytes of k.
// One loop per number of rows and of vectors that hold columns. A tile of more than two vectors is
// computed in parts of fewer rows, so that its sums find registers: wide parts need the fewest
// instructions, which is what counts on a core that is shared.
#ifndef MOPT_KERNELS_X86_AVX512_TILE_U8_H
#define MOPT_KERNELS_X86_AVX512_TILE_U8_H

#include <immintrin.h>
#include <string.h>

#include "kernels/table.h"

#define TILE_BODY static inline __attribute__((always_inline))
// Before a loop over registers: sums stay in registers only when it is unrolled.
#if defined(__clang__)
#define TILE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define TILE_UNROLL _Pragma("GCC unroll 16")
#endif

TILE_BODY __m512i tile_broadcast(const uint8_t *address)
{
    int32_t four;
    memcpy(&four, address, sizeof four);
    return _mm512_set1_epi32(four);
}

// tile_left: 4 bytes of a row for all columns; tile_right: 64 bytes of a panel; tile_add: acc plus
// their product, instructions that keep their registers: compilers move sums about.
// TILE_PART_ROWS: rows of a part of more than two vectors. TILE_LATENCY: sums that must be in
// flight.
#if defined(__AVX512VNNI__)
enum { TILE_ROWS = 12, TILE_VECTORS = 4, TILE_PART_ROWS = 6, TILE_LATENCY = 10 };
struct tile_left {
    __m512i bytes;
};
struct tile_right {
    __m512i bytes;
};

TILE_BODY struct tile_left tile_left(const uint8_t *address)
{
    return (struct tile_left){tile_broadcast(address)};
}

TILE_BODY struct tile_right tile_right(const int8_t *address)
{
    return (struct tile_right){_mm512_load_si512(address)};
}

TILE_BODY void tile_add(__m512i *acc, const struct tile_left *left, const struct tile_right *right)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(*acc) : "v"(left->bytes), "v"(right->bytes));
}
#else
// Even and odd bytes apart: products of 16 bits and sums of two of them are exact.
enum { TILE_ROWS = 8, TILE_VECTORS = 2, TILE_PART_ROWS = 8, TILE_LATENCY = 1 };
struct tile_left {
    __m512i even, odd;
};
struct tile_right {
    __m512i even, odd;
};

TILE_BODY struct tile_left tile_left(const uint8_t *address)
{
    __m512i bytes = tile_broadcast(address);
    return (struct tile_left){_mm512_and_si512(bytes, _mm512_set1_epi16(255)),
                              _mm512_srli_epi16(bytes, 8)};
}

TILE_BODY struct tile_right tile_right(const int8_t *address)
{
    __m512i bytes = _mm512_load_si512(address);
    return (struct tile_right){_mm512_srai_epi16(_mm512_slli_epi16(bytes, 8), 8),
                               _mm512_srai_epi16(bytes, 8)};
}

TILE_BODY void tile_add(__m512i *acc, const struct tile_left *left, const struct tile_right *right)
{
    __m512i even = _mm512_madd_epi16(left->even, right->even);
    __m512i odd = _mm512_madd_epi16(left->odd, right->odd);
    __asm__("vpaddd %1, %0, %0" : "+v"(*acc) : "v"(even));
    __asm__("vpaddd %1, %0, %0" : "+v"(*acc) : "v"(odd));
}
#endif

// FEW_ROWS: weights come from far away then and are fetched TILE_FETCH bytes ahead.
enum {
    TILE_COLS = TILE_VECTORS * 16,
    TILE_STEP_BYTES = TILE_COLS * 4,
    TILE_STEPS = 4,
    TILE_FEW_ROWS = 4,
    TILE_FETCH = 4096,
};

// Sums per element, used by steps in turn, that hide the latency of the multiplication.
#define TILE_ENOUGH(rows, vectors, chains) \
    ((rows) * (vectors) * (chains) >= TILE_LATENCY || 2 * (rows) * (chains) > TILE_ROWS)
#define TILE_CHAINS(rows, vectors) \
    (TILE_ENOUGH(rows, vectors, 1) ? 1 : TILE_ENOUGH(rows, vectors, 2) ? 2 : 4)

// ---- The sums
TILE_BODY void tile_steps(int rows, int vectors, int chains, int steps,
                          const uint8_t *const row[TILE_ROWS], ptrdiff_t at, const int8_t *b,
                          __m512i acc[TILE_ROWS][TILE_VECTORS])
{
    TILE_UNROLL
    for (int u = 0; u < steps; u++) {
        struct tile_right right[TILE_VECTORS];
        int chain = u % chains * rows;
        TILE_UNROLL
        for (int v = 0; v < vectors; v++) {
            const int8_t *address = b + u * TILE_STEP_BYTES + v * 64;
            right[v] = tile_right(address);
            if (rows <= TILE_FEW_ROWS) {
                _mm_prefetch((const char *)address + TILE_FETCH, _MM_HINT_T0);
            }
        }
        TILE_UNROLL
        for (int i = 0; i < rows; i++) {
            struct tile_left left = tile_left(row[i] + at + 4 * u);
            TILE_UNROLL
            for (int v = 0; v < vectors; v++) {
                tile_add(&acc[chain + i][v], &left, &right[v]);
            }
        }
    }
}

// Bits of the columns of vector v.
TILE_BODY __mmask16 tile_mask(const struct mopt_tile_u8 *work, int v)
{
    int count = work->cols - 16 * v;
    return count >= 16 ? (__mmask16)0xFFFF : (__mmask16)((1U << count) - 1);
}

TILE_BODY void tile_start(const struct mopt_tile_u8 *work, int rows, int vectors, int sums,
                          __m512i acc[TILE_ROWS][TILE_VECTORS])
{
    TILE_UNROLL
    for (int v = 0; v < vectors; v++) {
        __m512i start = _mm512_setzero_si512();
        if (work->bias) {
            start = _mm512_maskz_loadu_epi32(tile_mask(work, v), work->bias + 16 * v);
        }
        TILE_UNROLL
        for (int i = 0; i < sums; i++) {
            acc[i][v] = i < rows ? start : _mm512_setzero_si512();
        }
    }
}

// first: row of the tile where the part begins.
TILE_BODY void tile_sums(const struct mopt_tile_u8 *work, int first, int rows, int vectors,
                         int chains, __m512i acc[TILE_ROWS][TILE_VECTORS])
{
    ptrdiff_t bytes = (ptrdiff_t)(work->k + 3) / 4 * 4;
    const int8_t *b = work->b;
    for (size_t t = 0; t < work->taps; t++) {
        const uint8_t *const *a = work->a + t * TILE_ROWS + first;
        const uint8_t *row[TILE_ROWS]; // ends of the rows; the offset from there is the counter
        TILE_UNROLL
        for (int i = 0; i < rows; i++) {
            row[i] = a[i] + work->offset + bytes;
            __asm__("" : "+r"(row[i]));
        }
        ptrdiff_t at = -bytes;
        for (; at % (4 * TILE_STEPS) != 0; at += 4) {
            tile_steps(rows, vectors, chains, 1, row, at, b, acc);
            b += TILE_STEP_BYTES;
        }
        for (; at != 0; at += 4 * TILE_STEPS) {
            tile_steps(rows, vectors, chains, TILE_STEPS, row, at, b, acc);
            b += TILE_STEPS * TILE_STEP_BYTES;
        }
    }
    const int sums = rows * chains;
    TILE_UNROLL
    for (int i = rows; i < sums; i++) {
        TILE_UNROLL
        for (int v = 0; v < vectors; v++) {
            acc[i % rows][v] = _mm512_add_epi32(acc[i % rows][v], acc[i][v]);
        }
    }
}

// ---- The end: what becomes of the sums
struct tile_end {
    __m512 scale[TILE_VECTORS], addend[TILE_VECTORS]; // addend: shift or float_bias
    __m512 top, bottom;                               // of a product, in float
    __m512i zero_point, low;                          // words, bytes
    __m512i order;                                    // of 4-byte groups after narrowing
    uint64_t columns;                                 // a bit for each
    // No scaled sum leaves the integers, and the bounds are those of a byte: nothing to clamp.
    bool plain;
};

TILE_BODY struct tile_end tile_end(const struct mopt_tile_u8 *work, int vectors)
{
    const float *addend = work->c8 ? work->shift : work->float_bias;
    struct tile_end end = {
        .columns = work->cols >= 64 ? UINT64_MAX : ((uint64_t)1 << work->cols) - 1,
        .plain = work->low == 0 && work->high == 255,
        .top = _mm512_set1_ps(work->c8 ? (float)(work->high - work->zero_point) : work->float_high),
        .bottom =
            _mm512_set1_ps(work->c8 ? (float)(work->low - work->zero_point) : work->float_low),
        .zero_point = _mm512_set1_epi16((int16_t)work->zero_point),
        .low = _mm512_set1_epi8((char)work->low),
        // A lane holds 4 columns of each of the four vectors.
        .order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
    };
    TILE_UNROLL
    for (int v = 0; v < vectors; v++) {
        __mmask16 mask = tile_mask(work, v);
        end.scale[v] = _mm512_setzero_ps();
        end.addend[v] = _mm512_set1_ps(-0.0F); // changes nothing
        if (work->scale) {
            end.scale[v] = _mm512_maskz_loadu_ps(mask, work->scale + 16 * v);
        }
        if (addend) {
            end.addend[v] = _mm512_maskz_loadu_ps(mask, addend + 16 * v);
        }
        // A sum is at most 2^31, so that the result is at most 2^30.
        const __m512 quarter = _mm512_set1_ps(0.25F), half = _mm512_set1_ps(0x1p29F);
        end.plain &= !_mm512_cmp_ps_mask(_mm512_abs_ps(end.scale[v]), quarter, _CMP_NLE_UQ) &&
                     !_mm512_cmp_ps_mask(_mm512_abs_ps(end.addend[v]), half, _CMP_NLE_UQ);
    }
    return end;
}

TILE_BODY void tile_unzero(const struct mopt_tile_u8 *work, int first, int rows, int vectors,
                           __m512i acc[TILE_ROWS][TILE_VECTORS])
{
    TILE_UNROLL
    for (int v = 0; v < vectors; v++) {
        __m512i zero = _mm512_maskz_loadu_epi32(tile_mask(work, v), work->b_zero + 16 * v);
        TILE_UNROLL
        for (int i = 0; i < rows; i++) {
            __m512i sum = _mm512_set1_epi32(work->row_sum[first + i]);
            acc[i][v] = _mm512_sub_epi32(acc[i][v], _mm512_mullo_epi32(zero, sum));
        }
    }
}

// Rounded product (and sum), at most high - zero_point; NaN and what is below all integers become
// the least integer, so that the saturation of the narrowing steps is the lower bound.
TILE_BODY __m512i tile_round(const struct tile_end *end, int v, bool shifted, bool plain,
                             __m512i acc)
{
    __m512 x = _mm512_mul_ps(_mm512_cvtepi32_ps(acc), end->scale[v]);
    x = shifted ? _mm512_add_ps(x, end->addend[v]) : x;
    return _mm512_cvtps_epi32(plain ? x : _mm512_min_ps(end->top, x));
}

// Bytes of four rounded vectors: the first in the first 16 bytes, ...
TILE_BODY __m512i tile_bytes(const struct tile_end *end, bool plain, const __m512i x[4])
{
    __m512i first = _mm512_adds_epi16(_mm512_packs_epi32(x[0], x[1]), end->zero_point);
    __m512i second = _mm512_adds_epi16(_mm512_packs_epi32(x[2], x[3]), end->zero_point);
    __m512i bytes = _mm512_packus_epi16(first, second);
    bytes = plain ? bytes : _mm512_max_epu8(bytes, end->low);
    return _mm512_permutexvar_epi32(end->order, bytes);
}

// Four vectors of bytes, which are 4 / across rows.
TILE_BODY void tile_store_bytes(const struct tile_end *end, int rows, int across, uint8_t *to,
                                size_t ldc, __m512i bytes)
{
    if (across > 2) {
        _mm512_mask_storeu_epi8(to, end->columns, bytes);
        return;
    }
    if (across == 2) {
        _mm256_mask_storeu_epi8(to, (__mmask32)end->columns, _mm512_castsi512_si256(bytes));
        if (rows > 1) {
            _mm256_mask_storeu_epi8(to + ldc, (__mmask32)end->columns,
                                    _mm512_extracti64x4_epi64(bytes, 1));
        }
        return;
    }
    __mmask16 mask = (__mmask16)end->columns;
    _mm_mask_storeu_epi8(to, mask, _mm512_castsi512_si128(bytes));
    if (rows > 1) {
        _mm_mask_storeu_epi8(to + ldc, mask, _mm512_extracti32x4_epi32(bytes, 1));
    }
    if (rows > 2) {
        _mm_mask_storeu_epi8(to + 2 * ldc, mask, _mm512_extracti32x4_epi32(bytes, 2));
    }
    if (rows > 3) {
        _mm_mask_storeu_epi8(to + 3 * ldc, mask, _mm512_extracti32x4_epi32(bytes, 3));
    }
}

TILE_BODY void tile_write_c8(const struct mopt_tile_u8 *work, const struct tile_end *end, int first,
                             int rows, int vectors, bool shifted, bool plain,
                             __m512i acc[TILE_ROWS][TILE_VECTORS])
{
    int down = vectors == 1 ? 4 : vectors == 2 ? 2 : 1; // rows in one vector of bytes
    TILE_UNROLL
    for (int i = 0; i < rows; i += down) {
        __m512i x[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                        _mm512_setzero_si512()};
        TILE_UNROLL
        for (int j = 0; j < 4; j++) {
            int row = i + j * down / 4, v = j % (4 / down);
            if (row < rows && v < vectors) {
                x[j] = tile_round(end, v, shifted, plain, acc[row][v]);
            }
        }
        tile_store_bytes(end, rows - i, vectors, work->c8 + (size_t)(first + i) * work->ldc,
                         work->ldc, tile_bytes(end, plain, x));
    }
}

TILE_BODY void tile_write_c32(const struct mopt_tile_u8 *work, const __mmask16 mask[TILE_VECTORS],
                              int first, int rows, int vectors,
                              __m512i acc[TILE_ROWS][TILE_VECTORS])
{
    TILE_UNROLL
    for (int i = 0; i < rows; i++) {
        TILE_UNROLL
        for (int v = 0; v < vectors; v++) {
            int32_t *to = work->c32 + (size_t)(first + i) * work->ldc + 16 * v;
            _mm512_mask_storeu_epi32(to, mask[v], acc[i][v]);
        }
    }
}

// Clamps so that NaN stays (minps and maxps give their second operand then).
TILE_BODY void tile_write_cf(const struct mopt_tile_u8 *work, const struct tile_end *end,
                             const __mmask16 mask[TILE_VECTORS], int first, int rows, int vectors,
                             __m512i acc[TILE_ROWS][TILE_VECTORS])
{
    TILE_UNROLL
    for (int i = 0; i < rows; i++) {
        __m512 factor = _mm512_set1_ps(work->row_scale ? work->row_scale[first + i] : 1.0F);
        TILE_UNROLL
        for (int v = 0; v < vectors; v++) {
            float *to = work->cf + (size_t)(first + i) * work->ldc + 16 * v;
            __m512 x = _mm512_mul_ps(_mm512_cvtepi32_ps(acc[i][v]), end->scale[v]);
            x = _mm512_add_ps(_mm512_mul_ps(x, factor), end->addend[v]);
            x = _mm512_min_ps(end->top, _mm512_max_ps(end->bottom, x));
            _mm512_mask_storeu_ps(to, mask[v], x);
        }
    }
}

// rows and vectors are constants where this is inlined.
TILE_BODY void tile_part(const struct mopt_tile_u8 *work, int first, int rows, int vectors)
{
    __m512i acc[TILE_ROWS][TILE_VECTORS];
    tile_start(work, rows, vectors, rows * TILE_CHAINS(rows, vectors), acc);
    tile_sums(work, first, rows, vectors, TILE_CHAINS(rows, vectors), acc);
    if (work->row_sum) {
        tile_unzero(work, first, rows, vectors, acc);
    }
    __mmask16 mask[TILE_VECTORS];
    TILE_UNROLL
    for (int v = 0; v < vectors; v++) {
        mask[v] = tile_mask(work, v);
    }
    if (work->c32) {
        tile_write_c32(work, mask, first, rows, vectors, acc);
        return;
    }
    struct tile_end end = tile_end(work, vectors);
    if (work->cf) {
        tile_write_cf(work, &end, mask, first, rows, vectors, acc);
    } else if (end.plain && !work->shift) {
        tile_write_c8(work, &end, first, rows, vectors, false, true, acc);
    } else if (end.plain) {
        tile_write_c8(work, &end, first, rows, vectors, true, true, acc);
    } else {
        tile_write_c8(work, &end, first, rows, vectors, work->shift, false, acc);
    }
}

// One function per size of a part.
typedef void tile_function(const struct mopt_tile_u8 *work, int first);
#define TILE_FUNCTION(rows, vectors)                                                   \
    static void tile_u8_##rows##x##vectors(const struct mopt_tile_u8 *work, int first) \
    {                                                                                  \
        tile_part(work, first, rows, vectors);                                         \
    }
#define TILE_ENTRY(rows, vectors) tile_u8_##rows##x##vectors,

#endif
