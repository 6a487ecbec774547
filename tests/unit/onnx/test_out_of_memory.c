// SPDX-License-Identifier: Apache-2.0
// Allocation failing at the n-th call of load and save, for every n: a clean error, nothing lost.
// The allocator of the program is replaced here; sanitizers bring their own, so with them the suite
// has nothing to do.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

int mopt__test_out_of_memory(void)
{
    return 0;
}

#else

// Entries of the C library behind the names that are replaced.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t align, size_t size);
extern void __libc_free(void *p);

static bool counting;
static long calls_left; // until the failure; negative: never
static long live;       // blocks taken while counting and not given back

static bool refused(void)
{
    return counting && calls_left >= 0 && calls_left-- == 0;
}

static void *counted(void *p)
{
    live += counting && p != NULL ? 1 : 0;
    return p;
}

void *malloc(size_t size)
{
    return refused() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return refused() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *old, size_t size)
{
    if (refused()) {
        return NULL;
    }
    void *p = __libc_realloc(old, size);
    return old == NULL ? counted(p) : p;
}

void *aligned_alloc(size_t align, size_t size)
{
    return refused() ? NULL : counted(__libc_memalign(align, size));
}

void free(void *p)
{
    live -= counting && p != NULL ? 1 : 0;
    __libc_free(p);
}

static void load_fails_cleanly(void **state)
{
    char *dir = temp_dir();
    const char *path = in_dir(dir, "m.onnx");
    struct pb pb = full_model();
    struct mopt_error err;
    struct mopt_model *model = NULL;
    enum mopt_status status = MOPT_E_MEMORY;
    long n = 0;
    (void)state;

    mopt_error_clear(&err);
    assert_int_equal(mopt__file_write(path, pb.data, pb.size, false, &err), MOPT_OK);
    for (; status != MOPT_OK && n < 100000; n++) {
        mopt_error_clear(&err);
        live = 0;
        calls_left = n;
        counting = true;
        status = mopt__onnx_load(path, NULL, &model, &err);
        if (status == MOPT_OK) {
            mopt__model_free(model);
        }
        counting = false;
        assert_true(status == MOPT_OK || status == MOPT_E_MEMORY);
        assert_true(live == 0);
    }
    assert_int_equal(status, MOPT_OK);
    assert_true(n > 20); // there was something to fail
    pb_free(&pb);
    remove_dir(dir);
}

static void save_fails_cleanly(void **state)
{
    char *dir = temp_dir();
    char path[128];
    char data[128];
    struct pb pb = full_model();
    struct mopt_model *model = assert_loads(&pb);
    struct mopt_onnx_save_options options = {.external = 1, .external_min = 1};
    struct mopt_error err;
    enum mopt_status status = MOPT_E_MEMORY;
    long n = 0;
    (void)state;

    (void)snprintf(path, sizeof path, "%s/m.onnx", dir);
    (void)snprintf(data, sizeof data, "%s/m.onnx.data", dir);
    for (; status != MOPT_OK && n < 100000; n++) {
        struct mopt_save_result result;

        mopt_error_clear(&err);
        live = 0;
        calls_left = n;
        counting = true;
        status = mopt__onnx_save(model, path, &options, &result, &err);
        if (status == MOPT_OK) {
            mopt__save_result_release(&result);
        }
        counting = false;
        if (status != MOPT_OK && status != MOPT_E_MEMORY) {
            fail_msg("call %ld: %s", n, err.text);
        }
        assert_true(live == 0);
        // The last steps (the record of what was written) may fail when the files stand already.
        (void)remove(path);
        (void)remove(data);
    }
    assert_int_equal(status, MOPT_OK);
    assert_true(n > 10);
    mopt__model_free(model);
    remove_dir(dir);
}

int mopt__test_out_of_memory(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load_fails_cleanly),
        cmocka_unit_test(save_fails_cleanly),
    };

    return cmocka_run_group_tests_name("out_of_memory", tests, NULL, NULL);
}

#endif
