// SPDX-License-Identifier: Apache-2.0
// Stands in for libFuzzer: calls a harness with the files given (folders: every file in them), and
// with seeded random changes of each. usage: replay [--changes N] [--max-bytes N] PATH...
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/strings.h"
#include "fuzz/fuzz.h"

enum { PATH_BYTES = 4096, BYTES_MAX = 1 << 20, EDITS_MAX = 4 };

struct plan {
    long long changes, max_bytes;
    uint8_t *bytes, *changed; // [BYTES_MAX]
    size_t files, inputs;
};

// One random edit; returns the new size.
static size_t edit(struct mopt_rng *rng, uint8_t *bytes, size_t size)
{
    static const uint8_t odd[] = {0, 1, 0x7f, 0x80, 0xff, '0', '9', '-', '(', '{', '"', ','};
    if (size == 0) {
        return 0;
    }
    size_t at = (size_t)mopt__rng_below(rng, size);
    size_t length = 1 + (size_t)mopt__rng_below(rng, 16);
    length = length < size - at ? length : size - at;
    switch (mopt__rng_below(rng, 5)) {
    case 0:
        bytes[at] ^= (uint8_t)(1U << mopt__rng_below(rng, 8));
        return size;
    case 1:
        bytes[at] = odd[mopt__rng_below(rng, sizeof odd)];
        return size;
    case 2: // cut a piece out
        memmove(bytes + at, bytes + at + length, size - at - length);
        return size - length;
    case 3: // a piece twice
        if (size + length > BYTES_MAX) {
            return size;
        }
        memmove(bytes + at + length, bytes + at, size - at);
        return size + length;
    default: // a piece from elsewhere
        memmove(bytes + at, bytes + mopt__rng_below(rng, size - length + 1), length);
        return size;
    }
}

static void replay(struct plan *plan, size_t size)
{
    struct mopt_rng rng;
    mopt__rng_init(&rng, size);
    (void)LLVMFuzzerTestOneInput(plan->bytes, size);
    plan->inputs++;
    for (long long i = 0; i < plan->changes; i++) {
        size_t changed = size;
        memcpy(plan->changed, plan->bytes, size);
        uint64_t edits = 1 + mopt__rng_below(&rng, EDITS_MAX);
        for (uint64_t k = 0; k < edits; k++) {
            changed = edit(&rng, plan->changed, changed);
        }
        (void)LLVMFuzzerTestOneInput(plan->changed, changed);
        plan->inputs++;
    }
}

static void replay_file(struct plan *plan, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        (void)fprintf(stderr, "cannot open '%s'\n", path);
        exit(2);
    }
    size_t size = fread(plan->bytes, 1, (size_t)plan->max_bytes, file);
    (void)fclose(file);
    plan->files++;
    replay(plan, size);
}

static void replay_path(struct plan *plan, const char *path)
{
    char name[PATH_BYTES];
    DIR *dir = opendir(path);
    if (dir == NULL) {
        replay_file(plan, path);
        return;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            (void)snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
            replay_path(plan, name);
        }
    }
    (void)closedir(dir);
}

int main(int argc, char **argv)
{
    struct plan plan = {.max_bytes = BYTES_MAX};
    plan.bytes = malloc(BYTES_MAX);
    plan.changed = malloc(BYTES_MAX);
    if (plan.bytes == NULL || plan.changed == NULL) {
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        long long *number = strcmp(argv[i], "--changes") == 0     ? &plan.changes
                            : strcmp(argv[i], "--max-bytes") == 0 ? &plan.max_bytes
                                                                  : NULL;
        if (number == NULL) {
            replay_path(&plan, argv[i]);
        } else if (i + 1 >= argc || !mopt__parse_i64(argv[++i], number) || *number < 0 ||
                   plan.max_bytes > BYTES_MAX) {
            (void)fprintf(stderr, "usage: replay [--changes N] [--max-bytes N] PATH...\n");
            return 2;
        }
    }
    free(plan.bytes);
    free(plan.changed);
    (void)printf("%zu files, %zu inputs\n", plan.files, plan.inputs);
    return plan.files == 0;
}
