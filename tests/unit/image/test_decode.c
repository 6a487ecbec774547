// SPDX-License-Identifier: Apache-2.0
// Every format against Pillow (golden.py), and the colours.
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "golden.h"

const struct golden *mopt__test_golden(size_t *count)
{
    *count = MOPT_COUNTOF(GOLDEN);
    return GOLDEN;
}

enum mopt_status mopt__test_decode_copy(const uint8_t *data, size_t size, struct mopt_image *out,
                                        struct mopt_error *err)
{
    uint8_t *copy = mopt__malloc(size);
    assert_non_null(copy);
    memcpy(copy, data, size);
    const struct mopt_encoded encoded = {.data = copy, .size = size};
    mopt_error_clear(err);
    enum mopt_status status = mopt__image_decode(&encoded, out, err);
    mopt__free(copy);
    return status;
}

static uint32_t crc32(const uint8_t *data, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int k = 0; k < 8; k++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
        }
    }
    return ~crc;
}

static void equal_pillow(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < MOPT_COUNTOF(GOLDEN); i++) {
        const struct golden *golden = &GOLDEN[i];
        struct mopt_image image;
        struct mopt_image rgb = {.data = NULL};
        struct mopt_error err;
        if (!mopt__image_format_works(golden->format)) {
            continue;
        }
        enum mopt_status status = mopt__test_decode_copy(golden->data, golden->size, &image, &err);
        if (status == MOPT_OK) {
            status = mopt__image_recolour(&image, MOPT_COLOURS_RGB, &rgb, &err);
        }
        size_t bytes = rgb.width * rgb.height * rgb.channels;
        uint32_t crc = status == MOPT_OK ? crc32(rgb.data, bytes) : 0;
        if (status != MOPT_OK || rgb.width != golden->width || rgb.height != golden->height ||
            crc != golden->crc) {
            print_error("%s: %zux%zux%zu, crc %08x, golden %08x: %s\n", golden->name, rgb.width,
                        rgb.height, image.channels, crc, golden->crc,
                        status == MOPT_OK ? "" : err.text);
            wrong++;
        }
        mopt__image_release(&rgb);
        mopt__image_release(&image);
    }
    assert_int_equal(wrong, 0);
}

static void formats_are_told_by_content(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOPT_COUNTOF(GOLDEN); i++) {
        assert_int_equal(mopt__image_format(GOLDEN[i].data, GOLDEN[i].size), GOLDEN[i].format);
    }
    assert_int_equal(mopt__image_format((const uint8_t *)"hello, world, nothing", 21),
                     MOPT_IMAGE_FORMATS);
    assert_int_equal(mopt__image_format(NULL, 0), MOPT_IMAGE_FORMATS);
    assert_true(mopt__image_format_works(MOPT_IMAGE_JPEG));
    assert_true(mopt__image_format_works(MOPT_IMAGE_PNM));
    assert_string_equal(mopt__image_format_name(MOPT_IMAGE_TIFF), "tiff");
}

// A format that was not built in says which library it lacks.
static void missing_formats_say_so(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOPT_COUNTOF(GOLDEN); i++) {
        struct mopt_image image;
        struct mopt_error err;
        if (!mopt__image_format_works(GOLDEN[i].format)) {
            assert_int_equal(mopt__test_decode_copy(GOLDEN[i].data, GOLDEN[i].size, &image, &err),
                             MOPT_E_UNSUPPORTED);
            assert_non_null(strstr(err.text, "built without"));
        }
    }
}

static void colours(void **state)
{
    (void)state;
    uint8_t pixel[] = {200, 100, 50, 7};
    struct mopt_image in = {
        .data = pixel, .width = 1, .height = 1, .channels = 4, .borrowed = true};
    struct mopt_image out;
    struct mopt_error err;
    assert_int_equal(mopt__image_recolour(&in, MOPT_COLOURS_BGR, &out, &err), MOPT_OK);
    assert_int_equal(out.channels, 3);
    assert_memory_equal(out.data, ((const uint8_t[]){50, 100, 200}), 3);
    mopt__image_release(&out);
    assert_int_equal(mopt__image_recolour(&in, MOPT_COLOURS_GREY, &out, &err), MOPT_OK);
    assert_int_equal(out.channels, 1);
    assert_int_equal(out.data[0], 124); // 0.299 * 200 + 0.587 * 100 + 0.114 * 50 = 124.2
    mopt__image_release(&out);
    in.channels = 1;
    assert_int_equal(mopt__image_recolour(&in, MOPT_COLOURS_RGB, &out, &err), MOPT_OK);
    assert_memory_equal(out.data, ((const uint8_t[]){200, 200, 200}), 3);
    mopt__image_release(&out);
}

int mopt__test_decode(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_pillow),
        cmocka_unit_test(formats_are_told_by_content),
        cmocka_unit_test(missing_formats_say_so),
        cmocka_unit_test(colours),
    };
    return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}
