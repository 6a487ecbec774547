// SPDX-License-Identifier: Apache-2.0
// Path helpers and folder listing.
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/size.h"
#include "tests.h"

static void splits(void **state)
{
    (void)state;
    static const struct {
        const char *path, *dir, *base;
    } rows[] = {{"a", "", "a"},      {"a/b", "a", "b"},  {"/a", "/", "a"},
                {"/", "/", ""},      {"a//b", "a", "b"}, {"//b", "/", "b"},
                {"a/b/", "a/b", ""}, {"", "", ""},       {"../x.onnx", "..", "x.onnx"},
                {"./x", ".", "x"}};
    for (size_t i = 0; i < MOPT_COUNTOF(rows); i++) {
        char *dir = mopt__path_dirname(rows[i].path);
        assert_string_equal(dir, rows[i].dir);
        assert_string_equal(mopt__path_basename(rows[i].path), rows[i].base);
        mopt__free(dir);
    }
}

static void joins(void **state)
{
    (void)state;
    static const struct {
        const char *dir, *name, *path;
    } rows[] = {{"", "a", "a"},     {"a", "b", "a/b"}, {"/", "b", "/b"},
                {"a/", "b", "a/b"}, {"a", "", "a/"},   {"", "", ""}};
    for (size_t i = 0; i < MOPT_COUNTOF(rows); i++) {
        char *path = mopt__path_join(rows[i].dir, rows[i].name);
        assert_string_equal(path, rows[i].path);
        mopt__free(path);
    }
}

static void looks(void **state)
{
    (void)state;
    const char *folder = mopt__test_folder();
    const char *file = mopt__test_path_in("f");
    mopt__test_write(file, "x");
    assert_true(mopt__path_exists(folder));
    assert_true(mopt__path_is_dir(folder));
    assert_true(mopt__path_exists(file));
    assert_false(mopt__path_is_dir(file));
    assert_false(mopt__path_exists(mopt__test_path_in("none")));
    assert_false(mopt__path_is_dir(mopt__test_path_in("none")));
    mopt__test_remove_folder();
}

static void lists_sorted(void **state)
{
    (void)state;
    struct mopt_error err;
    char **names;
    size_t count;
    const char *folder = mopt__test_folder();
    assert_int_equal(mopt__dir_list(folder, &names, &count, &err), MOPT_OK);
    assert_int_equal(count, 0);
    mopt__names_free(names, count);
    static const char *const files[] = {"b", "a10", "\xc3\xa4", ".hidden", "a2", "B"};
    for (size_t i = 0; i < MOPT_COUNTOF(files); i++) {
        mopt__test_write(mopt__test_path_in(files[i]), "");
    }
    assert_int_equal(mopt__dir_list(folder, &names, &count, &err), MOPT_OK);
    static const char *const sorted[] = {".hidden", "B", "a10", "a2", "b", "\xc3\xa4"};
    assert_int_equal(count, MOPT_COUNTOF(sorted));
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(names[i], sorted[i]);
    }
    mopt__names_free(names, count);
    assert_int_equal(mopt__dir_list(mopt__test_path_in("none"), &names, &count, &err),
                     MOPT_E_MISSING);
    assert_null(names);
    assert_int_equal(count, 0);
    assert_int_equal(mopt__dir_list(mopt__test_path_in("b"), &names, &count, &err), MOPT_E_FORMAT);
    mopt__test_remove_folder();
}

static enum mopt_status list_folder(void *context, struct mopt_error *err)
{
    char **names;
    size_t count;
    enum mopt_status status = mopt__dir_list(context, &names, &count, err);
    assert_int_equal(count, status == MOPT_OK ? 12 : 0);
    mopt__names_free(names, count);
    if (status == MOPT_OK) {
        char *joined = mopt__path_join("a", "b");
        char *dir = mopt__path_dirname("a/b");
        status = joined && dir ? MOPT_OK : mopt_error_memory(err);
        mopt__free(joined);
        mopt__free(dir);
    }
    return status;
}

static void list_without_memory(void **state)
{
    (void)state;
    const char *folder = mopt__test_folder();
    for (int i = 0; i < 12; i++) {
        const char name[2] = {(char)('a' + i), '\0'};
        mopt__test_write(mopt__test_path_in(name), "");
    }
    char *copy = mopt__strdup(folder);
    mopt__test_out_of_memory(list_folder, copy);
    mopt__free(copy);
    mopt__test_remove_folder();
}

int mopt__test_path(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits),
        cmocka_unit_test(joins),
        cmocka_unit_test(looks),
        cmocka_unit_test(lists_sorted),
        cmocka_unit_test(list_without_memory),
    };
    return cmocka_run_group_tests_name("path", tests, NULL, NULL);
}
