// SPDX-License-Identifier: Apache-2.0
// Greedy-by-size memory planner. It knows only sizes and lifetimes, nothing of tensors.
#include "exec/memory_plan.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/size.h"

enum {
    ALIGN = 64,
    BY_SIZE_MAX =
        4096, // larger plans go by time: placing by size looks at all placed items each time
};

static size_t rounded(size_t bytes)
{
    return (bytes + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
}

static bool overlaps(const struct mopt_plan_item *a, const struct mopt_plan_item *b)
{
    return a->first <= b->last && b->first <= a->last;
}

// Larger first; equal sizes by first step, so that the result does not depend on the sort.
static int by_size(const void *pa, const void *pb)
{
    const struct mopt_plan_item *a = *(struct mopt_plan_item *const *)pa;
    const struct mopt_plan_item *b = *(struct mopt_plan_item *const *)pb;
    if (a->bytes != b->bytes) {
        return a->bytes < b->bytes ? 1 : -1;
    }
    if (a->first != b->first) {
        return a->first < b->first ? -1 : 1;
    }
    return a < b ? -1 : a > b;
}

// Places item into the tightest gap left by the placed items alive with it. `placed` is sorted by
// offset.
static size_t place(const struct mopt_plan_item *item, struct mopt_plan_item *const *placed,
                    size_t count)
{
    size_t need = rounded(item->bytes);
    size_t end = 0;
    size_t best = SIZE_MAX;
    size_t best_gap = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        const struct mopt_plan_item *p = placed[i];
        if (!overlaps(item, p)) {
            continue;
        }
        if (p->offset > end && p->offset - end >= need && p->offset - end < best_gap) {
            best = end;
            best_gap = p->offset - end;
        }
        size_t p_end = p->offset + rounded(p->bytes);
        end = p_end > end ? p_end : end;
    }
    return best != SIZE_MAX ? best : end;
}

static void insert_by_offset(struct mopt_plan_item **placed, size_t count,
                             struct mopt_plan_item *item)
{
    size_t i = count;
    while (i > 0 && placed[i - 1]->offset > item->offset) {
        placed[i] = placed[i - 1];
        i--;
    }
    placed[i] = item;
}

// Largest sum alive at one step, by a sweep over the starts and ends.
static enum mopt_status live_floor(const struct mopt_plan_item *items, size_t count, size_t *floor,
                                   struct mopt_error *err)
{
    uint32_t steps = 0;
    for (size_t i = 0; i < count; i++) {
        steps = items[i].last >= steps ? items[i].last + 1 : steps;
    }
    size_t *begin = mopt__calloc(2 * ((size_t)steps + 1), sizeof *begin);
    if (begin == NULL) {
        return mopt_error_memory(err);
    }
    size_t *end = begin + steps + 1;
    for (size_t i = 0; i < count; i++) {
        begin[items[i].first] += rounded(items[i].bytes);
        end[items[i].last + 1] += rounded(items[i].bytes);
    }
    size_t live = 0;
    *floor = 0;
    for (uint32_t s = 0; s < steps; s++) {
        live += begin[s] - end[s];
        *floor = live > *floor ? live : *floor;
    }
    mopt__free(begin);
    return MOPT_OK;
}

static enum mopt_status check_sum(const struct mopt_plan_item *items, size_t count,
                                  struct mopt_error *err)
{
    size_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        if (!mopt__size_align(items[i].bytes, ALIGN, &bytes) || !mopt__size_add(sum, bytes, &sum)) {
            return mopt_error_set(err, MOPT_E_LIMIT, "sizes of the intermediate tensors overflow");
        }
    }
    return MOPT_OK;
}

static int by_time(const void *pa, const void *pb)
{
    const struct mopt_plan_item *a = *(struct mopt_plan_item *const *)pa;
    const struct mopt_plan_item *b = *(struct mopt_plan_item *const *)pb;
    if (a->first != b->first) {
        return a->first < b->first ? -1 : 1;
    }
    return by_size(pa, pb);
}

// Drops the placed items that end before step; what is left is what a later item can overlap.
static size_t drop_dead(struct mopt_plan_item **placed, size_t count, uint32_t step)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (placed[i]->last >= step) {
            placed[kept++] = placed[i];
        }
    }
    return kept;
}

enum mopt_status mopt__memory_plan(struct mopt_plan_item *items, size_t count, size_t *total,
                                   size_t *floor, struct mopt_error *err)
{
    *total = 0;
    *floor = 0;
    if (count == 0) {
        return MOPT_OK;
    }
    enum mopt_status status = check_sum(items, count, err);
    if (status == MOPT_OK) {
        status = live_floor(items, count, floor, err);
    }
    if (status != MOPT_OK) {
        return status;
    }
    struct mopt_plan_item **order = mopt__calloc(2 * count, sizeof *order);
    if (order == NULL) {
        return mopt_error_memory(err);
    }
    struct mopt_plan_item **placed = order + count;
    for (size_t i = 0; i < count; i++) {
        order[i] = &items[i];
    }
    bool timed = count > BY_SIZE_MAX;
    size_t live = 0;
    qsort(order, count, sizeof *order, timed ? by_time : by_size);
    for (size_t i = 0; i < count; i++) {
        live = timed ? drop_dead(placed, live, order[i]->first) : live;
        order[i]->offset = place(order[i], placed, live);
        insert_by_offset(placed, live++, order[i]);
        size_t end = order[i]->offset + rounded(order[i]->bytes);
        *total = end > *total ? end : *total;
    }
    mopt__free(order);
    return MOPT_OK;
}
