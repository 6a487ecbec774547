// SPDX-License-Identifier: Apache-2.0
// Path helpers and folder listing.
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/internal.h"
#include "base/size.h"

const char *mopt__path_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *mopt__path_dirname(const char *path)
{
    size_t bytes = (size_t)(mopt__path_basename(path) - path);
    while (bytes > 1 && path[bytes - 1] == '/') {
        bytes--;
    }
    return mopt__strndup(path, bytes);
}

char *mopt__path_join(const char *dir, const char *name)
{
    size_t dir_bytes = strlen(dir);
    size_t name_bytes = strlen(name);
    bool slash = dir_bytes > 0 && dir[dir_bytes - 1] != '/';
    size_t total;
    if (!mopt__size_add(dir_bytes, name_bytes, &total) || !mopt__size_add(total, 2, &total)) {
        return NULL;
    }
    char *path = mopt__malloc(total);
    if (path) {
        memcpy(path, dir, dir_bytes);
        if (slash) {
            path[dir_bytes++] = '/';
        }
        memcpy(path + dir_bytes, name, name_bytes + 1);
    }
    return path;
}

bool mopt__path_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool mopt__path_is_dir(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

void mopt__names_free(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        mopt__free(names[i]);
    }
    mopt__free(names);
}

struct names {
    char **items;
    size_t count, capacity;
};

static enum mopt_status add_name(struct names *names, const char *name, struct mopt_error *err)
{
    enum mopt_status status = mopt__grow((void **)&names->items, &names->capacity, names->count + 1,
                                         sizeof *names->items, err);
    if (status != MOPT_OK) {
        return status;
    }
    char *copy = mopt__strdup(name);
    if (!copy) {
        return mopt_error_memory(err);
    }
    names->items[names->count++] = copy;
    return MOPT_OK;
}

static enum mopt_status read_names(DIR *folder, const char *path, struct names *names,
                                   struct mopt_error *err)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(folder);
        if (!entry && errno != 0) {
            return mopt_error_set(err, MOPT_E_IO, "cannot list folder '%s': %s", path,
                                  mopt__errno_text(errno));
        }
        if (!entry) {
            return MOPT_OK;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        enum mopt_status status = add_name(names, entry->d_name, err);
        if (status != MOPT_OK) {
            return status;
        }
    }
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static enum mopt_status list_failed(const char *path, int code, struct mopt_error *err)
{
    switch (code) {
    case ENOENT:
        return mopt_error_set(err, MOPT_E_MISSING, "no such folder '%s'", path);
    case ENOTDIR:
        return mopt_error_set(err, MOPT_E_FORMAT, "'%s' is not a folder", path);
    case ENOMEM:
        return mopt_error_memory(err);
    default:
        return mopt_error_set(err, MOPT_E_IO, "cannot list folder '%s': %s", path,
                              mopt__errno_text(code));
    }
}

enum mopt_status mopt__dir_list(const char *path, char ***names, size_t *count,
                                struct mopt_error *err)
{
    *names = NULL;
    *count = 0;
    DIR *folder = opendir(*path ? path : ".");
    if (!folder) {
        return list_failed(path, errno, err);
    }
    struct names found = {0};
    enum mopt_status status = read_names(folder, path, &found, err);
    closedir(folder);
    if (status != MOPT_OK) {
        mopt__names_free(found.items, found.count);
        return status;
    }
    if (found.count > 1) {
        qsort(found.items, found.count, sizeof *found.items, compare_names);
    }
    *names = found.items;
    *count = found.count;
    return MOPT_OK;
}
