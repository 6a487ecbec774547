// SPDX-License-Identifier: Apache-2.0
// Helpers shared by the files of base and its tests only. No other room includes this header.
#ifndef MOPT_BASE_INTERNAL_H
#define MOPT_BASE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Decodes the UTF-8 sequence at the start of text (at most `bytes` long); returns its length 1..4
// and stores the code point, or 0 when it is malformed: overlong forms, surrogates, values above
// 0x10FFFF, cut sequences (RFC 3629). bytes must not be 0.
size_t mopt__utf8_decode(const char *text, size_t bytes, uint32_t *code);

// Copies text into out as one line of valid UTF-8 that is safe to print on a terminal: control
// characters, line separators and direction marks become \n, \t, \r, \xNN or \uNNNN, malformed
// bytes \xNN. What does not fit into capacity (at least 4) is cut at a character and marked with
// "...". Returns the length; out ends with NUL. Cleaning a clean text changes nothing.
size_t mopt__text_clean(char *out, size_t capacity, const char *text, size_t bytes);

// Text of an errno value in the "C" locale; never NULL, thread safe.
const char *mopt__errno_text(int code);

// Opens `relative` below the open folder `dir` for reading, following no symbolic link. Return the
// descriptor or a negated errno value; -ELOOP means a symbolic link. The first asks the kernel
// (-ENOSYS or -EPERM where it cannot), the second walks one component after the other. Both expect
// a path without leading '/' and "..".
int mopt__open_beneath_kernel(int dir, const char *relative);
int mopt__open_beneath_walk(int dir, const char *relative);

// Reads at most capacity-1 bytes of a small (proc or sys) file into buf, adds NUL; false if it
// cannot be read.
bool mopt__read_small(const char *path, char *buf, size_t capacity);

// Processors granted by cgroup quotas (v1 and v2, the strictest of the process's groups and their
// parents, rounded up), 0 = no quota. list: the file that names the groups (/proc/self/cgroup);
// mount: where the hierarchies are mounted (/sys/fs/cgroup).
int mopt__cgroup_cpus(const char *list, const char *mount);

// A file to remove when the program dies; heap memory. Owned by its output, shown to signal
// handlers while filed.
struct mopt_temporary {
    int folder; // descriptor, closed by free
    bool filed; // shown, and not taken back since
    char name[256];
};
// Creates an empty file ".TARGET.mopt-xxxxxxxxxx" in the folder, with mode less umask, and files it
// for mopt__output_remove_all. Descriptor or negated errno value: -EMFILE when 64 are filed, -EINTR
// when mopt__output_remove_all ran meanwhile.
int mopt__temporary_create(struct mopt_temporary *temporary, const char *target, mode_t mode);
// Forgets the file (it stays on disk); NULL is fine.
void mopt__temporary_free(struct mopt_temporary *temporary);

#endif
