// SPDX-License-Identifier: Apache-2.0
// Body of the slots tile_f32 and row_f32, and with tile_16.h of tile_16 and row_16, whose weights
// have 16 bits, for one instruction set. The file that includes it defines
//   TILE_ROWS, TILE_VECTORS   size of the tile (columns = TILE_VECTORS * VF_LANES)
//   TILE_EACH_ROWS(M, v)      M(1, v) M(2, v) ... M(TILE_ROWS, v)
// One function per number of rows and of vectors that hold columns, so that a tail costs what it
// computes. Every element is one chain of fused multiply-adds from start over t and p in order,
// then a sum: the same bytes in every tile and on every instruction set with fused multiply-add.
#ifndef MOPT_KERNELS_TEMPLATE_TILE_F32_H
#define MOPT_KERNELS_TEMPLATE_TILE_F32_H

#include <math.h>

#include "kernels/table.h"
#include "kernels/template/vf.h"

#ifndef TILE_ROWS
#define TILE_ROWS 1
#define TILE_VECTORS 1
#define TILE_EACH_ROWS(M, v) M(1, v)
#endif
#define TILE_COLS (TILE_VECTORS * VF_LANES)
#ifndef TILE_ADD_PRODUCT // what else may be in the place of floats and their products
#define TILE_ADD_PRODUCT vf_add_product
#define TILE_ADD_PRODUCT_AT vf_add_product_at
#endif
enum {
    TILE_STEPS = 8,   // of k in one turn of the loop
    TILE_NEAR = 4096, // bytes from what is read to what is fetched for it
    LINE = 64,        // bytes that are fetched at once
};
// What is fetched: what is ahead, or what follows in b; keep: the latter, and b is stored widened.
enum tile_fetch { FETCH_FAR, FETCH_NEAR, FETCH_NEAR_KEEP };

// Columns of vector v.
VF_BODY size_t tile_columns(size_t cols, int v)
{
    size_t before = (size_t)v * (size_t)VF_LANES;
    if (cols <= before) {
        return 0;
    }
    return cols - before < VF_LANES ? cols - before : VF_LANES;
}

// whole: every vector is full, and nothing needs a mask.
VF_BODY void tile_start(const struct mopt_tile_f32 *t, int rows, int vectors, bool whole,
                        vf acc[TILE_ROWS][TILE_VECTORS])
{
    VF_UNROLL
    for (int v = 0; v < vectors; v++) {
        size_t n = whole ? VF_LANES : tile_columns((size_t)t->cols, v);
        if (t->accumulate) {
            VF_UNROLL
            for (int i = 0; i < rows; i++) {
                acc[i][v] = vf_load_upto(t->c + (size_t)i * t->ldc + v * VF_LANES, n);
            }
        } else {
            VF_UNROLL
            for (int i = 0; i < rows; i++) {
                acc[i][v] = vf_set1(0);
            }
        }
    }
}

VF_BODY void tile_add_bias(const struct mopt_tile_f32 *t, int rows, int vectors, bool whole,
                           vf acc[TILE_ROWS][TILE_VECTORS])
{
    VF_UNROLL
    for (int v = 0; v < vectors; v++) {
        size_t n = whole ? VF_LANES : tile_columns((size_t)t->cols, v);
        vf bias = vf_load_upto(t->bias + v * VF_LANES, n);
        VF_UNROLL
        for (int i = 0; i < rows; i++) {
            acc[i][v] = vf_add(acc[i][v], bias);
        }
    }
}

VF_BODY void tile_finish(const struct mopt_tile_f32 *t, int rows, int vectors, bool whole,
                         vf acc[TILE_ROWS][TILE_VECTORS])
{
    vf low = vf_set1(t->low), high = vf_set1(t->high);
    if (t->bias) {
        tile_add_bias(t, rows, vectors, whole, acc);
    }
    if (t->residual) {
        VF_UNROLL
        for (int i = 0; i < rows; i++) {
            VF_UNROLL
            for (int v = 0; v < vectors; v++) {
                size_t n = whole ? VF_LANES : tile_columns((size_t)t->cols, v);
                const float *from = t->residual + (size_t)i * t->residual_ld + v * VF_LANES;
                acc[i][v] = vf_add(acc[i][v], vf_load_upto(from, n));
            }
        }
    }
    VF_UNROLL
    for (int i = 0; i < rows; i++) {
        VF_UNROLL
        for (int v = 0; v < vectors; v++) {
            size_t n = whole ? VF_LANES : tile_columns((size_t)t->cols, v);
            vf_store_upto(t->c + (size_t)i * t->ldc + v * VF_LANES, n,
                          vf_clamp(acc[i][v], low, high));
        }
    }
}

// Full vectors as they are.
VF_BODY void tile_store(const struct mopt_tile_f32 *t, int rows, int vectors,
                        vf acc[TILE_ROWS][TILE_VECTORS])
{
    float *c = t->c;
    size_t ldc = t->ldc;
    VF_UNROLL
    for (int i = 0; i < rows; i++, c += ldc) {
        VF_UNROLL
        for (int v = 0; v < vectors; v++) {
            vf_store(c + v * VF_LANES, acc[i][v]);
        }
    }
}

// Bytes of a row of a panel.
VF_BODY int tile_line(enum mopt_weights weights)
{
    return TILE_COLS * (weights == MOPT_WEIGHTS_F32 ? 4 : 2);
}

VF_BODY const char *tile_weights(const struct mopt_tile_f32 *t, enum mopt_weights weights)
{
    return weights == MOPT_WEIGHTS_F32 ? (const char *)t->b : (const char *)t->b16;
}

// Vectors of a row of a panel at b.
VF_BODY void tile_right(enum mopt_weights weights, int vectors, const char *b,
                        vf right[TILE_VECTORS])
{
    VF_UNROLL
    for (int v = 0; v < vectors; v++) {
        const char *at = b + v * VF_LANES * (weights == MOPT_WEIGHTS_F32 ? 4 : 2);
        if (weights == MOPT_WEIGHTS_F32) {
            right[v] = vf_load((const float *)(const void *)at);
        } else if (weights == MOPT_WEIGHTS_F16) {
            right[v] = vf_load_f16((const uint16_t *)(const void *)at);
        } else {
            const uint16_t *pairs = (const uint16_t *)(const void *)b;
            right[v] = v == 0 ? vf_load_bf16_even(pairs) : vf_load_bf16_odd(pairs);
        }
    }
}

// What a turn of the loop does, or one step, from row[i] and b on. A thread that shares its core
// with another one gets half of the instructions a cycle, so that there should be few of them:
// where the machine can multiply by a number in memory, most rows do; but every such number is read
// once per vector, and two reads a cycle are the most.
// NOLINTNEXTLINE(readability-function-size): loops over registers, in one piece for the compiler
VF_BODY void tile_steps(int steps, enum mopt_weights weights, int rows, int vectors,
                        enum tile_fetch fetch, const float *const row[TILE_ROWS], const char *b,
                        const char *ahead, float *wide, vf acc[TILE_ROWS][TILE_VECTORS])
{
    const int line = tile_line(weights);
    const int used = line * vectors / TILE_VECTORS;
    VF_UNROLL
    for (int u = 0; u < steps; u++) {
        vf right[TILE_VECTORS];
        tile_right(weights, vectors, b + u * line, right);
        VF_UNROLL
        for (int v = 0; fetch == FETCH_NEAR_KEEP && v < vectors; v++) {
            vf_store(wide + u * TILE_COLS + v * VF_LANES, right[v]);
        }
        if (steps > 1 && fetch == FETCH_FAR && u % (64 / MOPT_TILE_AHEAD) == 0) {
            __builtin_prefetch(ahead + u * MOPT_TILE_AHEAD, 0, 2);
        }
        if (steps > 1 && fetch != FETCH_FAR && u * line % LINE == 0) {
            VF_UNROLL
            for (int at = 0; at < used; at += LINE) {
                __builtin_prefetch(b + u * line + at + TILE_NEAR);
            }
        }
        VF_UNROLL
        for (int i = 0; i < rows; i++) {
            if (VF_MEMORY_FACTOR && (vectors == 1 || i % 3 > 0)) {
                VF_UNROLL
                for (int v = 0; v < vectors; v++) {
                    TILE_ADD_PRODUCT_AT(&acc[i][v], row[i] + u, right[v]);
                }
            } else {
                vf left = vf_set1(row[i][u]);
                VF_UNROLL
                for (int v = 0; v < vectors; v++) {
                    TILE_ADD_PRODUCT(&acc[i][v], left, right[v]);
                }
            }
        }
    }
}

// One tap: k steps over rows a and the panel at b; ahead: what is brought nearer meanwhile.
// NOLINTNEXTLINE(readability-function-size): loops over registers, in one piece for the compiler
VF_BODY void tile_tap(enum mopt_weights weights, int rows, int vectors, enum tile_fetch fetch,
                      const float *const *a, size_t offset, size_t k, const char *b,
                      const char *ahead, float *wide, vf acc[TILE_ROWS][TILE_VECTORS])
{
    const float *row[TILE_ROWS];
    VF_UNROLL
    for (int i = 0; i < rows; i++) {
        row[i] = a[i] + offset;
        VF_OPAQUE(row[i]);
    }
    for (size_t left = k / TILE_STEPS; left > 0; left--) {
        tile_steps(TILE_STEPS, weights, rows, vectors, fetch, row, b, ahead, wide, acc);
        b += TILE_STEPS * tile_line(weights);
        VF_OPAQUE(b);
        if (fetch == FETCH_FAR) {
            ahead += TILE_STEPS * MOPT_TILE_AHEAD;
            VF_OPAQUE(ahead);
        } else if (fetch == FETCH_NEAR_KEEP) {
            wide += TILE_STEPS * TILE_COLS;
            VF_OPAQUE(wide);
        }
        VF_UNROLL
        for (int i = 0; i < rows; i++) {
            row[i] += TILE_STEPS;
            VF_OPAQUE(row[i]); // or there would be an index, which cannot be a part of an operand
        }
    }
    size_t rest = k % TILE_STEPS;
    VF_OPAQUE(rest); // or it would be known to be small, and the loop would be unrolled
    for (; rest > 0; rest--) {
        tile_steps(1, weights, rows, vectors, fetch, row, b, ahead, wide, acc);
        b += tile_line(weights);
        wide += fetch == FETCH_NEAR_KEEP ? TILE_COLS : 0;
        VF_UNROLL
        for (int i = 0; i < rows; i++) {
            row[i]++;
            VF_OPAQUE(row[i]);
        }
    }
}

VF_BODY void tile_taps(const struct mopt_tile_f32 *t, enum mopt_weights weights, int rows,
                       int vectors, enum tile_fetch fetch, vf acc[TILE_ROWS][TILE_VECTORS])
{
    const char *b = tile_weights(t, weights);
    const char *ahead = t->ahead ? t->ahead : b;
    float *wide = t->wide;
    for (size_t tap = 0; tap < t->taps; tap++) {
        tile_tap(weights, rows, vectors, fetch, t->a + tap * TILE_ROWS, t->offset, t->k, b, ahead,
                 wide, acc);
        b += t->k * (size_t)tile_line(weights);
        wide += fetch == FETCH_NEAR_KEEP ? t->k * TILE_COLS : 0;
        ahead += t->k * MOPT_TILE_AHEAD;
    }
}

VF_BODY void tile_body(const struct mopt_tile_f32 *t, enum mopt_weights weights, bool keep,
                       int rows, int vectors)
{
    vf acc[TILE_ROWS][TILE_VECTORS];
    bool whole = t->cols == vectors * VF_LANES;
    if (whole) {
        tile_start(t, rows, vectors, true, acc);
    } else {
        tile_start(t, rows, vectors, false, acc);
    }
    if (keep) {
        tile_taps(t, weights, rows, vectors, FETCH_NEAR_KEEP, acc);
    } else if (weights != MOPT_WEIGHTS_F32 || t->near) {
        tile_taps(t, weights, rows, vectors, FETCH_NEAR, acc);
    } else {
        tile_taps(t, weights, rows, vectors, FETCH_FAR, acc);
    }
    VF_FORGET(t); // or what it says of the end would be kept in registers meanwhile
    if (whole && !t->bias && !t->residual && t->low == -INFINITY && t->high == INFINITY) {
        tile_store(t, rows, vectors, acc);
    } else if (whole) {
        tile_finish(t, rows, vectors, true, acc);
    } else {
        tile_finish(t, rows, vectors, false, acc);
    }
}

// The tile and those below it. Of few registers none must be kept from one to the next: the sums
// need them all.
VF_BODY void tile_stack(const struct mopt_tile_f32 *stack, int rows, int vectors)
{
    struct mopt_tile_f32 tile = *stack;
    for (int left = stack->more;; left--) {
        const struct mopt_tile_f32 *t = &tile;
        if (VF_FEW) {
            VF_FORGET(t);
        }
        tile_body(t, MOPT_WEIGHTS_F32, false, rows, vectors);
        if (left <= 0) {
            return;
        }
        mopt__tile_f32_below(&tile, 1);
    }
}

// ---- One row times several panels ----
enum { ROW_PANELS = 8 / TILE_VECTORS, ROW_AHEAD = 1536 }; // sums in flight; bytes of prefetch

VF_BODY void row_finish(const struct mopt_tile_f32 *t, size_t from, size_t cols, vf x)
{
    size_t n = cols - from < VF_LANES ? cols - from : VF_LANES;
    if (t->bias) {
        x = vf_add(x, vf_load_upto(t->bias + from, n));
    }
    if (t->residual) {
        x = vf_add(x, vf_load_upto(t->residual + from, n));
    }
    vf_store_upto(t->c + from, n, vf_clamp(x, vf_set1(t->low), vf_set1(t->high)));
}

VF_BODY vf row_start(const struct mopt_tile_f32 *t, size_t from, size_t cols)
{
    if (!t->accumulate || from >= cols) {
        return vf_set1(0);
    }
    return vf_load_upto(t->c + from, cols - from < VF_LANES ? cols - from : VF_LANES);
}

// `panels` panels from column `from`; the last may hold fewer than TILE_COLS columns.
VF_BODY void row_body(const struct mopt_tile_f32 *t, enum mopt_weights weights, size_t from,
                      size_t cols, int panels)
{
    const int line = tile_line(weights);
    vf acc[ROW_PANELS][TILE_VECTORS];
    const char *b[ROW_PANELS];
    VF_UNROLL
    for (int g = 0; g < panels; g++) {
        b[g] = tile_weights(t, weights) + (from / TILE_COLS + (size_t)g) * (size_t)line * t->k;
        VF_OPAQUE(b[g]);
        VF_UNROLL
        for (int v = 0; v < TILE_VECTORS; v++) {
            acc[g][v] = row_start(t, from + (size_t)(g * TILE_COLS + v * VF_LANES), cols);
        }
    }
    const size_t ahead = t->near ? ROW_AHEAD : 0;
    const float *a = t->a[0] + t->offset;
    const float *end = a + t->k;
    for (size_t at = 0; a != end; a++, at += (size_t)line) {
        vf left = vf_set1(*a);
        VF_UNROLL
        for (int g = 0; g < panels; g++) {
            vf right[TILE_VECTORS];
            tile_right(weights, TILE_VECTORS, b[g] + at, right);
            VF_UNROLL
            for (int o = 0; o < line; o += (int)sizeof(vf)) {
                __builtin_prefetch(b[g] + at + o + ahead);
            }
            VF_UNROLL
            for (int v = 0; v < TILE_VECTORS; v++) {
                acc[g][v] = vf_fma(left, right[v], acc[g][v]);
            }
        }
    }
    VF_UNROLL
    for (int g = 0; g < panels; g++) {
        VF_UNROLL
        for (int v = 0; v < TILE_VECTORS; v++) {
            size_t column = from + (size_t)(g * TILE_COLS + v * VF_LANES);
            if (column < cols) {
                row_finish(t, column, cols, acc[g][v]);
            }
        }
    }
}

VF_BODY void row_panels(const struct mopt_tile_f32 *row, enum mopt_weights weights, size_t cols)
{
    size_t from = 0;
    for (; cols - from > (ROW_PANELS - 1) * TILE_COLS;) {
        row_body(row, weights, from, cols, ROW_PANELS);
        from += ROW_PANELS * TILE_COLS;
        if (from >= cols) {
            return;
        }
    }
    for (; from < cols; from += TILE_COLS) {
        row_body(row, weights, from, cols, 1);
    }
}

#define TILE_FUNCTION(rows, vectors)                                          \
    static void tile_f32_##rows##x##vectors(const struct mopt_tile_f32 *tile) \
    {                                                                         \
        tile_stack(tile, rows, vectors);                                      \
    }
#define TILE_ENTRY(rows, vectors) tile_f32_##rows##x##vectors,

#endif
