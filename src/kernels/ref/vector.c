// SPDX-License-Identifier: Apache-2.0
// The vector slots in plain C: they say what the functions mean. Each element is computed in double
// by the C library and rounded once, so it is right to half a unit in the last place but for rare
// ties; overflow gives infinity, underflow a denormal number (nothing is flushed). NaN gives NaN.
#include <math.h>
#include <string.h>

#include "kernels/slots.h"

// Into [low, high], low first, as Clip says (high wins when they cross); NaN stays.
static float clamp(float x, float low, float high)
{
    x = low > x ? low : x;
    return high < x ? high : x;
}

static float hard_sigmoid(const struct mopt_function_f32 *act, float x)
{
    const float scaled = act->alpha * x;
    return clamp(scaled + act->beta, 0.0F, 1.0F);
}

static double sigmoid(double x)
{
    const double e = exp(-fabs(x));
    return (x < 0 ? e : 1.0) / (1.0 + e);
}

static double softplus(double x)
{
    return log1p(exp(-fabs(x))) + (x > 0 || x != x ? x : 0.0);
}

static float power(const struct mopt_function_f32 *act, float x)
{
    if (act->alpha == 2.0F) {
        return x * x;
    }
    if (act->alpha == 3.0F) {
        return x * x * x;
    }
    return powf(x, act->alpha);
}

#define SQRT_HALF 0.70710678118654752440
#define TWO_SQRT_2_PI 1.59576912160573071176 /* 2 sqrt(2 / pi) */

// What the vector unit rounds one operation at a time is rounded so here, too.
static float simple(const struct mopt_function_f32 *act, float x)
{
    switch (act->kind) {
    case MOPT_ACT_RELU:
        return x < 0.0F ? 0.0F : x;
    case MOPT_ACT_CLIP:
        return clamp(x, act->alpha, act->beta);
    case MOPT_ACT_LEAKY_RELU:
        return x < 0.0F ? act->alpha * x : x;
    case MOPT_ACT_HARD_SIGMOID:
        return hard_sigmoid(act, x);
    case MOPT_ACT_HARD_SWISH:
        return x * hard_sigmoid(act, x);
    case MOPT_ACT_SQRT:
        return sqrtf(x);
    case MOPT_ACT_RECIPROCAL:
        return 1.0F / x;
    case MOPT_ACT_ABS:
        return fabsf(x);
    case MOPT_ACT_NEG:
        return -x;
    case MOPT_ACT_SCALE: {
        const float scaled = act->alpha * x;
        return scaled + act->beta;
    }
    case MOPT_ACT_POW:
        return power(act, x);
    case MOPT_ACT_ROUND:
        return rintf(x);
    case MOPT_ACT_FLOOR:
        return floorf(x);
    case MOPT_ACT_CEIL:
        return ceilf(x);
    default:
        return x;
    }
}

static double smooth(const struct mopt_function_f32 *act, double x)
{
    switch (act->kind) {
    case MOPT_ACT_SIGMOID:
        return sigmoid(x);
    case MOPT_ACT_SILU:
        return x * sigmoid((double)act->alpha * x);
    case MOPT_ACT_TANH:
        return tanh(x);
    case MOPT_ACT_GELU:
        return 0.5 * x * erfc(-x * SQRT_HALF);
    case MOPT_ACT_GELU_TANH:
        return x * sigmoid(TWO_SQRT_2_PI * (x + 0.044715 * x * x * x));
    case MOPT_ACT_ELU:
        return x < 0 ? (double)act->alpha * expm1(x) : x;
    case MOPT_ACT_ERF:
        return erf(x);
    case MOPT_ACT_EXP:
        return exp(x);
    case MOPT_ACT_LOG:
        return log(x);
    case MOPT_ACT_SOFTPLUS:
        return softplus(x);
    case MOPT_ACT_MISH:
        return x * tanh(softplus(x));
    case MOPT_ACT_SIN:
        return sin(x);
    case MOPT_ACT_COS:
        return cos(x);
    default:
        return x;
    }
}

static bool is_smooth(enum mopt_act kind)
{
    switch (kind) {
    case MOPT_ACT_SIGMOID:
    case MOPT_ACT_SILU:
    case MOPT_ACT_TANH:
    case MOPT_ACT_GELU:
    case MOPT_ACT_GELU_TANH:
    case MOPT_ACT_ELU:
    case MOPT_ACT_ERF:
    case MOPT_ACT_EXP:
    case MOPT_ACT_LOG:
    case MOPT_ACT_SOFTPLUS:
    case MOPT_ACT_MISH:
    case MOPT_ACT_SIN:
    case MOPT_ACT_COS:
        return true;
    default:
        return false;
    }
}

void mopt__unary_f32_ref(const struct mopt_function_f32 *act, const float *x, float *y, size_t n)
{
    if (is_smooth(act->kind)) {
        for (size_t i = 0; i < n; i++) {
            y[i] = (float)smooth(act, (double)x[i]);
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        y[i] = simple(act, x[i]);
    }
}

static float joined(enum mopt_binary_op op, float a, float b)
{
    switch (op) {
    case MOPT_BIN_ADD:
        return a + b;
    case MOPT_BIN_SUB:
        return a - b;
    case MOPT_BIN_MUL:
        return a * b;
    case MOPT_BIN_DIV:
        return a / b;
    case MOPT_BIN_MAX:
        return a > b || a != a ? a : b;
    case MOPT_BIN_MIN:
        return a < b || a != a ? a : b;
    }
    return 0.0F;
}

void mopt__binary_f32_ref(enum mopt_binary_op op, const float *a, size_t a_step, const float *b,
                          size_t b_step, float *y, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        y[i] = joined(op, *a, *b);
        a += a_step;
        b += b_step;
    }
}

void mopt__softmax_f32_ref(const float *x, const float *mask, float scale, float *y, size_t n)
{
    float top = -INFINITY;
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const float scaled = x[i] * scale;
        y[i] = mask ? scaled + mask[i] : scaled;
        top = y[i] > top ? y[i] : top;
    }
    for (size_t i = 0; i < n; i++) {
        y[i] = (float)exp((double)(y[i] - top));
        sum += (double)y[i];
    }
    for (size_t i = 0; i < n; i++) {
        y[i] = (float)((double)y[i] / sum);
    }
}

// NOLINTNEXTLINE(readability-function-size): the parameters are those of the slot
void mopt__norm_f32_ref(const float *x, const float *skip, const float *skip_bias,
                        const float *gamma, const float *beta, float epsilon, bool rms, float *sum,
                        float *y, size_t n)
{
    float *to = sum ? sum : y;
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        float s = skip ? x[i] + skip[i] : x[i];
        s = skip_bias ? s + skip_bias[i] : s;
        to[i] = s;
        total += (double)s;
    }
    const double mean = rms ? 0 : total / (double)n;
    double squares = 0;
    for (size_t i = 0; i < n; i++) {
        const double d = (double)to[i] - mean;
        squares += d * d;
    }
    const double inverse = 1 / sqrt(squares / (double)n + (double)epsilon);
    for (size_t i = 0; i < n; i++) {
        double v = ((double)to[i] - mean) * inverse;
        v = gamma ? v * (double)gamma[i] : v;
        y[i] = (float)(beta ? v + (double)beta[i] : v);
    }
}
