// SPDX-License-Identifier: Apache-2.0
// Text files that list samples or labels, line by line. It knows the grammar of a line, not what a
// file holds.
#ifndef MOPT_DATA_LINES_H
#define MOPT_DATA_LINES_H

#include "base/alloc.h"
#include "base/file.h"

// One line "path", "path label", "path,label", "label", or "name=path name=path label".
struct mopt_line {
    size_t number;     // from 1
    char **names;      // [part_count]; entries NULL for a path without a name
    char **paths;      // [part_count]
    size_t part_count; // 0: a label only
    bool has_label;
    int64_t label;
};

struct mopt_lines {
    struct mopt_line *items;
    size_t count, capacity;
    struct mopt_arena arena; // holds all texts
};

// Empty lines and lines that begin with '#' are left out, and so is a first line that is the head
// of a table
// ("file,label"). Errors: MOPT_E_FORMAT (no text, or too long a line), MOPT_E_MEMORY.
enum mopt_status mopt__lines_parse(const struct mopt_mapping *mapping, struct mopt_lines *lines,
                                   struct mopt_error *err);
void mopt__lines_release(struct mopt_lines *lines);
bool mopt__lines_match(
    const struct mopt_mapping *mapping); // valid UTF-8 without control characters at the start

#endif
