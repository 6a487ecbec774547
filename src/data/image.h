// SPDX-License-Identifier: Apache-2.0
// Decoding of pictures in memory. It knows no folders and no preprocessing.
#ifndef MOPT_DATA_IMAGE_H
#define MOPT_DATA_IMAGE_H

#include "base/file.h"
#include "ir/tensor.h"

bool mopt__is_jpeg(const uint8_t *data, size_t size);
bool mopt__is_png(const uint8_t *data, size_t size);
// Pictures -> uint8 [H,W,C], C = 1 (grey), 3 (RGB) or 4 (RGB and alpha), at most 2^26 pixels. The
// orientation noted in EXIF is not applied. Errors: MOPT_E_FORMAT (damaged, cut short),
// MOPT_E_LIMIT, MOPT_E_MEMORY.
enum mopt_status mopt__jpeg_decode(const uint8_t *data, size_t size, struct mopt_tensor **out,
                                   struct mopt_error *err);
enum mopt_status mopt__png_decode(const uint8_t *data, size_t size, struct mopt_tensor **out,
                                  struct mopt_error *err);
// Either, by content; the error names the file.
enum mopt_status mopt__image_decode(const struct mopt_mapping *mapping, struct mopt_tensor **out,
                                    struct mopt_error *err);
// New uint8 tensor [height,width,channels]; MOPT_E_LIMIT above 2^26 pixels.
enum mopt_status mopt__image_tensor(size_t width, size_t height, size_t channels,
                                    struct mopt_tensor **out, struct mopt_error *err);

#endif
