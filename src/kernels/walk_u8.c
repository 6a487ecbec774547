// SPDX-License-Identifier: Apache-2.0
// The walk over the tiles of a byte product, and the packing of weights into panels.
#include "kernels/walk_u8.h"

#include <math.h>
#include <string.h>

#include "base/size.h"

enum {
    BLOCK_BYTES = 448 << 10, // rows of A that stay in the second-level cache
    SMALL_B = 20 << 10,      // weights that stay in the first-level cache
    SMALL_BLOCK = 12 << 10,  // and rows of A next to them
    GRAIN = 1 << 18,         // multiply-adds worth a thread
    READING = 16,            // multiply-adds in the time that a weight takes to come
};

void mopt__walk_u8_init(struct mopt_walk_u8 *walk)
{
    const struct mopt_kernels *kernels = walk->kernels;
    size_t tile_rows = (size_t)kernels->u8_rows;
    size_t cols = (size_t)kernels->u8_cols;
    size_t depth = walk->taps * walk->k;
    walk->tiles = (walk->rows + tile_rows - 1) / tile_rows;
    walk->panels = (walk->columns + cols - 1) / cols;
    walk->panel_bytes = walk->taps * ((walk->k + 3) / 4) * cols * 4;
    // Windows overlap: about two taps of them are new bytes.
    size_t fresh = (walk->taps > 2 ? 2 * walk->k : depth) + 1;
    bool small = walk->panel_bytes * walk->panels <= SMALL_B;
    size_t block = (small ? SMALL_BLOCK : BLOCK_BYTES) / (tile_rows * fresh);
    block = block < 1 ? 1 : block > MOPT_WALK_BLOCK_MAX ? MOPT_WALK_BLOCK_MAX : block;
    size_t blocks = (walk->tiles + block - 1) / block;
    walk->block = blocks ? (walk->tiles + blocks - 1) / blocks : 1;
}

size_t mopt__walk_u8_pointers(const struct mopt_walk_u8 *walk)
{
    return walk->block * walk->taps * (size_t)walk->kernels->u8_rows;
}

// State of one thread: the block whose rows are pointed at.
struct place {
    const struct mopt_walk_u8 *walk;
    const uint8_t **pointers;
    size_t tiles;                          // of the block
    size_t higher;                         // tiles at its beginning that are a row higher
    size_t start[MOPT_WALK_BLOCK_MAX + 1]; // first row of each tile, and the end
    int32_t sums[MOPT_WALK_BLOCK_MAX * MOPT_TILE_ROWS_MAX]; // of its rows
    const uint8_t *own[MOPT_WALK_BLOCK_MAX * MOPT_TILE_ROWS_MAX];
};

// Rows begin..begin+rows in tiles that are nearly equally high: first row of a tile.
static size_t tile_start(size_t begin, size_t rows, size_t tiles, size_t tile)
{
    size_t more = rows % tiles;
    return begin + rows / tiles * tile + (tile < more ? tile : more);
}

// A block of `tiles` tiles, the first of which is tile `first` of those that cover rows
// begin..begin+rows.
struct block {
    size_t begin, rows, all;
    size_t first, tiles;
};

static void enter_block(struct place *place, const struct block *block)
{
    const struct mopt_walk_u8 *walk = place->walk;
    size_t step = (size_t)walk->kernels->u8_rows;
    size_t first = block->first, higher = block->rows % block->all;
    place->tiles = block->tiles;
    place->higher = higher > first ? higher - first : 0;
    place->start[0] = tile_start(block->begin, block->rows, block->all, first);
    for (size_t tile = 0; tile < place->tiles; tile++) {
        size_t row = place->start[tile];
        size_t end = tile_start(block->begin, block->rows, block->all, first + tile + 1);
        const uint8_t **a = place->pointers + tile * walk->taps * step;
        walk->point(walk, row, end - row, step, a);
        place->start[tile + 1] = end;
        for (size_t i = 0; walk->b_zero && i < end - row; i++) {
            uint32_t sum = 0;
            for (size_t tap = 0; tap < walk->taps; tap++) {
                sum += walk->kernels->total_u8(a[tap * step + i], walk->k);
            }
            place->sums[row - place->start[0] + i] = (int32_t)sum;
        }
    }
}

void mopt__clamp_of(const struct mopt_function_f32 *act, float *low, float *high)
{
    bool clip = act->kind == MOPT_ACT_CLIP;
    *low = clip ? act->alpha : act->kind == MOPT_ACT_RELU ? 0 : -INFINITY;
    *high = clip ? act->beta : INFINITY;
}

void mopt__activate_rows(const struct mopt_kernels *kernels, const struct mopt_function_f32 *act,
                         float *c, size_t ld, size_t rows, size_t cols)
{
    if (act->kind == MOPT_ACT_NONE || act->kind == MOPT_ACT_RELU || act->kind == MOPT_ACT_CLIP) {
        return;
    }
    for (size_t i = 0; i < rows; i++) {
        kernels->unary_f32(act, c + i * ld, c + i * ld, cols);
    }
}

// See plain of the tile; NaN is not small.
static bool all_small(const float *x, int count, float most)
{
    bool small = true;
    for (int i = 0; x && i < count; i++) {
        small &= fabsf(x[i]) <= most;
    }
    return small;
}

// What all tiles of a panel (counted over all groups) have in common.
static void set_panel(const struct mopt_walk_u8 *walk, size_t panel, struct mopt_tile_u8 *tile)
{
    const struct mopt_requantize *out = walk->out;
    size_t cols = (size_t)walk->kernels->u8_cols;
    size_t group = panel / walk->panels;
    size_t first = panel % walk->panels * cols;
    size_t column = group * walk->columns + first;
    *tile = (struct mopt_tile_u8){.offset = group * walk->group_bytes,
                                  .taps = walk->taps,
                                  .k = walk->k,
                                  .b = walk->b + panel * walk->panel_bytes,
                                  .bias = out->start ? out->start + column : NULL,
                                  .b_zero = walk->b_zero ? walk->b_zero + column : NULL,
                                  .scale = out->scale ? out->scale + column : NULL,
                                  .shift = out->shift ? out->shift + column : NULL,
                                  .float_bias = out->float_bias ? out->float_bias + column : NULL,
                                  .ldc = walk->ldc,
                                  .zero_point = out->zero_point,
                                  .low = out->low,
                                  .high = out->high,
                                  .cols = (int)(walk->columns - first < cols ? walk->columns - first
                                                                             : cols)};
    tile->plain = walk->c8 && tile->high == 255 && all_small(tile->scale, tile->cols, 0.25F) &&
                  all_small(tile->shift, tile->cols, 0x1p29F);
    mopt__clamp_of(&out->act, &tile->float_low, &tile->float_high);
}

// Copies of what belongs to the columns of a panel, where it may be read to the end of a vector.
struct padded {
    int32_t bias[MOPT_TILE_COLS_MAX], b_zero[MOPT_TILE_COLS_MAX];
    float scale[MOPT_TILE_COLS_MAX], shift[MOPT_TILE_COLS_MAX], float_bias[MOPT_TILE_COLS_MAX];
};

static void *pad(const void *from, int cols, void *to)
{
    if (!from) {
        return NULL;
    }
    memset(to, 0, MOPT_TILE_COLS_MAX * sizeof(int32_t));
    return memcpy(to, from, (size_t)cols * sizeof(int32_t));
}

static void pad_columns(struct mopt_tile_u8 *tile, struct padded *padded)
{
    tile->bias = pad(tile->bias, tile->cols, padded->bias);
    tile->b_zero = pad(tile->b_zero, tile->cols, padded->b_zero);
    tile->scale = pad(tile->scale, tile->cols, padded->scale);
    tile->shift = pad(tile->shift, tile->cols, padded->shift);
    tile->float_bias = pad(tile->float_bias, tile->cols, padded->float_bias);
}

// Tiles first..end of the block with one panel.
static void run_panel(const struct place *place, size_t panel, size_t first, size_t end)
{
    const struct mopt_walk_u8 *walk = place->walk;
    size_t step = walk->taps * (size_t)walk->kernels->u8_rows;
    size_t column = panel / walk->panels * walk->columns +
                    panel % walk->panels * (size_t)walk->kernels->u8_cols;
    struct mopt_tile_u8 work;
    struct padded padded;
    set_panel(walk, panel, &work);
    work.near = walk->kernels->fetches;
    if (work.cols % 16 != 0) {
        pad_columns(&work, &padded);
    }
    // The tiles share the work of bringing the next panel nearer.
    if (panel + 1 < walk->panels * walk->groups) {
        work.ahead = work.b + walk->panel_bytes;
        work.ahead_end = work.b + 2 * walk->panel_bytes;
    }
    size_t row = place->start[first];
    size_t at = row * walk->ldc + column;
    work.a = place->pointers + first * step;
    work.a_step = step;
    work.c32 = walk->c32 ? walk->c32 + at : NULL;
    work.c8 = walk->c8 ? walk->c8 + at : NULL;
    work.cf = walk->cf ? walk->cf + at : NULL;
    work.row_sum = walk->b_zero ? place->sums + (row - place->start[0]) : NULL;
    work.row_scale = walk->out->row_scale ? walk->out->row_scale + row : NULL;
    for (size_t tile = first, count = 0; tile < end; tile += count) {
        size_t stop = tile < place->higher && place->higher < end ? place->higher : end;
        count = stop - tile;
        work.rows = (int)(place->start[tile + 1] - place->start[tile]);
        work.more = (int)count - 1;
        walk->kernels->tile_u8(&work);
        if (work.cf) {
            mopt__activate_rows(walk->kernels, &walk->out->act, work.cf, work.ldc,
                                count * (size_t)work.rows, (size_t)work.cols);
        }
        mopt__tile_u8_below(&work, count);
    }
}

// Items begin..end of the block that was entered: panel by panel.
static void run_block(const struct place *place, size_t begin, size_t end)
{
    size_t tiles = place->tiles ? place->tiles : 1;
    while (begin < end) {
        size_t first = begin % tiles;
        size_t left = end - begin;
        size_t last = tiles - first < left ? tiles : first + left;
        run_panel(place, begin / tiles, first, last);
        begin += last - first;
    }
}

static void start_place(const struct mopt_walk_u8 *walk, int thread, struct place *place)
{
    place->walk = walk;
    place->pointers =
        walk->pointers ? walk->pointers + (size_t)thread * walk->thread_pointers : place->own;
}

// Items are tiles with a panel, counted block by block, panel by panel.
static void run_items(void *context, int64_t begin, int64_t end, int thread)
{
    const struct mopt_walk_u8 *walk = context;
    struct place place;
    start_place(walk, thread, &place);
    struct block block = {.rows = walk->rows, .all = walk->tiles};
    size_t block_items = walk->block * walk->panels * walk->groups;
    size_t item = (size_t)begin;
    while (item < (size_t)end) {
        size_t at = item / block_items, start = at * block_items;
        size_t stop = (size_t)end - start < block_items ? (size_t)end : start + block_items;
        block.first = at * walk->block;
        block.tiles = block.all - block.first < walk->block ? block.all - block.first : walk->block;
        enter_block(&place, &block);
        run_block(&place, item - start, stop - start);
        item = stop;
    }
}

// All panels of some rows.
static void run_rows(void *context, int64_t begin, int64_t end, int thread)
{
    const struct mopt_walk_u8 *walk = context;
    struct place place;
    start_place(walk, thread, &place);
    struct block block = {.begin = (size_t)begin, .rows = (size_t)(end - begin)};
    size_t height = (size_t)walk->kernels->u8_rows;
    block.all = (block.rows + height - 1) / height;
    for (; block.first < block.all; block.first += block.tiles) {
        size_t left = block.all - block.first;
        block.tiles = left < walk->block ? left : walk->block;
        enter_block(&place, &block);
        run_block(&place, 0, block.tiles * walk->panels * walk->groups);
    }
}

// Items that are shared out may be unequal: the last panel can be narrow. Rows never are; and what
// comes before and after is mostly shared by rows, too: a thread then finds its operands where it
// wrote them. But each thread reads all weights.
static bool shares_rows(const struct mopt_walk_u8 *walk, size_t threads)
{
    size_t items = walk->tiles * walk->panels, cols = (size_t)walk->kernels->u8_cols;
    size_t most = (items + threads - 1) / threads * threads * cols;
    bool uneven = most * 8 > walk->tiles * walk->columns * 9;
    return walk->rows >= threads * (size_t)walk->kernels->u8_rows &&
           (uneven || walk->panels * walk->panel_bytes / 4 < walk->rows * walk->taps * walk->k);
}

void mopt__walk_u8(const struct mopt_walk_u8 *walk, struct mopt_pool *pool)
{
    struct mopt_walk_u8 copy = *walk;
    size_t panels = walk->panels * walk->groups;
    size_t item = walk->tiles ? (walk->rows / walk->tiles + READING) * walk->panel_bytes : 0;
    size_t row = walk->panel_bytes * panels;
    if (walk->tiles == 0 || panels == 0) {
        return;
    }
    if (shares_rows(walk, (size_t)mopt__pool_size(pool))) {
        mopt__pool_for(pool, (int64_t)walk->rows, (int64_t)(GRAIN / (row ? row : 1)) + 1, run_rows,
                       &copy);
    } else {
        mopt__pool_for(pool, (int64_t)(walk->tiles * panels),
                       (int64_t)(GRAIN / (item ? item : 1)) + 1, run_items, &copy);
    }
}

bool mopt__panels_s8_bytes(const struct mopt_kernels *kernels, const struct mopt_weight_u8 *weight,
                           size_t *bytes)
{
    size_t cols = (size_t)kernels->u8_cols;
    size_t k = 0;
    size_t n = 0;
    return mopt__size_align(weight->k, 4, &k) && mopt__size_mul(k, weight->taps, &k) &&
           mopt__size_add(weight->columns, cols - 1, &n) &&
           mopt__size_mul(n / cols * cols, k, bytes);
}

// One column of one tap.
static void pack_column(const struct mopt_weight_u8 *weight, size_t cols, const int8_t *b,
                        int8_t *out)
{
    size_t inside = 0;
    const int8_t *from = b;
    for (size_t p = 0; p < weight->k; p++) {
        out[p / 4 * cols * 4 + p % 4] = from[inside * weight->inner_step];
        if (++inside == weight->inner) {
            inside = 0;
            from += weight->outer_step;
        }
    }
}

// All columns of one tap, side by side in memory: four rows at a time.
static void pack_rows(const struct mopt_weight_u8 *weight, size_t cols, size_t count,
                      const int8_t *b, int8_t *out)
{
    size_t inside = 0;
    const int8_t *from = b;
    for (size_t p = 0; p < weight->k; p += 4, out += cols * 4) {
        const int8_t *row[4] = {b, b, b, b};
        size_t rows = weight->k - p < 4 ? weight->k - p : 4;
        for (size_t i = 0; i < rows; i++) {
            row[i] = from + inside * weight->inner_step;
            inside = inside + 1 == weight->inner ? 0 : inside + 1;
            from += inside == 0 ? weight->outer_step : 0;
        }
        for (size_t j = 0; j < count; j++) {
            out[j * 4] = row[0][j];
            out[j * 4 + 1] = rows > 1 ? row[1][j] : 0;
            out[j * 4 + 2] = rows > 2 ? row[2][j] : 0;
            out[j * 4 + 3] = rows > 3 ? row[3][j] : 0;
        }
    }
}

void mopt__panels_s8(const struct mopt_kernels *kernels, const struct mopt_weight_u8 *weight,
                     const int8_t *b, int8_t *out)
{
    size_t cols = (size_t)kernels->u8_cols;
    size_t tap_bytes = (weight->k + 3) / 4 * cols * 4;
    for (size_t first = 0; first < weight->columns; first += cols) {
        size_t count = weight->columns - first < cols ? weight->columns - first : cols;
        for (size_t t = 0; t < weight->taps; t++) {
            if (count < cols || weight->k % 4) {
                memset(out, 0, tap_bytes);
            }
            const int8_t *from = b + first * weight->column_step + t * weight->tap_step;
            if (weight->column_step == 1) {
                pack_rows(weight, cols, count, from, out);
            }
            for (size_t j = 0; j < count && weight->column_step != 1; j++) {
                pack_column(weight, cols, from + j * weight->column_step, out + j * 4);
            }
            out += tap_bytes;
        }
    }
}
