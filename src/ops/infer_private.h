// SPDX-License-Identifier: Apache-2.0
// Shared by the files of the inference driver (infer_graph.c, infer_merge.c, infer_fold.c,
// infer_order.c). Facets must not see it.
#ifndef MOPT_OPS_INFER_PRIVATE_H
#define MOPT_OPS_INFER_PRIVATE_H

#include "ops/function.h"
#include "ops/infer.h"

struct mopt_infer_driver {
    struct mopt_dims *dims;
    struct mopt_arena *arena; // facts live here
    struct mopt_arena *store; // not NULL: results go into the values, copied into this arena
    struct mopt_fact *facts;  // [value_count], or NULL: facts not in `overlay` live in the values
    struct mopt_map overlay;  // value id -> fact, used when facts is NULL
    bool keep;                // merge with the value's known type
    bool strict;              // errors of facets count, also those inside bodies
    bool strict_top;          // errors of facets of the outermost graph count
    unsigned depth;           // nesting of graphs being inferred
    const struct mopt_call *call;
    struct mopt_map tries; // graph -> how often it was inferred, +1
};

// ---- infer_merge.c ------------------------------------------------------------------------------
// Refines what was inferred by what is declared; the inferred wins where they differ. either may be
// NULL. Errors: MOPT_E_MEMORY; MOPT_E_TYPE or MOPT_E_SHAPE on a contradiction in a strict driver.
enum mopt_status mopt__infer_merge(struct mopt_infer_driver *driver,
                                   const struct mopt_type *inferred,
                                   const struct mopt_type *declared, const struct mopt_type **out,
                                   struct mopt_error *err);
// Unknown dims, and those named by a mark such as "?" that stands for anything, become fresh
// symbols.
enum mopt_status mopt__infer_freshen(struct mopt_infer_driver *driver,
                                     const struct mopt_type **type, struct mopt_error *err);

// ---- infer_fold.c -------------------------------------------------------------------------------
// A constant says everything about its type, and its ints when it is small; ints that are all known
// make a constant.
enum mopt_status mopt__infer_complete(struct mopt_infer_driver *driver, struct mopt_fact *fact,
                                      struct mopt_error *err);
// Computes a node of small constants, so that shape arithmetic in any type comes through. What
// cannot be computed stays unknown. Errors: MOPT_E_MEMORY.
enum mopt_status mopt__infer_fold(struct mopt_infer_driver *driver, const struct mopt_node *node,
                                  const struct mopt_fact *inputs, struct mopt_fact *outputs,
                                  struct mopt_error *err);

// ---- infer_order.c ------------------------------------------------------------------------------
// Nodes of this graph (not of bodies) in an order where what a node or its bodies use comes first;
// ties and nodes on a cycle keep graph order. *nodes is heap (mopt__free), node_count long.
enum mopt_status mopt__infer_order(const struct mopt_graph *graph, struct mopt_node ***nodes,
                                   struct mopt_error *err);

#endif
