// SPDX-License-Identifier: Apache-2.0
// Body of the slots depthwise_f32, max_f32 and average_f32 for one instruction set.
#ifndef MOPT_KERNELS_TEMPLATE_WINDOWS_F32_H
#define MOPT_KERNELS_TEMPLATE_WINDOWS_F32_H

#include "kernels/table.h"
#include "kernels/template/vf.h"

enum { DEPTHWISE_PIXELS = 4, DEPTHWISE_VECTORS = 2 }; // of one piece of work

// `pixels` pixels from `pixel` on, `vectors` vectors of channels from `from` on, the last of them
// with n elements.
VF_BODY void depthwise_vectors(const struct mopt_depthwise_f32 *work, size_t pixel, size_t from,
                               size_t n, int pixels, int vectors)
{
    vf acc[DEPTHWISE_PIXELS][DEPTHWISE_VECTORS];
    VF_UNROLL
    for (int v = 0; v < vectors; v++) {
        size_t at = from + (size_t)v * VF_LANES;
        vf start = work->bias ? vf_load_upto(work->bias + at, n) : vf_set1(0);
        VF_UNROLL
        for (int i = 0; i < pixels; i++) {
            acc[i][v] = start;
        }
    }
    const float *w = work->w + from;
    for (size_t t = 0; t < work->taps; t++, w += work->channels) {
        const float *x = work->x[t] + pixel * work->x_step + from;
        vf weight[DEPTHWISE_VECTORS];
        VF_UNROLL
        for (int v = 0; v < vectors; v++) {
            weight[v] = vf_load_upto(w + v * VF_LANES, n);
        }
        VF_UNROLL
        for (int i = 0; i < pixels; i++, x += work->x_step) {
            VF_UNROLL
            for (int v = 0; v < vectors; v++) {
                acc[i][v] = vf_fma(vf_load_upto(x + v * VF_LANES, n), weight[v], acc[i][v]);
            }
        }
    }
    vf low = vf_set1(work->low), high = vf_set1(work->high);
    VF_UNROLL
    for (int i = 0; i < pixels; i++) {
        VF_UNROLL
        for (int v = 0; v < vectors; v++) {
            size_t at = from + (size_t)v * VF_LANES;
            vf sum = acc[i][v];
            if (work->residual) {
                const float *residual = work->residual + (pixel + (size_t)i) * work->residual_ld;
                sum = vf_add(sum, vf_load_upto(residual + at, n));
            }
            float *y = work->y + (pixel + (size_t)i) * work->ldy + at;
            vf_store_upto(y, n, vf_clamp(sum, low, high));
        }
    }
}

VF_BODY void depthwise_pixels(const struct mopt_depthwise_f32 *work, size_t pixel, int pixels)
{
    size_t at = 0, channels = work->channels;
    for (; channels - at >= DEPTHWISE_VECTORS * VF_LANES; at += DEPTHWISE_VECTORS * VF_LANES) {
        depthwise_vectors(work, pixel, at, VF_LANES, pixels, DEPTHWISE_VECTORS);
    }
    for (; channels - at >= VF_LANES; at += VF_LANES) {
        depthwise_vectors(work, pixel, at, VF_LANES, pixels, 1);
    }
    if (at < channels) {
        depthwise_vectors(work, pixel, at, channels - at, pixels, 1);
    }
}

VF_BODY void depthwise_body(const struct mopt_depthwise_f32 *work)
{
    size_t pixel = 0;
    for (; work->pixels - pixel >= DEPTHWISE_PIXELS; pixel += DEPTHWISE_PIXELS) {
        depthwise_pixels(work, pixel, DEPTHWISE_PIXELS);
    }
    for (; pixel < work->pixels; pixel++) {
        depthwise_pixels(work, pixel, 1);
    }
}

VF_BODY void max_vectors(const struct mopt_window_f32 *window, size_t from, size_t n, int vectors)
{
    vf best[4];
    VF_UNROLL
    for (int v = 0; v < vectors; v++) {
        best[v] = vf_load_upto(window->x[0] + from + v * VF_LANES, n);
    }
    for (size_t t = 1; t < window->taps; t++) {
        VF_UNROLL
        for (int v = 0; v < vectors; v++) {
            best[v] = vf_larger(best[v], vf_load_upto(window->x[t] + from + v * VF_LANES, n));
        }
    }
    VF_UNROLL
    for (int v = 0; v < vectors; v++) {
        vf_store_upto(window->y + from + v * VF_LANES, n, best[v]);
    }
}

VF_BODY void max_body(const struct mopt_window_f32 *window)
{
    size_t at = 0, channels = window->channels;
    for (; channels - at >= 4 * VF_LANES; at += 4 * VF_LANES) {
        max_vectors(window, at, VF_LANES, 4);
    }
    for (; channels - at >= VF_LANES; at += VF_LANES) {
        max_vectors(window, at, VF_LANES, 1);
    }
    if (at < channels) {
        max_vectors(window, at, channels - at, 1);
    }
}

VF_BODY void average_vectors(const struct mopt_window_f32 *window, size_t from, size_t n,
                             int vectors)
{
    vf sum[4];
    const float *weights = window->weights;
    VF_UNROLL
    for (int v = 0; v < vectors; v++) {
        vf x = vf_load_upto(window->x[0] + from + v * VF_LANES, n);
        sum[v] = weights ? vf_mul(x, vf_set1(weights[0])) : x;
    }
    for (size_t t = 1; t < window->taps; t++) {
        vf weight = vf_set1(weights ? weights[t] : 1);
        VF_UNROLL
        for (int v = 0; v < vectors; v++) {
            vf x = vf_load_upto(window->x[t] + from + v * VF_LANES, n);
            sum[v] = weights ? vf_fma(x, weight, sum[v]) : vf_add(sum[v], x);
        }
    }
    VF_UNROLL
    for (int v = 0; v < vectors; v++) {
        vf_store_upto(window->y + from + v * VF_LANES, n, vf_mul(sum[v], vf_set1(window->factor)));
    }
}

VF_BODY void average_body(const struct mopt_window_f32 *window)
{
    size_t at = 0, channels = window->channels;
    for (; channels - at >= 4 * VF_LANES; at += 4 * VF_LANES) {
        average_vectors(window, at, VF_LANES, 4);
    }
    for (; channels - at >= VF_LANES; at += VF_LANES) {
        average_vectors(window, at, VF_LANES, 1);
    }
    if (at < channels) {
        average_vectors(window, at, channels - at, 1);
    }
}

#endif
