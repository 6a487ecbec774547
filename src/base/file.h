// SPDX-License-Identifier: Apache-2.0
// Files: read-only mappings shared by reference count, opening beneath a folder, atomic
// replacement.
#ifndef MOPT_BASE_FILE_H
#define MOPT_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mopt/status.h"

// A file mapped read-only (for "-", read into memory). Immutable; data is never NULL, also when
// size is 0; freed with the last reference. Reference counts are atomic.
struct mopt_mapping {
    const uint8_t *data;
    size_t size;
    char *path;     // as given, for messages
    int references; // private
    bool heap;      // private: data is heap memory
};

// Maps a regular file, found through symbolic links too; "-" reads standard input to its end.
// limit: largest size accepted (0 = none). Errors: MOPT_E_MISSING (no such file), MOPT_E_IO,
// MOPT_E_FORMAT (not a regular file), MOPT_E_LIMIT.
enum mopt_status mopt__mapping_open(const char *path, size_t limit, struct mopt_mapping **out,
                                    struct mopt_error *err);
// As above for a relative path beneath folder dir ("" = current): for names that come out of a
// model. Symbolic links, "..", absolute paths and anything but a regular file are refused with
// MOPT_E_FORMAT (openat2 RESOLVE_BENEATH|NO_SYMLINKS, or a component walk with O_NOFOLLOW). dir
// itself may be reached through links.
enum mopt_status mopt__mapping_open_beneath(const char *dir, const char *relative,
                                            struct mopt_mapping **out, struct mopt_error *err);
// Takes heap memory (mopt__malloc, or NULL with size 0) as a mapping; on failure the memory is
// freed.
enum mopt_status mopt__mapping_take(void *data, size_t size, const char *name,
                                    struct mopt_mapping **out, struct mopt_error *err);
struct mopt_mapping *mopt__mapping_ref(struct mopt_mapping *mapping);
void mopt__mapping_unref(struct mopt_mapping *mapping);

// Atomic output: a temporary file in the target's folder, fsync, rename, fsync of the folder.
// Nothing appears under the final name before commit; the new file keeps the mode of the one it
// replaces. A symbolic link is followed: the file it points to is replaced, beside that file. What
// cannot be replaced is written directly, also without force: "-" (standard output), pipes,
// character devices. Bytes sent there cannot be taken back by abort.
struct mopt_output; // opaque
// force false: an existing target is MOPT_E_CREATE, also one that appears before commit. Folders,
// sockets and block devices are MOPT_E_CREATE always. At most 64 outputs are open at a time
// (MOPT_E_LIMIT).
enum mopt_status mopt__output_open(const char *path, bool force, struct mopt_output **out,
                                   struct mopt_error *err);
// Buffered; the first failure (MOPT_E_IO; a pipe that nobody reads too) is sticky and reported
// again by commit. data may be NULL when bytes is 0.
enum mopt_status mopt__output_write(struct mopt_output *output, const void *data, size_t bytes,
                                    struct mopt_error *err);
// Writes zero bytes up to a multiple of align (not 0).
enum mopt_status mopt__output_pad(struct mopt_output *output, size_t align, struct mopt_error *err);
// Bytes written and padded so far.
uint64_t mopt__output_position(const struct mopt_output *output);
// Publishes the file and frees output (also on failure: then the temporary is removed).
enum mopt_status mopt__output_commit(struct mopt_output *output, struct mopt_error *err);
// Removes the temporary and frees output; NULL is fine.
void mopt__output_abort(struct mopt_output *output);
// Removes the temporaries of all open outputs; async-signal-safe (called by the command line's
// signal handler). The outputs can only be aborted then.
void mopt__output_remove_all(void);

// Convenience: whole buffer, atomically.
enum mopt_status mopt__file_write(const char *path, const void *data, size_t bytes, bool force,
                                  struct mopt_error *err);

// Path helpers; results are heap strings or NULL when out of memory. Purely textual: a path is cut
// at its last slash.
char *mopt__path_dirname(const char *path); // "" when there is no folder part
char *mopt__path_join(const char *dir, const char *name);
const char *mopt__path_basename(const char *path); // points into path
bool mopt__path_exists(const char *path);
bool mopt__path_is_dir(const char *path);
// Names in a folder (without . and ..), sorted bytewise. Free with mopt__names_free.
enum mopt_status mopt__dir_list(const char *path, char ***names, size_t *count,
                                struct mopt_error *err);
void mopt__names_free(char **names, size_t count);

#endif
