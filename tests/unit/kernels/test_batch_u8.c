// SPDX-License-Identifier: Apache-2.0
// Products of computed codes at every level against plain loops: any batch, right operands by rows,
// by columns or with gaps, shared or not; the same bytes on three threads.
#include "bytes.h"
#include "kernels/batch_gemm_u8.h"
#include "tests.h"

enum { MOST = 7, ROUNDS = 80 };

struct operands {
    struct mopt_batch_gemm_u8 gemm;
    size_t a_at[MOST], b_at[MOST];
    uint8_t *a, *b;
    float *scale;
    int32_t *b_zero, *start;
};

static void init(struct mopt_rng *rng, struct operands *o)
{
    bool large = mopt__rng_below(rng, 4) == 0, shared = mopt__rng_below(rng, 3) == 0;
    struct mopt_batch_gemm_u8 *g = &o->gemm;
    *g = (struct mopt_batch_gemm_u8){.batch = (size_t)between(rng, 1, MOST),
                                     .m = (size_t)between(rng, 1, large ? 70 : 20),
                                     .n = (size_t)between(rng, 1, large ? 200 : 40),
                                     .k = (size_t)between(rng, 1, large ? 130 : 20)};
    size_t gap = (size_t)between(rng, 0, 2);
    g->lda = g->k + (size_t)between(rng, 0, 3);
    switch (mopt__rng_below(rng, 3)) {
    case 0: // rows
        g->b_row = g->n + gap;
        g->b_column = 1;
        break;
    case 1: // columns
        g->b_row = 1;
        g->b_column = g->k + gap;
        break;
    default: // neither in one piece
        g->b_row = 3;
        g->b_column = 3 * g->k + gap;
        break;
    }
    size_t a_each = g->m * g->lda, b_each = g->k * g->b_row + g->n * g->b_column;
    for (size_t i = 0; i < g->batch; i++) {
        o->a_at[i] = (g->batch - 1 - i) * a_each;
        o->b_at[i] = shared ? 0 : i * b_each;
    }
    o->a = mopt__malloc(g->batch * a_each + MOPT_OVERREAD);
    o->b = mopt__malloc(g->batch * b_each);
    o->scale = mopt__malloc(g->n * sizeof(float));
    o->b_zero = mopt__malloc(g->n * sizeof(int32_t));
    o->start = mopt__malloc(g->n * sizeof(int32_t));
    assert_true(o->a && o->b && o->scale && o->b_zero && o->start);
    int mode = mopt__rng_below(rng, 3) ? 0 : (int)between(rng, 1, 4);
    fill_bytes(rng, mode, o->a, g->batch * a_each + MOPT_OVERREAD);
    fill_bytes(rng, mode, o->b, g->batch * b_each);
    fill_scales(rng, 0.01F, o->scale, g->n);
    bool one = mopt__rng_below(rng, 2) == 0;
    for (size_t j = 0; j < g->n; j++) {
        o->b_zero[j] = one && j > 0 ? o->b_zero[0] : (int32_t)between(rng, -128, 127);
        o->start[j] = (int32_t)between(rng, -99999, 99999);
    }
    g->a = o->a;
    g->b = o->b;
    g->a_at = o->a_at;
    g->b_at = o->b_at;
    g->a_zero = (int32_t)between(rng, 0, 255);
    g->b_zero = mopt__rng_below(rng, 2) ? o->b_zero : NULL;
    g->out = (struct mopt_requantize){.start = mopt__rng_below(rng, 2) ? o->start : NULL,
                                      .scale = o->scale,
                                      .zero_point = (int32_t)between(rng, 0, 255),
                                      .low = (int32_t)between(rng, 0, 20),
                                      .high = (int32_t)between(rng, 200, 255)};
}

static void release_operands(struct operands *o)
{
    mopt__free(o->a);
    mopt__free(o->b);
    mopt__free(o->scale);
    mopt__free(o->b_zero);
    mopt__free(o->start);
}

static int32_t want_sum(const struct mopt_batch_gemm_u8 *g, size_t item, size_t i, size_t j)
{
    int32_t zero = 128 + (g->b_zero ? g->b_zero[j] : 0), sum = g->out.start ? g->out.start[j] : 0;
    for (size_t p = 0; p < g->k; p++) {
        sum += (g->a[g->a_at[item] + i * g->lda + p] - g->a_zero) *
               (g->b[g->b_at[item] + p * g->b_row + j * g->b_column] - zero);
    }
    return sum;
}

static void check(const struct mopt_batch_gemm_u8 *g)
{
    for (size_t at = 0; at < g->batch * g->m * g->n; at++) {
        size_t j = at % g->n;
        int32_t sum = want_sum(g, at / (g->m * g->n), at / g->n % g->m, j);
        if (g->c8) {
            assert_int_equal(g->c8[at], want_byte(sum, g->out.scale[j], g->out.zero_point,
                                                  g->out.low, g->out.high));
        } else if (g->c32) {
            assert_int_equal(g->c32[at], sum);
        } else {
            assert_true(same_float(g->cf[at], (float)sum * g->out.scale[j]));
        }
    }
}

static void set_result(struct mopt_batch_gemm_u8 *g, int kind, void *data)
{
    g->c8 = kind == 0 ? data : NULL;
    g->cf = kind == 1 ? data : NULL;
    g->c32 = kind == 2 ? data : NULL;
}

static struct mopt_pool *threads;

static void try_level(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 91);
    for (int round = 0; round < ROUNDS; round++) {
        struct operands o;
        init(&rng, &o);
        int kind = (int)mopt__rng_below(&rng, 3);
        size_t bytes = o.gemm.batch * o.gemm.m * o.gemm.n * (kind == 0 ? 1 : sizeof(float));
        struct band one = band_new(bytes, 0), three = band_new(bytes, 0);
        void *scratch = mopt__malloc_aligned(mopt__batch_gemm_u8_scratch(kernels, &o.gemm, 3));
        assert_non_null(scratch);
        set_result(&o.gemm, kind, one.data);
        mopt__batch_gemm_u8(kernels, &o.gemm, scratch, NULL);
        check(&o.gemm);
        set_result(&o.gemm, kind, three.data);
        mopt__batch_gemm_u8(kernels, &o.gemm, scratch, threads);
        assert_memory_equal(one.data, three.data, bytes);
        band_free(&one);
        band_free(&three);
        mopt__free_aligned(scratch);
        release_operands(&o);
    }
}

static void test_products(void **state)
{
    (void)state;
    struct mopt_error err;
    assert_int_equal(mopt__pool_new(3, &threads, &err), MOPT_OK);
    assert_true(each_level(try_level) > 0);
    mopt__pool_free(threads);
}

static void test_scratch_that_does_not_fit(void **state)
{
    (void)state;
    struct mopt_kernels kernels;
    mopt__kernels_select(MOPT_ISA_REF, &kernels);
    struct mopt_batch_gemm_u8 gemm = {.batch = 2, .m = 1, .n = SIZE_MAX / 8, .k = 64};
    assert_true(mopt__batch_gemm_u8_scratch(&kernels, &gemm, 2) == SIZE_MAX);
}

int mopt__test_batch_u8(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products),
        cmocka_unit_test(test_scratch_that_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
