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

// Dims are stored as pointers: never NULL because of the offset.
static void *boxed(int64_t *dim)
{
    return dim;
}

// "?7" is the same symbol wherever it stands in one text; the table gets symbols until its own count says 7, so
// that the model prints the same text again.
static bool read_fresh(struct mopt_lexer *lexer, struct mopt_dim_reader *reader, int64_t *out)
{
    const struct mopt_token token = lexer->token;
    int64_t number;
    if (!mopt__lex_i64(lexer, &number)) {
        return false;
    }
    if (reader->fresh == NULL || number < 0 || number > FRESH_MAX) {
        return mopt__lex_error_at(lexer, &token, "an unnamed symbol cannot have this number");
    }
    int64_t *found = mopt__map_find_u64(reader->fresh, (uint64_t)number);
    if (found != NULL) {
        *out = *found;
        return true;
    }
    int64_t serial;
    do {
        *out = mopt__dim_fresh(reader->dims);
        serial = serial_of(reader->dims, *out);
    } while (*out != MOPT_DIM_UNKNOWN && serial >= 0 && serial < number);
    found = mopt__arena_alloc(reader->arena, 1, sizeof *found);
    if (*out == MOPT_DIM_UNKNOWN || found == NULL) {
        return mopt__lex_fail(lexer, mopt_error_memory(lexer->err));
    }
    *found = *out;
    if (mopt__map_put_u64(reader->fresh, (uint64_t)number, boxed(found), lexer->err) != MOPT_OK) {
        return mopt__lex_fail(lexer, MOPT_E_MEMORY);
    }
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

// Does text read as this very dim?
static bool reads_back(struct mopt_dims *dims, int64_t dim, const char *text)
{
    struct mopt_error err;
    struct mopt_lexer lexer;
    struct mopt_arena arena;
    mopt__arena_init(&arena);
    struct mopt_dim_reader reader = {.dims = dims, .arena = &arena};
    int64_t again = MOPT_DIM_UNKNOWN;
    mopt__lex_init(&lexer, text, strlen(text), &err);
    bool same = mopt__read_dim(&lexer, &reader, &again) && again == dim &&
                lexer.token.kind == MOPT_TOKEN_END;
    mopt__arena_release(&arena);
    return same;
}

void mopt__print_dim(struct mopt_dims *dims, int64_t dim, struct mopt_strbuf *out)
{
    if (dim >= 0) {
        mopt__strbuf_printf(out, "%lld", (long long)dim);
        return;
    }
    const char *name = mopt__dim_name(dims, dim);
    if (name != NULL) {
        mopt__text_add_word(out, name);
        return;
    }
    struct mopt_strbuf text = {0};
    mopt__dim_print(dims, dim, &text);
    const char *shown = mopt__strbuf_text(&text);
    if (dim == MOPT_DIM_UNKNOWN || serial_of(dims, dim) >= 0 || reads_back(dims, dim, shown)) {
        mopt__strbuf_add(out, shown);
    } else {
        mopt__text_add_string(out, shown, text.length);
    }
    out->failed = out->failed || text.failed;
    mopt__strbuf_release(&text);
}
