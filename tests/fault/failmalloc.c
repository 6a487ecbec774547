// SPDX-License-Identifier: Apache-2.0
// Preloaded library: the N-th allocation of the process fails (MOPT_FAIL_AT=N), with MOPT_FAIL_ALL=1 every later one too. The
// number of allocations is written to the file MOPT_FAIL_COUNT at exit.
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t bytes);
void *__libc_memalign(size_t align, size_t bytes);

static uint64_t calls;
static uint64_t fail_at;
static int fail_all;
static int ready;

__attribute__((constructor)) static void start(void)
{
    const char *at = getenv("MOPT_FAIL_AT");
    fail_at = at != NULL ? strtoull(at, NULL, 10) : 0;
    fail_all = getenv("MOPT_FAIL_ALL") != NULL;
    ready = 1;
}

__attribute__((destructor)) static void finish(void)
{
    const char *path = getenv("MOPT_FAIL_COUNT");
    ready = 0;
    FILE *file = path != NULL ? fopen(path, "w") : NULL;
    if (file != NULL) {
        (void)fprintf(file, "%llu\n", (unsigned long long)calls);
        (void)fclose(file);
    }
}

static int fails(void)
{
    if (!ready) {
        return 0;
    }
    uint64_t call = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    if (fail_at == 0 || (fail_all ? call < fail_at : call != fail_at)) {
        return 0;
    }
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t bytes)
{
    return fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t bytes)
{
    return fails() ? NULL : __libc_realloc(old, bytes);
}

void *aligned_alloc(size_t align, size_t bytes)
{
    return fails() ? NULL : __libc_memalign(align, bytes);
}

int posix_memalign(void **out, size_t align, size_t bytes)
{
    void *p = fails() ? NULL : __libc_memalign(align, bytes);
    if (p == NULL) {
        return ENOMEM;
    }
    *out = p;
    return 0;
}
