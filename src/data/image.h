// SPDX-License-Identifier: Apache-2.0
// Picture files as tensors. It knows no folders and no preprocessing.
#ifndef MOPT_DATA_IMAGE_H
#define MOPT_DATA_IMAGE_H

#include "base/file.h"
#include "ir/tensor.h"

// JPEG or PNG by content: what a folder of data may hold.
bool mopt__is_picture(const uint8_t *data, size_t size);
// JPEG or PNG -> uint8 [H,W,C], C = 1 (grey), 3 (RGB) or 4 (RGB and alpha), at most 2^26 pixels.
// Errors: those of mopt__image_decode.
enum mopt_status mopt__picture_decode(const uint8_t *data, size_t size, struct mopt_tensor **out,
                                      struct mopt_error *err);
// The same; the error names the file.
enum mopt_status mopt__picture_map(const struct mopt_mapping *mapping, struct mopt_tensor **out,
                                   struct mopt_error *err);

#endif
