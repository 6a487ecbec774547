// SPDX-License-Identifier: Apache-2.0
// What a decoder of one format is, and what decoders share. Only files of this folder include it.
#ifndef MOPT_IMAGE_CODEC_H
#define MOPT_IMAGE_CODEC_H

#include "base/alloc.h"
#include "image/image.h"

struct mopt_codec {
    const char *name;
    bool works; // false: the library was missing when this was built, decode only says so
    bool (*matches)(const uint8_t *data, size_t size);
    // *out is zeroed on entry; on failure image.c releases it.
    enum mopt_status (*decode)(const struct mopt_encoded *encoded, struct mopt_image *out,
                               struct mopt_error *err);
};
extern const struct mopt_codec mopt__codec_jpeg;
extern const struct mopt_codec mopt__codec_png;
extern const struct mopt_codec mopt__codec_bmp;
extern const struct mopt_codec mopt__codec_pnm;
extern const struct mopt_codec mopt__codec_webp;
extern const struct mopt_codec mopt__codec_tiff;
extern const struct mopt_codec mopt__codec_jpeg2000;

// Makes room for the picture, after the check that it is not larger than encoded allows.
enum mopt_status mopt__codec_room(const struct mopt_encoded *encoded, size_t width, size_t height,
                                  size_t channels, struct mopt_image *out, struct mopt_error *err);

#endif
