// SPDX-License-Identifier: Apache-2.0
// Weights of 16 bits: what is exact in which form, rounding, and tiles, rows and products of every
// level, which must give the very bytes that the widened weights give as floats.
#include <float.h>

#include "floats.h"
#include "kernels/slots.h"
#include "kernels/weights.h"
#include "tests.h"

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static enum mopt_weights exact_one(float x)
{
    return mopt__weights_exact(&x, 1);
}

static uint16_t narrowed(enum mopt_weights weights, float x)
{
    uint16_t bits;
    if (weights == MOPT_WEIGHTS_BF16) {
        mopt__f32_to_bfloat_ref(&x, &bits, 1);
    } else {
        mopt__f32_to_half_ref(&x, &bits, 1);
    }
    return bits;
}

static float widened(enum mopt_weights weights, uint16_t bits)
{
    float x;
    if (weights == MOPT_WEIGHTS_BF16) {
        mopt__bfloat_to_f32_ref(&bits, &x, 1);
    } else {
        mopt__half_to_f32_ref(&bits, &x, 1);
    }
    return x;
}

// Every pattern of both forms is exact, but NaN of binary16.
static void test_all_patterns(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x10000; i++) {
        float bf16 = float_of(i << 16), f16 = widened(MOPT_WEIGHTS_F16, (uint16_t)i);
        assert_int_equal(exact_one(bf16), MOPT_WEIGHTS_BF16);
        bool both = (bits_of(f16) & 0xffff) == 0;
        if (both || !isnan(f16)) {
            assert_int_equal(exact_one(f16), both ? MOPT_WEIGHTS_BF16 : MOPT_WEIGHTS_F16);
        } else {
            assert_int_equal(exact_one(f16), MOPT_WEIGHTS_F32);
        }
    }
}

static void test_exact(void **state)
{
    (void)state;
    static const struct {
        float x;
        enum mopt_weights weights;
    } cases[] = {
        {0x1p-24F, MOPT_WEIGHTS_BF16},      {0x1.8p-24F, MOPT_WEIGHTS_BF16},
        {0x1.004p-14F, MOPT_WEIGHTS_F16},   {0x1.002p-14F, MOPT_WEIGHTS_F32},
        {0x1.ff8p-15F, MOPT_WEIGHTS_F16},   {0x1.ffep-15F, MOPT_WEIGHTS_F32},
        {65504.0F, MOPT_WEIGHTS_F16},       {65520.0F, MOPT_WEIGHTS_F32},
        {131008.0F, MOPT_WEIGHTS_F32},      {0.1F, MOPT_WEIGHTS_F32},
        {0x1.0000fep10F, MOPT_WEIGHTS_F32}, {INFINITY, MOPT_WEIGHTS_BF16},
    };
    float many[200] = {0};
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        assert_int_equal(exact_one(cases[i].x), cases[i].weights);
        assert_int_equal(exact_one(-cases[i].x), cases[i].weights);
        for (size_t at = 0; at < MOPT_COUNTOF(many); at += 33) {
            many[at] = cases[i].x;
            assert_int_equal(mopt__weights_exact(many, MOPT_COUNTOF(many)), cases[i].weights);
            many[at] = 0;
        }
    }
    assert_int_equal(exact_one(float_of(0x7fc02000)), MOPT_WEIGHTS_F32);
    assert_int_equal(mopt__weights_exact(many, 0), MOPT_WEIGHTS_BF16);
    many[5] = 0x1p100F; // only in bfloat16
    many[6] = 1001;     // only in binary16
    assert_int_equal(mopt__weights_exact(many, MOPT_COUNTOF(many)), MOPT_WEIGHTS_F32);
}

// ---- Tiles and rows -------------------------------------------------------------------------------

// A weight that the form holds as it is; seldom something odd.
static float weight(struct mopt_rng *rng, enum mopt_weights weights)
{
    float x = (float)mopt__rng_normal(rng);
    if (weights == MOPT_WEIGHTS_BF16) {
        return widened(weights, narrowed(weights, x));
    }
    bool small = mopt__rng_below(rng, 50) == 0;
    return (float)(int)(x * 256) * (small ? 0x1p-24F : 0x1p-8F);
}

enum { ROWS = MOPT_TILE_ROWS_MAX, DEEP = 70, TAPS = 3 };

struct tile_case {
    const float *a[TAPS * ROWS];
    float *rows, *b, *wide, *c[2], *bias, *residual;
    uint16_t *b16;
    size_t row_count, panel, c_count;
    struct mopt_tile_f32 tile;
};

static void make_panel(struct mopt_rng *rng, size_t width, struct tile_case *t)
{
    t->b = aligned_block(t->panel * sizeof(float));
    t->b16 = aligned_block(t->panel * sizeof(uint16_t));
    t->wide = aligned_block(t->panel * sizeof(float));
    for (size_t i = 0; i < t->panel; i++) {
        size_t column = mopt__weights_column(t->tile.weights, width, i % width);
        t->b[i] = weight(rng, t->tile.weights);
        t->b16[i / width * width + column] = narrowed(t->tile.weights, t->b[i]);
    }
}

static void make_tile(struct mopt_rng *rng, const struct mopt_kernels *table, struct tile_case *t)
{
    struct mopt_tile_f32 *tile = &t->tile;
    *tile = (struct mopt_tile_f32){.low = -INFINITY, .high = INFINITY, .a = t->a};
    tile->rows = (int)between(rng, 1, table->f32_rows);
    tile->cols = (int)between(rng, 1, table->f32_cols);
    tile->taps = (size_t)between(rng, 1, TAPS);
    tile->k = (size_t)between(rng, 1, DEEP);
    tile->weights = mopt__rng_below(rng, 2) ? MOPT_WEIGHTS_BF16 : MOPT_WEIGHTS_F16;
    size_t rows = (size_t)tile->rows, width = (size_t)table->f32_cols;
    t->row_count = tile->taps * rows * tile->k;
    t->rows = guarded(rng, t->row_count);
    memset(t->a, 0, sizeof t->a); // what must not be read
    for (size_t i = 0; i < tile->taps * rows; i++) {
        t->a[i / rows * (size_t)table->f32_rows + i % rows] = t->rows + i * tile->k;
    }
    t->panel = tile->taps * tile->k * width;
    make_panel(rng, width, t);
    tile->ldc = (size_t)tile->cols + (size_t)between(rng, 0, 3);
    t->c_count = (rows - 1) * tile->ldc + (size_t)tile->cols;
    t->c[0] = guarded(rng, t->c_count);
    t->c[1] = guarded(rng, t->c_count);
    memcpy(t->c[1], t->c[0], t->c_count * sizeof(float));
    t->bias = guarded(rng, (size_t)tile->cols);
    t->residual = guarded(rng, t->c_count);
    tile->residual_ld = tile->ldc;
    tile->accumulate = mopt__rng_below(rng, 3) == 0;
    tile->bias = mopt__rng_below(rng, 2) ? t->bias : NULL;
    tile->residual = mopt__rng_below(rng, 2) ? t->residual : NULL;
    if (mopt__rng_below(rng, 2)) {
        tile->low = -1;
        tile->high = 2.5F;
    }
    if (mopt__rng_below(rng, 4) == 0) {
        static const float odd[] = {NAN, INFINITY, -INFINITY, 0x1p-149F, 0x1p127F};
        t->rows[mopt__rng_below(rng, t->row_count)] = odd[mopt__rng_below(rng, MOPT_COUNTOF(odd))];
    }
}

static void free_tile(struct tile_case *t)
{
    release(t->rows, t->row_count);
    release(t->c[0], t->c_count);
    release(t->c[1], t->c_count);
    release(t->bias, (size_t)t->tile.cols);
    release(t->residual, t->c_count);
    free(t->b);
    free(t->b16);
    free(t->wide);
}

static void test_tiles(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 41);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 800; round++) {
            struct tile_case t;
            make_tile(&rng, &table, &t);
            bool keep = mopt__rng_below(&rng, 2) == 0;
            t.tile.b16 = t.b16;
            t.tile.wide = keep ? t.wide : NULL;
            t.tile.c = t.c[0];
            table.tile_16(&t.tile);
            t.tile.b = t.b;
            t.tile.c = t.c[1];
            table.tile_f32(&t.tile);
            assert_memory_equal(t.c[0], t.c[1], t.c_count * sizeof(float));
            if (keep) {
                assert_memory_equal(t.wide, t.b, t.panel * sizeof(float));
            }
            uint32_t behind;
            memcpy(&behind, t.wide + t.panel, sizeof behind);
            assert_int_equal(behind, 0x55555555);
            free_tile(&t);
        }
    }
}

static void try_row(struct mopt_rng *rng, const struct mopt_kernels *table,
                    enum mopt_weights weights)
{
    size_t k = (size_t)between(rng, 1, 90), n = (size_t)between(rng, 1, 300);
    float *a = guarded(rng, k), *b = guarded(rng, k * n), *bias = guarded(rng, n);
    float *got = guarded(rng, n), *want = guarded(rng, n);
    for (size_t i = 0; i < k * n; i++) {
        b[i] = weight(rng, weights);
    }
    memcpy(want, got, n * sizeof *got);
    float *wide = aligned_block(mopt__packed_bytes(table, MOPT_WEIGHTS_F32, k, n));
    uint16_t *narrow = aligned_block(mopt__packed_bytes(table, weights, k, n));
    mopt__pack_f32(table, k, n, b, n, 1, wide);
    mopt__pack_weights(table, weights, k, n, b, n, 1, narrow);
    const float *row[1] = {a};
    struct mopt_tile_f32 tile = {.a = row, .taps = 1, .k = k, .c = got, .rows = 1};
    tile.weights = weights;
    tile.b16 = narrow;
    tile.bias = mopt__rng_below(rng, 2) ? bias : NULL;
    tile.residual = mopt__rng_below(rng, 2) ? bias : NULL;
    tile.accumulate = mopt__rng_below(rng, 3) == 0;
    tile.low = mopt__rng_below(rng, 2) ? -0.5F : -INFINITY;
    tile.high = INFINITY;
    table->row_16(&tile, n);
    tile.b = wide;
    tile.c = want;
    table->row_f32(&tile, n);
    assert_memory_equal(got, want, n * sizeof *got);
    release(a, k);
    release(b, k * n);
    release(bias, n);
    release(got, n);
    release(want, n);
    free(wide);
    free(narrow);
}

static void test_rows(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 42);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 200; round++) {
            try_row(&rng, &table, round % 2 ? MOPT_WEIGHTS_BF16 : MOPT_WEIGHTS_F16);
        }
    }
}

// ---- Products and convolutions ----------------------------------------------------------------------

struct product {
    size_t m, n, k, ldc;
    float *a, *b, *c[3], *bias, *residual;
    bool transposed, in_place;
    enum mopt_weights weights;
};

static void make_product(struct mopt_rng *rng, struct product *p)
{
    bool deep = mopt__rng_below(rng, 8) == 0;
    p->m = (size_t)(mopt__rng_below(rng, 4) ? between(rng, 1, 60) : 1);
    p->n = (size_t)between(rng, 1, 120);
    p->k = (size_t)(deep ? between(rng, 250, 900) : between(rng, 0, 80));
    p->ldc = p->n + (size_t)between(rng, 0, 3);
    p->transposed = mopt__rng_below(rng, 2) == 0;
    p->in_place = mopt__rng_below(rng, 3) == 0;
    p->weights = mopt__rng_below(rng, 2) ? MOPT_WEIGHTS_BF16 : MOPT_WEIGHTS_F16;
    p->a = guarded(rng, p->m * p->k);
    p->b = guarded(rng, p->k * p->n);
    for (size_t i = 0; i < p->k * p->n; i++) {
        p->b[i] = weight(rng, p->weights);
    }
    p->bias = guarded(rng, p->n);
    p->residual = guarded(rng, p->m * p->ldc);
    for (int i = 0; i < 3; i++) {
        p->c[i] = guarded(rng, p->m * p->ldc);
        memcpy(p->c[i], p->c[0], p->m * p->ldc * sizeof(float));
    }
}

static void run_product(const struct mopt_kernels *table, const struct product *p,
                        enum mopt_weights weights, struct mopt_finish finish, float *c,
                        struct mopt_pool *pool)
{
    size_t bytes = mopt__packed_bytes(table, weights, p->k, p->n);
    unsigned char *packed = aligned_block(bytes);
    mopt__pack_weights(table, weights, p->k, p->n, p->b, p->transposed ? 1 : p->n,
                       p->transposed ? p->k : 1, packed);
    assert_int_equal(packed[bytes], 0x55);
    finish.residual = finish.residual && p->in_place ? c : finish.residual;
    struct mopt_gemm_f32 gemm = {.m = p->m,
                                 .n = p->n,
                                 .k = p->k,
                                 .a = p->a,
                                 .lda = p->k,
                                 .b = packed,
                                 .weights = weights,
                                 .c = c,
                                 .ldc = p->ldc,
                                 .epilogue = finish};
    mopt__gemm_f32(table, &gemm, pool);
    free(packed);
}

static void free_product(struct product *p)
{
    release(p->a, p->m * p->k);
    release(p->b, p->k * p->n);
    release(p->bias, p->n);
    release(p->residual, p->m * p->ldc);
    for (int i = 0; i < 3; i++) {
        release(p->c[i], p->m * p->ldc);
    }
}

static void test_products(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pool *pool = NULL;
    assert_int_equal(mopt__pool_new(2, &pool, &err), MOPT_OK);
    struct mopt_rng rng;
    mopt__rng_init(&rng, 43);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 200; round++) {
            struct product p;
            make_product(&rng, &p);
            struct mopt_finish finish = random_finish(&rng, p.bias, p.residual, p.ldc);
            run_product(&table, &p, MOPT_WEIGHTS_F32, finish, p.c[0], NULL);
            run_product(&table, &p, p.weights, finish, p.c[1], NULL);
            run_product(&table, &p, p.weights, finish, p.c[2], pool);
            assert_memory_equal(p.c[0], p.c[1], p.m * p.ldc * sizeof(float));
            assert_memory_equal(p.c[0], p.c[2], p.m * p.ldc * sizeof(float));
            free_product(&p);
        }
    }
    mopt__pool_free(pool);
}

// Weights that are rounded: the product of the rounded ones, in every form of packing.
static void test_rounded(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 44);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 40; round++) {
            struct product p;
            make_product(&rng, &p);
            for (size_t i = 0; i < p.k * p.n; i++) {
                p.b[i] = (float)mopt__rng_normal(&rng);
            }
            struct mopt_finish none = {.act = {.kind = MOPT_ACT_NONE}};
            run_product(&table, &p, MOPT_WEIGHTS_BF16, none, p.c[0], NULL);
            for (size_t i = 0; i < p.k * p.n; i++) {
                p.b[i] = widened(MOPT_WEIGHTS_BF16, narrowed(MOPT_WEIGHTS_BF16, p.b[i]));
            }
            run_product(&table, &p, MOPT_WEIGHTS_F32, none, p.c[1], NULL);
            assert_memory_equal(p.c[0], p.c[1], p.m * p.ldc * sizeof(float));
            free_product(&p);
        }
    }
}

// Finite floats stay finite, on every level and wherever they stand.
static void test_largest(void **state)
{
    (void)state;
    static const struct {
        uint32_t x;
        uint16_t y;
    } cases[] = {
        {0x7f7f0000, 0x7f7f}, {0x7f7f7fff, 0x7f7f}, {0x7f7f8000, 0x7f7f}, {0x7f7fffff, 0x7f7f},
        {0x7f7e8000, 0x7f7e}, {0x7f7e8001, 0x7f7f}, {0x7f800000, 0x7f80}, {0x7fc00000, 0x7fc0},
        {0x3f808000, 0x3f80}, {0x00000000, 0x0000}, {0x00018000, 0x0002},
    };
    enum { COUNT = MOPT_COUNTOF(cases), MOST = 4 * COUNT };
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (size_t n = 1; n <= MOST; n++) {
            float x[MOST];
            uint16_t y[MOST + 1];
            for (size_t i = 0; i < n; i++) {
                x[i] = float_of(cases[(n - i) % COUNT].x | (i % 2 ? 0x80000000U : 0));
            }
            y[n] = 0x5555;
            mopt__weights_round(&table, x, y, n);
            for (size_t i = 0; i < n; i++) {
                assert_int_equal(y[i], cases[(n - i) % COUNT].y | (i % 2 ? 0x8000 : 0));
            }
            assert_int_equal(y[n], 0x5555);
        }
    }
}

// Packed weights beyond the largest bfloat16, times 0 and times 2^-10.
static void test_largest_products(void **state)
{
    (void)state;
    enum { K = 5, N = 40 };
    struct mopt_kernels table;
    float a[K] = {0, 0x1p-10F, 0, 0, 0}, b[K * N], c[N];
    for (size_t i = 0; i < K * N; i++) {
        b[i] = i % 2 ? FLT_MAX : -FLT_MAX;
    }
    struct product p = {.m = 1, .n = N, .k = K, .ldc = N, .a = a, .b = b};
    struct mopt_finish none = {.act = {.kind = MOPT_ACT_NONE}};
    for (int level = 0; level_table(level, &table); level++) {
        run_product(&table, &p, MOPT_WEIGHTS_BF16, none, c, NULL);
        for (size_t j = 0; j < N; j++) {
            assert_true(c[j] == (j % 2 ? 0x1.fep117F : -0x1.fep117F));
        }
    }
}

static void test_sizes(void **state)
{
    (void)state;
    struct mopt_kernels table;
    mopt__kernels_select(MOPT_ISA_REF, &table);
    assert_int_equal(mopt__packed_bytes(&table, MOPT_WEIGHTS_BF16, SIZE_MAX / 16, 16), 0);
    assert_int_equal(mopt__packed_bytes(&table, MOPT_WEIGHTS_F32, 3, 9),
                     sizeof(float) * mopt__packed_f32_count(&table, 3, 9));
    assert_int_equal(mopt__packed_bytes(&table, MOPT_WEIGHTS_F16, 3, 9),
                     3 * 16 * sizeof(uint16_t) + MOPT_OVERREAD);
}

int mopt__test_weights(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_patterns), cmocka_unit_test(test_exact),
        cmocka_unit_test(test_tiles),        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_products),     cmocka_unit_test(test_rounded),
        cmocka_unit_test(test_largest),      cmocka_unit_test(test_largest_products),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
