// SPDX-License-Identifier: Apache-2.0
// Parsing and formatting of numbers.
#include <float.h>
#include <limits.h>
#include <math.h>

#include "base/size.h"
#include "base/strings.h"
#include "tests.h"

static void integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        long long value;
    } good[] = {{"0", 0},
                {"-0", 0},
                {"007", 7},
                {"+5", 5},
                {"-12", -12},
                {"9223372036854775807", LLONG_MAX},
                {"-9223372036854775808", LLONG_MIN}};
    for (size_t i = 0; i < MOPT_COUNTOF(good); i++) {
        long long value = 99;
        assert_true(mopt__parse_i64(good[i].text, &value));
        assert_true(value == good[i].value);
    }
    static const char *const bad[] = {"",
                                      " 1",
                                      "1 ",
                                      "-",
                                      "+-1",
                                      "1.0",
                                      "0x10",
                                      "1e3",
                                      "ab",
                                      "--1",
                                      "\n1",
                                      "1\n",
                                      "9223372036854775808",
                                      "-9223372036854775809"};
    for (size_t i = 0; i < MOPT_COUNTOF(bad); i++) {
        long long value = 99;
        assert_false(mopt__parse_i64(bad[i], &value));
        assert_true(value == 99);
    }
}

static void reals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0},      {"-1.5", -1.5},
                {".5", 0.5},   {"5.", 5},
                {"1e3", 1000}, {"+2.5E-1", 0.25},
                {"1e-400", 0}, {"1.7976931348623157e308", DBL_MAX},
                {"0.1", 0.1}};
    for (size_t i = 0; i < MOPT_COUNTOF(good); i++) {
        double value = 99;
        assert_true(mopt__parse_f64(good[i].text, &value));
        assert_true(value == good[i].value);
    }
    static const char *const bad[] = {"",    " 1",  "1 ",       "-",      ".",     "1e",  "1e+",
                                      "inf", "nan", "1e400",    "-1e400", "0x1p3", "1,5", "1.2.3",
                                      "--1", "1-2", "infinity", "e5",     "1f"};
    for (size_t i = 0; i < MOPT_COUNTOF(bad); i++) {
        double value = 99;
        assert_false(mopt__parse_f64(bad[i], &value));
        assert_true(value == 99);
    }
}

static void byte_sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t value;
    } good[] = {{"64", 64},
                {"0", 0},
                {"4k", 4096},
                {"4K", 4096},
                {"4kB", 4096},
                {"2MiB", 2097152},
                {"1G", 1U << 30},
                {"1GB", 1U << 30},
                {"1gib", 1U << 30},
                {"3B", 3},
                {"18446744073709551615", SIZE_MAX},
                {"15E", (size_t)15 << 60}};
    for (size_t i = 0; i < MOPT_COUNTOF(good); i++) {
        size_t value = 99;
        assert_true(mopt__parse_bytes(good[i].text, &value));
        assert_true(value == good[i].value);
    }
    static const char *const bad[] = {"",
                                      "k",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 k",
                                      "1x",
                                      "1kk",
                                      "1.5G",
                                      "1i",
                                      "1iB",
                                      "1ki",
                                      "1Bk",
                                      "16E",
                                      "18446744073709551616",
                                      "99999999999999T"};
    for (size_t i = 0; i < MOPT_COUNTOF(bad); i++) {
        size_t value = 99;
        assert_false(mopt__parse_bytes(bad[i], &value));
        assert_true(value == 99);
    }
}

static void human_bytes(void **state)
{
    (void)state;
    char buf[32];
    assert_string_equal(mopt__format_bytes(buf, sizeof buf, 0), "0 B");
    assert_string_equal(mopt__format_bytes(buf, sizeof buf, 999), "999 B");
    assert_string_equal(mopt__format_bytes(buf, sizeof buf, 1000), "1.0 kB");
    assert_string_equal(mopt__format_bytes(buf, sizeof buf, 1234567), "1.2 MB");
    assert_string_equal(mopt__format_bytes(buf, sizeof buf, 999949), "999.9 kB");
    assert_string_equal(mopt__format_bytes(buf, sizeof buf, 999950), "1.0 MB");
    assert_string_equal(mopt__format_bytes(buf, sizeof buf, -2048), "-2.0 kB");
    assert_string_equal(mopt__format_bytes(buf, sizeof buf, 1.5e18), "1.5 EB");
    assert_string_equal(mopt__format_bytes(buf, sizeof buf, (double)NAN), "nan B");
    assert_string_equal(mopt__format_bytes(buf, sizeof buf, 1e40), "1e+22 EB");
    assert_string_equal(mopt__format_bytes(buf, 4, 1234567), "1.2"); // cut, never beyond
    assert_ptr_equal(mopt__format_bytes(buf, sizeof buf, 1), buf);
}

static void human_counts(void **state)
{
    (void)state;
    char buf[32];
    assert_string_equal(mopt__format_count(buf, sizeof buf, 25557032), "25.6 M");
    assert_string_equal(mopt__format_count(buf, sizeof buf, 999), "999");
    assert_string_equal(mopt__format_count(buf, sizeof buf, 4.1e9), "4.1 G");
    assert_string_equal(mopt__format_count(buf, sizeof buf, 2.25), "2.3");
    assert_string_equal(mopt__format_count(buf, sizeof buf, (double)INFINITY), "inf");
    assert_string_equal(mopt__format_count(buf, sizeof buf, (double)-INFINITY), "-inf");
}

int mopt__test_numbers(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),    cmocka_unit_test(reals),        cmocka_unit_test(byte_sizes),
        cmocka_unit_test(human_bytes), cmocka_unit_test(human_counts),
    };
    return cmocka_run_group_tests_name("numbers", tests, NULL, NULL);
}
