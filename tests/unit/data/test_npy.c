// SPDX-License-Identifier: Apache-2.0
// .npy files: what NumPy wrote (table of golden.py), round trips, headers that lie.
#include <string.h>

#include "data/npy.h"
#include "golden_numbers.h"
#include "tests.h"

static struct mopt_tensor *load(const void *data, size_t bytes)
{
    struct mopt_tensor *tensor = NULL;
    struct mopt_error err;
    mopt__test_works(mopt__npy_load(mopt__test_write("a.npy", data, bytes), &tensor, &err), &err);
    return tensor;
}

static void expect_values(const struct mopt_tensor *tensor, enum mopt_dtype dtype,
                          const double *values, size_t count)
{
    assert_int_equal(tensor->dtype, dtype);
    assert_int_equal(tensor->count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(mopt__tensor_f64(tensor, i) == values[i]);
    }
}

static void numpy_files_are_read(void **state)
{
    (void)state;
    mopt__test_folder();
    struct mopt_tensor *tensor = load(NPY_FORTRAN, sizeof NPY_FORTRAN);
    assert_int_equal(tensor->rank, 2);
    assert_int_equal(tensor->dims[0], 2);
    expect_values(tensor, MOPT_INT32, (const double[]){0, 1, 2, 3, 4, 5}, 6);
    mopt__tensor_unref(tensor);
    tensor = load(NPY_BIG, sizeof NPY_BIG);
    expect_values(tensor, MOPT_FLOAT64, (const double[]){0, 1, 2, 3, 4, 5}, 6);
    mopt__tensor_unref(tensor);
    tensor = load(NPY_HALF, sizeof NPY_HALF);
    expect_values(tensor, MOPT_FLOAT16, (const double[]){0, .25, .5, .75, 1, 1.25}, 6);
    mopt__tensor_unref(tensor);
    tensor = load(NPY_BOOL, sizeof NPY_BOOL);
    expect_values(tensor, MOPT_BOOL, (const double[]){0, 1, 0, 1, 0, 1}, 6);
    mopt__tensor_unref(tensor);
    tensor = load(NPY_SCALAR, sizeof NPY_SCALAR);
    assert_int_equal(tensor->rank, 0);
    expect_values(tensor, MOPT_FLOAT32, (const double[]){2.5}, 1);
    mopt__tensor_unref(tensor);
    tensor = load(NPY_BIG_COMPLEX, sizeof NPY_BIG_COMPLEX);
    assert_int_equal(tensor->dtype, MOPT_COMPLEX64);
    assert_memory_equal(tensor->data, ((const float[]){1, 2, -0.0F, -3.5F}), 16);
    mopt__tensor_unref(tensor);
    mopt__test_remove_folder();
}

static void expect_text(const struct mopt_tensor *tensor, size_t i, const char *text)
{
    const struct mopt_string *items = tensor->data;
    assert_int_equal(items[i].size, strlen(text));
    assert_memory_equal(items[i].data, text, strlen(text));
}

static void texts_are_read(void **state)
{
    (void)state;
    mopt__test_folder();
    struct mopt_tensor *tensor = load(NPY_TEXT, sizeof NPY_TEXT);
    assert_int_equal(tensor->dtype, MOPT_STRING);
    assert_int_equal(tensor->count, 3);
    expect_text(tensor, 0, "a");
    expect_text(tensor, 1, "äß");
    expect_text(tensor, 2, "日本");
    mopt__tensor_unref(tensor);
    tensor = load(NPY_BYTES, sizeof NPY_BYTES);
    expect_text(tensor, 0, "xy");
    expect_text(tensor, 1, "z");
    mopt__tensor_unref(tensor);
    mopt__test_remove_folder();
}

// Whole numbers that every type can hold.
static struct mopt_tensor *sample_of(enum mopt_dtype dtype)
{
    struct mopt_error err;
    struct mopt_tensor *tensor = mopt__test_tensor(dtype, 2, (const int64_t[]){2, 3});
    for (size_t i = 0; i < 6; i++) {
        if (dtype == MOPT_STRING) {
            const char *texts[] = {"", "a", "bc", "äß", "日", "x y"};
            mopt__test_works(mopt__tensor_set_string(tensor, i, texts[i], strlen(texts[i]), &err),
                             &err);
        } else if (dtype != MOPT_COMPLEX64 && dtype != MOPT_COMPLEX128) {
            mopt__element_set_f64(dtype, mopt__tensor_data(tensor), i, i % 2 ? 1 : 0);
        }
    }
    return tensor;
}

static void every_type_survives(void **state)
{
    (void)state;
    mopt__test_folder();
    for (int number = 1; number < MOPT_DTYPE_COUNT; number++) {
        struct mopt_error err;
        struct mopt_tensor *tensor = sample_of((enum mopt_dtype)number);
        struct mopt_tensor *back = NULL;
        const char *path = mopt__test_path_in("b.npy");
        mopt__test_works(mopt__npy_save(tensor, path, true, &err), &err);
        mopt__test_works(mopt__npy_load(path, &back, &err), &err);
        if (back->dtype == tensor->dtype) {
            assert_true(mopt__tensor_equal(tensor, back));
        } else { // NumPy has no such type: widened
            assert_int_equal(back->rank, 2);
            for (size_t i = 0; i < 6; i++) {
                assert_true(mopt__tensor_f64(tensor, i) == mopt__tensor_f64(back, i));
            }
        }
        mopt__tensor_unref(back);
        mopt__tensor_unref(tensor);
    }
    mopt__test_remove_folder();
}

static void existing_file_is_kept(void **state)
{
    (void)state;
    struct mopt_error err;
    mopt__test_folder();
    struct mopt_tensor *tensor = sample_of(MOPT_INT8);
    const char *path = mopt__test_write_text("c.npy", "old");
    mopt__test_fails(mopt__npy_save(tensor, path, false, &err), MOPT_E_CREATE, &err, "c.npy");
    mopt__tensor_unref(tensor);
    mopt__test_remove_folder();
}

// A version 1 file with this header text and `bytes` zero bytes behind it.
static enum mopt_status load_header(const char *header, size_t bytes, struct mopt_error *err)
{
    uint8_t file[1024] = "\x93NUMPY\x01";
    struct mopt_tensor *tensor = NULL;
    size_t length = strlen(header);
    file[8] = (uint8_t)length;
    file[9] = (uint8_t)(length >> 8);
    memcpy(file + 10, header, length);
    enum mopt_status status =
        mopt__npy_load(mopt__test_write("h.npy", file, 10 + length + bytes), &tensor, err);
    mopt__tensor_unref(tensor);
    return status;
}

#define HEADER(descr, order, shape) \
    "{'descr': " descr ", 'fortran_order': " order ", 'shape': " shape ", }"

static void headers_that_lie_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header, *message;
        size_t bytes;
        enum mopt_status status;
    } cases[] = {
        {HEADER("'<f4'", "False", "(3,)"), "cut short", 8, MOPT_E_FORMAT},
        {HEADER("'<f4'", "False", "(3,)"), "promises 12", 16, MOPT_E_FORMAT},
        {HEADER("'<f4'", "False", "(4294967296, 4294967296)"), "too many", 0, MOPT_E_FORMAT},
        {HEADER("'<f4'", "False", "(99999999999999999999,)"), "no size", 0, MOPT_E_FORMAT},
        {HEADER("'<f4'", "False", "(-1,)"), "no size", 0, MOPT_E_FORMAT},
        {HEADER("'<f4'", "False", "3"), "no tuple", 0, MOPT_E_FORMAT},
        {HEADER("'<f4'", "False", "(3"), "shape", 0, MOPT_E_FORMAT},
        {HEADER("'<f4'", "Maybe", "(3,)"), "fortran_order", 12, MOPT_E_FORMAT},
        {HEADER("'|O'", "False", "(1,)"), "pickled", 8, MOPT_E_UNSUPPORTED},
        {HEADER("'<f3'", "False", "(1,)"), "'<f3'", 8, MOPT_E_UNSUPPORTED},
        {HEADER("[('a', '<f4')]", "False", "(1,)"), "record", 4, MOPT_E_UNSUPPORTED},
        {HEADER("'<U0'", "False", "(1000000000,)"), "no bytes", 0, MOPT_E_FORMAT},
        {HEADER("'<U99999999999'", "False", "(1,)"), "not supported", 0, MOPT_E_UNSUPPORTED},
        {HEADER("'<f4'", "False", "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)"), "axes", 4,
         MOPT_E_UNSUPPORTED},
        {"{'descr': '<f4', 'shape': (1,)}", "lacks a key", 4, MOPT_E_FORMAT},
        {"{'descr': '<f4', 'descr': '<f4'}", "twice", 4, MOPT_E_FORMAT},
        {"{'evil': 1}", "unknown", 4, MOPT_E_FORMAT},
        {"__import__('os')", "no dictionary", 4, MOPT_E_FORMAT},
        {"", "no dictionary", 4, MOPT_E_FORMAT},
        {HEADER("'<f4'", "False", "(1,)") "x", "behind its end", 4, MOPT_E_FORMAT},
    };
    struct mopt_error err;
    mopt__test_folder();
    mopt__test_works(load_header(HEADER("'<f4'", "False", "(3,)"), 12, &err), &err);
    mopt__test_works(load_header(HEADER("\"<f4\"", "True", "(2L, 1L)"), 8, &err), &err);
    mopt__test_works(load_header(HEADER("'<f4'", "False", "(0, 5)"), 0, &err), &err);
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        mopt__test_fails(load_header(cases[i].header, cases[i].bytes, &err), cases[i].status, &err,
                         cases[i].message);
    }
    mopt__test_remove_folder();
}

static void prefixes_that_lie_are_refused(void **state)
{
    (void)state;
    size_t bytes = 0;
    struct mopt_error err;
    const uint8_t version[] = "\x93NUMPY\x09\x00\x10\x00\x00\x00";
    const uint8_t longer[] = "\x93NUMPY\x02\x00\xff\xff\xff\xff";
    mopt__test_fails(mopt__npy_header_bytes(version, 12, &bytes, &err), MOPT_E_UNSUPPORTED, &err,
                     "version 9");
    mopt__test_fails(mopt__npy_header_bytes(longer, 12, &bytes, &err), MOPT_E_LIMIT, &err,
                     "4294967295");
    mopt__test_fails(mopt__npy_header_bytes(longer, 11, &bytes, &err), MOPT_E_FORMAT, &err,
                     "cut short");
    mopt__test_fails(mopt__npy_header_bytes(longer, 5, &bytes, &err), MOPT_E_FORMAT, &err,
                     "does not begin");
}

int mopt__test_npy(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numpy_files_are_read),
        cmocka_unit_test(texts_are_read),
        cmocka_unit_test(every_type_survives),
        cmocka_unit_test(existing_file_is_kept),
        cmocka_unit_test(headers_that_lie_are_refused),
        cmocka_unit_test(prefixes_that_lie_are_refused),
    };
    return cmocka_run_group_tests_name("npy", tests, NULL, NULL);
}
