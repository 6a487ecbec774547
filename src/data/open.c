// SPDX-License-Identifier: Apache-2.0
// Finds out by its content what kind of data a path holds.
#include <string.h>

#include "data/files.h"
#include "data/image.h"
#include "data/labels.h"
#include "data/source.h"

void mopt__source_close(struct mopt_source *source)
{
    if (source) {
        source->close(source);
    }
}

static bool begins(const struct mopt_mapping *mapping, const char *mark, size_t bytes)
{
    return mapping->size >= bytes && memcmp(mapping->data, mark, bytes) == 0;
}

static enum mopt_status unknown(const char *path, struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_FORMAT,
                          "'%s' is none of npy, npz, IDX, JPEG, PNG, pb or a list of files (raw "
                          "numbers need a shape)",
                          path);
}

static enum mopt_status open_file(const struct mopt_open *open, struct mopt_mapping *mapping,
                                  struct mopt_source **out, struct mopt_error *err)
{
    size_t length = strlen(mapping->path);
    if (begins(mapping, "\x93NUMPY", 6)) {
        return mopt__source_npy(mapping, out, err);
    }
    if (begins(mapping, "PK\3\4", 4) || begins(mapping, "PK\5\6", 4)) {
        return mopt__source_npz(mapping, out, err);
    }
    if (mopt__is_picture(mapping->data, mapping->size)) {
        return mopt__source_single(open, "images", out, err);
    }
    if (mopt__idx_matches(mapping)) {
        return mopt__source_idx(mapping, open->options->labels, out, err);
    }
    if (length > 3 && strcmp(mapping->path + length - 3, ".pb") == 0) {
        return mopt__source_single(open, "pb", out, err);
    }
    if (mopt__lines_match(mapping)) {
        return mopt__source_list(mapping, open, out, err);
    }
    return unknown(mapping->path, err);
}

static enum mopt_status open_path(const struct mopt_open *open, struct mopt_source **out,
                                  struct mopt_error *err)
{
    const char *path = open->options->path;
    struct mopt_mapping *mapping = NULL;
    if (mopt__path_is_dir(path)) {
        return mopt__source_folder(open, out, err);
    }
    if (open->options->shape) {
        return mopt__source_raw(open, out, err);
    }
    enum mopt_status status = mopt__mapping_open(path, 0, &mapping, err);
    if (status == MOPT_OK) {
        status = open_file(open, mapping, out, err);
        mopt__mapping_unref(mapping);
    }
    return status;
}

// Labels of a file of their own for sources whose samples have no names (folders and their like
// look up names).
static enum mopt_status add_labels(const struct mopt_open *open, struct mopt_source *source,
                                   struct mopt_error *err)
{
    struct mopt_rows *rows = NULL;
    if (!open->options->labels || source->has_labels) {
        return MOPT_OK;
    }
    if (!mopt__arrays_is(source)) {
        return mopt_error_set(err, MOPT_E_USAGE, "data of kind '%s' take no label file",
                              source->kind);
    }
    enum mopt_status status = mopt__labels_rows(open->options->labels, &rows, err);
    if (status == MOPT_OK) {
        mopt__arrays_set_labels(source, rows);
    }
    return status;
}

enum mopt_status mopt__source_open(const struct mopt_open *open, struct mopt_source **out,
                                   struct mopt_error *err)
{
    bool random = strcmp(open->options->path, "random") == 0;
    struct mopt_source *source = NULL;
    *out = NULL;
    enum mopt_status status =
        random ? mopt__source_random(open, &source, err) : open_path(open, &source, err);
    if (status == MOPT_OK) {
        status = add_labels(open, source, err);
    }
    if (status != MOPT_OK) {
        mopt__source_close(source);
        return status;
    }
    *out = source;
    return MOPT_OK;
}
