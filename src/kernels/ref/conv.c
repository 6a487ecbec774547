// SPDX-License-Identifier: Apache-2.0
// Float convolution: matrix product over tiles of output positions, and a direct form for depthwise
// kernels. It must not know of nodes or plans. Tiles depend on the shape only.
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "kernels/kernels.h"
#include "kernels/ref/tiles.h"

static size_t volume(const int64_t v[3])
{
    return (size_t)v[0] * (size_t)v[1] * (size_t)v[2];
}

static bool is_pointwise(const struct mopt_conv_shape *s)
{
    for (int i = 0; i < 3; i++) {
        if (s->kernel[i] != 1 || s->stride[i] != 1 || s->begin[i] != 0 || s->in[i] != s->out[i]) {
            return false;
        }
    }
    return true;
}

bool mopt__conv_is_planar(const struct mopt_conv_shape *s)
{
    bool unrolled = s->dilation[2] == 1 && s->stride[2] <= 2 &&
                    (s->kernel[2] == 3 || s->kernel[2] == 5); // as row_taps knows them
    return s->in_channels == 1 && s->out_channels < (unrolled ? 6 : 3) && !is_pointwise(s);
}

struct job {
    const struct mopt_conv_shape *s;
    const float *x, *w, *bias;
    float *y, *scratch;
    size_t scratch_each; // floats per thread
    size_t depth;        // in_channels * kernel volume
    struct mopt_tiling tiling;
    bool pointwise;
};

static void start_rows(const struct job *j, int64_t group, float *y, size_t ldc, size_t count)
{
    for (int64_t m = 0; m < j->s->out_channels; m++) {
        float value = j->bias ? j->bias[group * j->s->out_channels + m] : 0.0F;
        float *row = y + (size_t)m * ldc;
        for (size_t i = 0; i < count; i++) {
            row[i] = value;
        }
    }
}

static void gemm_tile(const struct job *j, int64_t item, float *columns)
{
    const struct mopt_conv_shape *s = j->s;
    size_t from = 0;
    size_t to = 0;
    int64_t slice = mopt__tile_range(&j->tiling, item, &from, &to); // image * groups + group
    int64_t group = slice % s->groups;
    size_t in_plane = volume(s->in);
    size_t out_plane = volume(s->out);
    const float *x = j->x + (size_t)slice * (size_t)s->in_channels * in_plane;
    float *y = j->y + (size_t)slice * (size_t)s->out_channels * out_plane + from;
    const float *w = j->w + (size_t)group * (size_t)s->out_channels * j->depth;
    struct mopt_gemm g = {.m = s->out_channels,
                          .n = (int64_t)(to - from),
                          .k = (int64_t)j->depth,
                          .lda = (int64_t)j->depth,
                          .ldb = (int64_t)(to - from),
                          .ldc = (int64_t)out_plane,
                          .alpha = 1,
                          .beta = 1};
    start_rows(j, group, y, out_plane, to - from);
    if (j->pointwise) {
        g.ldb = (int64_t)in_plane;
        mopt__sgemm(&g, w, x + from, y);
        return;
    }
    mopt__im2col_f32(s, x, from, to, columns);
    mopt__sgemm(&g, w, columns, y);
}

static void run_gemm(void *context, int64_t begin, int64_t end, int thread)
{
    const struct job *j = context;
    float *columns = j->scratch ? j->scratch + (size_t)thread * j->scratch_each : NULL;
    for (int64_t item = begin; item < end; item++) {
        gemm_tile(j, item, columns);
    }
}

// Output columns [*from, *to) whose whole kernel row lies inside the input.
static void full_range(const struct mopt_conv_shape *s, int64_t *from, int64_t *to)
{
    int64_t stride = s->stride[2];
    int64_t reach = (s->kernel[2] - 1) * s->dilation[2];
    int64_t first = (s->begin[2] + stride - 1) / stride;
    int64_t room = s->in[2] - 1 - reach + s->begin[2]; // w*stride <= room
    int64_t past = room < 0 ? 0 : room / stride + 1;
    past = past < s->out[2] ? past : s->out[2];
    *from = first < past ? first : past;
    *to = past;
}

// y[i] += sum over kernel columns; constant arguments let the compiler unroll.
static inline __attribute__((always_inline)) void row_body(const float *x, const float *w,
                                                           int64_t taps, int64_t stride,
                                                           int64_t dilation, int64_t count,
                                                           float *y)
{
    for (int64_t i = 0; i < count; i++) {
        float sum = y[i];
        for (int64_t k = 0; k < taps; k++) {
            sum += w[k] * x[i * stride + k * dilation];
        }
        y[i] = sum;
    }
}

// The same of many taps, some neighbours at a time: none waits for the sum of another.
static inline __attribute__((always_inline)) void long_row_body(const float *x, const float *w,
                                                                int64_t taps, int64_t stride,
                                                                int64_t dilation, int64_t count,
                                                                float *y)
{
    enum { SOME = 16 };
    int64_t i = 0;
    for (; i + SOME <= count; i += SOME) {
        float sum[SOME];
        memcpy(sum, y + i, sizeof sum);
        for (int64_t k = 0; k < taps; k++) {
            const float *from = x + i * stride + k * dilation;
            for (int64_t j = 0; j < SOME; j++) {
                sum[j] += w[k] * from[j * stride];
            }
        }
        memcpy(y + i, sum, sizeof sum);
    }
    row_body(x + i * stride, w, taps, stride, dilation, count - i, y + i);
}

// Neighbours that lie apart pay for it with many taps only.
static __attribute__((noinline)) void many_taps(const float *x, const float *w, int64_t taps,
                                                int64_t stride, int64_t dilation, int64_t count,
                                                float *y)
{
    if (stride == 1) {
        long_row_body(x, w, taps, 1, dilation, count, y);
    } else if (taps >= 64) {
        long_row_body(x, w, taps, stride, dilation, count, y);
    } else {
        row_body(x, w, taps, stride, dilation, count, y);
    }
}

static void row_taps(const float *x, const float *w, const struct mopt_conv_shape *s, int64_t count,
                     float *y)
{
    int64_t taps = s->kernel[2];
    int64_t stride = s->stride[2];
    bool dense = s->dilation[2] == 1;
    if (dense && taps == 3 && stride == 1) {
        row_body(x, w, 3, 1, 1, count, y);
    } else if (dense && taps == 3 && stride == 2) {
        row_body(x, w, 3, 2, 1, count, y);
    } else if (dense && taps == 5 && stride == 1) {
        row_body(x, w, 5, 1, 1, count, y);
    } else if (dense && taps == 5 && stride == 2) {
        row_body(x, w, 5, 2, 1, count, y);
    } else {
        many_taps(x, w, taps, stride, s->dilation[2], count, y);
    }
}

static void edge_taps(const float *x, const float *w, const struct mopt_conv_shape *s, int64_t from,
                      int64_t to, float *y)
{
    for (int64_t i = from; i < to; i++) {
        float sum = y[i];
        for (int64_t k = 0; k < s->kernel[2]; k++) {
            int64_t at = i * s->stride[2] - s->begin[2] + k * s->dilation[2];
            if (at >= 0 && at < s->in[2]) {
                sum += w[k] * x[at];
            }
        }
        y[i] = sum;
    }
}

static void depthwise_row(const struct mopt_conv_shape *s, const float *x, const float *w,
                          int64_t d, int64_t h, float *y)
{
    int64_t from = 0;
    int64_t to = 0;
    full_range(s, &from, &to);
    for (int64_t kd = 0; kd < s->kernel[0]; kd++) {
        int64_t id = d * s->stride[0] - s->begin[0] + kd * s->dilation[0];
        for (int64_t kh = 0; id >= 0 && id < s->in[0] && kh < s->kernel[1]; kh++) {
            int64_t ih = h * s->stride[1] - s->begin[1] + kh * s->dilation[1];
            if (ih < 0 || ih >= s->in[1]) {
                continue;
            }
            const float *row = x + (id * s->in[1] + ih) * s->in[2];
            const float *taps = w + (kd * s->kernel[1] + kh) * s->kernel[2];
            edge_taps(row, taps, s, 0, from, y);
            if (to > from) {
                row_taps(row + from * s->stride[2] - s->begin[2], taps, s, to - from, y + from);
            }
            edge_taps(row, taps, s, to, s->out[2], y);
        }
    }
}

// One item: one output channel of one image.
static void run_depthwise(void *context, int64_t begin, int64_t end, int thread)
{
    const struct job *j = context;
    const struct mopt_conv_shape *s = j->s;
    (void)thread;
    size_t in_plane = volume(s->in);
    size_t out_plane = volume(s->out);
    int64_t channels = s->groups * s->out_channels;
    for (int64_t item = begin; item < end; item++) {
        int64_t channel = item % channels;
        int64_t image = item / channels;
        int64_t group = channel / s->out_channels;
        const float *x = j->x + (size_t)(image * s->groups + group) * in_plane;
        const float *w = j->w + (size_t)channel * j->depth;
        float *y = j->y + (size_t)item * out_plane;
        float start = j->bias ? j->bias[channel] : 0.0F;
        for (size_t i = 0; i < out_plane; i++) {
            y[i] = start;
        }
        for (int64_t d = 0; d < s->out[0]; d++) {
            for (int64_t h = 0; h < s->out[1]; h++) {
                depthwise_row(s, x, w, d, h, y + (d * s->out[1] + h) * s->out[2]);
            }
        }
    }
}

enum mopt_status mopt__conv_f32(const struct mopt_conv_shape *s, const float *x, const float *w,
                                const float *bias, float *y, struct mopt_pool *pool,
                                struct mopt_error *err)
{
    struct job j = {.s = s, .x = x, .w = w, .bias = bias, .y = y, .pointwise = is_pointwise(s)};
    j.depth = (size_t)s->in_channels * volume(s->kernel);
    if (volume(s->out) == 0 || s->batch == 0 || s->groups * s->out_channels == 0) {
        return MOPT_OK;
    }
    if (mopt__conv_is_planar(s)) {
        mopt__pool_for(pool, s->batch * s->groups * s->out_channels, 1, run_depthwise, &j);
        return MOPT_OK;
    }
    mopt__tiling_init(&j.tiling, s->batch * s->groups, volume(s->out), j.depth);
    float *scratch = NULL;
    if (!j.pointwise) {
        size_t total = 0;
        bool ok = mopt__size_mul(j.depth, j.tiling.width, &j.scratch_each) &&
                  mopt__size_mul(j.scratch_each, (size_t)mopt__pool_size(pool), &total) &&
                  mopt__size_mul(total, sizeof *scratch, &total);
        scratch = ok ? mopt__malloc_aligned(total) : NULL;
        if (!scratch) {
            return mopt_error_memory(err);
        }
        j.scratch = scratch;
    }
    mopt__pool_for(pool, j.tiling.items, 1, run_gemm, &j);
    mopt__free_aligned(scratch);
    return MOPT_OK;
}
