// SPDX-License-Identifier: Apache-2.0
// Front door of image (rank 1): pictures in memory, decoded from the bytes of a file into pixels.
// It knows no files, no tensors and no preprocessing. Who may use it: ops (ImageDecoder), data
// (folders of pictures). Read in this order: image.h, image.c (which decoder), codec.h (what a
// decoder is), pnm.c (the simplest one), then the others.
#ifndef MOPT_IMAGE_IMAGE_H
#define MOPT_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mopt/status.h"

enum { MOPT_PIXELS_MAX = 1 << 26 };

struct mopt_image { // [height,width,channels], row-major; 1 grey, 3 RGB, 4 RGB and alpha
    uint8_t *data;
    size_t width, height, channels;
    bool borrowed; // data are not ours
};
bool mopt__pixels_fit(size_t width, size_t height); // 1 to MOPT_PIXELS_MAX pixels
// New image of undefined pixels. Errors: MOPT_E_LIMIT (none or more than MOPT_PIXELS_MAX pixels),
// MOPT_E_MEMORY.
enum mopt_status mopt__image_new(size_t width, size_t height, size_t channels,
                                 struct mopt_image *out, struct mopt_error *err);
void mopt__image_release(struct mopt_image *image);

enum mopt_colours { MOPT_COLOURS_RGB, MOPT_COLOURS_BGR, MOPT_COLOURS_GREY };
// New image of 3 channels (1 for grey: luma of ITU-R BT.601 in 16-bit fixed point, rounded). Alpha
// is dropped, grey is repeated.
enum mopt_status mopt__image_recolour(const struct mopt_image *in, enum mopt_colours colours,
                                      struct mopt_image *out, struct mopt_error *err);

struct mopt_encoded { // bytes of a picture file
    const uint8_t *data;
    size_t size;
    size_t max_pixels; // 0 = MOPT_PIXELS_MAX
};
// Formats in a fixed order; some are there only when their library was at hand at build time.
enum mopt_image_format {
    MOPT_IMAGE_JPEG,
    MOPT_IMAGE_PNG,
    MOPT_IMAGE_BMP,
    MOPT_IMAGE_PNM,
    MOPT_IMAGE_WEBP,
    MOPT_IMAGE_TIFF,
    MOPT_IMAGE_JPEG2000,
    MOPT_IMAGE_FORMATS // also: none of them
};
// By content.
enum mopt_image_format mopt__image_format(const uint8_t *data, size_t size);
const char *mopt__image_format_name(enum mopt_image_format format); // "jpeg", "png" ...
bool mopt__image_format_works(enum mopt_image_format format);       // built in
// Decodes a picture of any format that works. The orientation noted in EXIF is not applied, samples
// of more than 8 bits keep the upper 8. The size is checked before pixels are allocated; damaged or
// cut short files are errors, never half a picture. Errors: MOPT_E_FORMAT, MOPT_E_LIMIT (more than
// max_pixels), MOPT_E_UNSUPPORTED (format not built in, odd colour spaces), MOPT_E_MEMORY.
enum mopt_status mopt__image_decode(const struct mopt_encoded *encoded, struct mopt_image *out,
                                    struct mopt_error *err);

#endif
