// SPDX-License-Identifier: Apache-2.0
// WebP with libwebp, when it was there at build time. Animations are refused.
#include <string.h>

#include "image/codec.h"

#ifdef MOPT_HAVE_WEBP
#include <webp/decode.h>

static enum mopt_status webp_decode(const struct mopt_encoded *encoded, struct mopt_image *out,
                                    struct mopt_error *err)
{
    WebPBitstreamFeatures features;
    if (WebPGetFeatures(encoded->data, encoded->size, &features) != VP8_STATUS_OK) {
        return mopt_error_set(err, MOPT_E_FORMAT, "WebP: the header is malformed or cut short");
    }
    if (features.has_animation) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "WebP: animations are not supported");
    }
    size_t channels = features.has_alpha ? 4 : 3;
    enum mopt_status status = mopt__codec_room(encoded, (size_t)features.width,
                                               (size_t)features.height, channels, out, err);
    if (status != MOPT_OK) {
        return status;
    }
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "WebP: libwebp is of another version");
    }
    config.output.colorspace = features.has_alpha ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = out->data;
    config.output.u.RGBA.stride = (int)(out->width * channels); // sides have 14 bits
    config.output.u.RGBA.size = out->width * channels * out->height;
    VP8StatusCode code = WebPDecode(encoded->data, encoded->size, &config);
    WebPFreeDecBuffer(&config.output);
    return code == VP8_STATUS_OK ? MOPT_OK
           : code == VP8_STATUS_OUT_OF_MEMORY
               ? mopt_error_memory(err)
               : mopt_error_set(err, MOPT_E_FORMAT, "WebP: damaged or cut short");
}
#else
static enum mopt_status webp_decode(const struct mopt_encoded *encoded, struct mopt_image *out,
                                    struct mopt_error *err)
{
    (void)encoded;
    (void)out;
    return mopt_error_set(err, MOPT_E_UNSUPPORTED, "WebP: built without libwebp");
}
#define MOPT_HAVE_WEBP 0
#endif

static bool is_webp(const uint8_t *data, size_t size)
{
    return size >= 16 && memcmp(data, "RIFF", 4) == 0 && memcmp(data + 8, "WEBP", 4) == 0;
}

const struct mopt_codec mopt__codec_webp = {.name = "webp",
                                            .works = MOPT_HAVE_WEBP,
                                            .matches = is_webp,
                                            .decode = webp_decode};
