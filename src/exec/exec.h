// SPDX-License-Identifier: Apache-2.0
// Front door of exec (rank 3): runs a model. A session holds what is computed once (schedule,
// folded constants, packed weights, a program per graph and input shapes); a run is a walk over a
// flat array of actions, most of them one call on raw pointers. It knows nothing of files or
// passes. Read in this order: exec.h, memory_plan.h (greedy-by-size offsets), prepare.h (compound
// operators, QDQ form and more, in a private copy of the model), widen.c (16-bit floats become
// FLOAT there), schedule.c (steps and what bodies capture), fold.c (constants), arena.c (planned
// and heap buffers), program.h and program.c (what runs), lower.h, lower.c (the walk), groups.c and
// qlinear.c (which nodes become one), affine.c, cells.c (forms of values), stored.c and coded.c
// (weights of 16 and of few bits), native_*.c (kernels), finish.c (lifetimes), plan.c (shapes to a
// program), step.c (one node), session.c (run).
#ifndef MOPT_EXEC_EXEC_H
#define MOPT_EXEC_EXEC_H

#include "ir/ir.h"
#include "ops/ops.h"

struct mopt_session; // opaque

struct mopt_session_options {
    int threads;                // 0 = usable processors
    uint64_t seed;              // of random operators; every run starts from it
    bool reference;             // only eval facets, no bound kernels; 16-bit floats stay
    bool observed;              // runs have an observer, who sees every value the model has
    bool overridden;            // runs give data for inputs that have an initializer (if not said,
                                // the first such run prepares a second session inside)
    bool strict_fp;             // no forms that round more than plain sums (Winograd)
    bool bf16;                  // constant weights of products in 16 bits, and convolutions where
                                // that is faster (mopt__weights_rounded, mopt__conv2d_rounded)
    bool profile;               // measure every node
    const struct mopt_log *log; // may be NULL
};

// Prepares a model for running. The model is sorted topologically if it is not, else not changed;
// it must stay alive and unchanged until the session is freed. options may be NULL. Errors:
// MOPT_E_UNSUPPORTED listing every operator that cannot run, MOPT_E_FORMAT (cycle), MOPT_E_MEMORY.
enum mopt_status mopt__session_new(struct mopt_model *model,
                                   const struct mopt_session_options *options,
                                   struct mopt_session **out, struct mopt_error *err);
void mopt__session_free(struct mopt_session *session);

// Called after every executed node for every output it produced (bodies included), in the running
// thread. A failure stops the run. The value may belong to a copy of the model, made by the
// session: with functions inlined, or with FLOAT where the model has floats of 16 bits and Casts
// between both. What the model has itself keeps its name and id; new values have larger ids.
// Without options.observed (or .reference) values that only repeat others are not there.
typedef enum mopt_status (*mopt_observer)(void *context, const struct mopt_value *value,
                                          const struct mopt_datum *datum, struct mopt_error *err);

struct mopt_run_options {
    const struct mopt_budget *budget; // may be NULL
    mopt_observer observe;            // may be NULL
    void *observe_context;
};

// Runs the main graph. inputs: one per graph input in order; NULL only for inputs that have an
// initializer: data for those is in profile and memory with options.overridden only. Element types
// and ranks are checked against the declared types, known dims too. outputs: [graph output count],
// new references owned by the caller. Not thread-safe per session. options may be NULL. Errors:
// MOPT_E_MISSING, MOPT_E_TYPE, MOPT_E_SHAPE, MOPT_E_VALUE, MOPT_E_LIMIT, MOPT_E_MEMORY..., naming
// the node.
enum mopt_status mopt__session_run(struct mopt_session *session, struct mopt_datum *const *inputs,
                                   struct mopt_datum **outputs,
                                   const struct mopt_run_options *options, struct mopt_error *err);

struct mopt_node_profile {
    const struct mopt_node *node;
    uint64_t calls, total_ns;
    bool bound; // a fast kernel ran
};
// Rows in node order of the schedule, bodies after their owner; valid until the session is freed.
// Needs options.profile.
const struct mopt_node_profile *mopt__session_profile(const struct mopt_session *session,
                                                      size_t *count);
void mopt__session_profile_reset(struct mopt_session *session);

struct mopt_session_memory {
    size_t arena_bytes;    // largest planned arena so far
    size_t arena_floor;    // lower bound of that plan: most bytes alive at one step
    size_t unshared_bytes; // every tensor in a buffer of its own
    size_t constant_bytes; // initializers
    size_t packed_bytes;   // constants in the forms that kernels want
    size_t heap_peak;      // most bytes outside the arena during a run
};
void mopt__session_memory(const struct mopt_session *session, struct mopt_session_memory *out);
int mopt__session_threads(const struct mopt_session *session);

#endif
