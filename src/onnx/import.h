// SPDX-License-Identifier: Apache-2.0
// What the import files share: one import in progress, and the functions that turn messages of one
// kind into ir. Read in this order: import.c (model), link.c, import_graph.c, import_infos.c,
// import_node.c, import_type.c, import_tensor.c, typed.c, external.c. No operator is known here.
#ifndef MOPT_ONNX_IMPORT_H
#define MOPT_ONNX_IMPORT_H

#include "ir/ir.h"

struct ProtobufCMessage;
struct Mopt__Pb__AttributeProto;
struct Mopt__Pb__FunctionProto;
struct Mopt__Pb__GraphProto;
struct Mopt__Pb__NodeProto;
struct Mopt__Pb__SparseTensorProto;
struct Mopt__Pb__StringStringEntryProto;
struct Mopt__Pb__TensorProto;
struct Mopt__Pb__TypeProto;
struct Mopt__Pb__ValueInfoProto;

enum {
    MOPT_MAP_BYTES_MIN = 4096,      // payloads from this size on stay in the mapping
    MOPT_NODE_ATTRIBUTES_MAX = 256, // finding an attribute is a linear search
    MOPT_NAME_BYTES_MAX = 65536,
    MOPT_EXTERNAL_SLACK = 64 << 20,
};

struct mopt_import {
    struct mopt_arena *arena;     // the model's, or that of a single datum
    struct mopt_model *model;     // NULL when a datum is read
    struct mopt_mapping *mapping; // the file; references of tensors point into it
    const char *dir;              // folder of external data; NULL: refused
    struct mopt_map files;        // location -> struct mopt_mapping, opened so far
    size_t external_bytes;        // size of all of them
    size_t external_used;         // bytes of tensors copied from them
};

// Copies text into the arena; NULL stays NULL.
enum mopt_status mopt__import_text(struct mopt_import *in, const char *text, const char **out,
                                   struct mopt_error *err);
// Zeroed arena memory, never NULL with MOPT_OK.
enum mopt_status mopt__import_alloc(struct mopt_import *in, size_t count, size_t size, void **out,
                                    struct mopt_error *err);
enum mopt_status mopt__import_properties(struct mopt_import *in, size_t count,
                                         struct Mopt__Pb__StringStringEntryProto *const *messages,
                                         const struct mopt_property **out, size_t *out_count,
                                         struct mopt_error *err);
// Fields that the schema does not know, as one blob of tags and contents; NULL when there are none.
enum mopt_status mopt__import_unknown(struct mopt_import *in,
                                      const struct ProtobufCMessage *message,
                                      const struct mopt_blob **out, struct mopt_error *err);
// Puts `count` length-delimited fields in front of a blob: for fields the ir has no place for.
// Blobs of this kind find their way back on export (see export.h).
struct ProtobufCBinaryData;
enum mopt_status mopt__import_carry(struct mopt_import *in, uint32_t number,
                                    const struct ProtobufCBinaryData *items, size_t count,
                                    const struct mopt_blob **blob, struct mopt_error *err);
// The same for one number field.
enum mopt_status mopt__import_carry_number(struct mopt_import *in, uint32_t number, uint64_t value,
                                           const struct mopt_blob **blob, struct mopt_error *err);

// Checks a name that must be there: not NULL, not empty, not overlong.
enum mopt_status mopt__import_check_name(const char *name, const char *what,
                                         struct mopt_error *err);

enum mopt_status mopt__import_type(struct mopt_import *in,
                                   const struct Mopt__Pb__TypeProto *message,
                                   const struct mopt_type **out, struct mopt_error *err);

// source may be NULL when nobody wants to know how the tensor stood in the file.
enum mopt_status mopt__import_tensor(struct mopt_import *in,
                                     const struct Mopt__Pb__TensorProto *message,
                                     struct mopt_tensor **out,
                                     const struct mopt_tensor_source **source,
                                     struct mopt_error *err);
enum mopt_status mopt__import_sparse(struct mopt_import *in,
                                     const struct Mopt__Pb__SparseTensorProto *message,
                                     struct mopt_sparse **out,
                                     const struct mopt_tensor_source **values_source,
                                     const struct mopt_tensor_source **indices_source,
                                     struct mopt_error *err);

// Dtype, rank and dims of a tensor that is being read.
struct mopt_tensor_head {
    enum mopt_dtype dtype;
    int rank;
    const int64_t *dims;
    size_t count, bytes;
};
// True: the tensor can use these mapped bytes in place (large enough, aligned).
bool mopt__import_stays(const struct mopt_tensor_head *head, const uint8_t *data);
// Tensor over head->bytes bytes of a mapping: in place if they can stay, else copied without
// leaving the pages of the mapping resident. The range must lie inside the mapping.
enum mopt_status mopt__import_bytes(const struct mopt_tensor_head *head,
                                    struct mopt_mapping *mapping, size_t offset,
                                    struct mopt_tensor **out, struct mopt_error *err);
// Tensor from the typed fields (float_data ... uint64_data); checks that they are the right ones
// and in range.
enum mopt_status mopt__import_typed(struct mopt_import *in,
                                    const struct Mopt__Pb__TensorProto *message,
                                    const struct mopt_tensor_head *head, struct mopt_tensor **out,
                                    struct mopt_error *err);
// Tensor from another file, beneath the model's folder; sets source->location.
enum mopt_status mopt__import_external(struct mopt_import *in, const struct mopt_tensor_head *head,
                                       struct mopt_tensor_source *source, struct mopt_tensor **out,
                                       struct mopt_error *err);
void mopt__import_close_files(struct mopt_import *in);

// scope: graph of the node that gets the attribute, or the body of the function that has it as a
// default. On failure nothing is left to release.
enum mopt_status mopt__import_attribute(struct mopt_import *in,
                                        const struct Mopt__Pb__AttributeProto *message,
                                        struct mopt_graph *scope, struct mopt_attribute *out,
                                        struct mopt_error *err);
// Inputs and attributes of a node whose outputs are there already.
enum mopt_status mopt__import_node(struct mopt_import *in,
                                   const struct Mopt__Pb__NodeProto *message,
                                   struct mopt_node *node, struct mopt_error *err);
// Type and details of a value; the first declaration counts.
enum mopt_status mopt__import_declare(struct mopt_import *in,
                                      const struct Mopt__Pb__ValueInfoProto *message,
                                      struct mopt_value *value, struct mopt_error *err);
enum mopt_status mopt__import_infos(struct mopt_import *in, size_t count,
                                    struct Mopt__Pb__ValueInfoProto *const *messages,
                                    struct mopt_graph *graph, struct mopt_error *err);
enum mopt_status mopt__import_graph(struct mopt_import *in,
                                    const struct Mopt__Pb__GraphProto *message,
                                    struct mopt_graph *graph, struct mopt_error *err);
struct Mopt__Pb__OperatorSetIdProto;
enum mopt_status mopt__import_opsets(struct mopt_import *in, size_t count,
                                     struct Mopt__Pb__OperatorSetIdProto *const *messages,
                                     struct mopt_opset_list *list, struct mopt_error *err);
enum mopt_status mopt__import_function(struct mopt_import *in,
                                       const struct Mopt__Pb__FunctionProto *message,
                                       struct mopt_error *err);

// Things that need the whole model: calls of functions, recursion, operator sets, order of nodes.
enum mopt_status mopt__import_finish(struct mopt_import *in, struct mopt_error *err);

#endif
