// SPDX-License-Identifier: Apache-2.0
// Member lists of a graph (initializers, sparse initializers, value infos): dense arrays in file
// order that readers index directly. Removal keeps the order by moving the tail as long as that is
// cheap; beyond a credit it swaps with the last member and the order comes back later, so that n
// removals never cost n * n.
#include <stdlib.h>
#include <string.h>

#include "ir/graph_private.h"

enum {
    CREDIT_START = 1 << 20, // entries that may be moved for free
    CREDIT_STEP = 4096,     // and more for each removal
};

void mopt__tracked_init(struct mopt_graph *graph)
{
    for (int i = 0; i < MOPT_TRACKED_COUNT; i++) {
        mopt__graph_box(graph)->tracked[i].credit = CREDIT_START;
    }
}

struct mopt_value_list *mopt__tracked_list(struct mopt_graph *graph, enum mopt_tracked which)
{
    switch (which) {
    case MOPT_IN_INITIALIZERS:
        return &graph->initializers;
    case MOPT_IN_SPARSE:
        return &graph->sparse_initializers;
    default:
        return &graph->value_infos;
    }
}

static struct mopt_member *member_of(struct mopt_value *value, enum mopt_tracked which)
{
    return &mopt__value_box(value)->member[which];
}

// Gives keys to members that were appended since the last call (importers append by hand).
static void index_new(struct mopt_graph *graph, enum mopt_tracked which)
{
    struct mopt_value_list *list = mopt__tracked_list(graph, which);
    struct mopt_tracked_state *state = &mopt__graph_box(graph)->tracked[which];
    if (state->indexed > list->count) { // somebody cut the list: start over
        state->indexed = 0;
        state->shuffled = 0;
    }
    for (; state->indexed < list->count; state->indexed++) {
        struct mopt_member *member = member_of(list->items[state->indexed], which);
        member->key = ++state->last_key;
        member->slot = (uint32_t)state->indexed;
    }
}

enum mopt_status mopt__tracked_add(struct mopt_graph *graph, enum mopt_tracked which,
                                   struct mopt_value *value, struct mopt_error *err)
{
    struct mopt_value_list *list = mopt__tracked_list(graph, which);
    enum mopt_status status = mopt__grow((void **)&list->items, &list->capacity, list->count + 1,
                                         sizeof(struct mopt_value *), err);
    if (status != MOPT_OK) {
        return status;
    }
    list->items[list->count++] = value;
    index_new(graph, which);
    return MOPT_OK;
}

// Position of a member in an ordered list; count if it is not there.
static size_t search(const struct mopt_value_list *list, enum mopt_tracked which, uint32_t key)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (member_of(list->items[middle], which)->key < key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static size_t locate(struct mopt_graph *graph, enum mopt_tracked which, struct mopt_value *value)
{
    index_new(graph, which);
    struct mopt_value_list *list = mopt__tracked_list(graph, which);
    const struct mopt_member *member = member_of(value, which);
    if (member->key == 0) {
        return list->count;
    }
    size_t at = mopt__graph_box(graph)->tracked[which].shuffled > 0
                    ? member->slot
                    : search(list, which, member->key);
    if (at < list->count && list->items[at] == value) {
        return at;
    }
    for (at = 0; at < list->count && list->items[at] != value;) { // edited behind our back
        at++;
    }
    return at;
}

static void set_slots(struct mopt_graph *graph, enum mopt_tracked which)
{
    struct mopt_value_list *list = mopt__tracked_list(graph, which);
    for (size_t i = 0; i < list->count; i++) {
        member_of(list->items[i], which)->slot = (uint32_t)i;
    }
}

struct keyed {
    uint32_t key;
    struct mopt_value *value;
};

static int compare_keyed(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static void restore(struct mopt_graph *graph, enum mopt_tracked which)
{
    struct mopt_value_list *list = mopt__tracked_list(graph, which);
    struct mopt_tracked_state *state = &mopt__graph_box(graph)->tracked[which];
    index_new(graph, which);
    if (state->shuffled == 0) {
        return;
    }
    struct keyed *keyed = mopt__calloc(list->count, sizeof *keyed);
    if (keyed == NULL) {
        return; // stays shuffled: correct, only not in file order
    }
    for (size_t i = 0; i < list->count; i++) {
        keyed[i].key = member_of(list->items[i], which)->key;
        keyed[i].value = list->items[i];
    }
    qsort(keyed, list->count, sizeof *keyed, compare_keyed);
    for (size_t i = 0; i < list->count; i++) {
        list->items[i] = keyed[i].value;
    }
    mopt__free(keyed);
    state->shuffled = 0;
}

void mopt__tracked_restore(struct mopt_graph *graph)
{
    restore(graph, MOPT_IN_INITIALIZERS);
    restore(graph, MOPT_IN_SPARSE);
    restore(graph, MOPT_IN_INFOS);
}

static void copy_state(const struct mopt_graph *from, struct mopt_graph *to,
                       enum mopt_tracked which, const struct mopt_value_list *old)
{
    struct mopt_tracked_state *state = &mopt__graph_box(to)->tracked[which];
    const struct mopt_value_list *list = mopt__tracked_list(to, which);
    const struct mopt_tracked_state *known = &mopt__graph_box_const(from)->tracked[which];
    if (known->shuffled == 0 || known->indexed != old->count) {
        return; // keys in order of position are right
    }
    for (size_t i = 0; i < old->count; i++) {
        *member_of(list->items[i], which) = *member_of(old->items[i], which);
    }
    *state = *known;
}

void mopt__tracked_copy(const struct mopt_graph *from, struct mopt_graph *to)
{
    copy_state(from, to, MOPT_IN_INITIALIZERS, &from->initializers);
    copy_state(from, to, MOPT_IN_SPARSE, &from->sparse_initializers);
    copy_state(from, to, MOPT_IN_INFOS, &from->value_infos);
    mopt__tracked_restore(to);
}

// Takes entry `at` out, keeping the order if the credit lasts.
static void take_out(struct mopt_graph *graph, enum mopt_tracked which, size_t at)
{
    struct mopt_value_list *list = mopt__tracked_list(graph, which);
    struct mopt_tracked_state *state = &mopt__graph_box(graph)->tracked[which];
    size_t tail = list->count - at - 1;
    state->credit += CREDIT_STEP;
    if (state->shuffled == 0 && tail <= state->credit) {
        memmove(list->items + at, list->items + at + 1, tail * sizeof *list->items);
        state->credit -= tail;
    } else {
        if (state->shuffled == 0) {
            set_slots(graph, which);
        }
        list->items[at] = list->items[list->count - 1];
        member_of(list->items[at], which)->slot = (uint32_t)at;
        state->shuffled++;
    }
    list->count--;
    state->indexed = list->count;
}

void mopt__tracked_remove(struct mopt_graph *graph, enum mopt_tracked which,
                          struct mopt_value *value)
{
    struct mopt_value_list *list = mopt__tracked_list(graph, which);
    size_t at = locate(graph, which, value);
    if (at >= list->count) {
        return;
    }
    take_out(graph, which, at);
    member_of(value, which)->key = 0;
    if (mopt__graph_box(graph)->tracked[which].shuffled > list->count) {
        restore(graph, which);
    }
}

bool mopt__tracked_has(struct mopt_graph *graph, enum mopt_tracked which, struct mopt_value *value)
{
    return locate(graph, which, value) < mopt__tracked_list(graph, which)->count;
}
