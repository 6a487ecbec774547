// SPDX-License-Identifier: Apache-2.0
// Prints models and graphs in the text form of text.h.
#include <string.h>

#include "ir/text_private.h"

static void add(struct mopt_printer *printer, const char *text)
{
    mopt__strbuf_add(printer->out, text);
}

static void new_line(struct mopt_printer *printer)
{
    add(printer, "\n");
    for (int i = 0; i < printer->indent; i++) {
        add(printer, "  ");
    }
}

static void print_graph(struct mopt_printer *printer, const struct mopt_graph *graph);

// ---- Values

static const struct mopt_type *shown_type(const struct mopt_printer *printer,
                                          const struct mopt_value *value)
{
    const struct mopt_type *first = printer->options.types ? value->type : value->declared;
    const struct mopt_type *second = printer->options.types ? value->declared : value->type;
    const struct mopt_type *type = first != NULL ? first : second;
    return type == NULL || type->kind == MOPT_TYPE_NONE ? NULL : type;
}

static void print_meta(struct mopt_printer *printer, const struct mopt_value *value)
{
    if (value->meta != NULL) {
        mopt__print_details(printer, value->meta->doc, value->meta->metadata,
                            value->meta->metadata_count);
    }
}

// "float[2] x": a value where it gets its type.
static void print_typed(struct mopt_printer *printer, const struct mopt_value *value)
{
    const struct mopt_type *type = shown_type(printer, value);
    if (type != NULL) {
        mopt__print_type(printer, type);
        add(printer, " ");
    }
    mopt__text_add_name(printer->out, value->name);
    print_meta(printer, value);
}

static bool is_own_output(const struct mopt_value *value)
{
    const struct mopt_output_use *use = mopt__value_box_const(value)->outputs;
    for (; use != NULL; use = use->next) {
        if (use->graph == value->graph) {
            return true;
        }
    }
    return false;
}

static void print_list(struct mopt_printer *printer, const struct mopt_graph *graph,
                       const struct mopt_value_list *list)
{
    add(printer, "(");
    for (size_t i = 0; i < list->count; i++) {
        add(printer, i > 0 ? ", " : "");
        const struct mopt_value *value = list->items[i];
        if (value->graph == graph && !(list == &graph->outputs && value->is_input)) {
            print_typed(printer, value);
        } else {
            mopt__text_add_name(printer->out, value->name);
        }
    }
    add(printer, ")");
}

// ---- Attributes

static void print_reference(struct mopt_printer *printer, const struct mopt_attribute *attribute)
{
    add(printer, "@");
    mopt__text_add_word(printer->out, attribute->ref_name);
    if (attribute->kind != MOPT_ATTR_UNDEFINED) {
        add(printer, ":");
        add(printer, mopt__attr_kind_names[attribute->kind]);
    }
}

static void print_sparse(struct mopt_printer *printer, const struct mopt_sparse *sparse)
{
    mopt__print_sparse_type(printer, sparse);
    mopt__print_sparse_data(printer, sparse);
}

static void print_type_value(struct mopt_printer *printer, const struct mopt_type *type)
{
    add(printer, "type(");
    mopt__print_type(printer, type);
    add(printer, ")");
}

static void print_list_item(struct mopt_printer *printer, const struct mopt_attribute *attribute,
                            size_t i)
{
    switch (attribute->kind) {
    case MOPT_ATTR_FLOATS:
        mopt__print_f32(printer->out, attribute->floats[i], true);
        break;
    case MOPT_ATTR_INTS:
        mopt__strbuf_printf(printer->out, "%lld", (long long)attribute->ints[i]);
        break;
    case MOPT_ATTR_STRINGS:
        mopt__text_add_string(printer->out, attribute->strings[i].data, attribute->strings[i].size);
        break;
    case MOPT_ATTR_TENSORS:
        mopt__print_tensor(printer, attribute->tensors[i]);
        break;
    case MOPT_ATTR_GRAPHS:
        print_graph(printer, attribute->graphs[i]);
        break;
    case MOPT_ATTR_SPARSE_TENSORS:
        print_sparse(printer, attribute->sparses[i]);
        break;
    default:
        print_type_value(printer, attribute->types[i]);
        break;
    }
}

static void print_array(struct mopt_printer *printer, const struct mopt_attribute *attribute)
{
    if (attribute->count == 0) {
        add(printer, mopt__attr_kind_names[attribute->kind]);
    }
    add(printer, "[");
    for (size_t i = 0; i < attribute->count; i++) {
        add(printer, i > 0 ? ", " : "");
        print_list_item(printer, attribute, i);
    }
    add(printer, "]");
}

static void print_value(struct mopt_printer *printer, const struct mopt_attribute *attribute)
{
    switch (attribute->kind) {
    case MOPT_ATTR_UNDEFINED:
        add(printer, "undefined");
        break;
    case MOPT_ATTR_FLOAT:
        mopt__print_f32(printer->out, attribute->f, true);
        break;
    case MOPT_ATTR_INT:
        mopt__strbuf_printf(printer->out, "%lld", (long long)attribute->i);
        break;
    case MOPT_ATTR_STRING:
        mopt__text_add_string(printer->out, attribute->s.data, attribute->s.size);
        break;
    case MOPT_ATTR_TENSOR:
        mopt__print_tensor(printer, attribute->t);
        break;
    case MOPT_ATTR_GRAPH:
        print_graph(printer, attribute->g);
        break;
    case MOPT_ATTR_SPARSE_TENSOR:
        print_sparse(printer, attribute->sparse);
        break;
    case MOPT_ATTR_TYPE:
        print_type_value(printer, attribute->type);
        break;
    default:
        print_array(printer, attribute);
        break;
    }
}

static void print_attribute(struct mopt_printer *printer, const struct mopt_attribute *attribute)
{
    mopt__text_add_word(printer->out, attribute->name);
    add(printer, "=");
    if (attribute->ref_name != NULL && attribute->ref_name[0] != '\0') {
        print_reference(printer, attribute);
    } else {
        print_value(printer, attribute);
    }
    mopt__print_details(printer, attribute->doc, NULL, 0);
}

// ---- Nodes

static void print_outputs(struct mopt_printer *printer, const struct mopt_node *node)
{
    add(printer, node->output_count == 0 ? "()" : "");
    for (uint32_t i = 0; i < node->output_count; i++) {
        const struct mopt_value *value = node->outputs[i];
        add(printer, i > 0 ? ", " : "");
        if (value == NULL) {
            add(printer, "_");
        } else if (is_own_output(value)) {
            mopt__text_add_name(printer->out, value->name);
        } else if (printer->options.types) {
            print_typed(printer, value);
        } else {
            mopt__text_add_name(printer->out, value->name);
            print_meta(printer, value);
        }
    }
}

static void print_operator(struct mopt_printer *printer, const char *domain, const char *name,
                           const char *overload)
{
    if (domain != NULL && domain[0] != '\0') {
        mopt__text_add_word(printer->out, domain);
        add(printer, "::");
    }
    mopt__text_add_word(printer->out, name);
    if (overload != NULL) {
        add(printer, ":");
        mopt__text_add_word(printer->out, overload);
    }
}

static void print_attributes(struct mopt_printer *printer, const struct mopt_node *node)
{
    if (node->attribute_count == 0) {
        return;
    }
    add(printer, "<");
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        add(printer, i > 0 ? ", " : "");
        print_attribute(printer, &node->attributes[i]);
    }
    add(printer, ">");
}

static void print_node(struct mopt_printer *printer, const struct mopt_node *node)
{
    new_line(printer);
    if (node->name != NULL) {
        add(printer, "%");
        mopt__text_add_word(printer->out, node->name);
        add(printer, ": ");
    }
    print_outputs(printer, node);
    add(printer, " = ");
    print_operator(printer, node->domain, node->op_type, node->overload);
    print_attributes(printer, node);
    add(printer, "(");
    for (uint32_t i = 0; i < node->input_count; i++) {
        add(printer, i > 0 ? ", " : "");
        const struct mopt_value *value = node->inputs[i].value;
        if (value == NULL) {
            add(printer, "_");
        } else {
            mopt__text_add_name(printer->out, value->name);
        }
    }
    add(printer, ")");
    mopt__print_details(printer, node->doc, node->metadata, node->metadata_count);
    add(printer, ";");
}

// ---- Graphs

static void print_initializer(struct mopt_printer *printer, const struct mopt_value *value)
{
    new_line(printer);
    const struct mopt_tensor *tensor = value->constant;
    if (tensor != NULL) {
        struct mopt_type type = {.kind = MOPT_TYPE_TENSOR,
                                 .dtype = tensor->dtype,
                                 .rank = tensor->rank,
                                 .dims = tensor->dims};
        mopt__print_type(printer, &type);
    } else {
        mopt__print_sparse_type(printer, value->sparse);
    }
    add(printer, " ");
    mopt__text_add_name(printer->out, value->name);
    if (!value->is_input && !is_own_output(value)) {
        print_meta(printer, value);
    }
    add(printer, " = ");
    if (tensor != NULL) {
        mopt__print_tensor_data(printer, tensor);
    } else {
        mopt__print_sparse_data(printer, value->sparse);
    }
    add(printer, ";");
}

static void print_body(struct mopt_printer *printer, const struct mopt_graph *graph)
{
    add(printer, " {");
    printer->indent++;
    for (size_t i = 0; i < graph->initializers.count; i++) {
        print_initializer(printer, graph->initializers.items[i]);
    }
    for (size_t i = 0; i < graph->sparse_initializers.count; i++) {
        print_initializer(printer, graph->sparse_initializers.items[i]);
    }
    for (const struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        print_node(printer, node);
    }
    printer->indent--;
    new_line(printer);
    add(printer, "}");
}

static void print_graph(struct mopt_printer *printer, const struct mopt_graph *graph)
{
    add(printer, "graph ");
    if (graph->name != NULL) {
        mopt__text_add_word(printer->out, graph->name);
        add(printer, " ");
    }
    print_list(printer, graph, &graph->inputs);
    add(printer, " -> ");
    print_list(printer, graph, &graph->outputs);
    mopt__print_details(printer, graph->doc, graph->metadata, graph->metadata_count);
    print_body(printer, graph);
}

// ---- Functions and models

static const char *separator(bool *first)
{
    const char *text = *first ? "" : ", ";
    *first = false;
    return text;
}

static void print_opsets(struct mopt_printer *printer, const struct mopt_opset_list *list,
                         bool *first)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct mopt_opset *opset = &list->items[i];
        add(printer, separator(first));
        if (opset->domain[0] == '\0') {
            add(printer, "opset");
        } else {
            mopt__text_add_string(printer->out, opset->domain, strlen(opset->domain));
        }
        mopt__strbuf_printf(printer->out, "=%lld", (long long)opset->version);
    }
}

static void print_function_attributes(struct mopt_printer *printer,
                                      const struct mopt_function *function)
{
    bool first = true;
    if (function->attribute_name_count + function->attribute_default_count == 0) {
        return;
    }
    add(printer, "<");
    for (size_t i = 0; i < function->attribute_name_count; i++) {
        add(printer, separator(&first));
        mopt__text_add_word(printer->out, function->attribute_names[i]);
    }
    for (size_t i = 0; i < function->attribute_default_count; i++) {
        add(printer, separator(&first));
        print_attribute(printer, &function->attribute_defaults[i]);
    }
    add(printer, ">");
}

static void print_function(struct mopt_printer *printer, const struct mopt_function *function)
{
    new_line(printer);
    add(printer, "function ");
    print_operator(printer, function->domain, function->name, function->overload);
    print_function_attributes(printer, function);
    print_list(printer, function->body, &function->body->inputs);
    add(printer, " -> ");
    print_list(printer, function->body, &function->body->outputs);
    bool first = true;
    if (function->opsets.count > 0) {
        add(printer, " (");
        print_opsets(printer, &function->opsets, &first);
        add(printer, ")");
    }
    mopt__print_details(printer, function->doc, function->metadata, function->metadata_count);
    print_body(printer, function->body);
}

static void print_text_setting(struct mopt_printer *printer, const char *name, const char *text,
                               bool *first)
{
    if (text != NULL) {
        add(printer, separator(first));
        add(printer, name);
        add(printer, "=");
        mopt__text_add_string(printer->out, text, strlen(text));
    }
}

static void print_settings(struct mopt_printer *printer, const struct mopt_model *model)
{
    bool first = true;
    add(printer, "(");
    if (model->has_ir_version) {
        mopt__strbuf_printf(printer->out, "%sir=%lld", separator(&first),
                            (long long)model->ir_version);
    }
    print_opsets(printer, &model->opsets, &first);
    print_text_setting(printer, "producer", model->producer_name, &first);
    print_text_setting(printer, "producer_version", model->producer_version, &first);
    print_text_setting(printer, "domain", model->domain, &first);
    if (model->has_model_version) {
        mopt__strbuf_printf(printer->out, "%smodel_version=%lld", separator(&first),
                            (long long)model->model_version);
    }
    add(printer, ")");
}

// Runs print with a printer for model.
static enum mopt_status with_printer(const struct mopt_model *model,
                                     const struct mopt_text_options *options,
                                     struct mopt_strbuf *out,
                                     void (*print)(struct mopt_printer *printer, const void *what),
                                     const void *what, struct mopt_error *err)
{
    struct mopt_printer printer = {.model = model, .out = out};
    if (options != NULL) {
        printer.options = *options;
    }
    bool good = mopt__mirror_init(&printer.mirror);
    if (good) {
        print(&printer, what);
    }
    mopt__mirror_release(&printer.mirror);
    return good && !out->failed ? MOPT_OK : mopt_error_memory(err);
}

static void print_whole_graph(struct mopt_printer *printer, const void *graph)
{
    print_graph(printer, graph);
    add(printer, "\n");
}

static void print_whole_model(struct mopt_printer *printer, const void *what)
{
    const struct mopt_model *model = what;
    add(printer, "model ");
    print_settings(printer, model);
    mopt__print_details(printer, model->doc, model->metadata, model->metadata_count);
    add(printer, " {");
    printer->indent++;
    new_line(printer);
    print_graph(printer, model->graph);
    for (size_t i = 0; i < model->function_count; i++) {
        print_function(printer, model->functions[i]);
    }
    printer->indent--;
    new_line(printer);
    add(printer, "}\n");
}

enum mopt_status mopt__text_print_graph(const struct mopt_graph *graph,
                                        const struct mopt_text_options *options,
                                        struct mopt_strbuf *out, struct mopt_error *err)
{
    return with_printer(graph->model, options, out, print_whole_graph, graph, err);
}

enum mopt_status mopt__text_print(const struct mopt_model *model,
                                  const struct mopt_text_options *options, struct mopt_strbuf *out,
                                  struct mopt_error *err)
{
    return with_printer(model, options, out, print_whole_model, model, err);
}
