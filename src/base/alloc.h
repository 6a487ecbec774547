// SPDX-License-Identifier: Apache-2.0
// Heap and arena allocation. All heap memory of mopt comes through these functions, sizes checked.
#ifndef MOPT_BASE_ALLOC_H
#define MOPT_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

#include "mopt/status.h"

// Heap. Each returns NULL when memory is out or count*size overflows. A request of 0
// bytes returns a unique non-NULL pointer. Memory of mopt__calloc is zeroed. mopt__free accepts
// NULL.
void *mopt__malloc(size_t bytes);
void *mopt__calloc(size_t count, size_t size);
void *mopt__realloc(void *old, size_t count, size_t size);
void mopt__free(void *p);
char *mopt__strdup(const char *text);                // NULL when out of memory
char *mopt__strndup(const char *text, size_t bytes); // copies bytes, adds NUL

// 64-byte aligned, zeroing not promised; release with mopt__free_aligned.
void *mopt__malloc_aligned(size_t bytes);
void mopt__free_aligned(void *p);

// Grows a heap array so that it holds at least `need` elements (amortised doubling).
// items: address of the array pointer (may point to NULL); capacity: its capacity in elements,
// updated. Use: mopt__grow((void **)&v->items, &v->capacity, v->count + 1, sizeof *v->items, err).
// New elements are not cleared. On failure (MOPT_E_MEMORY) the array is unchanged.
enum mopt_status mopt__grow(void **items, size_t *capacity, size_t need, size_t size,
                            struct mopt_error *err);

// Arena: a list of growing blocks; everything in it is freed at once. Not thread safe.
struct mopt_arena_block;
struct mopt_arena {
    struct mopt_arena_block *blocks;
    size_t bytes; // total bytes handed out, for accounting
};

void mopt__arena_init(struct mopt_arena *arena);
void mopt__arena_release(struct mopt_arena *arena);
// Zeroed memory aligned for any type; NULL when out of memory or on overflow of count*size.
void *mopt__arena_alloc(struct mopt_arena *arena, size_t count, size_t size);
char *mopt__arena_strndup(struct mopt_arena *arena, const char *text, size_t bytes);
char *mopt__arena_strdup(struct mopt_arena *arena, const char *text);
char *mopt__arena_printf(struct mopt_arena *arena, const char *format, ...) MOPT_PRINTF(2, 3);

#endif
