// SPDX-License-Identifier: Apache-2.0
// How convolutions cut their output positions into pieces of work. Depends on shapes only, never on
// thread counts.
#ifndef MOPT_KERNELS_REF_TILES_H
#define MOPT_KERNELS_REF_TILES_H

#include <stddef.h>
#include <stdint.h>

struct mopt_tiling {
    size_t positions; // output positions of one slice
    size_t width;     // positions per tile
    int64_t tiles;    // tiles per slice
    int64_t items;    // slices * tiles
};

// slices: independent pieces (images * groups); depth: rows of the column matrix. The column matrix
// of one tile aims at 1 MiB, but never below 256 positions; a slice of at least 128 positions gives
// two tiles.
static inline void mopt__tiling_init(struct mopt_tiling *t, int64_t slices, size_t positions,
                                     size_t depth)
{
    size_t width = ((size_t)1 << 18) / (depth ? depth : 1);
    width = width < 256 ? 256 : width;
    size_t tiles = (positions + width - 1) / width;
    if (tiles < 2 && positions >= 128) {
        tiles = 2;
    }
    tiles = tiles ? tiles : 1;
    t->positions = positions;
    t->width = ((positions + tiles - 1) / tiles + 15) / 16 * 16;
    t->tiles = (int64_t)((positions + t->width - 1) / t->width);
    t->items = slices * t->tiles;
}

// Slice of an item and its positions [*from, *to).
static inline int64_t mopt__tile_range(const struct mopt_tiling *t, int64_t item, size_t *from,
                                       size_t *to)
{
    *from = (size_t)(item % t->tiles) * t->width;
    *to = *from + t->width < t->positions ? *from + t->width : t->positions;
    return item / t->tiles;
}

#endif
