// SPDX-License-Identifier: Apache-2.0
// Casts, axes and stacking.
#include "data/fit.h"

#include <string.h>

#include "tests.h"

static struct mopt_tensor *one(enum mopt_dtype dtype, double value)
{
    struct mopt_tensor *tensor = mopt__test_tensor(dtype, 1, (const int64_t[]){1});
    mopt__element_set_f64(dtype, mopt__tensor_data(tensor), 0, value);
    return tensor;
}

static void casts_keep_values(void **state)
{
    (void)state;
    static const struct {
        enum mopt_dtype from, to;
        double value;
        bool fits;
    } cases[] = {
        {MOPT_FLOAT64, MOPT_FLOAT32, 0.5, true},   {MOPT_UINT8, MOPT_FLOAT32, 255, true},
        {MOPT_INT64, MOPT_INT32, -7, true},        {MOPT_INT64, MOPT_INT32, 3e9, false},
        {MOPT_FLOAT32, MOPT_INT64, 3, true},       {MOPT_FLOAT32, MOPT_INT64, 3.5, false},
        {MOPT_FLOAT32, MOPT_UINT8, 256, false},    {MOPT_FLOAT32, MOPT_UINT8, -1, false},
        {MOPT_INT64, MOPT_BOOL, 1, true},          {MOPT_INT64, MOPT_BOOL, 2, false},
        {MOPT_FLOAT64, MOPT_INT64, 9.3e18, false}, {MOPT_INT8, MOPT_UINT64, -1, false},
        {MOPT_FLOAT32, MOPT_FLOAT16, 0.25, true},  {MOPT_BOOL, MOPT_FLOAT32, 1, true},
        {MOPT_UINT64, MOPT_INT64, 1.5e19, false},  {MOPT_INT32, MOPT_INT4, -8, true},
        {MOPT_INT32, MOPT_INT4, 8, false},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        struct mopt_tensor *from = one(cases[i].from, cases[i].value);
        struct mopt_tensor *to = NULL;
        struct mopt_error err;
        enum mopt_status status = mopt__fit_cast(from, cases[i].to, &to, &err);
        if (cases[i].fits) {
            mopt__test_works(status, &err);
            assert_int_equal(to->dtype, cases[i].to);
            assert_true(mopt__tensor_f64(to, 0) == cases[i].value);
        } else {
            mopt__test_fails(status, MOPT_E_VALUE, &err, "cannot be cast");
            assert_null(to);
        }
        mopt__tensor_unref(from);
        mopt__tensor_unref(to);
    }
}

static void large_integers_stay_exact(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_tensor *from = mopt__test_tensor(MOPT_INT64, 0, NULL);
    struct mopt_tensor *to = NULL;
    *(int64_t *)mopt__tensor_data(from) = INT64_C(9007199254740993); // 2^53 + 1
    mopt__test_works(mopt__fit_cast(from, MOPT_UINT64, &to, &err), &err);
    assert_int_equal(mopt__tensor_i64_at(to, 0), INT64_C(9007199254740993));
    mopt__tensor_unref(from);
    mopt__tensor_unref(to);
}

static void texts_do_not_become_numbers(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_tensor *from = mopt__test_tensor(MOPT_STRING, 1, (const int64_t[]){1});
    struct mopt_tensor *to = NULL;
    mopt__test_fails(mopt__fit_cast(from, MOPT_FLOAT32, &to, &err), MOPT_E_TYPE, &err,
                     "string cannot be cast to float");
    mopt__tensor_unref(from);
}

static void axes_are_fitted(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        int rank;
        int64_t dims[4];
        const char *wanted; // NULL = does not fit
        enum mopt_fit fit;
    } cases[] = {
        {"float[batch,1,28,28] x", 2, {28, 28}, "1x28x28", MOPT_FIT_ROW},
        {"float[batch,1,28,28] x", 3, {28, 28, 1}, "1x28x28", MOPT_FIT_ROW},
        {"float[batch,784] x", 2, {28, 28}, "784", MOPT_FIT_ROW},
        {"float[batch,784] x", 3, {1, 28, 28}, "784", MOPT_FIT_ROW},
        {"float[batch,3,h,w] x", 3, {3, 5, 6}, "3x5x6", MOPT_FIT_ROW},
        {"float[batch,3,h,w] x", 4, {1, 3, 5, 6}, "3x5x6", MOPT_FIT_ROW},
        {"float[batch,3,h,w] x", 3, {5, 6, 3}, NULL, MOPT_FIT_ROW},
        {"float[batch,c,h,w] x", 4, {1, 3, 5, 6}, "1x3x5x6", MOPT_FIT_ALONE},
        {"float[3,8,8] x", 3, {3, 8, 8}, "3x8x8", MOPT_FIT_ALONE},
        {"float[batch] x", 0, {0}, "", MOPT_FIT_ROW},
        {"float[] x", 0, {0}, "", MOPT_FIT_SHARED},
        {"float[] x", 1, {1}, "", MOPT_FIT_SHARED},
        {"float[] x", 1, {2}, NULL, MOPT_FIT_SHARED},
        {"float[...] x", 2, {4, 5}, "4x5", MOPT_FIT_ROW},
        {"float[batch,10] x", 1, {11}, NULL, MOPT_FIT_ROW},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        struct specs specs = mopt__test_specs(cases[i].spec);
        struct mopt_tensor *tensor = mopt__test_tensor(MOPT_FLOAT32, cases[i].rank, cases[i].dims);
        struct mopt_tensor *out = NULL;
        enum mopt_fit fit = MOPT_FIT_ROW;
        struct mopt_error err;
        enum mopt_status status =
            mopt__fit_shape(tensor, specs.items[0].type, specs.model->dims, &out, &fit, &err);
        if (!cases[i].wanted) {
            mopt__test_fails(status, MOPT_E_SHAPE, &err, "shapes do not fit");
        } else {
            struct mopt_strbuf text = {0};
            mopt__test_works(status, &err);
            for (int axis = 0; axis < out->rank; axis++) {
                mopt__strbuf_printf(&text, "%s%lld", axis > 0 ? "x" : "",
                                    (long long)out->dims[axis]);
            }
            assert_string_equal(mopt__strbuf_text(&text), cases[i].wanted);
            assert_int_equal(fit, cases[i].fit);
            mopt__strbuf_release(&text);
        }
        mopt__tensor_unref(out);
        mopt__tensor_unref(tensor);
        mopt__test_specs_free(&specs);
    }
}

static void rows_are_stacked(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_tensor *rows[] = {one(MOPT_INT16, 5), one(MOPT_INT16, -6)};
    struct mopt_tensor *out = NULL;
    mopt__test_works(mopt__fit_stack(rows, 2, &out, &err), &err);
    assert_int_equal(out->rank, 2);
    assert_int_equal(out->dims[0], 2);
    assert_int_equal(mopt__tensor_i64_at(out, 1), -6);
    mopt__tensor_unref(out);
    mopt__tensor_unref(rows[1]);
    rows[1] = mopt__test_tensor(MOPT_INT16, 1, (const int64_t[]){2});
    mopt__test_fails(mopt__fit_stack(rows, 2, &out, &err), MOPT_E_SHAPE, &err, "different shapes");
    mopt__tensor_unref(rows[0]);
    mopt__tensor_unref(rows[1]);
}

int mopt__test_fit(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(casts_keep_values),
        cmocka_unit_test(large_integers_stay_exact),
        cmocka_unit_test(texts_do_not_become_numbers),
        cmocka_unit_test(axes_are_fitted),
        cmocka_unit_test(rows_are_stacked),
    };
    return cmocka_run_group_tests_name("fit", tests, NULL, NULL);
}
