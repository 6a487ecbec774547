// SPDX-License-Identifier: Apache-2.0
// Running one node: the reference meaning (eval) and bound kernels (bind). The executor owns
// buffers; a facet asks for its outputs by dtype and shape and gets planned or fresh memory.
#ifndef MOPT_OPS_EVAL_H
#define MOPT_OPS_EVAL_H

#include "base/log.h"
#include "base/random.h"
#include "base/threads.h"
#include "ops/op.h"

struct mopt_kernels; // kernels/table.h

struct mopt_eval {
    const struct mopt_node *node;
    int64_t version;                  // opset version of the node's domain
    struct mopt_datum *const *inputs; // [input_count] NULL = absent
    struct mopt_datum *
        *outputs; // [output_count] set by the facet (new references); omitted outputs may stay NULL
    uint32_t input_count, output_count;
    struct mopt_pool *pool;           // may be NULL
    struct mopt_rng *rng;             // for random operators; never NULL
    const struct mopt_budget *budget; // may be NULL
    // Memory for a tensor output: planned buffer if it fits, else heap. NULL = plain heap tensors.
    enum mopt_status (*allocate)(struct mopt_eval *eval, uint32_t output, enum mopt_dtype dtype,
                                 int rank, const int64_t *dims, struct mopt_tensor **out,
                                 struct mopt_error *err);
    // Runs a body: inputs for the body's inputs, outputs gets a new reference per body output.
    // Captured outer values are found by the executor. NULL when the caller cannot run bodies.
    enum mopt_status (*body)(struct mopt_eval *eval, const struct mopt_graph *graph,
                             struct mopt_datum *const *inputs, size_t input_count,
                             struct mopt_datum **outputs, struct mopt_error *err);
    void *host;  // private to the executor
    void *state; // bound kernels: what bind prepared
    struct mopt_datum *
        spare[4]; // outputs that a facet asks for though the node does not list them; start as NULL
};

// ---- For facets (eval_util.c) -----------------------------------------------------------------------------------
const struct mopt_tensor *mopt__eval_input(const struct mopt_eval *eval,
                                           uint32_t i); // NULL: absent or not a tensor
struct mopt_tensor *mopt__eval_input_mutable(const struct mopt_eval *eval,
                                             uint32_t i); // for views: same object
bool mopt__eval_wants(const struct mopt_eval *eval,
                      uint32_t i); // output i exists and is not omitted
// New tensor for output i, placed in eval->outputs[i]; *data (may be NULL) gets its memory. When
// the output is omitted a scratch tensor is still given.
enum mopt_status mopt__eval_output(struct mopt_eval *eval, uint32_t i, enum mopt_dtype dtype,
                                   int rank, const int64_t *dims, struct mopt_tensor **out,
                                   struct mopt_error *err);
// Output i shares the data of input `from` under other dims (same count and dtype).
enum mopt_status mopt__eval_view(struct mopt_eval *eval, uint32_t i, uint32_t from, int rank,
                                 const int64_t *dims, struct mopt_error *err);
// Output i = this tensor / datum (new reference).
enum mopt_status mopt__eval_set(struct mopt_eval *eval, uint32_t i, struct mopt_tensor *tensor,
                                struct mopt_error *err);
enum mopt_status mopt__eval_set_datum(struct mopt_eval *eval, uint32_t i, struct mopt_datum *datum);
// Input i as a list of int64 (int32 or int64 tensor of rank 0 or 1); *values is heap (mopt__free),
// NULL when absent.
enum mopt_status mopt__eval_i64s(const struct mopt_eval *eval, uint32_t i, int64_t **values,
                                 size_t *count, struct mopt_error *err);
// Broadcast helpers: result shape, and strides (in elements, 0 on broadcast axes) of an operand
// against it.
enum mopt_status mopt__broadcast_shape(const struct mopt_tensor *a, const struct mopt_tensor *b,
                                       int *rank, int64_t dims[MOPT_RANK_MAX],
                                       struct mopt_error *err);
void mopt__broadcast_strides(const struct mopt_tensor *t, int rank, const int64_t *dims,
                             int64_t strides[MOPT_RANK_MAX]);
enum mopt_status mopt__eval_unsupported(
    const struct mopt_eval *eval, const char *what,
    struct mopt_error *err); // MOPT_E_UNSUPPORTED "... for type 'x'"

// Releases what mopt__eval_output put into eval->spare. mopt__eval_run does it; whoever calls a
// facet directly must.
void mopt__eval_release_spare(struct mopt_eval *eval);
// Checks arity and element types of the given inputs against the schema (node->op must not be
// NULL).
enum mopt_status mopt__eval_check(const struct mopt_eval *eval, struct mopt_error *err);
// mopt__eval_check, then the node's eval facet, then a check that every output was set; on failure
// the outputs are released. For executors; eval is filled by the caller, with outputs NULL.
enum mopt_status mopt__eval_run(struct mopt_eval *eval, struct mopt_error *err);
// Runs a node's reference on given inputs with heap outputs (constant folding, tests). outputs:
// [output_count], new references.
enum mopt_status mopt__eval_node(const struct mopt_node *node, int64_t version,
                                 struct mopt_datum *const *inputs, struct mopt_datum **outputs,
                                 const struct mopt_budget *budget, struct mopt_error *err);

// ---- Bound kernels ------------------------------------------------------------------------------------------------
// bind looks at concrete types and constants and may set run (+ state, free_state, scratch).
// Leaving run NULL means: use eval.
struct mopt_bind {
    const struct mopt_node *node;
    int64_t version;
    const struct mopt_fact *inputs; // types static unless not known; constants where known
    const struct mopt_fact *outputs;
    struct mopt_dims *dims;
    int threads;
    const struct mopt_kernels *kernels; // of the session; outlives the bound state
    enum mopt_status (*run)(struct mopt_eval *eval, struct mopt_error *err);
    void *state;
    void (*free_state)(void *state);
};

#endif
