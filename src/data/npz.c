// SPDX-License-Identifier: Apache-2.0
// .npz archives: zip files of .npy arrays. Reading is here, writing in npz_save.c.
#include "data/npz.h"

#include <string.h>
#include <zlib.h>

#include "data/zip.h"

struct mopt_npz {
    struct mopt_zip zip;
    size_t *arrays; // entries that are .npy, in file order
    char **names;   // without ".npy"
    size_t count;
};

static bool is_array(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".npy") == 0;
}

static enum mopt_status list_arrays(struct mopt_npz *npz, struct mopt_error *err)
{
    npz->arrays = mopt__calloc(npz->zip.count, sizeof *npz->arrays);
    npz->names = mopt__calloc(npz->zip.count, sizeof *npz->names);
    if (!npz->arrays || !npz->names) {
        return mopt_error_memory(err);
    }
    for (size_t i = 0; i < npz->zip.count; i++) {
        const char *name = npz->zip.entries[i].name;
        if (!is_array(name)) {
            continue;
        }
        npz->names[npz->count] = mopt__strndup(name, strlen(name) - 4);
        if (!npz->names[npz->count]) {
            return mopt_error_memory(err);
        }
        npz->arrays[npz->count++] = i;
    }
    return npz->count > 0 ? MOPT_OK
                          : mopt_error_set(err, MOPT_E_FORMAT, "archive '%s' holds no .npy array",
                                           npz->zip.mapping->path);
}

enum mopt_status mopt__npz_open_mapping(struct mopt_mapping *mapping, struct mopt_npz **out,
                                        struct mopt_error *err)
{
    *out = NULL;
    struct mopt_npz *npz = mopt__calloc(1, sizeof *npz);
    if (!npz) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = mopt__zip_open(mapping, &npz->zip, err);
    if (status == MOPT_OK) {
        status = list_arrays(npz, err);
    }
    if (status != MOPT_OK) {
        mopt__npz_close(npz);
        return status;
    }
    *out = npz;
    return MOPT_OK;
}

enum mopt_status mopt__npz_open(const char *path, struct mopt_npz **out, struct mopt_error *err)
{
    struct mopt_mapping *mapping = NULL;
    *out = NULL;
    enum mopt_status status = mopt__mapping_open(path, 0, &mapping, err);
    if (status == MOPT_OK) {
        status = mopt__npz_open_mapping(mapping, out, err);
        mopt__mapping_unref(mapping);
    }
    return status;
}

void mopt__npz_close(struct mopt_npz *npz)
{
    if (!npz) {
        return;
    }
    for (size_t i = 0; i < npz->count; i++) {
        mopt__free(npz->names[i]);
    }
    mopt__free(npz->names);
    mopt__free(npz->arrays);
    mopt__zip_release(&npz->zip);
    mopt__free(npz);
}

size_t mopt__npz_count(const struct mopt_npz *npz)
{
    return npz->count;
}

const char *mopt__npz_name(const struct mopt_npz *npz, size_t i)
{
    return npz->names[i];
}

// ---- Arrays -------------------------------------------------------------------------------------

static enum mopt_status check_bytes(const struct mopt_zip_entry *entry, size_t header,
                                    const struct mopt_layout *layout, struct mopt_error *err)
{
    if (header > entry->bytes || layout->bytes != entry->bytes - header) {
        return mopt_error_set(err, MOPT_E_FORMAT,
                              "%zu bytes of elements, the npy header promises %zu",
                              header > entry->bytes ? 0 : entry->bytes - header, layout->bytes);
    }
    return MOPT_OK;
}

static enum mopt_status stored_rows(struct mopt_npz *npz, const struct mopt_zip_entry *entry,
                                    struct mopt_rows **out, struct mopt_error *err)
{
    struct mopt_layout layout;
    size_t header = 0;
    const uint8_t *data = npz->zip.mapping->data + entry->offset;
    enum mopt_status status = mopt__npy_header_bytes(data, entry->bytes, &header, err);
    if (status == MOPT_OK) {
        status = mopt__npy_header_parse(data, entry->bytes, &layout, err);
    }
    if (status == MOPT_OK) {
        status = check_bytes(entry, header, &layout, err);
    }
    if (status == MOPT_OK) {
        status = mopt__rows_mapped(&layout, npz->zip.mapping, entry->offset + header, out, err);
    }
    return status;
}

// Reads the header of a packed array into memory.
static enum mopt_status packed_header(struct mopt_inflate *stream,
                                      const struct mopt_zip_entry *entry, size_t *header,
                                      struct mopt_layout *layout, struct mopt_error *err)
{
    uint8_t prefix[MOPT_NPY_PREFIX];
    size_t known = entry->bytes < sizeof prefix ? entry->bytes : sizeof prefix;
    enum mopt_status status = mopt__inflate_read(stream, prefix, known, err);
    if (status == MOPT_OK) {
        status = mopt__npy_header_bytes(prefix, known, header, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    uint8_t *text = mopt__malloc(*header);
    if (!text) {
        return mopt_error_memory(err);
    }
    status = mopt__inflate_seek(stream, 0, err);
    if (status == MOPT_OK) {
        status = mopt__inflate_read(stream, text, *header, err);
    }
    if (status == MOPT_OK) {
        status = mopt__npy_header_parse(text, *header, layout, err);
    }
    mopt__free(text);
    return status;
}

static enum mopt_status packed_rows(struct mopt_npz *npz, const struct mopt_zip_entry *entry,
                                    struct mopt_rows **out, struct mopt_error *err)
{
    struct mopt_inflate *stream = NULL;
    struct mopt_layout layout;
    size_t header = 0;
    enum mopt_status status = mopt__inflate_new(npz->zip.mapping, entry->offset,
                                                entry->packed_bytes, false, &stream, err);
    if (status != MOPT_OK) {
        return status;
    }
    mopt__inflate_expect(stream, entry->crc);
    status = packed_header(stream, entry, &header, &layout, err);
    if (status == MOPT_OK) {
        status = check_bytes(entry, header, &layout, err);
    }
    if (status != MOPT_OK) {
        mopt__inflate_free(stream);
        return status;
    }
    return mopt__rows_packed(&layout, npz->zip.mapping, stream, header, out, err);
}

enum mopt_status mopt__npz_rows(struct mopt_npz *npz, size_t i, struct mopt_rows **out,
                                struct mopt_error *err)
{
    const struct mopt_zip_entry *entry = &npz->zip.entries[npz->arrays[i]];
    *out = NULL;
    enum mopt_status status =
        entry->deflated ? packed_rows(npz, entry, out, err) : stored_rows(npz, entry, out, err);
    return status == MOPT_OK ? MOPT_OK
                             : mopt_error_wrap(err, "archive '%s': array '%s'",
                                               npz->zip.mapping->path, npz->names[i]);
}

// The sum of an entry whose bytes lie plain in the file.
static enum mopt_status check_sum(const struct mopt_npz *npz, const struct mopt_zip_entry *entry,
                                  struct mopt_error *err)
{
    const uint8_t *data = npz->zip.mapping->data + entry->offset;
    if ((uint32_t)crc32_z(0, data, entry->bytes) != entry->crc) {
        return mopt_error_set(err, MOPT_E_FORMAT, "archive '%s': entry '%s' has a wrong CRC-32",
                              npz->zip.mapping->path, entry->name);
    }
    return MOPT_OK;
}

enum mopt_status mopt__npz_tensor(struct mopt_npz *npz, size_t i, struct mopt_tensor **out,
                                  struct mopt_error *err)
{
    const struct mopt_zip_entry *entry = &npz->zip.entries[npz->arrays[i]];
    struct mopt_rows *rows = NULL;
    *out = NULL;
    enum mopt_status status = entry->deflated ? MOPT_OK : check_sum(npz, entry, err);
    if (status == MOPT_OK) {
        status = mopt__npz_rows(npz, i, &rows, err);
    }
    if (status == MOPT_OK) {
        status = mopt__rows_all(rows, out, err);
    }
    mopt__rows_free(rows);
    return status;
}
