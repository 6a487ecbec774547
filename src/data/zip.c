// SPDX-License-Identifier: Apache-2.0
// The directory of zip archives. Every number in it is taken for a lie until it was checked against
// the file.
#include "data/zip.h"

#include <string.h>

#include "base/alloc.h"
#include "base/strings.h"
#include "data/inflate.h"

enum {
    END_BYTES = 22,
    LOCATOR_BYTES = 20,
    END64_BYTES = 56,
    CENTRAL_BYTES = 46,
    LOCAL_BYTES = 30,
    COMMENT_MAX = 0xffff,
};

static const uint32_t END_MARK = 0x06054b50, LOCATOR_MARK = 0x07064b50, END64_MARK = 0x06064b50,
                      CENTRAL_MARK = 0x02014b50, LOCAL_MARK = 0x04034b50;
static const uint32_t FULL32 = 0xffffffff; // the number is in the zip64 field

static unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] | (unsigned)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
    return (uint64_t)get32(p) | (uint64_t)get32(p + 4) << 32;
}

static enum mopt_status bad(const struct mopt_zip *zip, const char *what, struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_FORMAT, "archive '%s': %s", zip->mapping->path, what);
}

struct directory {
    uint64_t offset, bytes, entries;
};

// Where the end record stands; false if there is none.
static bool find_end(const struct mopt_mapping *mapping, size_t *at)
{
    if (mapping->size < END_BYTES) {
        return false;
    }
    size_t last = mapping->size - END_BYTES;
    size_t first = last > COMMENT_MAX ? last - COMMENT_MAX : 0;
    for (size_t i = last + 1; i-- > first;) {
        const uint8_t *p = mapping->data + i;
        if (get32(p) == END_MARK && i + END_BYTES + get16(p + 20) <= mapping->size) {
            *at = i;
            return true;
        }
    }
    return false;
}

static enum mopt_status find_directory64(const struct mopt_zip *zip, size_t end,
                                         struct directory *directory, struct mopt_error *err)
{
    const struct mopt_mapping *mapping = zip->mapping;
    const uint8_t *locator = mapping->data + (end >= LOCATOR_BYTES ? end - LOCATOR_BYTES : 0);
    if (end < LOCATOR_BYTES || get32(locator) != LOCATOR_MARK) {
        return MOPT_OK; // no zip64: the numbers of the end record stand
    }
    uint64_t at = get64(locator + 8);
    if (end < LOCATOR_BYTES + END64_BYTES || at > end - LOCATOR_BYTES - END64_BYTES ||
        get32(mapping->data + at) != END64_MARK) {
        return bad(zip, "zip64 end record is not where it should be", err);
    }
    const uint8_t *p = mapping->data + at;
    *directory = (struct directory){.entries = get64(p + 32),
                                    .bytes = get64(p + 40),
                                    .offset = get64(p + 48)};
    return MOPT_OK;
}

static enum mopt_status find_directory(const struct mopt_zip *zip, struct directory *directory,
                                       struct mopt_error *err)
{
    size_t end = 0;
    if (!find_end(zip->mapping, &end)) {
        return bad(zip, "no directory at its end (cut short?)", err);
    }
    const uint8_t *p = zip->mapping->data + end;
    if (get16(p + 4) != 0 && get16(p + 4) != 0xffff) {
        return bad(zip, "is one part of several", err);
    }
    *directory = (struct directory){.entries = get16(p + 10),
                                    .bytes = get32(p + 12),
                                    .offset = get32(p + 16)};
    enum mopt_status status = find_directory64(zip, end, directory, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (directory->offset > end || directory->bytes > end - directory->offset ||
        directory->entries > directory->bytes / CENTRAL_BYTES) {
        return bad(zip, "directory lies outside of the file", err);
    }
    return MOPT_OK;
}

// Sizes and offset of a central record, taken from its zip64 field (id 1) where they say so.
struct numbers {
    uint64_t bytes, packed_bytes, offset;
};

// Takes the numbers out of the field's content.
static bool take_zip64(const uint8_t *p, size_t length, struct numbers *numbers)
{
    uint64_t *wanted[] = {&numbers->bytes, &numbers->packed_bytes, &numbers->offset};
    for (size_t i = 0; i < 3; i++) {
        if (*wanted[i] != FULL32) {
            continue;
        }
        if (length < 8) {
            return false;
        }
        *wanted[i] = get64(p);
        p += 8;
        length -= 8;
    }
    return true;
}

static bool read_zip64(const uint8_t *extra, size_t size, struct numbers *numbers)
{
    while (size >= 4) {
        size_t length = get16(extra + 2);
        if (length > size - 4) {
            return false;
        }
        if (get16(extra) == 1) {
            return take_zip64(extra + 4, length, numbers);
        }
        extra += 4 + length;
        size -= 4 + length;
    }
    return true; // none: the numbers are what they are
}

// Checks the local header and finds the packed bytes behind it.
static enum mopt_status locate(const struct mopt_zip *zip, const struct numbers *numbers,
                               struct mopt_zip_entry *entry, struct mopt_error *err)
{
    const struct mopt_mapping *mapping = zip->mapping;
    if (mapping->size < LOCAL_BYTES || numbers->offset > mapping->size - LOCAL_BYTES ||
        get32(mapping->data + numbers->offset) != LOCAL_MARK) {
        return bad(zip, "an entry is not where the directory says", err);
    }
    const uint8_t *p = mapping->data + numbers->offset;
    uint64_t start = numbers->offset + LOCAL_BYTES + get16(p + 26) + get16(p + 28);
    if (start > mapping->size || numbers->packed_bytes > mapping->size - start) {
        return bad(zip, "an entry reaches beyond the end of the file", err);
    }
    if (entry->deflated ? numbers->bytes / MOPT_INFLATE_RATIO > numbers->packed_bytes
                        : numbers->bytes != numbers->packed_bytes) {
        return bad(zip, "an entry promises more than its bytes can hold", err);
    }
    entry->offset = (size_t)start;
    entry->packed_bytes = (size_t)numbers->packed_bytes;
    entry->bytes = (size_t)numbers->bytes;
    return MOPT_OK;
}

static enum mopt_status check_method(const struct mopt_zip *zip, const uint8_t *record,
                                     struct mopt_error *err)
{
    if (get16(record + 8) & 1) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "archive '%s' is encrypted",
                              zip->mapping->path);
    }
    if (get16(record + 10) != 0 && get16(record + 10) != 8) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED,
                              "archive '%s': compression method %u, must be 0 or 8",
                              zip->mapping->path, get16(record + 10));
    }
    return MOPT_OK;
}

// Adds the entry of one central record, whose variable parts are inside the directory.
static enum mopt_status add_entry(struct mopt_zip *zip, const uint8_t *record,
                                  struct mopt_error *err)
{
    const char *name = (const char *)record + CENTRAL_BYTES;
    size_t name_bytes = get16(record + 28);
    struct numbers numbers = {get32(record + 24), get32(record + 20), get32(record + 42)};
    struct mopt_zip_entry entry = {.deflated = get16(record + 10) == 8, .crc = get32(record + 16)};
    if (name_bytes == 0 || memchr(name, '\0', name_bytes)) {
        return bad(zip, "an entry has no proper name", err);
    }
    if (name[name_bytes - 1] == '/') {
        return MOPT_OK;
    }
    enum mopt_status status = check_method(zip, record, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (!read_zip64(record + CENTRAL_BYTES + name_bytes, get16(record + 30), &numbers)) {
        return bad(zip, "a zip64 field is damaged", err);
    }
    status = locate(zip, &numbers, &entry, err);
    if (status == MOPT_OK) {
        status = mopt__grow((void **)&zip->entries, &zip->capacity, zip->count + 1,
                            sizeof *zip->entries, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    entry.name = mopt__strndup(name, name_bytes);
    if (!entry.name) {
        return mopt_error_memory(err);
    }
    zip->entries[zip->count++] = entry;
    return MOPT_OK;
}

static enum mopt_status read_directory(struct mopt_zip *zip, const struct directory *directory,
                                       struct mopt_error *err)
{
    const uint8_t *p = zip->mapping->data + directory->offset;
    size_t left = (size_t)directory->bytes;
    for (uint64_t i = 0; i < directory->entries; i++) {
        if (left < CENTRAL_BYTES || get32(p) != CENTRAL_MARK) {
            return bad(zip, "directory is damaged", err);
        }
        size_t bytes = (size_t)CENTRAL_BYTES + get16(p + 28) + get16(p + 30) + get16(p + 32);
        if (bytes > left) {
            return bad(zip, "directory is damaged", err);
        }
        enum mopt_status status = add_entry(zip, p, err);
        if (status != MOPT_OK) {
            return status;
        }
        p += bytes;
        left -= bytes;
    }
    return MOPT_OK;
}

static enum mopt_status check_names(const struct mopt_zip *zip, struct mopt_error *err)
{
    struct mopt_map map = {0};
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < zip->count && status == MOPT_OK; i++) {
        if (mopt__map_find(&map, zip->entries[i].name)) {
            status = mopt_error_set(err, MOPT_E_FORMAT, "archive '%s': entry '%s' stands twice",
                                    zip->mapping->path, zip->entries[i].name);
        } else {
            status = mopt__map_put(&map, zip->entries[i].name, &zip->entries[i], err);
        }
    }
    mopt__map_release(&map);
    return status;
}

enum mopt_status mopt__zip_open(struct mopt_mapping *mapping, struct mopt_zip *zip,
                                struct mopt_error *err)
{
    struct directory directory = {0};
    memset(zip, 0, sizeof *zip);
    zip->mapping = mopt__mapping_ref(mapping);
    enum mopt_status status = find_directory(zip, &directory, err);
    if (status == MOPT_OK) {
        status = read_directory(zip, &directory, err);
    }
    if (status == MOPT_OK) {
        status = check_names(zip, err);
    }
    if (status != MOPT_OK) {
        mopt__zip_release(zip);
    }
    return status;
}

void mopt__zip_release(struct mopt_zip *zip)
{
    for (size_t i = 0; i < zip->count; i++) {
        mopt__free(zip->entries[i].name);
    }
    mopt__free(zip->entries);
    mopt__mapping_unref(zip->mapping);
    memset(zip, 0, sizeof *zip);
}
