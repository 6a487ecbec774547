// SPDX-License-Identifier: Apache-2.0
// Ranges over streams: independent of order and batching, quantiles, values that are no numbers.
#include <math.h>
#include <string.h>

#include "tests.h"

struct range {
    double min, max;
};

static void add(struct mopt_ranges *ranges, const float *values, size_t count)
{
    struct mopt_tensor *tensor = NULL;
    struct mopt_error err;
    int64_t dims[] = {(int64_t)count};
    assert_int_equal(mopt__tensor_new(MOPT_FLOAT32, 1, dims, &tensor, &err), MOPT_OK);
    memcpy(mopt__tensor_data(tensor), values, count * sizeof values[0]);
    assert_int_equal(mopt__ranges_add(ranges, 0, tensor, &err), MOPT_OK);
    mopt__tensor_unref(tensor);
}

static struct mopt_ranges fresh(enum mopt_calibration calibration, double percentile)
{
    struct mopt_ranges ranges;
    struct mopt_error err;
    assert_int_equal(mopt__ranges_init(&ranges, 2, calibration, percentile, &err), MOPT_OK);
    ranges.items[0].wanted = true;
    return ranges;
}

static struct range result(struct mopt_ranges *ranges)
{
    struct range range;
    assert_true(mopt__ranges_get(ranges, 0, &range.min, &range.max));
    assert_false(mopt__ranges_get(ranges, 1, &range.min, &range.max));
    assert_false(mopt__ranges_get(ranges, 2, &range.min, &range.max)); // beyond the end
    assert_true(mopt__ranges_get(ranges, 0, &range.min, &range.max));
    mopt__ranges_release(ranges);
    return range;
}

enum { COUNT = 1000 };

static void fill(float values[COUNT]) // -499 .. 500, and two outliers
{
    for (int i = 0; i < COUNT; i++) {
        values[i] = (float)(i - 499);
    }
    values[10] = -1e6F;
    values[20] = 1e6F;
}

static void test_order_and_batches_do_not_matter(void **state)
{
    (void)state;
    float values[COUNT];
    fill(values);
    for (int kind = 0; kind < 2; kind++) {
        enum mopt_calibration calibration =
            kind == 0 ? MOPT_CALIBRATE_MINMAX : MOPT_CALIBRATE_PERCENTILE;
        struct mopt_ranges whole = fresh(calibration, 99);
        add(&whole, values, COUNT);
        struct mopt_ranges parts = fresh(calibration, 99);
        for (size_t i = COUNT; i > 0; i -= 8) {
            add(&parts, values + i - 8, 8);
        }
        struct range a = result(&whole);
        struct range b = result(&parts);
        assert_true(a.min == b.min && a.max == b.max);
        assert_true(kind == 0 ? a.max == 1e6 && a.min == -1e6 : a.max < 501 && a.min > -501);
    }
}

static void test_percentile(void **state)
{
    (void)state;
    float values[COUNT];
    fill(values);
    struct mopt_ranges ranges = fresh(MOPT_CALIBRATE_PERCENTILE, 90);
    add(&ranges, values, COUNT);
    struct range range = result(&ranges); // 5 % cut off at both ends; bins are 1/128 wide
    assert_true(range.min <= -447 && range.min >= -455);
    assert_true(range.max >= 448 && range.max <= 456);
    ranges = fresh(MOPT_CALIBRATE_PERCENTILE, 100);
    add(&ranges, values, COUNT);
    range = result(&ranges);
    assert_true(range.min == -1e6 && range.max == 1e6);
    ranges = fresh(MOPT_CALIBRATE_PERCENTILE, 0);
    add(&ranges, values, 1); // one value only
    range = result(&ranges);
    assert_true(range.min == -499 && range.max == -499);
}

static void test_no_numbers(void **state)
{
    (void)state;
    static const float values[] = {NAN, -INFINITY, 2, INFINITY, 1};
    struct mopt_ranges ranges = fresh(MOPT_CALIBRATE_PERCENTILE, 0);
    add(&ranges, values, 2);
    double min;
    double max;
    assert_false(mopt__ranges_get(&ranges, 0, &min, &max)); // nothing finite yet
    add(&ranges, values, 5);
    assert_int_equal(ranges.items[0].bad, 5);
    struct range range = result(&ranges);
    assert_true(range.min == 1 && range.max == 2);
}

int mopt__test_statistics(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_batches_do_not_matter),
        cmocka_unit_test(test_percentile),
        cmocka_unit_test(test_no_numbers),
    };
    return cmocka_run_group_tests_name("statistics", tests, NULL, NULL);
}
