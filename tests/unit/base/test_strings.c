// SPDX-License-Identifier: Apache-2.0
// String pool, builder, UTF-8, globs, nearest match.
#include <string.h>

#include "base/internal.h"
#include "base/strings.h"
#include "tests.h"

static void pool_gives_one_pointer_per_text(void **state)
{
    (void)state;
    struct mopt_arena arena;
    struct mopt_strpool pool;
    mopt__arena_init(&arena);
    mopt__strpool_init(&pool, &arena);
    char key[4] = "abc";
    assert_null(mopt__strpool_find(&pool, key));
    const char *first = mopt__strpool_add(&pool, key);
    assert_string_equal(first, "abc");
    assert_ptr_not_equal(first, key);
    key[0] = 'x';
    assert_string_equal(first, "abc"); // a copy
    assert_ptr_equal(mopt__strpool_add(&pool, "abc"), first);
    assert_ptr_equal(mopt__strpool_find(&pool, "abc"), first);
    assert_ptr_not_equal(mopt__strpool_add(&pool, ""), first);
    mopt__strpool_release(&pool);
    assert_string_equal(first, "abc"); // strings stay in the arena
    mopt__arena_release(&arena);
}

static void builder_builds(void **state)
{
    (void)state;
    struct mopt_strbuf buf = {0};
    assert_string_equal(mopt__strbuf_text(&buf), "");
    mopt__strbuf_clear(&buf);
    mopt__strbuf_add(&buf, "ab");
    mopt__strbuf_add_char(&buf, 'c');
    mopt__strbuf_add_bytes(&buf, "d\0e", 3);
    mopt__strbuf_add_bytes(&buf, NULL, 0);
    mopt__strbuf_printf(&buf, "%d-%s", 5, "x");
    assert_int_equal(buf.length, 9);
    assert_memory_equal(buf.text, "abcd\0e5-x", 10);
    mopt__strbuf_clear(&buf);
    assert_string_equal(mopt__strbuf_text(&buf), "");
    mopt__strbuf_printf(&buf, "%s", "");
    assert_int_equal(buf.length, 0);
    assert_false(buf.failed);
    mopt__strbuf_release(&buf);
    assert_null(buf.text);
}

static void builder_prints_any_length(void **state)
{
    (void)state;
    for (int width = 1; width < 400; width++) {
        struct mopt_strbuf buf = {0};
        mopt__strbuf_add(&buf, "<");
        mopt__strbuf_printf(&buf, "%*d", width, 1);
        mopt__strbuf_add(&buf, ">");
        assert_false(buf.failed);
        assert_int_equal(buf.length, width + 2);
        assert_int_equal(strlen(buf.text), width + 2);
        assert_int_equal(buf.text[width], '1');
        mopt__strbuf_release(&buf);
    }
}

static void builder_failure_sticks(void **state)
{
    (void)state;
    struct mopt_strbuf buf = {0};
    mopt__strbuf_add(&buf, "kept");
    mopt__strbuf_add_bytes(&buf, "", SIZE_MAX); // length overflows
    assert_true(buf.failed);
    mopt__strbuf_add(&buf, "no");
    mopt__strbuf_printf(&buf, "no");
    assert_string_equal(mopt__strbuf_text(&buf), "kept");
    mopt__strbuf_clear(&buf);
    mopt__strbuf_add(&buf, "yes");
    assert_string_equal(mopt__strbuf_text(&buf), "yes");
    mopt__strbuf_release(&buf);
}

static enum mopt_status use_strings(void *context, struct mopt_error *err)
{
    (void)context;
    struct mopt_arena arena;
    struct mopt_strpool pool;
    struct mopt_strbuf buf = {0};
    mopt__arena_init(&arena);
    mopt__strpool_init(&pool, &arena);
    bool done = mopt__strpool_add(&pool, "one") && mopt__strpool_add(&pool, "two");
    mopt__strbuf_add(&buf, "abc");
    mopt__strbuf_printf(&buf, "%200d", 5);
    mopt__strbuf_printf(&buf, "%2000d", 5);
    size_t length = buf.length;
    assert_int_equal(strlen(mopt__strbuf_text(&buf)), length);
    assert_true(buf.failed || length == 2203);
    done = done && !buf.failed;
    mopt__strbuf_release(&buf);
    mopt__strpool_release(&pool);
    mopt__arena_release(&arena);
    return done ? MOPT_OK : mopt_error_memory(err);
}

static void strings_without_memory(void **state)
{
    (void)state;
    mopt__test_out_of_memory(use_strings, NULL);
}

static bool valid(const char *text)
{
    return mopt__utf8_valid(text, strlen(text));
}

static void utf8_accepts_and_refuses(void **state)
{
    (void)state;
    assert_true(mopt__utf8_valid("", 0));
    assert_true(mopt__utf8_valid("a\0b", 3));
    assert_true(valid("\x7f"));
    assert_true(valid("\xc2\x80"));
    assert_true(valid("\xdf\xbf"));
    assert_true(valid("\xe0\xa0\x80"));
    assert_true(valid("\xed\x9f\xbf"));
    assert_true(valid("\xee\x80\x80"));
    assert_true(valid("\xef\xbf\xbf"));
    assert_true(valid("\xf0\x90\x80\x80"));
    assert_true(valid("\xf4\x8f\xbf\xbf"));
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xf8\x88\x80\x80\x80",
        "\xff",
        "\xfe",
        "\xc2",
        "\xe2\x82",
        "\xf0\x9f\x99",
        "\xc2\x41",
        "\xe2\x82\x41",
        "\xf0\x9f\x41\x82",
        "ok\xc3",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(valid(bad[i]));
    }
    assert_false(mopt__utf8_valid("\xe2\x82\xac", 2)); // the limit counts, not the NUL
}

// Decodes every code point from an encoding made by arithmetic.
static void utf8_round_trips_every_code_point(void **state)
{
    (void)state;
    for (uint32_t code = 0; code < 0x110800; code++) {
        char text[4];
        size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        static const unsigned leads[5] = {0, 0, 0xc0, 0xe0, 0xf0};
        text[0] = (char)(leads[length] | code >> 6 * (length - 1));
        for (size_t i = 1; i < length; i++) {
            text[i] = (char)(0x80 | (code >> 6 * (length - 1 - i) & 0x3f));
        }
        uint32_t decoded = 0;
        bool legal = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        size_t got = mopt__utf8_decode(text, length, &decoded);
        if (got != (legal ? length : 0) || (legal && decoded != code)) {
            fail_msg("code point %x", (unsigned)code);
        }
    }
}

static void equality_knows_null(void **state)
{
    (void)state;
    char a[] = "x";
    assert_true(mopt__streq(a, "x"));
    assert_false(mopt__streq("x", "y"));
    assert_true(mopt__streq(NULL, NULL));
    assert_false(mopt__streq(NULL, ""));
    assert_false(mopt__streq("", NULL));
}

static void globs(void **state)
{
    (void)state;
    assert_true(mopt__glob_match("", ""));
    assert_false(mopt__glob_match("", "a"));
    assert_true(mopt__glob_match("*", ""));
    assert_true(mopt__glob_match("***", "abc"));
    assert_false(mopt__glob_match("?", ""));
    assert_true(mopt__glob_match("a*c", "abbbc"));
    assert_true(mopt__glob_match("a*c", "acbc"));
    assert_false(mopt__glob_match("a*c", "acb"));
    assert_true(mopt__glob_match("*ab*ab", "abaabab"));
    assert_true(mopt__glob_match("?b?", "abc"));
    assert_true(mopt__glob_match("a?c", "a\xe2\x82\xac"
                                        "c")); // one character, three bytes
    assert_false(mopt__glob_match("a[b]", "ab"));
    assert_true(mopt__glob_match("a[b]", "a[b]"));
    assert_false(mopt__glob_match("ab", "abc"));
    assert_false(mopt__glob_match("abc", "ab"));
    // Must not take exponential time.
    assert_false(mopt__glob_match("*a*a*a*a*a*a*a*a*a*a*a*b",
                                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void nearest_finds_typing_mistakes(void **state)
{
    (void)state;
    static const char *const names[] = {"optimize", "quantize", "info", "Conv", "Relu", ""};
    assert_int_equal(mopt__nearest("optimize", names, 6), 0);
    assert_int_equal(mopt__nearest("optimise", names, 6), 0);
    assert_int_equal(mopt__nearest("quantzie", names, 6), 1); // exchanged neighbours: one edit
    assert_int_equal(mopt__nearest("ifno", names, 6), 2);
    assert_int_equal(mopt__nearest("inof", names, 6), 2);
    assert_int_equal(mopt__nearest("Con", names, 6), 3);
    assert_int_equal(mopt__nearest("relu", names, 6), 4);
    assert_int_equal(mopt__nearest("xinfox", names, 6), 2); // 2 edits of 6
    assert_int_equal(mopt__nearest("xifox", names, 6), -1);
    assert_int_equal(mopt__nearest("ifon", names, 6), -1); // 2 edits of 4
    assert_int_equal(mopt__nearest("x", names, 6), 5);
    assert_int_equal(mopt__nearest("something else", names, 6), -1);
    assert_int_equal(mopt__nearest("info", names, 0), -1);
}

static void nearest_takes_the_first_of_equals_and_the_best(void **state)
{
    (void)state;
    static const char *const names[] = {"abcdeX", "abcdeY", "abcdef"};
    assert_int_equal(mopt__nearest("abcdeZ", names, 3), 0);
    assert_int_equal(mopt__nearest("abcdef", names, 3), 2);
}

static void nearest_bears_long_texts(void **state)
{
    (void)state;
    static char longest[256];
    static char longer[400];
    memset(longest, 'a', 255);
    memset(longer, 'a', 399);
    const char *names[] = {longer, longest};
    assert_int_equal(mopt__nearest(longest, names, 2), 1);
    assert_int_equal(mopt__nearest(longer, names, 2), -1);
}

int mopt__test_strings(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_gives_one_pointer_per_text),
        cmocka_unit_test(builder_builds),
        cmocka_unit_test(builder_prints_any_length),
        cmocka_unit_test(builder_failure_sticks),
        cmocka_unit_test(strings_without_memory),
        cmocka_unit_test(utf8_accepts_and_refuses),
        cmocka_unit_test(utf8_round_trips_every_code_point),
        cmocka_unit_test(equality_knows_null),
        cmocka_unit_test(globs),
        cmocka_unit_test(nearest_finds_typing_mistakes),
        cmocka_unit_test(nearest_takes_the_first_of_equals_and_the_best),
        cmocka_unit_test(nearest_bears_long_texts),
    };
    return cmocka_run_group_tests_name("strings", tests, NULL, NULL);
}
