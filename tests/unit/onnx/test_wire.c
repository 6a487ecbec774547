// SPDX-License-Identifier: Apache-2.0
// Varints, tags, lengths and references.
#include <string.h>

#include "onnx/wire.h"
#include "support.h"

static void varints_round_trip(void **state)
{
    static const uint64_t values[] = {0,          1,          127,        128,
                                      16383,      16384,      UINT32_MAX, INT64_MAX,
                                      UINT64_MAX, 1ULL << 63, 1ULL << 35};
    (void)state;

    for (size_t i = 0; i < MOPT_COUNTOF(values); i++) {
        uint8_t bytes[MOPT_VARINT_MAX];
        uint64_t back = 0;
        size_t n = mopt__wire_put(bytes, values[i]);

        assert_int_equal(n, mopt__wire_length(values[i]));
        assert_int_equal(mopt__wire_get(bytes, n, &back), n);
        assert_true(back == values[i]);
        assert_int_equal(mopt__wire_get(bytes, n - 1, &back), 0); // cut
    }
}

static void varints_too_long_are_refused(void **state)
{
    static const uint8_t eleven[11] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                       0x80, 0x80, 0x80, 0x80, 0};
    static const uint8_t bit65[10] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2};
    uint64_t value = 0;
    (void)state;

    assert_int_equal(mopt__wire_get(eleven, sizeof eleven, &value), 0);
    assert_int_equal(mopt__wire_get(bit65, sizeof bit65, &value), 0);
}

static void fields_are_read(void **state)
{
    struct pb pb = {0};
    struct mopt_field f;
    (void)state;

    pb_int(&pb, 5, -1);
    assert_true(mopt__wire_field(pb.data, pb.size, &f));
    assert_int_equal(f.number, 5);
    assert_int_equal(f.head + f.size, pb.size);
    assert_true(f.value == UINT64_MAX);
    pb_free(&pb);
    pb_bytes(&pb, 300, "abc", 3);
    assert_true(mopt__wire_field(pb.data, pb.size, &f));
    assert_int_equal(f.number, 300);
    assert_int_equal(f.size, 3);
    assert_memory_equal(pb.data + f.head, "abc", 3);
    assert_false(mopt__wire_field(pb.data, pb.size - 1, &f));
    pb_free(&pb);
}

static void bad_fields_are_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *why;
    } cases[] = {
        {"\x80", 1, "tag"},
        {"\x00\x00", 2, "field number 0"},
        {"\x0b\x0c", 2, "group"},
        {"\x0e", 1, "group"},
        {"\x0f", 1, "group"},
        {"\x08\x80", 2, "number is cut"},
        {"\x0d\1\2\3", 4, "value is cut"},
        {"\x09\1\2\3\4\5\6\7", 8, "value is cut"},
        {"\x0a\x80", 2, "length is cut"},
        {"\x0a\x05"
         "abcd",
         6, "beyond the end"},
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11, "beyond the end"},
        {"\xff\xff\xff\xff\xff\x01", 6, "tag"},
    };
    (void)state;

    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        struct mopt_field f;

        assert_false(mopt__wire_field((const uint8_t *)cases[i].bytes, cases[i].size, &f));
        assert_non_null(strstr(f.fault, cases[i].why));
    }
}

static void references_round_trip(void **state)
{
    uint8_t bytes[MOPT_REFERENCE_BYTES];
    size_t offset = 0;
    size_t size = 0;
    (void)state;

    mopt__wire_put_reference(bytes, SIZE_MAX - 1, 0x0102030405060708);
    mopt__wire_get_reference(bytes, &offset, &size);
    assert_true(offset == SIZE_MAX - 1 && size == 0x0102030405060708);
}

int mopt__test_wire(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(varints_round_trip),    cmocka_unit_test(varints_too_long_are_refused),
        cmocka_unit_test(fields_are_read),       cmocka_unit_test(bad_fields_are_refused),
        cmocka_unit_test(references_round_trip),
    };

    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
