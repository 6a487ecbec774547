// SPDX-License-Identifier: Apache-2.0
// Convolution 3x3 with stride 1 by minimal filtering: tiles of the input are transformed, each of
// the t*t frequencies is one product, and what comes out is transformed back. Tiles are worked on
// in blocks, so that a block's frequencies stay in the second cache.
#include <string.h>

#include "base/size.h"
#include "kernels/conv_nhwc_inner.h"

enum {
    T_MAX = 6,
    LINE = 16,             // floats of a cache line
    BLOCK_FLOATS = 400000, // of a block's frequencies, before and after the products
    FEWEST = 48,           // tiles of a block: below, reading the weights is all the work
    MOST = 160,
    OWN_WEIGHTS = 1 << 19, // floats of weights that each thread reads for itself
};

// ---- Weights: U = G g G' in double, one packed matrix per frequency ----
static const double filter4[T_MAX][3] = {
    {1.0 / 4, 0, 0},
    {-1.0 / 6, -1.0 / 6, -1.0 / 6},
    {-1.0 / 6, 1.0 / 6, -1.0 / 6},
    {1.0 / 24, 1.0 / 12, 1.0 / 6},
    {1.0 / 24, -1.0 / 12, 1.0 / 6},
    {0, 0, 1},
};
static const double filter2[T_MAX][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};

static void transform_filter(size_t t, const float g[9], double u[T_MAX * T_MAX])
{
    const double(*matrix)[3] = t == T_MAX ? filter4 : filter2;
    for (size_t i = 0; i < t; i++) {
        double row[3];
        for (size_t q = 0; q < 3; q++) {
            row[q] = 0;
            for (size_t p = 0; p < 3; p++) {
                row[q] += matrix[i][p] * (double)g[p * 3 + q];
            }
        }
        for (size_t j = 0; j < t; j++) {
            u[i * t + j] = row[0] * matrix[j][0] + row[1] * matrix[j][1] + row[2] * matrix[j][2];
        }
    }
}

// Floats of one frequency's matrix.
static size_t matrix_floats(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv)
{
    return mopt__panel_count(kernels, conv->out_channels) * (size_t)kernels->f32_cols *
           conv->window.channels;
}

size_t mopt__conv_winograd_count(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                                 size_t t)
{
    return mopt__packed_f32_count(kernels, t * t * conv->window.channels,
                                  mopt__panel_count(kernels, conv->out_channels) *
                                      (size_t)kernels->f32_cols);
}

void mopt__conv_winograd_pack(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                              size_t t, const float *w, float *out)
{
    size_t width = (size_t)kernels->f32_cols, channels = conv->window.channels;
    size_t matrix = matrix_floats(kernels, conv);
    memset(out, 0, t * t * matrix * sizeof(float) + MOPT_OVERREAD);
    for (size_t m = 0; m < conv->out_channels; m++) {
        for (size_t c = 0; c < channels; c++) {
            double u[T_MAX * T_MAX];
            transform_filter(t, w + (m * channels + c) * 9, u);
            float *to = out + (m / width * channels + c) * width + m % width;
            for (size_t f = 0; f < t * t; f++) {
                to[f * matrix] = (float)u[f];
            }
        }
    }
}

// ---- Running ----
struct work {
    const struct mopt_conv2d_run *run;
    const struct mopt_kernels *kernels;
    size_t t, size;             // tile of input, of output
    size_t across, down, tiles; // tiles of a row, of an image, of all
    size_t most;                // tiles of a block of one thread
    size_t v_step, m_step;      // floats from frequency to frequency of such a block
    float *zero;                // stands for pixels outside the image
    float *v, *m;               // [threads]
    float *aside;               // [threads][size * size][out channels]
};

// A block of tiles and where its frequencies lie.
struct block {
    const struct work *work;
    size_t first, count;
    float *v, *m;
    size_t v_step, m_step;
};

// Steps are an odd number of cache lines, so that the frequencies of one tile do not fall on the
// same lines of the first cache.
static size_t odd_lines(size_t floats)
{
    return ((floats + LINE - 1) / LINE | 1) * LINE;
}

static size_t lay_out(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv, size_t t,
                      size_t threads, void *memory, struct work *work)
{
    const struct mopt_window2d *w = &conv->window;
    struct mopt_scratch scratch = {.block = memory};
    work->kernels = kernels;
    work->t = t;
    work->size = t - 2;
    work->across = (w->out_w + work->size - 1) / work->size;
    work->down = (w->out_h + work->size - 1) / work->size;
    work->tiles = w->batch * work->across * work->down;
    work->most = BLOCK_FLOATS / (t * t * (w->channels + conv->out_channels));
    work->most = work->most < FEWEST ? FEWEST : work->most;
    work->most = work->most < MOST ? work->most : MOST;
    work->v_step = odd_lines(work->most * w->channels);
    work->m_step = odd_lines(work->most * conv->out_channels);
    work->zero = mopt__scratch_take(&scratch, w->channels, sizeof(float));
    work->aside = mopt__scratch_take(&scratch, threads * work->size * work->size,
                                     conv->out_channels * sizeof(float));
    // One line more, for a block that threads share.
    work->v = mopt__scratch_take(&scratch, t * t, (threads * work->v_step + LINE) * sizeof(float));
    work->m = mopt__scratch_take(&scratch, t * t, (threads * work->m_step + LINE) * sizeof(float));
    return scratch.used;
}

size_t mopt__conv_winograd_scratch(const struct mopt_kernels *kernels,
                                   const struct mopt_conv2d *conv, size_t t, int threads)
{
    struct work work = {0};
    return lay_out(kernels, conv, t, (size_t)threads, NULL, &work);
}

// First output pixel of a tile.
struct corner {
    size_t image, y, x;
};

static struct corner corner_of(const struct work *work, size_t tile)
{
    size_t row = tile / work->across;
    return (struct corner){.image = row / work->down,
                           .y = row % work->down * work->size,
                           .x = tile % work->across * work->size};
}

static void transform_in(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const struct block *block = context;
    const struct work *work = block->work;
    const struct mopt_window2d *w = &work->run->conv->window;
    size_t t = work->t;
    for (size_t i = (size_t)begin; i < (size_t)end; i++) {
        const float *x[T_MAX * T_MAX];
        struct corner at = corner_of(work, block->first + i);
        for (size_t f = 0; f < t * t; f++) {
            size_t row = at.y + f / t, column = at.x + f % t; // in the padded image
            bool inside = row >= w->pad_top && row - w->pad_top < w->in_h &&
                          column >= w->pad_left && column - w->pad_left < w->in_w;
            size_t pixel = (at.image * w->in_h + row - w->pad_top) * w->in_w + column - w->pad_left;
            x[f] = inside ? work->run->x + pixel * work->run->ldx : work->zero;
        }
        work->kernels->winograd_in_f32((int)t, x, block->v + i * w->channels, block->v_step,
                                       w->channels);
    }
}

// Some rows of one frequency's product.
static void multiply_rows(const struct block *block, size_t f, size_t row, size_t rows,
                          size_t first, size_t last)
{
    static const struct mopt_finish none = {.act = {.kind = MOPT_ACT_NONE}};
    const float *a[MOPT_BLOCK_TILES * MOPT_TILE_ROWS_MAX];
    const struct work *work = block->work;
    const struct mopt_conv2d *conv = work->run->conv;
    size_t height = (size_t)work->kernels->f32_rows, channels = conv->window.channels;
    struct mopt_product product = {
        .kernels = work->kernels,
        .taps = 1,
        .k = channels,
        .groups = 1,
        .n = conv->out_channels,
        .b = work->run->w + f * matrix_floats(work->kernels, conv),
        .c = block->m + f * block->m_step,
        .ldc = conv->out_channels,
        .epilogue = &none,
    };
    size_t tiles = mopt__tile_count(work->kernels, rows);
    for (size_t i = 0; i < tiles; i++) {
        size_t start = mopt__tile_start(rows, tiles, i);
        size_t end = mopt__tile_start(rows, tiles, i + 1);
        for (size_t r = start; r < end; r++) {
            a[i * height + r - start] = block->v + f * block->v_step + (row + r) * channels;
        }
    }
    mopt__product_block(&product, a, row, rows, first, last);
}

// Items: panels of all frequencies.
static void multiply(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const struct block *block = context;
    const struct work *work = block->work;
    size_t panels = mopt__panel_count(work->kernels, work->run->conv->out_channels);
    size_t most = MOPT_BLOCK_TILES * (size_t)work->kernels->f32_rows;
    size_t parts = (block->count + most - 1) / most;
    for (size_t at = (size_t)begin; at < (size_t)end;) {
        size_t f = at / panels, first = at % panels;
        size_t last = (size_t)end - f * panels < panels ? (size_t)end - f * panels : panels;
        for (size_t i = 0; i < parts; i++) {
            size_t row = mopt__tile_start(block->count, parts, i);
            multiply_rows(block, f, row, mopt__tile_start(block->count, parts, i + 1) - row, first,
                          last);
        }
        at = f * panels + last;
    }
}

// The output pixels of a tile; those outside the image are NULL.
struct pixels {
    float *y[16];
    const float *residual[16];
};

static void find_pixels(const struct work *work, size_t tile, struct pixels *pixels)
{
    const struct mopt_conv2d_run *run = work->run;
    const struct mopt_window2d *w = &run->conv->window;
    struct corner at = corner_of(work, tile);
    for (size_t p = 0; p < work->size * work->size; p++) {
        size_t y = at.y + p / work->size, x = at.x + p % work->size;
        bool inside = y < w->out_h && x < w->out_w;
        size_t pixel = (at.image * w->out_h + y) * w->out_w + x;
        const float *residual = run->epilogue.residual;
        pixels->y[p] = inside ? run->y + pixel * run->ldy : NULL;
        pixels->residual[p] =
            inside && residual ? residual + pixel * run->epilogue.residual_ld : NULL;
    }
}

// What the slot leaves of the epilogue. A residual that is the result itself was put aside.
static void finish_pixels(const struct work *work, const struct pixels *pixels, const float *aside)
{
    const struct mopt_finish *finish = &work->run->epilogue;
    size_t channels = work->run->conv->out_channels;
    for (size_t p = 0; p < work->size * work->size; p++) {
        if (pixels->y[p]) {
            const float *residual = aside ? aside + p * channels : pixels->residual[p];
            mopt__epilogue_rest(work->kernels, finish, pixels->y[p], 0, residual, 0, 1, channels);
        }
    }
}

static const float *put_aside(const struct work *work, const struct pixels *pixels, float *aside)
{
    size_t channels = work->run->conv->out_channels;
    for (size_t p = 0; p < work->size * work->size; p++) {
        if (pixels->residual[p]) {
            memcpy(aside + p * channels, pixels->residual[p], channels * sizeof(float));
        }
    }
    return aside;
}

static void transform_out(void *context, int64_t begin, int64_t end, int thread)
{
    const struct block *block = context;
    const struct work *work = block->work;
    const struct mopt_finish *finish = &work->run->epilogue;
    size_t channels = work->run->conv->out_channels;
    bool add = mopt__epilogue_adds_in_tile(finish);
    bool in_place = finish->residual && finish->residual == work->run->y && !add;
    float *own = work->aside + (size_t)thread * work->size * work->size * channels;
    struct mopt_winograd_out call = {.m_step = block->m_step,
                                     .channels = channels,
                                     .bias = finish->bias};
    mopt__epilogue_bounds(finish, &call.low, &call.high);
    for (size_t i = (size_t)begin; i < (size_t)end; i++) {
        struct pixels pixels;
        find_pixels(work, block->first + i, &pixels);
        const float *aside = in_place ? put_aside(work, &pixels, own) : NULL;
        call.m = block->m + i * channels;
        call.residual = add ? pixels.residual : NULL;
        call.y = pixels.y;
        work->kernels->winograd_out_f32((int)work->t, &call);
        finish_pixels(work, &pixels, aside);
    }
}

static void run_block(struct block *block, struct mopt_pool *pool)
{
    const struct work *work = block->work;
    size_t panels = mopt__panel_count(work->kernels, work->run->conv->out_channels);
    mopt__pool_for(pool, (int64_t)block->count, 1, transform_in, block);
    mopt__pool_for(pool, (int64_t)(work->t * work->t * panels), 1, multiply, block);
    mopt__pool_for(pool, (int64_t)block->count, 1, transform_out, block);
}

// Blocks of one thread, each from the first to the last step.
static void some_tiles(void *context, int64_t begin, int64_t end, int thread)
{
    const struct work *work = context;
    size_t count = (size_t)(end - begin), blocks = (count + work->most - 1) / work->most;
    for (size_t i = 0; i < blocks; i++) {
        size_t from = mopt__tile_start(count, blocks, i);
        struct block block = {
            .work = work,
            .first = (size_t)begin + from,
            .count = mopt__tile_start(count, blocks, i + 1) - from,
            .v = work->v + (size_t)thread * work->t * work->t * work->v_step,
            .m = work->m + (size_t)thread * work->t * work->t * work->m_step,
            .v_step = work->v_step,
            .m_step = work->m_step,
        };
        transform_in(&block, 0, (int64_t)block.count, thread);
        multiply(&block, 0,
                 (int64_t)(work->t * work->t *
                           mopt__panel_count(work->kernels, work->run->conv->out_channels)),
                 thread);
        transform_out(&block, 0, (int64_t)block.count, thread);
    }
}

// All threads work on one block after the other: each reads its own part of the weights.
static void share_blocks(const struct work *work, struct mopt_pool *pool)
{
    const struct mopt_conv2d *conv = work->run->conv;
    size_t threads = (size_t)mopt__pool_size(pool), most = work->most * threads;
    size_t blocks = (work->tiles + most - 1) / most;
    for (size_t i = 0; i < blocks; i++) {
        size_t first = mopt__tile_start(work->tiles, blocks, i);
        size_t count = mopt__tile_start(work->tiles, blocks, i + 1) - first;
        struct block block = {.work = work, .first = first, .count = count};
        block.v = work->v;
        block.m = work->m;
        block.v_step = odd_lines(count * conv->window.channels);
        block.m_step = odd_lines(count * conv->out_channels);
        run_block(&block, pool);
    }
}

void mopt__conv_winograd(const struct mopt_kernels *kernels, const struct mopt_conv2d_run *run,
                         size_t t, struct mopt_pool *pool)
{
    const struct mopt_conv2d *conv = run->conv;
    struct work work = {.run = run};
    size_t threads = (size_t)mopt__pool_size(pool);
    lay_out(kernels, conv, t, threads, run->scratch, &work);
    memset(work.zero, 0, conv->window.channels * sizeof(float));
    if (work.tiles >= threads * FEWEST / 2 && t * t * matrix_floats(kernels, conv) <= OWN_WEIGHTS) {
        mopt__pool_for(pool, (int64_t)work.tiles, FEWEST / 2, some_tiles, &work);
    } else {
        share_blocks(&work, pool);
    }
}
