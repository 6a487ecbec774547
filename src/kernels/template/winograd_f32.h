// SPDX-License-Identifier: Apache-2.0
// Body of the Winograd slots for one instruction set: the matrices of ref/winograd_f32.c written
// out for whole vectors of channels, and the product between them. The file that includes it
// defines
//   WINOGRAD_ROWS             most rows of one tile of the product
//   WINOGRAD_EACH_ROWS(M, v)  M(1, v) M(2, v) ... M(WINOGRAD_ROWS, v)
#ifndef MOPT_KERNELS_TEMPLATE_WINOGRAD_F32_H
#define MOPT_KERNELS_TEMPLATE_WINOGRAD_F32_H

#include "kernels/table.h"
#include "kernels/template/vf.h"

#ifndef WINOGRAD_ROWS
#define WINOGRAD_ROWS 1
#define WINOGRAD_EACH_ROWS(M, v) M(1, v)
#endif

enum {
    WINOGRAD_T = MOPT_WINOGRAD_T,
    WINOGRAD_LINE = MOPT_WINOGRAD_LINE,
    WINOGRAD_VECTORS = 2, // of a panel
    WINOGRAD_COLS = WINOGRAD_VECTORS * VF_LANES,
    WINOGRAD_STEPS = 4, // of k in one turn of the loop
    WINOGRAD_KEPT = 3,
};

// ---- Input: V = B' d B ----
// One dimension: d[0..t) step apart to out[0..t).
VF_BODY void winograd_input(int t, const vf *d, int step, vf *out)
{
    if (t == 4) {
        out[0] = vf_sub(d[0], d[2 * step]);
        out[1] = vf_add(d[step], d[2 * step]);
        out[2] = vf_sub(d[2 * step], d[step]);
        out[3] = vf_sub(d[step], d[3 * step]);
        return;
    }
    vf four = vf_set1(4), minus_four = vf_set1(-4), minus_five = vf_set1(-5);
    vf d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step];
    vf even = vf_fma(minus_four, d2, d4), odd = vf_fma(minus_four, d1, d3);
    vf near_even = vf_sub(d4, d2), near_odd = vf_sub(d3, d1);
    near_odd = vf_add(near_odd, near_odd);
    out[0] = vf_fma(four, d[0], vf_fma(minus_five, d2, d4));
    out[1] = vf_add(even, odd);
    out[2] = vf_sub(even, odd);
    out[3] = vf_add(near_even, near_odd);
    out[4] = vf_sub(near_even, near_odd);
    out[5] = vf_fma(four, d1, vf_fma(minus_five, d3, d[5 * step]));
}

// inside: no pixel lies outside of the image.
VF_BODY void winograd_in_vector(int t, const struct mopt_winograd_in *work, bool inside, size_t at,
                                size_t n)
{
    vf half[WINOGRAD_T * WINOGRAD_T]; // [column][row]
    size_t offset = at, v_step = work->v_step;
    VF_UNROLL
    for (int j = 0; j < t; j++) {
        vf d[WINOGRAD_T];
        bool column = inside || (j >= work->first && j < work->last);
        VF_UNROLL
        for (int i = 0; i < t; i++) {
            bool pixel = inside || (column && work->row[i]);
            d[i] = pixel ? vf_load_upto(work->row[i] + offset, n) : vf_set1(0);
        }
        offset += column ? work->step : 0;
        winograd_input(t, d, 1, half + j * t);
    }
    float *v = work->v + at / WINOGRAD_LINE * work->line_step + at % WINOGRAD_LINE;
    VF_UNROLL
    for (int i = 0; i < t; i++) {
        vf out[WINOGRAD_T];
        winograd_input(t, half + i, t, out);
        VF_UNROLL
        for (int j = 0; j < t; j++, v += v_step) {
            vf_store_upto(v, n, out[j]);
        }
    }
}

VF_BODY void winograd_in_tile(int t, const struct mopt_winograd_in *work, bool inside)
{
    size_t at = 0;
    for (; work->channels - at >= VF_LANES; at += VF_LANES) {
        winograd_in_vector(t, work, inside, at, VF_LANES);
    }
    if (at < work->channels) {
        winograd_in_vector(t, work, inside, at, work->channels - at);
    }
}

VF_BODY void winograd_in_body(int t, const struct mopt_winograd_in *work)
{
    bool inside = work->first == 0 && work->last == t;
    for (int i = 0; i < t; i++) {
        inside = inside && work->row[i];
    }
    if (inside) {
        winograd_in_tile(t, work, true);
    } else {
        winograd_in_tile(t, work, false);
    }
}

// ---- Weights: two columns of U = (G g) G' ----
VF_BODY void winograd_filter_body(bool far, const float *g, size_t n, float *u)
{
    vf outer = vf_set1(far ? 4 : 1), inner = vf_set1(far ? 2 : 1);
    for (size_t i = 0; i < n; i += VF_LANES) {
        vf sum = vf_fma(outer, vf_load(g + 2 * n + i), vf_load(g + i));
        vf middle = vf_mul(inner, vf_load(g + n + i));
        vf_store(u + i, vf_add(sum, middle));
        vf_store(u + n + i, vf_sub(sum, middle));
    }
}

// ---- Products: M = U V for one frequency ----
// One step of k. As in tile_f32.h, of the rows most are read by the multiplication itself, which
// needs fewer instructions but reads a row once per vector: with as many as here both the reading
// and the rest of the core keep up.
VF_BODY void winograd_step(const float *v, const float *u, int rows, int vectors,
                           vf acc[WINOGRAD_ROWS][WINOGRAD_VECTORS])
{
    vf right[WINOGRAD_VECTORS];
    VF_UNROLL
    for (int c = 0; c < vectors; c++) {
        right[c] = vf_load(u + c * VF_LANES);
    }
    VF_UNROLL
    for (int i = 0; i < rows; i++) {
        const float *at = v + i * WINOGRAD_LINE;
        if (VF_MEMORY_FACTOR && (vectors == 1 || i < rows - WINOGRAD_KEPT)) {
            VF_UNROLL
            for (int c = 0; c < vectors; c++) {
                vf_add_product_at(&acc[i][c], at, right[c]);
            }
        } else {
            vf left = vf_set1(*at);
            VF_UNROLL
            for (int c = 0; c < vectors; c++) {
                vf_add_product(&acc[i][c], left, right[c]);
            }
        }
    }
}

// ahead: what is brought nearer, ahead_step bytes with each step of k.
VF_BODY void winograd_tile(const struct mopt_winograd_product *work, const float *v, float *m,
                           const char *ahead, size_t ahead_step, int rows, int vectors)
{
    const float *u = work->u;
    vf acc[WINOGRAD_ROWS][WINOGRAD_VECTORS];
    VF_UNROLL
    for (int i = 0; i < rows; i++) {
        VF_UNROLL
        for (int c = 0; c < vectors; c++) {
            acc[i][c] =
                work->accumulate ? vf_load(m + i * WINOGRAD_COLS + c * VF_LANES) : vf_set1(0);
        }
    }
    for (size_t left = work->k; left > 0; v += work->line_step) {
        size_t n = left < WINOGRAD_LINE ? left : WINOGRAD_LINE;
        left -= n;
        const float *at = v, *end = v + n;
        for (; end - at >= WINOGRAD_STEPS; at += WINOGRAD_STEPS) {
            VF_UNROLL
            for (int p = 0; p < WINOGRAD_STEPS; p++) {
                __builtin_prefetch(ahead, 0, 2);
                ahead += ahead_step;
                winograd_step(at + p, u + p * WINOGRAD_COLS, rows, vectors, acc);
            }
            u += WINOGRAD_STEPS * WINOGRAD_COLS;
        }
        for (; at != end; at++, u += WINOGRAD_COLS) {
            winograd_step(at, u, rows, vectors, acc);
        }
    }
    VF_UNROLL
    for (int i = 0; i < rows; i++) {
        VF_UNROLL
        for (int c = 0; c < vectors; c++) {
            vf_store(m + i * WINOGRAD_COLS + c * VF_LANES, acc[i][c]);
        }
    }
}

typedef void winograd_tile_function(const struct mopt_winograd_product *work, const float *v,
                                    float *m, const char *ahead, size_t ahead_step);
#define WINOGRAD_FUNCTION(rows, vectors)                                                      \
    static void winograd_tile_##rows##x##vectors(const struct mopt_winograd_product *work,    \
                                                 const float *v, float *m, const char *ahead, \
                                                 size_t ahead_step)                           \
    {                                                                                         \
        winograd_tile(work, v, m, ahead, ahead_step, rows, vectors);                          \
    }
#define WINOGRAD_ENTRY(rows, vectors) winograd_tile_##rows##x##vectors,

// tiles: the functions for one row, two rows, ...
VF_BODY void winograd_product_body(const struct mopt_winograd_product *work,
                                   winograd_tile_function *const *tiles)
{
    size_t cuts = (work->rows + WINOGRAD_ROWS - 1) / WINOGRAD_ROWS;
    const char *ahead = work->ahead ? work->ahead : (const char *)work->u;
    size_t step = work->ahead ? work->ahead_bytes / (cuts * work->k) + 1 : 0;
    for (size_t i = 0, row = 0; i < cuts; i++) {
        size_t end = work->rows * (i + 1) / cuts;
        tiles[end - row - 1](work, work->v + row * WINOGRAD_LINE, work->m + row * WINOGRAD_COLS,
                             ahead, step);
        ahead += step * work->k;
        row = end;
    }
}

// ---- Weights and product in one, for a few tiles ----
enum { FEW_ROWS = MOPT_WINOGRAD_FEW, FEW_COLS = 16, FEW_TAPS = 9 };

// Element j of row i of G g.
VF_BODY vf winograd_few_half(const float *w, int i, int j)
{
    vf g0 = vf_load(w + j * FEW_COLS), g2 = vf_load(w + (6 + j) * FEW_COLS);
    if (i == 0 || i == WINOGRAD_T - 1) {
        return i == 0 ? g0 : g2;
    }
    vf g1 = vf_load(w + (3 + j) * FEW_COLS);
    if (i <= 2) {
        vf sum = vf_add(g0, g2);
        return i == 1 ? vf_add(sum, g1) : vf_sub(sum, g1);
    }
    return vf_fma(vf_set1(i == 3 ? 2 : -2), g1, vf_fma(vf_set1(4), g2, g0));
}

VF_BODY void winograd_few_add(const float *v, vf u, vf acc[FEW_ROWS])
{
    VF_UNROLL
    for (int r = 0; r < FEW_ROWS; r++) {
        vf_add_product_at(&acc[r], v + r * WINOGRAD_LINE, u);
    }
}

// One channel of row i of the frequencies.
VF_BODY void winograd_few_step(const float *const v[WINOGRAD_T], int p, const float *w, int i,
                               vf acc[WINOGRAD_T][FEW_ROWS])
{
    w += p * FEW_TAPS * FEW_COLS;
    vf h0 = winograd_few_half(w, i, 0), h1 = winograd_few_half(w, i, 1);
    vf h2 = winograd_few_half(w, i, 2), sum = vf_add(h0, h2);
    winograd_few_add(v[0] + p, h0, acc[0]);
    winograd_few_add(v[5] + p, h2, acc[5]);
    winograd_few_add(v[1] + p, vf_add(sum, h1), acc[1]);
    winograd_few_add(v[2] + p, vf_sub(sum, h1), acc[2]);
    sum = vf_fma(vf_set1(4), h2, h0);
    h1 = vf_add(h1, h1);
    winograd_few_add(v[3] + p, vf_add(sum, h1), acc[3]);
    winograd_few_add(v[4] + p, vf_sub(sum, h1), acc[4]);
}

VF_BODY void winograd_few_ahead(const float *v[WINOGRAD_T], int floats)
{
    VF_UNROLL
    for (int j = 0; j < WINOGRAD_T; j++) {
        v[j] += floats;
        VF_OPAQUE(v[j]);
    }
}

// The channels; ahead: what this row brings nearer, 6 lines with each WINOGRAD_STEPS channels.
VF_BODY void winograd_few_channels(const struct mopt_winograd_few *work, const float *w, int i,
                                   const char *ahead, vf acc[WINOGRAD_T][FEW_ROWS])
{
    const float *v[WINOGRAD_T];
    VF_UNROLL
    for (int j = 0; j < WINOGRAD_T; j++) {
        v[j] = work->v + (size_t)(i * WINOGRAD_T + j) * work->v_step;
    }
    size_t ahead_step = work->ahead ? WINOGRAD_T * 64 : 0;
    for (size_t left = work->k; left > 0;) {
        size_t n = left < WINOGRAD_LINE ? left : WINOGRAD_LINE;
        left -= n;
        for (; n >= WINOGRAD_STEPS; n -= WINOGRAD_STEPS) {
            VF_UNROLL
            for (int p = 0; p < WINOGRAD_STEPS; p++) {
                __builtin_prefetch(ahead + p * 64, 0, 2);
                winograd_few_step(v, p, w, i, acc);
                __asm__ volatile("" ::: "memory"); // steps that overlap need too many registers
            }
            __builtin_prefetch(ahead + 256, 0, 2);
            __builtin_prefetch(ahead + 320, 0, 2);
            ahead += ahead_step;
            w += WINOGRAD_STEPS * FEW_TAPS * FEW_COLS;
            winograd_few_ahead(v, WINOGRAD_STEPS);
        }
        for (; n > 0; n--) {
            winograd_few_step(v, 0, w, i, acc);
            w += FEW_TAPS * FEW_COLS;
            winograd_few_ahead(v, 1);
        }
        winograd_few_ahead(v, (FEW_ROWS - 1) * WINOGRAD_LINE);
    }
}

VF_BODY void winograd_few_row(const struct mopt_winograd_few *work, size_t from, int i)
{
    vf acc[WINOGRAD_T][FEW_ROWS];
    float *m = work->m + (size_t)(i * WINOGRAD_T) * work->m_step + from;
    VF_UNROLL
    for (int j = 0; j < WINOGRAD_T; j++) {
        VF_UNROLL
        for (int r = 0; r < FEW_ROWS; r++) {
            const float *at = m + (size_t)j * work->m_step + (size_t)r * work->row_step;
            acc[j][r] = work->accumulate ? vf_load(at) : vf_set1(0);
        }
    }
    const char *ahead = work->ahead ? work->ahead : (const void *)work->w;
    ahead += work->ahead ? (size_t)i * (work->k / WINOGRAD_STEPS) * WINOGRAD_T * 64 : 0;
    winograd_few_channels(work, work->w + from, i, ahead, acc);
    VF_UNROLL
    for (int j = 0; j < WINOGRAD_T; j++) {
        VF_UNROLL
        for (int r = 0; r < FEW_ROWS; r++) {
            vf_store(m + (size_t)j * work->m_step + (size_t)r * work->row_step, acc[j][r]);
        }
    }
}

VF_BODY void winograd_few_body(const struct mopt_winograd_few *work)
{
    for (size_t from = 0; from < FEW_COLS; from += VF_LANES) {
        winograd_few_row(work, from, 0);
        winograd_few_row(work, from, 1);
        winograd_few_row(work, from, 2);
        winograd_few_row(work, from, 3);
        winograd_few_row(work, from, 4);
        winograd_few_row(work, from, 5);
    }
}

// ---- Output: Y = A' M A ----
// One dimension: m[0..t) step apart to out[0..t-2).
VF_BODY void winograd_output(int t, const vf *m, int step, vf *out)
{
    vf sum = vf_add(m[step], m[2 * step]), difference = vf_sub(m[step], m[2 * step]);
    if (t == 4) {
        vf half = vf_set1(0.5F);
        out[0] = vf_fma(half, sum, m[0]);
        out[1] = vf_sub(vf_mul(half, difference), m[3 * step]);
        return;
    }
    vf sixth = vf_set1(-1.0F / 6);
    sum = vf_mul(sixth, sum);
    difference = vf_mul(sixth, difference);
    vf far_sum = vf_add(m[3 * step], m[4 * step]);
    vf far_difference = vf_sub(m[3 * step], m[4 * step]);
    out[0] = vf_fma(vf_set1(1.0F / 24), far_sum, vf_fma(vf_set1(0.25F), m[0], sum));
    out[1] = vf_fma(vf_set1(1.0F / 12), far_difference, difference);
    out[2] = vf_fma(vf_set1(1.0F / 6), far_sum, sum);
    out[3] = vf_add(vf_fma(vf_set1(1.0F / 3), far_difference, difference), m[5 * step]);
}

VF_BODY void winograd_out_vector(int t, const struct mopt_winograd_out *work, size_t at, size_t n)
{
    int size = t - 2;
    vf half[WINOGRAD_T * WINOGRAD_T]; // [column][row of the output]
    VF_UNROLL
    for (int j = 0; j < t; j++) {
        vf m[WINOGRAD_T];
        VF_UNROLL
        for (int i = 0; i < t; i++) {
            m[i] = vf_load_upto(work->m + (size_t)(i * t + j) * work->m_step + at, n);
        }
        winograd_output(t, m, 1, half + j * size);
    }
    vf bias = work->bias ? vf_load_upto(work->bias + at, n) : vf_set1(0);
    vf low = vf_set1(work->low), high = vf_set1(work->high);
    VF_UNROLL
    for (int i = 0; i < size; i++) {
        if (i >= work->rows) {
            continue;
        }
        vf out[WINOGRAD_T];
        winograd_output(t, half + i, size, out);
        float *y = work->y + (size_t)i * work->y_row + at;
        const float *residual = work->residual;
        residual = residual ? residual + (size_t)i * work->residual_row + at : NULL;
        VF_UNROLL
        for (int j = 0; j < size; j++) {
            if (j >= work->cols) {
                continue;
            }
            vf sum = vf_add(out[j], bias);
            if (residual) {
                sum = vf_add(sum, vf_load_upto(residual + (size_t)j * work->residual_step, n));
            }
            vf_store_upto(y + (size_t)j * work->y_step, n, vf_clamp(sum, low, high));
        }
    }
}

VF_BODY void winograd_out_body(int t, const struct mopt_winograd_out *work)
{
    size_t at = 0, channels = work->channels;
    for (; channels - at >= VF_LANES; at += VF_LANES) {
        winograd_out_vector(t, work, at, VF_LANES);
    }
    if (at < channels) {
        winograd_out_vector(t, work, at, channels - at);
    }
}

// The slots themselves, for the file that includes this one.
#define WINOGRAD_SLOTS(isa)                                                             \
    WINOGRAD_EACH_ROWS(WINOGRAD_FUNCTION, 1)                                            \
    WINOGRAD_EACH_ROWS(WINOGRAD_FUNCTION, 2)                                            \
    void mopt__winograd_product_f32_##isa(const struct mopt_winograd_product *work)     \
    {                                                                                   \
        static winograd_tile_function *const tiles[WINOGRAD_VECTORS][WINOGRAD_ROWS] = { \
            {WINOGRAD_EACH_ROWS(WINOGRAD_ENTRY, 1)},                                    \
            {WINOGRAD_EACH_ROWS(WINOGRAD_ENTRY, 2)},                                    \
        };                                                                              \
        winograd_product_body(work, tiles[work->used > VF_LANES]);                      \
    }                                                                                   \
    void mopt__winograd_in_f32_##isa(int t, const struct mopt_winograd_in *work)        \
    {                                                                                   \
        if (t == WINOGRAD_T) {                                                          \
            winograd_in_body(WINOGRAD_T, work);                                         \
        } else {                                                                        \
            winograd_in_body(4, work);                                                  \
        }                                                                               \
    }                                                                                   \
    void mopt__winograd_filter_f32_##isa(bool far, const float *g, size_t n, float *u)  \
    {                                                                                   \
        winograd_filter_body(far, g, n, u);                                             \
    }                                                                                   \
    void mopt__winograd_few_f32_##isa(const struct mopt_winograd_few *work)             \
    {                                                                                   \
        winograd_few_body(work);                                                        \
    }                                                                                   \
    void mopt__winograd_out_f32_##isa(int t, const struct mopt_winograd_out *work)      \
    {                                                                                   \
        if (t == WINOGRAD_T) {                                                          \
            winograd_out_body(WINOGRAD_T, work);                                        \
        } else {                                                                        \
            winograd_out_body(4, work);                                                 \
        }                                                                               \
    }

#endif
