// SPDX-License-Identifier: Apache-2.0
// See gemm_rounded.h.
#include "kernels/gemm_rounded.h"

#include <string.h>

#include "base/size.h"
#include "kernels/product.h"
#include "kernels/weights.h"

// Blocks are as equal as they can be, so that short rows are not mostly zeros.
struct mopt_rounding mopt__rounding_of(const struct mopt_kernels *kernels,
                                       enum mopt_weights weights, size_t k)
{
    struct mopt_rounding form = {.kernels = *kernels};
    if (weights == MOPT_WEIGHTS_PAIRS) {
        form.kernels.f32_rows = kernels->pairs_rows;
        form.kernels.f32_cols = kernels->pairs_cols;
        form.kernels.tile_f32 = kernels->tile_pairs;
        form.units = k / 2 + k % 2;
        return form;
    }
    size_t blocks = k / MOPT_BLOCK_LENGTH + (k % MOPT_BLOCK_LENGTH > 0);
    size_t length = blocks ? k / blocks + (k % blocks > 0) : 0;
    form.kernels.f32_rows = kernels->blocks_rows;
    form.kernels.f32_cols = kernels->blocks_cols;
    form.kernels.tile_f32 = kernels->tile_blocks;
    form.length = (length + MOPT_BLOCK_STEP - 1) / MOPT_BLOCK_STEP * MOPT_BLOCK_STEP;
    form.block = 1 + form.length / 2;
    form.units = form.block * blocks;
    return form;
}

size_t mopt__rounded_packed_bytes(const struct mopt_kernels *kernels, enum mopt_weights weights,
                                  size_t k, size_t n)
{
    struct mopt_rounding form = mopt__rounding_of(kernels, weights, k);
    return mopt__packed_f32_count(&form.kernels, form.units, n) * sizeof(float);
}

// Rows of one panel, [rows][cols] floats, an even number of them, as pairs of neighbours.
static void join_rows(const struct mopt_kernels *kernels, size_t rows, const float *some,
                      uint16_t *out)
{
    uint16_t even[MOPT_TILE_COLS_MAX], odd[MOPT_TILE_COLS_MAX];
    size_t width = (size_t)kernels->f32_cols;
    for (size_t p = 0; p < rows; p += 2, some += 2 * width, out += 2 * width) {
        mopt__weights_round(kernels, some, even, width);
        mopt__weights_round(kernels, some + width, odd, width);
        for (size_t j = 0; j < width; j++) {
            out[2 * j] = even[j];
            out[2 * j + 1] = odd[j];
        }
    }
}

// [panels][pairs][cols][2], zero behind k and n.
static void pack_pairs(const struct mopt_rounding *form, size_t k, size_t n, const float *b,
                       size_t row_step, size_t column_step, uint16_t *out)
{
    enum { DEEP = 64 }; // rows that are packed as floats before they are rounded
    float some[DEEP * MOPT_TILE_COLS_MAX + MOPT_OVERREAD / sizeof(float)];
    size_t width = (size_t)form->kernels.f32_cols;
    for (size_t first = 0; first < n; first += width) {
        size_t cols = n - first < width ? n - first : width;
        for (size_t p = 0; p < 2 * form->units; p += DEEP) {
            size_t rows = k - p < DEEP ? k - p : DEEP;
            mopt__pack_f32(&form->kernels, rows, cols, b + p * row_step + first * column_step,
                           row_step, column_step, some);
            if (rows % 2 != 0) {
                memset(some + rows++ * width, 0, width * sizeof *some);
            }
            join_rows(&form->kernels, rows, some, out);
            out += rows * width;
        }
    }
    memset(out, 0, MOPT_OVERREAD);
}

// One block of one panel: `rows` rows of b and `cols` columns of it.
static void pack_block(const struct mopt_rounding *form, size_t rows, size_t cols, const float *b,
                       size_t row_step, size_t column_step, float *out)
{
    enum { LENGTH = MOPT_BLOCK_LENGTH, UNITS = 1 + MOPT_BLOCK_LENGTH / 2 };
    float columns[MOPT_TILE_COLS_MAX * LENGTH], blocks[MOPT_TILE_COLS_MAX * UNITS];
    size_t width = (size_t)form->kernels.f32_cols;
    memset(out, 0, form->block * width * sizeof *out);
    if (column_step == 1) {
        form->kernels.transpose_32(b, row_step, columns, LENGTH, rows, cols);
    }
    for (size_t j = 0; j < cols; j++) {
        float *column = columns + j * LENGTH;
        for (size_t p = 0; column_step != 1 && p < rows; p++) {
            column[p] = b[p * row_step + j * column_step];
        }
        form->kernels.f32_to_blocks(column, rows, form->length, blocks + j * form->block);
    }
    form->kernels.transpose_32(blocks, form->block, out, width, cols, form->block);
}

float *mopt__rounding_panel(const struct mopt_rounding *rounding, size_t k, size_t cols,
                            const float *b, size_t row_step, size_t column_step, float *out)
{
    for (size_t p = 0; p < k; p += rounding->length) {
        size_t rows = k - p < rounding->length ? k - p : rounding->length;
        pack_block(rounding, rows, cols, b + p * row_step, row_step, column_step, out);
        out += rounding->block * (size_t)rounding->kernels.f32_cols;
    }
    return out;
}

// [panels][blocks][units][cols], zero behind k and n.
static void pack_blocks(const struct mopt_rounding *form, size_t k, size_t n, const float *b,
                        size_t row_step, size_t column_step, float *out)
{
    size_t width = (size_t)form->kernels.f32_cols;
    for (size_t first = 0; first < n; first += width) {
        out = mopt__rounding_panel(form, k, n - first < width ? n - first : width,
                                   b + first * column_step, row_step, column_step, out);
    }
    memset(out, 0, MOPT_OVERREAD);
}

void mopt__rounded_pack(const struct mopt_kernels *kernels, enum mopt_weights weights, size_t k,
                        size_t n, const float *b, size_t row_step, size_t column_step, void *out)
{
    struct mopt_rounding form = mopt__rounding_of(kernels, weights, k);
    if (weights == MOPT_WEIGHTS_PAIRS) {
        pack_pairs(&form, k, n, b, row_step, column_step, out);
    } else {
        pack_blocks(&form, k, n, b, row_step, column_step, out);
    }
}

size_t mopt__gemm_f32_scratch(enum mopt_weights weights, size_t m, size_t k)
{
    static const struct mopt_kernels any = {0}; // how rows are stored depends on no tile
    size_t bytes = 0;
    if (!mopt__weights_round_both(weights) ||
        !mopt__size_mul(m, mopt__rounding_of(&any, weights, k).units, &bytes) ||
        !mopt__size_mul(bytes, sizeof(float), &bytes) ||
        !mopt__size_add(bytes, MOPT_OVERREAD, &bytes)) {
        return 0;
    }
    return bytes;
}

// ---- Rows -----------------------------------------------------------------------------------------

struct work {
    const struct mopt_rounding *form;
    const struct mopt_gemm_f32 *gemm;
};

// Zero behind an odd end.
static void pair_row(const struct mopt_rounding *form, const float *x, size_t k, float *out)
{
    uint16_t *numbers = (uint16_t *)(void *)out;
    mopt__weights_round(&form->kernels, x, numbers, k);
    if (k % 2 > 0) {
        numbers[k] = 0;
    }
}

static void round_rows(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const struct work *work = context;
    const struct mopt_gemm_f32 *gemm = work->gemm;
    for (size_t row = (size_t)begin; row < (size_t)end; row++) {
        const float *x = gemm->a + row * gemm->lda;
        float *out = (float *)gemm->scratch + row * work->form->units;
        if (gemm->weights == MOPT_WEIGHTS_PAIRS) {
            pair_row(work->form, x, gemm->k, out);
        } else {
            work->form->kernels.f32_to_blocks(x, gemm->k, work->form->length, out);
        }
    }
}

void mopt__gemm_rounded(const struct mopt_kernels *kernels, const struct mopt_gemm_f32 *gemm,
                        struct mopt_pool *pool)
{
    struct mopt_rounding form = mopt__rounding_of(kernels, gemm->weights, gemm->k);
    struct work work = {.form = &form, .gemm = gemm};
    struct mopt_gemm_f32 own = *gemm;
    mopt__pool_for(gemm->m * gemm->k < MOPT_SERIAL_BELOW ? NULL : pool, (int64_t)gemm->m, 1,
                   round_rows, &work);
    own.a = gemm->scratch;
    own.k = own.lda = form.units;
    own.weights = MOPT_WEIGHTS_F32;
    mopt__gemm_blocks(&form.kernels, &own, form.block, pool);
}
