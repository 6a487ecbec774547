// SPDX-License-Identifier: Apache-2.0
// Graphs and bodies of functions. Values are made before the nodes that use them, so nodes may
// stand in any order: inputs, initializers, outputs of all nodes, then graph outputs, value_info,
// and only then inputs and attributes of the nodes. A name of this scope hides the same name
// outside.
#include <string.h>

#include "onnx.pb-c.h"
#include "onnx/import.h"

// ---- Values

static enum mopt_status new_value(struct mopt_graph *graph, const char *name, const char *what,
                                  struct mopt_value **out, struct mopt_error *err)
{
    enum mopt_status status = mopt__import_check_name(name, what, err);

    if (status != MOPT_OK) {
        return status;
    }
    if (mopt__value_find(graph, name) != NULL) {
        return mopt_error_set(err, MOPT_E_FORMAT, "%s '%s': the name is defined twice", what, name);
    }
    *out = mopt__value_new(graph, name, err);
    return *out != NULL ? MOPT_OK : err->status;
}

static enum mopt_status import_meta(struct mopt_import *in, const Mopt__Pb__ValueInfoProto *message,
                                    struct mopt_value *value, struct mopt_error *err)
{
    struct mopt_value_meta *meta = NULL;
    enum mopt_status status = MOPT_OK;

    if (message->doc_string == NULL && message->n_metadata_props == 0 &&
        message->base.n_unknown_fields == 0) {
        return MOPT_OK;
    }
    status = mopt__import_alloc(in, 1, sizeof *meta, (void **)&meta, err);
    if (status == MOPT_OK) {
        status = mopt__import_text(in, message->doc_string, &meta->doc, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_properties(in, message->n_metadata_props, message->metadata_props,
                                         &meta->metadata, &meta->metadata_count, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_unknown(in, &message->base, &meta->unknown, err);
    }
    value->meta = meta;
    return status;
}

enum mopt_status mopt__import_declare(struct mopt_import *in,
                                      const struct Mopt__Pb__ValueInfoProto *message,
                                      struct mopt_value *value, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;

    if (value->declared != NULL) {
        return MOPT_OK;
    }
    status = mopt__import_type(in, message->type, &value->declared, err);
    if (status == MOPT_OK && value->meta == NULL) {
        status = import_meta(in, message, value, err);
    }
    if (status != MOPT_OK) {
        return mopt_error_wrap(err, "value '%s'", value->name);
    }
    if (value->type == NULL && value->declared != NULL && value->declared->kind != MOPT_TYPE_NONE) {
        value->type = value->declared;
    }
    return MOPT_OK;
}

static enum mopt_status import_inputs(struct mopt_import *in, const Mopt__Pb__GraphProto *message,
                                      struct mopt_graph *graph, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;

    for (size_t i = 0; i < message->n_input && status == MOPT_OK; i++) {
        struct mopt_value *value = NULL;

        status = new_value(graph, message->input[i]->name, "a graph input", &value, err);
        if (status == MOPT_OK) {
            status = mopt__graph_add_input(graph, value, err);
        }
        if (status == MOPT_OK && value != NULL) {
            status = mopt__import_declare(in, message->input[i], value, err);
        }
    }
    return status;
}

static enum mopt_status import_outputs(struct mopt_import *in, const Mopt__Pb__GraphProto *message,
                                       struct mopt_graph *graph, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;

    for (size_t i = 0; i < message->n_output && status == MOPT_OK; i++) {
        const Mopt__Pb__ValueInfoProto *info = message->output[i];
        struct mopt_value *value = NULL;

        status = mopt__import_check_name(info->name, "a graph output", err);
        if (status != MOPT_OK) {
            return status;
        }
        value = mopt__value_lookup(graph, info->name);
        if (value == NULL) {
            return mopt_error_set(err, MOPT_E_FORMAT, "graph output '%s' is not defined anywhere",
                                  info->name);
        }
        status = mopt__graph_add_output(graph, value, err);
        if (status == MOPT_OK) {
            status = mopt__import_declare(in, info, value, err);
        }
    }
    return status;
}

// ---- Initializers

// Value that an initializer fills: a new one, or an input (always so before IR version 4, later an
// overridable one).
static enum mopt_status initializer_value(struct mopt_graph *graph, const char *name,
                                          struct mopt_value **out, struct mopt_error *err)
{
    *out = name != NULL ? mopt__value_find(graph, name) : NULL;
    if (*out != NULL && (*out)->is_input && (*out)->constant == NULL && (*out)->sparse == NULL) {
        return MOPT_OK;
    }
    return new_value(graph, name, "an initializer", out, err);
}

static enum mopt_status import_initializer(struct mopt_import *in,
                                           const Mopt__Pb__TensorProto *message,
                                           struct mopt_graph *graph, struct mopt_error *err)
{
    struct mopt_value *value = NULL;
    struct mopt_tensor *tensor = NULL;
    enum mopt_status status = initializer_value(graph, message->name, &value, err);

    if (status != MOPT_OK) {
        return status;
    }
    status = mopt__import_tensor(in, message, &tensor, &value->source, err);
    if (status == MOPT_OK) {
        status = mopt__graph_add_initializer(graph, value, tensor, err);
        mopt__tensor_unref(tensor);
    }
    return status == MOPT_OK ? MOPT_OK : mopt_error_wrap(err, "initializer '%s'", message->name);
}

static enum mopt_status import_sparse_initializer(struct mopt_import *in,
                                                  const Mopt__Pb__SparseTensorProto *message,
                                                  struct mopt_graph *graph, struct mopt_error *err)
{
    struct mopt_value *value = NULL;
    struct mopt_sparse *sparse = NULL;
    const char *name = message->values != NULL ? message->values->name : NULL;
    enum mopt_status status = initializer_value(graph, name, &value, err);

    if (status != MOPT_OK) {
        return status;
    }
    status = mopt__import_sparse(in, message, &sparse, &value->source, &value->indices_source, err);
    if (status == MOPT_OK) {
        status = mopt__graph_add_sparse_initializer(graph, value, sparse, err);
        mopt__sparse_unref(sparse);
    }
    return status == MOPT_OK ? MOPT_OK : mopt_error_wrap(err, "sparse initializer '%s'", name);
}

static enum mopt_status import_initializers(struct mopt_import *in,
                                            const Mopt__Pb__GraphProto *message,
                                            struct mopt_graph *graph, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;

    for (size_t i = 0; i < message->n_initializer && status == MOPT_OK; i++) {
        status = import_initializer(in, message->initializer[i], graph, err);
    }
    for (size_t i = 0; i < message->n_sparse_initializer && status == MOPT_OK; i++) {
        status = import_sparse_initializer(in, message->sparse_initializer[i], graph, err);
    }
    return status;
}

// ---- Nodes

static const char *label_of(const Mopt__Pb__NodeProto *message)
{
    if (message->name != NULL && message->name[0] != '\0') {
        return message->name;
    }
    return message->n_output > 0 ? message->output[0] : "";
}

static enum mopt_status wrap_node(const Mopt__Pb__NodeProto *message, struct mopt_error *err)
{
    return mopt_error_wrap(err, "node '%s' (%s)", label_of(message),
                           message->op_type != NULL ? message->op_type : "");
}

static enum mopt_status make_outputs(const Mopt__Pb__NodeProto *message, struct mopt_node *node,
                                     struct mopt_error *err)
{
    for (uint32_t i = 0; i < node->output_count; i++) {
        struct mopt_value *value = NULL;
        enum mopt_status status = MOPT_OK;

        if (message->output[i][0] == '\0') {
            continue;
        }
        status = new_value(node->graph, message->output[i], "an output", &value, err);
        if (status != MOPT_OK) {
            return status;
        }
        mopt__node_set_output(node, i, value);
    }
    return MOPT_OK;
}

// Node with its outputs, not yet its inputs.
static enum mopt_status make_node(struct mopt_import *in, const Mopt__Pb__NodeProto *message,
                                  struct mopt_graph *graph, struct mopt_error *err)
{
    struct mopt_node *node = NULL;
    enum mopt_status status = mopt__import_check_name(message->op_type, "the operator", err);

    if (status != MOPT_OK) {
        return status;
    }
    if (message->n_input > UINT32_MAX || message->n_output > UINT32_MAX) {
        return mopt_error_set(err, MOPT_E_LIMIT, "too many inputs or outputs");
    }
    node = mopt__node_new(graph, NULL, message->op_type, message->domain,
                          (uint32_t)message->n_input, (uint32_t)message->n_output, err);
    if (node == NULL) {
        return err->status;
    }
    status = mopt__import_text(in, message->domain, &node->domain_text, err);
    if (status == MOPT_OK && message->name != NULL) {
        node->name = mopt__model_intern(in->model, message->name, err);
        status = node->name != NULL ? MOPT_OK : MOPT_E_MEMORY;
    }
    return status != MOPT_OK ? status : make_outputs(message, node, err);
}

static enum mopt_status make_nodes(struct mopt_import *in, size_t count,
                                   Mopt__Pb__NodeProto *const *messages, struct mopt_graph *graph,
                                   struct mopt_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (make_node(in, messages[i], graph, err) != MOPT_OK) {
            return wrap_node(messages[i], err);
        }
    }
    return MOPT_OK;
}

static enum mopt_status fill_nodes(struct mopt_import *in, Mopt__Pb__NodeProto *const *messages,
                                   struct mopt_graph *graph, struct mopt_error *err)
{
    size_t i = 0;

    for (struct mopt_node *node = graph->first; node != NULL; node = node->next, i++) {
        if (mopt__import_node(in, messages[i], node, err) != MOPT_OK) {
            return wrap_node(messages[i], err);
        }
    }
    return MOPT_OK;
}

// ---- Graphs

static enum mopt_status import_graph_details(struct mopt_import *in,
                                             const Mopt__Pb__GraphProto *message,
                                             struct mopt_graph *graph, struct mopt_error *err)
{
    enum mopt_status status = mopt__import_text(in, message->name, &graph->name, err);

    if (status == MOPT_OK) {
        status = mopt__import_text(in, message->doc_string, &graph->doc, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_properties(in, message->n_metadata_props, message->metadata_props,
                                         &graph->metadata, &graph->metadata_count, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_carry(in, 14, message->quantization_annotation,
                                    message->n_quantization_annotation, &graph->annotations, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_unknown(in, &message->base, &graph->unknown, err);
    }
    return status;
}

enum mopt_status mopt__import_graph(struct mopt_import *in,
                                    const struct Mopt__Pb__GraphProto *message,
                                    struct mopt_graph *graph, struct mopt_error *err)
{
    enum mopt_status status = import_graph_details(in, message, graph, err);

    if (status == MOPT_OK) {
        status = import_inputs(in, message, graph, err);
    }
    if (status == MOPT_OK) {
        status = import_initializers(in, message, graph, err);
    }
    if (status == MOPT_OK) {
        status = make_nodes(in, message->n_node, message->node, graph, err);
    }
    if (status == MOPT_OK) {
        status = import_outputs(in, message, graph, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_infos(in, message->n_value_info, message->value_info, graph, err);
    }
    if (status == MOPT_OK) {
        status = fill_nodes(in, message->node, graph, err);
    }
    return status;
}

// ---- Functions

static enum mopt_status import_signature(const Mopt__Pb__FunctionProto *message,
                                         struct mopt_graph *body, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;

    for (size_t i = 0; i < message->n_input && status == MOPT_OK; i++) {
        struct mopt_value *value = NULL;

        status = new_value(body, message->input[i], "an input", &value, err);
        if (status == MOPT_OK) {
            status = mopt__graph_add_input(body, value, err);
        }
    }
    return status;
}

static enum mopt_status import_results(const Mopt__Pb__FunctionProto *message,
                                       struct mopt_graph *body, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;

    for (size_t i = 0; i < message->n_output && status == MOPT_OK; i++) {
        struct mopt_value *value = mopt__value_find(body, message->output[i]);

        if (value == NULL) {
            return mopt_error_set(err, MOPT_E_FORMAT, "output '%s' is not defined anywhere",
                                  message->output[i]);
        }
        status = mopt__graph_add_output(body, value, err);
    }
    return status;
}

static enum mopt_status import_function_body(struct mopt_import *in,
                                             const Mopt__Pb__FunctionProto *message,
                                             struct mopt_graph *body, struct mopt_error *err)
{
    enum mopt_status status = import_signature(message, body, err);

    if (status == MOPT_OK) {
        status = make_nodes(in, message->n_node, message->node, body, err);
    }
    if (status == MOPT_OK) {
        status = import_results(message, body, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_infos(in, message->n_value_info, message->value_info, body, err);
    }
    if (status == MOPT_OK) {
        status = fill_nodes(in, message->node, body, err);
    }
    return status;
}

static enum mopt_status import_function_attributes(struct mopt_import *in,
                                                   const Mopt__Pb__FunctionProto *message,
                                                   struct mopt_function *function,
                                                   struct mopt_error *err)
{
    size_t names = message->n_attribute;
    size_t defaults = message->n_attribute_proto;
    enum mopt_status status =
        mopt__import_alloc(in, names, sizeof(char *), (void **)&function->attribute_names, err);

    if (status == MOPT_OK) {
        status = mopt__import_alloc(in, defaults, sizeof *function->attribute_defaults,
                                    (void **)&function->attribute_defaults, err);
    }
    for (size_t i = 0; i < names && status == MOPT_OK; i++) {
        status = mopt__import_text(in, message->attribute[i], &function->attribute_names[i], err);
        function->attribute_name_count++;
    }
    for (size_t i = 0; i < defaults && status == MOPT_OK; i++) {
        status = mopt__import_attribute(in, message->attribute_proto[i], function->body,
                                        &function->attribute_defaults[i], err);
        function->attribute_default_count++;
    }
    return status;
}

static enum mopt_status import_function_details(struct mopt_import *in,
                                                const Mopt__Pb__FunctionProto *message,
                                                struct mopt_function *function,
                                                struct mopt_error *err)
{
    const char *domain = mopt__domain_normalise(message->domain);

    function->name = mopt__model_intern(in->model, message->name, err);
    function->domain = mopt__model_intern(in->model, domain, err);
    if (function->name == NULL || function->domain == NULL) {
        return MOPT_E_MEMORY;
    }
    function->body->name = function->name;
    enum mopt_status status = mopt__import_text(in, message->domain, &function->domain_text, err);
    if (status == MOPT_OK) {
        status = mopt__import_text(in, message->overload, &function->overload, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_text(in, message->doc_string, &function->doc, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_properties(in, message->n_metadata_props, message->metadata_props,
                                         &function->metadata, &function->metadata_count, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_unknown(in, &message->base, &function->unknown, err);
    }
    return status;
}

static enum mopt_status import_function(struct mopt_import *in,
                                        const Mopt__Pb__FunctionProto *message,
                                        struct mopt_function *function, struct mopt_error *err)
{
    enum mopt_status status = import_function_details(in, message, function, err);

    if (status == MOPT_OK) {
        status = mopt__import_opsets(in, message->n_opset_import, message->opset_import,
                                     &function->opsets, err);
    }
    if (status == MOPT_OK) {
        status = import_function_attributes(in, message, function, err);
    }
    return status != MOPT_OK ? status : import_function_body(in, message, function->body, err);
}

enum mopt_status mopt__import_function(struct mopt_import *in,
                                       const struct Mopt__Pb__FunctionProto *message,
                                       struct mopt_error *err)
{
    struct mopt_model *model = in->model;
    struct mopt_function *function = NULL;
    enum mopt_status status = mopt__import_check_name(message->name, "a function", err);

    if (status == MOPT_OK) {
        status = mopt__import_alloc(in, 1, sizeof *function, (void **)&function, err);
    }
    if (status == MOPT_OK) {
        status = mopt__grow((void **)&model->functions, &model->function_capacity,
                            model->function_count + 1, sizeof(struct mopt_function *), err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    function->body = mopt__graph_new(model, NULL, err);
    if (function->body == NULL) {
        return err->status;
    }
    function->body->function = function;
    model->functions[model->function_count++] = function;
    status = import_function(in, message, function, err);
    return status == MOPT_OK ? MOPT_OK : mopt_error_wrap(err, "function '%s'", message->name);
}
