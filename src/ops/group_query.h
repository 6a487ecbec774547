// SPDX-License-Identifier: Apache-2.0
// What the files of GroupQueryAttention share: its inputs, checked. Nobody else includes this.
#ifndef MOPT_OPS_GROUP_QUERY_H
#define MOPT_OPS_GROUP_QUERY_H

#include "ops/attend_fast.h"
#include "ops/kv_cache.h"

enum mopt_group_query_input {
    MOPT_GQ_QUERY,
    MOPT_GQ_KEY,
    MOPT_GQ_VALUE,
    MOPT_GQ_PAST_KEY,
    MOPT_GQ_PAST_VALUE,
    MOPT_GQ_LENGTHS,
    MOPT_GQ_TOTAL,
    MOPT_GQ_COSINE,
    MOPT_GQ_SINE,
    MOPT_GQ_POSITIONS,
    MOPT_GQ_ADDED,
    MOPT_GQ_SINK,
    MOPT_GQ_KEY_SCALE,
    MOPT_GQ_VALUE_SCALE,
    MOPT_GQ_QUERY_NORM,
    MOPT_GQ_KEY_NORM,
    MOPT_GQ_INPUTS
};

struct mopt_group_query {
    const struct mopt_tensor *in[MOPT_GQ_INPUTS];
    struct mopt_attend a;           // a.room: rows of a head at work
    struct mopt_kv_cache caches[2]; // of keys, of values
    bool packed, rotary, pairs;
    bool prompt;     // the first positions of their images
    bool sliding;    // the cache drops rows that no window reaches
    double epsilon;  // of the norms of queries and keys
    size_t half;     // pairs of features that are turned
    size_t total;    // positions of the longest image
    size_t room;     // rows of a head in the new cache
    int64_t output;  // 1: scores before, 2: after the softmax
    size_t *counts;  // [4 * batch] memory of the four below
    size_t *lengths; // rows at work that count: cached and new ones
    size_t *cached;  // rows taken from the old cache; new rows follow
    size_t *bases;   // position of the first of these rows
    size_t *dropped; // rows at work before the first one that goes to the new cache
    double *sinks;   // [heads]
    double *data[MOPT_GQ_INPUTS];
    double *arrays[3]; // q, k, v
};

// Reads and checks everything; what it allocates is freed by mopt__group_query_release.
enum mopt_status mopt__group_query_open(struct mopt_eval *eval, struct mopt_group_query *g,
                                        struct mopt_error *err);
void mopt__group_query_release(struct mopt_group_query *g);
// Row of the tables of angles for new position s of image b.
enum mopt_status mopt__group_query_position(const struct mopt_group_query *g, size_t b, size_t s,
                                            size_t *row, struct mopt_error *err);

// ---- group_query_floats.c ----
// The fused kernel takes it: floats everywhere, no soft cap, no sinks, no scores wanted, and a
// cache that drops no rows.
bool mopt__group_query_is_plain(const struct mopt_eval *eval, const struct mopt_group_query *g);
enum mopt_status mopt__group_query_floats(struct mopt_eval *eval, struct mopt_group_query *g,
                                          struct mopt_error *err);

#endif
