// SPDX-License-Identifier: Apache-2.0
// Images, their colours, and which decoder reads which bytes.
#include "image/image.h"

#include <string.h>

#include "base/size.h"
#include "image/codec.h"

// ---- Images -------------------------------------------------------------------------------------

bool mopt__pixels_fit(size_t width, size_t height)
{
    size_t pixels = 0;
    return mopt__size_mul(width, height, &pixels) && pixels > 0 && pixels <= MOPT_PIXELS_MAX;
}

enum mopt_status mopt__image_new(size_t width, size_t height, size_t channels,
                                 struct mopt_image *out, struct mopt_error *err)
{
    memset(out, 0, sizeof *out);
    if (!mopt__pixels_fit(width, height)) {
        return mopt_error_set(err, MOPT_E_LIMIT,
                              "image of %zux%zu pixels, must have 1 to 2^26 pixels", width, height);
    }
    out->data = mopt__malloc(width * height * channels);
    if (!out->data) {
        return mopt_error_memory(err);
    }
    out->width = width;
    out->height = height;
    out->channels = channels;
    return MOPT_OK;
}

void mopt__image_release(struct mopt_image *image)
{
    if (!image->borrowed) {
        mopt__free(image->data);
    }
    memset(image, 0, sizeof *image);
}

// ---- Colours ------------------------------------------------------------------------------------

static uint8_t luma(const uint8_t *p)
{
    return (uint8_t)((p[0] * 19595U + p[1] * 38470U + p[2] * 7471U + 0x8000U) >> 16);
}

enum mopt_status mopt__image_recolour(const struct mopt_image *in, enum mopt_colours colours,
                                      struct mopt_image *out, struct mopt_error *err)
{
    size_t pixels = in->width * in->height;
    size_t to = colours == MOPT_COLOURS_GREY ? 1 : 3;
    enum mopt_status status = mopt__image_new(in->width, in->height, to, out, err);
    for (size_t i = 0; i < pixels && status == MOPT_OK; i++) {
        const uint8_t *p = in->data + i * in->channels;
        uint8_t *q = out->data + i * to;
        if (colours == MOPT_COLOURS_GREY) {
            *q = in->channels >= 3 ? luma(p) : *p;
        } else {
            bool grey = in->channels < 3;
            q[colours == MOPT_COLOURS_RGB ? 0 : 2] = p[0];
            q[1] = grey ? p[0] : p[1];
            q[colours == MOPT_COLOURS_RGB ? 2 : 0] = grey ? p[0] : p[2];
        }
    }
    return status;
}

// ---- Decoders -----------------------------------------------------------------------------------

static const struct mopt_codec *const codecs[MOPT_IMAGE_FORMATS] = {
    [MOPT_IMAGE_JPEG] = &mopt__codec_jpeg,         [MOPT_IMAGE_PNG] = &mopt__codec_png,
    [MOPT_IMAGE_BMP] = &mopt__codec_bmp,           [MOPT_IMAGE_PNM] = &mopt__codec_pnm,
    [MOPT_IMAGE_WEBP] = &mopt__codec_webp,         [MOPT_IMAGE_TIFF] = &mopt__codec_tiff,
    [MOPT_IMAGE_JPEG2000] = &mopt__codec_jpeg2000,
};

enum mopt_image_format mopt__image_format(const uint8_t *data, size_t size)
{
    int format = 0;
    while (format < MOPT_IMAGE_FORMATS && !codecs[format]->matches(data, size)) {
        format++;
    }
    return (enum mopt_image_format)format;
}

const char *mopt__image_format_name(enum mopt_image_format format)
{
    return codecs[format]->name;
}

bool mopt__image_format_works(enum mopt_image_format format)
{
    return codecs[format]->works;
}

enum mopt_status mopt__codec_room(const struct mopt_encoded *encoded, size_t width, size_t height,
                                  size_t channels, struct mopt_image *out, struct mopt_error *err)
{
    size_t most = encoded->max_pixels;
    most = most > 0 && most < MOPT_PIXELS_MAX ? most : MOPT_PIXELS_MAX;
    if (!mopt__pixels_fit(width, height) || width * height > most) {
        return mopt_error_set(err, MOPT_E_LIMIT,
                              "picture of %zux%zu pixels, must have 1 to %s%zu pixels", width,
                              height, most == MOPT_PIXELS_MAX ? "2^" : "",
                              most == MOPT_PIXELS_MAX ? 26 : most);
    }
    return mopt__image_new(width, height, channels, out, err);
}

enum mopt_status mopt__image_decode(const struct mopt_encoded *encoded, struct mopt_image *out,
                                    struct mopt_error *err)
{
    memset(out, 0, sizeof *out);
    enum mopt_image_format format = mopt__image_format(encoded->data, encoded->size);
    if (format == MOPT_IMAGE_FORMATS) {
        return mopt_error_set(err, MOPT_E_FORMAT, "the bytes are no picture of a known format");
    }
    enum mopt_status status = codecs[format]->decode(encoded, out, err);
    if (status != MOPT_OK) {
        mopt__image_release(out);
    }
    return status;
}
