// SPDX-License-Identifier: Apache-2.0
// The loop that products and direct convolutions share: rows given by pointers, times packed
// panels, tile by tile. Used by the drivers of this folder only. Single-threaded; the drivers cut.
#ifndef MOPT_KERNELS_PRODUCT_H
#define MOPT_KERNELS_PRODUCT_H

#include "kernels/gemm.h"

enum {
    MOPT_BLOCK_TILES = 16,       // most tiles of a block, one over the other
    MOPT_SERIAL_BELOW = 1 << 15, // multiply-adds that are done before another thread would start
};

// Memory of several threads, a part for each.
struct mopt_parts {
    char *first; // NULL: none
    size_t step; // bytes from one to the next
};
static inline void *mopt__part(const struct mopt_parts *parts, size_t i)
{
    return parts->first + i * parts->step;
}

struct mopt_product {
    const struct mopt_kernels *kernels;
    size_t taps, k;   // k: floats per tap and group
    size_t groups, n; // n: columns per group
    const void *b;    // [groups][ceil(n / tile cols)][taps][k][tile cols]
    enum mopt_weights weights;
    const struct mopt_coded *coded; // of CODED weights, which have one tap and one group
    size_t block; // of tile_blocks in the place of tile_f32, which is cut at whole blocks; else 0
    float *c;     // row r at c + r * ldc, group g at column g * n
    size_t ldc;
    const struct mopt_finish *epilogue;
    // Writes the pointers to rows row..row+rows of group 0: a[tile][taps][tile rows of the table],
    // tiles cut as mopt__tile_start says.
    void (*fill)(const void *source, size_t row, size_t rows, const float **a);
    const void *source;
    // What fill points to where there is no pixel, all weights being finite: taps in front and
    // behind that are nothing else to a block are left out. NULL: none is.
    const float *zero;
    struct mopt_parts
        tables; // of each thread mopt__table_count(taps) pointers; none when taps is 1
};

// Rows of a block are cut into tiles of nearly equal height, the higher ones first: first row of
// tile i of `tiles`.
static inline size_t mopt__tile_start(size_t rows, size_t tiles, size_t i)
{
    size_t more = rows % tiles;
    return rows / tiles * i + (i < more ? i : more);
}
static inline size_t mopt__tile_count(const struct mopt_kernels *kernels, size_t rows)
{
    size_t height = (size_t)kernels->f32_rows;
    return (rows + height - 1) / height;
}
static inline size_t mopt__panel_count(const struct mopt_kernels *kernels, size_t n)
{
    size_t cols = (size_t)kernels->f32_cols;
    return (n + cols - 1) / cols;
}
// Pointers of one block.
static inline size_t mopt__table_count(const struct mopt_kernels *kernels, size_t taps)
{
    return MOPT_BLOCK_TILES * taps * (size_t)kernels->f32_rows;
}

// Computes all rows, cut over the pool by rows or by panels. depth: floats that a row brings into
// the cache.
void mopt__product_run(const struct mopt_product *product, size_t rows, size_t depth,
                       struct mopt_pool *pool);
// Computes rows row..row+rows of the result (at most MOPT_BLOCK_TILES tiles) in panels first..last,
// which are counted through all groups. a: as fill writes it.
void mopt__product_block(const struct mopt_product *product, const float *const *a, size_t row,
                         size_t rows, size_t first, size_t last);
// A residual that is the result itself must be read before sums wait there, unless this says no.
bool mopt__product_sets_aside(const struct mopt_product *product);

// What a tile can do of an epilogue: bounds for RELU and CLIP, the residual when nothing but a
// clamp comes after it.
bool mopt__epilogue_adds_in_tile(const struct mopt_finish *epilogue);
void mopt__epilogue_bounds(const struct mopt_finish *epilogue, float *low, float *high);
// The rest of it, on finished rows: activation and residual, in the order of the epilogue.
void mopt__epilogue_rest(const struct mopt_kernels *kernels, const struct mopt_finish *epilogue,
                         float *c, size_t ldc, const float *residual, size_t residual_ld,
                         size_t rows, size_t cols);

#endif
