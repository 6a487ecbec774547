// SPDX-License-Identifier: Apache-2.0
// See fuzz.h.
#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__clang__)
// Requests that are too large fail as they do without the sanitizer.
const char *__asan_default_options(void); // NOLINT: name of the runtime
const char *__asan_default_options(void)  // NOLINT
{
    return "allocator_may_return_null=1:max_allocation_size_mb=1024:detect_leaks=1";
}
#endif

const char *fuzz_file(const uint8_t *data, size_t size)
{
    static int fd = -1;
    static char path[64];
    if (fd >= 0) {
        (void)close(fd); // readers of the last input are gone
    }
    fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) {
        exit(2);
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

_Noreturn void fuzz_fail(const char *what, const char *text)
{
    (void)fprintf(stderr, "fuzz: %s: '%s'\n", what, text);
    abort();
}
