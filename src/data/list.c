// SPDX-License-Identifier: Apache-2.0
// List files: one sample per line, "path", "path label" or "name=path name=path label". Paths are
// relative to the folder of the list.
#include <stdio.h>
#include <string.h>

#include "data/files.h"
#include "data/lines.h"

static char *resolve(const char *dir, const char *path)
{
    return path[0] == '/' ? mopt__strdup(path) : mopt__path_join(dir, path);
}

static enum mopt_status add_fields(struct mopt_source *source, const struct mopt_line *line,
                                   struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < line->part_count && status == MOPT_OK; i++) {
        for (size_t j = 0; j < i && line->names[i] && line->names[j]; j++) {
            if (strcmp(line->names[i], line->names[j]) == 0) {
                return mopt_error_set(err, MOPT_E_FORMAT, "line %zu: '%s' stands twice",
                                      line->number, line->names[i]);
            }
        }
        status = mopt__files_add_field(source, line->names[i], err);
    }
    return status;
}

// The path of a field in a line, whatever the order there; NULL if it lacks.
static const char *path_of(const struct mopt_line *line, const struct mopt_field *field)
{
    for (size_t i = 0; i < line->part_count; i++) {
        bool same = field->name ? line->names[i] && strcmp(line->names[i], field->name) == 0
                                : !line->names[i];
        if (same) {
            return line->paths[i];
        }
    }
    return NULL;
}

static enum mopt_status collect(const struct mopt_source *source, const struct mopt_line *line,
                                const char *dir, char **paths, struct mopt_error *err)
{
    if (line->part_count != source->field_count) {
        return mopt_error_set(err, MOPT_E_FORMAT, "line %zu has %zu files, the first one has %zu",
                              line->number, line->part_count, source->field_count);
    }
    for (size_t i = 0; i < source->field_count; i++) {
        const char *path = path_of(line, &source->fields[i]);
        if (!path) {
            return mopt_error_set(err, MOPT_E_FORMAT, "line %zu lacks '%s'", line->number,
                                  source->fields[i].name ? source->fields[i].name : "a path");
        }
        paths[i] = resolve(dir, path);
        if (!paths[i]) {
            return mopt_error_memory(err);
        }
    }
    return MOPT_OK;
}

static enum mopt_status add_sample(struct mopt_source *source, const struct mopt_line *line,
                                   const char *dir, struct mopt_error *err)
{
    size_t fields = source->field_count;
    char **paths = mopt__calloc(fields, sizeof *paths);
    if (!paths) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = collect(source, line, dir, paths, err);
    if (status == MOPT_OK) {
        status = mopt__files_add(source, paths, line->paths[0], err);
    }
    if (status == MOPT_OK) {
        mopt__files_set_label(source, source->count - 1, line->label);
    }
    for (size_t i = 0; i < fields; i++) {
        mopt__free(paths[i]);
    }
    mopt__free(paths);
    return status;
}

static enum mopt_status check_labels(const struct mopt_lines *lines, struct mopt_error *err)
{
    for (size_t i = 1; i < lines->count; i++) {
        if (lines->items[i].has_label != lines->items[0].has_label) {
            return mopt_error_set(err, MOPT_E_FORMAT,
                                  "line %zu: some samples have a label, some do not",
                                  lines->items[i].number);
        }
    }
    return MOPT_OK;
}

static enum mopt_status fill(struct mopt_source *source, const struct mopt_lines *lines,
                             const char *dir, struct mopt_error *err)
{
    if (lines->count == 0) {
        return mopt_error_set(err, MOPT_E_MISSING, "the list is empty");
    }
    enum mopt_status status = check_labels(lines, err);
    if (status == MOPT_OK) {
        status = add_fields(source, &lines->items[0], err);
    }
    if (status == MOPT_OK && source->field_count == 0) {
        status =
            mopt_error_set(err, MOPT_E_FORMAT, "line %zu names no file", lines->items[0].number);
    }
    for (size_t i = 0; i < lines->count && status == MOPT_OK; i++) {
        status = add_sample(source, &lines->items[i], dir, err);
    }
    source->has_labels = lines->items[0].has_label;
    snprintf(source->item, sizeof source->item, "%s", "files");
    return status;
}

enum mopt_status mopt__source_list(struct mopt_mapping *mapping, const struct mopt_open *open,
                                   struct mopt_source **out, struct mopt_error *err)
{
    struct mopt_lines lines;
    struct mopt_source *source = NULL;
    *out = NULL;
    enum mopt_status status = mopt__lines_parse(mapping, &lines, err);
    if (status != MOPT_OK) {
        return status;
    }
    char *dir = mopt__path_dirname(open->options->path);
    status = dir ? mopt__files_new("list", NULL, &source, err) : mopt_error_memory(err);
    if (status == MOPT_OK) {
        status = fill(source, &lines, dir, err);
        if (status != MOPT_OK) {
            mopt_error_wrap(err, "list '%s'", mapping->path);
        }
    }
    mopt__free(dir);
    mopt__lines_release(&lines);
    if (status != MOPT_OK) {
        mopt__source_close(source);
        return status;
    }
    *out = source;
    return MOPT_OK;
}
