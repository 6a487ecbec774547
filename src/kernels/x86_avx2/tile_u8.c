// SPDX-License-Identifier: Apache-2.0
// The byte tile with AVX2: 4 rows of 16 columns, steps of 4 bytes of k. Even and odd bytes apart:
// products of 16 bits and sums of two of them are exact, unlike vpmaddubsw.
#include <math.h>

#include "kernels/slots.h"
#include "kernels/template/requantize_vb.h"

enum { TILE_ROWS = 4, TILE_COLS = 16, STEP_BYTES = TILE_COLS * 4 };

// The sums are plain variables: an array of them would be put into memory by the compiler.
#define EACH_ROW(X) X(0) X(1) X(2) X(3)

// What the end of a tile needs, zero behind its columns.
struct tile_end {
    const struct mopt_tile_u8 *work;
    struct vb_bounds bounds;
    int32_t b_zero[TILE_COLS];
    float scale[TILE_COLS], addend[TILE_COLS]; // addend: shift or float_bias
};

static void tile_end_init(struct tile_end *end, const struct mopt_tile_u8 *work)
{
    size_t count = (size_t)work->cols;
    const float *addend = work->c8 ? work->shift : work->float_bias;
    end->work = work;
    memset(end->b_zero, 0, sizeof end->b_zero);
    memset(end->scale, 0, sizeof end->scale);
    memset(end->addend, 0, sizeof end->addend);
    if (work->row_sum) {
        memcpy(end->b_zero, work->b_zero, count * sizeof *end->b_zero);
    }
    if (work->scale) {
        memcpy(end->scale, work->scale, count * sizeof *end->scale);
    }
    if (addend) {
        memcpy(end->addend, addend, count * sizeof *end->addend);
    }
    end->bounds = vb_bounds(work->zero_point, work->low, work->high);
    if (work->cf) {
        end->bounds.top = vbf_set(work->float_high);
        end->bounds.bottom = vbf_set(work->float_low);
    }
}

// Clamps so that NaN stays.
static inline vbf tile_float(const struct tile_end *end, int row, int v, vb acc)
{
    const struct mopt_tile_u8 *work = end->work;
    vbf x = vbf_mul(vb_to_floats(acc), vbf_load(end->scale + VB_LANES * v));
    if (work->row_scale) {
        x = vbf_mul(x, vbf_set(work->row_scale[row]));
    }
    if (work->float_bias) {
        x = vbf_add(x, vbf_load(end->addend + VB_LANES * v));
    }
    return vbf_min(end->bounds.top, vbf_max(end->bounds.bottom, x));
}

static inline vb tile_round(const struct tile_end *end, int v, vb acc)
{
    vbf x = vbf_mul(vb_to_floats(acc), vbf_load(end->scale + VB_LANES * v));
    if (end->work->shift) {
        x = vbf_add(x, vbf_load(end->addend + VB_LANES * v));
    }
    return vb_requantize(&end->bounds, x);
}

static void tile_store(const struct tile_end *end, int row, vb x, vb y)
{
    const struct mopt_tile_u8 *work = end->work;
    size_t at = (size_t)row * work->ldc;
    size_t count = (size_t)work->cols;
    uint8_t out[TILE_COLS * sizeof(int32_t)];
    if (work->row_sum) {
        vb sum = vb_set(work->row_sum[row]);
        x = vb_sub(x, _mm256_mullo_epi32(sum, vb_load(end->b_zero)));
        y = vb_sub(y, _mm256_mullo_epi32(sum, vb_load(end->b_zero + VB_LANES)));
    }
    if (work->c8) {
        x = tile_round(end, 0, x);
        y = tile_round(end, 1, y);
        vb_store(out, vb_narrow(x, y, vb_zero(), vb_zero()));
        memcpy(work->c8 + at, out, count);
        return;
    }
    if (work->cf) {
        x = vbf_as_ints(tile_float(end, row, 0, x));
        y = vbf_as_ints(tile_float(end, row, 1, y));
    }
    void *to = work->cf ? (void *)(work->cf + at) : (void *)(work->c32 + at);
    vb_store(out, x);
    vb_store(out + VB_BYTES, y);
    memcpy(to, out, count * sizeof(int32_t));
}

static inline vb tile_start(const struct mopt_tile_u8 *work, size_t v)
{
    size_t count = (size_t)work->cols;
    size_t first = v * VB_LANES;
    if (!work->bias || first >= count) {
        return vb_zero();
    }
    size_t rest = count - first < VB_LANES ? count - first : VB_LANES;
    return vb_load_n(work->bias + first, rest * sizeof(int32_t));
}

static const uint16_t low_bytes[16]
    __attribute__((aligned(32))) = {255, 255, 255, 255, 255, 255, 255, 255,
                                    255, 255, 255, 255, 255, 255, 255, 255};

struct four {
    uint8_t bytes[4];
};

// Adds four bytes of a row times 8 columns to x and y each; right: even bytes of both, odd bytes of
// both. As instructions, because compilers run out of registers here.
static inline void tile_add(vb *x, vb *y, const uint8_t *four, const vb right[4])
{
    vb even, odd, product;
    __asm__("vpbroadcastd %[four], %[odd]\n\t"
            "vpand %[mask], %[odd], %[even]\n\t"
            "vpsrlw $8, %[odd], %[odd]\n\t"
            "vpmaddwd %[right0], %[even], %[product]\n\t"
            "vpaddd %[product], %[x], %[x]\n\t"
            "vpmaddwd %[right1], %[even], %[even]\n\t"
            "vpaddd %[even], %[y], %[y]\n\t"
            "vpmaddwd %[right2], %[odd], %[product]\n\t"
            "vpaddd %[product], %[x], %[x]\n\t"
            "vpmaddwd %[right3], %[odd], %[odd]\n\t"
            "vpaddd %[odd], %[y], %[y]"
            : [x] "+&x"(*x), [y] "+&x"(*y), [even] "=&x"(even), [odd] "=&x"(odd),
              [product] "=&x"(product)
            : [four] "m"(*(const struct four *)(const void *)four), [mask] "m"(low_bytes),
              [right0] "x"(right[0]), [right1] "x"(right[1]), [right2] "x"(right[2]),
              [right3] "x"(right[3]));
}

// rows is a constant where this is inlined.
static inline __attribute__((always_inline)) void tile_run(const struct mopt_tile_u8 *work,
                                                           const int rows)
{
    const size_t quads = (work->k + 3) / 4;
    const int8_t *b = work->b;
    vb start0 = tile_start(work, 0);
    vb start1 = tile_start(work, 1);
#define DECLARE(i)    \
    vb x##i = start0; \
    vb y##i = start1; \
    const uint8_t *p##i = NULL;
    EACH_ROW(DECLARE)
#undef DECLARE
    for (size_t t = 0; t < work->taps; t++) {
        const uint8_t *const *a = work->a + t * TILE_ROWS;
#define POINT(i)                    \
    if ((i) < rows) {               \
        p##i = a[i] + work->offset; \
    }
        EACH_ROW(POINT)
#undef POINT
        for (size_t q = 0; q < quads; q++, b += STEP_BYTES) {
            vb bytes0 = vb_load(b);
            vb bytes1 = vb_load(b + VB_BYTES);
            const vb right[4] = {
                _mm256_srai_epi16(_mm256_slli_epi16(bytes0, 8), 8),
                _mm256_srai_epi16(_mm256_slli_epi16(bytes1, 8), 8),
                _mm256_srai_epi16(bytes0, 8),
                _mm256_srai_epi16(bytes1, 8),
            };
#define STEP(i)                                      \
    if ((i) < rows) {                                \
        tile_add(&x##i, &y##i, p##i + 4 * q, right); \
    }
            EACH_ROW(STEP)
#undef STEP
        }
    }
    struct tile_end end;
    tile_end_init(&end, work);
#define STORE(i)                         \
    if ((i) < rows) {                    \
        tile_store(&end, i, x##i, y##i); \
    }
    EACH_ROW(STORE)
#undef STORE
}

static void tile_one(const struct mopt_tile_u8 *work)
{
    switch (work->rows) {
    case 1:
        tile_run(work, 1);
        break;
    case 2:
        tile_run(work, 2);
        break;
    case 3:
        tile_run(work, 3);
        break;
    default:
        tile_run(work, 4);
        break;
    }
}

void mopt__tile_u8_avx2(const struct mopt_tile_u8 *stack)
{
    struct mopt_tile_u8 tile = *stack;
    for (int i = 0; i <= stack->more; i++) {
        tile_one(&tile);
        mopt__tile_u8_below(&tile, 1);
    }
}
