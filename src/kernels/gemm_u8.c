// SPDX-License-Identifier: Apache-2.0
// Byte products over the slot tile_u8: packing, zero points, the driver.
#include <string.h>

#include "base/size.h"
#include "kernels/walk_u8.h"

static struct mopt_weight_u8 matrix(size_t k, size_t n, size_t row_step, size_t column_step)
{
    return (struct mopt_weight_u8){.taps = 1,
                                   .k = k,
                                   .columns = n,
                                   .inner = k,
                                   .inner_step = row_step,
                                   .column_step = column_step};
}

size_t mopt__packed_s8_bytes(const struct mopt_kernels *kernels, size_t k, size_t n)
{
    struct mopt_weight_u8 weight = matrix(k, n, n, 1);
    size_t bytes = 0;
    bool fits = mopt__panels_s8_bytes(kernels, &weight, &bytes) &&
                mopt__size_add(bytes, MOPT_OVERREAD, &bytes);
    return fits ? bytes : 0;
}

void mopt__pack_s8(const struct mopt_kernels *kernels, size_t k, size_t n, const int8_t *b,
                   size_t row_step, size_t column_step, int8_t *out)
{
    struct mopt_weight_u8 weight = matrix(k, n, row_step, column_step);
    mopt__panels_s8(kernels, &weight, b, out);
    memset(out + mopt__packed_s8_bytes(kernels, k, n) - MOPT_OVERREAD, 0, MOPT_OVERREAD);
}

// sums[j] += sum over p of b[p * row_step + j * column_step]
static void add_rows(size_t k, size_t n, const int8_t *b, size_t row_step, size_t column_step,
                     uint32_t *sums)
{
    if (column_step == 1) {
        for (size_t p = 0; p < k; p++, b += row_step) {
            for (size_t j = 0; j < n; j++) {
                sums[j] += (uint32_t)(1 * b[j]); // 1 *: an int, whose sign -Wconversion lets go
            }
        }
        return;
    }
    for (size_t j = 0; j < n; j++, b += column_step) {
        for (size_t p = 0; p < k; p++) {
            sums[j] += (uint32_t)(1 * b[p * row_step]);
        }
    }
}

// NOLINTNEXTLINE(readability-function-size): the matrix as everywhere, and three vectors
void mopt__fold_zero_point(size_t k, size_t n, const int8_t *b, size_t row_step, size_t column_step,
                           const int32_t *bias, int32_t a_zero_point, const int32_t *b_zero,
                           int32_t *start)
{
    enum { SOME = 256 }; // columns whose sums grow row by row, as memory is read
    for (size_t first = 0; first < n; first += SOME) {
        uint32_t sums[SOME] = {0};
        size_t count = n - first < SOME ? n - first : SOME;
        add_rows(a_zero_point ? k : 0, count, b + first * column_step, row_step, column_step, sums);
        for (size_t j = first; j < first + count; j++) {
            uint32_t sum = sums[j - first] - (b_zero ? (uint32_t)k * (uint32_t)b_zero[j] : 0);
            start[j] = (int32_t)((bias ? (uint32_t)bias[j] : 0) - (uint32_t)a_zero_point * sum);
        }
    }
}

static void point_rows(const struct mopt_walk_u8 *walk, size_t first, size_t count, size_t step,
                       const uint8_t **a)
{
    (void)step;
    const struct mopt_gemm_u8 *gemm = walk->context;
    for (size_t i = 0; i < count; i++) {
        a[i] = gemm->a + (first + i) * gemm->lda;
    }
}

void mopt__gemm_u8(const struct mopt_kernels *kernels, const struct mopt_gemm_u8 *gemm,
                   struct mopt_pool *pool)
{
    struct mopt_walk_u8 walk = {.kernels = kernels,
                                .rows = gemm->m,
                                .groups = 1,
                                .columns = gemm->n,
                                .taps = 1,
                                .k = gemm->k,
                                .b = gemm->b,
                                .b_zero = gemm->b_zero,
                                .out = &gemm->out,
                                .c32 = gemm->c32,
                                .c8 = gemm->c8,
                                .cf = gemm->cf,
                                .ldc = gemm->ldc,
                                .point = point_rows,
                                .context = gemm};
    mopt__walk_u8_init(&walk);
    mopt__walk_u8(&walk, pool);
}
