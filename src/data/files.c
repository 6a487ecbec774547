// SPDX-License-Identifier: Apache-2.0
// A source whose samples are files: each is opened when it is its turn, and what it is, its first
// bytes tell.
#include "data/files.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "data/image.h"
#include "onnx/onnx.h"

struct file_sample {
    const char **paths; // [field_count]
    const char *name;
    int64_t label;
};

struct files {
    struct mopt_source source; // first
    struct file_sample *samples;
    size_t capacity, field_capacity;
    struct mopt_arena arena; // names and paths
    bool raw;
    struct mopt_layout layout; // of raw files
};

static struct files *of(struct mopt_source *source)
{
    return (struct files *)source;
}

static void close_files(struct mopt_source *source)
{
    struct files *files = of(source);
    mopt__free(files->samples);
    mopt__free(source->fields);
    mopt__arena_release(&files->arena);
    mopt__free(files);
}

// ---- One file -----------------------------------------------------------------------------------

enum mopt_file_type mopt__file_type(const char *path)
{
    uint8_t start[8];
    size_t length = strlen(path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a pipe must not make us wait
    if (fd < 0) {
        return MOPT_FILE_OTHER;
    }
    ssize_t got = read(fd, start, sizeof start);
    close(fd);
    size_t size = got > 0 ? (size_t)got : 0;
    if (mopt__is_picture(start, size)) {
        return MOPT_FILE_IMAGE;
    }
    if (size >= 6 && memcmp(start, "\x93NUMPY", 6) == 0) {
        return MOPT_FILE_NPY;
    }
    return size > 0 && length > 3 && strcmp(path + length - 3, ".pb") == 0 ? MOPT_FILE_PB
                                                                           : MOPT_FILE_OTHER;
}

// All rows of raw numbers or of an npy array; [1,...] of a raw file is the sample.
static enum mopt_status load_rows(struct mopt_mapping *mapping, const struct mopt_layout *raw,
                                  struct mopt_tensor **out, struct mopt_error *err)
{
    struct mopt_rows *rows = NULL;
    enum mopt_status status =
        raw ? mopt__raw_rows(mapping, raw, &rows, err) : mopt__npy_rows(mapping, &rows, err);
    if (status == MOPT_OK && raw && mopt__rows_count(rows) != 1) {
        status = mopt_error_set(err, MOPT_E_FORMAT, "'%s' holds %zu samples, must be one",
                                mapping->path, mopt__rows_count(rows));
    }
    if (status == MOPT_OK) {
        status = raw ? mopt__rows_get(rows, 0, out, err) : mopt__rows_all(rows, out, err);
    }
    mopt__rows_free(rows);
    return status;
}

static enum mopt_status load_pb(const char *path, struct mopt_tensor **out, struct mopt_error *err)
{
    struct mopt_arena arena;
    const char *name = NULL;
    mopt__arena_init(&arena);
    enum mopt_status status = mopt__onnx_load_tensor(path, out, &name, &arena, err);
    mopt__arena_release(&arena);
    return status;
}

static enum mopt_status load_file(const struct files *files, const char *path,
                                  struct mopt_tensor **out, struct mopt_error *err)
{
    struct mopt_mapping *mapping = NULL;
    *out = NULL;
    enum mopt_status status = mopt__mapping_open(path, 0, &mapping, err);
    if (status != MOPT_OK) {
        return status;
    }
    size_t length = strlen(path);
    if (files->raw) {
        status = load_rows(mapping, &files->layout, out, err);
    } else if (mapping->size >= 6 && memcmp(mapping->data, "\x93NUMPY", 6) == 0) {
        status = load_rows(mapping, NULL, out, err);
    } else if (length > 3 && strcmp(path + length - 3, ".pb") == 0) {
        status = load_pb(path, out, err);
    } else {
        status = mopt__picture_map(mapping, out, err);
    }
    mopt__mapping_unref(mapping);
    return status;
}

static enum mopt_status read_files(struct mopt_source *source, size_t index,
                                   struct mopt_record *record, struct mopt_error *err)
{
    struct files *files = of(source);
    const struct file_sample *sample = &files->samples[index];
    enum mopt_status status = MOPT_OK;
    mopt__strbuf_add(&record->name, sample->name);
    record->label = sample->label;
    for (size_t i = 0; i < source->field_count && status == MOPT_OK; i++) {
        struct mopt_tensor *tensor = NULL;
        status = load_file(files, sample->paths[i], &tensor, err);
        if (status == MOPT_OK) {
            status = mopt__datum_tensor(tensor, &record->values[i], err);
            mopt__tensor_unref(tensor);
        }
    }
    return status;
}

// ---- Making -------------------------------------------------------------------------------------

enum mopt_status mopt__files_new(const char *kind, const struct mopt_layout *raw,
                                 struct mopt_source **out, struct mopt_error *err)
{
    struct files *files = mopt__calloc(1, sizeof *files);
    *out = NULL;
    if (!files) {
        return mopt_error_memory(err);
    }
    mopt__arena_init(&files->arena);
    files->source = (struct mopt_source){.read = read_files, .close = close_files, .kind = kind};
    if (raw) {
        files->raw = true;
        files->layout = *raw;
    }
    *out = &files->source;
    return MOPT_OK;
}

enum mopt_status mopt__files_add_field(struct mopt_source *source, const char *name,
                                       struct mopt_error *err)
{
    struct files *files = of(source);
    const char *copy = name ? mopt__arena_strdup(&files->arena, name) : NULL;
    if (name && !copy) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = mopt__grow((void **)&source->fields, &files->field_capacity,
                                         source->field_count + 1, sizeof *source->fields, err);
    if (status == MOPT_OK) {
        source->fields[source->field_count++] =
            (struct mopt_field){.name = copy, .position = -1, .role = MOPT_FIELD_INPUT};
    }
    return status;
}

enum mopt_status mopt__files_add(struct mopt_source *source, char *const *paths, const char *name,
                                 struct mopt_error *err)
{
    struct files *files = of(source);
    struct file_sample sample = {0};
    enum mopt_status status = mopt__grow((void **)&files->samples, &files->capacity,
                                         source->count + 1, sizeof *files->samples, err);
    if (status != MOPT_OK) {
        return status;
    }
    sample.paths = mopt__arena_alloc(&files->arena, source->field_count, sizeof(const char *));
    for (size_t i = 0; sample.paths && i < source->field_count; i++) {
        sample.paths[i] = mopt__arena_strdup(&files->arena, paths[i]);
        if (!sample.paths[i]) {
            return mopt_error_memory(err);
        }
    }
    sample.name =
        name ? mopt__arena_strdup(&files->arena, name) : (sample.paths ? sample.paths[0] : NULL);
    if (!sample.paths || !sample.name) {
        return mopt_error_memory(err);
    }
    files->samples[source->count++] = sample;
    return MOPT_OK;
}

void mopt__files_set_label(struct mopt_source *source, size_t i, int64_t label)
{
    of(source)->samples[i].label = label;
}

const char *mopt__files_name(const struct mopt_source *source, size_t i)
{
    return ((const struct files *)source)->samples[i].name;
}

// One file that is one sample.
enum mopt_status mopt__source_single(const struct mopt_open *open, const char *kind,
                                     struct mopt_source **out, struct mopt_error *err)
{
    struct mopt_source *source = NULL;
    *out = NULL;
    char *path = mopt__strdup(open->options->path);
    enum mopt_status status =
        path ? mopt__files_new(kind, NULL, &source, err) : mopt_error_memory(err);
    if (status == MOPT_OK) {
        status = mopt__files_add_field(source, NULL, err);
    }
    if (status == MOPT_OK) {
        status = mopt__files_add(source, &path, NULL, err);
    }
    mopt__free(path);
    if (status != MOPT_OK) {
        mopt__source_close(source);
        return status;
    }
    *out = source;
    return MOPT_OK;
}
