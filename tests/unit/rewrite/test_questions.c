// SPDX-License-Identifier: Apache-2.0
// Questions about values: constants, splats, integers, shapes.
#include <string.h>

#include "tests.h"

static const char graph[] =
    "model (ir=8, opset=13) { graph main (float[batch,3] x, float[batch,3] z, float[n,3] v,\n"
    "    float[...] u, float[1] over) -> (y) {\n"
    "  float[1] over = {1};\n"
    "  float s = {2.5};\n"
    "  float[3] same = {4, 4, 4};\n"
    "  float[2] zeros = {0, -0};\n"
    "  float[0] none = {};\n"
    "  string[1] text = {\"a\"};\n"
    "  int64[2] list = {7, 9};\n"
    "  int64[2] axes = {-1, 2};\n"
    "  int32[1] narrow = {5};\n"
    "  int64[1,1] matrix = {5};\n"
    "  c = Constant<value=float[2]{1, 1}>();\n"
    "  shape = Shape(x);\n"
    "  y = Foo(x, z, v, u, over, s, same, zeros, none, text, list, axes, narrow, matrix, c, "
    "shape);\n"
    "} }";

static void constants(void **state)
{
    (void)state;
    struct mopt_model *model = support_model(graph);
    double number = 0;
    assert_non_null(mopt__match_constant(support_value(model, "s")));
    assert_non_null(mopt__match_constant(support_value(model, "c")));
    assert_null(mopt__match_constant(support_value(model, "over")));
    assert_null(mopt__match_constant(support_value(model, "x")));
    assert_null(mopt__match_constant(support_value(model, "y")));
    assert_null(mopt__match_constant(NULL));
    assert_true(mopt__match_scalar(support_value(model, "s"), &number));
    assert_true(number == 2.5);
    assert_true(mopt__match_scalar(support_value(model, "matrix"), &number));
    assert_false(mopt__match_scalar(support_value(model, "same"), &number));
    assert_false(mopt__match_scalar(support_value(model, "text"), &number));
    assert_false(mopt__match_scalar(support_value(model, "over"), &number));
    assert_true(mopt__match_splat(support_value(model, "same"), &number));
    assert_true(number == 4);
    assert_true(mopt__match_splat(support_value(model, "c"), &number));
    assert_false(mopt__match_splat(support_value(model, "zeros"), &number)); // 0 and -0
    assert_false(mopt__match_splat(support_value(model, "none"), &number));
    assert_false(mopt__match_splat(support_value(model, "x"), &number));
    mopt__model_free(model);
}

static void integers(void **state)
{
    (void)state;
    struct mopt_model *model = support_model(graph);
    const int64_t *items = NULL;
    size_t count = 0;
    int64_t known = 0, plain[2];
    assert_true(mopt__match_ints(support_value(model, "list"), &items, &count));
    assert_int_equal(count, 2);
    assert_int_equal(items[1], 9);
    assert_true(mopt__match_ints(support_value(model, "axes"), &items, &count));
    assert_true(mopt__dim_is_known(model->dims, items[0], &known));
    assert_int_equal(known, -1);
    assert_true(mopt__match_ints(support_value(model, "narrow"), &items, &count));
    assert_int_equal(items[0], 5);
    assert_false(mopt__match_ints(support_value(model, "matrix"), &items, &count));
    assert_false(mopt__match_ints(support_value(model, "same"), &items, &count));
    assert_false(mopt__match_ints(support_value(model, "x"), &items, &count));
    assert_true(mopt__match_ints(support_value(model, "shape"), &items, &count));
    assert_int_equal(count, 2);
    assert_string_equal(mopt__dim_name(model->dims, items[0]), "batch");
    assert_int_equal(items[1], 3);

    struct mopt_value *over = support_value(model, "over"); // what is known is its default only
    over->ints = support_value(model, "shape")->ints;
    assert_non_null(over->ints);
    assert_false(mopt__match_ints(over, &items, &count));
    assert_false(mopt__match_i64s(over, plain, 2, &count));

    assert_true(mopt__match_i64s(support_value(model, "axes"), plain, 2, &count));
    assert_int_equal(plain[0], -1);
    assert_int_equal(plain[1], 2);
    assert_false(mopt__match_i64s(support_value(model, "axes"), plain, 1, &count));
    assert_false(mopt__match_i64s(support_value(model, "shape"), plain, 2, &count)); // symbolic
    assert_false(mopt__match_i64s(support_value(model, "x"), plain, 2, &count));
    mopt__model_free(model);
}

static void types_and_uses(void **state)
{
    (void)state;
    struct mopt_model *model = support_model(graph);
    const struct mopt_value *x = support_value(model, "x");
    assert_true(mopt__match_same_shape(x, support_value(model, "z")));
    assert_false(mopt__match_same_shape(x, support_value(model, "v"))); // another symbol
    assert_false(mopt__match_same_shape(x, support_value(model, "u")));
    assert_false(mopt__match_same_shape(support_value(model, "u"), support_value(model, "u")));
    assert_false(mopt__match_same_shape(support_value(model, "s"), support_value(model, "same")));
    assert_int_equal(mopt__match_tensor_type(x)->rank, 2);
    assert_null(mopt__match_tensor_type(support_value(model, "u")));
    assert_null(mopt__match_tensor_type(support_value(model, "y")));
    assert_null(mopt__match_tensor_type(NULL));
    assert_false(mopt__match_single_use(x)); // Shape and Foo
    assert_true(mopt__match_single_use(support_value(model, "z")));
    assert_false(mopt__match_single_use(support_value(model, "y")));
    mopt__model_free(model);
}

int mopt__test_questions(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants),
        cmocka_unit_test(integers),
        cmocka_unit_test(types_and_uses),
    };
    return cmocka_run_group_tests_name("questions", tests, NULL, NULL);
}
