// SPDX-License-Identifier: Apache-2.0
// Activations: Relu and its kin, Sigmoid, Softplus, Softsign, Gelu, Swish, Mish, HardSigmoid,
// HardSwish, Shrink. Written so that neither end overflows: exp is taken of non-positive numbers
// only.
#include "ops/unary.h"

#include <math.h>
#include <string.h>

#include "ops/fast.h"
#include "ops/nn_util.h"
#include "ops/smooth.h"

// All ones for negative numbers and -0. Masks instead of branches: the signs of real data cannot be
// predicted.
static uint32_t sign_mask(float x)
{
    return 0u - (mopt__smooth_bits(x) >> 31);
}

static float relu_f(float x)
{
    const uint32_t is_nan = 0u - ((mopt__smooth_bits(x) & 0x7fffffffu) > 0x7f800000u);
    return mopt__smooth_choose(sign_mask(x) & ~is_nan, 0.0f, x);
}

static double sigmoid_d(double x)
{
    const double e = exp(-fabs(x));
    return (x >= 0 ? 1.0 : e) / (1.0 + e);
}

static float softplus_f(float x)
{
    return log1pf(expf(-fabsf(x))) + (x > 0 ? x : x != x ? x : 0.0f);
}

static double softplus_d(double x)
{
    return log1p(exp(-fabs(x))) + (x > 0 ? x : x != x ? x : 0.0);
}

// Into [0, 1]; NaN stays.
static float cut_f(float x)
{
    return x < 0.0f ? 0.0f : x > 1.0f ? 1.0f : x;
}

static double cut_d(double x)
{
    return x < 0.0 ? 0.0 : x > 1.0 ? 1.0 : x;
}

#define SQRT_HALF 0.70710678118654752440
#define SQRT_2_PI 0.79788456080286535588 /* sqrt(2 / pi) */
#define CUBIC 0.044715

MOPT_UNARY(relu, relu_f(x), x < 0 ? 0.0 : x)
MOPT_UNARY(leaky_relu, x *mopt__smooth_choose(sign_mask(x), p[0], 1.0f), x < 0 ? p[0] * x : x)
MOPT_UNARY(elu, x < 0 ? p[0] * expm1f(x) : x, x < 0 ? p[0] * expm1(x) : x)
MOPT_UNARY(selu, p[1] * (x > 0 ? x : p[0] * expm1f(x)), p[1] * (x > 0 ? x : p[0] * expm1(x)))
MOPT_UNARY(celu, x < 0 ? p[0] * expm1f(x / p[0]) : x, x < 0 ? p[0] * expm1(x / p[0]) : x)
MOPT_UNARY(thresholded_relu, x <= p[0] ? 0.0f : x, x <= p[0] ? 0.0 : x)
MOPT_UNARY(hard_sigmoid, cut_f(p[0] * x + p[1]), cut_d(p[0] * x + p[1]))
MOPT_UNARY(hard_swish, x *cut_f(x / 6.0f + 0.5f), x *cut_d(x / 6.0 + 0.5))
MOPT_UNARY(sigmoid, mopt__smooth_sigmoid(x), sigmoid_d(x))
MOPT_UNARY(softplus, softplus_f(x), softplus_d(x))
MOPT_UNARY(softsign, x / (1.0f + fabsf(x)), x / (1.0 + fabs(x)))
MOPT_UNARY(mish, x *mopt__smooth_tanh(softplus_f(x)), x *tanh(softplus_d(x)))
MOPT_UNARY(swish, x *mopt__smooth_sigmoid(p[0] * x), x *sigmoid_d(p[0] * x))
MOPT_UNARY(gelu, mopt__smooth_gelu(x), 0.5 * x * erfc(-x * SQRT_HALF))
// (1 + tanh u) / 2 is the logistic function of 2 u, which keeps the small end
#define GELU_U(x) ((x) + CUBIC * (x) * (x) * (x))
MOPT_UNARY(gelu_tanh, x *mopt__smooth_sigmoid((float)(2 * SQRT_2_PI * GELU_U((double)x))),
           x *sigmoid_d(2 * SQRT_2_PI * GELU_U(x)))
// p[0] = bias, p[1] = lambd
MOPT_UNARY(shrink,
           x<-p[1] ? x + p[0] : x> p[1] ? x - p[0]
           : x != x                     ? x
                                        : 0.0f,
           x<-p[1] ? x + p[0] : x> p[1] ? x - p[0]
           : x != x                     ? x
                                        : 0.0)

static void relu_integers(int64_t *x, size_t n, bool is_unsigned)
{
    for (size_t i = 0; i < n && !is_unsigned; i++) {
        x[i] = (int64_t)((uint64_t)x[i] & (0 - (uint64_t)(x[i] > 0)));
    }
}

static int64_t relu_value(struct mopt_dims *dims, int64_t x)
{
    return mopt__dim_max(dims, x, 0);
}

#define ROW(name, ...) \
    static const struct mopt_unary name##_row = {.f32 = name##_f32, .f64 = name##_f64, __VA_ARGS__};
ROW(relu, .i64 = relu_integers, .value = relu_value, .fast = {MOPT_ACT_RELU, 0, 0})
ROW(leaky_relu, .params = {"alpha"}, .fast = {MOPT_ACT_LEAKY_RELU, 0, 0})
ROW(elu, .params = {"alpha"}, .fast = {MOPT_ACT_ELU, 0, 0})
ROW(selu, .params = {"alpha", "gamma"})
ROW(celu, .params = {"alpha"})
ROW(thresholded_relu, .params = {"alpha"})
ROW(hard_sigmoid, .params = {"alpha", "beta"}, .fast = {MOPT_ACT_HARD_SIGMOID, 0, 0})
ROW(hard_swish, .fast = {MOPT_ACT_HARD_SWISH, 1.0f / 6, 0.5f})
ROW(sigmoid, .fast = {MOPT_ACT_SIGMOID, 0, 0})
ROW(softplus, .fast = {MOPT_ACT_SOFTPLUS, 0, 0})
ROW(softsign, )
ROW(mish, .fast = {MOPT_ACT_MISH, 0, 0})
ROW(swish, .params = {"alpha"}, .fast = {MOPT_ACT_SILU, 0, 0})
ROW(gelu, )
ROW(gelu_tanh, )
ROW(shrink, .params = {"bias", "lambd"})

static enum mopt_status gelu_form(const struct mopt_node *node, bool *by_tanh,
                                  struct mopt_error *err)
{
    const char *form = NULL;
    enum mopt_status status = mopt__attr_string(node, "approximate", "none", &form, err);
    if (status == MOPT_OK && strcmp(form, "none") != 0 && strcmp(form, "tanh") != 0) {
        status =
            mopt_error_set(err, MOPT_E_VALUE, "approximate is '%s', must be none or tanh", form);
    }
    *by_tanh = status == MOPT_OK && strcmp(form, "tanh") == 0;
    return status;
}

static enum mopt_status gelu_open(struct mopt_eval *eval, const struct mopt_tensor **in,
                                  struct mopt_tensor **out, bool *by_tanh, struct mopt_error *err)
{
    enum mopt_status status = mopt__open(eval, in, 1, err);
    if (status == MOPT_OK) {
        status = gelu_form(eval->node, by_tanh, err);
    }
    return status == MOPT_OK
               ? mopt__eval_output(eval, 0, in[0]->dtype, in[0]->rank, in[0]->dims, out, err)
               : status;
}

static enum mopt_status gelu_eval(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[1];
    struct mopt_tensor *out = NULL;
    bool by_tanh = false;
    enum mopt_status status = gelu_open(eval, in, &out, &by_tanh, err);
    if (status == MOPT_OK) {
        const struct mopt_unary_args args = {{0}, {0}};
        mopt__unary_run(eval, by_tanh ? &gelu_tanh_row : &gelu_row, &args, out, in[0]);
    }
    return status;
}

static enum mopt_status gelu_run(struct mopt_eval *eval, struct mopt_error *err)
{
    const struct mopt_tensor *in[1];
    struct mopt_tensor *out = NULL;
    bool by_tanh = false;
    enum mopt_status status = gelu_open(eval, in, &out, &by_tanh, err);
    if (status == MOPT_OK) {
        mopt__fast_map(eval->state, in[0]->data, mopt__tensor_data(out), in[0]->count, eval->pool);
    }
    return status;
}

static enum mopt_status gelu_bind(struct mopt_bind *bind, struct mopt_error *err)
{
    bool by_tanh = false;
    enum mopt_status status = gelu_form(bind->node, &by_tanh, err);
    if (status != MOPT_OK || !mopt__nn_bind_is(bind, 0, MOPT_FLOAT32)) {
        return status;
    }
    const struct mopt_function_f32 function = {by_tanh ? MOPT_ACT_GELU_TANH : MOPT_ACT_GELU, 0, 0};
    return mopt__fast_bind(bind, &function, gelu_run, err);
}

#define RECORD MOPT_UNARY_RECORD
#define A(name, value) MOPT_A_FLOAT(name, value)
#define SET3 MOPT_SET_FLOATS
#define SET4 MOPT_SET_FLOATS_BF
#define FAST MOPT_UNARY_FAST
#define FAKE_QUANT &mopt__quant_unary
#define WITH_KERNEL &mopt__quant_unary_kernel
#define TWO(op, text, since, next, spec, row, ...)                      \
    RECORD(op, text, since, (next)-1, SET3, 0, spec, row, __VA_ARGS__), \
        RECORD(op, text, next, 0, SET4, 0, spec, row, __VA_ARGS__)
// Since opset 1 with the hint attribute, then 6, then bfloat16 from `next` on.
#define OLD(op, text, next, spec, row)                                                  \
    RECORD(op, text, 1, 5, SET3, 0, spec, row, MOPT_ATTRIBUTES(MOPT_A_CONSUMED), FAST), \
        TWO(op, text, 6, next, spec, row, FAST)
#define OLD_1(op, text, next, spec, row, one)                                                \
    RECORD(op, text, 1, 5, SET3, 0, spec, row, MOPT_ATTRIBUTES(one, MOPT_A_CONSUMED), FAST), \
        TWO(op, text, 6, next, spec, row, MOPT_ATTRIBUTES(one), FAST)
#define RELU(from, to, set, ...)                                                                  \
    RECORD("Relu", "negative values become 0", from, to, set, MOPT_TRAIT_IDEMPOTENT, WITH_KERNEL, \
           relu_row, FAST __VA_ARGS__)
#define SELU(from, to, set, ...)                                                             \
    RECORD("Selu", "scaled exponential linear unit", from, to, set, 0, FAKE_QUANT, selu_row, \
           MOPT_ATTRIBUTES(__VA_ARGS__), )
#define SELU_6 A("alpha", 1.67326319217681884765625), A("gamma", 1.05070102214813232421875)
#define HARD_SIGMOID(from, to, set, ...)                                                  \
    RECORD("HardSigmoid", "alpha * x + beta cut to [0, 1]", from, to, set, 0, FAKE_QUANT, \
           hard_sigmoid_row, MOPT_ATTRIBUTES(A("alpha", 0.2f), A("beta", 0.5) __VA_ARGS__), FAST)
#define THRESHOLDED(from, to, set)                                                           \
    RECORD("ThresholdedRelu", "x above alpha, else 0", from, to, set, MOPT_TRAIT_IDEMPOTENT, \
           FAKE_QUANT, thresholded_relu_row, MOPT_ATTRIBUTES(A("alpha", 1.0)), )

static const struct mopt_op records[] = {
    RECORD("Celu", "continuously differentiable exponential linear unit", 12, 27,
           MOPT_DT(MOPT_FLOAT32), 0, FAKE_QUANT, celu_row, MOPT_ATTRIBUTES(A("alpha", 1.0)), ),
    RECORD("Celu", "continuously differentiable exponential linear unit", 28, 0, SET4, 0,
           FAKE_QUANT, celu_row, MOPT_ATTRIBUTES(A("alpha", 1.0)), ),
    OLD_1("Elu", "exponential linear unit", 22, FAKE_QUANT, elu_row, A("alpha", 1.0)),
    {.domain = "",
     .name = "Gelu",
     .since = 20,
     .summary = "Gaussian error linear unit, exact or by tanh",
     MOPT_INPUTS({"X", "T", SET4, 0}),
     MOPT_OUTPUTS({"Y", "T", SET4, 0}),
     MOPT_ATTRIBUTES(MOPT_A_STRING("approximate", "none", "none|tanh")),
     .traits = MOPT_TRAIT_ELEMENTWISE | MOPT_TRAIT_IN_PLACE,
     .quant = FAKE_QUANT,
     .infer = mopt__infer_like,
     .eval = gelu_eval,
     .bind = gelu_bind,
     .cost = mopt__cost_output},
    HARD_SIGMOID(1, 5, SET3, , MOPT_A_CONSUMED),
    HARD_SIGMOID(6, 21, SET3, ),
    HARD_SIGMOID(22, 0, SET4, ),
    TWO("HardSwish", "x times HardSigmoid(x) with alpha 1/6", 14, 22, FAKE_QUANT, hard_swish_row,
        FAST),
    OLD_1("LeakyRelu", "alpha * x below 0, else x", 16, WITH_KERNEL, leaky_relu_row,
          A("alpha", 0.01f)),
    TWO("Mish", "x times tanh of Softplus(x)", 18, 22, FAKE_QUANT, mish_row, FAST),
    RELU(1, 5, SET3, MOPT_ATTRIBUTES(MOPT_A_CONSUMED), ),
    RELU(6, 12, SET3, ),
    RELU(13, 13, SET4, ),
    RELU(14, 0, SET4 | MOPT_SET_SIGNED, ),
    SELU(1, 5, SET3, A("alpha", 1.6732f), A("gamma", 1.0507f), MOPT_A_CONSUMED),
    SELU(6, 21, SET3, SELU_6),
    SELU(22, 0, SET4, SELU_6),
    RECORD("Shrink", "values near 0 become 0, others move by bias", 9, 0, MOPT_SET_NUMBERS, 0,
           FAKE_QUANT, shrink_row, MOPT_ATTRIBUTES(A("bias", 0.0), A("lambd", 0.5)), ),
    OLD("Sigmoid", "logistic function", 13, WITH_KERNEL, sigmoid_row),
    TWO("Softplus", "log(exp(x) + 1)", 1, 22, FAKE_QUANT, softplus_row, FAST),
    TWO("Softsign", "x / (1 + |x|)", 1, 22, FAKE_QUANT, softsign_row, ),
    RECORD("Swish", "x times the logistic function of alpha * x", 24, 0, SET4, 0, FAKE_QUANT,
           swish_row, MOPT_ATTRIBUTES(A("alpha", 1.0)), FAST),
    THRESHOLDED(10, 21, SET3),
    THRESHOLDED(22, 0, SET4),
};
const struct mopt_op_family mopt__ops_activation = {records, MOPT_COUNTOF(records)};
