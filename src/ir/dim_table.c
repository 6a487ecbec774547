// SPDX-License-Identifier: Apache-2.0
// The table of dimension expressions: unique entries, links between them. Knows no algebra.
#include <string.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/size.h"
#include "ir/dim_private.h"

enum { FIRST_SLOTS = 64 };

struct mopt_dims *mopt__dims_new(void)
{
    struct mopt_dims *dims = mopt__calloc(1, sizeof *dims);
    if (dims) {
        mopt__arena_init(&dims->names);
    }
    return dims;
}

void mopt__dims_free(struct mopt_dims *dims)
{
    if (dims) {
        mopt__arena_release(&dims->names);
        mopt__free(dims->entries);
        mopt__free(dims->parts);
        mopt__free(dims->slots);
        mopt__free(dims);
    }
}

// Heap copy of an array; NULL with *failed set when out of memory.
static void *duplicate(const void *from, size_t count, size_t size, bool *failed)
{
    size_t bytes;
    if (count == 0) {
        return NULL;
    }
    void *copy = mopt__size_mul(count, size, &bytes) ? mopt__malloc(bytes) : NULL;
    if (copy) {
        memcpy(copy, from, bytes);
    }
    *failed = *failed || !copy;
    return copy;
}

struct mopt_dims *mopt__dims_clone(const struct mopt_dims *dims)
{
    struct mopt_dims *copy = mopt__dims_new();
    bool failed = false;
    if (!copy) {
        return NULL;
    }
    copy->entries = duplicate(dims->entries, dims->count, sizeof *dims->entries, &failed);
    copy->parts = duplicate(dims->parts, dims->part_count, sizeof *dims->parts, &failed);
    copy->slots = duplicate(dims->slots, dims->slot_count, sizeof *dims->slots, &failed);
    copy->capacity = copy->count = dims->count;
    copy->part_capacity = copy->part_count = dims->part_count;
    copy->slot_count = dims->slot_count;
    copy->fresh = dims->fresh;
    for (size_t i = 0; !failed && i < copy->count; i++) {
        if (copy->entries[i].name) {
            copy->entries[i].name = mopt__arena_strdup(&copy->names, copy->entries[i].name);
            failed = !copy->entries[i].name;
        }
    }
    if (failed) {
        mopt__dims_free(copy);
        return NULL;
    }
    return copy;
}

static bool in_table(const struct mopt_dims *dims, int64_t dim)
{
    return dim < 0 && dims && (uint64_t)(-(dim + 1)) < dims->count;
}

int64_t mopt__dim_resolve(const struct mopt_dims *dims, int64_t dim)
{
    while (in_table(dims, dim)) {
        int64_t link = dims->entries[-(dim + 1)].link;
        if (link == MOPT_DIM_UNKNOWN) {
            return dim;
        }
        dim = link;
    }
    return dim >= 0 ? dim : MOPT_DIM_UNKNOWN;
}

const struct mopt_dim_entry *mopt__dim_entry(const struct mopt_dims *dims, int64_t dim)
{
    return in_table(dims, dim) ? &dims->entries[-(dim + 1)] : NULL;
}

int64_t mopt__dim_part(const struct mopt_dims *dims, const struct mopt_dim_entry *entry, size_t i)
{
    return mopt__dim_resolve(dims, dims->parts[entry->first + i].dim);
}

static int order(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

// Parts one by one; entries of one kind.
// NOLINTNEXTLINE(misc-no-recursion): depth is limited by MOPT_DIM_SIZE_MAX
static int compare_parts(const struct mopt_dims *dims, const struct mopt_dim_entry *a,
                         const struct mopt_dim_entry *b)
{
    int result = order(a->count, b->count);
    for (uint32_t i = 0; result == 0 && i < a->count; i++) {
        const struct mopt_dim_part *x = &dims->parts[a->first + i];
        const struct mopt_dim_part *y = &dims->parts[b->first + i];
        result = mopt__dim_compare(dims, x->dim, y->dim);
        result = result != 0 ? result : order(x->factor, y->factor);
    }
    return result;
}

// NOLINTNEXTLINE(misc-no-recursion): depth is limited by MOPT_DIM_SIZE_MAX
int mopt__dim_compare(const struct mopt_dims *dims, int64_t a, int64_t b)
{
    const struct mopt_dim_entry *x = mopt__dim_entry(dims, a);
    const struct mopt_dim_entry *y = mopt__dim_entry(dims, b);
    if (a == b) {
        return 0;
    }
    if (!x || !y) {
        return x ? 1 : y ? -1 : order(a, b);
    }
    if (x->kind != y->kind) {
        return x->kind < y->kind ? -1 : 1;
    }
    int result = x->name && y->name ? strcmp(x->name, y->name) : compare_parts(dims, x, y);
    return result != 0 ? result : order(x->constant, y->constant);
}

static uint64_t hash_content(const struct mopt_dim_entry *key, const struct mopt_dim_part *parts)
{
    uint64_t hash = mopt__hash_mix((uint64_t)key->kind, (uint64_t)key->constant);
    if (key->name) {
        hash = mopt__hash_mix(hash, mopt__hash_bytes(key->name, strlen(key->name)));
    }
    for (uint32_t i = 0; i < key->count; i++) {
        hash = mopt__hash_mix(hash, (uint64_t)parts[i].dim);
        hash = mopt__hash_mix(hash, (uint64_t)parts[i].factor);
    }
    return hash;
}

static bool same_content(const struct mopt_dims *dims, const struct mopt_dim_entry *entry,
                         const struct mopt_dim_entry *key, const struct mopt_dim_part *parts)
{
    if (entry->hash != key->hash || entry->kind != key->kind || entry->count != key->count ||
        entry->constant != key->constant || !mopt__streq(entry->name, key->name)) {
        return false;
    }
    for (uint32_t i = 0; i < key->count; i++) {
        const struct mopt_dim_part *part = &dims->parts[entry->first + i];
        if (part->dim != parts[i].dim || part->factor != parts[i].factor) {
            return false;
        }
    }
    return true;
}

// Slot that holds the content, or the free slot where it belongs.
static size_t find_slot(const struct mopt_dims *dims, const struct mopt_dim_entry *key,
                        const struct mopt_dim_part *parts)
{
    size_t slot = (size_t)key->hash & (dims->slot_count - 1);
    while (dims->slots[slot] &&
           !same_content(dims, &dims->entries[dims->slots[slot] - 1], key, parts)) {
        slot = (slot + 1) & (dims->slot_count - 1);
    }
    return slot;
}

// Keeps the slots at most half full.
static bool grow_slots(struct mopt_dims *dims)
{
    if (dims->count + 1 <= dims->slot_count / 2) {
        return true;
    }
    size_t count = dims->slot_count ? dims->slot_count * 2 : FIRST_SLOTS;
    uint32_t *slots = mopt__calloc(count, sizeof *slots);
    if (!slots) {
        dims->starved = true;
        return false;
    }
    for (size_t i = 0; i < dims->count; i++) {
        size_t slot = (size_t)dims->entries[i].hash & (count - 1);
        while (slots[slot]) {
            slot = (slot + 1) & (count - 1);
        }
        slots[slot] = (uint32_t)(i + 1);
    }
    mopt__free(dims->slots);
    dims->slots = slots;
    dims->slot_count = count;
    return true;
}

// Fills size and closed from the parts; false if the expression is too large.
static bool measure(const struct mopt_dims *dims, struct mopt_dim_entry *entry,
                    const struct mopt_dim_part *parts)
{
    uint64_t size = 1;
    entry->closed = entry->kind != MOPT_DIMK_FRESH;
    for (uint32_t i = 0; i < entry->count; i++) {
        const struct mopt_dim_entry *part = mopt__dim_entry(dims, parts[i].dim);
        uint64_t times = entry->kind == MOPT_DIMK_PRODUCT ? (uint64_t)parts[i].factor : 1;
        if (times > MOPT_DIM_SIZE_MAX) {
            return false;
        }
        size += times * (part ? part->size : 1);
        entry->closed = entry->closed && (!part || part->closed);
    }
    entry->size = (uint32_t)size;
    return size <= MOPT_DIM_SIZE_MAX && entry->count <= MOPT_DIM_TERMS_MAX;
}

bool mopt__dims_starved(const struct mopt_dims *dims)
{
    return dims->starved;
}

// Appends the entry with its parts; nothing is changed when memory is out.
static bool append(struct mopt_dims *dims, struct mopt_dim_entry *entry,
                   const struct mopt_dim_part *parts)
{
    if (dims->count >= MOPT_DIM_ENTRIES_MAX || dims->part_count > UINT32_MAX - entry->count) {
        return false;
    }
    if (mopt__grow((void **)&dims->entries, &dims->capacity, dims->count + 1, sizeof *dims->entries,
                   NULL) != MOPT_OK ||
        mopt__grow((void **)&dims->parts, &dims->part_capacity, dims->part_count + entry->count,
                   sizeof *dims->parts, NULL) != MOPT_OK) {
        dims->starved = true;
        return false;
    }
    if (entry->name) {
        entry->name = mopt__arena_strdup(&dims->names, entry->name);
        if (!entry->name) {
            dims->starved = true;
            return false;
        }
    }
    entry->first = (uint32_t)dims->part_count;
    if (entry->count > 0) {
        memcpy(&dims->parts[dims->part_count], parts, entry->count * sizeof *parts);
    }
    dims->part_count += entry->count;
    dims->entries[dims->count++] = *entry;
    return true;
}

int64_t mopt__dim_intern(struct mopt_dims *dims, enum mopt_dim_kind kind, const char *name,
                         int64_t constant, const struct mopt_dim_part *parts, size_t count)
{
    struct mopt_dim_entry key = {.kind = kind,
                                 .name = name,
                                 .constant = constant,
                                 .count = (uint32_t)count,
                                 .link = MOPT_DIM_UNKNOWN,
                                 .alias = MOPT_DIM_UNKNOWN,
                                 .next_alias = MOPT_DIM_UNKNOWN};
    if (!dims || count > MOPT_DIM_TERMS_MAX || !grow_slots(dims)) {
        return MOPT_DIM_UNKNOWN;
    }
    key.hash = hash_content(&key, parts);
    size_t slot = find_slot(dims, &key, parts);
    if (!dims->slots[slot]) {
        if (!measure(dims, &key, parts)) {
            return MOPT_DIM_UNKNOWN;
        }
        key.range = mopt__dim_range_of(dims, kind, constant, parts, count);
        if (kind != MOPT_DIMK_CONST && key.range.low == key.range.high) {
            return mopt__dim_const(dims, key.range.low); // it has one value only
        }
        if (!append(dims, &key, parts)) {
            return MOPT_DIM_UNKNOWN;
        }
        dims->slots[slot] = (uint32_t)dims->count;
    }
    return mopt__dim_resolve(dims, -(int64_t)dims->slots[slot]);
}
