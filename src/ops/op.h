// SPDX-License-Identifier: Apache-2.0
// The record of an operator: identity, schema, traits and facets. One operator (or tight family) =
// one file that exports one constant array of records, and one line in ops.def. An absent facet is
// NULL and means unsupported.
#ifndef MOPT_OPS_OP_H
#define MOPT_OPS_OP_H

#include "ir/ir.h"

struct mopt_infer;
struct mopt_eval;
struct mopt_bind;
struct mopt_cost;

enum mopt_param_flags {
    MOPT_PARAM_OPTIONAL = 1,       // may be absent (empty name or left off at the end)
    MOPT_PARAM_VARIADIC = 2,       // last parameter, one or more (zero or more with OPTIONAL)
    MOPT_PARAM_HETEROGENEOUS = 4,  // variadic whose types may differ
    MOPT_PARAM_SEQUENCE = 8,       // a sequence of tensors of these element types
    MOPT_PARAM_OPTIONAL_TYPE = 16, // an optional value
    MOPT_PARAM_MAP = 32,
    MOPT_PARAM_ANY = 64, // a tensor of these element types or any container of such tensors
};

// An input or output. Parameters with the same type variable ("T") have the same element type in
// one node.
struct mopt_param {
    const char *name;
    const char
        *type; // type variable of the specification: "T", "tensor(int64)" style names are fine too
    uint64_t dtypes; // MOPT_DT() set allowed
    unsigned flags;
};

struct mopt_attr_spec {
    const char *name;
    enum mopt_attr_kind kind;
    bool required;
    bool has_default;
    int64_t i; // defaults
    double f;
    const char *s;
    bool has_range; // INT / INTS elements: min <= x <= max
    int64_t min, max;
    const char *choices; // STRING: legal values separated by '|', NULL = any
};

enum mopt_trait {
    MOPT_TRAIT_ELEMENTWISE = 1 << 0, // broadcasting map over elements
    MOPT_TRAIT_COMMUTATIVE = 1 << 1, // inputs 0 and 1 may be swapped
    MOPT_TRAIT_IDEMPOTENT = 1 << 2,  // f(f(x)) == f(x) with equal attributes and other inputs
    MOPT_TRAIT_SHAPE_ONLY =
        1 << 3, // only moves or relabels elements of input 0; quantization parameters pass through
    MOPT_TRAIT_RANDOM = 1 << 4,   // never folded or merged
    MOPT_TRAIT_IN_PLACE = 1 << 5, // output 0 may overwrite input 0 (same dtype and shape)
    MOPT_TRAIT_VIEW =
        1 << 6, // output 0 has the bytes of input 0 (Reshape, Identity ...): may share memory
    MOPT_TRAIT_CONTROL = 1 << 7, // has sub-graphs
    MOPT_TRAIT_GENERATOR =
        1 << 8, // output may be much larger than its inputs (ConstantOfShape, Expand, Tile ...)
    MOPT_TRAIT_STATE = 1 << 9, // training operators with state semantics
    MOPT_TRAIT_NAMES =
        1 << 10, // refers to values of its graph by name: no pass may change the model
};

// What may be quantized (quantize/ reads this). Rank-independent facts of the operator.
struct mopt_quant_spec {
    uint32_t activations;  // bit set of inputs quantizable as activations
    uint32_t weights;      // bit set of inputs quantizable as weights when constant
    int32_t weight_axis;   // per-channel axis of the weight (Conv 0, ConvTranspose 1, MatMul last =
                           // -1, Gemm special: transB)
    int32_t bias_input;    // int32 bias input, -1 = none
    bool share_parameters; // output takes the parameters of input 0
    bool integer_kernel;   // the peers' runtime has an integer kernel for the QDQ group
};

struct mopt_op {
    const char *domain; // "" = ai.onnx
    const char *name;
    int since;           // first opset version with this meaning
    int until;           // last one; 0 = still valid
    const char *summary; // one sentence
    const struct mopt_param *inputs, *outputs;
    const struct mopt_attr_spec *attributes;
    uint8_t input_count, output_count, attribute_count;
    uint32_t traits;
    const struct mopt_quant_spec *quant; // NULL: never quantized
    enum mopt_status (*infer)(struct mopt_infer *infer, struct mopt_error *err);
    enum mopt_status (*eval)(struct mopt_eval *eval, struct mopt_error *err);
    enum mopt_status (*bind)(struct mopt_bind *bind, struct mopt_error *err);
    void (*cost)(struct mopt_cost *cost);
    const void *data; // parameter of family code (function table row)
};

// A file of operators: "const struct mopt_op_family mopt__ops_conv = { records,
// MOPT_COUNTOF(records) };"
struct mopt_op_family {
    const struct mopt_op *records;
    size_t count;
};

// Multiply-adds, bytes moved and parameters of one node; from concrete types.
struct mopt_cost {
    const struct mopt_node *node;
    const struct mopt_dims *dims;
    uint64_t macs;  // multiply-adds
    uint64_t flops; // other arithmetic (elementwise), optional
    bool known;     // set by the cost function when it could be computed
};

// ---- Registry (registry.c) ------------------------------------------------------------------------------------
// Record for an operator at an opset version of its domain: since <= version (<= until); NULL if
// unknown. A version above the newest known uses the newest record.
const struct mopt_op *mopt__op_find(const char *domain, const char *name, int64_t version);
// All families in the order of ops.def.
const struct mopt_op_family *const *mopt__op_families(size_t *count);
// Sets node->op for all nodes of the model (functions included); unknown operators get NULL. Call
// after import and after changing opsets. Linear.
enum mopt_status mopt__ops_resolve(struct mopt_model *model, struct mopt_error *err);
// New node with its record resolved at the graph's opset (the way passes make nodes).
struct mopt_node *mopt__op_node(struct mopt_graph *graph, struct mopt_node *before,
                                const char *op_type, const char *domain,
                                struct mopt_value *const *inputs, uint32_t input_count,
                                uint32_t output_count, struct mopt_error *err);
// Parameter that describes input / output i (the last one when it is variadic); NULL beyond the
// schema.
const struct mopt_param *mopt__op_input(const struct mopt_op *op, uint32_t i);
const struct mopt_param *mopt__op_output(const struct mopt_op *op, uint32_t i);
// Checks one node against its schema: arity, attribute kinds, ranges, required ones, element types
// where known.
enum mopt_status mopt__op_check(const struct mopt_node *node, struct mopt_error *err);

// ---- Typed attribute access: kind checked, default from the schema ---------------------------------------------
// *value is set to the attribute, else the schema's default, else `fallback`. Error: MOPT_E_TYPE
// when the attribute has another kind.
enum mopt_status mopt__attr_int(const struct mopt_node *node, const char *name, int64_t fallback,
                                int64_t *value, struct mopt_error *err);
enum mopt_status mopt__attr_float(const struct mopt_node *node, const char *name, float fallback,
                                  float *value, struct mopt_error *err);
enum mopt_status mopt__attr_string(const struct mopt_node *node, const char *name,
                                   const char *fallback, const char **value,
                                   struct mopt_error *err);
// *values = NULL and *count = 0 when absent.
enum mopt_status mopt__attr_ints(const struct mopt_node *node, const char *name,
                                 const int64_t **values, size_t *count, struct mopt_error *err);
enum mopt_status mopt__attr_floats(const struct mopt_node *node, const char *name,
                                   const float **values, size_t *count, struct mopt_error *err);
enum mopt_status mopt__attr_strings(const struct mopt_node *node, const char *name,
                                    const struct mopt_string **values, size_t *count,
                                    struct mopt_error *err);
enum mopt_status mopt__attr_tensor(const struct mopt_node *node, const char *name,
                                   struct mopt_tensor **value,
                                   struct mopt_error *err); // NULL when absent
enum mopt_status mopt__attr_graph(const struct mopt_node *node, const char *name,
                                  struct mopt_graph **value,
                                  struct mopt_error *err); // required: MOPT_E_FORMAT when absent
// Axis in [-rank, rank-1] made non-negative; MOPT_E_VALUE otherwise.
enum mopt_status mopt__axis_normalise(int64_t axis, int rank, int *out, struct mopt_error *err);

#endif
