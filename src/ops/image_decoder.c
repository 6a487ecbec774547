// SPDX-License-Identifier: Apache-2.0
// ImageDecoder: the bytes of a picture file become pixels [H,W,C]. Which formats there are is the
// business of src/image. Where the specification gives an empty matrix for bytes that cannot be
// decoded, this is an error that tells why.
#include <string.h>

#include "image/image.h"
#include "ops/eval.h"
#include "ops/infer.h"
#include "ops/record.h"

static enum mopt_status read_colours(const struct mopt_node *node, enum mopt_colours *colours,
                                     struct mopt_error *err)
{
    const char *text = "RGB";
    enum mopt_status status = mopt__attr_string(node, "pixel_format", "RGB", &text, err);
    *colours = strcmp(text, "Grayscale") == 0 ? MOPT_COLOURS_GREY
               : strcmp(text, "BGR") == 0     ? MOPT_COLOURS_BGR
                                              : MOPT_COLOURS_RGB;
    return status; // other texts do not pass the schema
}

static enum mopt_status image_infer(struct mopt_infer *infer, struct mopt_error *err)
{
    enum mopt_colours colours = MOPT_COLOURS_RGB;
    enum mopt_status status = read_colours(infer->node, &colours, err);
    if (status != MOPT_OK) {
        return status;
    }
    const int64_t dims[] = {mopt__dim_fresh(infer->dims), mopt__dim_fresh(infer->dims),
                            colours == MOPT_COLOURS_GREY ? 1 : 3};
    return mopt__infer_set(infer, 0, MOPT_UINT8, 3, dims, err);
}

// Decoded pixels and their copy in other colours take up to 4 + 3 bytes each.
static size_t pixels_allowed(const struct mopt_eval *eval)
{
    const uint64_t limit = eval->budget != NULL ? eval->budget->max_memory_bytes : 0;
    return limit == 0 ? 0 : (size_t)(limit / 8) + 1;
}

static enum mopt_status put_pixels(struct mopt_eval *eval, const struct mopt_image *image,
                                   struct mopt_error *err)
{
    const int64_t dims[] = {(int64_t)image->height, (int64_t)image->width,
                            (int64_t)image->channels};
    struct mopt_tensor *out = NULL;
    enum mopt_status status = mopt__eval_output(eval, 0, MOPT_UINT8, 3, dims, &out, err);
    if (status == MOPT_OK) {
        memcpy(mopt__tensor_data(out), image->data, out->bytes);
    }
    return status;
}

static enum mopt_status image_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *bytes = mopt__eval_input(eval, 0);
    const struct mopt_encoded encoded = {.data = bytes->data,
                                         .size = bytes->bytes,
                                         .max_pixels = pixels_allowed(eval)};
    struct mopt_image decoded = {.data = NULL};
    struct mopt_image image = {.data = NULL};
    enum mopt_colours colours = MOPT_COLOURS_RGB;
    if (bytes->rank != 1) {
        return mopt_error_set(err, MOPT_E_SHAPE, "the bytes have rank %d, must be 1", bytes->rank);
    }
    enum mopt_status status = read_colours(eval->node, &colours, err);
    if (status == MOPT_OK) {
        status = mopt__image_decode(&encoded, &decoded, err);
    }
    if (status == MOPT_OK) {
        status = mopt__image_recolour(&decoded, colours, &image, err);
    }
    if (status == MOPT_OK) {
        status = put_pixels(eval, &image, err);
    }
    mopt__image_release(&decoded);
    mopt__image_release(&image);
    return status;
}

static const struct mopt_op records[] = {
    {.domain = "",
     .name = "ImageDecoder",
     .since = 20,
     .summary = "pixels of an encoded picture (JPEG, PNG, BMP, PNM, WebP, TIFF, JPEG 2000)",
     MOPT_INPUTS({"encoded_stream", "T1", MOPT_DT(MOPT_UINT8), 0}),
     MOPT_OUTPUTS({"image", "T2", MOPT_DT(MOPT_UINT8), 0}),
     MOPT_ATTRIBUTES(MOPT_A_STRING("pixel_format", "RGB", "RGB|BGR|Grayscale")),
     .infer = image_infer,
     .eval = image_eval},
};
const struct mopt_op_family mopt__ops_image_decoder = {records, MOPT_COUNTOF(records)};
