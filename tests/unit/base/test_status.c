// SPDX-License-Identifier: Apache-2.0
// Error object: texts, cutting, escaping, wrapping, the table of codes.
#include <string.h>

#include "base/internal.h"
#include "base/strings.h"
#include "tests.h"

static void sets_and_clears(void **state)
{
    (void)state;
    struct mopt_error err;
    mopt_error_clear(&err);
    assert_int_equal(err.status, MOPT_OK);
    assert_int_equal(err.offset, -1);
    assert_string_equal(err.text, "");
    assert_int_equal(mopt_error_set(&err, MOPT_E_SHAPE, "rank is %d, must be %d", 3, 4),
                     MOPT_E_SHAPE);
    assert_int_equal(err.status, MOPT_E_SHAPE);
    assert_int_equal(err.offset, -1);
    assert_string_equal(err.text, "rank is 3, must be 4");
    assert_int_equal(mopt_error_set_at(&err, MOPT_E_FORMAT, 77, "bad %s", "tag"), MOPT_E_FORMAT);
    assert_int_equal(err.offset, 77);
    assert_string_equal(err.text, "bad tag");
    mopt_error_set(&err, MOPT_E_IO, "again");
    assert_int_equal(err.offset, -1);
    mopt_error_clear(&err);
    assert_string_equal(err.text, "");
}

static void accepts_null(void **state)
{
    (void)state;
    mopt_error_clear(NULL);
    assert_int_equal(mopt_error_set(NULL, MOPT_E_IO, "x"), MOPT_E_IO);
    assert_int_equal(mopt_error_set_at(NULL, MOPT_E_IO, 1, "x"), MOPT_E_IO);
    assert_int_equal(mopt_error_memory(NULL), MOPT_E_MEMORY);
    assert_int_equal(mopt_error_wrap(NULL, "x"), MOPT_E_INTERNAL);
}

static void wraps_outermost_first(void **state)
{
    (void)state;
    struct mopt_error err;
    mopt_error_set_at(&err, MOPT_E_TYPE, 9, "type is 'int8'");
    assert_int_equal(mopt_error_wrap(&err, "node '%s' (%s)", "c1", "Conv"), MOPT_E_TYPE);
    assert_int_equal(mopt_error_wrap(&err, "file '%s'", "a.onnx"), MOPT_E_TYPE);
    assert_string_equal(err.text, "file 'a.onnx': node 'c1' (Conv): type is 'int8'");
    assert_int_equal(err.offset, 9);
    mopt_error_clear(&err);
    assert_int_equal(mopt_error_wrap(&err, "nothing"), MOPT_OK);
    assert_string_equal(err.text, "");
}

static void takes_its_own_text_as_argument(void **state)
{
    (void)state;
    struct mopt_error err;
    mopt_error_set(&err, MOPT_E_IO, "inner");
    mopt_error_set(&err, MOPT_E_FORMAT, "outer (%s)", err.text);
    assert_string_equal(err.text, "outer (inner)");
    mopt_error_wrap(&err, "<%s>", err.text);
    assert_string_equal(err.text, "<outer (inner)>: outer (inner)");
}

static void memory_has_a_text(void **state)
{
    (void)state;
    struct mopt_error err;
    assert_int_equal(mopt_error_memory(&err), MOPT_E_MEMORY);
    assert_string_equal(err.text, "out of memory");
    assert_int_equal(err.offset, -1);
}

static void escapes_what_terminals_obey(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *shown;
    } rows[] = {
        {"a\nb\tc\rd", "a\\nb\\tc\\rd"},
        {"\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"},
        {"bell\x07 del\x7f", "bell\\x07 del\\x7f"},
        {"c1 \xc2\x9b"
         "31m",
         "c1 \\u009b31m"},
        {"nel \xc2\x85", "nel \\u0085"},
        {"bare c1 \x9b", "bare c1 \\x9b"},
        {"line \xe2\x80\xa8", "line \\u2028"},
        {"rlo \xe2\x80\xae"
         "x",
         "rlo \\u202ex"},
        {"isolate \xe2\x81\xa6", "isolate \\u2066"},
        {"bom \xef\xbb\xbf", "bom \\ufeff"},
        {"overlong \xc0\xaf", "overlong \\xc0\\xaf"},
        {"surrogate \xed\xa0\x80", "surrogate \\xed\\xa0\\x80"},
        {"cut \xe2\x82", "cut \\xe2\\x82"},
        {"fine \xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82 C:\\x",
         "fine \xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82 C:\\x"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mopt_error err;
        mopt_error_set(&err, MOPT_E_FORMAT, "%s", rows[i].raw);
        assert_string_equal(err.text, rows[i].shown);
        mopt_error_wrap(&err, "%s",
                        rows[i].raw); // context is cleaned, the inner text left as it is
        char both[256];
        size_t bytes = strlen(rows[i].shown);
        memcpy(both, rows[i].shown, bytes);
        memcpy(both + bytes, ": ", 2);
        memcpy(both + bytes + 2, rows[i].shown, bytes + 1);
        assert_string_equal(err.text, both);
    }
}

// Text of `unit` repeated to at least `bytes` bytes.
static void fill(char *text, size_t bytes, const char *unit)
{
    size_t step = strlen(unit);
    size_t at = 0;
    for (; at < bytes; at += step) {
        memcpy(text + at, unit, step);
    }
    text[at] = '\0';
}

static void expect_cut(const struct mopt_error *err)
{
    size_t length = strlen(err->text);
    assert_in_range(length, MOPT_ERROR_TEXT_BYTES - 8, MOPT_ERROR_TEXT_BYTES - 1);
    assert_string_equal(err->text + length - 3, "...");
    assert_true(mopt__utf8_valid(err->text, length));
}

static void cuts_at_characters(void **state)
{
    (void)state;
    static const char *const units[] = {"x",  "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x99\x82",
                                        "\n", "\xff",     "\xc2\x9b"};
    static char text[8192];
    for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
        for (size_t shift = 0; shift < 8; shift++) {
            for (size_t bytes = 1010; bytes < 1100; bytes += bytes < 1040 ? 1 : 20) {
                struct mopt_error err;
                fill(text, bytes, units[u]);
                mopt_error_set(&err, MOPT_E_FORMAT, "%.*s%s", (int)shift, "12345678", text);
                size_t length = strlen(err.text);
                assert_true(length < MOPT_ERROR_TEXT_BYTES);
                assert_true(mopt__utf8_valid(err.text, length));
                if (u < 4 && shift + strlen(text) < MOPT_ERROR_TEXT_BYTES) {
                    assert_int_equal(length, shift + strlen(text));
                } else {
                    expect_cut(&err);
                }
            }
        }
    }
}

static void long_context_keeps_the_cause(void **state)
{
    (void)state;
    static char text[8192];
    fill(text, 5000, "\xe2\x82\xac");
    struct mopt_error err;
    mopt_error_set(&err, MOPT_E_SHAPE, "the cause");
    mopt_error_wrap(&err, "node '%s'", text);
    assert_non_null(strstr(err.text, "...: the cause"));
    assert_true(mopt__utf8_valid(err.text, strlen(err.text)));
    for (int i = 0; i < 10; i++) {
        mopt_error_wrap(&err, "node '%s'", text);
        assert_true(mopt__utf8_valid(err.text, strlen(err.text)));
    }
    expect_cut(&err);
}

static void text_clean_respects_small_buffers(void **state)
{
    (void)state;
    for (size_t capacity = 4; capacity < 12; capacity++) {
        char out[16];
        memset(out, '#', sizeof out);
        size_t length = mopt__text_clean(out, capacity, "\xe2\x82\xac\x1b\xe2\x82\xac", 7);
        assert_true(length < capacity);
        assert_int_equal(out[length], '\0');
        assert_int_equal(out[capacity], '#');
        assert_true(mopt__utf8_valid(out, length));
    }
    char exact[5];
    assert_int_equal(mopt__text_clean(exact, sizeof exact, "abcd", 4), 4);
    assert_string_equal(exact, "abcd");
    assert_int_equal(mopt__text_clean(exact, sizeof exact, "abcde", 5), 4);
    assert_string_equal(exact, "a...");
    assert_int_equal(mopt__text_clean(exact, sizeof exact, "", 0), 0);
    assert_string_equal(exact, "");
}

static void codes_have_names_and_exit_codes(void **state)
{
    (void)state;
    assert_string_equal(mopt_status_name(MOPT_OK), "ok");
    assert_int_equal(mopt_status_exit_code(MOPT_OK), 0);
    assert_string_equal(mopt_status_name(MOPT_E_INTERRUPTED), "interrupted");
    assert_int_equal(mopt_status_exit_code(MOPT_E_FORMAT), 65);
    assert_string_equal(mopt_status_text(MOPT_E_SHAPE), "shapes do not fit");
    assert_string_equal(mopt_status_name((enum mopt_status)1000), "internal");
    assert_string_equal(mopt_status_text((enum mopt_status) - 1), "internal error");
    assert_int_equal(mopt_status_exit_code((enum mopt_status)1000), 70);
}

int mopt__test_status(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_and_clears),
        cmocka_unit_test(accepts_null),
        cmocka_unit_test(wraps_outermost_first),
        cmocka_unit_test(takes_its_own_text_as_argument),
        cmocka_unit_test(memory_has_a_text),
        cmocka_unit_test(escapes_what_terminals_obey),
        cmocka_unit_test(cuts_at_characters),
        cmocka_unit_test(long_context_keeps_the_cause),
        cmocka_unit_test(text_clean_respects_small_buffers),
        cmocka_unit_test(codes_have_names_and_exit_codes),
    };
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
