// SPDX-License-Identifier: Apache-2.0
// Parses attributes of the text form.
#include <string.h>

#include "ir/text_private.h"

struct items { // heap
    struct mopt_attribute *items;
    size_t count, capacity;
};

struct number_item {
    int64_t i;
    float f;
};

static void *arena(struct mopt_parser *parser, size_t count, size_t size)
{
    void *memory = mopt__arena_alloc(parser->arena, count, size);
    if (memory == NULL) {
        (void)mopt__parse_oom(parser);
    }
    return memory;
}

static bool grow(struct mopt_parser *parser, void **items, size_t *capacity, size_t need,
                 size_t size)
{
    enum mopt_status status = mopt__grow(items, capacity, need, size, parser->lexer.err);
    return status == MOPT_OK || mopt__lex_fail(&parser->lexer, status);
}

// ---- Numbers

static bool starts_number(const struct mopt_lexer *lexer)
{
    return lexer->token.kind == MOPT_TOKEN_NUMBER || mopt__lex_is(lexer, "-") ||
           mopt__lex_is(lexer, "nan") || mopt__lex_is(lexer, "inf");
}

static float nan_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float to_float(const struct mopt_number *number)
{
    if (number->has_bits) {
        return nan_of_bits((uint32_t)number->bits);
    }
    if (number->value != number->value) {
        return nan_of_bits(number->negative ? 0xffc00000U : 0x7fc00000U);
    }
    return (float)number->value;
}

// One number; is_float tells which field counts, f is set always.
static bool parse_number(struct mopt_parser *parser, struct number_item *out, bool *is_float)
{
    const struct mopt_token token = parser->lexer.token;
    struct mopt_number number;
    if (!mopt__lex_number(&parser->lexer, &number)) {
        return false;
    }
    if (number.has_bits && number.bits >> 32 != 0) {
        return mopt__lex_error_at(&parser->lexer, &token, "nan(...) has more than 32 bits");
    }
    *is_float = !number.is_integer;
    out->f = to_float(&number);
    uint64_t limit = (uint64_t)INT64_MAX + (number.negative ? 1 : 0);
    if (number.is_integer && (!number.fits || number.magnitude > limit)) {
        return mopt__lex_error_at(&parser->lexer, &token, "an integer does not fit 64 bits");
    }
    out->i = (int64_t)(number.negative ? 0 - number.magnitude : number.magnitude);
    return true;
}

static bool keep_numbers(struct mopt_parser *parser, const struct number_item *items, size_t count,
                         bool floats, struct mopt_attribute *out)
{
    int64_t *ints = floats ? NULL : arena(parser, count, sizeof *ints);
    float *values = floats ? arena(parser, count, sizeof *values) : NULL;
    if (ints == NULL && values == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (floats) {
            values[i] = items[i].f;
        } else {
            ints[i] = items[i].i;
        }
    }
    out->kind = floats ? MOPT_ATTR_FLOATS : MOPT_ATTR_INTS;
    out->ints = ints;
    out->floats = values;
    out->count = count;
    return true;
}

static bool parse_numbers(struct mopt_parser *parser, struct mopt_attribute *out)
{
    struct number_item *items = NULL;
    size_t count = 0, capacity = 0;
    bool good, any_float = false, is_float = false;
    do {
        good = grow(parser, (void **)&items, &capacity, count + 1, sizeof *items) &&
               parse_number(parser, &items[count], &is_float);
        count++;
        any_float = any_float || is_float;
    } while (good && mopt__lex_accept(&parser->lexer, ","));
    good = good && keep_numbers(parser, items, count, any_float, out);
    mopt__free(items);
    return good;
}

// ---- Single values

static bool parse_graph_value(struct mopt_parser *parser, struct mopt_node *owner,
                              struct mopt_attribute *out)
{
    const struct mopt_token token = parser->lexer.token;
    if (owner == NULL) {
        return mopt__lex_error_at(&parser->lexer, &token, "a graph cannot stand here");
    }
    struct mopt_error err;
    out->kind = MOPT_ATTR_GRAPH;
    out->g = mopt__graph_new(parser->model, owner->graph, &err);
    if (out->g == NULL) {
        return err.status == MOPT_E_MEMORY
                   ? mopt__parse_oom(parser)
                   : mopt__lex_error_at(&parser->lexer, &token, "%s", err.text);
    }
    return mopt__parse_graph(parser, out->g);
}

static bool parse_reference(struct mopt_parser *parser, struct mopt_attribute *out)
{
    struct mopt_lexer *lexer = &parser->lexer;
    mopt__lex_next(lexer); // the @
    if (!mopt__lex_name(lexer, parser->arena, "an attribute name", &out->ref_name)) {
        return false;
    }
    if (!mopt__lex_accept(lexer, ":")) {
        return true;
    }
    for (int kind = MOPT_ATTR_FLOAT; kind <= MOPT_ATTR_TYPES; kind++) {
        if (mopt__lex_accept(lexer, mopt__attr_kind_names[kind])) {
            out->kind = (enum mopt_attr_kind)kind;
            return true;
        }
    }
    return mopt__lex_expected(lexer, "an attribute kind");
}

static bool parse_type_value(struct mopt_parser *parser, struct mopt_attribute *out)
{
    out->kind = MOPT_ATTR_TYPE;
    return mopt__lex_expect(&parser->lexer, "(") && mopt__parse_type(parser, &out->type, 0) &&
           mopt__lex_expect(&parser->lexer, ")");
}

// "float[2]{...}" or "sparse(float[2]){...}".
static bool parse_tensor_value(struct mopt_parser *parser, struct mopt_attribute *out)
{
    const struct mopt_type *type;
    if (!mopt__parse_type(parser, &type, 0)) {
        return false;
    }
    if (type->kind == MOPT_TYPE_SPARSE_TENSOR) {
        out->kind = MOPT_ATTR_SPARSE_TENSOR;
        return mopt__parse_sparse_data(parser, type, &out->sparse);
    }
    out->kind = MOPT_ATTR_TENSOR;
    return mopt__parse_tensor_data(parser, type, &out->t);
}

static bool parse_number_value(struct mopt_parser *parser, struct mopt_attribute *out)
{
    struct number_item item = {0};
    bool is_float = false;
    if (!parse_number(parser, &item, &is_float)) {
        return false;
    }
    out->kind = is_float ? MOPT_ATTR_FLOAT : MOPT_ATTR_INT;
    out->f = is_float ? item.f : 0.0F;
    out->i = is_float ? 0 : item.i;
    return true;
}

static bool parse_single(struct mopt_parser *parser, struct mopt_node *owner,
                         struct mopt_attribute *out)
{
    struct mopt_lexer *lexer = &parser->lexer;
    if (starts_number(lexer)) {
        return parse_number_value(parser, out);
    }
    if (lexer->token.kind == MOPT_TOKEN_STRING) {
        out->kind = MOPT_ATTR_STRING;
        return mopt__lex_string(lexer, parser->arena, &out->s);
    }
    if (mopt__lex_is(lexer, "graph")) {
        return parse_graph_value(parser, owner, out);
    }
    if (mopt__lex_accept(lexer, "type")) {
        return parse_type_value(parser, out);
    }
    if (mopt__parse_starts_type(parser)) {
        return parse_tensor_value(parser, out);
    }
    return mopt__lex_expected(lexer, "an attribute value");
}

// ---- Lists

static bool keep_list(struct mopt_parser *parser, const struct items *list,
                      struct mopt_attribute *out)
{
    size_t count = list->count;
    enum mopt_attr_kind kind = list->items[0].kind;
    void *array = arena(parser, count, sizeof(struct mopt_string)); // the largest element
    if (array == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        struct mopt_attribute *item = &list->items[i];
        switch (kind) {
        case MOPT_ATTR_STRING:
            ((struct mopt_string *)array)[i] = item->s;
            break;
        case MOPT_ATTR_TENSOR:
            ((struct mopt_tensor **)array)[i] = item->t;
            break;
        case MOPT_ATTR_GRAPH:
            ((struct mopt_graph **)array)[i] = item->g;
            break;
        case MOPT_ATTR_SPARSE_TENSOR:
            ((struct mopt_sparse **)array)[i] = item->sparse;
            break;
        default:
            ((const struct mopt_type **)array)[i] = item->type;
            break;
        }
    }
    out->kind = kind == MOPT_ATTR_STRING          ? MOPT_ATTR_STRINGS
                : kind == MOPT_ATTR_TENSOR        ? MOPT_ATTR_TENSORS
                : kind == MOPT_ATTR_GRAPH         ? MOPT_ATTR_GRAPHS
                : kind == MOPT_ATTR_SPARSE_TENSOR ? MOPT_ATTR_SPARSE_TENSORS
                                                  : MOPT_ATTR_TYPES;
    out->count = count;
    out->strings = out->kind == MOPT_ATTR_STRINGS ? array : NULL;
    out->tensors = out->kind == MOPT_ATTR_TENSORS ? array : NULL;
    out->graphs = out->kind == MOPT_ATTR_GRAPHS ? array : NULL;
    out->sparses = out->kind == MOPT_ATTR_SPARSE_TENSORS ? array : NULL;
    out->types = out->kind == MOPT_ATTR_TYPES ? array : NULL;
    return true;
}

static bool parse_items(struct mopt_parser *parser, struct mopt_node *owner, struct items *list)
{
    do {
        const struct mopt_token token = parser->lexer.token;
        if (!grow(parser, (void **)&list->items, &list->capacity, list->count + 1,
                  sizeof *list->items)) {
            return false;
        }
        struct mopt_attribute *item = &list->items[list->count++];
        memset(item, 0, sizeof *item);
        if (!parse_single(parser, owner, item)) {
            return false;
        }
        if (item->kind != list->items[0].kind) {
            return mopt__lex_error_at(&parser->lexer, &token, "a list mixes kinds of values");
        }
    } while (mopt__lex_accept(&parser->lexer, ","));
    return true;
}

static bool parse_others(struct mopt_parser *parser, struct mopt_node *owner,
                         struct mopt_attribute *out)
{
    struct items list = {0};
    bool good = parse_items(parser, owner, &list) && keep_list(parser, &list, out);
    for (size_t i = 0; !good && i < list.count; i++) {
        mopt__attribute_release_tensors(&list.items[i]);
    }
    mopt__free(list.items);
    return good;
}

static bool parse_list(struct mopt_parser *parser, struct mopt_node *owner,
                       struct mopt_attribute *out)
{
    mopt__lex_next(&parser->lexer); // the bracket
    bool good = starts_number(&parser->lexer) ? parse_numbers(parser, out)
                                              : parse_others(parser, owner, out);
    return good && (mopt__lex_accept(&parser->lexer, "]") ||
                    mopt__lex_expected(&parser->lexer, "',' or ']'"));
}

// "ints[]" and its like; false without an error: it is something else.
static bool parse_empty_list(struct mopt_parser *parser, struct mopt_attribute *out, bool *good)
{
    static const enum mopt_attr_kind kinds[] = {MOPT_ATTR_FLOATS,  MOPT_ATTR_INTS,
                                                MOPT_ATTR_STRINGS, MOPT_ATTR_TENSORS,
                                                MOPT_ATTR_GRAPHS,  MOPT_ATTR_SPARSE_TENSORS,
                                                MOPT_ATTR_TYPES};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (mopt__lex_accept(&parser->lexer, mopt__attr_kind_names[kinds[i]])) {
            out->kind = kinds[i];
            *good = mopt__lex_expect(&parser->lexer, "[") && mopt__lex_expect(&parser->lexer, "]");
            return true;
        }
    }
    return false;
}

static bool parse_value(struct mopt_parser *parser, struct mopt_node *owner,
                        struct mopt_attribute *out)
{
    bool good = false;
    struct mopt_lexer *lexer = &parser->lexer;
    if (mopt__lex_is(lexer, "@")) {
        return parse_reference(parser, out);
    }
    if (mopt__lex_is(lexer, "[")) {
        return parse_list(parser, owner, out);
    }
    if (mopt__lex_accept(lexer, "undefined")) {
        return true;
    }
    if (parse_empty_list(parser, out, &good)) {
        return good;
    }
    return parse_single(parser, owner, out);
}

bool mopt__parse_attribute(struct mopt_parser *parser, struct mopt_node *owner,
                           struct mopt_attribute *out)
{
    struct mopt_details details;
    memset(out, 0, sizeof *out);
    bool good = mopt__lex_name(&parser->lexer, parser->arena, "an attribute name", &out->name) &&
                mopt__lex_expect(&parser->lexer, "=") && parse_value(parser, owner, out) &&
                mopt__parse_details(parser, &details);
    if (!good) {
        mopt__attribute_release_tensors(out);
        return false;
    }
    out->doc = details.doc;
    return true;
}
