// SPDX-License-Identifier: Apache-2.0
// Real files: every model below the folders in MOPT_TEST_MODELS (separated by colons) and in
// Debian's libonnx-testdata must load, be sound, and be written back byte for byte; the values
// beside it must load.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "support.h"

struct tally {
    size_t models, identical, values;
};

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text);
    size_t m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static void compare(const char *path, const char *saved, struct tally *tally)
{
    struct mopt_mapping *a = NULL;
    struct mopt_mapping *b = NULL;
    struct mopt_error err;

    mopt_error_clear(&err);
    assert_int_equal(mopt__mapping_open(path, 0, &a, &err), MOPT_OK);
    assert_int_equal(mopt__mapping_open(saved, 0, &b, &err), MOPT_OK);
    if (a->size == b->size && memcmp(a->data, b->data, a->size) == 0) {
        tally->identical++;
    } else {
        print_message("not the same bytes: %s\n", path);
    }
    mopt__mapping_unref(a);
    mopt__mapping_unref(b);
}

static void check_value(const char *path, const struct mopt_value_list *list, unsigned long index,
                        struct tally *tally)
{
    const struct mopt_value *value = index < list->count ? list->items[index] : NULL;
    struct mopt_datum *datum = NULL;
    struct mopt_error err;

    mopt_error_clear(&err);
    if (value == NULL || value->type == NULL) {
        return;
    }
    if (mopt__onnx_load_datum(path, value->type, &datum, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    tally->values++;
    mopt__datum_unref(datum);
}

// test_data_set_N beside a model: input_K.pb and output_K.pb, K being the index in the graph's
// list.
static void check_values(const char *model_path, const struct mopt_graph *graph,
                         struct tally *tally)
{
    char folder[1024];
    DIR *dir = NULL;
    struct dirent *entry = NULL;

    (void)snprintf(folder, sizeof folder, "%.*s/test_data_set_0",
                   (int)(mopt__path_basename(model_path) - model_path), model_path);
    dir = opendir(folder);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char path[2048];
        bool input = strncmp(entry->d_name, "input_", 6) == 0;
        bool output = strncmp(entry->d_name, "output_", 7) == 0;

        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (ends_with(path, ".pb") && (input || output)) {
            check_value(path, input ? &graph->inputs : &graph->outputs,
                        strtoul(entry->d_name + (input ? 6 : 7), NULL, 10), tally);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

static void check_model(const char *path, const char *saved, struct tally *tally)
{
    const struct mopt_onnx_save_options options = {.force = true, .external = 0};
    struct mopt_model *model = NULL;
    struct mopt_error err;

    mopt_error_clear(&err);
    if (mopt__onnx_load(path, NULL, &model, &err) != MOPT_OK ||
        mopt__model_verify(model, &err) != MOPT_OK ||
        mopt__onnx_save(model, saved, &options, NULL, &err) != MOPT_OK) {
        fail_msg("%s: %s", path, err.text);
    }
    tally->models++;
    compare(path, saved, tally);
    check_values(path, model->graph, tally);
    mopt__model_free(model);
}

static void walk(const char *folder, const char *saved, struct tally *tally)
{
    DIR *dir = opendir(folder);
    struct dirent *entry = NULL;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char path[1024];
        struct stat info;

        if (entry->d_name[0] == '.' ||
            (size_t)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= sizeof path ||
            lstat(path, &info) != 0) {
            continue;
        }
        if (S_ISDIR(info.st_mode)) {
            walk(path, saved, tally);
        } else if (S_ISREG(info.st_mode) && ends_with(path, ".onnx")) {
            check_model(path, saved, tally);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

static void real_models_round_trip(void **state)
{
    char *dir = temp_dir();
    char folders[4096];
    const char *given = getenv("MOPT_TEST_MODELS");
    struct tally tally = {0};
    char *rest = NULL;
    (void)state;

    (void)snprintf(folders, sizeof folders, "/usr/share/libonnx-testdata:%s",
                   given != NULL ? given : "");
    for (char *folder = strtok_r(folders, ":", &rest); folder != NULL;
         folder = strtok_r(NULL, ":", &rest)) {
        walk(folder, in_dir(dir, "saved.onnx"), &tally);
    }
    print_message("%zu models, %zu byte-identical, %zu values\n", tally.models, tally.identical,
                  tally.values);
    assert_int_equal(tally.identical, tally.models);
    remove_dir(dir);
    if (tally.models == 0) {
        skip();
    }
}

int mopt__test_corpus(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_models_round_trip),
    };

    return cmocka_run_group_tests_name("corpus", tests, NULL, NULL);
}
