// SPDX-License-Identifier: Apache-2.0
// Pictures that are samples: JPEG and PNG.
#include "data/image.h"

#include <string.h>

#include "data/data.h"
#include "image/image.h"

bool mopt__is_picture(const uint8_t *data, size_t size)
{
    enum mopt_image_format format = mopt__image_format(data, size);
    return format == MOPT_IMAGE_JPEG || format == MOPT_IMAGE_PNG;
}

enum mopt_status mopt__picture_decode(const uint8_t *data, size_t size, struct mopt_tensor **out,
                                      struct mopt_error *err)
{
    const struct mopt_encoded encoded = {.data = data, .size = size};
    struct mopt_image image;
    *out = NULL;
    if (!mopt__is_picture(data, size)) {
        return mopt_error_set(err, MOPT_E_FORMAT, "is neither JPEG nor PNG");
    }
    enum mopt_status status = mopt__image_decode(&encoded, &image, err);
    if (status != MOPT_OK) {
        return status;
    }
    int64_t dims[] = {(int64_t)image.height, (int64_t)image.width, (int64_t)image.channels};
    status = mopt__tensor_new(MOPT_UINT8, 3, dims, out, err);
    if (status == MOPT_OK) {
        memcpy(mopt__tensor_data(*out), image.data, (*out)->bytes);
    }
    mopt__image_release(&image);
    return status;
}

enum mopt_status mopt__picture_map(const struct mopt_mapping *mapping, struct mopt_tensor **out,
                                   struct mopt_error *err)
{
    enum mopt_status status = mopt__picture_decode(mapping->data, mapping->size, out, err);
    return status == MOPT_OK ? MOPT_OK : mopt_error_wrap(err, "picture '%s'", mapping->path);
}

enum mopt_status mopt__image_load(const char *path, struct mopt_tensor **out,
                                  struct mopt_error *err)
{
    struct mopt_mapping *mapping = NULL;
    *out = NULL;
    enum mopt_status status = mopt__mapping_open(path, 0, &mapping, err);
    if (status == MOPT_OK) {
        status = mopt__picture_map(mapping, out, err);
        mopt__mapping_unref(mapping);
    }
    return status;
}
