// SPDX-License-Identifier: Apache-2.0
// Body of the slot depthwise_f32 for one instruction set: some pixels of a row and one or two
// vectors of channels at a time. Neighbouring taps of a row meet the same columns for neighbouring
// pixels, so a column is loaded once for all of them. Where columns lie is found once for all
// channels and kept in a table.
#ifndef MOPT_KERNELS_TEMPLATE_DEPTHWISE_F32_H
#define MOPT_KERNELS_TEMPLATE_DEPTHWISE_F32_H

#include "kernels/table.h"
#include "kernels/template/vf.h"

enum {
    DEPTHWISE_VECTORS = VF_FEW ? 1 : 2,
    DEPTHWISE_TAPS = 5, // most neighbours of a row of taps that share columns
    DEPTHWISE_COLUMNS = 2 * (MOPT_DEPTHWISE_PIXELS - 1) + DEPTHWISE_TAPS, // most of a group
};

// What a piece of code is made for: neighbouring taps of a row that share columns; how many of them
// neighbouring pixels are apart; pixels of a tile, and vectors of channels: 0 stands for the first
// n elements of one. One tap: pixels are any number of columns apart.
struct depthwise_form {
    int taps, slide, pixels, vectors;
    bool rest; // taps are left over of every row
};

// A call, its taps cut into groups and those left over of every row.
struct depthwise_call {
    const struct mopt_depthwise_f32 *work;
    size_t groups, left;
    size_t run; // groups that follow each other: of a row, or of all when no tap is left over
};

static inline struct depthwise_call depthwise_cut(const struct mopt_depthwise_f32 *work,
                                                  size_t taps)
{
    const size_t groups = work->cols / taps, left = work->cols - groups * taps;
    return (struct depthwise_call){work, groups, left, left > 0 ? groups : work->rows * groups};
}

VF_BODY vf depthwise_load(const float *x, size_t n, int vectors)
{
    return vectors > 0 ? vf_load(x) : vf_load_n(x, n);
}

VF_BODY int depthwise_vectors(struct depthwise_form form)
{
    return form.vectors > 0 ? form.vectors : 1;
}

VF_BODY int depthwise_columns(struct depthwise_form form)
{
    return form.slide * (form.pixels - 1) + form.taps;
}

VF_BODY struct depthwise_form depthwise_single(struct depthwise_form form)
{
    return (struct depthwise_form){1, 1, form.pixels, form.vectors, false};
}

// ---- The table ----------------------------------------------------------------------------------
// The columns of every group of taps, rows one after the other; then those of every tap that was
// left over, likewise.

// `count` columns `step` apart in every row, to table[r * apart + j].
static inline void depthwise_find(const struct mopt_depthwise_f32 *work, ptrdiff_t column,
                                  ptrdiff_t step, int count, const float **table, size_t apart)
{
    const float *at[DEPTHWISE_COLUMNS];
    size_t down[DEPTHWISE_COLUMNS]; // to the next row
    for (int j = 0; j < count; j++, column += step) {
        const bool inside = (size_t)column < work->width;
        at[j] = inside ? work->x + (size_t)column * work->ldx : work->zero;
        down[j] = inside ? work->line : 0;
    }
    for (size_t r = 0; r < work->rows; r++, table += apart) {
        for (int j = 0; j < count; j++) {
            table[j] = at[j];
            at[j] += down[j];
        }
    }
}

// column: under the first tap of the first pixel.
static inline void depthwise_fill(const struct depthwise_call *call, ptrdiff_t column,
                                  struct depthwise_form form)
{
    const struct mopt_depthwise_f32 *work = call->work;
    const ptrdiff_t dilation = (ptrdiff_t)work->dilation, stride = (ptrdiff_t)work->stride;
    const size_t columns = (size_t)depthwise_columns(form), pixels = (size_t)form.pixels;
    const float **table = work->table;
    for (size_t g = 0; g < call->groups; g++, column += form.taps * dilation) {
        depthwise_find(work, column, form.taps > 1 ? dilation : stride, (int)columns,
                       table + g * columns, call->groups * columns);
    }
    table += work->rows * call->groups * columns;
    for (size_t k = 0; k < call->left; k++, column += dilation) {
        depthwise_find(work, column, stride, form.pixels, table + k * work->rows * pixels, pixels);
    }
}

static inline size_t depthwise_entries(const struct depthwise_call *call,
                                       struct depthwise_form form)
{
    return call->work->rows *
           (call->groups * (size_t)depthwise_columns(form) + call->left * (size_t)form.pixels);
}

// Tiles between whose columns all exist: the same, further on.
static inline void depthwise_move(const struct mopt_depthwise_f32 *work, size_t entries,
                                  size_t floats)
{
    const float **table = work->table;
    for (size_t i = 0; i < entries; i++) {
        table[i] += floats;
    }
}

// ---- Sums ---------------------------------------------------------------------------------------

// Adds column j of a group to the sums of all pixels one of whose taps lies on it.
VF_BODY void depthwise_meet(const vf *x, int j, const struct depthwise_form form,
                            vf weight[][DEPTHWISE_VECTORS], vf acc[][DEPTHWISE_VECTORS])
{
    VF_UNROLL
    for (int i = 0; i < form.pixels; i++) {
        const int k = j - form.slide * i;
        VF_UNROLL
        for (int v = 0; v < depthwise_vectors(form); v++) {
            if (k >= 0 && k < form.taps) {
                vf_add_product(&acc[i][v], x[v], weight[k][v]);
            }
        }
    }
}

// Adds a group of taps, weights from w on. Taps of a pixel go from left to right.
VF_BODY void depthwise_group(const struct mopt_depthwise_f32 *work, const float *const *table,
                             const float *w, size_t channel, size_t n,
                             const struct depthwise_form form, vf acc[][DEPTHWISE_VECTORS])
{
    const int vectors = depthwise_vectors(form);
    vf weight[DEPTHWISE_TAPS][DEPTHWISE_VECTORS];
    VF_UNROLL
    for (int k = 0; k < form.taps; k++, w += work->ldw) {
        VF_UNROLL
        for (int v = 0; v < vectors; v++) {
            weight[k][v] = depthwise_load(w + v * VF_LANES, n, form.vectors);
        }
    }
    VF_UNROLL
    for (int j = 0; j < depthwise_columns(form); j++) {
        const float *at = table[j] + channel;
        vf x[DEPTHWISE_VECTORS];
        VF_UNROLL
        for (int v = 0; v < vectors; v++) {
            x[v] = depthwise_load(at + v * VF_LANES, n, form.vectors);
        }
        depthwise_meet(x, j, form, weight, acc);
    }
}

VF_BODY void depthwise_store(const struct mopt_depthwise_f32 *work, size_t pixel, size_t channel,
                             size_t n, const struct depthwise_form form,
                             vf acc[][DEPTHWISE_VECTORS])
{
    const vf low = vf_set1(work->low), high = vf_set1(work->high);
    float *y = work->y + pixel * work->ldy + channel;
    const float *residual = work->residual;
    residual = residual ? residual + pixel * work->residual_ld + channel : NULL;
    VF_UNROLL
    for (int i = 0; i < form.pixels; i++, y += work->ldy) {
        VF_UNROLL
        for (int v = 0; v < depthwise_vectors(form); v++) {
            vf sum = acc[i][v];
            if (residual) {
                const float *more = residual + (size_t)i * work->residual_ld + v * VF_LANES;
                sum = vf_add(sum, depthwise_load(more, n, form.vectors));
            }
            sum = vf_clamp(sum, low, high);
            if (form.vectors > 0) {
                vf_store(y + v * VF_LANES, sum);
            } else {
                vf_store_n(y, n, sum);
            }
        }
    }
}

// The table is filled.
VF_BODY void depthwise_sums(const struct depthwise_call *call, size_t pixel, size_t channel,
                            size_t n, const struct depthwise_form form)
{
    const struct mopt_depthwise_f32 *work = call->work;
    const struct depthwise_form single = depthwise_single(form);
    const float *const *table = work->table;
    vf acc[MOPT_DEPTHWISE_PIXELS][DEPTHWISE_VECTORS];
    VF_UNROLL
    for (int v = 0; v < depthwise_vectors(form); v++) {
        const float *bias = work->bias ? work->bias + channel + v * VF_LANES : NULL;
        vf start = bias ? depthwise_load(bias, n, form.vectors) : vf_set1(0);
        VF_UNROLL
        for (int i = 0; i < form.pixels; i++) {
            acc[i][v] = start;
        }
    }
    const float *w = work->w + channel;
    const size_t runs = form.rest ? work->rows : 1;
    for (size_t r = 0; r < runs; r++, w += form.rest ? call->left * work->ldw : 0) {
        for (size_t g = 0; g < call->run; g++, w += (size_t)form.taps * work->ldw) {
            depthwise_group(work, table, w, channel, n, form, acc);
            table += depthwise_columns(form);
        }
    }
    for (size_t k = work->cols - call->left; form.rest && k < work->cols; k++) {
        w = work->w + k * work->ldw + channel;
        for (size_t r = 0; r < work->rows; r++, w += work->cols * work->ldw) {
            depthwise_group(work, table, w, channel, n, single, acc);
            table += form.pixels;
        }
    }
    depthwise_store(work, pixel, channel, n, form, acc);
}

// All channels of some pixels.
VF_BODY void depthwise_channels(const struct depthwise_call *call, size_t pixel,
                                struct depthwise_form form)
{
    const size_t channels = call->work->channels, width = DEPTHWISE_VECTORS * VF_LANES;
    size_t at = 0;
    form.vectors = DEPTHWISE_VECTORS;
    for (; channels - at >= width; at += width) {
        depthwise_sums(call, pixel, at, 0, form);
    }
    form.vectors = 0;
    while (at < channels) {
        const size_t n = channels - at < VF_LANES ? channels - at : VF_LANES;
        depthwise_sums(call, pixel, at, n, form);
        at += n;
    }
}

// Columns that the taps of `pixels` pixels reach over all exist.
static inline bool depthwise_inside(const struct mopt_depthwise_f32 *work, ptrdiff_t column,
                                    int pixels)
{
    const size_t reach = (size_t)(pixels - 1) * work->stride + (work->cols - 1) * work->dilation;
    return column >= 0 && (size_t)column + reach < work->width;
}

// ---- The pieces of code -------------------------------------------------------------------------

typedef void depthwise_some(const struct depthwise_call *call, size_t pixel);

#define DEPTHWISE_SOME(taps, slide, pixels, rest)                                              \
    static __attribute__((noinline)) void depthwise_##taps##_##slide##_##pixels##rest(         \
        const struct depthwise_call *call, size_t pixel)                                       \
    {                                                                                          \
        depthwise_channels(call, pixel,                                                        \
                           (struct depthwise_form){taps, slide, pixels, 0, sizeof #rest > 1}); \
    }
// The widths of the smallest images of many networks, 7 and 14, make equal tiles.
#define DEPTHWISE_FORM(taps, slide, rest) \
    DEPTHWISE_SOME(taps, slide, 8, rest)  \
    DEPTHWISE_SOME(taps, slide, 7, rest)  \
    DEPTHWISE_SOME(taps, slide, 4, rest)  \
    DEPTHWISE_SOME(taps, slide, 1, rest)
#define DEPTHWISE_PIECES(taps, slide, rest)                                            \
    {                                                                                  \
        depthwise_##taps##_##slide##_8##rest, depthwise_##taps##_##slide##_7##rest,    \
            depthwise_##taps##_##slide##_4##rest, depthwise_##taps##_##slide##_1##rest \
    }
DEPTHWISE_FORM(1, 1, )
DEPTHWISE_FORM(3, 1, )
DEPTHWISE_FORM(5, 1, )
DEPTHWISE_FORM(3, 2, )
DEPTHWISE_FORM(5, 2, )
DEPTHWISE_FORM(3, 1, _rest)
DEPTHWISE_FORM(5, 1, _rest)
enum { DEPTHWISE_SIZES = 4 };
static const int depthwise_sizes[DEPTHWISE_SIZES] = {8, 7, 4, 1};
static const struct {
    int taps, slide;
    depthwise_some *pieces[DEPTHWISE_SIZES];
} depthwise_codes[] = {
    {1, 1, DEPTHWISE_PIECES(1, 1, )},      {3, 1, DEPTHWISE_PIECES(3, 1, )},
    {5, 1, DEPTHWISE_PIECES(5, 1, )},      {3, 2, DEPTHWISE_PIECES(3, 2, )},
    {5, 2, DEPTHWISE_PIECES(5, 2, )},      {3, 1, DEPTHWISE_PIECES(3, 1, _rest)},
    {5, 1, DEPTHWISE_PIECES(5, 1, _rest)},
};

// As many tiles of so many pixels as there are; the pixel behind them.
static inline size_t depthwise_tiles(const struct depthwise_call *call, size_t pixel,
                                     struct depthwise_form form, depthwise_some *some)
{
    const struct mopt_depthwise_f32 *work = call->work;
    const size_t pixels = (size_t)form.pixels, entries = depthwise_entries(call, form);
    bool inside = false;
    for (; work->pixels - pixel >= pixels; pixel += pixels) {
        const ptrdiff_t column = work->first + (ptrdiff_t)(pixel * work->stride);
        const bool before = inside;
        inside = depthwise_inside(work, column, form.pixels);
        if (before && inside) {
            depthwise_move(work, entries, pixels * work->stride * work->ldx);
        } else {
            depthwise_fill(call, column, form);
        }
        some(call, pixel);
    }
    return pixel;
}

// Index of the code for a call. What fives leave over goes one by one.
static inline size_t depthwise_code(const struct mopt_depthwise_f32 *work)
{
    if (work->cols < 3 || work->stride % work->dilation != 0 || work->stride > 2 * work->dilation) {
        return 0;
    }
    const bool fives = work->cols >= 5 && work->cols % 5 <= work->cols % 3;
    const bool rest = work->cols % (fives ? 5 : 3) != 0;
    if (work->stride != work->dilation) {
        return rest ? 0 : 3U + fives;
    }
    return (rest ? 5U : 1U) + fives;
}

static inline void depthwise_body(const struct mopt_depthwise_f32 *work)
{
    const size_t code = depthwise_code(work);
    const int taps = depthwise_codes[code].taps, slide = depthwise_codes[code].slide;
    const struct depthwise_call call = depthwise_cut(work, (size_t)taps);
    const bool sevens = work->pixels == 7 || work->pixels == 14;
    size_t pixel = 0;
    for (size_t i = sevens ? 1 : 0; i < DEPTHWISE_SIZES; i++) {
        const struct depthwise_form form = {taps, slide, depthwise_sizes[i], 0, false};
        pixel = depthwise_tiles(&call, pixel, form, depthwise_codes[code].pieces[i]);
    }
}

#endif
