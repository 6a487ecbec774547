// SPDX-License-Identifier: Apache-2.0
// Heap and arena. The only file that calls malloc, so that accounting and failure injection have
// one place.
#include "base/alloc.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/size.h"

enum { ALIGNED_BYTES = 64, HUGE_PAGE_BYTES = 1 << 21, GROW_FIRST = 8 };

// No object is larger than PTRDIFF_MAX; asking the system for it would only wake its debugging
// tools.
static bool is_possible(size_t bytes)
{
    return bytes <= PTRDIFF_MAX;
}

void *mopt__malloc(size_t bytes)
{
    return is_possible(bytes) ? malloc(bytes ? bytes : 1) : NULL;
}

void *mopt__calloc(size_t count, size_t size)
{
    size_t bytes;
    if (!mopt__size_mul(count, size, &bytes) || !is_possible(bytes)) {
        return NULL;
    }
    return calloc(1, bytes ? bytes : 1);
}

void *mopt__realloc(void *old, size_t count, size_t size)
{
    size_t bytes;
    if (!mopt__size_mul(count, size, &bytes) || !is_possible(bytes)) {
        return NULL;
    }
    return realloc(old, bytes ? bytes : 1);
}

void mopt__free(void *p)
{
    free(p);
}

char *mopt__strndup(const char *text, size_t bytes)
{
    size_t total;
    char *copy = mopt__size_add(bytes, 1, &total) ? mopt__malloc(total) : NULL;
    if (copy) {
        if (bytes > 0) {
            memcpy(copy, text, bytes);
        }
        copy[bytes] = '\0';
    }
    return copy;
}

char *mopt__strdup(const char *text)
{
    return mopt__strndup(text, strlen(text));
}

void *mopt__malloc_aligned(size_t bytes)
{
    size_t rounded;
    if (!mopt__size_align(bytes ? bytes : 1, ALIGNED_BYTES, &rounded) || !is_possible(rounded)) {
        return NULL;
    }
    size_t whole; // of such pages; what is behind `rounded` is never touched
    bool large = rounded >= HUGE_PAGE_BYTES && mopt__size_align(rounded, HUGE_PAGE_BYTES, &whole) &&
                 is_possible(whole);
    void *block =
        large ? aligned_alloc(HUGE_PAGE_BYTES, whole) : aligned_alloc(ALIGNED_BYTES, rounded);
#if defined(MADV_HUGEPAGE)
    if (block && large) { // fewer page faults and misses; when it is refused nothing is lost
        (void)madvise(block, rounded & ~(size_t)(HUGE_PAGE_BYTES - 1), MADV_HUGEPAGE);
    }
#endif
    return block;
}

void mopt__free_aligned(void *p)
{
    free(p);
}

enum mopt_status mopt__grow(void **items, size_t *capacity, size_t need, size_t size,
                            struct mopt_error *err)
{
    assert(size > 0);
    if (need <= *capacity) {
        return MOPT_OK;
    }
    size_t wanted;
    if (!mopt__size_mul(*capacity, 2, &wanted)) {
        wanted = need;
    }
    if (wanted < GROW_FIRST) {
        wanted = GROW_FIRST;
    }
    if (wanted < need) {
        wanted = need;
    }
    // The caller's pointer has another type than void *: it is read and written as bytes.
    void *old;
    memcpy(&old, items, sizeof old);
    void *grown = mopt__realloc(old, wanted, size);
    if (!grown) {
        return mopt_error_memory(err);
    }
    memcpy(items, &grown, sizeof grown);
    *capacity = wanted;
    return MOPT_OK;
}

// Blocks are zeroed when made and never reused, so what the arena hands out is zero.
struct mopt_arena_block {
    struct mopt_arena_block *next;
    size_t capacity; // usable bytes behind the header
    size_t used;
    max_align_t data[];
};

enum { ARENA_FIRST = 4096, ARENA_LARGEST = 1 << 20 };

void mopt__arena_init(struct mopt_arena *arena)
{
    arena->blocks = NULL;
    arena->bytes = 0;
}

void mopt__arena_release(struct mopt_arena *arena)
{
    struct mopt_arena_block *block = arena->blocks;
    while (block) {
        struct mopt_arena_block *next = block->next;
        mopt__free(block);
        block = next;
    }
    mopt__arena_init(arena);
}

// Adds a block with room for `bytes`. A request larger than the regular block gets a block of its
// own behind the current one, which goes on being filled.
static struct mopt_arena_block *add_block(struct mopt_arena *arena, size_t bytes)
{
    struct mopt_arena_block *current = arena->blocks;
    size_t capacity = ARENA_FIRST;
    if (current) {
        capacity = current->capacity < ARENA_LARGEST ? current->capacity * 2 : ARENA_LARGEST;
    }
    bool own = bytes > capacity;
    if (own) {
        capacity = bytes;
    }
    size_t total;
    if (!mopt__size_add(capacity, sizeof(struct mopt_arena_block), &total)) {
        return NULL;
    }
    struct mopt_arena_block *block = mopt__calloc(1, total);
    if (!block) {
        return NULL;
    }
    block->capacity = capacity;
    if (own && current) {
        block->next = current->next;
        current->next = block;
    } else {
        block->next = current;
        arena->blocks = block;
    }
    return block;
}

void *mopt__arena_alloc(struct mopt_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    size_t rounded;
    if (!mopt__size_mul(count, size, &bytes) ||
        !mopt__size_align(bytes ? bytes : 1, _Alignof(max_align_t), &rounded)) {
        return NULL;
    }
    struct mopt_arena_block *block = arena->blocks;
    if (!block || block->capacity - block->used < rounded) {
        block = add_block(arena, rounded);
        if (!block) {
            return NULL;
        }
    }
    void *result = (char *)block->data + block->used;
    block->used += rounded;
    arena->bytes += bytes;
    return result;
}

char *mopt__arena_strndup(struct mopt_arena *arena, const char *text, size_t bytes)
{
    size_t total;
    char *copy = mopt__size_add(bytes, 1, &total) ? mopt__arena_alloc(arena, total, 1) : NULL;
    if (copy && bytes > 0) {
        memcpy(copy, text, bytes); // the NUL is there: arena memory is zero
    }
    return copy;
}

char *mopt__arena_strdup(struct mopt_arena *arena, const char *text)
{
    return mopt__arena_strndup(arena, text, strlen(text));
}

char *mopt__arena_printf(struct mopt_arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    char *text = NULL;
    if (length >= 0) {
        text = mopt__arena_alloc(arena, (size_t)length + 1, 1);
    }
    if (text) {
        vsnprintf(text, (size_t)length + 1, format, again);
    }
    va_end(again);
    va_end(args);
    return text;
}
