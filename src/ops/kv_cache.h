// SPDX-License-Identifier: Apache-2.0
// Caches of keys or values [batch, groups, rows, size] that may be kept as integers of 8 or 4 bits
// with one scale for all or one for every feature of a head. Knows no single operator.
#ifndef MOPT_OPS_KV_CACHE_H
#define MOPT_OPS_KV_CACHE_H

#include "ops/nn_util.h"

struct mopt_kv_cache {
    const struct mopt_tensor *past;  // [batch, groups, rows, size] or packed pairs; NULL: empty
    const struct mopt_tensor *scale; // one element or [groups * size]; NULL: plain floats
    unsigned bits;       // of a code, 8 or 4: pairs in a byte, the lower one first, plus 8
    size_t groups, size; // heads, features
};

// MOPT_E_TYPE or MOPT_E_SHAPE unless type, last axis and scale fit together.
enum mopt_status mopt__kv_check(const struct mopt_kv_cache *c, const char *name,
                                struct mopt_error *err);
// Bytes or elements of a row of the tensor.
size_t mopt__kv_width(const struct mopt_kv_cache *c);
// Row `row` of head `head` (counted over all images) of the old cache as size floats.
void mopt__kv_read(const struct mopt_kv_cache *c, size_t head, size_t row, double *out);
// Rounds a row of head `group` to what its codes stand for; plain caches leave it.
void mopt__kv_round(const struct mopt_kv_cache *c, size_t group, double *row);
// Writes a row to row number `line` of t; NULL fills with zero codes.
void mopt__kv_write(const struct mopt_kv_cache *c, struct mopt_tensor *t, size_t line,
                    const double *row);

#endif
