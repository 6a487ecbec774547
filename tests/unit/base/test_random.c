// SPDX-License-Identifier: Apache-2.0
// Random numbers: streams that must never change (computed by another implementation), and their
// statistics.
#include <math.h>

#include "base/random.h"
#include "tests.h"

static void streams_are_fixed(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed, values[3];
    } rows[] = {
        {0, {0x99ec5f36cb75f2b4, 0xbf6e1f784956452a, 0x1a5f849d4933e6e0}},
        {1, {0xb3f2af6d0fc710c5, 0x853b559647364cea, 0x92f89756082a4514}},
        {12345, {0xbe6a36374160d49b, 0x214aaa0637a688c6, 0xf69d16de9954d388}},
    };
    for (int i = 0; i < 3; i++) {
        struct mopt_rng rng;
        mopt__rng_init(&rng, rows[i].seed);
        for (int k = 0; k < 3; k++) {
            assert_true(mopt__rng_u64(&rng) == rows[i].values[k]);
        }
    }
}

static void derived_streams_are_fixed(void **state)
{
    (void)state;
    static const uint64_t digits[] = {4, 4, 8, 4, 4, 1, 6, 6, 8, 9, 3, 6};
    struct mopt_rng rng;
    mopt__rng_init(&rng, 7);
    for (int i = 0; i < 12; i++) {
        assert_true(mopt__rng_below(&rng, 10) == digits[i]);
    }
    assert_true(mopt__rng_below(&rng, (UINT64_C(1) << 63) + 1) == UINT64_C(8097486056669415888));
    mopt__rng_init(&rng, 7);
    assert_true(mopt__rng_unit(&rng) == 0x1.66b1f5ee9df2ep-1);
    assert_true(mopt__rng_unit(&rng) == 0x1.1d70f6593d20ap-2);
    // By the logarithm of a C library: ours may differ in the last places, and by nothing else.
    static const double normals[] = {0x1.edc0d635eea0cp-1, -0x1.3739755916c21p-2,
                                     0x1.381c0324118c3p-2, -0x1.b375fc61f0764p+0};
    mopt__rng_init(&rng, 7);
    for (int i = 0; i < 4; i++) {
        double value = mopt__rng_normal(&rng);
        assert_true(fabs(value - normals[i]) <= 1e-14 * fabs(normals[i]));
    }
}

static void below_is_uniform(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 3);
    int counts[6] = {0};
    for (int i = 0; i < 60000; i++) {
        counts[mopt__rng_below(&rng, 6)]++;
    }
    for (int i = 0; i < 6; i++) {
        assert_in_range(counts[i], 9500, 10500); // 5 deviations of 91
    }
    for (int i = 0; i < 100; i++) {
        assert_true(mopt__rng_below(&rng, 1) == 0);
    }
    // With a bound of 3 * 2^62 a plain remainder would favour the lowest third.
    int low = 0;
    for (int i = 0; i < 30000; i++) {
        low += mopt__rng_below(&rng, UINT64_C(3) << 62) < UINT64_C(1) << 62;
    }
    assert_in_range(low, 9500, 10500);
}

static void unit_is_uniform(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 4);
    double sum = 0;
    for (int i = 0; i < 100000; i++) {
        double value = mopt__rng_unit(&rng);
        assert_true(value >= 0 && value < 1);
        sum += value;
    }
    assert_true(fabs(sum / 100000 - 0.5) < 0.005);
}

static void normal_is_normal(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    struct mopt_rng rng;
    mopt__rng_init(&rng, 5);
    double sum = 0;
    double squares = 0;
    double fourths = 0;
    int beyond = 0; // two deviations: 4.55 % of a normal distribution
    for (int i = 0; i < COUNT; i++) {
        double value = mopt__rng_normal(&rng);
        sum += value;
        squares += value * value;
        fourths += value * value * value * value;
        beyond += fabs(value) > 2;
    }
    assert_true(fabs(sum / COUNT) < 0.012);
    assert_true(fabs(squares / COUNT - 1) < 0.017);
    assert_true(fabs(fourths / COUNT - 3) < 0.12);
    assert_in_range(beyond, COUNT * 0.0430, COUNT * 0.0480);
}

int mopt__test_random(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_fixed), cmocka_unit_test(derived_streams_are_fixed),
        cmocka_unit_test(below_is_uniform),  cmocka_unit_test(unit_is_uniform),
        cmocka_unit_test(normal_is_normal),
    };
    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
