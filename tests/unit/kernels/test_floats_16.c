// SPDX-License-Identifier: Apache-2.0
// Floats of 16 bits at every level of this machine: every number of both formats, every rounding
// between neighbours, NaN, tails, unaligned memory.
#include "bytes.h"
#include "tests.h"

enum { ALL = 1 << 16, ROUNDS = 200, LONGEST = 90 };

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// IEEE 754 section 3.4, written out.
static double half_value(unsigned half)
{
    const int exponent = (int)(half >> 10 & 31);
    const int fraction = (int)(half & 1023);
    double size = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
    size = exponent < 31 ? size : fraction == 0 ? INFINITY : NAN;
    return half & 0x8000 ? -size : size;
}

// Nearest multiple of the last place (in double, whose rounding is to even), then its number.
static unsigned nearest_half(float x)
{
    const unsigned sign = bits_of(x) >> 16 & 0x8000;
    const double size = fabs((double)x);
    int exponent = 0;
    frexp(size, &exponent);
    const int last = exponent - 11 > -24 ? exponent - 11 : -24;
    const double rounded = ldexp(rint(ldexp(size, -last)), last);
    if (rounded >= 65520) {
        return sign | 0x7c00;
    }
    frexp(rounded, &exponent);
    exponent = rounded < 0x1p-14 ? -13 : exponent;
    const unsigned steps = (unsigned)ldexp(rounded, 11 - exponent); // of its binade, 1024 to 2047
    return sign | ((unsigned)(exponent + 13) * 1024 + steps);
}

static unsigned nearest_bfloat(float x)
{
    const uint32_t bits = bits_of(x);
    const uint32_t rest = bits & 0xffff;
    const bool up = rest > 0x8000 || (rest == 0x8000 && (bits >> 16 & 1) != 0);
    return (bits >> 16) + (up ? 1 : 0);
}

static void widen_all(const struct mopt_kernels *kernels)
{
    uint16_t *x = mopt__malloc(ALL * sizeof *x);
    float *y = mopt__malloc(ALL * sizeof *y);
    assert_true(x != NULL && y != NULL);
    for (unsigned i = 0; i < ALL; i++) {
        x[i] = (uint16_t)i;
    }
    kernels->half_to_f32(x, y, ALL);
    for (unsigned i = 0; i < ALL; i++) {
        const bool nan = (i & 0x7fff) > 0x7c00;
        const uint32_t quiet = (i & 0x8000) << 16 | 0x7fc00000 | (i & 1023) << 13;
        assert_int_equal(bits_of(y[i]), nan ? quiet : bits_of((float)half_value(i)));
    }
    kernels->bfloat_to_f32(x, y, ALL);
    for (unsigned i = 0; i < ALL; i++) {
        assert_int_equal(bits_of(y[i]), i << 16);
    }
    mopt__free(x);
    mopt__free(y);
}

// Every half, the middles between neighbours, and what lies next to those.
static void round_all_halves(const struct mopt_kernels *kernels)
{
    enum { EACH = 5 };
    for (unsigned i = 0; i < ALL; i++) {
        if ((i & 0x7fff) >= 0x7c00) {
            continue;
        }
        const float here = (float)half_value(i);
        const float next =
            (i & 0x7fff) == 0x7bff ? copysignf(65536, here) : (float)half_value(i + 1);
        const float middle = (here + next) / 2;
        const float x[EACH] = {here, middle, nextafterf(middle, 0), nextafterf(middle, next), next};
        uint16_t y[EACH];
        kernels->f32_to_half(x, y, EACH);
        for (int k = 0; k < EACH; k++) {
            assert_int_equal(y[k], nearest_half(x[k]));
        }
        assert_int_equal(y[0], i);
    }
}

static void round_extremes(const struct mopt_kernels *kernels)
{
    const float x[] = {INFINITY, -INFINITY, 3e38F, -70000, 0x1p-149F, -0x1p-25F, 0x1.8p-25F, -0.0F};
    const uint16_t halves[] = {0x7c00, 0xfc00, 0x7c00, 0xfc00, 0, 0x8000, 1, 0x8000};
    const uint32_t nans[] = {0x7f800001, 0xff802000, 0x7fc00000, 0xffffffff};
    const uint16_t half_nans[] = {0x7e00, 0xfe01, 0x7e00, 0xffff};
    const uint16_t bfloat_nans[] = {0x7fc0, 0xffc0, 0x7fc0, 0xffff};
    uint16_t y[MOPT_COUNTOF(x)];
    kernels->f32_to_half(x, y, MOPT_COUNTOF(x));
    assert_memory_equal(y, halves, sizeof y);
    for (size_t i = 0; i < MOPT_COUNTOF(nans); i++) {
        const float nan = float_of(nans[i]);
        kernels->f32_to_half(&nan, y, 1);
        assert_int_equal(y[0], half_nans[i]);
        kernels->f32_to_bfloat(&nan, y, 1);
        assert_int_equal(y[0], bfloat_nans[i]);
    }
}

static void fill(struct mopt_rng *rng, float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)mopt__rng_below(rng, UINT64_C(1) << 32);
        const bool finite = (bits & 0x7f800000) != 0x7f800000;
        x[i] = !finite || mopt__rng_below(rng, 2) ? (float)mopt__rng_normal(rng) : float_of(bits);
        if (mopt__rng_below(rng, 4) == 0) { // between two bfloats
            x[i] = float_of((bits_of(x[i]) & 0xffff0000) | 0x8000);
        }
    }
}

static void round_any_length(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 77);
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = (size_t)between(&rng, 0, LONGEST);
        struct band x = band_new(n * sizeof(float), 4 * (size_t)between(&rng, 0, 15));
        struct band y = band_new(n * sizeof(uint16_t), 2 * (size_t)between(&rng, 0, 31));
        float *floats = (float *)(void *)x.data;
        uint16_t *bits = (uint16_t *)(void *)y.data;
        fill(&rng, floats, n);
        kernels->f32_to_half(floats, bits, n);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(bits[i], nearest_half(floats[i]));
        }
        kernels->f32_to_bfloat(floats, bits, n);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(bits[i], nearest_bfloat(floats[i]));
        }
        kernels->bfloat_to_f32(bits, floats, n);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(bits_of(floats[i]), (uint32_t)bits[i] << 16);
            bits[i] &= 0x7bff;
        }
        kernels->half_to_f32(bits, floats, n);
        for (size_t i = 0; i < n; i++) {
            assert_true((double)floats[i] == half_value(bits[i]));
        }
        band_free(&x);
        band_free(&y);
    }
}

#define AT_EACH_LEVEL(name)                 \
    static void test_##name(void **state)   \
    {                                       \
        (void)state;                        \
        assert_true(each_level(name) >= 1); \
    }
AT_EACH_LEVEL(widen_all)
AT_EACH_LEVEL(round_all_halves)
AT_EACH_LEVEL(round_extremes)
AT_EACH_LEVEL(round_any_length)

int mopt__test_floats_16(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_widen_all),
        cmocka_unit_test(test_round_all_halves),
        cmocka_unit_test(test_round_extremes),
        cmocka_unit_test(test_round_any_length),
    };
    return cmocka_run_group_tests_name("floats_16", tests, NULL, NULL);
}
