// SPDX-License-Identifier: Apache-2.0
// Body of the slots winograd_in_f32 and winograd_out_f32 for one instruction set: the matrices of
// ref/winograd_f32.c written out for whole vectors of channels.
#ifndef MOPT_KERNELS_TEMPLATE_WINOGRAD_F32_H
#define MOPT_KERNELS_TEMPLATE_WINOGRAD_F32_H

#include "kernels/table.h"
#include "kernels/template/vf.h"

enum { WINOGRAD_T = 6 };

// One dimension of the input transform: d[0..t) step apart to out[0..t).
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

// One dimension of the output transform: m[0..t) step apart to out[0..t-2).
VF_BODY void winograd_output(int t, const vf *m, int step, vf *out)
{
    vf sum = vf_add(m[step], m[2 * step]), difference = vf_sub(m[step], m[2 * step]);
    if (t == 4) {
        out[0] = vf_add(m[0], sum);
        out[1] = vf_sub(difference, m[3 * step]);
        return;
    }
    vf far_sum = vf_add(m[3 * step], m[4 * step]);
    vf far_difference = vf_sub(m[3 * step], m[4 * step]);
    out[0] = vf_add(m[0], vf_add(sum, far_sum));
    out[1] = vf_fma(vf_set1(2), far_difference, difference);
    out[2] = vf_fma(vf_set1(4), far_sum, sum);
    out[3] = vf_add(vf_fma(vf_set1(8), far_difference, difference), m[5 * step]);
}

VF_BODY void winograd_in_vector(int t, const float *const *x, float *v, size_t v_step, size_t at,
                                size_t n)
{
    vf half[WINOGRAD_T * WINOGRAD_T]; // [column][row]
    VF_UNROLL
    for (int j = 0; j < t; j++) {
        vf d[WINOGRAD_T];
        VF_UNROLL
        for (int i = 0; i < t; i++) {
            d[i] = vf_load_upto(x[i * t + j] + at, n);
        }
        winograd_input(t, d, 1, half + j * t);
    }
    VF_UNROLL
    for (int i = 0; i < t; i++) {
        vf out[WINOGRAD_T];
        winograd_input(t, half + i, t, out);
        VF_UNROLL
        for (int j = 0; j < t; j++) {
            vf_store_upto(v + (size_t)(i * t + j) * v_step + at, n, out[j]);
        }
    }
}

VF_BODY void winograd_in_body(int t, const float *const *x, float *v, size_t v_step,
                              size_t channels)
{
    size_t at = 0;
    for (; channels - at >= VF_LANES; at += VF_LANES) {
        winograd_in_vector(t, x, v, v_step, at, VF_LANES);
    }
    if (at < channels) {
        winograd_in_vector(t, x, v, v_step, at, channels - at);
    }
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
        vf out[WINOGRAD_T];
        winograd_output(t, half + i, size, out);
        VF_UNROLL
        for (int j = 0; j < size; j++) {
            float *y = work->y[i * size + j];
            if (!y) {
                continue;
            }
            vf sum = vf_add(out[j], bias);
            if (work->residual && work->residual[i * size + j]) {
                sum = vf_add(sum, vf_load_upto(work->residual[i * size + j] + at, n));
            }
            vf_store_upto(y + at, n, vf_clamp(sum, low, high));
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

#endif
