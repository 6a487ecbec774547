// SPDX-License-Identifier: Apache-2.0
// Body of the slots row_coded and expand_coded for one instruction set: codes of few bits become
// floats in registers, all steps rounded as struct mopt_coded says, so that a row gives the bytes
// that row_f32 gives of the expanded panels. The file that includes it defines what tile_f32.h
// says.
#ifndef MOPT_KERNELS_TEMPLATE_CODED_H
#define MOPT_KERNELS_TEMPLATE_CODED_H

#include "kernels/template/tile_f32.h"

enum {
    CODED_PANELS = 2,   // of a row at once: sums in flight, and the scales of their blocks
    CODED_AHEAD = 1536, // bytes from what is read to what is fetched for it
    CODED_LINE = TILE_COLS * (int)sizeof(uint32_t),
};

// Of the columns of a panel, for the rows of a block.
struct coded_block {
    vf scale[TILE_VECTORS], zero[TILE_VECTORS];
};

// Reads what stands in front of a block's codes, which are returned.
VF_BODY const char *coded_open(const struct mopt_coded *coded, bool zeros, const char *b,
                               struct coded_block *block)
{
    VF_UNROLL
    for (int v = 0; v < TILE_VECTORS; v++) {
        const float *scale = (const float *)(const void *)b + v * VF_LANES;
        block->scale[v] = vf_load(scale);
        block->zero[v] = zeros ? vf_load(scale + TILE_COLS) : vf_set1(coded->zero);
    }
    return b + (zeros ? 2 : 1) * CODED_LINE;
}

// With one zero for all a table does the subtraction.
VF_BODY vf coded_table(const struct mopt_coded *coded, int bits, bool zeros)
{
    return vw_table(bits, zeros ? 0 : coded->zero);
}

VF_BODY vf coded_weight(vw words, int bits, bool zeros, vf table, const struct coded_block *block,
                        int v)
{
    vf code = vw_code(words, bits, table);
    if (zeros || bits > VW_TABLE_BITS) {
        code = vf_sub(code, block->zero[v]);
    }
    return vf_mul(code, block->scale[v]);
}

// ---- Rows of a panel ----

VF_BODY void coded_words(const char *b, vw words[TILE_VECTORS])
{
    VF_UNROLL
    for (int v = 0; v < TILE_VECTORS; v++) {
        words[v] = vw_load(b + v * (int)sizeof(vw));
    }
}

// The next row out of the words.
VF_BODY void expand_row(int bits, bool zeros, vf table, const struct coded_block *block,
                        vw words[TILE_VECTORS], float *y)
{
    VF_UNROLL
    for (int v = 0; v < TILE_VECTORS; v++) {
        vf_store(y + v * VF_LANES, coded_weight(words[v], bits, zeros, table, block, v));
        words[v] = vw_next(words[v], bits);
    }
}

VF_BODY void expand_body(const struct mopt_coded *coded, int bits, bool zeros, const char *panel,
                         size_t from, size_t rows, float *y)
{
    const size_t each = 32 / (size_t)bits;
    const size_t bytes = mopt__coded_block_bytes(coded, TILE_COLS);
    const vf table = coded_table(coded, bits, zeros);
    size_t at = from % coded->block;
    panel += from / coded->block * bytes;
    for (; rows > 0; at = 0, panel += bytes) {
        struct coded_block block;
        const char *b = coded_open(coded, zeros, panel, &block) + at / each * CODED_LINE;
        size_t left = coded->block - at < rows ? coded->block - at : rows;
        rows -= left;
        vw words[TILE_VECTORS];
        for (; left >= each; left -= each, b += CODED_LINE) {
            coded_words(b, words);
            VF_UNROLL
            for (size_t u = 0; u < each; u++, y += TILE_COLS) {
                expand_row(bits, zeros, table, &block, words, y);
            }
        }
        if (left > 0) {
            coded_words(b, words);
        }
        for (; left > 0; left--, y += TILE_COLS) {
            expand_row(bits, zeros, table, &block, words, y);
        }
    }
}

// ---- One row times several panels ----

struct coded_sums {
    vf sum[CODED_PANELS][TILE_VECTORS];
};

// Adds the product of one row, out of the words.
VF_BODY void row_step(int bits, bool zeros, int panels, vf table, const struct coded_block *block,
                      vw words[CODED_PANELS][TILE_VECTORS], float a, struct coded_sums *sums)
{
    vf left = vf_set1(a);
    VF_UNROLL
    for (int g = 0; g < panels; g++) {
        VF_UNROLL
        for (int v = 0; v < TILE_VECTORS; v++) {
            vf right = coded_weight(words[g][v], bits, zeros, table, &block[g], v);
            sums->sum[g][v] = vf_fma(left, right, sums->sum[g][v]);
            words[g][v] = vw_next(words[g][v], bits);
        }
    }
}

// The rows of one block of each panel.
// NOLINTNEXTLINE(readability-function-size): loops over registers, in one piece for the compiler
VF_BODY void row_block(const struct mopt_coded *coded, int bits, bool zeros, int panels, vf table,
                       const char *const *start, size_t ahead, const float *a, size_t rows,
                       struct coded_sums *sums)
{
    const size_t each = 32 / (size_t)bits;
    struct coded_block block[CODED_PANELS];
    const char *b[CODED_PANELS];
    VF_UNROLL
    for (int g = 0; g < panels; g++) {
        b[g] = coded_open(coded, zeros, start[g], &block[g]);
    }
    for (size_t left = 0; rows > 0; rows -= left) {
        vw words[CODED_PANELS][TILE_VECTORS];
        VF_UNROLL
        for (int g = 0; g < panels; g++) {
            coded_words(b[g], words[g]);
            VF_UNROLL
            for (int at = 0; at < CODED_LINE; at += LINE) {
                __builtin_prefetch(b[g] + at + ahead);
            }
            b[g] += CODED_LINE;
        }
        left = rows < each ? rows : each;
        if (left == each) {
            VF_UNROLL
            for (size_t u = 0; u < each; u++, a++) {
                row_step(bits, zeros, panels, table, block, words, *a, sums);
            }
        } else {
            for (size_t u = left; u > 0; u--, a++) {
                row_step(bits, zeros, panels, table, block, words, *a, sums);
            }
        }
    }
}

// `count` panels from column `from`; the last may hold fewer than TILE_COLS columns.
VF_BODY void row_coded_body(const struct mopt_tile_f32 *t, const struct mopt_coded *coded, int bits,
                            bool zeros, const char *panels, size_t from, size_t cols, int count)
{
    const size_t bytes = mopt__coded_block_bytes(coded, TILE_COLS);
    const size_t whole = mopt__coded_panel_bytes(coded, t->k, TILE_COLS);
    const vf table = coded_table(coded, bits, zeros);
    const size_t ahead = t->near ? CODED_AHEAD : 0;
    const float *a = t->a[0] + t->offset;
    const char *b[CODED_PANELS];
    struct coded_sums sums;
    VF_UNROLL
    for (int g = 0; g < count; g++) {
        b[g] = panels + (from / TILE_COLS + (size_t)g) * whole;
        VF_UNROLL
        for (int v = 0; v < TILE_VECTORS; v++) {
            sums.sum[g][v] = row_start(t, from + (size_t)(g * TILE_COLS + v * VF_LANES), cols);
        }
    }
    for (size_t left = t->k, rows = 0; left > 0; left -= rows, a += rows) {
        rows = left < coded->block ? left : coded->block;
        row_block(coded, bits, zeros, count, table, b, ahead, a, rows, &sums);
        VF_UNROLL
        for (int g = 0; g < count; g++) {
            b[g] += bytes;
        }
    }
    VF_UNROLL
    for (int g = 0; g < count; g++) {
        VF_UNROLL
        for (int v = 0; v < TILE_VECTORS; v++) {
            size_t column = from + (size_t)(g * TILE_COLS + v * VF_LANES);
            if (column < cols) {
                row_finish(t, column, cols, sums.sum[g][v]);
            }
        }
    }
}

VF_BODY void row_coded_panels(const struct mopt_tile_f32 *t, const struct mopt_coded *coded,
                              int bits, bool zeros, const char *panels, size_t cols)
{
    size_t from = 0;
    for (; cols - from > (CODED_PANELS - 1) * TILE_COLS; from += CODED_PANELS * TILE_COLS) {
        row_coded_body(t, coded, bits, zeros, panels, from, cols, CODED_PANELS);
        if (cols - from <= CODED_PANELS * TILE_COLS) {
            return;
        }
    }
    row_coded_body(t, coded, bits, zeros, panels, from, cols, 1);
}

// ---- One function per number of bits, with and without zeros ----
#define CODED_FUNCTIONS(bits, zeros, name)                                                    \
    static void expand_##name(const struct mopt_coded *coded, const void *panel, size_t from, \
                              size_t rows, float *y)                                          \
    {                                                                                         \
        expand_body(coded, bits, zeros, panel, from, rows, y);                                \
    }                                                                                         \
    static void row_##name(const struct mopt_tile_f32 *row, const struct mopt_coded *coded,   \
                           const void *panels, size_t cols)                                   \
    {                                                                                         \
        row_coded_panels(row, coded, bits, zeros, panels, cols);                              \
    }

CODED_FUNCTIONS(2, false, 2)
CODED_FUNCTIONS(2, true, 2_zeros)
CODED_FUNCTIONS(4, false, 4)
CODED_FUNCTIONS(4, true, 4_zeros)
CODED_FUNCTIONS(8, false, 8)
CODED_FUNCTIONS(8, true, 8_zeros)

static inline size_t coded_index(const struct mopt_coded *coded)
{
    size_t bits = coded->bits == 2 ? 0 : coded->bits == 4 ? 2 : 4;
    return bits + (coded->zeros ? 1 : 0);
}

static inline void expand_coded(const struct mopt_coded *coded, const void *panel, size_t from,
                                size_t rows, float *y)
{
    static mopt_slot_expand_coded *const functions[] = {
        expand_2, expand_2_zeros, expand_4, expand_4_zeros, expand_8, expand_8_zeros,
    };
    functions[coded_index(coded)](coded, panel, from, rows, y);
}

static inline void row_coded(const struct mopt_tile_f32 *row, const struct mopt_coded *coded,
                             const void *panels, size_t cols)
{
    static mopt_slot_row_coded *const functions[] = {
        row_2, row_2_zeros, row_4, row_4_zeros, row_8, row_8_zeros,
    };
    functions[coded_index(coded)](row, coded, panels, cols);
}

#endif
