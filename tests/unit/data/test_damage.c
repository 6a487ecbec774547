// SPDX-License-Identifier: Apache-2.0
// Any bytes through the front door: a dataset, or one clear error; allocation that fails at any
// place.
#include <string.h>

#include "golden_numbers.h"
#include "golden_pictures.h"
#include "tests.h"

static const struct {
    const char *name;
    const uint8_t *data;
    size_t size;
} FILES[] = {
    {"fortran", NPY_FORTRAN, sizeof NPY_FORTRAN},
    {"big", NPY_BIG, sizeof NPY_BIG},
    {"half", NPY_HALF, sizeof NPY_HALF},
    {"bool", NPY_BOOL, sizeof NPY_BOOL},
    {"text", NPY_TEXT, sizeof NPY_TEXT},
    {"bytes", NPY_BYTES, sizeof NPY_BYTES},
    {"scalar", NPY_SCALAR, sizeof NPY_SCALAR},
    {"stored", NPZ_STORED, sizeof NPZ_STORED},
    {"packed", NPZ_PACKED, sizeof NPZ_PACKED},
    {"png", FILE_PNG_RGB, sizeof FILE_PNG_RGB},
    {"jpeg", FILE_JPEG_420, sizeof FILE_JPEG_420},
    {"complex", NPY_BIG_COMPLEX, sizeof NPY_BIG_COMPLEX},
};

// Opens and reads everything of the file for a model that takes nearly anything.
static enum mopt_status read_through(const char *path, const struct specs *specs,
                                     struct mopt_error *err)
{
    struct mopt_data_options options = {.path = path, .dims = specs->model->dims, .batch = 2};
    struct mopt_dataset *dataset = NULL;
    const struct mopt_sample *sample = NULL;
    mopt_error_clear(err);
    enum mopt_status status =
        mopt__dataset_open(&options, specs->items, specs->count, &dataset, err);
    size_t count = 0;
    while (status == MOPT_OK && count++ < 100) {
        status = mopt__dataset_next(dataset, &sample, err);
        if (!sample) {
            break;
        }
    }
    mopt__dataset_close(dataset);
    return status;
}

static void damaged_files_give_one_error(void **state)
{
    (void)state;
    struct specs specs[] = {mopt__test_specs("float[...] x"),
                            mopt__test_specs("float[...] x, float[...] ids")};
    struct mopt_rng rng;
    size_t refused = 0;
    mopt__test_folder();
    mopt__rng_init(&rng, 11);
    for (size_t round = 0; round < 1500; round++) {
        size_t file = round % MOPT_COUNTOF(FILES);
        uint8_t *copy = mopt__malloc(FILES[file].size);
        struct mopt_error err;
        size_t size = FILES[file].size;
        memcpy(copy, FILES[file].data, size);
        copy[mopt__rng_below(&rng, size)] ^= (uint8_t)(1U << mopt__rng_below(&rng, 8));
        if (round % 3 == 0) {
            size = (size_t)mopt__rng_below(&rng, size);
        }
        enum mopt_status status =
            read_through(mopt__test_write("x", copy, size), &specs[round % 2], &err);
        assert_int_equal(status, err.status);
        assert_true(status == MOPT_OK || err.text[0] != '\0');
        assert_true(status != MOPT_E_INTERNAL);
        refused += status != MOPT_OK;
        mopt__free(copy);
    }
    assert_true(refused > 500);
    mopt__test_specs_free(&specs[0]);
    mopt__test_specs_free(&specs[1]);
    mopt__test_remove_folder();
}

static void random_bytes_give_one_error(void **state)
{
    (void)state;
    static const char *const marks[] = {
        "\x93NUMPY\x01",     "PK\3\4",       "PK\5\6", "\xff\xd8\xff\xe0",
        "\x89PNG\r\n\x1a\n", "\x1f\x8b\x08", "x=",     ""};
    struct specs specs = mopt__test_specs("float[...] x");
    struct mopt_rng rng;
    mopt__test_folder();
    mopt__rng_init(&rng, 12);
    for (size_t round = 0; round < 400; round++) {
        uint8_t bytes[300];
        struct mopt_error err;
        const char *mark = marks[round % MOPT_COUNTOF(marks)];
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (uint8_t)mopt__rng_below(&rng, 256);
        }
        memcpy(bytes, mark, strlen(mark));
        enum mopt_status status =
            read_through(mopt__test_write("x", bytes, sizeof bytes), &specs, &err);
        assert_int_not_equal(status, MOPT_OK);
        assert_true(err.text[0] != '\0');
    }
    mopt__test_specs_free(&specs);
    mopt__test_remove_folder();
}

int mopt__test_damage(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_files_give_one_error),
        cmocka_unit_test(random_bytes_give_one_error),
    };
    return cmocka_run_group_tests_name("damage", tests, NULL, NULL);
}
