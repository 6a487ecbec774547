// SPDX-License-Identifier: Apache-2.0
// Temporary files of open outputs: creating them under a fresh name, and the table by which a
// signal handler finds all of them. Knows nothing of what is written into them.
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/internal.h"

enum {
    SLOT_COUNT = 64,
    NAME_KEPT = 200, // bytes of the target's name in the temporary's (a name has 255 at most)
    NAME_ATTEMPTS = 100,
};

// A signal handler reads it: lock-free, of fixed size, never moved.
static _Atomic(struct mopt_temporary *) temporaries[SLOT_COUNT];

void mopt__output_remove_all(void)
{
    int saved = errno;
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        // Not freed: this may be a signal handler. The owner does not find it here any more and
        // lets it be.
        const struct mopt_temporary *temporary = atomic_exchange(&temporaries[i], NULL);
        if (temporary) {
            unlinkat(temporary->folder, temporary->name, 0);
        }
    }
    errno = saved;
}

static bool file_temporary(struct mopt_temporary *temporary)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        struct mopt_temporary *expected = NULL;
        if (atomic_compare_exchange_strong(&temporaries[i], &expected, temporary)) {
            return true;
        }
    }
    return false;
}

// False if mopt__output_remove_all was faster: then it may still be reading.
static bool unfile_temporary(struct mopt_temporary *temporary)
{
    for (size_t i = 0; i < SLOT_COUNT; i++) {
        struct mopt_temporary *expected = temporary;
        if (atomic_compare_exchange_strong(&temporaries[i], &expected, NULL)) {
            return true;
        }
    }
    return false;
}

void mopt__temporary_free(struct mopt_temporary *temporary)
{
    if (temporary && (!temporary->filed || unfile_temporary(temporary))) {
        close(temporary->folder);
        mopt__free(temporary);
    }
}

// ".NAME.mopt-xxxxxxxxxx" with random letters.
static void make_name(char out[256], const char *target)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint64_t bits;
    if (getrandom(&bits, sizeof bits, GRND_NONBLOCK) != (ssize_t)sizeof bits) {
        struct timespec now = {0};
        clock_gettime(CLOCK_MONOTONIC, &now);
        bits = (uint64_t)now.tv_nsec << 20 ^ (uint64_t)now.tv_sec << 32 ^ (uint64_t)getpid();
    }
    char random[11];
    for (size_t i = 0; i < sizeof random - 1; i++, bits >>= 5) {
        random[i] = letters[bits & 31];
    }
    random[sizeof random - 1] = '\0';
    size_t kept = strlen(target);
    if (kept > NAME_KEPT) {
        kept = NAME_KEPT;
        while (kept > 0 && ((unsigned char)target[kept] & 0xc0) == 0x80) {
            kept--; // not inside a character
        }
    }
    snprintf(out, 256, ".%.*s.mopt-%s", (int)kept, target, random);
}

int mopt__temporary_create(struct mopt_temporary *temporary, const char *target, mode_t mode)
{
    for (int attempt = 0; attempt < NAME_ATTEMPTS; attempt++) {
        make_name(temporary->name, target);
        // Filed before the file exists: a signal at any moment finds it.
        temporary->filed = file_temporary(temporary);
        if (!temporary->filed) {
            return -EMFILE;
        }
        int fd = openat(temporary->folder, temporary->name,
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (fd >= 0) {
            return fd;
        }
        int code = errno;
        temporary->filed = !unfile_temporary(temporary);
        if (temporary->filed) { // taken from us: it must not be changed again
            return -EINTR;
        }
        if (code != EEXIST && code != EINTR) {
            return -code;
        }
    }
    return -EEXIST;
}
