// SPDX-License-Identifier: Apache-2.0
// Text: interned strings, a growing string builder with a sticky error, UTF-8 check, nearest match.
#ifndef MOPT_BASE_STRINGS_H
#define MOPT_BASE_STRINGS_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/map.h"
#include "mopt/status.h"

// String pool: equal strings give the same pointer; strings live in the arena given at init.
struct mopt_strpool {
    struct mopt_arena *arena;
    struct mopt_map map;
};
void mopt__strpool_init(struct mopt_strpool *pool, struct mopt_arena *arena);
void mopt__strpool_release(struct mopt_strpool *pool); // frees the index, not the strings
const char *mopt__strpool_add(struct mopt_strpool *pool, const char *text); // NULL: out of memory
const char *mopt__strpool_find(const struct mopt_strpool *pool, const char *text);

// String builder; what is added must not lie in the builder itself. After the first failed
// allocation every call is a no-op and `failed` stays true. A zeroed struct is an empty builder;
// text is NUL-terminated once anything was added.
struct mopt_strbuf {
    char *text; // may be NULL while empty: use mopt__strbuf_text
    size_t length, capacity;
    bool failed;
};
void mopt__strbuf_release(struct mopt_strbuf *buf);
void mopt__strbuf_clear(struct mopt_strbuf *buf);
void mopt__strbuf_add(struct mopt_strbuf *buf, const char *text);
void mopt__strbuf_add_bytes(struct mopt_strbuf *buf, const void *data, size_t bytes);
void mopt__strbuf_add_char(struct mopt_strbuf *buf, char c);
void mopt__strbuf_printf(struct mopt_strbuf *buf, const char *format, ...) MOPT_PRINTF(2, 3);
void mopt__strbuf_vprintf(struct mopt_strbuf *buf, const char *format, va_list args)
    MOPT_PRINTF(2, 0);
const char *mopt__strbuf_text(const struct mopt_strbuf *buf); // never NULL

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool mopt__utf8_valid(const char *text, size_t bytes);
bool mopt__streq(const char *a, const char *b);               // NULL equals only NULL
bool mopt__glob_match(const char *pattern, const char *text); // * and ? (one character) only

// Index of the candidate with the smallest edit distance to text if that is at most 1/3 of its
// length (minimum 1), else -1. Exchanged neighbours count as one edit; ties go to the first; texts
// over 255 bytes never match.
int mopt__nearest(const char *text, const char *const *candidates, size_t count);

// Strict number parsing of a whole string (no leading space, no trailing junk, decimal, whatever
// the locale); false if it does not fit. parse_f64 refuses inf, nan and overflow: what it accepts
// is finite.
bool mopt__parse_i64(const char *text, long long *out);
bool mopt__parse_f64(const char *text, double *out);
bool mopt__parse_bytes(const char *text,
                       size_t *out); // "64", "4k", "2MiB", "1G", "1GB": powers of 1024

// Human form: bytes as "1.2 MB" (powers of 1000), counts as "25.6 M"; result in buf, returned.
char *mopt__format_bytes(char *buf, size_t capacity, double bytes);
char *mopt__format_count(char *buf, size_t capacity, double count);

#endif
