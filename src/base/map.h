// SPDX-License-Identifier: Apache-2.0
// Hash maps: string keys and 64-bit integer keys, pointer values. Open addressing; the iteration
// order is the order of insertion, so that results never depend on hash values. Removal keeps that
// order.
#ifndef MOPT_BASE_MAP_H
#define MOPT_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mopt/status.h"

// 64-bit hash of a byte range, stable across runs and machines. Every 8 bytes are mixed fully, but
// without a seed: not for tables of what a file holds (maps seed theirs).
uint64_t mopt__hash_bytes(const void *data, size_t bytes);
uint64_t mopt__hash_mix(uint64_t a, uint64_t b); // combines two hashes, order matters

struct mopt_map_entry {
    const char *key; // string map: not owned, must outlive the map
    uint64_t hash;   // integer map: the key itself; string map: private, differs from run to run
    void *value;     // never NULL while the entry is live
};

// A zeroed struct is an empty map.
struct mopt_map {
    struct mopt_map_entry *entries; // in insertion order; removed ones have value NULL
    size_t entry_count, entry_capacity;
    uint32_t *slots; // index+1 into entries, 0 = free, UINT32_MAX = removed
    size_t slot_count;
    uint64_t seed; // differs from run to run, so that no file can hold names that collide
    size_t live;   // number of live entries
};

void mopt__map_release(struct mopt_map *map);
void mopt__map_clear(struct mopt_map *map);

// String keys. put replaces the value of an existing key (which stays at its place in the order);
// value must not be NULL. On failure (MOPT_E_MEMORY) the map is unchanged.
void *mopt__map_find(const struct mopt_map *map, const char *key); // NULL if absent
enum mopt_status mopt__map_put(struct mopt_map *map, const char *key, void *value,
                               struct mopt_error *err);
bool mopt__map_remove(struct mopt_map *map, const char *key); // false if absent

// Integer keys: use a map either with strings or with integers, never both.
void *mopt__map_find_u64(const struct mopt_map *map, uint64_t key);
enum mopt_status mopt__map_put_u64(struct mopt_map *map, uint64_t key, void *value,
                                   struct mopt_error *err);
bool mopt__map_remove_u64(struct mopt_map *map, uint64_t key);

// Iterates live entries in insertion order; entries may be removed on the way, but nothing put:
// for (size_t i = 0; (e = mopt__map_next(map, &i)) != NULL;) ...
struct mopt_map_entry *mopt__map_next(const struct mopt_map *map, size_t *position);

#endif
