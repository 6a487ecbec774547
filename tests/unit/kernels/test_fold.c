// SPDX-License-Identifier: Apache-2.0
// Fold slots at every level of this machine against the order of the elements: rows and columns of
// all lengths, NaN, infinities, and results that do not depend on where a row or column stands.
#include "kernels/table.h"
#include "support.h"
#include "tests.h"

enum { LENGTH_MAX = 150, ROWS_MAX = 9, TRIALS = 400 };

static bool is_extreme(enum mopt_fold fold)
{
    return fold == MOPT_FOLD_MAX || fold == MOPT_FOLD_MIN;
}

static void check(const struct mopt_kernels *kernels, enum mopt_fold fold, double got, double want,
                  double size)
{
    const bool same = got == want || (isnan(got) && isnan(want));
    if (!same &&
        (is_extreme(fold) || isnan(want) || isinf(want) || !(fabs(got - want) <= 1e-13 * size))) {
        fail_msg("%s, fold %d: %.17g, expected %.17g", mopt__isa_name(kernels->isa), (int)fold, got,
                 want);
    }
}

// Random numbers, now and then one that is none or infinite.
static void fill(struct mopt_rng *rng, float *x, size_t n)
{
    static const float special[] = {NAN, INFINITY, -INFINITY, 0.0F, -0.0F, 3e38F, -3e38F, 1e-40F};
    for (size_t i = 0; i < n; i++) {
        const size_t pick = (size_t)mopt__rng_below(rng, 10 * MOPT_COUNTOF(special));
        x[i] = pick < MOPT_COUNTOF(special) ? special[pick] : (float)mopt__rng_normal(rng);
    }
}

static double start_of(enum mopt_fold fold)
{
    return fold == MOPT_FOLD_MAX   ? (double)-INFINITY
           : fold == MOPT_FOLD_MIN ? (double)INFINITY
                                   : 0.25;
}

// What rounding of a sum in another order is held against: the sum of what is summed, without
// signs.
static double size_of(enum mopt_fold fold, const float *x, size_t n)
{
    double size = 1;
    for (size_t i = 0; i < n; i++) {
        const double d = fabs((double)x[i]);
        size += isfinite(d) ? (fold == MOPT_FOLD_SQUARES ? d * d : d) : 0;
    }
    return size;
}

// One trial: [rows, n] with `behind` elements from row to row, along rows and across them.
static void try_fold(const struct mopt_kernels *kernels, struct mopt_rng *rng, enum mopt_fold fold)
{
    const size_t n = (size_t)between(rng, 0, mopt__rng_below(rng, 2) == 0 ? 9 : LENGTH_MAX);
    const size_t rows = (size_t)between(rng, 1, ROWS_MAX);
    const size_t step = n + (size_t)between(rng, 0, 3);
    struct mopt_kernels ref;
    double got[LENGTH_MAX + ROWS_MAX];
    double want[LENGTH_MAX + ROWS_MAX];
    double alone;
    mopt__kernels_select(MOPT_ISA_REF, &ref);
    float *x = guarded(rng, rows * step + 1);
    if (mopt__rng_below(rng, 2) == 0) {
        fill(rng, x, rows * step + 1);
    }
    for (size_t i = 0; i < n + rows; i++) {
        got[i] = want[i] = start_of(fold);
    }
    kernels->fold_f32(fold, x, n, rows, got);
    ref.fold_f32(fold, x, n, rows, want);
    for (size_t r = 0; r < rows; r++) {
        alone = start_of(fold);
        kernels->fold_f32(fold, x + r * n, n, 1, &alone);
        assert_memory_equal(&alone, &got[r], sizeof alone);
        check(kernels, fold, got[r], want[r], size_of(fold, x + r * n, n));
    }
    for (size_t i = 0; i < n; i++) {
        got[i] = want[i] = start_of(fold);
    }
    kernels->fold_columns_f32(fold, x, step, rows, got, n);
    ref.fold_columns_f32(fold, x, step, rows, want, n);
    for (size_t i = 0; i < n; i++) {
        alone = start_of(fold);
        kernels->fold_columns_f32(fold, x + i, step, rows, &alone, 1);
        check(kernels, fold, got[i], alone, 0);
        check(kernels, fold, got[i], want[i], 0);
    }
    release(x, rows * step + 1);
}

static void test_folds(void **state)
{
    const int top = (int)mopt__cpu_isa();
    (void)state;
    for (int isa = MOPT_ISA_REF; isa <= top && isa <= MOPT_ISA_AVX512; isa++) {
        struct mopt_kernels kernels;
        struct mopt_rng rng;
        mopt__rng_init(&rng, 8);
        mopt__kernels_select((enum mopt_isa)isa, &kernels);
        for (int t = 0; t < TRIALS; t++) {
            try_fold(&kernels, &rng, (enum mopt_fold)(t % (MOPT_FOLD_MIN + 1)));
        }
    }
}

int mopt__test_fold(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_folds)};
    return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
