// SPDX-License-Identifier: Apache-2.0
// Column matrices for convolution by matrix product. It must not know who multiplies them.
#include <string.h>

#include "kernels/kernels.h"

// What one kernel element sees: offset of the input row it reads for output (d, h), or false when
// that is padding.
struct element {
    int64_t k[3];
};

static int64_t coordinate(const struct mopt_conv_shape *s, int axis, int64_t out, int64_t k)
{
    return out * s->stride[axis] - s->begin[axis] + k * s->dilation[axis];
}

// Output columns [*from, *to) of a row segment [w0, w1) whose input column lies inside.
static void inside(const struct mopt_conv_shape *s, int64_t k, int64_t w0, int64_t w1,
                   int64_t *from, int64_t *to)
{
    int64_t shift = s->begin[2] - k * s->dilation[2]; // input column = w*stride - shift
    int64_t stride = s->stride[2];
    int64_t first = shift > 0 ? (shift + stride - 1) / stride : 0;
    int64_t last = s->in[2] + shift; // w*stride < last
    int64_t past = last > 0 ? (last + stride - 1) / stride : 0;
    *from = first > w0 ? (first < w1 ? first : w1) : w0;
    *to = past < w1 ? (past > *from ? past : *from) : w1;
}

static void copy_segment(const float *row, int64_t stride, int64_t count, float *out)
{
    if (stride == 1) {
        memcpy(out, row, (size_t)count * sizeof *out);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        out[i] = row[i * stride];
    }
}

// Position of output p as (d, h) and column.
static void locate(const struct mopt_conv_shape *s, size_t p, int64_t *d, int64_t *h, int64_t *w)
{
    *w = (int64_t)(p % (size_t)s->out[2]);
    p /= (size_t)s->out[2];
    *h = (int64_t)(p % (size_t)s->out[1]);
    *d = (int64_t)(p / (size_t)s->out[1]);
}

// Input row under kernel element e for output row (d, h); negative: padding.
static int64_t input_row(const struct mopt_conv_shape *s, const struct element *e, int64_t d,
                         int64_t h)
{
    int64_t id = coordinate(s, 0, d, e->k[0]);
    int64_t ih = coordinate(s, 1, h, e->k[1]);
    if (id < 0 || id >= s->in[0] || ih < 0 || ih >= s->in[1]) {
        return -1;
    }
    return id * s->in[1] + ih;
}

static void fill_f32(const struct mopt_conv_shape *s, const float *x, const struct element *e,
                     size_t from, size_t to, float *out)
{
    for (size_t p = from; p < to;) {
        int64_t d = 0;
        int64_t h = 0;
        int64_t w0 = 0;
        locate(s, p, &d, &h, &w0);
        int64_t w1 = w0 + (int64_t)(to - p) < s->out[2] ? w0 + (int64_t)(to - p) : s->out[2];
        int64_t row = input_row(s, e, d, h);
        int64_t a = w1;
        int64_t b = w1;
        if (row >= 0) {
            inside(s, e->k[2], w0, w1, &a, &b);
        }
        memset(out, 0, (size_t)(a - w0) * sizeof *out);
        if (b > a) {
            int64_t first = coordinate(s, 2, a, e->k[2]);
            copy_segment(x + row * s->in[2] + first, s->stride[2], b - a, out + (a - w0));
        }
        memset(out + (b - w0), 0, (size_t)(w1 - b) * sizeof *out);
        out += w1 - w0;
        p += (size_t)(w1 - w0);
    }
}

// The kernel element with number e (row-major).
static struct element element_at(const struct mopt_conv_shape *s, int64_t e)
{
    struct element element;
    for (int i = 2; i >= 0; i--) {
        element.k[i] = e % s->kernel[i];
        e /= s->kernel[i];
    }
    return element;
}

void mopt__im2col_f32(const struct mopt_conv_shape *s, const float *x, size_t from, size_t to,
                      float *columns)
{
    size_t plane = (size_t)s->in[0] * (size_t)s->in[1] * (size_t)s->in[2];
    int64_t taps = s->kernel[0] * s->kernel[1] * s->kernel[2];
    for (int64_t row = 0; row < s->in_channels * taps; row++) {
        struct element e = element_at(s, row % taps);
        fill_f32(s, x + (size_t)(row / taps) * plane, &e, from, to, columns);
        columns += to - from;
    }
}

static void convert_segment(const struct mopt_bytes *in, int64_t first, int64_t stride,
                            int64_t count, float *out)
{
    const uint8_t *x = (const uint8_t *)in->data + first;
    if (stride == 1) {
        mopt__bytes_to_float(x, in->is_signed, in->zero_point, (size_t)count, out);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        int32_t value = in->is_signed ? (int8_t)x[i * stride] : x[i * stride];
        out[i] = (float)(value - in->zero_point);
    }
}

static void fill_i8(const struct mopt_conv_shape *s, const struct mopt_bytes *in,
                    const struct element *e, size_t from, size_t to, float *out)
{
    for (size_t p = from; p < to;) {
        int64_t d = 0;
        int64_t h = 0;
        int64_t w0 = 0;
        locate(s, p, &d, &h, &w0);
        int64_t w1 = w0 + (int64_t)(to - p) < s->out[2] ? w0 + (int64_t)(to - p) : s->out[2];
        int64_t row = input_row(s, e, d, h);
        int64_t a = w1;
        int64_t b = w1;
        if (row >= 0) {
            inside(s, e->k[2], w0, w1, &a, &b);
        }
        memset(out, 0, (size_t)(a - w0) * sizeof *out);
        if (b > a) {
            int64_t first = coordinate(s, 2, a, e->k[2]);
            convert_segment(in, row * s->in[2] + first, s->stride[2], b - a, out + (a - w0));
        }
        memset(out + (b - w0), 0, (size_t)(w1 - b) * sizeof *out);
        out += w1 - w0;
        p += (size_t)(w1 - w0);
    }
}

void mopt__im2col_i8(const struct mopt_conv_shape *s, const void *x, bool is_signed,
                     int32_t zero_point, size_t from, size_t to, float *columns)
{
    size_t plane = (size_t)s->in[0] * (size_t)s->in[1] * (size_t)s->in[2];
    int64_t taps = s->kernel[0] * s->kernel[1] * s->kernel[2];
    for (int64_t row = 0; row < s->in_channels * taps; row++) {
        struct mopt_bytes in = {(const uint8_t *)x + (size_t)(row / taps) * plane, is_signed,
                                zero_point};
        struct element e = element_at(s, row % taps);
        fill_i8(s, &in, &e, from, to, columns);
        columns += to - from;
    }
}
