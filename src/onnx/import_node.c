// SPDX-License-Identifier: Apache-2.0
// Attributes and inputs of nodes. An attribute says its kind and fills the field of that kind, or
// refers to an attribute of the enclosing function and fills none. Knows no operator.
#include <string.h>

#include "onnx.pb-c.h"
#include "onnx/import.h"

// ---- Kinds

// Bit set of the kinds whose fields are filled.
static unsigned filled_kinds(const Mopt__Pb__AttributeProto *m)
{
    unsigned set = 0;

    set |= (m->has_f ? 1U : 0U) << MOPT_ATTR_FLOAT;
    set |= (m->has_i ? 1U : 0U) << MOPT_ATTR_INT;
    set |= (m->has_s ? 1U : 0U) << MOPT_ATTR_STRING;
    set |= (m->t != NULL ? 1U : 0U) << MOPT_ATTR_TENSOR;
    set |= (m->g != NULL ? 1U : 0U) << MOPT_ATTR_GRAPH;
    set |= (m->sparse_tensor != NULL ? 1U : 0U) << MOPT_ATTR_SPARSE_TENSOR;
    set |= (m->tp != NULL ? 1U : 0U) << MOPT_ATTR_TYPE;
    set |= (m->n_floats > 0 ? 1U : 0U) << MOPT_ATTR_FLOATS;
    set |= (m->n_ints > 0 ? 1U : 0U) << MOPT_ATTR_INTS;
    set |= (m->n_strings > 0 ? 1U : 0U) << MOPT_ATTR_STRINGS;
    set |= (m->n_tensors > 0 ? 1U : 0U) << MOPT_ATTR_TENSORS;
    set |= (m->n_graphs > 0 ? 1U : 0U) << MOPT_ATTR_GRAPHS;
    set |= (m->n_sparse_tensors > 0 ? 1U : 0U) << MOPT_ATTR_SPARSE_TENSORS;
    set |= (m->n_type_protos > 0 ? 1U : 0U) << MOPT_ATTR_TYPES;
    return set;
}

static enum mopt_status kind_of(const Mopt__Pb__AttributeProto *m, enum mopt_attr_kind *kind,
                                struct mopt_error *err)
{
    const unsigned messages = 1U << MOPT_ATTR_TENSOR | 1U << MOPT_ATTR_GRAPH |
                              1U << MOPT_ATTR_SPARSE_TENSOR | 1U << MOPT_ATTR_TYPE;
    unsigned filled = filled_kinds(m);
    bool refers = m->ref_attr_name != NULL && m->ref_attr_name[0] != '\0';

    if ((filled & (filled - 1)) != 0) {
        return mopt_error_set(err, MOPT_E_FORMAT, "values of several kinds are filled in");
    }
    if (m->has_type && (m->type < 0 || m->type > MOPT_ATTR_TYPES)) {
        return mopt_error_set(err, MOPT_E_UNSUPPORTED, "kind %d is not known", m->type);
    }
    *kind = m->has_type ? (enum mopt_attr_kind)m->type : MOPT_ATTR_UNDEFINED;
    if (*kind == MOPT_ATTR_UNDEFINED && filled != 0) { // files of the first IR version tell no kind
        *kind = (enum mopt_attr_kind)__builtin_ctz(filled);
    }
    if (refers) {
        return filled == 0 ? MOPT_OK
                           : mopt_error_set(err, MOPT_E_FORMAT,
                                            "has a value and refers to another attribute");
    }
    if (*kind == MOPT_ATTR_UNDEFINED) {
        return mopt_error_set(err, MOPT_E_FORMAT, "has neither kind nor value");
    }
    if (filled != 0 && filled != 1U << *kind) {
        return mopt_error_set(err, MOPT_E_FORMAT, "the value is not of the kind it says (%d)",
                              (int)*kind);
    }
    if (filled == 0 && (messages >> *kind & 1) != 0) {
        return mopt_error_set(err, MOPT_E_FORMAT, "the value is missing");
    }
    return MOPT_OK;
}

// ---- Values

static enum mopt_status import_string(struct mopt_import *in, const ProtobufCBinaryData *bytes,
                                      struct mopt_string *out, struct mopt_error *err)
{
    char *copy = NULL;
    enum mopt_status status = mopt__import_alloc(in, bytes->len + 1, 1, (void **)&copy, err);

    if (status == MOPT_OK && bytes->len > 0) {
        memcpy(copy, bytes->data, bytes->len);
    }
    *out = (struct mopt_string){.data = copy, .size = bytes->len};
    return status;
}

static enum mopt_status import_strings(struct mopt_import *in, const Mopt__Pb__AttributeProto *m,
                                       struct mopt_attribute *out, struct mopt_error *err)
{
    struct mopt_string *items = NULL;
    enum mopt_status status =
        mopt__import_alloc(in, m->n_strings, sizeof *items, (void **)&items, err);

    for (size_t i = 0; i < m->n_strings && status == MOPT_OK; i++) {
        status = import_string(in, &m->strings[i], &items[i], err);
    }
    out->strings = items;
    out->count = m->n_strings;
    return status;
}

static void *copy_numbers(struct mopt_import *in, const void *from, size_t count, size_t size,
                          struct mopt_error *err)
{
    void *to = mopt__arena_alloc(in->arena, count, size);

    if (to == NULL) {
        (void)mopt_error_memory(err);
    } else if (count > 0) {
        memcpy(to, from, count * size);
    }
    return to;
}

static enum mopt_status import_tensors(struct mopt_import *in, Mopt__Pb__TensorProto *const *from,
                                       size_t count, struct mopt_tensor **to,
                                       struct mopt_attribute *out, struct mopt_error *err)
{
    enum mopt_status status =
        mopt__import_alloc(in, count, sizeof *out->sources, (void **)&out->sources, err);

    for (size_t i = 0; i < count && status == MOPT_OK; i++) {
        status = mopt__import_tensor(in, from[i], &to[i], &out->sources[i], err);
    }
    return status;
}

static enum mopt_status import_sparses(struct mopt_import *in,
                                       Mopt__Pb__SparseTensorProto *const *from, size_t count,
                                       struct mopt_sparse **to, struct mopt_attribute *out,
                                       struct mopt_error *err)
{
    enum mopt_status status =
        mopt__import_alloc(in, count, 2 * sizeof *out->sources, (void **)&out->sources, err);

    for (size_t i = 0; i < count && status == MOPT_OK; i++) {
        status = mopt__import_sparse(in, from[i], &to[i], &out->sources[2 * i],
                                     &out->sources[2 * i + 1], err);
    }
    return status;
}

static enum mopt_status import_subgraph(struct mopt_import *in, const Mopt__Pb__GraphProto *from,
                                        struct mopt_graph *scope, struct mopt_graph **to,
                                        struct mopt_error *err)
{
    *to = mopt__graph_new(in->model, scope, err);
    if (*to == NULL) {
        return err->status;
    }
    enum mopt_status status = mopt__import_graph(in, from, *to, err);
    return status == MOPT_OK ? MOPT_OK
                             : mopt_error_wrap(err, "graph '%s'", from->name ? from->name : "");
}

static enum mopt_status import_type_list(struct mopt_import *in, const Mopt__Pb__AttributeProto *m,
                                         struct mopt_attribute *out, struct mopt_error *err)
{
    out->count = m->n_type_protos;
    enum mopt_status status =
        mopt__import_alloc(in, out->count, sizeof *out->types, (void **)&out->types, err);

    for (size_t i = 0; i < out->count && status == MOPT_OK; i++) {
        status = mopt__import_type(in, m->type_protos[i], &out->types[i], err);
    }
    return status;
}

// Arrays of things that are counted or own memory: count is set first, so that a failure releases
// what is there.
static enum mopt_status import_list(struct mopt_import *in, const Mopt__Pb__AttributeProto *m,
                                    struct mopt_graph *scope, struct mopt_attribute *out,
                                    struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;

    switch (out->kind) {
    case MOPT_ATTR_TENSORS:
        status =
            mopt__import_alloc(in, m->n_tensors, sizeof *out->tensors, (void **)&out->tensors, err);
        out->count = status == MOPT_OK ? m->n_tensors : 0;
        return status != MOPT_OK
                   ? status
                   : import_tensors(in, m->tensors, out->count, out->tensors, out, err);
    case MOPT_ATTR_SPARSE_TENSORS:
        status = mopt__import_alloc(in, m->n_sparse_tensors, sizeof *out->sparses,
                                    (void **)&out->sparses, err);
        out->count = status == MOPT_OK ? m->n_sparse_tensors : 0;
        return status != MOPT_OK
                   ? status
                   : import_sparses(in, m->sparse_tensors, out->count, out->sparses, out, err);
    case MOPT_ATTR_GRAPHS:
        status =
            mopt__import_alloc(in, m->n_graphs, sizeof *out->graphs, (void **)&out->graphs, err);
        for (size_t i = 0; i < m->n_graphs && status == MOPT_OK; i++) {
            status = import_subgraph(in, m->graphs[i], scope, &out->graphs[i], err);
        }
        out->count = m->n_graphs;
        return status;
    default:
        return import_type_list(in, m, out, err);
    }
}

static enum mopt_status import_value(struct mopt_import *in, const Mopt__Pb__AttributeProto *m,
                                     struct mopt_graph *scope, struct mopt_attribute *out,
                                     struct mopt_error *err)
{
    static const ProtobufCBinaryData empty;

    switch (out->kind) {
    case MOPT_ATTR_UNDEFINED:
        return MOPT_OK;
    case MOPT_ATTR_FLOAT:
        out->f = m->f;
        return MOPT_OK;
    case MOPT_ATTR_INT:
        out->i = m->i;
        return MOPT_OK;
    case MOPT_ATTR_STRING:
        return import_string(in, m->has_s ? &m->s : &empty, &out->s, err);
    case MOPT_ATTR_TENSOR:
        return import_tensors(in, &m->t, 1, &out->t, out, err);
    case MOPT_ATTR_GRAPH:
        return import_subgraph(in, m->g, scope, &out->g, err);
    case MOPT_ATTR_SPARSE_TENSOR:
        return import_sparses(in, &m->sparse_tensor, 1, &out->sparse, out, err);
    case MOPT_ATTR_TYPE:
        return mopt__import_type(in, m->tp, &out->type, err);
    case MOPT_ATTR_FLOATS:
        out->count = m->n_floats;
        out->floats = copy_numbers(in, m->floats, m->n_floats, sizeof *m->floats, err);
        return out->floats != NULL ? MOPT_OK : MOPT_E_MEMORY;
    case MOPT_ATTR_INTS:
        out->count = m->n_ints;
        out->ints = copy_numbers(in, m->ints, m->n_ints, sizeof *m->ints, err);
        return out->ints != NULL ? MOPT_OK : MOPT_E_MEMORY;
    case MOPT_ATTR_STRINGS:
        return import_strings(in, m, out, err);
    default:
        return import_list(in, m, scope, out, err);
    }
}

// ---- Attributes

static void release(struct mopt_attribute *attribute)
{
    mopt__tensor_unref(attribute->t);
    mopt__sparse_unref(attribute->sparse);
    for (size_t i = 0; attribute->tensors != NULL && i < attribute->count; i++) {
        mopt__tensor_unref(attribute->tensors[i]);
    }
    for (size_t i = 0; attribute->sparses != NULL && i < attribute->count; i++) {
        mopt__sparse_unref(attribute->sparses[i]);
    }
    *attribute = (struct mopt_attribute){0};
}

static enum mopt_status import_details(struct mopt_import *in, const Mopt__Pb__AttributeProto *m,
                                       struct mopt_attribute *out, struct mopt_error *err)
{
    enum mopt_status status = mopt__import_check_name(m->name, "an attribute", err);

    if (status == MOPT_OK) {
        out->name = mopt__model_intern(in->model, m->name, err);
        status = out->name != NULL ? MOPT_OK : MOPT_E_MEMORY;
    }
    if (status == MOPT_OK) {
        status = mopt__import_text(in, m->doc_string, &out->doc, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_text(in, m->ref_attr_name, &out->ref_name, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_unknown(in, &m->base, &out->unknown, err);
    }
    return status;
}

enum mopt_status mopt__import_attribute(struct mopt_import *in,
                                        const struct Mopt__Pb__AttributeProto *message,
                                        struct mopt_graph *scope, struct mopt_attribute *out,
                                        struct mopt_error *err)
{
    *out = (struct mopt_attribute){0};
    enum mopt_status status = import_details(in, message, out, err);
    if (status != MOPT_OK) {
        return status;
    }
    status = kind_of(message, &out->kind, err);
    if (status == MOPT_OK &&
        (message->ref_attr_name == NULL || message->ref_attr_name[0] == '\0')) {
        status = import_value(in, message, scope, out, err);
    }
    if (status != MOPT_OK) {
        release(out);
        return mopt_error_wrap(err, "attribute '%s'", message->name);
    }
    return MOPT_OK;
}

static enum mopt_status import_attributes(struct mopt_import *in,
                                          const struct Mopt__Pb__NodeProto *message,
                                          struct mopt_node *node, struct mopt_error *err)
{
    enum mopt_status status = MOPT_OK;

    if (message->n_attribute > MOPT_NODE_ATTRIBUTES_MAX) {
        return mopt_error_set(err, MOPT_E_LIMIT, "%zu attributes, at most %d work",
                              message->n_attribute, MOPT_NODE_ATTRIBUTES_MAX);
    }
    for (size_t i = 0; i < message->n_attribute && status == MOPT_OK; i++) {
        struct mopt_attribute attribute;

        status = mopt__import_attribute(in, message->attribute[i], node->graph, &attribute, err);
        if (status != MOPT_OK) {
            return status;
        }
        status = mopt__node_add_attribute(node, &attribute, err);
        if (status != MOPT_OK) {
            release(&attribute);
        }
    }
    return status;
}

// ---- Nodes

static enum mopt_status import_inputs(const struct Mopt__Pb__NodeProto *message,
                                      struct mopt_node *node, struct mopt_error *err)
{
    for (uint32_t i = 0; i < node->input_count; i++) {
        const char *name = message->input[i];
        struct mopt_value *value = NULL;

        if (name[0] == '\0') {
            continue;
        }
        value = mopt__value_lookup(node->graph, name);
        if (value == NULL) {
            return mopt_error_set(err, MOPT_E_FORMAT, "input %u '%s' is not defined anywhere", i,
                                  name);
        }
        mopt__node_set_input(node, i, value);
    }
    return MOPT_OK;
}

static enum mopt_status import_node_details(struct mopt_import *in,
                                            const struct Mopt__Pb__NodeProto *message,
                                            struct mopt_node *node, struct mopt_error *err)
{
    enum mopt_status status = mopt__import_text(in, message->doc_string, &node->doc, err);

    if (status == MOPT_OK) {
        status = mopt__import_text(in, message->overload, &node->overload, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_properties(in, message->n_metadata_props, message->metadata_props,
                                         &node->metadata, &node->metadata_count, err);
    }
    if (status == MOPT_OK) {
        status = mopt__import_unknown(in, &message->base, &node->unknown, err);
    }
    return status;
}

enum mopt_status mopt__import_node(struct mopt_import *in,
                                   const struct Mopt__Pb__NodeProto *message,
                                   struct mopt_node *node, struct mopt_error *err)
{
    enum mopt_status status = import_node_details(in, message, node, err);

    if (status == MOPT_OK) {
        status = import_inputs(message, node, err);
    }
    if (status == MOPT_OK) {
        status = import_attributes(in, message, node, err);
    }
    return status;
}
