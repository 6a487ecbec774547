// SPDX-License-Identifier: Apache-2.0
// Sharing out products of computed matrices.
#include "kernels/batch.h"

#include <stdbool.h>
#include <stdint.h>

#include "base/size.h"

// Products are shared out whole; else each is cut, and one packed operand serves all threads.
static bool is_whole(size_t count, size_t threads)
{
    return count >= 2 * threads || count % threads == 0;
}

size_t mopt__batch_scratch(size_t count, size_t each, int threads)
{
    size_t bytes = 0;
    size_t copies = is_whole(count, (size_t)threads) ? (size_t)threads : 1;
    return each != 0 && mopt__size_mul(each, copies, &bytes) ? bytes : SIZE_MAX;
}

static void whole_products(void *context, int64_t begin, int64_t end, int thread)
{
    const struct mopt_batch *batch = context;
    void *packed = batch->packed + (size_t)thread * batch->each;
    size_t held = SIZE_MAX; // start of the operand that is packed
    for (size_t i = (size_t)begin; i < (size_t)end; i++) {
        if (held != batch->b_at[i]) {
            held = batch->b_at[i];
            batch->pack(batch->context, i, 0, batch->panels, packed);
        }
        batch->multiply(batch->context, i, packed, NULL);
    }
}

struct cut {
    const struct mopt_batch *batch;
    size_t item;
};

static void pack_panels(void *context, int64_t begin, int64_t end, int thread)
{
    const struct cut *cut = context;
    const struct mopt_batch *batch = cut->batch;
    (void)thread;
    batch->pack(batch->context, cut->item, (size_t)begin, (size_t)end, batch->packed);
}

static void cut_products(const struct mopt_batch *batch, struct mopt_pool *pool)
{
    for (size_t i = 0; i < batch->count; i++) {
        struct cut cut = {batch, i};
        if (i == 0 || batch->b_at[i] != batch->b_at[i - 1]) {
            mopt__pool_for(pool, (int64_t)batch->panels, 1, pack_panels, &cut);
        }
        batch->multiply(batch->context, i, batch->packed, pool);
    }
}

void mopt__batch_run(const struct mopt_batch *batch, struct mopt_pool *pool)
{
    if (is_whole(batch->count, (size_t)mopt__pool_size(pool))) {
        struct mopt_batch copy = *batch;
        mopt__pool_for(pool, (int64_t)batch->count, 1, whole_products, &copy);
    } else {
        cut_products(batch, pool);
    }
}
