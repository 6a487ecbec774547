// SPDX-License-Identifier: Apache-2.0
// Type, shape and shape-value inference. A facet is a pure function from facts about inputs to
// facts about outputs; the driver decides where facts are stored (the model's values, or a plan's
// table with concrete shapes).
#ifndef MOPT_OPS_INFER_H
#define MOPT_OPS_INFER_H

#include "ops/op.h"

// What is known about one value. All pointers may be NULL = not known.
struct mopt_fact {
    const struct mopt_type *type;
    struct mopt_tensor *constant; // content (not owned)
    const struct mopt_ints *ints; // small integer tensor as dim numbers (ir/dim.h)
};

struct mopt_infer {
    const struct mopt_node *node;
    int64_t version; // opset version of the node's domain
    struct mopt_dims *dims;
    struct mopt_arena *arena;       // for new types and ints
    const struct mopt_fact *inputs; // [node->input_count]
    struct mopt_fact *outputs;      // [node->output_count], zeroed; the facet fills type (and ints)
    // Infers a body: inputs are facts for the body's inputs (count may be 0 for If); outputs gets
    // one fact per body output. Never NULL while the driver runs.
    enum mopt_status (*body)(struct mopt_infer *infer, struct mopt_graph *graph,
                             const struct mopt_fact *inputs, size_t input_count,
                             struct mopt_fact *outputs, struct mopt_error *err);
    void *driver; // private
};

// ---- For facets (infer_util.c) ----------------------------------------------------------------------------------
// Type of input i as a tensor type; NULL if absent or unknown (not an error). rank -1 = unknown
// rank.
const struct mopt_type *mopt__infer_tensor(const struct mopt_infer *infer, uint32_t i);
enum mopt_dtype mopt__infer_dtype(const struct mopt_infer *infer,
                                  uint32_t i);                    // MOPT_UNDEFINED if not known
int mopt__infer_rank(const struct mopt_infer *infer, uint32_t i); // -1 if not known
bool mopt__infer_has(const struct mopt_infer *infer, uint32_t i); // input present
// Content of input i as dim numbers: from constant or ints; false if not known. *items lives in the
// arena.
bool mopt__infer_ints(const struct mopt_infer *infer, uint32_t i, const int64_t **items,
                      size_t *count);
// As above but all known numbers (negative too): plain int64 values.
bool mopt__infer_values(const struct mopt_infer *infer, uint32_t i, const int64_t **values,
                        size_t *count);
bool mopt__infer_scalar_f64(const struct mopt_infer *infer, uint32_t i,
                            double *value); // constant with one element
// Set output i (ignored when the node does not have it). rank -1: rank unknown, dims ignored.
enum mopt_status mopt__infer_set(struct mopt_infer *infer, uint32_t i, enum mopt_dtype dtype,
                                 int rank, const int64_t *dims, struct mopt_error *err);
enum mopt_status mopt__infer_set_type(struct mopt_infer *infer, uint32_t i,
                                      const struct mopt_type *type);
enum mopt_status mopt__infer_set_ints(
    struct mopt_infer *infer, uint32_t i, int rank, const int64_t *items, size_t count,
    struct mopt_error *err); // at most 1024 items kept, else ignored
enum mopt_status mopt__infer_same(struct mopt_infer *infer, uint32_t output,
                                  uint32_t input); // copies type (and ints, constant)
// Dim numbers through an operator whose output 0 holds elements of the inputs in the bit set
// `moved` and nothing else; its other inputs must be constants. Says nothing where something is not
// known.
enum mopt_status mopt__infer_moved(struct mopt_infer *infer, uint32_t moved,
                                   struct mopt_error *err);
// numpy broadcast of two shapes (ranks may be -1): MOPT_E_SHAPE when known dims do not fit.
enum mopt_status mopt__infer_broadcast(struct mopt_infer *infer, int rank_a, const int64_t *a,
                                       int rank_b, const int64_t *b, int *rank,
                                       int64_t dims[MOPT_RANK_MAX], struct mopt_error *err);
// What holds of a value that is either a or b: equal dims stay, other dims become unknown. NULL
// when a or b is NULL or their kinds differ; *out in the arena.
enum mopt_status mopt__infer_join(struct mopt_infer *infer, const struct mopt_type *a,
                                  const struct mopt_type *b, const struct mopt_type **out,
                                  struct mopt_error *err);
// True when this body was inferred so often that a facet which tries several times must now be
// content with one try.
bool mopt__infer_tired(const struct mopt_infer *infer, const struct mopt_graph *body);
// Tensor of these integers, a new reference; *out is NULL when not all are known numbers.
enum mopt_status mopt__ints_content(const struct mopt_dims *dims, const struct mopt_ints *ints,
                                    enum mopt_dtype dtype, struct mopt_tensor **out,
                                    struct mopt_error *err);
// Error with "input i has rank r, must be ..." style text is written by the facet itself:
// mopt_error_set(err, MOPT_E_SHAPE, ...).

// ---- Drivers (infer_graph.c) --------------------------------------------------------------------------------------
enum mopt_infer_flags {
    MOPT_INFER_KEEP =
        1, // start from value->type where known (merge), else forget all but inputs/initializers
    MOPT_INFER_STRICT =
        2, // a contradiction or facet error is an error; else the value stays unknown
};
// Infers every value of the model (functions inlined per call site for facts, bodies included) and
// stores type and ints in the values. Sorts nothing: nodes are visited in a topological order
// computed inside. Unknown dims get fresh symbols. Linear in the graph's size (each body is
// inferred a bounded number of times). Declared types are never changed.
enum mopt_status mopt__infer_model(struct mopt_model *model, unsigned flags,
                                   struct mopt_error *err);
// Infers one node from the current facts of its input values and stores the result in its outputs
// (after a rewrite).
enum mopt_status mopt__infer_node(struct mopt_model *model, struct mopt_node *node,
                                  struct mopt_error *err);
// Table form for plans: facts[value->id] holds facts of graph inputs and captured values on entry,
// of every value on return. dims and arena belong to the caller. The graph must be topologically
// sorted. Nodes without infer facet leave unknown facts. Values with small constant results are
// evaluated (shape arithmetic).
enum mopt_status mopt__infer_table(const struct mopt_graph *graph, struct mopt_dims *dims,
                                   struct mopt_arena *arena, struct mopt_fact *facts,
                                   struct mopt_error *err);

#endif
