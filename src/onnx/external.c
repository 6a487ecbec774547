// SPDX-License-Identifier: Apache-2.0
// Tensor values in other files: the keys of external_data, files beneath the model's folder,
// ranges. Every file is mapped once. Of the keys, location, offset and length are acted on; all
// others are kept and mean nothing here (a basepath above all: nothing outside the model's folder
// is ever read).
#include <inttypes.h>
#include <string.h>

#include "onnx/import.h"

static enum mopt_status find_key(const struct mopt_tensor_source *source, const char *key,
                                 const char **value, struct mopt_error *err)
{
    *value = NULL;
    for (size_t i = 0; i < source->external_count; i++) {
        const struct mopt_property *pair = &source->external[i];

        if (pair->key == NULL || strcmp(pair->key, key) != 0) {
            continue;
        }
        if (*value != NULL) {
            return mopt_error_set(err, MOPT_E_FORMAT, "external data has two keys '%s'", key);
        }
        *value = pair->value != NULL ? pair->value : "";
    }
    return MOPT_OK;
}

static enum mopt_status read_number(const struct mopt_tensor_source *source, const char *key,
                                    int64_t fallback, int64_t *out, struct mopt_error *err)
{
    const char *text = NULL;
    long long value = 0;
    enum mopt_status status = find_key(source, key, &text, err);

    *out = fallback;
    if (status != MOPT_OK || text == NULL) {
        return status;
    }
    if (!mopt__parse_i64(text, &value) || value < 0) {
        return mopt_error_set(err, MOPT_E_FORMAT, "external data: %s '%s' is not a number >= 0",
                              key, text);
    }
    *out = value;
    return MOPT_OK;
}

static enum mopt_status open_file(struct mopt_import *in, const char *location,
                                  struct mopt_mapping **out, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;

    *out = mopt__map_find(&in->files, location);
    if (*out != NULL) {
        return MOPT_OK;
    }
    if (in->dir == NULL) {
        return mopt_error_set(err, MOPT_E_FORMAT,
                              "external data '%s' is refused: the model has no folder", location);
    }
    status = mopt__mapping_open_beneath(in->dir, location, out, err);
    if (status != MOPT_OK) {
        return mopt_error_wrap(err, "external data '%s'", location);
    }
    status = mopt__map_put(&in->files, location, *out, err);
    if (status != MOPT_OK) {
        mopt__mapping_unref(*out);
        return status;
    }
    return mopt__size_add(in->external_bytes, (*out)->size, &in->external_bytes)
               ? MOPT_OK
               : mopt_error_memory(err);
}

void mopt__import_close_files(struct mopt_import *in)
{
    struct mopt_map_entry *entry = NULL;

    for (size_t i = 0; (entry = mopt__map_next(&in->files, &i)) != NULL;) {
        mopt__mapping_unref(entry->value);
    }
    mopt__map_release(&in->files);
}

static enum mopt_status check_range(const struct mopt_mapping *file, int64_t offset, int64_t length,
                                    size_t bytes, struct mopt_error *err)
{
    if (length >= 0 && (uint64_t)length != bytes) {
        return mopt_error_set(err, MOPT_E_FORMAT,
                              "external data: length %" PRId64 ", the dimensions ask for %zu bytes",
                              length, bytes);
    }
    if ((uint64_t)offset > file->size || bytes > file->size - (size_t)offset) {
        return mopt_error_set(err, MOPT_E_FORMAT,
                              "external data: %zu bytes at %" PRId64
                              " reach beyond the end of file '%s' (%zu bytes)",
                              bytes, offset, file->path, file->size);
    }
    return MOPT_OK;
}

// Small or misaligned tensors are copied. That many tensors over the same bytes cannot fill the
// memory, no more is copied than the files hold (and a little more, for small ones).
static enum mopt_status check_copies(struct mopt_import *in, size_t bytes, struct mopt_error *err)
{
    in->external_used += bytes;
    if (in->external_used > in->external_bytes &&
        in->external_used - in->external_bytes > MOPT_EXTERNAL_SLACK) {
        return mopt_error_set(
            err, MOPT_E_LIMIT,
            "external data: tensors overlap, they ask for more than the files hold");
    }
    return MOPT_OK;
}

enum mopt_status mopt__import_external(struct mopt_import *in, const struct mopt_tensor_head *head,
                                       struct mopt_tensor_source *source, struct mopt_tensor **out,
                                       struct mopt_error *err)
{
    struct mopt_mapping *file = NULL;
    int64_t offset = 0;
    int64_t length = 0;
    enum mopt_status status = find_key(source, "location", &source->location, err);

    if (status == MOPT_OK && (source->location == NULL || source->location[0] == '\0')) {
        status = mopt_error_set(err, MOPT_E_FORMAT, "external data without a location");
    }
    if (status == MOPT_OK && head->dtype == MOPT_STRING) {
        status = mopt_error_set(err, MOPT_E_FORMAT, "text cannot be external data");
    }
    if (status == MOPT_OK) {
        status = read_number(source, "offset", 0, &offset, err);
    }
    if (status == MOPT_OK) {
        status = read_number(source, "length", -1, &length, err);
    }
    if (status == MOPT_OK) {
        status = open_file(in, source->location, &file, err);
    }
    if (status == MOPT_OK) {
        status = check_range(file, offset, length, head->bytes, err);
    }
    if (status == MOPT_OK && !mopt__import_stays(head, file->data + offset)) {
        status = check_copies(in, head->bytes, err);
    }
    return status != MOPT_OK ? status : mopt__import_bytes(head, file, (size_t)offset, out, err);
}
