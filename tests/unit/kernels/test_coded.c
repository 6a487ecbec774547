// SPDX-License-Identifier: Apache-2.0
// Weights of few bits: packing out of any order, rows expanded from any place, and products of
// every level, which must give the very bytes that the same weights give as floats.
#include "floats.h"
#include "kernels/coded.h"
#include "tests.h"

// A matrix B[k, n] as a file holds it, and as floats.
struct matrix {
    size_t k, n;
    struct mopt_coded coded;
    struct mopt_coded_source source;
    uint8_t *codes, *zero;
    float *scale, *float_zero, *b; // b: [k][n]
};

enum zeros { ZEROS_NONE, ZEROS_CODES, ZEROS_FLOATS, ZEROS_KINDS };

static uint8_t *random_bytes(struct mopt_rng *rng, size_t count)
{
    uint8_t *bytes = malloc(count + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < count; i++) {
        bytes[i] = (uint8_t)mopt__rng_below(rng, 256);
    }
    return bytes;
}

static unsigned code_of(const struct matrix *m, const uint8_t *codes, size_t i)
{
    size_t bit = i * (size_t)m->coded.bits;
    unsigned code = (unsigned)codes[bit / 8] >> bit % 8 & ((1U << m->coded.bits) - 1);
    return code ^ m->source.flip;
}

static float weight(const struct matrix *m, size_t p, size_t j)
{
    const struct mopt_coded_source *s = &m->source;
    size_t block = p / m->coded.block;
    size_t scale = block * s->scale_row + j * s->scale_column;
    float zero = m->coded.zero;
    if (s->float_zero) {
        zero = s->float_zero[scale];
    } else if (s->zero) {
        zero = (float)code_of(m, s->zero, block * s->zero_row + j * s->zero_column);
    }
    unsigned code = code_of(m, s->codes, p * s->row_step + j * s->column_step);
    return ((float)code - zero) * s->scale[scale];
}

// Rows one after the other, or columns in whole blocks; or one scale for each column.
static void make_matrix(struct mopt_rng *rng, size_t k, size_t n, struct matrix *m)
{
    static const int bits[] = {2, 4, 8};
    *m = (struct matrix){.k = k, .n = n};
    m->coded.bits = bits[mopt__rng_below(rng, 3)];
    m->coded.block = (size_t)16 << mopt__rng_below(rng, 5);
    m->coded.zero = (float)(1 << (m->coded.bits - 1));
    size_t blocks = (k + m->coded.block - 1) / m->coded.block;
    bool columns = mopt__rng_below(rng, 2) == 0;
    enum zeros zeros = (enum zeros)mopt__rng_below(rng, ZEROS_KINDS);
    struct mopt_coded_source *s = &m->source;
    s->row_step = columns ? 1 : n;
    s->column_step = columns ? blocks * m->coded.block : 1;
    s->scale_row = columns ? 1 : n;
    s->scale_column = columns ? blocks : 1;
    s->zero_row = s->scale_row;
    s->zero_column = columns ? (blocks + 3) / 4 * 4 : 1; // whole bytes
    s->flip = (uint8_t)(mopt__rng_below(rng, 2) ? 1U << (m->coded.bits - 1) : 0);
    m->codes = random_bytes(rng, (blocks * m->coded.block * n * (size_t)m->coded.bits + 7) / 8);
    m->zero = random_bytes(rng, (blocks + 4) * n);
    m->scale = guarded(rng, blocks * n);
    m->float_zero = guarded(rng, blocks * n);
    s->codes = m->codes;
    s->scale = m->scale;
    s->zero = zeros == ZEROS_CODES ? m->zero : NULL;
    s->float_zero = zeros == ZEROS_FLOATS ? m->float_zero : NULL;
    m->coded.zeros = zeros != ZEROS_NONE;
    m->b = malloc(k * n * sizeof *m->b + 1);
    assert_non_null(m->b);
    for (size_t i = 0; i < k * n; i++) {
        m->b[i] = weight(m, i / n, i % n);
    }
}

static void free_matrix(struct matrix *m)
{
    size_t blocks = (m->k + m->coded.block - 1) / m->coded.block;
    release(m->scale, blocks * m->n);
    release(m->float_zero, blocks * m->n);
    free(m->codes);
    free(m->zero);
    free(m->b);
}

// Packed in two parts.
static void *packed(struct mopt_rng *rng, const struct mopt_kernels *table, const struct matrix *m)
{
    size_t bytes = mopt__coded_bytes(table, &m->coded, m->k, m->n);
    size_t cols = (size_t)table->f32_cols, panels = (m->n + cols - 1) / cols;
    assert_int_equal(bytes,
                     panels * mopt__coded_panel_bytes(&m->coded, m->k, cols) + MOPT_OVERREAD);
    unsigned char *block = aligned_block(bytes);
    memset(block, 0, bytes - MOPT_OVERREAD);
    size_t middle = (size_t)mopt__rng_below(rng, panels + 1);
    mopt__coded_pack(table, &m->coded, m->k, m->n, &m->source, middle, panels, block);
    mopt__coded_pack(table, &m->coded, m->k, m->n, &m->source, 0, middle, block);
    assert_int_equal(block[bytes - MOPT_OVERREAD], 0x55);
    return block;
}

// Any rows of any panel are the floats of the formula, and nothing else is written.
static void try_expand(struct mopt_rng *rng, const struct mopt_kernels *table)
{
    struct matrix m;
    make_matrix(rng, (size_t)between(rng, 1, 300), (size_t)between(rng, 1, 80), &m);
    char *block = packed(rng, table, &m);
    size_t cols = (size_t)table->f32_cols;
    size_t panel = (size_t)mopt__rng_below(rng, (m.n + cols - 1) / cols);
    size_t from = (size_t)mopt__rng_below(rng, (m.k + 15) / 16) * MOPT_CODED_STEP;
    size_t rows = (size_t)between(rng, 1, (int64_t)(m.k - from));
    float *y = guarded(rng, rows * cols);
    table->expand_coded(&m.coded, block + panel * mopt__coded_panel_bytes(&m.coded, m.k, cols),
                        from, rows, y);
    for (size_t i = 0; i < rows * cols; i++) {
        size_t j = panel * cols + i % cols;
        if (j < m.n) {
            assert_memory_equal(y + i, m.b + (from + i / cols) * m.n + j, sizeof *y);
        }
    }
    release(y, rows * cols);
    free(block);
    free_matrix(&m);
}

static void test_expand(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 71);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 300; round++) {
            try_expand(&rng, &table);
        }
    }
}

// One row times panels: the bytes of the same row times floats.
static void try_row(struct mopt_rng *rng, const struct mopt_kernels *table)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, 0x1p-149F, 0x1p127F};
    struct matrix m;
    make_matrix(rng, (size_t)between(rng, 1, 300), (size_t)between(rng, 1, 300), &m);
    float *a = guarded(rng, m.k), *bias = guarded(rng, m.n);
    float *got = guarded(rng, m.n), *want = guarded(rng, m.n);
    void *few = packed(rng, table, &m);
    float *wide = aligned_block(mopt__packed_bytes(table, MOPT_WEIGHTS_F32, m.k, m.n));
    memcpy(want, got, m.n * sizeof *got);
    mopt__pack_f32(table, m.k, m.n, m.b, m.n, 1, wide);
    if (mopt__rng_below(rng, 4) == 0) {
        a[mopt__rng_below(rng, m.k)] = odd[mopt__rng_below(rng, MOPT_COUNTOF(odd))];
    }
    const float *row[1] = {a};
    struct mopt_tile_f32 tile = {.a = row, .taps = 1, .k = m.k, .c = got, .rows = 1};
    tile.bias = mopt__rng_below(rng, 2) ? bias : NULL;
    tile.residual = mopt__rng_below(rng, 2) ? bias : NULL;
    tile.accumulate = mopt__rng_below(rng, 3) == 0;
    tile.low = mopt__rng_below(rng, 2) ? -0.5F : -INFINITY;
    tile.high = INFINITY;
    table->row_coded(&tile, &m.coded, few, m.n);
    tile.b = wide;
    tile.c = want;
    table->row_f32(&tile, m.n);
    assert_memory_equal(got, want, m.n * sizeof *got);
    release(a, m.k);
    release(bias, m.n);
    release(got, m.n);
    release(want, m.n);
    free(few);
    free(wide);
    free_matrix(&m);
}

static void test_rows(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 72);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 200; round++) {
            try_row(&rng, &table);
        }
    }
}

// Products with every epilogue, cut by rows and panels: the bytes of the product of floats.
static void try_product(struct mopt_rng *rng, const struct mopt_kernels *table,
                        struct mopt_pool *pool)
{
    struct matrix m;
    bool deep = mopt__rng_below(rng, 8) == 0, in_place = mopt__rng_below(rng, 3) == 0;
    size_t rows = (size_t)(mopt__rng_below(rng, 4) ? between(rng, 1, 60) : 1);
    make_matrix(rng, (size_t)(deep ? between(rng, 380, 1300) : between(rng, 1, 80)),
                (size_t)between(rng, 1, 120), &m);
    size_t ldc = m.n + (size_t)between(rng, 0, 3);
    float *a = guarded(rng, rows * m.k), *bias = guarded(rng, m.n);
    float *residual = guarded(rng, rows * ldc), *c[3];
    void *few = packed(rng, table, &m);
    float *wide = aligned_block(mopt__packed_bytes(table, MOPT_WEIGHTS_F32, m.k, m.n));
    mopt__pack_f32(table, m.k, m.n, m.b, m.n, 1, wide);
    struct mopt_finish finish = random_finish(rng, bias, residual, ldc);
    for (int i = 0; i < 3; i++) {
        c[i] = guarded(rng, rows * ldc);
        memcpy(c[i], residual, rows * ldc * sizeof(float));
        struct mopt_gemm_f32 gemm = {.m = rows,
                                     .n = m.n,
                                     .k = m.k,
                                     .a = a,
                                     .lda = m.k,
                                     .b = i > 0 ? few : wide,
                                     .weights = i > 0 ? MOPT_WEIGHTS_CODED : MOPT_WEIGHTS_F32,
                                     .coded = m.coded,
                                     .c = c[i],
                                     .ldc = ldc,
                                     .epilogue = finish};
        if (finish.residual && in_place) {
            gemm.epilogue.residual = c[i];
        }
        mopt__gemm_f32(table, &gemm, i == 2 ? pool : NULL);
        assert_memory_equal(c[i], c[0], rows * ldc * sizeof(float));
    }
    for (int i = 0; i < 3; i++) {
        release(c[i], rows * ldc);
    }
    release(a, rows * m.k);
    release(bias, m.n);
    release(residual, rows * ldc);
    free(few);
    free(wide);
    free_matrix(&m);
}

static void test_products(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pool *pool = NULL;
    assert_int_equal(mopt__pool_new(2, &pool, &err), MOPT_OK);
    struct mopt_rng rng;
    mopt__rng_init(&rng, 73);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 150; round++) {
            try_product(&rng, &table, pool);
        }
    }
    mopt__pool_free(pool);
}

// Every code of every number of bits stands for what it must, on all levels.
static void test_all_codes(void **state)
{
    (void)state;
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int bits = 2; bits <= 8; bits *= 2) {
            enum { CODES = 256 };
            uint8_t codes[CODES];
            float scale = 0.37F, zero = 1.3F, y[CODES * MOPT_TILE_COLS_MAX];
            size_t count = (size_t)1 << bits < 16 ? 16 : (size_t)1 << bits;
            struct mopt_coded coded = {.bits = bits, .block = count, .zeros = true};
            struct mopt_coded_source source = {.codes = codes,
                                               .row_step = 1,
                                               .scale = &scale,
                                               .float_zero = &zero};
            for (size_t i = 0; i < CODES; i++) {
                codes[i] = (uint8_t)(bits == 8 ? i : bits == 4 ? i % 8 * 34 + 16 : 0xe4);
            }
            void *block = aligned_block(mopt__coded_bytes(&table, &coded, count, 1));
            mopt__coded_pack(&table, &coded, count, 1, &source, 0, 1, block);
            table.expand_coded(&coded, block, 0, count, y);
            for (size_t i = 0; i < count; i++) {
                float difference = (float)(i % ((size_t)1 << bits)) - zero;
                assert_true(y[i * (size_t)table.f32_cols] == difference * scale);
            }
            free(block);
        }
    }
}

static void test_sizes(void **state)
{
    (void)state;
    struct mopt_kernels table;
    struct mopt_coded coded = {.bits = 4, .block = 32};
    mopt__kernels_select(MOPT_ISA_REF, &table);
    assert_int_equal(mopt__coded_bytes(&table, &coded, 33, 9),
                     2 * 2 * (1 + 4) * 8 * sizeof(float) + MOPT_OVERREAD);
    assert_int_equal(mopt__coded_bytes(&table, &coded, SIZE_MAX - 7, 1), 0);
    assert_int_equal(mopt__coded_bytes(&table, &coded, SIZE_MAX / 64, 4096), 0);
    coded.block = SIZE_MAX / 32 * 16;
    assert_int_equal(mopt__coded_bytes(&table, &coded, 1, 1), 0);
}

int mopt__test_coded(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expand),   cmocka_unit_test(test_rows),
        cmocka_unit_test(test_products), cmocka_unit_test(test_all_codes),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
