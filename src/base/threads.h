// SPDX-License-Identifier: Apache-2.0
// Thread pool with a static split. Results never depend on the number of threads: the caller's loop
// must not.
#ifndef MOPT_BASE_THREADS_H
#define MOPT_BASE_THREADS_H

#include <stddef.h>
#include <stdint.h>

#include "mopt/status.h"

struct mopt_pool; // opaque

// Errors: MOPT_E_USAGE (out of range), MOPT_E_LIMIT (the system gives no more threads),
// MOPT_E_MEMORY. threads: 1..256, 0 = number of processors the process may use (affinity and cgroup
// quota respected).
enum mopt_status mopt__pool_new(int threads, struct mopt_pool **out, struct mopt_error *err);
void mopt__pool_free(struct mopt_pool *pool);
int mopt__pool_size(const struct mopt_pool *pool); // 1 for NULL

// Calls body(context, begin, end, thread) on disjoint ranges that cover [0,count), at most one per
// thread, with thread in [0,pool_size); the calling thread works too; returns when all are done.
// Ranges are at least `grain` long (0 counts as 1). NULL pool: one call in this thread. Nested
// calls from inside a body run serially. Several threads may call: they take turns.
void mopt__pool_for(struct mopt_pool *pool, int64_t count, int64_t grain,
                    void (*body)(void *context, int64_t begin, int64_t end, int thread),
                    void *context);

int mopt__cpu_count(void); // usable processors, at least 1

#endif
