// SPDX-License-Identifier: Apache-2.0
// The vector slots of kernels/table.h in the names of an instruction set's lanes_f32.h, which is
// included before; SLOT(name) makes the name of a function. Whole vectors and the rest of a range
// run the same expression, so an element's result does not depend on where it stands.
#ifndef MOPT_KERNELS_TEMPLATE_VECTOR_F32_H
#define MOPT_KERNELS_TEMPLATE_VECTOR_F32_H

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "kernels/slots.h"
#include "kernels/template/vector_math.h"

#if !defined(SLOT) // read on its own
#define SLOT(name) mopt__##name##_f32
#endif

// ---- One operand -----------------------------------------------------------------------------------

// y = expr of v, alpha, beta.
#define MAP(name, expr)                                                                   \
    static void map_##name(const struct mopt_function_f32 *act, const float *x, float *y, \
                           size_t n)                                                      \
    {                                                                                     \
        const vfloat alpha = v_set(act->alpha);                                           \
        const vfloat beta = v_set(act->beta);                                             \
        (void)alpha;                                                                      \
        (void)beta;                                                                       \
        size_t i = 0;                                                                     \
        for (; i + LANES <= n; i += LANES) {                                              \
            const vfloat v = v_load(x + i);                                               \
            v_store(y + i, (expr));                                                       \
        }                                                                                 \
        if (i < n) {                                                                      \
            const vmask rest = v_first(n - i);                                            \
            const vfloat v = v_load_mask(x + i, rest);                                    \
            v_store_mask(y + i, rest, (expr));                                            \
        }                                                                                 \
    }

// Into [low, high]; NaN stays.
static inline vfloat clamp(vfloat low, vfloat high, vfloat x)
{
    return v_min(high, v_max(low, x));
}

static inline vfloat hard_sigmoid(vfloat alpha, vfloat beta, vfloat x)
{
    return clamp(v_set(0.0F), v_set(1.0F), v_add(v_mul(alpha, x), beta));
}

static inline vfloat leaky_relu(vfloat alpha, vfloat x)
{
    return v_select(v_less(x, v_set(0.0F)), v_mul(alpha, x), x);
}

static inline vfloat elu(vfloat alpha, vfloat x)
{
    const vfloat below = v_mul(alpha, expm1_below(v_min(v_set(0.0F), x)));
    return v_select(v_less(x, v_set(0.0F)), below, x);
}

// As x^0.5 of C has it: +0 for -0, infinity for -infinity.
static inline vfloat power_half(vfloat x)
{
    const vfloat root = v_sqrt(v_add(x, v_set(0.0F)));
    return v_select(v_equal(x, v_set(-INFINITY)), v_set(INFINITY), root);
}

MAP(relu, v_max(v_set(0.0F), v))
MAP(clip, clamp(alpha, beta, v))
MAP(leaky_relu, leaky_relu(alpha, v))
MAP(hard_sigmoid, hard_sigmoid(alpha, beta, v))
MAP(hard_swish, v_mul(v, hard_sigmoid(alpha, beta, v)))
MAP(sigmoid, sigmoid_any(v))
MAP(silu, v_mul(v, sigmoid_any(v_mul(alpha, v))))
MAP(tanh, tanh_any(v))
MAP(gelu, gelu_any(v))
MAP(gelu_tanh, gelu_tanh_any(v))
MAP(elu, elu(alpha, v))
MAP(erf, erf_any(v))
MAP(exp, exp_any(v))
MAP(log, log_any(v))
MAP(sqrt, v_sqrt(v))
MAP(reciprocal, v_div(v_set(1.0F), v))
MAP(abs, v_abs(v))
MAP(neg, v_flip(v))
MAP(softplus, softplus_any(v))
MAP(mish, mish_any(v))
MAP(scale, v_add(v_mul(alpha, v), beta))
MAP(square, v_mul(v, v))
MAP(cube, v_mul(v_mul(v, v), v))
MAP(power_half, power_half(v))

MAP(round, v_round(v))
MAP(floor, v_floor(v))
MAP(ceil, v_ceil(v))
MAP(sin_turned, sin_turned(v))
MAP(cos_turned, cos_turned(v))

// Numbers that are too large, infinite or none are few: they are computed anew, one by one.
#define TURNS(name, one)                                                                  \
    static void map_##name(const struct mopt_function_f32 *act, const float *x, float *y, \
                           size_t n)                                                      \
    {                                                                                     \
        float given[TURN_BLOCK];                                                          \
        for (size_t at = 0; at < n; at += TURN_BLOCK) {                                   \
            const size_t part = n - at < TURN_BLOCK ? n - at : TURN_BLOCK;                \
            memcpy(given, x + at, part * sizeof *given); /* y may be x */                 \
            map_##name##_turned(act, given, y + at, part);                                \
            for (size_t i = 0; i < part; i++) {                                           \
                if (!(fabsf(given[i]) <= LARGEST_TURN)) {                                 \
                    y[at + i] = one(given[i]);                                            \
                }                                                                         \
            }                                                                             \
        }                                                                                 \
    }
enum { TURN_BLOCK = 256 };
TURNS(sin, sinf)
TURNS(cos, cosf)

static void map_none(const struct mopt_function_f32 *act, const float *x, float *y, size_t n)
{
    (void)act;
    if (x != y && n > 0) {
        memcpy(y, x, n * sizeof *y);
    }
}

static void map_power(const struct mopt_function_f32 *act, const float *x, float *y, size_t n)
{
    if (act->alpha == 2.0F) {
        map_square(act, x, y, n);
    } else if (act->alpha == 3.0F) {
        map_cube(act, x, y, n);
    } else if (act->alpha == 0.5F) {
        map_power_half(act, x, y, n);
    } else {
        for (size_t i = 0; i < n; i++) {
            y[i] = powf(x[i], act->alpha);
        }
    }
}

void SLOT(unary)(const struct mopt_function_f32 *act, const float *x, float *y, size_t n)
{
    static mopt_slot_unary_f32 *const maps[] = {
        [MOPT_ACT_NONE] = map_none,
        [MOPT_ACT_RELU] = map_relu,
        [MOPT_ACT_CLIP] = map_clip,
        [MOPT_ACT_LEAKY_RELU] = map_leaky_relu,
        [MOPT_ACT_HARD_SIGMOID] = map_hard_sigmoid,
        [MOPT_ACT_HARD_SWISH] = map_hard_swish,
        [MOPT_ACT_SIGMOID] = map_sigmoid,
        [MOPT_ACT_SILU] = map_silu,
        [MOPT_ACT_TANH] = map_tanh,
        [MOPT_ACT_GELU] = map_gelu,
        [MOPT_ACT_GELU_TANH] = map_gelu_tanh,
        [MOPT_ACT_ELU] = map_elu,
        [MOPT_ACT_ERF] = map_erf,
        [MOPT_ACT_EXP] = map_exp,
        [MOPT_ACT_LOG] = map_log,
        [MOPT_ACT_SQRT] = map_sqrt,
        [MOPT_ACT_RECIPROCAL] = map_reciprocal,
        [MOPT_ACT_ABS] = map_abs,
        [MOPT_ACT_NEG] = map_neg,
        [MOPT_ACT_SOFTPLUS] = map_softplus,
        [MOPT_ACT_MISH] = map_mish,
        [MOPT_ACT_SCALE] = map_scale,
        [MOPT_ACT_POW] = map_power,
        [MOPT_ACT_ROUND] = map_round,
        [MOPT_ACT_FLOOR] = map_floor,
        [MOPT_ACT_CEIL] = map_ceil,
        [MOPT_ACT_SIN] = map_sin,
        [MOPT_ACT_COS] = map_cos,
    };
    _Static_assert(sizeof maps / sizeof maps[0] == MOPT_ACT_COUNT, "an activation has no loop");
    maps[act->kind](act, x, y, n);
}

// ---- Two operands ----------------------------------------------------------------------------------

// The larger or smaller of two; NaN when one is NaN.
static inline vfloat larger(vfloat a, vfloat b)
{
    return v_select(v_nan(a), a, v_max(a, b));
}

static inline vfloat smaller(vfloat a, vfloat b)
{
    return v_select(v_nan(a), a, v_min(a, b));
}

#define LOOP(get_a, get_b, rest_a, rest_b, op)             \
    for (; i + LANES <= n; i += LANES) {                   \
        v_store(y + i, op((get_a), (get_b)));              \
    }                                                      \
    if (i < n) {                                           \
        const vmask rest = v_first(n - i);                 \
        v_store_mask(y + i, rest, op((rest_a), (rest_b))); \
    }

// Both operands advance, or one stands still.
#define PAIR(name, op)                                                                             \
    static void pair_##name(const float *a, size_t a_step, const float *b, size_t b_step,          \
                            float *y, size_t n)                                                    \
    {                                                                                              \
        size_t i = 0;                                                                              \
        if (a_step != 0 && b_step != 0) {                                                          \
            LOOP(v_load(a + i), v_load(b + i), v_load_mask(a + i, rest), v_load_mask(b + i, rest), \
                 op)                                                                               \
        } else if (a_step != 0) {                                                                  \
            const vfloat only = v_set(*b);                                                         \
            LOOP(v_load(a + i), only, v_load_mask(a + i, rest), only, op)                          \
        } else if (b_step != 0) {                                                                  \
            const vfloat only = v_set(*a);                                                         \
            LOOP(only, v_load(b + i), only, v_load_mask(b + i, rest), op)                          \
        } else {                                                                                   \
            const vfloat both = op(v_set(*a), v_set(*b));                                          \
            for (; i < n; i++) {                                                                   \
                v_store_mask(y + i, v_first(1), both);                                             \
            }                                                                                      \
        }                                                                                          \
    }

PAIR(add, v_add)
PAIR(sub, v_sub)
PAIR(mul, v_mul)
PAIR(div, v_div)
PAIR(max, larger)
PAIR(min, smaller)

void SLOT(binary)(enum mopt_binary_op op, const float *a, size_t a_step, const float *b,
                  size_t b_step, float *y, size_t n)
{
    if (n == 0) {
        return;
    }
    switch (op) {
    case MOPT_BIN_ADD:
        pair_add(a, a_step, b, b_step, y, n);
        break;
    case MOPT_BIN_SUB:
        pair_sub(a, a_step, b, b_step, y, n);
        break;
    case MOPT_BIN_MUL:
        pair_mul(a, a_step, b, b_step, y, n);
        break;
    case MOPT_BIN_DIV:
        pair_div(a, a_step, b, b_step, y, n);
        break;
    case MOPT_BIN_MAX:
        pair_max(a, a_step, b, b_step, y, n);
        break;
    case MOPT_BIN_MIN:
        pair_min(a, a_step, b, b_step, y, n);
        break;
    }
}

// ---- Rows ------------------------------------------------------------------------------------------

// Sums and maxima run in four accumulators; the rest of a row goes into the first.
enum { STRIDE = 4 * LANES };

static inline vfloat folded(const vfloat sum[4])
{
    return v_add(v_add(sum[0], sum[1]), v_add(sum[2], sum[3]));
}

// Largest of x.
static float row_top(const float *x, size_t n)
{
    vfloat top[4];
    for (int k = 0; k < 4; k++) {
        top[k] = v_set(-INFINITY);
    }
    size_t i = 0;
    for (; i + STRIDE <= n; i += STRIDE) {
        for (int k = 0; k < 4; k++) {
            top[k] = v_max(v_load(x + i + k * LANES), top[k]);
        }
    }
    for (; i + LANES <= n; i += LANES) {
        top[0] = v_max(v_load(x + i), top[0]);
    }
    if (i < n) {
        const vmask rest = v_first(n - i);
        top[0] = v_max(v_select(rest, v_load_mask(x + i, rest), v_set(-INFINITY)), top[0]);
    }
    return v_top(v_max(v_max(top[0], top[1]), v_max(top[2], top[3])));
}

// y = x scale + mask.
static void row_scores(const float *x, const float *mask, float scale, float *y, size_t n)
{
    const vfloat factor = v_set(scale);
    size_t i = 0;
    for (; mask && i + LANES <= n; i += LANES) {
        v_store(y + i, v_add(v_mul(v_load(x + i), factor), v_load(mask + i)));
    }
    for (; !mask && i + LANES <= n; i += LANES) {
        v_store(y + i, v_mul(v_load(x + i), factor));
    }
    if (i < n) {
        const vmask rest = v_first(n - i);
        const vfloat scaled = v_mul(v_load_mask(x + i, rest), factor);
        v_store_mask(y + i, rest, mask ? v_add(scaled, v_load_mask(mask + i, rest)) : scaled);
    }
}

// Where e^x begins such that a sum of n of them, each 1 at most, leaves every quotient normal.
static vfloat least_power(size_t n)
{
    float least = -87.3F;
    for (; n > 1 && least < -44; n /= 2) {
        least += 0.7F;
    }
    return v_set(least + 0.7F);
}

// y = e^(x - top); the sum.
static float row_exp(const float *x, float top, float *y, size_t n)
{
    const vfloat most = v_set(top), least = least_power(n);
    vfloat sum[4];
    for (int k = 0; k < 4; k++) {
        sum[k] = v_set(0.0F);
    }
    size_t i = 0;
    for (; i + STRIDE <= n; i += STRIDE) {
        for (int k = 0; k < 4; k++) {
            const vfloat e = exp_from(v_sub(v_load(x + i + k * LANES), most), least);
            v_store(y + i + k * LANES, e);
            sum[k] = v_add(sum[k], e);
        }
    }
    for (; i + LANES <= n; i += LANES) {
        const vfloat e = exp_from(v_sub(v_load(x + i), most), least);
        v_store(y + i, e);
        sum[0] = v_add(sum[0], e);
    }
    if (i < n) {
        const vmask rest = v_first(n - i);
        const vfloat e = exp_from(v_sub(v_load_mask(x + i, rest), most), least);
        v_store_mask(y + i, rest, e);
        sum[0] = v_add(sum[0], v_select(rest, e, v_set(0.0F)));
    }
    return v_total(folded(sum));
}

void SLOT(softmax)(const float *x, const float *mask, float scale, float *y, size_t n)
{
    if (n == 0) {
        return;
    }
    if (mask || scale != 1.0F) {
        row_scores(x, mask, scale, y, n);
        x = y;
    }
    const float sum = row_exp(x, row_top(x, n), y, n);
    const float inverse = 1.0F / sum;
    pair_mul(y, 1, &inverse, 0, y, n);
}

// to = x + skip + bias (skip, bias may be NULL); a row of the three is read once.
static void row_join(const float *x, const float *skip, const float *bias, float *to, size_t n)
{
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vfloat s = v_load(x + i);
        s = skip ? v_add(s, v_load(skip + i)) : s;
        s = bias ? v_add(s, v_load(bias + i)) : s;
        v_store(to + i, s);
    }
    if (i < n) {
        const vmask rest = v_first(n - i);
        vfloat s = v_load_mask(x + i, rest);
        s = skip ? v_add(s, v_load_mask(skip + i, rest)) : s;
        s = bias ? v_add(s, v_load_mask(bias + i, rest)) : s;
        v_store_mask(to + i, rest, s);
    }
}

static float row_sum(const float *x, size_t n)
{
    vfloat sum[4];
    for (int k = 0; k < 4; k++) {
        sum[k] = v_set(0.0F);
    }
    size_t i = 0;
    for (; i + STRIDE <= n; i += STRIDE) {
        for (int k = 0; k < 4; k++) {
            sum[k] = v_add(sum[k], v_load(x + i + k * LANES));
        }
    }
    for (; i + LANES <= n; i += LANES) {
        sum[0] = v_add(sum[0], v_load(x + i));
    }
    if (i < n) {
        sum[0] = v_add(sum[0], v_load_mask(x + i, v_first(n - i)));
    }
    return v_total(folded(sum));
}

// Sums of x - middle and of its square.
struct moments {
    float first, second;
};
static struct moments row_moments(const float *x, float middle, size_t n)
{
    const vfloat shift = v_set(middle);
    vfloat first[4];
    vfloat second[4];
    for (int k = 0; k < 4; k++) {
        first[k] = v_set(0.0F);
        second[k] = v_set(0.0F);
    }
    size_t i = 0;
    for (; i + STRIDE <= n; i += STRIDE) {
        for (int k = 0; k < 4; k++) {
            const vfloat d = v_sub(v_load(x + i + k * LANES), shift);
            first[k] = v_add(first[k], d);
            second[k] = v_fma(d, d, second[k]);
        }
    }
    for (; i + LANES <= n; i += LANES) {
        const vfloat d = v_sub(v_load(x + i), shift);
        first[0] = v_add(first[0], d);
        second[0] = v_fma(d, d, second[0]);
    }
    if (i < n) {
        const vmask rest = v_first(n - i);
        const vfloat d = v_select(rest, v_sub(v_load_mask(x + i, rest), shift), v_set(0.0F));
        first[0] = v_add(first[0], d);
        second[0] = v_fma(d, d, second[0]);
    }
    return (struct moments){v_total(folded(first)), v_total(folded(second))};
}

// y = ((x - middle) factor + shift) gamma + beta.
struct scaling {
    float middle, factor, shift;
    const float *gamma, *beta;
};
static void row_finish(const struct scaling *s, const float *x, float *y, size_t n)
{
    const vfloat middle = v_set(s->middle);
    const vfloat factor = v_set(s->factor);
    const vfloat shift = v_set(s->shift);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vfloat v = v_fma(v_sub(v_load(x + i), middle), factor, shift);
        v = s->gamma ? v_mul(v, v_load(s->gamma + i)) : v;
        v = s->beta ? v_add(v, v_load(s->beta + i)) : v;
        v_store(y + i, v);
    }
    if (i < n) {
        const vmask rest = v_first(n - i);
        vfloat v = v_fma(v_sub(v_load_mask(x + i, rest), middle), factor, shift);
        v = s->gamma ? v_mul(v, v_load_mask(s->gamma + i, rest)) : v;
        v = s->beta ? v_add(v, v_load_mask(s->beta + i, rest)) : v;
        v_store_mask(y + i, rest, v);
    }
}

// The variance is taken around a first mean, and what that mean lacks is put right afterwards, so a
// row far away from 0 loses no digits.
// NOLINTNEXTLINE(readability-function-size): the parameters are those of the slot
void SLOT(norm)(const float *x, const float *skip, const float *skip_bias, const float *gamma,
                const float *beta, float epsilon, bool rms, float *sum, float *y, size_t n)
{
    if (n == 0) {
        return;
    }
    if (skip || skip_bias || sum) {
        float *to = sum ? sum : y;
        row_join(x, skip, skip_bias, to, n);
        x = to;
    }
    const float middle = rms ? 0.0F : row_sum(x, n) / (float)n;
    const struct moments m = row_moments(x, middle, n);
    const double count = (double)n;
    const double rest = rms ? 0.0 : (double)m.first / count;
    const double variance = (double)m.second / count - rest * rest;
    const double factor = 1.0 / sqrt(variance + (double)epsilon);
    const struct scaling scaling = {middle, (float)factor, (float)(-rest * factor), gamma, beta};
    row_finish(&scaling, x, y, n);
}

#endif
