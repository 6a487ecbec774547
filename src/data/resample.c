// SPDX-License-Identifier: Apache-2.0
// Separable filters with the arithmetic of Pillow's ImagingResample on 8-bit images: the filter is
// stretched when the image shrinks, weights are rounded to 22 fractional bits, rows first, then
// columns, bytes in between. Bit-exact.
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "data/preprocess.h"

enum { WEIGHT_BITS = 32 - 8 - 2 };

static const double PI = 3.14159265358979323846;

static double box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
}

static double bilinear(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double hamming(double x)
{
    x = fabs(x);
    if (x == 0.0) {
        return 1.0;
    }
    if (x >= 1.0) {
        return 0.0;
    }
    x = x * PI;
    return sin(x) / x * (0.54 + 0.46 * cos(x));
}

// Keys' cubic convolution with a = -0.5.
static double bicubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) {
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    }
    return x < 2.0 ? (((x - 5) * x + 8) * x - 4) * a : 0.0;
}

static double sinc(double x)
{
    return x == 0.0 ? 1.0 : sin(x * PI) / (x * PI);
}

static double lanczos(double x)
{
    return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3) : 0.0;
}

static const struct filter {
    double (*weight)(double x);
    double support;
} FILTERS[MOPT_KERNEL_COUNT] = {
    [MOPT_KERNEL_PIL_BILINEAR] = {bilinear, 1.0}, [MOPT_KERNEL_PIL_BICUBIC] = {bicubic, 2.0},
    [MOPT_KERNEL_PIL_BOX] = {box, 0.5},           [MOPT_KERNEL_PIL_HAMMING] = {hamming, 1.0},
    [MOPT_KERNEL_PIL_LANCZOS] = {lanczos, 3.0},
};

// For every output position: which inputs count, and how much.
struct weights {
    size_t taps;    // at most, per output
    size_t *first;  // [out]
    size_t *count;  // [out]
    int32_t *value; // [out * taps]
};

static void weights_release(struct weights *weights)
{
    mopt__free(weights->first);
    mopt__free(weights->count);
    mopt__free(weights->value);
}

static enum mopt_status weights_alloc(struct weights *weights, size_t out, struct mopt_error *err)
{
    size_t cells = 0;
    if (!mopt__size_mul(out, weights->taps, &cells)) {
        return mopt_error_memory(err);
    }
    weights->first = mopt__calloc(out, sizeof *weights->first);
    weights->count = mopt__calloc(out, sizeof *weights->count);
    weights->value = mopt__calloc(cells, sizeof *weights->value);
    if (!weights->first || !weights->count || !weights->value) {
        weights_release(weights);
        return mopt_error_memory(err);
    }
    return MOPT_OK;
}

static int32_t to_fixed(double weight)
{
    double scaled = weight * (1 << WEIGHT_BITS);
    return (int32_t)(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

// Weights of one output around `center` (in input pixels), normalised to 1, rounded. scratch:
// [taps].
static void fill_one(const struct filter *filter, double center, double stretch, size_t in,
                     struct weights *weights, size_t i, double *scratch)
{
    double support = filter->support * stretch;
    double low = center - support + 0.5;
    double high = center + support + 0.5;
    size_t first = low < 0 ? 0 : (size_t)low;
    size_t last = (size_t)high > in ? in : (size_t)high;
    double inverse = 1.0 / stretch;
    double sum = 0;
    size_t count = last - first;
    for (size_t x = 0; x < count; x++) {
        scratch[x] = filter->weight(((double)(x + first) - center + 0.5) * inverse);
        sum += scratch[x];
    }
    for (size_t x = 0; x < count; x++) {
        double weight = sum != 0.0 ? scratch[x] / sum : scratch[x];
        weights->value[i * weights->taps + x] = to_fixed(weight);
    }
    weights->first[i] = first;
    weights->count[i] = count;
}

static enum mopt_status weights_make(enum mopt_kernel kernel, size_t in, size_t out,
                                     struct weights *weights, struct mopt_error *err)
{
    const struct filter *filter = &FILTERS[kernel];
    double scale = (double)in / (double)out;
    double stretch = scale < 1.0 ? 1.0 : scale;
    memset(weights, 0, sizeof *weights);
    weights->taps = (size_t)ceil(filter->support * stretch) * 2 + 1;
    double *scratch = mopt__calloc(weights->taps, sizeof *scratch);
    enum mopt_status status = scratch ? weights_alloc(weights, out, err) : mopt_error_memory(err);
    for (size_t i = 0; i < out && status == MOPT_OK; i++) {
        fill_one(filter, ((double)i + 0.5) * scale, stretch, in, weights, i, scratch);
    }
    mopt__free(scratch);
    return status;
}

static uint8_t clip(int32_t sum)
{
    int32_t value = sum >> WEIGHT_BITS;
    return (uint8_t)(value < 0 ? 0 : value > UINT8_MAX ? UINT8_MAX : value);
}

// One line of outputs; neighbours along the axis are `step` bytes apart.
static void run_line(const struct weights *weights, size_t out, const uint8_t *from, uint8_t *to,
                     size_t step)
{
    for (size_t i = 0; i < out; i++) {
        const int32_t *value = weights->value + i * weights->taps;
        const uint8_t *p = from + weights->first[i] * step;
        int32_t sum = 1 << (WEIGHT_BITS - 1);
        for (size_t x = 0; x < weights->count[i]; x++) {
            sum += p[x * step] * value[x];
        }
        to[i * step] = clip(sum);
    }
}

static enum mopt_status resample_rows(const struct mopt_image *in, size_t width,
                                      enum mopt_kernel kernel, struct mopt_image *out,
                                      struct mopt_error *err)
{
    struct weights weights;
    size_t channels = in->channels;
    enum mopt_status status = weights_make(kernel, in->width, width, &weights, err);
    if (status != MOPT_OK) {
        return status;
    }
    status = mopt__image_new(width, in->height, channels, out, err);
    for (size_t y = 0; y < in->height && status == MOPT_OK; y++) {
        for (size_t c = 0; c < channels; c++) {
            run_line(&weights, width, in->data + y * in->width * channels + c,
                     out->data + y * width * channels + c, channels);
        }
    }
    weights_release(&weights);
    return status;
}

// Rows are run over in the inner loop: memory is read in order.
static void column_row(const struct weights *weights, size_t y, const uint8_t *from, size_t bytes,
                       uint8_t *to)
{
    const int32_t *value = weights->value + y * weights->taps;
    const uint8_t *p = from + weights->first[y] * bytes;
    for (size_t i = 0; i < bytes; i++) {
        int32_t sum = 1 << (WEIGHT_BITS - 1);
        for (size_t k = 0; k < weights->count[y]; k++) {
            sum += p[k * bytes + i] * value[k];
        }
        to[i] = clip(sum);
    }
}

static enum mopt_status resample_columns(const struct mopt_image *in, size_t height,
                                         enum mopt_kernel kernel, struct mopt_image *out,
                                         struct mopt_error *err)
{
    struct weights weights;
    size_t bytes = in->width * in->channels;
    enum mopt_status status = weights_make(kernel, in->height, height, &weights, err);
    if (status != MOPT_OK) {
        return status;
    }
    status = mopt__image_new(in->width, height, in->channels, out, err);
    for (size_t y = 0; y < height && status == MOPT_OK; y++) {
        column_row(&weights, y, in->data, bytes, out->data + y * bytes);
    }
    weights_release(&weights);
    return status;
}

enum mopt_status mopt__image_resample(const struct mopt_image *in, size_t width, size_t height,
                                      enum mopt_kernel kernel, struct mopt_image *out,
                                      struct mopt_error *err)
{
    struct mopt_image middle = {0};
    enum mopt_status status = MOPT_OK;
    if (width == in->width) {
        return resample_columns(in, height, kernel, out, err);
    }
    if (height == in->height) {
        return resample_rows(in, width, kernel, out, err);
    }
    if (!mopt__pixels_fit(width, in->height)) { // a tall picture widened before it is shortened
        return mopt_error_set(err, MOPT_E_LIMIT, "resizing passes more than 2^26 pixels");
    }
    status = resample_rows(in, width, kernel, &middle, err);
    if (status == MOPT_OK) {
        status = resample_columns(&middle, height, kernel, out, err);
    }
    mopt__image_release(&middle);
    return status;
}
