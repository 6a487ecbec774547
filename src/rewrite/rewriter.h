// SPDX-License-Identifier: Apache-2.0
// The rewriter's inside: worklist, suspects of being dead, knowledge about types; private to
// rewrite.
#ifndef MOPT_REWRITE_REWRITER_H
#define MOPT_REWRITE_REWRITER_H

#include "rewrite/rewrite.h"

enum mopt_visit_state {
    MOPT_VISIT_QUEUED = 1,
    MOPT_VISIT_STALE = 2, // types of the outputs must be inferred again
};

struct mopt_rewriter {
    struct mopt_model *model;
    struct mopt_node **queue; // heap; entries [head,count) wait
    size_t head, count, capacity;
    uint8_t *state; // by node id: enum mopt_visit_state
    size_t state_count;
    struct mopt_value **suspects; // heap; values that may have lost their last use
    size_t suspect_count, suspect_capacity;
    uint64_t edits;
    int reach;                       // users of users ... that look at a value: deepest pattern + 1
    bool failed;                     // out of memory while queueing
    const struct mopt_node *misused; // erased while in use
};

void mopt__rewriter_init(struct mopt_rewriter *rewriter, struct mopt_model *model, int reach);
void mopt__rewriter_release(struct mopt_rewriter *rewriter);

// Queueing never fails at once: `failed` is set. NULL and removed nodes are ignored.
void mopt__rewriter_queue(struct mopt_rewriter *rewriter, struct mopt_node *node, bool stale);
struct mopt_node *mopt__rewriter_next(struct mopt_rewriter *rewriter, bool *stale); // NULL: empty
void mopt__rewriter_queue_users(struct mopt_rewriter *rewriter, const struct mopt_value *value);
void mopt__rewriter_queue_around(struct mopt_rewriter *rewriter, struct mopt_node *node);
// value lost a use: it may be dead, or used once now.
void mopt__rewriter_lost_use(struct mopt_rewriter *rewriter, struct mopt_value *value);
// Removes what is dead among the suspects, and what dies with it.
void mopt__rewriter_bury(struct mopt_rewriter *rewriter);
// Infers a node again; users are queued as stale when something is known now that was not, or
// differs.
enum mopt_status mopt__rewriter_infer(struct mopt_rewriter *rewriter, struct mopt_node *node,
                                      struct mopt_error *err);

// ---- replace.c
bool mopt__rewrite_visible(const struct mopt_value *value, const struct mopt_graph *graph);
// Renames inner values that stand between value and its use in graph.
enum mopt_status mopt__rewrite_unhide(const struct mopt_value *value, struct mopt_graph *graph,
                                      struct mopt_error *err);

// ---- knowledge.c
// Whether b tells something that a does not tell, or something else.
bool mopt__type_news(const struct mopt_dims *dims, const struct mopt_type *a,
                     const struct mopt_type *b);
// What both tell together, a first; NULL: out of memory. a or b may be NULL, not both.
const struct mopt_type *mopt__type_merge(struct mopt_model *model, const struct mopt_type *a,
                                         const struct mopt_type *b);

#endif
