// SPDX-License-Identifier: Apache-2.0
// The header of .npy arrays: a Python dictionary literal with the keys descr, fortran_order and
// shape (NumPy format specification, versions 1.0 to 3.0). Nothing but that literal is understood:
// no pickles, no records.
#include <string.h>

#include "base/size.h"
#include "data/npy.h"

static enum mopt_status bad(struct mopt_error *err, const char *what)
{
    return mopt_error_set(err, MOPT_E_FORMAT, "npy header: %s", what);
}

enum mopt_status mopt__npy_header_bytes(const uint8_t *data, size_t size, size_t *bytes,
                                        struct mopt_error *err)
{
    static const uint8_t magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    *bytes = 0;
    if (size < 10 || memcmp(data, magic, sizeof magic) != 0) {
        return bad(err, "does not begin with the mark of an npy array");
    }
    size_t length = (size_t)data[8] | (size_t)data[9] << 8;
    size_t prefix = 10;
    if (data[6] == 2 || data[6] == 3) {
        if (size < 12) {
            return bad(err, "cut short");
        }
        length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
        prefix = 12;
    } else if (data[6] != 1) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "npy header: version %u.%u, must be 1 to 3",
                              data[6], data[7]);
    }
    if (length > MOPT_NPY_HEADER_MAX) {
        return mopt_error_set(err, MOPT_E_LIMIT, "npy header: %zu bytes long, the limit is %d",
                              length, (int)MOPT_NPY_HEADER_MAX);
    }
    *bytes = prefix + length;
    return MOPT_OK;
}

// ---- Reading ------------------------------------------------------------------------------------

struct reader {
    const char *at, *end;
};

static void skip_space(struct reader *in)
{
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\n' || *in->at == '\t')) {
        in->at++;
    }
}

static bool accept(struct reader *in, char c)
{
    skip_space(in);
    if (in->at < in->end && *in->at == c) {
        in->at++;
        return true;
    }
    return false;
}

static bool accept_word(struct reader *in, const char *word)
{
    size_t length = strlen(word);
    skip_space(in);
    if ((size_t)(in->end - in->at) >= length && memcmp(in->at, word, length) == 0) {
        in->at += length;
        return true;
    }
    return false;
}

// 'text' or "text" without escapes.
static bool read_text(struct reader *in, char *out, size_t capacity)
{
    skip_space(in);
    char quote = in->at < in->end ? *in->at : '\0';
    if (quote != '\'' && quote != '"') {
        return false;
    }
    const char *start = ++in->at;
    while (in->at < in->end && *in->at != quote && *in->at != '\\') {
        in->at++;
    }
    size_t length = (size_t)(in->at - start);
    if (in->at == in->end || *in->at != quote || length >= capacity) {
        return false;
    }
    memcpy(out, start, length);
    out[length] = '\0';
    in->at++;
    return true;
}

static bool read_size(struct reader *in, int64_t *out)
{
    skip_space(in);
    const char *start = in->at;
    int64_t value = 0;
    while (in->at < in->end && *in->at >= '0' && *in->at <= '9') {
        if (!mopt__i64_mul(value, 10, &value) || !mopt__i64_add(value, *in->at - '0', &value)) {
            return false;
        }
        in->at++;
    }
    *out = value;
    bool digits = in->at > start;
    accept(in, 'L'); // written by Python 2
    return digits;
}

static enum mopt_status read_shape(struct reader *in, struct mopt_layout *layout,
                                   struct mopt_error *err)
{
    layout->rank = 0;
    if (!accept(in, '(')) {
        return bad(err, "shape is no tuple");
    }
    while (!accept(in, ')')) {
        if (layout->rank == MOPT_RANK_MAX) {
            return mopt_error_set(err, MOPT_E_UNSUPPORTED, "npy header: more than %d axes",
                                  (int)MOPT_RANK_MAX);
        }
        if (!read_size(in, &layout->dims[layout->rank++])) {
            return bad(err, "shape holds something that is no size");
        }
        if (!accept(in, ',')) {
            if (!accept(in, ')')) {
                return bad(err, "shape has no end");
            }
            break;
        }
    }
    return MOPT_OK;
}

static const struct {
    const char *code;
    enum mopt_dtype dtype;
} NUMBER_TYPES[] = {
    {"f4", MOPT_FLOAT32},   {"f8", MOPT_FLOAT64},     {"f2", MOPT_FLOAT16}, {"i8", MOPT_INT64},
    {"i4", MOPT_INT32},     {"i2", MOPT_INT16},       {"i1", MOPT_INT8},    {"u1", MOPT_UINT8},
    {"u2", MOPT_UINT16},    {"u4", MOPT_UINT32},      {"u8", MOPT_UINT64},  {"b1", MOPT_BOOL},
    {"c8", MOPT_COMPLEX64}, {"c16", MOPT_COMPLEX128},
};

static enum mopt_status no_such_type(const char *descr, struct mopt_error *err)
{
    const char *why = strchr(descr, 'O') ? " (pickled objects are not read)" : "";
    return mopt_error_set(err, MOPT_E_UNSUPPORTED, "npy element type '%s' is not supported%s",
                          descr, why);
}

static enum mopt_status text_type(const char *descr, const char *code, struct mopt_layout *layout,
                                  struct mopt_error *err)
{
    struct reader digits = {.at = code + 1, .end = code + strlen(code)};
    int64_t width = 0;
    if (!read_size(&digits, &width) || digits.at != digits.end || width > 1 << 24) {
        return no_such_type(descr, err);
    }
    layout->dtype = MOPT_STRING;
    layout->text = code[0];
    layout->element_bytes = (size_t)width * (code[0] == 'U' ? 4 : 1);
    return MOPT_OK;
}

static enum mopt_status read_descr(struct reader *in, struct mopt_layout *layout,
                                   struct mopt_error *err)
{
    char descr[32];
    if (!read_text(in, descr, sizeof descr)) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED,
                              "npy element type is a record, must be one number or text");
    }
    const char *code = descr;
    if (*code != '\0' && strchr("<>|=", *code)) {
        layout->swapped = *code == '>';
        code++;
    }
    if (*code == 'U' || *code == 'S') {
        return text_type(descr, code, layout, err);
    }
    for (size_t i = 0; i < MOPT_COUNTOF(NUMBER_TYPES); i++) {
        if (strcmp(code, NUMBER_TYPES[i].code) == 0) {
            layout->dtype = NUMBER_TYPES[i].dtype;
            layout->element_bytes = mopt__dtype_bits(layout->dtype) / 8;
            return MOPT_OK;
        }
    }
    return no_such_type(descr, err);
}

enum { HAS_DESCR = 1, HAS_ORDER = 2, HAS_SHAPE = 4 };

static enum mopt_status read_order(struct reader *in, struct mopt_layout *layout,
                                   struct mopt_error *err)
{
    layout->fortran = accept_word(in, "True");
    return layout->fortran || accept_word(in, "False")
               ? MOPT_OK
               : bad(err, "fortran_order is neither True nor False");
}

static enum mopt_status read_entry(struct reader *in, struct mopt_layout *layout, unsigned *seen,
                                   struct mopt_error *err)
{
    char key[32];
    if (!read_text(in, key, sizeof key) || !accept(in, ':')) {
        return bad(err, "is no dictionary");
    }
    if (strcmp(key, "descr") == 0 && !(*seen & HAS_DESCR)) {
        *seen |= HAS_DESCR;
        return read_descr(in, layout, err);
    }
    if (strcmp(key, "fortran_order") == 0 && !(*seen & HAS_ORDER)) {
        *seen |= HAS_ORDER;
        return read_order(in, layout, err);
    }
    if (strcmp(key, "shape") == 0 && !(*seen & HAS_SHAPE)) {
        *seen |= HAS_SHAPE;
        return read_shape(in, layout, err);
    }
    return mopt_error_set(err, MOPT_E_FORMAT, "npy header: key '%s' is unknown or stands twice",
                          key);
}

enum mopt_status mopt__npy_header_parse(const uint8_t *data, size_t size,
                                        struct mopt_layout *layout, struct mopt_error *err)
{
    size_t bytes = 0;
    unsigned seen = 0;
    enum mopt_status status = mopt__npy_header_bytes(data, size, &bytes, err);
    if (status != MOPT_OK) {
        return status;
    }
    if (bytes > size) {
        return bad(err, "cut short");
    }
    struct reader in = {.at = (const char *)data + (data[6] == 1 ? 10 : 12),
                        .end = (const char *)data + bytes};
    memset(layout, 0, sizeof *layout);
    if (!accept(&in, '{')) {
        return bad(err, "is no dictionary");
    }
    while (!accept(&in, '}')) {
        status = read_entry(&in, layout, &seen, err);
        if (status != MOPT_OK) {
            return status;
        }
        if (!accept(&in, ',')) {
            if (!accept(&in, '}')) {
                return bad(err, "has no end");
            }
            break;
        }
    }
    skip_space(&in);
    if (in.at != in.end || seen != (HAS_DESCR | HAS_ORDER | HAS_SHAPE)) {
        return bad(err, in.at != in.end ? "has something behind its end" : "lacks a key");
    }
    status = mopt__layout_measure(layout, err);
    if (status == MOPT_OK && layout->element_bytes == 0 && layout->count > 0) {
        status = bad(err, "elements have no bytes");
    }
    return status;
}

// ---- Writing ------------------------------------------------------------------------------------

static enum mopt_dtype written_as(enum mopt_dtype dtype)
{
    switch (dtype) {
    case MOPT_BFLOAT16:
    case MOPT_FLOAT8E4M3FN:
    case MOPT_FLOAT8E4M3FNUZ:
    case MOPT_FLOAT8E5M2:
    case MOPT_FLOAT8E5M2FNUZ:
    case MOPT_FLOAT8E8M0:
    case MOPT_FLOAT4E2M1:
        return MOPT_FLOAT32;
    case MOPT_UINT4:
    case MOPT_UINT2:
        return MOPT_UINT8;
    case MOPT_INT4:
    case MOPT_INT2:
        return MOPT_INT8;
    default:
        return dtype;
    }
}

// Characters of the longest text, at least 1. Bytes that begin a character are counted.
static size_t widest(const struct mopt_tensor *tensor)
{
    const struct mopt_string *items = tensor->data;
    size_t width = 1;
    for (size_t i = 0; i < tensor->count; i++) {
        size_t length = 0;
        for (size_t at = 0; at < items[i].size; at++) {
            length += ((unsigned char)items[i].data[at] & 0xc0) != 0x80;
        }
        width = length > width ? length : width;
    }
    return width;
}

static void add_descr(struct mopt_strbuf *out, enum mopt_dtype element, size_t width)
{
    if (element == MOPT_STRING) {
        mopt__strbuf_printf(out, "<U%zu", width);
        return;
    }
    for (size_t i = 0; i < MOPT_COUNTOF(NUMBER_TYPES); i++) {
        if (NUMBER_TYPES[i].dtype == element) {
            bool one = mopt__dtype_bits(element) == 8;
            mopt__strbuf_printf(out, "%s%s", one ? "|" : "<", NUMBER_TYPES[i].code);
        }
    }
}

enum mopt_status mopt__npy_header_make(const struct mopt_tensor *tensor, struct mopt_strbuf *out,
                                       enum mopt_dtype *element, size_t *width,
                                       struct mopt_error *err)
{
    struct mopt_strbuf text = {0};
    *element = written_as(tensor->dtype);
    *width = tensor->dtype == MOPT_STRING ? widest(tensor) : 0;
    mopt__strbuf_add(&text, "{'descr': '");
    add_descr(&text, *element, *width);
    mopt__strbuf_add(&text, "', 'fortran_order': False, 'shape': (");
    for (int i = 0; i < tensor->rank; i++) {
        bool last = i + 1 == tensor->rank;
        mopt__strbuf_printf(&text, "%lld%s", (long long)tensor->dims[i],
                            !last               ? ", "
                            : tensor->rank == 1 ? ","
                                                : "");
    }
    mopt__strbuf_add(&text, "), }");
    while ((10 + text.length + 1) % 64 != 0 && !text.failed) {
        mopt__strbuf_add_char(&text, ' ');
    }
    mopt__strbuf_add_char(&text, '\n');
    mopt__strbuf_add_bytes(out, "\x93NUMPY\x01\x00", 8);
    mopt__strbuf_add_char(out, (char)(text.length & 0xff));
    mopt__strbuf_add_char(out, (char)(text.length >> 8));
    mopt__strbuf_add_bytes(out, mopt__strbuf_text(&text), text.length);
    bool failed = text.failed || out->failed;
    mopt__strbuf_release(&text);
    return failed ? mopt_error_memory(err) : MOPT_OK;
}
