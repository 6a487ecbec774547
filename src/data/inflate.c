// SPDX-License-Identifier: Apache-2.0
// Streams of unpacked bytes with zlib. It knows nothing of what the bytes mean.
#include "data/inflate.h"

#include <string.h>
#include <zlib.h>

#include "base/alloc.h"

enum { SKIP_BYTES = 1 << 14, FEED_BYTES = 1 << 30 };

struct mopt_inflate {
    struct mopt_mapping *mapping;
    const uint8_t *data;
    size_t size, used; // packed bytes, of which zlib has got `used`
    uint64_t position; // unpacked bytes given out
    z_stream z;
    bool gzip, ready, ended;
    bool summed; // crc must come out as expected
    uint32_t crc, expected;
};

static enum mopt_status broken(const struct mopt_inflate *stream, const char *what,
                               struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_FORMAT, "compressed data of '%s' %s (after %llu bytes)",
                          stream->mapping->path, what, (unsigned long long)stream->position);
}

static enum mopt_status start(struct mopt_inflate *stream, struct mopt_error *err)
{
    int code = Z_OK;
    stream->used = 0;
    stream->position = 0;
    stream->ended = false;
    stream->crc = 0;
    if (stream->ready) {
        code = inflateReset(&stream->z);
    } else {
        code = inflateInit2(&stream->z, stream->gzip ? 15 + 16 : -15);
        stream->ready = code == Z_OK;
    }
    stream->z.next_in = NULL;
    stream->z.avail_in = 0;
    return code == Z_OK ? MOPT_OK : mopt_error_memory(err);
}

enum mopt_status mopt__inflate_new(struct mopt_mapping *mapping, size_t offset, size_t size,
                                   bool gzip, struct mopt_inflate **out, struct mopt_error *err)
{
    *out = NULL;
    if (offset > mapping->size || size > mapping->size - offset) {
        return mopt_error_set(err, MOPT_E_FORMAT, "compressed data reach beyond the end of '%s'",
                              mapping->path);
    }
    struct mopt_inflate *stream = mopt__calloc(1, sizeof *stream);
    if (!stream) {
        return mopt_error_memory(err);
    }
    stream->mapping = mopt__mapping_ref(mapping);
    stream->data = mapping->data + offset;
    stream->size = size;
    stream->gzip = gzip;
    enum mopt_status status = start(stream, err);
    if (status != MOPT_OK) {
        mopt__inflate_free(stream);
        return status;
    }
    *out = stream;
    return MOPT_OK;
}

void mopt__inflate_free(struct mopt_inflate *stream)
{
    if (!stream) {
        return;
    }
    if (stream->ready) {
        inflateEnd(&stream->z);
    }
    mopt__mapping_unref(stream->mapping);
    mopt__free(stream);
}

// Gives zlib more packed bytes; its counters have 32 bits only.
static void feed(struct mopt_inflate *stream)
{
    if (stream->z.avail_in == 0 && stream->used < stream->size) {
        size_t left = stream->size - stream->used;
        size_t piece = left < FEED_BYTES ? left : FEED_BYTES;
        stream->z.next_in = (Bytef *)(uintptr_t)(stream->data + stream->used);
        stream->z.avail_in = (uInt)piece;
        stream->used += piece;
    }
}

// A member ended: the next one begins, unless what follows is no gzip member (padding).
static bool next_member(struct mopt_inflate *stream)
{
    feed(stream);
    return stream->gzip && stream->z.avail_in >= 2 && stream->z.next_in[0] == 0x1f &&
           stream->z.next_in[1] == 0x8b && inflateReset(&stream->z) == Z_OK;
}

// Up to `bytes` unpacked bytes; *got is less only at the end of the stream.
static enum mopt_status pull(struct mopt_inflate *stream, uint8_t *buffer, size_t bytes,
                             size_t *got, struct mopt_error *err)
{
    *got = 0;
    while (*got < bytes && !stream->ended) {
        size_t want = bytes - *got < FEED_BYTES ? bytes - *got : FEED_BYTES;
        feed(stream);
        stream->z.next_out = buffer + *got;
        stream->z.avail_out = (uInt)want;
        int code = inflate(&stream->z, Z_NO_FLUSH);
        size_t made = want - stream->z.avail_out;
        *got += made;
        stream->position += made;
        if (stream->summed) {
            stream->crc = (uint32_t)crc32_z(stream->crc, buffer + *got - made, made);
        }
        if (code == Z_STREAM_END) {
            stream->ended = !next_member(stream);
        } else if (code == Z_MEM_ERROR) {
            return mopt_error_memory(err);
        } else if (code != Z_OK && code != Z_BUF_ERROR) {
            return broken(stream, "are damaged", err);
        } else if (made == 0 && stream->z.avail_in == 0 && stream->used == stream->size) {
            return broken(stream, "are cut short", err);
        }
    }
    return MOPT_OK;
}

void mopt__inflate_expect(struct mopt_inflate *stream, uint32_t crc)
{
    stream->summed = true;
    stream->expected = crc;
}

enum mopt_status mopt__inflate_read(struct mopt_inflate *stream, void *buffer, size_t bytes,
                                    struct mopt_error *err)
{
    size_t got = 0;
    enum mopt_status status = pull(stream, buffer, bytes, &got, err);
    if (status == MOPT_OK && got < bytes) {
        status = broken(stream, "hold less than promised", err);
    }
    return status;
}

enum mopt_status mopt__inflate_seek(struct mopt_inflate *stream, uint64_t position,
                                    struct mopt_error *err)
{
    uint8_t waste[SKIP_BYTES];
    enum mopt_status status = MOPT_OK;
    if (position < stream->position) {
        status = start(stream, err);
    }
    while (status == MOPT_OK && stream->position < position) {
        uint64_t left = position - stream->position;
        status = mopt__inflate_read(stream, waste,
                                    left < sizeof waste ? (size_t)left : sizeof waste, err);
    }
    return status;
}

enum mopt_status mopt__inflate_end(struct mopt_inflate *stream, struct mopt_error *err)
{
    uint8_t extra = 0;
    size_t got = 0;
    enum mopt_status status = pull(stream, &extra, 1, &got, err);
    if (status == MOPT_OK && got > 0) {
        status = broken(stream, "hold more than promised", err);
    } else if (status == MOPT_OK && stream->summed && stream->crc != stream->expected) {
        status = broken(stream, "have a wrong CRC-32", err);
    }
    return status;
}
