// SPDX-License-Identifier: Apache-2.0
// IDX files (MNIST's format): two zero bytes, type, rank, big-endian sizes, elements; also with
// gzip around them. The labels of "...images-idx3..." are found in "...labels-idx1..." beside it.
#include <stdio.h>
#include <string.h>

#include "data/source.h"

enum { IDX_RANK_MAX = 8, IDX_HEADER_MAX = 4 + 4 * IDX_RANK_MAX };

static enum mopt_dtype idx_type(uint8_t code)
{
    switch (code) {
    case 0x08:
        return MOPT_UINT8;
    case 0x09:
        return MOPT_INT8;
    case 0x0b:
        return MOPT_INT16;
    case 0x0c:
        return MOPT_INT32;
    case 0x0d:
        return MOPT_FLOAT32;
    case 0x0e:
        return MOPT_FLOAT64;
    default:
        return MOPT_UNDEFINED;
    }
}

static bool is_start(const uint8_t *p)
{
    return p[0] == 0 && p[1] == 0 && idx_type(p[2]) != MOPT_UNDEFINED && p[3] >= 1 &&
           p[3] <= IDX_RANK_MAX;
}

static bool is_gzip(const struct mopt_mapping *mapping)
{
    return mapping->size >= 18 && mapping->data[0] == 0x1f && mapping->data[1] == 0x8b;
}

bool mopt__idx_matches(struct mopt_mapping *mapping)
{
    struct mopt_inflate *stream = NULL;
    struct mopt_error err;
    uint8_t start[4];
    if (!is_gzip(mapping)) {
        return mapping->size >= 8 && is_start(mapping->data);
    }
    if (mopt__inflate_new(mapping, 0, mapping->size, true, &stream, &err) != MOPT_OK) {
        return false;
    }
    bool found =
        mopt__inflate_read(stream, start, sizeof start, &err) == MOPT_OK && is_start(start);
    mopt__inflate_free(stream);
    return found;
}

static enum mopt_status parse(const uint8_t *p, size_t size, struct mopt_layout *layout,
                              size_t *header, struct mopt_error *err)
{
    if (size < 8 || !is_start(p) || size < 4 + 4 * (size_t)p[3]) {
        return mopt_error_set(err, MOPT_E_FORMAT, "no IDX header");
    }
    memset(layout, 0, sizeof *layout);
    layout->dtype = idx_type(p[2]);
    layout->element_bytes = mopt__dtype_bits(layout->dtype) / 8;
    layout->swapped = layout->element_bytes > 1;
    layout->rank = p[3];
    for (int i = 0; i < layout->rank; i++) {
        const uint8_t *d = p + 4 + 4 * i;
        layout->dims[i] = (int64_t)((uint32_t)d[0] << 24 | (uint32_t)d[1] << 16 |
                                    (uint32_t)d[2] << 8 | (uint32_t)d[3]);
    }
    *header = 4 + 4 * (size_t)layout->rank;
    return mopt__layout_measure(layout, err);
}

static enum mopt_status plain_rows(struct mopt_mapping *mapping, struct mopt_rows **out,
                                   struct mopt_error *err)
{
    struct mopt_layout layout;
    size_t header = 0;
    enum mopt_status status = parse(mapping->data, mapping->size, &layout, &header, err);
    if (status == MOPT_OK && layout.bytes != mapping->size - header) {
        status =
            mopt_error_set(err, MOPT_E_FORMAT, "%zu bytes of elements, the IDX header promises %zu",
                           mapping->size - header, layout.bytes);
    }
    return status == MOPT_OK ? mopt__rows_mapped(&layout, mapping, header, out, err) : status;
}

static enum mopt_status read_header(struct mopt_inflate *stream, struct mopt_layout *layout,
                                    size_t *header, struct mopt_error *err)
{
    uint8_t start[IDX_HEADER_MAX];
    enum mopt_status status = mopt__inflate_read(stream, start, 4, err);
    if (status == MOPT_OK && !is_start(start)) {
        status = mopt_error_set(err, MOPT_E_FORMAT, "no IDX header");
    }
    if (status == MOPT_OK) {
        status = mopt__inflate_read(stream, start + 4, 4 * (size_t)start[3], err);
    }
    return status == MOPT_OK ? parse(start, sizeof start, layout, header, err) : status;
}

static enum mopt_status packed_rows(struct mopt_mapping *mapping, struct mopt_rows **out,
                                    struct mopt_error *err)
{
    struct mopt_inflate *stream = NULL;
    struct mopt_layout layout;
    size_t header = 0;
    enum mopt_status status = mopt__inflate_new(mapping, 0, mapping->size, true, &stream, err);
    if (status != MOPT_OK) {
        return status;
    }
    status = read_header(stream, &layout, &header, err);
    if (status == MOPT_OK && layout.bytes / MOPT_INFLATE_RATIO > mapping->size) {
        status =
            mopt_error_set(err, MOPT_E_FORMAT,
                           "IDX header promises %zu bytes, more than %zu compressed bytes hold",
                           layout.bytes, mapping->size);
    }
    if (status != MOPT_OK) {
        mopt__inflate_free(stream);
        return status;
    }
    return mopt__rows_packed(&layout, mapping, stream, header, out, err);
}

enum mopt_status mopt__idx_rows(struct mopt_mapping *mapping, struct mopt_rows **out,
                                struct mopt_error *err)
{
    *out = NULL;
    enum mopt_status status =
        is_gzip(mapping) ? packed_rows(mapping, out, err) : plain_rows(mapping, out, err);
    if (status != MOPT_OK) {
        mopt_error_wrap(err, "file '%s'", mapping->path);
    }
    return status;
}

// ---- Labels -------------------------------------------------------------------------------------

// Text with `from` (last occurrence) replaced by `to` and the ending .gz set or left out; false: no
// occurrence.
static bool sibling(const char *path, const char *from, const char *to, bool gz,
                    struct mopt_strbuf *out)
{
    const char *base = mopt__path_basename(path);
    const char *at = strstr(base, from);
    if (!at) {
        return false;
    }
    size_t length = strlen(path);
    size_t end = length > 3 && strcmp(path + length - 3, ".gz") == 0 ? length - 3 : length;
    size_t head = (size_t)(at - path);
    size_t tail = head + strlen(from);
    mopt__strbuf_clear(out);
    mopt__strbuf_add_bytes(out, path, head);
    mopt__strbuf_add(out, to);
    if (end > tail) {
        mopt__strbuf_add_bytes(out, path + tail, end - tail);
    }
    mopt__strbuf_add(out, gz ? ".gz" : "");
    return !out->failed;
}

static bool find_labels(const char *path, struct mopt_strbuf *out)
{
    static const char *const pairs[][2] = {{"images-idx3", "labels-idx1"},
                                           {"images.idx3", "labels.idx1"},
                                           {"images-idx4", "labels-idx1"}};
    for (size_t i = 0; i < MOPT_COUNTOF(pairs); i++) {
        for (int gz = 0; gz < 2; gz++) {
            if (sibling(path, pairs[i][0], pairs[i][1], gz == 1, out) &&
                mopt__path_exists(mopt__strbuf_text(out))) {
                return true;
            }
        }
    }
    return false;
}

static enum mopt_status add_labels(struct mopt_source *source, const char *path,
                                   struct mopt_error *err)
{
    struct mopt_mapping *mapping = NULL;
    struct mopt_rows *rows = NULL;
    enum mopt_status status = mopt__mapping_open(path, 0, &mapping, err);
    if (status != MOPT_OK) {
        return status;
    }
    status = mopt__idx_rows(mapping, &rows, err);
    if (status == MOPT_OK &&
        (rows->layout.rank != 1 || !mopt__dtype_is_integer(rows->layout.dtype))) {
        status =
            mopt_error_set(err, MOPT_E_FORMAT, "'%s' does not hold one integer per sample", path);
    }
    mopt__mapping_unref(mapping);
    if (status != MOPT_OK) {
        mopt__rows_free(rows);
        return status;
    }
    mopt__arrays_set_labels(source, rows);
    return MOPT_OK;
}

static enum mopt_status fill(struct mopt_source *source, struct mopt_mapping *mapping,
                             const char *labels, struct mopt_error *err)
{
    struct mopt_rows *rows = NULL;
    struct mopt_strbuf found = {0};
    enum mopt_status status = mopt__idx_rows(mapping, &rows, err);
    if (status == MOPT_OK) {
        status = mopt__arrays_add(source, NULL, rows, err);
    }
    if (status == MOPT_OK && !labels && find_labels(mapping->path, &found)) {
        status = add_labels(source, mopt__strbuf_text(&found), err);
    }
    mopt__strbuf_release(&found);
    return status;
}

enum mopt_status mopt__source_idx(struct mopt_mapping *mapping, const char *labels,
                                  struct mopt_source **out, struct mopt_error *err)
{
    struct mopt_source *source = NULL;
    *out = NULL;
    enum mopt_status status = mopt__arrays_new("idx", &source, err);
    if (status == MOPT_OK) {
        status = fill(source, mapping, labels, err);
    }
    if (status != MOPT_OK) {
        mopt__source_close(source);
        return status;
    }
    *out = source;
    return MOPT_OK;
}
