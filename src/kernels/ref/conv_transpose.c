// SPDX-License-Identifier: Apache-2.0
// Transposed float convolution: per group a matrix product gives the columns, which are then added
// into the output. It must not know of nodes. One item of work is an output channel of an image, or
// some rows of one, so no two threads write the same element.
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

// The position of the convolution whose kernel element `tap` of one axis meets `at` there; false
// when there is none.
static bool meets(const struct mopt_conv_shape *s, int axis, int64_t at, int64_t tap, int64_t *out)
{
    int64_t from = at + s->begin[axis] - tap * s->dilation[axis];
    *out = from / s->stride[axis];
    return from >= 0 && from % s->stride[axis] == 0 && *out < s->out[axis];
}

struct job {
    const struct mopt_conv_shape *s;
    const float *x, *w, *bias;
    float *y, *scratch;
    size_t scratch_each; // bytes
    size_t positions, taps;
    int64_t item; // that all threads work on
};

// Rows begin..end of one output channel, from its columns.
static void add_columns(const struct job *j, int64_t item, const float *columns, int64_t begin,
                        int64_t end)
{
    const struct mopt_conv_shape *s = j->s;
    float start = j->bias ? j->bias[item % (s->groups * s->in_channels)] : 0.0F;
    float *row =
        j->y + ((size_t)item * (size_t)(s->in[0] * s->in[1]) + (size_t)begin) * (size_t)s->in[2];
    for (int64_t at = begin; at < end; at++, row += s->in[2]) {
        for (int64_t i = 0; i < s->in[2]; i++) {
            row[i] = start;
        }
        for (int64_t tap = 0; tap < (int64_t)j->taps; tap++) {
            int64_t rest = tap / s->kernel[2];
            int64_t d, h;
            if (meets(s, 0, at / s->in[1], rest / s->kernel[1], &d) &&
                meets(s, 1, at % s->in[1], rest % s->kernel[1], &h)) {
                const float *from =
                    columns + tap * (int64_t)j->positions + (d * s->out[1] + h) * s->out[2];
                add_row(s, from, tap % s->kernel[2], row);
            }
        }
    }
}

// The columns of one item, in pieces that depend on its shape alone.
static void multiply(const struct job *j, int64_t item, float *columns, struct mopt_pool *pool)
{
    const struct mopt_conv_shape *s = j->s;
    int64_t slice = item / s->in_channels, c = item % s->in_channels;
    int64_t first = slice % s->groups * s->out_channels;
    const float *x = j->x + (size_t)slice * (size_t)s->out_channels * j->positions;
    const float *w = j->w + (size_t)(first * s->in_channels + c) * j->taps;
    const struct mopt_gemm g = {.trans_a = true,
                                .m = (int64_t)j->taps,
                                .n = (int64_t)j->positions,
                                .k = s->out_channels,
                                .lda = s->in_channels * (int64_t)j->taps,
                                .ldb = (int64_t)j->positions,
                                .ldc = (int64_t)j->positions,
                                .alpha = 1};
    mopt__sgemm_pool(&g, w, x, columns, pool);
}

static void some_items(void *context, int64_t begin, int64_t end, int thread)
{
    const struct job *j = context;
    float *columns = j->scratch + (size_t)thread * (j->scratch_each / sizeof(float));
    for (int64_t item = begin; item < end; item++) {
        multiply(j, item, columns, NULL);
        add_columns(j, item, columns, 0, j->s->in[0] * j->s->in[1]);
    }
}

static void some_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct job *j = context;
    (void)thread;
    add_columns(j, j->item, j->scratch, begin, end);
}

// Few items: threads share each.
static void share_items(struct job *j, int64_t items, struct mopt_pool *pool)
{
    enum { ELEMENTS = 4096 }; // worth a thread
    const struct mopt_conv_shape *s = j->s;
    for (j->item = 0; j->item < items; j->item++) {
        multiply(j, j->item, j->scratch, pool);
        mopt__pool_for(pool, s->in[0] * s->in[1], ELEMENTS / (s->in[2] + 1) + 1, some_rows, j);
    }
}

enum mopt_status mopt__conv_transpose_f32(const struct mopt_conv_shape *s, const float *x,
                                          const float *w, const float *bias, float *y,
                                          struct mopt_pool *pool, struct mopt_error *err)
{
    struct job j = {.s = s, .x = x, .w = w, .bias = bias, .y = y};
    j.positions = volume(s->out);
    j.taps = volume(s->kernel);
    int64_t items = s->batch * s->groups * s->in_channels;
    bool share = items < mopt__pool_size(pool);
    size_t total = 0;
    bool ok = mopt__size_mul(j.positions, j.taps, &j.scratch_each) &&
              mopt__size_mul(j.scratch_each, sizeof *j.scratch, &j.scratch_each) &&
              mopt__size_apart(j.scratch_each, &j.scratch_each) &&
              mopt__size_mul(j.scratch_each, share ? 1 : (size_t)mopt__pool_size(pool), &total);
    j.scratch = ok ? mopt__malloc_aligned(total) : NULL;
    if (!j.scratch) {
        return mopt_error_memory(err);
    }
    if (share) {
        share_items(&j, items, pool);
    } else {
        mopt__pool_for(pool, items, 1, some_items, &j);
    }
    mopt__free_aligned(j.scratch);
    return MOPT_OK;
}
