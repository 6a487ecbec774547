// SPDX-License-Identifier: Apache-2.0
// Prepacked float products: packing of B and the driver that cuts a product over the pool.
#include <string.h>

#include "base/size.h"
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

// ---- Pairs of bfloat16 ----------------------------------------------------------------------------
// A pair has the size of a float: their product is one of floats with half as long sums, done by
// another tile.

static struct mopt_kernels pairs_table(const struct mopt_kernels *kernels)
{
    struct mopt_kernels pairs = *kernels;
    pairs.f32_rows = kernels->pairs_rows;
    pairs.f32_cols = kernels->pairs_cols;
    pairs.tile_f32 = kernels->tile_pairs;
    return pairs;
}

static size_t pair_count(size_t k)
{
    return k / 2 + k % 2;
}

// [panels][pairs][cols][2], zero behind k and n.
static void pack_pairs(const struct mopt_kernels *kernels, size_t k, size_t n, const float *b,
                       size_t row_step, size_t column_step, uint16_t *out)
{
    float row[MOPT_TILE_COLS_MAX];
    uint16_t plain[MOPT_TILE_COLS_MAX];
    size_t width = (size_t)kernels->pairs_cols, rows = 2 * pair_count(k);
    for (size_t first = 0; first < n; first += width, out += rows * width) {
        for (size_t p = 0; p < rows; p++) {
            for (size_t j = 0; j < width; j++) {
                bool inside = p < k && first + j < n;
                row[j] = inside ? b[p * row_step + (first + j) * column_step] : 0;
            }
            kernels->f32_to_bfloat(row, plain, width);
            for (size_t j = 0; j < width; j++) {
                out[(p / 2 * width + j) * 2 + p % 2] = plain[j];
            }
        }
    }
    memset(out, 0, MOPT_OVERREAD);
}

size_t mopt__packed_bytes(const struct mopt_kernels *kernels, enum mopt_weights weights, size_t k,
                          size_t n)
{
    if (weights == MOPT_WEIGHTS_PAIRS) {
        struct mopt_kernels pairs = pairs_table(kernels);
        return mopt__packed_f32_count(&pairs, pair_count(k), n) * sizeof(float);
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
    if (weights == MOPT_WEIGHTS_PAIRS) {
        pack_pairs(kernels, k, n, b, row_step, column_step, out);
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
        .rows = 1,
        .weights = gemm->weights,
    };
    mopt__epilogue_bounds(epilogue, &tile.low, &tile.high);
    if (gemm->weights == MOPT_WEIGHTS_F32) {
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

// single: one row, for the slots that are made for it.
static void multiply(struct work *work, bool single, struct mopt_pool *pool)
{
    const struct mopt_gemm_f32 *gemm = work->gemm;
    struct mopt_product product = {
        .kernels = work->kernels,
        .taps = 1,
        .k = gemm->k,
        .groups = 1,
        .n = gemm->n,
        .b = gemm->b,
        .weights = gemm->weights,
        .c = gemm->c,
        .ldc = gemm->ldc,
        .epilogue = &gemm->epilogue,
        .fill = fill,
        .source = work,
    };
    if (single && !mopt__product_sets_aside(&product)) {
        size_t panels = mopt__panel_count(work->kernels, gemm->n);
        pool = gemm->n * gemm->k < MOPT_SERIAL_BELOW ? NULL : pool;
        mopt__pool_for(pool, (int64_t)panels, 1, one_row, work);
    } else {
        mopt__product_run(&product, gemm->m, gemm->k, pool);
    }
}

size_t mopt__gemm_f32_scratch(enum mopt_weights weights, size_t m, size_t k)
{
    size_t bytes = 0;
    if (weights != MOPT_WEIGHTS_PAIRS || !mopt__size_mul(m, pair_count(k), &bytes) ||
        !mopt__size_mul(bytes, sizeof(float), &bytes) ||
        !mopt__size_add(bytes, MOPT_OVERREAD, &bytes)) {
        return 0;
    }
    return bytes;
}

// Rows of a in pairs, zero behind an odd end.
static void narrow_rows(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const struct work *work = context;
    const struct mopt_gemm_f32 *gemm = work->gemm;
    size_t k = gemm->k;
    for (size_t row = (size_t)begin; row < (size_t)end; row++) {
        uint16_t *to = (uint16_t *)gemm->scratch + row * 2 * pair_count(k);
        work->kernels->f32_to_bfloat(gemm->a + row * gemm->lda, to, k);
        if (k % 2 > 0) {
            to[k] = 0;
        }
    }
}

static void gemm_pairs(const struct mopt_kernels *kernels, const struct mopt_gemm_f32 *gemm,
                       struct mopt_pool *pool)
{
    struct work work = {.kernels = kernels, .gemm = gemm};
    struct mopt_kernels pairs = pairs_table(kernels);
    struct mopt_gemm_f32 own = *gemm;
    mopt__pool_for(gemm->m * gemm->k < MOPT_SERIAL_BELOW ? NULL : pool, (int64_t)gemm->m, 1,
                   narrow_rows, &work);
    own.a = gemm->scratch;
    own.k = own.lda = pair_count(gemm->k);
    own.weights = MOPT_WEIGHTS_F32;
    work.kernels = &pairs;
    work.gemm = &own;
    multiply(&work, false, pool);
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
    if (gemm->weights == MOPT_WEIGHTS_PAIRS) {
        gemm_pairs(kernels, gemm, pool);
        return;
    }
    struct work work = {.kernels = kernels, .gemm = gemm};
    multiply(&work, gemm->m == 1, pool);
}
