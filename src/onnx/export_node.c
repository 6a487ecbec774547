// SPDX-License-Identifier: Apache-2.0
// Nodes and attributes to messages.
#include <string.h>

#include "onnx.pb-c.h"
#include "onnx/export.h"

// ---- Values of attributes

static const struct mopt_tensor_source *source_of(const struct mopt_attribute *a, size_t i)
{
    return a->sources != NULL ? a->sources[i] : NULL;
}

static ProtobufCBinaryData binary(const struct mopt_string *string)
{
    return (ProtobufCBinaryData){.len = string->size, .data = mopt__export_bytes(string->data)};
}

static enum mopt_status export_strings(struct mopt_export *ex, const struct mopt_attribute *a,
                                       Mopt__Pb__AttributeProto *m, struct mopt_error *err)
{
    m->strings = mopt__export_alloc(ex, a->count, sizeof *m->strings, err);
    if (m->strings == NULL) {
        return MOPT_E_MEMORY;
    }
    m->n_strings = a->count;
    for (size_t i = 0; i < a->count; i++) {
        m->strings[i] = binary(&a->strings[i]);
    }
    return MOPT_OK;
}

static enum mopt_status export_tensors(struct mopt_export *ex, const struct mopt_attribute *a,
                                       Mopt__Pb__AttributeProto *m, struct mopt_error *err)
{
    m->tensors = mopt__export_alloc(ex, a->count, sizeof(void *), err);
    if (m->tensors == NULL) {
        return MOPT_E_MEMORY;
    }
    m->n_tensors = a->count;
    for (size_t i = 0; i < a->count; i++) {
        m->tensors[i] = mopt__export_tensor(ex, a->tensors[i], NULL, source_of(a, i), err);
        if (m->tensors[i] == NULL) {
            return err->status;
        }
    }
    return MOPT_OK;
}

static enum mopt_status export_sparses(struct mopt_export *ex, const struct mopt_attribute *a,
                                       Mopt__Pb__AttributeProto *m, struct mopt_error *err)
{
    m->sparse_tensors = mopt__export_alloc(ex, a->count, sizeof(void *), err);
    if (m->sparse_tensors == NULL) {
        return MOPT_E_MEMORY;
    }
    m->n_sparse_tensors = a->count;
    for (size_t i = 0; i < a->count; i++) {
        m->sparse_tensors[i] = mopt__export_sparse(ex, a->sparses[i], NULL, source_of(a, 2 * i),
                                                   source_of(a, 2 * i + 1), err);
        if (m->sparse_tensors[i] == NULL) {
            return err->status;
        }
    }
    return MOPT_OK;
}

static enum mopt_status export_graphs(struct mopt_export *ex, const struct mopt_attribute *a,
                                      Mopt__Pb__AttributeProto *m, struct mopt_error *err)
{
    m->graphs = mopt__export_alloc(ex, a->count, sizeof(void *), err);
    if (m->graphs == NULL) {
        return MOPT_E_MEMORY;
    }
    m->n_graphs = a->count;
    for (size_t i = 0; i < a->count; i++) {
        m->graphs[i] = mopt__export_graph(ex, a->graphs[i], err);
        if (m->graphs[i] == NULL) {
            return err->status;
        }
    }
    return MOPT_OK;
}

static enum mopt_status export_types(struct mopt_export *ex, const struct mopt_attribute *a,
                                     Mopt__Pb__AttributeProto *m, struct mopt_error *err)
{
    m->type_protos = mopt__export_alloc(ex, a->count, sizeof(void *), err);
    if (m->type_protos == NULL) {
        return MOPT_E_MEMORY;
    }
    m->n_type_protos = a->count;
    for (size_t i = 0; i < a->count; i++) {
        m->type_protos[i] = mopt__export_type(ex, a->types[i], err);
        if (m->type_protos[i] == NULL) {
            return err->status;
        }
    }
    return MOPT_OK;
}

static enum mopt_status made(const void *message, const struct mopt_error *err)
{
    return message != NULL ? MOPT_OK : err->status;
}

static enum mopt_status export_single(struct mopt_export *ex, const struct mopt_attribute *a,
                                      Mopt__Pb__AttributeProto *m, struct mopt_error *err)
{
    switch (a->kind) {
    case MOPT_ATTR_FLOAT:
        m->has_f = 1;
        m->f = a->f;
        return MOPT_OK;
    case MOPT_ATTR_INT:
        m->has_i = 1;
        m->i = a->i;
        return MOPT_OK;
    case MOPT_ATTR_STRING:
        m->has_s = 1;
        m->s = binary(&a->s);
        return MOPT_OK;
    case MOPT_ATTR_TENSOR:
        m->t = mopt__export_tensor(ex, a->t, NULL, source_of(a, 0), err);
        return made(m->t, err);
    case MOPT_ATTR_GRAPH:
        m->g = mopt__export_graph(ex, a->g, err);
        return made(m->g, err);
    case MOPT_ATTR_SPARSE_TENSOR:
        m->sparse_tensor =
            mopt__export_sparse(ex, a->sparse, NULL, source_of(a, 0), source_of(a, 1), err);
        return made(m->sparse_tensor, err);
    case MOPT_ATTR_TYPE:
        m->tp = mopt__export_type(ex, a->type, err);
        return made(m->tp, err);
    default:
        return MOPT_OK;
    }
}

static enum mopt_status export_value(struct mopt_export *ex, const struct mopt_attribute *a,
                                     Mopt__Pb__AttributeProto *m, struct mopt_error *err)
{
    switch (a->kind) {
    case MOPT_ATTR_FLOATS:
        m->n_floats = a->count;
        m->floats = mopt__export_bytes(a->floats);
        return MOPT_OK;
    case MOPT_ATTR_INTS:
        m->n_ints = a->count;
        m->ints = mopt__export_bytes(a->ints);
        return MOPT_OK;
    case MOPT_ATTR_STRINGS:
        return export_strings(ex, a, m, err);
    case MOPT_ATTR_TENSORS:
        return export_tensors(ex, a, m, err);
    case MOPT_ATTR_GRAPHS:
        return export_graphs(ex, a, m, err);
    case MOPT_ATTR_SPARSE_TENSORS:
        return export_sparses(ex, a, m, err);
    case MOPT_ATTR_TYPES:
        return export_types(ex, a, m, err);
    default:
        return export_single(ex, a, m, err);
    }
}

struct Mopt__Pb__AttributeProto *mopt__export_attribute(struct mopt_export *ex,
                                                        const struct mopt_attribute *attribute,
                                                        struct mopt_error *err)
{
    Mopt__Pb__AttributeProto *m =
        mopt__export_message(ex, &mopt__pb__attribute_proto__descriptor, err);
    bool refers = attribute->ref_name != NULL && attribute->ref_name[0] != '\0';

    if (m == NULL) {
        return NULL;
    }
    m->name = mopt__export_text(attribute->name);
    m->doc_string = mopt__export_text(attribute->doc);
    m->ref_attr_name = mopt__export_text(attribute->ref_name);
    m->has_type = attribute->kind != MOPT_ATTR_UNDEFINED;
    m->type = (int32_t)attribute->kind;
    if (mopt__export_unknown(ex, attribute->unknown, &m->base, err) != MOPT_OK) {
        return NULL;
    }
    return refers || export_value(ex, attribute, m, err) == MOPT_OK ? m : NULL;
}

// ---- Nodes

static enum mopt_status export_names(struct mopt_export *ex, const struct mopt_node *node,
                                     Mopt__Pb__NodeProto *m, struct mopt_error *err)
{
    m->input = mopt__export_alloc(ex, node->input_count, sizeof(char *), err);
    m->output = mopt__export_alloc(ex, node->output_count, sizeof(char *), err);
    if (m->input == NULL || m->output == NULL) {
        return MOPT_E_MEMORY;
    }
    m->n_input = node->input_count;
    m->n_output = node->output_count;
    for (uint32_t i = 0; i < node->input_count; i++) {
        const struct mopt_value *value = node->inputs[i].value;

        m->input[i] = mopt__export_text(value != NULL ? value->name : "");
    }
    for (uint32_t i = 0; i < node->output_count; i++) {
        const struct mopt_value *value = node->outputs[i];

        m->output[i] = mopt__export_text(value != NULL ? value->name : "");
    }
    return MOPT_OK;
}

static enum mopt_status export_attributes(struct mopt_export *ex, const struct mopt_node *node,
                                          Mopt__Pb__NodeProto *m, struct mopt_error *err)
{
    m->attribute = mopt__export_alloc(ex, node->attribute_count, sizeof(void *), err);
    if (m->attribute == NULL) {
        return MOPT_E_MEMORY;
    }
    m->n_attribute = node->attribute_count;
    for (uint32_t i = 0; i < node->attribute_count; i++) {
        m->attribute[i] = mopt__export_attribute(ex, &node->attributes[i], err);
        if (m->attribute[i] == NULL) {
            return err->status;
        }
    }
    return MOPT_OK;
}

// The domain as it was written, unless somebody changed it since.
static const char *domain_of(const struct mopt_node *node)
{
    if (strcmp(mopt__domain_normalise(node->domain_text), node->domain) == 0) {
        return node->domain_text;
    }
    return node->domain[0] != '\0' ? node->domain : NULL;
}

struct Mopt__Pb__NodeProto *mopt__export_node(struct mopt_export *ex, const struct mopt_node *node,
                                              struct mopt_error *err)
{
    Mopt__Pb__NodeProto *m = mopt__export_message(ex, &mopt__pb__node_proto__descriptor, err);

    if (m == NULL) {
        return NULL;
    }
    m->name = mopt__export_text(node->name);
    m->op_type = mopt__export_text(node->op_type);
    m->domain = mopt__export_text(domain_of(node));
    m->overload = mopt__export_text(node->overload);
    m->doc_string = mopt__export_text(node->doc);
    if (export_names(ex, node, m, err) != MOPT_OK ||
        export_attributes(ex, node, m, err) != MOPT_OK ||
        mopt__export_unknown(ex, node->unknown, &m->base, err) != MOPT_OK ||
        mopt__export_properties(ex, node->metadata, node->metadata_count, &m->n_metadata_props,
                                &m->metadata_props, err) != MOPT_OK) {
        return NULL;
    }
    return m;
}
