// SPDX-License-Identifier: Apache-2.0
// Regular expressions.
#include "support.h"
#include "tests.h"

#include <string.h>

#include "ops/pattern.h"

static bool fits(const char *pattern, const char *text)
{
    struct mopt_pattern *compiled;
    struct mopt_error err;
    mopt_error_clear(&err);
    bool matches = false;
    if (mopt__pattern_new(pattern, &compiled, &err) != MOPT_OK) {
        fail_msg("%s: %s", pattern, err.text);
    }
    assert_int_equal(mopt__pattern_match(compiled, text, strlen(text), &matches, &err), MOPT_OK);
    mopt__pattern_free(compiled);
    return matches;
}

static void whole_texts(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *yes, *no;
    } cases[] = {
        {"abc", "abc", "abcd"},
        {"a|bc", "bc", "abc"},
        {"", "", "a"},
        {"a*", "aaaa", "aab"},
        {"(ab)+c?", "ababc", "c"},
        {"a{2,3}", "aaa", "aaaa"},
        {"a{2,}", "aaaaa", "a"},
        {"a{2}b{0,1}", "aab", "ab"},
        {"a{,2}", "a{,2}", "aa"},
        {"[a-c]+", "abcab", "abd"},
        {"[^a-c]", "d", "a"},
        {"[]a]+", "]a", "b"},
        {"[a\\]\\-z]+", "a]-z", "b"},
        {"[[:digit:]_]+", "12_", "a"},
        {"\\d+\\.\\d", "12.5", "1205"},
        {"\\w+@[a-z]+\\.com", "a_1@b.com", "a@b.comx"},
        {"\\S+\\s\\S+", "a b", "ab"},
        {".", "\xC3\xA4", "\n"},
        {"(?s).", "\n", "ab"},
        {"(?i)aB[c-d]", "AbD", "Abe"},
        {"a(?i:b)c", "aBc", "aBC"},
        {"^a$", "a", "b"},
        {"(?P<name>a)b", "ab", "a"},
        {"a\\b b", "a b", "ab"},
        {"\\x41\\x{42}", "AB", "ab"},
        {"(a|b)*?abb", "babaabb", "abab"},
        {"((a*)*)*", "aaaa", "ab"},
        {"(|a)+", "aaa", "b"},
        {"[\xC3\xA4-\xC3\xBC]", "\xC3\xB6", "o"},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(cases); i++) {
        if (!fits(cases[i].pattern, cases[i].yes) || fits(cases[i].pattern, cases[i].no)) {
            fail_msg("%s", cases[i].pattern);
        }
    }
}

static void illegal_patterns(void **state)
{
    (void)state;
    static const char *const bad[] = {"(",       ")",      "a)",         "[a",   "*a",
                                      "a**",     "a{2,1}", "\\",         "(?z)", "[b-a]",
                                      "a{1001}", "\\q",    "[[:none:]]", "(a"};
    struct mopt_error err;
    struct mopt_pattern *pattern;
    for (size_t i = 0; i < MOPT_COUNTOF(bad); i++) {
        mopt_error_clear(&err);
        if (mopt__pattern_new(bad[i], &pattern, &err) != MOPT_E_VALUE) {
            fail_msg("%s", bad[i]);
        }
        assert_null(pattern);
    }
    assert_int_equal(mopt__pattern_new("\\pL", &pattern, &err), MOPT_E_UNSUPPORTED);
    assert_int_equal(mopt__pattern_new("((a{1000}){1000}){1000}", &pattern, &err), MOPT_E_LIMIT);
    assert_int_equal(mopt__pattern_new("(((){1000}){1000}){1000}", &pattern, &err), MOPT_E_LIMIT);
}

// (a?){n}a{n} on a{n} needs 2^n steps where alternatives are tried one after the other; nesting
// must be cheap too.
static void no_explosion(void **state)
{
    (void)state;
    char text[201];
    memset(text, 'a', 200);
    text[200] = '\0';
    assert_true(fits("(a?){200}a{200}", text));
    char nested[400];
    memset(nested, '(', 90);
    nested[90] = 'a';
    memset(nested + 91, ')', 90);
    nested[181] = '\0';
    assert_true(fits(nested, "a"));
    struct mopt_error err;
    struct mopt_pattern *pattern;
    memset(nested, '(', 150);
    nested[150] = 'a';
    memset(nested + 151, ')', 150);
    nested[301] = '\0';
    assert_int_equal(mopt__pattern_new(nested, &pattern, &err), MOPT_E_LIMIT);
}

int mopt__test_pattern(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_texts),
        cmocka_unit_test(illegal_patterns),
        cmocka_unit_test(no_explosion),
    };
    return cmocka_run_group_tests_name("pattern", tests, NULL, NULL);
}
