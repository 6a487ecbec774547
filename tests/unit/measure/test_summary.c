// SPDX-License-Identifier: Apache-2.0
// Quantiles, deviations and intervals against values worked out by hand.
#include <math.h>

#include "tests.h"

#define NEAR(a, b, eps) assert_true(fabs((a) - (b)) <= (eps))

static void quantiles(void **state)
{
    (void)state;
    const double samples[] = {5, 1, 4, 2, 3};
    struct mopt_error err;
    struct mopt_summary s;
    assert_int_equal(mopt__summarize(samples, 5, &s, &err), MOPT_OK);
    assert_int_equal(s.count, 5);
    NEAR(s.min, 1, 0);
    NEAR(s.max, 5, 0);
    NEAR(s.mean, 3, 1e-12);
    NEAR(s.p50, 3, 0);
    NEAR(s.p90, 4.6, 1e-12);  // position 3.6
    NEAR(s.p99, 4.96, 1e-12); // position 3.96
    NEAR(s.sd, sqrt(2.5), 1e-12);
    assert_true(isnan(s.median_low)); // five samples cannot give 95 %
    NEAR(samples[0], 5, 0);           // the caller's array is left alone
}

static void few_samples(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_summary s;
    const double one = 7;
    assert_int_equal(mopt__summarize(NULL, 0, &s, &err), MOPT_OK);
    assert_true(isnan(s.p50) && isnan(s.mean) && isnan(s.sd));
    assert_int_equal(mopt__summarize(&one, 1, &s, &err), MOPT_OK);
    NEAR(s.p50, 7, 0);
    NEAR(s.p99, 7, 0);
    assert_true(isnan(s.sd));
}

static void median_interval_holds_the_median(void **state)
{
    (void)state;
    double samples[100];
    struct mopt_error err;
    struct mopt_summary s;
    for (int i = 0; i < 100; i++) {
        samples[i] = i + 1;
    }
    assert_int_equal(mopt__summarize(samples, 100, &s, &err), MOPT_OK);
    NEAR(s.median_low, 40, 0);  // floor(50 - 9.8) = 40th smallest
    NEAR(s.median_high, 61, 0); // ceil(51 + 9.8) = 61st, one more than the 60th: rounded outwards
    assert_true(s.median_low < s.p50 && s.p50 < s.median_high);
}

static void wilson(void **state)
{
    (void)state;
    struct mopt_interval half = mopt__wilson(5, 10);
    NEAR(half.low, 0.2366, 1e-4);
    NEAR(half.high, 0.7634, 1e-4);
    struct mopt_interval none = mopt__wilson(0, 10);
    NEAR(none.low, 0, 0);
    NEAR(none.high, 0.2775, 1e-4);
    struct mopt_interval all = mopt__wilson(10, 10);
    NEAR(all.high, 1, 0);
    assert_true(isnan(mopt__wilson(0, 0).low));
}

static void errors_of_proportions(void **state)
{
    (void)state;
    NEAR(mopt__proportion_error(50, 100), 0.05, 1e-12);
    assert_true(isnan(mopt__proportion_error(0, 0)));
    NEAR(mopt__paired_error(0, 0, 100), 0, 0); // both right on the same samples: no doubt
    NEAR(mopt__paired_error(10, 10, 100), sqrt(0.2 / 100), 1e-12);
    // b + c = 20, b - c = 20: (20 - 400/100)/100 = 0.16
    NEAR(mopt__paired_error(20, 0, 100), 0.04, 1e-12);
}

int mopt__test_summary(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles),
        cmocka_unit_test(few_samples),
        cmocka_unit_test(median_interval_holds_the_median),
        cmocka_unit_test(wilson),
        cmocka_unit_test(errors_of_proportions),
    };
    return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
