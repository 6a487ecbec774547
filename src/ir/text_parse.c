// SPDX-License-Identifier: Apache-2.0
// Parses graphs of the text form: values, initializers, nodes. Names are bound when a scope ends,
// so that nodes may stand in any order and inner names hide outer ones as they should.
#include <string.h>

#include "ir/text_model.h"
#include "ir/text_private.h"

// Outputs of a graph: they enter it together, once every name is bound.
struct output_list {
    struct mopt_graph *graph;
    struct mopt_value **values;
    size_t count, missing;
};

struct mopt_pending {
    const char *name;
    struct mopt_token token;
    struct mopt_node *node; // input `index` of node, or output `index` of list
    struct output_list *list;
    size_t index;
    const struct mopt_type *type; // of outputs
    const struct mopt_value_meta *meta;
};

// A declared value: "float[2] x @doc(...)".
struct declared {
    const char *name; // NULL: "_"
    struct mopt_token token;
    const struct mopt_type *type;
    const struct mopt_value_meta *meta;
};
struct declared_list { // heap
    struct declared *items;
    size_t count, capacity;
};

// ---- Pending names

static bool add_pending(struct mopt_parser *parser, const struct mopt_pending *pending)
{
    enum mopt_status status =
        mopt__grow((void **)&parser->pending, &parser->pending_capacity, parser->pending_count + 1,
                   sizeof *parser->pending, parser->lexer.err);
    if (status != MOPT_OK) {
        return mopt__lex_fail(&parser->lexer, status);
    }
    parser->pending[parser->pending_count++] = *pending;
    return true;
}

static void describe(struct mopt_value *value, const struct mopt_type *type,
                     const struct mopt_value_meta *meta)
{
    if (type != NULL) {
        value->declared = type;
        value->type = value->constant == NULL ? type : value->type;
    }
    if (meta != NULL) {
        value->meta = meta;
    }
}

static enum mopt_status bind(const struct mopt_pending *pending, struct mopt_value *value,
                             struct mopt_error *err)
{
    if (pending->node != NULL) {
        mopt__node_set_input(pending->node, (uint32_t)pending->index, value);
        return MOPT_OK;
    }
    struct output_list *list = pending->list;
    enum mopt_status status = MOPT_OK;
    list->values[pending->index] = value;
    list->missing--;
    if (value->graph == list->graph) {
        describe(value, pending->type, pending->meta);
    }
    for (size_t i = 0; i < list->count && list->missing == 0 && status == MOPT_OK; i++) {
        status = mopt__graph_add_output(list->graph, list->values[i], err);
    }
    return status;
}

// Binds what this scope defines; the rest waits for the scope outside.
static bool bind_scope(struct mopt_parser *parser, struct mopt_graph *graph, size_t start)
{
    size_t kept = start;
    for (size_t i = start; i < parser->pending_count; i++) {
        const struct mopt_pending pending = parser->pending[i];
        struct mopt_value *value = mopt__value_find(graph, pending.name);
        if (value == NULL) {
            parser->pending[kept++] = pending;
            continue;
        }
        enum mopt_status status = bind(&pending, value, parser->lexer.err);
        if (status != MOPT_OK) {
            return mopt__lex_fail(&parser->lexer, status);
        }
    }
    parser->pending_count = kept;
    if (graph->parent == NULL && kept > start) {
        const struct mopt_pending *first = &parser->pending[start];
        return mopt__lex_error_at(&parser->lexer, &first->token, "value '%s' is not defined",
                                  first->name);
    }
    return true;
}

// ---- Declared values

static bool make_meta(struct mopt_parser *parser, const struct mopt_value_meta **out)
{
    struct mopt_details details;
    if (!mopt__parse_details(parser, &details)) {
        return false;
    }
    if (details.doc == NULL && details.count == 0) {
        return true;
    }
    struct mopt_value_meta *meta = mopt__arena_alloc(parser->arena, 1, sizeof *meta);
    if (meta == NULL) {
        return mopt__parse_oom(parser);
    }
    meta->doc = details.doc;
    meta->metadata = details.metadata;
    meta->metadata_count = details.count;
    *out = meta;
    return true;
}

static bool parse_declared(struct mopt_parser *parser, struct declared *out)
{
    struct mopt_lexer *lexer = &parser->lexer;
    memset(out, 0, sizeof *out);
    if (mopt__parse_starts_type(parser) && !mopt__parse_type(parser, &out->type, 0)) {
        return false;
    }
    out->token = lexer->token;
    if (out->type == NULL && mopt__lex_accept(lexer, "_")) {
        return true;
    }
    if (!mopt__lex_name(lexer, parser->arena, "a value name", &out->name)) {
        return false;
    }
    if (out->name[0] == '\0') {
        return mopt__lex_error_at(lexer, &out->token, "a value needs a name");
    }
    return make_meta(parser, &out->meta);
}

static bool parse_declared_list(struct mopt_parser *parser, struct declared_list *list)
{
    do {
        enum mopt_status status =
            mopt__grow((void **)&list->items, &list->capacity, list->count + 1, sizeof *list->items,
                       parser->lexer.err);
        if (status != MOPT_OK) {
            return mopt__lex_fail(&parser->lexer, status);
        }
        if (!parse_declared(parser, &list->items[list->count])) {
            return false;
        }
        list->count++;
    } while (mopt__lex_accept(&parser->lexer, ","));
    return true;
}

// "(...)", possibly empty; every value must have a name.
static bool parse_parameters(struct mopt_parser *parser, struct declared_list *list)
{
    struct mopt_lexer *lexer = &parser->lexer;
    if (!mopt__lex_expect(lexer, "(")) {
        return false;
    }
    if (mopt__lex_accept(lexer, ")")) {
        return true;
    }
    if (!parse_declared_list(parser, list)) {
        return false;
    }
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].name == NULL) {
            return mopt__lex_error_at(lexer, &list->items[i].token, "a value needs a name");
        }
    }
    return mopt__lex_accept(lexer, ")") || mopt__lex_expected(lexer, "',' or ')'");
}

static bool define(struct mopt_parser *parser, struct mopt_graph *graph,
                   const struct declared *declared, struct mopt_value **out)
{
    if (mopt__value_find(graph, declared->name) != NULL) {
        return mopt__lex_error_at(&parser->lexer, &declared->token, "value '%s' is defined twice",
                                  declared->name);
    }
    struct mopt_error *err = parser->lexer.err;
    *out = mopt__value_new(graph, declared->name, err);
    if (*out == NULL) {
        return mopt__lex_fail(&parser->lexer, err->status);
    }
    describe(*out, declared->type, declared->meta);
    return true;
}

// ---- Statements

static bool starts_data(const struct mopt_parser *parser, const struct declared_list *outputs)
{
    const struct mopt_lexer *lexer = &parser->lexer;
    if (outputs->count != 1 || outputs->items[0].type == NULL) {
        return false;
    }
    bool raw = mopt__lex_is(lexer, "raw") && lexer->at < lexer->end && *lexer->at == '"';
    return raw || mopt__lex_is(lexer, "{") || mopt__lex_is(lexer, "-") ||
           lexer->token.kind == MOPT_TOKEN_NUMBER;
}

// The value that gets data: a graph input of that name, or a new one.
static bool initialized_value(struct mopt_parser *parser, struct mopt_graph *graph,
                              const struct declared *declared, struct mopt_value **out)
{
    struct mopt_value *value = mopt__value_find(graph, declared->name);
    if (value != NULL && value->is_input && value->constant == NULL && value->sparse == NULL) {
        *out = value;
        return true;
    }
    struct declared untyped = *declared;
    untyped.type = NULL; // the tensor says it
    return define(parser, graph, &untyped, out);
}

static bool parse_initializer(struct mopt_parser *parser, struct mopt_graph *graph,
                              const struct declared *declared)
{
    struct mopt_lexer *lexer = &parser->lexer;
    struct mopt_tensor *tensor = NULL;
    struct mopt_sparse *sparse = NULL;
    struct mopt_value *value;
    bool is_sparse = declared->type->kind == MOPT_TYPE_SPARSE_TENSOR;
    bool good = is_sparse ? mopt__parse_sparse_data(parser, declared->type, &sparse)
                          : mopt__parse_tensor_data(parser, declared->type, &tensor);
    if (!good || !initialized_value(parser, graph, declared, &value)) {
        mopt__tensor_unref(tensor);
        mopt__sparse_unref(sparse);
        return false;
    }
    enum mopt_status status =
        is_sparse ? mopt__graph_add_sparse_initializer(graph, value, sparse, lexer->err)
                  : mopt__graph_add_initializer(graph, value, tensor, lexer->err);
    mopt__tensor_unref(tensor);
    mopt__sparse_unref(sparse);
    if (status != MOPT_OK) {
        return mopt__lex_fail(lexer, status);
    }
    return mopt__lex_expect(lexer, ";");
}

static bool define_outputs(struct mopt_parser *parser, struct mopt_node *node,
                           const struct declared_list *outputs)
{
    for (size_t i = 0; i < outputs->count; i++) {
        struct mopt_value *value = NULL;
        const struct declared *declared = &outputs->items[i];
        if (declared->name == NULL) {
            continue;
        }
        if (!define(parser, node->graph, declared, &value)) {
            return false;
        }
        mopt__node_set_output(node, (uint32_t)i, value);
        if (declared->type == NULL && declared->meta == NULL) {
            continue;
        }
        enum mopt_status status = mopt__graph_add_value_info(node->graph, value, parser->lexer.err);
        if (status != MOPT_OK) {
            return mopt__lex_fail(&parser->lexer, status);
        }
    }
    return true;
}

static bool parse_attributes(struct mopt_parser *parser, struct mopt_node *node)
{
    struct mopt_lexer *lexer = &parser->lexer;
    if (!mopt__lex_accept(lexer, "<")) {
        return true;
    }
    do {
        const struct mopt_token token = lexer->token;
        struct mopt_attribute attribute;
        struct mopt_error err;
        if (!mopt__parse_attribute(parser, node, &attribute)) {
            return false;
        }
        enum mopt_status status = mopt__node_add_attribute(node, &attribute, &err);
        if (status != MOPT_OK) {
            mopt__attribute_release_tensors(&attribute);
            return status == MOPT_E_MEMORY ? mopt__parse_oom(parser)
                                           : mopt__lex_error_at(lexer, &token, "%s", err.text);
        }
    } while (mopt__lex_accept(lexer, ","));
    return mopt__lex_accept(lexer, ">") || mopt__lex_expected(lexer, "',' or '>'");
}

static bool parse_input(struct mopt_parser *parser, struct mopt_node *node)
{
    struct mopt_lexer *lexer = &parser->lexer;
    struct mopt_pending pending = {.token = lexer->token, .node = node, .index = node->input_count};
    enum mopt_status status =
        node->input_count == UINT32_MAX
            ? MOPT_E_LIMIT
            : mopt__node_resize_inputs(node, node->input_count + 1, lexer->err);
    if (status != MOPT_OK) {
        return mopt__lex_fail(lexer, status);
    }
    if (mopt__lex_accept(lexer, "_")) {
        return true;
    }
    return mopt__lex_name(lexer, parser->arena, "a value name", &pending.name) &&
           add_pending(parser, &pending);
}

static bool parse_inputs(struct mopt_parser *parser, struct mopt_node *node)
{
    struct mopt_lexer *lexer = &parser->lexer;
    if (!mopt__lex_accept(lexer, "(")) {
        return mopt__lex_expected(lexer, node->attribute_count > 0 ? "'('" : "'(' or '<'");
    }
    if (mopt__lex_accept(lexer, ")")) {
        return true;
    }
    do {
        if (!parse_input(parser, node)) {
            return false;
        }
    } while (mopt__lex_accept(lexer, ","));
    return mopt__lex_accept(lexer, ")") || mopt__lex_expected(lexer, "',' or ')'");
}

bool mopt__parse_operator(struct mopt_parser *parser, struct mopt_operator_name *out)
{
    struct mopt_lexer *lexer = &parser->lexer;
    memset(out, 0, sizeof *out);
    if (!mopt__lex_name(lexer, parser->arena, "an operator", &out->name)) {
        return false;
    }
    if (mopt__lex_accept(lexer, "::")) {
        out->domain = out->name;
        if (!mopt__lex_name(lexer, parser->arena, "an operator", &out->name)) {
            return false;
        }
    }
    return !mopt__lex_accept(lexer, ":") ||
           mopt__lex_name(lexer, parser->arena, "an overload", &out->overload);
}

static bool parse_node(struct mopt_parser *parser, struct mopt_graph *graph, const char *name,
                       const struct declared_list *outputs)
{
    struct mopt_lexer *lexer = &parser->lexer;
    struct mopt_operator_name operator;
    struct mopt_details details;
    const struct mopt_token token = lexer->token;
    if (!mopt__parse_operator(parser, &operator)) {
        return false;
    }
    if (operator.name[0] == '\0' || outputs->count> UINT32_MAX) {
        return mopt__lex_error_at(lexer, &token, "an operator needs a name");
    }
    struct mopt_node *node = mopt__node_new(graph, NULL, operator.name, operator.domain, 0,
                                            (uint32_t)outputs->count, lexer->err);
    if (node == NULL) {
        return mopt__lex_fail(lexer, lexer->err->status);
    }
    node->name = name;
    node->overload = operator.overload;
    if (!define_outputs(parser, node, outputs) || !parse_attributes(parser, node) ||
        !parse_inputs(parser, node) || !mopt__parse_details(parser, &details)) {
        return false;
    }
    node->doc = details.doc;
    node->metadata = details.metadata;
    node->metadata_count = details.count;
    return mopt__lex_expect(lexer, ";");
}

static bool parse_statement_with(struct mopt_parser *parser, struct mopt_graph *graph,
                                 struct declared_list *outputs)
{
    struct mopt_lexer *lexer = &parser->lexer;
    const char *name = NULL;
    if (mopt__lex_accept(lexer, "%") &&
        (!mopt__lex_name(lexer, parser->arena, "a node name", &name) ||
         !mopt__lex_expect(lexer, ":"))) {
        return false;
    }
    bool none = mopt__lex_accept(lexer, "(");
    if (none ? !mopt__lex_expect(lexer, ")") : !parse_declared_list(parser, outputs)) {
        return false;
    }
    if (!mopt__lex_accept(lexer, "=")) {
        return mopt__lex_expected(lexer, none ? "'='" : "',' or '='");
    }
    if (name == NULL && starts_data(parser, outputs)) {
        return parse_initializer(parser, graph, &outputs->items[0]);
    }
    return parse_node(parser, graph, name, outputs);
}

static bool parse_statement(struct mopt_parser *parser, struct mopt_graph *graph)
{
    struct declared_list outputs = {0};
    bool good = parse_statement_with(parser, graph, &outputs);
    mopt__free(outputs.items);
    return good;
}

// ---- Graphs

static bool add_inputs(struct mopt_parser *parser, struct mopt_graph *graph,
                       const struct declared_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct mopt_value *value = NULL;
        if (!define(parser, graph, &list->items[i], &value)) {
            return false;
        }
        enum mopt_status status = mopt__graph_add_input(graph, value, parser->lexer.err);
        if (status != MOPT_OK) {
            return mopt__lex_fail(&parser->lexer, status);
        }
    }
    return true;
}

static bool add_outputs(struct mopt_parser *parser, struct mopt_graph *graph,
                        const struct declared_list *list)
{
    struct output_list *outputs = mopt__arena_alloc(parser->arena, 1, sizeof *outputs);
    struct mopt_value **values =
        mopt__arena_alloc(parser->arena, list->count, sizeof(struct mopt_value *));
    if (outputs == NULL || values == NULL) {
        return mopt__parse_oom(parser);
    }
    *outputs = (struct output_list){.graph = graph,
                                    .values = values,
                                    .count = list->count,
                                    .missing = list->count};
    bool good = true;
    for (size_t i = 0; i < list->count && good; i++) {
        const struct declared *declared = &list->items[i];
        good = add_pending(parser, &(struct mopt_pending){.name = declared->name,
                                                          .token = declared->token,
                                                          .list = outputs,
                                                          .index = i,
                                                          .type = declared->type,
                                                          .meta = declared->meta});
    }
    return good;
}

bool mopt__parse_signature(struct mopt_parser *parser, struct mopt_graph *graph)
{
    struct declared_list inputs = {0}, outputs = {0};
    bool good = parse_parameters(parser, &inputs) && mopt__lex_expect(&parser->lexer, "->") &&
                parse_parameters(parser, &outputs) && add_inputs(parser, graph, &inputs) &&
                add_outputs(parser, graph, &outputs);
    mopt__free(inputs.items);
    mopt__free(outputs.items);
    return good;
}

bool mopt__parse_body(struct mopt_parser *parser, struct mopt_graph *graph, size_t start)
{
    struct mopt_lexer *lexer = &parser->lexer;
    if (!mopt__lex_expect(lexer, "{")) {
        return false;
    }
    while (!mopt__lex_accept(lexer, "}")) {
        if (lexer->token.kind == MOPT_TOKEN_END) {
            return mopt__lex_expected(lexer, "a statement or '}'");
        }
        if (!parse_statement(parser, graph)) {
            return false;
        }
    }
    return lexer->status == MOPT_OK && bind_scope(parser, graph, start);
}

bool mopt__parse_graph(struct mopt_parser *parser, struct mopt_graph *graph)
{
    struct mopt_lexer *lexer = &parser->lexer;
    size_t start = parser->pending_count;
    struct mopt_details details;
    if (!mopt__lex_expect(lexer, "graph")) {
        return false;
    }
    if (!mopt__lex_is(lexer, "(") &&
        !mopt__lex_name(lexer, parser->arena, "a graph name or '('", &graph->name)) {
        return false;
    }
    if (!mopt__parse_signature(parser, graph) || !mopt__parse_details(parser, &details)) {
        return false;
    }
    graph->doc = details.doc;
    graph->metadata = details.metadata;
    graph->metadata_count = details.count;
    return mopt__parse_body(parser, graph, start);
}
