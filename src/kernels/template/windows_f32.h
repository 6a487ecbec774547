// SPDX-License-Identifier: Apache-2.0
// Body of the slots max_f32 and average_f32 for one instruction set.
#ifndef MOPT_KERNELS_TEMPLATE_WINDOWS_F32_H
#define MOPT_KERNELS_TEMPLATE_WINDOWS_F32_H

#include "kernels/table.h"
#include "kernels/template/vf.h"

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
