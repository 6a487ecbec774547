// SPDX-License-Identifier: Apache-2.0
// Products whose operands are both rounded: pairs of bfloat16 and blocks of integers, portable and
// with the instructions made for them, against sums in double. Some virtual machines hide
// AVX512_BF16 although it works: an attempt decides whether it is tested.
#include <float.h>
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

// The tiles there are.
enum kind { PORTABLE_PAIRS, PORTABLE_BLOCKS, VNNI_BLOCKS, BF16_PAIRS, KINDS };

// A table with this tile; false, and said, when the processor does not have it.
static bool take(enum kind kind, struct mopt_kernels *table, enum mopt_weights *weights)
{
    bool blocks = kind == PORTABLE_BLOCKS || kind == VNNI_BLOCKS;
    *weights = blocks ? MOPT_WEIGHTS_BLOCKS : MOPT_WEIGHTS_PAIRS;
    mopt__kernels_select(kind < VNNI_BLOCKS ? MOPT_ISA_REF : mopt__cpu_isa(), table);
    if (kind < VNNI_BLOCKS) {
        return true;
    }
    if (kind == VNNI_BLOCKS && mopt__cpu_isa() >= MOPT_ISA_AVX512_VNNI) {
        return true;
    }
#if defined(__x86_64__)
    if (kind == BF16_PAIRS && works()) {
        table->tile_pairs = mopt__tile_pairs_avx512_bf16;
        table->pairs_rows = 11;
        table->pairs_cols = 32;
        return true;
    }
#endif
    printf("%s does not work here: its tile is NOT TESTED\n",
           kind == VNNI_BLOCKS ? "AVX512_VNNI" : "AVX512_BF16");
    return false;
}

// Numbers as a block stores them, see MOPT_WEIGHTS_BLOCKS and mopt_slot_f32_to_blocks.
static void round_block(const float *x, size_t step, size_t n, double *out)
{
    float most = 0, sums[16] = {0};
    for (size_t i = 0; i < n; i++) {
        float number = x[i * step];
        most = fmaxf(most, fabsf(number));
        sums[i % 16] = fmaf(number, number, sums[i % 16]);
    }
    for (size_t half = 8; half > 0; half /= 2) {
        for (size_t i = 0; i < half; i++) {
            sums[i] += sums[i + half];
        }
    }
    float scale = fmaxf(sqrtf(sums[0]) * (1.0F / 46320), most * (1.0F / 32767));
    if (!(most >= 0x1p-50F && most <= 0x1p58F)) {
        scale = fmaxf(most / 4095, 0x1p-126F);
    }
    float inverse = 1 / scale;
    for (size_t i = 0; i < n; i++) {
        out[i] = (double)rintf(x[i * step] * inverse) * (double)scale;
    }
}

// A row of A or a column of B as it is multiplied.
static void round_line(enum mopt_weights weights, const float *x, size_t step, size_t k,
                       double *out)
{
    if (weights == MOPT_WEIGHTS_BLOCKS) {
        size_t blocks = (k + MOPT_BLOCK_LENGTH - 1) / MOPT_BLOCK_LENGTH;
        size_t length = blocks ? (k + blocks - 1) / blocks : 0;
        length = (length + MOPT_BLOCK_STEP - 1) / MOPT_BLOCK_STEP * MOPT_BLOCK_STEP;
        for (size_t p = 0; p < k; p += length) {
            round_block(x + p * step, step, k - p < length ? k - p : length, out + p);
        }
        return;
    }
    for (size_t p = 0; p < k; p++) {
        uint16_t bits;
        float y;
        mopt__f32_to_bfloat_ref(&x[p * step], &bits, 1);
        mopt__bfloat_to_f32_ref(&bits, &y, 1);
        out[p] = (double)y;
    }
}

struct product {
    enum mopt_weights weights;
    size_t m, n, k, lda, ldc;
    float *a, *b, *c[2], *before, *bias, *residual;
    bool transposed;
    struct mopt_finish finish;
};

static void make(struct mopt_rng *rng, enum mopt_weights weights, struct product *p)
{
    p->weights = weights;
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
    size_t bytes = mopt__packed_bytes(table, p->weights, p->k, p->n);
    size_t room = mopt__gemm_f32_scratch(p->weights, p->m, p->k);
    unsigned char *packed = aligned_block(bytes), *scratch = aligned_block(room);
    mopt__pack_weights(table, p->weights, p->k, p->n, p->b, p->transposed ? 1 : p->n,
                       p->transposed ? p->k : 1, packed);
    struct mopt_gemm_f32 gemm = {.m = p->m,
                                 .n = p->n,
                                 .k = p->k,
                                 .a = p->a,
                                 .lda = p->lda,
                                 .b = packed,
                                 .weights = p->weights,
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

static void check_element(const struct product *p, const double *a, const double *b, size_t i,
                          size_t j)
{
    struct exact e = {0};
    size_t at = i * p->ldc + j;
    for (size_t q = 0; q < p->k; q++) {
        exact_add(&e, a[q] * b[q]);
    }
    double r = p->finish.residual ? (double)p->residual[at] : 0;
    double want = finish_double(&p->finish, &e, j, r);
    near((double)p->c[0][at], want, exact_bound(&e));
}

static void check(const struct product *p)
{
    double *b = malloc((p->k * p->n + 1) * sizeof *b), *a = malloc((p->k + 1) * sizeof *a);
    assert_true(a && b);
    for (size_t j = 0; j < p->n; j++) {
        round_line(p->weights, p->b + j * (p->transposed ? p->k : 1), p->transposed ? 1 : p->n,
                   p->k, b + j * p->k);
    }
    for (size_t i = 0; i < p->m; i++) {
        round_line(p->weights, p->a + i * p->lda, 1, p->k, a);
        for (size_t j = 0; j < p->n; j++) {
            check_element(p, a, b + j * p->k, i, j);
        }
        for (size_t at = i * p->ldc + p->n; at < (i + 1) * p->ldc; at++) {
            assert_true(p->c[0][at] == p->before[at]);
        }
    }
    free(a);
    free(b);
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
    enum mopt_weights weights;
    for (int i = 0; i < KINDS; i++) {
        for (int round = 0; take((enum kind)i, &table, &weights) && round < 150; round++) {
            struct product p;
            make(&rng, weights, &p);
            run(&table, &p, p.c[0], NULL);
            run(&table, &p, p.c[1], pool);
            check(&p);
            assert_memory_equal(p.c[0], p.c[1], p.m * p.ldc * sizeof(float));
            free_product(&p);
        }
    }
    mopt__pool_free(pool);
}

// Blocks give the same bytes with every instruction set.
static void test_same_bytes(void **state)
{
    (void)state;
    struct mopt_kernels portable, table;
    enum mopt_weights weights;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 54);
    take(PORTABLE_BLOCKS, &portable, &weights);
    for (int round = 0; take(VNNI_BLOCKS, &table, &weights) && round < 150; round++) {
        struct product p;
        make(&rng, weights, &p);
        run(&portable, &p, p.c[0], NULL);
        run(&table, &p, p.c[1], NULL);
        assert_memory_equal(p.c[0], p.c[1], p.m * p.ldc * sizeof(float));
        free_product(&p);
    }
}

// A NaN or an infinity fills its row, and no other; the sum of a block that holds one is NaN.
static void test_not_a_number(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 53);
    struct mopt_kernels table;
    enum mopt_weights weights;
    for (int i = 0; i < KINDS; i++) {
        for (int round = 0; take((enum kind)i, &table, &weights) && round < 40; round++) {
            struct product p;
            make(&rng, weights, &p);
            p.finish = (struct mopt_finish){.act = {.kind = MOPT_ACT_NONE}};
            size_t row = mopt__rng_below(&rng, p.m);
            bool infinite = round % 2 == 0;
            if (p.k > 0) {
                p.a[row * p.lda + mopt__rng_below(&rng, p.k)] = infinite ? INFINITY : NAN;
            }
            run(&table, &p, p.c[0], NULL);
            infinite = infinite && weights == MOPT_WEIGHTS_PAIRS;
            for (size_t at = 0; at < p.m * p.ldc; at++) {
                bool bad = p.k > 0 && at / p.ldc == row && at % p.ldc < p.n;
                float x = p.c[0][at];
                assert_true(!bad ? isfinite(x) : infinite ? isinf(x) : isnan(x));
            }
            free_product(&p);
        }
    }
}

// Finite operands give finite results: no form rounds the largest floats to infinities.
static void test_largest(void **state)
{
    (void)state;
    struct mopt_kernels table;
    enum mopt_weights weights;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 56);
    for (int i = 0; i < KINDS; i++) {
        for (int round = 0; take((enum kind)i, &table, &weights) && round < 20; round++) {
            struct product p;
            make(&rng, weights, &p);
            p.finish = (struct mopt_finish){.act = {.kind = MOPT_ACT_NONE}};
            size_t row = mopt__rng_below(&rng, p.m);
            bool huge = round % 2 == 0; // in a, else in b
            for (size_t at = 0; at < p.m * p.lda; at++) {
                p.a[at] = huge ? 0 : 0x1p-20F;
            }
            for (size_t at = 0; at < p.k * p.n; at++) {
                p.b[at] = huge ? 0x1p-20F : 0;
            }
            for (size_t j = 0; p.k > 0 && j < (huge ? 1 : p.n); j++) {
                *(huge ? &p.a[row * p.lda] : &p.b[p.transposed ? j * p.k : j]) = -FLT_MAX;
            }
            run(&table, &p, p.c[0], NULL);
            for (size_t j = 0; p.k > 0 && j < p.n; j++) {
                float want = -FLT_MAX * 0x1p-20F;
                near((double)p.c[0][row * p.ldc + j], (double)want, 0x1p-7 * -(double)want);
            }
            free_product(&p);
        }
    }
}

// Numbers of very different size, also where scales and their inverses end.
static float of_any_size(struct mopt_rng *rng, int round)
{
    static const int exponents[] = {0, 127, -126, -149, -118, -112, 60, 58, -49};
    int exponent = exponents[(size_t)round % MOPT_COUNTOF(exponents)];
    int spread = round % 3 * 6;
    float x = (float)(mopt__rng_unit(rng) * 2 - 1);
    exponent -= (int)mopt__rng_below(rng, (uint64_t)spread + 1);
    return mopt__rng_below(rng, 9) == 0 ? 0 : ldexpf(x, exponent);
}

// A block as it is stored against its numbers: any two of them multiply within 32 bits, and the
// Euclidean error is at most 1.8e-4 of the norm; at the ends of the floats at most 1.4e-3 of the
// largest number, or what the least scale leaves.
static void check_block(const float *x, size_t n, size_t length, const float *block)
{
    double most = 0, norm = 0, error = 0, whole = 0;
    for (size_t i = 0; i < length; i++) {
        int16_t number;
        memcpy(&number, (const char *)(block + 1) + i * sizeof number, sizeof number);
        assert_true(i < n || number == 0);
        double have = i < n ? (double)x[i] : 0, is = (double)number * (double)block[0];
        most = fmax(most, fabs(have));
        norm += have * have;
        error += (is - have) * (is - have);
        whole += (double)number * (double)number;
    }
    assert_true(whole < 0x1p31);
    bool middle = most >= 0x1p-50 && most <= 0x1p58;
    assert_true(sqrt(error) <= (middle ? 1.8e-4 * sqrt(norm) : 1.4e-3 * most + 6 * 0x1p-126));
}

// Every level writes the same bytes, and no others.
static void test_blocks(void **state)
{
    (void)state;
    enum { UNITS = 1 + MOPT_BLOCK_LENGTH / 2 };
    struct mopt_rng rng;
    mopt__rng_init(&rng, 55);
    struct mopt_kernels table;
    for (int round = 0; round < 900; round++) {
        float x[MOPT_BLOCK_LENGTH], y[2][UNITS + 2];
        size_t length = 16 * (1 + mopt__rng_below(&rng, MOPT_BLOCK_LENGTH / 16));
        size_t n = 1 + mopt__rng_below(&rng, length);
        bool alike = mopt__rng_below(&rng, 4) == 0; // the longest norm that a largest number has
        for (size_t i = 0; i < n; i++) {
            x[i] = of_any_size(&rng, round);
            x[i] = alike ? x[0] : x[i];
        }
        for (int level = 0; level_table(level, &table); level++) {
            memset(y[level > 0], 0x55, sizeof y[0]);
            table.f32_to_blocks(x, n, length, y[level > 0]);
            assert_memory_equal(y[level > 0], y[0], sizeof y[0]);
        }
        assert_memory_equal(&y[0][1 + length / 2], &(uint32_t){0x55555555}, sizeof(uint32_t));
        check_block(x, n, length, y[0]);
    }
}

int mopt__test_rounded(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),     cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_not_a_number), cmocka_unit_test(test_largest),
        cmocka_unit_test(test_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
