// SPDX-License-Identifier: Apache-2.0
// Offsets for buffers with known sizes and lifetimes inside one block: largest first, each into the
// tightest gap between the buffers that are alive at the same time.
#ifndef MOPT_EXEC_MEMORY_PLAN_H
#define MOPT_EXEC_MEMORY_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "mopt/status.h"

struct mopt_plan_item {
    size_t bytes;         // > 0
    uint32_t first, last; // steps during which it is alive, inclusive
    size_t offset;        // result, multiple of 64
};

// Sets every offset; *total = bytes of the block, *floor = largest sum of bytes alive at one step
// (rounded to 64 each). Errors: MOPT_E_MEMORY, MOPT_E_LIMIT (sizes overflow).
enum mopt_status mopt__memory_plan(struct mopt_plan_item *items, size_t count, size_t *total,
                                   size_t *floor, struct mopt_error *err);

#endif
