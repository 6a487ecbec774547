// SPDX-License-Identifier: Apache-2.0
// Byte slots that go from element to element, or only move them, at every level of this machine:
// the same bytes as plain loops; tails, unaligned and shared memory, ties and extreme values.
#include "bytes.h"
#include "tests.h"

enum { ROUNDS = 300 };

// Floats, with the values where roundings and limits lie now and then.
static void fill_floats(struct mopt_rng *rng, float *x, size_t n)
{
    static const float hard[] = {0.0F,       -0.0F,         INFINITY, -INFINITY, NAN,
                                 0.5F,       -0.5F,         1.5F,     2.5F,      -2.5F,
                                 3e38F,      -3e38F,        1e-40F,   254.5F,    255.5F,
                                 16777217.F, 2147483648.0F, -4e9F,    127.5F,    -128.5F};
    for (size_t i = 0; i < n; i++) {
        x[i] = mopt__rng_below(rng, 4) ? (float)mopt__rng_normal(rng) * 100
                                       : hard[mopt__rng_below(rng, MOPT_COUNTOF(hard))];
    }
}

static float factor_of(struct mopt_rng *rng)
{
    float factor = 0;
    fill_scales(rng, mopt__rng_below(rng, 2) ? 1.0F : 0.01F, &factor, 1);
    return factor;
}

static void quantize(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 31);
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = length(&rng);
        struct band x = band_new(n * sizeof(float), 4 * shift(&rng));
        struct band y = band_new(n, shift(&rng));
        float *floats = (float *)(void *)x.data;
        fill_floats(&rng, floats, n);
        float factor = factor_of(&rng);
        bool divide = mopt__rng_below(&rng, 2);
        int32_t zero = (int32_t)between(&rng, 0, 255);
        kernels->quantize_u8(floats, factor, divide, zero, y.data, n);
        for (size_t i = 0; i < n; i++) {
            float v = divide ? floats[i] / factor : floats[i] * factor;
            uint8_t want = isnan(v) ? (uint8_t)zero : want_byte(1, v, zero, 0, 255);
            assert_int_equal(y.data[i], want);
        }
        band_free(&x);
        band_free(&y);
    }
}

static void dequantize(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 32);
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = length(&rng);
        struct band x = band_new(n, shift(&rng));
        struct band y = band_new(n * sizeof(float), 4 * shift(&rng));
        fill_bytes(&rng, 0, x.data, n);
        float scale = factor_of(&rng);
        int32_t zero = (int32_t)between(&rng, 0, 255);
        float *floats = (float *)(void *)y.data;
        kernels->dequantize_u8(x.data, scale, zero, floats, n);
        for (size_t i = 0; i < n; i++) {
            assert_true(same_float(floats[i], (float)(x.data[i] - zero) * scale));
        }
        band_free(&x);
        band_free(&y);
    }
}

static void range(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 33);
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = length(&rng);
        struct band x = band_new(n * sizeof(float), 4 * shift(&rng));
        float *floats = (float *)(void *)x.data;
        fill_floats(&rng, floats, n);
        float low = 7;
        float high = 7;
        float want_low = 0;
        float want_high = 0;
        bool tame = round & 1; // infinities would hide the rest
        for (size_t i = 0; i < n; i++) {
            floats[i] = tame && isinf(floats[i]) ? 1.0F : floats[i];
            want_low = floats[i] < want_low ? floats[i] : want_low;
            want_high = floats[i] > want_high ? floats[i] : want_high;
        }
        kernels->range_f32(floats, n, &low, &high);
        assert_true(same_float(low, want_low));
        assert_true(same_float(high, want_high));
        band_free(&x);
    }
}

static void add(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 34);
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = length(&rng);
        struct band a = band_new(n, shift(&rng));
        struct band b = band_new(n, shift(&rng));
        struct band y = band_new(n, shift(&rng));
        fill_bytes(&rng, (int)mopt__rng_below(&rng, 2), a.data, n);
        fill_bytes(&rng, (int)mopt__rng_below(&rng, 2), b.data, n);
        float scales[3] = {factor_of(&rng), factor_of(&rng), factor_of(&rng)};
        int32_t zeros[3] = {(int32_t)between(&rng, 0, 255), (int32_t)between(&rng, 0, 255),
                            (int32_t)between(&rng, 0, 255)};
        int32_t bounds[2] = {(int32_t)between(&rng, 0, 100), (int32_t)between(&rng, 100, 255)};
        kernels->add_u8(a.data, b.data, scales, zeros, bounds, y.data, n);
        for (size_t i = 0; i < n; i++) {
            float left = (float)(a.data[i] - zeros[0]) * scales[0];
            float right = (float)(b.data[i] - zeros[1]) * scales[1];
            float sum = (left + right) / scales[2];
            assert_int_equal(y.data[i], want_byte(1, sum, zeros[2], bounds[0], bounds[1]));
        }
        if (n > 0) { // in place
            kernels->add_u8(a.data, b.data, scales, zeros, bounds, a.data, n);
            assert_memory_equal(a.data, y.data, n);
        }
        band_free(&a);
        band_free(&b);
        band_free(&y);
    }
}

static uint8_t want_quotient(float x, float scale, int32_t zero)
{
    float v = x / scale;
    return isnan(v) ? (uint8_t)zero : want_rounded(v, zero, 0, 255);
}

// Scales of every size; each round another family: any, whole powers of two, the least and largest,
// what is no scale at all.
static float odd_scale(struct mopt_rng *rng, int round)
{
    static const float hard[] = {0,         -0.0F,    INFINITY,  NAN,
                                 -1,        1e-45F,   0x1p-126F, 0x1p-100F,
                                 0x1p-101F, 0x1p100F, 0x1p101F,  0x1.fffffep127F};
    float mantissa = 1 + (float)mopt__rng_below(rng, 1 << 23) * 0x1p-23F;
    switch (round % 8) {
    case 0:
        return ldexpf(1, (int)between(rng, -149, 127));
    case 1:
        return hard[mopt__rng_below(rng, MOPT_COUNTOF(hard))];
    case 2:
        return ldexpf(mantissa, (int)between(rng, -149, 127));
    case 3: // few bits, or all of them
        return ldexpf(mopt__rng_below(rng, 2) ? 1 + (float)between(rng, 0, 15) / 16 : 2 - 0x1p-23F,
                      (int)between(rng, -110, 110));
    default:
        return ldexpf(mantissa, (int)between(rng, -12, 0));
    }
}

// Floats around the middle between all codes, or around the codes themselves.
enum { STEPS = 9, MIDDLES = 530, AROUND = STEPS * MIDDLES };
static void fill_around(float scale, float shift_by, float x[AROUND])
{
    for (int m = 0; m < MIDDLES; m++) {
        float near_by = ((float)m - 265 + shift_by) * scale;
        for (int step = 0; step < STEPS / 2; step++) {
            near_by = nextafterf(near_by, -INFINITY);
        }
        for (int step = 0; step < STEPS; step++) {
            x[m * STEPS + step] = near_by;
            near_by = nextafterf(near_by, INFINITY);
        }
    }
}

static void check_quotient(float x, float scale, int32_t zero, uint8_t got)
{
    if (got != want_quotient(x, scale, zero)) {
        fail_msg("%a / %a is not %d", (double)x, (double)scale, got);
    }
}

// Dividing gives the code of the true quotient.
static void quotients(const struct mopt_kernels *kernels)
{
    enum { SCALES = 600 };
    static float x[AROUND];
    static uint8_t y[AROUND];
    struct mopt_rng rng;
    mopt__rng_init(&rng, 38);
    for (int round = 0; round < SCALES; round++) {
        float scale = odd_scale(&rng, round);
        int32_t zero = (int32_t)between(&rng, 0, 255);
        fill_around(scale, round & 8 ? 0.5F : 0, x);
        kernels->quantize_u8(x, scale, true, zero, y, AROUND);
        for (int i = 0; i < AROUND; i++) {
            check_quotient(x[i], scale, zero, y[i]);
        }
    }
}

static void product(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 39);
    for (int round = 0; round < 4 * ROUNDS; round++) {
        size_t n = length(&rng);
        struct band a = band_new(n, shift(&rng));
        struct band b = band_new(n * sizeof(float), 4 * shift(&rng));
        struct band y = band_new(n, shift(&rng));
        float *floats = (float *)(void *)b.data;
        int32_t zeros[2] = {(int32_t)between(&rng, 0, 255), (int32_t)between(&rng, 0, 255)};
        float scale = round & 1 ? odd_scale(&rng, round / 2) : 0.0625F;
        float y_scale = round & 2 ? odd_scale(&rng, round / 4) : 0.125F;
        fill_bytes(&rng, (int)mopt__rng_below(&rng, 2), a.data, n);
        fill_floats(&rng, floats, n);
        for (size_t i = 0; i < n && round % 3; i++) { // a gate of codes: ties of every kind
            floats[i] = (float)between(&rng, -255, 255) * 0.0078125F;
        }
        kernels->mul_u8(a.data, scale, floats, y_scale, zeros, y.data, n);
        for (size_t i = 0; i < n; i++) {
            float left = (float)(a.data[i] - zeros[0]) * scale;
            float both = left * floats[i];
            assert_int_equal(y.data[i], want_quotient(both, y_scale, zeros[1]));
        }
        if (n > 0) { // in place
            kernels->mul_u8(a.data, scale, floats, y_scale, zeros, a.data, n);
            assert_memory_equal(a.data, y.data, n);
        }
        band_free(&a);
        band_free(&b);
        band_free(&y);
    }
}

static void scale(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 40);
    for (int round = 0; round < ROUNDS; round++) {
        size_t n = length(&rng);
        struct band a = band_new(n, shift(&rng));
        struct band b = band_new(n * sizeof(float), 4 * shift(&rng));
        struct band y = band_new(n, shift(&rng));
        float *factors = (float *)(void *)b.data;
        int32_t zeros[2] = {(int32_t)between(&rng, 0, 255), (int32_t)between(&rng, 0, 255)};
        fill_bytes(&rng, (int)mopt__rng_below(&rng, 2), a.data, n);
        for (size_t i = 0; i < n; i++) {
            static const float hard[] = {0, -0.0F, MOPT_FACTOR_MOST, -MOPT_FACTOR_MOST, 1e-40F};
            float any = (float)mopt__rng_normal(&rng);
            factors[i] = mopt__rng_below(&rng, 8)   ? any
                         : mopt__rng_below(&rng, 2) ? (float)between(&rng, -9, 9) / 2
                                                    : hard[i % MOPT_COUNTOF(hard)];
        }
        kernels->scale_u8(a.data, factors, zeros, y.data, n);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(y.data[i],
                             want_byte(a.data[i] - zeros[0], factors[i], zeros[1], 0, 255));
        }
        if (n > 0) { // in place
            kernels->scale_u8(a.data, factors, zeros, a.data, n);
            assert_memory_equal(a.data, y.data, n);
        }
        band_free(&a);
        band_free(&b);
        band_free(&y);
    }
}

static void sums(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 41);
    for (int round = 0; round < ROUNDS; round++) {
        size_t channels = (size_t)between(&rng, 1, 150);
        size_t pixels = (size_t)between(&rng, 1, 20);
        size_t step = channels + (size_t)between(&rng, 0, 5);
        struct band x = band_new(pixels * step, shift(&rng));
        struct band y = band_new(channels * sizeof(float), 4 * shift(&rng));
        float *floats = (float *)(void *)y.data;
        int32_t zero = (int32_t)between(&rng, 0, 255);
        float factor = factor_of(&rng);
        fill_bytes(&rng, (int)mopt__rng_below(&rng, 2), x.data, pixels * step);
        kernels->sums_u8(x.data, step, pixels, channels, factor, zero, floats);
        for (size_t c = 0; c < channels; c++) {
            float sum = (float)(x.data[c] - zero) * factor;
            for (size_t i = 1; i < pixels; i++) {
                float term = (float)(x.data[i * step + c] - zero) * factor;
                sum += term;
            }
            assert_true(same_float(floats[c], sum));
        }
        band_free(&x);
        band_free(&y);
    }
}

// Any shape, whole blocks and less than one, with gaps behind rows and columns, which stay. Nothing
// lies behind x, so that a read beyond it is seen by who watches memory.
static void transpose(const struct mopt_kernels *kernels)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, 42);
    for (int round = 0; round < ROUNDS; round++) {
        size_t rows = (size_t)between(&rng, 1, round & 1 ? 70 : 17);
        size_t columns = (size_t)between(&rng, 1, round & 2 ? 70 : 17);
        size_t ldx = columns + (size_t)between(&rng, 0, 5), in = (rows - 1) * ldx + columns;
        size_t ldy = rows + (size_t)between(&rng, 0, 5), from = shift(&rng);
        struct band y = band_new((columns - 1) * ldy + rows, shift(&rng));
        uint8_t *x = mopt__malloc(from + in);
        assert_non_null(x);
        fill_bytes(&rng, 0, x, from + in);
        kernels->transpose_8(x + from, ldx, y.data, ldy, rows, columns);
        for (size_t i = 0; i < y.bytes; i++) {
            size_t r = i % ldy, c = i / ldy;
            assert_int_equal(y.data[i], r < rows ? x[from + r * ldx + c] : BAND_BYTE);
        }
        band_free(&y);
        mopt__free(x);
    }
}

LEVELS(quantize)
LEVELS(dequantize)
LEVELS(sums)
LEVELS(range)
LEVELS(add)
LEVELS(quotients)
LEVELS(product)
LEVELS(scale)
LEVELS(transpose)

int mopt__test_codes(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantize),  cmocka_unit_test(test_dequantize),
        cmocka_unit_test(test_range),     cmocka_unit_test(test_add),
        cmocka_unit_test(test_quotients), cmocka_unit_test(test_product),
        cmocka_unit_test(test_scale),     cmocka_unit_test(test_sums),
        cmocka_unit_test(test_transpose),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
