// SPDX-License-Identifier: Apache-2.0
// Body of the slots tile_f32 and row_f32 for one instruction set. The file that includes it defines
//   TILE_ROWS, TILE_VECTORS   size of the tile (columns = TILE_VECTORS * VF_LANES)
//   TILE_EACH_ROWS(M, v)      M(1, v) M(2, v) ... M(TILE_ROWS, v)
// One function per number of rows and of vectors that hold columns, so that a tail costs what it
// computes. Every element is one chain of fused multiply-adds from start over t and p in order:
// the same bytes in every tile and on every instruction set with fused multiply-add.
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
enum {
    TILE_STEPS = 8,                   // of k in one turn of the loop
    TILE_NEAR = 4096,                 // bytes from what is read to what is fetched for it
    LINE_VECTORS = 16 / (int)VF_LANES // in 64 bytes
};
enum tile_fetch { FETCH_NONE, FETCH_NEAR, FETCH_FAR };

// Columns of vector v, at least 1.
VF_BODY size_t tile_columns(size_t cols, int v)
{
    size_t before = (size_t)v * (size_t)VF_LANES;
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
            vf bias = t->bias ? vf_load_upto(t->bias + v * VF_LANES, n) : vf_set1(0);
            VF_UNROLL
            for (int i = 0; i < rows; i++) {
                acc[i][v] = bias;
            }
        }
    }
}

VF_BODY void tile_finish(const struct mopt_tile_f32 *t, int rows, int vectors, bool whole,
                         vf acc[TILE_ROWS][TILE_VECTORS])
{
    vf low = vf_set1(t->low), high = vf_set1(t->high);
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

// What a turn of the loop does, from row[i] + p and b on; FETCH_NONE: one step. A thread that
// shares its core with another one gets half of the instructions a cycle, so that there should be
// few of them: where the machine can multiply by a number in memory, most rows do; but every such
// number is read once per vector, and two reads a cycle are the most.
// NOLINTNEXTLINE(readability-function-size): loops over registers, in one piece for the compiler
VF_BODY void tile_steps(int rows, int vectors, enum tile_fetch fetch,
                        const float *const row[TILE_ROWS], size_t p, const float *b,
                        const char *ahead, vf acc[TILE_ROWS][TILE_VECTORS])
{
    const int steps = fetch == FETCH_NONE ? 1 : TILE_STEPS;
    VF_UNROLL
    for (int u = 0; u < steps; u++) {
        vf right[TILE_VECTORS];
        VF_UNROLL
        for (int v = 0; v < vectors; v++) {
            right[v] = vf_load(b + u * TILE_COLS + v * VF_LANES);
        }
        if (fetch == FETCH_FAR && u % (64 / MOPT_TILE_AHEAD) == 0) {
            __builtin_prefetch(ahead + u * MOPT_TILE_AHEAD, 0, 2);
        }
        VF_UNROLL
        for (int v = 0; fetch == FETCH_NEAR && v < vectors; v += LINE_VECTORS) {
            __builtin_prefetch((const char *)(b + u * TILE_COLS + v * VF_LANES) + TILE_NEAR);
        }
        VF_UNROLL
        for (int i = 0; i < rows; i++) {
            if (VF_MEMORY_FACTOR && (vectors == 1 || i % 3 > 0)) {
                VF_UNROLL
                for (int v = 0; v < vectors; v++) {
                    vf_add_product_at(&acc[i][v], row[i] + p + u, right[v]);
                }
            } else {
                vf left = vf_set1(row[i][p + (size_t)u]);
                VF_UNROLL
                for (int v = 0; v < vectors; v++) {
                    vf_add_product(&acc[i][v], left, right[v]);
                }
            }
        }
    }
}

// One tap: k steps over rows a and the panel at b; ahead: what is brought nearer meanwhile.
VF_BODY void tile_tap(int rows, int vectors, enum tile_fetch fetch, const float *const *a, size_t k,
                      const float *b, const char *ahead, vf acc[TILE_ROWS][TILE_VECTORS])
{
    const float *row[TILE_ROWS];
    VF_UNROLL
    for (int i = 0; i < rows; i++) {
        row[i] = a[i];
        VF_OPAQUE(row[i]);
    }
    for (size_t left = k / TILE_STEPS; left > 0; left--) {
        tile_steps(rows, vectors, fetch, row, 0, b, ahead, acc);
        b += TILE_STEPS * TILE_COLS;
        VF_OPAQUE(b);
        ahead += TILE_STEPS * MOPT_TILE_AHEAD;
        VF_OPAQUE(ahead);
        VF_UNROLL
        for (int i = 0; i < rows; i++) {
            row[i] += TILE_STEPS;
            VF_OPAQUE(row[i]); // or there would be an index, which cannot be a part of an operand
        }
    }
    for (size_t p = 0; p < k % TILE_STEPS; p++) {
        tile_steps(rows, vectors, FETCH_NONE, row, p, b, ahead, acc);
        b += TILE_COLS;
    }
}

VF_BODY void tile_taps(const struct mopt_tile_f32 *t, int rows, int vectors, enum tile_fetch fetch,
                       vf acc[TILE_ROWS][TILE_VECTORS])
{
    const float *b = t->b;
    const char *ahead = (const char *)(t->ahead ? t->ahead : b);
    for (size_t tap = 0; tap < t->taps; tap++) {
        tile_tap(rows, vectors, fetch, t->a + tap * TILE_ROWS, t->k, b, ahead, acc);
        b += t->k * TILE_COLS;
        ahead += t->k * MOPT_TILE_AHEAD;
    }
}

VF_BODY void tile_body(const struct mopt_tile_f32 *t, int rows, int vectors)
{
    vf acc[TILE_ROWS][TILE_VECTORS];
    bool whole = t->cols == vectors * VF_LANES;
    if (whole) {
        tile_start(t, rows, vectors, true, acc);
    } else {
        tile_start(t, rows, vectors, false, acc);
    }
    if (t->near) {
        tile_taps(t, rows, vectors, FETCH_NEAR, acc);
    } else {
        tile_taps(t, rows, vectors, FETCH_FAR, acc);
    }
    if (whole && !t->residual && t->low == -INFINITY && t->high == INFINITY) {
        tile_store(t, rows, vectors, acc);
    } else if (whole) {
        tile_finish(t, rows, vectors, true, acc);
    } else {
        tile_finish(t, rows, vectors, false, acc);
    }
}

// ---- One row times several panels ----
enum { ROW_PANELS = 8 / TILE_VECTORS, ROW_AHEAD = 1536 }; // sums in flight; bytes of prefetch

VF_BODY void row_finish(const struct mopt_tile_f32 *t, size_t from, size_t cols, vf x)
{
    size_t n = cols - from < VF_LANES ? cols - from : VF_LANES;
    if (t->residual) {
        x = vf_add(x, vf_load_upto(t->residual + from, n));
    }
    vf_store_upto(t->c + from, n, vf_clamp(x, vf_set1(t->low), vf_set1(t->high)));
}

VF_BODY vf row_start(const struct mopt_tile_f32 *t, size_t from, size_t cols)
{
    const float *start = t->accumulate ? t->c : t->bias;
    if (!start || from >= cols) {
        return vf_set1(0);
    }
    return vf_load_upto(start + from, cols - from < VF_LANES ? cols - from : VF_LANES);
}

// `panels` panels from column `from`; the last may hold fewer than TILE_COLS columns.
VF_BODY void row_body(const struct mopt_tile_f32 *t, size_t from, size_t cols, int panels)
{
    vf acc[ROW_PANELS][TILE_VECTORS];
    const char *b[ROW_PANELS];
    VF_UNROLL
    for (int g = 0; g < panels; g++) {
        b[g] = (const char *)(t->b + (from + (size_t)g * TILE_COLS) * t->k);
        VF_OPAQUE(b[g]);
        VF_UNROLL
        for (int v = 0; v < TILE_VECTORS; v++) {
            acc[g][v] = row_start(t, from + (size_t)(g * TILE_COLS + v * VF_LANES), cols);
        }
    }
    const float *a = t->a[0];
    const float *end = a + t->k;
    for (size_t at = 0; a != end; a++, at += TILE_COLS * sizeof(float)) {
        vf left = vf_set1(*a);
        VF_UNROLL
        for (int g = 0; g < panels; g++) {
            VF_UNROLL
            for (int v = 0; v < TILE_VECTORS; v++) {
                const char *right = b[g] + at + (size_t)v * sizeof(vf);
                __builtin_prefetch(right + ROW_AHEAD);
                acc[g][v] = vf_fma(left, vf_load((const float *)(const void *)right), acc[g][v]);
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

#define ROW_FUNCTION(name)                                    \
    void name(const struct mopt_tile_f32 *row, size_t cols)   \
    {                                                         \
        size_t from = 0;                                      \
        for (; cols - from > (ROW_PANELS - 1) * TILE_COLS;) { \
            row_body(row, from, cols, ROW_PANELS);            \
            from += ROW_PANELS * TILE_COLS;                   \
            if (from >= cols) {                               \
                return;                                       \
            }                                                 \
        }                                                     \
        for (; from < cols; from += TILE_COLS) {              \
            row_body(row, from, cols, 1);                     \
        }                                                     \
    }

#define TILE_FUNCTION(rows, vectors)                                          \
    static void tile_f32_##rows##x##vectors(const struct mopt_tile_f32 *tile) \
    {                                                                         \
        tile_body(tile, rows, vectors);                                       \
    }
#define TILE_ENTRY(rows, vectors) tile_f32_##rows##x##vectors,

#endif
