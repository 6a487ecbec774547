// SPDX-License-Identifier: Apache-2.0
// Arrays read row by row: where a row lies, and what its bytes become (byte order, Fortran order,
// texts). It knows no file format.
#include "data/rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/size.h"

// ---- Making -------------------------------------------------------------------------------------

enum mopt_status mopt__layout_measure(struct mopt_layout *layout, struct mopt_error *err)
{
    size_t count = 1;
    bool empty = false;
    bool fits = true;
    for (int i = 0; i < layout->rank; i++) {
        empty = empty || layout->dims[i] == 0;
        fits =
            fits && layout->dims[i] >= 0 && mopt__size_mul(count, (size_t)layout->dims[i], &count);
    }
    count = empty ? 0 : count;
    if ((!fits && !empty) || !mopt__size_mul(count, layout->element_bytes, &layout->bytes) ||
        layout->bytes > PTRDIFF_MAX) {
        return mopt_error_set(err, MOPT_E_FORMAT, "array has too many elements");
    }
    layout->count = count;
    return MOPT_OK;
}

static enum mopt_status make(const struct mopt_layout *layout, struct mopt_mapping *mapping,
                             size_t offset, struct mopt_rows **out, struct mopt_error *err)
{
    struct mopt_rows *rows = mopt__calloc(1, sizeof *rows);
    if (!rows) {
        return mopt_error_memory(err);
    }
    rows->layout = *layout;
    rows->mapping = mopt__mapping_ref(mapping);
    rows->offset = offset;
    *out = rows;
    return MOPT_OK;
}

enum mopt_status mopt__rows_mapped(const struct mopt_layout *layout, struct mopt_mapping *mapping,
                                   size_t offset, struct mopt_rows **out, struct mopt_error *err)
{
    *out = NULL;
    if (offset > mapping->size || layout->bytes > mapping->size - offset) {
        return mopt_error_set(err, MOPT_E_FORMAT,
                              "'%s' is cut short: %zu bytes of elements, must be %zu",
                              mapping->path, offset > mapping->size ? 0 : mapping->size - offset,
                              layout->bytes);
    }
    return make(layout, mapping, offset, out, err);
}

enum mopt_status mopt__rows_packed(const struct mopt_layout *layout, struct mopt_mapping *mapping,
                                   struct mopt_inflate *stream, size_t offset,
                                   struct mopt_rows **out, struct mopt_error *err)
{
    *out = NULL;
    enum mopt_status status = make(layout, mapping, offset, out, err);
    if (status != MOPT_OK) {
        mopt__inflate_free(stream);
        return status;
    }
    (*out)->stream = stream;
    if (layout->fortran && layout->rank > 1) { // rows are scattered over all bytes
        status = mopt__rows_unpack(*out, err);
    }
    if (status != MOPT_OK) {
        mopt__rows_free(*out);
        *out = NULL;
    }
    return status;
}

void mopt__rows_free(struct mopt_rows *rows)
{
    if (rows) {
        mopt__inflate_free(rows->stream);
        mopt__mapping_unref(rows->mapping);
        mopt__free(rows);
    }
}

size_t mopt__rows_count(const struct mopt_rows *rows)
{
    return rows->layout.rank > 0 ? (size_t)rows->layout.dims[0] : 0;
}

// ---- Bytes to elements --------------------------------------------------------------------------

// Bytes that are swapped as one: complex numbers are two of them.
static size_t swap_unit(const struct mopt_layout *layout)
{
    bool complex = layout->dtype == MOPT_COMPLEX64 || layout->dtype == MOPT_COMPLEX128;
    return complex ? layout->element_bytes / 2 : layout->element_bytes;
}

static void swap_bytes(uint8_t *data, size_t bytes, size_t unit)
{
    for (size_t at = 0; at + unit <= bytes; at += unit) {
        for (size_t i = 0; i < unit / 2; i++) {
            uint8_t held = data[at + i];
            data[at + i] = data[at + unit - 1 - i];
            data[at + unit - 1 - i] = held;
        }
    }
}

static enum mopt_status put_utf8(struct mopt_strbuf *out, uint32_t code, struct mopt_error *err)
{
    if (code >= 0x110000 || (code >= 0xd800 && code < 0xe000)) {
        return mopt_error_set(err, MOPT_E_FORMAT, "text holds the illegal character number %u",
                              (unsigned)code);
    }
    if (code < 0x80) {
        mopt__strbuf_add_char(out, (char)code);
        return MOPT_OK;
    }
    int tail = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned lead[] = {0, 0xc0, 0xe0, 0xf0};
    mopt__strbuf_add_char(out, (char)(lead[tail] | code >> (6 * tail)));
    for (int i = tail - 1; i >= 0; i--) {
        mopt__strbuf_add_char(out, (char)(0x80 | (code >> (6 * i) & 0x3f)));
    }
    return MOPT_OK;
}

// Characters of one UCS-4 element, its padding of zeros left out.
static enum mopt_status read_ucs4(const struct mopt_layout *layout, const uint8_t *data,
                                  struct mopt_strbuf *out, struct mopt_error *err)
{
    size_t length = layout->element_bytes / 4;
    enum mopt_status status = MOPT_OK;
    while (length > 0 && memcmp(data + 4 * (length - 1), "\0\0\0", 4) == 0) {
        length--;
    }
    for (size_t i = 0; i < length && status == MOPT_OK; i++) {
        const uint8_t *c = data + 4 * i;
        uint32_t code =
            layout->swapped
                ? (uint32_t)c[0] << 24 | (uint32_t)c[1] << 16 | (uint32_t)c[2] << 8 | c[3]
                : (uint32_t)c[3] << 24 | (uint32_t)c[2] << 16 | (uint32_t)c[1] << 8 | c[0];
        status = put_utf8(out, code, err);
    }
    return status;
}

static enum mopt_status read_texts(const struct mopt_layout *layout, const uint8_t *data,
                                   struct mopt_tensor *tensor, struct mopt_error *err)
{
    struct mopt_strbuf text = {0};
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < tensor->count && status == MOPT_OK; i++) {
        const uint8_t *at = data + i * layout->element_bytes;
        mopt__strbuf_clear(&text);
        if (layout->text == 'U') {
            status = read_ucs4(layout, at, &text, err);
        } else {
            size_t length = layout->element_bytes;
            while (length > 0 && at[length - 1] == 0) {
                length--;
            }
            mopt__strbuf_add_bytes(&text, at, length);
        }
        if (status == MOPT_OK && text.failed) {
            status = mopt_error_memory(err);
        }
        if (status == MOPT_OK) {
            status = mopt__tensor_set_string(tensor, i, mopt__strbuf_text(&text), text.length, err);
        }
    }
    mopt__strbuf_release(&text);
    return status;
}

// What the file says byte by byte and memory holds otherwise.
static bool needs_work(const struct mopt_layout *layout)
{
    return layout->text != 0 || layout->dtype == MOPT_BOOL ||
           (layout->swapped && swap_unit(layout) > 1);
}

// Turns the file's bytes, which stand in the tensor already, into elements.
static void repair(const struct mopt_layout *layout, uint8_t *data, size_t bytes)
{
    if (layout->swapped) {
        swap_bytes(data, bytes, swap_unit(layout));
    }
    if (layout->dtype == MOPT_BOOL) {
        for (size_t i = 0; i < bytes; i++) {
            data[i] = data[i] != 0;
        }
    }
}

// ---- Fetching -----------------------------------------------------------------------------------

// Copies row i of a mapped Fortran array, rank >= 2: element (i, j, k ...) lies at
// i + dims[0] * (j + dims[1] * (k ...)).
static void gather(const struct mopt_rows *rows, size_t i, uint8_t *to)
{
    const struct mopt_layout *layout = &rows->layout;
    const uint8_t *from = rows->mapping->data + rows->offset;
    size_t size = layout->element_bytes;
    size_t count = layout->count / (size_t)layout->dims[0];
    size_t index[MOPT_RANK_MAX] = {0};
    for (size_t n = 0; n < count; n++) {
        size_t at = 0;
        for (int axis = layout->rank - 1; axis > 0; axis--) {
            at = at * (size_t)layout->dims[axis] + index[axis];
        }
        memcpy(to + n * size, from + (at * (size_t)layout->dims[0] + i) * size, size);
        for (int axis = layout->rank - 1; axis > 0; axis--) {
            if (++index[axis] < (size_t)layout->dims[axis]) {
                break;
            }
            index[axis] = 0;
        }
    }
}

// Part of the array: rows [first, first + count) of axis 0, or everything for rank 0.
struct part {
    size_t first, count;
    size_t start, bytes; // in the elements
};

static enum mopt_status copy_bytes(struct mopt_rows *rows, const struct part *part, uint8_t *to,
                                   struct mopt_error *err)
{
    const struct mopt_layout *layout = &rows->layout;
    if (rows->stream) {
        enum mopt_status status =
            mopt__inflate_seek(rows->stream, (uint64_t)rows->offset + part->start, err);
        if (status == MOPT_OK) {
            status = mopt__inflate_read(rows->stream, to, part->bytes, err);
        }
        if (status == MOPT_OK && part->start + part->bytes == layout->bytes) {
            status = mopt__inflate_end(rows->stream, err);
        }
        return status;
    }
    if (layout->fortran && layout->rank > 1 && part->bytes > 0) {
        for (size_t i = 0; i < part->count; i++) {
            gather(rows, part->first + i, to + part->bytes / part->count * i);
        }
    } else if (part->bytes > 0) {
        memcpy(to, rows->mapping->data + rows->offset + part->start, part->bytes);
    }
    return MOPT_OK;
}

static enum mopt_status check_memory(const struct mopt_rows *rows, size_t bytes,
                                     struct mopt_error *err)
{
    size_t limit = (size_t)MOPT_INFLATED_GIB << 30;
    if (rows->stream && bytes > limit) {
        return mopt_error_set(err, MOPT_E_LIMIT,
                              "'%s' unpacks to %zu bytes at once, the limit is %zu",
                              rows->mapping->path, bytes, limit);
    }
    return MOPT_OK;
}

static enum mopt_status fetch_texts(struct mopt_rows *rows, const struct part *part,
                                    struct mopt_tensor *tensor, struct mopt_error *err)
{
    uint8_t *bytes = mopt__malloc(part->bytes);
    if (!bytes) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = copy_bytes(rows, part, bytes, err);
    if (status == MOPT_OK) {
        status = read_texts(&rows->layout, bytes, tensor, err);
    }
    mopt__free(bytes);
    return status;
}

static enum mopt_status fetch(struct mopt_rows *rows, const struct part *part, int rank,
                              const int64_t *dims, struct mopt_tensor **out, struct mopt_error *err)
{
    const struct mopt_layout *layout = &rows->layout;
    bool plain = !rows->stream && !needs_work(layout) && (!layout->fortran || layout->rank < 2);
    if (plain) {
        return mopt__tensor_from_mapping(layout->dtype, rank, dims, rows->mapping,
                                         rows->offset + part->start, part->bytes, out, err);
    }
    enum mopt_status status = check_memory(rows, part->bytes, err);
    if (status == MOPT_OK) {
        status = mopt__tensor_new(layout->dtype, rank, dims, out, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    if (layout->text) {
        status = fetch_texts(rows, part, *out, err);
    } else {
        uint8_t *data = mopt__tensor_data(*out);
        status = copy_bytes(rows, part, data, err);
        if (status == MOPT_OK) {
            repair(layout, data, part->bytes);
        }
    }
    if (status != MOPT_OK) {
        mopt__tensor_unref(*out);
        *out = NULL;
    }
    return status;
}

enum mopt_status mopt__rows_get(struct mopt_rows *rows, size_t i, struct mopt_tensor **out,
                                struct mopt_error *err)
{
    const struct mopt_layout *layout = &rows->layout;
    size_t count = mopt__rows_count(rows);
    *out = NULL;
    if (i >= count) {
        return mopt_error_set(err, MOPT_E_INTERNAL, "row %zu of %zu", i, count);
    }
    size_t bytes = layout->bytes / count;
    struct part part = {.first = i, .count = 1, .start = i * bytes, .bytes = bytes};
    return fetch(rows, &part, layout->rank - 1, layout->dims + 1, out, err);
}

enum mopt_status mopt__rows_all(struct mopt_rows *rows, struct mopt_tensor **out,
                                struct mopt_error *err)
{
    const struct mopt_layout *layout = &rows->layout;
    struct part part = {.count = mopt__rows_count(rows), .bytes = layout->bytes};
    *out = NULL;
    return fetch(rows, &part, layout->rank, layout->dims, out, err);
}

// ---- Unpacking ----------------------------------------------------------------------------------

// A file without a name, for reading and writing; -1 and errno on failure.
static int open_nameless(void)
{
    const char *folder = getenv("TMPDIR");
    char path[4096];
    int length =
        snprintf(path, sizeof path, "%s/mopt-XXXXXX", folder && folder[0] == '/' ? folder : "/tmp");
    if (length < 0 || (size_t)length >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkstemp(path);
    if (fd >= 0) {
        unlink(path);
    }
    return fd;
}

static enum mopt_status write_out(int fd, const uint8_t *data, size_t bytes, struct mopt_error *err)
{
    while (bytes > 0) {
        ssize_t done = write(fd, data, bytes);
        if (done < 0 && errno != EINTR) {
            return mopt_error_set(err, MOPT_E_IO, "cannot write a temporary file (error %d)",
                                  errno);
        }
        if (done > 0) {
            data += done;
            bytes -= (size_t)done;
        }
    }
    return MOPT_OK;
}

static enum mopt_status unpack_into(struct mopt_rows *rows, int fd, struct mopt_error *err)
{
    enum { PIECE = 1 << 16 };
    uint8_t *piece = mopt__malloc(PIECE);
    if (!piece) {
        return mopt_error_memory(err);
    }
    enum mopt_status status = mopt__inflate_seek(rows->stream, rows->offset, err);
    for (size_t left = rows->layout.bytes; left > 0 && status == MOPT_OK;) {
        size_t bytes = left < PIECE ? left : PIECE;
        status = mopt__inflate_read(rows->stream, piece, bytes, err);
        if (status == MOPT_OK) {
            status = write_out(fd, piece, bytes, err);
        }
        left -= bytes;
    }
    mopt__free(piece);
    return status == MOPT_OK ? mopt__inflate_end(rows->stream, err) : status;
}

enum mopt_status mopt__rows_unpack(struct mopt_rows *rows, struct mopt_error *err)
{
    if (!rows->stream) {
        return MOPT_OK;
    }
    int fd = open_nameless();
    if (fd < 0) {
        return mopt_error_set(err, MOPT_E_IO, "cannot make a temporary file (error %d)", errno);
    }
    enum mopt_status status = unpack_into(rows, fd, err);
    struct mopt_mapping *mapping = NULL;
    if (status == MOPT_OK) {
        char path[64];
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        status = mopt__mapping_open(path, 0, &mapping, err);
    }
    close(fd);
    if (status != MOPT_OK) {
        return mopt_error_wrap(err, "unpacking '%s'", rows->mapping->path);
    }
    mopt__inflate_free(rows->stream);
    mopt__mapping_unref(rows->mapping);
    rows->stream = NULL;
    rows->mapping = mapping;
    rows->offset = 0;
    return MOPT_OK;
}
