// SPDX-License-Identifier: Apache-2.0
// Preloaded library: the N-th call that changes a file (write, fsync, rename, openat for writing,
// chmod, link) meets what MOPT_FAIL_HOW names, for N = MOPT_FAIL_AT:
//   an error number (28 = no space, 5 = I/O error, 4 = interrupted: that call only; 28 stays)
//   "short"  a write of half the bytes
//   "kill", "term", "int"  the process gets that signal before the call
// At exit the number of such calls goes to the file MOPT_FAIL_COUNT. Standard output and error
// are left alone.
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static uint64_t calls;
static uint64_t fail_at;
static char how[16];

__attribute__((constructor)) static void start(void)
{
    const char *at = getenv("MOPT_FAIL_AT");
    const char *text = getenv("MOPT_FAIL_HOW");
    fail_at = at != NULL ? strtoull(at, NULL, 10) : 0;
    (void)snprintf(how, sizeof how, "%s", text != NULL ? text : "");
}

__attribute__((destructor)) static void finish(void)
{
    const char *path = getenv("MOPT_FAIL_COUNT");
    uint64_t count = calls;
    fail_at = 0;
    FILE *file = path != NULL ? fopen(path, "w") : NULL;
    if (file != NULL) {
        (void)fprintf(file, "%llu\n", (unsigned long long)count);
        (void)fclose(file);
    }
}

// Function of the C library with this name.
static void *real(const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    if (symbol == NULL) {
        _exit(99);
    }
    return symbol;
}

// True when the call at hand has to fail, errno is set; *bytes may shrink instead.
static int fails(size_t *bytes)
{
    uint64_t call = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
    int number = atoi(how);
    int hit = fail_at != 0 && (call == fail_at || (number == ENOSPC && call > fail_at));
    if (!hit) {
        return 0;
    }
    if (strcmp(how, "short") == 0) {
        if (bytes != NULL && *bytes > 1) {
            *bytes /= 2;
        }
        return 0;
    }
    if (number == 0) {
        int which = strcmp(how, "term") == 0 ? SIGTERM : strcmp(how, "int") == 0 ? SIGINT : SIGKILL;
        (void)kill(getpid(), which);
        return 0;
    }
    errno = number;
    return 1;
}

ssize_t write(int fd, const void *data, size_t bytes)
{
    ssize_t (*next)(int, const void *, size_t);
    *(void **)&next = real("write");
    if (fd > STDERR_FILENO && fails(&bytes)) {
        return -1;
    }
    return next(fd, data, bytes);
}

int fsync(int fd)
{
    int (*next)(int);
    *(void **)&next = real("fsync");
    return fails(NULL) ? -1 : next(fd);
}

int fchmod(int fd, mode_t mode)
{
    int (*next)(int, mode_t);
    *(void **)&next = real("fchmod");
    return fails(NULL) ? -1 : next(fd, mode);
}

int renameat(int from_dir, const char *from, int to_dir, const char *to)
{
    int (*next)(int, const char *, int, const char *);
    *(void **)&next = real("renameat");
    return fails(NULL) ? -1 : next(from_dir, from, to_dir, to);
}

int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
    int (*next)(int, const char *, int, const char *, unsigned);
    *(void **)&next = real("renameat2");
    return fails(NULL) ? -1 : next(from_dir, from, to_dir, to, flags);
}

int openat(int dir, const char *path, int flags, ...)
{
    int (*next)(int, const char *, int, ...);
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    *(void **)&next = real("openat");
    if ((flags & O_ACCMODE) != O_RDONLY && fails(NULL)) {
        return -1;
    }
    return next(dir, path, flags, mode);
}
