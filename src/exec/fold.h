// SPDX-License-Identifier: Apache-2.0
// Folding when a session is made: fold.c computes, fold_later.c decides about what operators make
// out of nothing.
#ifndef MOPT_EXEC_FOLD_H
#define MOPT_EXEC_FOLD_H

#include "exec/program.h"

struct mopt_fold_value {
    const struct mopt_type *type; // of a value that may be computed later, else NULL
    uint32_t readers;             // operands of folded nodes that it was
    bool passing;                 // computed for chosen readers only: the runs make it, too
};

struct mopt_folding {
    struct mopt_session *session;
    struct mopt_arena arena;
    struct mopt_fold_value *values; // by value id
    size_t room;                    // bytes of values that waited and may stay yet
};

// Whether a node is not computed now, with its operands in step->inputs: it generates much, or an
// operand does not exist yet. Then the types of its results are known to f and it waits; or they
// are not, and it runs; or its result was known with its type, and it is folded already.
bool mopt__fold_waits(struct mopt_folding *f, struct mopt_step *step);
// Of the nodes that wait, those are kept whose results end in little memory; the others run.
void mopt__fold_choose(struct mopt_folding *f, const struct mopt_schedule *schedule);
// True for nodes that were chosen.
bool mopt__fold_is_chosen(const struct mopt_folding *f, const struct mopt_node *node);
// Nodes whose results were computed for others only: they run.
void mopt__fold_give_back(struct mopt_folding *f, struct mopt_schedule *schedule);
// A node has its results: operands that waited and that nobody else will read are released.
void mopt__fold_release_read(struct mopt_folding *f, const struct mopt_node *node);

// fold.c: a result becomes a constant; the content of a result, no constant any more.
void mopt__fold_set(struct mopt_session *session, struct mopt_step *step,
                    struct mopt_tensor *content);
void mopt__fold_drop(struct mopt_session *session, const struct mopt_value *value);

#endif
