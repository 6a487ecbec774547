// SPDX-License-Identifier: Apache-2.0
// TIFF with libtiff (4.5 or newer: it lets us cap its memory), when it was there at build time. The
// first picture of the file, turned as its orientation says; alpha is dropped.
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "image/codec.h"

#ifdef MOPT_HAVE_TIFF
#include <tiffio.h>

enum { BLOCK_BYTES_MAX = 1 << 28 };

struct stream {
    const uint8_t *data;
    uint64_t size, at;
    char problem[160]; // the first error that the library tells
};

static tmsize_t stream_read(thandle_t handle, void *to, tmsize_t bytes)
{
    struct stream *stream = (struct stream *)handle;
    uint64_t left = stream->at < stream->size ? stream->size - stream->at : 0;
    uint64_t count = bytes > 0 ? (uint64_t)bytes : 0;
    count = count < left ? count : left;
    memcpy(to, stream->data + (left > 0 ? stream->at : 0), (size_t)count);
    stream->at += count;
    return (tmsize_t)count;
}

static tmsize_t stream_write(thandle_t handle, void *from, tmsize_t bytes)
{
    (void)handle;
    (void)from;
    (void)bytes;
    return 0;
}

static toff_t stream_seek(thandle_t handle, toff_t to, int whence)
{
    struct stream *stream = (struct stream *)handle;
    toff_t base = whence == SEEK_CUR ? stream->at : whence == SEEK_END ? stream->size : 0;
    stream->at = base + to;
    return stream->at;
}

static int stream_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t stream_size(thandle_t handle)
{
    return ((struct stream *)handle)->size;
}

static int stream_map(thandle_t handle, void **base, toff_t *size)
{
    (void)handle;
    (void)base;
    (void)size;
    return 0;
}

static void stream_unmap(thandle_t handle, void *base, toff_t size)
{
    (void)handle;
    (void)base;
    (void)size;
}

static int hear(TIFF *tiff, void *user, const char *module, const char *format, va_list args)
{
    struct stream *stream = user;
    (void)tiff;
    (void)module;
    if (stream->problem[0] == '\0') {
        (void)vsnprintf(stream->problem, sizeof stream->problem, format, args);
    }
    return 1;
}

static int ignore(TIFF *tiff, void *user, const char *module, const char *format, va_list args)
{
    (void)tiff;
    (void)user;
    (void)module;
    (void)format;
    (void)args;
    return 1;
}

static TIFF *open_stream(struct stream *stream)
{
    TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
    if (!options) {
        (void)snprintf(stream->problem, sizeof stream->problem, "out of memory");
        return NULL;
    }
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, BLOCK_BYTES_MAX);
    TIFFOpenOptionsSetErrorHandlerExtR(options, hear, stream);
    TIFFOpenOptionsSetWarningHandlerExtR(options, ignore, NULL);
    TIFF *tiff = TIFFClientOpenExt("picture", "rm", (thandle_t)stream, stream_read, stream_write,
                                   stream_seek, stream_close, stream_size, stream_map, stream_unmap,
                                   options);
    TIFFOpenOptionsFree(options);
    return tiff;
}

static enum mopt_status failure(const struct stream *stream, struct mopt_error *err)
{
    static const char *const words[] = {"memory", "No space", "malloc", "Insertion in tif_map"};
    for (size_t i = 0; i < MOPT_COUNTOF(words); i++) {
        if (strstr(stream->problem, words[i])) {
            return mopt_error_memory(err);
        }
    }
    return mopt_error_set(err, MOPT_E_FORMAT, "TIFF: %s",
                          stream->problem[0] != '\0' ? stream->problem : "damaged or cut short");
}

// The library gives four bytes per pixel in one number each.
static enum mopt_status read_pixels(TIFF *tiff, const struct stream *stream, struct mopt_image *out,
                                    struct mopt_error *err)
{
    size_t pixels = out->width * out->height;
    uint32_t *raster = mopt__calloc(pixels, sizeof *raster);
    if (!raster) {
        return mopt_error_memory(err);
    }
    int done = TIFFReadRGBAImageOriented(tiff, (uint32_t)out->width, (uint32_t)out->height, raster,
                                         ORIENTATION_TOPLEFT, 1);
    for (size_t i = 0; done && i < pixels; i++) {
        out->data[3 * i] = (uint8_t)TIFFGetR(raster[i]);
        out->data[3 * i + 1] = (uint8_t)TIFFGetG(raster[i]);
        out->data[3 * i + 2] = (uint8_t)TIFFGetB(raster[i]);
    }
    mopt__free(raster);
    return done && stream->problem[0] == '\0' ? MOPT_OK : failure(stream, err);
}

static enum mopt_status tiff_decode(const struct mopt_encoded *encoded, struct mopt_image *out,
                                    struct mopt_error *err)
{
    struct stream stream = {.data = encoded->data, .size = encoded->size};
    uint32_t width = 0;
    uint32_t height = 0;
    TIFF *tiff = open_stream(&stream);
    if (!tiff) {
        return failure(&stream, err);
    }
    enum mopt_status status = MOPT_OK;
    if (!TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width) ||
        !TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height)) {
        status = failure(&stream, err);
    }
    if (status == MOPT_OK) {
        status = mopt__codec_room(encoded, width, height, 3, out, err);
    }
    if (status == MOPT_OK) {
        status = read_pixels(tiff, &stream, out, err);
    }
    TIFFClose(tiff);
    return status;
}
#else
static enum mopt_status tiff_decode(const struct mopt_encoded *encoded, struct mopt_image *out,
                                    struct mopt_error *err)
{
    (void)encoded;
    (void)out;
    return mopt_error_set(err, MOPT_E_UNSUPPORTED, "TIFF: built without libtiff");
}
#define MOPT_HAVE_TIFF 0
#endif

static bool is_tiff(const uint8_t *data, size_t size)
{
    return size >= 8 && (memcmp(data, "II*\0", 4) == 0 || memcmp(data, "MM\0*", 4) == 0 ||
                         memcmp(data, "II+\0", 4) == 0 || memcmp(data, "MM\0+", 4) == 0);
}

const struct mopt_codec mopt__codec_tiff = {.name = "tiff",
                                            .works = MOPT_HAVE_TIFF,
                                            .matches = is_tiff,
                                            .decode = tiff_decode};
