// SPDX-License-Identifier: Apache-2.0
// Parses models and functions of the text form.
#include <string.h>

#include "ir/text_model.h"
#include "ir/text_private.h"

enum { DEFAULT_OPSET = 21, DEFAULT_IR = 10 }; // of a graph without a model around it

// ---- Settings

static bool add_opset(struct mopt_parser *parser, const char *domain, struct mopt_opset_list *list)
{
    struct mopt_lexer *lexer = &parser->lexer;
    int64_t version;
    if (!mopt__lex_expect(lexer, "=") || !mopt__lex_i64(lexer, &version)) {
        return false;
    }
    const char *name =
        mopt__model_intern(parser->model, mopt__domain_normalise(domain), lexer->err);
    if (name == NULL || mopt__grow((void **)&list->items, &list->capacity, list->count + 1,
                                   sizeof *list->items, lexer->err) != MOPT_OK) {
        return mopt__lex_fail(lexer, MOPT_E_MEMORY);
    }
    list->items[list->count++] = (struct mopt_opset){.domain = name,
                                                     .domain_text = name[0] == '\0' ? NULL : name,
                                                     .version = version};
    return true;
}

static bool set_text(struct mopt_parser *parser, const char **out)
{
    return mopt__lex_expect(&parser->lexer, "=") &&
           mopt__lex_name(&parser->lexer, parser->arena, "a quoted text", out);
}

static bool set_number(struct mopt_parser *parser, int64_t *out, bool *present)
{
    *present = true;
    return mopt__lex_expect(&parser->lexer, "=") && mopt__lex_i64(&parser->lexer, out);
}

static bool parse_opset(struct mopt_parser *parser, struct mopt_opset_list *list, const char *what)
{
    struct mopt_lexer *lexer = &parser->lexer;
    const char *domain = "";
    if (mopt__lex_accept(lexer, "opset")) {
        return add_opset(parser, domain, list);
    }
    if (lexer->token.kind != MOPT_TOKEN_STRING) {
        return mopt__lex_expected(lexer, what);
    }
    return mopt__lex_name(lexer, parser->arena, what, &domain) && add_opset(parser, domain, list);
}

static bool parse_setting(struct mopt_parser *parser)
{
    struct mopt_lexer *lexer = &parser->lexer;
    struct mopt_model *model = parser->model;
    if (mopt__lex_accept(lexer, "ir")) {
        return set_number(parser, &model->ir_version, &model->has_ir_version);
    }
    if (mopt__lex_accept(lexer, "model_version")) {
        return set_number(parser, &model->model_version, &model->has_model_version);
    }
    if (mopt__lex_accept(lexer, "producer")) {
        return set_text(parser, &model->producer_name);
    }
    if (mopt__lex_accept(lexer, "producer_version")) {
        return set_text(parser, &model->producer_version);
    }
    if (mopt__lex_accept(lexer, "domain")) {
        return set_text(parser, &model->domain);
    }
    return parse_opset(parser, &model->opsets,
                       "ir, opset, a quoted domain, producer, producer_version, domain or "
                       "model_version");
}

static bool parse_settings(struct mopt_parser *parser)
{
    struct mopt_lexer *lexer = &parser->lexer;
    if (!mopt__lex_accept(lexer, "(") || mopt__lex_accept(lexer, ")")) {
        return true;
    }
    do {
        if (!parse_setting(parser)) {
            return false;
        }
    } while (mopt__lex_accept(lexer, ","));
    return mopt__lex_accept(lexer, ")") || mopt__lex_expected(lexer, "',' or ')'");
}

// ---- Functions

static struct mopt_function *new_function(struct mopt_parser *parser)
{
    struct mopt_model *model = parser->model;
    struct mopt_error *err = parser->lexer.err;
    struct mopt_function *function = mopt__arena_alloc(parser->arena, 1, sizeof *function);
    struct mopt_graph *body = mopt__graph_new(model, NULL, err);
    if (function == NULL || body == NULL ||
        mopt__grow((void **)&model->functions, &model->function_capacity, model->function_count + 1,
                   sizeof(struct mopt_function *), err) != MOPT_OK) {
        (void)mopt__parse_oom(parser);
        return NULL;
    }
    function->body = body;
    body->function = function;
    model->functions[model->function_count++] = function;
    return function;
}

static bool set_function_name(struct mopt_parser *parser, struct mopt_function *function)
{
    struct mopt_operator_name operator;
    const struct mopt_token token = parser->lexer.token;
    if (!mopt__parse_operator(parser, &operator)) {
        return false;
    }
    const char *domain = mopt__domain_normalise(operator.domain);
    const char *overload = operator.overload == NULL ? "" : operator.overload;
    const struct mopt_model *model = parser->model;
    function->domain = mopt__strpool_add(&parser->model->strings, domain);
    function->name = mopt__strpool_add(&parser->model->strings, operator.name);
    function->domain_text = function->domain;
    function->overload = operator.overload;
    if (function->domain == NULL || function->name == NULL) {
        return mopt__parse_oom(parser);
    }
    for (size_t i = 0; i + 1 < model->function_count; i++) {
        const struct mopt_function *other = model->functions[i];
        if (other->name == function->name && other->domain == function->domain &&
            strcmp(other->overload == NULL ? "" : other->overload, overload) == 0) {
            return mopt__lex_error_at(&parser->lexer, &token, "function '%s' is defined twice",
                                      function->name);
        }
    }
    return true;
}

struct function_attributes { // heap
    const char **names;
    size_t name_count, name_capacity;
    struct mopt_attribute *defaults;
    size_t default_count, default_capacity;
};

// "alpha" or "alpha=1.0".
static bool parse_function_attribute(struct mopt_parser *parser, struct function_attributes *list)
{
    struct mopt_lexer *lexer = &parser->lexer;
    struct mopt_lexer start = *lexer; // to look one token ahead
    const char *name;
    if (mopt__grow((void **)&list->names, &list->name_capacity, list->name_count + 1,
                   sizeof(const char *), lexer->err) != MOPT_OK ||
        mopt__grow((void **)&list->defaults, &list->default_capacity, list->default_count + 1,
                   sizeof *list->defaults, lexer->err) != MOPT_OK) {
        return mopt__lex_fail(lexer, MOPT_E_MEMORY);
    }
    if (!mopt__lex_name(lexer, parser->arena, "an attribute name", &name)) {
        return false;
    }
    name = mopt__strpool_add(&parser->model->strings, name);
    if (name == NULL) {
        return mopt__parse_oom(parser);
    }
    if (!mopt__lex_is(lexer, "=")) {
        list->names[list->name_count++] = name;
        return true;
    }
    *lexer = start;
    struct mopt_attribute *attribute = &list->defaults[list->default_count];
    if (!mopt__parse_attribute(parser, NULL, attribute)) {
        return false;
    }
    attribute->name = name;
    list->default_count++;
    return true;
}

static void *keep(struct mopt_parser *parser, const void *items, size_t count, size_t size)
{
    void *kept = mopt__arena_alloc(parser->arena, count, size);
    if (kept != NULL && count > 0) {
        memcpy(kept, items, count * size);
    }
    return kept;
}

static bool keep_function_attributes(struct mopt_parser *parser, struct mopt_function *function,
                                     struct function_attributes *list)
{
    function->attribute_names = keep(parser, list->names, list->name_count, sizeof(const char *));
    function->attribute_defaults =
        keep(parser, list->defaults, list->default_count, sizeof *list->defaults);
    if (function->attribute_names == NULL || function->attribute_defaults == NULL) {
        return mopt__parse_oom(parser);
    }
    function->attribute_name_count = list->name_count;
    function->attribute_default_count = list->default_count;
    list->default_count = 0; // references moved
    return true;
}

static bool parse_function_attributes(struct mopt_parser *parser, struct mopt_function *function)
{
    struct mopt_lexer *lexer = &parser->lexer;
    struct function_attributes list = {0};
    if (!mopt__lex_accept(lexer, "<")) {
        return true;
    }
    bool good;
    do {
        good = parse_function_attribute(parser, &list);
    } while (good && mopt__lex_accept(lexer, ","));
    good = good && (mopt__lex_accept(lexer, ">") || mopt__lex_expected(lexer, "',' or '>'")) &&
           keep_function_attributes(parser, function, &list);
    for (size_t i = 0; i < list.default_count; i++) {
        mopt__attribute_release_tensors(&list.defaults[i]);
    }
    mopt__free(list.names);
    mopt__free(list.defaults);
    return good;
}

static bool parse_function_opsets(struct mopt_parser *parser, struct mopt_function *function)
{
    struct mopt_lexer *lexer = &parser->lexer;
    if (!mopt__lex_accept(lexer, "(") || mopt__lex_accept(lexer, ")")) {
        return true;
    }
    do {
        if (!parse_opset(parser, &function->opsets, "opset or a quoted domain")) {
            return false;
        }
    } while (mopt__lex_accept(lexer, ","));
    return mopt__lex_accept(lexer, ")") || mopt__lex_expected(lexer, "',' or ')'");
}

static bool parse_function(struct mopt_parser *parser)
{
    size_t start = parser->pending_count;
    struct mopt_details details;
    struct mopt_function *function = new_function(parser);
    if (function == NULL || !set_function_name(parser, function) ||
        !parse_function_attributes(parser, function) ||
        !mopt__parse_signature(parser, function->body) ||
        !parse_function_opsets(parser, function) || !mopt__parse_details(parser, &details)) {
        return false;
    }
    function->doc = details.doc;
    function->metadata = details.metadata;
    function->metadata_count = details.count;
    return mopt__parse_body(parser, function->body, start);
}

// ---- Links from calls to functions

struct linker {
    struct mopt_map functions; // "domain::name:overload" -> function
    struct mopt_strbuf key;
};

static const char *make_key(struct mopt_strbuf *key, const char *domain, const char *name,
                            const char *overload)
{
    mopt__strbuf_clear(key);
    mopt__strbuf_printf(key, "%s::%s:%s", domain, name, overload == NULL ? "" : overload);
    return mopt__strbuf_text(key);
}

static enum mopt_status link_graph(void *context, struct mopt_graph *graph, struct mopt_error *err)
{
    struct linker *linker = context;
    for (struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        const char *key = make_key(&linker->key, node->domain, node->op_type, node->overload);
        if (linker->key.failed) {
            return mopt_error_memory(err);
        }
        node->function = mopt__map_find(&linker->functions, key);
    }
    return MOPT_OK;
}

static enum mopt_status link_functions(struct mopt_parser *parser)
{
    struct mopt_model *model = parser->model;
    struct mopt_error *err = parser->lexer.err;
    struct linker linker = {0};
    enum mopt_status status = MOPT_OK;
    for (size_t i = 0; i < model->function_count && status == MOPT_OK; i++) {
        struct mopt_function *function = model->functions[i];
        const char *key =
            make_key(&linker.key, function->domain, function->name, function->overload);
        const char *kept = linker.key.failed ? NULL : mopt__arena_strdup(parser->arena, key);
        status = kept == NULL ? mopt_error_memory(err)
                              : mopt__map_put(&linker.functions, kept, function, err);
    }
    if (status == MOPT_OK && model->function_count > 0) {
        status = mopt__model_walk(model, link_graph, &linker, err);
    }
    mopt__map_release(&linker.functions);
    mopt__strbuf_release(&linker.key);
    return status;
}

// ---- Models

static bool parse_members(struct mopt_parser *parser)
{
    struct mopt_lexer *lexer = &parser->lexer;
    bool has_graph = false;
    while (!mopt__lex_is(lexer, "}")) {
        bool good;
        if (mopt__lex_accept(lexer, "function")) {
            good = parse_function(parser);
        } else if (!has_graph && mopt__lex_is(lexer, "graph")) {
            has_graph = true;
            good = mopt__parse_graph(parser, parser->model->graph);
        } else {
            return mopt__lex_expected(lexer, has_graph ? "'function' or '}'" : "'graph'");
        }
        if (!good) {
            return false;
        }
    }
    if (!has_graph) {
        return mopt__lex_expected(lexer, "'graph'");
    }
    mopt__lex_next(lexer);
    return true;
}

static bool parse_model(struct mopt_parser *parser)
{
    struct mopt_lexer *lexer = &parser->lexer;
    struct mopt_model *model = parser->model;
    struct mopt_details details;
    if (mopt__lex_is(lexer, "graph")) {
        model->ir_version = DEFAULT_IR;
        enum mopt_status status = mopt__model_set_opset(model, "", DEFAULT_OPSET, lexer->err);
        if (status != MOPT_OK) {
            return mopt__lex_fail(lexer, status);
        }
        return mopt__parse_graph(parser, model->graph);
    }
    if (!mopt__lex_accept(lexer, "model")) {
        return mopt__lex_expected(lexer, "'model' or 'graph'");
    }
    model->has_ir_version = false;
    model->ir_version = 0;
    if (!parse_settings(parser) || !mopt__parse_details(parser, &details)) {
        return false;
    }
    model->doc = details.doc;
    model->metadata = details.metadata;
    model->metadata_count = details.count;
    return mopt__lex_expect(lexer, "{") && parse_members(parser);
}

static enum mopt_status parse_all(struct mopt_parser *parser)
{
    struct mopt_lexer *lexer = &parser->lexer;
    bool good = parse_model(parser);
    if (good && lexer->status == MOPT_OK && lexer->token.kind != MOPT_TOKEN_END) {
        (void)mopt__lex_expected(lexer, "the end of the text");
    }
    return lexer->status != MOPT_OK ? lexer->status : link_functions(parser);
}

enum mopt_status mopt__text_parse(const char *text, size_t bytes, struct mopt_model **out,
                                  struct mopt_error *err)
{
    struct mopt_parser parser = {0};
    *out = NULL;
    enum mopt_status status = mopt__model_new(&parser.model, err);
    if (status != MOPT_OK) {
        return status;
    }
    parser.arena = &parser.model->arena;
    mopt__lex_init(&parser.lexer, text, bytes, err);
    status = parse_all(&parser);
    mopt__map_release(&parser.fresh);
    mopt__free(parser.pending);
    if (status != MOPT_OK) {
        mopt__model_free(parser.model);
        return status;
    }
    *out = parser.model;
    return MOPT_OK;
}
