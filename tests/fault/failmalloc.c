// SPDX-License-Identifier: Apache-2.0
// Preloaded library: the N-th allocation of the process fails (MOPT_FAIL_AT=N), with MOPT_FAIL_ALL
// every later one too. At exit the number of allocations goes to the file MOPT_FAIL_COUNT. With
// MOPT_FAIL_TRACE the place of the failure is printed (addr2line -e mopt tells the lines). It
// starts to count when main is about to run: what the loader and constructors of libraries take is
// not ours.
#include <errno.h>
#include <execinfo.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

// Entries of the C library behind the names that are replaced.
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t bytes);
extern void *__libc_memalign(size_t align, size_t bytes);

static uint64_t calls;
static uint64_t fail_at;
static int fail_all;
static int ready;
static int trace;

__attribute__((constructor)) static void start(void)
{
    const char *at = getenv("MOPT_FAIL_AT");
    fail_at = at != NULL ? strtoull(at, NULL, 10) : 0;
    fail_all = getenv("MOPT_FAIL_ALL") != NULL;
    trace = getenv("MOPT_FAIL_TRACE") != NULL;
    ready = 1;
}

__attribute__((destructor)) static void finish(void)
{
    const char *path = getenv("MOPT_FAIL_COUNT");
    uint64_t count = calls;
    ready = 0;
    FILE *file = path != NULL ? fopen(path, "w") : NULL;
    if (file != NULL) {
        (void)fprintf(file, "%llu\n", (unsigned long long)count);
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
    if (trace) {
        void *frames[16];
        ready = 0;
        backtrace_symbols_fd(frames, backtrace(frames, 16), 2);
        ready = 1;
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
