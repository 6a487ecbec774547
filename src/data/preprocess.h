// SPDX-License-Identifier: Apache-2.0
// Inside of preprocessing: images, steps, resizing. It knows neither files nor datasets.
#ifndef MOPT_DATA_PREPROCESS_H
#define MOPT_DATA_PREPROCESS_H

#include "data/data.h"
#include "image/image.h"

enum { MOPT_STEPS_MAX = 32, MOPT_CHANNELS_MAX = 4 };

enum mopt_kernel {
    MOPT_KERNEL_PIL_NEAREST, // Pillow's filters, to the bit
    MOPT_KERNEL_PIL_BILINEAR,
    MOPT_KERNEL_PIL_BICUBIC,
    MOPT_KERNEL_PIL_BOX,
    MOPT_KERNEL_PIL_HAMMING,
    MOPT_KERNEL_PIL_LANCZOS,
    MOPT_KERNEL_CV_LINEAR, // two neighbours each way, no smoothing when shrinking, as OpenCV
    MOPT_KERNEL_AREA,      // mean over the covered area
    MOPT_KERNEL_NEAREST,   // pixel at floor(x * in / out)
    MOPT_KERNEL_COUNT
};
// New image of the given size (both at least 1).
enum mopt_status mopt__image_resize(const struct mopt_image *in, size_t width, size_t height,
                                    enum mopt_kernel kernel, struct mopt_image *out,
                                    struct mopt_error *err);
// The filters of Pillow but nearest (resample.c).
enum mopt_status mopt__image_resample(const struct mopt_image *in, size_t width, size_t height,
                                      enum mopt_kernel kernel, struct mopt_image *out,
                                      struct mopt_error *err);

enum mopt_step_kind {
    MOPT_STEP_RGB,
    MOPT_STEP_BGR,
    MOPT_STEP_GREY,
    MOPT_STEP_RESIZE,
    MOPT_STEP_CROP,
    MOPT_STEP_PAD,
    MOPT_STEP_LETTERBOX,
    MOPT_STEP_SCALE, // from here on numbers, not pixels
    MOPT_STEP_MEAN,
    MOPT_STEP_STD,
    MOPT_STEP_CHW,
    MOPT_STEP_HWC,
    MOPT_STEP_COUNT
};
enum mopt_resize_fit { MOPT_FIT_SHORT, MOPT_FIT_LONG, MOPT_FIT_EXACT };

struct mopt_step {
    enum mopt_step_kind kind;
    size_t width, height;          // resize, crop, pad, letterbox; equal for "=N"
    enum mopt_resize_fit fit;      // resize
    enum mopt_kernel kernel;       // resize, letterbox
    uint8_t fill;                  // pad, letterbox
    double times, over;            // scale: value * times / over
    float list[MOPT_CHANNELS_MAX]; // mean, std: per channel, or one for all
    size_t list_count;
};
struct mopt_preprocess {
    struct mopt_step steps[MOPT_STEPS_MAX];
    size_t count;
};

#endif
