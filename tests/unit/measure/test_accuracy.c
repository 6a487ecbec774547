// SPDX-License-Identifier: Apache-2.0
// Top-1 and top-5, ties, NaN, labels out of range.
#include <math.h>
#include <string.h>

#include "tests.h"

static const float scores[] = {
    0, 9, 8, 7, 6, 5, 4,   // class 1 best, class 6 sixth, class 0 last
    2, 2, 2, 2, 2, 2, 2,   // all equal: the lower number is better
    1, 0, 0, 0, 0, 0, NAN, // NaN is last
};
static const int64_t dims[] = {3, 7};

static void ranks(void **state)
{
    (void)state;
    struct mopt_tensor *t = mopt__test_floats(scores, 2, dims);
    assert_int_equal(mopt__rank_of_label(t, 0, 1), 0);
    assert_int_equal(mopt__rank_of_label(t, 0, 5), 4);
    assert_int_equal(mopt__rank_of_label(t, 0, 6), 5);
    assert_int_equal(mopt__rank_of_label(t, 1, 0), 0);
    assert_int_equal(mopt__rank_of_label(t, 1, 6), 6);
    assert_int_equal(mopt__rank_of_label(t, 2, 6), 6);
    assert_int_equal(mopt__rank_of_label(t, 0, 7), -1);
    assert_int_equal(mopt__rank_of_label(t, 0, -1), -1);
    assert_int_equal(mopt__best_class(t, 0), 1);
    assert_int_equal(mopt__best_class(t, 1), 0);
    assert_int_equal(mopt__best_class(t, 2), 0);
    mopt__tensor_unref(t);
}

static void counts(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_accuracy accuracy = {0};
    struct mopt_tensor *t = mopt__test_floats(scores, 2, dims);
    const int64_t labels[] = {5, 0, 6};
    assert_int_equal(mopt__accuracy_add(&accuracy, t, labels, 3, &err), MOPT_OK);
    assert_int_equal(accuracy.samples, 3);
    assert_int_equal(accuracy.top1, 1);
    assert_int_equal(accuracy.top5, 2);
    mopt__tensor_unref(t);
}

static void refusals(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_accuracy accuracy = {0};
    struct mopt_tensor *t = mopt__test_floats(scores, 2, dims);
    const int64_t labels[] = {7, 0, 0};
    mopt_error_clear(&err);
    assert_int_equal(mopt__accuracy_add(&accuracy, t, labels, 3, &err), MOPT_E_VALUE);
    assert_non_null(strstr(err.text, "label 7"));
    mopt_error_clear(&err);
    assert_int_equal(mopt__accuracy_add(&accuracy, t, labels, 2, &err), MOPT_E_SHAPE);
    mopt__tensor_unref(t);
}

int mopt__test_accuracy(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks),
        cmocka_unit_test(counts),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("accuracy", tests, NULL, NULL);
}
