// SPDX-License-Identifier: Apache-2.0
// The text between the braces of "pass{key=value,flag}" against the option rows of the pass.
#include <string.h>

#include "pass/internal.h"

enum { NAMES_MAX = 64 };

size_t mopt__arguments_span(const char *text, const char *stops)
{
    bool quoted = false;
    size_t i = 0;
    for (; text[i] != '\0' && (quoted || strchr(stops, text[i]) == NULL); i++) {
        if (quoted && text[i] == '\\' && text[i + 1] != '\0') {
            i++;
        } else if (text[i] == '"') {
            quoted = !quoted;
        }
    }
    return quoted ? SIZE_MAX : i;
}

bool mopt__option_bool(const char *text, bool *value)
{
    *value = strcmp(text, "true") == 0;
    return *value || strcmp(text, "false") == 0;
}

static const char *trim(const char *text, size_t *length)
{
    while (*length > 0 && (*text == ' ' || *text == '\t')) {
        text++;
        --*length;
    }
    while (*length > 0 && (text[*length - 1] == ' ' || text[*length - 1] == '\t')) {
        --*length;
    }
    return text;
}

// The plain text of a value: without its quotes and escapes.
static const char *unquote(struct mopt_arena *arena, const char *text, size_t length)
{
    char *plain = mopt__arena_alloc(arena, length + 1, 1);
    size_t used = 0;
    for (size_t i = 0; plain != NULL && i < length; i++) {
        if (text[i] == '"') {
            continue;
        }
        i += text[i] == '\\' && i + 1 < length;
        plain[used++] = text[i];
    }
    return plain;
}

static enum mopt_status unknown_option(const struct mopt_pass *pass, const char *name,
                                       struct mopt_error *err)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < pass->option_count && count < NAMES_MAX; i++) {
        names[count++] = pass->options[i].name;
    }
    int nearest = mopt__nearest(name, names, count);
    if (nearest < 0) {
        return mopt_error_set(err, MOPT_E_USAGE, "pass '%s' has no option '%s'", pass->name, name);
    }
    return mopt_error_set(err, MOPT_E_USAGE, "pass '%s' has no option '%s'; nearest is '%s'",
                          pass->name, name, names[nearest]);
}

static enum mopt_status check_value(const struct mopt_pass *pass,
                                    const struct mopt_pass_option *row, const char *text,
                                    struct mopt_error *err)
{
    static const char *const kinds[] = {"true or false", "a whole number", "a number", "a text"};
    long long whole;
    double number;
    bool flag;
    bool fits = row->type == MOPT_OPTION_STRING ||
                (row->type == MOPT_OPTION_BOOL && mopt__option_bool(text, &flag)) ||
                (row->type == MOPT_OPTION_INT && mopt__parse_i64(text, &whole)) ||
                (row->type == MOPT_OPTION_FLOAT && mopt__parse_f64(text, &number));
    return fits ? MOPT_OK
                : mopt_error_set(err, MOPT_E_USAGE, "option '%s' of pass '%s' is '%s', must be %s",
                                 row->name, pass->name, text, kinds[row->type]);
}

static enum mopt_status set_option(const struct mopt_pass *pass, const char *name,
                                   const char *value, const char **values, struct mopt_error *err)
{
    for (size_t i = 0; i < pass->option_count; i++) {
        const struct mopt_pass_option *row = &pass->options[i];
        if (strcmp(row->name, name) != 0) {
            continue;
        }
        if (value == NULL && row->type != MOPT_OPTION_BOOL) {
            return mopt_error_set(err, MOPT_E_USAGE, "option '%s' of pass '%s' needs a value", name,
                                  pass->name);
        }
        values[i] = value != NULL ? value : "true";
        return check_value(pass, row, values[i], err);
    }
    return unknown_option(pass, name, err);
}

// One "key=value" or "key".
static enum mopt_status parse_one(const struct mopt_pass *pass, const char *text, size_t length,
                                  struct mopt_arena *arena, const char **values,
                                  struct mopt_error *err)
{
    const char *equal = memchr(text, '=', length);
    size_t name_length = equal != NULL ? (size_t)(equal - text) : length;
    const char *start = trim(text, &name_length);
    const char *name = mopt__arena_strndup(arena, start, name_length);
    const char *value = NULL;
    if (equal != NULL) {
        size_t value_length = length - (size_t)(equal + 1 - text);
        start = trim(equal + 1, &value_length);
        value = unquote(arena, start, value_length);
    }
    if (name == NULL || (equal != NULL && value == NULL)) {
        return mopt_error_memory(err);
    }
    return set_option(pass, name, value, values, err);
}

enum mopt_status mopt__arguments_parse(const struct mopt_pass *pass, const char *text,
                                       struct mopt_arena *arena, const char **values,
                                       struct mopt_error *err)
{
    for (size_t i = 0; i < pass->option_count; i++) {
        values[i] = pass->options[i].initial;
    }
    size_t blank = text != NULL ? strspn(text, " \t") : 0;
    if (text == NULL || text[blank] == '\0') {
        return MOPT_OK;
    }
    for (;;) {
        size_t length = mopt__arguments_span(text, ",");
        if (length == SIZE_MAX) {
            return mopt_error_set(err, MOPT_E_USAGE, "options of pass '%s': quote is not closed",
                                  pass->name);
        }
        enum mopt_status status = parse_one(pass, text, length, arena, values, err);
        if (status != MOPT_OK || text[length] == '\0') {
            return status;
        }
        text += length + 1;
    }
}
