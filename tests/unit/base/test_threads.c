// SPDX-License-Identifier: Apache-2.0
// Thread pool: ranges, nesting, several callers, sleep and wake, signals; processor counts by
// cgroup files.
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/internal.h"
#include "base/size.h"
#include "base/threads.h"
#include "tests.h"

enum { MOST = 1000 };

static struct mopt_pool *new_pool(int threads)
{
    struct mopt_error err;
    struct mopt_pool *pool;
    mopt_error_clear(&err);
    if (mopt__pool_new(threads, &pool, &err) != MOPT_OK) {
        fail_msg("%s", err.text);
    }
    return pool;
}

// Written by the bodies without atomics: two ranges that overlap are a race for the thread
// sanitizer too.
struct coverage {
    unsigned char touched[MOST];
    int64_t length[8]; // per thread, of its only range
    int calls[8];
};

static void cover(void *context, int64_t begin, int64_t end, int thread)
{
    struct coverage *coverage = context;
    coverage->calls[thread]++;
    coverage->length[thread] = end - begin;
    for (int64_t i = begin; i < end; i++) {
        coverage->touched[i]++;
    }
}

static void check_loop(struct mopt_pool *pool, int64_t count, int64_t grain)
{
    struct coverage coverage = {0};
    mopt__pool_for(pool, count, grain, cover, &coverage);
    int64_t longest = 0;
    int64_t shortest = INT64_MAX;
    int calls = 0;
    for (int t = 0; t < 8; t++) {
        assert_in_range(coverage.calls[t], 0, 1);
        if (coverage.calls[t]) {
            calls++;
            longest = coverage.length[t] > longest ? coverage.length[t] : longest;
            shortest = coverage.length[t] < shortest ? coverage.length[t] : shortest;
        }
    }
    for (int64_t i = 0; i < MOST; i++) {
        if (coverage.touched[i] != (i < count)) {
            fail_msg("index %d of %d touched %d times", (int)i, (int)count, coverage.touched[i]);
        }
    }
    int64_t step = grain > 0 ? grain : 1;
    int64_t expected = count / step < mopt__pool_size(pool) ? count / step : mopt__pool_size(pool);
    assert_int_equal(calls, count == 0 ? 0 : expected < 1 ? 1 : expected);
    assert_true(count == 0 || calls == 1 || (shortest >= step && longest - shortest <= 1));
}

static void ranges_cover_once(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 8; threads++) {
        struct mopt_pool *pool = new_pool(threads);
        assert_int_equal(mopt__pool_size(pool), threads);
        for (int64_t count = 0; count <= MOST; count += count < 40 ? 1 : 13) {
            check_loop(pool, count, 0);
            check_loop(pool, count, 7);
        }
        check_loop(pool, MOST, 1);
        check_loop(pool, MOST, MOST / 2);
        check_loop(pool, MOST, MOST);
        check_loop(pool, MOST, INT64_MAX);
        mopt__pool_free(pool);
    }
}

static void no_pool_is_one_call(void **state)
{
    (void)state;
    assert_int_equal(mopt__pool_size(NULL), 1);
    check_loop(NULL, 0, 1);
    check_loop(NULL, MOST, 1);
    mopt__pool_free(NULL);
    struct coverage coverage = {0};
    mopt__pool_for(NULL, -5, 1, cover, &coverage);
    assert_int_equal(coverage.calls[0], 0);
}

static void sum_length(void *context, int64_t begin, int64_t end, int thread)
{
    int64_t *lengths = context;
    lengths[thread] = end - begin;
}

static void huge_counts_split_evenly(void **state)
{
    (void)state;
    struct mopt_pool *pool = new_pool(3);
    int64_t lengths[3] = {0};
    mopt__pool_for(pool, INT64_MAX, 1, sum_length, lengths);
    int64_t third = INT64_MAX / 3;
    assert_true(lengths[0] == third + 1 && lengths[1] == third && lengths[2] == third);
    mopt__pool_free(pool);
}

static void sleepers_wake(void **state)
{
    (void)state;
    struct mopt_pool *pool = new_pool(4);
    for (int round = 0; round < 5; round++) {
        const struct timespec nap = {.tv_nsec = 3000000}; // far longer than workers spin
        nanosleep(&nap, NULL);
        check_loop(pool, MOST, 1);
        check_loop(pool, 2, 1); // some workers stay asleep
    }
    mopt__pool_free(pool);
}

static void pools_come_and_go(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct mopt_pool *pool = new_pool(1 + i % 8);
        if (i % 3) {
            check_loop(pool, 100, 1);
        }
        mopt__pool_free(pool);
    }
}

static void many_small_loops(void **state)
{
    (void)state;
    struct mopt_pool *pool = new_pool(3);
    int64_t lengths[3] = {0};
    int64_t total = 0;
    for (int i = 0; i < 3000; i++) {
        mopt__pool_for(pool, 3 + i % 5, 1, sum_length, lengths);
        total += lengths[0] + lengths[1] + lengths[2];
    }
    assert_int_equal(total, 3000 * 5);
    mopt__pool_free(pool);
}

struct nested {
    struct mopt_pool *pool;
    pthread_t outer[8];
    int64_t scratch[8]; // one place per thread index: shared by two threads it is a race
    atomic_int bad;
};

static void inner_body(void *context, int64_t begin, int64_t end, int thread)
{
    struct nested *nested = context;
    nested->scratch[thread] += end - begin;
    if (!pthread_equal(nested->outer[thread], pthread_self()) || begin != 0 || end != 10) {
        atomic_fetch_add(&nested->bad, 1);
    }
}

static void outer_body(void *context, int64_t begin, int64_t end, int thread)
{
    struct nested *nested = context;
    nested->outer[thread] = pthread_self();
    for (int64_t i = begin; i < end; i++) {
        mopt__pool_for(nested->pool, 10, 1, inner_body, nested);
    }
}

static void nested_loops_are_serial(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        struct nested nested = {.pool = new_pool(threads)};
        mopt__pool_for(nested.pool, 40, 1, outer_body, &nested);
        int64_t total = 0;
        for (int t = 0; t < 8; t++) {
            total += nested.scratch[t];
        }
        assert_int_equal(total, 400);
        assert_int_equal(atomic_load(&nested.bad), 0);
        check_loop(nested.pool, 100, 1); // parallel again
        mopt__pool_free(nested.pool);
    }
}

static void null_body(void *context, int64_t begin, int64_t end, int thread)
{
    atomic_int *bad = context;
    if (begin != 0 || end != 5 || thread != 0) {
        atomic_fetch_add(bad, 1);
    }
}

static void null_from_inside(void *context, int64_t begin, int64_t end, int thread)
{
    (void)begin;
    (void)end;
    (void)thread;
    mopt__pool_for(NULL, 5, 1, null_body, context);
}

static void nested_loop_without_pool_has_thread_zero(void **state)
{
    (void)state;
    atomic_int bad = 0;
    struct mopt_pool *pool = new_pool(4);
    mopt__pool_for(pool, 4, 1, null_from_inside, &bad);
    assert_int_equal(atomic_load(&bad), 0);
    mopt__pool_free(pool);
}

struct caller {
    struct mopt_pool *pool;
    int64_t total;
};

static void *call_often(void *argument)
{
    struct caller *caller = argument;
    for (int i = 0; i < 300; i++) {
        int64_t lengths[4] = {0};
        mopt__pool_for(caller->pool, 50, 1, sum_length, lengths);
        caller->total += lengths[0] + lengths[1] + lengths[2] + lengths[3];
    }
    return NULL;
}

static void several_callers_take_turns(void **state)
{
    (void)state;
    struct mopt_pool *pool = new_pool(4);
    struct caller callers[3];
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) {
        callers[i] = (struct caller){.pool = pool};
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(callers[i].total, 300 * 50);
    }
    mopt__pool_free(pool);
}

static void look_at_mask(void *context, int64_t begin, int64_t end, int thread)
{
    (void)begin;
    (void)end;
    if (thread == 0) { // workers have time to come before the caller runs their parts
        const struct timespec nap = {.tv_nsec = 5000000};
        nanosleep(&nap, NULL);
    }
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    int *blocked = context;
    blocked[thread] = sigismember(&mask, SIGINT) + 2 * sigismember(&mask, SIGTERM) +
                      4 * !sigismember(&mask, SIGSEGV);
}

static void workers_take_no_signals(void **state)
{
    (void)state;
    struct mopt_pool *pool = new_pool(3);
    int seen[3] = {0, 0, 0};
    for (int round = 0; round < 400 && seen[1] + seen[2] < 2 * 7; round++) {
        int blocked[3] = {-1, -1, -1};
        mopt__pool_for(pool, 3, 1, look_at_mask, blocked);
        assert_int_equal(blocked[0], 4); // the caller's mask is as it was
        for (int i = 1; i < 3; i++) {
            assert_true(blocked[i] == 7 || blocked[i] == 4); // 4: the caller ran that part, too
            seen[i] = blocked[i] > seen[i] ? blocked[i] : seen[i];
        }
    }
    assert_int_equal(seen[1], 7);
    assert_int_equal(seen[2], 7);
    mopt__pool_free(pool);
}

static void sizes_are_checked(void **state)
{
    (void)state;
    struct mopt_error err;
    struct mopt_pool *pool;
    assert_int_equal(mopt__pool_new(-1, &pool, &err), MOPT_E_USAGE);
    assert_null(pool);
    assert_int_equal(mopt__pool_new(257, &pool, &err), MOPT_E_USAGE);
    pool = new_pool(0);
    assert_int_equal(mopt__pool_size(pool), mopt__cpu_count() < 256 ? mopt__cpu_count() : 256);
    mopt__pool_free(pool);
    pool = new_pool(256);
    assert_int_equal(mopt__pool_size(pool), 256);
    int64_t lengths[256] = {0};
    mopt__pool_for(pool, 256, 1, sum_length, lengths);
    for (int i = 0; i < 256; i++) {
        assert_int_equal(lengths[i], 1);
    }
    mopt__pool_free(pool);
}

static void affinity_counts(void **state)
{
    (void)state;
    cpu_set_t before;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_in_range(mopt__cpu_count(), 1, CPU_COUNT(&before));
    size_t first = 0;
    while (!CPU_ISSET(first, &before)) {
        first++;
    }
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    int count = mopt__cpu_count();
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_int_equal(count, 1);
}

static void make_folders(const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(mkdir(mopt__test_path_in(names[i]), 0777), 0);
    }
}

static int quota(const char *list)
{
    mopt__test_write(mopt__test_path_in("list"), list);
    return mopt__cgroup_cpus(mopt__test_path_in("list"), mopt__test_path_in("m"));
}

static void quotas_of_version_2(void **state)
{
    (void)state;
    static const char *const folders[] = {"m", "m/a", "m/a/b"};
    mopt__test_folder();
    make_folders(folders, MOPT_COUNTOF(folders));
    assert_int_equal(quota("0::/a/b\n"), 0); // no files: no limit
    mopt__test_write(mopt__test_path_in("m/a/b/cpu.max"), "max 100000\n");
    assert_int_equal(quota("0::/a/b\n"), 0);
    mopt__test_write(mopt__test_path_in("m/a/b/cpu.max"), "250000 100000\n");
    assert_int_equal(quota("0::/a/b\n"), 3); // 2.5 rounded up
    mopt__test_write(mopt__test_path_in("m/a/b/cpu.max"), "50000 100000\n");
    assert_int_equal(quota("0::/a/b\n"), 1);
    mopt__test_write(mopt__test_path_in("m/a/b/cpu.max"), "800000 100000\n");
    mopt__test_write(mopt__test_path_in("m/a/cpu.max"), "400000 100000\n");
    assert_int_equal(quota("0::/a/b\n"), 4); // the parent is stricter
    mopt__test_write(mopt__test_path_in("m/cpu.max"), "200000 100000\n");
    assert_int_equal(quota("0::/a/b\n"), 2);
    assert_int_equal(quota("0::/\n"), 2);
    assert_int_equal(quota("0::/not/visible\n"), 2);
    mopt__test_write(mopt__test_path_in("m/cpu.max"), "garbage");
    assert_int_equal(quota("0::/a/b\n"), 4);
    mopt__test_write(mopt__test_path_in("m/cpu.max"), "100000 0\n");
    assert_int_equal(quota("0::/a/b"), 4);
    mopt__test_write(mopt__test_path_in("m/cpu.max"), "-5 100000\n");
    assert_int_equal(quota("0::/a/b\n"), 4);
    assert_int_equal(quota(""), 0);
    assert_int_equal(quota("nonsense\n\n::\n"), 0);
    assert_int_equal(mopt__cgroup_cpus(mopt__test_path_in("none"), mopt__test_path_in("m")), 0);
    mopt__test_remove_folder();
}

static void quotas_of_version_1(void **state)
{
    (void)state;
    static const char *const folders[] = {"m", "m/cpu,cpuacct", "m/cpu,cpuacct/job", "m/cpuset",
                                          "m/cpuset/job"};
    mopt__test_folder();
    make_folders(folders, MOPT_COUNTOF(folders));
    mopt__test_write(mopt__test_path_in("m/cpu,cpuacct/job/cpu.cfs_quota_us"), "300000\n");
    mopt__test_write(mopt__test_path_in("m/cpu,cpuacct/job/cpu.cfs_period_us"), "100000\n");
    mopt__test_write(mopt__test_path_in("m/cpu,cpuacct/cpu.cfs_quota_us"), "-1\n");
    mopt__test_write(mopt__test_path_in("m/cpu,cpuacct/cpu.cfs_period_us"), "100000\n");
    mopt__test_write(mopt__test_path_in("m/cpuset/job/cpu.cfs_quota_us"),
                     "100000\n"); // must not count
    mopt__test_write(mopt__test_path_in("m/cpuset/job/cpu.cfs_period_us"), "100000\n");
    assert_int_equal(quota("9:cpuset:/job\n4:cpu,cpuacct:/job\n1:name=systemd:/x\n"), 3);
    assert_int_equal(quota("4:cpuacct,cpu:/job\n"), 3);
    assert_int_equal(quota("4:cpu,cpuacct:/\n"), 0);
    assert_int_equal(quota("9:cpuset:/job\n"), 0);
    mopt__test_remove_folder();
}

static enum mopt_status make_pool(void *context, struct mopt_error *err)
{
    (void)context;
    struct mopt_pool *pool;
    enum mopt_status status = mopt__pool_new(1, &pool, err);
    mopt__pool_free(pool);
    return status;
}

static void pool_without_memory(void **state)
{
    (void)state;
    mopt__test_out_of_memory(make_pool, NULL);
}

int mopt__test_threads(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_cover_once),
        cmocka_unit_test(no_pool_is_one_call),
        cmocka_unit_test(huge_counts_split_evenly),
        cmocka_unit_test(sleepers_wake),
        cmocka_unit_test(pools_come_and_go),
        cmocka_unit_test(many_small_loops),
        cmocka_unit_test(nested_loops_are_serial),
        cmocka_unit_test(nested_loop_without_pool_has_thread_zero),
        cmocka_unit_test(several_callers_take_turns),
        cmocka_unit_test(workers_take_no_signals),
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(affinity_counts),
        cmocka_unit_test(quotas_of_version_2),
        cmocka_unit_test(quotas_of_version_1),
        cmocka_unit_test(pool_without_memory),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
