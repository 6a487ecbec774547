// SPDX-License-Identifier: Apache-2.0
// Size and cost of a model: nodes, parameters, multiply-adds, element types, quantization state.
#ifndef MOPT_MEASURE_FACTS_H
#define MOPT_MEASURE_FACTS_H

#include "data/data.h"
#include "ir/ir.h"

struct mopt_op_fact {          // one operator
    const char *domain, *name; // in the arena of the facts
    size_t count;
    uint64_t macs;
    bool known; // to mopt (a record or a function)
};

struct mopt_facts { // release with mopt__facts_release
    size_t nodes;   // all scopes
    size_t functions, subgraphs;
    uint64_t parameters, weight_bytes; // of all initializers and of constant tensors in nodes
    uint64_t zeros, float_parameters;  // zeros among parameters of float types
    uint64_t file_bytes;               // as one inline file
    uint64_t macs;                     // multiply-adds of one run; bodies count once
    size_t macs_known;                 // nodes with a cost that could be computed
    size_t macs_open;                  // nodes with a cost that depends on open dimensions
    size_t external;                   // tensors whose data stand in another file
    uint64_t dtype_elements[MOPT_DTYPE_COUNT], dtype_bytes[MOPT_DTYPE_COUNT]; // of parameters
    size_t quantize_nodes, dequantize_nodes, integer_nodes; // Q, DQ, integer and QLinear operators
    struct mopt_op_fact *ops; // heap; most frequent first, then by name
    size_t op_count, op_capacity;
    struct mopt_arena arena;
};

// Infers types (stored in the model's values), counts everything. Open dims count as bound to
// bindings, axis 0 of inputs to 1 when it is not bound; only the costs see this.
// Errors: MOPT_E_USAGE (a binding that matches no open dimension), MOPT_E_MEMORY, those of
// inference.
enum mopt_status mopt__facts_gather(struct mopt_model *model, const struct mopt_binding *bindings,
                                    size_t binding_count, struct mopt_facts *out,
                                    struct mopt_error *err);
void mopt__facts_release(struct mopt_facts *facts);
const struct mopt_op_fact *mopt__facts_op(const struct mopt_facts *facts, const char *domain,
                                          const char *name); // NULL if absent

// "float", "int8 QDQ (static)", "int8 dynamic" ...: what the quantization operators amount to.
const char *mopt__facts_quantization(const struct mopt_facts *facts);

struct mopt_node_cost { // of one call; zeros where nothing is known
    bool known;         // operations are: the operator has a cost and its types are known
    uint64_t macs;      // multiply-adds
    uint64_t flops;     // other arithmetic
    uint64_t bytes;     // of inputs and outputs; 0 = not known
};
// Adds the bytes of a value; false when its size is not known.
bool mopt__value_bytes(const struct mopt_value *value, const struct mopt_dims *dims,
                       uint64_t *bytes);
// Cost of one node from the types in the model (mopt__infer_model) and these dims.
void mopt__node_cost(const struct mopt_node *node, const struct mopt_dims *dims,
                     struct mopt_node_cost *out);

// Binds the open dims of the graph's inputs in the table (a clone of the model's, or the model's).
// defaults: axis 0 of inputs that nothing binds becomes `batch`.
enum mopt_status mopt__bind_dims(const struct mopt_graph *graph, struct mopt_dims *dims,
                                 const struct mopt_binding *bindings, size_t binding_count,
                                 int64_t batch, struct mopt_error *err);

#endif
