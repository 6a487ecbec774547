// SPDX-License-Identifier: Apache-2.0
// Finds out by its content what kind of data a path holds.
#include <string.h>

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
    if (begins(mapping, "\x93NUMPY", 6)) {
        return mopt__source_npy(mapping, out, err);
    }
    if (begins(mapping, "PK\3\4", 4) || begins(mapping, "PK\5\6", 4)) {
        return mopt__source_npz(mapping, out, err);
    }
    if (mopt__idx_matches(mapping)) {
        return mopt__source_idx(mapping, open->options->labels, out, err);
    }
    return unknown(mapping->path, err);
}

enum mopt_status mopt__source_open(const struct mopt_open *open, struct mopt_source **out,
                                   struct mopt_error *err)
{
    const char *path = open->options->path;
    struct mopt_mapping *mapping = NULL;
    *out = NULL;
    if (strcmp(path, "random") == 0) {
        return mopt__source_random(open, out, err);
    }
    enum mopt_status status = mopt__mapping_open(path, 0, &mapping, err);
    if (status == MOPT_OK) {
        status = open_file(open, mapping, out, err);
        mopt__mapping_unref(mapping);
    }
    return status;
}
