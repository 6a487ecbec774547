// SPDX-License-Identifier: Apache-2.0
// Read-only file contents shared by reference count. A file that another program shortens while it
// is mapped makes reads fault (SIGBUS): that is the price of not copying models.
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/internal.h"
#include "base/size.h"

static const uint8_t nothing[1]; // data of empty mappings

enum { READ_FIRST = 1 << 16 };

// Wraps data; takes ownership of path. On failure path and heap data are freed.
static enum mopt_status make_mapping(const uint8_t *data, size_t size, bool heap, char *path,
                                     struct mopt_mapping **out, struct mopt_error *err)
{
    struct mopt_mapping *mapping = path ? mopt__malloc(sizeof *mapping) : NULL;
    if (!mapping) {
        mopt__free(path);
        if (heap) {
            mopt__free((void *)(uintptr_t)data);
        } else if (size > 0) {
            munmap((void *)(uintptr_t)data, size);
        }
        return mopt_error_memory(err);
    }
    *mapping = (struct mopt_mapping){
        .data = data, .size = size, .path = path, .references = 1, .heap = heap};
    *out = mapping;
    return MOPT_OK;
}

enum mopt_status mopt__mapping_take(void *data, size_t size, const char *name,
                                    struct mopt_mapping **out, struct mopt_error *err)
{
    *out = NULL;
    return make_mapping(data ? data : nothing, data ? size : 0, data != NULL, mopt__strdup(name),
                        out, err);
}

struct mopt_mapping *mopt__mapping_ref(struct mopt_mapping *mapping)
{
    __atomic_add_fetch(&mapping->references, 1, __ATOMIC_RELAXED);
    return mapping;
}

void mopt__mapping_unref(struct mopt_mapping *mapping)
{
    if (!mapping || __atomic_sub_fetch(&mapping->references, 1, __ATOMIC_ACQ_REL) > 0) {
        return;
    }
    if (mapping->heap) {
        mopt__free((void *)(uintptr_t)mapping->data);
    } else if (mapping->size > 0) {
        munmap((void *)(uintptr_t)mapping->data, mapping->size);
    }
    mopt__free(mapping->path);
    mopt__free(mapping);
}

static enum mopt_status too_large(const char *path, size_t limit, struct mopt_error *err)
{
    return mopt_error_set(err, MOPT_E_LIMIT, "'%s' is larger than the limit of %zu bytes", path,
                          limit);
}

// A growing heap buffer for input of unknown length.
struct input {
    uint8_t *data;
    size_t size, capacity;
};

// Reads fd to its end. limit 0 = none. On failure input holds what is to be freed.
static enum mopt_status read_all(int fd, const char *path, size_t limit, struct input *input,
                                 struct mopt_error *err)
{
    for (;;) {
        size_t need = input->size < READ_FIRST ? READ_FIRST : input->size + 1;
        enum mopt_status status = mopt__grow((void **)&input->data, &input->capacity, need, 1, err);
        if (status != MOPT_OK) {
            return status;
        }
        ssize_t got = read(fd, input->data + input->size, input->capacity - input->size);
        if (got == 0) {
            return MOPT_OK;
        }
        if (got > 0) {
            input->size += (size_t)got;
        } else if (errno != EINTR) {
            return mopt_error_set(err, MOPT_E_IO, "cannot read '%s': %s", path,
                                  mopt__errno_text(errno));
        }
        if (limit != 0 && input->size > limit) {
            return too_large(path, limit, err);
        }
    }
}

// Reads into memory and makes a mapping; takes ownership of path (NULL: out of memory).
static enum mopt_status take_stream(int fd, char *path, size_t limit, struct mopt_mapping **out,
                                    struct mopt_error *err)
{
    struct input input = {0};
    enum mopt_status status =
        path ? read_all(fd, path, limit, &input, err) : mopt_error_memory(err);
    if (status != MOPT_OK) {
        mopt__free(input.data);
        mopt__free(path);
        return status;
    }
    return make_mapping(input.data, input.size, true, path, out, err);
}

static enum mopt_status open_failed(const char *path, int code, struct mopt_error *err)
{
    switch (code) {
    case ENOENT:
    case ENOTDIR:
        return mopt_error_set(err, MOPT_E_MISSING, "no such file '%s'", path);
    case ENXIO: // a socket, or a device without driver
        return mopt_error_set(err, MOPT_E_FORMAT, "'%s' is not a regular file", path);
    case ENOMEM:
        return mopt_error_memory(err);
    case EMFILE:
    case ENFILE:
        return mopt_error_set(err, MOPT_E_LIMIT, "cannot open '%s': %s", path,
                              mopt__errno_text(code));
    default:
        return mopt_error_set(err, MOPT_E_IO, "cannot open '%s': %s", path, mopt__errno_text(code));
    }
}

// Size of the regular file behind fd, checked against limit.
static enum mopt_status check_file(int fd, const char *path, size_t limit, size_t *size,
                                   struct mopt_error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return mopt_error_set(err, MOPT_E_IO, "cannot inspect '%s': %s", path,
                              mopt__errno_text(errno));
    }
    if (!S_ISREG(info.st_mode)) {
        return mopt_error_set(err, MOPT_E_FORMAT, "'%s' is %s", path,
                              S_ISDIR(info.st_mode) ? "a folder, not a file"
                                                    : "not a regular file");
    }
    if (limit != 0 && (uint64_t)info.st_size > limit) {
        return too_large(path, limit, err);
    }
    if ((uint64_t)info.st_size > PTRDIFF_MAX) {
        return too_large(path, PTRDIFF_MAX, err);
    }
    *size = (size_t)info.st_size;
    return MOPT_OK;
}

// Maps the open file; takes ownership of path.
static enum mopt_status map_file(int fd, char *path, size_t limit, struct mopt_mapping **out,
                                 struct mopt_error *err)
{
    size_t size = 0;
    enum mopt_status status =
        path ? check_file(fd, path, limit, &size, err) : mopt_error_memory(err);
    if (status != MOPT_OK) {
        mopt__free(path);
        return status;
    }
    if (size == 0) {
        return make_mapping(nothing, 0, false, path, out, err);
    }
    void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data != MAP_FAILED) {
        return make_mapping(data, size, false, path, out, err);
    }
    if (errno == ENODEV) { // a file system without mappings
        return take_stream(fd, path, limit, out, err);
    }
    status = errno == ENOMEM ? mopt_error_memory(err)
                             : mopt_error_set(err, MOPT_E_IO, "cannot map '%s': %s", path,
                                              mopt__errno_text(errno));
    mopt__free(path);
    return status;
}

enum mopt_status mopt__mapping_open(const char *path, size_t limit, struct mopt_mapping **out,
                                    struct mopt_error *err)
{
    *out = NULL;
    if (strcmp(path, "-") == 0) {
        return take_stream(STDIN_FILENO, mopt__strdup(path), limit, out, err);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return open_failed(path, errno, err);
    }
    enum mopt_status status = map_file(fd, mopt__strdup(path), limit, out, err);
    close(fd);
    return status;
}

// Refuses by the letters of the path alone; returns the reason or NULL.
static const char *bad_relative(const char *relative)
{
    if (*relative == '\0') {
        return "is empty";
    }
    if (*relative == '/') {
        return "is absolute";
    }
    for (const char *part = relative;; part++) {
        size_t bytes = strcspn(part, "/");
        if (bytes == 2 && memcmp(part, "..", 2) == 0) {
            return "has '..' in it";
        }
        part += bytes;
        if (*part == '\0') {
            return NULL;
        }
    }
}

// Descriptor or negated errno value.
static int open_beneath(const char *dir, const char *relative)
{
    int folder = open(*dir ? dir : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        return -errno;
    }
    int fd = mopt__open_beneath_kernel(folder, relative);
    if (fd == -ENOSYS || fd == -EPERM || fd == -EAGAIN) {
        fd = mopt__open_beneath_walk(folder, relative);
    }
    close(folder);
    return fd;
}

enum mopt_status mopt__mapping_open_beneath(const char *dir, const char *relative,
                                            struct mopt_mapping **out, struct mopt_error *err)
{
    *out = NULL;
    const char *reason = bad_relative(relative);
    if (reason) {
        return mopt_error_set(err, MOPT_E_FORMAT,
                              "path '%s' %s: it must stay in the model's folder", relative, reason);
    }
    char *path = mopt__path_join(dir, relative);
    if (!path) {
        return mopt_error_memory(err);
    }
    int fd = open_beneath(dir, relative);
    if (fd >= 0) {
        enum mopt_status status = map_file(fd, path, 0, out, err);
        close(fd);
        return status;
    }
    enum mopt_status status;
    if (fd == -ELOOP || fd == -EXDEV) {
        status = mopt_error_set(
            err, MOPT_E_FORMAT,
            "path '%s' has a symbolic link in it: it must stay in the model's folder", relative);
    } else {
        status = open_failed(path, -fd, err);
    }
    mopt__free(path);
    return status;
}
