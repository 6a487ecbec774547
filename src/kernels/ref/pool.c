// SPDX-License-Identifier: Apache-2.0
// Float pooling over planes of up to three axes. It must not know of channels or nodes.
#include <math.h>
#include <string.h>

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

// Neighbours of an output row, which are computed together: kernel element by kernel element, in
// the order of a window, from the lines of the input that they lie in.
enum { CHUNK = 256 };
struct chunk {
    int64_t first, count;
    double divisor[CHUNK]; // of this axis
    double sums[CHUNK];
    float best[CHUNK];
};

#define JOIN(stride)                                                      \
    for (int64_t i = 0; i < n; i++) {                                     \
        const float value = line[i * (stride)];                           \
        best[i] = (value > best[i]) | (value != value) ? value : best[i]; \
    }
#define ADD(stride)                            \
    for (int64_t i = 0; i < n; i++) {          \
        sums[i] += (double)line[i * (stride)]; \
    }

static void join_max(const float *line, int64_t stride, float *best, int64_t n)
{
    if (stride == 1) {
        JOIN(1)
    } else if (stride == 2) {
        JOIN(2)
    } else {
        JOIN(stride)
    }
}

static void join_sum(const float *line, int64_t stride, double *sums, int64_t n)
{
    if (stride == 1) {
        ADD(1)
    } else if (stride == 2) {
        ADD(2)
    } else {
        ADD(stride)
    }
}

// One line of the input joins the chunk.
static void join_line(const struct job *j, const float *line, struct chunk *c)
{
    const struct mopt_conv_shape *s = j->s;
    const int64_t stride = s->stride[2];
    for (int64_t k = 0; k < s->kernel[2]; k++) {
        const int64_t shift = k * s->dilation[2] - s->begin[2]; // input place of output 0
        int64_t from = shift < 0 ? (-shift + stride - 1) / stride : 0;
        int64_t past = s->in[2] > shift ? (s->in[2] - shift + stride - 1) / stride : 0;
        from = from > c->first ? from : c->first;
        past = past < c->first + c->count ? past : c->first + c->count;
        if (past <= from) {
            continue;
        }
        const float *at = line + from * stride + shift;
        if (j->kind == MOPT_POOL_MAX) {
            join_max(at, stride, c->best + (from - c->first), past - from);
        } else {
            join_sum(at, stride, c->sums + (from - c->first), past - from);
        }
    }
}

static void row(const struct job *j, const float *x, const struct span *v, struct chunk *c,
                float *y)
{
    const bool padded = j->kind == MOPT_POOL_AVERAGE_PADDED;
    for (int64_t i = 0; i < c->count; i++) {
        c->best[i] = -INFINITY;
        c->sums[i] = 0;
    }
    for (int64_t d = 0; d < v[0].count; d++) {
        for (int64_t h = 0; h < v[1].count; h++) {
            const int64_t at =
                (v[0].first + d * v[0].step) * j->s->in[1] + v[1].first + h * v[1].step;
            join_line(j, x + at * j->s->in[2], c);
        }
    }
    if (j->kind == MOPT_POOL_MAX) {
        memcpy(y, c->best, (size_t)c->count * sizeof *y);
        return;
    }
    const double outer = padded ? (double)v[0].padded * (double)v[1].padded
                                : (double)v[0].count * (double)v[1].count;
    for (int64_t i = 0; i < c->count; i++) {
        const double count = outer * c->divisor[i];
        y[i] = count > 0 ? (float)(c->sums[i] / count) : 0.0F;
    }
}

static void plane(const struct job *j, const float *x, float *y)
{
    const struct mopt_conv_shape *s = j->s;
    const bool padded = j->kind == MOPT_POOL_AVERAGE_PADDED;
    struct chunk c;
    struct span v[2];
    for (c.first = 0; c.first < s->out[2]; c.first += CHUNK) {
        c.count = s->out[2] - c.first < CHUNK ? s->out[2] - c.first : CHUNK;
        for (int64_t i = 0; i < c.count; i++) {
            const struct span span = span_of(j, 2, c.first + i);
            c.divisor[i] = (double)(padded ? span.padded : span.count);
        }
        for (int64_t r = 0; r < s->out[0] * s->out[1]; r++) {
            v[0] = span_of(j, 0, r / s->out[1]);
            v[1] = span_of(j, 1, r % s->out[1]);
            row(j, x, v, &c, y + r * s->out[2] + c.first);
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
