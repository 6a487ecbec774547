// SPDX-License-Identifier: Apache-2.0
// Transposed convolution whose kernel is as large as its steps: every input pixel makes a patch of
// the result of its own, and all patches are one product [pixels, channels] x [channels, patch].
#include "kernels/conv_transpose_patches.h"

#include <string.h>

#include "kernels/conv_nhwc_inner.h"

bool mopt__transposes_patches(const struct mopt_conv_transpose2d *conv)
{
    const struct mopt_window2d *w = &conv->window;
    return conv->groups == 1 && w->kernel_h == w->stride_h && w->kernel_w == w->stride_w &&
           w->dilation_h == 1 && w->dilation_w == 1 && w->pad_top == 0 && w->pad_left == 0 &&
           w->out_h / w->stride_h == w->in_h && w->out_h % w->stride_h == 0 &&
           w->out_w / w->stride_w == w->in_w && w->out_w % w->stride_w == 0;
}

// Columns of the product: [kernel_h, kernel_w, out_channels].
static size_t patch_of(const struct mopt_conv_transpose2d *conv)
{
    return mopt__window_taps(&conv->window) * conv->out_channels;
}

size_t mopt__patches_packed_bytes(const struct mopt_kernels *kernels,
                                  const struct mopt_conv_transpose2d *conv)
{
    return mopt__packed_bytes(kernels, MOPT_WEIGHTS_F32, conv->window.channels, patch_of(conv));
}

void mopt__patches_pack(const struct mopt_kernels *kernels,
                        const struct mopt_conv_transpose2d *conv, const float *w,
                        const float *factor, float *out)
{
    const size_t k = conv->window.channels, n = conv->out_channels, patch = patch_of(conv);
    const size_t taps = mopt__window_taps(&conv->window), width = (size_t)kernels->f32_cols;
    for (size_t first = 0; first < patch; first += width) {
        for (size_t i = 0; i < k; i++, out += width) {
            for (size_t j = 0; j < width; j++) {
                const size_t column = first + j, tap = column / n, c = column % n;
                out[j] =
                    column < patch ? w[(i * n + c) * taps + tap] * (factor ? factor[c] : 1.0F) : 0;
            }
        }
    }
    memset(out, 0, MOPT_OVERREAD);
}

struct work {
    const struct mopt_conv_transpose2d_run *run;
    const struct mopt_kernels *kernels;
    struct mopt_finish epilogue; // whose bias is that of a patch
    float *bias;
    size_t most; // pixels of a block
    struct mopt_parts tables, sums;
};

static size_t pixels_of(const struct mopt_conv_transpose2d *conv)
{
    return conv->window.batch * conv->window.in_h * conv->window.in_w;
}

// Pixels of a block: as many as the tiles of a product, fewer when their patches are large.
static size_t block_pixels(const struct mopt_kernels *kernels,
                           const struct mopt_conv_transpose2d *conv)
{
    enum { FLOATS = 1 << 14 }; // of sums: near
    const size_t height = (size_t)kernels->f32_rows;
    size_t tiles = FLOATS / patch_of(conv) / height;
    tiles = tiles < 1 ? 1 : tiles;
    return height * (tiles < MOPT_BLOCK_TILES ? tiles : MOPT_BLOCK_TILES);
}

static size_t lay_out(const struct mopt_kernels *kernels, const struct mopt_conv_transpose2d *conv,
                      size_t threads, void *block, struct work *work)
{
    struct mopt_scratch scratch = {.block = block};
    work->most = block_pixels(kernels, conv);
    work->bias = mopt__scratch_take(&scratch, patch_of(conv), sizeof(float));
    work->tables =
        mopt__scratch_take_each(&scratch, threads, mopt__table_count(kernels, 1), sizeof(float *));
    work->sums =
        mopt__scratch_take_each(&scratch, threads, work->most, patch_of(conv) * sizeof(float));
    return scratch.used;
}

size_t mopt__patches_scratch(const struct mopt_kernels *kernels,
                             const struct mopt_conv_transpose2d *conv, int threads)
{
    struct work work = {0};
    return lay_out(kernels, conv, (size_t)threads, NULL, &work);
}

static void point(const struct work *work, size_t pixel, size_t count, const float **a)
{
    const size_t height = (size_t)work->kernels->f32_rows;
    const size_t tiles = mopt__tile_count(work->kernels, count);
    for (size_t i = 0; i < tiles; i++, a += height) {
        const size_t first = mopt__tile_start(count, tiles, i);
        const size_t past = mopt__tile_start(count, tiles, i + 1);
        for (size_t r = first; r < past; r++) {
            a[r - first] = work->run->x + (pixel + r) * work->run->ldx;
        }
    }
}

// A line of a patch; few floats are not worth a call.
static void copy_line(const float *from, size_t count, float *to)
{
    if (count > 16) {
        memcpy(to, from, count * sizeof *to);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        to[i] = from[i];
    }
}

static void spread_patch(const struct mopt_conv_transpose2d_run *run, const float *sums, float *y)
{
    const struct mopt_window2d *w = &run->conv->window;
    const size_t n = run->conv->out_channels;
    for (size_t ky = 0; ky < w->kernel_h; ky++, y += w->out_w * run->ldy) {
        if (run->ldy == n) {
            copy_line(sums, w->kernel_w * n, y);
            sums += w->kernel_w * n;
            continue;
        }
        for (size_t kx = 0; kx < w->kernel_w; kx++, sums += n) {
            copy_line(sums, n, y + kx * run->ldy);
        }
    }
}

static void spread(const struct work *work, size_t pixel, size_t count, const float *sums)
{
    const struct mopt_conv_transpose2d_run *run = work->run;
    const struct mopt_window2d *w = &run->conv->window;
    const size_t patch = patch_of(run->conv), step = w->stride_w * run->ldy;
    size_t line = pixel / w->in_w; // of all images
    size_t x = pixel % w->in_w;
    while (count > 0) {
        const size_t some = w->in_w - x < count ? w->in_w - x : count;
        float *y = run->y + line * w->stride_h * w->out_w * run->ldy + x * step;
        for (size_t i = 0; i < some; i++, sums += patch) {
            spread_patch(run, sums, y + i * step);
        }
        count -= some;
        x = 0;
        line++;
    }
}

static void some_blocks(void *context, int64_t begin, int64_t end, int thread)
{
    const struct work *work = context;
    const struct mopt_conv_transpose2d *conv = work->run->conv;
    const size_t patch = patch_of(conv), pixels = pixels_of(conv);
    const size_t blocks = (pixels + work->most - 1) / work->most;
    const float **a = mopt__part(&work->tables, (size_t)thread);
    float *sums = mopt__part(&work->sums, (size_t)thread);
    const struct mopt_product product = {.kernels = work->kernels,
                                         .taps = 1,
                                         .k = conv->window.channels,
                                         .groups = 1,
                                         .n = patch,
                                         .b = work->run->w,
                                         .weights = MOPT_WEIGHTS_F32,
                                         .c = sums,
                                         .ldc = patch,
                                         .epilogue = &work->epilogue};
    for (size_t i = (size_t)begin; i < (size_t)end; i++) {
        const size_t pixel = mopt__tile_start(pixels, blocks, i);
        const size_t count = mopt__tile_start(pixels, blocks, i + 1) - pixel;
        point(work, pixel, count, a);
        mopt__product_block(&product, a, 0, count, 0, mopt__panel_count(work->kernels, patch));
        spread(work, pixel, count, sums);
    }
}

void mopt__patches_run(const struct mopt_kernels *kernels,
                       const struct mopt_conv_transpose2d_run *run, struct mopt_pool *pool)
{
    struct work work = {.run = run, .kernels = kernels, .epilogue = run->epilogue};
    lay_out(kernels, run->conv, (size_t)mopt__pool_size(pool), run->scratch, &work);
    if (run->epilogue.bias != NULL) {
        for (size_t i = 0; i < patch_of(run->conv); i++) {
            work.bias[i] = run->epilogue.bias[i % run->conv->out_channels];
        }
        work.epilogue.bias = work.bias;
    }
    const size_t pixels = pixels_of(run->conv);
    mopt__pool_for(pool, (int64_t)((pixels + work.most - 1) / work.most), 1, some_blocks, &work);
}
