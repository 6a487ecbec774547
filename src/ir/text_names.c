// SPDX-License-Identifier: Apache-2.0
// Spelling of names in the text form: what is an identifier, what must be quoted.
#include <string.h>

#include "base/size.h"
#include "ir/text_private.h"

const char *const mopt__attr_kind_names[15] = {"undefined",      "float",  "int",
                                               "string",         "tensor", "graph",
                                               "floats",         "ints",   "strings",
                                               "tensors",        "graphs", "sparse_tensor",
                                               "sparse_tensors", "type",   "types"};

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool mopt__text_is_identifier(const char *text)
{
    if (!is_letter(text[0])) {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (!is_letter(*text) && !(*text >= '0' && *text <= '9') && *text != '.') {
            return false;
        }
    }
    return true;
}

bool mopt__text_is_type_word(const char *text)
{
    static const char *const words[] = {"seq", "optional", "map", "sparse", "undefined"};
    for (size_t i = 0; i < MOPT_COUNTOF(words); i++) {
        if (strcmp(words[i], text) == 0) {
            return true;
        }
    }
    return mopt__dtype_find(text) != MOPT_UNDEFINED;
}

bool mopt__text_is_reserved(const char *text)
{
    return strcmp(text, "_") == 0 || mopt__text_is_type_word(text);
}

static void add_byte(struct mopt_strbuf *out, char c, bool utf8)
{
    static const char plain[] = "\"\\\n\t\r", letters[] = "\"\\ntr";
    const char *special = c == '\0' ? NULL : strchr(plain, c);
    unsigned char byte = (unsigned char)c;
    if (special != NULL) {
        mopt__strbuf_add_char(out, '\\');
        mopt__strbuf_add_char(out, letters[special - plain]);
    } else if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8)) {
        mopt__strbuf_printf(out, "\\x%02x", byte);
    } else {
        mopt__strbuf_add_char(out, c);
    }
}

void mopt__text_add_string(struct mopt_strbuf *out, const char *data, size_t size)
{
    bool utf8 = size == 0 || mopt__utf8_valid(data, size);
    mopt__strbuf_add_char(out, '"');
    for (size_t i = 0; i < size; i++) {
        add_byte(out, data[i], utf8);
    }
    mopt__strbuf_add_char(out, '"');
}

void mopt__text_add_word(struct mopt_strbuf *out, const char *text)
{
    if (mopt__text_is_identifier(text)) {
        mopt__strbuf_add(out, text);
    } else {
        mopt__text_add_string(out, text, strlen(text));
    }
}

void mopt__text_add_name(struct mopt_strbuf *out, const char *text)
{
    if (mopt__text_is_reserved(text)) {
        mopt__text_add_string(out, text, strlen(text));
    } else {
        mopt__text_add_word(out, text);
    }
}
