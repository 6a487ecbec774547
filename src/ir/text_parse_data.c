// SPDX-License-Identifier: Apache-2.0
// Parses what is smaller than a node: types, tensors, details.
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "ir/text_private.h"

bool mopt__parse_oom(struct mopt_parser *parser)
{
    return mopt__lex_fail(&parser->lexer, mopt_error_memory(parser->lexer.err));
}

static bool error_here(struct mopt_parser *parser, const char *problem)
{
    const struct mopt_token token = parser->lexer.token;
    return mopt__lex_error_at(&parser->lexer, &token, "%s", problem);
}

// ---- Types

static bool token_text(const struct mopt_lexer *lexer, char *text, size_t capacity)
{
    if (lexer->token.kind != MOPT_TOKEN_WORD || lexer->token.size >= capacity) {
        return false;
    }
    memcpy(text, lexer->token.text, lexer->token.size);
    text[lexer->token.size] = '\0';
    return true;
}

bool mopt__parse_starts_type(const struct mopt_parser *parser)
{
    char word[24];
    return token_text(&parser->lexer, word, sizeof word) && mopt__text_is_type_word(word);
}

static bool parse_dtype(struct mopt_parser *parser, enum mopt_dtype *out)
{
    char word[24];
    struct mopt_lexer *lexer = &parser->lexer;
    *out = MOPT_UNDEFINED;
    if (token_text(lexer, word, sizeof word)) {
        *out = mopt__dtype_find(word);
    }
    if (*out == MOPT_UNDEFINED && !mopt__lex_is(lexer, "undefined")) {
        return mopt__lex_expected(lexer, "an element type");
    }
    mopt__lex_next(lexer);
    return true;
}

static bool parse_dims(struct mopt_parser *parser, int64_t *dims, int *rank)
{
    struct mopt_lexer *lexer = &parser->lexer;
    struct mopt_dim_reader reader = {.dims = parser->model->dims,
                                     .arena = parser->arena,
                                     .fresh = &parser->fresh};
    if (mopt__lex_accept(lexer, "...")) {
        *rank = -1;
        return mopt__lex_expect(lexer, "]");
    }
    *rank = 0;
    if (mopt__lex_accept(lexer, "]")) {
        return true;
    }
    do {
        if (*rank == MOPT_RANK_MAX) {
            return error_here(parser, "a tensor has too many dimensions");
        }
        if (!mopt__read_dim(lexer, &reader, &dims[*rank])) {
            return false;
        }
        (*rank)++;
    } while (mopt__lex_accept(lexer, ","));
    return mopt__lex_accept(lexer, "]") || mopt__lex_expected(lexer, "',' or ']'");
}

static bool parse_tensor_type(struct mopt_parser *parser, const struct mopt_type **out)
{
    enum mopt_dtype dtype;
    int64_t dims[MOPT_RANK_MAX];
    int rank = -1;
    if (!parse_dtype(parser, &dtype)) {
        return false;
    }
    if (mopt__lex_accept(&parser->lexer, "[") && !parse_dims(parser, dims, &rank)) {
        return false;
    }
    *out = mopt__type_tensor(parser->arena, dtype, rank, dims);
    return *out != NULL || mopt__parse_oom(parser);
}

// Copy of a type with another kind and key; types are immutable once given out.
static bool make_type(struct mopt_parser *parser, const struct mopt_type *like,
                      const struct mopt_type **out)
{
    struct mopt_type *type = mopt__arena_alloc(parser->arena, 1, sizeof *type);
    if (type == NULL) {
        return mopt__parse_oom(parser);
    }
    *type = *like;
    *out = type;
    return true;
}

static bool parse_sparse_type(struct mopt_parser *parser, const struct mopt_type **out)
{
    const struct mopt_type *dense;
    if (!mopt__lex_expect(&parser->lexer, "(") || !parse_tensor_type(parser, &dense) ||
        !mopt__lex_expect(&parser->lexer, ")")) {
        return false;
    }
    struct mopt_type sparse = *dense;
    sparse.kind = MOPT_TYPE_SPARSE_TENSOR;
    return make_type(parser, &sparse, out);
}

static bool parse_container(struct mopt_parser *parser, enum mopt_type_kind kind,
                            const struct mopt_type **out, int depth)
{
    struct mopt_type type = {.kind = kind, .rank = -1};
    struct mopt_lexer *lexer = &parser->lexer;
    if (!mopt__lex_expect(lexer, "(")) {
        return false;
    }
    if (kind == MOPT_TYPE_MAP &&
        (!parse_dtype(parser, &type.dtype) || !mopt__lex_expect(lexer, ","))) {
        return false;
    }
    return mopt__parse_type(parser, &type.element, depth + 1) && mopt__lex_expect(lexer, ")") &&
           make_type(parser, &type, out);
}

bool mopt__parse_type(struct mopt_parser *parser, const struct mopt_type **out, int depth)
{
    struct mopt_lexer *lexer = &parser->lexer;
    *out = NULL;
    if (depth > MOPT_DEPTH_MAX) {
        return error_here(parser, "a type is nested too deep");
    }
    if (mopt__lex_accept(lexer, "?")) {
        return make_type(parser, &(struct mopt_type){.kind = MOPT_TYPE_NONE, .rank = -1}, out);
    }
    if (mopt__lex_accept(lexer, "sparse")) {
        return parse_sparse_type(parser, out);
    }
    if (mopt__lex_accept(lexer, "seq")) {
        return parse_container(parser, MOPT_TYPE_SEQUENCE, out, depth);
    }
    if (mopt__lex_accept(lexer, "optional")) {
        return parse_container(parser, MOPT_TYPE_OPTIONAL, out, depth);
    }
    if (mopt__lex_accept(lexer, "map")) {
        return parse_container(parser, MOPT_TYPE_MAP, out, depth);
    }
    return parse_tensor_type(parser, out);
}

// ---- Elements

static bool store_nan(struct mopt_parser *parser, enum mopt_dtype dtype, void *data, size_t i,
                      uint64_t bits)
{
    unsigned width = mopt__dtype_bits(dtype);
    if (width < 16 || (width < 64 && bits >> width != 0)) {
        return error_here(parser, "nan(...) does not fit its element type");
    }
    uint16_t half = (uint16_t)bits;
    uint32_t single = (uint32_t)bits;
    size_t size = width / 8;
    const void *from = size == 2   ? (const void *)&half
                       : size == 4 ? (const void *)&single
                                   : (const void *)&bits;
    memcpy((char *)data + i * size, from, size);
    return true;
}

static void store_float(enum mopt_dtype dtype, void *data, size_t i, double value)
{
    uint16_t half;
    switch (dtype) {
    case MOPT_FLOAT16:
        half = mopt__double_to_half(value);
        memcpy((char *)data + i * sizeof half, &half, sizeof half);
        break;
    case MOPT_BFLOAT16:
        half = mopt__float_to_bfloat((float)value);
        memcpy((char *)data + i * sizeof half, &half, sizeof half);
        break;
    default:
        mopt__element_set_f64(dtype, data, i, value);
        break;
    }
}

static uint64_t nan_bits(enum mopt_dtype dtype)
{
    switch (dtype) {
    case MOPT_FLOAT16:
        return 0x7e00;
    case MOPT_BFLOAT16:
        return 0x7fc0;
    case MOPT_FLOAT32:
        return 0x7fc00000;
    default:
        return UINT64_C(0x7ff8000000000000);
    }
}

static bool parse_float(struct mopt_parser *parser, enum mopt_dtype dtype, void *data, size_t i)
{
    struct mopt_number number;
    if (!mopt__lex_number(&parser->lexer, &number)) {
        return false;
    }
    if (number.has_bits) {
        return store_nan(parser, dtype, data, i, number.bits);
    }
    bool is_nan = number.value != number.value;
    if (is_nan && mopt__dtype_bits(dtype) >= 16) {
        uint64_t sign = number.negative ? UINT64_C(1) << (mopt__dtype_bits(dtype) - 1) : 0;
        return store_nan(parser, dtype, data, i, nan_bits(dtype) | sign);
    }
    store_float(dtype, data, i, number.value);
    return true;
}

// Does an integer fit the width and sign of the type?
static bool in_range(enum mopt_dtype dtype, const struct mopt_number *number)
{
    unsigned bits = mopt__dtype_bits(dtype);
    if (!number->is_integer || !number->fits) {
        return false;
    }
    if (mopt__dtype_is_signed(dtype)) {
        uint64_t limit = UINT64_C(1) << (bits - 1);
        return number->negative ? number->magnitude <= limit : number->magnitude < limit;
    }
    bool fits = bits == 64 || number->magnitude >> bits == 0;
    return fits && (!number->negative || number->magnitude == 0);
}

static bool parse_integer(struct mopt_parser *parser, enum mopt_dtype dtype, void *data, size_t i)
{
    const struct mopt_token token = parser->lexer.token;
    struct mopt_number number;
    if (dtype == MOPT_BOOL &&
        (mopt__lex_is(&parser->lexer, "true") || mopt__lex_is(&parser->lexer, "false"))) {
        mopt__element_set_i64(dtype, data, i, mopt__lex_is(&parser->lexer, "true"));
        mopt__lex_next(&parser->lexer);
        return true;
    }
    if (!mopt__lex_number(&parser->lexer, &number)) {
        return false;
    }
    if (!in_range(dtype, &number) || (dtype == MOPT_BOOL && number.magnitude > 1)) {
        return mopt__lex_error_at(&parser->lexer, &token, "the number does not fit type %s",
                                  mopt__dtype_name(dtype));
    }
    uint64_t value = number.negative ? 0 - number.magnitude : number.magnitude;
    mopt__element_set_i64(dtype, data, i, (int64_t)value);
    return true;
}

static bool parse_text(struct mopt_parser *parser, struct mopt_tensor *tensor, size_t i)
{
    struct mopt_string text;
    struct mopt_lexer *lexer = &parser->lexer;
    if (lexer->token.kind != MOPT_TOKEN_STRING) {
        return mopt__lex_expected(lexer, "a quoted text");
    }
    if (!mopt__lex_string(lexer, parser->arena, &text)) {
        return false;
    }
    enum mopt_status status = mopt__tensor_set_string(tensor, i, text.data, text.size, lexer->err);
    return status == MOPT_OK || mopt__lex_fail(lexer, status);
}

static bool parse_element(struct mopt_parser *parser, struct mopt_tensor *tensor, size_t i)
{
    enum mopt_dtype dtype = tensor->dtype;
    if (dtype == MOPT_STRING) {
        return parse_text(parser, tensor, i);
    }
    if (dtype == MOPT_BOOL || mopt__dtype_is_integer(dtype)) {
        return parse_integer(parser, dtype, mopt__tensor_data(tensor), i);
    }
    if (mopt__dtype_is_float(dtype)) {
        return parse_float(parser, dtype, mopt__tensor_data(tensor), i);
    }
    return error_here(parser, "tensors of this element type are written as raw\"...\"");
}

// ---- Tensors

static bool make_tensor(struct mopt_parser *parser, const struct mopt_type *type,
                        struct mopt_tensor **out)
{
    int rank = type->rank < 0 ? 0 : type->rank;
    struct mopt_error err;
    enum mopt_status status = mopt__tensor_new(type->dtype, rank, type->dims, out, &err);
    if (status == MOPT_E_MEMORY) {
        return mopt__parse_oom(parser);
    }
    if (status != MOPT_OK) {
        return error_here(parser, err.text);
    }
    if (type->dtype != MOPT_STRING && (*out)->bytes > 0) {
        memset(mopt__tensor_data(*out), 0, (*out)->bytes);
    }
    return true;
}

static bool parse_elements(struct mopt_parser *parser, struct mopt_tensor *tensor)
{
    struct mopt_lexer *lexer = &parser->lexer;
    for (size_t i = 0; i < tensor->count; i++) {
        if (i > 0 && !mopt__lex_accept(lexer, ",")) {
            return mopt__lex_expected(lexer, "','");
        }
        if (!parse_element(parser, tensor, i)) {
            return false;
        }
    }
    return mopt__lex_accept(lexer, "}") || mopt__lex_expected(lexer, "'}'");
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_raw(struct mopt_parser *parser, struct mopt_tensor *tensor)
{
    const struct mopt_token token = parser->lexer.token;
    uint8_t *data = mopt__tensor_data(tensor);
    for (size_t i = 0; i < tensor->bytes; i++) {
        int high = nibble(token.text[1 + 2 * i]), low = nibble(token.text[2 + 2 * i]);
        if (high < 0 || low < 0) {
            return mopt__lex_error_at(&parser->lexer, &token, "raw data is no lower-case hex");
        }
        data[i] = (uint8_t)(high * 16 + low);
    }
    mopt__lex_next(&parser->lexer);
    return true;
}

static bool raw_fits(const struct mopt_type *type, const struct mopt_token *token, size_t bytes)
{
    return type->dtype != MOPT_STRING && token->kind == MOPT_TOKEN_STRING && token->size % 2 == 0 &&
           (token->size - 2) / 2 == bytes;
}

// Refuses sizes that the rest of the text cannot hold, before any memory is taken.
static bool check_size(struct mopt_parser *parser, const struct mopt_type *type, bool raw)
{
    struct mopt_lexer *lexer = &parser->lexer;
    size_t count, bytes;
    if (type->kind != MOPT_TYPE_TENSOR || type->dtype == MOPT_UNDEFINED) {
        return error_here(parser, "only tensors of a known element type can have data");
    }
    if (type->rank < 0) {
        count = 1;
    } else if (!mopt__type_count(parser->model->dims, type, &count)) {
        return error_here(parser, "a tensor with data needs known dimensions");
    }
    if (!mopt__dtype_bytes(type->dtype, count, &bytes)) {
        return error_here(parser, "a tensor is too large");
    }
    if (raw && !raw_fits(type, &lexer->token, bytes)) {
        const struct mopt_token token = lexer->token;
        return mopt__lex_error_at(lexer, &token, "expected raw data of %zu bytes in hex", bytes);
    }
    if (!raw && count > (size_t)(lexer->end - lexer->at) + 1) {
        return error_here(parser, "a tensor has fewer elements than its type says");
    }
    return true;
}

bool mopt__parse_tensor_data(struct mopt_parser *parser, const struct mopt_type *type,
                             struct mopt_tensor **out)
{
    struct mopt_lexer *lexer = &parser->lexer;
    *out = NULL;
    bool raw = mopt__lex_accept(lexer, "raw");
    bool braces = !raw && mopt__lex_accept(lexer, "{");
    bool scalar =
        type->rank <= 0 && (lexer->token.kind == MOPT_TOKEN_NUMBER || mopt__lex_is(lexer, "-"));
    if (!raw && !braces && !scalar) {
        return mopt__lex_expected(lexer, "'{' or raw\"...\"");
    }
    if (mopt__lex_is(lexer, "...")) {
        return error_here(parser, "the content of this tensor was left out when it was printed");
    }
    if (!check_size(parser, type, raw) || !make_tensor(parser, type, out)) {
        return false;
    }
    bool good = raw      ? parse_raw(parser, *out)
                : braces ? parse_elements(parser, *out)
                         : parse_element(parser, *out, 0);
    if (!good) {
        mopt__tensor_unref(*out);
        *out = NULL;
    }
    return good;
}

static bool parse_literal(struct mopt_parser *parser, struct mopt_tensor **out)
{
    const struct mopt_type *type;
    return parse_tensor_type(parser, &type) && mopt__parse_tensor_data(parser, type, out);
}

static bool make_sparse(struct mopt_parser *parser, const struct mopt_type *type,
                        struct mopt_tensor *values, struct mopt_tensor *indices,
                        struct mopt_sparse **out)
{
    struct mopt_error err;
    size_t count;
    if (type->rank >= 0 && !mopt__type_count(parser->model->dims, type, &count)) {
        return error_here(parser, "a sparse tensor with data needs known dimensions");
    }
    int rank = type->rank < 0 ? 0 : type->rank;
    enum mopt_status status = mopt__sparse_new(values, indices, rank, type->dims, out, &err);
    if (status == MOPT_E_MEMORY) {
        return mopt__parse_oom(parser);
    }
    return status == MOPT_OK || error_here(parser, err.text);
}

bool mopt__parse_sparse_data(struct mopt_parser *parser, const struct mopt_type *type,
                             struct mopt_sparse **out)
{
    struct mopt_lexer *lexer = &parser->lexer;
    struct mopt_tensor *values = NULL, *indices = NULL;
    *out = NULL;
    if (!mopt__lex_expect(lexer, "{")) {
        return false;
    }
    bool good = parse_literal(parser, &values) && mopt__lex_expect(lexer, ",") &&
                parse_literal(parser, &indices) && mopt__lex_expect(lexer, "}") &&
                make_sparse(parser, type, values, indices, out);
    mopt__tensor_unref(values);
    mopt__tensor_unref(indices);
    return good;
}

// ---- Details

static bool parse_text_argument(struct mopt_parser *parser, const char **out)
{
    if (parser->lexer.token.kind != MOPT_TOKEN_STRING) {
        return mopt__lex_expected(&parser->lexer, "a quoted text");
    }
    return mopt__lex_name(&parser->lexer, parser->arena, "a quoted text", out);
}

static bool parse_meta(struct mopt_parser *parser, struct mopt_details *out, size_t *capacity)
{
    struct mopt_property property = {0};
    if (!parse_text_argument(parser, &property.key) || !mopt__lex_expect(&parser->lexer, ",") ||
        !parse_text_argument(parser, &property.value)) {
        return false;
    }
    if (out->count == *capacity) {
        size_t wanted = *capacity * 2 + 2;
        struct mopt_property *grown = mopt__arena_alloc(parser->arena, wanted, sizeof *grown);
        if (grown == NULL) {
            return mopt__parse_oom(parser);
        }
        if (out->count > 0) {
            memcpy(grown, out->metadata, out->count * sizeof *grown);
        }
        out->metadata = grown;
        *capacity = wanted;
    }
    out->metadata[out->count++] = property;
    return true;
}

bool mopt__parse_details(struct mopt_parser *parser, struct mopt_details *out)
{
    struct mopt_lexer *lexer = &parser->lexer;
    size_t capacity = 0;
    memset(out, 0, sizeof *out);
    while (mopt__lex_accept(lexer, "@")) {
        bool doc = mopt__lex_accept(lexer, "doc");
        if (!doc && !mopt__lex_accept(lexer, "meta")) {
            return mopt__lex_expected(lexer, "'doc' or 'meta'");
        }
        bool good =
            mopt__lex_expect(lexer, "(") &&
            (doc ? parse_text_argument(parser, &out->doc) : parse_meta(parser, out, &capacity)) &&
            mopt__lex_expect(lexer, ")");
        if (!good) {
            return false;
        }
    }
    return lexer->status == MOPT_OK;
}
