// SPDX-License-Identifier: Apache-2.0
// UTF-8 (RFC 3629): decoding, checking, and making text from files safe to print. Must not
// allocate.
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/internal.h"
#include "base/strings.h"

size_t mopt__utf8_decode(const char *text, size_t bytes, uint32_t *code)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = (unsigned char)text[0];
    if (lead < 0x80) {
        *code = lead;
        return 1;
    }
    size_t length = lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 0;
    if (length == 0 || length > bytes) {
        return 0;
    }
    uint32_t value = lead & (0x7fU >> length);
    for (size_t i = 1; i < length; i++) {
        unsigned char next = (unsigned char)text[i];
        if ((next & 0xc0) != 0x80) {
            return 0;
        }
        value = value << 6 | (next & 0x3fU);
    }
    if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
        return 0;
    }
    *code = value;
    return length;
}

bool mopt__utf8_valid(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes;) {
        uint32_t code;
        size_t length = mopt__utf8_decode(text + i, bytes - i, &code);
        if (length == 0) {
            return false;
        }
        i += length;
    }
    return true;
}

// Characters that move the cursor, end the line, or reorder what a terminal shows.
static bool is_unsafe(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c ||
           (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069) || code == 0xfeff;
}

// Writes the printable form of the first character of text into piece (NUL not counted in *size);
// returns how many bytes of text it stands for. The piece is never shorter than what it stands for.
static size_t clean_one(const char *text, size_t bytes, char piece[8], size_t *size)
{
    uint32_t code;
    size_t length = mopt__utf8_decode(text, bytes, &code);
    if (length != 0 && !is_unsafe(code)) {
        memcpy(piece, text, length);
        *size = length;
        return length;
    }
    int written;
    if (length == 0) {
        written = snprintf(piece, 8, "\\x%02x", (unsigned)(unsigned char)text[0]);
        length = 1;
    } else if (code == '\n' || code == '\t' || code == '\r') {
        written = snprintf(piece, 8, "\\%c", code == '\n' ? 'n' : code == '\t' ? 't' : 'r');
    } else if (code < 0x80) {
        written = snprintf(piece, 8, "\\x%02x", (unsigned)code);
    } else {
        written = snprintf(piece, 8, "\\u%04x", (unsigned)(code & 0xffff));
    }
    *size = (size_t)written;
    return length;
}

size_t mopt__text_clean(char *out, size_t capacity, const char *text, size_t bytes)
{
    size_t length = 0; // written so far
    size_t fit = 0;    // longest prefix that leaves room for "..." and NUL
    size_t i = 0;
    while (i < bytes) {
        char piece[8];
        size_t size;
        size_t used = clean_one(text + i, bytes - i, piece, &size);
        if (length + size >= capacity) {
            break;
        }
        memcpy(out + length, piece, size);
        length += size;
        i += used;
        if (length + 4 <= capacity) {
            fit = length;
        }
    }
    if (i < bytes) {
        memcpy(out + fit, "...", 3);
        length = fit + 3;
    }
    out[length] = '\0';
    return length;
}

const char *mopt__errno_text(int code)
{
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0) {
        return "system error";
    }
    const char *text = strerror_l(code, plain);
    freelocale(plain);
    return text ? text : "system error";
}
