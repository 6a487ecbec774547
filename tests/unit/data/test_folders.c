// SPDX-License-Identifier: Apache-2.0
// Folders of pictures and arrays, lists, raw numbers, label files.
#include <string.h>

#include "golden_pictures.h"
#include "tests.h"

static const struct mopt_data_options plain;

static void write_png(const char *name)
{
    mopt__test_write(name, FILE_PNG_RGB, sizeof FILE_PNG_RGB);
}

// All labels in order, "0 0 1 ", and the names of the samples, "a/x.png ".
static void collect(const char *path, const struct specs *specs, struct mopt_data_options options,
                    struct mopt_strbuf *labels, struct mopt_strbuf *names)
{
    struct mopt_dataset *dataset = mopt__test_open(path, specs, options);
    const struct mopt_sample *sample = NULL;
    while ((sample = mopt__test_next(dataset)) != NULL) {
        assert_string_equal(mopt__test_shape(sample, 0), "1x3x9x13 float");
        mopt__strbuf_printf(names, "%s ", sample->name);
        for (size_t i = 0; sample->labels && i < sample->count; i++) {
            mopt__strbuf_printf(labels, "%lld ", (long long)sample->labels[i]);
        }
    }
    mopt__dataset_close(dataset);
}

static void expect(const char *path, struct mopt_data_options options, const char *labels,
                   const char *names)
{
    struct specs specs = mopt__test_specs("float[batch,3,h,w] x");
    struct mopt_strbuf got_labels = {0};
    struct mopt_strbuf got_names = {0};
    options.preprocess = "rgb,scale=1/255,chw";
    collect(path, &specs, options, &got_labels, &got_names);
    assert_string_equal(mopt__strbuf_text(&got_labels), labels);
    assert_string_equal(mopt__strbuf_text(&got_names), names);
    mopt__strbuf_release(&got_labels);
    mopt__strbuf_release(&got_names);
    mopt__test_specs_free(&specs);
}

static void pictures_of_a_folder(void **state)
{
    (void)state;
    const char *folder = mopt__test_folder();
    write_png("b.png");
    write_png("a.jpg"); // content decides
    mopt__test_write("c.jpeg", FILE_JPEG_RGB, sizeof FILE_JPEG_RGB);
    mopt__test_write_text("README", "no picture");
    write_png(".hidden.png");
    expect(folder, plain, "", "a.jpg b.png c.jpeg ");
    expect(mopt__test_path_in("b.png"), plain, "", mopt__test_path_in("b.png "));
    mopt__test_write_text("labels.csv", "file,label\nc.jpeg,7\n\"b.png\",-1\na.jpg, 3\r\n");
    expect(folder, plain, "3 -1 7 ", "a.jpg b.png c.jpeg ");
    struct mopt_data_options options = {.labels = mopt__test_write_text("own", "5\n6\n7\n")};
    expect(folder, options, "5 6 7 ", "a.jpg b.png c.jpeg ");
    mopt__test_remove_folder();
}

static void a_folder_per_class(void **state)
{
    (void)state;
    const char *folder = mopt__test_folder();
    mopt__test_make_folder("dog");
    mopt__test_make_folder("cat");
    mopt__test_make_folder("empty");
    write_png("dog/1.png");
    write_png("dog/2.png");
    write_png("cat/9.png");
    mopt__test_write_text("dog/notes.txt", "x");
    expect(folder, plain, "0 1 1 ", "cat/9.png dog/1.png dog/2.png ");
    mopt__test_remove_folder();
}

static void lists_of_files(void **state)
{
    (void)state;
    mopt__test_folder();
    mopt__test_make_folder("d");
    write_png("d/a b.png");
    write_png("c.png");
    const char *list = mopt__test_write_text("list.txt", "# comment\n\nd/a b.png 4\nc.png,2\n");
    expect(list, plain, "4 2 ", "d/a b.png c.png ");
    list = mopt__test_write_text("list.txt", "x=c.png\nx:=c.png");
    expect(list, plain, "", "c.png c.png ");
    struct specs specs = mopt__test_specs("float[batch,3,h,w] x");
    struct mopt_data_options options = {.preprocess = "chw"};
    static const struct {
        const char *text, *message;
        enum mopt_status status;
    } cases[] = {
        {"c.png 1\nc.png\n", "line 2: some samples have a label", MOPT_E_FORMAT},
        {"y=c.png z=c.png\n", "input number 1", MOPT_E_USAGE},
        {"x=c.png x=c.png\n", "'x' stands twice", MOPT_E_FORMAT},
        {"x=c.png\nx=c.png y=c.png\n", "line 2 has 2 files", MOPT_E_FORMAT},
        {"x=c.png\ny=c.png\n", "line 2 lacks 'x'", MOPT_E_FORMAT},
        {"x=c.png c.png\n", "not of the form name=path", MOPT_E_FORMAT},
        {"nowhere.png\n", "nowhere.png", MOPT_E_MISSING},
        {"3\n", "names no file", MOPT_E_FORMAT},
        {"# nothing\n", "the list is empty", MOPT_E_MISSING},
        {"list.txt\n", "neither JPEG nor PNG", MOPT_E_FORMAT},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        list = mopt__test_write_text("list.txt", cases[i].text);
        mopt__test_open_fails(list, &specs, options, cases[i].status, cases[i].message);
    }
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void label_files_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
        enum mopt_status status;
    } cases[] = {
        {"1\n2\n", "2 labels for 1 samples", MOPT_E_SHAPE},
        {"b.png 3\n", "no label for 'a.png'", MOPT_E_MISSING},
        {"a.png cat\n", "line 1 does not end in a class number", MOPT_E_FORMAT},
        {"\n", "holds no labels", MOPT_E_FORMAT},
    };
    struct specs specs = mopt__test_specs("float[batch,3,h,w] x");
    const char *folder = mopt__test_folder();
    write_png("a.png");
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        struct mopt_data_options options = {.preprocess = "chw"};
        options.labels = mopt__test_write_text("own", cases[i].text);
        mopt__test_open_fails(folder, &specs, options, cases[i].status, cases[i].message);
    }
    struct mopt_data_options options = {.preprocess = "chw", .labels = "/nowhere"};
    mopt__test_open_fails(folder, &specs, options, MOPT_E_MISSING, "labels: ");
    options.labels = mopt__test_write("own", "\0\1\2\3\4\5\6\7", 8);
    mopt__test_open_fails(folder, &specs, options, MOPT_E_FORMAT, "none of IDX, npy and text");
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void empty_folders_are_told(void **state)
{
    (void)state;
    struct specs specs = mopt__test_specs("float[batch,3,h,w] x");
    const char *folder = mopt__test_folder();
    mopt__test_open_fails(folder, &specs, plain, MOPT_E_MISSING, "holds no data");
    mopt__test_write_text("README", "x");
    mopt__test_make_folder("sub");
    mopt__test_open_fails(folder, &specs, plain, MOPT_E_MISSING, "raw files need a shape");
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void arrays_named_after_inputs(void **state)
{
    (void)state;
    struct mopt_error err;
    struct specs specs = mopt__test_specs("float[batch,2] x, int64[batch] n");
    const char *folder = mopt__test_folder();
    struct mopt_tensor *x = mopt__test_tensor(MOPT_FLOAT32, 2, (const int64_t[]){3, 2});
    struct mopt_tensor *n = mopt__test_tensor(MOPT_INT64, 1, (const int64_t[]){3});
    mopt__test_works(mopt__npy_save(x, mopt__test_path_in("x.npy"), false, &err), &err);
    mopt__test_works(mopt__npy_save(n, mopt__test_path_in("n.npy"), false, &err), &err);
    struct mopt_dataset *dataset =
        mopt__test_open(folder, &specs, (struct mopt_data_options){.batch = 2});
    assert_int_equal(mopt__dataset_count(dataset), 3);
    const struct mopt_sample *sample = mopt__test_next(dataset);
    assert_string_equal(mopt__test_shape(sample, 0), "2x2 float");
    assert_string_equal(mopt__test_shape(sample, 1), "2 int64");
    mopt__dataset_close(dataset);
    mopt__test_specs_free(&specs);
    // The same two files as samples of a model whose inputs have other names
    specs = mopt__test_specs("float[batch,3,2] image");
    mopt__test_works(mopt__npy_save(x, mopt__test_path_in("n.npy"), true, &err), &err);
    dataset = mopt__test_open(folder, &specs, (struct mopt_data_options){.batch = 2});
    assert_string_equal(mopt__test_shape(mopt__test_next(dataset), 0), "2x3x2 float");
    mopt__dataset_close(dataset);
    mopt__tensor_unref(x);
    mopt__tensor_unref(n);
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void raw_numbers_have_a_shape(void **state)
{
    (void)state;
    const float values[] = {0, 1, 2, 3, 4, 5, 6, 7};
    struct specs specs = mopt__test_specs("float[batch,2,2] x");
    const char *folder = mopt__test_folder();
    const char *path = mopt__test_write("a.bin", values, sizeof values);
    struct mopt_data_options options = {.shape = "1x2x2:float"};
    struct mopt_dataset *dataset = mopt__test_open(path, &specs, options);
    assert_int_equal(mopt__dataset_count(dataset), 2);
    assert_string_equal(mopt__dataset_describe(dataset), "raw: 2 samples of 2x2 float");
    mopt__test_next(dataset);
    const struct mopt_sample *sample = mopt__test_next(dataset);
    assert_string_equal(mopt__test_shape(sample, 0), "1x2x2 float");
    assert_true(mopt__test_value(sample, 0, 3) == 7);
    mopt__dataset_close(dataset);
    mopt__test_write("b.bin", values, sizeof values);
    dataset = mopt__test_open(folder, &specs, (struct mopt_data_options){.shape = "2x2x2:f32"});
    assert_int_equal(mopt__dataset_count(dataset), 2); // one sample per file
    assert_string_equal(mopt__test_shape(mopt__test_next(dataset), 0), "2x2x2 float");
    mopt__dataset_close(dataset);
    static const struct {
        const char *shape, *message;
        enum mopt_status status;
    } cases[] = {
        {"1x3", "multiple of 12", MOPT_E_FORMAT},
        {"1x0", "no positive number", MOPT_E_USAGE},
        {"", "no positive number", MOPT_E_USAGE},
        {"2x2:flot", "element type", MOPT_E_USAGE},
        {"2:string", "element type", MOPT_E_USAGE},
        {"9999999999x9999999999", "too many elements", MOPT_E_FORMAT},
        {"1,2", "2 shapes for one file", MOPT_E_USAGE},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        options.shape = cases[i].shape;
        mopt__test_open_fails(path, &specs, options, cases[i].status, cases[i].message);
    }
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

static void raw_files_per_input(void **state)
{
    (void)state;
    const float x[] = {1, 2, 3, 4};
    const int64_t ids[] = {7, 8};
    struct specs specs = mopt__test_specs("float[batch,2] x, int64[batch,1] ids");
    const char *folder = mopt__test_folder();
    mopt__test_write("x.bin", x, sizeof x);
    mopt__test_write("ids.bin", ids, sizeof ids);
    struct mopt_dataset *dataset =
        mopt__test_open(folder, &specs,
                        (struct mopt_data_options){.shape = "x=1x2:float,ids=1x1:int64",
                                                   .batch = 2});
    const struct mopt_sample *sample = mopt__test_next(dataset);
    assert_string_equal(mopt__test_shape(sample, 1), "2x1 int64");
    assert_true(mopt__test_value(sample, 1, 1) == 8);
    assert_true(mopt__test_value(sample, 0, 3) == 4);
    mopt__dataset_close(dataset);
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

int mopt__test_folders(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pictures_of_a_folder),     cmocka_unit_test(a_folder_per_class),
        cmocka_unit_test(lists_of_files),           cmocka_unit_test(label_files_are_checked),
        cmocka_unit_test(empty_folders_are_told),   cmocka_unit_test(arrays_named_after_inputs),
        cmocka_unit_test(raw_numbers_have_a_shape), cmocka_unit_test(raw_files_per_input),
    };
    return cmocka_run_group_tests_name("folders", tests, NULL, NULL);
}
