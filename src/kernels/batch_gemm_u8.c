// SPDX-License-Identifier: Apache-2.0
// Products of computed matrices of codes. A packed right operand is the panels of gemm_u8 and, in
// front of them, what the sums of its columns begin with.
#include "kernels/batch_gemm_u8.h"

#include <string.h>

#include "base/size.h"
#include "kernels/batch.h"
#include "kernels/product.h"

enum { SIGN = 0x80 }; // unsigned codes become signed ones, 128 less

// Bytes of the sums in front of the panels; false when that does not fit.
static bool starts_bytes(const struct mopt_kernels *kernels, size_t n, size_t *bytes)
{
    size_t cols = (size_t)kernels->u8_cols;
    return mopt__size_align(n, cols, bytes) && mopt__size_mul(*bytes, sizeof(int32_t), bytes) &&
           mopt__size_align(*bytes, 64, bytes);
}

// Bytes from one packed right operand to the next; 0 when the size does not fit.
static size_t packed_step(const struct mopt_kernels *kernels, const struct mopt_batch_gemm_u8 *gemm)
{
    size_t starts = 0;
    size_t bytes = mopt__packed_s8_bytes(kernels, gemm->k, gemm->n);
    return bytes != 0 && starts_bytes(kernels, gemm->n, &starts) &&
                   mopt__size_add(bytes, starts, &bytes) && mopt__size_apart(bytes, &bytes)
               ? bytes
               : 0;
}

size_t mopt__batch_gemm_u8_scratch(const struct mopt_kernels *kernels,
                                   const struct mopt_batch_gemm_u8 *gemm, int threads)
{
    return mopt__batch_scratch(gemm->batch, packed_step(kernels, gemm), threads);
}

struct work {
    const struct mopt_kernels *kernels;
    const struct mopt_batch_gemm_u8 *gemm;
};

// Four rows of a panel whose columns lie side by side, byte by byte; rows that are missing count 0.
static void pack_four(const uint8_t *b, size_t row, size_t rows, size_t count, int8_t *out,
                      int32_t *sums)
{
    const uint8_t *second = b + (rows > 1 ? row : 0);
    const uint8_t *third = b + (rows > 2 ? 2 * row : 0);
    const uint8_t *fourth = b + (rows > 3 ? 3 * row : 0);
    for (size_t j = 0; j < count; j++) {
        out[4 * j] = (int8_t)(b[j] ^ SIGN);
        out[4 * j + 1] = (int8_t)(second[j] ^ SIGN);
        out[4 * j + 2] = (int8_t)(third[j] ^ SIGN);
        out[4 * j + 3] = (int8_t)(fourth[j] ^ SIGN);
    }
    for (size_t j = 0; rows < 4 && j < count; j++) {
        memset(out + 4 * j + rows, 0, 4 - rows);
    }
    for (size_t j = 0; j < count; j++) {
        sums[j] += out[4 * j] + out[4 * j + 1] + out[4 * j + 2] + out[4 * j + 3];
    }
}

// Up to four rows of one column.
static void pack_column(const uint8_t *b, size_t row, size_t rows, int8_t *out, int32_t *sum)
{
    for (size_t i = 0; i < rows; i++) {
        out[i] = (int8_t)(b[i * row] ^ SIGN);
        *sum += out[i];
    }
    for (size_t i = rows; i < 4; i++) {
        out[i] = 0;
    }
}

// A panel: `count` of its columns; sums [cols] of their bytes.
static void pack_panel(const struct mopt_batch_gemm_u8 *g, const uint8_t *b, size_t cols,
                       size_t count, int8_t *out, int32_t *sums)
{
    memset(sums, 0, cols * sizeof *sums);
    for (size_t p = 0; p < g->k; p += 4, out += 4 * cols) {
        size_t rows = g->k - p < 4 ? g->k - p : 4;
        const uint8_t *from = b + p * g->b_row;
        memset(out + 4 * count, 0, 4 * (cols - count));
        if (g->b_column == 1) {
            pack_four(from, g->b_row, rows, count, out, sums);
            continue;
        }
        for (size_t j = 0; j < count; j++) {
            pack_column(from + j * g->b_column, g->b_row, rows, out + 4 * j, &sums[j]);
        }
    }
}

static int8_t *panels_of(const struct work *work, const void *packed)
{
    size_t starts = 0;
    (void)starts_bytes(work->kernels, work->gemm->n, &starts);
    return (int8_t *)(uintptr_t)packed + starts;
}

// The sum of (a - a_zero) (b - b_zero) is that of a (b - b_zero), which begins with what is left.
static void pack(const void *context, size_t item, size_t begin, size_t end, void *packed)
{
    const struct work *work = context;
    const struct mopt_batch_gemm_u8 *g = work->gemm;
    size_t cols = (size_t)work->kernels->u8_cols;
    size_t bytes = (g->k + 3) / 4 * 4 * cols;
    int8_t *panels = panels_of(work, packed);
    int32_t *starts = packed;
    for (size_t panel = begin; panel < end; panel++) {
        size_t first = panel * cols;
        pack_panel(g, g->b + g->b_at[item] + first * g->b_column, cols,
                   g->n - first < cols ? g->n - first : cols, panels + panel * bytes,
                   starts + first);
        for (size_t j = first; j < first + cols && j < g->n; j++) {
            uint32_t zeros = g->b_zero ? (uint32_t)g->k * (uint32_t)g->b_zero[j] : 0;
            uint32_t start = g->out.start ? (uint32_t)g->out.start[j] : 0;
            starts[j] = (int32_t)(start - (uint32_t)g->a_zero * ((uint32_t)starts[j] - zeros));
        }
    }
    if (end * cols >= g->n) {
        memset(panels + end * bytes, 0, MOPT_OVERREAD);
    }
}

static void multiply(const void *context, size_t item, const void *packed, struct mopt_pool *pool)
{
    const struct work *work = context;
    const struct mopt_batch_gemm_u8 *g = work->gemm;
    struct mopt_gemm_u8 gemm = {.m = g->m,
                                .n = g->n,
                                .k = g->k,
                                .a = g->a + g->a_at[item],
                                .lda = g->lda,
                                .b = panels_of(work, packed),
                                .b_zero = g->b_zero,
                                .out = g->out,
                                .c8 = g->c8 ? g->c8 + item * g->m * g->n : NULL,
                                .cf = g->cf ? g->cf + item * g->m * g->n : NULL,
                                .c32 = g->c32 ? g->c32 + item * g->m * g->n : NULL,
                                .ldc = g->n};
    gemm.out.start = packed;
    mopt__gemm_u8(work->kernels, &gemm, pool);
}

void mopt__batch_gemm_u8(const struct mopt_kernels *kernels, const struct mopt_batch_gemm_u8 *gemm,
                         void *scratch, struct mopt_pool *pool)
{
    const struct work work = {kernels, gemm};
    size_t cols = (size_t)kernels->u8_cols;
    const struct mopt_batch batch = {.count = gemm->batch,
                                     .panels = (gemm->n + cols - 1) / cols,
                                     .b_at = gemm->b_at,
                                     .pack = pack,
                                     .multiply = multiply,
                                     .context = &work,
                                     .packed = scratch,
                                     .each = packed_step(kernels, gemm)};
    bool small = gemm->batch * gemm->m * gemm->n * gemm->k < MOPT_SERIAL_BELOW;
    mopt__batch_run(&batch, small ? NULL : pool);
}
