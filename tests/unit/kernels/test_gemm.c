// SPDX-License-Identifier: Apache-2.0
// Matrix products against plain loops in double, integer products exactly.
#include "support.h"
#include "tests.h"

static void random_gemm(struct mopt_rng *rng, struct mopt_gemm *g)
{
    *g = (struct mopt_gemm){.trans_a = mopt__rng_below(rng, 2) != 0,
                            .trans_b = mopt__rng_below(rng, 2) != 0,
                            .m = between(rng, 0, 40),
                            .n = between(rng, 0, 40),
                            .k = between(rng, 0, 60),
                            .alpha = 0.5,
                            .beta = mopt__rng_below(rng, 2) != 0 ? 2 : 0};
    if (mopt__rng_below(rng, 4) == 0) {
        g->m = 1;
    }
    if (mopt__rng_below(rng, 4) == 0) {
        g->n = 1;
    }
    g->lda = (g->trans_a ? g->m : g->k) + between(rng, 0, 3);
    g->ldb = (g->trans_b ? g->k : g->n) + between(rng, 0, 3);
    g->ldc = g->n + between(rng, 0, 3);
}

static double expected(const struct mopt_gemm *g, const float *a, const float *b, double old,
                       int64_t i, int64_t j)
{
    double sum = 0;
    for (int64_t l = 0; l < g->k; l++) {
        sum += (double)a[g->trans_a ? l * g->lda + i : i * g->lda + l] *
               (double)b[g->trans_b ? j * g->ldb + l : l * g->ldb + j];
    }
    return g->alpha * sum + (g->beta != 0 ? g->beta * old : 0);
}

static void test_sgemm(void **state)
{
    (void)state;
    struct mopt_rng rng;
    struct mopt_pool *pool = NULL;
    mopt__rng_init(&rng, 1);
    assert_int_equal(mopt__pool_new(2, &pool, NULL), MOPT_OK);
    for (int trial = 0; trial < 200; trial++) {
        struct mopt_gemm g;
        random_gemm(&rng, &g);
        size_t a_count = (size_t)(g.lda * (g.trans_a ? g.k : g.m));
        size_t b_count = (size_t)(g.ldb * (g.trans_b ? g.n : g.k));
        size_t c_count = (size_t)(g.ldc * g.m);
        float *a = guarded(&rng, a_count);
        float *b = guarded(&rng, b_count);
        float *c = guarded(&rng, c_count);
        float *old = guarded(&rng, c_count);
        memcpy(old, c, c_count * sizeof *c);
        mopt__sgemm_pool(&g, a, b, c, trial % 2 ? pool : NULL);
        for (int64_t i = 0; i < g.m; i++) {
            for (int64_t j = 0; j < g.ldc; j++) {
                double before = (double)old[i * g.ldc + j];
                double want = j < g.n ? expected(&g, a, b, before, i, j) : before;
                near((double)c[i * g.ldc + j], want, 1e-4);
            }
        }
        release(a, a_count);
        release(b, b_count);
        release(c, c_count);
        release(old, c_count);
    }
    mopt__pool_free(pool);
}

// Tiles are cut by shape: any number of threads gives the same bytes.
static void test_threads(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 2);
    static const int64_t shapes[][3] = {{700, 40, 90}, {40, 1300, 90}, {1, 1500, 300}};
    for (size_t s = 0; s < MOPT_COUNTOF(shapes); s++) {
        struct mopt_gemm g = {.m = shapes[s][0],
                              .n = shapes[s][1],
                              .k = shapes[s][2],
                              .lda = shapes[s][2],
                              .ldb = shapes[s][1],
                              .ldc = shapes[s][1],
                              .alpha = 1};
        size_t count = (size_t)(g.m * g.n);
        float *a = guarded(&rng, (size_t)(g.m * g.k));
        float *b = guarded(&rng, (size_t)(g.k * g.n));
        float *one = guarded(&rng, count);
        float *many = guarded(&rng, count);
        mopt__sgemm_pool(&g, a, b, one, NULL);
        for (int threads = 2; threads <= 5; threads++) {
            struct mopt_pool *pool = NULL;
            assert_int_equal(mopt__pool_new(threads, &pool, NULL), MOPT_OK);
            mopt__sgemm_pool(&g, a, b, many, pool);
            mopt__pool_free(pool);
            assert_memory_equal(one, many, count * sizeof *one);
        }
        release(a, (size_t)(g.m * g.k));
        release(b, (size_t)(g.k * g.n));
        release(one, count);
        release(many, count);
    }
}

static void test_dgemm(void **state)
{
    (void)state;
    static const double a[] = {1, 2, 3, 4, 5, 6};
    static const double b[] = {7, 8, 9, 10, 11, 12};
    double c[4] = {1, 1, 1, 1};
    struct mopt_gemm g = {
        .m = 2, .n = 2, .k = 3, .lda = 3, .ldb = 2, .ldc = 2, .alpha = 1, .beta = 2};
    static const double want[] = {60, 66, 141, 156};
    mopt__dgemm(&g, a, b, c);
    for (int i = 0; i < 4; i++) {
        near(c[i], want[i], 1e-12);
    }
    g.k = 0;
    mopt__dgemm(&g, a, b, c);
    near(c[0], 120, 1e-12);
}

// Every pairing of signs, sums over lengths that need several exact pieces.
static void test_igemm(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 3);
    for (int trial = 0; trial < 60; trial++) {
        int64_t m = between(&rng, 1, 9);
        int64_t n = between(&rng, 1, 9);
        int64_t k = between(&rng, 0, 900);
        bool a_signed = trial & 1;
        bool b_signed = trial & 2;
        int32_t za = (int32_t)between(&rng, a_signed ? -128 : 0, a_signed ? 127 : 255);
        int32_t zb = (int32_t)between(&rng, b_signed ? -128 : 0, b_signed ? 127 : 255);
        uint8_t a[9 * 900];
        uint8_t b[9 * 900];
        float fa[9 * 900];
        float fb[9 * 900];
        float scratch[81];
        int32_t want[81];
        int32_t got[81] = {0};
        for (size_t i = 0; i < sizeof a; i++) { // extremes often
            a[i] = trial % 3 ? (uint8_t)mopt__rng_u64(&rng) : a_signed ? 128 : 255;
            b[i] = trial % 3 ? (uint8_t)mopt__rng_u64(&rng) : b_signed ? 128 : 255;
        }
        mopt__bytes_to_float(a, a_signed, za, (size_t)(m * k), fa);
        mopt__bytes_to_float(b, b_signed, zb, (size_t)(k * n), fb);
        const struct mopt_bytes left = {a, a_signed, za};
        const struct mopt_bytes right = {b, b_signed, zb};
        mopt__igemm_ref(&left, &right, m, n, k, want);
        struct mopt_igemm g = {
            .m = m, .n = n, .k = k, .lda = k, .ldb = n, .ldc = n, .bound = 255.0 * 255.0};
        mopt__igemm_exact(&g, fa, fb, got, scratch);
        assert_memory_equal(want, got, (size_t)(m * n) * sizeof *got);
    }
}

int mopt__test_gemm(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sgemm),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_dgemm),
        cmocka_unit_test(test_igemm),
    };
    return cmocka_run_group_tests_name("gemm", tests, NULL, NULL);
}
