// SPDX-License-Identifier: Apache-2.0
// Front door of onnx (rank 2): ONNX files in and out. The only room that sees protobuf-c. It knows
// the format and its limits, nothing of what operators mean. Read in this order: onnx.h, scan.h
// (wire pre-scan), then import*.c, export*.c.
#ifndef MOPT_ONNX_ONNX_H
#define MOPT_ONNX_ONNX_H

#include "ir/ir.h"

struct mopt_onnx_limits {
    size_t max_file_bytes;   // 0 = 2^31-1 for the protobuf part (external data has no limit)
    size_t max_memory_bytes; // decoded messages; 0 = 8 * file size + 64 MiB (the graph built from
                             // them takes about three times as much at most)
};

// Loads a model: maps the file, pre-scans the wire bytes, decodes, builds the ir, and checks it:
// sizes match dims for every type, attribute kinds, SSA, names, cycles, recursion of functions.
// Payloads of 4 KiB and more (raw, float_data, double_data, external) stay in the mapping where
// they are aligned for their type; others are copied, and the mapped pages let go. Nodes come in
// topological order; node->function is set, node->op is not. path "-" = standard input. limits may
// be NULL.
// Accepts what users have: unsorted nodes, missing opset imports of used domains (other domains get
// version 1, the default domain 21, or 1 before IR 3), missing value_info, opset >= 1, IR >= 1,
// unknown operators, names of a sub-graph that hide outer ones. A value_info of a name that nothing
// defines is dropped.
// Errors: MOPT_E_MISSING, MOPT_E_IO, MOPT_E_FORMAT (with byte offset where known), MOPT_E_LIMIT,
// MOPT_E_MEMORY, MOPT_E_UNSUPPORTED; each names file, node or tensor, and reason.
enum mopt_status mopt__onnx_load(const char *path, const struct mopt_onnx_limits *limits,
                                 struct mopt_model **out, struct mopt_error *err);
// As above from a mapping (kept alive by the model); dir: folder for external data, NULL = external
// data refused.
enum mopt_status mopt__onnx_load_mapping(struct mopt_mapping *mapping, const char *dir,
                                         const struct mopt_onnx_limits *limits,
                                         struct mopt_model **out, struct mopt_error *err);

struct mopt_onnx_save_options {
    bool force; // replace existing files
    // External data: -1 = as needed (model would exceed 2^31-1 bytes, or tensors were external when
    // loaded: kept external), 0 = never (MOPT_E_LIMIT if too large), 1 = every initializer of at
    // least external_min bytes. Tensors in attributes go out only if the model does not fit
    // otherwise.
    int external;
    size_t external_min; // 0 = 1024
    // File name beside the model; NULL = "<model file name>.data", or "<model file name>.1.data"
    // and so on while that exists: an existing file is never written over, and the one that the
    // replaced model used is removed at the end. A name given is taken as it is (force replaces the
    // file).
    const char *external_name;
};
struct mopt_saved_file {
    char *path; // heap
    uint64_t bytes;
    char sha256[65];
};
struct mopt_save_result {            // free with mopt__save_result_release
    struct mopt_saved_file files[2]; // model, then external data if written
    size_t count;
};
// Writes the model atomically: external data first (4 KiB-aligned), model last. path "-" = standard
// output (never external). Loading and saving without change gives the same bytes for canonical
// files. result may be NULL. Errors: MOPT_E_CREATE, MOPT_E_IO, MOPT_E_LIMIT, MOPT_E_MEMORY,
// MOPT_E_USAGE (external_name).
enum mopt_status mopt__onnx_save(const struct mopt_model *model, const char *path,
                                 const struct mopt_onnx_save_options *options,
                                 struct mopt_save_result *result, struct mopt_error *err);
void mopt__save_result_release(struct mopt_save_result *result);
// Size in bytes the model would have as one inline file.
enum mopt_status mopt__onnx_size(const struct mopt_model *model, uint64_t *bytes,
                                 struct mopt_error *err);

// TensorProto / SequenceProto / OptionalProto files (test_data_set_N/*.pb).
enum mopt_status mopt__onnx_load_tensor(const char *path, struct mopt_tensor **out,
                                        const char **name, struct mopt_arena *arena,
                                        struct mopt_error *err);
// type tells what the file holds (a .pb file does not say); NULL = tensor.
enum mopt_status mopt__onnx_load_datum(const char *path, const struct mopt_type *type,
                                       struct mopt_datum **out, struct mopt_error *err);
enum mopt_status mopt__onnx_save_datum(const struct mopt_datum *datum, const char *name,
                                       const char *path, bool force, struct mopt_error *err);

#endif
