// SPDX-License-Identifier: Apache-2.0
// Programs: what a plan runs. The schedule's nodes, for one set of input shapes, become a flat
// array of actions: a native action is one call on raw pointers (a fused group of nodes, or a
// change of form), a node action runs one node through its operator record. Cells are the places of
// data: one value in one form. Private to exec.
#ifndef MOPT_EXEC_PROGRAM_H
#define MOPT_EXEC_PROGRAM_H

#include "exec/internal.h"

// How the elements of a value lie.
enum mopt_form {
    MOPT_FORM_PLAIN,      // as ONNX says: row-major, the declared element type
    MOPT_FORM_NHWC,       // float, [N, C, spatial...] stored with channels innermost
    MOPT_FORM_ROWS,       // the same as part of a wider image: pixels `ld` elements apart
    MOPT_FORM_BYTES,      // 8-bit codes, unsigned (int8 codes + 128), row-major
    MOPT_FORM_BYTES_NHWC, // the same with channels innermost
    MOPT_FORM_COUNT
};

#define MOPT_NO_CELL UINT32_MAX

enum mopt_cell_place {
    MOPT_CELL_ARENA, // planned; or on the heap when a graph output
    MOPT_CELL_SLOT,  // the content of a value that a node action or the caller made
    MOPT_CELL_CONSTANT,
};

struct mopt_cell {
    const struct mopt_value *value;
    enum mopt_cell_place place;
    uint32_t root; // cell whose bytes these are; itself unless an alias
    size_t shift;  // alias: bytes from the root's first
    size_t ld;     // ROWS: elements from pixel to pixel
    uint32_t next; // root: its first alias with a shift; alias: the next one
    size_t bytes;
    uint32_t first, last;  // actions that touch it; roots only
    size_t offset;         // ARENA
    bool publish;          // ARENA: a node action reads it: a tensor is put into the value's slot
    enum mopt_dtype dtype; // publish: of that tensor
    int rank;
    const int64_t *dims;
    const void *constant; // CONSTANT
};

struct mopt_frame {    // what a native action sees
    void *const *data; // by cell
    const struct mopt_kernels *kernels;
    struct mopt_pool *pool;
    void *scratch; // the largest any action asked for, 64-byte aligned
};
typedef void (*mopt_native)(const void *work, const struct mopt_frame *frame);
struct mopt_banded;

struct mopt_action {
    mopt_native run;       // NULL: node action
    const void *work;      // native: in the program's arena
    uint32_t step;         // node action: the schedule's step; native: whose profile row counts
    const uint32_t *cells; // native: cells it reads or writes (the memory plan)
    uint32_t cell_count;
    // native: bit i: it writes element k of the last cell when it has read element k of cell i, and
    // reads that no more: the last cell may lie there
    uint32_t overwrites;
    bool counts; // native: the last one of its step (profile)
    const struct mopt_banded
        *banded;             // native: it can be run band by band (bands.h); NULL: only whole
    const uint32_t *publish; // cells to make tensors of before it runs
    uint32_t publish_count;
    const uint32_t *load; // node action: SLOT cells whose pointer is known after it
    uint32_t load_count;
    const uint32_t *release; // ids of values whose slot is emptied after it
    uint32_t release_count;
};

struct mopt_preset {
    uint32_t value; // id
    struct mopt_datum *datum;
};

struct mopt_program {
    struct mopt_schedule *schedule;
    struct mopt_arena arena; // works and lists
    struct mopt_action *actions;
    size_t action_count, action_capacity;
    struct mopt_cell *cells;
    size_t cell_count, cell_capacity;
    struct mopt_preset *presets; // contents known with the shapes
    size_t preset_count, preset_capacity;
    const uint32_t *load; // SLOT cells of graph inputs
    uint32_t load_count;
    void **data; // by cell; ARENA cells point into `block`
    bool placed;
    const uint8_t *block; // the arena block that data was computed for
    void *scratch;
    size_t scratch_bytes;
};

// ---- program.c ----
void mopt__program_release(struct mopt_program *program);
enum mopt_status mopt__program_run(struct mopt_exec_run *run, struct mopt_program *program,
                                   struct mopt_error *err);
// run.c: one node through its record, outputs into the slots.
enum mopt_status mopt__exec_step(struct mopt_exec_run *run, struct mopt_step *step,
                                 struct mopt_error *err);
// run.c: counts a step and holds the run against its budget.
enum mopt_status mopt__exec_budget(struct mopt_exec_run *run, struct mopt_error *err);
// session.c: planned memory in a datum (or its elements) is replaced by memory of its own.
enum mopt_status mopt__exec_own(struct mopt_datum **datum, struct mopt_error *err);
// fold.c: computes what depends on no input; the content of a value that is the same in every run
// (NULL for none, and for an input that is left out).
enum mopt_status mopt__session_fold(struct mopt_session *session, struct mopt_error *err);
const struct mopt_tensor *mopt__session_constant(const struct mopt_session *session,
                                                 const struct mopt_value *value);
// Computes one node whose inputs are constants: its results become some, unless it fails.
void mopt__session_fold_step(struct mopt_session *session, struct mopt_step *step);
// coded.c: all that is made of these constant codes are the matrices of products, which take codes
// of this form.
bool mopt__codes_are_weights(const struct mopt_session *session, const struct mopt_node *node);
// lower_pack.c: frees the blocks derived from constants.
void mopt__packs_release(struct mopt_session *session);
// schedule.c: the node of `scope` in which a use by `node` happens: node itself or the owner of the
// body it stands in.
struct mopt_node *mopt__schedule_owner(struct mopt_node *node, const struct mopt_graph *scope);

// ---- lower.c ----
// Turns a schedule into the plan's program. facts: of every value, for the shapes at hand;
// dims: their table.
enum mopt_status mopt__lower(struct mopt_session *session, struct mopt_schedule *schedule,
                             struct mopt_exec_plan *plan, const struct mopt_fact *facts,
                             const struct mopt_dims *dims, struct mopt_error *err);

#endif
