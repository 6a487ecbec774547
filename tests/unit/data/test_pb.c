// SPDX-License-Identifier: Apache-2.0
// Recorded runs in folders of .pb files.
#include <stdio.h>
#include <string.h>

#include "onnx/onnx.h"
#include "tests.h"

static const struct mopt_data_options plain;

// A tensor [2,3] of `value` under folder/name; tensor_name as the file says it.
static void write_tensor(const char *name, const char *tensor_name, double value)
{
    struct mopt_error err;
    struct mopt_tensor *tensor = mopt__test_tensor(MOPT_FLOAT32, 2, (const int64_t[]){2, 3});
    struct mopt_datum *datum = NULL;
    for (size_t i = 0; i < 6; i++) {
        mopt__element_set_f64(MOPT_FLOAT32, mopt__tensor_data(tensor), i, value);
    }
    mopt__test_works(mopt__datum_tensor(tensor, &datum, &err), &err);
    mopt__test_works(mopt__onnx_save_datum(datum, tensor_name, mopt__test_path_in(name), false,
                                           &err),
                     &err);
    mopt__datum_unref(datum);
    mopt__tensor_unref(tensor);
}

static void write_sequence(const char *name)
{
    struct mopt_error err;
    struct mopt_tensor *tensor = mopt__test_tensor(MOPT_FLOAT32, 1, (const int64_t[]){4});
    struct mopt_datum *item = NULL;
    struct mopt_datum *list = NULL;
    mopt__test_works(mopt__datum_tensor(tensor, &item, &err), &err);
    mopt__test_works(mopt__datum_list(MOPT_DATUM_SEQUENCE, MOPT_FLOAT32, &item, 1, &list, &err),
                     &err);
    mopt__test_works(mopt__onnx_save_datum(list, "seq", mopt__test_path_in(name), false, &err),
                     &err);
    mopt__datum_unref(list);
    mopt__datum_unref(item);
    mopt__tensor_unref(tensor);
}

static void sets_are_samples(void **state)
{
    (void)state;
    struct specs specs = mopt__test_specs("float[2,3] a, float[2,3] b");
    const char *folder = mopt__test_folder();
    static const int numbers[] = {0, 2, 10}; // sorted as numbers, not as text
    for (size_t i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "test_data_set_%d", numbers[i]);
        mopt__test_make_folder(name);
        snprintf(name, sizeof name, "test_data_set_%d/input_0.pb", numbers[i]);
        write_tensor(name, "p", (double)i);
        snprintf(name, sizeof name, "test_data_set_%d/input_1.pb", numbers[i]);
        write_tensor(name, "q", (double)i + 10);
        snprintf(name, sizeof name, "test_data_set_%d/output_0.pb", numbers[i]);
        write_tensor(name, "y", (double)i + 20);
    }
    struct mopt_dataset *dataset =
        mopt__test_open(folder, &specs, (struct mopt_data_options){.batch = 4});
    assert_int_equal(mopt__dataset_count(dataset), 3);
    for (size_t i = 0; i < 3; i++) {
        const struct mopt_sample *sample = mopt__test_next(dataset);
        assert_string_equal(mopt__test_shape(sample, 0), "2x3 float");
        assert_true(mopt__test_value(sample, 0, 0) == (double)i);
        assert_true(mopt__test_value(sample, 1, 5) == (double)i + 10);
        assert_int_equal(sample->expected_count, 1);
        assert_string_equal(sample->expected_names[0], "y");
        assert_true(mopt__tensor_f64(sample->expected[0]->tensor, 0) == (double)i + 20);
    }
    assert_null(mopt__test_next(dataset));
    mopt__dataset_close(dataset);
    dataset = mopt__test_open(mopt__test_path_in("test_data_set_2"), &specs, plain);
    assert_int_equal(mopt__dataset_count(dataset), 1);
    mopt__dataset_close(dataset);
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void names_in_files_count(void **state)
{
    (void)state;
    struct specs specs = mopt__test_specs("float[2,3] a, float[2,3] b");
    const char *folder = mopt__test_folder();
    write_tensor("input_0.pb", "b", 1);
    write_tensor("input_1.pb", "a", 2);
    struct mopt_dataset *dataset = mopt__test_open(folder, &specs, plain);
    const struct mopt_sample *sample = mopt__test_next(dataset);
    assert_true(mopt__test_value(sample, 0, 0) == 2);
    assert_true(mopt__test_value(sample, 1, 0) == 1);
    assert_null(sample->expected);
    mopt__dataset_close(dataset);
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void sequences_come_through(void **state)
{
    (void)state;
    struct specs specs = mopt__test_specs("seq(float[n]) s");
    const char *folder = mopt__test_folder();
    write_sequence("input_0.pb");
    write_sequence("output_0.pb");
    struct mopt_dataset *dataset = mopt__test_open(folder, &specs, plain);
    const struct mopt_sample *sample = mopt__test_next(dataset);
    assert_int_equal(sample->inputs[0]->kind, MOPT_DATUM_SEQUENCE);
    assert_int_equal(sample->inputs[0]->count, 1);
    assert_int_equal(sample->expected[0]->kind, MOPT_DATUM_SEQUENCE);
    mopt__dataset_close(dataset);
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void what_lacks_is_told(void **state)
{
    (void)state;
    struct specs specs = mopt__test_specs("float[2,3] a, float[2,3] b");
    const char *folder = mopt__test_folder();
    write_tensor("input_0.pb", "", 1);
    mopt__test_open_fails(folder, &specs, plain, MOPT_E_USAGE, "data lack input 'b'");
    mopt__test_write_text("input_1.pb", "no tensor");
    mopt__test_open_fails(folder, &specs, plain, MOPT_E_FORMAT, "input_1.pb");
    mopt__test_specs_free(&specs);
    specs = mopt__test_specs("float[2,3] a");
    struct mopt_dataset *dataset = mopt__test_open(mopt__test_path_in("input_0.pb"), &specs, plain);
    assert_string_equal(mopt__test_shape(mopt__test_next(dataset), 0), "2x3 float");
    mopt__dataset_close(dataset);
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

int mopt__test_pb(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_samples),
        cmocka_unit_test(names_in_files_count),
        cmocka_unit_test(sequences_come_through),
        cmocka_unit_test(what_lacks_is_told),
    };
    return cmocka_run_group_tests_name("pb", tests, NULL, NULL);
}
