// SPDX-License-Identifier: Apache-2.0
// Row kernels against double, and the codes of floats.
#include "support.h"
#include "tests.h"

static void test_softmax(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 1);
    for (size_t n = 1; n < 70; n++) {
        float *x = guarded(&rng, 3 * n);
        float *y = guarded(&rng, 3 * n);
        x[n] = 300; // would overflow without the shift
        mopt__softmax_rows(x, y, 3, n, NULL);
        for (size_t row = 0; row < 3; row++) {
            double top = -INFINITY;
            double sum = 0;
            for (size_t i = 0; i < n; i++) {
                top = fmax(top, (double)x[row * n + i]);
            }
            for (size_t i = 0; i < n; i++) {
                sum += exp((double)x[row * n + i] - top);
            }
            for (size_t i = 0; i < n; i++) {
                near((double)y[row * n + i], exp((double)x[row * n + i] - top) / sum, 1e-6);
            }
        }
        release(x, 3 * n);
        release(y, 3 * n);
    }
}

static void test_norm(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 2);
    for (int trial = 0; trial < 40; trial++) {
        size_t n = (size_t)between(&rng, 1, 50);
        bool rms = trial & 1;
        float *x = guarded(&rng, n);
        float *scale = guarded(&rng, n);
        float *bias = guarded(&rng, n);
        float *y = guarded(&rng, n);
        float mean = 0;
        float inverse = 0;
        struct mopt_norm_rows job = {x, scale, bias, y, &mean, &inverse, 1, n, 1e-5, rms};
        mopt__norm_rows(&job, NULL);
        double m = 0;
        double v = 0;
        for (size_t i = 0; i < n; i++) {
            m += rms ? 0 : (double)x[i] / (double)n;
        }
        for (size_t i = 0; i < n; i++) {
            v += ((double)x[i] - m) * ((double)x[i] - m) / (double)n;
        }
        near((double)mean, m, 1e-6);
        near((double)inverse, 1 / sqrt(v + 1e-5), 1e-3);
        for (size_t i = 0; i < n; i++) {
            double want = ((double)x[i] - m) / sqrt(v + 1e-5) * (double)scale[i] + (double)bias[i];
            near((double)y[i], want, 1e-5 * (1 + fabs(want)));
        }
        release(x, n);
        release(scale, n);
        release(bias, n);
        release(y, n);
    }
}

static void test_affine(void **state)
{
    (void)state;
    static const float x[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const float scale[2] = {2, -1};
    static const float shift[2] = {1, 0};
    static const float want[8] = {3, 5, -3, -4, 11, 13, -7, -8};
    float y[8];
    mopt__affine_planes(x, scale, shift, y, 4, 2, 2, NULL);
    assert_memory_equal(y, want, sizeof y);
}

// Ties to even, saturation, NaN; then with one factor for all and one per value.
static void test_quantize(void **state)
{
    (void)state;
    static const float x[10] = {0.5F, 1.5F, 2.5F, -0.5F, -1.5F, 1e30F, -1e30F, NAN, INFINITY, 7};
    static const uint8_t want[10] = {3, 5, 5, 3, 1, 255, 0, 3, 255, 10};
    static const int8_t want_signed[10] = {0, 2, 2, 0, -2, 127, -128, 0, 127, 7};
    static const float twice[10] = {2, 2, 2, 2, 2, 2, 2, 2, 2, 2};
    uint8_t y[10];
    int8_t z[10];
    uint8_t one[10];
    uint8_t many[10];
    mopt__quantize_bytes(x, NULL, 0, 10, false, 3, y);
    mopt__quantize_bytes(x, NULL, 0, 10, true, 0, z);
    mopt__quantize_bytes(x, twice, 0, 10, false, 3, one);
    mopt__quantize_bytes(x, twice, 1, 10, false, 3, many);
    assert_memory_equal(y, want, sizeof y);
    assert_memory_equal(z, want_signed, sizeof z);
    assert_memory_equal(one, many, sizeof one);
    assert_int_equal(one[0], 4);
    assert_int_equal(one[9], 17);
}

int mopt__test_rows(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_affine),
        cmocka_unit_test(test_quantize),
    };
    return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
