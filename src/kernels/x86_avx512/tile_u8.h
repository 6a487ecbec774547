// SPDX-License-Identifier: Apache-2.0
// The byte tile with 512-bit registers, for this folder and x86_avx512_vnni: steps of 4 bytes of k.
// One loop per number of rows and of vectors that hold columns. A tile of more than two vectors is
// computed in parts of fewer rows, so that its sums find registers: wide parts need the fewest
// instructions, which is what counts on a core that is shared.
#ifndef MOPT_KERNELS_X86_AVX512_TILE_U8_H
#define MOPT_KERNELS_X86_AVX512_TILE_U8_H

#include <immintrin.h>
#include <math.h>
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

// FEW_ROWS: weights come from far away then and may be fetched TILE_FETCH bytes ahead.
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
TILE_BODY void tile_fetch(int vectors, int steps, const int8_t *b)
{
    TILE_UNROLL
    for (int u = 0; u < steps; u++) {
        TILE_UNROLL
        for (int v = 0; v < vectors; v++) {
            _mm_prefetch((const char *)b + u * TILE_STEP_BYTES + v * 64, _MM_HINT_T0);
        }
    }
}

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
            right[v] = tile_right(b + u * TILE_STEP_BYTES + v * 64);
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

static const int32_t tile_zeros[TILE_COLS];

TILE_BODY void tile_start(const struct mopt_tile_u8 *work, int rows, int vectors, int sums,
                          __m512i acc[TILE_ROWS][TILE_VECTORS])
{
    const int32_t *bias = work->bias ? work->bias : tile_zeros;
    TILE_UNROLL
    for (int v = 0; v < vectors; v++) {
        __m512i start = _mm512_loadu_si512(bias + 16 * v);
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
    const size_t fetch = work->near ? TILE_FETCH : 0;
    const int8_t *b = work->b;
    const char *ahead = work->ahead ? work->ahead : (const void *)b;
    ahead += first > 0 ? (size_t)bytes / (4 * TILE_STEPS) * work->taps * MOPT_TILE_AHEAD_U8 : 0;
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
            if (rows <= TILE_FEW_ROWS) {
                tile_fetch(vectors, TILE_STEPS, b + fetch);
            }
            tile_steps(rows, vectors, chains, TILE_STEPS, row, at, b, acc);
            b += TILE_STEPS * TILE_STEP_BYTES;
            if (vectors == TILE_VECTORS && rows > TILE_FEW_ROWS) {
                _mm_prefetch(ahead, _MM_HINT_T1);
                _mm_prefetch(ahead + 64, _MM_HINT_T1);
                ahead += MOPT_TILE_AHEAD_U8;
            }
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
TILE_BODY void tile_unzero(const struct mopt_tile_u8 *work, int first, int rows, int vectors,
                           __m512i acc[TILE_ROWS][TILE_VECTORS])
{
    TILE_UNROLL
    for (int v = 0; v < vectors; v++) {
        __m512i zero = _mm512_loadu_si512(work->b_zero + 16 * v);
        TILE_UNROLL
        for (int i = 0; i < rows; i++) {
            __m512i sum = _mm512_set1_epi32(work->row_sum[first + i]);
            acc[i][v] = _mm512_sub_epi32(acc[i][v], _mm512_mullo_epi32(zero, sum));
        }
    }
}

struct tile_bytes {
    __m512 top;              // of a scaled sum
    __m512i zero_point, low; // words, bytes
    __m512i order;           // of 4-byte groups after narrowing
    const float *scale, *shift;
    uint64_t columns; // a bit for each
};

// Rounded product (and sum), at most high - zero_point; NaN and what is below all integers become
// the least integer, so that the saturation of the narrowing steps is the lower bound.
TILE_BODY __m512i tile_round(const struct tile_bytes *to, int v, bool shifted, bool plain,
                             __m512i acc)
{
    __m512 x = _mm512_mul_ps(_mm512_cvtepi32_ps(acc), _mm512_loadu_ps(to->scale + 16 * v));
    x = shifted ? _mm512_add_ps(x, _mm512_loadu_ps(to->shift + 16 * v)) : x;
    return _mm512_cvtps_epi32(plain ? x : _mm512_min_ps(to->top, x));
}

// Bytes of four rounded vectors: the first in the first 16 bytes, ... from_zero: zero_point and low
// are 0.
TILE_BODY __m512i tile_narrow(const struct tile_bytes *to, bool from_zero, const __m512i x[4])
{
    __m512i first = _mm512_packs_epi32(x[0], x[1]), second = _mm512_packs_epi32(x[2], x[3]);
    if (from_zero) {
        return _mm512_permutexvar_epi32(to->order, _mm512_packus_epi16(first, second));
    }
    first = _mm512_adds_epi16(first, to->zero_point);
    second = _mm512_adds_epi16(second, to->zero_point);
    __m512i bytes = _mm512_packus_epi16(first, second);
    return _mm512_permutexvar_epi32(to->order, _mm512_max_epu8(bytes, to->low));
}

// Four vectors of bytes: one row of three or four, two rows of two, four rows of one.
TILE_BODY void tile_store_bytes(const struct tile_bytes *to, int rows, int vectors, uint8_t *c8,
                                size_t ldc, __m512i bytes)
{
    if (vectors > 2) {
        _mm512_mask_storeu_epi8(c8, to->columns, bytes);
        return;
    }
    if (vectors == 2) {
        __mmask32 mask = (__mmask32)to->columns;
        _mm256_mask_storeu_epi8(c8, mask, _mm512_castsi512_si256(bytes));
        if (rows > 1) {
            _mm256_mask_storeu_epi8(c8 + ldc, mask, _mm512_extracti64x4_epi64(bytes, 1));
        }
        return;
    }
    __mmask16 mask = (__mmask16)to->columns;
    _mm_mask_storeu_epi8(c8, mask, _mm512_castsi512_si128(bytes));
    if (rows > 1) {
        _mm_mask_storeu_epi8(c8 + ldc, mask, _mm512_extracti32x4_epi32(bytes, 1));
    }
    if (rows > 2) {
        _mm_mask_storeu_epi8(c8 + 2 * ldc, mask, _mm512_extracti32x4_epi32(bytes, 2));
    }
    if (rows > 3) {
        _mm_mask_storeu_epi8(c8 + 3 * ldc, mask, _mm512_extracti32x4_epi32(bytes, 3));
    }
}

TILE_BODY void tile_write_c8(const struct mopt_tile_u8 *work, int first, int rows, int vectors,
                             bool shifted, bool plain, bool from_zero,
                             __m512i acc[TILE_ROWS][TILE_VECTORS])
{
    const struct tile_bytes to = {
        .scale = work->scale,
        .shift = work->shift,
        .top = _mm512_set1_ps((float)(work->high - work->zero_point)),
        .zero_point = _mm512_set1_epi16((int16_t)work->zero_point),
        .low = _mm512_set1_epi8((char)work->low),
        // A lane holds 4 columns of each of the four vectors.
        .order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15),
        .columns = UINT64_MAX >> (64 - work->cols),
    };
    const int down = vectors == 1 ? 4 : vectors == 2 ? 2 : 1; // rows in one vector of bytes
    size_t ldc = work->ldc;
    uint8_t *c8 = work->c8 + (size_t)first * ldc;
    TILE_UNROLL
    for (int i = 0; i < rows; i += down) {
        __m512i x[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                        _mm512_setzero_si512()};
        TILE_UNROLL
        for (int j = 0; j < 4; j++) {
            int row = i + j * down / 4, v = j % (4 / down);
            if (row < rows && v < vectors) {
                x[j] = tile_round(&to, v, shifted, plain, acc[row][v]);
            }
        }
        tile_store_bytes(&to, rows - i, vectors, c8, ldc, tile_narrow(&to, from_zero, x));
        c8 += (size_t)down * ldc;
    }
}

// Columns of the last vector.
TILE_BODY __mmask16 tile_last(const struct mopt_tile_u8 *work, int vectors)
{
    return (__mmask16)(0xFFFF >> (16 * vectors - work->cols));
}

TILE_BODY void tile_write_c32(const struct mopt_tile_u8 *work, int first, int rows, int vectors,
                              __m512i acc[TILE_ROWS][TILE_VECTORS])
{
    size_t ldc = work->ldc;
    int32_t *to = work->c32 + (size_t)first * ldc;
    __mmask16 last = tile_last(work, vectors);
    TILE_UNROLL
    for (int i = 0; i < rows; i++, to += ldc) {
        TILE_UNROLL
        for (int v = 0; v < vectors; v++) {
            _mm512_mask_storeu_epi32(to + 16 * v, v + 1 < vectors ? 0xFFFF : last, acc[i][v]);
        }
    }
}

// Clamps so that NaN stays (minps and maxps give their second operand then).
TILE_BODY void tile_write_cf(const struct mopt_tile_u8 *work, int first, int rows, int vectors,
                             bool bounded, __m512i acc[TILE_ROWS][TILE_VECTORS])
{
    size_t ldc = work->ldc;
    float *to = work->cf + (size_t)first * ldc;
    const float *scale = work->scale, *bias = work->float_bias, *row_scale = work->row_scale;
    const __m512 top = _mm512_set1_ps(work->float_high);
    const __m512 bottom = _mm512_set1_ps(work->float_low);
    __mmask16 last = tile_last(work, vectors);
    TILE_UNROLL
    for (int i = 0; i < rows; i++, to += ldc) {
        __m512 factor = _mm512_set1_ps(row_scale ? row_scale[first + i] : 1.0F);
        TILE_UNROLL
        for (int v = 0; v < vectors; v++) {
            __m512 x = _mm512_cvtepi32_ps(acc[i][v]);
            x = _mm512_mul_ps(_mm512_mul_ps(x, _mm512_loadu_ps(scale + 16 * v)), factor);
            x = bias ? _mm512_add_ps(x, _mm512_loadu_ps(bias + 16 * v)) : x;
            x = bounded ? _mm512_min_ps(top, _mm512_max_ps(bottom, x)) : x;
            _mm512_mask_storeu_ps(to + 16 * v, v + 1 < vectors ? 0xFFFF : last, x);
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
    // What is most frequent, in whole panels, has code of its own.
    bool whole = vectors == TILE_VECTORS;
    bool from_zero = whole && work->zero_point == 0 && work->low == 0;
    bool unbounded = whole && work->float_low == -INFINITY && work->float_high == INFINITY;
    if (work->c8 && work->plain && !work->shift && from_zero) {
        tile_write_c8(work, first, rows, vectors, false, true, true, acc);
    } else if (work->c8 && work->plain && !work->shift) {
        tile_write_c8(work, first, rows, vectors, false, true, false, acc);
    } else if (work->cf && unbounded) {
        tile_write_cf(work, first, rows, vectors, false, acc);
    } else if (work->cf) {
        tile_write_cf(work, first, rows, vectors, true, acc);
    } else if (work->c32) {
        tile_write_c32(work, first, rows, vectors, acc);
    } else if (!work->shift) {
        tile_write_c8(work, first, rows, vectors, false, false, false, acc);
    } else if (work->plain) {
        tile_write_c8(work, first, rows, vectors, true, true, false, acc);
    } else {
        tile_write_c8(work, first, rows, vectors, true, false, false, acc);
    }
}

// Parts of these heights go on with those of the tiles below. Few rows are mostly all there are;
// the sums and addresses of many leave no register to a loop around them.
#define TILE_GOES_ON(rows) ((rows) > TILE_FEW_ROWS && (rows) <= TILE_PART_ROWS)

TILE_BODY void tile_parts(const struct mopt_tile_u8 *stack, int first, int rows, int vectors)
{
    if (!TILE_GOES_ON(rows)) {
        tile_part(stack, first, rows, vectors);
        return;
    }
    struct mopt_tile_u8 work = *stack;
    for (int left = stack->more;; left--) {
        tile_part(&work, first, rows, vectors);
        if (left <= 0) {
            return;
        }
        mopt__tile_u8_below(&work, 1);
    }
}

// One function per size of a part.
typedef void tile_function(const struct mopt_tile_u8 *work, int first);
#define TILE_FUNCTION(rows, vectors)                                                   \
    static void tile_u8_##rows##x##vectors(const struct mopt_tile_u8 *work, int first) \
    {                                                                                  \
        tile_parts(work, first, rows, vectors);                                        \
    }
#define TILE_ENTRY(rows, vectors) tile_u8_##rows##x##vectors,

// The parts of all tiles, first..first+rows of each.
static inline void tile_all(tile_function *part, const struct mopt_tile_u8 *stack, int first,
                            int rows)
{
    part(stack, first);
    if (!TILE_GOES_ON(rows) && stack->more > 0) {
        struct mopt_tile_u8 work = *stack;
        for (int left = stack->more; left > 0; left--) {
            mopt__tile_u8_below(&work, 1);
            part(&work, first);
        }
    }
}

#endif
