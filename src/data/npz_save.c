// SPDX-License-Identifier: Apache-2.0
// Writing .npz archives: stored entries, no time stamps, zip64 where sizes need it (PKWARE
// APPNOTE 4.3). Same tensors, same bytes.
#include <string.h>
#include <zlib.h>

#include "data/data.h"
#include "data/npy.h"

enum { NAME_MAX_BYTES = 0xffff - 4 };

static const uint64_t LIMIT32 = 0xffffffff; // this and more goes into a zip64 field
static const unsigned DATE = 1 << 5 | 1;    // 1 January 1980

struct entry {
    const char *name;
    uint64_t offset, bytes;
    uint32_t crc;
};

static void put16(struct mopt_strbuf *out, unsigned value)
{
    mopt__strbuf_add_char(out, (char)(value & 0xff));
    mopt__strbuf_add_char(out, (char)(value >> 8 & 0xff));
}

static void put32(struct mopt_strbuf *out, uint64_t value)
{
    put16(out, (unsigned)(value & 0xffff));
    put16(out, (unsigned)(value >> 16 & 0xffff));
}

static void put64(struct mopt_strbuf *out, uint64_t value)
{
    put32(out, value & LIMIT32);
    put32(out, value >> 32);
}

static uint64_t clip32(uint64_t value)
{
    return value < LIMIT32 ? value : LIMIT32;
}

// The part that local and central header share: version, flags, method, time, date, sum, sizes,
// name length.
static void put_common(struct mopt_strbuf *out, const struct entry *entry, bool large)
{
    put16(out, large ? 45 : 20);
    put16(out, 1 << 11); // names are UTF-8
    put16(out, 0);
    put16(out, 0);
    put16(out, DATE);
    put32(out, entry->crc);
    put32(out, clip32(entry->bytes));
    put32(out, clip32(entry->bytes));
    put16(out, (unsigned)strlen(entry->name) + 4);
}

static void put_local(struct mopt_strbuf *out, const struct entry *entry)
{
    bool large = entry->bytes >= LIMIT32;
    put32(out, 0x04034b50);
    put_common(out, entry, large);
    put16(out, large ? 20 : 0);
    mopt__strbuf_add(out, entry->name);
    mopt__strbuf_add(out, ".npy");
    if (large) {
        put16(out, 1);
        put16(out, 16);
        put64(out, entry->bytes);
        put64(out, entry->bytes);
    }
}

static void put_central(struct mopt_strbuf *out, const struct entry *entry)
{
    bool large = entry->bytes >= LIMIT32;
    bool far = entry->offset >= LIMIT32;
    unsigned field = (large ? 16U : 0U) + (far ? 8U : 0U);
    put32(out, 0x02014b50);
    put16(out, 3 << 8 | 45); // made on Unix
    put_common(out, entry, large || far);
    put16(out, field ? field + 4 : 0);
    put16(out, 0);
    put16(out, 0);
    put16(out, 0);
    put32(out, (uint64_t)0100644 << 16); // a regular file, rw-r--r--
    put32(out, clip32(entry->offset));
    mopt__strbuf_add(out, entry->name);
    mopt__strbuf_add(out, ".npy");
    if (field) {
        put16(out, 1);
        put16(out, field);
    }
    if (large) {
        put64(out, entry->bytes);
        put64(out, entry->bytes);
    }
    if (far) {
        put64(out, entry->offset);
    }
}

static void put_end(struct mopt_strbuf *out, uint64_t count, uint64_t start, uint64_t bytes)
{
    if (count >= 0xffff || start >= LIMIT32 || bytes >= LIMIT32) {
        put32(out, 0x06064b50);
        put64(out, 44);
        put16(out, 3 << 8 | 45);
        put16(out, 45);
        put64(out, 0);
        put64(out, count);
        put64(out, count);
        put64(out, bytes);
        put64(out, start);
        put32(out, 0x07064b50);
        put32(out, 0);
        put64(out, start + bytes);
        put32(out, 1);
    }
    unsigned few = count < 0xffff ? (unsigned)count : 0xffff;
    put32(out, 0x06054b50);
    put32(out, 0);
    put16(out, few);
    put16(out, few);
    put32(out, clip32(bytes));
    put32(out, clip32(start));
    put16(out, 0);
}

static enum mopt_status flush(struct mopt_output *output, struct mopt_strbuf *buf,
                              struct mopt_error *err)
{
    enum mopt_status status =
        buf->failed ? mopt_error_memory(err)
                    : mopt__output_write(output, mopt__strbuf_text(buf), buf->length, err);
    mopt__strbuf_clear(buf);
    return status;
}

static enum mopt_status write_array(struct mopt_output *output, const struct mopt_tensor *tensor,
                                    struct entry *entry, struct mopt_error *err)
{
    struct mopt_strbuf header = {0};
    struct mopt_strbuf local = {0};
    enum mopt_dtype element = MOPT_UNDEFINED;
    size_t width = 0;
    size_t bytes = 0;
    const void *data = NULL;
    void *heap = NULL;
    enum mopt_status status = mopt__npy_header_make(tensor, &header, &element, &width, err);
    if (status == MOPT_OK) {
        status = mopt__npy_encode(tensor, element, width, &data, &bytes, &heap, err);
    }
    if (status == MOPT_OK) {
        entry->offset = mopt__output_position(output);
        entry->bytes = (uint64_t)header.length + bytes;
        uLong sum = crc32_z(0, (const Bytef *)header.text, header.length);
        entry->crc = (uint32_t)(bytes > 0 ? crc32_z(sum, data, bytes) : sum);
        put_local(&local, entry);
        status = flush(output, &local, err);
    }
    if (status == MOPT_OK) {
        status = flush(output, &header, err);
    }
    if (status == MOPT_OK) {
        status = mopt__output_write(output, data, bytes, err);
    }
    mopt__free(heap);
    mopt__strbuf_release(&local);
    mopt__strbuf_release(&header);
    return status;
}

static enum mopt_status write_directory(struct mopt_output *output, const struct entry *entries,
                                        size_t count, struct mopt_error *err)
{
    struct mopt_strbuf buf = {0};
    uint64_t start = mopt__output_position(output);
    for (size_t i = 0; i < count; i++) {
        put_central(&buf, &entries[i]);
    }
    put_end(&buf, count, start, buf.length);
    enum mopt_status status = flush(output, &buf, err);
    mopt__strbuf_release(&buf);
    return status;
}

static enum mopt_status check_names(const char *const *names, size_t count, struct mopt_error *err)
{
    struct mopt_map map = {0};
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < count && status == MOPT_OK; i++) {
        if (strlen(names[i]) > NAME_MAX_BYTES) {
            status = mopt_error_set(err, MOPT_E_LIMIT, "array name is longer than %d bytes",
                                    (int)NAME_MAX_BYTES);
        } else if (mopt__map_find(&map, names[i])) {
            status = mopt_error_set(err, MOPT_E_USAGE, "two arrays are named '%s'", names[i]);
        } else {
            status = mopt__map_put(&map, names[i], &map, err);
        }
    }
    mopt__map_release(&map);
    return status;
}

enum mopt_status mopt__npz_save(const char *path, const char *const *names,
                                struct mopt_tensor *const *tensors, size_t count, bool force,
                                struct mopt_error *err)
{
    struct mopt_output *output = NULL;
    enum mopt_status status = check_names(names, count, err);
    if (status != MOPT_OK) {
        return status;
    }
    struct entry *entries = mopt__calloc(count, sizeof *entries);
    status = entries ? mopt__output_open(path, force, &output, err) : mopt_error_memory(err);
    for (size_t i = 0; i < count && status == MOPT_OK; i++) {
        entries[i].name = names[i];
        status = write_array(output, tensors[i], &entries[i], err);
    }
    if (status == MOPT_OK) {
        status = write_directory(output, entries, count, err);
    }
    mopt__free(entries);
    if (status != MOPT_OK) {
        mopt__output_abort(output);
        return status;
    }
    return mopt__output_commit(output, err);
}
