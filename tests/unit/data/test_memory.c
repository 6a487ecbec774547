// SPDX-License-Identifier: Apache-2.0
// Allocations that fail, one after the other: a clear error each time, nothing leaks. The C library
// lets a program bring its own malloc; builds whose sanitizer owns malloc only run the scenarios
// once.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "golden_numbers.h"
#include "golden_pictures.h"
#include "tests.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#if !defined(SANITIZED) && defined(__GLIBC__)
#define OWN_MALLOC 1
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t bytes);
extern void *__libc_memalign(size_t align, size_t bytes);
extern void __libc_free(void *p);

static _Thread_local size_t countdown; // the allocation that fails, 0 = none
static _Thread_local bool fired;
static _Thread_local long long live; // allocations less releases of this thread

static bool refuse(void)
{
    if (countdown > 0 && --countdown == 0) {
        fired = true;
        errno = ENOMEM;
        return true;
    }
    return false;
}

static void *counted(void *p)
{
    live += p != NULL;
    return p;
}

void *malloc(size_t bytes)
{
    return refuse() ? NULL : counted(__libc_malloc(bytes));
}

void *calloc(size_t count, size_t size)
{
    return refuse() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *old, size_t bytes)
{
    if (refuse()) {
        return NULL;
    }
    void *grown = __libc_realloc(old, bytes);
    return old ? grown : counted(grown);
}

void *aligned_alloc(size_t align, size_t bytes)
{
    return refuse() ? NULL : counted(__libc_memalign(align, bytes));
}

void free(void *p)
{
    live -= p != NULL;
    __libc_free(p);
}
#endif

struct scenario {
    const char *path, *inputs;
    struct mopt_data_options options;
};

static enum mopt_status read_through(const struct scenario *scenario, const struct specs *specs,
                                     struct mopt_error *err)
{
    struct mopt_data_options options = scenario->options;
    struct mopt_dataset *dataset = NULL;
    const struct mopt_sample *sample = NULL;
    options.path = scenario->path;
    options.dims = specs->model->dims;
    mopt_error_clear(err);
    enum mopt_status status =
        mopt__dataset_open(&options, specs->items, specs->count, &dataset, err);
    do {
        status = status == MOPT_OK ? mopt__dataset_next(dataset, &sample, err) : status;
    } while (status == MOPT_OK && sample);
    mopt__dataset_close(dataset);
    return status;
}

// Each allocation fails in one run; the run that meets no failure ends the loop.
static void fail_each(const struct scenario *scenario)
{
    struct specs specs = mopt__test_specs(scenario->inputs);
    struct mopt_error err;
    mopt__test_works(read_through(scenario, &specs, &err), &err);
#if defined(OWN_MALLOC)
    size_t failures = 0;
    for (size_t n = 1;; n++) {
        long long before = live;
        fired = false;
        countdown = n;
        enum mopt_status status = read_through(scenario, &specs, &err);
        countdown = 0;
        assert_int_equal(live, before);
        if (!fired) {
            mopt__test_works(status, &err);
            break;
        }
        // A name that cannot be read is no name; all else is told.
        assert_true(status == MOPT_E_MEMORY || status == MOPT_OK || status == MOPT_E_IO ||
                    status == MOPT_E_FORMAT);
        assert_true(status == MOPT_OK || err.text[0] != '\0');
        failures += status == MOPT_E_MEMORY;
    }
    assert_true(failures > 10);
#endif
    mopt__test_specs_free(&specs);
}

static void every_kind_of_data(void **state)
{
    (void)state;
    char folder[64];
    char list[512];
    strcpy(folder, mopt__test_folder());
    mopt__test_write("p.npz", NPZ_PACKED, sizeof NPZ_PACKED);
    mopt__test_make_folder("a");
    mopt__test_write("a/1.png", FILE_PNG_PALETTE, sizeof FILE_PNG_PALETTE);
    mopt__test_write("a/2.jpg", FILE_JPEG_CMYK, sizeof FILE_JPEG_CMYK);
    strcpy(list, mopt__test_write_text("list", "x=a/1.png 1\nx=a/2.jpg 2\n"));
    const struct scenario scenarios[] = {
        {mopt__test_path_in("p.npz"),
         "float[batch,10] x, float[batch] ids",
         {.batch = 3, .shuffle = true}},
        {mopt__test_path_in("p.npz"), "float[batch,10] x, float[batch] ids", {.batch = 3}},
        {list, "float[batch,3,4,6] x", {.batch = 2, .preprocess = "rgb,resize=6x4,chw"}},
        {folder, "float[batch,3,4,4] x", {.preprocess = "letterbox=4:pil-lanczos,rgb,chw"}},
        {mopt__test_path_in("a"), "float[batch,3,h,w] x", {.preprocess = "imagenet"}},
        {"random", "float[batch,3,h,w] x, string[batch] s", {.samples = 3}},
    };
    for (size_t i = 0; i < MOPT_COUNTOF(scenarios); i++) {
        fail_each(&scenarios[i]);
    }
    mopt__test_remove_folder();
}

int mopt__test_memory(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_kind_of_data)};
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
