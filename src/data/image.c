// SPDX-License-Identifier: Apache-2.0
// Pictures by content: which decoder, and the limits that hold for all of them.
#include "data/image.h"

#include <string.h>

#include "data/data.h"
#include "data/preprocess.h"

bool mopt__is_jpeg(const uint8_t *data, size_t size)
{
    return size >= 3 && memcmp(data, "\xff\xd8\xff", 3) == 0;
}

bool mopt__is_png(const uint8_t *data, size_t size)
{
    return size >= 8 && memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0;
}

enum mopt_status mopt__image_tensor(size_t width, size_t height, size_t channels,
                                    struct mopt_tensor **out, struct mopt_error *err)
{
    *out = NULL;
    if (!mopt__pixels_fit(width, height)) {
        return mopt_error_set(err, MOPT_E_LIMIT,
                              "picture of %zux%zu pixels, must have 1 to 2^26 pixels", width,
                              height);
    }
    int64_t dims[] = {(int64_t)height, (int64_t)width, (int64_t)channels};
    return mopt__tensor_new(MOPT_UINT8, 3, dims, out, err);
}

enum mopt_status mopt__image_decode(const struct mopt_mapping *mapping, struct mopt_tensor **out,
                                    struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    *out = NULL;
    if (mopt__is_jpeg(mapping->data, mapping->size)) {
        status = mopt__jpeg_decode(mapping->data, mapping->size, out, err);
    } else if (mopt__is_png(mapping->data, mapping->size)) {
        status = mopt__png_decode(mapping->data, mapping->size, out, err);
    } else {
        status = mopt_error_set(err, MOPT_E_FORMAT, "is neither JPEG nor PNG");
    }
    return status == MOPT_OK ? MOPT_OK : mopt_error_wrap(err, "picture '%s'", mapping->path);
}

enum mopt_status mopt__image_load(const char *path, struct mopt_tensor **out,
                                  struct mopt_error *err)
{
    struct mopt_mapping *mapping = NULL;
    *out = NULL;
    enum mopt_status status = mopt__mapping_open(path, 0, &mapping, err);
    if (status == MOPT_OK) {
        status = mopt__image_decode(mapping, out, err);
        mopt__mapping_unref(mapping);
    }
    return status;
}
