// SPDX-License-Identifier: Apache-2.0
// Float pooling over planes of up to three axes. It must not know of channels or nodes.
#include <math.h>

#include "kernels/kernels.h"

struct job {
    const struct mopt_conv_shape *s;
    const int64_t *end;
    enum mopt_pool_kind kind;
    const float *x;
    float *y;
};

struct span {
    int64_t first, count, step; // input coordinates inside
    int64_t padded;             // kernel elements that also count with padding
};

// Kernel elements of output `at` on one axis that lie inside the input.
static struct span span_of(const struct job *j, int axis, int64_t at)
{
    const struct mopt_conv_shape *s = j->s;
    int64_t start = at * s->stride[axis] - s->begin[axis];
    int64_t step = s->dilation[axis];
    int64_t from = start < 0 ? (-start + step - 1) / step : 0;
    int64_t room = s->in[axis] - start;
    int64_t past = room > 0 ? (room + step - 1) / step : 0;
    int64_t limit = room + j->end[axis];
    int64_t padded = limit > 0 ? (limit + step - 1) / step : 0;
    past = past < s->kernel[axis] ? past : s->kernel[axis];
    padded = padded < s->kernel[axis] ? padded : s->kernel[axis];
    struct span span = {start + from * step, past > from ? past - from : 0, step, padded};
    return span;
}

static float window_max(const struct job *j, const float *x, const struct span *v)
{
    float best = -INFINITY;
    for (int64_t d = 0; d < v[0].count; d++) {
        for (int64_t h = 0; h < v[1].count; h++) {
            int64_t row = (v[0].first + d * v[0].step) * j->s->in[1] + v[1].first + h * v[1].step;
            const float *line = x + row * j->s->in[2] + v[2].first;
            for (int64_t w = 0; w < v[2].count; w++) {
                float value = line[w * v[2].step];
                best = value > best || value != value ? value : best;
            }
        }
    }
    return best;
}

static float window_average(const struct job *j, const float *x, const struct span *v)
{
    double sum = 0;
    for (int64_t d = 0; d < v[0].count; d++) {
        for (int64_t h = 0; h < v[1].count; h++) {
            int64_t row = (v[0].first + d * v[0].step) * j->s->in[1] + v[1].first + h * v[1].step;
            const float *line = x + row * j->s->in[2] + v[2].first;
            for (int64_t w = 0; w < v[2].count; w++) {
                sum += (double)line[w * v[2].step];
            }
        }
    }
    bool padded = j->kind == MOPT_POOL_AVERAGE_PADDED;
    double count = 1;
    for (int i = 0; i < 3; i++) {
        count *= (double)(padded ? v[i].padded : v[i].count);
    }
    return count > 0 ? (float)(sum / count) : 0.0F;
}

static void plane(const struct job *j, const float *x, float *y)
{
    const struct mopt_conv_shape *s = j->s;
    struct span v[3];
    for (int64_t d = 0; d < s->out[0]; d++) {
        v[0] = span_of(j, 0, d);
        for (int64_t h = 0; h < s->out[1]; h++) {
            v[1] = span_of(j, 1, h);
            for (int64_t w = 0; w < s->out[2]; w++) {
                v[2] = span_of(j, 2, w);
                *y++ = j->kind == MOPT_POOL_MAX ? window_max(j, x, v) : window_average(j, x, v);
            }
        }
    }
}

static void run(void *context, int64_t begin, int64_t end, int thread)
{
    const struct job *j = context;
    (void)thread;
    size_t in = (size_t)j->s->in[0] * (size_t)j->s->in[1] * (size_t)j->s->in[2];
    size_t out = (size_t)j->s->out[0] * (size_t)j->s->out[1] * (size_t)j->s->out[2];
    for (int64_t i = begin; i < end; i++) {
        plane(j, j->x + (size_t)i * in, j->y + (size_t)i * out);
    }
}

void mopt__pool_f32(const struct mopt_conv_shape *s, const int64_t end[3], enum mopt_pool_kind kind,
                    const float *x, float *y, struct mopt_pool *pool)
{
    struct job j = {s, end, kind, x, y};
    mopt__pool_for(pool, s->batch, 1, run, &j);
}
