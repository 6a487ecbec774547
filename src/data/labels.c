// SPDX-License-Identifier: Apache-2.0
// Labels from files of their own.
#include "data/labels.h"

#include <string.h>

#include "data/source.h"

static enum mopt_status no_label(const char *path, const struct mopt_line *line,
                                 struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_FORMAT, "file '%s': line %zu does not end in a class number",
                          path, line->number);
}

// The labels of all lines as an array in memory.
static enum mopt_status rows_of_lines(const struct mopt_lines *lines, const char *path,
                                      struct mopt_rows **out, struct mopt_error *err)
{
    struct mopt_mapping *mapping = NULL;
    struct mopt_layout layout = {.dtype = MOPT_INT64,
                                 .element_bytes = 8,
                                 .rank = 1,
                                 .dims = {(int64_t)lines->count}};
    int64_t *values = mopt__calloc(lines->count, sizeof *values);
    enum mopt_status status = values ? mopt__layout_measure(&layout, err) : mopt_error_memory(err);
    for (size_t i = 0; i < lines->count && status == MOPT_OK; i++) {
        values[i] = lines->items[i].label;
        status = lines->items[i].has_label ? MOPT_OK : no_label(path, &lines->items[i], err);
    }
    if (status != MOPT_OK) {
        mopt__free(values);
        return status;
    }
    status = mopt__mapping_take(values, layout.bytes, path, &mapping, err);
    if (status == MOPT_OK) {
        status = mopt__rows_mapped(&layout, mapping, 0, out, err);
        mopt__mapping_unref(mapping);
    }
    return status;
}

// Lines without names, or with them: lines with names go into *lines and *out stays NULL.
static enum mopt_status open_text(const struct mopt_mapping *mapping, struct mopt_lines *lines,
                                  struct mopt_rows **out, bool names, struct mopt_error *err)
{
    enum mopt_status status = mopt__lines_parse(mapping, lines, err);
    if (status == MOPT_OK && lines->count == 0) {
        status = mopt_error_set(err, MOPT_E_FORMAT, "file '%s' holds no labels", mapping->path);
    }
    if (status == MOPT_OK && (!names || lines->items[0].part_count == 0)) {
        status = rows_of_lines(lines, mapping->path, out, err);
    }
    return status;
}

static enum mopt_status check_labels(const struct mopt_rows *rows, struct mopt_error *err)
{
    if (rows->layout.rank != 1 || !mopt__dtype_is_integer(rows->layout.dtype)) {
        return mopt_error_set(err, MOPT_E_FORMAT, "labels in '%s' are not one integer per sample",
                              rows->mapping->path);
    }
    return MOPT_OK;
}

static enum mopt_status open_any(const char *path, struct mopt_lines *lines, bool names,
                                 struct mopt_rows **out, struct mopt_error *err)
{
    struct mopt_mapping *mapping = NULL;
    *out = NULL;
    memset(lines, 0, sizeof *lines);
    enum mopt_status status = mopt__mapping_open(path, 0, &mapping, err);
    if (status != MOPT_OK) {
        return mopt_error_wrap(err, "labels");
    }
    if (mapping->size >= 6 && memcmp(mapping->data, "\x93NUMPY", 6) == 0) {
        status = mopt__npy_rows(mapping, out, err);
    } else if (mopt__idx_matches(mapping)) {
        status = mopt__idx_rows(mapping, out, err);
    } else if (mopt__lines_match(mapping)) {
        status = open_text(mapping, lines, out, names, err);
    } else {
        status =
            mopt_error_set(err, MOPT_E_FORMAT,
                           "labels '%s' are none of IDX, npy and text with one per line", path);
    }
    mopt__mapping_unref(mapping);
    if (status == MOPT_OK && *out) {
        status = check_labels(*out, err);
    }
    if (status != MOPT_OK) {
        mopt__rows_free(*out);
        *out = NULL;
        mopt__lines_release(lines);
    }
    return status;
}

enum mopt_status mopt__labels_rows(const char *path, struct mopt_rows **out, struct mopt_error *err)
{
    struct mopt_lines lines;
    enum mopt_status status = open_any(path, &lines, false, out, err);
    mopt__lines_release(&lines);
    return status;
}

// ---- By name ------------------------------------------------------------------------------------

static enum mopt_status index_lines(struct mopt_labels *labels, const char *path,
                                    struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < labels->lines.count && status == MOPT_OK; i++) {
        struct mopt_line *line = &labels->lines.items[i];
        if (!line->has_label || line->part_count != 1) {
            return no_label(path, line, err);
        }
        status = mopt__map_put(&labels->by_name, line->paths[0], line, err);
    }
    return status;
}

enum mopt_status mopt__labels_open(const char *path, struct mopt_labels *out,
                                   struct mopt_error *err)
{
    memset(out, 0, sizeof *out);
    enum mopt_status status = open_any(path, &out->lines, true, &out->rows, err);
    if (status == MOPT_OK && !out->rows) {
        status = index_lines(out, path, err);
    }
    if (status != MOPT_OK) {
        mopt__labels_release(out);
    }
    return status;
}

void mopt__labels_release(struct mopt_labels *labels)
{
    mopt__map_release(&labels->by_name);
    mopt__lines_release(&labels->lines);
    mopt__rows_free(labels->rows);
    memset(labels, 0, sizeof *labels);
}

enum mopt_status mopt__labels_find(struct mopt_labels *labels, size_t i, const char *path,
                                   int64_t *label, struct mopt_error *err)
{
    struct mopt_tensor *tensor = NULL;
    if (!labels->rows) {
        const struct mopt_line *line = mopt__map_find(&labels->by_name, path);
        line = line ? line : mopt__map_find(&labels->by_name, mopt__path_basename(path));
        if (!line) {
            return mopt_error_set(err, MOPT_E_MISSING, "no label for '%s'", path);
        }
        *label = line->label;
        return MOPT_OK;
    }
    if (i >= mopt__rows_count(labels->rows)) {
        return mopt_error_set(err, MOPT_E_SHAPE, "%zu labels are fewer than there are files",
                              mopt__rows_count(labels->rows));
    }
    enum mopt_status status = mopt__rows_get(labels->rows, i, &tensor, err);
    if (status == MOPT_OK) {
        *label = mopt__tensor_i64_at(tensor, 0);
        mopt__tensor_unref(tensor);
    }
    return status;
}
