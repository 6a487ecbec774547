// SPDX-License-Identifier: Apache-2.0
// Damaged pictures of every format: cut short, bits flipped, sizes that lie. Never a crash, and an
// error says what is wrong.
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "base/size.h"
#include "tests.h"

// Of some formats the last bytes hold no pixel, so that they may be missing.
static void cut_short_is_an_error(void **state)
{
    (void)state;
    size_t count;
    const struct golden *golden = mopt__test_golden(&count);
    for (size_t i = 0; i < count; i++) {
        for (size_t size = 0; size + 40 < golden[i].size; size += 3) {
            struct mopt_image image;
            struct mopt_error err;
            enum mopt_status status = mopt__test_decode_copy(golden[i].data, size, &image, &err);
            if (status == MOPT_OK) {
                print_error("%s: %zu of %zu bytes are read\n", golden[i].name, size,
                            golden[i].size);
            }
            assert_int_not_equal(status, MOPT_OK);
            assert_true(err.text[0] != '\0');
            assert_null(image.data);
        }
    }
}

static void flipped_bits_do_no_harm(void **state)
{
    (void)state;
    size_t count;
    const struct golden *golden = mopt__test_golden(&count);
    struct mopt_rng rng;
    mopt__rng_init(&rng, 11);
    for (size_t round = 0; round < 60 * count; round++) {
        const struct golden *one = &golden[round % count];
        struct mopt_image image;
        struct mopt_error err;
        uint8_t *copy = mopt__malloc(one->size);
        assert_non_null(copy);
        memcpy(copy, one->data, one->size);
        for (size_t k = 0; k <= round % 3; k++) {
            size_t span = round % 2 ? one->size : one->size < 64 ? one->size : 64; // headers most
            copy[mopt__rng_below(&rng, span)] ^= (uint8_t)(1U << mopt__rng_below(&rng, 8));
        }
        enum mopt_status status = mopt__test_decode_copy(copy, one->size, &image, &err);
        assert_true((status == MOPT_OK) == (image.data != NULL));
        assert_true(status == MOPT_OK || err.text[0] != '\0');
        mopt__image_release(&image);
        mopt__free(copy);
    }
}

static void refused(const char *what, const void *data, size_t size, enum mopt_status expected,
                    const char *text)
{
    struct mopt_image image;
    struct mopt_error err;
    enum mopt_status status = mopt__test_decode_copy(data, size, &image, &err);
    if (status != expected || !strstr(err.text, text)) {
        print_error("%s: status %d, '%s'\n", what, (int)status, err.text);
    }
    assert_int_equal(status, expected);
    assert_non_null(strstr(err.text, text));
    assert_null(image.data);
}

#define REFUSED(bytes, expected, text) refused(bytes, bytes, sizeof(bytes) - 1, expected, text)

static void lies_are_refused(void **state)
{
    (void)state;
    REFUSED("P6 99999 99999 255\nabc", MOPT_E_LIMIT, "2^26");
    REFUSED("P6 9999999999 2 255\nabc", MOPT_E_FORMAT, "too large");
    REFUSED("P6 0 5 255\nabc", MOPT_E_LIMIT, "0x5");
    REFUSED("P6 4 4 255\nabc", MOPT_E_FORMAT, "cut short");
    REFUSED("P6 4 4 65536\nabc", MOPT_E_FORMAT, "65535");
    REFUSED("P6 4 4 0\nabc", MOPT_E_FORMAT, "65535");
    REFUSED("P3 1 1 255 1 x 3", MOPT_E_FORMAT, "malformed");
    REFUSED("P1 2 1 2 1", MOPT_E_FORMAT, "bit");
    REFUSED("P7\nWIDTH 3\nHEIGHT 3\nDEPTH 9\nMAXVAL 255\nENDHDR\nabc", MOPT_E_FORMAT, "channels");
    REFUSED("P7\nWIDTH 3\nWHAT 3\nENDHDR\nabc", MOPT_E_FORMAT, "header");
    REFUSED("P7\nWIDTH 3", MOPT_E_FORMAT, "malformed");
    REFUSED("BM................\x28\0\0\0", MOPT_E_FORMAT, "no picture");
    REFUSED("RIFF\xff\xff\xff\xffWEBPVP8 ",
            mopt__image_format_works(MOPT_IMAGE_WEBP) ? MOPT_E_FORMAT : MOPT_E_UNSUPPORTED, "WebP");
    REFUSED("no picture at all", MOPT_E_FORMAT, "no picture");
}

static void put32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static void bitmaps_that_lie(void **state)
{
    (void)state;
    uint8_t bmp[70] = "BM";
    bmp[10] = 54;
    bmp[14] = 40;
    bmp[28] = 24;
    put32(bmp + 18, 2);
    put32(bmp + 22, 2);
    struct mopt_image image;
    struct mopt_error err;
    assert_int_equal(mopt__test_decode_copy(bmp, sizeof bmp, &image, &err), MOPT_OK);
    mopt__image_release(&image);
    put32(bmp + 22, 0x80000000);
    refused("height of -2^31", bmp, sizeof bmp, MOPT_E_LIMIT, "2147483648");
    put32(bmp + 22, 3);
    refused("a line more", bmp, sizeof bmp, MOPT_E_FORMAT, "cut short");
    put32(bmp + 22, 2);
    put32(bmp + 10, 0xffffffff);
    refused("pixels behind the end", bmp, sizeof bmp, MOPT_E_FORMAT, "cut short");
    put32(bmp + 10, 54);
    put32(bmp + 18, 0xffffffff);
    refused("width of -1", bmp, sizeof bmp, MOPT_E_FORMAT, "sides");
    put32(bmp + 18, 2);
    bmp[28] = 8;
    refused("no palette", bmp, sizeof bmp, MOPT_E_FORMAT, "palette");
    bmp[28] = 9;
    refused("9 bits", bmp, sizeof bmp, MOPT_E_FORMAT, "9 bits");
    bmp[28] = 8;
    bmp[30] = 1;
    refused("run lengths", bmp, sizeof bmp, MOPT_E_UNSUPPORTED, "coding 1");
}

// The caller may allow less than the usual pixels; nothing is allocated then.
static void fewer_pixels(void **state)
{
    (void)state;
    size_t count;
    const struct golden *golden = mopt__test_golden(&count);
    for (size_t i = 0; i < count; i++) {
        const struct mopt_encoded encoded = {.data = golden[i].data,
                                             .size = golden[i].size,
                                             .max_pixels = 5};
        struct mopt_image image;
        struct mopt_error err;
        if (mopt__image_format_works(golden[i].format)) {
            assert_int_equal(mopt__image_decode(&encoded, &image, &err), MOPT_E_LIMIT);
            assert_non_null(strstr(err.text, "1 to 5 pixels"));
            assert_null(image.data);
        }
    }
}

int mopt__test_hostile(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_short_is_an_error), cmocka_unit_test(flipped_bits_do_no_harm),
        cmocka_unit_test(lies_are_refused),      cmocka_unit_test(bitmaps_that_lie),
        cmocka_unit_test(fewer_pixels),
    };
    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
