// SPDX-License-Identifier: Apache-2.0
// Attributes of nodes. Kinds carry the numbers of AttributeProto.AttributeType.
#ifndef MOPT_IR_ATTRIBUTE_H
#define MOPT_IR_ATTRIBUTE_H

#include "ir/tensor.h"

struct mopt_graph;
struct mopt_node;

enum mopt_attr_kind {
    MOPT_ATTR_UNDEFINED = 0,
    MOPT_ATTR_FLOAT = 1,
    MOPT_ATTR_INT = 2,
    MOPT_ATTR_STRING = 3,
    MOPT_ATTR_TENSOR = 4,
    MOPT_ATTR_GRAPH = 5,
    MOPT_ATTR_FLOATS = 6,
    MOPT_ATTR_INTS = 7,
    MOPT_ATTR_STRINGS = 8,
    MOPT_ATTR_TENSORS = 9,
    MOPT_ATTR_GRAPHS = 10,
    MOPT_ATTR_SPARSE_TENSOR = 11,
    MOPT_ATTR_SPARSE_TENSORS = 12,
    MOPT_ATTR_TYPE = 13,
    MOPT_ATTR_TYPES = 14,
};

// How a tensor stood in its file; kept so that it is written back the same way. In the model's
// arena.
enum mopt_storage { MOPT_STORE_RAW, MOPT_STORE_TYPED, MOPT_STORE_EXTERNAL };
struct mopt_property {
    const char *key, *value;
    const struct mopt_blob *unknown;
};
struct mopt_tensor_source {
    const char *name; // of attribute tensors; NULL if absent
    const char *doc;
    enum mopt_storage storage;
    const char *location;                 // external data: relative path as written
    const struct mopt_property *external; // all external_data pairs as written
    size_t external_count;
    const struct mopt_property *metadata;
    size_t metadata_count;
    const struct mopt_blob *unknown;
};

struct mopt_attribute {
    const char *name; // interned
    enum mopt_attr_kind kind;
    const char *doc,
        *ref_name; // NULL if absent; ref_name: refers to an attribute of the enclosing function
    // One of these, by kind. Arrays have `count` entries.
    int64_t i;
    float f;
    struct mopt_string s;  // data NUL-terminated, may hold any byte
    struct mopt_tensor *t; // owned reference
    struct mopt_graph *g;
    struct mopt_sparse *sparse; // owned reference
    const struct mopt_type *type;
    size_t count;
    const int64_t *ints;
    const float *floats;
    const struct mopt_string *strings;
    struct mopt_tensor **tensors;
    struct mopt_graph **graphs;
    struct mopt_sparse **sparses;
    const struct mopt_type **types;
    // sources of t / tensors; sparse: [values, indices] each; NULL when not from a file
    const struct mopt_tensor_source **sources;
    const struct mopt_blob *unknown;
};

#endif
