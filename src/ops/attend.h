// SPDX-License-Identifier: Apache-2.0
// Scaled dot-product attention over plain arrays, which the com.microsoft attention operators
// share: heads are gathered from any packing, masks and biases are described by data. Everything is
// computed as float, whatever the element type is, and sums accumulate in double. Knows no single
// operator.
#ifndef MOPT_OPS_ATTEND_H
#define MOPT_OPS_ATTEND_H

#include "ops/nn_util.h"

// Where the heads of a tensor stand: element d of position s of head h of batch b is
// data[first + b * batch_step + h * head_step + s * step + d].
struct mopt_heads {
    const double *data;
    size_t first, batch_step, head_step, step;
    size_t heads, length, size;
    const double *bias; // [heads * size] added to every position, NULL: none
};
// Copies the heads of one batch to rows at, at + 1, ... of out [batch, heads, room, size].
void mopt__heads_copy(const struct mopt_heads *h, size_t batch, double *out, size_t room,
                      size_t at);

// The integer masks of padding.
enum mopt_pad_form {
    MOPT_PAD_NONE,
    MOPT_PAD_ENDS,        // [batch]: keys from here on are padding
    MOPT_PAD_ENDS_STARTS, // [2 * batch]: ends, then first real keys
    MOPT_PAD_KEYS,        // [batch, keys]: 0 or less = padding
    MOPT_PAD_FULL,        // [batch, queries, keys]
    MOPT_PAD_SQUARE,      // [batch, 1, positions, positions]: row = position of the query
};

struct mopt_attend {
    size_t batch, heads, groups; // query heads, key/value heads
    size_t rows, columns;        // queries, keys
    size_t room;                 // rows of a head in k and v, 0: as many as keys
    size_t size, value_size;     // of a head of q and k, of v
    const double *q;             // [batch, heads, rows, size]
    const double *k, *v;         // [batch, groups, room, size], [.., value_size]
    double scale;
    double softcap;      // 0: none
    const double *sinks; // [heads] logarithms of a further share in the denominator, NULL: none
    // Which keys a query sees.
    const size_t *lengths; // [batch] keys that are there, NULL: all columns
    const size_t *offsets; // [batch] position of the first query, NULL: offset
    size_t offset;
    bool causal;        // queries do not see keys of the future ...
    bool last_sees_all; // ... but the last one sees every key, also where keys outnumber positions
    double hidden; // stands for the mask at keys of the future: -INFINITY or a very small number
    size_t window; // keys a query sees, itself included; 0: all
    enum mopt_pad_form pad;
    const struct mopt_tensor *mask; // of that form
    double filter;                  // added to scores of padding
    const struct mopt_tensor *bias; // [batch or 1, heads or 1, rows, span] added, NULL: none
    size_t span;                    // last axis of bias and scores, 0: columns
    const size_t *bases;            // [batch] column of bias and scores of the first key, NULL: 0
    // Results
    struct mopt_tensor *y;      // [batch, rows, heads * value_size]
    struct mopt_tensor *scores; // [batch, heads, rows, span], 0 where not seen; NULL: not wanted
    bool normalised;            // scores are taken after the softmax
};

// Fills y and scores. Keys that are not seen at all (-INFINITY) count 0; so does a row without a
// key.
enum mopt_status mopt__attend(struct mopt_eval *eval, const struct mopt_attend *a,
                              struct mopt_error *err);

// What is added to the score of a query and a key: bias and masks; -INFINITY: not seen.
double mopt__attend_added(const struct mopt_attend *a, size_t batch, size_t head, size_t row,
                          size_t column);

// MOPT_E_SHAPE unless t (may be NULL) has shape [batch or 1, heads or 1, rows, columns].
enum mopt_status mopt__attend_bias(const struct mopt_attend *a, const struct mopt_tensor *t,
                                   size_t columns, struct mopt_error *err);
// Reads the optional attribute 'scale': 0 or absent means 1 / sqrt(size).
enum mopt_status mopt__attend_scale(const struct mopt_node *node, size_t size, double *scale,
                                    struct mopt_error *err);
// Attribute `name` in [low, high].
enum mopt_status mopt__attend_int(const struct mopt_node *node, const char *name, int64_t fallback,
                                  int64_t low, int64_t high, int64_t *out, struct mopt_error *err);
// Product of four counts as room for doubles, zeroed; NULL: out of memory (err set).
double *mopt__attend_room(size_t a, size_t b, size_t c, size_t d, struct mopt_error *err);

#endif
