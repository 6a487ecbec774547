// SPDX-License-Identifier: Apache-2.0
// Tokens of the text form. The first error is kept and from then on every token is the end of the
// text, so that the parser stops by itself.
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ir/text_private.h"

// ---- Errors

bool mopt__lex_fail(struct mopt_lexer *lexer, enum mopt_status status)
{
    if (lexer->status == MOPT_OK) {
        lexer->status = status;
    }
    lexer->at = lexer->end;
    lexer->token = (struct mopt_token){.kind = MOPT_TOKEN_END, .text = lexer->end};
    return false;
}

bool mopt__lex_error_at(struct mopt_lexer *lexer, const struct mopt_token *token,
                        const char *format, ...)
{
    if (lexer->status != MOPT_OK) {
        return false;
    }
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    int64_t offset = (int64_t)(token->text - lexer->text);
    return mopt__lex_fail(lexer, mopt_error_set_at(lexer->err, MOPT_E_FORMAT, offset,
                                                   "line %zu, column %zu: %s", token->line,
                                                   token->column, text));
}

bool mopt__lex_expected(struct mopt_lexer *lexer, const char *what)
{
    const struct mopt_token token = lexer->token;
    if (token.kind == MOPT_TOKEN_END) {
        return mopt__lex_error_at(lexer, &token, "expected %s, found the end of the text", what);
    }
    int shown = token.size < 40 ? (int)token.size : 40;
    return mopt__lex_error_at(lexer, &token, "expected %s, found '%.*s'", what, shown, token.text);
}

// ---- Scanning

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static void skip_blank(struct mopt_lexer *lexer)
{
    for (; lexer->at < lexer->end; lexer->at++) {
        char c = *lexer->at;
        if (c == '\n') {
            lexer->line++;
            lexer->line_start = lexer->at + 1;
        } else if (c == '/' && lexer->end - lexer->at > 1 && lexer->at[1] == '/') {
            while (lexer->at + 1 < lexer->end && lexer->at[1] != '\n') {
                lexer->at++;
            }
        } else if (c != ' ' && c != '\t' && c != '\r') {
            return;
        }
    }
}

static const char *scan_word(const char *at, const char *end)
{
    while (at < end && (is_word_start(*at) || is_digit(*at) || *at == '.')) {
        at++;
    }
    return at;
}

static const char *scan_digits(const char *at, const char *end)
{
    while (at < end && is_digit(*at)) {
        at++;
    }
    return at;
}

static const char *scan_number(const char *at, const char *end)
{
    at = scan_digits(at, end);
    if (at < end && *at == '.') {
        at = scan_digits(at + 1, end);
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        const char *digits = at + 1;
        if (digits < end && (*digits == '+' || *digits == '-')) {
            digits++;
        }
        if (digits < end && is_digit(*digits)) {
            at = scan_digits(digits, end);
        }
    }
    return at;
}

// Just behind the closing quote; NULL if there is none on this line.
static const char *scan_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '\n'; at++) {
        if (*at == '"') {
            return at + 1;
        }
        if (*at == '\\' && ++at == end) {
            return NULL;
        }
    }
    return NULL;
}

static size_t mark_size(const char *at, const char *end)
{
    size_t left = (size_t)(end - at);
    if (left >= 3 && memcmp(at, "...", 3) == 0) {
        return 3;
    }
    bool two = left >= 2 && (memcmp(at, "::", 2) == 0 || memcmp(at, "->", 2) == 0);
    return two ? 2 : 1;
}

static void scan_token(struct mopt_lexer *lexer)
{
    struct mopt_token *token = &lexer->token;
    const char *at = lexer->at, *stop;
    if (is_word_start(*at)) {
        token->kind = MOPT_TOKEN_WORD;
        stop = scan_word(at, lexer->end);
    } else if (is_digit(*at)) {
        token->kind = MOPT_TOKEN_NUMBER;
        stop = scan_number(at, lexer->end);
    } else if (*at == '"') {
        token->kind = MOPT_TOKEN_STRING;
        stop = scan_string(at, lexer->end);
        if (stop == NULL) {
            token->size = 1;
            struct mopt_token start = *token;
            (void)mopt__lex_error_at(lexer, &start, "a quoted text is not closed on its line");
            return;
        }
    } else {
        token->kind = MOPT_TOKEN_MARK;
        stop = at + mark_size(at, lexer->end);
    }
    token->size = (size_t)(stop - at);
    lexer->at = stop;
}

void mopt__lex_next(struct mopt_lexer *lexer)
{
    skip_blank(lexer);
    lexer->token = (struct mopt_token){
        .kind = MOPT_TOKEN_END,
        .text = lexer->at,
        .line = lexer->line,
        .column = (size_t)(lexer->at - lexer->line_start) + 1,
    };
    if (lexer->at < lexer->end) {
        scan_token(lexer);
    }
}

void mopt__lex_init(struct mopt_lexer *lexer, const char *text, size_t bytes,
                    struct mopt_error *err)
{
    *lexer = (struct mopt_lexer){.text = text,
                                 .end = text + bytes,
                                 .at = text,
                                 .line_start = text,
                                 .line = 1,
                                 .err = err,
                                 .status = MOPT_OK};
    mopt__lex_next(lexer);
}

// ---- Asking

bool mopt__lex_is(const struct mopt_lexer *lexer, const char *text)
{
    const struct mopt_token *token = &lexer->token;
    return (token->kind == MOPT_TOKEN_WORD || token->kind == MOPT_TOKEN_MARK) &&
           strlen(text) == token->size && memcmp(token->text, text, token->size) == 0;
}

bool mopt__lex_accept(struct mopt_lexer *lexer, const char *text)
{
    if (!mopt__lex_is(lexer, text)) {
        return false;
    }
    mopt__lex_next(lexer);
    return true;
}

bool mopt__lex_expect(struct mopt_lexer *lexer, const char *text)
{
    char what[40];
    (void)snprintf(what, sizeof what, "'%s'", text);
    return mopt__lex_accept(lexer, text) || mopt__lex_expected(lexer, what);
}

// ---- Strings

static int hex_digit(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Resolves the escape at *at (behind the backslash); -1 if it is none.
static int read_escape(const char **at, const char *end)
{
    static const char letters[] = "\"\\ntr", plain[] = "\"\\\n\t\r";
    char c = *(*at)++;
    if (c == 'x' && end - *at >= 2) {
        int high = hex_digit((*at)[0]), low = hex_digit((*at)[1]);
        *at += 2;
        return high < 0 || low < 0 ? -1 : high * 16 + low;
    }
    const char *found = c == '\0' ? NULL : strchr(letters, c);
    return found == NULL ? -1 : plain[found - letters];
}

static bool unquote(struct mopt_lexer *lexer, char *data, size_t *size)
{
    const char *at = lexer->token.text + 1, *end = lexer->token.text + lexer->token.size - 1;
    size_t used = 0;
    while (at < end) {
        int c = (unsigned char)*at++;
        if (c == '\\') {
            c = read_escape(&at, end);
        }
        if (c < 0) {
            const struct mopt_token token = lexer->token;
            return mopt__lex_error_at(lexer, &token, "unknown escape in a quoted text");
        }
        data[used++] = (char)c;
    }
    *size = used;
    return true;
}

bool mopt__lex_string(struct mopt_lexer *lexer, struct mopt_arena *arena, struct mopt_string *out)
{
    const struct mopt_token token = lexer->token;
    char *data = mopt__arena_alloc(arena, token.size + 1, 1);
    if (data == NULL) {
        return mopt__lex_fail(lexer, mopt_error_memory(lexer->err));
    }
    out->data = data;
    out->size = token.size;
    if (token.kind == MOPT_TOKEN_WORD) {
        memcpy(data, token.text, token.size);
    } else if (token.kind != MOPT_TOKEN_STRING) {
        return mopt__lex_expected(lexer, "a quoted text");
    } else if (!unquote(lexer, data, &out->size)) {
        return false;
    }
    mopt__lex_next(lexer);
    return true;
}

bool mopt__lex_name(struct mopt_lexer *lexer, struct mopt_arena *arena, const char *what,
                    const char **out)
{
    const struct mopt_token token = lexer->token;
    if (token.kind != MOPT_TOKEN_WORD && token.kind != MOPT_TOKEN_STRING) {
        return mopt__lex_expected(lexer, what);
    }
    struct mopt_string text;
    if (!mopt__lex_string(lexer, arena, &text)) {
        return false;
    }
    if (memchr(text.data, '\0', text.size) != NULL) {
        return mopt__lex_error_at(lexer, &token, "a name holds a NUL byte");
    }
    *out = text.data;
    return true;
}

// ---- Numbers

static bool read_nan_bits(struct mopt_lexer *lexer, struct mopt_number *out)
{
    if (lexer->at >= lexer->end || *lexer->at != '(') { // only directly behind the word
        return true;
    }
    const char *at = lexer->at + 1;
    int digits = 0;
    for (; at < lexer->end && hex_digit(*at) >= 0 && digits < 17; at++, digits++) {
        out->bits = out->bits << 4 | (uint64_t)hex_digit(*at);
    }
    if (digits == 0 || digits > 16 || at >= lexer->end || *at != ')') {
        const struct mopt_token token = lexer->token;
        return mopt__lex_error_at(lexer, &token, "expected nan(...) with 1 to 16 hex digits");
    }
    lexer->at = at + 1;
    out->has_bits = true;
    return true;
}

static void read_digits(struct mopt_number *out, const char *text)
{
    out->fits = true;
    for (; *text != '\0'; text++) {
        out->fits =
            out->fits && !__builtin_mul_overflow(out->magnitude, 10U, &out->magnitude) &&
            !__builtin_add_overflow(out->magnitude, (unsigned)(*text - '0'), &out->magnitude);
    }
}

static bool read_decimal(struct mopt_lexer *lexer, struct mopt_number *out)
{
    char text[400];
    const struct mopt_token token = lexer->token;
    if (token.size >= sizeof text) {
        return mopt__lex_error_at(lexer, &token, "a number is too long");
    }
    memcpy(text, token.text, token.size);
    text[token.size] = '\0';
    out->is_integer = strspn(text, "0123456789") == token.size;
    if (out->is_integer) {
        read_digits(out, text);
    }
    if ((!out->is_integer || !out->fits || out->magnitude > (UINT64_C(1) << 53)) &&
        !mopt__parse_f64(text, &out->value)) {
        return mopt__lex_error_at(lexer, &token, "'%s' is no number", text);
    }
    if (out->is_integer && out->fits && out->magnitude <= (UINT64_C(1) << 53)) {
        out->value = (double)out->magnitude;
    }
    return true;
}

bool mopt__lex_number(struct mopt_lexer *lexer, struct mopt_number *out)
{
    memset(out, 0, sizeof *out);
    out->negative = mopt__lex_accept(lexer, "-");
    bool good = true;
    if (mopt__lex_is(lexer, "nan")) {
        out->value = (double)NAN;
        good = read_nan_bits(lexer, out);
    } else if (mopt__lex_is(lexer, "inf")) {
        out->value = (double)INFINITY;
    } else if (lexer->token.kind == MOPT_TOKEN_NUMBER) {
        good = read_decimal(lexer, out);
    } else {
        return mopt__lex_expected(lexer, "a number");
    }
    if (!good) {
        return false;
    }
    if (out->negative) {
        out->value = -out->value;
    }
    mopt__lex_next(lexer);
    return true;
}

bool mopt__lex_i64(struct mopt_lexer *lexer, int64_t *out)
{
    const struct mopt_token token = lexer->token;
    struct mopt_number number;
    if (!mopt__lex_number(lexer, &number)) {
        return false;
    }
    uint64_t limit = (uint64_t)INT64_MAX + (number.negative ? 1 : 0);
    if (!number.is_integer) {
        return mopt__lex_error_at(lexer, &token, "expected an integer");
    }
    if (!number.fits || number.magnitude > limit) {
        return mopt__lex_error_at(lexer, &token, "an integer does not fit 64 bits");
    }
    *out = (int64_t)(number.negative ? 0 - number.magnitude : number.magnitude);
    return true;
}
