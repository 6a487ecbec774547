// SPDX-License-Identifier: Apache-2.0
// Convolution 3x3 with stride 1 by minimal filtering: tiles of the input are transformed, each of
// the t*t frequencies is one product, and what comes out is transformed back. Tiles are worked on
// in blocks whose frequencies stay in the second cache. The weights are kept half transformed,
// 3 t floats for nine; the other half is done on the way, for as many channels as stay in the first
// cache: deep layers are limited by reading them.
#include <string.h>

#include "base/size.h"
#include "kernels/conv_nhwc_inner.h"

enum {
    T_MOST = MOPT_WINOGRAD_T,
    SIZE_MOST = T_MOST - 2,
    LINE = MOPT_WINOGRAD_LINE,
    BLOCK_FLOATS = 200000, // of what must stay in the second cache: see lay_out
    FEWEST = 17,           // tiles of a block: below, reading the weights is all the work
    MOST = 128,
    DEPTH = 32,            // channels whose weights are transformed at a time
    OWN_WEIGHTS = 1 << 19, // of the convolution: as many stay in the second cache, too
    OWN_THREADS = 3,       // most that transform the same tiles, each for itself
    WORTH_DEEP = 24,       // tiles of a thread that are worth reading all weights for, when deep
    WORTH = 8,             // and when they stay in the second cache
};

// So few tiles that reading and transforming the weights is most of the work: they stay as they are
// and are transformed in registers.
static bool is_few(const struct mopt_conv2d *conv, size_t t)
{
    const struct mopt_window2d *w = &conv->window;
    size_t across = (w->out_w + t - 3) / (t - 2), down = (w->out_h + t - 3) / (t - 2);
    return t == T_MOST && w->batch * across * down <= MOPT_WINOGRAD_FEW;
}

static bool is_deep(const struct mopt_conv2d *conv)
{
    return 9 * conv->window.channels * conv->out_channels > OWN_WEIGHTS;
}

// ---- Weights: H = G g, where G is that of the slot winograd_filter_f32 ----
static const double filter4[T_MOST][3] = {{1, 0, 0}, {1, 1, 1},  {1, -1, 1},
                                          {1, 2, 4}, {1, -2, 4}, {0, 0, 1}};
static const double filter2[T_MOST][3] = {{1, 0, 0}, {1, 1, 1}, {1, -1, 1}, {0, 0, 1}};

size_t mopt__conv_winograd_count(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                                 size_t t)
{
    size_t floats = is_few(conv, t) ? 9 : t * 3;
    return mopt__packed_f32_count(kernels, floats * conv->window.channels, conv->out_channels);
}

// Channels of the piece that starts at channel `at`.
static size_t depth_at(size_t channels, size_t at)
{
    return channels - at < DEPTH ? channels - at : DEPTH;
}

// The weights of some channels: from [columns][floats], `ld` apart, to [floats][width].
static void turn(const struct mopt_kernels *kernels, const float *w, size_t ld, size_t cols,
                 size_t floats, size_t width, float *out)
{
    if (cols < width) {
        memset(out, 0, floats * width * sizeof *out);
    }
    kernels->transpose_32(w, ld, out, width, cols, floats);
}

// One row of one panel: matrix, of G; w: first of its output channels.
static float *pack_row(const struct mopt_kernels *kernels, const double matrix[3], const float *w,
                       size_t cols, size_t channels, float *out)
{
    float g[DEPTH * 9 * MOPT_TILE_COLS_MAX];
    size_t width = (size_t)kernels->f32_cols;
    for (size_t at = 0, depth; at < channels; at += depth) {
        depth = depth_at(channels, at);
        turn(kernels, w + at * 9, channels * 9, cols, depth * 9, width, g);
        for (size_t i = 0; i < 3 * depth; i++, out += width) {
            const float *from = g + (i % depth * 9 + i / depth) * width;
            for (size_t j = 0; j < width; j++) {
                out[j] =
                    (float)(matrix[0] * (double)from[j] + matrix[1] * (double)from[3 * width + j] +
                            matrix[2] * (double)from[6 * width + j]);
            }
        }
    }
    return out;
}

// Columns of a panel that are worked on together when there are few tiles.
static size_t few_columns(size_t width)
{
    return width < LINE ? width : LINE;
}

// [columns / few_columns][channels][9][few_columns].
static void pack_few(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                     const float *w, float *out)
{
    size_t width = few_columns((size_t)kernels->f32_cols), step = conv->window.channels * 9;
    size_t columns = mopt__panel_count(kernels, conv->out_channels) * (size_t)kernels->f32_cols;
    for (size_t from = 0; from < columns; from += width) {
        size_t rest = conv->out_channels > from ? conv->out_channels - from : 0;
        turn(kernels, w + (rest ? from : 0) * step, step, rest < width ? rest : width, step, width,
             out + from * step);
    }
    memset(out + columns * step, 0, MOPT_OVERREAD);
}

// [panels][t], or deep [t][panels], of [pieces of channels][3][channels of a piece][columns].
void mopt__conv_winograd_pack(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv,
                              size_t t, const float *w, float *out)
{
    const double(*matrix)[3] = t == T_MOST ? filter4 : filter2;
    size_t width = (size_t)kernels->f32_cols, channels = conv->window.channels;
    if (is_few(conv, t)) {
        pack_few(kernels, conv, w, out);
        return;
    }
    size_t panels = mopt__panel_count(kernels, conv->out_channels);
    for (size_t at = 0; at < panels * t; at++) {
        size_t panel = is_deep(conv) ? at % panels : at / t;
        size_t from = panel * width, rest = conv->out_channels - from;
        out = pack_row(kernels, matrix[is_deep(conv) ? at / panels : at % t],
                       w + from * channels * 9, rest < width ? rest : width, channels, out);
    }
    memset(out, 0, MOPT_OVERREAD);
}

// ---- Running ----
// What threads share.
enum sharing {
    SHARE_TILES,  // each has tiles of its own, and reads all weights
    SHARE_PANELS, // each has weights of its own, and transforms all tiles for itself
    SHARE_BLOCKS, // the same, and they transform the tiles together, block by block
};

struct work {
    const struct mopt_conv2d_run *run;
    const struct mopt_kernels *kernels;
    size_t t, size;             // tile of input, of output
    size_t across, down, tiles; // tiles of a row, of an image, of all
    size_t most;                // tiles of a block
    size_t width, panels;       // of weights
    enum sharing sharing;
    bool few;  // tiles
    bool deep; // more weights than the second cache holds, and not few tiles
    size_t v_step, u_step, m_step;
    // Parts of threads, apart from each other: these are what cores write and read all the time.
    struct mopt_parts v; // of each thread [t * t][v_step]: [lines of channels][tiles][LINE]
    struct mopt_parts u; // of each thread [2][u_step]: [DEPTH][width]
    struct mopt_parts
        m; // of each thread, of each of its panels when deep [t * t][m_step]: [tiles][width]
    struct mopt_parts aside; // of each thread [size * size][width]
};

// A block of tiles.
struct block {
    const struct work *work;
    size_t first, count;
    float *v;
};

// Steps are an odd number of cache lines, so that the frequencies of one tile do not fall on the
// same lines of the first cache.
static size_t odd_lines(size_t floats)
{
    return ((floats + LINE - 1) / LINE | 1) * LINE;
}

static enum sharing sharing_of(const struct work *work, size_t threads)
{
    size_t worth = work->deep ? WORTH_DEEP : WORTH;
    if (!work->few && work->tiles >= threads * worth) {
        return SHARE_TILES;
    }
    // Between a few threads, handing the frequencies from core to core would take longer.
    return work->few || threads <= OWN_THREADS ? SHARE_PANELS : SHARE_BLOCKS;
}

static size_t lay_out(const struct mopt_kernels *kernels, const struct mopt_conv2d *conv, size_t t,
                      size_t threads, void *memory, struct work *work)
{
    const struct mopt_window2d *w = &conv->window;
    struct mopt_scratch scratch = {.block = memory};
    size_t lines = (w->channels + LINE - 1) / LINE;
    size_t depth = w->channels < DEPTH ? w->channels : DEPTH;
    work->kernels = kernels;
    work->t = t;
    work->size = t - 2;
    work->across = (w->out_w + work->size - 1) / work->size;
    work->down = (w->out_h + work->size - 1) / work->size;
    work->tiles = w->batch * work->across * work->down;
    work->width = (size_t)kernels->f32_cols;
    work->panels = mopt__panel_count(kernels, conv->out_channels);
    work->few = is_few(conv, t);
    work->deep = is_deep(conv) && !work->few;
    work->sharing = sharing_of(work, threads);
    size_t tiles = work->sharing == SHARE_TILES ? (work->tiles + threads - 1) / threads
                                                : work->tiles; // of a thread
    // Of a deep convolution a row of frequencies stays in the cache while all weights of the row
    // pass; else all frequencies do.
    size_t stay = work->deep ? t : t * t;
    work->most = BLOCK_FLOATS / (stay * (lines * LINE + work->width));
    work->most = work->most < FEWEST ? FEWEST : work->most;
    work->most = work->most < MOST ? work->most : MOST;
    work->most = work->most < tiles ? work->most : tiles;
    work->most = work->few ? MOPT_WINOGRAD_FEW : work->most;
    work->v_step = odd_lines(work->most * lines * LINE);
    work->u_step = depth * work->width;
    work->m_step = odd_lines(work->most * work->width);
    work->v = mopt__scratch_take_each(&scratch, threads, t * t * work->v_step, sizeof(float));
    work->u = mopt__scratch_take_each(&scratch, threads, 2 * work->u_step, sizeof(float));
    size_t results = (work->deep ? work->panels : 1) *
                     (work->deep && work->sharing != SHARE_TILES ? 1 : threads);
    work->m = mopt__scratch_take_each(&scratch, results, t * t * work->m_step, sizeof(float));
    work->aside = mopt__scratch_take_each(&scratch, threads, SIZE_MOST * SIZE_MOST * work->width,
                                          sizeof(float));
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

// The part of t positions from `at` of the padded axis that lies in the image of `length` behind
// `pad`: first..last.
static void clip(size_t at, size_t t, size_t pad, size_t length, size_t *first, size_t *last)
{
    *first = at < pad ? pad - at : 0;
    *last = at < pad + length ? pad + length - at : 0;
    *last = *last < t ? *last : t;
    *first = *first < *last ? *first : *last;
}

static void transform_in(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const struct block *block = context;
    const struct work *work = block->work;
    const struct mopt_window2d *w = &work->run->conv->window;
    struct mopt_winograd_in call = {.step = work->run->ldx,
                                    .v_step = work->v_step,
                                    .line_step =
                                        (work->few ? MOPT_WINOGRAD_FEW : block->count) * LINE,
                                    .channels = w->channels};
    for (size_t i = (size_t)begin; i < (size_t)end; i++) {
        struct corner at = corner_of(work, block->first + i);
        size_t top, bottom, left, right;
        clip(at.y, work->t, w->pad_top, w->in_h, &top, &bottom);
        clip(at.x, work->t, w->pad_left, w->in_w, &left, &right);
        for (size_t r = 0; r < work->t; r++) {
            size_t row = at.image * w->in_h + at.y + r - w->pad_top;
            size_t pixel = row * w->in_w + at.x + left - w->pad_left;
            bool inside = r >= top && r < bottom && left < right;
            call.row[r] = inside ? work->run->x + pixel * work->run->ldx : NULL;
        }
        call.first = (int)left;
        call.last = (int)right;
        call.v = block->v + i * LINE;
        work->kernels->winograd_in_f32((int)work->t, &call);
    }
}

// One row of frequencies of one panel, for all tiles of the block. w: its weights, `rest` floats of
// them and of what is read after them.
static void multiply_row(const struct block *block, struct mopt_winograd_product *product,
                         const float *w, size_t rest, float *u)
{
    const struct work *work = block->work;
    size_t channels = work->run->conv->window.channels;
    size_t t = work->t == T_MOST ? T_MOST : 4;
    const float *v = product->v;
    float *m = product->m;
    for (size_t at = 0; at < channels; at += product->k) {
        product->k = depth_at(channels, at);
        product->accumulate = at > 0;
        size_t floats = product->k * work->width;
        // What comes next is brought nearer, a part with each frequency.
        rest -= 3 * floats;
        size_t part = (rest < 3 * DEPTH * work->width ? rest : 3 * DEPTH * work->width) / t;
        product->ahead_bytes = part * sizeof(float);
        for (size_t j = 0; j < t; j++) {
            if (j % 2 == 1 && j < t - 1) {
                work->kernels->winograd_filter_f32(j > 1, w, floats, u);
            }
            product->u = j == 0 ? w : j == t - 1 ? w + 2 * floats : u + (j + 1) % 2 * floats;
            product->v = v + j * work->v_step + at / LINE * product->line_step;
            product->m = m + j * work->m_step;
            product->ahead = part > 0 ? w + 3 * floats + j * part : NULL;
            work->kernels->winograd_product_f32(product);
        }
        w += 3 * floats;
    }
}

// Row i of the frequencies of one panel.
static void multiply(const struct block *block, size_t i, size_t panel, float *u, float *m)
{
    const struct work *work = block->work;
    size_t n = work->run->conv->out_channels, from = panel * work->width;
    size_t row = work->run->conv->window.channels * 3 * work->width; // weights of a row
    size_t before = work->deep ? i * work->panels + panel : panel * work->t + i;
    struct mopt_winograd_product product = {
        .rows = block->count,
        .cols = work->width,
        .used = n - from < work->width ? n - from : work->width,
        .line_step = block->count * LINE,
        .v = block->v + i * work->t * work->v_step,
        .m = m + i * work->t * work->m_step,
    };
    multiply_row(block, &product, (const float *)work->run->w + before * row,
                 (work->panels * work->t - before) * row, u);
}

// All frequencies of one panel for at most four tiles.
static void multiply_few(const struct block *block, size_t panel, float *m)
{
    const struct work *work = block->work;
    size_t channels = work->run->conv->window.channels, cols = few_columns(work->width);
    struct mopt_winograd_few few = {.cols = cols,
                                    .w = (const float *)work->run->w +
                                         panel * work->width * 9 * channels,
                                    .v_step = work->v_step,
                                    .m_step = work->m_step,
                                    .row_step = work->width};
    size_t floats = (work->panels - panel) * work->width * 9 * channels; // still to be read
    for (size_t at = 0, from = 0; from < work->width;) {
        few.k = depth_at(channels, at);
        few.v = block->v + at * MOPT_WINOGRAD_FEW;
        few.m = m + from;
        few.accumulate = at > 0;
        size_t used = few.k * 9 * cols;
        floats -= used;
        few.ahead = floats >= used ? few.w + used : NULL;
        work->kernels->winograd_few_f32(&few);
        few.w += used;
        at += few.k;
        from += at == channels ? cols : 0;
        at = at == channels ? 0 : at;
    }
}

// What the slot leaves of the epilogue; residual: the tile's first pixel.
static void finish_pixels(const struct work *work, const struct mopt_winograd_out *out,
                          const float *residual, size_t step, size_t row)
{
    const struct mopt_finish *finish = &work->run->epilogue;
    for (size_t i = 0; i < (size_t)out->rows; i++) {
        mopt__epilogue_rest(work->kernels, finish, out->y + i * out->y_row, out->y_step,
                            residual ? residual + i * row : NULL, step, (size_t)out->cols,
                            out->channels);
    }
}

// A residual that is the result itself would be lost: it is put aside.
static void put_aside(const struct mopt_winograd_out *out, float *aside, size_t row)
{
    for (size_t i = 0; i < (size_t)out->rows; i++) {
        for (size_t j = 0; j < (size_t)out->cols; j++) {
            memcpy(aside + i * row + j * out->channels, out->y + i * out->y_row + j * out->y_step,
                   out->channels * sizeof(float));
        }
    }
}

// One panel of the block's pixels.
static void transform_out(const struct block *block, size_t panel, const float *m, float *aside)
{
    const struct work *work = block->work;
    const struct mopt_conv2d_run *run = work->run;
    const struct mopt_window2d *w = &run->conv->window;
    const struct mopt_finish *finish = &run->epilogue;
    size_t column = panel * work->width, rest = run->conv->out_channels - column;
    size_t used = rest < work->width ? rest : work->width, aside_row = SIZE_MOST * used;
    bool add = mopt__epilogue_adds_in_tile(finish);
    bool in_place = finish->residual && finish->residual == run->y && !add;
    struct mopt_winograd_out call = {.m_step = work->m_step,
                                     .channels = used,
                                     .bias = finish->bias ? finish->bias + column : NULL,
                                     .y_step = run->ldy,
                                     .y_row = w->out_w * run->ldy,
                                     .residual_step = finish->residual_ld,
                                     .residual_row = w->out_w * finish->residual_ld};
    mopt__epilogue_bounds(finish, &call.low, &call.high);
    for (size_t i = 0; i < block->count; i++) {
        struct corner at = corner_of(work, block->first + i);
        size_t pixel = (at.image * w->out_h + at.y) * w->out_w + at.x;
        const float *residual =
            finish->residual ? finish->residual + pixel * finish->residual_ld + column : NULL;
        call.rows = (int)(w->out_h - at.y < work->size ? w->out_h - at.y : work->size);
        call.cols = (int)(w->out_w - at.x < work->size ? w->out_w - at.x : work->size);
        call.y = run->y + pixel * run->ldy + column;
        call.m = m + i * work->width;
        call.residual = add ? residual : NULL;
        if (in_place) {
            put_aside(&call, aside, aside_row);
        }
        work->kernels->winograd_out_f32((int)work->t, &call);
        if (in_place) {
            finish_pixels(work, &call, aside, used, aside_row);
        } else {
            finish_pixels(work, &call, residual, call.residual_step, call.residual_row);
        }
    }
}

static void some_panels(void *context, int64_t begin, int64_t end, int thread)
{
    const struct block *block = context;
    const struct work *work = block->work;
    size_t own = (size_t)thread, first = (size_t)begin, last = (size_t)end;
    float *u = mopt__part(&work->u, own), *aside = mopt__part(&work->aside, own);
    size_t results = work->sharing == SHARE_TILES ? own * work->panels : 0; // when deep
    for (size_t i = 0; i < work->t && work->deep; i++) {
        for (size_t panel = first; panel < last; panel++) {
            multiply(block, i, panel, u, mopt__part(&work->m, results + panel));
        }
    }
    for (size_t panel = first; panel < last; panel++) {
        float *m = mopt__part(&work->m, work->deep ? results + panel : own);
        for (size_t i = 0; i < work->t && !work->deep && !work->few; i++) {
            multiply(block, i, panel, u, m);
        }
        if (work->few) {
            multiply_few(block, panel, m);
        }
        transform_out(block, panel, m, aside);
    }
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
            .v = mopt__part(&work->v, (size_t)thread),
        };
        transform_in(&block, 0, (int64_t)block.count, thread);
        some_panels(&block, 0, (int64_t)work->panels, thread);
    }
}

static struct block block_at(const struct work *work, size_t i, float *v)
{
    size_t blocks = (work->tiles + work->most - 1) / work->most;
    size_t first = mopt__tile_start(work->tiles, blocks, i);
    size_t end = mopt__tile_start(work->tiles, blocks, i + 1);
    return (struct block){.work = work, .first = first, .count = end - first, .v = v};
}

// Each thread transforms all tiles for itself and multiplies its own part of the weights.
static void own_panels(void *context, int64_t begin, int64_t end, int thread)
{
    const struct work *work = context;
    float *v = mopt__part(&work->v, (size_t)thread);
    if (work->few) {
        memset(v, 0, work->t * work->t * work->v_step * sizeof(float)); // all four are multiplied
    }
    for (size_t i = 0; i * work->most < work->tiles; i++) {
        struct block block = block_at(work, i, v);
        transform_in(&block, 0, (int64_t)block.count, thread);
        some_panels(&block, begin, end, thread);
    }
}

// All threads work on one block after the other: each reads its own part of the weights.
static void share_blocks(const struct work *work, struct mopt_pool *pool)
{
    for (size_t i = 0; i * work->most < work->tiles; i++) {
        struct block block = block_at(work, i, mopt__part(&work->v, 0));
        mopt__pool_for(pool, (int64_t)block.count, 1, transform_in, &block);
        mopt__pool_for(pool, (int64_t)work->panels, 1, some_panels, &block);
    }
}

void mopt__conv_winograd(const struct mopt_kernels *kernels, const struct mopt_conv2d_run *run,
                         size_t t, struct mopt_pool *pool)
{
    const struct mopt_conv2d *conv = run->conv;
    struct work work = {.run = run};
    size_t threads = (size_t)mopt__pool_size(pool);
    lay_out(kernels, conv, t, threads, run->scratch, &work);
    switch (work.sharing) {
    case SHARE_TILES:
        mopt__pool_for(pool, (int64_t)work.tiles, WORTH, some_tiles, &work);
        break;
    case SHARE_PANELS:
        mopt__pool_for(pool, (int64_t)work.panels, 1, own_panels, &work);
        break;
    case SHARE_BLOCKS:
        share_blocks(&work, pool);
        break;
    }
}
