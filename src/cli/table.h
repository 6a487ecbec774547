// SPDX-License-Identifier: Apache-2.0
// Tables for people: aligned text, Markdown, CSV. Cells are made safe for terminals.
#ifndef MOPT_CLI_TABLE_H
#define MOPT_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strings.h"
#include "mopt/status.h"

enum { MOPT_TABLE_COLUMNS = 24 };

enum mopt_style { MOPT_STYLE_PLAIN, MOPT_STYLE_GOOD, MOPT_STYLE_BAD, MOPT_STYLE_DIM };

struct mopt_table_cell {
    char *text; // heap, clean UTF-8
    size_t width;
    enum mopt_style style;
};

// A zeroed struct is an empty table. After a failed allocation calls do nothing and the renderers
// mark their output as failed.
struct mopt_table {
    const char *columns[MOPT_TABLE_COLUMNS];
    bool right[MOPT_TABLE_COLUMNS];
    size_t column_count;
    struct mopt_table_cell *cells; // row by row
    size_t cell_count, capacity;
    bool failed;
};

void mopt__table_release(struct mopt_table *table);
// All columns come before the first cell. title is borrowed; right: numbers.
void mopt__table_column(struct mopt_table *table, const char *title, bool right);
// Next cell; rows fill from left to right.
void mopt__table_cell(struct mopt_table *table, const char *format, ...) MOPT_PRINTF(2, 3);
void mopt__table_style(struct mopt_table *table, enum mopt_style style); // of the last cell
// Fills the started row with empty cells.
void mopt__table_end_row(struct mopt_table *table);

void mopt__table_text(const struct mopt_table *table, bool color, struct mopt_strbuf *out);
void mopt__table_markdown(const struct mopt_table *table, struct mopt_strbuf *out);
void mopt__table_csv(const struct mopt_table *table, struct mopt_strbuf *out); // RFC 4180

// A row "name, before, after, delta in percent" for the tables of changes: fewer is good.
enum mopt_unit { MOPT_UNIT_COUNT, MOPT_UNIT_BYTES, MOPT_UNIT_BIG };
void mopt__table_delta(struct mopt_table *table, const char *name, enum mopt_unit unit,
                       double before, double after);

// Text with control characters, direction marks and malformed bytes shown as escapes, at most
// 1 KiB; result in buf, returned.
const char *mopt__clean(struct mopt_error *buf, const char *text);
// Columns that a clean UTF-8 text takes on a terminal (one per code point).
size_t mopt__text_width(const char *text);

#endif
