// SPDX-License-Identifier: Apache-2.0
// Comparison of tensors: tolerances, special values, shapes, SQNR.
#include <math.h>

#include "tests.h"

#define NEAR(a, b, eps) assert_true(fabs((a) - (b)) <= (eps))

static struct mopt_difference of(const float *a, const float *b, int64_t count,
                                 struct mopt_tolerance tolerance)
{
    struct mopt_difference d = {0};
    struct mopt_tensor *x = mopt__test_floats(a, 1, &count);
    struct mopt_tensor *y = mopt__test_floats(b, 1, &count);
    mopt__difference_tensor(&d, x, y, &tolerance);
    mopt__tensor_unref(x);
    mopt__tensor_unref(y);
    return d;
}

static void equal(void **state)
{
    (void)state;
    const float a[] = {1, -2, 0};
    struct mopt_difference d = of(a, a, 3, (struct mopt_tolerance){0, 0});
    assert_true(mopt__difference_fits(&d));
    NEAR(mopt__difference_cosine(&d), 1, 1e-12);
    assert_true(isinf(mopt__difference_sqnr(&d)));
    NEAR(d.max_abs, 0, 0);
}

static void figures(void **state)
{
    (void)state;
    const float a[] = {3, 4};
    const float b[] = {3, 5};
    struct mopt_difference d = of(a, b, 2, (struct mopt_tolerance){0.1, 0.5});
    assert_int_equal(d.beyond, 1); // 1 > 0.5 + 0.1 * 4
    NEAR(d.max_abs, 1, 0);
    NEAR(d.max_rel, 0.25, 0);
    NEAR(mopt__difference_cosine(&d), 29 / (5 * sqrt(34)), 1e-12);
    NEAR(mopt__difference_sqnr(&d), 10 * log10(25), 1e-12);
    NEAR(mopt__difference_mse(&d), 0.5, 1e-12);
    NEAR(mopt__difference_mae(&d), 0.5, 1e-12);
    d = of(a, b, 2, (struct mopt_tolerance){0.1, 0.6});
    assert_int_equal(d.beyond, 0);
}

static void special_values(void **state)
{
    (void)state;
    const float a[] = {NAN, INFINITY, INFINITY, 1};
    const float same[] = {NAN, INFINITY, INFINITY, 1};
    const float other[] = {1, INFINITY, -INFINITY, NAN};
    const struct mopt_tolerance wide = {1e9, 1e9};
    struct mopt_difference d = of(a, same, 4, wide);
    assert_true(mopt__difference_fits(&d));
    d = of(a, other, 4, wide);
    assert_int_equal(d.beyond, 3); // no tolerance forgives these
    assert_int_equal(d.not_finite, 3);
}

static void zeros(void **state)
{
    (void)state;
    const float zero[] = {0, 0};
    const float one[] = {1, 0};
    const struct mopt_tolerance none = {0, 0};
    struct mopt_difference d = of(zero, zero, 2, none);
    NEAR(mopt__difference_cosine(&d), 1, 0);
    d = of(zero, one, 2, none);
    NEAR(mopt__difference_cosine(&d), 0, 0);
    struct mopt_difference empty = {0};
    assert_true(isnan(mopt__difference_cosine(&empty)) && isnan(mopt__difference_mse(&empty)));
}

static void shapes_differ(void **state)
{
    (void)state;
    const float values[] = {1, 2, 3, 4};
    const int64_t flat[] = {4};
    const int64_t square[] = {2, 2};
    struct mopt_tensor *a = mopt__test_floats(values, 1, flat);
    struct mopt_tensor *b = mopt__test_floats(values, 2, square);
    struct mopt_difference d = {0};
    mopt__difference_tensor(&d, a, b, &(struct mopt_tolerance){1, 1});
    assert_int_equal(d.shapes, 1);
    assert_int_equal(d.elements, 0);
    assert_false(mopt__difference_fits(&d));
    mopt__tensor_unref(a);
    mopt__tensor_unref(b);
}

static void merging_is_adding(void **state)
{
    (void)state;
    const float a[] = {1, 2};
    const float b[] = {1, 3};
    const float c[] = {7, 2};
    const struct mopt_tolerance none = {0, 0};
    struct mopt_difference x = of(a, b, 2, none);
    struct mopt_difference y = of(a, c, 2, none);
    mopt__difference_merge(&x, &y);
    assert_int_equal(x.pairs, 2);
    assert_int_equal(x.elements, 4);
    assert_int_equal(x.beyond, 2);
    NEAR(x.max_abs, 6, 0);
    NEAR(mopt__difference_mse(&x), (1 + 36) / 4.0, 1e-12);
}

int mopt__test_difference(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal),          cmocka_unit_test(figures),
        cmocka_unit_test(special_values), cmocka_unit_test(zeros),
        cmocka_unit_test(shapes_differ),  cmocka_unit_test(merging_is_adding),
    };
    return cmocka_run_group_tests_name("difference", tests, NULL, NULL);
}
