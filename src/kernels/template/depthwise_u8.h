// SPDX-License-Identifier: Apache-2.0
// Depthwise bytes. Four taps are interleaved inside 16-byte lanes; narrowing at the end puts the
// channels back in order.
#ifndef MOPT_KERNELS_TEMPLATE_DEPTHWISE_U8_H
#define MOPT_KERNELS_TEMPLATE_DEPTHWISE_U8_H

#include <string.h>

#include "kernels/table.h"
#include "kernels/template/requantize_vb.h"

// A block of channels in four vectors; one of half a vector or a quarter holds the same channels of
// 2 or 4 pixels (pieces).
struct dw_block {
    vb start[4];
    vbf scale[4], top;
    vb zero_point, low; // words, bytes
    const int8_t *w;
    size_t w_step; // bytes from four taps to the next
};

static inline void dw_block_init(const struct mopt_depthwise_u8 *work, size_t channel, size_t width,
                                 struct dw_block *block)
{
    int32_t start[VB_BYTES] = {0};
    int32_t scale[VB_BYTES] = {0};
    size_t count = work->channels - channel < width ? work->channels - channel : width;
    for (size_t piece = 0; piece < VB_BYTES; piece += width) {
        if (work->bias) {
            memcpy(start + piece, work->bias + channel, count * sizeof *start);
        }
        memcpy(scale + piece, work->scale + channel, count * sizeof *scale);
    }
    for (int r = 0; r < 4; r++) {
        block->start[r] = vb_gather_lanes(start + 4 * r);
        block->scale[r] = vb_as_floats(vb_gather_lanes(scale + 4 * r));
    }
    block->top = vbf_set((float)(work->high - work->zero_point));
    block->zero_point = vb_set16(work->zero_point);
    block->low = vb_set8(work->low);
    block->w = work->w + 4 * channel;
    block->w_step = (work->channels + VB_BYTES - 1) / VB_BYTES * VB_BYTES * 4;
}

// width is a constant wherever these are inlined.
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

// Rounded product, at most high - zero_point; NaN and what is below all integers become the least
// integer, so that the saturation of the narrowing steps is the lower bound.
static inline vb dw_round(const struct dw_block *block, int r, vb acc)
{
    return vbf_round(vbf_min(block->top, vbf_mul(vb_to_floats(acc), block->scale[r])));
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

// One vector of results. x: pointers of the first pixel.
DW_BODY vb dw_vector(const struct mopt_depthwise_u8 *work, const struct dw_block *block,
                     const uint8_t *const *x, size_t channel, const size_t width)
{
    const size_t step = work->x_step;
    const int8_t *w = block->w;
    vb acc[4] = {block->start[0], block->start[1], block->start[2], block->start[3]};
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
    vb first = vb_narrow16(dw_round(block, 0, acc[0]), dw_round(block, 1, acc[1]));
    vb second = vb_narrow16(dw_round(block, 2, acc[2]), dw_round(block, 3, acc[3]));
    first = vb_add16(first, block->zero_point);
    second = vb_add16(second, block->zero_point);
    return vb_max(vb_narrow8(first, second), block->low);
}

// All pixels of a block of channels.
DW_BODY void dw_run_block(const struct mopt_depthwise_u8 *work, size_t channel, const size_t width)
{
    struct dw_block block;
    dw_block_init(work, channel, width, &block);
    const int pieces = (int)(VB_BYTES / width);
    size_t count = work->channels - channel < width ? work->channels - channel : width;
    uint8_t *y = work->y + channel;
    for (int pixel = 0; pixel < work->pixels; pixel += pieces) {
        vb bytes = dw_vector(work, &block, work->x + pixel, channel, width);
        if (count == VB_BYTES) {
            vb_store(y, bytes);
            y += work->ldy;
            continue;
        }
        for (int piece = 0; piece < pieces && pixel + piece < work->pixels; piece++) {
            vb_store_part(y, bytes, (size_t)piece * width, count);
            y += work->ldy;
        }
    }
}

static inline void depthwise_run(const struct mopt_depthwise_u8 *work)
{
    for (size_t channel = 0; channel < work->channels; channel += VB_BYTES) {
        size_t width = mopt__depthwise_u8_block(VB_BYTES, work->channels, channel);
        if (width == VB_BYTES) {
            dw_run_block(work, channel, VB_BYTES);
        } else if (width == VB_BYTES / 2) {
            dw_run_block(work, channel, VB_BYTES / 2);
        } else {
            dw_run_block(work, channel, VB_BYTES / 4);
        }
    }
}

#endif
