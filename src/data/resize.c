// SPDX-License-Identifier: Apache-2.0
// Resizing without Pillow's filters: nearest pixels, linear interpolation as OpenCV computes it on
// bytes, mean over areas.
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "data/preprocess.h"

// ---- Nearest ------------------------------------------------------------------------------------

// Pillow steps through the centres of the output pixels by adding the scale again and again.
static void nearest_pil(size_t in, size_t out, size_t *index)
{
    double scale = (double)in / (double)out;
    double at = scale * 0.5;
    for (size_t i = 0; i < out; i++) {
        index[i] = (size_t)at < in ? (size_t)at : in - 1;
        at += scale;
    }
}

static void nearest_floor(size_t in, size_t out, size_t *index)
{
    for (size_t i = 0; i < out; i++) {
        index[i] = i * in / out;
    }
}

static enum mopt_status resize_nearest(const struct mopt_image *in, enum mopt_kernel kernel,
                                       struct mopt_image *out, struct mopt_error *err)
{
    size_t channels = in->channels;
    size_t *x = mopt__calloc(out->width, sizeof *x);
    size_t *y = mopt__calloc(out->height, sizeof *y);
    enum mopt_status status = x && y ? MOPT_OK : mopt_error_memory(err);
    if (status == MOPT_OK) {
        void (*index)(size_t, size_t, size_t *) =
            kernel == MOPT_KERNEL_NEAREST ? nearest_floor : nearest_pil;
        index(in->width, out->width, x);
        index(in->height, out->height, y);
    }
    for (size_t row = 0; row < out->height && status == MOPT_OK; row++) {
        const uint8_t *from = in->data + y[row] * in->width * channels;
        uint8_t *to = out->data + row * out->width * channels;
        for (size_t column = 0; column < out->width; column++) {
            memcpy(to + column * channels, from + x[column] * channels, channels);
        }
    }
    mopt__free(x);
    mopt__free(y);
    return status;
}

// ---- Linear -------------------------------------------------------------------------------------

enum { LINEAR_ONE = 1 << 11 }; // weights have 11 fractional bits

struct tap { // input pixels first and second with their weights
    size_t first, second;
    int weight_first, weight_second;
};

// rows: at the borders both pixels are the same row and the weights stay; columns: the outer weight
// is 0.
static void linear_taps(size_t in, size_t out, bool rows, struct tap *taps)
{
    double scale = (double)in / (double)out;
    for (size_t i = 0; i < out; i++) {
        float at = (float)(((double)i + 0.5) * scale - 0.5);
        float base = floorf(at);
        float part = at - base;
        if (!rows && base < 0) {
            base = 0;
            part = 0;
        }
        if (!rows && base >= (float)(in - 1)) {
            base = (float)(in - 1);
            part = 0;
        }
        size_t first = base < 0 ? 0 : (size_t)base;
        size_t second = base < 0 ? 0 : first + 1;
        taps[i] = (struct tap){.first = first < in ? first : in - 1,
                               .second = second < in ? second : in - 1,
                               .weight_first = (int)lrintf((1.0F - part) * LINEAR_ONE),
                               .weight_second = (int)lrintf(part * LINEAR_ONE)};
    }
}

static void linear_row(const struct mopt_image *in, const struct mopt_image *out,
                       const struct tap *across, const struct tap *down, uint8_t *to)
{
    size_t channels = in->channels;
    const uint8_t *upper = in->data + down->first * in->width * channels;
    const uint8_t *lower = in->data + down->second * in->width * channels;
    for (size_t x = 0; x < out->width; x++) {
        for (size_t c = 0; c < channels; c++) {
            size_t a = across[x].first * channels + c;
            size_t b = across[x].second * channels + c;
            int top = upper[a] * across[x].weight_first + upper[b] * across[x].weight_second;
            int bottom = lower[a] * across[x].weight_first + lower[b] * across[x].weight_second;
            int sum = ((down->weight_first * (top >> 4)) >> 16) +
                      ((down->weight_second * (bottom >> 4)) >> 16);
            to[x * channels + c] = (uint8_t)((sum + 2) >> 2);
        }
    }
}

static enum mopt_status resize_linear(const struct mopt_image *in, struct mopt_image *out,
                                      struct mopt_error *err)
{
    struct tap *across = mopt__calloc(out->width, sizeof *across);
    struct tap *down = mopt__calloc(out->height, sizeof *down);
    enum mopt_status status = across && down ? MOPT_OK : mopt_error_memory(err);
    if (status == MOPT_OK) {
        linear_taps(in->width, out->width, false, across);
        linear_taps(in->height, out->height, true, down);
        for (size_t y = 0; y < out->height; y++) {
            linear_row(in, out, across, &down[y], out->data + y * out->width * in->channels);
        }
    }
    mopt__free(across);
    mopt__free(down);
    return status;
}

// ---- Area ---------------------------------------------------------------------------------------

struct span { // input pixels that an output pixel covers; the inner ones wholly
    size_t first, last;
    double weight_first, weight_last; // of the border pixels
};

static void area_spans(size_t in, size_t out, struct span *spans)
{
    for (size_t i = 0; i < out; i++) {
        double low = (double)i * (double)in / (double)out;
        double high = (double)(i + 1) * (double)in / (double)out;
        size_t first = (size_t)low;
        size_t last = (size_t)ceil(high) - 1;
        first = first < in ? first : in - 1;
        last = last < in ? last : in - 1;
        spans[i] = (struct span){.first = first, .last = last};
        spans[i].weight_first = first == last ? high - low : (double)(first + 1) - low;
        spans[i].weight_last = high - (double)last;
    }
}

static double span_weight(const struct span *span, size_t i)
{
    if (i == span->first) {
        return span->weight_first;
    }
    return i == span->last ? span->weight_last : 1.0;
}

static uint8_t area_mean(const struct mopt_image *in, const struct span *across,
                         const struct span *down, size_t channel)
{
    double sum = 0;
    double total = 0;
    for (size_t y = down->first; y <= down->last; y++) {
        const uint8_t *row = in->data + y * in->width * in->channels + channel;
        double part = 0;
        double weight = 0;
        for (size_t x = across->first; x <= across->last; x++) {
            double w = span_weight(across, x);
            part += w * row[x * in->channels];
            weight += w;
        }
        sum += span_weight(down, y) * part;
        total += span_weight(down, y) * weight;
    }
    double mean = rint(sum / total);
    return (uint8_t)(mean > UINT8_MAX ? UINT8_MAX : mean);
}

static enum mopt_status resize_area(const struct mopt_image *in, struct mopt_image *out,
                                    struct mopt_error *err)
{
    struct span *across = mopt__calloc(out->width, sizeof *across);
    struct span *down = mopt__calloc(out->height, sizeof *down);
    enum mopt_status status = across && down ? MOPT_OK : mopt_error_memory(err);
    if (status == MOPT_OK) {
        area_spans(in->width, out->width, across);
        area_spans(in->height, out->height, down);
        for (size_t i = 0; i < out->width * out->height; i++) {
            for (size_t c = 0; c < in->channels; c++) {
                out->data[i * in->channels + c] =
                    area_mean(in, &across[i % out->width], &down[i / out->width], c);
            }
        }
    }
    mopt__free(across);
    mopt__free(down);
    return status;
}

// ---- All ----------------------------------------------------------------------------------------

enum mopt_status mopt__image_resize(const struct mopt_image *in, size_t width, size_t height,
                                    enum mopt_kernel kernel, struct mopt_image *out,
                                    struct mopt_error *err)
{
    bool same = width == in->width && height == in->height;
    memset(out, 0, sizeof *out);
    if (!mopt__pixels_fit(width, height)) {
        return mopt_error_set(err, MOPT_E_LIMIT,
                              "resizing to %zux%zu pixels, must be 1 to 2^26 pixels", width,
                              height);
    }
    if (!same && kernel >= MOPT_KERNEL_PIL_BILINEAR && kernel <= MOPT_KERNEL_PIL_LANCZOS) {
        return mopt__image_resample(in, width, height, kernel, out, err);
    }
    enum mopt_status status = mopt__image_new(width, height, in->channels, out, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (same) {
        memcpy(out->data, in->data, width * height * in->channels);
    } else if (kernel == MOPT_KERNEL_CV_LINEAR) {
        status = resize_linear(in, out, err);
    } else if (kernel == MOPT_KERNEL_AREA) {
        status = resize_area(in, out, err);
    } else {
        status = resize_nearest(in, kernel, out, err);
    }
    if (status != MOPT_OK) {
        mopt__image_release(out);
    }
    return status;
}
