// SPDX-License-Identifier: Apache-2.0
// Models, functions and graphs to messages.
#include <string.h>

#include "onnx.pb-c.h"
#include "onnx/export.h"

// ---- Values

struct Mopt__Pb__ValueInfoProto *mopt__export_value(struct mopt_export *ex,
                                                    const struct mopt_value *value,
                                                    struct mopt_error *err)
{
    const struct mopt_type *type = value->declared != NULL ? value->declared : value->type;
    const struct mopt_value_meta *meta = value->meta;
    Mopt__Pb__ValueInfoProto *m =
        mopt__export_message(ex, &mopt__pb__value_info_proto__descriptor, err);

    if (m == NULL) {
        return NULL;
    }
    m->name = mopt__export_text(value->name);
    if (type != NULL) {
        m->type = mopt__export_type(ex, type, err);
        if (m->type == NULL) {
            return NULL;
        }
    }
    if (meta == NULL) {
        return m;
    }
    m->doc_string = mopt__export_text(meta->doc);
    if (mopt__export_unknown(ex, meta->unknown, &m->base, err) != MOPT_OK ||
        mopt__export_properties(ex, meta->metadata, meta->metadata_count, &m->n_metadata_props,
                                &m->metadata_props, err) != MOPT_OK) {
        return NULL;
    }
    return m;
}

static enum mopt_status export_values(struct mopt_export *ex, const struct mopt_value_list *list,
                                      size_t *count, Mopt__Pb__ValueInfoProto ***out,
                                      struct mopt_error *err)
{
    Mopt__Pb__ValueInfoProto **items = mopt__export_alloc(ex, list->count, sizeof(void *), err);

    if (items == NULL) {
        return MOPT_E_MEMORY;
    }
    for (size_t i = 0; i < list->count; i++) {
        items[i] = mopt__export_value(ex, list->items[i], err);
        if (items[i] == NULL) {
            return err->status;
        }
    }
    *out = items;
    *count = list->count;
    return MOPT_OK;
}

// ---- Parts of graphs

static enum mopt_status export_nodes(struct mopt_export *ex, const struct mopt_graph *graph,
                                     size_t *count, Mopt__Pb__NodeProto ***out,
                                     struct mopt_error *err)
{
    Mopt__Pb__NodeProto **items = mopt__export_alloc(ex, graph->node_count, sizeof(void *), err);
    size_t i = 0;

    if (items == NULL) {
        return MOPT_E_MEMORY;
    }
    for (const struct mopt_node *node = graph->first; node != NULL; node = node->next) {
        items[i] = mopt__export_node(ex, node, err);
        if (items[i++] == NULL) {
            return mopt_error_wrap(err, "node '%s' (%s)", mopt__node_label(node), node->op_type);
        }
    }
    *out = items;
    *count = i;
    return MOPT_OK;
}

static enum mopt_status export_initializers(struct mopt_export *ex, const struct mopt_graph *graph,
                                            Mopt__Pb__GraphProto *m, struct mopt_error *err)
{
    const struct mopt_value_list *list = &graph->initializers;

    m->initializer = mopt__export_alloc(ex, list->count, sizeof(void *), err);
    if (m->initializer == NULL) {
        return MOPT_E_MEMORY;
    }
    m->n_initializer = list->count;
    for (size_t i = 0; i < list->count; i++) {
        const struct mopt_value *value = list->items[i];

        m->initializer[i] =
            mopt__export_tensor(ex, value->constant, value->name, value->source, err);
        if (m->initializer[i] == NULL) {
            return err->status;
        }
    }
    return MOPT_OK;
}

static enum mopt_status export_sparse_initializers(struct mopt_export *ex,
                                                   const struct mopt_graph *graph,
                                                   Mopt__Pb__GraphProto *m, struct mopt_error *err)
{
    const struct mopt_value_list *list = &graph->sparse_initializers;

    m->sparse_initializer = mopt__export_alloc(ex, list->count, sizeof(void *), err);
    if (m->sparse_initializer == NULL) {
        return MOPT_E_MEMORY;
    }
    m->n_sparse_initializer = list->count;
    for (size_t i = 0; i < list->count; i++) {
        const struct mopt_value *value = list->items[i];

        m->sparse_initializer[i] = mopt__export_sparse(ex, value->sparse, value->name,
                                                       value->source, value->indices_source, err);
        if (m->sparse_initializer[i] == NULL) {
            return err->status;
        }
    }
    return MOPT_OK;
}

static enum mopt_status export_signature(struct mopt_export *ex, const struct mopt_graph *graph,
                                         Mopt__Pb__GraphProto *m, struct mopt_error *err)
{
    enum mopt_status status = export_values(ex, &graph->inputs, &m->n_input, &m->input, err);

    if (status == MOPT_OK) {
        status = export_values(ex, &graph->outputs, &m->n_output, &m->output, err);
    }
    if (status == MOPT_OK) {
        status = mopt__export_infos(ex, graph, &m->n_value_info, &m->value_info, err);
    }
    return status;
}

struct Mopt__Pb__GraphProto *mopt__export_graph(struct mopt_export *ex,
                                                const struct mopt_graph *graph,
                                                struct mopt_error *err)
{
    Mopt__Pb__GraphProto *m = mopt__export_message(ex, &mopt__pb__graph_proto__descriptor, err);

    if (m == NULL) {
        return NULL;
    }
    m->name = mopt__export_text(graph->name);
    if (graph->name == NULL && graph->model->path == NULL) { // built, not read: files need a name
        m->name = mopt__export_text("main");
    }
    m->doc_string = mopt__export_text(graph->doc);
    enum mopt_status status = export_nodes(ex, graph, &m->n_node, &m->node, err);
    if (status == MOPT_OK) {
        status = export_signature(ex, graph, m, err);
    }
    if (status == MOPT_OK) {
        status = export_initializers(ex, graph, m, err);
    }
    if (status == MOPT_OK) {
        status = export_sparse_initializers(ex, graph, m, err);
    }
    if (status == MOPT_OK) {
        status = mopt__export_properties(ex, graph->metadata, graph->metadata_count,
                                         &m->n_metadata_props, &m->metadata_props, err);
    }
    if (status == MOPT_OK) {
        status = mopt__export_unknown(ex, graph->annotations, &m->base, err);
    }
    if (status == MOPT_OK) {
        status = mopt__export_unknown(ex, graph->unknown, &m->base, err);
    }
    return status == MOPT_OK ? m : NULL;
}

// ---- Operator sets

static const char *opset_domain(const struct mopt_opset *opset)
{
    if (opset->domain_text != NULL || opset->domain[0] == '\0') {
        return opset->domain_text;
    }
    return opset->domain;
}

static enum mopt_status export_opsets(struct mopt_export *ex, const struct mopt_opset_list *list,
                                      size_t *count, Mopt__Pb__OperatorSetIdProto ***out,
                                      struct mopt_error *err)
{
    Mopt__Pb__OperatorSetIdProto **items = mopt__export_alloc(ex, list->count, sizeof(void *), err);
    enum mopt_status status = items != NULL ? MOPT_OK : MOPT_E_MEMORY;

    for (size_t i = 0; i < list->count && status == MOPT_OK; i++) {
        items[i] = mopt__export_message(ex, &mopt__pb__operator_set_id_proto__descriptor, err);
        if (items[i] == NULL) {
            return MOPT_E_MEMORY;
        }
        items[i]->domain = mopt__export_text(opset_domain(&list->items[i]));
        items[i]->has_version = 1;
        items[i]->version = list->items[i].version;
        status = mopt__export_unknown(ex, list->items[i].unknown, &items[i]->base, err);
    }
    *out = items;
    *count = list->count;
    return status;
}

// ---- Functions

static enum mopt_status export_value_names(struct mopt_export *ex,
                                           const struct mopt_value_list *list, size_t *count,
                                           char ***out, struct mopt_error *err)
{
    char **names = mopt__export_alloc(ex, list->count, sizeof(char *), err);

    if (names == NULL) {
        return MOPT_E_MEMORY;
    }
    for (size_t i = 0; i < list->count; i++) {
        names[i] = mopt__export_text(list->items[i]->name);
    }
    *out = names;
    *count = list->count;
    return MOPT_OK;
}

static enum mopt_status export_parameters(struct mopt_export *ex, const struct mopt_function *f,
                                          Mopt__Pb__FunctionProto *m, struct mopt_error *err)
{
    m->n_attribute = f->attribute_name_count;
    m->attribute = mopt__export_bytes(f->attribute_names);
    m->attribute_proto = mopt__export_alloc(ex, f->attribute_default_count, sizeof(void *), err);
    if (m->attribute_proto == NULL) {
        return MOPT_E_MEMORY;
    }
    m->n_attribute_proto = f->attribute_default_count;
    for (size_t i = 0; i < f->attribute_default_count; i++) {
        m->attribute_proto[i] = mopt__export_attribute(ex, &f->attribute_defaults[i], err);
        if (m->attribute_proto[i] == NULL) {
            return err->status;
        }
    }
    return MOPT_OK;
}

static enum mopt_status export_body(struct mopt_export *ex, const struct mopt_function *f,
                                    Mopt__Pb__FunctionProto *m, struct mopt_error *err)
{
    const struct mopt_graph *body = f->body;
    enum mopt_status status = export_value_names(ex, &body->inputs, &m->n_input, &m->input, err);

    if (status == MOPT_OK) {
        status = export_value_names(ex, &body->outputs, &m->n_output, &m->output, err);
    }
    if (status == MOPT_OK) {
        status = export_nodes(ex, body, &m->n_node, &m->node, err);
    }
    if (status == MOPT_OK) {
        status = mopt__export_infos(ex, body, &m->n_value_info, &m->value_info, err);
    }
    return status;
}

static Mopt__Pb__FunctionProto *export_function(struct mopt_export *ex,
                                                const struct mopt_function *f,
                                                struct mopt_error *err)
{
    Mopt__Pb__FunctionProto *m =
        mopt__export_message(ex, &mopt__pb__function_proto__descriptor, err);

    if (m == NULL) {
        return NULL;
    }
    m->name = mopt__export_text(f->name);
    m->domain = mopt__export_text(
        f->domain_text != NULL || f->domain == NULL || !f->domain[0] ? f->domain_text : f->domain);
    m->overload = mopt__export_text(f->overload);
    m->doc_string = mopt__export_text(f->doc);
    if (export_parameters(ex, f, m, err) != MOPT_OK || export_body(ex, f, m, err) != MOPT_OK ||
        export_opsets(ex, &f->opsets, &m->n_opset_import, &m->opset_import, err) != MOPT_OK ||
        mopt__export_unknown(ex, f->unknown, &m->base, err) != MOPT_OK ||
        mopt__export_properties(ex, f->metadata, f->metadata_count, &m->n_metadata_props,
                                &m->metadata_props, err) != MOPT_OK) {
        return NULL;
    }
    return m;
}

static enum mopt_status export_functions(struct mopt_export *ex, const struct mopt_model *model,
                                         Mopt__Pb__ModelProto *m, struct mopt_error *err)
{
    m->functions = mopt__export_alloc(ex, model->function_count, sizeof(void *), err);
    if (m->functions == NULL) {
        return MOPT_E_MEMORY;
    }
    m->n_functions = model->function_count;
    for (size_t i = 0; i < model->function_count; i++) {
        m->functions[i] = export_function(ex, model->functions[i], err);
        if (m->functions[i] == NULL) {
            return mopt_error_wrap(err, "function '%s'", model->functions[i]->name);
        }
    }
    return MOPT_OK;
}

// ---- Model

static void export_header(const struct mopt_model *model, Mopt__Pb__ModelProto *m)
{
    m->has_ir_version = model->has_ir_version;
    m->ir_version = model->ir_version;
    m->producer_name = mopt__export_text(model->producer_name);
    m->producer_version = mopt__export_text(model->producer_version);
    m->domain = mopt__export_text(model->domain);
    m->has_model_version = model->has_model_version;
    m->model_version = model->model_version;
    m->doc_string = mopt__export_text(model->doc);
}

struct Mopt__Pb__ModelProto *mopt__export_model(struct mopt_export *ex,
                                                const struct mopt_model *model,
                                                struct mopt_error *err)
{
    Mopt__Pb__ModelProto *m = mopt__export_message(ex, &mopt__pb__model_proto__descriptor, err);

    if (m == NULL) {
        return NULL;
    }
    ex->dims = model->dims;
    export_header(model, m);
    m->graph = mopt__export_graph(ex, model->graph, err);
    if (m->graph == NULL || export_functions(ex, model, m, err) != MOPT_OK ||
        export_opsets(ex, &model->opsets, &m->n_opset_import, &m->opset_import, err) != MOPT_OK ||
        mopt__export_unknown(ex, model->unknown, &m->base, err) != MOPT_OK ||
        mopt__export_properties(ex, model->metadata, model->metadata_count, &m->n_metadata_props,
                                &m->metadata_props, err) != MOPT_OK) {
        return NULL;
    }
    return m;
}
