// SPDX-License-Identifier: Apache-2.0
// Convolution with few output channels: a strip of neighbouring pixels of a row is one row of a
// product, and each of its pixels has columns of its own. The window of a strip is that of its
// first pixel, and wider by a stride for each other one; the weights of a pixel are 0 where its own
// window does not reach. So vectors are full that the channels alone would leave empty.
#include <string.h>

#include "kernels/conv_nhwc_inner.h"

enum { COLUMNS_MAX = 32 }; // of a strip

// Pixels from the first to the last tap of a row of the window of `strip` pixels.
static size_t reach(const struct mopt_window2d *w, size_t strip)
{
    return (w->kernel_w - 1) * w->dilation_w + 1 + (strip - 1) * w->stride_w;
}

// The convolution whose pixels are strips. The last one of a row may be cut off.
static struct mopt_conv2d strips_of(const struct mopt_conv2d *conv, size_t strip)
{
    struct mopt_conv2d strips = *conv;
    struct mopt_window2d *w = &strips.window;
    w->kernel_w = reach(&conv->window, strip);
    w->dilation_w = 1;
    w->stride_w *= strip;
    w->out_w = (w->out_w + strip - 1) / strip;
    strips.out_channels *= strip;
    return strips;
}

// ---- Choice -------------------------------------------------------------------------------------

// A product of `rows` rows, in tiles of 11 rows. A step takes a cycle for a vector of 16 sums, and
// less for each of two, which share the number they are multiplied by; four are in flight until the
// first is done. A tap, a tile and the product take some more.
static double product_cycles(size_t rows, size_t columns, double steps, double taps)
{
    size_t whole_tiles = (rows + 10) / 11, whole_vectors = (columns + 15) / 16;
    double tiles = (double)whole_tiles, vectors = (double)whole_vectors;
    double sums = (double)rows * vectors * (vectors > 1 ? 0.85 : 1);
    return steps * (sums > 4 * tiles ? sums : 4 * tiles) + tiles * (30 + 12 * taps) + 250;
}

// Where whole strips of all images are not one product: row by row, or one of each row at a time.
static bool is_by_column(size_t rows, size_t whole)
{
    return whole < 8 && rows > whole;
}

// Cycles of a convolution in strips, as measured with AVX-512; the same rule everywhere.
static double cost(const struct mopt_conv2d *conv, size_t strip)
{
    const struct mopt_window2d *w = &conv->window;
    size_t rows = w->batch * w->out_h, whole = w->out_w / strip, tail = w->out_w % strip;
    size_t columns = strip * conv->out_channels;
    double across = (double)(strip > 1 ? reach(w, strip) : w->kernel_w);
    double high = (double)w->kernel_h, steps = (double)w->channels * high * across;
    struct mopt_conv2d strips = strips_of(conv, strip);
    bool long_rows = mopt__direct_has_long_rows(strip > 1 ? &strips : conv);
    double taps = high * (long_rows ? 1 : across);
    double apart =
        (30 + 2 * taps) * (double)rows; // for rows of the image that are far from each other
    double cycles = 20 * (double)(rows * (whole + (tail > 0)));
    if (tail == 0 || rows == 1) {
        cycles += product_cycles(rows * whole, columns, steps, taps);
    } else if (is_by_column(rows, whole)) {
        cycles += (double)whole * (product_cycles(rows, columns, steps, taps) + apart);
    } else {
        cycles += (double)rows * product_cycles(whole, columns, steps, taps);
    }
    if (tail) {
        cycles += product_cycles(rows, tail * conv->out_channels, steps, taps) + apart;
    }
    return cycles + (conv->apart && strip > 1 ? 4 * (double)(rows * w->out_w) : 0);
}

size_t mopt__conv_strip(const struct mopt_conv2d *conv)
{
    const struct mopt_window2d *w = &conv->window;
    size_t most = conv->out_channels > 0 ? COLUMNS_MAX / conv->out_channels : 1;
    size_t best = 1;
    most = most < w->out_w ? most : w->out_w;
    if (conv->strict || conv->residual_apart || conv->groups != 1 || w->kernel_w == 1) {
        return 1;
    }
    double least = 0.9 * cost(conv, 1);
    for (size_t strip = 2; strip <= most; strip++) {
        double cycles = cost(conv, strip);
        if (cycles < least) {
            least = cycles;
            best = strip;
        }
    }
    return best;
}

// ---- Weights ------------------------------------------------------------------------------------

size_t mopt__conv_strips_bytes(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv)
{
    struct mopt_conv2d strips = strips_of(conv, mopt__conv_strip(conv));
    const struct mopt_window2d *w = &strips.window;
    size_t count =
        mopt__packed_f32_count(kernels, mopt__window_taps(w) * w->channels, strips.out_channels);
    return count * sizeof(float);
}

// The weight that output channel `m` has for an input channel in row i of the window, `at` pixels
// behind the window's first pixel.
static float weight_at(const struct mopt_conv2d *conv, const float *w, size_t m, size_t channel,
                       size_t i, ptrdiff_t at)
{
    const struct mopt_window2d *window = &conv->window;
    size_t j = (size_t)at / window->dilation_w;
    if (at < 0 || (size_t)at % window->dilation_w != 0 || j >= window->kernel_w) {
        return 0;
    }
    return w[((m * window->channels + channel) * window->kernel_h + i) * window->kernel_w + j];
}

void mopt__conv_strips_pack(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                            const float *w, void *out)
{
    struct mopt_conv2d strips = strips_of(conv, mopt__conv_strip(conv));
    const struct mopt_window2d *window = &strips.window;
    size_t n = strips.out_channels, width = (size_t)kernels->f32_cols;
    size_t steps = mopt__window_taps(window) * window->channels;
    float *to = out;
    for (size_t from = 0; from < n; from += width) {
        for (size_t p = 0; p < steps; p++) {
            size_t channel = p % window->channels, tap = p / window->channels;
            for (size_t j = from; j < from + width; j++) {
                size_t pixel = j / conv->out_channels, m = j % conv->out_channels;
                ptrdiff_t at = (ptrdiff_t)(tap % window->kernel_w) -
                               (ptrdiff_t)(pixel * conv->window.stride_w);
                *to++ = j < n ? weight_at(conv, w, m, channel, tap / window->kernel_w, at) : 0;
            }
        }
    }
    memset(to, 0, MOPT_OVERREAD);
}

// ---- Run ----------------------------------------------------------------------------------------

// Parts of the scratch; the same for counting and for running. The direct form takes the rest.
struct room {
    float *bias;
    float *result; // where it is apart; else NULL
    size_t used;
};

static struct room lay_out(const struct mopt_conv2d *conv, void *block)
{
    struct mopt_scratch scratch = {.block = block};
    struct room room = {.bias = mopt__scratch_take(&scratch, COLUMNS_MAX, sizeof(float))};
    if (conv->apart) {
        room.result = mopt__scratch_take(&scratch, mopt__window_pixels(&conv->window),
                                         conv->out_channels * sizeof(float));
    }
    room.used = scratch.used;
    return room;
}

size_t mopt__conv_strips_scratch(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                                 int threads)
{
    struct mopt_conv2d strips = strips_of(conv, mopt__conv_strip(conv));
    size_t bytes = mopt__conv_direct_scratch(kernels, &strips, threads);
    size_t own = lay_out(conv, NULL).used;
    return own > SIZE_MAX - bytes ? SIZE_MAX : own + bytes;
}

struct work {
    struct mopt_direct direct; // of strips
    size_t rows, whole;        // of the images; strips of each that are not cut off
    size_t width;              // floats of a row of the result
    size_t at;                 // the row, or the strip of each row, that is worked on
};

// A part of the product: from float `at` of the result on.
static void run_part(const struct mopt_product *part, size_t at, size_t rows, size_t depth,
                     struct mopt_pool *pool)
{
    struct mopt_product product = *part;
    struct mopt_finish finish = *part->epilogue;
    product.c += at;
    product.epilogue = &finish;
    finish.residual = finish.residual ? finish.residual + at : NULL;
    finish.residual_ld = product.ldc;
    mopt__product_run(&product, rows, depth, pool);
}

static void fill_row(const void *source, size_t row, size_t rows, const float **a)
{
    const struct work *work = source;
    size_t first = work->at * work->direct.taps.window.out_w;
    mopt__direct_fill(&work->direct, first + row, rows, a);
}

// Whole strips of some rows, when the last one of each row is cut off.
static void some_rows(void *context, int64_t begin, int64_t end, int thread)
{
    struct work work = *(const struct work *)context;
    struct mopt_product product = work.direct.product;
    product.fill = fill_row;
    product.source = &work;
    if (product.tables.first) {
        product.tables.first = mopt__part(&product.tables, (size_t)thread);
    }
    for (work.at = (size_t)begin; work.at < (size_t)end; work.at++) {
        run_part(&product, work.at * work.width, work.whole, work.direct.depth, NULL);
    }
}

static void fill_column(const void *source, size_t row, size_t rows, const float **a)
{
    const struct work *work = source;
    const struct mopt_taps *taps = &work->direct.taps;
    size_t count = mopt__window_taps(&taps->window);
    size_t tiles = mopt__tile_count(work->direct.product.kernels, rows);
    for (size_t i = 0; i < tiles; i++, a += count * taps->height) {
        size_t start = mopt__tile_start(rows, tiles, i);
        size_t end = mopt__tile_start(rows, tiles, i + 1);
        for (size_t r = start; r < end; r++) {
            size_t strip = (row + r) * taps->window.out_w + work->at;
            struct mopt_place place = mopt__place_at(&taps->window, strip);
            mopt__taps_fill(taps, work->direct.offsets, &place, 1, a + (r - start));
        }
    }
}

// One strip of each row; `columns`: of the last one, which may be cut off.
static void run_column(struct work *work, size_t column, size_t columns, struct mopt_pool *pool)
{
    struct mopt_product product = work->direct.product;
    size_t at = column * product.ldc;
    work->at = column;
    product.n = columns;
    product.ldc = work->width;
    product.fill = fill_column;
    product.source = work;
    run_part(&product, at, work->rows, work->direct.depth, pool);
}

// All strips, with their epilogue. tail: columns of the last strip of a row; 0: it is a whole one.
static void run_strips(struct work *work, size_t tail, struct mopt_pool *pool)
{
    const struct mopt_product *product = &work->direct.product;
    if (tail == 0 || work->rows == 1) {
        run_part(product, 0, work->rows * work->whole, work->direct.depth, pool);
    } else if (is_by_column(work->rows, work->whole)) {
        for (size_t i = 0; i < work->whole; i++) {
            run_column(work, i, product->n, pool);
        }
    } else {
        size_t each = product->taps * product->k * work->width; // multiply-adds of a row
        mopt__pool_for(pool, (int64_t)work->rows, (int64_t)(MOPT_SERIAL_BELOW / each + 1),
                       some_rows, work);
    }
    if (tail) {
        run_column(work, work->whole, tail, pool);
    }
}

// From pixels side by side to pixels that are apart.
struct spread {
    const struct mopt_conv2d_run *run;
    const float *from;
};

static void spread_pixels(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const struct spread *spread = context;
    size_t n = spread->run->conv->out_channels;
    for (size_t i = (size_t)begin; i < (size_t)end; i++) {
        for (size_t j = 0; j < n; j++) {
            spread->run->y[i * spread->run->ldy + j] = spread->from[i * n + j];
        }
    }
}

void mopt__conv_strips(const struct mopt_kernels *kernels, const struct mopt_conv2d_run *run,
                       struct mopt_pool *pool)
{
    const struct mopt_conv2d *conv = run->conv;
    const struct mopt_window2d *w = &conv->window;
    size_t strip = mopt__conv_strip(conv), n = conv->out_channels, tail = w->out_w % strip;
    struct mopt_conv2d strips = strips_of(conv, strip);
    struct room room = lay_out(conv, run->scratch);
    struct mopt_conv2d_run wide = *run;
    wide.conv = &strips;
    wide.y = room.result ? room.result : run->y;
    wide.ldy = strip * n;
    wide.scratch = (char *)run->scratch + room.used;
    wide.epilogue.bias = run->epilogue.bias ? room.bias : NULL;
    for (size_t j = 0; run->epilogue.bias && j < strip * n; j++) {
        room.bias[j] = run->epilogue.bias[j % n];
    }
    struct work work = {.rows = w->batch * w->out_h,
                        .whole = w->out_w / strip,
                        .width = w->out_w * n};
    mopt__direct_open(kernels, &wide, pool, &work.direct);
    run_strips(&work, tail * n, pool);
    if (room.result) {
        struct spread spread = {run, room.result};
        mopt__pool_for(pool, (int64_t)mopt__window_pixels(w), 4096, spread_pixels, &spread);
    }
}
