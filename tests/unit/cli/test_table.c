// SPDX-License-Identifier: Apache-2.0
// Tables: alignment, escapes, Markdown, CSV, deltas.
#include <math.h>

#include "cli/table.h"
#include "tests.h"

static void fill(struct mopt_table *table)
{
    mopt__table_column(table, "name", false);
    mopt__table_column(table, "n", true);
    mopt__table_cell(table, "a|b");
    mopt__table_cell(table, "%d", 10);
    mopt__table_cell(table, "x\033[31m, \"y\"\n");
    mopt__table_cell(table, "ä");
}

static void text(void **state)
{
    (void)state;
    struct mopt_table table = {0};
    struct mopt_strbuf out = {0};
    fill(&table);
    mopt__table_text(&table, false, &out);
    // Control characters of names must not reach a terminal; ä is one column wide.
    assert_string_equal(mopt__strbuf_text(&out), "name               n\n"
                                                 "a|b               10\n"
                                                 "x\\x1b[31m, \"y\"\\n   ä\n");
    mopt__strbuf_release(&out);
    mopt__table_release(&table);
}

static void markdown_and_csv(void **state)
{
    (void)state;
    struct mopt_table table = {0};
    struct mopt_strbuf out = {0};
    fill(&table);
    mopt__table_markdown(&table, &out);
    assert_string_equal(mopt__strbuf_text(&out), "| name | n |\n| --- | ---: |\n"
                                                 "| a\\|b | 10 |\n"
                                                 "| x\\x1b[31m, \"y\"\\n | ä |\n");
    mopt__strbuf_clear(&out);
    mopt__table_csv(&table, &out);
    assert_string_equal(mopt__strbuf_text(&out), "name,n\na|b,10\n"
                                                 "\"x\\x1b[31m, \"\"y\"\"\\n\",ä\n");
    mopt__strbuf_release(&out);
    mopt__table_release(&table);
}

static void colours_do_not_shift_columns(void **state)
{
    (void)state;
    struct mopt_table table = {0};
    struct mopt_strbuf out = {0};
    mopt__table_column(&table, "a", true);
    mopt__table_cell(&table, "7");
    mopt__table_style(&table, MOPT_STYLE_GOOD);
    mopt__table_cell(&table, "77");
    mopt__table_text(&table, true, &out);
    assert_string_equal(mopt__strbuf_text(&out), "\033[1m a\033[0m\n \033[32m7\033[0m\n77\n");
    mopt__strbuf_release(&out);
    mopt__table_release(&table);
}

static void deltas(void **state)
{
    (void)state;
    struct mopt_table table = {0};
    for (int i = 0; i < 4; i++) {
        static const char *const titles[] = {"", "before", "after", "delta"};
        mopt__table_column(&table, titles[i], i > 0);
    }
    mopt__table_delta(&table, "nodes", MOPT_UNIT_COUNT, 10, 5);
    mopt__table_delta(&table, "bytes", MOPT_UNIT_BYTES, 1000, 2000);
    mopt__table_delta(&table, "same", MOPT_UNIT_COUNT, 3, 3);
    mopt__table_delta(&table, "new", MOPT_UNIT_COUNT, 0, 3);
    mopt__table_delta(&table, "open", MOPT_UNIT_COUNT, NAN, 3);
    assert_string_equal(table.cells[3].text, "-50.0 %");
    assert_int_equal(table.cells[3].style, MOPT_STYLE_GOOD);
    assert_string_equal(table.cells[7].text, "+100.0 %");
    assert_int_equal(table.cells[7].style, MOPT_STYLE_BAD);
    assert_string_equal(table.cells[11].text, "0");
    assert_string_equal(table.cells[15].text, "+3");
    assert_string_equal(table.cells[17].text, "?");
    mopt__table_release(&table);
}

int mopt__test_table(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text),
        cmocka_unit_test(markdown_and_csv),
        cmocka_unit_test(colours_do_not_shift_columns),
        cmocka_unit_test(deltas),
    };
    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
