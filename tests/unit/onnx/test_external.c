// SPDX-License-Identifier: Apache-2.0
// External data: ranges, keys, and the paths that must not be followed.
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

struct pair {
    const char *key, *value;
};

// Writes a model whose initializer w (float[2]) lies outside, with these pairs.
static void write_model(const char *path, const struct pair *pairs, size_t count, int dtype)
{
    struct pb graph = small_graph();
    struct pb tensor = tensor_of("w", dtype, 1, (const int64_t[]){2});
    struct pb model = {0};
    struct mopt_error err;

    mopt_error_clear(&err);
    for (size_t i = 0; i < count; i++) {
        pb_pair(&tensor, 13, pairs[i].key, pairs[i].value);
    }
    pb_int(&tensor, 14, 1);
    pb_sub(&graph, 5, &tensor);
    model = model_of(&graph);
    assert_int_equal(mopt__file_write(path, model.data, model.size, true, &err), MOPT_OK);
    pb_free(&model);
}

static void write_data(const char *path)
{
    struct mopt_error err;

    mopt_error_clear(&err);
    assert_int_equal(mopt__file_write(path, "\0\0\x80?\0\0\0@\0\0@@", 12, true, &err), MOPT_OK);
}

static enum mopt_status load_with(const char *dir, const struct pair *pairs, size_t count,
                                  struct mopt_model **model, struct mopt_error *err)
{
    const char *path = in_dir(dir, "m.onnx");

    write_model(path, pairs, count, MOPT_FLOAT32);
    mopt_error_clear(err);
    return mopt__onnx_load(path, NULL, model, err);
}

static void ranges_are_checked(void **state)
{
    static const struct {
        struct pair pairs[4];
        size_t count;
        const char *why; // NULL: fine
        double first;
    } cases[] = {
        {{{"location", "d"}}, 1, NULL, 1.0},
        {{{"location", "d"}, {"offset", "4"}, {"length", "8"}}, 3, NULL, 2.0},
        {{{"location", "d"}, {"offset", "1"}, {"note", "kept"}}, 3, NULL, 0.0},
        {{{"location", "d"}, {"offset", "5"}}, 2, "beyond the end", 0},
        {{{"location", "d"}, {"offset", "9223372036854775807"}}, 2, "beyond the end", 0},
        {{{"location", "d"}, {"offset", "9223372036854775808"}}, 2, "not a number", 0},
        {{{"location", "d"}, {"offset", "-1"}}, 2, "not a number", 0},
        {{{"location", "d"}, {"offset", "4x"}}, 2, "not a number", 0},
        {{{"location", "d"}, {"offset", ""}}, 2, "not a number", 0},
        {{{"location", "d"}, {"offset", "0x4"}}, 2, "not a number", 0},
        {{{"location", "d"}, {"length", "4"}}, 2, "ask for 8 bytes", 0},
        {{{"location", "d"}, {"length", "12"}}, 2, "ask for 8 bytes", 0},
        {{{"location", "d"}, {"location", "d"}}, 2, "two keys 'location'", 0},
        {{{"offset", "0"}}, 1, "without a location", 0},
        {{{"location", ""}}, 1, "without a location", 0},
        {{{"location", "missing"}}, 1, "missing", 0},
    };
    char *dir = temp_dir();
    (void)state;

    write_data(in_dir(dir, "d"));
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        struct mopt_error err;
        struct mopt_model *model = NULL;
        enum mopt_status status = load_with(dir, cases[i].pairs, cases[i].count, &model, &err);

        if (cases[i].why != NULL) {
            assert_int_not_equal(status, MOPT_OK);
            assert_non_null(strstr(err.text, cases[i].why));
            assert_non_null(strstr(err.text, "initializer 'w'"));
            continue;
        }
        assert_int_equal(status, MOPT_OK);
        const struct mopt_tensor *w = mopt__value_find(model->graph, "w")->constant;
        assert_true(cases[i].first == 0.0 || mopt__tensor_f64(w, 0) == cases[i].first);
        assert_int_equal((uintptr_t)w->data % 4, 0);
        mopt__model_free(model);
    }
    remove_dir(dir);
}

static void text_cannot_be_external(void **state)
{
    static const struct pair pairs[] = {{"location", "d"}};
    char *dir = temp_dir();
    struct mopt_error err;
    struct mopt_model *model = NULL;
    (void)state;

    mopt_error_clear(&err);
    write_data(in_dir(dir, "d"));
    write_model(in_dir(dir, "m.onnx"), pairs, 1, MOPT_STRING);
    assert_int_equal(mopt__onnx_load(in_dir(dir, "m.onnx"), NULL, &model, &err), MOPT_E_FORMAT);
    assert_non_null(strstr(err.text, "text cannot be external"));
    remove_dir(dir);
}

static void escapes_are_refused(void **state)
{
    static const char *const locations[] = {
        "../secret", "sub/../../secret", "..",          "/etc/passwd",
        "link",      "linkdir/d",        "fifo",        "sub",
        ".",         "sub/../d",         "./../secret", "//etc/passwd",
    };
    char *outer = temp_dir();
    char dir[512];
    (void)state;

    (void)snprintf(dir, sizeof dir, "%s/model", outer);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(mkdir(in_dir(dir, "sub"), 0700), 0);
    write_data(in_dir(outer, "secret"));
    write_data(in_dir(dir, "d"));
    write_data(in_dir(dir, "sub/d"));
    assert_int_equal(symlink(in_dir(outer, "secret"), in_dir(dir, "link")), 0);
    assert_int_equal(symlink("sub", in_dir(dir, "linkdir")), 0);
    assert_int_equal(mkfifo(in_dir(dir, "fifo"), 0600), 0);
    for (size_t i = 0; i < MOPT_COUNTOF(locations); i++) {
        struct pair pairs[] = {{"location", locations[i]}};
        struct mopt_error err;
        struct mopt_model *model = NULL;

        if (load_with(dir, pairs, 1, &model, &err) == MOPT_OK) {
            fail_msg("location '%s' was followed", locations[i]);
        }
    }
    struct pair fine[] = {{"location", "sub/d"}};
    struct mopt_error err;
    struct mopt_model *model = NULL;
    assert_int_equal(load_with(dir, fine, 1, &model, &err), MOPT_OK);
    mopt__model_free(model);
    remove_dir(outer);
}

static void models_without_a_folder_have_none(void **state)
{
    struct pb graph = small_graph();
    struct pb tensor = tensor_of("w", MOPT_FLOAT32, 1, (const int64_t[]){2});
    struct pb model = {0};
    (void)state;

    pb_pair(&tensor, 13, "location", "passwd");
    pb_int(&tensor, 14, 1);
    pb_sub(&graph, 5, &tensor);
    model = model_of(&graph);
    assert_load_fails(&model, MOPT_E_FORMAT, "the model has no folder");
}

static void unknown_places_are_refused(void **state)
{
    struct pb graph = small_graph();
    struct pb tensor = tensor_of("w", MOPT_FLOAT32, 1, (const int64_t[]){2});
    struct pb model = {0};
    (void)state;

    pb_int(&tensor, 14, 2);
    pb_sub(&graph, 5, &tensor);
    model = model_of(&graph);
    assert_load_fails(&model, MOPT_E_FORMAT, "data_location 2");
}

// 400 misaligned tensors over the same megabyte would be 400 copies.
static void overlaps_cannot_fill_the_memory(void **state)
{
    const int64_t count = (1 << 18) - 1;
    char *dir = temp_dir();
    struct pb graph = small_graph();
    struct pb model = {0};
    struct mopt_error err;
    struct mopt_model *loaded = NULL;
    void *zeros = mopt__calloc(1, 1 << 20);
    (void)state;

    mopt_error_clear(&err);
    assert_non_null(zeros);
    assert_int_equal(mopt__file_write(in_dir(dir, "d"), zeros, 1 << 20, true, &err), MOPT_OK);
    mopt__free(zeros);
    for (int i = 0; i < 400; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "w%d", i);
        struct pb tensor = tensor_of(name, MOPT_FLOAT32, 1, &count);
        pb_pair(&tensor, 13, "location", "d");
        pb_pair(&tensor, 13, "offset", "1");
        pb_int(&tensor, 14, 1);
        pb_sub(&graph, 5, &tensor);
    }
    model = model_of(&graph);
    const char *path = in_dir(dir, "m.onnx");
    assert_int_equal(mopt__file_write(path, model.data, model.size, true, &err), MOPT_OK);
    pb_free(&model);
    assert_int_equal(mopt__onnx_load(path, NULL, &loaded, &err), MOPT_E_LIMIT);
    assert_non_null(strstr(err.text, "overlap"));
    remove_dir(dir);
}

int mopt__test_external(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_checked),
        cmocka_unit_test(text_cannot_be_external),
        cmocka_unit_test(escapes_are_refused),
        cmocka_unit_test(models_without_a_folder_have_none),
        cmocka_unit_test(unknown_places_are_refused),
        cmocka_unit_test(overlaps_cannot_fill_the_memory),
    };

    return cmocka_run_group_tests_name("external", tests, NULL, NULL);
}
