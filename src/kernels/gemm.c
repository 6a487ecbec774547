// SPDX-License-Identifier: Apache-2.0
// Prepacked float products: packing of B and the driver that cuts a product over the pool.
#include <string.h>

#include "base/size.h"
#include "kernels/gemm_rounded.h"
#include "kernels/product.h"
#include "kernels/weights.h"

size_t mopt__packed_f32_count(const struct mopt_kernels *kernels, size_t k, size_t n)
{
    size_t columns = 0, count = 0;
    if (!mopt__size_align(n, (size_t)kernels->f32_cols, &columns) ||
        !mopt__size_mul(columns, k, &count) ||
        !mopt__size_add(count, MOPT_OVERREAD / sizeof(float), &count) ||
        count > SIZE_MAX / sizeof(float)) {
        return 0;
    }
    return count;
}

static void pack_panel(const struct mopt_kernels *kernels, size_t k, size_t cols, const float *b,
                       size_t row_step, size_t column_step, float *out)
{
    size_t width = (size_t)kernels->f32_cols;
    if (row_step == 1 && column_step != 1) {
        if (cols < width) {
            memset(out, 0, k * width * sizeof *out);
        }
        kernels->transpose_32(b, column_step, out, width, cols, k);
        return;
    }
    for (size_t p = 0; p < k; p++, out += width, b += row_step) {
        if (column_step == 1) {
            memcpy(out, b, cols * sizeof *out);
        } else {
            for (size_t j = 0; j < cols; j++) {
                out[j] = b[j * column_step];
            }
        }
        for (size_t j = cols; j < width; j++) {
            out[j] = 0;
        }
    }
}

// NOLINTNEXTLINE(readability-function-size): the matrix as everywhere, and a range of panels
void mopt__pack_f32_panels(const struct mopt_kernels *kernels, size_t k, size_t n, const float *b,
                           size_t row_step, size_t column_step, size_t first, size_t last,
                           float *out)
{
    size_t width = (size_t)kernels->f32_cols;
    for (size_t panel = first; panel < last; panel++) {
        size_t j = panel * width;
        pack_panel(kernels, k, n - j < width ? n - j : width, b + j * column_step, row_step,
                   column_step, out + j * k);
    }
    if (last == mopt__panel_count(kernels, n)) {
        memset(out + last * width * k, 0, MOPT_OVERREAD);
    }
}

void mopt__pack_f32(const struct mopt_kernels *kernels, size_t k, size_t n, const float *b,
                    size_t row_step, size_t column_step, float *out)
{
    mopt__pack_f32_panels(kernels, k, n, b, row_step, column_step, 0, mopt__panel_count(kernels, n),
                          out);
}

size_t mopt__packed_bytes(const struct mopt_kernels *kernels, enum mopt_weights weights, size_t k,
                          size_t n)
{
    if (mopt__weights_round_both(weights)) {
        return mopt__rounded_packed_bytes(kernels, weights, k, n);
    }
    size_t count = mopt__packed_f32_count(kernels, k, n);
    size_t over = MOPT_OVERREAD / sizeof(float);
    return count == 0 ? 0 : (count - over) * mopt__weights_bytes(weights) + MOPT_OVERREAD;
}

// NOLINTNEXTLINE(readability-function-size): the matrix as everywhere, and how it is stored
void mopt__pack_weights(const struct mopt_kernels *kernels, enum mopt_weights weights, size_t k,
                        size_t n, const float *b, size_t row_step, size_t column_step, void *out)
{
    enum { DEEP = 64 }; // rows that are packed as floats before they are narrowed
    if (weights == MOPT_WEIGHTS_F32) {
        mopt__pack_f32(kernels, k, n, b, row_step, column_step, out);
        return;
    }
    if (mopt__weights_round_both(weights)) {
        mopt__rounded_pack(kernels, weights, k, n, b, row_step, column_step, out);
        return;
    }
    float some[DEEP * MOPT_TILE_COLS_MAX];
    uint16_t *to = out;
    size_t width = (size_t)kernels->f32_cols;
    for (size_t j = 0; j < n; j += width) {
        for (size_t p = 0; p < k; p += DEEP) {
            size_t rows = k - p < DEEP ? k - p : DEEP;
            pack_panel(kernels, rows, n - j < width ? n - j : width,
                       b + p * row_step + j * column_step, row_step, column_step, some);
            mopt__weights_panel(kernels, weights, width, rows, some, to);
            to += rows * width;
        }
    }
    memset(to, 0, MOPT_OVERREAD);
}

struct work {
    const struct mopt_kernels *kernels;
    const struct mopt_gemm_f32 *gemm;
};

static void fill(const void *source, size_t row, size_t rows, const float **a)
{
    const struct work *work = source;
    const struct mopt_gemm_f32 *gemm = work->gemm;
    size_t tiles = mopt__tile_count(work->kernels, rows);
    for (size_t i = 0; i < tiles; i++, a += work->kernels->f32_rows) {
        size_t start = mopt__tile_start(rows, tiles, i);
        size_t end = mopt__tile_start(rows, tiles, i + 1);
        for (size_t r = start; r < end; r++) {
            a[r - start] = gemm->a + (row + r) * gemm->lda;
        }
    }
}

// One row: reading the panels is all the work.
static void one_row(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const struct work *work = context;
    const struct mopt_gemm_f32 *gemm = work->gemm;
    const struct mopt_finish *epilogue = &gemm->epilogue;
    size_t width = (size_t)work->kernels->f32_cols;
    size_t from = (size_t)begin * width, to = (size_t)end * width;
    to = to < gemm->n ? to : gemm->n;
    bool add = mopt__epilogue_adds_in_tile(epilogue);
    struct mopt_tile_f32 tile = {
        .a = &gemm->a,
        .taps = 1,
        .k = gemm->k,
        .c = gemm->c + from,
        .bias = epilogue->bias ? epilogue->bias + from : NULL,
        .residual = add ? epilogue->residual + from : NULL,
        .near = work->kernels->fetches,
        .rows = 1,
        .weights = gemm->weights,
    };
    mopt__epilogue_bounds(epilogue, &tile.low, &tile.high);
    if (gemm->weights == MOPT_WEIGHTS_CODED) {
        size_t panel = mopt__coded_panel_bytes(&gemm->coded, gemm->k, width);
        work->kernels->row_coded(&tile, &gemm->coded, (const char *)gemm->b + (size_t)begin * panel,
                                 to - from);
    } else if (gemm->weights == MOPT_WEIGHTS_F32) {
        tile.b = (const float *)gemm->b + from * gemm->k;
        work->kernels->row_f32(&tile, to - from);
    } else {
        tile.b16 = (const uint16_t *)gemm->b + from * gemm->k;
        work->kernels->row_16(&tile, to - from);
    }
    const float *residual = epilogue->residual ? epilogue->residual + from : NULL;
    mopt__epilogue_rest(work->kernels, epilogue, tile.c, 0, residual, 0, 1, to - from);
}

// k = 0: every sum is the bias.
static void empty_sums(const struct mopt_kernels *kernels, const struct mopt_gemm_f32 *gemm)
{
    enum { SOME = 256 };
    float some[SOME];
    const struct mopt_finish *epilogue = &gemm->epilogue;
    bool add = mopt__epilogue_adds_in_tile(epilogue);
    float low = 0, high = 0;
    mopt__epilogue_bounds(epilogue, &low, &high);
    for (size_t at = 0; at < gemm->m * gemm->n;) {
        size_t i = at / gemm->n, from = at % gemm->n;
        size_t cols = gemm->n - from < SOME ? gemm->n - from : SOME;
        const float *residual =
            epilogue->residual ? epilogue->residual + i * epilogue->residual_ld + from : NULL;
        for (size_t j = 0; j < cols; j++) {
            float x = (epilogue->bias ? epilogue->bias[from + j] : 0) +
                      (add && residual ? residual[j] : 0);
            x = x < low ? low : x;
            some[j] = x > high ? high : x;
        }
        mopt__epilogue_rest(kernels, epilogue, some, 0, residual, 0, 1, cols);
        memcpy(gemm->c + i * gemm->ldc + from, some, cols * sizeof(float));
        at += cols;
    }
}

static struct mopt_product product_of(const struct work *work)
{
    const struct mopt_gemm_f32 *gemm = work->gemm;
    return (struct mopt_product){
        .kernels = work->kernels,
        .taps = 1,
        .k = gemm->k,
        .groups = 1,
        .n = gemm->n,
        .b = gemm->b,
        .weights = gemm->weights,
        .coded = &gemm->coded,
        .c = gemm->c,
        .ldc = gemm->ldc,
        .epilogue = &gemm->epilogue,
        .fill = fill,
        .source = work,
    };
}

void mopt__gemm_blocks(const struct mopt_kernels *kernels, const struct mopt_gemm_f32 *gemm,
                       size_t block, struct mopt_pool *pool)
{
    struct work work = {.kernels = kernels, .gemm = gemm};
    struct mopt_product product = product_of(&work);
    product.block = block;
    mopt__product_run(&product, gemm->m, gemm->k, pool);
}

void mopt__gemm_f32(const struct mopt_kernels *kernels, const struct mopt_gemm_f32 *gemm,
                    struct mopt_pool *pool)
{
    if (gemm->m == 0 || gemm->n == 0) {
        return;
    }
    if (gemm->k == 0) {
        empty_sums(kernels, gemm);
        return;
    }
    if (mopt__weights_round_both(gemm->weights)) {
        mopt__gemm_rounded(kernels, gemm, pool);
        return;
    }
    struct work work = {.kernels = kernels, .gemm = gemm};
    struct mopt_product product = product_of(&work);
    if (gemm->m == 1 && !mopt__product_sets_aside(&product)) {
        size_t panels = mopt__panel_count(kernels, gemm->n);
        pool = gemm->n * gemm->k < MOPT_SERIAL_BELOW ? NULL : pool;
        mopt__pool_for(pool, (int64_t)panels, 1, one_row, &work);
    } else {
        mopt__product_run(&product, gemm->m, gemm->k, pool);
    }
}
