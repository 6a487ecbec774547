// SPDX-License-Identifier: Apache-2.0
// Prepacked products of every level against sums in double: shapes with tails, strides, epilogues,
// residuals in place; and the same bytes on one and two threads.
#include "floats.h"
#include "kernels/batch_gemm.h"
#include "tests.h"

struct product {
    size_t m, n, k, lda, ldc, residual_ld;
    float *a, *b, *c, *before, *bias, *residual, *packed;
    bool transposed, in_place;
    struct mopt_finish finish;
};

static size_t span(size_t rows, size_t ld, size_t columns)
{
    return rows ? (rows - 1) * ld + columns : 0;
}

static void make(struct mopt_rng *rng, const struct mopt_kernels *table, struct product *p)
{
    bool deep = mopt__rng_below(rng, 8) == 0;
    p->m = (size_t)(mopt__rng_below(rng, 4) ? between(rng, 0, 60) : between(rng, 1, 1));
    p->n = (size_t)between(rng, 0, 120);
    p->k = (size_t)(deep ? between(rng, 250, 800) : between(rng, 0, 80));
    p->lda = p->k + (size_t)between(rng, 0, 3);
    p->ldc = p->n + (size_t)between(rng, 0, 3);
    p->in_place = mopt__rng_below(rng, 3) == 0;
    p->transposed = mopt__rng_below(rng, 2) == 0;
    p->residual_ld = p->in_place ? p->ldc : p->n + 1;
    p->a = guarded(rng, span(p->m, p->lda, p->k));
    p->b = guarded(rng, p->k * p->n);
    p->c = guarded(rng, span(p->m, p->ldc, p->n));
    p->before = guarded(rng, span(p->m, p->ldc, p->n));
    memcpy(p->before, p->c, span(p->m, p->ldc, p->n) * sizeof(float));
    p->bias = guarded(rng, p->n);
    p->residual = guarded(rng, span(p->m, p->residual_ld, p->n));
    size_t count = mopt__packed_f32_count(table, p->k, p->n);
    assert_true(count >= p->k * p->n);
    p->packed = aligned_block(count * sizeof(float));
    mopt__pack_f32(table, p->k, p->n, p->b, p->transposed ? 1 : p->n, p->transposed ? p->k : 1,
                   p->packed);
    p->finish = random_finish(rng, p->bias, p->in_place ? p->c : p->residual, p->residual_ld);
}

static void run(const struct mopt_kernels *table, const struct product *p, struct mopt_pool *pool)
{
    struct mopt_gemm_f32 gemm = {.m = p->m,
                                 .n = p->n,
                                 .k = p->k,
                                 .a = p->a,
                                 .lda = p->lda,
                                 .b = p->packed,
                                 .c = p->c,
                                 .ldc = p->ldc,
                                 .epilogue = p->finish};
    mopt__gemm_f32(table, &gemm, pool);
}

static void check(const struct product *p)
{
    for (size_t at = 0; at < span(p->m, p->ldc, p->n); at++) {
        size_t i = at / p->ldc, j = at % p->ldc;
        if (j >= p->n) {
            assert_true(p->c[at] == p->before[at]);
            continue;
        }
        struct exact e = {0};
        for (size_t q = 0; q < p->k; q++) {
            size_t b = p->transposed ? j * p->k + q : q * p->n + j;
            exact_add(&e, (double)p->a[i * p->lda + q] * (double)p->b[b]);
        }
        double r = 0;
        if (p->finish.residual) {
            r = (double)(p->in_place ? p->before[at] : p->residual[i * p->residual_ld + j]);
        }
        double want = finish_double(&p->finish, &e, j, r);
        near((double)p->c[at], want, exact_bound(&e));
    }
}

static void free_product(struct product *p)
{
    release(p->a, span(p->m, p->lda, p->k));
    release(p->b, p->k * p->n);
    release(p->c, span(p->m, p->ldc, p->n));
    release(p->before, span(p->m, p->ldc, p->n));
    release(p->bias, p->n);
    release(p->residual, span(p->m, p->residual_ld, p->n));
    free(p->packed);
}

static void test_products(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 31);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 300; round++) {
            struct product p;
            make(&rng, &table, &p);
            run(&table, &p, NULL);
            check(&p);
            free_product(&p);
        }
    }
}

// Large enough to be cut; both ways of cutting.
static void test_threads(void **state)
{
    (void)state;
    static const size_t shapes[][3] = {{300, 40, 60},
                                       {30, 700, 90},
                                       {1, 900, 300},
                                       {100, 100, 600}};
    struct mopt_error err;
    struct mopt_pool *pool = NULL;
    assert_int_equal(mopt__pool_new(2, &pool, &err), MOPT_OK);
    struct mopt_rng rng;
    mopt__rng_init(&rng, 32);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (size_t s = 0; s < MOPT_COUNTOF(shapes); s++) {
            struct product p = {.m = shapes[s][0], .n = shapes[s][1], .k = shapes[s][2]};
            size_t count = p.m * p.n;
            p.lda = p.k;
            p.ldc = p.n;
            p.a = guarded(&rng, p.m * p.k);
            p.b = guarded(&rng, p.k * p.n);
            float *one = guarded(&rng, count), *two = guarded(&rng, count);
            p.packed = aligned_block(mopt__packed_f32_count(&table, p.k, p.n) * sizeof(float));
            mopt__pack_f32(&table, p.k, p.n, p.b, p.n, 1, p.packed);
            p.c = one;
            run(&table, &p, NULL);
            p.c = two;
            run(&table, &p, pool);
            assert_memory_equal(one, two, count * sizeof(float));
            release(p.a, p.m * p.k);
            release(p.b, p.k * p.n);
            release(one, count);
            release(two, count);
            free(p.packed);
        }
    }
    mopt__pool_free(pool);
}

// A row gives the same bytes whatever rows it is computed with.
static void test_cut_changes_nothing(void **state)
{
    (void)state;
    enum { M = 37, N = 70, K = 300 };
    struct mopt_rng rng;
    mopt__rng_init(&rng, 33);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        float *a = guarded(&rng, M * K), *b = guarded(&rng, K * N);
        float *all = guarded(&rng, M * N), *some = guarded(&rng, M * N);
        float *packed = aligned_block(mopt__packed_f32_count(&table, K, N) * sizeof(float));
        mopt__pack_f32(&table, K, N, b, N, 1, packed);
        struct product p = {.n = N, .k = K, .lda = K, .ldc = N, .packed = packed};
        p.m = M;
        p.a = a;
        p.c = all;
        run(&table, &p, NULL);
        for (size_t from = 0; from < M; from += p.m) {
            p.m = 1 + mopt__rng_below(&rng, M - from);
            p.a = a + from * K;
            p.c = some + from * N;
            run(&table, &p, NULL);
        }
        assert_memory_equal(all, some, M * N * sizeof(float));
        release(a, M * K);
        release(b, K * N);
        release(all, M * N);
        release(some, M * N);
        free(packed);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    struct mopt_kernels table;
    mopt__kernels_select(MOPT_ISA_REF, &table);
    assert_int_equal(mopt__packed_f32_count(&table, SIZE_MAX / 16, 16), 0);
    assert_int_equal(mopt__packed_f32_count(&table, 1, SIZE_MAX - 1), 0);
    assert_true(mopt__packed_f32_count(&table, 3, 9) >= 3 * 16);
}

// Products of computed matrices: any batch, right operands by rows or columns, shared or not; the
// same bytes on three threads.
static void check_batch(const struct mopt_batch_gemm_f32 *g, const float *c)
{
    for (size_t at = 0; at < g->batch * g->m * g->n; at++) {
        size_t item = at / (g->m * g->n), i = at / g->n % g->m, j = at % g->n;
        struct exact e = {0};
        for (size_t q = 0; q < g->k; q++) {
            exact_add(&e, (double)g->a[g->a_at[item] + i * g->lda + q] *
                              (double)g->b[g->b_at[item] + q * g->b_row + j * g->b_column]);
        }
        near((double)c[at], e.sum, exact_bound(&e));
    }
}

static void try_batch(struct mopt_rng *rng, const struct mopt_kernels *table,
                      struct mopt_pool *pool)
{
    enum { MOST = 7 };
    size_t a_at[MOST], b_at[MOST];
    bool large = mopt__rng_below(rng, 4) == 0, transposed = mopt__rng_below(rng, 2) == 0;
    struct mopt_batch_gemm_f32 g = {.batch = (size_t)between(rng, 1, MOST),
                                    .m = (size_t)between(rng, 1, large ? 70 : 20),
                                    .n = (size_t)between(rng, 1, large ? 150 : 40),
                                    .k = (size_t)between(rng, 1, large ? 90 : 20),
                                    .a_at = a_at,
                                    .b_at = b_at};
    bool shared = mopt__rng_below(rng, 3) == 0;
    g.lda = g.k + (size_t)between(rng, 0, 3);
    g.b_row = transposed ? 1 : g.n;
    g.b_column = transposed ? g.k : 1;
    size_t a_each = g.m * g.lda, b_each = g.k * g.n, count = g.batch * g.m * g.n;
    for (size_t i = 0; i < g.batch; i++) {
        a_at[i] = (g.batch - 1 - i) * a_each;
        b_at[i] = shared ? 0 : i * b_each;
    }
    float *a = guarded(rng, g.batch * a_each), *b = guarded(rng, g.batch * b_each);
    float *one = guarded(rng, count), *three = guarded(rng, count);
    void *scratch = aligned_block(mopt__batch_gemm_f32_scratch(table, &g, 3));
    g.a = a;
    g.b = b;
    g.c = one;
    mopt__batch_gemm_f32(table, &g, scratch, NULL);
    g.c = three;
    mopt__batch_gemm_f32(table, &g, scratch, pool);
    check_batch(&g, one);
    assert_memory_equal(one, three, count * sizeof(float));
    release(a, g.batch * a_each);
    release(b, g.batch * b_each);
    release(one, count);
    release(three, count);
    free(scratch);
}

static void test_batches(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pool *pool = NULL;
    assert_int_equal(mopt__pool_new(3, &pool, &err), MOPT_OK);
    struct mopt_rng rng;
    mopt__rng_init(&rng, 33);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 60; round++) {
            try_batch(&rng, &table, pool);
        }
    }
    mopt__pool_free(pool);
}

int mopt__test_product(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_cut_changes_nothing),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
