// SPDX-License-Identifier: Apache-2.0
// Body of the slots tile_16 and row_16 for one instruction set: the tile of floats whose weights
// are widened in registers, one vector operation to each vector of weights. When several tiles
// share a panel the first one stores what it widens, which costs nothing beside its
// multiplications. The file that includes it defines what tile_f32.h says, and
//   TILE_KEEP_FROM            fewest rows of a tile that is not the only one of its block
//   TILE_EACH_KEPT(M, v)      M(TILE_KEEP_FROM, v) ... M(TILE_ROWS, v)
#ifndef MOPT_KERNELS_TEMPLATE_TILE_16_H
#define MOPT_KERNELS_TEMPLATE_TILE_16_H

#include "kernels/template/tile_f32.h"

#ifndef TILE_KEEP_FROM
#define TILE_KEEP_FROM 1
#define TILE_EACH_KEPT(M, v) M(1, v)
#endif

// v: the form of the weights; tails of columns cost what whole panels do.
#define TILE_16_FUNCTION(rows, v)                                     \
    static void tile_##v##_##rows(const struct mopt_tile_f32 *tile)   \
    {                                                                 \
        tile_body(tile, MOPT_WEIGHTS_##v, false, rows, TILE_VECTORS); \
    }
#define TILE_16_KEEP_FUNCTION(rows, v)                                   \
    static void tile_keep_##v##_##rows(const struct mopt_tile_f32 *tile) \
    {                                                                    \
        tile_body(tile, MOPT_WEIGHTS_##v, true, rows, TILE_VECTORS);     \
    }
#define TILE_16_ENTRY(rows, v) tile_##v##_##rows,
#define TILE_16_KEEP_ENTRY(rows, v) tile_keep_##v##_##rows,

TILE_EACH_ROWS(TILE_16_FUNCTION, BF16)
TILE_EACH_ROWS(TILE_16_FUNCTION, F16)
TILE_EACH_KEPT(TILE_16_KEEP_FUNCTION, BF16)

VF_BODY void widen_rows(enum mopt_weights weights, const uint16_t *b16, size_t rows, float *wide)
{
    const char *b = (const char *)b16;
    for (; rows > 0; rows--, b += tile_line(weights), wide += TILE_COLS) {
        vf right[TILE_VECTORS];
        tile_right(weights, TILE_VECTORS, b, right);
        VF_UNROLL
        for (int v = 0; v < TILE_VECTORS; v++) {
            vf_store(wide + v * VF_LANES, right[v]);
        }
    }
}

static inline void tile_16(const struct mopt_tile_f32 *tile)
{
    static mopt_slot_tile_16 *const plain[2][TILE_ROWS] = {
        {TILE_EACH_ROWS(TILE_16_ENTRY, BF16)},
        {TILE_EACH_ROWS(TILE_16_ENTRY, F16)},
    };
    static mopt_slot_tile_16 *const keep[] = {TILE_EACH_KEPT(TILE_16_KEEP_ENTRY, BF16)};
    bool bf16 = tile->weights == MOPT_WEIGHTS_BF16;
    if (tile->wide && bf16 && tile->rows >= TILE_KEEP_FROM) {
        keep[tile->rows - TILE_KEEP_FROM](tile);
        return;
    }
    plain[!bf16][tile->rows - 1](tile);
    if (tile->wide) {
        widen_rows(tile->weights, tile->b16, tile->taps * tile->k, tile->wide);
    }
}

static inline void row_16(const struct mopt_tile_f32 *row, size_t cols)
{
    if (row->weights == MOPT_WEIGHTS_BF16) {
        row_panels(row, MOPT_WEIGHTS_BF16, cols);
    } else {
        row_panels(row, MOPT_WEIGHTS_F16, cols);
    }
}

#endif
