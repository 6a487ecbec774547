// SPDX-License-Identifier: Apache-2.0
// Checked size arithmetic. Every product or sum of sizes that depends on a file goes through here.
#ifndef MOPT_BASE_SIZE_H
#define MOPT_BASE_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Each returns true and stores the result, or returns false (and leaves *out unspecified) on
// overflow.
static inline bool mopt__size_mul(size_t a, size_t b, size_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool mopt__size_add(size_t a, size_t b, size_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline bool mopt__i64_mul(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool mopt__i64_add(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline bool mopt__i64_sub(int64_t a, int64_t b, int64_t *out)
{
    return !__builtin_sub_overflow(a, b, out);
}

// Rounds value up to a multiple of align (a power of two); false on overflow.
static inline bool mopt__size_align(size_t value, size_t align, size_t *out)
{
    if (!mopt__size_add(value, align - 1, out)) {
        return false;
    }
    *out &= ~(align - 1);
    return true;
}

// From one thread's part to the next one's, where each thread writes `bytes` again and again: a
// page lies between them. Prefetchers read ahead of what a core reads; the lines of another core
// that they ask for are taken away from it in the middle of its work.
static inline bool mopt__size_apart(size_t bytes, size_t *out)
{
    const size_t page = 4096;
    return mopt__size_align(bytes, page, out) && mopt__size_add(*out, page, out);
}

// Number of elements of an array with compile-time length.
// NOLINTNEXTLINE(bugprone-sizeof-expression): arrays of pointers are meant to be counted too
#define MOPT_COUNTOF(array) (sizeof(array) / sizeof((array)[0]))

#endif
