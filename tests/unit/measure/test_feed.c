// SPDX-License-Identifier: Apache-2.0
// Inputs that are given, random, or missing.
#include <math.h>
#include <string.h>

#include "tests.h"

static const char two_inputs[] =
    "model (ir=8, opset=13) { graph g (float[batch,seq] x, int64[] n, float[2] w) -> (float[?,?] "
    "y) {"
    " float[2] w = {1, 2}; a = Add(x, w); c = Cast<to=1>(n); y = Mul(a, c); } }";

static enum mopt_status open_feed(struct mopt_model *model, struct mopt_feed_options options,
                                  struct mopt_feed **feed, struct mopt_error *err)
{
    mopt_error_clear(err);
    return mopt__feed_new(model, &options, feed, err);
}

static void random_inputs(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_feed *feed;
    const struct mopt_feed_item *item;
    struct mopt_model *model = mopt__test_model(two_inputs);
    const struct mopt_binding seq = {"seq", 2};
    struct mopt_feed_options options = {
        .random = true, .samples = 2, .seed = 7, .bindings = &seq, .binding_count = 1, .batch = 3};
    double first[2][6];
    for (int round = 0; round < 2; round++) { // the same seed gives the same numbers
        assert_int_equal(open_feed(model, options, &feed, &err), MOPT_OK);
        assert_int_equal(mopt__feed_count(feed), 2);
        assert_int_equal(mopt__feed_next(feed, &item, &err), MOPT_OK);
        const struct mopt_tensor *x = item->inputs[0]->tensor;
        assert_int_equal(x->rank, 2);
        assert_int_equal(x->dims[0], 3);
        assert_int_equal(x->dims[1], 2);
        assert_null(item->inputs[2]); // has an initializer
        for (size_t i = 0; i < 6; i++) {
            first[round][i] = mopt__tensor_f64(x, i);
        }
        assert_int_equal(mopt__feed_next(feed, &item, &err), MOPT_OK);
        assert_true(fabs(mopt__tensor_f64(item->inputs[0]->tensor, 0) - first[round][0]) > 0);
        assert_int_equal(mopt__feed_next(feed, &item, &err), MOPT_OK);
        assert_null(item);
        mopt__feed_free(feed);
    }
    assert_memory_equal(first[0], first[1], sizeof first[0]);
    mopt__model_free(model);
}

static void open_dimension(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_feed *feed;
    const struct mopt_feed_item *item;
    struct mopt_model *model = mopt__test_model(two_inputs);
    assert_int_equal(open_feed(model, (struct mopt_feed_options){.random = true}, &feed, &err),
                     MOPT_OK);
    assert_int_equal(mopt__feed_next(feed, &item, &err), MOPT_E_USAGE);
    assert_non_null(strstr(err.text, "--dim seq=SIZE"));
    mopt__feed_free(feed);
    mopt__model_free(model);
}

static void dimensions_without_a_name(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_feed *feed;
    const struct mopt_feed_item *item;
    struct mopt_model *model = mopt__test_model(
        "model (ir=8, opset=13) { graph g (float[?,?] x) -> (float[?,?] y) { y = Relu(x); } }");
    const struct mopt_binding axis = {"x:1", 5};
    struct mopt_feed_options options = {.random = true, .bindings = &axis, .binding_count = 1};
    assert_int_equal(open_feed(model, options, &feed, &err), MOPT_OK);
    assert_int_equal(mopt__feed_next(feed, &item, &err), MOPT_OK);
    assert_int_equal(item->inputs[0]->tensor->dims[0], 1); // the batch
    assert_int_equal(item->inputs[0]->tensor->dims[1], 5);
    mopt__feed_free(feed);
    mopt__model_free(model);
}

static void names_are_checked(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_feed *feed;
    struct mopt_model *model = mopt__test_model(two_inputs);
    assert_int_equal(open_feed(model, (struct mopt_feed_options){0}, &feed, &err), MOPT_E_USAGE);
    assert_non_null(strstr(err.text, "'x'"));
    const struct mopt_fixed_input wrong = {"batch_x", NULL};
    struct mopt_feed_options options = {.random = true, .fixed = &wrong, .fixed_count = 1};
    assert_int_equal(open_feed(model, options, &feed, &err), MOPT_E_USAGE);
    assert_non_null(strstr(err.text, "batch_x"));
    mopt__model_free(model);
}

static void given_inputs(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_feed *feed;
    const struct mopt_feed_item *item;
    struct mopt_model *model = mopt__test_model(two_inputs);
    const float values[] = {1, 2};
    const int64_t dims[] = {1, 2};
    const int64_t n = 3;
    struct mopt_tensor *x = mopt__test_floats(values, 2, dims);
    struct mopt_tensor *count;
    assert_int_equal(mopt__tensor_i64(&n, 0, NULL, &count, &err), MOPT_OK);
    struct mopt_fixed_input fixed[] = {{"n", NULL}, {"x", NULL}};
    assert_int_equal(mopt__datum_tensor(count, &fixed[0].datum, &err), MOPT_OK);
    assert_int_equal(mopt__datum_tensor(x, &fixed[1].datum, &err), MOPT_OK);
    struct mopt_feed_options options = {.fixed = fixed, .fixed_count = 2};
    assert_int_equal(open_feed(model, options, &feed, &err), MOPT_OK);
    assert_int_equal(mopt__feed_next(feed, &item, &err), MOPT_OK);
    assert_ptr_equal(item->inputs[0], fixed[1].datum);
    assert_ptr_equal(item->inputs[1], fixed[0].datum);
    mopt__feed_free(feed);
    mopt__datum_unref(fixed[0].datum);
    mopt__datum_unref(fixed[1].datum);
    mopt__tensor_unref(x);
    mopt__tensor_unref(count);
    mopt__model_free(model);
}

int mopt__test_feed(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_inputs),
        cmocka_unit_test(open_dimension),
        cmocka_unit_test(dimensions_without_a_name),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(given_inputs),
    };
    return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
