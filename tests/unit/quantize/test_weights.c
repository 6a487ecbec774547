// SPDX-License-Identifier: Apache-2.0
// Constant weights: layout of the channels, symmetric codes, dead channels, reduced range, the
// uint8 form.
#include <math.h>
#include <string.h>

#include "tests.h"

static struct mopt_tensor *weight_of(const float *values, int rank, const int64_t *dims)
{
    struct mopt_tensor *tensor = NULL;
    struct mopt_error err;
    assert_int_equal(mopt__tensor_new(MOPT_FLOAT32, rank, dims, &tensor, &err), MOPT_OK);
    memcpy(mopt__tensor_data(tensor), values, tensor->bytes);
    return tensor;
}

// [2,3]: rows have largest 2 and 0, columns 2, 1, 0.5
static const float matrix[] = {-2, 1, 0.5F, 0, 0, 0};
static const int64_t matrix_dims[] = {2, 3};

static struct mopt_quant_weight quantize(int axis, enum mopt_dtype dtype, bool reduce,
                                         const double *floor)
{
    struct mopt_tensor *weight = weight_of(matrix, 2, matrix_dims);
    struct mopt_quant_weight out;
    struct mopt_error err;
    assert_int_equal(mopt__quantize_weight(weight, axis, dtype, reduce, floor, &out, &err),
                     MOPT_OK);
    mopt__tensor_unref(weight);
    return out;
}

static void test_rows(void **state)
{
    (void)state;
    struct mopt_quant_weight out = quantize(0, MOPT_INT8, false, NULL);
    static const int8_t codes[] = {-127, 64, 32, 0, 0, 0}; // 63.5 and 31.75
    assert_int_equal(out.scales->rank, 1);
    assert_int_equal(out.scales->dims[0], 2);
    assert_true(((const float *)out.scales->data)[0] == (float)(4.0 / 254));
    assert_true(((const float *)out.scales->data)[1] == 1); // a dead channel
    assert_memory_equal(out.codes->data, codes, sizeof codes);
    assert_int_equal(out.zeros->count, 2);
    assert_int_equal(mopt__tensor_i64_at(out.zeros, 0), 0);
    mopt__quant_weight_release(&out);
    assert_null(out.codes);
}

static void test_columns(void **state)
{
    (void)state;
    struct mopt_quant_weight out = quantize(1, MOPT_INT8, false, NULL);
    static const int8_t codes[] = {-127, 127, 127, 0, 0, 0};
    assert_int_equal(out.scales->dims[0], 3);
    assert_memory_equal(out.codes->data, codes, sizeof codes);
    mopt__quant_weight_release(&out);
}

static void test_one_scale(void **state)
{
    (void)state;
    struct mopt_quant_weight out = quantize(-1, MOPT_UINT8, false, NULL);
    static const uint8_t codes[] = {1, 192, 160, 128, 128, 128};
    assert_int_equal(out.scales->rank, 0);
    assert_int_equal(out.zeros->rank, 0);
    assert_int_equal(mopt__tensor_i64_at(out.zeros, 0), 128);
    assert_memory_equal(out.codes->data, codes, sizeof codes);
    mopt__quant_weight_release(&out);
}

static void test_reduced_range_and_floor(void **state)
{
    (void)state;
    struct mopt_quant_weight out = quantize(-1, MOPT_INT8, true, NULL);
    static const int8_t reduced[] = {-64, 32, 16, 0, 0, 0};
    assert_memory_equal(out.codes->data, reduced, sizeof reduced);
    mopt__quant_weight_release(&out);
    static const double floor[] = {0.25, 0.5};
    out = quantize(0, MOPT_INT8, false, floor);
    static const int8_t coarse[] = {-8, 4, 2, 0, 0, 0};
    assert_memory_equal(out.codes->data, coarse, sizeof coarse);
    assert_true(((const float *)out.scales->data)[0] == 0.25F);
    mopt__quant_weight_release(&out);
}

int mopt__test_weights(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_one_scale),
        cmocka_unit_test(test_reduced_range_and_floor),
    };
    return cmocka_run_group_tests_name("weights", tests, NULL, NULL);
}
