// SPDX-License-Identifier: Apache-2.0
// Integer convolution with exact 32-bit sums over tiles of output positions. It must not know how
// the sums are scaled: the caller's `finish` does that.
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "kernels/kernels.h"
#include "kernels/ref/tiles.h"

struct job {
    const struct mopt_conv_i8 *conv;
    struct mopt_tiling tiling;
    size_t depth, column_count, tile_count; // floats of columns, elements of one result tile
    float *columns, *floats;
    int32_t *sums;
};

static size_t volume(const int64_t v[3])
{
    return (size_t)v[0] * (size_t)v[1] * (size_t)v[2];
}

static void tile(const struct job *j, int64_t item, int thread)
{
    const struct mopt_conv_i8 *conv = j->conv;
    const struct mopt_conv_shape *s = conv->shape;
    size_t from = 0;
    size_t to = 0;
    int64_t slice = mopt__tile_range(&j->tiling, item, &from, &to);
    int64_t group = slice % s->groups;
    size_t width = to - from;
    float *columns = j->columns + (size_t)thread * j->column_count;
    float *floats = j->floats + (size_t)thread * j->tile_count;
    int32_t *sums = j->sums + (size_t)thread * j->tile_count;
    const uint8_t *x = conv->x;
    x += (size_t)slice * (size_t)s->in_channels * volume(s->in);
    mopt__im2col_i8(s, x, conv->x_signed, conv->x_zero_point, from, to, columns);
    memset(sums, 0, (size_t)s->out_channels * width * sizeof *sums);
    struct mopt_igemm g = {.m = s->out_channels,
                           .n = (int64_t)width,
                           .k = (int64_t)j->depth,
                           .lda = (int64_t)j->depth,
                           .ldb = (int64_t)width,
                           .ldc = (int64_t)width,
                           .bound = conv->bound};
    mopt__igemm_exact(&g, conv->w + (size_t)group * (size_t)s->out_channels * j->depth, columns,
                      sums, floats);
    for (int64_t m = 0; m < s->out_channels; m++) {
        conv->finish(conv->context, slice / s->groups, group * s->out_channels + m, from, width,
                     sums + (size_t)m * width);
    }
}

static void run(void *context, int64_t begin, int64_t end, int thread)
{
    for (int64_t item = begin; item < end; item++) {
        tile(context, item, thread);
    }
}

static bool room(struct job *j, size_t threads)
{
    size_t columns = 0;
    size_t tiles = 0;
    const struct mopt_conv_shape *s = j->conv->shape;
    return mopt__size_mul(j->depth, j->tiling.width, &j->column_count) &&
           mopt__size_mul((size_t)s->out_channels, j->tiling.width, &j->tile_count) &&
           mopt__size_mul(j->column_count, threads * sizeof(float), &columns) &&
           mopt__size_mul(j->tile_count, threads * sizeof(float), &tiles) &&
           (j->columns = mopt__malloc_aligned(columns + 1)) != NULL &&
           (j->floats = mopt__malloc_aligned(tiles + 1)) != NULL &&
           (j->sums = mopt__malloc_aligned(tiles + 1)) != NULL;
}

enum mopt_status mopt__conv_i8(const struct mopt_conv_i8 *conv, struct mopt_pool *pool,
                               struct mopt_error *err)
{
    const struct mopt_conv_shape *s = conv->shape;
    struct job j = {.conv = conv};
    j.depth = (size_t)s->in_channels * volume(s->kernel);
    if (volume(s->out) == 0 || s->batch == 0 || s->groups * s->out_channels == 0) {
        return MOPT_OK;
    }
    mopt__tiling_init(&j.tiling, s->batch * s->groups, volume(s->out), j.depth);
    bool ok = room(&j, (size_t)mopt__pool_size(pool));
    if (ok) {
        mopt__pool_for(pool, j.tiling.items, 1, run, &j);
    }
    mopt__free_aligned(j.columns);
    mopt__free_aligned(j.floats);
    mopt__free_aligned(j.sums);
    return ok ? MOPT_OK : mopt_error_memory(err);
}
