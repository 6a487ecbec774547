// SPDX-License-Identifier: Apache-2.0
// Tables as text, Markdown and CSV.
#include "cli/table.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

const char *mopt__clean(struct mopt_error *buf, const char *text)
{
    // Messages are cleaned when they are set; a cell needs exactly that.
    (void)mopt_error_set(buf, MOPT_OK, "%s", text);
    return buf->text;
}

size_t mopt__text_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xC0) != 0x80; // continuation bytes take no column
    }
    return width;
}

void mopt__table_release(struct mopt_table *table)
{
    for (size_t i = 0; i < table->cell_count; i++) {
        mopt__free(table->cells[i].text);
    }
    mopt__free(table->cells);
    *table = (struct mopt_table){0};
}

void mopt__table_column(struct mopt_table *table, const char *title, bool right)
{
    assert(table->column_count < MOPT_TABLE_COLUMNS && table->cell_count == 0);
    table->columns[table->column_count] = title;
    table->right[table->column_count++] = right;
}

static void add_text(struct mopt_table *table, const char *text)
{
    struct mopt_error buf;
    char *copy = mopt__strdup(mopt__clean(&buf, text));
    if (copy == NULL || mopt__grow((void **)&table->cells, &table->capacity, table->cell_count + 1,
                                   sizeof *table->cells, &buf) != MOPT_OK) {
        mopt__free(copy);
        table->failed = true;
        return;
    }
    table->cells[table->cell_count++] =
        (struct mopt_table_cell){.text = copy, .width = mopt__text_width(copy)};
}

void mopt__table_cell(struct mopt_table *table, const char *format, ...)
{
    struct mopt_strbuf buf = {0};
    va_list args;
    va_start(args, format);
    mopt__strbuf_vprintf(&buf, format, args);
    va_end(args);
    table->failed = table->failed || buf.failed;
    if (!table->failed) {
        add_text(table, mopt__strbuf_text(&buf));
    }
    mopt__strbuf_release(&buf);
}

void mopt__table_style(struct mopt_table *table, enum mopt_style style)
{
    if (!table->failed && table->cell_count > 0) {
        table->cells[table->cell_count - 1].style = style;
    }
}

void mopt__table_end_row(struct mopt_table *table)
{
    while (!table->failed && table->cell_count % table->column_count != 0) {
        add_text(table, "");
    }
}

static void add_spaces(struct mopt_strbuf *out, size_t count)
{
    while (count-- > 0) {
        mopt__strbuf_add_char(out, ' ');
    }
}

static const char *const styles[] = {
    [MOPT_STYLE_PLAIN] = "",
    [MOPT_STYLE_GOOD] = "\033[32m",
    [MOPT_STYLE_BAD] = "\033[31m",
    [MOPT_STYLE_DIM] = "\033[2m",
};

static void add_cell(struct mopt_strbuf *out, const struct mopt_table_cell *cell, size_t width,
                     bool right, bool last, bool color)
{
    size_t space = width - cell->width;
    bool styled = color && cell->style != MOPT_STYLE_PLAIN;
    add_spaces(out, right ? space : 0);
    mopt__strbuf_add(out, styled ? styles[cell->style] : "");
    mopt__strbuf_add(out, cell->text);
    mopt__strbuf_add(out, styled ? "\033[0m" : "");
    add_spaces(out, right || last ? 0 : space);
}

static void column_widths(const struct mopt_table *table, size_t widths[MOPT_TABLE_COLUMNS])
{
    for (size_t c = 0; c < table->column_count; c++) {
        widths[c] = mopt__text_width(table->columns[c]);
    }
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t c = i % table->column_count;
        if (table->cells[i].width > widths[c]) {
            widths[c] = table->cells[i].width;
        }
    }
}

static void end_line(struct mopt_strbuf *out)
{
    while (out->length > 0 && out->text[out->length - 1] == ' ') {
        out->text[--out->length] = '\0';
    }
    mopt__strbuf_add_char(out, '\n');
}

static void add_header(const struct mopt_table *table, const size_t *widths, bool color,
                       struct mopt_strbuf *out)
{
    mopt__strbuf_add(out, color ? "\033[1m" : "");
    for (size_t c = 0; c < table->column_count; c++) {
        size_t space = widths[c] - mopt__text_width(table->columns[c]);
        bool last = c + 1 == table->column_count;
        add_spaces(out, table->right[c] ? space : 0);
        mopt__strbuf_add(out, table->columns[c]);
        add_spaces(out, table->right[c] || last ? 0 : space);
        mopt__strbuf_add(out, last ? "" : "  ");
    }
    mopt__strbuf_add(out, color ? "\033[0m" : "");
    end_line(out);
}

void mopt__table_text(const struct mopt_table *table, bool color, struct mopt_strbuf *out)
{
    size_t widths[MOPT_TABLE_COLUMNS] = {0};
    out->failed = out->failed || table->failed;
    if (out->failed || table->column_count == 0) {
        return;
    }
    column_widths(table, widths);
    add_header(table, widths, color, out);
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t c = i % table->column_count;
        bool last = c + 1 == table->column_count;
        add_cell(out, &table->cells[i], widths[c], table->right[c], last, color);
        if (last) {
            end_line(out);
        } else {
            mopt__strbuf_add(out, "  ");
        }
    }
}

static void add_markdown_cell(struct mopt_strbuf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        mopt__strbuf_add(out, *text == '|' ? "\\" : "");
        mopt__strbuf_add_char(out, *text);
    }
}

void mopt__table_markdown(const struct mopt_table *table, struct mopt_strbuf *out)
{
    out->failed = out->failed || table->failed;
    if (out->failed || table->column_count == 0) {
        return;
    }
    for (size_t c = 0; c < table->column_count; c++) {
        mopt__strbuf_printf(out, "| %s ", table->columns[c]);
    }
    mopt__strbuf_add(out, "|\n");
    for (size_t c = 0; c < table->column_count; c++) {
        mopt__strbuf_add(out, table->right[c] ? "| ---: " : "| --- ");
    }
    mopt__strbuf_add(out, "|\n");
    for (size_t i = 0; i < table->cell_count; i++) {
        mopt__strbuf_add(out, "| ");
        add_markdown_cell(out, table->cells[i].text);
        mopt__strbuf_add(out, (i + 1) % table->column_count == 0 ? " |\n" : " ");
    }
}

static void add_csv_cell(struct mopt_strbuf *out, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        mopt__strbuf_add(out, text);
        return;
    }
    mopt__strbuf_add_char(out, '"');
    for (; *text != '\0'; text++) {
        mopt__strbuf_add(out, *text == '"' ? "\"" : "");
        mopt__strbuf_add_char(out, *text);
    }
    mopt__strbuf_add_char(out, '"');
}

void mopt__table_csv(const struct mopt_table *table, struct mopt_strbuf *out)
{
    out->failed = out->failed || table->failed;
    if (out->failed || table->column_count == 0) {
        return;
    }
    for (size_t c = 0; c < table->column_count; c++) {
        mopt__strbuf_add(out, c > 0 ? "," : "");
        add_csv_cell(out, table->columns[c]);
    }
    mopt__strbuf_add_char(out, '\n');
    for (size_t i = 0; i < table->cell_count; i++) {
        bool last = (i + 1) % table->column_count == 0;
        add_csv_cell(out, table->cells[i].text);
        mopt__strbuf_add_char(out, last ? '\n' : ',');
    }
}

static void unit_cell(struct mopt_table *table, enum mopt_unit unit, double value)
{
    char buf[32];
    if (isnan(value)) {
        mopt__table_cell(table, "?");
    } else if (unit == MOPT_UNIT_BYTES) {
        mopt__table_cell(table, "%s", mopt__format_bytes(buf, sizeof buf, value));
    } else if (unit == MOPT_UNIT_BIG) {
        mopt__table_cell(table, "%s", mopt__format_count(buf, sizeof buf, value));
    } else {
        mopt__table_cell(table, "%.0f", value);
    }
}

void mopt__table_delta(struct mopt_table *table, const char *name, enum mopt_unit unit,
                       double before, double after)
{
    mopt__table_cell(table, "%s", name);
    unit_cell(table, unit, before);
    unit_cell(table, unit, after);
    double change = after - before;
    if (isnan(change) || change == 0) {
        mopt__table_cell(table, isnan(change) ? "?" : "0");
        return;
    }
    if (before > 0) {
        mopt__table_cell(table, "%+.1f %%", change / before * 100);
    } else {
        mopt__table_cell(table, "%+.0f", change);
    }
    mopt__table_style(table, change < 0 ? MOPT_STYLE_GOOD : MOPT_STYLE_BAD);
}
