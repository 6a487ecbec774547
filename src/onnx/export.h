// SPDX-License-Identifier: Apache-2.0
// What the export files share: ir to protobuf-c messages in one scratch arena. The messages point
// to text and tensor data of the model: nothing large is copied. Read in this order: save.c
// (files), export.c (model, graphs), export_infos.c, export_node.c, export_type.c, export_tensor.c,
// export_util.c. Functions that return a message return NULL only after a failure, with err set.
#ifndef MOPT_ONNX_EXPORT_H
#define MOPT_ONNX_EXPORT_H

#include "ir/ir.h"

struct ProtobufCMessage;
struct ProtobufCMessageDescriptor;
struct Mopt__Pb__AttributeProto;
struct Mopt__Pb__ModelProto;
struct Mopt__Pb__NodeProto;
struct Mopt__Pb__SparseTensorProto;
struct Mopt__Pb__StringStringEntryProto;
struct Mopt__Pb__TensorProto;
struct Mopt__Pb__TypeProto;
struct Mopt__Pb__ValueInfoProto;

enum { MOPT_EXTERNAL_ALIGN = 4096 };

// Bytes that go to the external file.
struct mopt_piece {
    const void *data;
    size_t size;
    uint64_t offset;
};

// Which tensors leave the model file.
enum mopt_spill {
    MOPT_SPILL_NONE,
    MOPT_SPILL_KEEP,            // those that were external when loaded
    MOPT_SPILL_ALL,             // every initializer of at least `external_min` bytes, and those
    MOPT_SPILL_EVEN_ATTRIBUTES, // tensors in attributes too: few readers expect that, so only if
                                // nothing else fits
};

struct mopt_export {
    struct mopt_arena arena;
    const struct mopt_dims *dims; // of the model; NULL for single values
    enum mopt_spill spill;
    size_t external_min;
    const char *location;      // name of the external file
    struct mopt_piece *pieces; // heap, by rising offset
    size_t piece_count, piece_capacity;
    struct mopt_map placed; // address of data -> 1 + index of its piece
    uint64_t external_bytes;
};

void mopt__export_release(struct mopt_export *ex);

// Zeroed memory; an initialised message.
void *mopt__export_alloc(struct mopt_export *ex, size_t count, size_t size, struct mopt_error *err);
void *mopt__export_message(struct mopt_export *ex, const struct ProtobufCMessageDescriptor *type,
                           struct mopt_error *err);
// Messages have fields that are not const, and are never written through them.
char *mopt__export_text(const char *text);
void *mopt__export_bytes(const void *data);

// Sets fields from a blob of tags and contents: those the schema knows (carried over by the
// importer) go to their field, all others become unknown fields. NULL is fine.
enum mopt_status mopt__export_unknown(struct mopt_export *ex, const struct mopt_blob *blob,
                                      struct ProtobufCMessage *message, struct mopt_error *err);
// Note of the importer under a private field number (see wire.h); false when there is none.
bool mopt__export_note(const struct mopt_blob *blob, uint32_t number, struct mopt_blob *note);
enum mopt_status mopt__export_properties(struct mopt_export *ex, const struct mopt_property *items,
                                         size_t count, size_t *out_count,
                                         struct Mopt__Pb__StringStringEntryProto ***out,
                                         struct mopt_error *err);

struct Mopt__Pb__TypeProto *mopt__export_type(struct mopt_export *ex, const struct mopt_type *type,
                                              struct mopt_error *err);
// name: of an initializer; NULL: not an initializer, the name in source counts if there is one.
// source may be NULL.
struct Mopt__Pb__TensorProto *mopt__export_tensor(struct mopt_export *ex,
                                                  const struct mopt_tensor *tensor,
                                                  const char *name,
                                                  const struct mopt_tensor_source *source,
                                                  struct mopt_error *err);
struct Mopt__Pb__SparseTensorProto *mopt__export_sparse(
    struct mopt_export *ex, const struct mopt_sparse *sparse, const char *name,
    const struct mopt_tensor_source *values_source, const struct mopt_tensor_source *indices_source,
    struct mopt_error *err);
struct Mopt__Pb__AttributeProto *mopt__export_attribute(struct mopt_export *ex,
                                                        const struct mopt_attribute *attribute,
                                                        struct mopt_error *err);
struct Mopt__Pb__NodeProto *mopt__export_node(struct mopt_export *ex, const struct mopt_node *node,
                                              struct mopt_error *err);
struct Mopt__Pb__ValueInfoProto *mopt__export_value(struct mopt_export *ex,
                                                    const struct mopt_value *value,
                                                    struct mopt_error *err);
enum mopt_status mopt__export_infos(struct mopt_export *ex, const struct mopt_graph *graph,
                                    size_t *count, struct Mopt__Pb__ValueInfoProto ***out,
                                    struct mopt_error *err);
struct Mopt__Pb__GraphProto *mopt__export_graph(struct mopt_export *ex,
                                                const struct mopt_graph *graph,
                                                struct mopt_error *err);
struct Mopt__Pb__ModelProto *mopt__export_model(struct mopt_export *ex,
                                                const struct mopt_model *model,
                                                struct mopt_error *err);

// Streams a message to an output; sha may be NULL.
struct mopt_output;
struct mopt_sha256;
enum mopt_status mopt__export_write(const struct ProtobufCMessage *message,
                                    struct mopt_output *output, struct mopt_sha256 *sha,
                                    struct mopt_error *err);

#endif
