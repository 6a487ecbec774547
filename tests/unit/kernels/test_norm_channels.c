// SPDX-License-Identifier: Apache-2.0
// Normalization of channels against two passes in double: row-major and channels innermost, groups,
// far from zero; the same bytes from any number of threads.
#include "floats.h"
#include "kernels/norm_channels.h"
#include "tests.h"

static size_t place(const struct mopt_norm_channels *n, size_t ld, size_t image, size_t channel,
                    size_t pixel)
{
    return n->innermost ? (image * n->pixels + pixel) * ld + channel
                        : (image * n->channels + channel) * n->pixels + pixel;
}

// One group of one image; shift: how far its elements are from zero.
static void check_group(const struct mopt_norm_channels *n, size_t image, size_t group,
                        double shift)
{
    const size_t each = n->channels / n->groups;
    const double count = (double)each * (double)n->pixels;
    double mean = 0;
    double variance = 0;
    for (size_t i = 0; i < each * n->pixels; i++) {
        mean += (double)n->x[place(n, n->ldx, image, group * each + i / n->pixels, i % n->pixels)];
    }
    mean /= count;
    for (size_t i = 0; i < each * n->pixels; i++) {
        const size_t c = group * each + i / n->pixels;
        const double d = (double)n->x[place(n, n->ldx, image, c, i % n->pixels)] - mean;
        variance += d * d / count;
    }
    for (size_t i = 0; i < each * n->pixels; i++) {
        const size_t c = group * each + i / n->pixels, entry = n->per_group ? group : c;
        const double d = (double)n->x[place(n, n->ldx, image, c, i % n->pixels)] - mean;
        const double factor = (double)n->scale[entry] / sqrt(variance + (double)n->epsilon);
        const double want = d * factor + (double)n->shift[entry];
        // A difference to the mean, which is a float, is rounded once, as is each step after it.
        const double bound = (fabs(d * factor) + fabs((double)n->shift[entry]) + 1) * 1e-6 +
                             fabs(factor * shift) * 1e-7;
        const bool cut = n->act.kind == MOPT_ACT_RELU;
        near((double)n->y[place(n, n->ldy, image, c, i % n->pixels)], cut ? fmax(0, want) : want,
             bound);
    }
}

static void choose(struct mopt_rng *rng, struct mopt_norm_channels *n)
{
    *n = (struct mopt_norm_channels){.batch = (size_t)between(rng, 1, 3),
                                     .pixels = (size_t)between(rng, 1, 40),
                                     .groups = (size_t)between(rng, 1, 5),
                                     .innermost = mopt__rng_below(rng, 2) == 0,
                                     .per_group = mopt__rng_below(rng, 3) == 0,
                                     .epsilon = 1e-3F};
    n->act.kind = mopt__rng_below(rng, 2) == 0 ? MOPT_ACT_RELU : MOPT_ACT_NONE;
    n->channels = n->groups * (size_t)between(rng, 1, 20);
    if (mopt__rng_below(rng, 4) == 0) {
        n->pixels = (size_t)between(rng, 100, 3000);
    } else if (mopt__rng_below(rng, 6) == 0) {
        n->channels = n->groups * (size_t)between(rng, 60, 120);
    }
    n->ldx = n->channels + (n->innermost ? (size_t)between(rng, 0, 3) : 0);
    n->ldy = n->channels + (n->innermost ? (size_t)between(rng, 0, 3) : 0);
}

static void try_norm(struct mopt_rng *rng, const struct mopt_kernels *table, struct mopt_pool *pool,
                     double shift)
{
    struct mopt_norm_channels n;
    choose(rng, &n);
    const size_t in = n.batch * n.pixels * n.ldx, out = n.batch * n.pixels * n.ldy;
    float *x = guarded(rng, in), *y = guarded(rng, out), *again = guarded(rng, out);
    float *scale = guarded(rng, n.channels), *moved = guarded(rng, n.channels);
    n.scratch = mopt__malloc(mopt__norm_channels_scratch(&n));
    assert_non_null(n.scratch);
    for (size_t i = 0; i < in; i++) {
        x[i] += (float)shift;
    }
    memcpy(again, y, out * sizeof *y);
    n.x = x;
    n.y = y;
    n.scale = scale;
    n.shift = moved;
    mopt__norm_channels(table, &n, NULL);
    for (size_t i = 0; i < n.batch * n.groups; i++) {
        check_group(&n, i / n.groups, i % n.groups, shift);
    }
    n.y = again;
    mopt__norm_channels(table, &n, pool);
    assert_memory_equal(y, again, out * sizeof *y); // with what lies between pixels
    release(x, in);
    release(y, out);
    release(again, out);
    release(scale, n.channels);
    release(moved, n.channels);
    mopt__free(n.scratch);
}

static void test_norms(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pool *pool = NULL;
    struct mopt_rng rng;
    assert_int_equal(mopt__pool_new(3, &pool, &err), MOPT_OK);
    mopt__rng_init(&rng, 71);
    struct mopt_kernels table;
    for (int level = 0; level_table(level, &table); level++) {
        for (int round = 0; round < 60; round++) {
            try_norm(&rng, &table, pool, round % 4 == 3 ? 300 : 0);
        }
    }
    mopt__pool_free(pool);
}

int mopt__test_norm_channels(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_norms)};
    return cmocka_run_group_tests_name("norm_channels", tests, NULL, NULL);
}
