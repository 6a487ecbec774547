// SPDX-License-Identifier: Apache-2.0
// Carrying out preprocessing: pixel steps one after the other on bytes, then the number steps as
// one table of 256 values per channel. It knows no files.
#include "data/preprocess.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/size.h"

// ---- Sizes --------------------------------------------------------------------------------------

// Short: the longer side is cut to a whole number, as torchvision does. Long: it is rounded.
static enum mopt_status resize(const struct mopt_image *in, const struct mopt_step *step,
                               struct mopt_image *out, struct mopt_error *err)
{
    size_t width = step->width;
    size_t height = step->height;
    size_t lower = in->width < in->height ? in->width : in->height;
    size_t upper = in->width < in->height ? in->height : in->width;
    assert(lower > 0);
    if (step->fit == MOPT_FIT_SHORT) {
        size_t other = step->width * upper / lower;
        width = in->width <= in->height ? step->width : other;
        height = in->width <= in->height ? other : step->width;
    } else if (step->fit == MOPT_FIT_LONG) {
        size_t other = (step->width * lower + upper / 2) / upper;
        other = other > 0 ? other : 1;
        width = in->width >= in->height ? step->width : other;
        height = in->width >= in->height ? other : step->width;
    }
    return mopt__image_resize(in, width, height, step->kernel, out, err);
}

// Half of an even or odd rest; halves of odd ones go to the even neighbour.
static size_t half_even(size_t rest)
{
    size_t half = rest / 2;
    return rest % 2 == 1 && half % 2 == 1 ? half + 1 : half;
}

static enum mopt_status crop(const struct mopt_image *in, const struct mopt_step *step,
                             struct mopt_image *out, struct mopt_error *err)
{
    if (step->width > in->width || step->height > in->height) {
        return mopt_error_set(err, MOPT_E_SHAPE, "crop of %zux%zu out of an image of %zux%zu",
                              step->width, step->height, in->width, in->height);
    }
    size_t left = half_even(in->width - step->width);
    size_t top = half_even(in->height - step->height);
    enum mopt_status status = mopt__image_new(step->width, step->height, in->channels, out, err);
    for (size_t y = 0; y < step->height && status == MOPT_OK; y++) {
        memcpy(out->data + y * step->width * in->channels,
               in->data + ((top + y) * in->width + left) * in->channels,
               step->width * in->channels);
    }
    return status;
}

// The image in the middle of a canvas; odd rests are larger on the right and below.
static enum mopt_status pad(const struct mopt_image *in, const struct mopt_step *step,
                            struct mopt_image *out, struct mopt_error *err)
{
    if (step->width < in->width || step->height < in->height) {
        return mopt_error_set(err, MOPT_E_SHAPE, "padding to %zux%zu of an image of %zux%zu",
                              step->width, step->height, in->width, in->height);
    }
    size_t left = (step->width - in->width) / 2;
    size_t top = (step->height - in->height) / 2;
    enum mopt_status status = mopt__image_new(step->width, step->height, in->channels, out, err);
    if (status != MOPT_OK) {
        return status;
    }
    memset(out->data, step->fill, step->width * step->height * in->channels);
    for (size_t y = 0; y < in->height; y++) {
        memcpy(out->data + ((top + y) * step->width + left) * in->channels,
               in->data + y * in->width * in->channels, in->width * in->channels);
    }
    return MOPT_OK;
}

static size_t scaled(size_t side, double ratio)
{
    double value = rint((double)side * ratio);
    return value < 1 ? 1 : (size_t)value;
}

static enum mopt_status letterbox(const struct mopt_image *in, const struct mopt_step *step,
                                  struct mopt_image *out, struct mopt_error *err)
{
    double across = (double)step->width / (double)in->width;
    double down = (double)step->height / (double)in->height;
    double ratio = across < down ? across : down;
    size_t width = scaled(in->width, ratio);
    size_t height = scaled(in->height, ratio);
    struct mopt_image inner;
    if (width == in->width && height == in->height) {
        return pad(in, step, out, err);
    }
    enum mopt_status status = mopt__image_resize(in, width, height, step->kernel, &inner, err);
    if (status == MOPT_OK) {
        status = pad(&inner, step, out, err);
        mopt__image_release(&inner);
    }
    return status;
}

static enum mopt_status pixel_step(const struct mopt_image *in, const struct mopt_step *step,
                                   struct mopt_image *out, struct mopt_error *err)
{
    switch (step->kind) {
    case MOPT_STEP_RESIZE:
        return resize(in, step, out, err);
    case MOPT_STEP_CROP:
        return crop(in, step, out, err);
    case MOPT_STEP_PAD:
        return pad(in, step, out, err);
    case MOPT_STEP_LETTERBOX:
        return letterbox(in, step, out, err);
    case MOPT_STEP_GREY:
        return mopt__image_recolour(in, MOPT_COLOURS_GREY, out, err);
    case MOPT_STEP_BGR:
        return mopt__image_recolour(in, MOPT_COLOURS_BGR, out, err);
    default:
        return mopt__image_recolour(in, MOPT_COLOURS_RGB, out, err);
    }
}

// ---- Numbers ------------------------------------------------------------------------------------

struct numbers {
    float table[MOPT_CHANNELS_MAX][256]; // [channel][byte]
    bool chw;
};

static float number_step(const struct mopt_step *step, size_t channel, float value)
{
    float item = step->list[step->list_count > 1 ? channel : 0];
    switch (step->kind) {
    case MOPT_STEP_SCALE:
        return (float)((double)value * step->times / step->over);
    case MOPT_STEP_MEAN:
        return value - item;
    case MOPT_STEP_STD:
        return value / item;
    default:
        return value;
    }
}

static enum mopt_status make_numbers(const struct mopt_preprocess *pre, size_t channels,
                                     struct numbers *out, struct mopt_error *err)
{
    out->chw = false;
    for (size_t c = 0; c < channels; c++) {
        for (size_t v = 0; v < 256; v++) {
            out->table[c][v] = (float)v;
        }
    }
    for (size_t i = 0; i < pre->count; i++) {
        const struct mopt_step *step = &pre->steps[i];
        out->chw = out->chw || step->kind == MOPT_STEP_CHW;
        if (step->list_count > 1 && step->list_count != channels) {
            return mopt_error_set(err, MOPT_E_SHAPE,
                                  "%s has %zu numbers, the image has %zu channels (say rgb or "
                                  "grey)",
                                  step->kind == MOPT_STEP_MEAN ? "mean" : "std", step->list_count,
                                  channels);
        }
        for (size_t c = 0; c < channels; c++) {
            for (size_t v = 0; v < 256; v++) {
                out->table[c][v] = number_step(step, c, out->table[c][v]);
            }
        }
    }
    return MOPT_OK;
}

static enum mopt_status to_numbers(const struct mopt_preprocess *pre,
                                   const struct mopt_image *image, struct mopt_tensor **out,
                                   struct mopt_error *err)
{
    struct numbers numbers;
    size_t pixels = image->width * image->height;
    size_t channels = image->channels;
    enum mopt_status status = make_numbers(pre, channels, &numbers, err);
    if (status != MOPT_OK) {
        return status;
    }
    int64_t hwc[] = {(int64_t)image->height, (int64_t)image->width, (int64_t)channels};
    int64_t chw[] = {hwc[2], hwc[0], hwc[1]};
    status = mopt__tensor_new(MOPT_FLOAT32, 3, numbers.chw ? chw : hwc, out, err);
    if (status != MOPT_OK) {
        return status;
    }
    float *to = mopt__tensor_data(*out);
    size_t pixel_step_size = numbers.chw ? 1 : channels;
    size_t channel_step = numbers.chw ? pixels : 1;
    for (size_t c = 0; c < channels; c++) {
        for (size_t i = 0; i < pixels; i++) {
            to[i * pixel_step_size + c * channel_step] =
                numbers.table[c][image->data[i * channels + c]];
        }
    }
    return MOPT_OK;
}

static bool is_image(const struct mopt_tensor *tensor)
{
    return tensor->dtype == MOPT_UINT8 && tensor->rank == 3 && tensor->count > 0 &&
           (tensor->dims[2] == 1 || tensor->dims[2] == 3 || tensor->dims[2] == 4);
}

enum mopt_status mopt__preprocess_image(const struct mopt_preprocess *pre,
                                        const struct mopt_tensor *image, struct mopt_tensor **out,
                                        struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    *out = NULL;
    if (!is_image(image)) {
        return mopt_error_set(err, MOPT_E_SHAPE,
                              "no image: must be uint8 [height,width,1 or 3 or 4]");
    }
    struct mopt_image now = {.data = (uint8_t *)(uintptr_t)image->data,
                             .width = (size_t)image->dims[1],
                             .height = (size_t)image->dims[0],
                             .channels = (size_t)image->dims[2],
                             .borrowed = true};
    for (size_t i = 0; i < pre->count && pre->steps[i].kind < MOPT_STEP_SCALE; i++) {
        struct mopt_image next = {0};
        status = pixel_step(&now, &pre->steps[i], &next, err);
        mopt__image_release(&now);
        if (status != MOPT_OK) {
            mopt__image_release(&next);
            return status;
        }
        now = next;
    }
    status = to_numbers(pre, &now, out, err);
    mopt__image_release(&now);
    return status;
}
