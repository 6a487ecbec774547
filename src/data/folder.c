// SPDX-License-Identifier: Apache-2.0
// Folders of data: recorded runs, arrays named after inputs, pictures, a folder per class, raw
// files. The first of these that fits decides.
#include <stdio.h>
#include <string.h>

#include "data/files.h"
#include "data/labels.h"

struct folder {
    const struct mopt_open *open;
    const char *path;
    char **names; // entries, sorted
    size_t count;
};

static bool is_hidden(const char *name)
{
    return name[0] == '.';
}

// ---- Recorded runs ------------------------------------------------------------------------------

static int64_t set_number(const char *name)
{
    long long number = 0;
    bool matches = strncmp(name, "test_data_set_", 14) == 0 && name[14] >= '0' && name[14] <= '9';
    return matches && mopt__parse_i64(name + 14, &number) ? number : -1;
}

static bool has_sets(const struct folder *folder)
{
    for (size_t i = 0; i < folder->count; i++) {
        if (set_number(folder->names[i]) >= 0) {
            return true;
        }
    }
    return false;
}

static bool has_pb(const struct folder *folder)
{
    for (size_t i = 0; i < folder->count; i++) {
        if (mopt__pb_number(folder->names[i], "input_") >= 0 ||
            mopt__pb_number(folder->names[i], "output_") >= 0) {
            return true;
        }
    }
    return false;
}

// The folders test_data_set_0, 1, 2 ... 10 in the order of their numbers.
static enum mopt_status list_sets(const struct folder *folder, char **sets, size_t *count,
                                  struct mopt_error *err)
{
    int64_t last = -1;
    for (;;) {
        const char *best = NULL;
        for (size_t i = 0; i < folder->count; i++) {
            int64_t number = set_number(folder->names[i]);
            if (number > last && (!best || number < set_number(best))) {
                best = folder->names[i];
            }
        }
        if (!best) {
            return MOPT_OK;
        }
        last = set_number(best);
        sets[*count] = mopt__path_join(folder->path, best);
        if (!sets[(*count)++]) {
            return mopt_error_memory(err);
        }
    }
}

static enum mopt_status open_sets(const struct folder *folder, struct mopt_source **out,
                                  struct mopt_error *err)
{
    size_t count = 0;
    char **sets = mopt__calloc(folder->count, sizeof *sets);
    if (!sets) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = list_sets(folder, sets, &count, err);
    if (status == MOPT_OK) {
        status = mopt__source_pb(sets, count, out, err);
    }
    for (size_t i = 0; i < count; i++) {
        mopt__free(sets[i]);
    }
    mopt__free(sets);
    return status;
}

static enum mopt_status open_set(const struct folder *folder, struct mopt_source **out,
                                 struct mopt_error *err)
{
    char *path = mopt__strdup(folder->path);
    if (!path) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = mopt__source_pb(&path, 1, out, err);
    mopt__free(path);
    return status;
}

// ---- Arrays named after inputs ------------------------------------------------------------------

// Length of the name without its last ending.
static size_t stem_length(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && dot > name ? (size_t)(dot - name) : strlen(name);
}

static bool is_input(const struct mopt_open *open, const char *name)
{
    size_t length = stem_length(name);
    for (size_t i = 0; i < open->spec_count; i++) {
        const char *spec = open->specs[i].name;
        if (strlen(spec) == length && memcmp(spec, name, length) == 0) {
            return true;
        }
    }
    return false;
}

// A file for every input (one is enough to be sure for models of several inputs: binding tells what
// lacks).
static bool has_input_files(const struct folder *folder)
{
    for (size_t i = 0; i < folder->count; i++) {
        if (!is_hidden(folder->names[i]) && is_input(folder->open, folder->names[i])) {
            return true;
        }
    }
    return false;
}

static const struct mopt_raw_shape *find_shape(const struct mopt_raw_shape *shapes, size_t count,
                                               const char *name)
{
    size_t length = stem_length(name);
    for (size_t i = 0; i < count; i++) {
        if (!shapes[i].name ||
            (strlen(shapes[i].name) == length && memcmp(shapes[i].name, name, length) == 0)) {
            return &shapes[i];
        }
    }
    return NULL;
}

// Adds folder/name as an array: npy, or raw if a shape is there for it. Other files are left out.
static enum mopt_status add_array(struct mopt_source *source, const char *path, const char *name,
                                  const struct mopt_raw_shape *shape, struct mopt_error *err)
{
    struct mopt_mapping *mapping = NULL;
    struct mopt_rows *rows = NULL;
    if (!shape && mopt__file_type(path) != MOPT_FILE_NPY) {
        return MOPT_OK;
    }
    char *stem = mopt__strndup(name, stem_length(name));
    enum mopt_status status =
        stem ? mopt__mapping_open(path, 0, &mapping, err) : mopt_error_memory(err);
    if (status == MOPT_OK) {
        status = shape ? mopt__raw_rows(mapping, &shape->layout, &rows, err)
                       : mopt__npy_rows(mapping, &rows, err);
    }
    if (status == MOPT_OK) {
        status = mopt__arrays_add(source, stem, rows, err);
    }
    mopt__mapping_unref(mapping);
    mopt__free(stem);
    return status;
}

static enum mopt_status open_arrays(const struct folder *folder,
                                    const struct mopt_raw_shape *shapes, size_t shape_count,
                                    struct mopt_source **out, struct mopt_error *err)
{
    struct mopt_source *source = NULL;
    enum mopt_status status = mopt__arrays_new(shape_count > 0 ? "raw" : "npy", &source, err);
    for (size_t i = 0; i < folder->count && status == MOPT_OK; i++) {
        const char *name = folder->names[i];
        const struct mopt_raw_shape *shape = find_shape(shapes, shape_count, name);
        char *path = mopt__path_join(folder->path, name);
        if (!path) {
            status = mopt_error_memory(err);
        } else if (!is_hidden(name) && !mopt__path_is_dir(path)) {
            status = add_array(source, path, name, shape, err);
        }
        mopt__free(path);
    }
    if (status != MOPT_OK) {
        mopt__source_close(source);
        return status;
    }
    *out = source;
    return MOPT_OK;
}

// ---- Files that are samples ---------------------------------------------------------------------

// Adds dir/name as a sample if it is of the type (or raw).
static enum mopt_status add_sample(struct mopt_source *source, const char *dir, const char *name,
                                   const char *shown, enum mopt_file_type type, bool raw,
                                   struct mopt_error *err)
{
    char *path = mopt__path_join(dir, name);
    enum mopt_status status = path ? MOPT_OK : mopt_error_memory(err);
    if (path && !is_hidden(name) && !mopt__path_is_dir(path) &&
        (raw || mopt__file_type(path) == type)) {
        status = mopt__files_add(source, &path, shown, err);
    }
    mopt__free(path);
    return status;
}

// What most deserves to be taken: pictures, else the first kind that is known.
static enum mopt_status main_type(const struct folder *folder, enum mopt_file_type *found,
                                  struct mopt_error *err)
{
    *found = MOPT_FILE_OTHER;
    for (size_t i = 0; i < folder->count && *found != MOPT_FILE_IMAGE; i++) {
        char *path = mopt__path_join(folder->path, folder->names[i]);
        if (!path) {
            return mopt_error_memory(err);
        }
        if (!is_hidden(folder->names[i]) && !mopt__path_is_dir(path)) {
            enum mopt_file_type type = mopt__file_type(path);
            *found = type == MOPT_FILE_IMAGE || *found == MOPT_FILE_OTHER ? type : *found;
        }
        mopt__free(path);
    }
    return MOPT_OK;
}

static enum mopt_status add_flat(const struct folder *folder, struct mopt_source *source,
                                 enum mopt_file_type type, bool raw, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < folder->count && status == MOPT_OK; i++) {
        status =
            add_sample(source, folder->path, folder->names[i], folder->names[i], type, raw, err);
    }
    return status;
}

// Folder "dir" of class number `label`.
static enum mopt_status add_class(struct mopt_source *source, const char *dir, const char *class,
                                  int64_t label, struct mopt_error *err)
{
    char **names = NULL;
    size_t count = 0;
    enum mopt_status status = mopt__dir_list(dir, &names, &count, err);
    for (size_t i = 0; i < count && status == MOPT_OK; i++) {
        size_t before = source->count;
        char *shown = mopt__path_join(class, names[i]);
        status = shown ? add_sample(source, dir, names[i], shown, MOPT_FILE_IMAGE, false, err)
                       : mopt_error_memory(err);
        if (status == MOPT_OK && source->count > before) {
            mopt__files_set_label(source, before, label);
        }
        mopt__free(shown);
    }
    mopt__names_free(names, count);
    return status;
}

// Class numbers are the places of the folders in the sorted list.
static enum mopt_status add_classes(const struct folder *folder, struct mopt_source *source,
                                    struct mopt_error *err)
{
    int64_t label = 0;
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < folder->count && status == MOPT_OK; i++) {
        char *path = mopt__path_join(folder->path, folder->names[i]);
        if (!path) {
            return mopt_error_memory(err);
        }
        if (!is_hidden(folder->names[i]) && mopt__path_is_dir(path)) {
            status = add_class(source, path, folder->names[i], label++, err);
        }
        mopt__free(path);
    }
    snprintf(source->item, sizeof source->item, "pictures in %lld classes", (long long)label);
    source->has_labels = true;
    return status;
}

// Label file: options->labels, else labels.csv and the like in the folder, else *path stays NULL.
static enum mopt_status find_labels(const struct folder *folder, char **path,
                                    struct mopt_error *err)
{
    static const char *const names[] = {"labels.csv", "labels.txt", "val.txt"};
    const char *given = folder->open->options->labels;
    *path = given ? mopt__strdup(given) : NULL;
    if (given) {
        return *path ? MOPT_OK : mopt_error_memory(err);
    }
    for (size_t i = 0; i < MOPT_COUNTOF(names); i++) {
        *path = mopt__path_join(folder->path, names[i]);
        if (!*path) {
            return mopt_error_memory(err);
        }
        if (mopt__path_exists(*path)) {
            return MOPT_OK;
        }
        mopt__free(*path);
        *path = NULL;
    }
    return MOPT_OK;
}

static enum mopt_status look_up_labels(struct mopt_labels *labels, struct mopt_source *source,
                                       struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < source->count && status == MOPT_OK; i++) {
        int64_t label = 0;
        status = mopt__labels_find(labels, i, mopt__files_name(source, i), &label, err);
        mopt__files_set_label(source, i, label);
    }
    if (status == MOPT_OK && labels->rows && mopt__rows_count(labels->rows) != source->count) {
        status = mopt_error_set(err, MOPT_E_SHAPE, "%zu labels for %zu samples",
                                mopt__rows_count(labels->rows), source->count);
    }
    source->has_labels = true;
    return status;
}

static enum mopt_status set_labels(const struct folder *folder, struct mopt_source *source,
                                   struct mopt_error *err)
{
    struct mopt_labels labels;
    char *path = NULL;
    enum mopt_status status = find_labels(folder, &path, err);
    if (status != MOPT_OK || !path) {
        return status;
    }
    status = mopt__labels_open(path, &labels, err);
    mopt__free(path);
    if (status == MOPT_OK) {
        status = look_up_labels(&labels, source, err);
        mopt__labels_release(&labels);
    }
    return status;
}

static enum mopt_status nothing(const struct folder *folder, struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_MISSING,
                          "folder '%s' holds no data: neither pictures (or folders of them, one "
                          "per class), nor npy files, nor test_data_set_N%s",
                          folder->path,
                          folder->open->options->shape ? "" : " (raw files need a shape)");
}

static enum mopt_status fill_files(const struct folder *folder, struct mopt_source *source,
                                   enum mopt_file_type type, bool raw, struct mopt_error *err)
{
    enum mopt_status status = mopt__files_add_field(source, NULL, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (raw || type != MOPT_FILE_OTHER) {
        status = add_flat(folder, source, type, raw, err);
        snprintf(source->item, sizeof source->item, "%s",
                 type == MOPT_FILE_IMAGE && !raw ? "pictures" : "one array per file");
    } else {
        status = add_classes(folder, source, err);
    }
    if (status == MOPT_OK && source->count == 0) {
        status = nothing(folder, err);
    }
    return status == MOPT_OK ? set_labels(folder, source, err) : status;
}

static enum mopt_status open_files(const struct folder *folder, enum mopt_file_type type,
                                   const struct mopt_layout *raw, struct mopt_source **out,
                                   struct mopt_error *err)
{
    struct mopt_source *source = NULL;
    const char *kind = raw ? "raw" : type == MOPT_FILE_NPY ? "npy" : "images";
    enum mopt_status status = mopt__files_new(kind, raw, &source, err);
    if (status == MOPT_OK) {
        status = fill_files(folder, source, type, raw != NULL, err);
    }
    if (status != MOPT_OK) {
        mopt__source_close(source);
        return status;
    }
    *out = source;
    return MOPT_OK;
}

// ---- Which of these -----------------------------------------------------------------------------

static enum mopt_status open_raw(const struct folder *folder, struct mopt_source **out,
                                 struct mopt_error *err)
{
    struct mopt_arena arena;
    struct mopt_raw_shape *shapes = NULL;
    size_t count = 0;
    mopt__arena_init(&arena);
    enum mopt_status status =
        mopt__raw_parse(folder->open->options->shape, &arena, &shapes, &count, err);
    if (status == MOPT_OK && (count > 1 || shapes[0].name || has_input_files(folder))) {
        status = open_arrays(folder, shapes, count, out, err);
    } else if (status == MOPT_OK) {
        status = open_files(folder, MOPT_FILE_OTHER, &shapes[0].layout, out, err);
    }
    mopt__arena_release(&arena);
    return status;
}

static enum mopt_status open_any(const struct folder *folder, struct mopt_source **out,
                                 struct mopt_error *err)
{
    if (folder->open->options->shape) {
        return open_raw(folder, out, err);
    }
    if (has_sets(folder)) {
        return open_sets(folder, out, err);
    }
    if (has_pb(folder)) {
        return open_set(folder, out, err);
    }
    enum mopt_file_type type = MOPT_FILE_OTHER;
    enum mopt_status status = main_type(folder, &type, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (type == MOPT_FILE_NPY && has_input_files(folder)) {
        return open_arrays(folder, NULL, 0, out, err);
    }
    return open_files(folder, type, NULL, out, err);
}

enum mopt_status mopt__source_folder(const struct mopt_open *open, struct mopt_source **out,
                                     struct mopt_error *err)
{
    struct folder folder = {.open = open, .path = open->options->path};
    *out = NULL;
    enum mopt_status status = mopt__dir_list(folder.path, &folder.names, &folder.count, err);
    if (status == MOPT_OK) {
        status = open_any(&folder, out, err);
    }
    mopt__names_free(folder.names, folder.count);
    return status;
}
