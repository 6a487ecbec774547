// SPDX-License-Identifier: Apache-2.0
// Heap, growing arrays, arena.
#include <string.h>

#include "base/alloc.h"
#include "base/size.h"
#include "tests.h"

static void zero_bytes_give_a_pointer(void **state)
{
    (void)state;
    void *a = mopt__malloc(0);
    void *b = mopt__malloc(0);
    void *c = mopt__calloc(0, 8);
    void *d = mopt__calloc(8, 0);
    void *e = mopt__realloc(NULL, 0, 4);
    void *f = mopt__malloc_aligned(0);
    assert_true(a && b && c && d && e && f);
    assert_ptr_not_equal(a, b);
    e = mopt__realloc(e, 4, 0); // not a release
    assert_non_null(e);
    mopt__free(a);
    mopt__free(b);
    mopt__free(c);
    mopt__free(d);
    mopt__free(e);
    mopt__free_aligned(f);
    mopt__free(NULL);
    mopt__free_aligned(NULL);
}

static void overflow_gives_null(void **state)
{
    (void)state;
    assert_null(mopt__calloc(SIZE_MAX / 2, 3));
    assert_null(mopt__calloc(3, SIZE_MAX / 2));
    void *kept = mopt__malloc(8);
    memset(kept, 7, 8);
    assert_null(mopt__realloc(kept, SIZE_MAX / 4, 8));
    assert_int_equal(((unsigned char *)kept)[7], 7);
    mopt__free(kept);
    volatile size_t huge = SIZE_MAX;
    assert_null(mopt__malloc(huge));
    assert_null(mopt__malloc(huge / 2 + 1));
    assert_null(mopt__calloc(huge / 4, 3));
    assert_null(mopt__malloc_aligned(huge));
    assert_null(mopt__malloc_aligned(huge - 63));
    assert_null(mopt__strndup("", huge));
}

static void aligned_is_aligned(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 300; bytes += 7) {
        unsigned char *p = mopt__malloc_aligned(bytes);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        memset(p, 1, bytes);
        mopt__free_aligned(p);
    }
}

static void copies_text(void **state)
{
    (void)state;
    char *whole = mopt__strdup("text");
    char *part = mopt__strndup("text", 2);
    char *nothing = mopt__strndup(NULL, 0);
    assert_string_equal(whole, "text");
    assert_string_equal(part, "te");
    assert_string_equal(nothing, "");
    mopt__free(whole);
    mopt__free(part);
    mopt__free(nothing);
}

static void grow_doubles_and_keeps(void **state)
{
    (void)state;
    struct mopt_error err;
    int *items = NULL;
    size_t capacity = 0;
    size_t reallocations = 0;
    for (size_t i = 0; i < 10000; i++) {
        size_t before = capacity;
        assert_int_equal(mopt__grow((void **)&items, &capacity, i + 1, sizeof *items, &err),
                         MOPT_OK);
        assert_true(capacity > i);
        reallocations += capacity != before;
        items[i] = (int)i;
    }
    assert_in_range(reallocations, 5, 16);
    for (size_t i = 0; i < 10000; i++) {
        assert_int_equal(items[i], i);
    }
    assert_int_equal(mopt__grow((void **)&items, &capacity, 100000, sizeof *items, &err), MOPT_OK);
    assert_true(capacity >= 100000);
    size_t before = capacity;
    int *kept = items;
    assert_int_equal(mopt__grow((void **)&items, &capacity, SIZE_MAX / 2, sizeof *items, &err),
                     MOPT_E_MEMORY);
    assert_int_equal(mopt__grow((void **)&items, &capacity, SIZE_MAX, 1, &err), MOPT_E_MEMORY);
    assert_ptr_equal(items, kept);
    assert_int_equal(capacity, before);
    assert_int_equal(mopt__grow((void **)&items, &capacity, 0, sizeof *items, &err), MOPT_OK);
    mopt__free(items);
}

static void grow_survives_a_huge_capacity(void **state)
{
    (void)state;
    struct mopt_error err;
    char *items = NULL;
    size_t capacity = SIZE_MAX / 2 + 8; // doubling overflows
    assert_int_equal(mopt__grow((void **)&items, &capacity, SIZE_MAX - 1, 1, &err), MOPT_E_MEMORY);
    assert_null(items);
}

static void arena_memory_is_zero_aligned_and_apart(void **state)
{
    (void)state;
    struct mopt_arena arena;
    mopt__arena_init(&arena);
    unsigned char *last = NULL;
    size_t total = 0;
    for (size_t i = 0; i < 3000; i++) {
        size_t bytes = i % 97 == 96 ? 20000 : i % 61;
        unsigned char *p = mopt__arena_alloc(&arena, bytes, 1);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        assert_ptr_not_equal(p, last);
        for (size_t k = 0; k < bytes; k++) {
            assert_int_equal(p[k], 0);
        }
        memset(p, 0xff, bytes);
        total += bytes;
        last = p;
    }
    assert_int_equal(arena.bytes, total);
    mopt__arena_release(&arena);
    assert_null(arena.blocks);
    assert_int_equal(arena.bytes, 0);
    assert_non_null(mopt__arena_alloc(&arena, 1 << 22, 1)); // usable again, larger than any block
    assert_non_null(mopt__arena_alloc(&arena, 1, 1));
    mopt__arena_release(&arena);
}

static void arena_goes_on_filling_after_a_large_piece(void **state)
{
    (void)state;
    struct mopt_arena arena;
    mopt__arena_init(&arena);
    char *first = mopt__arena_alloc(&arena, 1, 16);
    assert_non_null(mopt__arena_alloc(&arena, 1, 1000000)); // gets a block of its own
    assert_ptr_equal(mopt__arena_alloc(&arena, 1, 16), first + 16);
    mopt__arena_release(&arena);
}

static void arena_refuses_overflow(void **state)
{
    (void)state;
    struct mopt_arena arena;
    mopt__arena_init(&arena);
    assert_null(mopt__arena_alloc(&arena, SIZE_MAX / 2, 3));
    assert_null(mopt__arena_alloc(&arena, SIZE_MAX, 1));
    assert_null(mopt__arena_alloc(&arena, SIZE_MAX - 20, 1));
    assert_null(mopt__arena_strndup(&arena, "", SIZE_MAX));
    assert_int_equal(arena.bytes, 0);
    mopt__arena_release(&arena);
}

static void arena_copies_text(void **state)
{
    (void)state;
    struct mopt_arena arena;
    mopt__arena_init(&arena);
    assert_string_equal(mopt__arena_strdup(&arena, "abc"), "abc");
    assert_string_equal(mopt__arena_strdup(&arena, ""), "");
    assert_string_equal(mopt__arena_strndup(&arena, "abc", 2), "ab");
    assert_string_equal(mopt__arena_printf(&arena, "%s-%05d", "x", 42), "x-00042");
    assert_string_equal(mopt__arena_printf(&arena, "%s", ""), "");
    char *wide = mopt__arena_printf(&arena, "%9000d", 1);
    assert_int_equal(strlen(wide), 9000);
    mopt__arena_release(&arena);
}

static enum mopt_status use_arena(void *context, struct mopt_error *err)
{
    (void)context;
    struct mopt_arena arena;
    mopt__arena_init(&arena);
    bool done = mopt__arena_strdup(&arena, "a") && mopt__arena_alloc(&arena, 3, 5000) &&
                mopt__arena_printf(&arena, "%6000d", 1) && mopt__arena_alloc(&arena, 4000, 1);
    mopt__arena_release(&arena);
    return done ? MOPT_OK : mopt_error_memory(err);
}

static void arena_without_memory(void **state)
{
    (void)state;
    mopt__test_out_of_memory(use_arena, NULL);
}

static enum mopt_status use_heap(void *context, struct mopt_error *err)
{
    (void)context;
    char *text = mopt__strdup("x");
    void *aligned = mopt__malloc_aligned(100);
    void *zeroed = mopt__calloc(2, 2);
    void **items = NULL;
    size_t capacity = 0;
    enum mopt_status status = mopt__grow((void **)&items, &capacity, 3, sizeof *items, err);
    if (status == MOPT_OK) {
        status = mopt__grow((void **)&items, &capacity, 300, sizeof *items, err);
        assert_true(status == MOPT_OK || capacity == 8);
    }
    if (!text || !aligned || !zeroed) {
        status = mopt_error_memory(err);
    }
    mopt__free(text);
    mopt__free_aligned(aligned);
    mopt__free(zeroed);
    mopt__free(items);
    return status;
}

static void heap_without_memory(void **state)
{
    (void)state;
    mopt__test_out_of_memory(use_heap, NULL);
}

static void checked_arithmetic(void **state)
{
    (void)state;
    size_t n;
    int64_t i;
    assert_true(mopt__size_mul(SIZE_MAX, 1, &n) && n == SIZE_MAX);
    assert_false(mopt__size_mul(SIZE_MAX, 2, &n));
    assert_true(mopt__size_add(SIZE_MAX, 0, &n) && n == SIZE_MAX);
    assert_false(mopt__size_add(SIZE_MAX, 1, &n));
    assert_true(mopt__i64_mul(INT64_MIN, 1, &i) && i == INT64_MIN);
    assert_false(mopt__i64_mul(INT64_MIN, -1, &i));
    assert_false(mopt__i64_add(INT64_MAX, 1, &i));
    assert_false(mopt__i64_sub(INT64_MIN, 1, &i));
    assert_true(mopt__i64_sub(0, INT64_MAX, &i) && i == -INT64_MAX);
    assert_true(mopt__size_align(65, 64, &n) && n == 128);
    assert_true(mopt__size_align(0, 64, &n) && n == 0);
    assert_false(mopt__size_align(SIZE_MAX, 64, &n));
}

int mopt__test_alloc(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_bytes_give_a_pointer),
        cmocka_unit_test(overflow_gives_null),
        cmocka_unit_test(aligned_is_aligned),
        cmocka_unit_test(copies_text),
        cmocka_unit_test(grow_doubles_and_keeps),
        cmocka_unit_test(grow_survives_a_huge_capacity),
        cmocka_unit_test(arena_memory_is_zero_aligned_and_apart),
        cmocka_unit_test(arena_goes_on_filling_after_a_large_piece),
        cmocka_unit_test(arena_refuses_overflow),
        cmocka_unit_test(arena_copies_text),
        cmocka_unit_test(arena_without_memory),
        cmocka_unit_test(heap_without_memory),
        cmocka_unit_test(checked_arithmetic),
    };
    return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}
