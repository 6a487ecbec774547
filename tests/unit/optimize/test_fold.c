// SPDX-License-Identifier: Apache-2.0
// Arithmetic on weights.
#include <stdio.h>

#include "optimize/fold.h"
#include "tests.h"

// The values as "one number per channel" of a tensor of rank 4 with 2 channels in axis 1; false
// when refused.
static bool per_channel(const char *type, const char *content, bool scalar_ok, double out[2])
{
    char text[256];
    (void)snprintf(text, sizeof text, "graph main () -> (y) { %s k = {%s}; y = Neg(k); }", type,
                   content);
    struct mopt_model *model = support_model(text);
    double *values = NULL;
    bool fits = mopt__fold_per_channel(support_constant(model, "k"), 4, 1, 2, scalar_ok, &values);
    for (int i = 0; fits && i < 2; i++) {
        out[i] = values[i];
    }
    assert_true(fits == (values != NULL));
    mopt__free(values);
    mopt__model_free(model);
    return fits;
}

static void expect_channels(const char *type, const char *content, double first, double second)
{
    double values[2] = {0, 0};
    assert_true(per_channel(type, content, true, values));
    assert_true(values[0] == first && values[1] == second);
}

static void shapes_per_channel(void **state)
{
    (void)state;
    double values[2] = {0, 0};
    expect_channels("float[2,1,1]", "3, 4", 3, 4);
    expect_channels("float[1,2,1,1]", "3, 4", 3, 4);
    expect_channels("float16[2,1,1]", "3, 4", 3, 4);
    expect_channels("float[]", "5", 5, 5);
    expect_channels("float[1]", "5", 5, 5);
    expect_channels("float[1,1,1,1]", "5", 5, 5);
    assert_false(per_channel("float[]", "5", false, values));
    assert_false(per_channel("float[2]", "3, 4", true, values));         // along the last axis
    assert_false(per_channel("float[2,1]", "3, 4", true, values));       // along the height
    assert_false(per_channel("float[2,1,1,1]", "3, 4", true, values));   // along the batch
    assert_false(per_channel("float[1,1,2,1,1]", "3, 4", true, values)); // enlarges the rank
    assert_false(per_channel("float[1,1,1,1,1]", "3", true, values));
    assert_false(per_channel("float[3,1,1]", "3, 4, 5", true, values));
    assert_false(per_channel("float[2,1,2]", "3, 4, 5, 6", true, values));
    assert_false(per_channel("int32[2,1,1]", "3, 4", true, values));
}

static void scaling_an_axis(void **state)
{
    (void)state;
    struct mopt_error err = {.offset = -1};
    struct mopt_model *model =
        support_model("graph main () -> (y) { float[2,3] w = {1, 2, 3, 4, 5, 6}; y = Neg(w); }");
    const double rows[] = {10, 100};
    const double columns[] = {1, 0, -1};
    const float by_row[] = {10, 20, 30, 400, 500, 600};
    const float by_column[] = {1, 0, -3, 4, 0, -6};
    struct mopt_tensor *out = NULL;
    assert_int_equal(mopt__fold_scale_axis(support_constant(model, "w"), 0, rows, 2, &out, &err),
                     MOPT_OK);
    assert_memory_equal(out->data, by_row, sizeof by_row);
    mopt__tensor_unref(out);
    assert_int_equal(mopt__fold_scale_axis(support_constant(model, "w"), 1, columns, 3, &out, &err),
                     MOPT_OK);
    for (size_t i = 0; i < 6; i++) {
        assert_true(mopt__tensor_f64(out, i) == (double)by_column[i]);
    }
    mopt__tensor_unref(out);
    mopt__model_free(model);
}

static void half_precision_rounds_once(void **state)
{
    (void)state;
    struct mopt_error err = {.offset = -1};
    const double values[] = {1024.5, 1.0 / 3, 65504};
    struct mopt_tensor *out = NULL;
    assert_int_equal(mopt__fold_vector(MOPT_FLOAT16, values, 3, &out, &err), MOPT_OK);
    assert_int_equal(out->dtype, MOPT_FLOAT16);
    assert_true(mopt__tensor_f64(out, 0) == 1024); // 1024.5 lies between two halves: ties to even
    assert_true(mopt__tensor_f64(out, 1) == 0.333251953125);
    assert_true(mopt__tensor_f64(out, 2) == 65504);
    mopt__tensor_unref(out);
}

int mopt__test_fold(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes_per_channel),
        cmocka_unit_test(scaling_an_axis),
        cmocka_unit_test(half_precision_rounds_once),
    };
    return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
