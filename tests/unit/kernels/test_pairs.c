// SPDX-License-Identifier: Apache-2.0
// Products of pairs of bfloat16, portable and of AVX512_BF16, against sums in double. Some virtual
// machines hide the instructions although they work: an attempt decides whether they are tested.
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

#include "floats.h"
#include "kernels/slots.h"
#include "tests.h"

#if defined(__x86_64__)
static sigjmp_buf back;

static void give_up(int signal)
{
    (void)signal;
    siglongjmp(back, 1);
}

// Does the processor do it, whatever CPUID says?
static bool works(void)
{
    if (mopt__cpu_isa() < MOPT_ISA_AVX512) {
        return false;
    }
    struct sigaction mine = {.sa_handler = give_up}, old;
    sigemptyset(&mine.sa_mask);
    assert_int_equal(sigaction(SIGILL, &mine, &old), 0);
    bool fine = sigsetjmp(back, 1) == 0;
    if (fine) {
        (void)mopt__peak_pairs_avx512_bf16(1);
    }
    assert_int_equal(sigaction(SIGILL, &old, NULL), 0);
    return fine;
}
#endif

// Table number i with its tile for pairs: 0 portable, 1 AVX512_BF16; false behind the last one.
static bool pairs_table(int i, struct mopt_kernels *table)
{
    mopt__kernels_select(i == 0 ? MOPT_ISA_REF : MOPT_ISA_AVX512, table);
#if defined(__x86_64__)
    if (i == 1 && works()) {
        table->tile_pairs = mopt__tile_pairs_avx512_bf16;
        table->pairs_rows = 11;
        table->pairs_cols = 32;
        return true;
    }
#endif
    if (i == 1) {
        puts("AVX512_BF16 does not work here: its tile is NOT TESTED");
    }
    return i == 0;
}

static float rounded(float x)
{
    uint16_t bits;
    mopt__f32_to_bfloat_ref(&x, &bits, 1);
    mopt__bfloat_to_f32_ref(&bits, &x, 1);
    return x;
}

struct product {
    size_t m, n, k, lda, ldc;
    float *a, *b, *c[2], *before, *bias, *residual;
    bool transposed;
    struct mopt_finish finish;
};

static void make(struct mopt_rng *rng, struct product *p)
{
    bool deep = mopt__rng_below(rng, 8) == 0;
    p->m = (size_t)between(rng, 1, 60);
    p->n = (size_t)between(rng, 1, 120);
    p->k = (size_t)(deep ? between(rng, 700, 1700) : between(rng, 0, 90));
    p->lda = p->k + (size_t)between(rng, 0, 3);
    p->ldc = p->n + (size_t)between(rng, 0, 3);
    p->transposed = mopt__rng_below(rng, 2) == 0;
    p->a = guarded(rng, p->m * p->lda);
    p->b = guarded(rng, p->k * p->n);
    p->before = guarded(rng, p->m * p->ldc);
    p->bias = guarded(rng, p->n);
    p->residual = guarded(rng, p->m * p->ldc);
    p->finish = random_finish(rng, p->bias, p->residual, p->ldc);
    for (int i = 0; i < 2; i++) {
        p->c[i] = guarded(rng, p->m * p->ldc);
        memcpy(p->c[i], p->before, p->m * p->ldc * sizeof(float));
    }
}

static void run(const struct mopt_kernels *table, const struct product *p, float *c,
                struct mopt_pool *pool)
{
    size_t bytes = mopt__packed_bytes(table, MOPT_WEIGHTS_PAIRS, p->k, p->n);
    size_t room = mopt__gemm_f32_scratch(MOPT_WEIGHTS_PAIRS, p->m, p->k);
    unsigned char *packed = aligned_block(bytes), *scratch = aligned_block(room);
    mopt__pack_weights(table, MOPT_WEIGHTS_PAIRS, p->k, p->n, p->b, p->transposed ? 1 : p->n,
                       p->transposed ? p->k : 1, packed);
    struct mopt_gemm_f32 gemm = {.m = p->m,
                                 .n = p->n,
                                 .k = p->k,
                                 .a = p->a,
                                 .lda = p->lda,
                                 .b = packed,
                                 .weights = MOPT_WEIGHTS_PAIRS,
                                 .c = c,
                                 .ldc = p->ldc,
                                 .epilogue = p->finish,
                                 .scratch = scratch};
    mopt__gemm_f32(table, &gemm, pool);
    assert_int_equal(packed[bytes], 0x55);
    assert_int_equal(scratch[room], 0x55);
    free(packed);
    free(scratch);
}

static void check(const struct product *p)
{
    for (size_t at = 0; at < p->m * p->ldc; at++) {
        size_t i = at / p->ldc, j = at % p->ldc;
        if (j >= p->n) {
            assert_true(p->c[0][at] == p->before[at]);
            continue;
        }
        struct exact e = {0};
        for (size_t q = 0; q < p->k; q++) {
            size_t b = p->transposed ? j * p->k + q : q * p->n + j;
            exact_add(&e, (double)rounded(p->a[i * p->lda + q]) * (double)rounded(p->b[b]));
        }
        double r = p->finish.residual ? (double)p->residual[at] : 0;
        double want = finish_double(&p->finish, &e, j, r);
        near((double)p->c[0][at], want, exact_bound(&e));
    }
}

static void free_product(struct product *p)
{
    release(p->a, p->m * p->lda);
    release(p->b, p->k * p->n);
    release(p->before, p->m * p->ldc);
    release(p->bias, p->n);
    release(p->residual, p->m * p->ldc);
    release(p->c[0], p->m * p->ldc);
    release(p->c[1], p->m * p->ldc);
}

static void test_products(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pool *pool = NULL;
    assert_int_equal(mopt__pool_new(2, &pool, &err), MOPT_OK);
    struct mopt_rng rng;
    mopt__rng_init(&rng, 52);
    struct mopt_kernels table;
    for (int i = 0; pairs_table(i, &table); i++) {
        for (int round = 0; round < 150; round++) {
            struct product p;
            make(&rng, &p);
            run(&table, &p, p.c[0], NULL);
            run(&table, &p, p.c[1], pool);
            check(&p);
            assert_memory_equal(p.c[0], p.c[1], p.m * p.ldc * sizeof(float));
            free_product(&p);
        }
    }
    mopt__pool_free(pool);
}

// A NaN or an infinity fills its row, and no other.
static void test_not_a_number(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 53);
    struct mopt_kernels table;
    for (int i = 0; pairs_table(i, &table); i++) {
        for (int round = 0; round < 40; round++) {
            struct product p;
            make(&rng, &p);
            p.finish = (struct mopt_finish){.act = {.kind = MOPT_ACT_NONE}};
            size_t row = mopt__rng_below(&rng, p.m);
            bool infinite = round % 2 == 0;
            if (p.k > 0) {
                p.a[row * p.lda + mopt__rng_below(&rng, p.k)] = infinite ? INFINITY : NAN;
            }
            run(&table, &p, p.c[0], NULL);
            for (size_t at = 0; at < p.m * p.ldc; at++) {
                bool bad = p.k > 0 && at / p.ldc == row && at % p.ldc < p.n;
                float x = p.c[0][at];
                assert_true(!bad ? isfinite(x) : infinite ? isinf(x) : isnan(x));
            }
            free_product(&p);
        }
    }
}

int mopt__test_pairs(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_not_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
