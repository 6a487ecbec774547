// SPDX-License-Identifier: Apache-2.0
// Lists of samples and tables of labels as text. A label is an integer that ends the line.
#include "data/lines.h"

#include <string.h>

#include "base/strings.h"

enum { LINE_MAX_BYTES = 1 << 16, LOOK_BYTES = 4096 };

bool mopt__lines_match(const struct mopt_mapping *mapping)
{
    size_t size = mapping->size < LOOK_BYTES ? mapping->size : LOOK_BYTES;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = mapping->data[i];
        if (c == 0x7f || (c < 0x20 && c != '\n' && c != '\r' && c != '\t')) {
            return false;
        }
    }
    return size > 0 && (size == LOOK_BYTES || mopt__utf8_valid((const char *)mapping->data, size));
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool is_separator(char c)
{
    return is_space(c) || c == ',' || c == ';';
}

static char *trim(char *text)
{
    size_t length = 0;
    while (is_space(*text)) {
        text++;
    }
    length = strlen(text);
    while (length > 0 && is_space(text[length - 1])) {
        text[--length] = '\0';
    }
    return text;
}

// Takes quotes off: "a b.png" -> a b.png.
static char *unquote(char *text)
{
    size_t length = strlen(text);
    if (length >= 2 && text[0] == '"' && text[length - 1] == '"') {
        text[length - 1] = '\0';
        return text + 1;
    }
    return text;
}

// Cuts an integer off the end of text.
static void take_label(char *text, struct mopt_line *line)
{
    size_t at = strlen(text);
    long long value = 0;
    while (at > 0 && !is_separator(text[at - 1])) {
        at--;
    }
    if (mopt__parse_i64(text + at, &value)) {
        line->has_label = true;
        line->label = value;
        while (at > 0 && is_separator(text[at - 1])) {
            at--;
        }
        text[at] = '\0';
    }
}

// Length of the name in "name=path" or "name:=path"; 0 if text does not look like that.
static size_t name_length(const char *text)
{
    size_t equals = strcspn(text, "= \t,;");
    if (text[equals] != '=' || equals == 0) {
        return 0;
    }
    return text[equals - 1] == ':' ? equals - 1 : equals;
}

static enum mopt_status add_part(struct mopt_lines *lines, struct mopt_line *line, char *name,
                                 char *path, struct mopt_error *err)
{
    size_t count = line->part_count;
    if (count % 4 == 0) { // room for four more
        char **names = mopt__arena_alloc(&lines->arena, count + 4, sizeof(char *));
        char **paths = mopt__arena_alloc(&lines->arena, count + 4, sizeof(char *));
        if (!names || !paths) {
            return mopt_error_memory(err);
        }
        if (count > 0) {
            memcpy(names, line->names, count * sizeof(char *));
            memcpy(paths, line->paths, count * sizeof(char *));
        }
        line->names = names;
        line->paths = paths;
    }
    line->names[count] = name;
    line->paths[count] = path;
    line->part_count++;
    return MOPT_OK;
}

// "a=x.npy b=y.npy": parts are separated by blanks or commas.
static enum mopt_status split_named(struct mopt_lines *lines, struct mopt_line *line, char *text,
                                    struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;
    while (*text != '\0' && status == MOPT_OK) {
        size_t name = name_length(text);
        if (name == 0) {
            return mopt_error_set(err, MOPT_E_FORMAT, "line %zu: '%s' is not of the form name=path",
                                  line->number, text);
        }
        char *path = strchr(text + name, '=') + 1;
        text[name] = '\0';
        size_t length = strcspn(path, " \t,;");
        char *rest = path + length + (path[length] != '\0');
        path[length] = '\0';
        status = add_part(lines, line, text, path, err);
        text = rest + strspn(rest, " \t,;");
    }
    return status;
}

static enum mopt_status parse_line(struct mopt_lines *lines, const char *start, size_t bytes,
                                   size_t number, struct mopt_error *err)
{
    struct mopt_line line = {.number = number};
    if (bytes > LINE_MAX_BYTES || memchr(start, '\0', bytes)) {
        return mopt_error_set(err, MOPT_E_FORMAT, "line %zu is longer than %d bytes, or no text",
                              number, (int)LINE_MAX_BYTES);
    }
    char *copy = mopt__arena_strndup(&lines->arena, start, bytes);
    if (!copy) {
        return mopt_error_memory(err);
    }
    char *text = trim(copy);
    if (*text == '\0' || *text == '#') {
        return MOPT_OK;
    }
    take_label(text, &line);
    enum mopt_status status = MOPT_OK;
    if (name_length(text) > 0) {
        status = split_named(lines, &line, text, err);
    } else if (*text != '\0') {
        status = add_part(lines, &line, NULL, unquote(trim(text)), err);
    }
    if (status == MOPT_OK) {
        status = mopt__grow((void **)&lines->items, &lines->capacity, lines->count + 1,
                            sizeof *lines->items, err);
    }
    if (status == MOPT_OK) {
        lines->items[lines->count++] = line;
    }
    return status;
}

// "file,label" over lines that have labels.
static void drop_head(struct mopt_lines *lines)
{
    if (lines->count > 1 && !lines->items[0].has_label && lines->items[1].has_label) {
        memmove(lines->items, lines->items + 1, (lines->count - 1) * sizeof *lines->items);
        lines->count--;
    }
}

enum mopt_status mopt__lines_parse(const struct mopt_mapping *mapping, struct mopt_lines *lines,
                                   struct mopt_error *err)
{
    const char *text = (const char *)mapping->data;
    size_t left = mapping->size;
    size_t number = 0;
    enum mopt_status status = MOPT_OK;
    memset(lines, 0, sizeof *lines);
    mopt__arena_init(&lines->arena);
    if (left >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { // mark of UTF-8
        text += 3;
        left -= 3;
    }
    while (left > 0 && status == MOPT_OK) {
        const char *end = memchr(text, '\n', left);
        size_t bytes = end ? (size_t)(end - text) : left;
        size_t used = bytes + (end != NULL);
        status = parse_line(lines, text, bytes, ++number, err);
        text += used;
        left -= used;
    }
    if (status != MOPT_OK) {
        mopt__lines_release(lines);
        return mopt_error_wrap(err, "file '%s'", mapping->path);
    }
    drop_head(lines);
    return MOPT_OK;
}

void mopt__lines_release(struct mopt_lines *lines)
{
    mopt__free(lines->items);
    mopt__arena_release(&lines->arena);
    memset(lines, 0, sizeof *lines);
}
