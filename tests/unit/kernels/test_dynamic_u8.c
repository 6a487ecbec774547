// SPDX-License-Identifier: Apache-2.0
// Products of floats with 8-bit weights: codes by the range as DynamicQuantizeLinear says, exact
// sums, and the same bytes on every level and from any number of threads.
#include "bytes.h"
#include "kernels/dynamic_u8.h"
#include "tests.h"

struct product {
    size_t m, n, k;
    float *a, *bias, *scale, *c, *first; // first: what the reference gave
    int8_t *codes;
    int32_t *zero, *sums; // zero NULL: all 0
};

static void open_product(struct product *p, struct mopt_rng *rng)
{
    const bool zeros = mopt__rng_below(rng, 2) == 0;
    p->m = (size_t)between(rng, 1, 9);
    p->n = (size_t)between(rng, 1, 90);
    p->k = (size_t)between(rng, 1, 130);
    p->a = guarded(rng, p->m * p->k);
    p->bias = mopt__rng_below(rng, 2) ? guarded(rng, p->n) : NULL;
    p->scale = guarded(rng, p->n);
    p->c = guarded(rng, p->m * p->n);
    p->first = guarded(rng, p->m * p->n);
    p->codes = mopt__malloc(p->k * p->n);
    p->zero = zeros ? NULL : mopt__calloc(p->n, sizeof *p->zero);
    p->sums = mopt__calloc(p->n, sizeof *p->sums);
    assert_true(p->codes && p->sums && (zeros || p->zero));
    fill_bytes(rng, (int)mopt__rng_below(rng, 3), p->codes, p->k * p->n);
    for (size_t j = 0; j < p->n; j++) {
        if (!zeros) {
            p->zero[j] = (int32_t)between(rng, -128, 127);
        }
        for (size_t i = 0; i < p->k; i++) {
            p->sums[j] += p->codes[i * p->n + j] - (zeros ? 0 : p->zero[j]);
        }
    }
    switch (mopt__rng_below(rng, 4)) { // ranges: around 0, above, below, nothing
    case 0:
        break;
    case 1:
    case 2:
        for (size_t i = 0; i < p->m * p->k; i++) {
            p->a[i] = mopt__rng_below(rng, 2) ? fabsf(p->a[i]) : p->a[i] * p->a[i] + 1;
        }
        break;
    default:
        memset(p->a, 0, p->m * p->k * sizeof *p->a);
    }
    const bool negative = mopt__rng_below(rng, 4) == 0;
    for (size_t i = 0; negative && i < p->m * p->k; i++) {
        p->a[i] = -fabsf(p->a[i]);
    }
}

static void close_product(struct product *p)
{
    release(p->a, p->m * p->k);
    if (p->bias) {
        release(p->bias, p->n);
    }
    release(p->scale, p->n);
    release(p->c, p->m * p->n);
    release(p->first, p->m * p->n);
    mopt__free(p->codes);
    mopt__free(p->zero);
    mopt__free(p->sums);
}

static void run(const struct mopt_kernels *kernels, const struct product *p, struct mopt_pool *pool)
{
    int8_t *packed = mopt__malloc_aligned(mopt__packed_s8_bytes(kernels, p->k, p->n));
    struct band scratch = band_new(mopt__dynamic_u8_scratch(p->m, p->n, p->k), 0);
    assert_non_null(packed);
    mopt__pack_s8(kernels, p->k, p->n, p->codes, p->n, 1, packed);
    const struct mopt_dynamic_weights weights = {packed, p->zero, p->sums, p->scale};
    const struct mopt_dynamic_u8 job = {.m = p->m,
                                        .n = p->n,
                                        .k = p->k,
                                        .a = p->a,
                                        .weights = &weights,
                                        .bias = p->bias,
                                        .c = p->c,
                                        .scratch = scratch.data};
    mopt__dynamic_u8(kernels, &job, pool);
    band_free(&scratch);
    mopt__free_aligned(packed);
}

static void check(const struct product *p)
{
    float low = 0;
    float high = 0;
    for (size_t i = 0; i < p->m * p->k; i++) {
        low = fminf(low, p->a[i]);
        high = fmaxf(high, p->a[i]);
    }
    const float scale = high == low ? 1 : (high - low) / 255.0F;
    const float zero = rintf(fminf(fmaxf(-low / scale, 0), 255));
    for (size_t i = 0; i < p->m; i++) {
        for (size_t j = 0; j < p->n; j++) {
            int64_t sum = 0;
            for (size_t q = 0; q < p->k; q++) {
                const float code = rintf(p->a[i * p->k + q] / scale) + zero;
                const int64_t x = (int64_t)(fminf(fmaxf(code, 0), 255) - zero);
                sum += x * (p->codes[q * p->n + j] - (p->zero ? p->zero[j] : 0));
            }
            const double product = (double)sum * (double)scale * (double)p->scale[j];
            const double bias = p->bias ? (double)p->bias[j] : 0;
            near((double)p->first[i * p->n + j], product + bias,
                 3e-7 * (fabs(product) + fabs(bias)));
        }
    }
}

static void products(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_rng rng;
    struct mopt_pool *pool = NULL;
    mopt__rng_init(&rng, 31);
    assert_int_equal(mopt__pool_new(3, &pool, &err), MOPT_OK);
    for (int trial = 0; trial < 120; trial++) {
        struct product p;
        open_product(&p, &rng);
        const size_t bytes = p.m * p.n * sizeof *p.c;
        for (int isa = MOPT_ISA_REF; isa <= (int)mopt__cpu_isa(); isa++) {
            struct mopt_kernels kernels;
            mopt__kernels_select((enum mopt_isa)isa, &kernels);
            for (int threads = 1; threads < 3; threads++) {
                run(&kernels, &p, threads == 1 ? NULL : pool);
                if (isa == MOPT_ISA_REF && threads == 1) {
                    memcpy(p.first, p.c, bytes);
                    check(&p);
                }
                assert_memory_equal(p.first, p.c, bytes);
            }
        }
        close_product(&p);
    }
    mopt__pool_free(pool);
}

int mopt__test_dynamic_u8(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(products)};
    return cmocka_run_group_tests_name("dynamic_u8", tests, NULL, NULL);
}
