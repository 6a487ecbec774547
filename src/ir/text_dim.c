// SPDX-License-Identifier: Apache-2.0
// Dimensions in the text form: numbers, names, and the expressions that dim.h prints.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "ir/text_private.h"

enum {
    NESTING_MAX = 100,
    FRESH_MAX = 1000000, // largest number after "?"
};

static bool read_sum(struct mopt_lexer *lexer, struct mopt_dim_reader *reader, int64_t *out);

// Serial number that the table prints for a fresh symbol; -1 if it does not print as one.
static int64_t serial_of(const struct mopt_dims *dims, int64_t dim)
{
    struct mopt_strbuf text = {0};
    mopt__dim_print(dims, dim, &text);
    const char *shown = mopt__strbuf_text(&text);
    long long serial = -1;
    if (shown[0] != '?' || !mopt__parse_i64(shown + 1, &serial)) {
        serial = -1;
    }
    mopt__strbuf_release(&text);
    return serial;
}

static bool remember_fresh(struct mopt_lexer *lexer, struct mopt_dim_reader *reader, int64_t serial,
                           int64_t dim)
{
    int64_t *kept = mopt__arena_alloc(reader->arena, 1, sizeof *kept);
    if (kept == NULL) {
        return mopt__lex_fail(lexer, mopt_error_memory(lexer->err));
    }
    *kept = dim;
    enum mopt_status status = mopt__map_put_u64(reader->fresh, (uint64_t)serial, kept, lexer->err);
    return status == MOPT_OK || mopt__lex_fail(lexer, status);
}

// "?7" is the same symbol wherever it stands in one text; the table gets symbols until its own
// count says 7, so that the model prints the same text again.
static bool read_fresh(struct mopt_lexer *lexer, struct mopt_dim_reader *reader, int64_t *out)
{
    const struct mopt_token token = lexer->token;
    int64_t number, *found;
    if (!mopt__lex_i64(lexer, &number)) {
        return false;
    }
    if (number < 1 || number > FRESH_MAX) {
        return mopt__lex_error_at(lexer, &token, "an unnamed symbol cannot have this number");
    }
    while ((found = mopt__map_find_u64(reader->fresh, (uint64_t)number)) == NULL) {
        int64_t dim = mopt__dim_fresh(reader->dims);
        if (dim == MOPT_DIM_UNKNOWN) {
            return mopt__lex_fail(lexer, mopt_error_memory(lexer->err));
        }
        int64_t serial = serial_of(reader->dims, dim);
        if (!remember_fresh(lexer, reader, serial < number && serial > 0 ? serial : number, dim)) {
            return false;
        }
    }
    *out = *found;
    return true;
}

typedef int64_t (*dim_operation)(struct mopt_dims *dims, int64_t a, int64_t b);

// Operation of "name(a, b, ...)"; NULL: no such function.
static dim_operation find_operation(const struct mopt_token *token)
{
    static const struct {
        const char *name;
        dim_operation operation;
    } rows[] = {
        {"mod", mopt__dim_mod},
        {"min", mopt__dim_min},
        {"max", mopt__dim_max},
        {"broadcast", mopt__dim_broadcast},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(rows); i++) {
        if (strlen(rows[i].name) == token->size &&
            memcmp(rows[i].name, token->text, token->size) == 0) {
            return rows[i].operation;
        }
    }
    return NULL;
}

// floor(a/b), ceil(a/b): the quotient stands alone inside.
static bool read_quotient(struct mopt_lexer *lexer, struct mopt_dim_reader *reader, bool up,
                          int64_t *out)
{
    int64_t a, b;
    if (!read_sum(lexer, reader, &a) || !mopt__lex_expect(lexer, "/") ||
        !read_sum(lexer, reader, &b) || !mopt__lex_expect(lexer, ")")) {
        return false;
    }
    *out = up ? mopt__dim_ceildiv(reader->dims, a, b) : mopt__dim_floordiv(reader->dims, a, b);
    return true;
}

static bool read_call(struct mopt_lexer *lexer, struct mopt_dim_reader *reader,
                      const struct mopt_token *name, int64_t *out)
{
    mopt__lex_next(lexer); // the parenthesis
    if (name->size == 5 && memcmp(name->text, "floor", 5) == 0) {
        return read_quotient(lexer, reader, false, out);
    }
    if (name->size == 4 && memcmp(name->text, "ceil", 4) == 0) {
        return read_quotient(lexer, reader, true, out);
    }
    dim_operation operation = find_operation(name);
    if (operation == NULL) {
        return mopt__lex_error_at(lexer, name, "unknown function in a dimension");
    }
    if (!read_sum(lexer, reader, out)) {
        return false;
    }
    while (mopt__lex_accept(lexer, ",")) {
        int64_t next;
        if (!read_sum(lexer, reader, &next)) {
            return false;
        }
        *out = operation(reader->dims, *out, next);
    }
    return mopt__lex_expect(lexer, ")");
}

static bool read_symbol(struct mopt_lexer *lexer, struct mopt_dim_reader *reader, int64_t *out)
{
    const struct mopt_token token = lexer->token;
    const char *name;
    if (!mopt__lex_name(lexer, reader->arena, "a dimension", &name)) {
        return false;
    }
    if (token.kind == MOPT_TOKEN_WORD && mopt__lex_is(lexer, "(")) {
        return read_call(lexer, reader, &token, out);
    }
    *out = mopt__dim_named(reader->dims, name);
    if (mopt__dims_starved(reader->dims)) {
        return mopt__lex_fail(lexer, mopt_error_memory(lexer->err));
    }
    return true;
}

static bool read_factor(struct mopt_lexer *lexer, struct mopt_dim_reader *reader, int64_t *out)
{
    if (mopt__lex_accept(lexer, "?")) {
        *out = MOPT_DIM_UNKNOWN;
        bool numbered = lexer->token.kind == MOPT_TOKEN_NUMBER;
        return !numbered || read_fresh(lexer, reader, out);
    }
    if (mopt__lex_accept(lexer, "(")) {
        return read_sum(lexer, reader, out) && mopt__lex_expect(lexer, ")");
    }
    if (lexer->token.kind != MOPT_TOKEN_NUMBER) {
        return read_symbol(lexer, reader, out);
    }
    int64_t number;
    if (!mopt__lex_i64(lexer, &number)) {
        return false;
    }
    *out = mopt__dim_const(reader->dims, number);
    return true;
}

static bool read_product(struct mopt_lexer *lexer, struct mopt_dim_reader *reader, int64_t *out)
{
    bool negative = mopt__lex_accept(lexer, "-");
    if (!read_factor(lexer, reader, out)) {
        return false;
    }
    while (mopt__lex_accept(lexer, "*")) {
        int64_t next;
        if (!read_factor(lexer, reader, &next)) {
            return false;
        }
        *out = mopt__dim_mul(reader->dims, *out, next);
    }
    if (negative) {
        *out = mopt__dim_sub(reader->dims, mopt__dim_const(reader->dims, 0), *out);
    }
    return true;
}

static bool read_sum(struct mopt_lexer *lexer, struct mopt_dim_reader *reader, int64_t *out)
{
    if (++reader->depth > NESTING_MAX) {
        const struct mopt_token token = lexer->token;
        return mopt__lex_error_at(lexer, &token, "a dimension is nested too deep");
    }
    bool good = read_product(lexer, reader, out);
    while (good && (mopt__lex_is(lexer, "+") || mopt__lex_is(lexer, "-"))) {
        bool minus = mopt__lex_is(lexer, "-");
        int64_t next = MOPT_DIM_UNKNOWN;
        if (!minus) {
            mopt__lex_next(lexer);
        }
        good = read_product(lexer, reader, &next); // takes the minus itself
        *out = mopt__dim_add(reader->dims, *out, next);
    }
    reader->depth--;
    return good;
}

bool mopt__read_dim(struct mopt_lexer *lexer, struct mopt_dim_reader *reader, int64_t *out)
{
    return read_sum(lexer, reader, out);
}

// ---- Printing: the mirror is a table that has read everything printed so far, as the parser's will.

bool mopt__mirror_init(struct mopt_dim_mirror *mirror)
{
    memset(mirror, 0, sizeof *mirror);
    mopt__arena_init(&mirror->arena);
    mirror->dims = mopt__dims_new();
    return mirror->dims != NULL;
}

void mopt__mirror_release(struct mopt_dim_mirror *mirror)
{
    mopt__map_release(&mirror->fresh);
    mopt__arena_release(&mirror->arena);
    mopt__dims_free(mirror->dims);
}

// Reads text into the mirror; unknown if it is no dimension.
static int64_t mirror_read(struct mopt_dim_mirror *mirror, const char *text)
{
    struct mopt_error err;
    struct mopt_lexer lexer;
    struct mopt_dim_reader reader = {.dims = mirror->dims,
                                     .arena = &mirror->arena,
                                     .fresh = &mirror->fresh};
    int64_t dim = MOPT_DIM_UNKNOWN;
    mopt__lex_init(&lexer, text, strlen(text), &err);
    bool good = mopt__read_dim(&lexer, &reader, &dim) && lexer.status == MOPT_OK &&
                lexer.token.kind == MOPT_TOKEN_END;
    return good ? dim : MOPT_DIM_UNKNOWN;
}

static void print_name(struct mopt_dim_mirror *mirror, const char *name, struct mopt_strbuf *out)
{
    (void)mopt__dim_named(mirror->dims, name);
    mopt__text_add_word(out, name);
}

// The form of an expression depends on the age of its symbols: what counts is the form that the
// parser will see.
static void print_expression(const struct mopt_dims *dims, int64_t dim,
                             struct mopt_dim_mirror *mirror, struct mopt_strbuf *out)
{
    struct mopt_strbuf text = {0}, seen = {0};
    mopt__dim_print(dims, dim, &text);
    int64_t read = mirror_read(mirror, mopt__strbuf_text(&text));
    mopt__dim_print(mirror->dims, read, &seen);
    const char *shown = mopt__strbuf_text(&seen);
    if (read != MOPT_DIM_UNKNOWN && mirror_read(mirror, shown) == read) {
        mopt__strbuf_add(out, shown);
    } else { // names that look like expressions: as one name
        (void)mopt__dim_named(mirror->dims, mopt__strbuf_text(&text));
        mopt__text_add_string(out, mopt__strbuf_text(&text), text.length);
    }
    out->failed = out->failed || text.failed || seen.failed;
    mopt__strbuf_release(&text);
    mopt__strbuf_release(&seen);
}

void mopt__print_dim(const struct mopt_dims *dims, int64_t dim, struct mopt_dim_mirror *mirror,
                     struct mopt_strbuf *out)
{
    const char *name = dim < 0 ? mopt__dim_name(dims, dim) : NULL;
    if (dim >= 0) {
        mopt__strbuf_printf(out, "%lld", (long long)dim);
    } else if (dim == MOPT_DIM_UNKNOWN) {
        mopt__strbuf_add_char(out, '?');
    } else if (name != NULL) {
        print_name(mirror, name, out);
    } else {
        print_expression(dims, dim, mirror, out);
    }
}
