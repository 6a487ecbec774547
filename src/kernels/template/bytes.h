// SPDX-License-Identifier: Apache-2.0
// Elementwise and window kernels on bytes. Whole vectors go straight through; what is left over is
// worked on in a buffer of one vector.
#ifndef MOPT_KERNELS_TEMPLATE_BYTES_H
#define MOPT_KERNELS_TEMPLATE_BYTES_H

#include <stdbool.h>
#include <string.h>

#include "kernels/template/requantize_vb.h"

// ---- Floats to bytes and back: VB_BYTES elements each
// Quotients by multiplications. near = x * (1 / scale) lies within two units in the last place of
// x / scale, and near + (x - near scale) * (1 / scale) within 2^-22 of one before it is rounded.
// That rounds to the same code as the quotient does: true of every significand that a scale can
// have, against the floats around the middle between any two codes, all of which have been tried
// (other floats are further away from it than the error). Nothing is lost below the smallest
// exponent for scales from 2^-100 to 2^100; x is clamped to 512 scales first, which is beyond all
// codes.
enum quotient { QUOTIENT_PRODUCT, QUOTIENT_FAST, QUOTIENT_DIVIDED }; // x * factor, x / factor

struct quantizing {
    struct vb_bounds bounds;
    vbf factor, inverse, most, least;
};

static inline enum quotient quotient_of(float factor, bool divide)
{
    bool safe = factor >= 0x1p-100F && factor <= 0x1p100F;
    return !divide ? QUOTIENT_PRODUCT : safe ? QUOTIENT_FAST : QUOTIENT_DIVIDED;
}

static inline struct quantizing quantizing(float factor, int32_t zero_point)
{
    return (struct quantizing){.bounds = vb_bounds(zero_point, 0, 255),
                               .factor = vbf_set(factor),
                               .inverse = vbf_set(1 / factor),
                               .most = vbf_set(512 * factor),
                               .least = vbf_set(-512 * factor)};
}

// Before the zero point is added, within 16 bits. NaN: 0.
static inline vb quantize_lanes(const struct quantizing *q, enum quotient way, vbf x)
{
    if (way == QUOTIENT_FAST) {
        x = vbf_max(q->least, vbf_min(q->most, x)); // NaN stays NaN
        vbf near = vbf_mul(x, q->inverse);
        return vbf_round_known(vbf_fma(vbf_fnma(q->factor, near, x), q->inverse, near));
    }
    x = way == QUOTIENT_DIVIDED ? vbf_div(x, q->factor) : vbf_mul(x, q->factor);
    return vbf_round_known(vbf_max(q->bounds.bottom, vbf_min(q->bounds.top, x)));
}

static inline vb quantize_floats(const struct quantizing *q, enum quotient way, const float *x)
{
    return vb_add(quantize_lanes(q, way, vbf_load(x)), q->bounds.zero_point);
}

static inline vb quantize_block(const struct quantizing *q, enum quotient way, const float *x)
{
    return vb_narrow(quantize_floats(q, way, x), quantize_floats(q, way, x + VB_LANES),
                     quantize_floats(q, way, x + 2 * VB_LANES),
                     quantize_floats(q, way, x + 3 * VB_LANES));
}

static inline void quantize_way(const struct quantizing *q, enum quotient way, const float *x,
                                uint8_t *y, size_t n)
{
    size_t i = 0;
    for (; i + VB_BYTES <= n; i += VB_BYTES) {
        vb_store(y + i, quantize_block(q, way, x + i));
    }
    if (i < n) {
        float rest[VB_BYTES] = {0};
        memcpy(rest, x + i, (n - i) * sizeof *x);
        vb_store_n(y + i, quantize_block(q, way, rest), n - i);
    }
}

static inline void bytes_quantize(const float *x, float factor, bool divide, int32_t zero_point,
                                  uint8_t *y, size_t n)
{
    const struct quantizing q = quantizing(factor, zero_point);
    switch (quotient_of(factor, divide)) {
    case QUOTIENT_PRODUCT:
        quantize_way(&q, QUOTIENT_PRODUCT, x, y, n);
        break;
    case QUOTIENT_FAST:
        quantize_way(&q, QUOTIENT_FAST, x, y, n);
        break;
    case QUOTIENT_DIVIDED:
        quantize_way(&q, QUOTIENT_DIVIDED, x, y, n);
        break;
    }
}

static inline void bytes_dequantize(const uint8_t *x, float scale, int32_t zero_point, float *y,
                                    size_t n)
{
    const vb zero = vb_set(zero_point);
    const vbf factor = vbf_set(scale);
    size_t i = 0;
    for (; i + VB_LANES <= n; i += VB_LANES) {
        vbf_store(y + i, vbf_mul(vb_to_floats(vb_sub(vb_widen(x + i), zero)), factor));
    }
    if (i < n) {
        float rest[VB_LANES];
        vbf_store(rest, vbf_mul(vb_to_floats(vb_sub(vb_widen_n(x + i, n - i), zero)), factor));
        memcpy(y + i, rest, (n - i) * sizeof *y);
    }
}

// ---- Sums of dequantized pixels
static inline vbf dequantize_lanes(const uint8_t *x, vb zero, vbf scale)
{
    return vbf_mul(vb_to_floats(vb_sub(vb_widen(x), zero)), scale);
}

static inline void sums_of(const uint8_t *x, size_t step, size_t pixels, vb zero, vbf scale,
                           int vectors, float *y)
{
    vbf sums[4];
    for (int v = 0; v < vectors; v++) {
        sums[v] = dequantize_lanes(x + v * VB_LANES, zero, scale);
    }
    for (size_t i = 1; i < pixels; i++) {
        for (int v = 0; v < vectors; v++) {
            sums[v] = vbf_add(sums[v], dequantize_lanes(x + i * step + v * VB_LANES, zero, scale));
        }
    }
    for (int v = 0; v < vectors; v++) {
        vbf_store(y + v * VB_LANES, sums[v]);
    }
}

static inline void bytes_sums(const uint8_t *x, size_t step, size_t pixels, size_t channels,
                              float scale, int32_t zero_point, float *y)
{
    const vb zero = vb_set(zero_point);
    const vbf factor = vbf_set(scale);
    size_t c = 0;
    for (; c + VB_BYTES <= channels; c += VB_BYTES) {
        sums_of(x + c, step, pixels, zero, factor, 4, y + c);
    }
    for (; c + VB_LANES <= channels; c += VB_LANES) {
        sums_of(x + c, step, pixels, zero, factor, 1, y + c);
    }
    if (c < channels) {
        float rest[VB_LANES];
        sums_of(x + c, step, pixels, zero, factor, 1, rest);
        memcpy(y + c, rest, (channels - c) * sizeof *y);
    }
}

// ---- Range. The order of operands ignores NaN: a comparison with it gives the second one.
static inline float least_lane(vbf v, bool largest)
{
    float lanes[VB_LANES];
    float best = 0;
    vbf_store(lanes, v);
    for (int i = 0; i < VB_LANES; i++) {
        bool better = largest ? lanes[i] > best : lanes[i] < best;
        best = better ? lanes[i] : best;
    }
    return best;
}

static inline void bytes_range(const float *x, size_t n, float *low, float *high)
{
    vbf low0 = vbf_set(0);
    vbf low1 = low0;
    vbf high0 = low0;
    vbf high1 = low0;
    size_t i = 0;
    for (; i + 2 * VB_LANES <= n; i += 2 * VB_LANES) {
        vbf a = vbf_load(x + i);
        vbf b = vbf_load(x + i + VB_LANES);
        low0 = vbf_min(a, low0);
        high0 = vbf_max(a, high0);
        low1 = vbf_min(b, low1);
        high1 = vbf_max(b, high1);
    }
    float rest[2 * VB_LANES] = {0};
    memcpy(rest, x + i, (n - i) * sizeof *x);
    low0 = vbf_min(vbf_load(rest), low0);
    high0 = vbf_max(vbf_load(rest), high0);
    low1 = vbf_min(vbf_load(rest + VB_LANES), low1);
    high1 = vbf_max(vbf_load(rest + VB_LANES), high1);
    *low = least_lane(vbf_min(low0, low1), false);
    *high = least_lane(vbf_max(high0, high1), true);
}

// ---- Sum of two
struct adding {
    struct vb_bounds bounds;
    vbf a_factor, b_factor, scale, inverse;
    vb a_zero, b_zero;
};

static inline vb add_lanes(const struct adding *add, enum quotient way, const uint8_t *a,
                           const uint8_t *b)
{
    vbf left = vbf_mul(vb_to_floats(vb_sub(vb_widen(a), add->a_zero)), add->a_factor);
    vbf right = vbf_mul(vb_to_floats(vb_sub(vb_widen(b), add->b_zero)), add->b_factor);
    vbf sum = vbf_add(left, right);
    if (way != QUOTIENT_FAST) {
        return vb_requantize(&add->bounds, vbf_div(sum, add->scale));
    }
    vbf near = vbf_mul(sum, add->inverse);
    vbf rest = vbf_fnma(add->scale, near, sum);
    return vb_requantize(&add->bounds, vbf_fma(rest, add->inverse, near));
}

static inline vb add_block(const struct adding *add, enum quotient way, const uint8_t *a,
                           const uint8_t *b)
{
    return vb_narrow(add_lanes(add, way, a, b), add_lanes(add, way, a + VB_LANES, b + VB_LANES),
                     add_lanes(add, way, a + 2 * VB_LANES, b + 2 * VB_LANES),
                     add_lanes(add, way, a + 3 * VB_LANES, b + 3 * VB_LANES));
}

static inline void add_way(const struct adding *add, enum quotient way, const uint8_t *a,
                           const uint8_t *b, uint8_t *y, size_t n)
{
    size_t i = 0;
    for (; i + VB_BYTES <= n; i += VB_BYTES) {
        vb_store(y + i, add_block(add, way, a + i, b + i));
    }
    if (i < n) {
        uint8_t left[VB_BYTES] = {0};
        uint8_t right[VB_BYTES] = {0};
        memcpy(left, a + i, n - i);
        memcpy(right, b + i, n - i);
        vb_store_n(y + i, add_block(add, way, left, right), n - i);
    }
}

// No number on the way to a quotient is beyond the floats.
static inline bool adds_safely(const float scales[3])
{
    float most = scales[2] * 0x1p60F;
    return quotient_of(scales[2], true) == QUOTIENT_FAST && scales[0] >= -most &&
           scales[0] <= most && scales[1] >= -most && scales[1] <= most;
}

static inline void bytes_add(const uint8_t *a, const uint8_t *b, const float scales[3],
                             const int32_t zeros[3], const int32_t bounds[2], uint8_t *y, size_t n)
{
    const struct adding add = {.bounds = vb_bounds(zeros[2], bounds[0], bounds[1]),
                               .a_factor = vbf_set(scales[0]),
                               .b_factor = vbf_set(scales[1]),
                               .scale = vbf_set(scales[2]),
                               .inverse = vbf_set(1 / scales[2]),
                               .a_zero = vb_set(zeros[0]),
                               .b_zero = vb_set(zeros[1])};
    if (adds_safely(scales)) {
        add_way(&add, QUOTIENT_FAST, a, b, y, n);
    } else {
        add_way(&add, QUOTIENT_DIVIDED, a, b, y, n);
    }
}

// ---- Product of codes and floats
struct multiplying {
    struct quantizing to;
    vbf scale;
    vb zero;
};

static inline vb multiply_lanes(const struct multiplying *m, enum quotient way, const uint8_t *a,
                                const float *b)
{
    vbf left = vbf_mul(vb_to_floats(vb_sub(vb_widen(a), m->zero)), m->scale);
    return vb_add(quantize_lanes(&m->to, way, vbf_mul(left, vbf_load(b))), m->to.bounds.zero_point);
}

static inline vb multiply_block(const struct multiplying *m, enum quotient way, const uint8_t *a,
                                const float *b)
{
    return vb_narrow(multiply_lanes(m, way, a, b),
                     multiply_lanes(m, way, a + VB_LANES, b + VB_LANES),
                     multiply_lanes(m, way, a + 2 * VB_LANES, b + 2 * VB_LANES),
                     multiply_lanes(m, way, a + 3 * VB_LANES, b + 3 * VB_LANES));
}

static inline void multiply_way(const struct multiplying *m, enum quotient way, const uint8_t *a,
                                const float *b, uint8_t *y, size_t n)
{
    size_t i = 0;
    for (; i + VB_BYTES <= n; i += VB_BYTES) {
        vb_store(y + i, multiply_block(m, way, a + i, b + i));
    }
    if (i < n) {
        uint8_t left[VB_BYTES] = {0};
        float right[VB_BYTES] = {0};
        memcpy(left, a + i, n - i);
        memcpy(right, b + i, (n - i) * sizeof *b);
        vb_store_n(y + i, multiply_block(m, way, left, right), n - i);
    }
}

static inline void bytes_multiply(const uint8_t *a, float scale, const float *b, float y_scale,
                                  const int32_t zeros[2], uint8_t *y, size_t n)
{
    const struct multiplying m = {quantizing(y_scale, zeros[1]), vbf_set(scale), vb_set(zeros[0])};
    if (quotient_of(y_scale, true) == QUOTIENT_FAST) {
        multiply_way(&m, QUOTIENT_FAST, a, b, y, n);
    } else {
        multiply_way(&m, QUOTIENT_DIVIDED, a, b, y, n);
    }
}

// ---- Codes times factors
static inline vb scale_lanes(const uint8_t *a, const float *factors, vb zero)
{
    return vbf_round(vbf_mul(vb_to_floats(vb_sub(vb_widen(a), zero)), vbf_load(factors)));
}

static inline vb scale_block(const uint8_t *a, const float *factors, vb from, vb to)
{
    vb low = vb_narrow16(scale_lanes(a, factors, from),
                         scale_lanes(a + VB_LANES, factors + VB_LANES, from));
    vb high = vb_narrow16(scale_lanes(a + 2 * VB_LANES, factors + 2 * VB_LANES, from),
                          scale_lanes(a + 3 * VB_LANES, factors + 3 * VB_LANES, from));
    return vb_in_order(vb_narrow8(vb_add16(low, to), vb_add16(high, to)));
}

static inline void bytes_scale(const uint8_t *a, const float *factors, const int32_t zeros[2],
                               uint8_t *y, size_t n)
{
    const vb from = vb_set(zeros[0]);
    const vb to = vb_set16(zeros[1]);
    size_t i = 0;
    for (; i + VB_BYTES <= n; i += VB_BYTES) {
        vb_store(y + i, scale_block(a + i, factors + i, from, to));
    }
    if (i < n) {
        uint8_t left[VB_BYTES] = {0};
        float right[VB_BYTES] = {0};
        memcpy(left, a + i, n - i);
        memcpy(right, factors + i, (n - i) * sizeof *factors);
        vb_store_n(y + i, scale_block(left, right, from, to), n - i);
    }
}

// ---- Windows
static inline void bytes_max(const uint8_t *const *x, size_t taps, size_t channels, uint8_t *y)
{
    size_t c = 0;
    for (; c + VB_BYTES <= channels; c += VB_BYTES) {
        vb most = vb_load(x[0] + c);
        for (size_t t = 1; t < taps; t++) {
            most = vb_max(most, vb_load(x[t] + c));
        }
        vb_store(y + c, most);
    }
    if (c < channels) {
        vb most = vb_load_n(x[0] + c, channels - c);
        for (size_t t = 1; t < taps; t++) {
            most = vb_max(most, vb_load_n(x[t] + c, channels - c));
        }
        vb_store_n(y + c, most, channels - c);
    }
}

static inline uint32_t bytes_total(const uint8_t *x, size_t n)
{
    vb sums = vb_zero();
    size_t i = 0;
    for (; i + VB_BYTES <= n; i += VB_BYTES) {
        sums = vb_add_long(sums, vb_sums(vb_load(x + i)));
    }
    sums = vb_add_long(sums, vb_sums(vb_load_n(x + i, n - i)));
    uint64_t parts[VB_LANES / 2];
    uint64_t total = 0;
    vb_store(parts, sums);
    for (int p = 0; p < VB_LANES / 2; p++) {
        total += parts[p];
    }
    return (uint32_t)total;
}

#endif
