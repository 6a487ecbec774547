// SPDX-License-Identifier: Apache-2.0
// Hash maps by open addressing with linear probing over an index into an array of entries in
// insertion order. Every entry, live or removed, holds exactly one slot until the next rebuild, so
// entry_count is also the number of slots in use. Knows nothing of what the values are.
#include "base/map.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"

static const uint32_t slot_removed = UINT32_MAX;
enum { FIRST_SLOTS = 16 };

// Finaliser of splitmix64 (Steele, Lea, Flood 2014): a bijection in which each input bit moves half
// of the output.
static uint64_t mix64(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

uint64_t mopt__hash_mix(uint64_t a, uint64_t b)
{
    return mix64(mix64(a + UINT64_C(0x9e3779b97f4a7c15)) ^ b);
}

// Little-endian on every machine, so that hashes are the same everywhere.
static uint64_t load_word(const unsigned char *p, size_t bytes)
{
    uint64_t word = 0;
    for (size_t i = 0; i < bytes; i++) {
        word |= (uint64_t)p[i] << (8 * i);
    }
    return word;
}

static uint64_t hash_seeded(uint64_t seed, const unsigned char *p, size_t bytes)
{
    uint64_t hash = mix64(bytes + UINT64_C(0x9e3779b97f4a7c15)) ^ seed;
    while (bytes >= 8) {
        hash = mopt__hash_mix(hash, load_word(p, 8));
        p += 8;
        bytes -= 8;
    }
    return bytes > 0 ? mopt__hash_mix(hash, load_word(p, bytes)) : hash;
}

uint64_t mopt__hash_bytes(const void *data, size_t bytes)
{
    return hash_seeded(0, data, bytes);
}

void mopt__map_release(struct mopt_map *map)
{
    mopt__free(map->entries);
    mopt__free(map->slots);
    memset(map, 0, sizeof *map);
}

void mopt__map_clear(struct mopt_map *map)
{
    if (map->slots) {
        memset(map->slots, 0, map->slot_count * sizeof *map->slots);
    }
    map->entry_count = 0;
    map->live = 0;
}

// Slot that holds the key, or SIZE_MAX. key NULL: integer key, the hash alone decides.
static size_t find_slot(const struct mopt_map *map, const char *key, uint64_t hash)
{
    if (map->slot_count == 0) {
        return SIZE_MAX;
    }
    size_t mask = map->slot_count - 1;
    for (size_t at = (size_t)mix64(hash) & mask; map->slots[at] != 0; at = (at + 1) & mask) {
        if (map->slots[at] == slot_removed) {
            continue;
        }
        const struct mopt_map_entry *entry = &map->entries[map->slots[at] - 1];
        if (entry->hash == hash && (!key || strcmp(entry->key, key) == 0)) {
            return at;
        }
    }
    return SIZE_MAX;
}

// Appends an entry and files it; the caller made sure of room and that the key is new.
static void append(struct mopt_map *map, const struct mopt_map_entry *entry)
{
    size_t mask = map->slot_count - 1;
    size_t at = (size_t)mix64(entry->hash) & mask;
    while (map->slots[at] != 0) {
        at = (at + 1) & mask;
    }
    map->entries[map->entry_count++] = *entry;
    map->slots[at] = (uint32_t)map->entry_count;
    map->live++;
}

// Makes fresh tables at most half full, dropping removed entries. On failure the map is as before.
static enum mopt_status rebuild(struct mopt_map *map, struct mopt_error *err)
{
    size_t slot_count = FIRST_SLOTS;
    while (slot_count / 2 < map->live + 1) {
        if (slot_count > UINT32_MAX / 4) {
            return mopt_error_memory(err);
        }
        slot_count *= 2;
    }
    struct mopt_map fresh = {.slot_count = slot_count,
                             .entry_capacity = slot_count / 4 * 3,
                             .seed = map->seed};
    fresh.slots = mopt__calloc(slot_count, sizeof *fresh.slots);
    fresh.entries = mopt__calloc(fresh.entry_capacity, sizeof *fresh.entries);
    if (!fresh.slots || !fresh.entries) {
        mopt__map_release(&fresh);
        return mopt_error_memory(err);
    }
    if (map->slot_count == 0) { // where the system put heap and stack is what a file cannot know
        fresh.seed = mopt__hash_mix((uintptr_t)fresh.slots, (uintptr_t)&fresh);
    }
    for (size_t i = 0; i < map->entry_count; i++) {
        if (map->entries[i].value) {
            append(&fresh, &map->entries[i]);
        }
    }
    mopt__map_release(map);
    *map = fresh;
    return MOPT_OK;
}

static void *find_value(const struct mopt_map *map, const char *key, uint64_t hash)
{
    size_t at = find_slot(map, key, hash);
    return at == SIZE_MAX ? NULL : map->entries[map->slots[at] - 1].value;
}

static enum mopt_status put_value(struct mopt_map *map, const struct mopt_map_entry *entry,
                                  struct mopt_error *err)
{
    assert(entry->value);
    size_t at = find_slot(map, entry->key, entry->hash);
    if (at != SIZE_MAX) {
        map->entries[map->slots[at] - 1].value = entry->value;
        return MOPT_OK;
    }
    if (map->entry_count == map->entry_capacity) {
        enum mopt_status status = rebuild(map, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    append(map, entry);
    return MOPT_OK;
}

static bool remove_key(struct mopt_map *map, const char *key, uint64_t hash)
{
    size_t at = find_slot(map, key, hash);
    if (at == SIZE_MAX) {
        return false;
    }
    map->entries[map->slots[at] - 1] = (struct mopt_map_entry){0};
    map->slots[at] = slot_removed;
    map->live--;
    return true;
}

static uint64_t hash_text(const struct mopt_map *map, const char *key)
{
    return hash_seeded(map->seed, (const unsigned char *)key, strlen(key));
}

void *mopt__map_find(const struct mopt_map *map, const char *key)
{
    return find_value(map, key, hash_text(map, key));
}

enum mopt_status mopt__map_put(struct mopt_map *map, const char *key, void *value,
                               struct mopt_error *err)
{
    if (map->slot_count == 0) { // the first tables bring the seed that hashes need
        enum mopt_status status = rebuild(map, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
    struct mopt_map_entry entry = {.key = key, .hash = hash_text(map, key), .value = value};
    return put_value(map, &entry, err);
}

bool mopt__map_remove(struct mopt_map *map, const char *key)
{
    return remove_key(map, key, hash_text(map, key));
}

void *mopt__map_find_u64(const struct mopt_map *map, uint64_t key)
{
    return find_value(map, NULL, key);
}

enum mopt_status mopt__map_put_u64(struct mopt_map *map, uint64_t key, void *value,
                                   struct mopt_error *err)
{
    struct mopt_map_entry entry = {.hash = key, .value = value};
    return put_value(map, &entry, err);
}

bool mopt__map_remove_u64(struct mopt_map *map, uint64_t key)
{
    return remove_key(map, NULL, key);
}

struct mopt_map_entry *mopt__map_next(const struct mopt_map *map, size_t *position)
{
    while (*position < map->entry_count) {
        struct mopt_map_entry *entry = &map->entries[(*position)++];
        if (entry->value) {
            return entry;
        }
    }
    return NULL;
}
