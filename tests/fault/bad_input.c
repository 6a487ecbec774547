// SPDX-License-Identifier: Apache-2.0
// Damaged models: every file given is cut off at every 64th byte and gets 1,000 single-bit flips
// (fixed seed). Each variant has to be usable or to give one error, in time; exercise.h says what
// is done with it. A crash names the variant, which --cut or --bit makes again.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/base.h"
#include "support/exercise.h"

static const char usage[] =
    "usage: bad_input [--cuts MAX] [--flips N] [--cut SIZE] [--bit N] FILE...\n"
    "  --cuts MAX  at most MAX truncations per file\n"
    "  --cut SIZE  only the first SIZE bytes\n"
    "  --bit N     only with bit N inverted\n";

enum { EVERY = 64, SLOW_NS = 1000000000 };

struct plan {
    size_t cuts, flips;
    long long only_cut, only_bit; // -1: all
};

struct totals {
    struct exercise exercise;
    size_t variants, failures;
    uint64_t slowest_ns;
};

// ---- Telling where a crash happened -------------------------------------------------------------

static char where[1024];

static void say_where(void)
{
    static const char text[] = "\nbad_input: died at ";
    ssize_t done = write(STDERR_FILENO, text, sizeof text - 1);
    done = write(STDERR_FILENO, where, strlen(where));
    done = write(STDERR_FILENO, "\n", 1);
    (void)done;
}

#if defined(__SANITIZE_ADDRESS__)
// Names of the sanitizer runtime.
void __sanitizer_set_death_callback(void (*callback)(void)); // NOLINT
const char *__asan_default_options(void);                    // NOLINT
const char *__asan_default_options(void)                     // NOLINT
{
    return "allocator_may_return_null=1:max_allocation_size_mb=2048:detect_leaks=1";
}

static void watch_crashes(void)
{
    __sanitizer_set_death_callback(say_where);
}
#else
static void on_crash(int number)
{
    say_where();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void watch_crashes(void)
{
    static char stack[64 * 1024];
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTERM};
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    (void)sigaltstack(&alternate, NULL);
    for (size_t i = 0; i < MOPT_COUNTOF(fatal); i++) {
        struct sigaction action = {.sa_handler = on_crash,
                                   .sa_flags = SA_ONSTACK | (int)SA_RESETHAND | SA_NODEFER};
        (void)sigaction(fatal[i], &action, NULL);
    }
    struct rlimit limit = {.rlim_cur = (rlim_t)4 << 30, .rlim_max = (rlim_t)4 << 30};
    (void)setrlimit(RLIMIT_AS, &limit); // what asks for more gets an error
}
#endif

// ---- Variants -----------------------------------------------------------------------------------

static void try_variant(const uint8_t *bytes, size_t size, struct totals *totals)
{
    struct exercise *exercise = &totals->exercise;
    uint64_t start = mopt__clock_ns();
    exercise_bytes(exercise, bytes, size);
    uint64_t elapsed = mopt__clock_ns() - start;
    totals->variants++;
    totals->slowest_ns = elapsed > totals->slowest_ns ? elapsed : totals->slowest_ns;
    if (exercise->failure == NULL && elapsed < (uint64_t)20 * SLOW_NS) {
        return;
    }
    totals->failures++;
    if (exercise->failure != NULL) {
        (void)fprintf(stderr, "%s: %s: status %d, text '%s'\n", where, exercise->failure,
                      (int)exercise->error.status, exercise->error.text);
    } else {
        (void)fprintf(stderr, "%s: took %.1f s\n", where, (double)elapsed * 1e-9);
    }
    exercise->failure = NULL;
}

static void try_cut(const char *path, const uint8_t *bytes, size_t size, struct totals *totals)
{
    (void)snprintf(where, sizeof where, "--cut %zu %s", size, path);
    try_variant(bytes, size, totals);
}

static void try_flip(const char *path, uint8_t *bytes, size_t size, uint64_t bit,
                     struct totals *totals)
{
    (void)snprintf(where, sizeof where, "--bit %llu %s", (unsigned long long)bit, path);
    bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    try_variant(bytes, size, totals);
    bytes[bit / 8] ^= (uint8_t)(1U << (bit % 8));
}

static void damage(const char *path, uint8_t *bytes, size_t size, const struct plan *plan,
                   struct totals *totals)
{
    if (plan->only_cut >= 0 || plan->only_bit >= 0) {
        if (plan->only_cut >= 0 && (size_t)plan->only_cut <= size) {
            try_cut(path, bytes, (size_t)plan->only_cut, totals);
        }
        if (plan->only_bit >= 0 && (size_t)plan->only_bit / 8 < size) {
            try_flip(path, bytes, size, (uint64_t)plan->only_bit, totals);
        }
        return;
    }
    size_t step = size / EVERY > plan->cuts ? size / (plan->cuts > 0 ? plan->cuts : 1) : EVERY;
    for (size_t end = 0; end < size; end += step) {
        try_cut(path, bytes, end, totals);
    }
    struct mopt_rng rng;
    mopt__rng_init(&rng, size);
    for (size_t i = 0; i < plan->flips && size > 0; i++) {
        try_flip(path, bytes, size, mopt__rng_below(&rng, (uint64_t)size * 8), totals);
    }
}

static int damage_file(const char *path, const struct plan *plan, struct totals *totals)
{
    struct mopt_error err;
    struct mopt_mapping *mapping = NULL;
    mopt_error_clear(&err);
    if (mopt__mapping_open(path, 0, &mapping, &err) != MOPT_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    uint8_t *bytes = mopt__malloc(mapping->size + 1);
    if (bytes != NULL) {
        memcpy(bytes, mapping->data, mapping->size);
        damage(path, bytes, mapping->size, plan, totals);
    }
    mopt__free(bytes);
    mopt__mapping_unref(mapping);
    return bytes == NULL;
}

// ---- Arguments ----------------------------------------------------------------------------------

static bool take_option(const char *name, const char *value, struct plan *plan)
{
    long long number;
    if (value == NULL || !mopt__parse_i64(value, &number) || number < 0) {
        return false;
    }
    if (strcmp(name, "--cuts") == 0) {
        plan->cuts = (size_t)number;
    } else if (strcmp(name, "--flips") == 0) {
        plan->flips = (size_t)number;
    } else if (strcmp(name, "--cut") == 0) {
        plan->only_cut = number;
    } else if (strcmp(name, "--bit") == 0) {
        plan->only_bit = number;
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct plan plan = {.cuts = SIZE_MAX, .flips = 1000, .only_cut = -1, .only_bit = -1};
    struct totals totals = {.exercise = {.run_ns = SLOW_NS, .max_steps = 2000}};
    int unread = 0, files = 0;
    watch_crashes();
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--", 2) != 0) {
            unread += damage_file(argv[i], &plan, &totals);
            files++;
        } else if (!take_option(argv[i], argv[i + 1], &plan)) {
            (void)fputs(usage, stderr);
            return 2;
        } else {
            i++;
        }
    }
    (void)printf("%d files, %zu variants: %zu loaded, %zu runs, %zu optimized, %zu failures; "
                 "slowest %.2f s\n",
                 files, totals.variants, totals.exercise.loaded, totals.exercise.ran,
                 totals.exercise.optimized, totals.failures, (double)totals.slowest_ns * 1e-9);
    return unread > 0 || totals.failures > 0 || files == 0;
}
