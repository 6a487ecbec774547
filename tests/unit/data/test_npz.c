// SPDX-License-Identifier: Apache-2.0
// .npz archives: what NumPy wrote, round trips, archives that lie.
#include <string.h>

#include "golden_numbers.h"
#include "tests.h"

static void check_content(const char *path)
{
    struct mopt_npz *npz = NULL;
    struct mopt_error err;
    mopt__test_works(mopt__npz_open(path, &npz, &err), &err);
    assert_int_equal(mopt__npz_count(npz), 2);
    assert_string_equal(mopt__npz_name(npz, 0), "x");
    assert_string_equal(mopt__npz_name(npz, 1), "ids");
    for (int round = 0; round < 2; round++) { // packed ones are unpacked again
        struct mopt_tensor *x = NULL;
        struct mopt_tensor *ids = NULL;
        mopt__test_works(mopt__npz_tensor(npz, 0, &x, &err), &err);
        mopt__test_works(mopt__npz_tensor(npz, 1, &ids, &err), &err);
        assert_int_equal(x->dtype, MOPT_FLOAT32);
        assert_int_equal(x->rank, 2);
        assert_int_equal(x->dims[1], 10);
        assert_true(mopt__tensor_f64(x, 39) == 39.0);
        assert_int_equal(mopt__tensor_i64_at(ids, 3), 9);
        mopt__tensor_unref(x);
        mopt__tensor_unref(ids);
    }
    mopt__npz_close(npz);
}

static void numpy_archives_are_read(void **state)
{
    (void)state;
    mopt__test_folder();
    check_content(mopt__test_write("s.npz", NPZ_STORED, sizeof NPZ_STORED));
    check_content(mopt__test_write("p.npz", NPZ_PACKED, sizeof NPZ_PACKED));
    mopt__test_remove_folder();
}

static void saved_archives_are_read_and_repeat(void **state)
{
    (void)state;
    struct mopt_error err;
    mopt__test_folder();
    struct mopt_tensor *x = mopt__test_tensor(MOPT_FLOAT32, 2, (const int64_t[]){4, 10});
    struct mopt_tensor *ids = mopt__test_tensor(MOPT_INT64, 1, (const int64_t[]){4});
    for (size_t i = 0; i < 40; i++) {
        ((float *)mopt__tensor_data(x))[i] = (float)i;
        ((int64_t *)mopt__tensor_data(ids))[i / 10] = (int64_t)(i / 10) * 3;
    }
    const char *names[] = {"x", "ids"};
    struct mopt_tensor *tensors[] = {x, ids};
    uint8_t *bytes[2];
    size_t sizes[2];
    for (int round = 0; round < 2; round++) {
        const char *path = mopt__test_path_in(round == 0 ? "a.npz" : "b.npz");
        mopt__test_works(mopt__npz_save(path, names, tensors, 2, false, &err), &err);
        check_content(path);
        bytes[round] = mopt__test_read(path, &sizes[round]);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    mopt__free(bytes[0]);
    mopt__free(bytes[1]);
    const char *same[] = {"x", "x"};
    mopt__test_fails(mopt__npz_save(mopt__test_path_in("c.npz"), same, tensors, 2, false, &err),
                     MOPT_E_USAGE, &err, "two arrays are named 'x'");
    assert_false(mopt__path_exists(mopt__test_path_in("c.npz")));
    mopt__tensor_unref(x);
    mopt__tensor_unref(ids);
    mopt__test_remove_folder();
}

// Reads everything; any status but a crash or a success with wrong data is fine.
static enum mopt_status read_all(const uint8_t *data, size_t size, struct mopt_error *err)
{
    struct mopt_npz *npz = NULL;
    mopt_error_clear(err);
    const char *path = mopt__test_write("d.npz", data, size);
    enum mopt_status status = mopt__npz_open(path, &npz, err);
    for (size_t i = 0; status == MOPT_OK && i < mopt__npz_count(npz); i++) {
        struct mopt_tensor *tensor = NULL;
        status = mopt__npz_tensor(npz, i, &tensor, err);
        mopt__tensor_unref(tensor);
    }
    mopt__npz_close(npz);
    return status;
}

static void cut_archives_are_refused(void **state)
{
    (void)state;
    struct mopt_error err;
    mopt__test_folder();
    for (size_t size = 0; size < sizeof NPZ_PACKED; size += 3) {
        assert_int_not_equal(read_all(NPZ_PACKED, size, &err), MOPT_OK);
    }
    for (size_t size = 0; size < sizeof NPZ_STORED; size += 11) {
        assert_int_not_equal(read_all(NPZ_STORED, size, &err), MOPT_OK);
    }
    mopt__test_remove_folder();
}

static void flipped_bits_are_found(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_rng rng;
    size_t refused = 0;
    mopt__test_folder();
    mopt__rng_init(&rng, 3);
    for (size_t round = 0; round < 600; round++) {
        uint8_t copy[sizeof NPZ_PACKED];
        memcpy(copy, NPZ_PACKED, sizeof copy);
        copy[mopt__rng_below(&rng, sizeof copy)] ^= (uint8_t)(1U << mopt__rng_below(&rng, 8));
        enum mopt_status status = read_all(copy, sizeof copy, &err);
        refused += status != MOPT_OK;
        assert_true(status == MOPT_OK || err.text[0] != '\0');
    }
    assert_true(refused > 300); // times, versions and attributes may change unseen
    mopt__test_remove_folder();
}

// Place of a mark in the archive, counted from the end backwards.
static size_t find_mark(const uint8_t *data, size_t size, const char *mark)
{
    for (size_t i = size - 4; i > 0; i--) {
        if (memcmp(data + i, mark, 4) == 0) {
            return i;
        }
    }
    return 0;
}

static void archives_that_lie_are_refused(void **state)
{
    (void)state;
    struct mopt_error err;
    uint8_t copy[sizeof NPZ_PACKED];
    size_t central = find_mark(NPZ_PACKED, sizeof NPZ_PACKED, "PK\1\2");
    size_t end = find_mark(NPZ_PACKED, sizeof NPZ_PACKED, "PK\5\6");
    static const struct {
        const char *message;
        size_t at; // from the last central record, or the end record if at_end
        bool at_end;
        uint8_t bytes[4];
        size_t count;
        enum mopt_status status;
    } cases[] = {
        {"more than its bytes can hold", 24, false, {0xf0, 0xff, 0xff, 0x7f}, 4, MOPT_E_FORMAT},
        {"beyond the end", 20, false, {0xf0, 0xff, 0xff, 0x7f}, 4, MOPT_E_FORMAT},
        {"not where the directory says", 42, false, {1, 0, 0, 0}, 4, MOPT_E_FORMAT},
        {"method 99", 10, false, {99, 0}, 2, MOPT_E_UNSUPPORTED},
        {"encrypted", 8, false, {1, 0}, 2, MOPT_E_UNSUPPORTED},
        {"CRC-32", 16, false, {1, 2, 3, 4}, 4, MOPT_E_FORMAT},
        {"promises", 24, false, {200, 0, 0, 0}, 4, MOPT_E_FORMAT},
        {"outside of the file", 16, true, {0xff, 0xff, 0xff, 0x7f}, 4, MOPT_E_FORMAT},
        {"outside of the file", 10, true, {0xff, 0x7f}, 2, MOPT_E_FORMAT},
        {"one part of several", 4, true, {1, 0}, 2, MOPT_E_FORMAT},
    };
    mopt__test_folder();
    assert_true(central > 0 && end > central);
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        memcpy(copy, NPZ_PACKED, sizeof copy);
        memcpy(copy + (cases[i].at_end ? end : central) + cases[i].at, cases[i].bytes,
               cases[i].count);
        mopt__test_fails(read_all(copy, sizeof copy, &err), cases[i].status, &err,
                         cases[i].message);
    }
    mopt__test_remove_folder();
}

static void no_array_is_an_error(void **state)
{
    (void)state;
    struct mopt_error err;
    mopt__test_folder();
    static const uint8_t empty[] = "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    mopt__test_fails(read_all(empty, sizeof empty, &err), MOPT_E_FORMAT, &err, "no .npy array");
    mopt__test_remove_folder();
}

int mopt__test_npz(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numpy_archives_are_read),
        cmocka_unit_test(saved_archives_are_read_and_repeat),
        cmocka_unit_test(cut_archives_are_refused),
        cmocka_unit_test(flipped_bits_are_found),
        cmocka_unit_test(archives_that_lie_are_refused),
        cmocka_unit_test(no_array_is_an_error),
    };
    return cmocka_run_group_tests_name("npz", tests, NULL, NULL);
}
