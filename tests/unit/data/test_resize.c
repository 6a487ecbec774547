// SPDX-License-Identifier: Apache-2.0
// Resizing against Pillow and OpenCV (tables of golden.py), and by hand.
#include <string.h>
#include <zlib.h>

#include "golden_cv.h"
#include "golden_pil.h"
#include "tests.h"

static struct mopt_image resize(const struct mopt_image *in, size_t width, size_t height,
                                enum mopt_kernel kernel)
{
    struct mopt_image out;
    struct mopt_error err;
    mopt__test_works(mopt__image_resize(in, width, height, kernel, &out, &err), &err);
    return out;
}

static size_t check(const struct golden_resize *golden)
{
    struct mopt_image in = mopt__test_noise(golden->width, golden->height, golden->channels);
    struct mopt_image out = resize(&in, golden->to_width, golden->to_height, golden->kernel);
    size_t bytes = out.width * out.height * out.channels;
    uint32_t crc = (uint32_t)crc32_z(0, out.data, bytes);
    bool same = crc == golden->crc;
    if (!same) {
        print_error("kernel %d, %zux%zux%zu to %zux%zu: crc %08x, golden %08x\n",
                    (int)golden->kernel, golden->width, golden->height, golden->channels,
                    golden->to_width, golden->to_height, crc, golden->crc);
    }
    mopt__image_release(&in);
    mopt__image_release(&out);
    return same ? 0 : 1;
}

static void equals_pillow(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < MOPT_COUNTOF(GOLDEN_PIL); i++) {
        wrong += check(&GOLDEN_PIL[i]);
    }
    assert_int_equal(wrong, 0);
}

static void equals_opencv(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < MOPT_COUNTOF(GOLDEN_CV); i++) {
        wrong += check(&GOLDEN_CV[i]);
    }
    assert_int_equal(wrong, 0);
}

static void area_is_the_mean(void **state)
{
    (void)state;
    uint8_t pixels[] = {0, 10, 20, 30, 40, 50};
    struct mopt_image in = {
        .data = pixels, .width = 3, .height = 2, .channels = 1, .borrowed = true};
    struct mopt_image one = resize(&in, 1, 1, MOPT_KERNEL_AREA);
    assert_int_equal(one.data[0], 25);
    mopt__image_release(&one);
    // 1.5 pixels each: (0 + 10/2) / 1.5 = 3.33, (10/2 + 20) / 1.5 = 16.67
    struct mopt_image two = resize(&in, 2, 2, MOPT_KERNEL_AREA);
    assert_int_equal(two.data[0], 3);
    assert_int_equal(two.data[1], 17);
    assert_int_equal(two.data[2], 33);
    assert_int_equal(two.data[3], 47);
    mopt__image_release(&two);
    struct mopt_image wide = resize(&in, 6, 2, MOPT_KERNEL_AREA);
    assert_int_equal(wide.data[0], 0);
    assert_int_equal(wide.data[1], 0);
    assert_int_equal(wide.data[5], 20);
    mopt__image_release(&wide);
}

static void nearest_takes_the_pixel_below(void **state)
{
    (void)state;
    uint8_t pixels[] = {1, 2, 3, 4, 5};
    struct mopt_image in = {
        .data = pixels, .width = 5, .height = 1, .channels = 1, .borrowed = true};
    struct mopt_image out = resize(&in, 3, 1, MOPT_KERNEL_NEAREST);
    assert_memory_equal(out.data, ((const uint8_t[]){1, 2, 4}), 3);
    mopt__image_release(&out);
    out = resize(&in, 3, 1, MOPT_KERNEL_PIL_NEAREST);
    assert_memory_equal(out.data, ((const uint8_t[]){1, 3, 5}), 3);
    mopt__image_release(&out);
}

static void same_size_changes_nothing(void **state)
{
    (void)state;
    struct mopt_image in = mopt__test_noise(5, 4, 3);
    for (int kernel = 0; kernel < MOPT_KERNEL_COUNT; kernel++) {
        struct mopt_image out = resize(&in, 5, 4, (enum mopt_kernel)kernel);
        assert_memory_equal(out.data, in.data, 60);
        mopt__image_release(&out);
    }
    mopt__image_release(&in);
}

static void too_large_is_refused(void **state)
{
    (void)state;
    struct mopt_image in = mopt__test_noise(2, 2, 1);
    struct mopt_image out;
    struct mopt_error err;
    for (int kernel = 0; kernel < MOPT_KERNEL_COUNT; kernel++) {
        mopt__test_fails(mopt__image_resize(&in, 1 << 14, 1 << 13, (enum mopt_kernel)kernel, &out,
                                            &err),
                         MOPT_E_LIMIT, &err, "2^26");
    }
    mopt__image_release(&in);
}

int mopt__test_resize(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_pillow),
        cmocka_unit_test(equals_opencv),
        cmocka_unit_test(area_is_the_mean),
        cmocka_unit_test(nearest_takes_the_pixel_below),
        cmocka_unit_test(same_size_changes_nothing),
        cmocka_unit_test(too_large_is_refused),
    };
    return cmocka_run_group_tests_name("resize", tests, NULL, NULL);
}
