// SPDX-License-Identifier: Apache-2.0
// Scratch folders and allocations that fail on demand. The C library lets a program bring its own
// malloc; ours forwards to the real one and counts, so that failure paths and leaks show without a
// sanitizer.
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

void mopt__test_out_of_memory(enum mopt_status (*scenario)(void *context, struct mopt_error *err),
                              void *context)
{
    struct mopt_error err;
    mopt_error_clear(&err);
    assert_int_equal(scenario(context, &err), MOPT_OK); // first use of streams and the like
#if defined(OWN_MALLOC)
    size_t failures = 0;
    for (size_t n = 1;; n++) {
        assert_true(n < 10000);
        mopt_error_clear(&err);
        long long before = live;
        fired = false;
        countdown = n;
        enum mopt_status status = scenario(context, &err);
        countdown = 0;
        bool failed = fired;
        assert_int_equal(live, before);
        if (!failed) {
            assert_int_equal(status, MOPT_OK);
            assert_true(failures > 0); // a scenario without allocations proves nothing
            return;
        }
        failures++;
        assert_int_equal(status, MOPT_E_MEMORY);
    }
#endif
}

static char folder[256];

const char *mopt__test_folder(void)
{
    const char *base = getenv("TMPDIR");
    int length = snprintf(folder, sizeof folder, "%s/mopt-base-XXXXXX", base ? base : "/tmp");
    assert_in_range(length, 1, sizeof folder - 1);
    assert_non_null(mkdtemp(folder));
    return folder;
}

const char *mopt__test_path_in(const char *name)
{
    static char paths[8][1024];
    static size_t next;
    char *path = paths[next++ % 8];
    int length = snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    assert_in_range(length, 1, sizeof paths[0] - 1);
    return path;
}

static void remove_tree(const char *path)
{
    DIR *list = opendir(path);
    assert_non_null(list);
    const struct dirent *entry;
    while ((entry = readdir(list)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        char child[1024];
        int length = snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
        assert_in_range(length, 1, sizeof child - 1);
        struct stat info;
        assert_int_equal(lstat(child, &info), 0);
        if (S_ISDIR(info.st_mode)) {
            remove_tree(child);
        } else {
            assert_int_equal(unlink(child), 0);
        }
    }
    closedir(list);
    assert_int_equal(rmdir(path), 0);
}

void mopt__test_remove_folder(void)
{
    remove_tree(folder);
}

void mopt__test_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

void mopt__test_expect_content(const char *path, const char *text)
{
    char content[4096];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t bytes = fread(content, 1, sizeof content - 1, file);
    fclose(file);
    content[bytes] = '\0';
    assert_string_equal(content, text);
}

size_t mopt__test_count_entries(const char *path)
{
    size_t count = 0;
    DIR *list = opendir(path);
    assert_non_null(list);
    while (readdir(list)) {
        count++;
    }
    closedir(list);
    return count - 2;
}
