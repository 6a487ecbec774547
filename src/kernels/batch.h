// SPDX-License-Identifier: Apache-2.0
// How products of computed matrices are shared out, whatever their elements: many of them whole,
// each thread packing the right operands it needs; a few one after the other, cut. Private to
// kernels.
#ifndef MOPT_KERNELS_BATCH_H
#define MOPT_KERNELS_BATCH_H

#include <stddef.h>

#include "base/threads.h"

struct mopt_batch {
    size_t count;       // products
    size_t panels;      // of a packed right operand
    const size_t *b_at; // [count] where their right operands begin: equal ones are packed once
    // Packs panels begin..end of the right operand of product `item`.
    void (*pack)(const void *context, size_t item, size_t begin, size_t end, void *packed);
    void (*multiply)(const void *context, size_t item, const void *packed, struct mopt_pool *pool);
    const void *context;
    char *packed; // a right operand for each thread,
    size_t each;  // this many bytes from one to the next
};
// Runs all products. pool: NULL, or with just the threads that the packed operands were counted
// for. Each product is the same in either way, so that the result does not depend on the threads.
void mopt__batch_run(const struct mopt_batch *batch, struct mopt_pool *pool);
// Bytes for the packed operands, `each` bytes apart (0: too large); SIZE_MAX when that does not
// fit.
size_t mopt__batch_scratch(size_t count, size_t each, int threads);

#endif
