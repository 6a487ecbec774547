// SPDX-License-Identifier: Apache-2.0
// Values of tensors: sizes for all 26 element types, typed fields and their ranges, one place for
// the values.
#include <string.h>

#include "support.h"

static struct pb model_with(struct pb *tensor)
{
    struct pb graph = small_graph();

    pb_sub(&graph, 5, tensor);
    return model_of(&graph);
}

static const struct mopt_value *weight(const struct mopt_model *model)
{
    return mopt__value_find(model->graph, "w");
}

// ---- Raw

// 7 elements: an odd number, so that 2- and 4-bit types end inside a byte.
static void raw_sizes_must_fit(void **state)
{
    static const uint8_t zeros[256];
    (void)state;

    for (int dtype = 1; dtype < MOPT_DTYPE_COUNT; dtype++) {
        size_t right = 0;

        if (dtype == MOPT_STRING) {
            continue;
        }
        assert_true(mopt__dtype_bytes((enum mopt_dtype)dtype, 7, &right));
        for (int delta = -1; delta <= 1; delta++) {
            struct pb tensor = tensor_of("w", dtype, 1, (const int64_t[]){7});
            struct pb model = {0};

            pb_bytes(&tensor, 9, zeros, right + (size_t)delta);
            model = model_with(&tensor);
            if (delta != 0) {
                assert_load_fails(&model, MOPT_E_FORMAT, "initializer 'w': raw_data holds");
                continue;
            }
            struct mopt_model *loaded = assert_loads(&model);
            assert_int_equal(weight(loaded)->constant->bytes, right);
            assert_int_equal(weight(loaded)->constant->dtype, dtype);
            mopt__model_free(loaded);
        }
    }
}

static void raw_text_is_refused(void **state)
{
    struct pb tensor = tensor_of("w", MOPT_STRING, 1, (const int64_t[]){1});
    struct pb model = {0};
    (void)state;

    pb_bytes(&tensor, 9, "a", 1);
    model = model_with(&tensor);
    assert_load_fails(&model, MOPT_E_FORMAT, "text stands in raw_data");
}

// ---- Dimensions

static void bad_dimensions_are_refused(void **state)
{
    static const struct {
        int rank;
        int64_t dims[17];
        enum mopt_status status;
        const char *why;
    } cases[] = {
        {1, {-1}, MOPT_E_FORMAT, "negative"},
        {1, {INT64_MIN}, MOPT_E_FORMAT, "negative"},
        {1, {INT64_MAX}, MOPT_E_FORMAT, "too large"},
        {2, {INT64_C(1) << 32, INT64_C(1) << 32}, MOPT_E_FORMAT, "too large"},
        {2, {(INT64_C(1) << 62) + 2, 4}, MOPT_E_FORMAT, "too large"}, // 8 modulo 2^64
        {1, {INT64_C(1) << 40}, MOPT_E_FORMAT, "raw_data holds 8 bytes"},
        {17, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, MOPT_E_UNSUPPORTED, "dimensions"},
    };
    (void)state;

    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        struct pb tensor = tensor_of("w", MOPT_FLOAT32, cases[i].rank, cases[i].dims);
        struct pb model = {0};

        pb_bytes(&tensor, 9, "\0\0\0\0\0\0\0\0", 8);
        model = model_with(&tensor);
        assert_load_fails(&model, cases[i].status, cases[i].why);
    }
}

static void packed_dimensions_are_read(void **state)
{
    struct pb tensor = {0};
    struct pb model = {0};
    struct mopt_model *loaded = NULL;
    (void)state;

    pb_bytes(&tensor, 1, "\x02\x03", 2);
    pb_int(&tensor, 2, MOPT_INT8);
    pb_text(&tensor, 8, "w");
    pb_bytes(&tensor, 9, "abcdef", 6);
    model = model_with(&tensor);
    loaded = assert_loads(&model);
    assert_int_equal(weight(loaded)->constant->rank, 2);
    assert_int_equal(weight(loaded)->constant->dims[1], 3);
    mopt__model_free(loaded);
}

static void unknown_types_are_refused(void **state)
{
    static const int types[] = {0, 27, 28, 1000, -1};
    (void)state;

    for (size_t i = 0; i < MOPT_COUNTOF(types); i++) {
        struct pb tensor = tensor_of("w", types[i], 1, (const int64_t[]){0});
        struct pb model = model_with(&tensor);

        assert_load_fails(&model, types[i] == 0 ? MOPT_E_FORMAT : MOPT_E_UNSUPPORTED,
                          "element type");
    }
}

// ---- Typed fields

static uint32_t field_of(int dtype)
{
    switch (dtype) {
    case MOPT_FLOAT32:
    case MOPT_COMPLEX64:
        return 4;
    case MOPT_FLOAT64:
    case MOPT_COMPLEX128:
        return 10;
    case MOPT_INT64:
        return 7;
    case MOPT_UINT32:
    case MOPT_UINT64:
        return 11;
    default:
        return 5;
    }
}

// `entries` values of one byte or of the field's fixed width.
static void add_entries(struct pb *tensor, int dtype, size_t entries, uint8_t value)
{
    uint8_t bytes[512];
    uint32_t field = field_of(dtype);
    size_t width = field == 4 ? 4 : field == 10 ? 8 : 1;

    memset(bytes, value, sizeof bytes);
    pb_bytes(tensor, field, bytes, entries * width);
}

static size_t entries_of(int dtype, size_t count)
{
    size_t bytes = 0;

    assert_true(mopt__dtype_bytes((enum mopt_dtype)dtype, count, &bytes));
    switch (field_of(dtype)) {
    case 4:
        return bytes / 4;
    case 10:
        return bytes / 8;
    default:
        return mopt__dtype_bits((enum mopt_dtype)dtype) < 8 ? bytes : count;
    }
}

static void typed_counts_must_fit(void **state)
{
    (void)state;

    for (int dtype = 1; dtype < MOPT_DTYPE_COUNT; dtype++) {
        for (int delta = -1; delta <= 1 && dtype != MOPT_STRING; delta++) {
            struct pb tensor = tensor_of("w", dtype, 1, (const int64_t[]){7});
            struct pb model = {0};

            add_entries(&tensor, dtype, entries_of(dtype, 7) + (size_t)delta, 1);
            model = model_with(&tensor);
            if (delta != 0) {
                assert_load_fails(&model, MOPT_E_FORMAT, "the dimensions ask for");
            } else {
                mopt__model_free(assert_loads(&model));
            }
        }
    }
}

static void typed_values_are_decoded(void **state)
{
    struct pb tensor = tensor_of("w", MOPT_INT16, 1, (const int64_t[]){3});
    struct pb packed = {0};
    struct pb model = {0};
    struct mopt_model *loaded = NULL;
    (void)state;

    pb_varint(&packed, (uint64_t)INT64_C(-32768));
    pb_varint(&packed, 0xffffffffU); // -1 cut to 32 bits
    pb_varint(&packed, 32767);
    pb_sub(&tensor, 5, &packed);
    model = model_with(&tensor);
    loaded = assert_loads(&model);
    assert_int_equal(mopt__tensor_i64_at(weight(loaded)->constant, 0), -32768);
    assert_int_equal(mopt__tensor_i64_at(weight(loaded)->constant, 1), -1);
    assert_int_equal(mopt__tensor_i64_at(weight(loaded)->constant, 2), 32767);
    mopt__model_free(loaded);
}

static void unpacked_values_are_read(void **state)
{
    struct pb tensor = tensor_of("w", MOPT_FLOAT32, 1, (const int64_t[]){3});
    struct pb model = {0};
    struct mopt_model *loaded = NULL;
    (void)state;

    pb_float(&tensor, 4, 1.0f);
    pb_bytes(&tensor, 4, "\0\0\0@", 4); // a packed piece between
    pb_float(&tensor, 4, 3.0f);
    model = model_with(&tensor);
    loaded = assert_loads(&model);
    for (size_t i = 0; i < 3; i++) {
        assert_true(mopt__tensor_f64(weight(loaded)->constant, i) == (double)(i + 1));
    }
    mopt__model_free(loaded);
    tensor = tensor_of("w", MOPT_INT64, 1, (const int64_t[]){2});
    pb_int(&tensor, 7, -5);
    pb_int(&tensor, 7, 6);
    model = model_with(&tensor);
    loaded = assert_loads(&model);
    assert_int_equal(mopt__tensor_i64_at(weight(loaded)->constant, 0), -5);
    mopt__model_free(loaded);
}

static void values_out_of_range_are_refused(void **state)
{
    static const struct {
        int dtype;
        int64_t value;
    } cases[] = {
        {MOPT_INT8, 128},
        {MOPT_INT8, -129},
        {MOPT_UINT8, 256},
        {MOPT_UINT8, -1},
        {MOPT_INT16, 32768},
        {MOPT_UINT16, 65536},
        {MOPT_UINT16, -1},
        {MOPT_BOOL, 2},
        {MOPT_BOOL, -1},
        {MOPT_FLOAT16, 65536},
        {MOPT_BFLOAT16, 65536},
        {MOPT_FLOAT8E4M3FN, 256},
        {MOPT_FLOAT8E8M0, -1},
        {MOPT_INT4, 256},
        {MOPT_UINT2, 256},
        {MOPT_INT32, 1LL << 32},
        {MOPT_UINT32, 1LL << 32},
        {MOPT_UINT32, -1},
        {MOPT_INT32, -(1LL << 31) - 1},
    };
    (void)state;

    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        struct pb tensor = tensor_of("w", cases[i].dtype, 1, (const int64_t[]){1});
        struct pb packed = {0};
        struct pb model = {0};

        pb_varint(&packed, (uint64_t)cases[i].value);
        pb_sub(&tensor, field_of(cases[i].dtype), &packed);
        model = model_with(&tensor);
        assert_load_fails(&model, MOPT_E_FORMAT, "out of the range");
    }
}

static void damaged_numbers_are_refused(void **state)
{
    struct pb tensor = tensor_of("w", MOPT_INT64, 1, (const int64_t[]){1});
    struct pb model = {0};
    (void)state;

    pb_bytes(&tensor, 7, "\x80\x80", 2);
    model = model_with(&tensor);
    assert_load_fails(&model, MOPT_E_FORMAT, "cut or too long");
}

// Two numbers of ten bytes are enough bytes for three, but not enough numbers.
static void numbers_are_counted_not_bytes(void **state)
{
    struct pb tensor = tensor_of("w", MOPT_INT64, 1, (const int64_t[]){3});
    struct pb packed = {0};
    struct pb model = {0};
    (void)state;

    pb_varint(&packed, UINT64_MAX);
    pb_varint(&packed, UINT64_MAX);
    pb_sub(&tensor, 7, &packed);
    model = model_with(&tensor);
    assert_load_fails(&model, MOPT_E_FORMAT, "int64_data holds 2 values");
}

static void huge_claims_take_no_memory(void **state)
{
    struct pb tensor = tensor_of("w", MOPT_INT8, 1, (const int64_t[]){INT64_C(1) << 50});
    struct pb model = {0};
    (void)state;

    pb_bytes(&tensor, 5, "\1", 1);
    model = model_with(&tensor);
    assert_load_fails(&model, MOPT_E_FORMAT, "fewer values");
}

static void strings_are_counted(void **state)
{
    (void)state;

    for (int count = 1; count <= 3; count++) {
        struct pb tensor = tensor_of("w", MOPT_STRING, 1, (const int64_t[]){2});
        struct pb model = {0};

        for (int i = 0; i < count; i++) {
            pb_bytes(&tensor, 6, "a\0b", 3);
        }
        model = model_with(&tensor);
        if (count != 2) {
            assert_load_fails(&model, MOPT_E_FORMAT, "string_data holds");
            continue;
        }
        struct mopt_model *loaded = assert_loads(&model);
        const struct mopt_string *strings = weight(loaded)->constant->data;
        assert_int_equal(strings[1].size, 3);
        assert_memory_equal(strings[1].data, "a\0b", 3);
        mopt__model_free(loaded);
    }
}

// ---- Places

static void two_places_are_refused(void **state)
{
    static const uint32_t fields[] = {4, 5, 6, 7, 10, 11};
    (void)state;

    for (size_t i = 0; i < MOPT_COUNTOF(fields); i++) {
        struct pb tensor = tensor_of("w", MOPT_FLOAT32, 1, (const int64_t[]){1});
        struct pb model = {0};

        pb_bytes(&tensor, 9, "\0\0\0\0", 4);
        pb_bytes(&tensor, fields[i], "\0\0\0\0\0\0\0\0", 8);
        model = model_with(&tensor);
        assert_load_fails(&model, MOPT_E_FORMAT, "more than one place");
    }
}

static void wrong_places_are_refused(void **state)
{
    static const uint32_t fields[] = {5, 6, 7, 10, 11};
    (void)state;

    for (size_t i = 0; i < MOPT_COUNTOF(fields); i++) {
        struct pb tensor = tensor_of("w", MOPT_FLOAT32, 1, (const int64_t[]){1});
        struct pb model = {0};

        pb_bytes(&tensor, fields[i], "\0\0\0\0\0\0\0\0", 8);
        model = model_with(&tensor);
        assert_load_fails(&model, MOPT_E_FORMAT, "not in float_data");
    }
}

static void missing_values_are_refused(void **state)
{
    struct pb tensor = tensor_of("w", MOPT_FLOAT32, 0, NULL);
    struct pb model = model_with(&tensor);
    (void)state;

    assert_load_fails(&model, MOPT_E_FORMAT, "values are missing");
    tensor = tensor_of("w", MOPT_FLOAT32, 1, (const int64_t[]){0});
    model = model_with(&tensor);
    mopt__model_free(assert_loads(&model));
}

static void segments_are_refused(void **state)
{
    struct pb tensor = tensor_of("w", MOPT_FLOAT32, 1, (const int64_t[]){0});
    struct pb segment = {0};
    struct pb model = {0};
    (void)state;

    pb_int(&segment, 1, 0);
    pb_sub(&tensor, 3, &segment);
    model = model_with(&tensor);
    assert_load_fails(&model, MOPT_E_UNSUPPORTED, "segment");
}

int mopt__test_values(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_sizes_must_fit),
        cmocka_unit_test(raw_text_is_refused),
        cmocka_unit_test(bad_dimensions_are_refused),
        cmocka_unit_test(packed_dimensions_are_read),
        cmocka_unit_test(unknown_types_are_refused),
        cmocka_unit_test(typed_counts_must_fit),
        cmocka_unit_test(typed_values_are_decoded),
        cmocka_unit_test(unpacked_values_are_read),
        cmocka_unit_test(values_out_of_range_are_refused),
        cmocka_unit_test(damaged_numbers_are_refused),
        cmocka_unit_test(numbers_are_counted_not_bytes),
        cmocka_unit_test(huge_claims_take_no_memory),
        cmocka_unit_test(strings_are_counted),
        cmocka_unit_test(two_places_are_refused),
        cmocka_unit_test(wrong_places_are_refused),
        cmocka_unit_test(missing_values_are_refused),
        cmocka_unit_test(segments_are_refused),
    };

    return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
