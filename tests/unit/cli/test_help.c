// SPDX-License-Identifier: Apache-2.0
// Every row of every command: well formed, and present in help, man page and completions.
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/help.h"
#include "tests.h"

static void check_row(const struct mopt_command *command, const struct mopt_option_row *row)
{
    if (row->help == NULL || row->help[strlen(row->help) - 1] != '.' ||
        !isupper((unsigned char)row->help[0])) {
        fail_msg("help of %s --%s is no sentence", command->name, row->name);
    }
    bool value = mopt__option_takes_value(row);
    assert_int_equal(value, row->metavar != NULL);
    assert_int_equal(row->kind == MOPT_OPT_CHOICE, row->choices != NULL);
    if ((row->flags & MOPT_OPT_BARE) != 0) {
        assert_true(row->kind == MOPT_OPT_FILE || row->kind == MOPT_OPT_STRING);
    }
}

static void rows_are_well_formed(void **state)
{
    (void)state;
    size_t count;
    const struct mopt_command *const *commands = mopt__commands(&count);
    for (size_t i = 0; i < count; i++) {
        const struct mopt_option_row *row;
        const struct mopt_option_row *other;
        size_t rows = 0;
        for (; (row = mopt__command_row(commands[i], rows)) != NULL; rows++) {
            check_row(commands[i], row);
            for (size_t k = 0; k < rows; k++) {
                other = mopt__command_row(commands[i], k);
                if (strcmp(row->name, other->name) == 0 ||
                    (row->letter != 0 && row->letter == other->letter)) {
                    fail_msg("%s: --%s and --%s clash", commands[i]->name, row->name, other->name);
                }
            }
        }
        assert_true(rows <= MOPT_OPTIONS_MAX);
        assert_true(commands[i]->example_count > 0);
        assert_non_null(commands[i]->run);
        assert_true(commands[i]->positional_min <= commands[i]->positional_max);
    }
}

// Defaults must be legal values of their rows.
static void defaults_parse(void **state)
{
    (void)state;
    size_t count;
    const struct mopt_command *const *commands = mopt__commands(&count);
    for (size_t i = 0; i < count; i++) {
        char help[] = "--help";
        char *argv[] = {help};
        struct mopt_options options;
        struct mopt_error err;
        mopt_error_clear(&err);
        if (mopt__options_parse(&options, commands[i], 1, argv, 0, &err) != MOPT_OK) {
            fail_msg("%s: %s", commands[i]->name, err.text);
        }
        mopt__options_release(&options);
    }
}

static void expect(const char *where, const struct mopt_strbuf *text, const char *what)
{
    assert_false(text->failed);
    if (strstr(mopt__strbuf_text(text), what) == NULL) {
        fail_msg("%s does not mention '%s'", where, what);
    }
}

static void roff_name(const char *name, char out[80])
{
    size_t used = 0;
    for (; *name != '\0' && used < 76; name++) {
        if (*name == '-') {
            out[used++] = '\\';
        }
        out[used++] = *name;
    }
    out[used] = '\0';
}

static void every_option_is_everywhere(void **state)
{
    (void)state;
    struct mopt_strbuf texts[5] = {{0}};
    mopt__help_man(&texts[0]);
    mopt__help_markdown(&texts[1]);
    mopt__completion_bash(&texts[2]);
    mopt__completion_zsh(&texts[3]);
    mopt__completion_fish(&texts[4]);
    size_t count;
    const struct mopt_command *const *commands = mopt__commands(&count);
    for (size_t i = 0; i < count; i++) {
        struct mopt_strbuf help = {0};
        const struct mopt_option_row *row;
        mopt__help_command(commands[i], &help);
        for (size_t k = 0; (row = mopt__command_row(commands[i], k)) != NULL; k++) {
            char option[80];
            char buf[80];
            (void)snprintf(option, sizeof option, "--%s", row->name);
            expect("help", &help, option);
            expect("markdown", &texts[1], option);
            expect("bash", &texts[2], option);
            expect("zsh", &texts[3], option);
            roff_name(option, buf);
            expect("man", &texts[0], buf);
            (void)snprintf(buf, sizeof buf, "from %s' -l %s", commands[i]->name, row->name);
            expect("fish", &texts[4], buf);
        }
        mopt__strbuf_release(&help);
    }
    for (size_t i = 0; i < MOPT_COUNTOF(texts); i++) {
        mopt__strbuf_release(&texts[i]);
    }
}

// Only examples and single long words may be longer.
static bool may_be_long(const char *line, size_t length)
{
    return strncmp(line, "  mopt", 6) == 0 || memchr(line + 26, ' ', length - 26) == NULL;
}

static void lines_fit(void **state)
{
    (void)state;
    enum { WIDTH = 80 };
    size_t count;
    const struct mopt_command *const *commands = mopt__commands(&count);
    for (size_t i = 0; i < count; i++) {
        struct mopt_strbuf help = {0};
        mopt__help_command(commands[i], &help);
        for (const char *line = mopt__strbuf_text(&help); *line != '\0';) {
            size_t length = strcspn(line, "\n");
            if (length > WIDTH + 2 && !may_be_long(line, length)) {
                fail_msg("%s: %.*s", commands[i]->name, (int)length, line);
            }
            line += length + (line[length] == '\n');
        }
        mopt__strbuf_release(&help);
    }
}

static void codes_of_statuses_are_documented(void **state)
{
    (void)state;
    size_t count;
    const struct mopt_exit_code *codes = mopt__exit_codes(&count);
    for (int status = MOPT_OK; status <= MOPT_E_INTERRUPTED; status++) {
        size_t i = 0;
        while (i < count && codes[i].code != mopt_status_exit_code((enum mopt_status)status)) {
            i++;
        }
        assert_true(i < count);
    }
}

int mopt__test_help(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_well_formed),
        cmocka_unit_test(defaults_parse),
        cmocka_unit_test(every_option_is_everywhere),
        cmocka_unit_test(lines_fit),
        cmocka_unit_test(codes_of_statuses_are_documented),
    };
    return cmocka_run_group_tests_name("help", tests, NULL, NULL);
}
