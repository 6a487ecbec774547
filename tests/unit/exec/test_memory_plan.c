// SPDX-License-Identifier: Apache-2.0
// The memory planner: no two buffers alive at one step overlap, and simple cases reach the lower
// bound.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "exec/memory_plan.h"
#include "tests.h"

enum { RANDOM_ITEMS = 120, MANY_ITEMS = 6000 };

static void check_disjoint(const struct mopt_plan_item *items, size_t count, size_t total)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(items[i].offset % 64, 0);
        assert_true(items[i].offset + items[i].bytes <= total);
        for (size_t j = 0; j < i; j++) {
            bool alive = items[i].first <= items[j].last && items[j].first <= items[i].last;
            bool apart = items[i].offset + items[i].bytes <= items[j].offset ||
                         items[j].offset + items[j].bytes <= items[i].offset;
            assert_true(!alive || apart);
        }
    }
}

static void test_chain_reuses_two_buffers(void **state)
{
    (void)state;
    struct mopt_plan_item items[8];
    for (uint32_t i = 0; i < 8; i++) {
        items[i] = (struct mopt_plan_item){.bytes = 1024, .first = i, .last = i + 1};
    }
    size_t total;
    size_t floor;
    struct mopt_error err;
    assert_int_equal(mopt__memory_plan(items, 8, &total, &floor, &err), MOPT_OK);
    check_disjoint(items, 8, total);
    assert_int_equal(total, 2048);
    assert_int_equal(floor, 2048);
}

static void random_items(struct mopt_plan_item *items, size_t count, uint64_t seed)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, seed);
    for (size_t i = 0; i < count; i++) {
        uint32_t first = (uint32_t)mopt__rng_below(&rng, count);
        items[i] = (struct mopt_plan_item){.bytes = 1 + mopt__rng_below(&rng, 100000),
                                           .first = first,
                                           .last = first + (uint32_t)mopt__rng_below(&rng, 12)};
    }
}

static void test_random_plans_are_disjoint(void **state)
{
    (void)state;
    struct mopt_plan_item items[RANDOM_ITEMS];
    for (uint64_t seed = 0; seed < 50; seed++) {
        size_t total;
        size_t floor;
        struct mopt_error err;
        random_items(items, RANDOM_ITEMS, seed);
        assert_int_equal(mopt__memory_plan(items, RANDOM_ITEMS, &total, &floor, &err), MOPT_OK);
        check_disjoint(items, RANDOM_ITEMS, total);
        assert_true(total >= floor);
        assert_true(total <= 2 * floor);
    }
}

static void test_many_items_take_the_timed_path(void **state)
{
    (void)state;
    static struct mopt_plan_item items[MANY_ITEMS];
    size_t total;
    size_t floor;
    struct mopt_error err;
    random_items(items, MANY_ITEMS, 7);
    assert_int_equal(mopt__memory_plan(items, MANY_ITEMS, &total, &floor, &err), MOPT_OK);
    check_disjoint(items, MANY_ITEMS, total);
    assert_true(total <= 3 * floor);
}

static void test_sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    struct mopt_plan_item items[] = {{.bytes = SIZE_MAX - 100, .first = 0, .last = 0},
                                     {.bytes = 4096, .first = 0, .last = 0}};
    size_t total;
    size_t floor;
    struct mopt_error err;
    assert_int_equal(mopt__memory_plan(items, 2, &total, &floor, &err), MOPT_E_LIMIT);
}

int mopt__test_memory_plan(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chain_reuses_two_buffers),
        cmocka_unit_test(test_random_plans_are_disjoint),
        cmocka_unit_test(test_many_items_take_the_timed_path),
        cmocka_unit_test(test_sizes_that_overflow_are_refused),
    };
    return cmocka_run_group_tests_name("memory_plan", tests, NULL, NULL);
}
