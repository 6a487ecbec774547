// SPDX-License-Identifier: Apache-2.0
// Range to scale and zero point (the formulas of ONNX Runtime), and codes.
#include <float.h>
#include <math.h>

#include "tests.h"

static void expect(enum mopt_dtype dtype, bool symmetric, bool reduce, double min, double max,
                   double scale, int64_t zero_point)
{
    struct mopt_quant_params params;
    mopt__quant_params(dtype, symmetric, reduce, min, max, &params);
    assert_true(params.scale == (double)(float)scale);
    assert_int_equal(params.zero_point, zero_point);
}

static void test_ranges(void **state)
{
    (void)state;
    expect(MOPT_UINT8, false, false, -1, 1, 2.0 / 255, 128); // 127.5 goes to the even code
    expect(MOPT_UINT8, false, false, 0, 6, 6.0 / 255, 0);
    expect(MOPT_UINT8, false, false, 2, 6, 6.0 / 255, 0);     // widened to 0
    expect(MOPT_UINT8, false, false, -6, -2, 6.0 / 255, 255); // likewise
    expect(MOPT_INT8, false, false, -1, 3, 4.0 / 255, -64);   // -64.25
    expect(MOPT_INT8, true, false, -1, 3, 6.0 / 254, 0);
    expect(MOPT_UINT8, true, false, -1, 3, 6.0 / 255, 128);
    expect(MOPT_INT8, true, true, -3, 1, 6.0 / 128, 0);
    expect(MOPT_UINT8, false, true, 0, 1, 1.0 / 127, 0);
    expect(MOPT_UINT8, true, true, -1, 1, 2.0 / 127, 64);
}

static void test_ranges_of_nothing(void **state)
{
    (void)state;
    expect(MOPT_UINT8, false, false, 0, 0, 1, 0);
    expect(MOPT_UINT8, true, false, 0, 0, 1, 128);
    expect(MOPT_INT8, true, false, 0, 0, 1, 0);
    expect(MOPT_UINT8, false, false, 0, 1e-40, 1, 0);
    expect(MOPT_UINT8, false, false, (double)NAN, (double)NAN, 1, 0);
    struct mopt_quant_params params;
    mopt__quant_params(MOPT_UINT8, false, false, -(double)FLT_MAX, (double)FLT_MAX, &params);
    assert_true(isfinite((float)params.scale));
}

static void test_codes(void **state)
{
    (void)state;
    assert_int_equal(mopt__quant_code(0.5F, 1, 0, -128, 127), 0); // ties to even
    assert_int_equal(mopt__quant_code(1.5F, 1, 0, -128, 127), 2);
    assert_int_equal(mopt__quant_code(-2.5F, 1, 0, -128, 127), -2);
    assert_int_equal(mopt__quant_code(0.5F, 1, 3, 0, 255), 3); // rounded before the zero point
    assert_int_equal(mopt__quant_code(1e30F, 1e-3F, 7, 0, 255), 255);
    assert_int_equal(mopt__quant_code(-1e30F, 1e-3F, 7, 0, 255), 0);
    assert_int_equal(mopt__quant_code(INFINITY, 1, 0, -128, 127), 127);
    assert_int_equal(mopt__quant_code(-INFINITY, 1, 0, -128, 127), -128);
    assert_int_equal(mopt__quant_code(NAN, 1, 10, 0, 255), 0);
}

static void round_trips(enum mopt_dtype dtype, bool symmetric, float min, float max)
{
    struct mopt_quant_params params;
    mopt__quant_params(dtype, symmetric, false, (double)min, (double)max, &params);
    int64_t low;
    int64_t high;
    mopt__quant_range(dtype, symmetric, false, &low, &high);
    bool zero_kept =
        mopt__quant_code(0, (float)params.scale, params.zero_point, low, high) == params.zero_point;
    assert_true(zero_kept);
    for (int i = 0; i <= 1000; i++) {
        float x = min + (max - min) * (float)i / 1000;
        int64_t code = mopt__quant_code(x, (float)params.scale, params.zero_point, low, high);
        assert_true(code >= low && code <= high);
        double back = (double)(code - params.zero_point) * params.scale;
        assert_true(fabs(back - (double)x) <= params.scale * 0.50001);
    }
}

static void test_error_is_at_most_half_a_step(void **state)
{
    (void)state;
    static const float ranges[][2] = {{-1, 1}, {0, 6}, {-0.3F, 2.7F}, {-1e-6F, 3e-6F}, {-9e8F, 1}};
    for (size_t i = 0; i < MOPT_COUNTOF(ranges); i++) {
        round_trips(MOPT_UINT8, false, ranges[i][0], ranges[i][1]);
        round_trips(MOPT_INT8, false, ranges[i][0], ranges[i][1]);
        round_trips(MOPT_INT8, true, ranges[i][0], ranges[i][1]);
    }
}

int mopt__test_parameters(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_ranges_of_nothing),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_error_is_at_most_half_a_step),
    };
    return cmocka_run_group_tests_name("parameters", tests, NULL, NULL);
}
