// SPDX-License-Identifier: Apache-2.0
// Rows times packed panels. The sum over taps and k is cut into pieces whose panel stays in a near
// cache while all tiles of the block pass over it; between pieces the sums wait in c, which changes
// no bit of them.
#include <assert.h>
#include <string.h>

#include "kernels/product.h"
#include "kernels/weights.h"

enum {
    DEPTH = 1024,     // most floats of a row per piece: 128 KiB of weights, in the second cache
    DEPTH_WIDE = 384, // of weights that become floats: in the first cache, where they are written
    WIDE_COLS = 32,   // the widest tile of floats
};

// A piece of the sum: floats at..at+k of the taps tap..tap+taps.
struct piece {
    size_t tap, taps, at, k;
    bool first, last;
};

static size_t depth_of(const struct mopt_product *p)
{
    return p->weights == MOPT_WEIGHTS_F32 ? DEPTH : DEPTH_WIDE;
}

// Taps first..end of all.
struct reach {
    size_t first, end;
};

static struct piece piece_at(const struct mopt_product *p, const struct reach *reach, size_t tap,
                             size_t at)
{
    struct piece piece = {.tap = tap, .at = at, .taps = 1, .k = p->k};
    size_t depth = depth_of(p);
    if (p->k > depth) {
        size_t cuts = (p->k + depth - 1) / depth;
        size_t step = (p->k + cuts - 1) / cuts;
        size_t whole = p->block ? p->block : p->weights == MOPT_WEIGHTS_CODED ? MOPT_CODED_STEP : 1;
        step = (step + whole - 1) / whole * whole;
        piece.k = p->k - at < step ? p->k - at : step;
    } else {
        size_t fit = depth / p->k;
        fit = fit < MOPT_TAPS_MAX ? fit : MOPT_TAPS_MAX;
        piece.taps = reach->end - tap < fit ? reach->end - tap : fit;
    }
    piece.first = tap == reach->first && at == 0;
    piece.last = tap + piece.taps == reach->end && at + piece.k == p->k;
    return piece;
}

// One panel of one block.
struct panel {
    const float *const *a;
    struct reach reach;
    const char *b;
    float *c;
    size_t offset; // of the group in a row
    size_t rows;
    int cols;
    const float *bias, *residual;
    size_t residual_ld;
};

enum { FEW_ROWS = 4 }; // so few that reading the panel takes longer than their products

// How the panel of a piece is read.
struct right {
    const float *b;
    const uint16_t *b16; // NULL, or read instead of b by the first tile, which leaves it in wide
    float *wide;         // NULL: no other tile
    const char *ahead, *end; // the piece behind this one
};

static void run_tiles(const struct mopt_product *p, const struct panel *panel,
                      const struct piece *piece, const struct right *right)
{
    size_t height = (size_t)p->kernels->f32_rows;
    size_t tiles = mopt__tile_count(p->kernels, panel->rows);
    bool add = piece->last && mopt__epilogue_adds_in_tile(p->epilogue);
    struct mopt_tile_f32 tile = {
        .a = panel->a + piece->tap * height,
        .a_step = p->taps * height,
        .offset = panel->offset + piece->at,
        .taps = piece->taps,
        .k = piece->k,
        .b = right->wide ? right->wide : right->b,
        .b16 = right->b16,
        .wide = right->wide,
        .weights = p->weights,
        .block = p->block,
        .c = panel->c,
        .ldc = p->ldc,
        .bias = piece->last ? panel->bias : NULL,
        .residual = add ? panel->residual : NULL,
        .residual_ld = panel->residual_ld,
        .accumulate = !piece->first,
        .cols = panel->cols,
        .near = tiles == 1 && (p->kernels->fetches || panel->rows > FEW_ROWS),
        // The piece behind this one is read next; the tiles share the work of bringing it nearer.
        .ahead = right->ahead,
        .ahead_end = right->end,
    };
    static const struct mopt_finish none = {.act = {.kind = MOPT_ACT_NONE}};
    mopt__epilogue_bounds(piece->last ? p->epilogue : &none, &tile.low, &tile.high);
    size_t higher = panel->rows % tiles; // as mopt__tile_start cuts
    for (size_t i = 0, count = 0; i < tiles; i += count) {
        tile.rows = (int)(panel->rows / tiles + (i < higher));
        count = i < higher ? higher - i : tiles - i;
        if (right->b16 && i == 0) {
            count = 1;
            p->kernels->tile_16(&tile);
        } else {
            tile.more = (int)count - 1;
            p->kernels->tile_f32(&tile);
        }
        mopt__tile_f32_below(&tile, count);
    }
}

// Several tiles: the first one widens the panel for all.
static __attribute__((noinline)) void run_widened(const struct mopt_product *p,
                                                  const struct panel *panel,
                                                  const struct piece *piece,
                                                  const struct right *right)
{
    _Alignas(64) float wide[DEPTH_WIDE * WIDE_COLS];
    assert(p->kernels->f32_cols <= WIDE_COLS);
    struct right own = *right;
    own.wide = wide;
    run_tiles(p, panel, piece, &own);
}

// Weights of few bits: expanded for all tiles.
static __attribute__((noinline)) void run_expanded(const struct mopt_product *p,
                                                   const struct panel *panel,
                                                   const struct piece *piece)
{
    _Alignas(64) float wide[DEPTH_WIDE * WIDE_COLS];
    assert(p->kernels->f32_cols <= WIDE_COLS && piece->taps == 1 && piece->k <= DEPTH_WIDE);
    p->kernels->expand_coded(p->coded, panel->b, piece->at, piece->k, wide);
    struct right right = {.b = wide};
    run_tiles(p, panel, piece, &right);
}

static void run_piece(const struct mopt_product *p, const struct panel *panel,
                      const struct piece *piece)
{
    if (p->weights == MOPT_WEIGHTS_CODED) {
        run_expanded(p, panel, piece);
        return;
    }
    size_t line = (size_t)p->kernels->f32_cols * mopt__weights_bytes(p->weights);
    const char *b = panel->b + (piece->tap * p->k + piece->at) * line;
    size_t bytes = piece->taps * piece->k * line;
    struct right right = {.ahead = b + bytes, .end = b + 2 * bytes};
    if (p->weights == MOPT_WEIGHTS_F32) {
        right.b = (const float *)(const void *)b;
        run_tiles(p, panel, piece, &right);
        return;
    }
    right.b16 = (const uint16_t *)(const void *)b;
    if (panel->rows <= (size_t)p->kernels->f32_rows) {
        run_tiles(p, panel, piece, &right);
    } else {
        run_widened(p, panel, piece, &right);
    }
}

static void run_panel(const struct mopt_product *p, const struct panel *panel)
{
    struct piece piece = {0};
    for (size_t tap = panel->reach.first, at = 0; !piece.last;) {
        piece = piece_at(p, &panel->reach, tap, at);
        run_piece(p, panel, &piece);
        at = piece.at + piece.k;
        tap += at == p->k ? piece.taps : 0;
        at = at == p->k ? 0 : at;
    }
}

// A residual that is the result itself would be lost: it is put aside.
static void run_panel_aside(const struct mopt_product *p, const struct panel *panel)
{
    float aside[MOPT_BLOCK_TILES * MOPT_TILE_ROWS_MAX * MOPT_TILE_COLS_MAX];
    size_t cols = (size_t)panel->cols;
    for (size_t i = 0; panel->residual && i < panel->rows; i++) {
        memcpy(aside + i * cols, panel->residual + i * panel->residual_ld, cols * sizeof(float));
    }
    struct panel own = *panel;
    own.residual = aside;
    own.residual_ld = cols;
    run_panel(p, &own);
    mopt__epilogue_rest(p->kernels, p->epilogue, panel->c, p->ldc, aside, cols, panel->rows, cols);
}

bool mopt__product_sets_aside(const struct mopt_product *p)
{
    size_t depth = depth_of(p);
    bool one_piece = p->k <= depth && p->taps <= depth / p->k && p->taps <= MOPT_TAPS_MAX;
    return p->epilogue->residual && p->epilogue->residual == p->c &&
           !(one_piece && mopt__epilogue_adds_in_tile(p->epilogue));
}

// First column of a panel of some group.
static size_t column_of(const struct mopt_product *p, size_t unit)
{
    size_t panels = mopt__panel_count(p->kernels, p->n);
    return unit / panels * p->n + unit % panels * (size_t)p->kernels->f32_cols;
}

// What tiles leave of the epilogue, over all panels at once: long rows are worth more than the
// nearer cache.
static void finish_block(const struct mopt_product *p, size_t row, size_t rows, size_t column,
                         size_t end)
{
    const struct mopt_finish *epilogue = p->epilogue;
    const float *residual = epilogue->residual;
    residual = residual ? residual + row * epilogue->residual_ld + column : NULL;
    mopt__epilogue_rest(p->kernels, epilogue, p->c + row * p->ldc + column, p->ldc, residual,
                        epilogue->residual_ld, rows, end - column);
}

static size_t panel_bytes(const struct mopt_product *p)
{
    size_t width = (size_t)p->kernels->f32_cols;
    return p->weights == MOPT_WEIGHTS_CODED
               ? mopt__coded_panel_bytes(p->coded, p->k, width)
               : width * p->taps * p->k * mopt__weights_bytes(p->weights);
}

static bool reads_pixels(const struct mopt_product *p, const float *const *a, size_t rows,
                         size_t tap)
{
    size_t height = (size_t)p->kernels->f32_rows;
    size_t tiles = mopt__tile_count(p->kernels, rows);
    for (size_t i = 0; i < tiles; i++) {
        size_t count = mopt__tile_start(rows, tiles, i + 1) - mopt__tile_start(rows, tiles, i);
        const float *const *row = a + (i * p->taps + tap) * height;
        for (size_t r = 0; r < count; r++) {
            if (row[r] != p->zero) {
                return true;
            }
        }
    }
    return false;
}

static struct reach reach_of(const struct mopt_product *p, const float *const *a, size_t rows)
{
    struct reach reach = {.first = 0, .end = p->taps};
    while (p->zero && reach.end - reach.first > 1 && !reads_pixels(p, a, rows, reach.first)) {
        reach.first++;
    }
    while (p->zero && reach.end - reach.first > 1 && !reads_pixels(p, a, rows, reach.end - 1)) {
        reach.end--;
    }
    return reach;
}

void mopt__product_block(const struct mopt_product *p, const float *const *a, size_t row,
                         size_t rows, size_t first, size_t last)
{
    const struct mopt_finish *epilogue = p->epilogue;
    size_t width = (size_t)p->kernels->f32_cols;
    size_t panels = mopt__panel_count(p->kernels, p->n);
    bool aside = mopt__product_sets_aside(p);
    const struct reach reach = reach_of(p, a, rows);
    for (size_t unit = first; unit < last; unit++) {
        size_t group = unit / panels, from = unit % panels * width;
        size_t column = column_of(p, unit);
        struct panel panel = {
            .a = a,
            .reach = reach,
            .b = (const char *)p->b + unit * panel_bytes(p),
            .c = p->c + row * p->ldc + column,
            .offset = group * p->k,
            .rows = rows,
            .cols = (int)(p->n - from < width ? p->n - from : width),
            .bias = epilogue->bias ? epilogue->bias + column : NULL,
            .residual_ld = epilogue->residual_ld,
        };
        if (epilogue->residual) {
            panel.residual = epilogue->residual + row * epilogue->residual_ld + column;
        }
        if (aside) {
            run_panel_aside(p, &panel);
        } else {
            run_panel(p, &panel);
        }
    }
    if (!aside) {
        finish_block(p, row, rows, column_of(p, first), column_of(p, last));
    }
}

struct work {
    const struct mopt_product *product;
    size_t rows, most; // most: rows per block
    size_t panels;     // of all groups
};

static void run_range(const struct work *work, size_t row, size_t end, size_t first, size_t last,
                      int thread)
{
    const float *own[MOPT_BLOCK_TILES * MOPT_TILE_ROWS_MAX];
    const struct mopt_product *p = work->product;
    const float **a = own;
    if (p->tables.first) {
        a = mopt__part(&p->tables, (size_t)thread);
    }
    size_t rows = end - row;
    size_t blocks = (rows + work->most - 1) / work->most;
    for (size_t i = 0; i < blocks; i++) {
        size_t from = row + mopt__tile_start(rows, blocks, i);
        size_t count = row + mopt__tile_start(rows, blocks, i + 1) - from;
        p->fill(p->source, from, count, a);
        mopt__product_block(p, a, from, count, first, last);
    }
}

static void some_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct work *work = context;
    run_range(work, (size_t)begin, (size_t)end, 0, work->panels, thread);
}

static void some_panels(void *context, int64_t begin, int64_t end, int thread)
{
    const struct work *work = context;
    run_range(work, 0, work->rows, (size_t)begin, (size_t)end, thread);
}

// Panels are shared where the weights are much more than the rows, so that each thread reads its
// own part of them; else rows, which are what most other work is shared by: a thread then finds its
// operands where it wrote them.
static bool shares_panels(const struct work *work, size_t depth, size_t threads)
{
    const struct mopt_product *p = work->product;
    size_t uneven = (work->panels + threads - 1) / threads * threads - work->panels;
    if (work->rows < (size_t)p->kernels->f32_rows * threads) {
        return work->panels > 1;
    }
    return p->n * p->taps * p->k * p->groups / 4 >= work->rows * depth &&
           uneven * 16 <= work->panels;
}

// Such that `depth` floats of each row of a block stay in the second cache.
static size_t block_rows(const struct mopt_kernels *kernels, size_t depth)
{
    size_t height = (size_t)kernels->f32_rows;
    size_t tiles = ((size_t)1 << 18) / depth / height; // 1 MiB
    tiles = tiles < 1 ? 1 : tiles;
    return height * (tiles < MOPT_BLOCK_TILES ? tiles : MOPT_BLOCK_TILES);
}

void mopt__product_run(const struct mopt_product *p, size_t rows, size_t depth,
                       struct mopt_pool *pool)
{
    struct work work = {
        .product = p,
        .rows = rows,
        .most = block_rows(p->kernels, depth),
        .panels = p->groups * mopt__panel_count(p->kernels, p->n),
    };
    if (rows * p->groups * p->n * p->taps * p->k < MOPT_SERIAL_BELOW) {
        pool = NULL;
    }
    if (shares_panels(&work, depth, (size_t)mopt__pool_size(pool))) {
        mopt__pool_for(pool, (int64_t)work.panels, 1, some_panels, &work);
    } else {
        mopt__pool_for(pool, (int64_t)rows, p->kernels->f32_rows, some_rows, &work);
    }
}
