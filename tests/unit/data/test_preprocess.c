// SPDX-License-Identifier: Apache-2.0
// The language of --pre and what its steps do.
#include <stdio.h>
#include <string.h>

#include "tests.h"

static struct mopt_preprocess *parse(const char *text)
{
    struct mopt_preprocess *pre = NULL;
    struct mopt_error err;
    mopt__test_works(mopt__preprocess_parse(text, &pre, &err), &err);
    return pre;
}

// Image of the given pixels through the steps.
static struct mopt_tensor *run(const char *text, const uint8_t *pixels, int64_t height,
                               int64_t width, int64_t channels)
{
    struct mopt_preprocess *pre = parse(text);
    struct mopt_tensor *out = NULL;
    struct mopt_error err;
    const int64_t dims[] = {height, width, channels};
    struct mopt_tensor *image = mopt__test_tensor(MOPT_UINT8, 3, dims);
    memcpy(mopt__tensor_data(image), pixels, image->bytes);
    mopt__test_works(mopt__preprocess_image(pre, image, &out, &err), &err);
    mopt__tensor_unref(image);
    mopt__preprocess_free(pre);
    return out;
}

static void expect(struct mopt_tensor *tensor, const char *shape, const float *values)
{
    char text[64];
    snprintf(text, sizeof text, "%lldx%lldx%lld", (long long)tensor->dims[0],
             (long long)tensor->dims[1], (long long)tensor->dims[2]);
    assert_int_equal(tensor->dtype, MOPT_FLOAT32);
    assert_string_equal(text, shape);
    assert_memory_equal(tensor->data, values, tensor->bytes);
    mopt__tensor_unref(tensor);
}

static void steps_are_parsed(void **state)
{
    (void)state;
    struct mopt_preprocess *pre =
        parse("rgb, resize=256:short:pil-bicubic , crop=224x200,scale=1/255,mean=.485:.456:.406,"
              "std=2,chw");
    assert_int_equal(pre->count, 7);
    assert_int_equal(pre->steps[1].kernel, MOPT_KERNEL_PIL_BICUBIC);
    assert_int_equal(pre->steps[1].fit, MOPT_FIT_SHORT);
    assert_int_equal(pre->steps[2].width, 224);
    assert_int_equal(pre->steps[2].height, 200);
    assert_true(pre->steps[3].times == 1 && pre->steps[3].over == 255);
    assert_int_equal(pre->steps[4].list_count, 3);
    mopt__preprocess_free(pre);
    static const char *const presets[] = {"imagenet", "imagenet-tf",   "yolo",
                                          "mnist",    "fashion-mnist", "raw"};
    for (size_t i = 0; i < MOPT_COUNTOF(presets); i++) {
        mopt__preprocess_free(parse(presets[i]));
    }
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"rgb,resise=256", "'resise' at character 5 is unknown, nearest is 'resize'"},
        {"imagnet", "nearest is 'imagenet'"},
        {"rgb,imagenet", "a preset stands alone"},
        {"", "a step is missing"},
        {"rgb,,chw", "character 5: a step is missing"},
        {"rgb=1", "takes no value"},
        {"crop", "needs a value"},
        {"crop=", "needs a size"},
        {"crop=0", "needs a size"},
        {"crop=9999999999999999999", "needs a size"},
        {"crop=65536x65536", "2^26"},
        {"resize=10x20:short", "one number"},
        {"resize=256:pil-bilinaer", "nearest is 'pil-bilinear'"},
        {"resize=256:shrt", "nearest is 'short'"},
        {"scale=x", "number"},
        {"scale=1/0", "number"},
        {"mean=1:2:3:4:5", "one to four"},
        {"mean=nan", "one to four"},
        {"std=1:0:1", "divides by 0"},
        {"scale=1/255,rgb", "must stand before"},
        {"chw,resize=10", "must stand before"},
        {"chw,hwc", "second layout"},
        {"pad=10:300", "unknown"},
        {"letterbox=640:114:cv-liner", "nearest is 'cv-linear'"},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        struct mopt_preprocess *pre = NULL;
        struct mopt_error err;
        mopt__test_fails(mopt__preprocess_parse(cases[i].text, &pre, &err), MOPT_E_USAGE, &err,
                         cases[i].message);
        assert_null(pre);
    }
}

static void numbers_are_those_of_float_arithmetic(void **state)
{
    (void)state;
    const uint8_t pixels[] = {0, 1, 128, 255};
    float wanted[4];
    for (size_t i = 0; i < 4; i++) {
        float value = (float)pixels[i] / 255.0F; // as torchvision: ToTensor, then Normalize
        wanted[i] = (value - 0.2860F) / 0.3530F;
    }
    expect(run("scale=1/255,mean=.2860,std=.3530,chw", pixels, 2, 2, 1), "1x2x2", wanted);
    expect(run("raw", pixels, 2, 2, 1), "2x2x1", (const float[]){0, 1, 128, 255});
    expect(run("scale=2,mean=1", pixels, 2, 2, 1), "2x2x1", (const float[]){-1, 1, 255, 509});
}

static void colours_and_layouts(void **state)
{
    (void)state;
    const uint8_t rgb[] = {1, 2, 3, 4, 5, 6};
    const uint8_t rgba[] = {10, 20, 30, 40};
    expect(run("chw", rgb, 1, 2, 3), "3x1x2", (const float[]){1, 4, 2, 5, 3, 6});
    expect(run("hwc", rgb, 1, 2, 3), "1x2x3", (const float[]){1, 2, 3, 4, 5, 6});
    expect(run("bgr", rgb, 1, 2, 3), "1x2x3", (const float[]){3, 2, 1, 6, 5, 4});
    expect(run("rgb", rgba, 1, 1, 4), "1x1x3", (const float[]){10, 20, 30});
    expect(run("bgr", rgba, 1, 1, 4), "1x1x3", (const float[]){30, 20, 10});
    expect(run("rgb", rgb, 1, 1, 1), "1x1x3", (const float[]){1, 1, 1});
    // (10 * 19595 + 20 * 38470 + 30 * 7471 + 32768) >> 16 = 18
    expect(run("grey", rgba, 1, 1, 4), "1x1x1", (const float[]){18});
    expect(run("gray", rgb, 1, 2, 1), "1x2x1", (const float[]){1, 2});
    expect(run("mean=1:2:3", rgb, 1, 2, 3), "1x2x3", (const float[]){0, 0, 0, 3, 3, 3});
}

static void crops_and_pads(void **state)
{
    (void)state;
    const uint8_t pixels[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
    expect(run("crop=1", pixels, 3, 5, 1), "1x1x1", (const float[]){7});
    // rest 3 on 5 columns: half is 1.5, rounded to the even 2
    expect(run("crop=2x3", pixels, 3, 5, 1), "3x2x1", (const float[]){2, 3, 7, 8, 12, 13});
    expect(run("pad=2:9", pixels, 1, 2, 1), "2x2x1", (const float[]){0, 1, 9, 9});
    expect(run("pad=3", pixels, 1, 2, 1), "3x3x1", (const float[]){0, 0, 0, 0, 1, 0, 0, 0, 0});
    // 4x2 pixels into 2x2: halved to 2x1, one grey row below
    expect(run("letterbox=2:7:area", pixels, 2, 4, 1), "2x2x1", (const float[]){2, 4, 7, 7});
}

static void sides_follow_the_fit(void **state)
{
    (void)state;
    static const struct {
        const char *step;
        int64_t height, width; // of a picture of 20 rows and 33 columns
    } cases[] = {
        {"resize=10", 10, 16},         {"resize=10:short", 10, 16}, {"resize=10:long", 6, 10},
        {"resize=10:exact", 10, 10},   {"resize=7x5", 5, 7},        {"letterbox=64", 64, 64},
        {"resize=8:cv-linear", 8, 13}, {"resize=8:area", 8, 13},
    };
    struct mopt_image noise = mopt__test_noise(33, 20, 3);
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        struct mopt_tensor *out = run(cases[i].step, noise.data, 20, 33, 3);
        assert_int_equal(out->dims[0], cases[i].height);
        assert_int_equal(out->dims[1], cases[i].width);
        mopt__tensor_unref(out);
    }
    mopt__image_release(&noise);
}

static void misfits_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
        int64_t height, width, channels;
        enum mopt_status status;
    } cases[] = {
        {"crop=5", "crop of 5x5 out of an image of 4x3", 3, 4, 1, MOPT_E_SHAPE},
        {"pad=3", "padding to 3x3", 3, 4, 1, MOPT_E_SHAPE},
        {"mean=1:2:3", "3 numbers, the image has 1", 3, 4, 1, MOPT_E_SHAPE},
        {"raw", "no image", 3, 4, 2, MOPT_E_SHAPE},
        {"raw", "no image", 0, 4, 1, MOPT_E_SHAPE},
        {"resize=8192", "2^26", 1, 60000, 1, MOPT_E_LIMIT},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        struct mopt_preprocess *pre = parse(cases[i].text);
        const int64_t dims[] = {cases[i].height, cases[i].width, cases[i].channels};
        struct mopt_tensor *image = mopt__test_tensor(MOPT_UINT8, 3, dims);
        struct mopt_tensor *out = NULL;
        struct mopt_error err;
        mopt__test_fails(mopt__preprocess_image(pre, image, &out, &err), cases[i].status, &err,
                         cases[i].message);
        assert_null(out);
        mopt__tensor_unref(image);
        mopt__preprocess_free(pre);
    }
}

int mopt__test_preprocess(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_parsed),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(numbers_are_those_of_float_arithmetic),
        cmocka_unit_test(colours_and_layouts),
        cmocka_unit_test(crops_and_pads),
        cmocka_unit_test(sides_follow_the_fit),
        cmocka_unit_test(misfits_are_errors),
    };
    return cmocka_run_group_tests_name("preprocess", tests, NULL, NULL);
}
