// SPDX-License-Identifier: Apache-2.0
// Scratch folders, made-up models and checks for the tests of data.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests.h"

static char folder[64];
static struct mopt_strbuf messages;

const char *mopt__test_folder(void)
{
    strcpy(folder, "/tmp/mopt-data-XXXXXX");
    assert_non_null(mkdtemp(folder));
    return folder;
}

const char *mopt__test_path_in(const char *name)
{
    static char paths[8][512];
    static size_t turn;
    char *path = paths[turn++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void remove_tree(const char *path, int depth)
{
    DIR *dir = depth < 4 ? opendir(path) : NULL;
    struct dirent *entry = NULL;
    while (dir && (entry = readdir(dir)) != NULL) {
        char inner[1024];
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
            if (unlink(inner) != 0) {
                remove_tree(inner, depth + 1);
            }
        }
    }
    if (dir) {
        closedir(dir);
    }
    rmdir(path);
}

void mopt__test_remove_folder(void)
{
    remove_tree(folder, 0);
    mopt__strbuf_release(&messages);
}

const char *mopt__test_write(const char *name, const void *data, size_t bytes)
{
    const char *path = mopt__test_path_in(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    fclose(file);
    return path;
}

const char *mopt__test_write_text(const char *name, const char *text)
{
    return mopt__test_write(name, text, strlen(text));
}

void mopt__test_make_folder(const char *name)
{
    assert_int_equal(mkdir(mopt__test_path_in(name), 0755), 0);
}

uint8_t *mopt__test_read(const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *bytes = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = mopt__malloc(*bytes);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *bytes, file), *bytes);
    fclose(file);
    return data;
}

void mopt__test_fails(enum mopt_status status, enum mopt_status wanted,
                      const struct mopt_error *err, const char *text)
{
    if (status != wanted || !strstr(err->text, text)) {
        print_error("status %s, wanted %s with '%s'; message: %s\n", mopt_status_name(status),
                    mopt_status_name(wanted), text, status == MOPT_OK ? "" : err->text);
        fail();
    }
    assert_int_equal(err->status, status);
}

void mopt__test_works(enum mopt_status status, const struct mopt_error *err)
{
    if (status != MOPT_OK) {
        print_error("%s: %s\n", mopt_status_name(status), err->text);
        fail();
    }
}

struct mopt_tensor *mopt__test_tensor(enum mopt_dtype dtype, int rank, const int64_t *dims)
{
    struct mopt_error err;
    struct mopt_tensor *tensor = NULL;
    mopt__test_works(mopt__tensor_new(dtype, rank, dims, &tensor, &err), &err);
    if (dtype != MOPT_STRING) {
        memset(mopt__tensor_data(tensor), 0, tensor->bytes);
    }
    return tensor;
}

struct mopt_image mopt__test_noise(size_t width, size_t height, size_t channels)
{
    struct mopt_image image;
    struct mopt_error err;
    uint32_t x = 12345;
    mopt__test_works(mopt__image_new(width, height, channels, &image, &err), &err);
    for (size_t i = 0; i < width * height * channels; i++) {
        x = x * 1664525U + 1013904223U;
        image.data[i] = (uint8_t)(x >> 24);
    }
    return image;
}

// ---- Models -------------------------------------------------------------------------------------

struct specs mopt__test_specs(const char *inputs)
{
    struct specs specs = {0};
    struct mopt_error err;
    struct mopt_strbuf text = {0};
    mopt__strbuf_printf(&text, "graph g (%s) -> () {\n}\n", inputs);
    mopt__test_works(mopt__text_parse(text.text, text.length, &specs.model, &err), &err);
    mopt__test_works(mopt__input_specs(specs.model, &specs.items, &specs.count, &err), &err);
    mopt__strbuf_release(&text);
    return specs;
}

void mopt__test_specs_free(struct specs *specs)
{
    mopt__free(specs->items);
    mopt__model_free(specs->model);
}

// ---- Datasets -----------------------------------------------------------------------------------

static void hear(void *context, enum mopt_log_level level, const char *text)
{
    (void)context;
    mopt__strbuf_printf(&messages, "%s%s\n", level == MOPT_LOG_WARN ? "warning: " : "", text);
}

const char *mopt__test_log_text(void)
{
    return mopt__strbuf_text(&messages);
}

static enum mopt_status open_data(const char *path, const struct specs *specs,
                                  struct mopt_data_options *options, struct mopt_dataset **out,
                                  struct mopt_error *err)
{
    static const struct mopt_log log = {.level = MOPT_LOG_DEBUG, .write = hear};
    mopt__strbuf_clear(&messages);
    mopt_error_clear(err);
    options->path = path;
    options->dims = specs->model->dims;
    options->log = &log;
    return mopt__dataset_open(options, specs->items, specs->count, out, err);
}

struct mopt_dataset *mopt__test_open(const char *path, const struct specs *specs,
                                     struct mopt_data_options options)
{
    struct mopt_dataset *dataset = NULL;
    struct mopt_error err;
    mopt__test_works(open_data(path, specs, &options, &dataset, &err), &err);
    assert_non_null(dataset);
    return dataset;
}

void mopt__test_open_fails(const char *path, const struct specs *specs,
                           struct mopt_data_options options, enum mopt_status wanted,
                           const char *text)
{
    struct mopt_dataset *dataset = NULL;
    struct mopt_error err;
    enum mopt_status status = open_data(path, specs, &options, &dataset, &err);
    mopt__test_fails(status, wanted, &err, text);
    assert_null(dataset);
}

const struct mopt_sample *mopt__test_next(struct mopt_dataset *dataset)
{
    const struct mopt_sample *sample = NULL;
    struct mopt_error err;
    mopt__test_works(mopt__dataset_next(dataset, &sample, &err), &err);
    return sample;
}

const char *mopt__test_shape(const struct mopt_sample *sample, size_t input)
{
    static char text[128];
    const struct mopt_tensor *tensor = sample->inputs[input]->tensor;
    size_t at = 0;
    text[0] = '\0';
    for (int i = 0; i < tensor->rank; i++) {
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%lld", i > 0 ? "x" : "",
                               (long long)tensor->dims[i]);
    }
    snprintf(text + at, sizeof text - at, " %s", mopt__dtype_name(tensor->dtype));
    return text;
}

double mopt__test_value(const struct mopt_sample *sample, size_t input, size_t i)
{
    return mopt__tensor_f64(sample->inputs[input]->tensor, i);
}
