// SPDX-License-Identifier: Apache-2.0
// JPEG and PNG against Pillow (table of golden.py), and damaged ones.
#include <string.h>
#include <zlib.h>

#include "data/image.h"
#include "golden_pictures.h"
#include "tests.h"

static enum mopt_status decode(const uint8_t *data, size_t size, struct mopt_tensor **out,
                               struct mopt_error *err)
{
    *out = NULL;
    mopt_error_clear(err);
    return mopt__picture_decode(data, size, out, err);
}

static void equal_pillow(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < MOPT_COUNTOF(GOLDEN_PICTURES); i++) {
        const struct golden_picture *golden = &GOLDEN_PICTURES[i];
        struct mopt_tensor *tensor = NULL;
        struct mopt_error err;
        mopt__test_works(decode(golden->data, golden->size, &tensor, &err), &err);
        uint32_t crc = (uint32_t)crc32_z(0, tensor->data, tensor->bytes);
        if (tensor->rank != 3 || tensor->dims[0] != golden->height ||
            tensor->dims[1] != golden->width || tensor->dims[2] != golden->channels ||
            crc != golden->crc) {
            print_error("%s: %lldx%lldx%lld, crc %08x, golden %08x\n", golden->name,
                        (long long)tensor->dims[0], (long long)tensor->dims[1],
                        (long long)tensor->dims[2], crc, golden->crc);
            wrong++;
        }
        mopt__tensor_unref(tensor);
    }
    assert_int_equal(wrong, 0);
}

// Every truncation is an error, but of the few bytes behind the last pixel.
static void cut_short_is_an_error(void **state)
{
    (void)state;
    for (size_t i = 0; i < MOPT_COUNTOF(GOLDEN_PICTURES); i++) {
        const struct golden_picture *golden = &GOLDEN_PICTURES[i];
        for (size_t size = 0; size + 40 < golden->size; size += 7) {
            struct mopt_tensor *tensor = NULL;
            struct mopt_error err;
            uint8_t *copy = mopt__malloc(size); // so that the sanitizer sees reads behind the end
            memcpy(copy, golden->data, size);
            enum mopt_status status = decode(copy, size, &tensor, &err);
            mopt__free(copy);
            assert_int_not_equal(status, MOPT_OK);
            assert_true(err.text[0] != '\0');
            assert_null(tensor);
        }
    }
}

static void flipped_bits_do_no_harm(void **state)
{
    (void)state;
    struct mopt_rng rng;
    mopt__rng_init(&rng, 7);
    for (size_t round = 0; round < 600; round++) {
        const struct golden_picture *golden =
            &GOLDEN_PICTURES[round % MOPT_COUNTOF(GOLDEN_PICTURES)];
        struct mopt_tensor *tensor = NULL;
        struct mopt_error err;
        uint8_t *copy = mopt__malloc(golden->size);
        memcpy(copy, golden->data, golden->size);
        copy[mopt__rng_below(&rng, golden->size)] ^= (uint8_t)(1U << mopt__rng_below(&rng, 8));
        enum mopt_status status = decode(copy, golden->size, &tensor, &err);
        assert_true((status == MOPT_OK) == (tensor != NULL));
        mopt__tensor_unref(tensor);
        mopt__free(copy);
    }
}

static void put32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

// Sizes that lie: a PNG header with 2^30 x 2^30 pixels and a right check sum.
static void huge_sizes_are_refused(void **state)
{
    (void)state;
    struct mopt_tensor *tensor = NULL;
    struct mopt_error err;
    uint8_t png[512];
    assert_true(sizeof FILE_PNG_RGB <= sizeof png);
    memcpy(png, FILE_PNG_RGB, sizeof FILE_PNG_RGB);
    put32(png + 16, 1 << 14);
    put32(png + 20, (1 << 13) + 1);
    put32(png + 29, (uint32_t)crc32_z(0, png + 12, 17));
    mopt__test_fails(decode(png, sizeof FILE_PNG_RGB, &tensor, &err), MOPT_E_LIMIT, &err, "2^26");
    put32(png + 16, 1 << 30);
    put32(png + 20, 1 << 30);
    put32(png + 29, (uint32_t)crc32_z(0, png + 12, 17));
    assert_int_not_equal(decode(png, sizeof FILE_PNG_RGB, &tensor, &err), MOPT_OK);
}

static void file_is_named(void **state)
{
    (void)state;
    struct mopt_tensor *tensor = NULL;
    struct mopt_error err;
    mopt__test_folder();
    const char *path = mopt__test_write("a.jpg", FILE_JPEG_RGB, sizeof FILE_JPEG_RGB / 2);
    mopt__test_fails(mopt__image_load(path, &tensor, &err), MOPT_E_FORMAT, &err, "a.jpg");
    path =
        mopt__test_write("b.png", FILE_JPEG_RGB, sizeof FILE_JPEG_RGB); // the name does not count
    mopt__test_works(mopt__image_load(path, &tensor, &err), &err);
    mopt__tensor_unref(tensor);
    path = mopt__test_write_text("c.png", "nothing");
    mopt__test_fails(mopt__image_load(path, &tensor, &err), MOPT_E_FORMAT, &err,
                     "neither JPEG nor PNG");
    mopt__test_remove_folder();
}

int mopt__test_pictures(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_pillow),
        cmocka_unit_test(cut_short_is_an_error),
        cmocka_unit_test(flipped_bits_do_no_harm),
        cmocka_unit_test(huge_sizes_are_refused),
        cmocka_unit_test(file_is_named),
    };
    return cmocka_run_group_tests_name("pictures", tests, NULL, NULL);
}
