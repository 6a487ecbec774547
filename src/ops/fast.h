// SPDX-License-Identifier: Apache-2.0
// What the bind facets of operators on float vectors share: a state that holds the session's
// kernels and one function, and the loop of a function over the elements of a tensor. Knows no
// single operator.
#ifndef MOPT_OPS_FAST_H
#define MOPT_OPS_FAST_H

#include "base/alloc.h"
#include "kernels/table.h"
#include "ops/eval.h"

enum { MOPT_FAST_GRAIN = 8192 }; // elements one thread takes at least

// State of a bound node; released by mopt__free.
struct mopt_fast {
    const struct mopt_kernels *kernels;
    struct mopt_function_f32 function;
};

// Sets run and a state with this function; leaves bind as it is where there are no kernels.
static inline enum mopt_status mopt__fast_bind(
    struct mopt_bind *bind, const struct mopt_function_f32 *function,
    enum mopt_status (*run)(struct mopt_eval *eval, struct mopt_error *err), struct mopt_error *err)
{
    if (bind->kernels == NULL) {
        return MOPT_OK;
    }
    struct mopt_fast *state = mopt__malloc(sizeof *state);
    if (state == NULL) {
        return mopt_error_memory(err);
    }
    *state = (struct mopt_fast){.kernels = bind->kernels};
    if (function != NULL) {
        state->function = *function;
    }
    bind->state = state;
    bind->free_state = mopt__free;
    bind->run = run;
    return MOPT_OK;
}

struct mopt_fast_map {
    const struct mopt_fast *fast;
    const float *x;
    float *y;
};
static inline void mopt__fast_piece(void *context, int64_t begin, int64_t end, int thread)
{
    const struct mopt_fast_map *map = context;
    (void)thread;
    map->fast->kernels->unary_f32(&map->fast->function, map->x + begin, map->y + begin,
                                  (size_t)(end - begin));
}
// y[i] = function of x[i]; x and y may be the same.
static inline void mopt__fast_map(const struct mopt_fast *fast, const float *x, float *y,
                                  size_t count, struct mopt_pool *pool)
{
    struct mopt_fast_map map = {fast, x, y};
    mopt__pool_for(pool, (int64_t)count, MOPT_FAST_GRAIN, mopt__fast_piece, &map);
}

#endif
