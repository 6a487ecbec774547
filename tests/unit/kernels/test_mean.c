// SPDX-License-Identifier: Apache-2.0
// Means over images, of every level, against sums in double: floats and codes, the same bytes from
// both and from any number of threads.
#include "floats.h"
#include "kernels/mean_nhwc.h"
#include "tests.h"

static void check_mean(const struct mopt_mean_nhwc *m, const float *x, const float *y)
{
    size_t pixels = m->rows * m->columns;
    for (size_t i = 0; i < m->batch * m->channels; i++) {
        size_t image = i / m->channels, c = i % m->channels;
        struct exact e = {0};
        for (size_t p = 0; p < pixels; p++) {
            exact_add(&e, (double)x[(image * pixels + p) * m->ldx + c]);
        }
        double bound = 2 * exact_bound(&e) / (double)pixels;
        near((double)y[image * m->ldy + c], e.sum / (double)pixels, bound);
    }
}

static void try_mean(struct mopt_rng *rng, const struct mopt_kernels *table, struct mopt_pool *pool,
                     bool coded)
{
    struct mopt_mean_nhwc m = {.batch = (size_t)between(rng, 1, 3),
                               .rows = (size_t)between(rng, 1, 40),
                               .columns = (size_t)between(rng, 1, 40),
                               .channels = (size_t)between(rng, 1, 70),
                               .scale = 0.037F,
                               .zero_point = (int32_t)between(rng, 0, 255)};
    if (mopt__rng_below(rng, 8) == 0) {
        m.rows = m.columns = 3;
        m.channels = (size_t)between(rng, 500, 2300);
    }
    m.ldx = m.channels + (coded ? 0 : (size_t)between(rng, 0, 3));
    m.ldy = m.channels + (size_t)between(rng, 0, 3);
    size_t in = m.batch * m.rows * m.columns * m.ldx, out = m.batch * m.ldy;
    float *x = guarded(rng, in), *y = guarded(rng, out), *again = guarded(rng, out);
    uint8_t *codes = mopt__malloc(in + MOPT_OVERREAD);
    assert_non_null(codes);
    for (size_t i = 0; i < in && coded; i++) {
        codes[i] = (uint8_t)mopt__rng_below(rng, 256);
        x[i] = (float)(codes[i] - m.zero_point) * m.scale;
    }
    m.x = x;
    m.y = y;
    memcpy(again, y, out * sizeof *y);
    mopt__mean_nhwc(table, &m, NULL);
    check_mean(&m, x, y);
    m.codes = coded ? codes : NULL;
    m.x = coded ? NULL : x;
    m.y = again;
    mopt__mean_nhwc(table, &m, pool);
    assert_memory_equal(y, again, out * sizeof *y); // with what lies between rows
    release(x, in);
    release(y, out);
    release(again, out);
    mopt__free(codes);
}

static void test_means(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pool *pool = NULL;
    assert_int_equal(mopt__pool_new(3, &pool, &err), MOPT_OK);
    struct mopt_rng rng;
    mopt__rng_init(&rng, 62);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 60; round++) {
            try_mean(&rng, &table, pool, round % 2 == 1);
        }
    }
    mopt__pool_free(pool);
}

int mopt__test_mean(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_means)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
