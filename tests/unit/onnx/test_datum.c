// SPDX-License-Identifier: Apache-2.0
// Values in files: tensors, sequences, optionals, maps; there and back, and damaged.
#include <string.h>

#include "support.h"

static struct mopt_datum *number(float value)
{
    struct mopt_tensor *tensor = NULL;
    struct mopt_datum *datum = NULL;
    struct mopt_error err;

    mopt_error_clear(&err);
    assert_int_equal(mopt__tensor_f32_scalar(value, &tensor, &err), MOPT_OK);
    assert_int_equal(mopt__datum_tensor(tensor, &datum, &err), MOPT_OK);
    mopt__tensor_unref(tensor);
    return datum;
}

static struct mopt_datum *list_of(enum mopt_datum_kind kind, struct mopt_datum *a,
                                  struct mopt_datum *b)
{
    struct mopt_datum *items[] = {a, b};
    struct mopt_datum *list = NULL;
    struct mopt_error err;
    size_t count = (a != NULL ? 1U : 0U) + (b != NULL ? 1U : 0U);

    mopt_error_clear(&err);
    assert_int_equal(mopt__datum_list(kind, MOPT_FLOAT32, items, count, &list, &err), MOPT_OK);
    mopt__datum_unref(a);
    mopt__datum_unref(b);
    return list;
}

static bool equal(const struct mopt_datum *a, const struct mopt_datum *b)
{
    if (a->kind != b->kind || a->count != b->count || (a->tensor == NULL) != (b->tensor == NULL) ||
        (a->tensor != NULL && !mopt__tensor_equal(a->tensor, b->tensor))) {
        return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (!equal(a->items[i], b->items[i])) {
            return false;
        }
    }
    return true;
}

static const struct mopt_type *type_of(struct mopt_arena *arena, const struct mopt_datum *datum)
{
    static const enum mopt_type_kind kinds[] = {MOPT_TYPE_TENSOR, MOPT_TYPE_SEQUENCE,
                                                MOPT_TYPE_OPTIONAL, MOPT_TYPE_MAP};
    const struct mopt_type *element = mopt__type_tensor(arena, MOPT_FLOAT32, -1, NULL);

    return datum->kind == MOPT_DATUM_TENSOR
               ? element
               : mopt__type_container(arena, kinds[datum->kind], element);
}

// Saves, loads and compares; frees the datum.
static void check_round_trip(struct mopt_datum *datum)
{
    char *dir = temp_dir();
    const char *path = in_dir(dir, "d.pb");
    struct mopt_arena arena;
    struct mopt_datum *back = NULL;
    struct mopt_error err;

    mopt_error_clear(&err);
    mopt__arena_init(&arena);
    if (mopt__onnx_save_datum(datum, "name", path, false, &err) != MOPT_OK ||
        mopt__onnx_load_datum(path, type_of(&arena, datum), &back, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    assert_true(equal(datum, back));
    assert_int_equal(mopt__onnx_save_datum(datum, "name", path, false, &err), MOPT_E_CREATE);
    mopt__datum_unref(back);
    mopt__datum_unref(datum);
    mopt__arena_release(&arena);
    remove_dir(dir);
}

static struct mopt_datum *map_of(enum mopt_dtype keys)
{
    const int64_t dim = 2;
    struct mopt_datum *map = list_of(MOPT_DATUM_MAP, number(1), number(2));
    struct mopt_error err;

    mopt_error_clear(&err);
    assert_int_equal(mopt__tensor_new(keys, 1, &dim, &map->tensor, &err), MOPT_OK);
    for (size_t i = 0; i < 2; i++) {
        if (keys == MOPT_STRING) {
            assert_int_equal(mopt__tensor_set_string(map->tensor, i, i ? "one" : "two", 3, &err),
                             MOPT_OK);
        } else {
            mopt__element_set_i64(keys, mopt__tensor_data(map->tensor), i, 5 - (int64_t)i);
        }
    }
    return map;
}

static void values_round_trip(void **state)
{
    (void)state;

    check_round_trip(number(1.5f));
    check_round_trip(list_of(MOPT_DATUM_SEQUENCE, number(1), number(2)));
    check_round_trip(list_of(MOPT_DATUM_SEQUENCE, NULL, NULL));
    check_round_trip(list_of(MOPT_DATUM_OPTIONAL, number(3), NULL));
    check_round_trip(list_of(MOPT_DATUM_OPTIONAL, NULL, NULL));
    check_round_trip(
        list_of(MOPT_DATUM_OPTIONAL, list_of(MOPT_DATUM_SEQUENCE, number(4), NULL), NULL));
    check_round_trip(list_of(MOPT_DATUM_SEQUENCE, list_of(MOPT_DATUM_SEQUENCE, number(1), NULL),
                             list_of(MOPT_DATUM_SEQUENCE, NULL, NULL)));
    check_round_trip(map_of(MOPT_STRING));
    check_round_trip(map_of(MOPT_INT64));
    check_round_trip(map_of(MOPT_INT8));
    check_round_trip(list_of(MOPT_DATUM_SEQUENCE, map_of(MOPT_INT64), map_of(MOPT_INT64)));
}

static void tensors_have_names(void **state)
{
    char *dir = temp_dir();
    const char *path = in_dir(dir, "d.pb");
    struct mopt_datum *datum = number(2.5f);
    struct mopt_tensor *tensor = NULL;
    struct mopt_arena arena;
    struct mopt_error err;
    const char *name = NULL;
    (void)state;

    mopt_error_clear(&err);
    mopt__arena_init(&arena);
    assert_int_equal(mopt__onnx_save_datum(datum, "input", path, false, &err), MOPT_OK);
    assert_int_equal(mopt__onnx_load_tensor(path, &tensor, &name, &arena, &err), MOPT_OK);
    assert_string_equal(name, "input");
    assert_true(mopt__tensor_f64(tensor, 0) == 2.5);
    mopt__tensor_unref(tensor);
    assert_int_equal(mopt__onnx_load_tensor(in_dir(dir, "none"), &tensor, &name, &arena, &err),
                     MOPT_E_MISSING);
    mopt__datum_unref(datum);
    mopt__arena_release(&arena);
    remove_dir(dir);
}

static void empty_sequences_know_their_type(void **state)
{
    char *dir = temp_dir();
    const char *path = in_dir(dir, "d.pb");
    struct mopt_datum *datum = list_of(MOPT_DATUM_SEQUENCE, NULL, NULL);
    struct mopt_datum *back = NULL;
    struct mopt_arena arena;
    struct mopt_error err;
    (void)state;

    mopt_error_clear(&err);
    mopt__arena_init(&arena);
    assert_int_equal(mopt__onnx_save_datum(datum, NULL, path, false, &err), MOPT_OK);
    assert_int_equal(mopt__onnx_load_datum(path, type_of(&arena, datum), &back, &err), MOPT_OK);
    assert_int_equal(back->dtype, MOPT_FLOAT32);
    mopt__datum_unref(back);
    mopt__datum_unref(datum);
    mopt__arena_release(&arena);
    remove_dir(dir);
}

static void odd_maps_are_refused(void **state)
{
    static const struct {
        int type;
        size_t keys;
        bool text;
        const char *why;
    } cases[] = {{MOPT_INT64, 2, false, "2 keys and 1 values"},
                 {MOPT_INT64, 1, true, "keys of two kinds"},
                 {MOPT_FLOAT32, 1, false, "cannot be the key"},
                 {99, 1, false, "cannot be the key"}};
    char *dir = temp_dir();
    const char *path = in_dir(dir, "d.pb");
    struct mopt_type type = {.kind = MOPT_TYPE_MAP};
    (void)state;

    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        struct pb map = {0};
        struct pb values = {0};
        struct pb value = tensor_of(NULL, MOPT_FLOAT32, 1, (const int64_t[]){0});
        struct mopt_datum *datum = NULL;
        struct mopt_error err;

        mopt_error_clear(&err);
        pb_int(&map, 2, cases[i].type);
        for (size_t j = 0; j < cases[i].keys; j++) {
            pb_int(&map, 3, (int64_t)j);
        }
        if (cases[i].text) {
            pb_text(&map, 4, "key");
        }
        pb_sub(&values, 3, &value);
        pb_sub(&map, 5, &values);
        assert_int_equal(mopt__file_write(path, map.data, map.size, true, &err), MOPT_OK);
        pb_free(&map);
        assert_int_equal(mopt__onnx_load_datum(path, &type, &datum, &err), MOPT_E_FORMAT);
        assert_non_null(strstr(err.text, cases[i].why));
    }
    remove_dir(dir);
}

static void damaged_values_are_refused(void **state)
{
    char *dir = temp_dir();
    const char *path = in_dir(dir, "d.pb");
    struct mopt_datum *whole =
        list_of(MOPT_DATUM_SEQUENCE, map_of(MOPT_STRING), map_of(MOPT_STRING));
    struct mopt_mapping *mapping = NULL;
    struct mopt_arena arena;
    struct mopt_error err;
    struct mopt_rng rng;
    (void)state;

    mopt_error_clear(&err);
    mopt__rng_init(&rng, 3);
    mopt__arena_init(&arena);
    assert_int_equal(mopt__onnx_save_datum(whole, "x", path, false, &err), MOPT_OK);
    assert_int_equal(mopt__mapping_open(path, 0, &mapping, &err), MOPT_OK);
    for (size_t i = 0; i < 2 * mapping->size; i++) {
        struct pb copy = {0};
        struct mopt_datum *back = NULL;

        pb_add(&copy, mapping->data, mapping->size);
        if (i < mapping->size) {
            copy.size = i;
        } else {
            copy.data[i - mapping->size] ^= (uint8_t)(1U << mopt__rng_below(&rng, 8));
        }
        assert_int_equal(mopt__file_write(path, copy.data, copy.size, true, &err), MOPT_OK);
        if (mopt__onnx_load_datum(path, type_of(&arena, whole), &back, &err) == MOPT_OK) {
            assert_int_equal(back->kind, MOPT_DATUM_SEQUENCE);
        } else {
            assert_null(back);
        }
        mopt__datum_unref(back);
        pb_free(&copy);
    }
    mopt__mapping_unref(mapping);
    mopt__datum_unref(whole);
    mopt__arena_release(&arena);
    remove_dir(dir);
}

int mopt__test_datum(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_round_trip),
        cmocka_unit_test(tensors_have_names),
        cmocka_unit_test(empty_sequences_know_their_type),
        cmocka_unit_test(odd_maps_are_refused),
        cmocka_unit_test(damaged_values_are_refused),
    };

    return cmocka_run_group_tests_name("datum", tests, NULL, NULL);
}
