// SPDX-License-Identifier: Apache-2.0
// Which samples a dataset gives, in which order, how many at a time; random data.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests.h"

static const struct mopt_data_options plain;

// x: [count,2] with x[i] = (i, -i), saved as npy under the name.
static const char *write_rows(const char *name, int64_t count)
{
    struct mopt_error err;
    struct mopt_tensor *tensor = mopt__test_tensor(MOPT_FLOAT32, 2, (const int64_t[]){count, 2});
    float *values = mopt__tensor_data(tensor);
    for (int64_t i = 0; i < count; i++) {
        values[2 * i] = (float)i;
        values[2 * i + 1] = -(float)i;
    }
    const char *path = mopt__test_path_in(name);
    mopt__test_works(mopt__npy_save(tensor, path, true, &err), &err);
    mopt__tensor_unref(tensor);
    return path;
}

// The numbers of all samples, "0 1 2|3 4|" with bars between batches.
static const char *numbers(const char *path, const struct specs *specs,
                           struct mopt_data_options options)
{
    static char text[512];
    size_t at = 0;
    size_t total = 0;
    struct mopt_dataset *dataset = mopt__test_open(path, specs, options);
    const struct mopt_sample *sample = NULL;
    text[0] = '\0';
    while ((sample = mopt__test_next(dataset)) != NULL) {
        for (size_t k = 0; k < sample->count; k++) {
            double value = mopt__test_value(sample, 0, 2 * k);
            assert_true(mopt__test_value(sample, 0, 2 * k + 1) == -value);
            at += (size_t)snprintf(text + at, sizeof text - at, "%s%g", k > 0 ? " " : "", value);
        }
        at += (size_t)snprintf(text + at, sizeof text - at, "|");
        total += sample->count;
    }
    assert_int_equal(total, mopt__dataset_count(dataset));
    mopt__dataset_close(dataset);
    return text;
}

static void samples_are_chosen(void **state)
{
    (void)state;
    struct specs specs = mopt__test_specs("float[batch,2] x");
    mopt__test_folder();
    const char *path = write_rows("x.npy", 7);
    static const struct {
        struct mopt_data_options options;
        const char *wanted;
    } cases[] = {
        {{.batch = 3}, "0 1 2|3 4 5|6|"},
        {{0}, "0|1|2|3|4|5|6|"},
        {{.batch = 99}, "0 1 2 3 4 5 6|"},
        {{.skip = 5, .batch = 9}, "5 6|"},
        {{.samples = 2, .batch = 9}, "0 1|"},
        {{.skip = 1, .samples = 3, .batch = 2}, "1 2|3|"},
        {{.shard = 1, .shards = 3, .batch = 9}, "0 3 6|"},
        {{.shard = 3, .shards = 3, .batch = 9}, "2 5|"},
        {{.shard = 2, .shards = 2, .skip = 1, .samples = 4, .batch = 9}, "2 4|"},
        {{.shard = 9, .shards = 9, .batch = 9}, ""},
        {{.samples = 100, .skip = 6}, "6|"},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        assert_string_equal(numbers(path, &specs, cases[i].options), cases[i].wanted);
    }
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void shuffling_is_seeded(void **state)
{
    (void)state;
    struct specs specs = mopt__test_specs("float[batch,2] x");
    char first[512];
    mopt__test_folder();
    const char *path = write_rows("x.npy", 12);
    struct mopt_data_options options = {.batch = 12, .shuffle = true, .seed = 1};
    strcpy(first, numbers(path, &specs, options));
    assert_string_equal(first, numbers(path, &specs, options));
    assert_string_not_equal(first, "0 1 2 3 4 5 6 7 8 9 10 11|");
    unsigned seen = 0; // every sample once
    for (const char *at = first; at; at = strchr(at, ' ')) {
        seen |= 1U << strtol(at, NULL, 10);
        at++;
    }
    assert_int_equal(seen, (1 << 12) - 1);
    options.seed = 2;
    assert_string_not_equal(first, numbers(path, &specs, options));
    options.seed = 1;
    options.samples = 5; // of the same permutation
    const char *part = numbers(path, &specs, options);
    assert_memory_equal(part, first, strlen(part) - 1);
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void the_model_may_fix_the_batch(void **state)
{
    (void)state;
    struct specs specs = mopt__test_specs("float[3,2] x");
    mopt__test_folder();
    const char *path = write_rows("x.npy", 7);
    assert_string_equal(numbers(path, &specs, (struct mopt_data_options){.batch = 5}),
                        "0 1 2|3 4 5|");
    assert_non_null(strstr(mopt__test_log_text(), "fixes the batch: 3 instead of 5"));
    assert_non_null(strstr(mopt__test_log_text(), "warning: the last 1 samples are left out"));
    mopt__test_open_fails(write_rows("y.npy", 2), &specs, plain, MOPT_E_SHAPE,
                          "takes 3 samples at a time");
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void wrong_choices_are_errors(void **state)
{
    (void)state;
    struct specs specs = mopt__test_specs("float[batch,2] x");
    mopt__test_folder();
    const char *path = write_rows("x.npy", 7);
    mopt__test_open_fails(path, &specs, (struct mopt_data_options){.skip = 7}, MOPT_E_USAGE,
                          "leaves none of 7");
    mopt__test_open_fails(path, &specs, (struct mopt_data_options){.shard = 4, .shards = 3},
                          MOPT_E_USAGE, "shard 4 of 3");
    mopt__test_open_fails(path, &specs, (struct mopt_data_options){.shard = 1}, MOPT_E_USAGE,
                          "shard 1 of 0");
    mopt__test_open_fails("", &specs, plain, MOPT_E_USAGE, "no data given");
    mopt__test_open_fails("/nowhere/x", &specs, plain, MOPT_E_MISSING, "/nowhere/x");
    mopt__test_open_fails(path, &specs, (struct mopt_data_options){.preprocess = "chw"},
                          MOPT_E_USAGE, "holds none");
    mopt__test_open_fails(mopt__test_write("z", "\0\1\2\3", 4), &specs, plain, MOPT_E_FORMAT,
                          "is none of npy");
    mopt__test_open_fails(write_rows("e.npy", 0), &specs, plain, MOPT_E_MISSING, "no sample");
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void types_are_cast_with_one_warning(void **state)
{
    (void)state;
    struct specs specs = mopt__test_specs("double[batch,2] x");
    mopt__test_folder();
    assert_string_equal(numbers(write_rows("x.npy", 3), &specs, plain), "0|1|2|");
    assert_string_equal(mopt__test_log_text(),
                        "input 'x' takes the data by position\n"
                        "warning: input 'x': data are float, cast to double\n");
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void one_sample_may_lack_the_batch_axis(void **state)
{
    (void)state;
    struct specs specs = mopt__test_specs("float[batch,7,width] x");
    mopt__test_folder();
    struct mopt_dataset *dataset = mopt__test_open(write_rows("x.npy", 7), &specs, plain);
    assert_int_equal(mopt__dataset_count(dataset), 1);
    assert_string_equal(mopt__test_shape(mopt__test_next(dataset), 0), "1x7x2 float");
    mopt__dataset_close(dataset);
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void a_model_may_have_no_batch_axis(void **state)
{
    (void)state;
    struct specs specs = mopt__test_specs("float[2] x");
    mopt__test_folder();
    assert_string_equal(numbers(write_rows("x.npy", 3), &specs,
                                (struct mopt_data_options){.batch = 2}),
                        "0|1|2|");
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

// Without a table of dims sizes are numbers or unknown.
static void dims_may_be_absent(void **state)
{
    (void)state;
    const int64_t sizes[] = {MOPT_DIM_UNKNOWN, 3};
    const struct mopt_type type = {.kind = MOPT_TYPE_TENSOR,
                                   .dtype = MOPT_FLOAT32,
                                   .rank = 2,
                                   .dims = sizes};
    const struct mopt_input_spec spec = {.name = "x", .type = &type};
    struct mopt_data_options options = {.batch = 2};
    struct mopt_dataset *dataset = NULL;
    struct mopt_error err;
    mopt__test_folder();
    options.path = write_rows("x.npy", 3);
    mopt__test_fails(mopt__dataset_open(&options, &spec, 1, &dataset, &err), MOPT_E_SHAPE, &err,
                     "the model wants float[?,3], a sample has [2]");
    options.path = "random";
    mopt__test_works(mopt__dataset_open(&options, &spec, 1, &dataset, &err), &err);
    assert_string_equal(mopt__test_shape(mopt__test_next(dataset), 0), "2x3 float");
    mopt__dataset_close(dataset);
    mopt__test_remove_folder();
}

// ---- Random data --------------------------------------------------------------------------------

static void random_data_follow_the_types(void **state)
{
    (void)state;
    struct specs specs = mopt__test_specs("float[batch,3,h,5] x, int64[batch,seq] ids, "
                                          "bool[batch,4] mask, uint8[batch,100] pixels");
    struct mopt_dataset *dataset =
        mopt__test_open("random", &specs,
                        (struct mopt_data_options){.samples = 40, .batch = 32, .seed = 9});
    assert_int_equal(mopt__dataset_count(dataset), 40);
    const struct mopt_sample *sample = mopt__test_next(dataset);
    assert_string_equal(mopt__test_shape(sample, 0), "32x3x1x5 float");
    assert_string_equal(mopt__test_shape(sample, 1), "32x1 int64");
    assert_string_equal(mopt__test_shape(sample, 2), "32x4 bool");
    double sum = 0;
    double squares = 0;
    for (size_t i = 0; i < 480; i++) {
        double value = mopt__test_value(sample, 0, i);
        sum += value;
        squares += value * value;
    }
    assert_true(sum / 480 > -0.2 && sum / 480 < 0.2);
    assert_true(squares / 480 > 0.8 && squares / 480 < 1.2);
    for (size_t i = 0; i < 32; i++) {
        double id = mopt__test_value(sample, 1, i);
        assert_true(id == 0 || id == 1);
    }
    bool large = false;
    for (size_t i = 0; i < 3200; i++) {
        large = large || mopt__test_value(sample, 3, i) > 200;
    }
    assert_true(large);
    assert_int_equal(mopt__test_next(dataset)->count, 8);
    assert_null(mopt__test_next(dataset));
    mopt__dataset_close(dataset);
    mopt__test_specs_free(&specs);
}

static double random_value(const struct specs *specs, struct mopt_data_options options, size_t skip)
{
    struct mopt_dataset *dataset = mopt__test_open("random", specs, options);
    for (size_t i = 0; i < skip; i++) {
        assert_non_null(mopt__test_next(dataset));
    }
    double value = mopt__test_value(mopt__test_next(dataset), 0, 0);
    mopt__dataset_close(dataset);
    return value;
}

static void random_data_are_seeded(void **state)
{
    (void)state;
    struct specs specs = mopt__test_specs("float[batch,3] x");
    double first = random_value(&specs, (struct mopt_data_options){.seed = 1}, 3);
    assert_true(first == random_value(&specs, (struct mopt_data_options){.seed = 1}, 3));
    assert_true(first == random_value(&specs, (struct mopt_data_options){.seed = 1, .skip = 3}, 0));
    assert_true(first != random_value(&specs, (struct mopt_data_options){.seed = 2}, 3));
    assert_true(first != random_value(&specs, (struct mopt_data_options){.seed = 1}, 2));
    mopt__test_specs_free(&specs);
}

static void random_data_keep_fixed_sizes(void **state)
{
    (void)state;
    struct specs specs = mopt__test_specs("float[2,1,128] state, int64[] rate, string[1] name");
    struct mopt_dataset *dataset =
        mopt__test_open("random", &specs, (struct mopt_data_options){.batch = 4});
    assert_int_equal(mopt__dataset_count(dataset), 32);
    const struct mopt_sample *sample = mopt__test_next(dataset);
    assert_int_equal(sample->count, 1);
    assert_string_equal(mopt__test_shape(sample, 0), "2x1x128 float");
    assert_string_equal(mopt__test_shape(sample, 1), " int64");
    assert_string_equal(mopt__test_shape(sample, 2), "1 string");
    mopt__dataset_close(dataset);
    mopt__test_specs_free(&specs);
    specs = mopt__test_specs("float[...] x");
    mopt__test_open_fails("random", &specs, plain, MOPT_E_UNSUPPORTED, "input 'x'");
    mopt__test_specs_free(&specs);
}

static void random_data_take_the_sizes_asked_for(void **state)
{
    (void)state;
    struct specs specs = mopt__test_specs("float[batch,3,h,?] x, int64[batch,h] ids");
    const struct mopt_binding sizes[] = {{"h", 6}, {"x:3", 7}, {"x:33", 8}, {"ids:1:1", 9}};
    struct mopt_data_options options = {.batch = 2, .bindings = sizes, .binding_count = 4};
    struct mopt_dataset *dataset = mopt__test_open("random", &specs, options);
    const struct mopt_sample *sample = mopt__test_next(dataset);
    assert_string_equal(mopt__test_shape(sample, 0), "2x3x6x7 float");
    assert_string_equal(mopt__test_shape(sample, 1), "2x6 int64");
    mopt__dataset_close(dataset);
    const struct mopt_binding batch[] = {{"batch", 5}};
    options = (struct mopt_data_options){.batch = 2, .bindings = batch, .binding_count = 1};
    dataset = mopt__test_open("random", &specs, options);
    sample = mopt__test_next(dataset);
    assert_int_equal(sample->count, 1);
    assert_string_equal(mopt__test_shape(sample, 0), "5x3x1x1 float");
    mopt__dataset_close(dataset);
    mopt__test_specs_free(&specs);
}

int mopt__test_dataset(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_are_chosen),
        cmocka_unit_test(shuffling_is_seeded),
        cmocka_unit_test(the_model_may_fix_the_batch),
        cmocka_unit_test(wrong_choices_are_errors),
        cmocka_unit_test(types_are_cast_with_one_warning),
        cmocka_unit_test(one_sample_may_lack_the_batch_axis),
        cmocka_unit_test(a_model_may_have_no_batch_axis),
        cmocka_unit_test(dims_may_be_absent),
        cmocka_unit_test(random_data_follow_the_types),
        cmocka_unit_test(random_data_are_seeded),
        cmocka_unit_test(random_data_keep_fixed_sizes),
        cmocka_unit_test(random_data_take_the_sizes_asked_for),
    };
    return cmocka_run_group_tests_name("dataset", tests, NULL, NULL);
}
