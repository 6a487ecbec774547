// SPDX-License-Identifier: Apache-2.0
// Opening a file that a model names, without leaving the model's folder: by openat2 where the
// kernel has it, else component by component. Knows nothing of mappings and messages.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(SYS_openat2)
#include <linux/openat2.h>
#endif

#include "base/alloc.h"
#include "base/internal.h"

// O_NONBLOCK: opening a pipe without a writer must not hang; O_NOCTTY: a terminal must not become
// ours.
enum { FILE_FLAGS = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };

#if defined(SYS_openat2)
int mopt__open_beneath_kernel(int dir, const char *relative)
{
    struct open_how how;
    memset(&how, 0, sizeof how);
    how.flags = (unsigned)FILE_FLAGS;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    for (int attempt = 0; attempt < 16; attempt++) {
        int fd = (int)syscall(SYS_openat2, dir, relative, &how, sizeof how);
        if (fd >= 0) {
            return fd;
        }
        if (errno != EAGAIN && errno != EINTR) { // EAGAIN: something was renamed on the way
            break;
        }
    }
    return -errno;
}
#else
int mopt__open_beneath_kernel(int dir, const char *relative)
{
    (void)dir;
    (void)relative;
    return -ENOSYS;
}
#endif

// Opens folder `name` in `dir`. A symbolic link is no folder for O_NOFOLLOW: tell it apart for the
// message.
static int open_step(int dir, const char *name)
{
    int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        return fd;
    }
    int code = errno;
    struct stat info;
    if (code == ENOTDIR && fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(info.st_mode)) {
        code = ELOOP;
    }
    return -code;
}

// path is writable and is taken apart.
static int walk(int dir, char *path)
{
    int here = dir;
    char *slash;
    while ((slash = strchr(path, '/')) != NULL) {
        *slash = '\0';
        int next = *path ? open_step(here, path) : here; // doubled slashes stay in place
        if (next != here && here != dir) {
            close(here);
        }
        if (next < 0) {
            return next;
        }
        here = next;
        path = slash + 1;
    }
    int fd = openat(here, *path ? path : ".", FILE_FLAGS);
    int code = fd < 0 ? -errno : fd;
    if (here != dir) {
        close(here);
    }
    return code;
}

int mopt__open_beneath_walk(int dir, const char *relative)
{
    char *path = mopt__strdup(relative);
    if (!path) {
        return -ENOMEM;
    }
    int fd = walk(dir, path);
    mopt__free(path);
    return fd;
}
