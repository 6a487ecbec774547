// SPDX-License-Identifier: Apache-2.0
// Atomic output: bytes go to a temporary file beside the target, which takes the target's name when
// all is on disk. Pipes and character devices cannot be replaced and are written directly. Knows
// nothing of formats.
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/internal.h"
#include "base/size.h"

enum {
    BUFFER_BYTES = 1 << 20,
    WRITE_LARGEST = 1 << 30, // one write() takes no more than 2 GiB
    LINKS_LARGEST = 40,      // as in the kernel
};

struct mopt_output {
    char *path;   // as given, for messages
    char *target; // last part of the resolved path, NULL when written directly
    uint8_t *buffer;
    size_t used;
    uint64_t position;
    int fd;
    struct mopt_temporary *temporary; // NULL when written directly
    bool force;
    bool owns_fd;
    struct mopt_error failure; // the first one, MOPT_OK while there is none
};

// Frees everything; what is on disk stays as it is.
static void free_output(struct mopt_output *output)
{
    if (output->owns_fd && output->fd >= 0) {
        close(output->fd); // only when failed: else it was closed with a look at the result
    }
    mopt__temporary_free(output->temporary);
    mopt__free(output->buffer);
    mopt__free(output->target);
    mopt__free(output->path);
    mopt__free(output);
}

void mopt__output_abort(struct mopt_output *output)
{
    if (!output) {
        return;
    }
    if (output
            ->temporary) { // while it is still filed: a signal in between must not leave it behind
        unlinkat(output->temporary->folder, output->temporary->name, 0);
    }
    free_output(output);
}

static enum mopt_status create_failed(const char *path, int code, struct mopt_error *err)
{
    enum mopt_status status = MOPT_E_CREATE;
    switch (code) {
    case ENOMEM:
        return mopt_error_memory(err);
    case ENOSPC:
    case EDQUOT:
    case EIO:
        status = MOPT_E_IO;
        break;
    case EMFILE:
    case ENFILE:
        status = MOPT_E_LIMIT;
        break;
    case EINTR:
        status = MOPT_E_INTERRUPTED;
        break;
    default:
        break;
    }
    return mopt_error_set(err, status, "cannot create '%s': %s", path, mopt__errno_text(code));
}

// The path that `link` points to, NULL with errno set on failure.
static char *follow_link(const char *link)
{
    char text[4096];
    ssize_t length = readlink(link, text, sizeof text);
    if (length < 0 || (size_t)length == sizeof text) {
        errno = length < 0 ? errno : ENAMETOOLONG;
        return NULL;
    }
    text[length] = '\0';
    char *dir = text[0] == '/' ? mopt__strdup("") : mopt__path_dirname(link);
    char *next = dir ? mopt__path_join(dir, text) : NULL;
    mopt__free(dir);
    if (!next) {
        errno = ENOMEM;
    }
    return next;
}

// Follows links in the last part of path, also to a file that does not exist yet. Returns a heap
// string and fills info (st_mode 0: nothing there), or NULL with errno set.
static char *resolve_links(const char *path, struct stat *info)
{
    char *now = mopt__strdup(path);
    if (!now) {
        errno = ENOMEM;
        return NULL;
    }
    for (int links = 0; links < LINKS_LARGEST; links++) {
        memset(info, 0, sizeof *info);
        bool there = lstat(now, info) == 0;
        if (!there && errno == ENOENT) {
            return now;
        }
        if (there && !S_ISLNK(info->st_mode)) {
            return now;
        }
        char *next = there ? follow_link(now) : NULL;
        int code = errno;
        mopt__free(now);
        if (!next) {
            errno = code;
            return NULL;
        }
        now = next;
    }
    mopt__free(now);
    errno = ELOOP;
    return NULL;
}

// The new file gets owner and mode of the one that it replaces, as far as the system allows.
static void copy_rights(int fd, const struct stat *old)
{
    struct stat now;
    if (fstat(fd, &now) == 0 && (now.st_uid != old->st_uid || now.st_gid != old->st_gid) &&
        fchown(fd, old->st_uid, old->st_gid) != 0 && fchown(fd, (uid_t)-1, old->st_gid) != 0) {
        // Neither is ours to give: the file stays with the user who runs the program.
    }
    if (fchmod(fd, old->st_mode & 0777) != 0) {
        // A file system without modes.
    }
}

static enum mopt_status open_folder(struct mopt_output *output, const char *resolved,
                                    struct mopt_error *err)
{
    char *dir = mopt__path_dirname(resolved);
    output->target = mopt__strdup(mopt__path_basename(resolved));
    struct mopt_temporary *temporary = mopt__malloc(sizeof *temporary);
    if (!dir || !output->target || !temporary) {
        mopt__free(dir);
        mopt__free(temporary);
        return mopt_error_memory(err);
    }
    const char *folder = *dir ? dir : ".";
    temporary->filed = false;
    temporary->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (temporary->folder < 0 && errno == EACCES) { // a folder that may be written but not listed
        temporary->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    int code = errno;
    mopt__free(dir);
    if (temporary->folder < 0) {
        mopt__free(temporary);
        return create_failed(output->path, code, err);
    }
    output->temporary = temporary;
    return MOPT_OK;
}

static enum mopt_status open_replacement(struct mopt_output *output, struct mopt_error *err)
{
    struct stat old;
    if (!output->force && lstat(output->path, &old) == 0) {
        return mopt_error_set(err, MOPT_E_CREATE, "output '%s' exists", output->path);
    }
    char *resolved = resolve_links(output->path, &old);
    if (!resolved) {
        return create_failed(output->path, errno, err);
    }
    enum mopt_status status = MOPT_OK;
    if (*mopt__path_basename(resolved) == '\0') {
        status = create_failed(output->path, *resolved ? EISDIR : ENOENT, err);
    } else {
        status = open_folder(output, resolved, err);
    }
    mopt__free(resolved);
    if (status != MOPT_OK) {
        return status;
    }
    bool replaces = old.st_mode != 0;
    int fd = mopt__temporary_create(output->temporary, output->target, replaces ? 0600 : 0666);
    if (fd < 0) {
        return create_failed(output->path, -fd, err);
    }
    output->fd = fd;
    if (replaces) {
        copy_rights(fd, &old);
    }
    return MOPT_OK;
}

// Chooses by what is there now: a stream is written directly, a regular file or nothing is
// replaced.
static enum mopt_status open_target(struct mopt_output *output, struct mopt_error *err)
{
    if (strcmp(output->path, "-") == 0) {
        output->fd = STDOUT_FILENO;
        return MOPT_OK;
    }
    struct stat info;
    output->owns_fd = true;
    if (stat(output->path, &info) != 0 || S_ISREG(info.st_mode)) {
        return open_replacement(output, err);
    }
    if (S_ISCHR(info.st_mode) || S_ISFIFO(info.st_mode)) {
        output->fd = open(output->path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return output->fd < 0 ? create_failed(output->path, errno, err) : MOPT_OK;
    }
    return mopt_error_set(err, MOPT_E_CREATE, "output '%s' is %s", output->path,
                          S_ISDIR(info.st_mode) ? "a folder" : "not a regular file");
}

enum mopt_status mopt__output_open(const char *path, bool force, struct mopt_output **out,
                                   struct mopt_error *err)
{
    *out = NULL;
    struct mopt_output *output = mopt__calloc(1, sizeof *output);
    if (!output) {
        mopt_error_memory(err);
        return MOPT_E_MEMORY;
    }
    output->fd = -1;
    output->force = force;
    output->path = mopt__strdup(path);
    output->buffer = mopt__malloc(BUFFER_BYTES);
    enum mopt_status status =
        output->path && output->buffer ? open_target(output, err) : mopt_error_memory(err);
    if (status != MOPT_OK) {
        free_output(output);
        return status;
    }
    *out = output;
    return MOPT_OK;
}

// Writes everything; 0 or an errno value.
static int write_all(int fd, const uint8_t *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t done = write(fd, data, bytes < WRITE_LARGEST ? bytes : WRITE_LARGEST);
        if (done > 0) {
            data += done;
            bytes -= (size_t)done;
        } else if (done == 0) {
            return EIO;               // would never end
        } else if (errno == EAGAIN) { // somebody made our stream non-blocking
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            poll(&wait, 1, -1);
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

// As write_all, and a pipe that nobody reads gives EPIPE without killing the program.
static int write_stream(int fd, const uint8_t *data, size_t bytes)
{
    sigset_t pipe_signal;
    sigset_t before;
    sigset_t pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    int code = write_all(fd, data, bytes);
    if (code == EPIPE && !sigismember(&pending, SIGPIPE)) {
        const struct timespec at_once = {0};
        while (sigtimedwait(&pipe_signal, NULL, &at_once) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

// Remembers the first failure.
static enum mopt_status fail(struct mopt_output *output, const char *what, int code,
                             struct mopt_error *err)
{
    mopt_error_set(&output->failure, MOPT_E_IO, "cannot %s '%s': %s", what, output->path,
                   mopt__errno_text(code));
    *err = output->failure;
    return err->status;
}

static enum mopt_status put(struct mopt_output *output, const void *data, size_t bytes,
                            struct mopt_error *err)
{
    int code = output->temporary ? write_all(output->fd, data, bytes)
                                 : write_stream(output->fd, data, bytes);
    return code == 0 ? MOPT_OK : fail(output, "write", code, err);
}

static enum mopt_status flush(struct mopt_output *output, struct mopt_error *err)
{
    size_t bytes = output->used;
    output->used = 0;
    return bytes > 0 ? put(output, output->buffer, bytes, err) : MOPT_OK;
}

enum mopt_status mopt__output_write(struct mopt_output *output, const void *data, size_t bytes,
                                    struct mopt_error *err)
{
    if (output->failure.status != MOPT_OK) {
        *err = output->failure;
        return err->status;
    }
    enum mopt_status status = MOPT_OK;
    if (bytes > BUFFER_BYTES - output->used) {
        status = flush(output, err);
    }
    if (status == MOPT_OK && bytes >= BUFFER_BYTES) {
        status = put(output, data, bytes, err);
    } else if (status == MOPT_OK && bytes > 0) {
        memcpy(output->buffer + output->used, data, bytes);
        output->used += bytes;
    }
    if (status == MOPT_OK) {
        output->position += bytes;
    }
    return status;
}

enum mopt_status mopt__output_pad(struct mopt_output *output, size_t align, struct mopt_error *err)
{
    static const uint8_t zeros[4096];
    assert(align > 0);
    uint64_t over = output->position % align;
    uint64_t missing = over == 0 ? 0 : align - over;
    enum mopt_status status = mopt__output_write(output, zeros, 0, err); // a failure so far
    while (status == MOPT_OK && missing > 0) {
        size_t bytes = missing < sizeof zeros ? (size_t)missing : sizeof zeros;
        status = mopt__output_write(output, zeros, bytes, err);
        missing -= bytes;
    }
    return status;
}

uint64_t mopt__output_position(const struct mopt_output *output)
{
    return output->position;
}

// fsync; what cannot be synchronised (pipes, O_PATH folders, some file systems) is left. 0 or an
// errno value.
static int synchronise(int fd)
{
    while (fsync(fd) != 0) {
        bool never = errno == EINVAL || errno == ENOTSUP || errno == EROFS || errno == EBADF;
        if (errno != EINTR) {
            return never ? 0 : errno;
        }
    }
    return 0;
}

// One attempt at publishing; 0 or an errno value. Without force nothing is replaced
// even if another program created the target since the output was opened.
static int try_publish(const struct mopt_output *output)
{
    int folder = output->temporary->folder;
    const char *name = output->temporary->name;
    if (!output->force) {
        if (renameat2(folder, name, folder, output->target, RENAME_NOREPLACE) == 0) {
            return 0;
        }
        if (errno != EINVAL && errno != ENOSYS) {
            return errno;
        }
        struct stat info; // the file system cannot: a look right before comes closest
        if (fstatat(folder, output->target, &info, AT_SYMLINK_NOFOLLOW) == 0) {
            return EEXIST;
        }
    }
    return renameat(folder, name, folder, output->target) == 0 ? 0 : errno;
}

// Gives the temporary the target's name; 0 or an errno value.
static int publish(const struct mopt_output *output)
{
    int code = EINTR;
    while (code == EINTR) { // file systems behind a network
        code = try_publish(output);
    }
    return code;
}

static enum mopt_status finish_stream(struct mopt_output *output, struct mopt_error *err)
{
    int code = synchronise(output->fd);
    if (code == 0 && output->owns_fd) {
        code = close(output->fd) == 0 || errno == EINTR ? 0 : errno;
        output->fd = -1;
    }
    return code == 0 ? MOPT_OK : fail(output, "write", code, err);
}

static enum mopt_status finish_replacement(struct mopt_output *output, struct mopt_error *err)
{
    enum mopt_status status = finish_stream(output, err);
    if (status != MOPT_OK) {
        return status;
    }
    int code = publish(output);
    if (code == EEXIST) {
        return mopt_error_set(err, MOPT_E_CREATE, "output '%s' exists", output->path);
    }
    if (code != 0) {
        return create_failed(output->path, code, err);
    }
    code = synchronise(output->temporary->folder);
    return code == 0 ? MOPT_OK : fail(output, "write the folder of", code, err);
}

enum mopt_status mopt__output_commit(struct mopt_output *output, struct mopt_error *err)
{
    enum mopt_status status = mopt__output_write(output, NULL, 0, err); // a failure so far
    if (status == MOPT_OK) {
        status = flush(output, err);
    }
    if (status == MOPT_OK) {
        status = output->temporary ? finish_replacement(output, err) : finish_stream(output, err);
    }
    if (status != MOPT_OK) {
        mopt__output_abort(output);
        return status;
    }
    free_output(output);
    return MOPT_OK;
}

enum mopt_status mopt__file_write(const char *path, const void *data, size_t bytes, bool force,
                                  struct mopt_error *err)
{
    struct mopt_output *output;
    enum mopt_status status = mopt__output_open(path, force, &output, err);
    if (status == MOPT_OK) {
        status = mopt__output_write(output, data, bytes, err);
        if (status != MOPT_OK) {
            mopt__output_abort(output);
            return status;
        }
        status = mopt__output_commit(output, err);
    }
    return status;
}
