// SPDX-License-Identifier: Apache-2.0
// Vector slots at every level of this machine: stated error bounds over all floats by samples,
// the same bytes as ref where nothing is approximated, tails, unaligned and shared memory, rows.
#include "kernels/table.h"
#include "support.h"
#include "tests.h"

enum { SAMPLES = 4096, SAMPLE_STEP = 9973 };

typedef void level_test(const struct mopt_kernels *kernels);

// Runs a test on the table of each level up to that of the machine; above AVX-512 there are no
// vector slots of their own.
static void each_level(level_test *test)
{
    const int top = (int)mopt__cpu_isa();
    for (int isa = MOPT_ISA_REF; isa <= top && isa <= MOPT_ISA_AVX512; isa++) {
        struct mopt_kernels kernels;
        mopt__kernels_select((enum mopt_isa)isa, &kernels);
        test(&kernels);
    }
}

static float of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static bool same(float a, float b)
{
    return bits_of(a) == bits_of(b) || (isnan(a) && isnan(b));
}

static void all_same(const float *got, const float *want, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!same(got[i], want[i])) {
            fail_msg("element %zu of %zu is %a, expected %a", i, n, (double)got[i],
                     (double)want[i]);
        }
    }
}

// ---- Error bounds ----------------------------------------------------------------------------------

static double logistic(double x)
{
    const double e = exp(-fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}

static double soft_plus(double x)
{
    return log1p(exp(-fabs(x))) + (x > 0 ? x : 0);
}

static double exact(enum mopt_act kind, double x)
{
    switch (kind) {
    case MOPT_ACT_SIGMOID:
        return logistic(x);
    case MOPT_ACT_SILU:
        return x * logistic(x);
    case MOPT_ACT_TANH:
        return tanh(x);
    case MOPT_ACT_GELU:
        return x / 2 * erfc(-x / sqrt(2));
    case MOPT_ACT_GELU_TANH:
        return x * logistic(2 * sqrt(2 / acos(-1)) * (x + 0.044715 * x * x * x));
    case MOPT_ACT_ELU:
        return x < 0 ? expm1(x) : x;
    case MOPT_ACT_ERF:
        return erf(x);
    case MOPT_ACT_EXP:
        return exp(x);
    case MOPT_ACT_LOG:
        return log(x);
    case MOPT_ACT_SOFTPLUS:
        return soft_plus(x);
    case MOPT_ACT_SIN:
        return sin(x);
    case MOPT_ACT_COS:
        return cos(x);
    default:
        return x * tanh(soft_plus(x)); // MISH
    }
}

static double ulp_of(double y)
{
    int exponent = 0;
    frexp(y, &exponent);
    return fabs(y) < 0x1p-126 ? 0x1p-149 : ldexp(1, exponent - 24);
}

// Stated in template/vector_math.h: ulp from `from` on, below it relative to |x|; `flushes`: 0 may
// stand for a result below 2^-126.
struct bound {
    double ulp, from;
    enum mopt_act kind;
    bool flushes;
};
static const struct bound bounds[] = {
    {3, -INFINITY, MOPT_ACT_SIGMOID, true}, {4, -87, MOPT_ACT_SILU, false},
    {3, -INFINITY, MOPT_ACT_TANH, false},   {6, -1, MOPT_ACT_GELU, false},
    {4, -1, MOPT_ACT_GELU_TANH, false},     {1.5, -INFINITY, MOPT_ACT_ELU, false},
    {6, -INFINITY, MOPT_ACT_ERF, false},    {1.1, -INFINITY, MOPT_ACT_EXP, false},
    {2, -INFINITY, MOPT_ACT_LOG, false},    {4, -INFINITY, MOPT_ACT_SOFTPLUS, true},
    {4, -87, MOPT_ACT_MISH, false},         {2, -INFINITY, MOPT_ACT_SIN, false},
    {2, -INFINITY, MOPT_ACT_COS, false},
};

static void check_sample(const struct mopt_kernels *kernels, const struct bound *bound, float x,
                         float got)
{
    const double want = exact(bound->kind, (double)x);
    const float rounded = (float)want;
    if (isnan(rounded) || isinf(rounded)) {
        if (!same(got, rounded)) {
            fail_msg("%s, function %d: %a gives %a, expected %a", mopt__isa_name(kernels->isa),
                     (int)bound->kind, (double)x, (double)got, (double)rounded);
        }
        return;
    }
    if (bound->flushes && fabs(want) < 0x1p-126 && got == 0) {
        return;
    }
    const double allowed =
        (double)x >= bound->from ? bound->ulp * ulp_of(want) : 2e-7 * fabs((double)x);
    if (!(fabs((double)got - want) <= allowed)) {
        fail_msg("%s, function %d: %a gives %a, expected %a", mopt__isa_name(kernels->isa),
                 (int)bound->kind, (double)x, (double)got, want);
    }
}

static void check_bounds(const struct mopt_kernels *kernels)
{
    static float x[SAMPLES];
    static float y[SAMPLES];
    for (size_t k = 0; k < MOPT_COUNTOF(bounds); k++) {
        const struct mopt_function_f32 act = {bounds[k].kind, 1, 0};
        for (uint64_t bits = 0; bits <= UINT32_MAX;) {
            size_t n = 0;
            for (; n < SAMPLES && bits <= UINT32_MAX; n++, bits += SAMPLE_STEP) {
                x[n] = of_bits((uint32_t)bits);
            }
            kernels->unary_f32(&act, x, y, n);
            for (size_t i = 0; i < n; i++) {
                check_sample(kernels, &bounds[k], x[i], y[i]);
            }
        }
    }
}

static void test_bounds(void **state)
{
    (void)state;
    each_level(check_bounds);
}

// ---- Same bytes ------------------------------------------------------------------------------------

static const float special[] = {0.0F,     -0.0F,     1.0F,       -1.0F,       INFINITY,  -INFINITY,
                                NAN,      0x1p-149F, -0x1p-149F, 0x1p-126F,   -3.0F,     6.0F,
                                3.4e38F,  -3.4e38F,  88.72F,     88.73F,      -103.9F,   -104.0F,
                                0.5F,     -0.5F,     20.0F,      1e-20F,      -1e-20F,   3.92F,
                                -3.9201F, 100.0F,    -100.0F,    0.70710677F, 0.7071068F};

static void fill(struct mopt_rng *rng, float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const size_t pick = (size_t)mopt__rng_below(rng, 2 * MOPT_COUNTOF(special));
        x[i] = pick < MOPT_COUNTOF(special) ? special[pick] : 3 * (float)mopt__rng_normal(rng);
    }
}

// Functions of single correctly rounded operations.
static void check_plain(const struct mopt_kernels *kernels)
{
    static const struct mopt_function_f32 plain[] = {
        {MOPT_ACT_NONE, 0, 0},
        {MOPT_ACT_RELU, 0, 0},
        {MOPT_ACT_CLIP, 0, 6},
        {MOPT_ACT_CLIP, -INFINITY, 1},
        {MOPT_ACT_CLIP, 2, 1},
        {MOPT_ACT_LEAKY_RELU, 0.01F, 0},
        {MOPT_ACT_HARD_SIGMOID, 0.2F, 0.5F},
        {MOPT_ACT_HARD_SWISH, 1.0F / 6, 0.5F},
        {MOPT_ACT_SQRT, 0, 0},
        {MOPT_ACT_RECIPROCAL, 0, 0},
        {MOPT_ACT_ABS, 0, 0},
        {MOPT_ACT_NEG, 0, 0},
        {MOPT_ACT_ROUND, 0, 0},
        {MOPT_ACT_FLOOR, 0, 0},
        {MOPT_ACT_CEIL, 0, 0},
        {MOPT_ACT_SCALE, 1.7F, -0.3F},
        {MOPT_ACT_POW, 2, 0},
        {MOPT_ACT_POW, 3, 0},
        {MOPT_ACT_POW, 0.5F, 0},
        {MOPT_ACT_POW, 1.5F, 0},
    };
    enum { COUNT = 1000 };
    struct mopt_kernels ref;
    struct mopt_rng rng;
    mopt__kernels_select(MOPT_ISA_REF, &ref);
    mopt__rng_init(&rng, 5);
    float *x = guarded(&rng, COUNT);
    float *y = guarded(&rng, COUNT);
    float *want = guarded(&rng, COUNT);
    fill(&rng, x, COUNT);
    for (size_t k = 0; k < MOPT_COUNTOF(plain); k++) {
        kernels->unary_f32(&plain[k], x, y, COUNT);
        ref.unary_f32(&plain[k], x, want, COUNT);
        all_same(y, want, COUNT);
    }
    release(x, COUNT);
    release(y, COUNT);
    release(want, COUNT);
}

static void test_plain(void **state)
{
    (void)state;
    each_level(check_plain);
}

// The first n results are those of the elements alone, what follows is untouched.
static void check_range(const struct mopt_kernels *kernels, const struct mopt_function_f32 *act,
                        const float *x, const float *alone, float *y, size_t n, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        y[i] = 7;
    }
    kernels->unary_f32(act, x, y, n);
    all_same(y, alone, n);
    for (size_t i = n; i < count; i++) {
        assert_true(y[i] == 7);
    }
}

// An element alone, in the middle of a vector, in a tail, in place and unaligned: the same bytes.
static void check_places_of(const struct mopt_kernels *kernels, enum mopt_act kind)
{
    enum { COUNT = 75 };
    const struct mopt_function_f32 act = {kind, 0.5F, 0.75F};
    struct mopt_rng rng;
    mopt__rng_init(&rng, 6);
    float *x = guarded(&rng, COUNT);
    float *y = guarded(&rng, COUNT);
    float alone[COUNT];
    fill(&rng, x, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        kernels->unary_f32(&act, x + i, alone + i, 1);
    }
    for (size_t from = 0; from < 4; from++) {
        for (size_t n = 0; from + n <= COUNT; n++) {
            check_range(kernels, &act, x + from, alone + from, y, n, COUNT);
        }
    }
    kernels->unary_f32(&act, x, x, COUNT);
    all_same(x, alone, COUNT);
    release(x, COUNT);
    release(y, COUNT);
}

static void check_places(const struct mopt_kernels *kernels)
{
    for (int kind = 0; kind < MOPT_ACT_COUNT; kind++) {
        check_places_of(kernels, (enum mopt_act)kind);
    }
}

static void test_places(void **state)
{
    (void)state;
    each_level(check_places);
}

static void pair_case(const struct mopt_kernels *kernels, struct mopt_rng *rng,
                      enum mopt_binary_op op, size_t form, size_t n)
{
    enum { COUNT = 67 };
    const size_t a_step = form & 1;
    const size_t b_step = form >> 1;
    struct mopt_kernels ref;
    mopt__kernels_select(MOPT_ISA_REF, &ref);
    float *a = guarded(rng, COUNT + 1);
    float *b = guarded(rng, COUNT);
    float *y = guarded(rng, n);
    float want[COUNT];
    fill(rng, a, COUNT + 1);
    fill(rng, b, COUNT);
    ref.binary_f32(op, a + 1, a_step, b, b_step, want, n);
    kernels->binary_f32(op, a + 1, a_step, b, b_step, y, n);
    all_same(y, want, n);
    release(a, COUNT + 1);
    release(b, COUNT);
    release(y, n);
}

static void check_pairs(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 7);
    for (int op = MOPT_BIN_ADD; op <= MOPT_BIN_MIN; op++) {
        for (size_t i = 0; i < 4 * 67; i++) {
            pair_case(kernels, &rng, (enum mopt_binary_op)op, i % 4, i / 4);
        }
    }
}

static void test_pairs(void **state)
{
    (void)state;
    each_level(check_pairs);
}

// One operand may be the result.
static void check_pairs_in_place(const struct mopt_kernels *kernels)
{
    enum { COUNT = 45 };
    struct mopt_rng rng;
    mopt__rng_init(&rng, 8);
    for (int op = MOPT_BIN_ADD; op <= MOPT_BIN_MIN; op++) {
        float a[COUNT];
        float b[COUNT];
        float want[COUNT];
        float y[COUNT];
        fill(&rng, a, COUNT);
        fill(&rng, b, COUNT);
        kernels->binary_f32((enum mopt_binary_op)op, a, 1, b, 1, want, COUNT);
        memcpy(y, a, sizeof y);
        kernels->binary_f32((enum mopt_binary_op)op, y, 1, b, 1, y, COUNT);
        kernels->binary_f32((enum mopt_binary_op)op, a, 1, b, 1, b, COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            assert_true(same(y[i], want[i]) && same(b[i], want[i]));
        }
    }
}

static void test_pairs_in_place(void **state)
{
    (void)state;
    each_level(check_pairs_in_place);
}

// ---- Rows ------------------------------------------------------------------------------------------

static void softmax_case(const struct mopt_kernels *kernels, struct mopt_rng *rng, size_t n,
                         bool masked, float scale)
{
    float *x = guarded(rng, n);
    float *mask = guarded(rng, n);
    float *y = guarded(rng, n);
    double want[300];
    double top = -INFINITY;
    double sum = 0;
    x[n / 2] = 200; // would overflow without the shift
    mask[n / 3] = -INFINITY;
    mask[n / 2] = 1;
    for (size_t i = 0; i < n; i++) {
        want[i] = (double)(x[i] * scale) + (masked ? (double)mask[i] : 0);
        top = fmax(top, want[i]);
    }
    for (size_t i = 0; i < n; i++) {
        want[i] = exp(want[i] - top);
        sum += want[i];
    }
    kernels->softmax_f32(x, masked ? mask : NULL, scale, y, n);
    kernels->softmax_f32(x, masked ? mask : NULL, scale, x, n);
    for (size_t i = 0; i < n; i++) {
        if (y[i] == 0) {
            assert_true(want[i] / sum <= 0x1p-124 * (double)n);
        } else {
            near((double)y[i], want[i] / sum, 2e-5 * want[i] / sum + 1e-38); // scores near 200
        }
        assert_true(same(x[i], y[i]));
    }
    release(x, n);
    release(mask, n);
    release(y, n);
}

static void check_softmax(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 9);
    for (size_t n = 1; n < 300; n += n < 70 ? 1 : 13) {
        softmax_case(kernels, &rng, n, false, 1);
        softmax_case(kernels, &rng, n, false, 0.125F);
        softmax_case(kernels, &rng, n, true, 1);
        softmax_case(kernels, &rng, n, true, 0.125F);
        softmax_case(kernels, &rng, n, true, 0.43F); // powers down to 2^-126 and beyond
    }
    float x[20];
    float y[20];
    for (size_t i = 0; i < 20; i++) {
        x[i] = -INFINITY;
    }
    kernels->softmax_f32(x, NULL, 1, y, 20);
    assert_true(isnan(y[0]) && isnan(y[19]));
    x[7] = 3;
    kernels->softmax_f32(x, NULL, 1, y, 20);
    assert_true(y[0] == 0 && y[7] == 1 && y[19] == 0);
    x[18] = NAN;
    kernels->softmax_f32(x, NULL, 1, y, 20);
    assert_true(isnan(y[0]) && isnan(y[18]));
}

static void test_softmax(void **state)
{
    (void)state;
    each_level(check_softmax);
}

struct norm_case {
    bool skip, bias, gamma, beta, rms, sum;
    double far; // mean of x
};

// s and the normalised row in double.
static void exact_norm(const struct norm_case *c, const double *s, const float *gamma,
                       const float *beta, size_t n, double *y)
{
    double mean = 0;
    double variance = 0;
    for (size_t i = 0; i < n && !c->rms; i++) {
        mean += s[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        variance += (s[i] - mean) * (s[i] - mean) / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        y[i] = (s[i] - mean) / sqrt(variance + (double)1e-5F);
        y[i] = (c->gamma ? y[i] * (double)gamma[i] : y[i]) + (c->beta ? (double)beta[i] : 0);
    }
}

static void norm_case(const struct mopt_kernels *kernels, struct mopt_rng *rng,
                      const struct norm_case *c, size_t n)
{
    float *in[5]; // x, skip, bias, gamma, beta
    double s[300];
    double want[300];
    for (size_t k = 0; k < 5; k++) {
        in[k] = guarded(rng, n);
    }
    float *sum = guarded(rng, n);
    float *y = guarded(rng, n);
    for (size_t i = 0; i < n; i++) {
        in[0][i] += (float)c->far;
        float joined = c->skip ? in[0][i] + in[1][i] : in[0][i];
        joined = c->bias ? joined + in[2][i] : joined;
        s[i] = (double)joined;
    }
    exact_norm(c, s, in[3], in[4], n, want);
    const float *skip = c->skip ? in[1] : NULL;
    const float *bias = c->bias ? in[2] : NULL;
    const float *gamma = c->gamma ? in[3] : NULL;
    const float *beta = c->beta ? in[4] : NULL;
    kernels->norm_f32(in[0], skip, bias, gamma, beta, 1e-5F, c->rms, c->sum ? sum : NULL, y, n);
    kernels->norm_f32(in[0], skip, bias, gamma, beta, 1e-5F, c->rms, NULL, in[0], n);
    for (size_t i = 0; i < n; i++) {
        near((double)y[i], want[i], 4e-6 * (1 + fabs(want[i])) + 1e-7 * fabs(c->far));
        assert_true(same(y[i], in[0][i]));
        assert_true(!c->sum || (double)sum[i] == s[i]);
    }
    for (size_t k = 0; k < 5; k++) {
        release(in[k], n);
    }
    release(sum, n);
    release(y, n);
}

static void check_norm(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 10);
    for (unsigned form = 0; form < 64; form++) {
        for (size_t n = 2; n < 300; n += n < 36 ? 3 : 29) {
            struct norm_case c = {form & 1, form & 2, form & 4, form & 8, form & 16, form & 32, 0};
            norm_case(kernels, &rng, &c, n);
            c.far = 100;
            norm_case(kernels, &rng, &c, n);
        }
    }
}

static void test_norm(void **state)
{
    (void)state;
    each_level(check_norm);
}

int mopt__test_vector(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),         cmocka_unit_test(test_plain),
        cmocka_unit_test(test_places),         cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_pairs_in_place), cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_norm),
    };
    return cmocka_run_group_tests_name("vector", tests, NULL, NULL);
}
