// SPDX-License-Identifier: Apache-2.0
// Depthwise bytes. Four taps are interleaved inside 16-byte lanes; narrowing at the end, or storing
// lane by lane, puts the channels back in order.
#ifndef MOPT_KERNELS_TEMPLATE_DEPTHWISE_U8_H
#define MOPT_KERNELS_TEMPLATE_DEPTHWISE_U8_H

#include <string.h>

#include "kernels/table.h"
#include "kernels/template/requantize_vb.h"

// What is made: bytes, bytes of shifted products, floats or the sums as they are.
enum dw_kind { DW_BYTES, DW_SHIFTED, DW_WORDS };

// A block of channels in four vectors; one of half a vector or a quarter holds the same channels of
// 2 or 4 pixels (pieces).
struct dw_block {
    vb start[4];
    vbf scale[4], addend[4], top, bottom; // addend: shift or float_bias; bottom: of floats
    vb zero_point, low;                   // words, bytes
    const int8_t *w;
    size_t w_step; // bytes from four taps to the next
};

static inline void dw_block_init(const struct mopt_depthwise_u8 *work, size_t channel, size_t width,
                                 struct dw_block *block)
{
    int32_t start[VB_BYTES] = {0};
    float scale[VB_BYTES] = {0};
    float addend[VB_BYTES];
    const float *from = work->y ? work->shift : work->float_bias;
    size_t count = work->channels - channel < width ? work->channels - channel : width;
    for (size_t i = 0; i < VB_BYTES; i++) {
        addend[i] = -0.0F; // changes nothing
    }
    for (size_t piece = 0; piece < VB_BYTES; piece += width) {
        if (work->bias) {
            memcpy(start + piece, work->bias + channel, count * sizeof *start);
        }
        if (work->scale) {
            memcpy(scale + piece, work->scale + channel, count * sizeof *scale);
        }
        if (from) {
            memcpy(addend + piece, from + channel, count * sizeof *addend);
        }
    }
    for (int r = 0; r < 4; r++) {
        block->start[r] = vb_gather_lanes(start + 4 * r);
        block->scale[r] = vbf_gather_lanes(scale + 4 * r);
        block->addend[r] = vbf_gather_lanes(addend + 4 * r);
    }
    block->top = vbf_set(work->y ? (float)(work->high - work->zero_point) : work->float_high);
    block->bottom = vbf_set(work->float_low);
    block->zero_point = vb_set16(work->zero_point);
    block->low = vb_set8(work->low);
    block->w = work->w + 4 * channel;
    block->w_step = (work->channels + VB_BYTES - 1) / VB_BYTES * VB_BYTES * 4;
}

// width and kind are constants wherever these are inlined.
#define DW_BODY static inline __attribute__((always_inline))

// Bytes of a tap: of one pixel, or of as many as a vector has pieces.
DW_BODY vb dw_load(const uint8_t *const *x, size_t channel, const size_t width)
{
    if (width == VB_BYTES) {
        return vb_load(x[0] + channel);
    }
    return width == VB_BYTES / 2 ? vb_load_halves(x, channel) : vb_load_quarters(x, channel);
}

// Weights of vector r.
DW_BODY vb dw_weights(const int8_t *w, size_t r, const size_t width)
{
    if (width == VB_BYTES) {
        return vb_load(w + r * VB_BYTES);
    }
    return width == VB_BYTES / 2 ? vb_repeat_half(w + r * (VB_BYTES / 2))
                                 : vb_repeat_quarter(w + r * (VB_BYTES / 4));
}

// Rounded product (and sum), at most high - zero_point; NaN and what is below all integers become
// the least integer, so that the saturation of the narrowing steps is the lower bound.
DW_BODY vb dw_round(const struct dw_block *block, int r, const enum dw_kind kind, vb acc)
{
    vbf v = vbf_mul(vb_to_floats(acc), block->scale[r]);
    v = kind == DW_SHIFTED ? vbf_add(v, block->addend[r]) : v;
    return vbf_round(vbf_min(block->top, v));
}

// Adds four taps to four sums.
DW_BODY void dw_four(vb acc[4], const vb x[4], const int8_t *w, const size_t width)
{
    vb low01 = vb_low8(x[0], x[1]);
    vb high01 = vb_high8(x[0], x[1]);
    vb low23 = vb_low8(x[2], x[3]);
    vb high23 = vb_high8(x[2], x[3]);
    acc[0] = vb_dot(acc[0], vb_low16(low01, low23), dw_weights(w, 0, width));
    acc[1] = vb_dot(acc[1], vb_high16(low01, low23), dw_weights(w, 1, width));
    acc[2] = vb_dot(acc[2], vb_low16(high01, high23), dw_weights(w, 2, width));
    acc[3] = vb_dot(acc[3], vb_high16(high01, high23), dw_weights(w, 3, width));
}

// The sums of a block. x: pointers of the first pixel.
DW_BODY void dw_sums(const struct mopt_depthwise_u8 *work, const struct dw_block *block,
                     const uint8_t *const *x, size_t channel, const size_t width, vb acc[4])
{
    const size_t step = work->x_step;
    const int8_t *w = block->w;
    for (int r = 0; r < 4; r++) {
        acc[r] = block->start[r];
    }
    size_t t = work->taps;
    for (; t >= 4; t -= 4, w += block->w_step, x += 4 * step) {
        vb taps[4] = {dw_load(x, channel, width), dw_load(x + step, channel, width),
                      dw_load(x + 2 * step, channel, width), dw_load(x + 3 * step, channel, width)};
        dw_four(acc, taps, w, width);
    }
    if (t == 1) {
        vb tap = dw_load(x, channel, width);
        acc[0] = vb_dot(acc[0], vb_spread(tap, 0), dw_weights(w, 0, width));
        acc[1] = vb_dot(acc[1], vb_spread(tap, 1), dw_weights(w, 1, width));
        acc[2] = vb_dot(acc[2], vb_spread(tap, 2), dw_weights(w, 2, width));
        acc[3] = vb_dot(acc[3], vb_spread(tap, 3), dw_weights(w, 3, width));
    } else if (t > 1) {
        vb taps[4] = {dw_load(x, channel, width), dw_load(x + step, channel, width), vb_zero(),
                      vb_zero()};
        taps[2] = t > 2 ? dw_load(x + 2 * step, channel, width) : taps[2];
        dw_four(acc, taps, w, width);
    }
}

// Bytes of four sums.
DW_BODY vb dw_bytes(const struct dw_block *block, const vb acc[4], const enum dw_kind kind)
{
    vb first = vb_narrow16(dw_round(block, 0, kind, acc[0]), dw_round(block, 1, kind, acc[1]));
    vb second = vb_narrow16(dw_round(block, 2, kind, acc[2]), dw_round(block, 3, kind, acc[3]));
    first = vb_add16(first, block->zero_point);
    second = vb_add16(second, block->zero_point);
    return vb_max(vb_narrow8(first, second), block->low);
}

// Floats of four sums to y. Clamps so that NaN stays.
DW_BODY void dw_floats(const struct dw_block *block, const vb acc[4], float *y)
{
    for (int r = 0; r < 4; r++) {
        vbf v = vbf_mul(vb_to_floats(acc[r]), block->scale[r]);
        v = vbf_max(block->bottom, vbf_add(v, block->addend[r]));
        vbf_scatter_lanes(y + 4 * r, vbf_min(block->top, v));
    }
}

// Floats of one vector: of one pixel, or of the `pixels` of its pieces.
DW_BODY void dw_store_floats(const struct mopt_depthwise_u8 *work, const struct dw_block *block,
                             const vb acc[4], const size_t width, size_t count, int pixels,
                             float *y)
{
    if (count == VB_BYTES) {
        dw_floats(block, acc, y);
        return;
    }
    float all[VB_BYTES];
    dw_floats(block, acc, all);
    for (int piece = 0; piece < pixels; piece++, y += work->ldy) {
        memcpy(y, all + (size_t)piece * width, count * sizeof *y);
    }
}

// The sums as they are.
DW_BODY void dw_store_sums(const struct mopt_depthwise_u8 *work, const vb acc[4],
                           const size_t width, size_t count, int pixels, int32_t *y)
{
    int32_t all[VB_BYTES];
    int32_t *to = count == VB_BYTES ? y : all;
    for (int r = 0; r < 4; r++) {
        vb_scatter_lanes(to + 4 * r, acc[r]);
    }
    for (int piece = 0; to == all && piece < pixels; piece++, y += work->ldy) {
        memcpy(y, all + (size_t)piece * width, count * sizeof *y);
    }
}

static inline void dw_store_bytes(const struct mopt_depthwise_u8 *work, vb bytes, size_t width,
                                  size_t count, int pixels, uint8_t *y)
{
    if (count == VB_BYTES) {
        vb_store(y, bytes);
        return;
    }
    for (int piece = 0; piece < pixels; piece++, y += work->ldy) {
        vb_store_part(y, bytes, (size_t)piece * width, count);
    }
}

// All pixels of a block of channels.
DW_BODY void dw_run_block(const struct mopt_depthwise_u8 *work, size_t channel, const size_t width,
                          const enum dw_kind kind)
{
    struct dw_block block;
    dw_block_init(work, channel, width, &block);
    const int pieces = (int)(VB_BYTES / width);
    size_t count = work->channels - channel < width ? work->channels - channel : width;
    for (int pixel = 0; pixel < work->pixels; pixel += pieces) {
        int pixels = work->pixels - pixel < pieces ? work->pixels - pixel : pieces;
        size_t at = (size_t)pixel * work->ldy + channel;
        vb acc[4];
        dw_sums(work, &block, work->x + pixel, channel, width, acc);
        if (kind == DW_WORDS && work->y32) {
            dw_store_sums(work, acc, width, count, pixels, work->y32 + at);
        } else if (kind == DW_WORDS) {
            dw_store_floats(work, &block, acc, width, count, pixels, work->yf + at);
        } else {
            dw_store_bytes(work, dw_bytes(&block, acc, kind), width, count, pixels, work->y + at);
        }
    }
}

DW_BODY void dw_run(const struct mopt_depthwise_u8 *work, const enum dw_kind kind)
{
    for (size_t channel = 0; channel < work->channels; channel += VB_BYTES) {
        size_t width = mopt__depthwise_u8_block(VB_BYTES, work->channels, channel);
        if (width == VB_BYTES) {
            dw_run_block(work, channel, VB_BYTES, kind);
        } else if (width == VB_BYTES / 2) {
            dw_run_block(work, channel, VB_BYTES / 2, kind);
        } else {
            dw_run_block(work, channel, VB_BYTES / 4, kind);
        }
    }
}

static inline void depthwise_run(const struct mopt_depthwise_u8 *work)
{
    if (!work->y) {
        dw_run(work, DW_WORDS);
    } else if (work->shift) {
        dw_run(work, DW_SHIFTED);
    } else {
        dw_run(work, DW_BYTES);
    }
}

#endif
