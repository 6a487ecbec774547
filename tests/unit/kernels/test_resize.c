// SPDX-License-Identifier: Apache-2.0
// Resampling with channels innermost, of every level, against sums in double; and the same bytes on
// one and three threads.
#include "floats.h"
#include "kernels/resize_nhwc.h"
#include "tests.h"

enum { SIZE_MOST = 12, TAPS_MOST = 4 };

struct axis {
    int64_t index[SIZE_MOST * TAPS_MOST];
    float weights[SIZE_MOST * TAPS_MOST];
};

static struct mopt_resize_taps make_axis(struct mopt_rng *rng, struct axis *axis, size_t taps)
{
    struct mopt_resize_taps t = {.in = (size_t)between(rng, 1, SIZE_MOST),
                                 .out = (size_t)between(rng, 1, SIZE_MOST),
                                 .taps = taps,
                                 .index = axis->index,
                                 .weights = axis->weights};
    for (size_t i = 0; i < t.out * taps; i++) {
        axis->index[i] = between(rng, 0, (int64_t)t.in - 1);
        axis->weights[i] = (float)mopt__rng_normal(rng);
    }
    return t;
}

static void check_pixel(const struct mopt_resize2d *r, const float *x, size_t ldx, const float *y,
                        size_t pixel)
{
    size_t ox = pixel % r->w.out, oy = pixel / r->w.out % r->h.out;
    size_t image = pixel / r->w.out / r->h.out;
    for (size_t c = 0; c < r->channels; c++) {
        struct exact e = {0};
        for (size_t t = 0; t < r->h.taps * r->w.taps; t++) {
            size_t i = oy * r->h.taps + t / r->w.taps, j = ox * r->w.taps + t % r->w.taps;
            size_t from =
                (image * r->h.in + (size_t)r->h.index[i]) * r->w.in + (size_t)r->w.index[j];
            exact_add(&e, (double)r->h.weights[i] * (double)r->w.weights[j] *
                              (double)x[from * ldx + c]);
        }
        near((double)y[c], e.sum, 2 * exact_bound(&e));
    }
}

static void try_resize(struct mopt_rng *rng, const struct mopt_kernels *table,
                       struct mopt_pool *pool)
{
    struct axis h, w;
    bool nearest = mopt__rng_below(rng, 2) == 0;
    size_t taps = nearest ? 1 : (size_t)between(rng, 1, TAPS_MOST);
    struct mopt_resize2d r = {.batch = (size_t)between(rng, 1, 3),
                              .channels = (size_t)between(rng, 1, 70)};
    r.h = make_axis(rng, &h, taps);
    r.w = make_axis(rng, &w, taps);
    size_t ldx = r.channels + (size_t)between(rng, 0, 3), ldy = r.channels;
    ldy += (size_t)between(rng, 0, 3);
    size_t in = r.batch * r.h.in * r.w.in * ldx;
    size_t pixels = r.batch * r.h.out * r.w.out, out = pixels * ldy;
    float *x = guarded(rng, in), *one = guarded(rng, out), *three = guarded(rng, out);
    if (nearest) {
        for (size_t i = 0; i < SIZE_MOST; i++) {
            h.weights[i] = 1;
            w.weights[i] = 1;
        }
        mopt__resize2d_nearest(&r, sizeof *x, x, ldx, one, ldy, NULL);
        mopt__resize2d_nearest(&r, sizeof *x, x, ldx, three, ldy, pool);
    } else {
        mopt__resize2d_f32(table, &r, x, ldx, one, ldy, NULL);
        mopt__resize2d_f32(table, &r, x, ldx, three, ldy, pool);
    }
    for (size_t i = 0; i < pixels; i++) {
        assert_memory_equal(one + i * ldy, three + i * ldy, r.channels * sizeof *one);
        check_pixel(&r, x, ldx, one + i * ldy, i);
    }
    release(x, in);
    release(one, out);
    release(three, out);
}

static void test_resizes(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pool *pool = NULL;
    assert_int_equal(mopt__pool_new(3, &pool, &err), MOPT_OK);
    struct mopt_rng rng;
    mopt__rng_init(&rng, 61);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 100; round++) {
            try_resize(&rng, &table, pool);
        }
    }
    mopt__pool_free(pool);
}

int mopt__test_resize(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_resizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
