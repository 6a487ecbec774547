// SPDX-License-Identifier: Apache-2.0
// The byte tile with 512-bit registers, for this folder and x86_avx512_vnni: steps of 4 bytes of k,
// 32 columns. The sums are plain variables, one per row and half: an array of them would be put
// into memory by the compiler.
#ifndef MOPT_KERNELS_X86_AVX512_TILE_U8_H
#define MOPT_KERNELS_X86_AVX512_TILE_U8_H

#include <immintrin.h>
#include <string.h>

#include "kernels/table.h"

enum { TILE_COLS = 32, STEP_BYTES = TILE_COLS * 4 };

static inline __m512i tile_broadcast(const uint8_t *address)
{
    int32_t four;
    memcpy(&four, address, sizeof four);
    return _mm512_set1_epi32(four);
}

// tile_left: 4 bytes of a row for all columns; tile_right: 64 bytes of a panel; tile_step: acc plus
// their product.
#if defined(__AVX512VNNI__)
enum { TILE_ROWS = 14 };
struct tile_left {
    __m512i bytes;
};
struct tile_right {
    __m512i bytes;
};

static inline struct tile_left tile_left(const uint8_t *address)
{
    return (struct tile_left){tile_broadcast(address)};
}

static inline struct tile_right tile_right(const int8_t *address)
{
    return (struct tile_right){_mm512_load_si512(address)};
}

static inline __m512i tile_step(__m512i acc, const struct tile_left *left,
                                const struct tile_right *right)
{
    return _mm512_dpbusd_epi32(acc, left->bytes, right->bytes);
}
#else
// Even and odd bytes apart: products of 16 bits and sums of two of them are exact.
enum { TILE_ROWS = 10 };
struct tile_left {
    __m512i even, odd;
};
struct tile_right {
    __m512i even, odd;
};

static inline struct tile_left tile_left(const uint8_t *address)
{
    __m512i bytes = tile_broadcast(address);
    return (struct tile_left){_mm512_and_si512(bytes, _mm512_set1_epi16(255)),
                              _mm512_srli_epi16(bytes, 8)};
}

static inline struct tile_right tile_right(const int8_t *address)
{
    __m512i bytes = _mm512_load_si512(address);
    return (struct tile_right){_mm512_srai_epi16(_mm512_slli_epi16(bytes, 8), 8),
                               _mm512_srai_epi16(bytes, 8)};
}

static inline __m512i tile_step(__m512i acc, const struct tile_left *left,
                                const struct tile_right *right)
{
    acc = _mm512_add_epi32(acc, _mm512_madd_epi16(left->even, right->even));
    return _mm512_add_epi32(acc, _mm512_madd_epi16(left->odd, right->odd));
}
#endif

// X for every possible row; those behind `rows` vanish.
#define EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13)
#define EACH_PAIR(X) X(0, 1) X(2, 3) X(4, 5) X(6, 7) X(8, 9) X(10, 11) X(12, 13)
#define EACH_FOUR(X) X(0, 1, 2, 3) X(4, 5, 6, 7) X(8, 9, 10, 11) X(12, 13, 13, 13)

// Two steps of a panel.
static inline void tile_prefetch(const int8_t *b)
{
    _mm_prefetch((const char *)b, _MM_HINT_T0);
    _mm_prefetch((const char *)b + 64, _MM_HINT_T0);
    _mm_prefetch((const char *)b + 128, _MM_HINT_T0);
    _mm_prefetch((const char *)b + 192, _MM_HINT_T0);
}

// What the end of a tile needs, columns in two halves.
struct tile_end {
    __m512 scale[2], addend[2]; // addend: shift or float_bias
    __m512 top, bottom;         // of a product, in float
    __m512i zero_point, low;    // words, bytes
    __m512i order;              // of 4-byte groups after narrowing
    const struct mopt_tile_u8 *work;
    const float *row_scale; // ones when there is none
    __mmask32 all;          // bits of the columns
    __mmask16 mask[2];
    bool whole; // all columns
};

// Factors and, as -0, addends that change nothing make the ends free of branches.
static const float tile_ones[TILE_ROWS] = {1,
                                           1,
                                           1,
                                           1,
                                           1,
                                           1,
                                           1,
                                           1,
                                           1,
                                           1
#if defined(__AVX512VNNI__)
                                           ,
                                           1,
                                           1,
                                           1,
                                           1
#endif
};

static inline void tile_end_init(struct tile_end *end, const struct mopt_tile_u8 *work)
{
    uint32_t all = work->cols >= 32 ? 0xFFFFFFFFU : (1U << work->cols) - 1;
    const float *addend = work->c8 ? work->shift : work->float_bias;
    end->work = work;
    end->whole = work->cols >= 32;
    end->all = all;
    for (int v = 0; v < 2; v++) {
        end->mask[v] = (__mmask16)(all >> (16 * v));
        end->scale[v] = _mm512_setzero_ps();
        end->addend[v] = _mm512_set1_ps(-0.0F);
        if (work->scale) {
            end->scale[v] = _mm512_maskz_loadu_ps(end->mask[v], work->scale + 16 * v);
        }
        if (addend) {
            end->addend[v] = _mm512_maskz_loadu_ps(end->mask[v], addend + 16 * v);
        }
    }
    end->row_scale = work->row_scale ? work->row_scale : tile_ones;
    end->top = _mm512_set1_ps(work->c8 ? (float)(work->high - work->zero_point) : work->float_high);
    end->bottom =
        _mm512_set1_ps(work->c8 ? (float)(work->low - work->zero_point) : work->float_low);
    end->zero_point = _mm512_set1_epi16((int16_t)work->zero_point);
    end->low = _mm512_set1_epi8((char)work->low);
    // A lane holds 4 columns of each of the four vectors.
    end->order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
}

static inline __m512i tile_start(const struct mopt_tile_u8 *work, int v)
{
    uint32_t all = work->cols >= 32 ? 0xFFFFFFFFU : (1U << work->cols) - 1;
    return work->bias ? _mm512_maskz_loadu_epi32((__mmask16)(all >> (16 * v)), work->bias + 16 * v)
                      : _mm512_setzero_si512();
}

static inline __m512i tile_unzero(const struct mopt_tile_u8 *work, const struct tile_end *end,
                                  int row, int v, __m512i acc)
{
    __m512i zero = _mm512_maskz_loadu_epi32(end->mask[v], work->b_zero + 16 * v);
    __m512i sum = _mm512_set1_epi32(work->row_sum[row]);
    return _mm512_sub_epi32(acc, _mm512_mullo_epi32(zero, sum));
}

// Clamps so that NaN stays (minps and maxps give their second operand then).
static inline __m512 tile_float(const struct tile_end *end, int row, int v, __m512i acc)
{
    __m512 x = _mm512_mul_ps(_mm512_cvtepi32_ps(acc), end->scale[v]);
    x = _mm512_mul_ps(x, _mm512_set1_ps(end->row_scale[row]));
    x = _mm512_add_ps(x, end->addend[v]);
    return _mm512_min_ps(end->top, _mm512_max_ps(end->bottom, x));
}

// Rounded product (and sum), at most high - zero_point; NaN and what is below all integers become
// the least integer, so that the saturation of the narrowing steps is the lower bound.
static inline __m512i tile_round(const struct tile_end *end, int v, const bool shifted, __m512i acc)
{
    __m512 x = _mm512_mul_ps(_mm512_cvtepi32_ps(acc), end->scale[v]);
    x = shifted ? _mm512_add_ps(x, end->addend[v]) : x;
    return _mm512_cvtps_epi32(_mm512_min_ps(end->top, x));
}

// Bytes of four rounded vectors: the first in the first 16 bytes, ...
static inline __m512i tile_bytes(const struct tile_end *end, __m512i a, __m512i b, __m512i c,
                                 __m512i d)
{
    __m512i first = _mm512_adds_epi16(_mm512_packs_epi32(a, b), end->zero_point);
    __m512i second = _mm512_adds_epi16(_mm512_packs_epi32(c, d), end->zero_point);
    __m512i bytes = _mm512_max_epu8(_mm512_packus_epi16(first, second), end->low);
    return _mm512_permutexvar_epi32(end->order, bytes);
}

// Two rows of 32 columns; the second only when `two`.
static inline void tile_store_pair(const struct tile_end *end, int row, bool two, __m512i bytes)
{
    uint8_t *to = end->work->c8 + (size_t)row * end->work->ldc;
    __m256i first = _mm512_castsi512_si256(bytes);
    __m256i second = _mm512_extracti64x4_epi64(bytes, 1);
    if (end->whole) {
        _mm256_storeu_si256((__m256i *)(void *)to, first);
        if (two) {
            _mm256_storeu_si256((__m256i *)(void *)(to + end->work->ldc), second);
        }
        return;
    }
    _mm256_mask_storeu_epi8(to, end->all, first);
    if (two) {
        _mm256_mask_storeu_epi8(to + end->work->ldc, end->all, second);
    }
}

// Up to four rows of 16 columns.
static inline void tile_store_four(const struct tile_end *end, int row, int count, __m512i bytes)
{
    uint8_t *to = end->work->c8 + (size_t)row * end->work->ldc;
    size_t ldc = end->work->ldc;
    __mmask16 mask = end->mask[0];
    _mm_mask_storeu_epi8(to, mask, _mm512_castsi512_si128(bytes));
    if (count > 1) {
        _mm_mask_storeu_epi8(to + ldc, mask, _mm512_extracti32x4_epi32(bytes, 1));
    }
    if (count > 2) {
        _mm_mask_storeu_epi8(to + 2 * ldc, mask, _mm512_extracti32x4_epi32(bytes, 2));
    }
    if (count > 3) {
        _mm_mask_storeu_epi8(to + 3 * ldc, mask, _mm512_extracti32x4_epi32(bytes, 3));
    }
}

static inline void tile_store_c32(const struct tile_end *end, int row, int v, __m512i acc)
{
    int32_t *to = end->work->c32 + (size_t)row * end->work->ldc + 16 * (size_t)v;
    _mm512_mask_storeu_epi32(to, end->mask[v], acc);
}

static inline void tile_store_cf(const struct tile_end *end, int row, int v, __m512i acc)
{
    float *to = end->work->cf + (size_t)row * end->work->ldc + 16 * (size_t)v;
    _mm512_mask_storeu_ps(to, end->mask[v], tile_float(end, row, v, acc));
}

// Up to this many rows a second chain of sums hides the latency of the steps, and weights come from
// far away: they are fetched PREFETCH bytes ahead.
enum { FEW_ROWS = 4, PREFETCH = 4096 };
#define EACH_FEW(X) X(0) X(1) X(2) X(3)

// rows and halves are constants where this is inlined.
static inline __attribute__((always_inline)) void tile_run(const struct mopt_tile_u8 *work,
                                                           const int rows, const bool both)
{
    const size_t quads = (work->k + 3) / 4;
    const int8_t *b = work->b;
    __m512i start0 = tile_start(work, 0);
    __m512i start1 = tile_start(work, 1);
#define DECLARE(i)         \
    __m512i x##i = start0; \
    __m512i y##i = start1; \
    const uint8_t *p##i = NULL;
    EACH_ROW(DECLARE)
#undef DECLARE
#define DECLARE(i)                          \
    __m512i sx##i = _mm512_setzero_si512(); \
    __m512i sy##i = _mm512_setzero_si512();
    EACH_FEW(DECLARE)
#undef DECLARE
    for (size_t t = 0; t < work->taps; t++) {
        const uint8_t *const *a = work->a + t * TILE_ROWS;
#define POINT(i)                    \
    if ((i) < rows) {               \
        p##i = a[i] + work->offset; \
    }
        EACH_ROW(POINT)
#undef POINT
        size_t q = 0;
        for (; rows <= FEW_ROWS && q + 2 <= quads; q += 2, b += 2 * STEP_BYTES) {
            struct tile_right right0 = tile_right(b);
            struct tile_right right1 = tile_right(b + (both ? 64 : 0));
            struct tile_right right2 = tile_right(b + STEP_BYTES);
            struct tile_right right3 = tile_right(b + STEP_BYTES + (both ? 64 : 0));
            tile_prefetch(b + PREFETCH);
#define STEP(i)                                                   \
    if ((i) < rows) {                                             \
        struct tile_left left0 = tile_left(p##i + 4 * q);         \
        struct tile_left left1 = tile_left(p##i + 4 * q + 4);     \
        x##i = tile_step(x##i, &left0, &right0);                  \
        y##i = both ? tile_step(y##i, &left0, &right1) : y##i;    \
        sx##i = tile_step(sx##i, &left1, &right2);                \
        sy##i = both ? tile_step(sy##i, &left1, &right3) : sy##i; \
    }
            EACH_FEW(STEP)
#undef STEP
        }
        for (; q < quads; q++, b += STEP_BYTES) {
            struct tile_right right0 = tile_right(b);
            struct tile_right right1 = tile_right(b + (both ? 64 : 0));
#define STEP(i)                                               \
    if ((i) < rows) {                                         \
        struct tile_left left = tile_left(p##i + 4 * q);      \
        x##i = tile_step(x##i, &left, &right0);               \
        y##i = both ? tile_step(y##i, &left, &right1) : y##i; \
    }
            EACH_ROW(STEP)
#undef STEP
        }
    }
#define JOIN(i)                           \
    x##i = _mm512_add_epi32(x##i, sx##i); \
    y##i = _mm512_add_epi32(y##i, sy##i);
    if (rows <= FEW_ROWS) {
        EACH_FEW(JOIN)
    }
#undef JOIN
    struct tile_end end;
    tile_end_init(&end, work);
#define UNZERO(i)                                                 \
    if ((i) < rows) {                                             \
        x##i = tile_unzero(work, &end, i, 0, x##i);               \
        y##i = both ? tile_unzero(work, &end, i, 1, y##i) : y##i; \
    }
    if (work->row_sum) {
        EACH_ROW(UNZERO)
    }
#undef UNZERO
#define ROUND_AS(shifted, i)                                     \
    if ((i) < rows) {                                            \
        x##i = tile_round(&end, 0, shifted, x##i);               \
        y##i = both ? tile_round(&end, 1, shifted, y##i) : y##i; \
    }
#define ROUND(i) ROUND_AS(false, i)
#define ROUND_SHIFTED(i) ROUND_AS(true, i)
#define STORE_PAIR(i, j)                                                                \
    if ((i) < rows && both) {                                                           \
        tile_store_pair(&end, i, (j) < rows, tile_bytes(&end, x##i, y##i, x##j, y##j)); \
    }
#define STORE_FOUR(i, j, k, l)                                                          \
    if ((i) < rows && !both) {                                                          \
        tile_store_four(&end, i, rows - (i), tile_bytes(&end, x##i, x##j, x##k, x##l)); \
    }
#define STORE(kind, i)                           \
    if ((i) < rows) {                            \
        tile_store_##kind(&end, i, 0, x##i);     \
        if (both) {                              \
            tile_store_##kind(&end, i, 1, y##i); \
        }                                        \
    }
#define STORE_C32(i) STORE(c32, i)
#define STORE_CF(i) STORE(cf, i)
    if (work->c8) {
        if (work->shift) {
            EACH_ROW(ROUND_SHIFTED)
        } else {
            EACH_ROW(ROUND)
        }
        EACH_PAIR(STORE_PAIR)
        EACH_FOUR(STORE_FOUR)
    } else if (work->c32) {
        EACH_ROW(STORE_C32)
    } else {
        EACH_ROW(STORE_CF)
    }
#undef STORE_CF
#undef STORE_C32
#undef STORE_FOUR
#undef STORE_PAIR
#undef ROUND_SHIFTED
#undef ROUND
#undef ROUND_AS
#undef STORE
}

// The whole slot: one instance of the loop per number of rows and for one or both halves.
#define TILE_CASE(n)                  \
    case n:                           \
        if (work->cols > 16) {        \
            tile_run(work, n, true);  \
        } else {                      \
            tile_run(work, n, false); \
        }                             \
        break;

#endif
