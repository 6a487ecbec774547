// SPDX-License-Identifier: Apache-2.0
// JPEG 2000 (JP2 files and bare code streams) with OpenJPEG, when it was there at build time. One
// grey, RGB, or RGB and alpha plane each of equal size; other colour spaces are refused.
#include <string.h>

#include "base/size.h"
#include "image/codec.h"

static bool is_stream(const uint8_t *data, size_t size)
{
    return size >= 4 && memcmp(data, "\xff\x4f\xff\x51", 4) == 0;
}

static bool is_boxed(const uint8_t *data, size_t size)
{
    return size >= 12 && memcmp(data, "\0\0\0\x0cjP  \r\n\x87\n", 12) == 0;
}

#ifdef MOPT_HAVE_OPENJPEG
#include <openjpeg.h>

// The library takes four bytes for a sample and much for a tile.
enum { PLANE_PIXELS_MAX = 1 << 24, TILES_MAX = 4096, PLANES_MAX = 4 };

struct stream {
    const uint8_t *data;
    size_t size, at;
    bool out_of_memory;
};

static OPJ_SIZE_T stream_read(void *to, OPJ_SIZE_T bytes, void *user)
{
    struct stream *stream = user;
    size_t left = stream->size - stream->at;
    size_t count = bytes < left ? bytes : left;
    if (count == 0) {
        return (OPJ_SIZE_T)-1;
    }
    memcpy(to, stream->data + stream->at, count);
    stream->at += count;
    return count;
}

static OPJ_BOOL stream_seek(OPJ_OFF_T to, void *user)
{
    struct stream *stream = user;
    if (to < 0 || (uint64_t)to > stream->size) {
        return OPJ_FALSE;
    }
    stream->at = (size_t)to;
    return OPJ_TRUE;
}

static OPJ_OFF_T stream_skip(OPJ_OFF_T bytes, void *user)
{
    struct stream *stream = user;
    int64_t to = 0;
    if (!mopt__i64_add((int64_t)stream->at, bytes, &to) || !stream_seek(to, user)) {
        return -1;
    }
    return bytes;
}

static void hear(const char *text, void *user)
{
    struct stream *stream = user;
    stream->out_of_memory = stream->out_of_memory || strstr(text, "memory") != NULL;
}

static opj_stream_t *open_stream(struct stream *from)
{
    opj_stream_t *stream = opj_stream_create(65536, OPJ_TRUE);
    if (stream) {
        opj_stream_set_user_data(stream, from, NULL);
        opj_stream_set_user_data_length(stream, from->size);
        opj_stream_set_read_function(stream, stream_read);
        opj_stream_set_skip_function(stream, stream_skip);
        opj_stream_set_seek_function(stream, stream_seek);
    }
    return stream;
}

// ---- Size, before the library allocates for it --------------------------------------------------

static uint64_t get(const uint8_t *p, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) {
        value = value << 8 | p[i];
    }
    return value;
}

// The code stream inside the boxes; NULL when there is none.
static const uint8_t *find_stream(const struct mopt_encoded *encoded, size_t *size)
{
    size_t at = 0;
    while (!is_stream(encoded->data + at, encoded->size - at)) {
        size_t left = encoded->size - at;
        if (left < 8) {
            return NULL;
        }
        const uint8_t *box = encoded->data + at;
        uint64_t length = get(box, 4);
        bool content = memcmp(box + 4, "jp2c", 4) == 0;
        size_t head = length == 1 ? 16 : 8;
        if (length == 1 && left >= 16) {
            length = get(box + 8, 8);
        }
        if (left < head || (!content && (length < head || length > left))) {
            return NULL;
        }
        if (content && !is_stream(box + head, left - head)) {
            return NULL;
        }
        at += content ? head : (size_t)length;
    }
    *size = encoded->size - at;
    return encoded->data + at;
}

// Sides, tiles and planes stand at fixed places behind the first marker.
static enum mopt_status check_size(const struct mopt_encoded *encoded, struct mopt_error *err)
{
    size_t size = 0;
    const uint8_t *p = find_stream(encoded, &size);
    if (!p || size < 42) {
        return mopt_error_set(err, MOPT_E_FORMAT, "JPEG 2000: the header is cut short");
    }
    uint64_t side[2];
    uint64_t tiles = 1;
    for (int k = 0; k < 2; k++) {
        uint64_t end = get(p + 8 + 4 * k, 4);
        uint64_t start = get(p + 16 + 4 * k, 4);
        uint64_t tile = get(p + 24 + 4 * k, 4);
        uint64_t first = get(p + 32 + 4 * k, 4);
        if (end <= start || tile == 0 || first > start || first + tile <= start) {
            return mopt_error_set(err, MOPT_E_FORMAT, "JPEG 2000: the header is malformed");
        }
        side[k] = end - start;
        tiles *= (end - first + tile - 1) / tile;
    }
    uint64_t most = encoded->max_pixels;
    most = most > 0 && most < PLANE_PIXELS_MAX ? most : PLANE_PIXELS_MAX;
    if (side[0] * side[1] > most) {
        return mopt_error_set(err, MOPT_E_LIMIT,
                              "JPEG 2000: picture of %llux%llu pixels, must have 1 to %llu pixels",
                              (unsigned long long)side[0], (unsigned long long)side[1],
                              (unsigned long long)most);
    }
    unsigned planes = (unsigned)get(p + 40, 2);
    if (tiles > TILES_MAX || planes == 0 || planes > PLANES_MAX) {
        return mopt_error_set(err, MOPT_E_LIMIT,
                              "JPEG 2000: %llu tiles of %u planes, must be at most %d of %d",
                              (unsigned long long)tiles, planes, (int)TILES_MAX, (int)PLANES_MAX);
    }
    return MOPT_OK;
}

// The library does not survive every allocation that fails: room for its planes, wavelets and
// tables is tried first.
static bool has_room(const struct mopt_encoded *encoded)
{
    size_t size = 0;
    const uint8_t *p = find_stream(encoded, &size);
    uint64_t pixels = p && size >= 42 ? (get(p + 8, 4) - get(p + 16, 4)) *
                                            (get(p + 12, 4) - get(p + 20, 4)) * get(p + 40, 2)
                                      : 0;
    void *block = mopt__malloc((size_t)pixels * 16 + ((size_t)16 << 20));
    bool there = block != NULL;
    mopt__free(block);
    return there;
}

// ---- Pixels -------------------------------------------------------------------------------------

static bool planes_fit(const opj_image_t *image)
{
    for (OPJ_UINT32 c = 0; c < image->numcomps; c++) {
        const opj_image_comp_t *plane = &image->comps[c];
        if (plane->w != image->comps[0].w || plane->h != image->comps[0].h || plane->prec < 1 ||
            plane->prec > 16) {
            return false;
        }
    }
    bool colours = image->color_space == OPJ_CLRSPC_UNSPECIFIED ||
                   image->color_space == OPJ_CLRSPC_UNKNOWN ||
                   image->color_space == (image->numcomps < 3 ? OPJ_CLRSPC_GRAY : OPJ_CLRSPC_SRGB);
    return colours && image->numcomps > 0 && image->numcomps <= PLANES_MAX;
}

// A sample of any width as 8 bits.
static uint8_t sample(const opj_image_comp_t *plane, size_t i)
{
    int64_t most = (INT64_C(1) << plane->prec) - 1;
    int64_t value = (int64_t)plane->data[i] + (plane->sgnd ? INT64_C(1) << (plane->prec - 1) : 0);
    value = value < 0 ? 0 : value > most ? most : value;
    return (uint8_t)(plane->prec >= 8 ? value >> (plane->prec - 8) : value * 255 / most);
}

static enum mopt_status take_pixels(const struct mopt_encoded *encoded, const opj_image_t *image,
                                    struct mopt_image *out, struct mopt_error *err)
{
    if (!planes_fit(image)) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "JPEG 2000: these planes are not supported");
    }
    size_t channels = image->numcomps == 2 ? 1 : image->numcomps; // grey and alpha becomes grey
    enum mopt_status status =
        mopt__codec_room(encoded, image->comps[0].w, image->comps[0].h, channels, out, err);
    for (size_t c = 0; status == MOPT_OK && c < channels; c++) {
        const opj_image_comp_t *plane = &image->comps[c];
        if (!plane->data) {
            return mopt_error_set(err, MOPT_E_FORMAT, "JPEG 2000: a plane is missing");
        }
        for (size_t i = 0; i < out->width * out->height; i++) {
            out->data[i * channels + c] = sample(plane, i);
        }
    }
    return status;
}

static enum mopt_status jpeg2000_decode(const struct mopt_encoded *encoded, struct mopt_image *out,
                                        struct mopt_error *err)
{
    enum mopt_status status = check_size(encoded, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (!has_room(encoded)) {
        return mopt_error_memory(err);
    }
    bool bare = is_stream(encoded->data, encoded->size);
    struct stream from = {.data = encoded->data, .size = encoded->size};
    opj_codec_t *codec = opj_create_decompress(bare ? OPJ_CODEC_J2K : OPJ_CODEC_JP2);
    opj_stream_t *stream = open_stream(&from);
    opj_image_t *image = NULL;
    opj_dparameters_t parameters;
    opj_set_default_decoder_parameters(&parameters);
    if (codec) {
        opj_set_error_handler(codec, hear, &from);
    }
    if (!codec || !stream) {
        status = mopt_error_memory(err);
    } else if (!opj_setup_decoder(codec, &parameters) || !opj_read_header(stream, codec, &image) ||
               !opj_decode(codec, stream, image) || !opj_end_decompress(codec, stream)) {
        status = from.out_of_memory
                     ? mopt_error_memory(err)
                     : mopt_error_set(err, MOPT_E_FORMAT, "JPEG 2000: damaged or cut short");
    } else {
        status = take_pixels(encoded, image, out, err);
    }
    opj_image_destroy(image);
    if (stream) {
        opj_stream_destroy(stream);
    }
    if (codec) {
        opj_destroy_codec(codec);
    }
    return status;
}
#else
static enum mopt_status jpeg2000_decode(const struct mopt_encoded *encoded, struct mopt_image *out,
                                        struct mopt_error *err)
{
    (void)encoded;
    (void)out;
    return mopt_error_set(err, MOPT_E_UNSUPPORTED, "JPEG 2000: built without OpenJPEG");
}
#define MOPT_HAVE_OPENJPEG 0
#endif

static bool is_jpeg2000(const uint8_t *data, size_t size)
{
    return is_boxed(data, size) || is_stream(data, size);
}

const struct mopt_codec mopt__codec_jpeg2000 = {.name = "jpeg2000",
                                                .works = MOPT_HAVE_OPENJPEG,
                                                .matches = is_jpeg2000,
                                                .decode = jpeg2000_decode};
