// SPDX-License-Identifier: Apache-2.0
// Names of data to inputs of models: archives with several arrays.
#include <string.h>

#include "tests.h"

static const struct mopt_data_options plain;

struct array {
    const char *name;
    enum mopt_dtype dtype;
    int rank;
    int64_t dims[4];
};

// Element i of every array is i modulo 100.
static const char *write_arrays(const struct array *arrays, size_t count)
{
    const char *names[8];
    struct mopt_tensor *tensors[8];
    struct mopt_error err;
    const char *path = mopt__test_path_in("a.npz");
    for (size_t i = 0; i < count; i++) {
        names[i] = arrays[i].name;
        tensors[i] = mopt__test_tensor(arrays[i].dtype, arrays[i].rank, arrays[i].dims);
        for (size_t n = 0; n < tensors[i]->count; n++) {
            mopt__element_set_f64(arrays[i].dtype, mopt__tensor_data(tensors[i]), n,
                                  (double)(n % 100));
        }
    }
    mopt__test_works(mopt__npz_save(path, names, tensors, count, true, &err), &err);
    for (size_t i = 0; i < count; i++) {
        mopt__tensor_unref(tensors[i]);
    }
    return path;
}

static void names_decide(void **state)
{
    (void)state;
    static const struct array arrays[] = {{"mask", MOPT_INT64, 2, {3, 4}},
                                          {"ids", MOPT_INT64, 2, {3, 5}},
                                          {"label", MOPT_INT64, 1, {3}},
                                          {"expected_y", MOPT_FLOAT32, 2, {3, 2}}};
    struct specs specs = mopt__test_specs("int64[batch,seq] ids, int64[batch,len] mask");
    mopt__test_folder();
    struct mopt_dataset *dataset =
        mopt__test_open(write_arrays(arrays, 4), &specs, (struct mopt_data_options){.batch = 2});
    assert_string_equal(mopt__test_log_text(), "");
    const struct mopt_sample *sample = mopt__test_next(dataset);
    assert_string_equal(mopt__test_shape(sample, 0), "2x5 int64");
    assert_string_equal(mopt__test_shape(sample, 1), "2x4 int64");
    assert_true(mopt__test_value(sample, 0, 9) == 9);
    assert_int_equal(sample->labels[1], 1);
    assert_int_equal(sample->expected_count, 1);
    assert_string_equal(sample->expected_names[0], "y");
    assert_int_equal(sample->expected[0]->tensor->dims[0], 2);
    sample = mopt__test_next(dataset);
    assert_int_equal(sample->count, 1);
    assert_int_equal(sample->labels[0], 2);
    assert_true(mopt__tensor_f64(sample->expected[0]->tensor, 1) == 5);
    mopt__dataset_close(dataset);
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void positions_come_second(void **state)
{
    (void)state;
    static const struct array arrays[] = {{"arr_1", MOPT_INT64, 2, {3, 4}},
                                          {"arr_0", MOPT_INT64, 2, {3, 5}}};
    static const struct array others[] = {{"p", MOPT_INT64, 2, {3, 5}},
                                          {"q", MOPT_INT64, 2, {3, 4}}};
    struct specs specs = mopt__test_specs("int64[batch,5] ids, int64[batch,4] mask");
    mopt__test_folder();
    struct mopt_dataset *dataset = mopt__test_open(write_arrays(arrays, 2), &specs, plain);
    assert_string_equal(mopt__test_log_text(), "input 'mask' takes 'arr_1' by position\n"
                                               "input 'ids' takes 'arr_0' by position\n");
    mopt__dataset_close(dataset);
    dataset = mopt__test_open(write_arrays(others, 2), &specs, plain);
    assert_string_equal(mopt__test_log_text(), "input 'ids' takes 'p' by position\n"
                                               "input 'mask' takes 'q' by position\n");
    mopt__dataset_close(dataset);
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void misfits_are_errors(void **state)
{
    (void)state;
    static const struct array half[] = {{"ids", MOPT_INT64, 2, {3, 5}},
                                        {"maks", MOPT_INT64, 2, {3, 4}}};
    static const struct array other[] = {{"ids", MOPT_INT64, 2, {3, 5}},
                                         {"something", MOPT_INT64, 2, {3, 4}}};
    static const struct array uneven[] = {{"ids", MOPT_INT64, 3, {3, 5, 1}},
                                          {"mask", MOPT_INT64, 3, {2, 4, 1}}};
    static const struct array many[] = {{"a", MOPT_INT64, 2, {3, 5}},
                                        {"b", MOPT_INT64, 2, {3, 4}},
                                        {"c", MOPT_INT64, 2, {3, 4}}};
    struct specs specs = mopt__test_specs("int64[batch,5] ids, int64[batch,4] mask");
    mopt__test_folder();
    mopt__test_open_fails(write_arrays(half, 2), &specs, plain, MOPT_E_USAGE,
                          "no input 'maks', nearest is 'mask'");
    mopt__test_open_fails(write_arrays(other, 2), &specs, plain, MOPT_E_USAGE,
                          "no input 'something' (it has 'ids', 'mask')");
    mopt__test_open_fails(write_arrays(half, 1), &specs, plain, MOPT_E_USAGE,
                          "data lack input 'mask' of the model (number 2 of 2)");
    mopt__test_open_fails(write_arrays(uneven, 2), &specs, plain, MOPT_E_SHAPE,
                          "'ids' 3, 'mask' 2");
    mopt__test_open_fails(write_arrays(many, 3), &specs, plain, MOPT_E_USAGE,
                          "the model has 2 inputs");
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void recorded_runs_stay_whole(void **state)
{
    (void)state;
    static const struct array arrays[] = {{"in_0_tokens", MOPT_INT64, 2, {2, 12}},
                                          {"out_0", MOPT_FLOAT32, 2, {2, 5}},
                                          {"out_1", MOPT_FLOAT32, 3, {4, 2, 24}}};
    struct specs specs = mopt__test_specs("int64[batch,seq] tokens");
    mopt__test_folder();
    struct mopt_dataset *dataset =
        mopt__test_open(write_arrays(arrays, 3), &specs, (struct mopt_data_options){.batch = 8});
    assert_int_equal(mopt__dataset_count(dataset), 1);
    const struct mopt_sample *sample = mopt__test_next(dataset);
    assert_string_equal(mopt__test_shape(sample, 0), "2x12 int64");
    assert_int_equal(sample->count, 1);
    assert_int_equal(sample->expected_count, 2);
    assert_null(sample->expected_names[1]);
    assert_int_equal(sample->expected[1]->tensor->dims[0], 4);
    assert_null(sample->labels);
    assert_null(mopt__test_next(dataset));
    mopt__dataset_close(dataset);
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

// A recurrent net: the state has its batch at axis 1, the rate is one number.
static void states_and_scalars_come_along(void **state)
{
    (void)state;
    static const struct array arrays[] = {{"input", MOPT_FLOAT32, 2, {1, 8}},
                                          {"state", MOPT_FLOAT32, 3, {2, 1, 4}},
                                          {"sr", MOPT_INT64, 0, {0}}};
    struct specs specs =
        mopt__test_specs("float[batch,n] input, float[2,batch,4] state, int64[] sr");
    mopt__test_folder();
    struct mopt_dataset *dataset = mopt__test_open(write_arrays(arrays, 3), &specs, plain);
    const struct mopt_sample *sample = mopt__test_next(dataset);
    assert_string_equal(mopt__test_shape(sample, 0), "1x8 float");
    assert_string_equal(mopt__test_shape(sample, 1), "2x1x4 float");
    assert_string_equal(mopt__test_shape(sample, 2), " int64");
    mopt__dataset_close(dataset);
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void optional_inputs_may_lack(void **state)
{
    (void)state;
    static const struct array arrays[] = {{"x", MOPT_FLOAT32, 2, {3, 2}}};
    struct specs specs = mopt__test_specs("float[batch,2] x, optional(float[batch]) bias");
    mopt__test_folder();
    struct mopt_dataset *dataset = mopt__test_open(write_arrays(arrays, 1), &specs, plain);
    const struct mopt_sample *sample = mopt__test_next(dataset);
    assert_non_null(sample->inputs[0]);
    assert_null(sample->inputs[1]);
    mopt__dataset_close(dataset);
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

// Initializers that are inputs too have a default: no data are wanted.
static void defaults_are_no_specs(void **state)
{
    (void)state;
    struct mopt_error err;
    struct specs specs = mopt__test_specs("float[batch,2] x, float[2] w");
    struct mopt_tensor *tensor = mopt__test_tensor(MOPT_FLOAT32, 1, (const int64_t[]){2});
    struct mopt_graph *graph = specs.model->graph;
    mopt__test_works(mopt__graph_add_initializer(graph, mopt__value_find(graph, "w"), tensor, &err),
                     &err);
    mopt__tensor_unref(tensor);
    struct mopt_input_spec *items = NULL;
    size_t count = 0;
    mopt__test_works(mopt__input_specs(specs.model, &items, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_string_equal(items[0].name, "x");
    mopt__free(items);
    mopt__test_specs_free(&specs);
}

int mopt__test_binding(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_decide),
        cmocka_unit_test(positions_come_second),
        cmocka_unit_test(misfits_are_errors),
        cmocka_unit_test(recorded_runs_stay_whole),
        cmocka_unit_test(states_and_scalars_come_along),
        cmocka_unit_test(optional_inputs_may_lack),
        cmocka_unit_test(defaults_are_no_specs),
    };
    return cmocka_run_group_tests_name("binding", tests, NULL, NULL);
}
