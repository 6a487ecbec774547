// SPDX-License-Identifier: Apache-2.0
// Interned strings, the string builder, comparison and nearest match. Numbers in text: numbers.c,
// UTF-8: utf8.c.
#include "base/strings.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"

void mopt__strpool_init(struct mopt_strpool *pool, struct mopt_arena *arena)
{
    pool->arena = arena;
    memset(&pool->map, 0, sizeof pool->map);
}

void mopt__strpool_release(struct mopt_strpool *pool)
{
    mopt__map_release(&pool->map);
}

const char *mopt__strpool_find(const struct mopt_strpool *pool, const char *text)
{
    return mopt__map_find(&pool->map, text);
}

const char *mopt__strpool_add(struct mopt_strpool *pool, const char *text)
{
    const char *known = mopt__strpool_find(pool, text);
    if (known) {
        return known;
    }
    char *copy = mopt__arena_strdup(pool->arena, text);
    if (!copy || mopt__map_put(&pool->map, copy, copy, NULL) != MOPT_OK) {
        return NULL;
    }
    return copy;
}

void mopt__strbuf_release(struct mopt_strbuf *buf)
{
    mopt__free(buf->text);
    memset(buf, 0, sizeof *buf);
}

void mopt__strbuf_clear(struct mopt_strbuf *buf)
{
    buf->length = 0;
    buf->failed = false;
    if (buf->text) {
        buf->text[0] = '\0';
    }
}

// Makes room for `more` bytes and the NUL; false (and failed) when memory is out.
static bool reserve(struct mopt_strbuf *buf, size_t more)
{
    size_t need;
    if (buf->failed) {
        return false;
    }
    if (!mopt__size_add(buf->length, more, &need) || !mopt__size_add(need, 1, &need)) {
        buf->failed = true;
        return false;
    }
    if (need <= buf->capacity) {
        return true;
    }
    size_t capacity = buf->capacity < 64 ? 64 : buf->capacity;
    while (capacity < need) {
        capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
    }
    char *grown = mopt__realloc(buf->text, capacity, 1);
    if (!grown) {
        buf->failed = true;
        return false;
    }
    buf->text = grown;
    buf->capacity = capacity;
    return true;
}

void mopt__strbuf_add_bytes(struct mopt_strbuf *buf, const void *data, size_t bytes)
{
    if (!reserve(buf, bytes)) {
        return;
    }
    if (bytes > 0) {
        memcpy(buf->text + buf->length, data, bytes);
    }
    buf->length += bytes;
    buf->text[buf->length] = '\0';
}

void mopt__strbuf_add(struct mopt_strbuf *buf, const char *text)
{
    mopt__strbuf_add_bytes(buf, text, strlen(text));
}

void mopt__strbuf_add_char(struct mopt_strbuf *buf, char c)
{
    mopt__strbuf_add_bytes(buf, &c, 1);
}

void mopt__strbuf_vprintf(struct mopt_strbuf *buf, const char *format, va_list args)
{
    if (!reserve(buf, 0)) {
        return;
    }
    va_list again;
    va_copy(again, args);
    size_t room = buf->capacity - buf->length;
    int length = vsnprintf(buf->text + buf->length, room, format, args);
    if (length < 0) {
        buf->failed = true;
    } else if ((size_t)length >= room && reserve(buf, (size_t)length)) {
        vsnprintf(buf->text + buf->length, (size_t)length + 1, format, again);
    }
    va_end(again);
    if (buf->failed) {
        buf->text[buf->length] = '\0'; // what vsnprintf left behind is not part of the text
    } else {
        buf->length += (size_t)length;
    }
}

void mopt__strbuf_printf(struct mopt_strbuf *buf, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    mopt__strbuf_vprintf(buf, format, args);
    va_end(args);
}

const char *mopt__strbuf_text(const struct mopt_strbuf *buf)
{
    return buf->text ? buf->text : "";
}

bool mopt__streq(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

// Steps over one character: a byte and the UTF-8 continuation bytes behind it.
static const char *next_char(const char *text)
{
    text++;
    while (((unsigned char)*text & 0xc0) == 0x80) {
        text++;
    }
    return text;
}

bool mopt__glob_match(const char *pattern, const char *text)
{
    const char *star = NULL;   // behind the last '*' seen
    const char *resume = NULL; // text from which that '*' would swallow one byte more
    while (*text) {
        if (*pattern == '*') {
            star = ++pattern;
            resume = text;
        } else if (*pattern == '?') {
            pattern++;
            text = next_char(text);
        } else if (*pattern && *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            resume = next_char(resume);
            text = resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

enum { NEAREST_LONGEST = 255 };

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

// Edit distance with insertion, deletion, replacement and exchange of neighbours (optimal string
// alignment). Lengths at most NEAREST_LONGEST.
static unsigned edit_distance(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    unsigned rows[3][NEAREST_LONGEST + 1];
    for (size_t j = 0; j <= b_bytes; j++) {
        rows[0][j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_bytes; i++) {
        unsigned *now = rows[i % 3];
        const unsigned *last = rows[(i + 2) % 3];
        const unsigned *older = rows[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b_bytes; j++) {
            now[j] = least(last[j], now[j - 1]) + 1;
            now[j] = least(now[j], last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                now[j] = least(now[j], older[j - 2] + 1);
            }
        }
    }
    return rows[a_bytes % 3][b_bytes];
}

int mopt__nearest(const char *text, const char *const *candidates, size_t count)
{
    size_t length = strlen(text);
    if (length > NEAREST_LONGEST) {
        return -1;
    }
    unsigned best = length < 6 ? 1 : (unsigned)(length / 3);
    int found = -1;
    for (size_t i = 0; i < count && i <= INT32_MAX; i++) {
        size_t other = strlen(candidates[i]);
        if (other > length + best || length > other + best || other > NEAREST_LONGEST) {
            continue;
        }
        unsigned distance = edit_distance(text, length, candidates[i], other);
        if (distance < best || (distance == best && found < 0)) {
            best = distance;
            found = (int)i;
        }
    }
    return found;
}
