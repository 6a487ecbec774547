// SPDX-License-Identifier: Apache-2.0
// Private structures of exec: schedule, plan, arena, session.
#ifndef MOPT_EXEC_INTERNAL_H
#define MOPT_EXEC_INTERNAL_H

#include "exec/exec.h"
#include "exec/memory_plan.h"
#include "kernels/table.h"

enum { MOPT_PLAN_CACHE = 4 }; // plans kept per session, by input shapes

// ---- arena.c: buffers of a run ------------------------------------------------------------------------------------
// One block of planned memory. Buffers inside it count references on it, so that it outlives the
// session if a caller still holds one of its tensors.
struct mopt_arena_block_ref {
    int references;
    uint8_t *data;
    size_t size;
};

// Accounting of one session, shared with buffers that may outlive it.
enum { MOPT_SPARE_BLOCKS = 4, MOPT_SPARE_LEAST = 1 << 20 };
struct mopt_exec_account {
    int references;
    size_t live_bytes, peak_bytes; // heap buffers only
    // Large blocks that the next run takes again instead of asking for pages, which the system
    // clears first. The last one is the newest.
    struct {
        void *data;
        size_t bytes;
    } spare[MOPT_SPARE_BLOCKS];
    size_t spare_count;
    bool busy; // atomic: somebody is at the spare blocks; whoever else comes does without them
};

struct mopt_planned { // a planned buffer that is in use now
    size_t offset, bytes;
    struct mopt_buffer *buffer; // NULL once released
};

struct mopt_exec_memory {
    struct mopt_arena_block_ref *block; // NULL: nothing planned
    struct mopt_exec_account *account;
    struct mopt_planned **active; // planned buffers not yet released (heap array of heap records)
    size_t active_count, active_capacity;
    size_t limit_bytes; // of heap + arena, 0 = none
};

enum mopt_status mopt__exec_memory_init(struct mopt_exec_memory *memory, struct mopt_error *err);
// Memory with a block of its own that counts on the account of `from`.
void mopt__exec_memory_share(struct mopt_exec_memory *memory, const struct mopt_exec_memory *from);
void mopt__exec_memory_release(struct mopt_exec_memory *memory);
// Makes the block at least `bytes` large (contents lost; buffers in use keep the old block).
enum mopt_status mopt__exec_memory_reserve(struct mopt_exec_memory *memory, size_t bytes,
                                           struct mopt_error *err);
// Tensor in the block at offset if that range is free, else on the heap. planned_bytes 0: heap.
enum mopt_status mopt__exec_memory_tensor(struct mopt_exec_memory *memory, size_t offset,
                                          size_t planned_bytes, enum mopt_dtype dtype, int rank,
                                          const int64_t *dims, struct mopt_tensor **out,
                                          struct mopt_error *err);
bool mopt__exec_memory_is_planned(
    const struct mopt_tensor *tensor); // its bytes lie in an arena block

// ---- schedule.c: steps and lifetimes --------------------------------------------------------------------------------
struct mopt_step {
    struct mopt_node *node;
    int64_t version;
    const uint32_t *release; // ids of values of this graph whose last use is this step
    uint32_t release_count;
    uint32_t profile;                      // row in the profile
    struct mopt_datum **inputs, **outputs; // scratch of the running step
    // bound kernel for the input signature seen last; run NULL = eval
    enum mopt_status (*run)(struct mopt_eval *eval, struct mopt_error *err);
    void *state;
    void (*free_state)(void *state);
    uint64_t signature; // of dtypes and dims of the inputs it was bound for
    bool bound;         // signature valid
    bool folded;        // its results are constants of the session
};

struct mopt_schedule { // of one graph (main or body)
    const struct mopt_graph *graph;
    struct mopt_step *steps;
    uint32_t step_count;
    const struct mopt_value **captured; // values of enclosing graphs that it reads
    size_t captured_count;
    struct mopt_exec_plan *plans; // [MOPT_PLAN_CACHE] by shapes
    uint64_t plan_clock;
    uint64_t refused; // signature of the shapes that could not be planned last; 0: none
    struct mopt_exec_memory memory;
};

enum mopt_status mopt__schedule_build(struct mopt_session *session, struct mopt_error *err);

struct mopt_program; // program.h
struct mopt_pack;    // lower_pack.c

// ---- plan.c: what is computed for one set of input shapes ----------------------------------------------------------------------
struct mopt_slot_plan {
    size_t offset, bytes; // bytes 0: not planned
};
struct mopt_exec_plan {
    uint64_t signature;           // of the input shapes
    uint64_t used;                // counter of last use, for replacement
    struct mopt_slot_plan *slots; // by value id; NULL = cache entry free
    struct mopt_program *program;
    size_t arena_bytes, floor_bytes, unshared_bytes;
};
void mopt__plan_release(struct mopt_exec_plan *plan);
// Memory a run with it takes at once: tensors and what kernels need besides.
size_t mopt__plan_bytes(const struct mopt_exec_plan *plan);
// The plan for the shapes of the inputs in the slots and the content of small integer ones: a kept
// one, or a new one in the place of the one unused for longest.
enum mopt_status mopt__plan_main(struct mopt_session *session, const struct mopt_exec_plan **out,
                                 struct mopt_error *err);
// The same for a body and all it reads; of its own inputs, which may change with each turn of a
// loop, only the shapes count. Planned whenever they are new, so that the same run gives the same
// bytes whatever ran before. *out NULL: it cannot be planned. Errors: MOPT_E_MEMORY.
enum mopt_status mopt__plan_body(struct mopt_session *session, struct mopt_schedule *schedule,
                                 const struct mopt_exec_plan **out, struct mopt_error *err);

// ---- session ------------------------------------------------------------------------------------------------------------
struct mopt_session {
    struct mopt_model *model;
    struct mopt_session_options options;
    struct mopt_pool *pool;
    struct mopt_kernels kernels;
    struct mopt_arena arena; // schedules, release lists
    struct mopt_schedule main;
    struct mopt_map bodies;           // graph pointer -> schedule
    struct mopt_schedule *body_items; // heap array; all bodies
    size_t body_count;
    struct mopt_model *copy;       // with functions inlined or 16-bit floats widened, else NULL
    struct mopt_model *given;      // the caller's
    struct mopt_session *second;   // for runs that override initializers; NULL: none so far
    bool widened;                  // the model's own floats have 16 bits
    struct mopt_datum **constants; // by value id
    struct mopt_datum **slots;     // by value id, live values of the current run
    struct mopt_node_profile *profile;
    size_t profile_count, profile_capacity;
    struct mopt_map packs;  // derived constants, by hash of their origin
    struct mopt_pack *pack; // all of them, linked
    size_t arena_bytes, floor_bytes, unshared_bytes, constant_bytes, packed_bytes;
};

// State of one run, host of struct mopt_eval.
struct mopt_exec_run {
    struct mopt_session *session;
    const struct mopt_run_options *options;
    const struct mopt_exec_plan *plan; // of the graph that runs; NULL: node by node, on the heap
    struct mopt_exec_memory *memory;   // of that graph
    bool fuse;                         // run programs
    struct mopt_rng rng;
    uint64_t steps;
};
enum mopt_status mopt__exec_graph(struct mopt_exec_run *run, struct mopt_schedule *schedule,
                                  struct mopt_error *err);
// Binds a step's fast kernel for the actual inputs if the operator has one and the signature
// changed.
enum mopt_status mopt__step_bind(struct mopt_session *session, struct mopt_step *step,
                                 const struct mopt_eval *eval, struct mopt_error *err);
void mopt__step_release(struct mopt_step *step);
// Types of all results from step->inputs and, for those without content yet, from their types.
struct mopt_step_types {
    const struct mopt_type **inputs;  // [input_count]; NULL: look at step->inputs
    const struct mopt_type **outputs; // [output_count], found, in the arena; all dims are numbers
    struct mopt_arena *arena;
    size_t bytes;                // found, of all results
    struct mopt_tensor *content; // of an only result, where inference knows it (a shape): the
                                 // caller's; else NULL
};
// False when one of them is not fully known.
bool mopt__step_types(const struct mopt_session *session, const struct mopt_step *step,
                      struct mopt_step_types *types);
// Runs the bound kernel (its inputs were checked when it was bound), or the reference with its own
// checks. Outputs that were made before a failure are the caller's to release.
enum mopt_status mopt__step_call(struct mopt_step *step, struct mopt_eval *eval,
                                 struct mopt_error *err);
// Hash of dtypes and dims of tensors; other data count by kind.
uint64_t mopt__exec_signature(struct mopt_datum *const *data, size_t count);

#endif
