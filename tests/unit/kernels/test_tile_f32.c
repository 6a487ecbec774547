// SPDX-License-Identifier: Apache-2.0
// The slots tile_f32, row_f32, depthwise_f32, max_f32 and average_f32 of every level, against sums
// in double: all tile heights and widths, rows anywhere in memory, NaN and infinities.
#include "floats.h"
#include "tests.h"

enum { ROWS = MOPT_TILE_ROWS_MAX, COLS = MOPT_TILE_COLS_MAX, DEEP = 70, TAPS = 5 };

struct tile_case {
    struct mopt_tile_f32 tile;
    const float *a[TAPS * ROWS];
    float *rows, *b, *c, *before, *bias, *residual;
    size_t row_count, c_count, residual_count;
};

// A bias may be far larger than what the products come to.
static void enlarge(struct mopt_rng *rng, float *bias, size_t n)
{
    float factor = mopt__rng_below(rng, 3) == 0 ? 4096 : 1;
    for (size_t j = 0; j < n; j++) {
        bias[j] *= factor;
    }
}

static void make_tile(struct mopt_rng *rng, const struct mopt_kernels *table, struct tile_case *t)
{
    struct mopt_tile_f32 *tile = &t->tile;
    *tile = (struct mopt_tile_f32){.low = -INFINITY, .high = INFINITY};
    tile->rows = (int)between(rng, 1, table->f32_rows);
    tile->cols = (int)between(rng, 1, table->f32_cols);
    tile->taps = (size_t)between(rng, 1, TAPS);
    tile->k = (size_t)between(rng, 1, DEEP);
    size_t cols = (size_t)tile->cols, width = (size_t)table->f32_cols;
    t->row_count = tile->taps * (size_t)tile->rows * tile->k;
    t->rows = guarded(rng, t->row_count);
    for (size_t i = 0; i < tile->taps * ROWS; i++) {
        t->a[i] = NULL; // what must not be read
    }
    for (size_t i = 0; i < tile->taps * (size_t)tile->rows; i++) {
        size_t at = i / (size_t)tile->rows * (size_t)table->f32_rows + i % (size_t)tile->rows;
        t->a[at] = t->rows + i * tile->k;
    }
    t->b = aligned_block(tile->taps * tile->k * width * sizeof(float));
    for (size_t i = 0; i < tile->taps * tile->k * width; i++) {
        t->b[i] = i % width < cols ? (float)mopt__rng_normal(rng) : 0;
    }
    tile->ldc = cols + (size_t)between(rng, 0, 3);
    tile->residual_ld = cols + (size_t)between(rng, 0, 3);
    t->c_count = ((size_t)tile->rows - 1) * tile->ldc + cols;
    t->residual_count = ((size_t)tile->rows - 1) * tile->residual_ld + cols;
    t->c = guarded(rng, t->c_count);
    t->before = guarded(rng, t->c_count);
    memcpy(t->before, t->c, t->c_count * sizeof(float));
    t->bias = guarded(rng, cols);
    enlarge(rng, t->bias, cols);
    t->residual = guarded(rng, t->residual_count);
    tile->a = t->a;
    tile->b = t->b;
    tile->c = t->c;
    tile->accumulate = mopt__rng_below(rng, 3) == 0;
    tile->near = mopt__rng_below(rng, 2) == 0;
    tile->bias = mopt__rng_below(rng, 2) ? t->bias : NULL;
    tile->residual = mopt__rng_below(rng, 2) ? t->residual : NULL;
    if (mopt__rng_below(rng, 2)) {
        tile->low = -1;
        tile->high = 2.5F;
    }
}

static void free_tile(struct tile_case *t)
{
    release(t->rows, t->row_count);
    release(t->c, t->c_count);
    release(t->before, t->c_count);
    release(t->bias, (size_t)t->tile.cols);
    release(t->residual, t->residual_count);
    free(t->b);
}

// The products, and what is added behind them.
static struct exact tile_sum(const struct mopt_kernels *table, const struct tile_case *t, size_t i,
                             size_t j, struct exact *behind)
{
    const struct mopt_tile_f32 *tile = &t->tile;
    struct exact e = {0};
    if (tile->accumulate) {
        exact_add(&e, (double)t->before[i * tile->ldc + j]);
    }
    for (size_t tap = 0; tap < tile->taps; tap++) {
        const float *row = tile->a[tap * (size_t)table->f32_rows + i];
        for (size_t p = 0; p < tile->k; p++) {
            size_t at = (tap * tile->k + p) * (size_t)table->f32_cols + j;
            exact_add(&e, (double)row[p] * (double)tile->b[at]);
        }
    }
    exact_add(behind, tile->bias ? (double)tile->bias[j] : 0);
    exact_add(behind, tile->residual ? (double)tile->residual[i * tile->residual_ld + j] : 0);
    return e;
}

static void check_tile(const struct mopt_kernels *table, const struct tile_case *t)
{
    const struct mopt_tile_f32 *tile = &t->tile;
    for (size_t at = 0; at < t->c_count; at++) {
        size_t i = at / tile->ldc, j = at % tile->ldc;
        if (j >= (size_t)tile->cols) {
            assert_true(t->c[at] == t->before[at]); // between the rows
            continue;
        }
        struct exact behind = {0};
        struct exact e = tile_sum(table, t, i, j, &behind);
        double sum = e.sum + behind.sum;
        near((double)t->c[at], clamp_double(sum, (double)tile->low, (double)tile->high),
             exact_bound_behind(&e, &behind));
    }
}

static void test_tiles(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 21);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 600; round++) {
            struct tile_case t;
            make_tile(&rng, &table, &t);
            table.tile_f32(&t.tile);
            check_tile(&table, &t);
            free_tile(&t);
        }
    }
}

// A stack of tiles gives the bytes of its tiles one by one, wherever their rows begin.
static void stack_case(struct mopt_rng *rng, const struct mopt_kernels *table)
{
    enum { MOST = 4, OFFSET = 3 };
    struct tile_case t;
    make_tile(rng, table, &t);
    struct mopt_tile_f32 *tile = &t.tile;
    size_t rows = (size_t)tile->rows, count = (size_t)between(rng, 1, MOST);
    size_t step = tile->taps * (size_t)table->f32_rows + (size_t)between(rng, 0, 2);
    const float *a[MOST * (TAPS * ROWS + 2)] = {NULL};
    size_t pointers = count * tile->taps * rows, deep = tile->k + OFFSET;
    size_t c_count = (count * rows - 1) * tile->ldc + (size_t)tile->cols;
    size_t residual_count = (count * rows - 1) * tile->residual_ld + (size_t)tile->cols;
    float *data = guarded(rng, pointers * deep), *residual = guarded(rng, residual_count);
    float *got = guarded(rng, c_count), *want = guarded(rng, c_count);
    memcpy(want, got, c_count * sizeof *got);
    for (size_t i = 0; i < pointers; i++) {
        size_t tap = i / rows % tile->taps;
        a[i / rows / tile->taps * step + tap * (size_t)table->f32_rows + i % rows] =
            data + i * deep;
    }
    tile->residual = tile->residual ? residual : NULL;
    tile->a = a;
    tile->a_step = step;
    tile->offset = OFFSET;
    tile->ahead = mopt__rng_below(rng, 2) ? tile->b : NULL;
    tile->ahead_end = (const char *)tile->ahead + mopt__rng_below(rng, 2 * deep * MOPT_TILE_AHEAD);
    struct mopt_tile_f32 one = *tile;
    tile->c = got;
    tile->more = (int)count - 1;
    table->tile_f32(tile);
    for (size_t i = 0; i < count; i++) {
        one.a = a + i * step;
        one.c = want + i * rows * one.ldc;
        one.residual = tile->residual ? residual + i * rows * one.residual_ld : NULL;
        table->tile_f32(&one);
    }
    assert_memory_equal(got, want, c_count * sizeof *got);
    release(data, pointers * deep);
    release(residual, residual_count);
    release(got, c_count);
    release(want, c_count);
    free_tile(&t);
}

static void test_stacks(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 26);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 400; round++) {
            stack_case(&rng, &table);
        }
    }
}

// One row in panels gives the bytes of the tile.
static void test_rows(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 22);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 200; round++) {
            size_t k = (size_t)between(&rng, 1, 90), n = (size_t)between(&rng, 1, 300);
            size_t width = (size_t)table.f32_cols;
            float *a = guarded(&rng, k), *b = guarded(&rng, k * n), *bias = guarded(&rng, n);
            float *got = guarded(&rng, n), *want = guarded(&rng, n);
            memcpy(want, got, n * sizeof *got);
            float *packed = aligned_block(mopt__packed_f32_count(&table, k, n) * sizeof(float));
            mopt__pack_f32(&table, k, n, b, n, 1, packed);
            const float *row[1] = {a};
            struct mopt_tile_f32 tile = {.a = row, .taps = 1, .k = k, .b = packed, .c = got};
            tile.bias = mopt__rng_below(&rng, 2) ? bias : NULL;
            tile.residual = mopt__rng_below(&rng, 2) ? bias : NULL;
            tile.accumulate = mopt__rng_below(&rng, 3) == 0;
            tile.low = mopt__rng_below(&rng, 2) ? -0.5F : -INFINITY;
            tile.high = INFINITY;
            tile.rows = 1;
            table.row_f32(&tile, n);
            for (size_t j = 0; j < n; j += width) {
                struct mopt_tile_f32 part = tile;
                part.c = want + j;
                part.b = packed + j * k;
                part.bias = tile.bias ? bias + j : NULL;
                part.residual = tile.residual ? bias + j : NULL;
                part.cols = (int)(n - j < width ? n - j : width);
                table.tile_f32(&part);
            }
            assert_memory_equal(got, want, n * sizeof *got);
            release(a, k);
            release(b, k * n);
            release(bias, n);
            release(got, n);
            release(want, n);
            free(packed);
        }
    }
}

// Every instruction set with fused multiply-add gives the same bytes.
static void test_levels_agree(void **state)
{
    (void)state;
    if (mopt__cpu_isa() < MOPT_ISA_AVX512) {
        skip();
    }
    enum { M = 12, N = 32, K = 100 };
    struct mopt_rng rng;
    mopt__rng_init(&rng, 23);
    float *a = guarded(&rng, M * K), *b = guarded(&rng, K * N);
    float *c[2] = {guarded(&rng, M * N), guarded(&rng, M * N)};
    for (int i = 0; i < 2; i++) {
        struct mopt_kernels table;
        mopt__kernels_select(i ? MOPT_ISA_AVX512 : MOPT_ISA_AVX2, &table);
        float *packed = aligned_block(mopt__packed_f32_count(&table, K, N) * sizeof(float));
        mopt__pack_f32(&table, K, N, b, N, 1, packed);
        struct mopt_gemm_f32 gemm = {
            .m = M, .n = N, .k = K, .a = a, .lda = K, .b = packed, .c = c[i], .ldc = N};
        mopt__gemm_f32(&table, &gemm, NULL);
        free(packed);
    }
    assert_memory_equal(c[0], c[1], M * N * sizeof(float));
    release(a, M * K);
    release(b, K * N);
    release(c[0], M * N);
    release(c[1], M * N);
}

// NaN stays where it belongs: in its row, clamped or not; -infinity becomes an infinity or a bound.
static void check_row(const struct tile_case *t, size_t i, bool bad, bool infinite)
{
    bool bounded = t->tile.low > -INFINITY;
    for (size_t j = 0; j < (size_t)t->tile.cols; j++) {
        float x = t->c[i * t->tile.ldc + j];
        if (!bad) {
            assert_true(isfinite(x));
        } else if (!infinite) {
            assert_true(isnan(x));
        } else {
            assert_true(bounded ? x == -1 || x == 2.5F : isinf(x));
        }
    }
}

static void test_not_a_number(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 24);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 100; round++) {
            struct tile_case t;
            make_tile(&rng, &table, &t);
            t.tile.accumulate = false;
            size_t row = mopt__rng_below(&rng, (uint64_t)t.tile.rows);
            bool infinite = mopt__rng_below(&rng, 2) == 0;
            t.rows[row * t.tile.k + mopt__rng_below(&rng, t.tile.k)] = infinite ? -INFINITY : NAN;
            table.tile_f32(&t.tile);
            for (size_t i = 0; i < (size_t)t.tile.rows; i++) {
                check_row(&t, i, i == row, infinite);
            }
            free_tile(&t);
        }
    }
}

static float depthwise_x(const struct mopt_depthwise_f32 *work, size_t i, size_t t, size_t c)
{
    ptrdiff_t column =
        work->first + (ptrdiff_t)(i * work->stride) + (ptrdiff_t)(t % work->cols * work->dilation);
    bool inside = column >= 0 && column < (ptrdiff_t)work->width;
    return inside ? work->x[t / work->cols * work->line + (size_t)column * work->ldx + c] : 0;
}

static struct exact depthwise_exact(const struct mopt_depthwise_f32 *work, size_t i, size_t c)
{
    struct exact e = {0};
    exact_add(&e, work->bias ? (double)work->bias[c] : 0);
    exact_add(&e, work->residual ? (double)work->residual[i * work->residual_ld + c] : 0);
    for (size_t t = 0; t < work->rows * work->cols; t++) {
        exact_add(&e, (double)depthwise_x(work, i, t, c) * (double)work->w[t * work->ldw + c]);
    }
    return e;
}

static void depthwise_case(struct mopt_rng *rng, const struct mopt_kernels *table)
{
    size_t channels = (size_t)between(rng, 1, mopt__rng_below(rng, 5) == 0 ? 100 : 40);
    size_t ldy = channels + (size_t)between(rng, 0, 5);
    size_t dilation = (size_t)between(rng, 1, 3), pixels = (size_t)between(rng, 1, 30);
    struct mopt_depthwise_f32 work = {
        .ldx = channels + (size_t)between(rng, 0, 5),
        .width = (size_t)between(rng, 1, 40),
        .first = (ptrdiff_t)between(rng, 0, 12) - 10,
        .stride = mopt__rng_below(rng, 3) ? dilation * (size_t)between(rng, 1, 2)
                                          : (size_t)between(rng, 1, 3),
        .dilation = dilation,
        .rows = (size_t)between(rng, 0, 3),
        .cols = (size_t)between(rng, 0, 11),
        .ldw = channels + (size_t)between(rng, 0, 5),
        .residual_ld = ldy,
        .ldy = ldy,
        .channels = channels,
        .pixels = pixels,
        .low = -1,
        .high = INFINITY,
    };
    work.line = work.width * work.ldx + (size_t)between(rng, 0, 9);
    // Nothing lies behind the last channel of the last column, tap, pixel.
    size_t in =
        work.rows > 0 ? (work.rows - 1) * work.line + (work.width - 1) * work.ldx + channels : 0;
    size_t taps = work.rows * work.cols, weights = taps > 0 ? (taps - 1) * work.ldw + channels : 0;
    size_t out = (pixels - 1) * ldy + channels;
    float *x = guarded(rng, in), *w = guarded(rng, weights), *bias = guarded(rng, channels);
    float *y = guarded(rng, out), *residual = guarded(rng, out), *before = guarded(rng, out);
    memcpy(before, y, out * sizeof *y);
    const float *places[MOPT_DEPTHWISE_PIXELS * 3 * 11];
    const float zero[100] = {0};
    work.table = places;
    work.zero = zero;
    work.x = x;
    work.w = w;
    work.y = y;
    work.bias = mopt__rng_below(rng, 2) ? bias : NULL;
    const float *const residuals[] = {NULL, residual, y};
    size_t kind = mopt__rng_below(rng, 3);
    work.residual = residuals[kind];
    table->depthwise_f32(&work);
    work.residual = kind == 2 ? before : work.residual;
    for (size_t at = 0; at < out; at++) {
        size_t i = at / ldy, c = at % ldy;
        if (c >= channels) {
            assert_true(y[at] == before[at]);
            continue;
        }
        struct exact e = depthwise_exact(&work, i, c);
        near((double)y[at], e.sum < -1 ? -1 : e.sum, exact_bound(&e));
    }
    release(x, in);
    release(w, weights);
    release(bias, channels);
    release(y, out);
    release(residual, out);
    release(before, out);
}

static void pooling_case(struct mopt_rng *rng, const struct mopt_kernels *table)
{
    size_t taps = (size_t)between(rng, 1, 20), channels = (size_t)between(rng, 1, 150);
    const float *x[20];
    float weights[20];
    float *data = guarded(rng, taps * channels);
    float *max = guarded(rng, channels), *average = guarded(rng, channels);
    float *weighted = guarded(rng, channels);
    for (size_t t = 0; t < taps; t++) {
        x[t] = data + t * channels;
        weights[t] = (float)mopt__rng_normal(rng);
    }
    size_t bad = mopt__rng_below(rng, channels);
    data[mopt__rng_below(rng, taps) * channels + bad] = NAN;
    struct mopt_window_f32 window = {
        .x = x, .y = max, .channels = channels, .taps = taps, .factor = 0.125F};
    table->max_f32(&window);
    window.y = average;
    table->average_f32(&window);
    window.y = weighted;
    window.weights = weights;
    table->average_f32(&window);
    for (size_t c = 0; c < channels; c++) {
        float most = x[0][c], sum = x[0][c];
        for (size_t t = 1; t < taps; t++) {
            most = x[t][c] > most ? x[t][c] : most;
            sum += x[t][c];
        }
        assert_true(c == bad ? isnan(max[c]) : max[c] == most);
        assert_true(c == bad ? isnan(average[c]) : average[c] == sum * 0.125F);
        struct exact e = {0};
        for (size_t t = 0; t < taps; t++) {
            exact_add(&e, (double)weights[t] * (double)x[t][c]);
        }
        if (c != bad) {
            near((double)weighted[c], e.sum * 0.125, exact_bound(&e));
        }
    }
    release(weighted, channels);
    release(data, taps * channels);
    release(max, channels);
    release(average, channels);
}

static void test_windows(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 25);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 300; round++) {
            depthwise_case(&rng, &table);
            pooling_case(&rng, &table);
        }
    }
}

int mopt__test_tile_f32(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiles),        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_levels_agree), cmocka_unit_test(test_not_a_number),
        cmocka_unit_test(test_windows),      cmocka_unit_test(test_stacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
