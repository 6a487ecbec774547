// SPDX-License-Identifier: Apache-2.0
// Transposed float convolution: per group a matrix product gives the columns, which are then added
// into the output. It must not know of nodes. One item of work is a slice (image and group), so no
// two threads write the same element.
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "kernels/kernels.h"

static size_t volume(const int64_t v[3])
{
    return (size_t)v[0] * (size_t)v[1] * (size_t)v[2];
}

// Adds a row of columns (kernel element kw, all output columns of the convolution) into an input
// row.
static void add_row(const struct mopt_conv_shape *s, const float *columns, int64_t kw, float *row)
{
    int64_t shift = kw * s->dilation[2] - s->begin[2];
    int64_t stride = s->stride[2];
    int64_t first = shift < 0 ? (-shift + stride - 1) / stride : 0;
    int64_t room = s->in[2] - 1 - shift;
    int64_t past = room < 0 ? 0 : room / stride + 1;
    past = past < s->out[2] ? past : s->out[2];
    for (int64_t w = first; w < past; w++) {
        row[w * stride + shift] += columns[w];
    }
}

static void add_plane(const struct mopt_conv_shape *s, const float *columns, const int64_t k[3],
                      float *y)
{
    for (int64_t d = 0; d < s->out[0]; d++) {
        int64_t id = d * s->stride[0] - s->begin[0] + k[0] * s->dilation[0];
        for (int64_t h = 0; id >= 0 && id < s->in[0] && h < s->out[1]; h++) {
            int64_t ih = h * s->stride[1] - s->begin[1] + k[1] * s->dilation[1];
            if (ih >= 0 && ih < s->in[1]) {
                add_row(s, columns + (d * s->out[1] + h) * s->out[2], k[2],
                        y + (id * s->in[1] + ih) * s->in[2]);
            }
        }
    }
}

struct job {
    const struct mopt_conv_shape *s;
    const float *x, *w, *bias;
    float *y, *scratch;
    size_t scratch_each, positions, taps;
};

// One item: one output channel of one image and group.
static void run(void *context, int64_t begin, int64_t end, int thread)
{
    const struct job *j = context;
    const struct mopt_conv_shape *s = j->s;
    float *columns = j->scratch + (size_t)thread * j->scratch_each;
    size_t plane = volume(s->in);
    for (int64_t item = begin; item < end; item++) {
        int64_t slice = item / s->in_channels;
        int64_t c = item % s->in_channels;
        int64_t group = slice % s->groups;
        const float *x = j->x + (size_t)slice * (size_t)s->out_channels * j->positions;
        const float *w = j->w + ((size_t)(group * s->out_channels * s->in_channels + c)) * j->taps;
        float *y = j->y + (size_t)item * plane;
        float start = j->bias ? j->bias[group * s->in_channels + c] : 0.0F;
        for (size_t i = 0; i < plane; i++) {
            y[i] = start;
        }
        struct mopt_gemm g = {.trans_a = true,
                              .m = (int64_t)j->taps,
                              .n = (int64_t)j->positions,
                              .k = s->out_channels,
                              .lda = s->in_channels * (int64_t)j->taps,
                              .ldb = (int64_t)j->positions,
                              .ldc = (int64_t)j->positions,
                              .alpha = 1};
        mopt__sgemm(&g, w, x, columns);
        for (size_t tap = 0; tap < j->taps; tap++) {
            int64_t rest = (int64_t)tap;
            const int64_t k[3] = {rest / s->kernel[2] / s->kernel[1],
                                  rest / s->kernel[2] % s->kernel[1], rest % s->kernel[2]};
            add_plane(s, columns + tap * j->positions, k, y);
        }
    }
}

enum mopt_status mopt__conv_transpose_f32(const struct mopt_conv_shape *s, const float *x,
                                          const float *w, const float *bias, float *y,
                                          struct mopt_pool *pool, struct mopt_error *err)
{
    struct job j = {.s = s, .x = x, .w = w, .bias = bias, .y = y};
    j.positions = volume(s->out);
    j.taps = volume(s->kernel);
    size_t total = 0;
    bool ok = mopt__size_mul(j.positions, j.taps, &j.scratch_each) &&
              mopt__size_mul(j.scratch_each, (size_t)mopt__pool_size(pool), &total) &&
              mopt__size_mul(total, sizeof *j.scratch, &total);
    j.scratch = ok ? mopt__malloc_aligned(total ? total : 1) : NULL;
    if (!j.scratch) {
        return mopt_error_memory(err);
    }
    mopt__pool_for(pool, s->batch * s->groups * s->in_channels, 1, run, &j);
    mopt__free_aligned(j.scratch);
    return MOPT_OK;
}
