// SPDX-License-Identifier: Apache-2.0
// The parser of command lines.
#include <stdio.h>
#include <string.h>

#include "tests.h"

static const struct mopt_option_row rows[] = {
    {.name = "output", .letter = 'o', .kind = MOPT_OPT_FILE, .metavar = "FILE", .help = "x"},
    {.name = "level",
     .letter = 'O',
     .kind = MOPT_OPT_CHOICE,
     .initial = "2",
     .metavar = "N",
     .choices = "0|1|2|3",
     .help = "x"},
    {.name = "count",
     .kind = MOPT_OPT_INT,
     .initial = "5",
     .metavar = "N",
     .min = 1,
     .max = 9,
     .help = "x"},
    {.name = "part", .kind = MOPT_OPT_FLOAT, .metavar = "X", .help = "x"},
    {.name = "item", .letter = 'i', .kind = MOPT_OPT_LIST, .metavar = "X", .help = "x"},
    {.name = "aim", .letter = 'a', .kind = MOPT_OPT_FLAG, .help = "x"},
};
static const struct mopt_command command = {.name = "try",
                                            .usage = "MODEL",
                                            .rows = rows,
                                            .row_count = MOPT_COUNTOF(rows),
                                            .positional_min = 1,
                                            .positional_max = 2};

enum { WORDS = 12 };

// Parses words separated by blanks.
static enum mopt_status parse(struct mopt_options *options, const char *line,
                              struct mopt_error *err)
{
    static char text[256];
    char *argv[WORDS];
    int argc = 0;
    (void)snprintf(text, sizeof text, "%s", line);
    for (char *at = text; at != NULL && argc < WORDS;) {
        argv[argc++] = at;
        at = strchr(at, ' ');
        if (at != NULL) {
            *at++ = '\0';
        }
    }
    mopt_error_clear(err);
    return mopt__options_parse(options, &command, argc, argv, 0, err);
}

static void accept(struct mopt_options *options, const char *line)
{
    struct mopt_error err;
    if (parse(options, line, &err) != MOPT_OK) {
        fail_msg("%s: %s", line, err.text);
    }
}

static void refuse(const char *line, const char *text)
{
    struct mopt_error err;
    struct mopt_options options;
    assert_int_equal(parse(&options, line, &err), MOPT_E_USAGE);
    if (strstr(err.text, text) == NULL) {
        fail_msg("'%s' says '%s', not '%s'", line, err.text, text);
    }
    mopt__options_release(&options);
}

static void spellings_of_values(void **state)
{
    (void)state;
    static const char *const lines[] = {"m -o f",       "m -of",        "m -o=f",  "m --output f",
                                        "m --output=f", "--output f m", "-ao f m", "-aof m"};
    for (size_t i = 0; i < MOPT_COUNTOF(lines); i++) {
        struct mopt_options options;
        accept(&options, lines[i]);
        assert_string_equal(mopt__option_text(&options, "output"), "f");
        assert_true(mopt__option_given(&options, "output"));
        assert_int_equal(options.positional_count, 1);
        assert_string_equal(options.positionals[0], "m");
        mopt__options_release(&options);
    }
}

static void defaults_and_levels(void **state)
{
    (void)state;
    struct mopt_options options;
    accept(&options, "m");
    assert_string_equal(mopt__option_text(&options, "level"), "2");
    assert_false(mopt__option_given(&options, "level"));
    assert_int_equal(mopt__option_int(&options, "count"), 5);
    assert_null(mopt__option_text(&options, "output"));
    assert_int_equal(mopt__option_int(&options, "threads"), 0);
    mopt__options_release(&options);
    accept(&options, "m -O3 -O1 -vv -v");
    assert_string_equal(mopt__option_text(&options, "level"), "1"); // the last one counts
    assert_int_equal(mopt__option_int(&options, "verbose"), 3);
    mopt__options_release(&options);
}

static void lists_dashes_and_bare_values(void **state)
{
    (void)state;
    struct mopt_options options;
    accept(&options, "-i a --item=b=c m - --json");
    const struct mopt_option_value *list = mopt__option(&options, "item");
    assert_int_equal(list->count, 2);
    assert_string_equal(list->items[1], "b=c");
    assert_int_equal(options.positional_count, 2);
    assert_string_equal(options.positionals[1], "-");
    assert_true(mopt__option_given(&options, "json"));
    assert_null(mopt__option_text(&options, "json")); // takes no separate word
    mopt__options_release(&options);
    accept(&options, "--json=f -- --output -x");
    assert_string_equal(mopt__option_text(&options, "json"), "f");
    assert_string_equal(options.positionals[0], "--output");
    assert_string_equal(options.positionals[1], "-x");
    mopt__options_release(&options);
}

static void mistakes(void **state)
{
    (void)state;
    refuse("m --ouput f", "did you mean '--output'?");
    refuse("m --zzzzzzzz", "unknown option '--zzzzzzzz'");
    refuse("m -x", "unknown option '-x'");
    refuse("m -ax", "unknown option '-x'");
    refuse("m --output", "needs a value (FILE)");
    refuse("m -o", "needs a value (FILE)");
    refuse("m --output=", "is not a path");
    refuse("m --aim=1", "takes no value");
    refuse("m --level 7", "none of 0|1|2|3");
    refuse("m --color alway", "did you mean 'always'?");
    refuse("m --count ten", "not a whole number");
    refuse("m --count 10", "not between 1 and 9");
    refuse("m --count 1.5", "not a whole number");
    refuse("m --part x%", "not a number");
    refuse("m --mem-limit 4X", "not a size");
    refuse("m --time-limit -3", "not a time");
    refuse("a b c", "unexpected argument 'c'");
    refuse("-a", "missing argument");
}

static void help_needs_no_arguments(void **state)
{
    (void)state;
    struct mopt_options options;
    accept(&options, "--help");
    assert_true(mopt__option_flag(&options, "help"));
    mopt__options_release(&options);
}

static void json_is_seen_behind_a_mistake(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_options options;
    assert_int_equal(parse(&options, "m --nope --json", &err), MOPT_E_USAGE);
    assert_true(mopt__option_given(&options, "json"));
    mopt__options_release(&options);
    assert_int_equal(parse(&options, "m --nope -- --json", &err), MOPT_E_USAGE);
    assert_false(mopt__option_given(&options, "json"));
    mopt__options_release(&options);
}

static void durations(void **state)
{
    (void)state;
    double s;
    assert_true(mopt__parse_duration("250ms", &s) && s > 0.2499 && s < 0.2501);
    assert_true(mopt__parse_duration("2m", &s) && s > 119 && s < 121);
    assert_true(mopt__parse_duration("1h", &s) && s > 3599 && s < 3601);
    assert_true(mopt__parse_duration("90", &s) && s > 89 && s < 91);
    assert_false(mopt__parse_duration("", &s));
    assert_false(mopt__parse_duration("s", &s));
    assert_false(mopt__parse_duration("3 s", &s));
    assert_false(mopt__parse_duration("1e99", &s));
}

static void fractions(void **state)
{
    (void)state;
    double x;
    assert_true(mopt__parse_fraction("1%", &x) && x > 0.00999 && x < 0.01001);
    assert_true(mopt__parse_fraction("0.01", &x) && x > 0.00999 && x < 0.01001);
    assert_false(mopt__parse_fraction("%", &x));
    assert_false(mopt__parse_fraction("1%%", &x));
    assert_false(mopt__parse_fraction("nan", &x));
}

int mopt__test_options(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings_of_values),
        cmocka_unit_test(defaults_and_levels),
        cmocka_unit_test(lists_dashes_and_bare_values),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(help_needs_no_arguments),
        cmocka_unit_test(json_is_seen_behind_a_mistake),
        cmocka_unit_test(durations),
        cmocka_unit_test(fractions),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
